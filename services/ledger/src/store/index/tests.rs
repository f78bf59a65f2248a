//! The index against a walk over the best branch, over random histories with forks.

use super::super::pruning::{Twins, random_history};
use super::super::{History, Snapshot, Store};
use super::{ENTERED, META, Place};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256};
use chain::ChainView;
use redb::{Database, ReadableTableMetadata};
use std::collections::BTreeMap;

/// What a walk over the best branch finds.
#[derive(Default)]
struct Walked {
    transactions: BTreeMap<B256, Place>,
    nonces: BTreeMap<(Address, u64), Place>,
    appearances: BTreeMap<Address, Vec<Place>>,
    creations: BTreeMap<Address, Place>,
}

impl Walked {
    fn over(snapshot: &Snapshot) -> Self {
        let mut walked = Self::default();
        for height in 0..=snapshot.head_header().unwrap().number {
            let hash = snapshot.canonical_hash(height).unwrap();
            let block = snapshot.block(hash).unwrap();
            let (senders, all) = (snapshot.senders(hash).unwrap(), snapshot.taking_part(hash));
            for (at, taking_part) in all.unwrap().iter().enumerate() {
                let place = (height, u32::try_from(at).unwrap());
                let sent = &block.transactions[at];
                walked.transactions.insert(*sent.tx_hash(), place);
                walked.nonces.insert((senders[at], sent.nonce()), place);
                for one in taking_part {
                    walked.appearances.entry(one.address).or_default().push(place);
                    if one.created {
                        walked.creations.insert(one.address, place);
                    }
                }
            }
        }
        walked
    }
}

/// A database whose index is all in the tables, as older formats had it.
pub(in crate::store) fn all_in_tables(store: Store) -> Database {
    let transaction = store.database.begin_write().unwrap();
    store.recent(&transaction).unwrap().enter(&transaction, usize::MAX).unwrap();
    transaction.open_table(META).unwrap().remove(ENTERED).unwrap();
    transaction.commit().unwrap();
    store.database
}

/// Returns how many transactions are in the tables, and how many in memory.
pub(in crate::store) fn check(twins: &Twins, when: &str) -> (usize, usize) {
    let snapshot = twins.store.snapshot().unwrap();
    let walked = Walked::over(&snapshot);
    let count = walked.transactions.len() as u64;
    assert_eq!(snapshot.transactions_count().unwrap(), count, "{when}");
    for block in &twins.blocks {
        for sent in &block.transactions {
            let found = snapshot.index.transaction(*sent.tx_hash()).unwrap();
            assert_eq!(found, walked.transactions.get(sent.tx_hash()).copied(), "{when}");
        }
    }
    let head = snapshot.head_header().unwrap().number;
    for (address, places) in &walked.appearances {
        for heights in [0..=u64::MAX, 0..=head / 2, head / 2..=head, head..=head.saturating_sub(1)]
        {
            let expected: Vec<Place> =
                places.iter().copied().filter(|(height, _)| heights.contains(height)).collect();
            let found =
                |heights| snapshot.appearances(*address, heights).unwrap().map(Result::unwrap);
            assert_eq!(found(heights.clone()).collect::<Vec<_>>(), expected, "{when}");
            let mut back: Vec<_> = found(heights).rev().collect();
            back.reverse();
            assert_eq!(back, expected, "{when}");
        }
        let created = walked.creations.get(address).copied();
        assert_eq!(snapshot.creation(*address).unwrap(), created, "{when}");
    }
    for ((sender, nonce), place) in &walked.nonces {
        assert_eq!(snapshot.place_of_nonce(*sender, *nonce).unwrap(), Some(*place), "{when}");
        assert_eq!(snapshot.place_of_nonce(*sender, nonce + 1_000).unwrap(), None, "{when}");
    }
    let entered = usize::try_from(snapshot.index.transactions.len().unwrap()).unwrap();
    (entered, walked.transactions.len() - entered)
}

#[test]
fn what_is_found_is_what_the_best_branch_has_through_reorganisations_and_restarts() {
    // Deep reorganisations take rows out of the tables again.
    for (seed, together, lag) in [(40, 1, 8), (41, 2, 3), (42, 7, 20), (43, 1_000, 5)] {
        let twins = random_history(seed, (History::Last(2), together), (2, lag));
        let (entered, above) = check(&twins, "grown");
        assert!(above > 0 && (entered > 20) == (together < 1_000), "{entered} and {above}");
        assert_eq!(check(&twins.opened_again(), "opened again"), (entered, above));
    }
}

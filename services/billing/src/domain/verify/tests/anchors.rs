//! Batches of a journal on the real contracts.

use alloy_primitives::Bytes;
use calendar::Timestamp;

use super::ledger::Chain;
use super::*;

const CURRENCY: &str = "EUR";

fn hashes(count: u8) -> Vec<B256> {
    (0..count).map(B256::repeat_byte).collect()
}

/// Two batches of five and three entries, on chain, and the file that proves them.
fn anchored_journal() -> (Chain, AnchorsFile) {
    let begin = Timestamp::from_seconds(1_780_000_000);
    let mut chain = Chain::new(begin);
    let (owner, meter) = journal_subject(CURRENCY);
    let all = hashes(8);
    let batch = |number, first: usize, end: usize| JournalBatch {
        number,
        first: first as u64,
        count: (end - first) as u64,
        root: entries_tree(&all[first..end]).root(),
    };
    let batches = vec![batch(1, 0, 5), batch(2, 5, 8)];
    for (place, batch) in (1..).zip(&batches) {
        let days = (batch.number, batch.number);
        let call = chain.at.anchor_invoice(owner, meter, days, batch.hash());
        chain.mine(begin.plus_seconds(86_400 * place), [call]);
    }
    let file = chain.prove_anchors(CURRENCY, batches);
    (chain, file)
}

#[test]
fn an_entry_is_proved_without_the_others() {
    let (chain, file) = anchored_journal();
    let at = |days: u64| 1_780_000_000 + days * 86_400;
    assert_eq!(file.check(Some(&chain.trust())), Ok(vec![at(1), at(2)]));
    let all = hashes(8);
    for (batch, part) in file.batches.iter().zip([&all[..5], &all[5..]]) {
        let tree = entries_tree(part);
        for (index, hash) in part.iter().enumerate() {
            let (sequence, path) = (batch.first + index as u64, tree.path(index));
            assert!(batch.proves(sequence, *hash, &path));
            assert!(!batch.proves(sequence + 1, *hash, &path), "at another place");
            assert!(!batch.proves(sequence, B256::repeat_byte(0xee), &path), "another entry");
        }
    }
    // The first alone, and an account of another journal.
    let first = chain.prove_anchors(CURRENCY, file.batches[..1].to_vec());
    assert_eq!(first.check(Some(&chain.trust())), Ok(vec![at(1)]));
    let other = chain.prove_anchors("USD", file.batches.clone());
    assert!(other.check(Some(&chain.trust())).unwrap_err().contains("batches[0]"));
}

#[test]
fn a_file_that_says_anything_else_does_not_hold() {
    let (chain, file) = anchored_journal();
    let trust = chain.trust();
    let wrong = |change: fn(&mut AnchorsFile), part: &str| {
        let mut forged = file.clone();
        change(&mut forged);
        let found = forged.check(Some(&trust)).unwrap_err();
        assert!(found.starts_with(part), "{found}");
    };
    wrong(|file| file.format.push('0'), "format");
    wrong(|file| file.header = Bytes::new(), "header");
    wrong(|file| file.genesis.clear(), "genesis");
    wrong(|file| file.chain.chain_id += 1, "chain");
    wrong(|file| file.batches[0].count -= 1, "batches[1]");
    wrong(|file| file.batches[1].count += 1, "batches[1]");
    wrong(|file| file.batches[1].root = B256::ZERO, "batches[1]");
    wrong(|file| file.batches.swap(0, 1), "batches[0]");
    wrong(|file| file.batches[1].number = BATCH_NUMBER_MAX + 1, "batches[1]");
    wrong(|file| file.batches[1].number = 3, "batches: number 2");
    wrong(|file| file.batches[1].first = 4, "batches[1]");
    wrong(|file| file.batches.rotate_left(1), "batches[0]");
    wrong(|file| file.nodes.clear(), "batches[0]");
    wrong(|file| file.nodes.push(Bytes::from_static(&[0x80])), "nodes");
    let mut elsewhere = trust.clone();
    elsewhere.block.hash = B256::ZERO;
    assert!(file.check(Some(&elsewhere)).unwrap_err().starts_with("header"));
    assert!(file.check(None).is_ok(), "by its own word");
}

#[test]
fn a_journal_made_anew_is_not_put_over_what_was_anchored() {
    let (mut chain, file) = anchored_journal();
    let (owner, meter) = journal_subject(CURRENCY);
    // All eight entries are others today, in a batch of their own after the two.
    let anew: Vec<B256> = (100..108).map(B256::repeat_byte).collect();
    let root = entries_tree(&anew).root();
    let over = JournalBatch { number: 3, first: 0, count: 8, root };
    let call = chain.at.anchor_invoice(owner, meter, (3, 3), over.hash());
    chain.mine(Timestamp::from_seconds(1_780_000_000 + 9 * 86_400), [call]);
    let refused = |batches: Vec<JournalBatch>| {
        chain.prove_anchors(CURRENCY, batches).check(Some(&chain.trust())).unwrap_err()
    };
    assert_eq!(refused(vec![over]), "batches: number 1 is on chain, not here");
    let all = [file.batches.clone(), vec![over]].concat();
    assert_eq!(refused(all), "batches[2]: it does not follow the one before");
    let gap = vec![file.batches[0], over];
    assert_eq!(refused(gap), "batches[1]: it does not follow the one before");
    // What was anchored before is proved as it was.
    let before = chain.prove_anchors(CURRENCY, file.batches);
    assert_eq!(before.check(Some(&chain.trust())).map(|times| times.len()), Ok(2));
}

#[test]
fn a_batch_that_was_refused_is_proved_to_be_absent() {
    let begin = Timestamp::from_seconds(1_780_000_000);
    let mut chain = Chain::new(begin);
    let (owner, meter) = journal_subject(CURRENCY);
    let root = entries_tree(&hashes(8)).root();
    let batch = JournalBatch { number: 2, first: 0, count: 8, root };
    let call = chain.at.anchor_invoice(owner, meter, (2, 2), batch.hash());
    chain.mine(begin.plus_seconds(86_400), [call]);
    let file = chain.prove_anchors(CURRENCY, vec![batch]);
    assert_eq!(file.check(Some(&chain.trust())), Ok(vec![1_780_086_400]));
}

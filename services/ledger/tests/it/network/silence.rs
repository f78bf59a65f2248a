//! A producer that leaves a transaction out of all its blocks, and what ends that: another one. To
//! the chain a challenge or a withdrawal is a call like any other.

use super::{Place, follows, head, pooled, until};
use crate::harness::{Setup, genesis, key, sign, sign_with, word};
use alloy_primitives::{Address, B256};
use chain::{Block, Recovered};
use ledger::Ledger;
use ledger::peers::InProcess;

/// Blocks for which the first producer says nothing of it.
const WINDOW: u64 = 12;

/// A node that produces with this key, which the genesis names beside another.
fn producer(place: &Place, number: u8) -> Setup {
    let mut setup = place.setup(|config| {
        config.coinbase = key(number).address();
        config.miner_key = Some(key(number));
    });
    let miners = [1, 2].map(|number| key(number).address()).to_vec();
    setup.genesis = chain::GenesisSpec { miners, ..genesis() };
    setup
}

/// The block of the first producer on `parent` with nothing in it but its right to it.
fn silent(place: &Place, ledger: &Ledger, parent: B256) -> Block {
    place.hand.move_to(place.clock.now().plus_seconds(1));
    let (node, coinbase, now) = (ledger.node(), key(1).address(), place.clock.now().unsigned());
    let snapshot = node.snapshot().unwrap();
    let right = node.rules().right_to_mine(&snapshot, parent, coinbase).unwrap().unwrap();
    let right = Recovered::new_unchecked(sign_with(1, |_| right), coinbase);
    let candidate = node.propose_on(parent, vec![right], coinbase, now).unwrap();
    let block = node.seal(&candidate);
    node.import_block(block.clone(), now).unwrap();
    block
}

fn included(ledger: &Ledger, transaction: B256) -> bool {
    ledger.node().snapshot().unwrap().transaction_place(transaction).is_some()
}

#[actix_web::test]
async fn what_one_producer_leaves_out_is_in_the_first_block_of_another() {
    let place = Place::new(InProcess::default());
    let setups = [1, 2].map(|number| producer(&place, number));
    let (first, other) = (place.start(&setups[0]).await, place.start(&setups[1]).await);
    let call = sign(3, 0, Some(Address::repeat_byte(0xca)), word(1));
    let hash = *call.tx_hash();
    other.node().submit(call.clone()).unwrap();
    until(&first, "the transaction", |ledger| pooled(ledger, &hash)).await;
    for _ in 0..WINDOW {
        let block = silent(&place, &first, head(&first));
        follows(&other, block.hash()).await;
        // This is how it shows: it waits where all see it, and there was room.
        assert!(pooled(&other, &hash) && !included(&other, hash));
        assert!(block.header.gas_limit - block.header.gas_used > 200_000);
        assert!(block.header.base_fee_per_gas < 1_000_000_000);
    }
    let before = head(&other);
    let with_it = place.mine(&other).await;
    follows(&first, with_it).await;
    assert!([&first, &other].iter().all(|ledger| included(ledger, hash)));
    let next = silent(&place, &first, with_it);
    follows(&other, next.hash()).await;
    assert!(included(&other, hash), "and stays there while it goes on from there");

    // Who has more work takes it back, if nobody has signed that the block is final; then it waits
    // again for the other one's turn.
    let mut parent = before;
    for _ in 0..3 {
        parent = silent(&place, &first, parent).hash();
    }
    follows(&other, parent).await;
    assert!(pooled(&other, &hash) && !included(&other, hash));
    let again = place.mine(&other).await;
    follows(&first, again).await;
    assert!(included(&first, hash));
}

//! What a peer announces while an older head of it is fetched.

use super::coin;
use super::node::{Node, Sent};
use super::world::spec;
use std::collections::VecDeque;

/// Milliseconds between two blocks.
const BLOCK_TIME: u64 = 5_000;

/// A block of the miner: what it tells all others.
fn mined(miner: &mut Node, at: u64) -> Vec<Sent> {
    let before = miner.number();
    let sent = miner.mine(at, BLOCK_TIME);
    assert_eq!(miner.number(), before + 1);
    sent
}

#[test]
fn a_head_that_is_announced_while_another_is_fetched_is_fetched_next() {
    let spec = spec(0, 0, &[]);
    let [mut miner, mut other] = [1, 2].map(|number| Node::new(number, &spec, 0));
    miner.rate = 10_000;
    let (mut at, mut letters) = (BLOCK_TIME, VecDeque::new());
    for nonce in 0..3 {
        // A block without transactions needs no body.
        miner.submit(coin(10, nonce)).unwrap();
        // What it asks for stays on the way until all is announced.
        for (_, announced) in mined(&mut miner, at) {
            letters.extend(other.hear(at, miner.id, &announced));
        }
        at += BLOCK_TIME;
    }
    assert_eq!(other.number(), 0);
    while let Some((_, asked)) = letters.pop_front() {
        for (_, answer) in miner.hear(at, other.id, &asked) {
            letters.extend(other.hear(at, miner.id, &answer));
        }
    }
    assert_eq!(other.number(), 3, "{}", other.tale());
}

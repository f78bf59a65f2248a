//! The order of a block: who tips most comes first, each sender's by nonce.

use super::Pooled;
use super::sender::{Pending, Sender};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// See [`Pool::best`](super::Pool::best).
pub struct Best<'a> {
    base_fee: u64,
    /// The next of each sender.
    heap: BinaryHeap<Next<'a>>,
}

struct Next<'a> {
    tip: u128,
    pooled: &'a Pooled,
    /// The sender's after it.
    rest: Pending<'a>,
}

impl Next<'_> {
    fn rank(&self) -> (u128, Reverse<u64>) {
        (self.tip, Reverse(self.pooled.order))
    }
}

impl PartialEq for Next<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Next<'_> {}

impl PartialOrd for Next<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Next<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl<'a> Best<'a> {
    pub(super) fn new(base_fee: u64, senders: impl Iterator<Item = &'a Sender>) -> Self {
        let heap = senders.filter_map(|sender| next(base_fee, sender.pending())).collect();
        Self { base_fee, heap }
    }
}

fn next(base_fee: u64, mut rest: Pending<'_>) -> Option<Next<'_>> {
    let pooled = rest.next()?;
    let tip = pooled.fees.effective_tip(base_fee)?;
    Some(Next { tip, pooled, rest })
}

impl<'a> Iterator for Best<'a> {
    type Item = &'a Pooled;

    fn next(&mut self) -> Option<&'a Pooled> {
        let Next { pooled, rest, .. } = self.heap.pop()?;
        self.heap.extend(next(self.base_fee, rest));
        Some(pooled)
    }
}

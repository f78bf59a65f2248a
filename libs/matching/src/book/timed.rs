//! Which orders are good till when: the earliest first.
//!
//! Orders that left for another reason stay in the heap until they come up, or until they are more
//! than those that rest: it never holds many more than twice the resting ones.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Up to here the heap is not tidied.
const TIDY_MIN: usize = 64;

/// The clock as the messages tell it, and the orders whose time runs out.
#[derive(Debug, Clone, Default)]
pub(super) struct Timed {
    now: u64,
    heap: BinaryHeap<Reverse<(u64, u32)>>,
    resting: usize,
}

impl Timed {
    /// The latest moment that was told.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    pub(super) fn advance(&mut self, now: u64) {
        self.now = self.now.max(now);
    }

    /// An order comes to rest. Its moment is `None` where it rested before, and is known.
    pub(super) fn join(&mut self, order: u32, until: Option<u64>, rests: impl Fn(u32) -> bool) {
        self.resting += 1;
        let Some(until) = until else { return };
        if self.heap.len() > 2 * self.resting + TIDY_MIN {
            self.heap.retain(|Reverse((_, order))| rests(*order));
        }
        self.heap.push(Reverse((until, order)));
    }

    /// An order leaves.
    pub(super) fn leave(&mut self) {
        self.resting -= 1;
    }

    /// The next order whose time has run out; it may have left before.
    pub(super) fn due(&mut self) -> Option<u32> {
        let &Reverse((until, order)) = self.heap.peek()?;
        (until <= self.now).then(|| {
            self.heap.pop();
            order
        })
    }

    /// All orders that are known, with their moments; some have left.
    pub(super) fn all(&self) -> impl Iterator<Item = (u32, u64)> {
        self.heap.iter().map(|&Reverse((until, order))| (order, until))
    }
}

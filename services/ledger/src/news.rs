//! What is new, for those who wait for it: a head that moved, transactions that can be mined.
//!
//! Whoever listens is only woken. Blocks are then read from the feed, which is durable; hashes of
//! transactions from a ring, which forgets the oldest: a listener that is far behind misses some.

use crate::node::locked;
use alloy_primitives::B256;
use std::collections::VecDeque;
use std::sync::Mutex;
use tokio::sync::watch;

/// Hashes of transactions that are remembered.
const ARRIVALS_MAX: usize = 16_384;

/// What is new at a node.
pub(crate) struct News {
    wake: watch::Sender<()>,
    arrivals: Mutex<Arrivals>,
}

#[derive(Default)]
struct Arrivals {
    /// The newest last.
    hashes: VecDeque<B256>,
    /// How many came altogether.
    count: u64,
    /// Rises whenever the pool takes something in, also behind a gap.
    changes: u64,
}

impl Default for News {
    fn default() -> Self {
        Self { wake: watch::Sender::new(()), arrivals: Mutex::default() }
    }
}

impl News {
    /// Blocks were connected or disconnected.
    pub(crate) fn head_moved(&self) {
        self.wake.send_replace(());
    }

    /// Something else is new: what is final, who is there.
    pub(crate) fn changed(&self) {
        self.wake.send_replace(());
    }

    /// The pool took something in; `pending` can be mined now.
    pub(crate) fn arrived(&self, pending: impl IntoIterator<Item = B256>) {
        let mut arrivals = locked(&self.arrivals);
        arrivals.changes += 1;
        for hash in pending {
            if arrivals.hashes.len() >= ARRIVALS_MAX {
                arrivals.hashes.pop_front();
            }
            arrivals.hashes.push_back(hash);
            arrivals.count += 1;
        }
        drop(arrivals);
        self.wake.send_replace(());
    }

    /// How many transactions came so far: the place of a listener that starts now.
    pub(crate) fn arrivals(&self) -> u64 {
        locked(&self.arrivals).count
    }

    /// How often the pool took something in.
    pub(crate) fn pool_changes(&self) -> u64 {
        locked(&self.arrivals).changes
    }

    /// The transactions after a place, as far as they are remembered, at most `max`; and the place
    /// after them.
    pub(crate) fn arrivals_after(&self, told: u64, max: usize) -> (u64, Vec<B256>) {
        let arrivals = locked(&self.arrivals);
        let first = arrivals.count - arrivals.hashes.len() as u64;
        let skipped = usize::try_from(told.saturating_sub(first)).unwrap_or(usize::MAX);
        let hashes: Vec<B256> = arrivals.hashes.iter().skip(skipped).take(max).copied().collect();
        (told.max(first) + hashes.len() as u64, hashes)
    }

    /// Wakes at everything new from now on.
    pub(crate) fn listen(&self) -> watch::Receiver<()> {
        self.wake.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::U256;

    fn hash(number: usize) -> B256 {
        B256::from(U256::from(number))
    }

    #[test]
    fn arrivals_are_told_in_order_and_the_oldest_are_forgotten() {
        let news = News::default();
        news.arrived([hash(0), hash(1)]);
        news.arrived([]);
        assert_eq!(news.arrivals_after(0, 1), (1, vec![hash(0)]));
        assert_eq!(news.arrivals_after(1, 9), (2, vec![hash(1)]));
        assert_eq!(news.arrivals_after(2, 9), (2, vec![]));
        assert_eq!((news.arrivals(), news.pool_changes()), (2, 2));
        for number in 2..=ARRIVALS_MAX + 4 {
            news.arrived([hash(number)]);
        }
        let (told, first) = news.arrivals_after(2, 1);
        assert_eq!((told, first), (6, vec![hash(5)]));
        let (told, rest) = news.arrivals_after(told, usize::MAX);
        assert_eq!((told, rest.len()), (news.arrivals(), ARRIVALS_MAX - 1));
    }
}

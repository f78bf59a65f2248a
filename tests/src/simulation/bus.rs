//! What a consumer has still to acknowledge, offered at least once and not always in order.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

/// How far ahead of its turn an event may come.
const AHEAD_MAX: usize = 3;

/// How an event comes to be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    /// It is the oldest that was not acknowledged.
    Next,
    /// Others come before it.
    Ahead,
    /// It was acknowledged long ago.
    Replay,
}

/// One consumer's place in a list of published events.
#[derive(Default)]
pub(super) struct Subscription {
    published: usize,
    unacked: Vec<usize>,
}

impl Subscription {
    pub(super) fn publish(&mut self, count: usize) {
        self.unacked.extend(self.published..count);
        self.published = self.published.max(count);
    }

    pub(super) fn is_drained(&self) -> bool {
        self.unacked.is_empty()
    }

    /// The next event to offer, by its place.
    pub(super) fn offer(&self, random: &mut ChaCha8Rng) -> Option<(usize, Offer)> {
        if self.published > 0 && random.random_ratio(1, 12) {
            let place = random.random_range(0..self.published);
            if !self.unacked.contains(&place) {
                return Some((place, Offer::Replay));
            }
        }
        if self.unacked.len() > 1 && random.random_ratio(1, 10) {
            let ahead = random.random_range(1..self.unacked.len().min(AHEAD_MAX + 1));
            return Some((self.unacked[ahead], Offer::Ahead));
        }
        self.unacked.first().map(|place| (*place, Offer::Next))
    }

    pub(super) fn acknowledge(&mut self, place: usize) {
        self.unacked.retain(|waiting| *waiting != place);
    }
}

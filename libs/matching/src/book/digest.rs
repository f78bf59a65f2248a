//! A running hash of what happened, so that two runs can be compared.

use super::{Cause, Report};

/// A running hash of reports or other numbers. Equal for equal sequences on every machine; not made
/// to resist someone who looks for two that collide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Digest(u64);

impl Digest {
    /// The hash so far.
    pub fn value(self) -> u64 {
        self.0
    }

    /// Takes a number in. The mixing is the finisher of Steele, Lea and Flood, "Fast splittable
    /// pseudorandom number generators" (2014).
    pub fn word(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0 = mixed ^ (mixed >> 31);
    }

    /// Takes a report in.
    pub fn report(&mut self, report: &Report) {
        let ticks = |price: i32| u64::from(price.cast_unsigned());
        let words = match *report {
            Report::Accepted { order } => [1, u64::from(order), 0, 0],
            Report::Rejected { order, reason } => [2, u64::from(order), reason as u64, 0],
            Report::Trade { taker, maker, price, quantity } => {
                [3, u64::from(taker) << 32 | u64::from(maker), ticks(price), quantity]
            }
            Report::Netted { taker, maker, quantity } => {
                [4, u64::from(taker), u64::from(maker), quantity]
            }
            Report::Modified { order, price, quantity } => {
                [5, u64::from(order), ticks(price), quantity]
            }
            Report::Cancelled { order, quantity, cause } => {
                let cause = match cause {
                    Cause::Asked => 0,
                    Cause::Immediate => 1,
                    Cause::SelfTrade => 2,
                };
                [6, u64::from(order), cause, quantity]
            }
            Report::Expired { order, quantity } => [7, u64::from(order), 0, quantity],
            Report::Done { order } => [8, u64::from(order), 0, 0],
        };
        for word in words {
            self.word(word);
        }
    }
}

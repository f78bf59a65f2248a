//! What the relay offers per gas, and when it offers more: a function of counts and amounts.
//!
//! A sender's transactions that no block has are a line: by their nonces, none gets into a block
//! before those ahead of it.
//!
//! ```text
//! not signed yet                                       twice the base fee, and a small tip
//! cap below the base fee                               more, at once
//! refused for its fees, all ahead are with the node    more, at once
//! the first, with the node, out of six blocks          more
//! anything else                                        as it is: more would not help it
//! ```
//!
//! Invariants: more is at least what a pool wants of a replacement and at most
//! [`FEE_PER_GAS_MAX`]; the same line gets the same fees.
//! Deliberately absent: clocks, chance, the base fees of earlier blocks.

use chain::pool::REPLACEMENT_BUMP_PERCENT;

/// The most that is offered per gas, in wei.
pub const FEE_PER_GAS_MAX: u128 = 1_000_000_000_000;
/// Blocks that the first of a line may stay out of before it offers more.
pub const BLOCKS_WAITED_MAX: u64 = 6;
/// The tip per gas of a first attempt, in wei.
const TIP_FIRST: u128 = 1_000_000;
/// The cap of an attempt in base fees: full blocks raise it by an eighth each, six of them double
/// it.
const BASE_FEES: u128 = 2;
/// Percent that an attempt offers above the one before it.
const RAISE_PERCENT: u128 = 25;

/// What a transaction offers per gas, in wei.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fees {
    /// At most, with the base fee.
    pub cap: u128,
    /// To the miner, at most.
    pub tip: u128,
}

/// What the node said when it was sent a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is in the pool.
    Taken,
    /// It offers too little.
    Underpriced,
    /// It is not in the pool for another reason, or nobody answered.
    Refused,
}

/// A transaction of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Never signed.
    New,
    /// Signed and sent.
    Sent {
        /// What its last attempt offers.
        fees: Fees,
        /// What the node said to that.
        answer: Answer,
        /// Blocks since that was signed.
        blocks: u64,
    },
}

impl Answer {
    /// The answer in a node's refusal, in geth's words or those of nodes that are close to it.
    pub fn to(refusal: &str) -> Answer {
        let says = |words: &[&str]| words.iter().any(|words| refusal.contains(words));
        if says(&["already known", "already imported"]) {
            Answer::Taken
        } else if says(&["underpriced", "less than block base fee", "gas price below minimum"]) {
            Answer::Underpriced
        } else {
            Answer::Refused
        }
    }
}

/// What each transaction of a line, in the order of nonces, is signed with next; `None` leaves it
/// as it is.
///
/// `base_fee` is that of the next block. `paid` is what the transaction before the line offered
/// that got into a block lately, else nothing: it was enough a moment ago.
pub fn next_fees(base_fee: u128, paid: Fees, line: &[Waiting]) -> Vec<Option<Fees>> {
    let mut all = Vec::with_capacity(line.len());
    // Who was outbid shows those behind it how much it takes, so that not each has to find out.
    let (mut ahead, mut clear) = (paid, true);
    for (place, waiting) in line.iter().enumerate() {
        let next = match *waiting {
            Waiting::New => Some(enough(base_fee, TIP_FIRST)),
            Waiting::Sent { fees, answer, blocks } => {
                let is_outbid = match answer {
                    Answer::Taken => place == 0 && blocks >= BLOCKS_WAITED_MAX,
                    Answer::Underpriced => clear,
                    Answer::Refused => false,
                };
                let wants_more = is_outbid || fees.cap < base_fee;
                let more = wants_more.then(|| raised(fees, base_fee, ahead)).flatten();
                clear &= more.is_none() && answer == Answer::Taken;
                ahead = more.unwrap_or(fees);
                more
            }
        };
        all.push(next);
    }
    all
}

/// A tip with a cap that stands some full blocks.
fn enough(base_fee: u128, tip: u128) -> Fees {
    let cap = base_fee.saturating_mul(BASE_FEES).saturating_add(tip);
    Fees { cap: cap.min(FEE_PER_GAS_MAX), tip: tip.min(FEE_PER_GAS_MAX) }
}

/// More than `last`, and no less than `ahead`; `None` where the maximum leaves no replacement.
fn raised(last: Fees, base_fee: u128, ahead: Fees) -> Option<Fees> {
    let tip = above(last.tip, RAISE_PERCENT).max(ahead.tip);
    let enough = enough(base_fee, tip);
    let cap = above(last.cap, RAISE_PERCENT).max(ahead.cap).max(enough.cap);
    let next = Fees { cap: cap.min(FEE_PER_GAS_MAX), tip: enough.tip };
    let replaces = |old, new| new >= above(old, REPLACEMENT_BUMP_PERCENT);
    (replaces(last.cap, next.cap) && replaces(last.tip, next.tip)).then_some(next)
}

/// `fee` and so many percent, rounded up; more than `fee` in any case.
fn above(fee: u128, percent: u128) -> u128 {
    fee.saturating_add(fee.saturating_mul(percent).div_ceil(100).max(1))
}

#[cfg(test)]
mod tests {
    use super::Answer::{Refused, Taken, Underpriced};
    use super::*;

    const FAIR: Fees = Fees { cap: 1_002_000, tip: 1_000_000 };
    const MORE: Fees = Fees { cap: 1_252_500, tip: 1_250_000 };

    fn fees(cap: u128, tip: u128) -> Fees {
        Fees { cap, tip }
    }

    fn sent(fees: Fees, answer: Answer, blocks: u64) -> Waiting {
        Waiting::Sent { fees, answer, blocks }
    }

    /// What a line at a base fee of 1000 is signed with next.
    fn check(line: &[Waiting], expected: &[Option<Fees>]) {
        assert_eq!(next_fees(1_000, Fees::default(), line), expected, "{line:?}");
    }

    #[test]
    fn a_first_attempt_offers_twice_the_base_fee_and_a_small_tip() {
        check(&[Waiting::New, Waiting::New], &[Some(FAIR), Some(FAIR)]);
        let dear = next_fees(u128::MAX, Fees::default(), &[Waiting::New]);
        assert_eq!(dear, [Some(fees(FEE_PER_GAS_MAX, TIP_FIRST))]);
        let paid = fees(5_000_000, 4_000_000);
        assert_eq!(next_fees(1_000, paid, &[Waiting::New]), [Some(FAIR)], "each begins anew");
    }

    #[test]
    fn the_first_of_a_line_offers_more_when_it_has_been_out_of_enough_blocks() {
        check(&[sent(FAIR, Taken, BLOCKS_WAITED_MAX - 1)], &[None]);
        check(&[sent(FAIR, Taken, BLOCKS_WAITED_MAX)], &[Some(MORE)]);
        let line = [sent(FAIR, Taken, 99), sent(FAIR, Taken, 99), sent(FAIR, Taken, 99)];
        check(&line, &[Some(MORE), None, None]);
    }

    #[test]
    fn a_cap_below_the_base_fee_is_raised_at_once_wherever_in_the_line() {
        let (low, enough) = (fees(999, 10), fees(2_013, 13));
        check(&[sent(low, Taken, 0)], &[Some(enough)]);
        check(&[sent(low, Refused, 0)], &[Some(enough)]);
        check(&[sent(FAIR, Taken, 0), sent(low, Taken, 0)], &[None, Some(FAIR)]);
        check(&[sent(fees(1_000, 10), Taken, 0)], &[None]);
    }

    #[test]
    fn what_is_refused_for_its_fees_offers_more_once_those_ahead_are_with_the_node() {
        check(&[sent(FAIR, Underpriced, 0)], &[Some(MORE)]);
        check(&[sent(FAIR, Taken, 0), sent(FAIR, Underpriced, 0)], &[None, Some(MORE)]);
        let both = [sent(FAIR, Underpriced, 0), sent(FAIR, Underpriced, 0)];
        check(&both, &[Some(MORE), None]);
        check(&[sent(FAIR, Refused, 0), sent(FAIR, Underpriced, 0)], &[None, None]);
    }

    #[test]
    fn what_was_enough_for_one_is_what_those_behind_it_offer_next() {
        let high = fees(9_000_000, 8_000_000);
        check(&[sent(high, Taken, 0), sent(FAIR, Underpriced, 0)], &[None, Some(high)]);
        let line = [sent(FAIR, Taken, BLOCKS_WAITED_MAX)];
        assert_eq!(next_fees(1_000, high, &line), [Some(high)]);
        assert_eq!(next_fees(1_000, fees(1, 1), &line), [Some(MORE)]);
    }

    #[test]
    fn what_more_would_not_help_stays_as_it_is() {
        check(&[sent(FAIR, Refused, 99)], &[None]);
        check(&[], &[]);
    }

    #[test]
    fn every_attempt_replaces_the_one_before_it_up_to_the_maximum() {
        let mut last = next_fees(7, Fees::default(), &[Waiting::New])[0].unwrap();
        let mut attempts = 1;
        while let [Some(next)] = next_fees(7, Fees::default(), &[sent(last, Underpriced, 0)])[..] {
            for (old, new) in [(last.cap, next.cap), (last.tip, next.tip)] {
                assert!(new > old && new * 100 >= old * 110, "{last:?} {next:?}");
            }
            assert!(next.tip <= next.cap && next.cap <= FEE_PER_GAS_MAX, "{next:?}");
            (last, attempts) = (next, attempts + 1);
        }
        assert!(last.cap * 110 > FEE_PER_GAS_MAX * 100, "{last:?} could offer more");
        assert!(attempts < 70, "{attempts} attempts");
        check(&[sent(fees(FEE_PER_GAS_MAX, 0), Taken, 99)], &[None]);
        check(&[sent(fees(100, 0), Taken, 0)], &[Some(fees(2_001, 1))]);
    }

    #[test]
    fn a_refusal_is_understood_in_the_words_of_nodes() {
        for (words, expected) in [
            ("already known", Taken),
            ("transaction already imported", Taken),
            ("replacement transaction underpriced", Underpriced),
            ("transaction underpriced: max fee per gas 6, minimum needed 7", Underpriced),
            (
                "transaction underpriced: effective tip 1, the cheapest of a full pool 2",
                Underpriced,
            ),
            ("transaction gas price below minimum: gas tip cap 0, minimum needed 1", Underpriced),
            ("max fee per gas less than block base fee: address 0x, baseFee: 9", Underpriced),
            ("nonce too low: next nonce 3, tx nonce 0", Refused),
            ("insufficient funds for gas * price + value", Refused),
            ("future transaction tries to replace pending", Refused),
            ("txpool is full", Refused),
            ("node: connection refused", Refused),
        ] {
            assert_eq!(Answer::to(words), expected, "{words}");
        }
    }
}

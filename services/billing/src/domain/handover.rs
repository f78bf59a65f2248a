//! What becomes of trades whose transaction the contract refused for good.
//!
//! A call takes all of its trades or none, so one bad trade takes the others down with it:
//!
//! ```text
//! refused batch ──► two halves, one after the other ──► ... ──► one trade alone
//! refused alone ──► kept apart, tried again after 1, 2, 4 ... 16 hours while it may succeed
//! ```
//!
//! Of one of the contract's batches a single transaction is on its way at a time: what waits for
//! its turn is halved again at the next look.
//!
//! Invariants: a trade is in one transaction at a time; a good trade waits for few rounds and never
//! for ever. Absent: what a call says, when it is too late for it, and whose turn it is.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use calendar::Timestamp;
use contracts::RUN_CHALLENGED;

use super::reconcile::Delivery;

/// The longest a trade that is kept apart waits for its next try.
const WAIT_SECONDS_MAX: i64 = 16 * 3600;

/// A trade in a transaction that was refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The trade.
    pub trade: B256,
    /// The transaction: trades of one cause failed together.
    pub cause: String,
    /// How often the trade was sent again all alone.
    pub alone: u32,
    /// When it was sent.
    pub at: Timestamp,
}

/// Trades to send in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Which.
    pub trades: Vec<B256>,
    /// How often the only trade was sent alone, this time included; 0 where there are more.
    pub alone: u32,
}

/// What becomes of a refused run of one trade, by what the chain has recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// No settled trade of the best branch: should it come back, it is computed anew.
    Gone,
    /// The chain says the same already.
    Recorded,
    /// The corrections window is over: what the chain has, stays.
    TooLate,
    /// The chain has the highest run there is.
    NoRunLeft,
    /// To be handed over again, as this run.
    Open(u8),
}

/// Compares what was handed over as `run` with what the chain has recorded (`chain`: its last run).
/// `closes`: when the trade's corrections window ends; `None` when no such trade is settled.
pub fn fate(
    (run, handed): (u8, &Delivery),
    chain: Option<(u8, Delivery)>,
    closes: Option<Timestamp>,
    now: Timestamp,
) -> Fate {
    let Some(closes) = closes else { return Fate::Gone };
    let next = match chain {
        Some((_, recorded)) if recorded == *handed => return Fate::Recorded,
        Some((last, _)) => run.max(last.saturating_add(1)),
        None => run,
    };
    if now >= closes {
        return Fate::TooLate;
    }
    if next >= RUN_CHALLENGED { Fate::NoRunLeft } else { Fate::Open(next) }
}

/// What follows from refused transactions at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Again {
    /// To be sent now.
    pub batches: Vec<Batch>,
    /// Refused all by themselves: kept apart, whether or not they are tried now.
    pub apart: Vec<B256>,
}

/// Sorts out refused trades at `now`.
pub fn again(refused: Vec<Refused>, now: Timestamp) -> Again {
    let mut causes: BTreeMap<String, Vec<Refused>> = BTreeMap::new();
    for one in refused {
        causes.entry(one.cause.clone()).or_default().push(one);
    }
    let mut again = Again::default();
    for together in causes.into_values() {
        if let [only] = &together[..] {
            if only.alone > 0 {
                again.apart.push(only.trade);
            }
            if now >= next_try(only) {
                let batch = Batch { trades: vec![only.trade], alone: only.alone + 1 };
                again.batches.push(batch);
            }
            continue;
        }
        for half in together.chunks(together.len().div_ceil(2)) {
            let trades: Vec<B256> = half.iter().map(|one| one.trade).collect();
            again.batches.push(Batch { alone: u32::from(trades.len() == 1), trades });
        }
    }
    again
}

/// When a trade that was refused alone is sent again.
fn next_try(refused: &Refused) -> Timestamp {
    let hours = match refused.alone.checked_sub(1) {
        None => return refused.at,
        Some(before) => 1_i64 << before.min(4),
    };
    refused.at.plus_seconds((hours * 3600).min(WAIT_SECONDS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;

    fn refused(name: &str, cause: &str, alone: u32) -> Refused {
        let at = Timestamp::from_seconds(1_000_000);
        Refused { trade: keccak256(name), cause: cause.to_owned(), alone, at }
    }

    #[test]
    fn a_refused_run_is_compared_with_what_the_chain_has() {
        let delivery = |wh| Delivery {
            trade: keccak256("T"),
            delivered: units::Energy::from_wh(wh),
            seller_short: units::Energy::ZERO,
            buyer_short: units::Energy::ZERO,
        };
        let (open, over) = (Timestamp::from_seconds(99), Timestamp::from_seconds(100));
        let check = |chain: Option<(u8, u64)>, now, expected| {
            let chain = chain.map(|(run, wh)| (run, delivery(wh)));
            assert_eq!(fate((1, &delivery(7)), chain, Some(over), now), expected, "{chain:?}");
        };
        check(None, open, Fate::Open(1));
        check(Some((0, 5)), open, Fate::Open(1));
        check(Some((4, 5)), open, Fate::Open(5));
        check(Some((253, 5)), open, Fate::NoRunLeft);
        check(Some((RUN_CHALLENGED, 5)), open, Fate::NoRunLeft);
        check(Some((0, 5)), over, Fate::TooLate);
        check(Some((255, 0)), over, Fate::TooLate);
        check(Some((4, 7)), over, Fate::Recorded);
        assert_eq!(fate((1, &delivery(7)), None, None, open), Fate::Gone);
    }

    /// Sends until nothing is refused any more; the rounds it took.
    fn rounds(good: usize, bad: &[usize]) -> usize {
        let is_bad = |trade: B256| bad.iter().any(|n| keccak256(n.to_string()) == trade);
        let mut open: Vec<Refused> =
            (0..good + bad.len()).map(|n| refused(&n.to_string(), "first", 0)).collect();
        let now = Timestamp::from_seconds(1_000_000);
        for round in 1.. {
            let sent = again(open.clone(), now);
            open.retain(|one| sent.apart.contains(&one.trade));
            for (place, batch) in sent.batches.iter().enumerate() {
                if batch.trades.iter().any(|trade| is_bad(*trade)) {
                    let one = |trade: &B256| Refused {
                        trade: *trade,
                        cause: format!("{round}/{place}"),
                        alone: batch.alone,
                        at: now,
                    };
                    open.extend(batch.trades.iter().map(one));
                }
            }
            if open.iter().all(|one| is_bad(one.trade) && one.alone > 0) {
                assert_eq!(open.len(), bad.len());
                assert_eq!(again(open, now).apart.len(), bad.len());
                return round;
            }
        }
        unreachable!()
    }

    #[test]
    fn one_bad_trade_holds_the_others_up_for_a_few_rounds_only() {
        assert_eq!(rounds(59, &[17]), 6);
        assert_eq!(rounds(57, &[0, 1, 59]), 6);
        assert_eq!(rounds(0, &[0]), 1);
        assert_eq!(rounds(1, &[0]), 1);
    }

    #[test]
    fn a_trade_that_is_refused_alone_is_tried_ever_more_rarely() {
        let check = |alone: u32, hours: i64| {
            let one = refused("T", "x", alone);
            let due = one.at.plus_seconds(hours * 3600);
            let sent = again(vec![one.clone()], due);
            assert_eq!(sent.batches, [Batch { trades: vec![one.trade], alone: alone + 1 }]);
            assert_eq!(sent.apart.len(), usize::from(alone > 0));
            assert_eq!(again(vec![one], due.plus_seconds(-1)).batches.len(), 0);
        };
        for (alone, hours) in [(0, 0), (1, 1), (2, 2), (3, 4), (5, 16), (400, 16)] {
            check(alone, hours);
        }
    }
}

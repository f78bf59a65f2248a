//! Where blocks of energy end in a part of a month.

use crate::sheet::{Limit, Periods, Reset};

/// A price of a period and where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    /// 10^-9 kWh; the last reaches as far as can be counted.
    pub(crate) end: i64,
    /// The place in the period's tiers.
    pub(crate) tier: usize,
}

/// The end of a block that has none.
const OPEN: i64 = i64::MAX;

/// The blocks of every period in `days` of a month of `of` days, given the month's billing demand
/// in 10^-9 kW.
pub(crate) fn all(periods: &Periods, share: (u32, u32), demand: i64) -> Vec<Vec<Block>> {
    (0..periods.periods.len()).map(|period| blocks(periods, period, share, demand)).collect()
}

/// The blocks of one period.
///
/// Blocks by demand and plain blocks in turn are as SAM's utility rate model (NREL) has them: a
/// block by demand that is followed by plain ones only says how far they reach together.
fn blocks(periods: &Periods, period: usize, (days, of): (u32, u32), demand: i64) -> Vec<Block> {
    let tiers = &periods.periods[period].tiers;
    let end = |tier: usize| {
        let Some(limit) = tiers[tier].max.filter(|limit| limit.energy != Limit::OPEN) else {
            return OPEN;
        };
        let mut end = i128::from(limit.energy);
        if limit.per_kw {
            end = end * i128::from(demand) / 1_000_000_000;
        }
        end = match periods.reset {
            _ if limit.per_day => end * i128::from(days),
            Reset::Month => end * i128::from(days) / i128::from(of),
            Reset::Day | Reset::Quarter | Reset::Year => end,
        };
        i64::try_from(end).unwrap_or(OPEN)
    };
    let per_kw = |tier: usize| tiers[tier].max.is_some_and(|limit| limit.per_kw);
    let mut made: Vec<Block> = Vec::new();
    if periods.needs_demand() && per_kw(0) {
        let reaches: Vec<usize> = (0..tiers.len()).filter(|tier| per_kw(*tier)).collect();
        let mut reach = 0;
        for tier in 0..tiers.len() {
            let limit = end(reaches[reach]);
            if per_kw(tier) {
                if limit < end(tier) && reach + 1 < reaches.len() {
                    reach += 1;
                }
                if tier + 1 == tiers.len() || per_kw(tier + 1) {
                    made.push(Block { end: end(reaches[reach]), tier });
                }
            } else if end(tier) < limit {
                made.push(Block { end: end(tier), tier });
            } else if made.last().is_none_or(|last| last.end < limit) {
                made.push(Block { end: limit, tier });
            }
        }
    } else {
        made.extend((0..tiers.len()).map(|tier| Block { end: end(tier), tier }));
    }
    if let Some(last) = made.last_mut() {
        last.end = OPEN;
    }
    made
}

//! Where blocks end, and how energy fills them.

use crate::plan::{Month, Part, Run};
use crate::sheet::{Across, Limit, Periods, Reset};

/// A price of a period and where it ends, in 10^-9 kWh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    /// `None` for the last.
    pub(super) end: Option<i128>,
    /// The place in the period's tiers.
    pub(super) tier: usize,
}

/// The blocks of `period` in a part of a month, given the month's billing demand in 10^-9 kW.
///
/// Blocks by demand and plain blocks in turn are as SAM's utility rate model (NREL) has them: a
/// block by demand that is followed by plain ones only says how far they reach together.
pub(super) fn blocks(
    periods: &Periods,
    period: usize,
    month: &Month,
    part: &Part,
    billing_demand: i64,
) -> Vec<Block> {
    let tiers = &periods.periods[period].tiers;
    let (days, of) = part.share(month);
    let end = |tier: usize| {
        let limit = tiers[tier].max.filter(|limit| limit.energy != Limit::OPEN)?;
        let mut end = i128::from(limit.energy);
        if limit.per_kw {
            end = end * i128::from(billing_demand) / 1_000_000_000;
        }
        Some(match periods.reset {
            _ if limit.per_day => end * i128::from(days),
            Reset::Month => end * i128::from(days) / i128::from(of),
            Reset::Day | Reset::Quarter | Reset::Year => end,
        })
    };
    let per_kw = |tier: usize| tiers[tier].max.is_some_and(|limit| limit.per_kw);
    if !periods.needs_demand() || !per_kw(0) {
        return (0..tiers.len()).map(|tier| Block { end: end(tier), tier }).collect();
    }
    let mut made: Vec<Block> = Vec::new();
    let reaches: Vec<usize> = (0..tiers.len()).filter(|tier| per_kw(*tier)).collect();
    let mut reach = 0;
    for tier in 0..tiers.len() {
        let limit = end(reaches[reach]);
        if per_kw(tier) {
            if beyond(end(tier), limit) && reach + 1 < reaches.len() {
                reach += 1;
            }
            if tier + 1 == tiers.len() || per_kw(tier + 1) {
                made.push(Block { end: end(reaches[reach]), tier });
            }
        } else if beyond(limit, end(tier)) {
            made.push(Block { end: end(tier), tier });
        } else if made.last().is_none_or(|last| beyond(limit, last.end)) {
            made.push(Block { end: limit, tier });
        }
    }
    if let Some(last) = made.last_mut() {
        last.end = None;
    }
    made
}

/// Whether `one` ends after `other`.
fn beyond(one: Option<i128>, other: Option<i128>) -> bool {
    match (one, other) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(one), Some(other)) => one > other,
    }
}

/// Adds `energy`, which comes after `before`, to the cells of the tiers it falls into.
pub(super) fn fill(blocks: &[Block], before: i128, energy: i128, cells: &mut [i128]) {
    let mut from = before;
    let end = before + energy;
    for block in blocks {
        let to = block.end.map_or(end, |limit| limit.min(end));
        if to > from {
            cells[block.tier] += to - from;
            from = to;
        }
    }
}

/// Splits the energy of each period over `cells`, which begin at `offsets`.
pub(super) fn split(
    periods: &Periods,
    blocks: &[Vec<Block>],
    offsets: &[usize],
    used: Used<'_>,
    counted: &mut Vec<i128>,
    cells: &mut [i128],
) {
    let across = match used {
        // A month that is netted has no order of time any more.
        Used::Totals(_) if periods.across == Across::Time => Across::Share,
        _ => periods.across,
    };
    let wanted = if across == Across::Period { periods.periods.len() } else { 1 };
    counted.resize(wanted, 0);
    let slot = |period: usize| if across == Across::Period { period } else { 0 };
    match used {
        Used::Totals(totals) if across == Across::Share => {
            share(totals, blocks, offsets, cells);
        }
        Used::Totals(totals) => {
            for (period, energy) in totals.iter().enumerate() {
                fill(&blocks[period], counted[period], *energy, &mut cells[offsets[period]..]);
                counted[period] += energy;
            }
        }
        Used::Runs(runs, sums) if across == Across::Share => {
            let mut totals = vec![0; periods.periods.len()];
            for (run, sum) in runs.iter().zip(sums) {
                totals[usize::from(run.period)] += i128::from(*sum);
            }
            share(&totals, blocks, offsets, cells);
        }
        Used::Runs(runs, sums) => {
            for (run, sum) in runs.iter().zip(sums) {
                if run.new_day && periods.reset == Reset::Day {
                    counted.fill(0);
                }
                let period = usize::from(run.period);
                let count = &mut counted[slot(period)];
                let energy = i128::from(*sum);
                fill(&blocks[period], *count, energy, &mut cells[offsets[period]..]);
                *count += energy;
            }
        }
    }
}

/// The energy of a part.
#[derive(Clone, Copy)]
pub(super) enum Used<'a> {
    /// By run, as time goes by.
    Runs(&'a [Run], &'a [i64]),
    /// By period.
    Totals(&'a [i128]),
}

/// Each period gets the same share of every tier. Whole units: what a boundary cuts goes by the
/// rounded share below it, so that the parts of a period add up to it.
fn share(totals: &[i128], blocks: &[Vec<Block>], offsets: &[usize], cells: &mut [i128]) {
    let all: i128 = totals.iter().sum();
    if all <= 0 {
        return;
    }
    for (period, energy) in totals.iter().enumerate() {
        let mut from = 0;
        for block in &blocks[period] {
            let reached = block.end.map_or(all, |limit| limit.min(all));
            let to = (energy * reached + all / 2) / all;
            if to > from {
                cells[offsets[period] + block.tier] += to - from;
                from = to;
            }
        }
    }
}

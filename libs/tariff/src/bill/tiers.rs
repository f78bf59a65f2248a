//! How energy fills blocks.

use std::borrow::Cow;

use units::Overflow;

use crate::plan::{Block, Run};
use crate::sheet::{Across, Periods, Reset};

/// The energy of a part.
pub(super) enum Used<'a> {
    /// By run, as time goes by.
    Runs(&'a [Run], &'a [i64], &'a mut Open),
    /// By period.
    Totals(&'a [i64]),
}

/// Splits the energy of each period over `cells`, of which each period has its own from its offset
/// on. `counted` is what fills blocks already: of each period, or of all together.
pub(super) fn split(
    periods: &Periods,
    blocks: &[Vec<Block>],
    offsets: impl Fn(usize) -> usize,
    used: Used<'_>,
    counted: &mut Vec<i64>,
    cells: &mut [i64],
) -> Result<(), Overflow> {
    let across = match used {
        // A month that is netted has no order of time any more.
        Used::Totals(_) if periods.across == Across::Time => Across::Share,
        _ => periods.across,
    };
    let count = periods.periods.len();
    counted.resize(if across == Across::Period { count } else { 1 }, 0);
    let by_period = match used {
        Used::Totals(totals) => Cow::Borrowed(totals),
        // Only what fills the blocks of several periods, or of one day, goes by time.
        Used::Runs(runs, sums, open) => match (across, periods.reset) {
            (Across::Time, _) | (Across::Period, Reset::Day) => {
                let daily = periods.reset == Reset::Day;
                return open.fill((across, daily), blocks, offsets, (runs, sums), counted, cells);
            }
            _ => Cow::Owned(totals(runs, sums, count)),
        },
    };
    if across == Across::Share {
        return share(&by_period, blocks, offsets, cells);
    }
    for (period, energy) in by_period.iter().enumerate() {
        fill(&blocks[period], &mut counted[period], *energy, &mut cells[offsets(period)..])?;
    }
    Ok(())
}

/// The energy of each period.
fn totals(runs: &[Run], sums: &[i64], count: usize) -> Vec<i64> {
    let mut totals = vec![0; count];
    for (run, sum) in runs.iter().zip(sums) {
        totals[usize::from(run.period)] += sum;
    }
    totals
}

/// The blocks that are being filled as time goes by: most runs end within them.
#[derive(Default)]
pub(super) struct Open {
    /// Up to which count the next block of no period begins, by what is counted.
    room: Vec<i64>,
    /// The cell of each period's block.
    cell: Vec<usize>,
}

impl Open {
    /// Fills cells with runs in their order.
    fn fill(
        &mut self,
        (across, daily): (Across, bool),
        blocks: &[Vec<Block>],
        offsets: impl Fn(usize) -> usize,
        (runs, sums): (&[Run], &[i64]),
        counted: &mut [i64],
        cells: &mut [i64],
    ) -> Result<(), Overflow> {
        let count = blocks.len();
        self.begin(counted.len(), count);
        // One count for all periods stays at hand.
        let mut all = counted[0];
        for (run, sum) in runs.iter().zip(sums) {
            if run.new_day && daily {
                all = 0;
                counted.fill(0);
                self.room.fill(0);
            }
            let period = usize::from(run.period);
            let (slot, used) = match across {
                Across::Period => (period, &mut counted[period]),
                _ => (0, &mut all),
            };
            let end = used.checked_add(*sum).ok_or(Overflow)?;
            if end <= self.room[slot] {
                cells[self.cell[period]] += sum;
                *used = end;
                continue;
            }
            fill(&blocks[period], used, *sum, &mut cells[offsets(period)..])?;
            let sharing = if across == Across::Period { period..period + 1 } else { 0..count };
            self.room[slot] = i64::MAX;
            for period in sharing {
                let block = blocks[period].iter().find(|block| block.end > end);
                let (room, tier) = block.map_or((end, 0), |block| (block.end, block.tier));
                self.room[slot] = self.room[slot].min(room);
                self.cell[period] = offsets(period) + tier;
            }
        }
        if across != Across::Period {
            counted[0] = all;
        }
        Ok(())
    }

    fn begin(&mut self, counts: usize, periods: usize) {
        self.room.clear();
        self.room.resize(counts, 0);
        self.cell.clear();
        self.cell.resize(periods, 0);
    }
}

/// Adds `energy`, which comes after what is `counted`, to the cells of the tiers it falls into.
fn fill(
    blocks: &[Block],
    counted: &mut i64,
    energy: i64,
    cells: &mut [i64],
) -> Result<(), Overflow> {
    let mut from = *counted;
    let end = from.checked_add(energy).ok_or(Overflow)?;
    *counted = end;
    for block in blocks {
        let to = block.end.min(end);
        if to > from {
            cells[block.tier] += to - from;
            from = to;
        }
        if from == end {
            break;
        }
    }
    Ok(())
}

/// Each period gets the same share of every tier. Whole units: what a boundary cuts goes by the
/// rounded share below it, so that the parts of a period add up to it.
fn share(
    totals: &[i64],
    blocks: &[Vec<Block>],
    offsets: impl Fn(usize) -> usize,
    cells: &mut [i64],
) -> Result<(), Overflow> {
    let all: i128 = totals.iter().map(|total| i128::from(*total)).sum();
    if all <= 0 {
        return Ok(());
    }
    for (period, energy) in totals.iter().enumerate() {
        let mut from = 0;
        for block in &blocks[period] {
            let reached = i128::from(block.end).min(all);
            let to = (i128::from(*energy) * reached + all / 2) / all;
            let to = i64::try_from(to).map_err(|_| Overflow)?;
            if to > from {
                cells[offsets(period) + block.tier] += to - from;
                from = to;
            }
        }
    }
    Ok(())
}

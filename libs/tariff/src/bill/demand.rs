//! Peaks and charges per kW.

use std::borrow::Cow;
use std::cmp::Reverse;

use super::{Draft, Rating};
use crate::kernel;
use crate::plan::{Month, Part, Run};
use crate::sheet::{DemandTier, Mode};
use crate::{Refusal, UnitPrice};

/// The peak of a period, in 10^-9 kW, and the interval at which it begins.
type Peak = Option<(i64, usize)>;

/// What a window that sets no peak counts as: below every other.
const LEFT_OUT: i64 = -1;

/// The peaks of a part.
pub(super) struct Peaks {
    /// By demand charge, and in it by period, one after the other.
    charges: Vec<Peak>,
    /// How many windows of each of them were left out; empty where none was.
    left_out: Vec<u32>,
    /// What counts for the ratchet.
    counted: i64,
}

impl Rating<'_> {
    /// Peaks of each demand charge, if the tariff asks for power at all.
    pub(super) fn part_peaks(&self, part: &Part, draft: &mut Draft) -> Result<Peaks, Refusal> {
        let layout = &self.plan.sheets[part.layout];
        let sheet = &layout.sheet;
        let mut peaks = Peaks { charges: Vec::new(), left_out: Vec::new(), counted: 0 };
        if !layout.asks_for_power {
            return Ok(peaks);
        }
        let mode = sheet.export.as_ref().map(|export| export.mode);
        let import = match mode {
            Some(Mode::BuyAllSellAll) => self.series.gross().0,
            _ => self.series.import(),
        };
        let minutes = i64::from(self.plan.interval_minutes());
        let per_hour = (layout.window <= 1).then_some(minutes);
        let values = self.windows(part, import, per_hour)?;
        let values = &values[..];
        let at = |place: usize| match per_hour {
            Some(_) => part.from + place,
            None => part.windows[place].0,
        };
        peaks.charges.resize(sheet.demand.iter().map(|charge| charge.periods.len()).sum(), None);
        // A charge of one period all along has the highest peak of all periods of another one, so
        // those come last.
        let mut whole: Peak = None;
        for alone in [false, true] {
            let mut rest = &mut peaks.charges[..];
            for (charge, runs) in sheet.demand.iter().zip(&part.demand) {
                let found;
                (found, rest) = std::mem::take(&mut rest).split_at_mut(charge.periods.len());
                match (&runs[..], whole) {
                    _ if (runs.len() == 1) != alone => {}
                    ([run], Some(_)) => found[usize::from(run.period)] = whole,
                    _ => {
                        kernel::peaks(values, runs, found);
                        for peak in &mut *found {
                            *peak = peak.filter(|(highest, _)| *highest != LEFT_OUT);
                        }
                        for (highest, begin) in found.iter_mut().flatten() {
                            *begin = at(*begin);
                            if let Some(minutes) = per_hour {
                                *highest = power(*highest, minutes)?;
                            }
                        }
                        whole = first_of_highest(found);
                    }
                }
            }
        }
        if self.series.estimated().is_some() {
            let charges = sheet.demand.iter().zip(&part.demand);
            let counts = charges.map(|(charge, runs)| left_out(values, runs, charge.periods.len()));
            peaks.left_out = counts.flatten().collect();
        }
        // The periods of a charge share all windows among them.
        let highest = match sheet.demand.is_empty() {
            false => peaks.charges.iter().flatten().map(|(power, _)| *power).max().unwrap_or(0),
            true => {
                let highest = kernel::highest(values).max(0);
                per_hour.map_or(Ok(highest), |minutes| power(highest, minutes))?
            }
        };
        draft.peak = draft.peak.max(Some(highest));
        let periods = sheet.demand.iter().flat_map(|charge| &charge.periods);
        let counting = periods.zip(&peaks.charges).filter(|(period, _)| period.counts);
        let counting = counting.map(|(_, peak)| peak);
        // Where no period counts, the whole month does.
        let counted = counting.map(|peak| peak.map_or(0, |(power, _)| power)).max();
        peaks.counted = counted.unwrap_or(highest);
        draft.counted_peak = draft.counted_peak.max(peaks.counted);
        Ok(peaks)
    }

    /// What peaks are looked for in: energy of intervals of so many minutes, or the power of
    /// windows of several. A window with estimated energy counts as [`LEFT_OUT`].
    fn windows<'s>(
        &self,
        part: &Part,
        import: &'s [i64],
        per_hour: Option<i64>,
    ) -> Result<Cow<'s, [i64]>, Refusal> {
        let marks = self.series.estimated();
        let estimated = |first: usize, count: usize| {
            marks.is_some_and(|marks| marks[first..first + count].contains(&true))
        };
        if per_hour.is_some() {
            let measured = |place| if estimated(place, 1) { LEFT_OUT } else { import[place] };
            return Ok(match marks {
                Some(_) => (part.from..part.to).map(measured).collect(),
                None => Cow::Borrowed(&import[part.from..part.to]),
            });
        }
        let minutes = i64::from(self.plan.interval_minutes());
        let power = |(first, count): &(usize, usize)| {
            if estimated(*first, *count) {
                return Ok(LEFT_OUT);
            }
            let minutes = minutes * i64::try_from(*count).unwrap_or(1);
            power(kernel::sum(&import[*first..first + count]), minutes)
        };
        part.windows.iter().map(power).collect()
    }

    /// What the month is charged for by the ratchet.
    pub(super) fn billing_demand(&self, month: &Month, part: &Part, peaks: &Peaks) -> i64 {
        let sheet = &self.plan.sheets[part.layout].sheet;
        let Some(ratchet) = &sheet.ratchet else { return peaks.counted };
        let part_of = |month: u8, peak: i64| {
            let ppm = ratchet.ppm.get(usize::from(month) - 1).copied().unwrap_or(0);
            let counted = i128::from(peak) * i128::from(ppm) / 1_000_000;
            i64::try_from(counted).unwrap_or(i64::MAX)
        };
        let earlier = self.carried.peaks.iter().rev().take(usize::from(ratchet.months));
        let earlier = earlier.map(|(month, peak)| part_of(*month, *peak)).max().unwrap_or(0);
        let own = match ratchet.own.get(usize::from(month.number) - 1) {
            Some(true) => peaks.counted,
            _ => part_of(month.number, peaks.counted),
        };
        earlier.max(own).max(ratchet.minimum)
    }

    /// Lines of the demand charges.
    pub(super) fn part_demand(
        &self,
        month: &Month,
        part: &Part,
        peaks: &Peaks,
        billing: i64,
        draft: &mut Draft,
    ) -> Result<(), Refusal> {
        let layout = &self.plan.sheets[part.layout];
        let by_ratchet = layout.sheet.ratchet.is_some();
        let periods = layout.sheet.demand.iter().flat_map(|charge| &charge.periods);
        let items = layout.items.demand.iter().flatten();
        for (place, ((period, first), peak)) in periods.zip(items).zip(&peaks.charges).enumerate() {
            let left_out = peaks.left_out.get(place).copied().unwrap_or(0);
            let by_ratchet = by_ratchet && period.ratcheted;
            let power = match *peak {
                Some(_) if by_ratchet => billing,
                Some((peak, _)) => peak,
                // What earlier months make the least stands without a peak of its own.
                None if by_ratchet && left_out > 0 => billing,
                None => continue,
            };
            let before = draft.lines.len();
            self.tiers(month, part, &period.tiers, power, *first, draft)?;
            for line in &mut draft.lines[before..] {
                (line.peak_at, line.left_out) = (peak.map(|(_, at)| at), left_out);
            }
        }
        Ok(())
    }

    fn tiers(
        &self,
        month: &Month,
        part: &Part,
        tiers: &[DemandTier],
        power: i64,
        first: usize,
        draft: &mut Draft,
    ) -> Result<(), Refusal> {
        let mut from = 0;
        for (place, tier) in tiers.iter().enumerate() {
            let to = tier.max.map_or(power, |max| max.min(power));
            if to <= from || tier.price == UnitPrice::ZERO {
                from = from.max(to);
                continue;
            }
            let (days, of) = part.share(month);
            let (quantity, divisor) = match days == of {
                true => (i128::from(to - from), 1),
                false => (i128::from(to - from) * i128::from(days), of),
            };
            self.line(draft, first + place, quantity, tier.price, divisor)?;
            from = to;
        }
        Ok(())
    }
}

/// How many windows of each period were left out.
fn left_out(values: &[i64], runs: &[Run], periods: usize) -> Vec<u32> {
    let (mut counts, mut rest) = (vec![0; periods], values);
    for run in runs {
        let length = usize::try_from(run.len).unwrap_or(usize::MAX);
        let (of_run, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        let windows = of_run.iter().filter(|value| **value == LEFT_OUT).count();
        counts[usize::from(run.period)] += u32::try_from(windows).unwrap_or(u32::MAX);
    }
    counts
}

/// The highest of the peaks; of several as high the one that was reached first.
fn first_of_highest(peaks: &[Peak]) -> Peak {
    peaks.iter().flatten().copied().max_by_key(|(power, at)| (*power, Reverse(*at)))
}

/// 10^-9 kW of 10^-9 kWh in so many minutes.
fn power(energy: i64, minutes: i64) -> Result<i64, Refusal> {
    energy.checked_mul(60).map(|minute| minute / minutes).ok_or(Refusal::Overflow)
}

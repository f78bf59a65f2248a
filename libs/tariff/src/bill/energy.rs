//! Charges per kWh.

use super::tiers::{Used, blocks, split};
use super::{Draft, Line, Rating};
use crate::kernel;
use crate::plan::{Layout, Month, Part, SpotPrices, mean_price};
use crate::sheet::{Bank, EnergyCharge, Mode, On, Periods, Pricing, Reset};
use crate::unit_price::cost_of;
use crate::{Refusal, UnitPrice};

/// Buffers that are used again.
#[derive(Default)]
pub(super) struct Scratch {
    sums: Vec<i64>,
    other_sums: Vec<i64>,
    cells: Vec<i128>,
}

/// Prices with their place among the schedules, the series and the items.
pub(super) struct Priced<'a> {
    pub(super) pricing: &'a Pricing,
    pub(super) schedule: usize,
    pub(super) spots: Option<&'a SpotPrices>,
    /// The item of each period's first tier.
    pub(super) items: &'a [usize],
}

impl Rating<'_> {
    /// Charges per kWh of a part, and what its export earns.
    pub(super) fn part_energy(
        &mut self,
        month: &Month,
        part: &Part,
        billing: i64,
        draft: &mut Draft,
    ) -> Result<(), Refusal> {
        let plan = self.plan;
        let layout = &plan.sheets[part.layout];
        let count = layout.sheet.energy.len();
        self.carried.banked.resize(count, Vec::new());
        self.carried.counted.resize(count + 1, Vec::new());
        self.begin_counts(month, part, layout);
        let range = part.from..part.to;
        draft.import += i128::from(kernel::sum(&self.series.import()[range.clone()]));
        draft.export += i128::from(kernel::sum(&self.series.export()[range]));
        for (place, charge) in layout.sheet.energy.iter().enumerate() {
            let priced = Priced {
                pricing: &charge.pricing,
                schedule: layout.energy[place],
                spots: part.spots[place].as_ref(),
                items: &layout.items.energy[place],
            };
            self.charge(month, part, charge, place, &priced, billing, draft)?;
        }
        self.earn(month, part, billing, draft)
    }

    /// Blocks of a quarter or a year go on counting; all others begin anew with each part.
    fn begin_counts(&mut self, month: &Month, part: &Part, layout: &Layout) {
        let starts = std::ptr::eq(&raw const month.parts[0], part);
        let number = month.first.month();
        let price = layout.sheet.export.as_ref().and_then(|export| export.price.as_ref());
        let pricings = layout.sheet.energy.iter().map(|charge| Some(&charge.pricing));
        for (counted, pricing) in self.carried.counted.iter_mut().zip(pricings.chain([price])) {
            let reset = match pricing {
                Some(Pricing::Periods(periods)) => periods.reset,
                _ => Reset::Month,
            };
            let goes_on = match reset {
                Reset::Day | Reset::Month => false,
                Reset::Quarter => !(starts && number % 3 == 1),
                Reset::Year => !(starts && number == 1),
            };
            if !goes_on {
                counted.clear();
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one charge in its month, part and place")]
    fn charge(
        &mut self,
        month: &Month,
        part: &Part,
        charge: &EnergyCharge,
        place: usize,
        priced: &Priced<'_>,
        billing: i64,
        draft: &mut Draft,
    ) -> Result<(), Refusal> {
        let layout = &self.plan.sheets[part.layout];
        let mode = layout.sheet.export.as_ref().map(|export| export.mode);
        let series = self.series;
        let local;
        let energy = match &charge.on {
            On::Residual | On::Import if mode == Some(Mode::BuyAllSellAll) => series.gross().0,
            On::Residual => series.residual(),
            On::Import => series.import(),
            On::Local(zone) => match series.local(zone.as_deref()) {
                Some(found) => {
                    local = found;
                    &local
                }
                None => return Ok(()),
            },
        };
        let energy = &energy[part.from..part.to];
        let before = draft.lines.len();
        let netted = mode == Some(Mode::NetMetering) && charge.netted;
        if let (true, Pricing::Periods(periods)) = (netted, priced.pricing) {
            let need = self.net(part, place, priced.schedule, energy, periods.periods.len());
            self.priced_totals(month, part, periods, priced, billing, &need, place, false, draft)?;
        } else {
            self.priced_runs(month, part, priced, billing, energy, place, false, draft)?;
        }
        if !matches!(charge.on, On::Local(_)) {
            for line in &draft.lines[before..] {
                draft.energy.0 = draft.energy.0.plus(line.exact)?;
                draft.energy.1 = draft.energy.1.plus(line.amount)?;
            }
        }
        Ok(())
    }

    /// What is left to pay of each period once its export and what was banked are taken off; a
    /// surplus is banked where the bank is of energy.
    fn net(
        &mut self,
        part: &Part,
        place: usize,
        schedule: usize,
        energy: &[i64],
        count: usize,
    ) -> Vec<i128> {
        let mut need = self.net_totals(part, schedule, energy, count);
        let layout = &self.plan.sheets[part.layout];
        if layout.sheet.export.as_ref().is_some_and(|export| export.bank == Bank::Energy) {
            let bank = self.bank_in_period(part, place, schedule, count);
            let kept: Vec<i128> = need
                .iter_mut()
                .zip(bank)
                .map(|(need, bank)| {
                    *need -= bank;
                    (-*need).max(0)
                })
                .collect();
            self.carried.banked[place] = kept;
        }
        need.iter().map(|need| (*need).max(0)).collect()
    }

    /// Import less export of each period.
    pub(super) fn net_totals(
        &mut self,
        part: &Part,
        schedule: usize,
        energy: &[i64],
        count: usize,
    ) -> Vec<i128> {
        let runs = &part.runs[schedule];
        let Scratch { sums, other_sums, .. } = &mut self.scratch;
        kernel::run_sums(energy, runs, sums);
        kernel::run_sums(&self.series.export()[part.from..part.to], runs, other_sums);
        let mut need = vec![0; count];
        for (run, (import, export)) in runs.iter().zip(sums.iter().zip(other_sums.iter())) {
            need[usize::from(run.period)] += i128::from(*import) - i128::from(*export);
        }
        need
    }

    /// The bank of a charge, moved to the periods that this part has at the hours of the day at
    /// which the month before had the bank's.
    fn bank_in_period(
        &self,
        part: &Part,
        place: usize,
        schedule: usize,
        count: usize,
    ) -> Vec<i128> {
        let mut moved = vec![0; count];
        let now = part.anchors[schedule];
        let before = self.carried.anchors.get(schedule).copied().unwrap_or(now);
        for (period, energy) in self.carried.banked[place].iter().enumerate() {
            let anchor = before.iter().position(|at| usize::from(*at) == period);
            let there = period < count && part.present[schedule] >> period & 1 == 1;
            let target = match anchor {
                Some(anchor) => usize::from(now[anchor]),
                None if there => period,
                None => usize::from(now[2]),
            };
            moved[target] += energy;
        }
        moved
    }

    /// Lines of energy by run; `earns` makes them credits.
    #[expect(clippy::too_many_arguments, reason = "energy at prices in its month and part")]
    pub(super) fn priced_runs(
        &mut self,
        month: &Month,
        part: &Part,
        priced: &Priced<'_>,
        billing: i64,
        energy: &[i64],
        count: usize,
        earns: bool,
        draft: &mut Draft,
    ) -> Result<(), Refusal> {
        let periods = match (priced.pricing, priced.spots) {
            (Pricing::Dynamic(_), Some(spots)) => {
                return self.spot_line(part, priced, spots, energy, earns, draft);
            }
            (Pricing::Periods(periods), _) => periods,
            // A series is laid out with its part.
            (Pricing::Dynamic(_), None) => return Err(Refusal::Digits),
        };
        let runs = &part.runs[priced.schedule];
        let Scratch { sums, cells, .. } = &mut self.scratch;
        kernel::run_sums(energy, runs, sums);
        begin_cells(periods, cells);
        if periods.periods.iter().all(|period| period.tiers.len() == 1) {
            for (run, sum) in runs.iter().zip(sums.iter()) {
                cells[usize::from(run.period)] += i128::from(*sum);
            }
        } else {
            let blocks = all_blocks(periods, month, part, billing);
            let offsets = offsets(priced.items);
            let counted = &mut self.carried.counted[count];
            split(periods, &blocks, &offsets, Used::Runs(runs, sums), counted, cells);
        }
        self.cell_lines(periods, priced.items, earns, draft)
    }

    /// Lines of energy by period.
    #[expect(clippy::too_many_arguments, reason = "energy at prices in its month and part")]
    pub(super) fn priced_totals(
        &mut self,
        month: &Month,
        part: &Part,
        periods: &Periods,
        priced: &Priced<'_>,
        billing: i64,
        totals: &[i128],
        count: usize,
        earns: bool,
        draft: &mut Draft,
    ) -> Result<(), Refusal> {
        let Scratch { cells, .. } = &mut self.scratch;
        begin_cells(periods, cells);
        let blocks = all_blocks(periods, month, part, billing);
        let counted = &mut self.carried.counted[count];
        split(periods, &blocks, &offsets(priced.items), Used::Totals(totals), counted, cells);
        self.cell_lines(periods, priced.items, earns, draft)
    }

    fn cell_lines(
        &mut self,
        periods: &Periods,
        items: &[usize],
        earns: bool,
        draft: &mut Draft,
    ) -> Result<(), Refusal> {
        let cells = std::mem::take(&mut self.scratch.cells);
        let mut rest = cells.as_slice();
        for (period, first) in periods.periods.iter().zip(items) {
            let (of_period, after) = rest.split_at(period.tiers.len());
            rest = after;
            for (place, (tier, energy)) in period.tiers.iter().zip(of_period).enumerate() {
                if *energy != 0 {
                    let quantity = if earns { -energy } else { *energy };
                    self.line(draft, first + place, quantity, tier.price, 1)?;
                }
            }
        }
        self.scratch.cells = cells;
        Ok(())
    }

    /// One line for all energy at prices of a series.
    fn spot_line(
        &self,
        part: &Part,
        priced: &Priced<'_>,
        spots: &SpotPrices,
        energy: &[i64],
        earns: bool,
        draft: &mut Draft,
    ) -> Result<(), Refusal> {
        let missing = spots.missing.iter().find(|place| energy[**place] != 0);
        if let Some(place) = missing {
            return Err(Refusal::NoPrice(self.plan.moment(part.from + place)));
        }
        let all = i128::from(kernel::sum(energy));
        if all == 0 {
            return Ok(());
        }
        let mut product = kernel::product(energy, &spots.digits);
        if earns {
            product = -product;
        }
        // The digits stand for the price: one unit of quantity carries the whole product.
        let (exact, amount) = cost_of(product, spots.scale, 1, spots.divisor, self.digits())?;
        let quantity = if exact.atto() < 0 { -all } else { all };
        let price = mean_price(exact.atto().abs(), all);
        let line = Line { item: priced.items[0], quantity, price, exact, amount, peak_at: None };
        draft.lines.push(line);
        Ok(())
    }
}

fn begin_cells(periods: &Periods, cells: &mut Vec<i128>) {
    cells.clear();
    cells.resize(periods.periods.iter().map(|period| period.tiers.len()).sum(), 0);
}

fn offsets(items: &[usize]) -> Vec<usize> {
    items.iter().map(|item| item - items[0]).collect()
}

fn all_blocks(
    periods: &Periods,
    month: &Month,
    part: &Part,
    billing: i64,
) -> Vec<Vec<super::tiers::Block>> {
    (0..periods.periods.len()).map(|period| blocks(periods, period, month, part, billing)).collect()
}

/// One item's price, for lines that are money.
pub(super) const ONE: UnitPrice = UnitPrice::new(1, 0);

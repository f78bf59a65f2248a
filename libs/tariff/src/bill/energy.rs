//! Charges per kWh.

use super::tiers::{Open, Used, split};
use super::{Draft, Line, Rating};
use crate::kernel;
use crate::plan::{Block, Layout, Month, Part, SpotPrices, all_blocks, mean_price};
use crate::sheet::{Bank, EnergyCharge, Mode, On, Periods, Pricing, Reset};
use crate::unit_price::cost_of;
use crate::{Refusal, UnitPrice};

/// One item's price, for lines that are money.
pub(super) const ONE: UnitPrice = UnitPrice::new(1, 0);

/// Where a charge is rated.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) month: &'a Month,
    pub(super) part: &'a Part,
    /// The month's billing demand, in 10^-9 kW.
    pub(super) billing: i64,
}

/// Prices with their place among schedules, series, items and counts.
#[derive(Clone, Copy)]
pub(super) struct Priced<'a> {
    pub(super) pricing: &'a Pricing,
    pub(super) schedule: usize,
    /// The place among the version's prices: energy charges, then the export's.
    pub(super) place: usize,
    /// The item of each period's first tier.
    pub(super) items: &'a [usize],
    /// Whether it is paid to the customer.
    pub(super) earns: bool,
}

/// What flows, where it is the same for several charges.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Import,
    Residual,
    Export,
    Load,
    Generation,
    /// Of one charge only.
    Other,
}

/// How many flows are remembered.
const FLOWS: usize = 5;

/// Sums of runs in the part that is being rated, and buffers.
#[derive(Default)]
pub(super) struct Scratch {
    /// By flow and schedule; empty where nobody has asked yet.
    sums: Vec<Vec<i64>>,
    schedules: usize,
    other: Vec<i64>,
    until: Vec<i64>,
    cells: Vec<i64>,
    open: Open,
}

impl Scratch {
    /// Begins a part with so many schedules.
    fn begin(&mut self, schedules: usize) {
        self.schedules = schedules;
        self.sums.resize(FLOWS * schedules, Vec::new());
        self.sums.iter_mut().for_each(Vec::clear);
    }

    /// The sums of the runs of a schedule.
    fn sums(&mut self, part: &Part, schedule: usize, flow: Flow, energy: &[i64]) -> &[i64] {
        let runs = &part.runs[schedule];
        if flow == Flow::Other {
            let energy = &energy[part.from..part.to];
            kernel::run_sums(energy, runs, &mut self.other, &mut self.until);
            return &self.other;
        }
        let first = self.schedules
            * match flow {
                Flow::Import => 0,
                Flow::Residual => 1,
                Flow::Export => 2,
                Flow::Load => 3,
                Flow::Generation | Flow::Other => 4,
            };
        if self.sums[first + schedule].is_empty() {
            // One run over the whole part is the sum of all runs of any other schedule.
            let known = self.sums[first..first + self.schedules].iter().find(|it| !it.is_empty());
            match known {
                Some(known) if runs.len() == 1 => {
                    let sum = kernel::sum(known);
                    self.sums[first + schedule].push(sum);
                }
                _ => {
                    let sums = &mut self.sums[first + schedule];
                    let energy = &energy[part.from..part.to];
                    kernel::run_sums(energy, runs, sums, &mut self.until);
                }
            }
        }
        &self.sums[first + schedule]
    }
}

impl Rating<'_> {
    /// Charges per kWh of a part, and what its export earns.
    pub(super) fn part_energy(&mut self, at: At<'_>, draft: &mut Draft) -> Result<(), Refusal> {
        let plan = self.plan;
        let layout = &plan.sheets[at.part.layout];
        let count = layout.sheet.energy.len();
        self.scratch.begin(at.part.runs.len());
        self.carried.banked.resize(count, Vec::new());
        self.carried.counted.resize(count + 1, Vec::new());
        self.begin_counts(at, layout);
        for (place, charge) in layout.sheet.energy.iter().enumerate() {
            let priced = Priced {
                pricing: &charge.pricing,
                schedule: layout.energy[place],
                place,
                items: &layout.items.energy[place],
                earns: false,
            };
            self.charge(at, charge, priced, draft)?;
        }
        let series = self.series;
        let whole = layout.energy.first().copied().unwrap_or(layout.export);
        for (flow, energy, sum) in [
            (self.import_flow(), series.import(), &mut draft.import),
            (Flow::Residual, series.residual(), &mut draft.residual),
            (Flow::Export, series.export(), &mut draft.export),
        ] {
            let schedule = if flow == Flow::Export { layout.export } else { whole };
            let sums = self.scratch.sums(at.part, schedule, flow, energy);
            *sum += i128::from(kernel::sum(sums));
        }
        self.earn(at, draft)
    }

    /// Blocks of a quarter or a year go on counting; all others begin anew with each part.
    fn begin_counts(&mut self, at: At<'_>, layout: &Layout) {
        // A month that is billed in two parts begins once.
        let first = at.month.first == at.month.first.month_start();
        let starts = first && at.part.from == at.month.parts[0].from;
        let number = at.month.number;
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

    /// The name under which the import is remembered: that of what is left, where all is.
    fn import_flow(&self) -> Flow {
        if self.series.has_local() { Flow::Import } else { Flow::Residual }
    }

    fn charge(
        &mut self,
        at: At<'_>,
        charge: &EnergyCharge,
        priced: Priced<'_>,
        draft: &mut Draft,
    ) -> Result<(), Refusal> {
        let layout = &self.plan.sheets[at.part.layout];
        let mode = layout.sheet.export.as_ref().map(|export| export.mode);
        let series = self.series;
        let local;
        let (flow, energy) = match &charge.on {
            On::Sold => return Ok(()),
            On::Residual | On::Import
                if mode == Some(Mode::BuyAllSellAll) && series.is_behind_the_meter() =>
            {
                (Flow::Load, series.gross().0)
            }
            On::Residual => (Flow::Residual, series.residual()),
            On::Import => (self.import_flow(), series.import()),
            On::Local(zone) => match series.local(zone.as_deref()) {
                Some(found) => {
                    local = found;
                    (Flow::Other, local.as_ref())
                }
                None => return Ok(()),
            },
        };
        let before = draft.lines.len();
        let netted = mode == Some(Mode::NetMetering) && charge.netted;
        match priced.pricing {
            Pricing::Periods(periods) if netted => {
                let need = self.net(at, priced, flow, energy, periods.periods.len())?;
                self.priced_totals(at, periods, priced, &need, draft)?;
            }
            _ => self.priced_runs(at, priced, flow, energy, draft)?,
        }
        if flow != Flow::Other {
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
        at: At<'_>,
        priced: Priced<'_>,
        flow: Flow,
        energy: &[i64],
        count: usize,
    ) -> Result<Vec<i64>, Refusal> {
        let mut need = self.net_totals(at, priced.schedule, flow, energy, count);
        let layout = &self.plan.sheets[at.part.layout];
        if layout.sheet.export.as_ref().is_some_and(|export| export.bank == Bank::Energy) {
            let bank = self.bank_in_period(at.part, priced, count)?;
            for (need, bank) in need.iter_mut().zip(bank) {
                *need = need.checked_sub(bank).ok_or(Refusal::Overflow)?;
            }
            let kept = need.iter().map(|need| need.min(&0).saturating_neg()).collect();
            self.carried.banked[priced.place] = kept;
        }
        Ok(need.iter().map(|need| (*need).max(0)).collect())
    }

    /// Import less export of each period.
    pub(super) fn net_totals(
        &mut self,
        at: At<'_>,
        schedule: usize,
        flow: Flow,
        energy: &[i64],
        count: usize,
    ) -> Vec<i64> {
        let mut need = vec![0; count];
        for (flow, energy, sign) in [(flow, energy, 1), (Flow::Export, self.series.export(), -1)] {
            let sums = self.scratch.sums(at.part, schedule, flow, energy);
            for (run, sum) in at.part.runs[schedule].iter().zip(sums) {
                need[usize::from(run.period)] += sum * sign;
            }
        }
        need
    }

    /// The bank of a charge, moved to the periods that this part has at the hours of the day at
    /// which the month before had the bank's.
    fn bank_in_period(
        &self,
        part: &Part,
        priced: Priced<'_>,
        count: usize,
    ) -> Result<Vec<i64>, Refusal> {
        let mut moved = vec![0; count];
        let schedule = priced.schedule;
        let now = part.anchors[schedule];
        let before = self.carried.anchors.get(schedule).copied().unwrap_or(now);
        for (period, energy) in self.carried.banked[priced.place].iter().enumerate() {
            let anchor = before.iter().position(|at| usize::from(*at) == period);
            let there = period < count && part.present[schedule] >> period & 1 == 1;
            let target = match anchor {
                Some(anchor) => usize::from(now[anchor]),
                None if there => period,
                None => usize::from(now[2]),
            };
            let more: i64 = moved[target];
            moved[target] = more.checked_add(*energy).ok_or(Refusal::Overflow)?;
        }
        Ok(moved)
    }

    /// Lines of energy as it flowed.
    pub(super) fn priced_runs(
        &mut self,
        at: At<'_>,
        priced: Priced<'_>,
        flow: Flow,
        energy: &[i64],
        draft: &mut Draft,
    ) -> Result<(), Refusal> {
        let periods = match (priced.pricing, &at.part.spots[priced.place]) {
            (Pricing::Periods(periods), _) => periods,
            (Pricing::Dynamic(_), Some(spots)) => {
                let energy = &energy[at.part.from..at.part.to];
                return self.spot_line(at.part, priced, spots, energy, draft);
            }
            // A series is laid out with its part.
            (Pricing::Dynamic(_), None) => return Err(Refusal::Digits),
        };
        let runs = &at.part.runs[priced.schedule];
        let mut cells = std::mem::take(&mut self.scratch.cells);
        let mut open = std::mem::take(&mut self.scratch.open);
        begin_cells(periods, &mut cells);
        let sums = self.scratch.sums(at.part, priced.schedule, flow, energy);
        if periods.periods.len() == cells.len() {
            // One tier each: nothing to fill.
            for (run, sum) in runs.iter().zip(sums) {
                cells[usize::from(run.period)] += *sum;
            }
        } else {
            let counted = &mut self.carried.counted[priced.place];
            with_blocks(at, periods, priced.place, |blocks| {
                let used = Used::Runs(runs, sums, &mut open);
                split(periods, blocks, |period| offset(priced, period), used, counted, &mut cells)
            })?;
        }
        self.cell_lines(periods, priced, &cells, draft)?;
        (self.scratch.cells, self.scratch.open) = (cells, open);
        Ok(())
    }

    /// Lines of energy by period.
    pub(super) fn priced_totals(
        &mut self,
        at: At<'_>,
        periods: &Periods,
        priced: Priced<'_>,
        totals: &[i64],
        draft: &mut Draft,
    ) -> Result<(), Refusal> {
        let mut cells = std::mem::take(&mut self.scratch.cells);
        begin_cells(periods, &mut cells);
        let counted = &mut self.carried.counted[priced.place];
        with_blocks(at, periods, priced.place, |blocks| {
            let used = Used::Totals(totals);
            split(periods, blocks, |period| offset(priced, period), used, counted, &mut cells)
        })?;
        self.cell_lines(periods, priced, &cells, draft)?;
        self.scratch.cells = cells;
        Ok(())
    }

    fn cell_lines(
        &self,
        periods: &Periods,
        priced: Priced<'_>,
        cells: &[i64],
        draft: &mut Draft,
    ) -> Result<(), Refusal> {
        let mut rest = cells;
        for (period, first) in periods.periods.iter().zip(priced.items) {
            let (of_period, after) = rest.split_at(period.tiers.len());
            rest = after;
            for (place, (tier, energy)) in period.tiers.iter().zip(of_period).enumerate() {
                if *energy != 0 {
                    let quantity = i128::from(if priced.earns { -energy } else { *energy });
                    self.line(draft, first + place, quantity, tier.price, 1)?;
                }
            }
        }
        Ok(())
    }

    /// One line for all energy at prices of a series.
    fn spot_line(
        &self,
        part: &Part,
        priced: Priced<'_>,
        spots: &SpotPrices,
        energy: &[i64],
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
        let product = kernel::product(energy, &spots.digits);
        let product = if priced.earns { -product } else { product };
        // The digits stand for the price: one unit of quantity carries the whole product.
        let (exact, amount) = cost_of(product, spots.scale, 1, spots.divisor, self.digits())?;
        let quantity = if exact.atto() < 0 { -all } else { all };
        let price = mean_price(exact.atto().abs(), all);
        let (item, class) = (priced.items[0], self.class(priced.items[0]));
        draft.lines.push(Line::plain((item, class), (quantity, price), (exact, amount)));
        Ok(())
    }
}

fn begin_cells(periods: &Periods, cells: &mut Vec<i64>) {
    cells.clear();
    cells.resize(periods.periods.iter().map(|period| period.tiers.len()).sum(), 0);
}

/// Where the cells of a period begin.
fn offset(priced: Priced<'_>, period: usize) -> usize {
    priced.items[period] - priced.items[0]
}

/// The blocks of a price, laid out with the plan or made for the month's demand.
fn with_blocks(
    at: At<'_>,
    periods: &Periods,
    place: usize,
    fill: impl FnOnce(&[Vec<Block>]) -> Result<(), units::Overflow>,
) -> Result<(), Refusal> {
    match &at.part.blocks[place] {
        Some(blocks) => fill(blocks)?,
        None => fill(&all_blocks(periods, at.part.share(at.month), at.billing))?,
    }
    Ok(())
}

//! Bills of a published tariff: flows of slots through `bill::rate`, and lines that know which
//! charge they are of.
//!
//! A neighbour's energy is taken out slot by slot first; what is left is rated. Power is not: the
//! grid carries a neighbour's energy as well, so demand is that of the meter. Taxes are left to who
//! knows the other lines of the invoice.

use std::collections::BTreeMap;

use calendar::{LocalDay, SlotLength, Timestamp};
use units::{Energy, Money};

use super::{Tariff, between_neighbours};
use crate::bill::{self, Carried, Line};
use crate::plan::{Places, mean_price};
use crate::sheet::{Class, Pricing, Sheet};
use crate::{Exact, Plan, Refusal, Series, Unit, UnitPrice};

/// 10^-9 kWh of a Wh.
const NANO_KWH_OF_WH: i64 = 1_000_000;
/// Minutes of an interval where clocks change by less than a slot.
const FINE_MINUTES: u32 = 30;

/// Energy of a connection point in one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flow {
    /// Taken from the grid, as the meter has it.
    pub import: Energy,
    /// What of it came from neighbours; more than the import counts as all of it.
    pub bought: Energy,
    /// Fed into the grid, without what neighbours bought of it.
    pub export: Energy,
    /// Whether nobody has measured it: it sets no peak.
    pub estimated: bool,
}

/// Which charge of the sheet a line is of, by places in its lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// `fixed[.0]`.
    Fixed(usize),
    /// `energy[charge]`, its period, its tier.
    Energy {
        /// Among the sheet's charges on the retailer's energy.
        charge: usize,
        /// In the charge.
        period: usize,
        /// In the period.
        tier: usize,
    },
    /// `demand[charge]`, its period, its tier.
    Demand {
        /// In the sheet.
        charge: usize,
        /// In the charge.
        period: usize,
        /// In the period.
        tier: usize,
    },
    /// `export`, its period, its tier.
    Export {
        /// In the export's prices.
        period: usize,
        /// In the period.
        tier: usize,
    },
    /// Credit of earlier months that pays charges of this one.
    CarriedOver,
    /// What the bank pays out at the end of its year.
    PaidOut,
    /// What is missing to the least that is charged.
    Minimum,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RatedLine {
    /// Which charge.
    pub source: Source,
    /// What for.
    pub class: Class,
    /// What is counted.
    pub unit: Unit,
    /// In 10^-9 of the unit; below zero for a credit.
    pub quantity: i128,
    /// Per unit; a mean where `is_series`.
    pub price: UnitPrice,
    /// Whether each slot has a price of its own.
    pub is_series: bool,
    /// Before it rounds.
    pub exact: Exact,
    /// As a bill shows it.
    pub amount: Money,
    /// When the window of the peak began, for demand.
    pub peak_at: Option<Timestamp>,
    /// How many windows of demand set no peak because energy in them was estimated.
    pub left_out: u32,
}

/// What a span comes to, without taxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rated {
    /// The lines, in the order of a bill.
    pub lines: Vec<RatedLine>,
    /// What goes on to the next bill.
    pub closing: Carried,
}

impl Tariff {
    /// Rates the local days `[from, to)`, going on from `opening`. A slot without a flow has none;
    /// a slot is rated by the period that holds at its start.
    ///
    /// A charge has one line, also over several months, but for power: each month has its peak.
    ///
    /// # Errors
    /// [`Refusal`] where energy or amounts do not fit, or a slot is not of the span.
    pub fn rate(
        &self,
        (from, to): (LocalDay, LocalDay),
        length: SlotLength,
        flows: &BTreeMap<Timestamp, Flow>,
        opening: &Carried,
    ) -> Result<Rated, Refusal> {
        let plan = self.plan((from, to), u32::from(length.minutes()))?;
        let bill = bill::rate(&plan, &series(&plan, flows)?, opening)?;
        let items = &plan.sheets[0].items;
        let mut lines: Vec<RatedLine> = Vec::new();
        for line in bill.months.iter().flat_map(|month| &month.lines) {
            let line = rated(&plan, items, line);
            let known = lines.iter_mut().find(|known| {
                known.source == line.source && line.peak_at.is_none() && line.unit != Unit::Money
            });
            match known {
                Some(known) => known.add(&line, self.head().currency_digits)?,
                None => lines.push(line),
            }
        }
        lines.sort_by_key(|line| line.class);
        Ok(Rated { lines, closing: bill.closing })
    }

    /// The sheet laid out over the days, without what is due between neighbours and without taxes.
    fn plan(&self, days: (LocalDay, LocalDay), minutes: u32) -> Result<Plan, Refusal> {
        let mut sheet = self.sheet().clone();
        sheet.energy.retain(|charge| !between_neighbours(charge));
        sheet.taxes.clear();
        // Which version holds is the caller's knowledge.
        sheet.valid_from = None;
        let zone = &self.head().timezone;
        let laid_out = |sheet: Sheet, minutes| Plan::new(vec![sheet], zone, days, minutes, &[]);
        match laid_out(sheet.clone(), minutes) {
            Err(Refusal::UnevenDay { .. }) if minutes.is_multiple_of(FINE_MINUTES) => {
                let window = u16::try_from(minutes).unwrap_or(u16::MAX);
                sheet.demand_window = sheet.demand_window.max(Some(window));
                laid_out(sheet, FINE_MINUTES)
            }
            other => other,
        }
    }
}

/// Flows in the intervals of a plan.
fn series(plan: &Plan, flows: &BTreeMap<Timestamp, Flow>) -> Result<Series<'static>, Refusal> {
    let count = plan.intervals();
    let (mut import, mut bought, mut export) = (vec![0; count], vec![0; count], vec![0; count]);
    let mut estimated = vec![false; count];
    let seconds = i64::from(plan.interval_minutes()) * 60;
    let (start, expected) = (plan.moment(0), count);
    for (at, flow) in flows {
        let place = at.seconds_since(start).div_euclid(seconds);
        let place = usize::try_from(place).ok().filter(|place| *place < count);
        let place = place.ok_or(Refusal::Intervals { expected, got: flows.len() })?;
        let parts = [
            (&mut import, flow.import),
            (&mut bought, flow.bought.min(flow.import)),
            (&mut export, flow.export),
        ];
        for (sum, energy) in parts {
            let nano =
                i64::try_from(energy.wh()).ok().and_then(|wh| wh.checked_mul(NANO_KWH_OF_WH));
            let more = nano.and_then(|nano| nano.checked_add(sum[place]));
            sum[place] = more.ok_or(Refusal::Overflow)?;
        }
        estimated[place] |= flow.estimated;
    }
    Series::metered(import, export)?.with_local("", bought)?.with_estimated(estimated)
}

fn rated(plan: &Plan, items: &Places, line: &Line) -> RatedLine {
    let source = source(items, line.item, plan.sheets[0].sheet.export.is_some());
    let sheet = &plan.sheets[0].sheet;
    let pricing = match source {
        Source::Energy { charge, .. } => sheet.energy.get(charge).map(|charge| &charge.pricing),
        Source::Export { .. } => sheet.export.as_ref().and_then(|export| export.price.as_ref()),
        _ => None,
    };
    RatedLine {
        source,
        class: line.class,
        unit: plan.item(line.item).map_or(Unit::Money, |item| item.unit),
        quantity: line.quantity,
        price: line.price,
        is_series: matches!(pricing, Some(Pricing::Dynamic(_))),
        exact: line.exact,
        amount: line.amount,
        peak_at: line.peak_at.map(|place| plan.moment(place)),
        left_out: line.left_out,
    }
}

/// Which charge an item is of: items stand in the order of a bill's classes.
fn source(items: &Places, item: usize, exports: bool) -> Source {
    let within = |rows: &[Vec<usize>]| {
        let firsts = rows.iter().enumerate().flat_map(|(charge, periods)| {
            periods.iter().enumerate().map(move |(period, first)| (charge, period, *first))
        });
        firsts.take_while(|(_, _, first)| *first <= item).last()
    };
    if item >= items.minimum {
        return Source::Minimum;
    }
    if exports && item >= items.carried {
        return if item == items.carried { Source::CarriedOver } else { Source::PaidOut };
    }
    let export = items.export.iter().rposition(|first| *first <= item);
    if let Some(period) = export {
        return Source::Export { period, tier: item - items.export[period] };
    }
    if let Some((charge, period, first)) = within(&items.demand) {
        return Source::Demand { charge, period, tier: item - first };
    }
    if let Some((charge, period, first)) = within(&items.energy) {
        return Source::Energy { charge, period, tier: item - first };
    }
    Source::Fixed(item - items.fixed)
}

impl RatedLine {
    /// The same charge in another month.
    fn add(&mut self, more: &RatedLine, digits: u8) -> Result<(), Refusal> {
        self.quantity = self.quantity.checked_add(more.quantity).ok_or(Refusal::Overflow)?;
        self.exact = self.exact.plus(more.exact)?;
        self.amount = self.exact.rounded(u32::from(digits))?;
        if self.is_series {
            self.price = mean_price(self.exact.atto().abs(), self.quantity.abs());
        }
        Ok(())
    }
}

//! Rates a load on a plan: lines, exact and rounded, month by month.
//!
//! ```text
//! for each month
//!   for each part   standing charges -> peaks -> energy by period and tier -> demand
//!   then            credits of export and of earlier months, minimum, payouts, taxes
//! ```
//!
//! A line is a quantity at a price. Its amount is exact until it rounds once, half away from zero,
//! at the minor unit; totals add what the lines show, so a reader can add them up. What is carried
//! from month to month (banks, peaks, blocks by quarter) goes in as [`Carried`] and comes out.
//!
//! Conventions that tariffs leave open, and where they are from:
//! * A part of a month pays its days' share of monthly amounts and limits.
//! * Net metering nets each period for itself; a surplus goes to the period of the same hours
//!   (SAM's utility rate model, NREL). What is paid out at the year's end is the surplus over all
//!   periods.
//! * Money that is carried over pays charges per kWh, not standing or demand charges.
//! * A credit does not eat up a minimum charge, and a payout comes after it.
//! * Estimated energy is charged per kWh and sets no peak: a window of demand with some of it is
//!   left out, and the line says how many were. A period without a measured window has no peak.

mod closing;
mod credit;
mod demand;
mod energy;
mod tiers;

use calendar::LocalDay;
use serde::{Deserialize, Serialize};
use units::Money;

use crate::plan::{Month, Part};
use crate::sheet::{Class, Per};
use crate::{Exact, Plan, Refusal, Series, UnitPrice};

/// The highest energy in a bank or a count, in 10^-9 kWh: a thousand million kWh.
const CARRIED_ENERGY_MAX: i64 = 1_000_000_000_000_000_000;
/// The highest sum of money or surplus that is carried, in the parts that it is counted in.
const CARRIED_SUM_MAX: u128 = 10_u128.pow(36);
/// The most days that a year's minimum has counted: parts of years whose end no bill had.
const CARRIED_DAYS_MAX: u32 = 1_000_000;
/// Peaks of so many months are kept.
const PEAKS_MAX: usize = 24;

/// What is carried from one bill to the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Carried {
    /// Surplus energy by netted charge and period, in 10^-9 kWh.
    pub banked: Vec<Vec<i64>>,
    /// Surplus energy over all periods since the last year's end, in 10^-9 kWh.
    #[serde(with = "as_text")]
    pub surplus: i128,
    /// Money that pays later charges.
    pub credit: Exact,
    /// Peaks of the months before, in 10^-9 kW, the latest last, each with its month (1 to 12).
    pub peaks: Vec<(u8, i64)>,
    /// Energy that counts for blocks of a quarter or a year, by charge and period.
    counted: Vec<Vec<i64>>,
    /// What the months of this year have cost, as the year's minimum sees it, and their days.
    year: (Exact, u32),
    /// The periods at fixed hours of the month before, by schedule.
    anchors: Vec<[u8; 4]>,
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// What for: the place in [`Plan::item`].
    pub item: usize,
    /// The class of the item.
    pub class: Class,
    /// In 10^-9 of the item's unit; below zero for a credit.
    pub quantity: i128,
    /// Per unit; a mean where a series has many. Never below zero where the quantity can be.
    pub price: UnitPrice,
    /// Quantity times price, before it rounds.
    pub exact: Exact,
    /// As the bill shows it.
    pub amount: Money,
    /// The interval of the peak, for demand.
    pub peak_at: Option<usize>,
    /// How many windows of demand in its period have no say in the peak, because energy in them
    /// was estimated.
    pub left_out: u32,
}

/// A month, or the part of it in the span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonthBill {
    /// The first day.
    pub first: LocalDay,
    /// The first day after it.
    pub end: LocalDay,
    /// Its lines, in the order of their classes.
    pub lines: Vec<Line>,
    /// Sum of the lines without value-added tax.
    pub net: Money,
    /// Value-added tax.
    pub vat: Money,
    /// What is to be paid; below zero is paid out.
    pub gross: Money,
    /// Sum of all lines before they round.
    pub exact: Exact,
    /// What the meter counted in and out, in 10^-9 kWh.
    pub import: i128,
    /// See `import`.
    pub export: i128,
    /// The highest power of a measured demand window, in 10^-9 kW, where the tariff asks for
    /// power.
    pub peak: Option<i64>,
}

/// Bills of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// The months, in order.
    pub months: Vec<MonthBill>,
    /// What goes on to the next bill.
    pub closing: Carried,
}

/// What is being rated, and what is known so far.
struct Rating<'a> {
    plan: &'a Plan,
    series: &'a Series<'a>,
    carried: Carried,
    scratch: energy::Scratch,
}

/// The month being rated.
#[derive(Default)]
struct Draft {
    lines: Vec<Line>,
    /// Charges per kWh on the grid's energy: exact and as shown.
    energy: (Exact, Money),
    /// What export has earned this month, to be banked: exact.
    earned: Exact,
    /// The month's peak that counts for the ratchet.
    counted_peak: i64,
    peak: Option<i64>,
    import: i128,
    /// The import without neighbours' energy.
    residual: i128,
    export: i128,
}

/// Rates `series` on `plan`, going on from `opening`.
///
/// # Errors
/// [`Refusal::Intervals`] when the load does not fill the span, [`Refusal::Carried`] for an opening
/// that no bill leaves, [`Refusal::NoPrice`] where a series has no price, [`Refusal::Overflow`].
pub fn rate(plan: &Plan, series: &Series<'_>, opening: &Carried) -> Result<Bill, Refusal> {
    let (expected, got) = (plan.intervals(), series.len());
    if expected != got {
        return Err(Refusal::Intervals { expected, got });
    }
    if !opening.is_plausible() {
        return Err(Refusal::Carried);
    }
    let scratch = energy::Scratch::default();
    let mut rating = Rating { plan, series, carried: opening.clone(), scratch };
    let mut months = Vec::with_capacity(plan.months.len());
    for month in &plan.months {
        months.push(rating.month(month)?);
    }
    Ok(Bill { months, closing: rating.carried })
}

impl Line {
    /// A line that is not of a peak.
    fn plain(
        (item, class): (usize, Class),
        (quantity, price): (i128, UnitPrice),
        (exact, amount): (Exact, Money),
    ) -> Line {
        Line { item, class, quantity, price, exact, amount, peak_at: None, left_out: 0 }
    }
}

impl Carried {
    /// Whether sums can go on from it: somebody else may have written it.
    fn is_plausible(&self) -> bool {
        let Carried { banked, surplus, credit, peaks, counted, year, .. } = self;
        let energies = banked.iter().chain(counted).flatten();
        let sums = [*surplus, credit.atto(), year.0.atto()];
        peaks.iter().all(|(month, _)| (1..=12).contains(month))
            && energies.into_iter().all(|energy| (0..=CARRIED_ENERGY_MAX).contains(energy))
            && sums.iter().all(|sum| sum.unsigned_abs() <= CARRIED_SUM_MAX)
            && year.1 <= CARRIED_DAYS_MAX
    }
}

impl Bill {
    /// The sum of what is to be paid.
    ///
    /// # Errors
    /// [`Refusal::Overflow`].
    pub fn gross(&self) -> Result<Money, Refusal> {
        Ok(Money::sum(self.months.iter().map(|month| month.gross))?)
    }
}

impl Rating<'_> {
    fn month(&mut self, month: &Month) -> Result<MonthBill, Refusal> {
        let mut draft = Draft { lines: Vec::with_capacity(24), ..Draft::default() };
        for part in &month.parts {
            self.standing(month, part, &mut draft)?;
            let peaks = self.part_peaks(part, &mut draft)?;
            let billing = self.billing_demand(month, part, &peaks);
            let at = energy::At { month, part, billing };
            self.part_energy(at, &mut draft)?;
            self.part_demand(month, part, &peaks, billing, &mut draft)?;
            self.carried.anchors.clone_from(&part.anchors);
        }
        self.credit(month, &mut draft)?;
        self.minimum(month, &mut draft)?;
        self.payout(month, &mut draft)?;
        self.taxes(month, &mut draft)?;
        self.remember(month, draft.counted_peak);
        Rating::total(month, draft)
    }

    /// Keeps the peak of a month for later ones; parts of a month that are billed apart have one.
    fn remember(&mut self, month: &Month, peak: i64) {
        let begins = month.first == month.first.month_start();
        match self.carried.peaks.last_mut() {
            Some((number, known)) if *number == month.number && !begins => {
                *known = peak.max(*known);
            }
            _ => self.carried.peaks.push((month.number, peak)),
        }
        if self.carried.peaks.len() > PEAKS_MAX {
            self.carried.peaks.remove(0);
        }
    }

    /// Standing charges.
    fn standing(&mut self, month: &Month, part: &Part, draft: &mut Draft) -> Result<(), Refusal> {
        let layout = &self.plan.sheets[part.layout];
        for (place, fixed) in layout.sheet.fixed.iter().enumerate() {
            let divisor = divisor(fixed.per, month);
            let item = layout.items.fixed + place;
            self.line(draft, item, i128::from(part.days) * 1_000_000_000, fixed.amount, divisor)?;
        }
        Ok(())
    }

    /// Adds a line of `quantity / divisor` at `price`. A negative price becomes a negative quantity
    /// at a positive one, as invoices have it (EN 16931, BR-27).
    fn line(
        &self,
        draft: &mut Draft,
        item: usize,
        quantity: i128,
        price: UnitPrice,
        divisor: u32,
    ) -> Result<(Exact, Money), Refusal> {
        let (quantity, price) = match price.is_negative() {
            true => (-quantity, price.negated()?),
            false => (quantity, price),
        };
        let (exact, amount) = price.cost(quantity, divisor, self.digits())?;
        let quantity = if divisor == 1 {
            quantity
        } else {
            // What is shown of a part of a month.
            let (over, half) = (i128::from(divisor), i128::from(divisor / 2));
            (quantity + if quantity < 0 { -half } else { half }) / over
        };
        let class = self.class(item);
        draft.lines.push(Line::plain((item, class), (quantity, price), (exact, amount)));
        Ok((exact, amount))
    }

    fn digits(&self) -> u32 {
        self.plan.currency().1
    }

    fn class(&self, item: usize) -> Class {
        self.plan.item(item).map_or(Class::Credit, |item| item.class)
    }
}

/// An integer of any size as a text.
mod as_text {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &i128, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<i128, D::Error> {
        String::deserialize(from)?.parse().map_err(Error::custom)
    }
}

/// How many days the amount of a period is spread over.
fn divisor(per: Per, month: &Month) -> u32 {
    match per {
        Per::Day => 1,
        Per::Month => month.of,
        Per::Year => month.year_days,
    }
}

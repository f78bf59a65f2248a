//! What the retailer and the grid charge and pay, by the tariff.
//!
//! Energy that was shared out of a longer span is charged as any other, and sets no peak.

use std::collections::BTreeMap;

use calendar::{Slot, Timestamp};
use reading::Quality;
use tariff::bill::Carried;
use tariff::{EnergyCharge, Exact, Flow, On, Pricing, RatedLine, Source, Unit};
use units::{Decimal, Energy, Money};

use super::lines::{drawn, input};
use super::{BillError, CarriedOver, Class, Facts, Input, Line, Side};

/// What the only standing charge is called.
pub(super) const STANDING: &str = "Standing charge";
/// What the grid's fees on the retailer's energy are called.
pub(super) const GRID: &str = "Grid, energy from your supplier";

/// The lines of the tariff, not rounded yet, and what goes on to the next invoice.
pub(super) fn lines(facts: &Facts<'_>) -> Result<(Vec<Line>, Option<CarriedOver>), BillError> {
    let (tariff, period) = (facts.tariff, facts.period);
    let (from, to) = (period.from, period.to);
    if tariff.is_monthly() && from.month_start() != to.month_start() {
        return Err(BillError::Months);
    }
    let id = &tariff.head().id;
    let before = facts.before.filter(|carried| carried.tariff == *id);
    let opening = before.map(|carried| carried.state.clone());
    let opening: Carried = opening.unwrap_or_default();
    let rated = tariff.rate((from, to.next()), facts.slot_length, &flows(facts)?, &opening)?;
    let lines = rated.lines.iter().map(|line| written(facts, line));
    let lines = lines.collect::<Result<Vec<_>, BillError>>()?;
    let carried = CarriedOver { tariff: id.clone(), state: rated.closing };
    Ok((lines, tariff.carries().then_some(carried)))
}

/// What flowed in each slot. Where neighbours delivered more than the meter shows, they are taken
/// at their word up to what it shows, and nothing is left of it.
fn flows(facts: &Facts<'_>) -> Result<BTreeMap<Timestamp, Flow>, BillError> {
    let mut traded: BTreeMap<(Side, Timestamp), Energy> = BTreeMap::new();
    for trade in facts.trades {
        let sum = traded.entry((trade.side, trade.slot)).or_default();
        *sum = sum.plus(trade.delivered)?;
    }
    let delivered = |side, slot: Slot| traded.get(&(side, slot.start)).copied().unwrap_or_default();
    let flow = |slot: Slot| {
        let used = facts.used.get(&slot.start)?;
        let (bought, sold) = (delivered(Side::Buyer, slot), delivered(Side::Seller, slot));
        // Shared out evenly over a longer span, it may be far from the power that was drawn.
        let estimated = used.quality == Quality::Substituted;
        let (import, export) = (used.import, used.export.less(sold));
        Some((slot.start, Flow { import, bought, export, estimated }))
    };
    Ok(facts.slots().filter_map(flow).collect())
}

fn written(facts: &Facts<'_>, line: &RatedLine) -> Result<Line, BillError> {
    let (class, label) = named(facts, line.source);
    let digits = u32::from(facts.tariff.head().currency_digits);
    let exact = match line.unit {
        // What such a line is of was rounded before.
        Unit::Money => line.amount,
        _ => to_money(line.exact, line.amount, digits)?,
    };
    let (formula, mut inputs) = trace(line);
    if let Some(at) = line.peak_at {
        inputs.push(input("window of the peak", at));
    }
    if line.left_out > 0 {
        inputs.push(input("windows left out, with estimated energy", line.left_out));
    }
    let head = facts.tariff.head();
    inputs.push(input("tariff", format!("{}, version {}", head.name, head.version)));
    Ok(drawn(class, label, exact, formula, inputs))
}

/// The exact amount to 1e-9 currency, cut off so that it rounds to the same `amount`.
fn to_money(exact: Exact, amount: Money, digits: u32) -> Result<Money, BillError> {
    let n = i64::try_from(exact.atto() / 1_000_000_000).map_err(|_| BillError::Overflow)?;
    let money = Money::from_n(n);
    if money.rounded(digits)? == amount {
        return Ok(money);
    }
    // What was exact in more than 18 decimals was below the half that it seemed to be.
    Ok(Money::from_n(n - n.signum()))
}

/// How the amount follows from a quantity and a price.
fn trace(line: &RatedLine) -> (&'static str, Vec<Input>) {
    // A credit is so much, at a price; that it is one is said by the line.
    let credit = line.class == tariff::Class::Credit;
    let shown = if credit { -line.quantity } else { line.quantity };
    let amount = Decimal::new(shown, 9);
    match line.unit {
        Unit::KilowattHour if line.is_series => (
            "sum over the slots of energy x price of the slot",
            vec![input("energy", format!("{amount} kWh")), input("mean price per kWh", line.price)],
        ),
        Unit::KilowattHour => (
            "energy x price",
            vec![input("energy", format!("{amount} kWh")), input("price per kWh", line.price)],
        ),
        Unit::Kilowatt => (
            "power x price",
            vec![input("power", format!("{amount} kW")), input("price per kW", line.price)],
        ),
        Unit::Day => (
            "days x charge per day",
            vec![input("days", amount), input("charge per day", line.price)],
        ),
        Unit::Month => (
            "months x charge per month",
            vec![input("months", amount), input("charge per month", line.price)],
        ),
        Unit::Year => (
            "years x charge per year",
            vec![input("years", amount), input("charge per year", line.price)],
        ),
        Unit::Money if line.source == Source::Minimum => {
            ("least charge - what is charged", vec![input("missing", line.amount)])
        }
        Unit::Money if line.source == Source::PaidOut => {
            ("what the bank holds at the end of its year", vec![input("credit", line.amount)])
        }
        Unit::Money => {
            ("what was carried over, up to what energy costs", vec![input("credit", line.amount)])
        }
    }
}

/// Class and words of a charge.
fn named(facts: &Facts<'_>, source: Source) -> (Class, String) {
    let sheet = facts.tariff.sheet();
    match source {
        Source::Fixed(place) => {
            let alone = sheet.fixed.len() == 1;
            let name = sheet.fixed.get(place).filter(|_| !alone).map(|fixed| fixed.name.clone());
            (Class::Fixed, name.unwrap_or_else(|| STANDING.to_owned()))
        }
        Source::Energy { charge, period, tier } => match on_residual(facts).nth(charge) {
            Some(charge) => of_charge(facts, charge, period, Some(tier)),
            None => (Class::Retail, String::new()),
        },
        Source::Demand { charge, period, tier } => {
            let charge = &sheet.demand[charge];
            let name = (sheet.demand.len() > 1).then_some(&*charge.name);
            let periods = (charge.periods.len() > 1).then(|| &*charge.periods[period].name);
            let block = (charge.periods[period].tiers.len() > 1).then_some(tier);
            (Class::Demand, joined("Power", [name, periods], block))
        }
        Source::Export { period, tier } => {
            let pricing = sheet.export.as_ref().and_then(|export| export.price.as_ref());
            let (period, blocks) = pricing.map_or((None, 1), |pricing| within(pricing, period));
            let block = (blocks > 1).then_some(tier);
            (Class::FeedIn, joined("Fed into the grid", [None, period], block))
        }
        Source::CarriedOver => (Class::Banked, "Credit of energy fed in".to_owned()),
        Source::PaidOut => (Class::Banked, "Paid out: what is left of energy fed in".to_owned()),
        Source::Minimum => (Class::Minimum, "Up to the least charge".to_owned()),
    }
}

/// Charges on what is left of the import, in the order in which they are rated.
fn on_residual<'a>(facts: &Facts<'a>) -> impl Iterator<Item = &'a EnergyCharge> {
    facts.tariff.sheet().energy.iter().filter(|charge| charge.on == On::Residual)
}

/// Class and words of a charge per kWh in one of its periods; without a tier, those of all blocks.
fn of_charge(
    facts: &Facts<'_>,
    charge: &EnergyCharge,
    period: usize,
    tier: Option<usize>,
) -> (Class, String) {
    let alike = on_residual(facts).filter(|other| other.class == charge.class).count();
    let (class, words) = match charge.class {
        tariff::Class::Network => (Class::Network, GRID),
        tariff::Class::Levy => (Class::Levy, &*charge.name),
        _ => (Class::Retail, "Energy from your supplier"),
    };
    let name = (alike > 1 && class != Class::Levy).then_some(&*charge.name);
    let (period, blocks) = within(&charge.pricing, period);
    (class, joined(words, [name, period], tier.filter(|_| blocks > 1)))
}

/// The name of a period, if it has one, and how many blocks it has.
fn within(pricing: &Pricing, period: usize) -> (Option<&str>, usize) {
    match pricing {
        Pricing::Periods(periods) => {
            let period = &periods.periods[period];
            ((!period.name.is_empty()).then_some(&*period.name), period.tiers.len())
        }
        Pricing::Dynamic(_) => (None, 1),
    }
}

fn joined(words: &str, parts: [Option<&str>; 2], block: Option<usize>) -> String {
    let mut label = words.to_owned();
    for part in parts.into_iter().flatten() {
        label.push_str(", ");
        label.push_str(part);
    }
    match block {
        Some(block) => format!("{label}, block {}", block + 1),
        None => label,
    }
}

/// Whether a line of the tariff rests on the energy of `slot`: that of a charge with periods only
/// on slots of its own.
pub fn rests_on(line: &Line, facts: &Facts<'_>, slot: Slot) -> bool {
    let mut known = false;
    for charge in on_residual(facts) {
        let Pricing::Periods(periods) = &charge.pricing else { continue };
        let holds = facts.tariff.period(periods, slot);
        for period in 0..periods.periods.len() {
            let (class, label) = of_charge(facts, charge, period, None);
            let rest = line.label.strip_prefix(&label).filter(|_| class == line.class);
            if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(", block ")) {
                if period == holds {
                    return true;
                }
                known = true;
            }
        }
    }
    !known
}

//! The second program. It shares nothing with what it checks: it knows the clocks of Berlin by
//! heart, walks hour by hour, and adds up amounts as whole numbers.

use std::collections::BTreeMap;

use tariff::Class;

use super::{Bank, Case, Export, Leftover, Terms};

pub(super) const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;
/// 2026-03-29 and 2026-10-25, at one o'clock in UTC.
const SUMMER: std::ops::Range<i64> = 1_774_746_000..1_792_890_000;
/// Amounts are in so many parts of 10^-15: each month's number of days divides them.
const PARTS: i128 = 28 * 30 * 31;
/// One cent.
const CENT: i128 = 10_000_000_000_000 * PARTS;
/// 10^-9 kWh of a Wh.
const WH: i128 = 1_000_000;

/// An hour, and what the clocks of Berlin show as it begins.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) utc: i64,
    /// Local day, in days since 1970.
    pub(super) day: i64,
    pub(super) hour: usize,
}

impl Clock {
    fn at(utc: i64) -> Clock {
        let local = utc + if SUMMER.contains(&utc) { 2 * HOUR } else { HOUR };
        let hour = usize::try_from(local.rem_euclid(DAY) / HOUR).unwrap();
        Clock { utc, day: local.div_euclid(DAY), hour }
    }

    /// The hours of some local days.
    pub(super) fn hours((from, to): (u32, u32)) -> impl Iterator<Item = Clock> {
        let (from, to) = (i64::from(from), i64::from(to));
        let around = (from * DAY - 2 * HOUR)..(to * DAY);
        let hours = around.step_by(usize::try_from(HOUR).unwrap()).map(Clock::at);
        hours.filter(move |clock| (from..to).contains(&clock.day))
    }

    /// Year, month and day of the month.
    pub(super) fn date(days: i64) -> (i64, u8, i64) {
        let mut year = 1970;
        let mut left = days;
        let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        while left >= 365 + i64::from(leap(year)) {
            left -= 365 + i64::from(leap(year));
            year += 1;
        }
        let february = 28 + i64::from(leap(year));
        let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 0;
        while left >= lengths[month] {
            left -= lengths[month];
            month += 1;
        }
        (year, u8::try_from(month + 1).unwrap(), left + 1)
    }

    /// Saturday or Sunday: 1970 began with a Thursday.
    fn is_weekend(self) -> bool {
        (self.day + 3).rem_euclid(7) >= 5
    }
}

pub(super) struct Month {
    pub(super) lines: Vec<(Class, i128)>,
    pub(super) net: i128,
    pub(super) vat: i128,
    /// 10^-9 kW.
    pub(super) peak: Option<i128>,
}

pub(super) struct Bill {
    pub(super) months: Vec<Month>,
    /// 10^-18.
    pub(super) credit: i128,
    /// 10^-9 kWh.
    pub(super) surplus: i128,
    pub(super) banked: i128,
}

/// Half away from zero, in cents.
fn rounded(amount: i128) -> i128 {
    let whole = (amount.abs() * 2 + CENT) / (CENT * 2);
    if amount < 0 { -whole } else { whole }
}

/// The hours of a version in a month: places in the load, with their clocks.
struct Part<'c> {
    terms: &'c Terms,
    hours: Vec<(usize, Clock)>,
    days: i128,
}

/// What goes on from month to month.
#[derive(Default)]
struct Carried {
    credit: i128,
    surplus: i128,
    /// By charge and period.
    banked: BTreeMap<(usize, usize), i128>,
    peaks: Vec<i128>,
}

/// A month as it grows: amounts and their cents by class.
#[derive(Default)]
struct Draft {
    lines: Vec<(Class, i128, i128)>,
    /// What energy costs: exact, in cents.
    energy: (i128, i128),
    earned: i128,
    peak: Option<i128>,
    counted: i128,
}

impl Draft {
    fn add(&mut self, class: Class, amount: i128) {
        self.lines.push((class, amount, rounded(amount)));
    }

    fn add_energy(&mut self, class: Class, amount: i128) {
        self.add(class, amount);
        self.energy = (self.energy.0 + amount, self.energy.1 + rounded(amount));
    }

    fn sum(&self, of: impl Fn(Class) -> bool) -> (i128, i128) {
        let lines = self.lines.iter().filter(|(class, ..)| of(*class));
        lines.fold((0, 0), |sum, (_, exact, cents)| (sum.0 + exact, sum.1 + cents))
    }
}

pub(super) fn bill(case: &Case) -> Bill {
    let mut months: BTreeMap<(i64, u8), Vec<(usize, Clock)>> = BTreeMap::new();
    for (place, clock) in Clock::hours(case.span).enumerate() {
        let (year, month, _) = Clock::date(clock.day);
        months.entry((year, month)).or_default().push((place, clock));
    }
    let mut carried = Carried::default();
    let months = months.into_iter().map(|((year, month), hours)| {
        let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        let length = number_of(next) - number_of((year, month));
        let ends = i64::from(case.span.1) >= number_of(next);
        one_month(case, (month, i128::from(length), ends), &hours, &mut carried)
    });
    let months = months.collect();
    let credit = carried.credit * 1_000 / PARTS;
    let banked = carried.banked.values().sum();
    Bill { months, credit, surplus: carried.surplus, banked }
}

/// Days from 1970 to the first of a month, counted one by one.
fn number_of((year, month): (i64, u8)) -> i64 {
    let mut day = (year - 1970) * 365;
    while Clock::date(day) != (year, month, 1) {
        day += 1;
    }
    day
}

fn parts<'c>(case: &'c Case, hours: &[(usize, Clock)]) -> Vec<Part<'c>> {
    let change = case.change.map_or(i64::MAX, i64::from);
    let (before, after): (Vec<_>, Vec<_>) = hours.iter().partition(|(_, clock)| clock.day < change);
    let part = |(hours, terms): (Vec<(usize, Clock)>, &'c Terms)| {
        let days = hours.last()?.1.day - hours.first()?.1.day + 1;
        Some(Part { terms, hours, days: i128::from(days) })
    };
    [before, after].into_iter().zip(&case.versions).filter_map(part).collect()
}

fn one_month(
    case: &Case,
    (month, length, ends): (u8, i128, bool),
    hours: &[(usize, Clock)],
    carried: &mut Carried,
) -> Month {
    let mut draft = Draft::default();
    let parts = parts(case, hours);
    for part in &parts {
        let (monthly, amount) = part.terms.fixed;
        draft.add(Class::Fixed, per(monthly, amount, part.days, length));
        let billing = billing(case, part, carried, &mut draft);
        energy(case, part, carried, &mut draft);
        earn(case, part, &mut draft);
        if let (Some(price), Some(power)) = (part.terms.power, billing) {
            draft.add(Class::Demand, price * power * part.days * (PARTS / length));
        }
    }
    let year_ends = ends && month == case.year_end;
    credit(case, (hours, year_ends), carried, &mut draft);
    least(case, &parts, length, &mut draft);
    if year_ends {
        payout(case, carried, &mut draft);
    }
    let (_, base) = draft.sum(|class| class != Class::Credit);
    let vat = rounded(base * case.tax * CENT / 100);
    carried.peaks.push(draft.counted);
    let mut lines: Vec<(Class, i128)> =
        draft.lines.iter().map(|(class, _, cents)| (*class, *cents)).collect();
    let net = draft.sum(|_| true).1;
    lines.push((Class::Vat, vat));
    lines.retain(|(_, cents)| *cents != 0);
    lines.sort_unstable();
    Month { lines, net, vat, peak: draft.peak }
}

/// An amount per day or per month, for some of its days.
fn per(monthly: bool, amount: i128, days: i128, length: i128) -> i128 {
    let over = if monthly { length } else { 1 };
    amount * 1_000_000_000 * days * (PARTS / over)
}

/// What power is charged by; nothing where no hour was measured and nothing else counts.
fn billing(case: &Case, part: &Part<'_>, carried: &Carried, draft: &mut Draft) -> Option<i128> {
    if case.ratchet.is_none() && part.terms.power.is_none() {
        return None;
    }
    let measured = part.hours.iter().filter(|(place, _)| !case.estimated[*place]);
    let peak = measured.map(|(place, _)| metered(case, *place) * WH).max();
    let own = peak.unwrap_or(0);
    draft.peak = draft.peak.max(Some(own));
    draft.counted = draft.counted.max(own);
    let Some((percent, months, minimum)) = case.ratchet else { return peak };
    let earlier = carried.peaks.iter().rev().take(months);
    let earlier = earlier.map(|peak| peak * percent / 100).max().unwrap_or(0);
    Some(earlier.max(own).max(minimum))
}

/// What the meter that power is charged by shows of an hour.
fn metered(case: &Case, place: usize) -> i128 {
    case.taken[place]
}

fn period(case: &Case, clock: Clock) -> usize {
    case.table[usize::from(clock.is_weekend())][clock.hour]
}

fn energy(case: &Case, part: &Part<'_>, carried: &mut Carried, draft: &mut Draft) {
    let nets = matches!(case.export, Export::NetMetering(_));
    for (charge, class) in [Class::Energy, Class::Network].into_iter().enumerate() {
        if charge == 0 && case.by_hour {
            let markup = part.terms.energy[0];
            let cost = |(place, _): &(usize, Clock)| {
                let price = (case.prices[*place] + markup).max(markup / 2);
                price * case.taken[*place]
            };
            draft.add_energy(class, part.hours.iter().map(cost).sum::<i128>() * WH * PARTS);
            continue;
        }
        let mut used = [0; 2];
        for (place, clock) in &part.hours {
            let period = if charge == 0 { period(case, *clock) } else { 0 };
            used[period] += case.taken[*place];
            if nets {
                used[period] -= case.given[*place];
            }
        }
        for (period, used) in used.into_iter().enumerate() {
            let mut left = used * WH;
            if nets {
                if case.export == Export::NetMetering(Bank::Energy) {
                    let bank = carried.banked.entry((charge, period)).or_default();
                    left -= *bank;
                    *bank = (-left).max(0);
                }
                left = left.max(0);
            }
            let price = if charge == 0 { part.terms.energy[period] } else { part.terms.grid };
            if left != 0 {
                draft.add_energy(class, left * price * PARTS);
            }
        }
    }
}

fn earn(case: &Case, part: &Part<'_>, draft: &mut Draft) {
    let sum = |of: &[i128]| part.hours.iter().map(|(place, _)| of[*place]).sum::<i128>();
    let (given, taken) = (sum(&case.given), sum(&case.taken));
    let (sold, banked) = match case.export {
        Export::Nothing | Export::NetMetering(Bank::Energy) => return,
        Export::FeedIn | Export::BuyAllSellAll | Export::NetBilling(None) => (given, false),
        Export::NetBilling(Some(_)) => (given, true),
        Export::NetMetering(Bank::None) => ((given - taken).max(0), false),
        Export::NetMetering(Bank::Money(_)) => ((given - taken).max(0), true),
    };
    let amount = sold * WH * part.terms.fed_in * PARTS;
    if banked {
        draft.earned += amount;
    } else {
        draft.add(Class::Credit, -amount);
    }
}

/// Whether earned money counts in its own month.
fn at_once(export: Export) -> Option<bool> {
    match export {
        Export::NetBilling(bank) => bank,
        Export::NetMetering(Bank::Money(at_once)) => Some(at_once),
        _ => None,
    }
}

fn credit(
    case: &Case,
    (hours, year_ends): (&[(usize, Clock)], bool),
    carried: &mut Carried,
    draft: &mut Draft,
) {
    if case.export == Export::NetMetering(Bank::Energy) {
        let left = |(place, _): &(usize, Clock)| case.given[*place] - case.taken[*place];
        carried.surplus = (carried.surplus + hours.iter().map(left).sum::<i128>() * WH).max(0);
        if let (true, Leftover::Credit(price)) = (year_ends, case.leftover) {
            carried.credit += carried.surplus * price * PARTS;
            (carried.surplus, carried.banked) = (0, BTreeMap::new());
        }
    }
    let banks = at_once(case.export);
    let mut pool = carried.credit;
    if banks == Some(true) {
        pool += draft.earned;
    }
    let due = draft.energy.0.max(0);
    let applied = pool.min(due);
    if applied > 0 {
        let cents = if applied == due { draft.energy.1 } else { rounded(applied) };
        draft.lines.push((Class::Credit, -applied, -cents));
    }
    carried.credit = pool - applied;
    if banks == Some(false) {
        carried.credit += draft.earned;
    }
}

/// What is missing to the least. What is sold apart does not make it less.
fn least(case: &Case, parts: &[Part<'_>], length: i128, draft: &mut Draft) {
    let apart = matches!(case.export, Export::FeedIn | Export::BuyAllSellAll);
    let (exact, cents) = draft.sum(|class| !(apart && class == Class::Credit));
    let (exact, cents) = (exact.max(0), cents.max(0));
    let mut least = (0, 0);
    for part in parts {
        let Some((monthly, amount)) = part.terms.least else { continue };
        let amount = per(monthly, amount, part.days, length);
        least = (least.0 + amount, least.1 + rounded(amount));
    }
    if least.0 > exact {
        draft.lines.push((Class::Minimum, least.0 - exact, least.1 - cents));
    }
}

fn payout(case: &Case, carried: &mut Carried, draft: &mut Draft) {
    if case.export == Export::NetMetering(Bank::Energy) {
        if let Leftover::Pay(price) = case.leftover {
            draft.add(Class::Credit, -carried.surplus * price * PARTS);
        }
        if matches!(case.leftover, Leftover::Pay(_) | Leftover::Expire) {
            (carried.surplus, carried.banked) = (0, BTreeMap::new());
        }
    } else if at_once(case.export).is_some() {
        if let Leftover::Pay(_) = case.leftover {
            draft.add(Class::Credit, -carried.credit);
        }
        if case.leftover != Leftover::Keep {
            carried.credit = 0;
        }
    }
}

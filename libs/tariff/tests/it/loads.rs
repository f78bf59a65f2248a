//! Loads, plans and sums that several tests need.

use calendar::{LocalDay, TimeZone};
use serde_json::Value;
use tariff::bill::{Bill, Carried, MonthBill, rate};
use tariff::{Plan, Series, Sheet};
use units::{Decimal, Money};

pub fn day(text: &str) -> LocalDay {
    text.parse().unwrap()
}

/// A sheet from its JSON.
pub fn sheet(json: &Value) -> Sheet {
    let document = tariff::read(&json.to_string(), None);
    let mut document = document.unwrap_or_else(|problems| panic!("{problems}\n{json}"));
    assert_eq!(document.sheets.len(), 1);
    document.sheets.remove(0)
}

pub fn plan(sheet: Sheet, zone: &str, from: &str, to: &str, minutes: u32) -> Plan {
    let zone: TimeZone = zone.parse().unwrap();
    Plan::new(vec![sheet], &zone, (day(from), day(to)), minutes, &[]).unwrap()
}

/// Rates without anything carried over.
pub fn rated(plan: &Plan, series: &Series<'_>) -> Bill {
    rate(plan, series, &Carried::default()).unwrap()
}

/// 10^-9 kWh.
pub fn wh(wh: i64) -> i64 {
    wh * 1_000_000
}

/// Energy of `total` spread over `count` intervals, exactly.
pub fn spread(total_wh: i64, count: usize) -> Vec<i64> {
    let (total, count_wide) = (wh(total_wh), i64::try_from(count).unwrap());
    let mut all = vec![total / count_wide; count];
    all[count - 1] += total - total / count_wide * count_wide;
    all
}

pub fn none(count: usize) -> Vec<i64> {
    vec![0; count]
}

pub fn money(text: &str) -> Money {
    Money::from_n(i64::try_from(text.parse::<Decimal>().unwrap().to_scale(9).unwrap()).unwrap())
}

/// The amounts of the lines.
pub fn amounts(month: &MonthBill) -> Vec<Money> {
    month.lines.iter().map(|line| line.amount).collect()
}

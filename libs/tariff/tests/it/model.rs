//! The variables of Utilityrate5, as a document and as loads.

use serde_json::{Value, json};
use tariff::bill::{Bill, Carried, rate};
use tariff::{Document, Plan, Series};
use units::Decimal;

use crate::loads::day;

/// A case's tariff.
pub fn tariff(inputs: &Value) -> Document {
    tariff::read(&inputs.to_string(), None).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The model's year: 8760 hours from a Monday, without daylight saving.
pub fn year(document: &Document, steps: u32) -> Plan {
    let span = (day("2018-01-01"), day("2019-01-01"));
    let zone = "UTC".parse().unwrap();
    Plan::new(document.sheets.clone(), &zone, span, 60 / steps, &[]).unwrap()
}

/// What goes on from the year before.
pub fn opening(inputs: &Value) -> Carried {
    let mut opening = Carried::default();
    if let Some(peaks) = inputs["ur_yearzero_usage_peaks"].as_array() {
        for (month, peak) in (1..).zip(peaks) {
            opening.peaks.push((month, kilo(&peak.to_string())));
        }
    }
    opening
}

/// The bill without generation, and with it.
pub fn bills(plan: &Plan, inputs: &Value, load: &[i64], generation: &[i64]) -> [Bill; 2] {
    // What a system takes at night is consumption.
    let taken = |kw: &i64| (-*kw).max(0);
    let with: Vec<i64> = load.iter().zip(generation).map(|(load, kw)| load + taken(kw)).collect();
    let made = generation.iter().map(|kw| (*kw).max(0)).collect();
    let opening = opening(inputs);
    let without = Series::behind_the_meter(load.to_vec(), vec![0; load.len()]).unwrap();
    let with = Series::behind_the_meter(with, made).unwrap();
    [without, with].map(|series| rate(plan, &series, &opening).unwrap())
}

/// 10^-9 of a number's unit.
pub fn kilo(text: &str) -> i64 {
    i64::try_from(text.parse::<Decimal>().unwrap().rounded_to_scale(9).unwrap()).unwrap()
}

/// The exact sums of the months, in currency with six decimals.
pub fn months(bill: &Bill) -> Vec<i128> {
    bill.months.iter().map(|month| month.exact.decimal().rounded_to_scale(6).unwrap()).collect()
}

/// The first month that differs from amounts that a program with floats printed with `decimals`
/// decimals.
pub fn difference(got: &[i128], expected: &[Value], decimals: u32) -> Option<String> {
    assert_eq!(got.len(), expected.len());
    let unit = 10_i128.pow(6 - decimals);
    got.iter().zip(expected).enumerate().find_map(|(month, (got, expected))| {
        let text = expected.to_string();
        let expected = text.parse::<Decimal>().unwrap().rounded_to_scale(6).unwrap();
        let near = (got - expected).abs() <= unit / 2 + 5;
        (!near).then(|| format!("month {}: {got}, not {expected} (10^-6)", month + 1))
    })
}

/// Fails where [`difference`] finds one.
pub fn same(what: &str, got: &[i128], expected: &[Value], decimals: u32) {
    assert_eq!(difference(got, expected, decimals), None, "{what}");
}

/// Rows such as "111222..." as the model's schedule.
pub fn schedule(rows: &Value) -> Value {
    let row = |row: &Value| {
        let digits = row.as_str().unwrap().chars();
        Value::from(digits.map(|c| c.to_digit(10).unwrap()).collect::<Vec<u32>>())
    };
    json!(rows.as_array().unwrap().iter().map(row).collect::<Vec<Value>>())
}

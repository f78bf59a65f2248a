//! How fast loads are rated, on one core: `cargo run --release -p tariff --example rating`.
//!
//! Two figures: intervals a second on a tariff that is only time of use, and the time of a whole
//! customer-year with everything on it, down to its lines; each for one load that stays in the
//! cache and for many that come from memory. The plan is made once, as it is for any number of
//! customers; making it is shown too.
#![forbid(unsafe_code)]
#![expect(clippy::disallowed_types, reason = "figures for people")]

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use calendar::LocalDay;
use serde_json::{Value, json};
use tariff::bill::{Carried, rate};
use tariff::{Plan, Series};

/// Loads that are rated in turn: one that a cache holds, and more than one holds.
const CUSTOMERS: [usize; 2] = [1, 64];
/// Ratings that are timed together.
const ROUNDS: usize = 64;
/// Of how many times the best is taken: others work on the machine too.
const TRIES: usize = 300;

fn main() -> Result<(), Box<dyn Error>> {
    let tou = plan(&json!([charge()]), &json!({}), 15)?;
    let full = plan(&energy(), &everything(), 60)?;
    for customers in CUSTOMERS {
        println!("{customers} load(s) in turn");
        let (intervals, lines, seconds) = measure(&tou, customers)?;
        let rate = intervals as f64 / seconds / 1e6;
        let micro = seconds * 1e6;
        println!("  time of use: {rate:.0} million intervals/s ({micro:.1} us, {lines} lines)");
        let (intervals, lines, seconds) = measure(&full, customers)?;
        let micro = seconds * 1e6;
        println!("  customer-year: {micro:.1} us ({intervals} intervals, {lines} lines)");
    }
    let begun = Instant::now();
    black_box(plan(&energy(), &everything(), 60)?);
    println!("its plan: {:.0} us, once", begun.elapsed().as_secs_f64() * 1e6);
    Ok(())
}

/// Three periods by season and hour, as utilities have them.
fn charge() -> Value {
    json!({
        "periods": [
            { "name": "off-peak", "price": "0.11" },
            { "name": "mid-peak", "price": "0.19" },
            { "name": "peak", "price": "0.34" },
        ],
        "schedule": {
            "windows": [
                { "period": "peak", "from": "16:00", "to": "21:00", "days": ["weekday"],
                  "season": { "from": "06-01", "to": "09-30" } },
                { "period": "mid-peak", "from": "08:00", "to": "21:00", "days": ["weekday"] },
            ],
            "otherwise": "off-peak",
        },
    })
}

/// The same with tiers that fill as time goes by, a network fee and a levy.
fn energy() -> Value {
    let mut charge = charge();
    for period in ["0", "1", "2"] {
        let at = format!("/periods/{period}");
        let price = charge[&"periods"][period.parse::<usize>().unwrap_or(0)]["price"].clone();
        let name = charge.pointer(&format!("{at}/name")).cloned();
        if let Some(place) = charge.pointer_mut(&at) {
            *place = json!({ "name": name, "tiers": [
                { "max": 300, "price": price }, { "price": "0.41" },
            ] });
        }
    }
    charge["tiers"] = json!({ "across": "time" });
    json!([
        charge,
        { "name": "network", "class": "network", "price": "0.062" },
        { "name": "levy", "class": "levy", "price": "0.0205" },
    ])
}

/// Standing charge, demand, export, minimum and taxes.
fn everything() -> Value {
    json!({
        "fixed": [{ "per": "day", "amount": "0.35" }],
        "demand": [{ "price": "4.50" }],
        "export": { "mode": "net_billing", "price": "0.08", "bank": "money",
            "year_end": { "month": 12, "leftover": "pay" } },
        "minimum": [{ "per": "month", "amount": 10 }, { "per": "year", "amount": 150 }],
        "taxes": [
            { "name": "city", "class": "levy", "percent": 2, "on": ["energy"] },
            { "name": "VAT", "percent": 19 },
        ],
    })
}

fn plan(energy: &Value, more: &Value, minutes: u32) -> Result<Plan, Box<dyn Error>> {
    let mut sheet = json!({ "id": "bench", "currency": "EUR", "energy": energy });
    for (key, value) in more.as_object().into_iter().flatten() {
        sheet[key] = value.clone();
    }
    let document = tariff::read(&sheet.to_string(), None)?;
    let span: (LocalDay, LocalDay) = ("2025-01-01".parse()?, "2026-01-01".parse()?);
    Ok(Plan::new(document.sheets, &"Europe/Berlin".parse()?, span, minutes, &[])?)
}

/// Intervals and lines of a year, and the seconds it takes: the best of some tries.
fn measure(plan: &Plan, customers: usize) -> Result<(usize, usize, f64), Box<dyn Error>> {
    let loads: Vec<Series> =
        (1..=customers).map(|seed| load(plan, seed)).collect::<Result<_, _>>()?;
    let opening = Carried::default();
    let mut best = f64::MAX;
    let mut lines = 0;
    for _ in 0..TRIES {
        let begun = Instant::now();
        for load in loads.iter().cycle().take(ROUNDS) {
            let bill = rate(plan, black_box(load), &opening)?;
            lines = bill.months.iter().map(|month| month.lines.len()).sum();
            black_box(bill);
        }
        best = best.min(begun.elapsed().as_secs_f64() / ROUNDS as f64);
    }
    Ok((plan.intervals(), lines, best))
}

/// A home with PV at noon, from a seed.
fn load(plan: &Plan, seed: usize) -> Result<Series, tariff::Refusal> {
    let per_day = 1440 / i64::from(plan.interval_minutes());
    let mut state = seed as u64;
    let mut noise = |most: i64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as i64 % most
    };
    let (mut used, mut made) = (Vec::new(), Vec::new());
    for place in 0..plan.intervals() {
        let of_day = place as i64 % per_day * 24 / per_day;
        let sun = (30 - (of_day - 12).pow(2)).max(0) * 100;
        used.push((200 + noise(1_500)) * 24_000_000 / per_day);
        made.push(sun * noise(100) / 100 * 24_000_000 / per_day);
    }
    Series::behind_the_meter(used, made)
}

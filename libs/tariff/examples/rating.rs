//! How fast loads are rated, on one core: `cargo run --release -p tariff --example rating`.
//!
//! Intervals a second on a tariff that is only time of use, and the time of a whole customer-year
//! with everything on it, down to its lines; each for one load that stays in the cache and for many
//! that come from memory. Then the year that `just bench billing` holds beside PySAM. The plan is
//! made once, as it is for any number of customers; making it is shown too.
#![forbid(unsafe_code)]
#![expect(clippy::disallowed_types, reason = "figures for people")]

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use calendar::LocalDay;
use serde_json::{Value, json};
use tariff::bill::{Carried, rate};
use tariff::{Class, Plan, Series, Sheet, Tax, UnitPrice};

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
    let (plan_of_model, import, export) = model()?;
    let (mut best, mut lines) = (f64::MAX, 0);
    for _ in 0..TRIES {
        let begun = Instant::now();
        for _ in 0..ROUNDS {
            let series = Series::metered(black_box(&import[..]), black_box(&export[..]))?;
            let bill = rate(&plan_of_model, &series, &Carried::default())?;
            lines = bill.months.iter().map(|month| month.lines.len()).sum();
            black_box(bill);
        }
        best = best.min(begun.elapsed().as_secs_f64() / ROUNDS as f64);
    }
    let micro = best * 1e6;
    println!("the year of `just bench billing`, limits looked at: {micro:.1} us, {lines} lines");
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

/// The tariff and the customer of `just bench billing`: six periods of three tiers that fill as
/// time goes by, bought and sold, demand by time of use and flat; what the meter counts.
fn model() -> Result<(Plan, Vec<i64>, Vec<i64>), Box<dyn Error>> {
    let rows = |day: fn(bool) -> [u8; 24]| {
        Vec::from_iter((0..12).map(|month| day((5..9).contains(&month))))
    };
    let workday = |is_summer: bool| {
        std::array::from_fn(|hour| {
            let period = match hour {
                7..17 | 21 => 2,
                17..21 => 3,
                _ => 1,
            };
            if is_summer { period + 3 } else { period }
        })
    };
    let weekend = |is_summer: bool| {
        std::array::from_fn(|hour| {
            let period = if (8..22).contains(&hour) { 2 } else { 1 };
            if is_summer { period + 3 } else { period }
        })
    };
    let tiers = [(200.0, 0), (400.0, 30), (1e38, 70)];
    let energy = (1..=6_i32).flat_map(|period| {
        (1..).zip(tiers).map(move |(tier, (max, more))| {
            let (buy, sell) = (100 + 40 * period + more, 40 + 5 * period);
            json!([period, tier, max, 0, f64::from(buy) / 1e3, f64::from(sell) / 1e3])
        })
    });
    let demand: [u8; 24] = std::array::from_fn(|hour| if (8..20).contains(&hour) { 2 } else { 1 });
    let inputs = json!({
        "ur_metering_option": 2,
        "ur_ec_tou_mat": Vec::from_iter(energy),
        "ur_ec_sched_weekday": rows(workday),
        "ur_ec_sched_weekend": rows(weekend),
        "ur_monthly_fixed_charge": 12.5,
        "ur_nm_credit_month": 11,
        "ur_dc_enable": 1,
        "ur_dc_sched_weekday": vec![demand; 12],
        "ur_dc_sched_weekend": vec![[1; 24]; 12],
        "ur_dc_tou_mat": [
            [1, 1, 5.0, 1.5], [1, 2, 1e38, 2.25], [2, 1, 5.0, 4.4], [2, 2, 1e38, 6.4],
        ],
        "ur_dc_flat_mat": Vec::from_iter((0..12).map(|month| json!([month, 1, 1e38, 1.1]))),
    });
    let document = tariff::read(&inputs.to_string(), None)?;
    let vat = Tax {
        name: "VAT".to_owned(),
        class: Class::Vat,
        percent: UnitPrice::new(19, 0),
        on: vec![Class::Fixed, Class::Energy, Class::Demand],
        source: String::new(),
    };
    let taxed = |sheet| Sheet { taxes: vec![vat.clone()], ..sheet };
    let sheets = document.sheets.into_iter().map(taxed).collect();
    let span = ("2018-01-01".parse()?, "2019-01-01".parse()?);
    let plan = Plan::new(sheets, &"UTC".parse()?, span, 60, &[])?;
    let mut state: u64 = 1;
    let mut noise = |below: i64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as i64 % below
    };
    let (mut import, mut export) = (Vec::new(), Vec::new());
    for place in 0..8_760_i64 {
        let (hour, day) = (place % 24, place / 24);
        let evening = if (17..22).contains(&hour) { 1_500 } else { 0 };
        let load = 300 + (hour * 37 + day * 11) % 700 + evening + noise(1_500);
        let season = 60 + if day < 183 { day } else { 365 - day };
        let made = (36 - (hour - 12) * (hour - 12)).max(0) * season * noise(100) / 100;
        import.push((load - made).max(0) * 1_000_000);
        export.push((made - load).max(0) * 1_000_000);
    }
    Ok((plan, import, export))
}

/// Intervals and lines of a year, and the seconds it takes: the best of some tries.
fn measure(plan: &Plan, customers: usize) -> Result<(usize, usize, f64), Box<dyn Error>> {
    let loads: Vec<Series<'_>> =
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
fn load(plan: &Plan, seed: usize) -> Result<Series<'static>, tariff::Refusal> {
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

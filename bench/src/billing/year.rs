//! A year of a customer with a roof, hour by hour, beside PySAM's Utilityrate5 on one core: time of
//! use by season, tiers that fill as time goes by, demand by time of use and flat, net billing at
//! other prices, and ours with taxes and every line. Then the loops over intervals alone.
//!
//! Ours begins with what the meter at the grid has counted and looks at the limits of each
//! interval; the plan is made once for all customers of a tariff, as PySAM's inputs are set once. A
//! figure is processor time, the median of runs that are medians of many. Before taxes the bills of
//! all months are the same to the cent.

use std::ffi::OsStr;
use std::hint::black_box;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tariff::bill::{Bill, Carried, rate};
use tariff::{Class, Plan, Series, Sheet, Tax, UnitPrice};
use units::Decimal;

use crate::measure::{Pair, RUNS, alternate, count, median, worked};
use crate::python::{Python, folder};
use crate::report::Row;

/// What the peer stands on.
const PACKAGES: [&str; 1] = ["NREL-PySAM==7.1.1.post1"];
const PROGRAM: &str = "billing/year.py";
/// How often a run rates the year.
const REPEATS: u32 = 300;
/// How many times faster than PySAM we want to be.
const GOAL: f64 = 100.0;
/// Intervals a second that the loops are to do.
const INTERVALS_PER_SECOND: f64 = 100e6;
/// How often a run rates the year of minutes.
const REPEATS_OF_MINUTES: u32 = 20;
const HOURS: i64 = 8_760;

/// What the program says of its runs.
#[derive(Deserialize)]
struct Told {
    seconds: Vec<f64>,
    /// What each month costs.
    months: Vec<f64>,
}

/// A year of watts by hour.
struct Load {
    load: Vec<i64>,
    generation: Vec<i64>,
}

pub(super) fn rows() -> Result<Vec<Row>> {
    let python = Python::install("python-billing", &PACKAGES)?;
    let (inputs, load) = (inputs(), Load::new());
    let file = folder().join("billing-year.json");
    let case = json!({ "inputs": inputs, "load": load.load, "generation": load.generation });
    std::fs::write(&file, case.to_string()).context("writing the year")?;
    let sheet = sheet(&inputs)?;
    let plain = plan(sheet.clone(), 60)?;
    let taxed = plan(Sheet { taxes: vec![vat()], ..sheet }, 60)?;
    let (import, export) = load.metered(1);
    let (bill, lines) = rated(&plain, &taxed, &import, &export)?;

    let pair = alternate(
        || repeated(REPEATS, || from_the_meter(&taxed, &import, &export)),
        || told(&python, &file, &bill),
    )?;
    let name = format!("a year of 8760 hours with taxes, {lines} lines; PySAM utilityrate5");
    let mut rows = vec![Row::cost(name, "ms", &pair).aims_at(GOAL)];

    let (all, made) = load.steps(1);
    let both = || -> Result<()> {
        let none = vec![0; all.len()];
        for generation in [made.clone(), none] {
            let series = Series::behind_the_meter(all.clone(), generation)?;
            black_box(rate(&taxed, &series, &Carried::default())?);
        }
        Ok(())
    };
    let pair = Pair { ours: several(REPEATS, both)?, theirs: pair.theirs };
    let name = "the same from load and generation, and the bill without generation; PySAM";
    rows.push(Row::cost(name, "ms", &pair));

    let plan = plan(plain.versions().next().context("the sheet")?.clone(), 1)?;
    let (import, export) = load.metered(60);
    let series = Series::metered(import, export)?;
    let alone = || rate(&plan, &series, &Carried::default());
    let millis = several(REPEATS_OF_MINUTES, alone)?;
    let rate = |millis: f64| count(plan.intervals()) / (millis / 1_000.0);
    let ours = Vec::from_iter(millis.into_iter().map(rate));
    let pair = Pair { ours, theirs: vec![INTERVALS_PER_SECOND] };
    let name = "a year of 525600 minutes, sums, tiers, peaks and lines; at least";
    rows.push(Row::rate(name, "intervals/s", &pair).aims_at(1.0));
    Ok(rows)
}

/// The bill before taxes, and how many lines there are with them.
fn rated(plain: &Plan, taxed: &Plan, import: &[i64], export: &[i64]) -> Result<(Bill, usize)> {
    let bill = from_the_meter(plain, import, export)?;
    let with = from_the_meter(taxed, import, export)?;
    for (month, before) in with.months.iter().zip(&bill.months) {
        ensure!(month.net == before.net && month.vat > units::Money::ZERO, "{}", month.first);
    }
    Ok((bill, with.months.iter().map(|month| month.lines.len()).sum()))
}

fn from_the_meter(plan: &Plan, import: &[i64], export: &[i64]) -> Result<Bill> {
    let series = Series::metered(import, export)?;
    Ok(rate(plan, &series, &Carried::default())?)
}

/// Milliseconds of work, the median of some times.
fn repeated<T, E>(repeats: u32, work: impl Fn() -> Result<T, E>) -> Result<f64>
where
    anyhow::Error: From<E>,
{
    let mut times = Vec::new();
    for _ in 0..repeats {
        let (done, seconds) = worked(&work);
        drop(black_box(done?));
        times.push(seconds * 1_000.0);
    }
    Ok(median(&times))
}

/// The same, as often as there are runs.
fn several<T, E>(repeats: u32, work: impl Fn() -> Result<T, E>) -> Result<Vec<f64>>
where
    anyhow::Error: From<E>,
{
    (0..RUNS).map(|_| repeated(repeats, &work)).collect()
}

/// Milliseconds of the peer, the median of as many times, if its months are ours to the cent.
fn told(python: &Python, file: &Path, bill: &Bill) -> Result<f64> {
    let repeats = REPEATS.to_string();
    let line = python.run(PROGRAM, &[file.as_os_str(), OsStr::new(&repeats)])?;
    let told: Told = serde_json::from_str(&line).context(line)?;
    ensure!(told.months.len() == bill.months.len(), "{} months", told.months.len());
    for (month, theirs) in bill.months.iter().zip(&told.months) {
        let theirs: Decimal = format!("{theirs:.9}").parse()?;
        let ours = month.exact.rounded(2)?.n();
        // Cents in 10^-9.
        let theirs = theirs.rounded_to_scale(2).map(|cents| cents * 10_000_000);
        ensure!(Some(i128::from(ours)) == theirs, "{}: {ours} and {theirs:?}", month.first);
    }
    let times: Vec<f64> = told.seconds.iter().map(|seconds| seconds * 1_000.0).collect();
    Ok(median(&times))
}

/// The tariff in the model's variables.
fn inputs() -> Value {
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
    json!({
        "ur_metering_option": 2,
        "ur_ec_tou_mat": Vec::from_iter(energy),
        "ur_ec_sched_weekday": rows(workday),
        "ur_ec_sched_weekend": rows(weekend),
        "ur_monthly_fixed_charge": 12.5,
        "ur_monthly_min_charge": 0,
        "ur_annual_min_charge": 0,
        "ur_nm_yearend_sell_rate": 0,
        "ur_nm_credit_month": 11,
        "ur_nm_credit_rollover": 0,
        "ur_nb_credit_expire": 0,
        "ur_nb_apply_credit_current_month": 0,
        "ur_sell_eq_buy": 0,
        "ur_dc_enable": 1,
        "ur_dc_sched_weekday": vec![demand; 12],
        "ur_dc_sched_weekend": vec![[1; 24]; 12],
        "ur_dc_tou_mat": [
            [1, 1, 5.0, 1.5], [1, 2, 1e38, 2.25], [2, 1, 5.0, 4.4], [2, 2, 1e38, 6.4],
        ],
        "ur_dc_flat_mat": Vec::from_iter((0..12).map(|month| json!([month, 1, 1e38, 1.1]))),
    })
}

fn sheet(inputs: &Value) -> Result<Sheet> {
    let document = tariff::read(&inputs.to_string(), None)
        .map_err(|problems| anyhow::anyhow!("{problems}"))?;
    document.sheets.into_iter().next().context("a sheet")
}

/// Of everything that is charged.
fn vat() -> Tax {
    Tax {
        name: "VAT".to_owned(),
        class: Class::Vat,
        percent: UnitPrice::new(19, 0),
        on: vec![Class::Fixed, Class::Energy, Class::Demand],
        source: String::new(),
    }
}

/// The model's year: from a Monday, without daylight saving.
fn plan(sheet: Sheet, minutes: u32) -> Result<Plan> {
    let span = ("2018-01-01".parse()?, "2019-01-01".parse()?);
    Ok(Plan::new(vec![sheet], &"UTC".parse()?, span, minutes, &[])?)
}

impl Load {
    /// A household with a roof; the same each time.
    fn new() -> Self {
        let mut state: u64 = 1;
        let mut noise = |below: i64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            i64::try_from(state >> 33).unwrap_or(0) % below
        };
        let (mut load, mut generation) = (Vec::new(), Vec::new());
        for place in 0..HOURS {
            let (hour, day) = (place % 24, place / 24);
            let evening = if (17..22).contains(&hour) { 1_500 } else { 0 };
            load.push(300 + (hour * 37 + day * 11) % 700 + evening + noise(1_500));
            let season = 60 + if day < 183 { day } else { 365 - day };
            let sun = (36 - (hour - 12) * (hour - 12)).max(0) * season;
            generation.push(sun * noise(100) / 100);
        }
        Self { load, generation }
    }

    /// 10^-9 kWh of consumption and of generation, so many parts of each hour.
    fn steps(&self, parts: usize) -> (Vec<i64>, Vec<i64>) {
        let divisor = i64::try_from(parts).unwrap_or(1);
        let fine = |watts: &[i64]| {
            let parts = watts.iter().flat_map(|watts| std::iter::repeat_n(*watts, parts));
            parts.map(|watts| watts * 1_000_000 / divisor).collect()
        };
        (fine(&self.load), fine(&self.generation))
    }

    /// What a meter at the grid counts of it, in and out.
    fn metered(&self, parts: usize) -> (Vec<i64>, Vec<i64>) {
        let (load, generation) = self.steps(parts);
        let pairs = load.iter().zip(&generation);
        pairs.map(|(load, made)| ((load - made).max(0), (made - load).max(0))).unzip()
    }
}

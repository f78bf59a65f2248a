//! Bills of random tariffs that PySAM computed: `pysam.json` has the tariffs and what it made of
//! them, the loads follow from their seeds.

use serde_json::{Value, json};

use crate::model::{bills, difference, months, same, schedule, tariff, year};

/// Knuth's MMIX generator; the upper bits.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> i64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap()
    }
}

/// Watts by step, as hours and days have them with noise.
fn power(seed: u64, steps: i64, watts: impl Fn(i64, i64, i64) -> i64) -> Vec<i64> {
    let mut noise = Noise(seed);
    let step = |place: i64| watts(place / steps % 24, place / steps / 24, noise.next());
    // 10^-9 kWh of watts in a step.
    (0..8760 * steps).map(step).map(|watts| watts * 1_000_000 / steps).collect()
}

fn inputs(case: &Value) -> Value {
    let mut inputs = case["inputs"].clone();
    for (from, to) in [
        ("wd", "ur_ec_sched_weekday"),
        ("we", "ur_ec_sched_weekend"),
        ("dwd", "ur_dc_sched_weekday"),
        ("dwe", "ur_dc_sched_weekend"),
    ] {
        if !inputs[from].is_null() {
            inputs[to] = schedule(&inputs[from]);
        }
    }
    for side in ["sell", "buy"] {
        if let Some(seed) = inputs[format!("ts_{side}")].as_u64() {
            let mut noise = Noise(seed);
            let prices: Vec<String> = (0..8760)
                .map(|_| units::Decimal::new(i128::from(noise.next() % 40_000 - 2_000), 5))
                .map(|price| price.to_string())
                .collect();
            inputs[format!("ur_en_ts_{side}_rate")] = json!(1);
            inputs[format!("ur_ts_{side}_rate")] = json!(prices);
        }
    }
    inputs
}

/// Cases that are not rated as the model does, and why.
fn differs(inputs: &Value, steps: i64) -> Option<&'static str> {
    let is = |key: &str, value: i64| inputs[key].as_i64() == Some(value);
    let by_step = is("ur_en_ts_sell_rate", 1) || is("ur_en_ts_buy_rate", 1);
    if steps > 1 && by_step {
        // It steps to the next price after the first part of an hour and stays there.
        return Some("with parts of an hour the model takes the next hour's price too early");
    }
    if is("ur_metering_option", 1) && is("ur_nm_credit_rollover", 1) {
        return Some("the model pays a credit out and carries the same money over once more");
    }
    None
}

/// Whether a month may have a surplus that the model drops and a sheet keeps: in a period that no
/// working day has at midnight, 5, 11 or 17 o'clock.
fn drops_surplus(inputs: &Value) -> bool {
    let row = |key: &str, month: usize| inputs[key][month].as_str().unwrap().to_owned();
    let option = inputs["ur_metering_option"].as_i64();
    option == Some(0)
        && (0..12).any(|month| {
            let (weekday, weekend) = (row("wd", month), row("we", month));
            let anchors: Vec<char> =
                [0, 5, 11, 17].iter().filter_map(|hour| weekday.chars().nth(*hour)).collect();
            weekday.chars().chain(weekend.chars()).any(|period| !anchors.contains(&period))
        })
}

#[test]
fn random_tariffs_are_rated_as_by_pysam() {
    let cases: Value = serde_json::from_str(include_str!("pysam.json")).unwrap();
    let (mut checked, mut apart) = (0, 0);
    for (number, case) in cases["cases"].as_array().unwrap().iter().enumerate() {
        let inputs = inputs(case);
        let steps = case["steps"].as_i64().unwrap();
        if let Some(why) = differs(&inputs, steps) {
            println!("case {number}: not compared: {why}");
            apart += 1;
            continue;
        }
        let of = |key: &str| case[key].as_i64().unwrap();
        let (scale, gen_scale, seed) =
            (of("scale"), of("gen_scale"), case["seed"].as_u64().unwrap());
        let load = power(seed, steps, |hour, day, noise| {
            let evening = if (17..22).contains(&hour) { 900 } else { 0 };
            (200 + (hour * 37 + day * 11) % 700 + evening + noise % 1500) * scale
        });
        let generation = power(seed + 1, steps, |hour, day, noise| {
            let season = 60 + if day < 183 { day } else { 365 - day };
            let sun = (36 - (hour - 12) * (hour - 12)).max(0) * season;
            (sun * (noise % 100) / 100) * gen_scale / 2
        });
        let document = tariff(&inputs);
        let plan = year(&document, u32::try_from(steps).unwrap());
        let [without, with] = bills(&plan, &inputs, &load, &generation);
        let name = format!("case {number}");
        same(&format!("{name} without"), &months(&without), case["wo"].as_array().unwrap(), 4);
        let differs = difference(&months(&with), case["w"].as_array().unwrap(), 4);
        if let (Some(difference), true) = (&differs, drops_surplus(&inputs)) {
            println!("{name}: the model drops a surplus: {difference}");
            apart += 1;
            continue;
        }
        assert_eq!(differs, None, "{name} with");
        checked += 1;
    }
    assert!(checked >= 50 && apart <= 10, "{checked} were checked, {apart} not");
}

//! Bills of random tariffs that PySAM computed: `pysam.json` has the tariffs and what it made of
//! them, the loads follow from their seeds.

use serde_json::{Value, json};

use crate::model::{bills, months, same, schedule, tariff, year};

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
///
/// With `ur_nm_credit_rollover` the model pays a credit in money out at the year's end and then
/// carries the same money over once more; a sheet pays it once.
fn differs(inputs: &Value) -> Option<&'static str> {
    let is = |key: &str, value: i64| inputs[key].as_i64() == Some(value);
    (is("ur_metering_option", 1) && is("ur_nm_credit_rollover", 1))
        .then_some("the model pays the same credit twice")
}

#[test]
fn random_tariffs_are_rated_as_by_pysam() {
    let cases: Value = serde_json::from_str(include_str!("pysam.json")).unwrap();
    let (mut checked, mut apart) = (0, 0);
    for (number, case) in cases["cases"].as_array().unwrap().iter().enumerate() {
        let inputs = inputs(case);
        if let Some(why) = differs(&inputs) {
            println!("case {number}: not compared: {why}");
            apart += 1;
            continue;
        }
        let steps = case["steps"].as_i64().unwrap();
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
        same(&format!("{name} with"), &months(&with), case["w"].as_array().unwrap(), 4);
        checked += 1;
    }
    assert!(checked >= 50 && apart <= 10, "{checked} were checked, {apart} not");
}

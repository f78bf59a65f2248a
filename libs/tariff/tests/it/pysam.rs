//! Bills of random tariffs that PySAM computed: `pysam.json` has the tariffs and what it made of
//! them (`pysam.py` computes it again), the loads follow from their seeds.

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

/// Why a bill is not the model's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// With prices by step and parts of an hour the model steps to the next hour's price after the
    /// first part, and stays there.
    NextHoursPrice,
    /// The model drops the surplus of a period that no working day has at midnight, 5, 11 or 17
    /// o'clock; a sheet keeps it.
    DroppedSurplus,
}

/// The bills with a system that are not the model's: which case, why, and what its year comes to
/// here, in 10^-6 currency. All others, and all without a system but for prices by step, are equal.
const APART: [(usize, Why, i128); 5] = [
    (24, Why::NextHoursPrice, 3_573_949_994),
    (39, Why::NextHoursPrice, 7_404_364_559),
    (45, Why::DroppedSurplus, 1_669_245_617),
    (57, Why::NextHoursPrice, 942_525_754),
    (58, Why::NextHoursPrice, 2_549_994_257),
];

impl Why {
    /// Whether a case has what this needs.
    fn is_possible(self, inputs: &Value, steps: i64) -> bool {
        match self {
            Why::NextHoursPrice => steps > 1 && by_step(inputs),
            Why::DroppedSurplus => drops_surplus(inputs),
        }
    }
}

/// Whether prices are given by step.
fn by_step(inputs: &Value) -> bool {
    let is = |key: &str| inputs[key].as_i64() == Some(1);
    is("ur_en_ts_sell_rate") || is("ur_en_ts_buy_rate")
}

/// Whether a month may have a surplus that the model drops.
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

/// Load and generation of a case, in 10^-9 kWh by step.
fn flows(case: &Value, steps: i64) -> [Vec<i64>; 2] {
    let of = |key: &str| case[key].as_i64().unwrap();
    let (scale, gen_scale, seed) = (of("scale"), of("gen_scale"), case["seed"].as_u64().unwrap());
    let load = power(seed, steps, |hour, day, noise| {
        let evening = if (17..22).contains(&hour) { 900 } else { 0 };
        (200 + (hour * 37 + day * 11) % 700 + evening + noise % 1500) * scale
    });
    let generation = power(seed + 1, steps, |hour, day, noise| {
        let season = 60 + if day < 183 { day } else { 365 - day };
        let sun = (36 - (hour - 12) * (hour - 12)).max(0) * season;
        (sun * (noise % 100) / 100) * gen_scale / 2
    });
    [load, generation]
}

#[test]
fn random_tariffs_are_rated_as_by_pysam() {
    let cases: Value = serde_json::from_str(include_str!("pysam.json")).unwrap();
    let mut apart = Vec::new();
    for (number, case) in cases["cases"].as_array().unwrap().iter().enumerate() {
        let inputs = inputs(case);
        let steps = case["steps"].as_i64().unwrap();
        let [load, generation] = flows(case, steps);
        let document = tariff(&inputs);
        let plan = year(&document, u32::try_from(steps).unwrap());
        let [without, with] = bills(&plan, &inputs, &load, &generation);
        if steps == 1 || !by_step(&inputs) {
            let expected = case["wo"].as_array().unwrap();
            same(&format!("case {number} without"), &months(&without), expected, 4);
        }
        let with = months(&with);
        if let Some(differs) = difference(&with, case["w"].as_array().unwrap(), 4) {
            let all = [Why::NextHoursPrice, Why::DroppedSurplus];
            let why = all.into_iter().find(|why| why.is_possible(&inputs, steps));
            let why = why.unwrap_or_else(|| panic!("case {number} with: {differs}"));
            apart.push((number, why, with.iter().sum::<i128>()));
        }
    }
    assert_eq!(apart, APART);
}

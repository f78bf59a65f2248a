//! Bills of NREL's ssc test suite, where the data is there: it is no part of the project. Bills of
//! the same model for tariffs of ours (`pysam.rs`) are compared everywhere.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::model::{bills, kilo, months, same, tariff, year};

/// The first year of a column of kW, as 10^-9 kWh per step.
fn column(file: PathBuf, steps: usize) -> Vec<i64> {
    let text = fs::read_to_string(&file).unwrap();
    let kw = text.lines().skip(1).map(kilo);
    kw.take(8760 * steps).map(|kw| kw / i64::try_from(steps).unwrap()).collect()
}

/// How many cases the suite has.
const CASES: usize = 7;

#[test]
fn every_bill_of_the_suite_is_equal_to_a_hundredth_of_a_cent() {
    let Some(folder) = testkit::data("tariff_oracle_ssc") else { return };
    let text = fs::read_to_string(folder.join("cases.json")).unwrap();
    let cases = serde_json::from_str::<Value>(&text).unwrap()["cases"].take();
    let mut checked = 0;
    for case in cases.as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let file = |key: &str| folder.join(case[key].as_str().unwrap());
        let quarters = case["gen_file"].as_str().unwrap().contains("15min");
        let steps = if quarters { 4 } else { 1 };
        let document = tariff(&case["inputs"]);
        let plan = year(&document, u32::try_from(steps).unwrap());
        let hours = column(file("load_file"), 1);
        let parts = i64::try_from(steps).unwrap();
        let load: Vec<i64> =
            hours.iter().flat_map(|kwh| std::iter::repeat_n(kwh / parts, steps)).collect();
        let generation = column(file("gen_file"), steps);
        let [without, with] = bills(&plan, &case["inputs"], &load, &generation);
        let known = &case["pysam"];
        let list = |key: &str| known[key].as_array().unwrap().clone();
        same(name, &months(&without), &list("monthly_bill_wo_sys_y1"), 4);
        same(name, &months(&with), &list("monthly_bill_w_sys_y1"), 4);
        for (bill, key) in
            [(&without, "utility_bill_wo_sys_year1"), (&with, "utility_bill_w_sys_year1")]
        {
            let year: i128 = months(bill).iter().sum();
            same(key, &[year], &[known[key].clone()], 4);
        }
        checked += 1;
    }
    assert_eq!(checked, CASES);
}

//! Bills of NREL's ssc test suite, where the data is there; where `WATTEX_SHARED` says so it has
//! to be.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::model::{bills, kilo, months, same, tariff, year};

fn folder(name: &str) -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("WATTEX_SHARED").map_or(beside, PathBuf::from);
    let found = Some(shared.join("data").join(name)).filter(|folder| folder.is_dir());
    if found.is_none() {
        assert!(std::env::var_os("WATTEX_SHARED").is_none(), "{name} has to be there");
        eprintln!("NOT CHECKED: no {name} on this machine");
    }
    found
}

/// The first year of a column of kW, as 10^-9 kWh per step.
fn column(file: PathBuf, steps: usize) -> Vec<i64> {
    let text = fs::read_to_string(&file).unwrap();
    let kw = text.lines().skip(1).map(kilo);
    kw.take(8760 * steps).map(|kw| kw / i64::try_from(steps).unwrap()).collect()
}

/// Cases that the model of a sheet cannot express, and why. There are none.
const NOT_EXPRESSED: [(&str, &str); 0] = [];

#[test]
fn every_bill_of_the_suite_is_equal_to_a_hundredth_of_a_cent() {
    let Some(folder) = folder("tariff_oracle_ssc") else { return };
    let text = fs::read_to_string(folder.join("cases.json")).unwrap();
    let cases = serde_json::from_str::<Value>(&text).unwrap()["cases"].take();
    let mut checked = 0;
    for case in cases.as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        if let Some((_, why)) = NOT_EXPRESSED.iter().find(|(other, _)| *other == name) {
            println!("{name}: not expressed: {why}");
            continue;
        }
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
    assert!(checked > 0, "no case was checked");
}

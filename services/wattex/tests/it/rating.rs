//! Loads from files on tariffs from files.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::program::{Ended, Place, run, text, wattex};

fn file(place: &Place, name: &str, content: &str) -> PathBuf {
    let path = place.path(name);
    fs::write(&path, content).unwrap();
    path
}

fn home() -> Value {
    json!({
        "id": "home", "currency": "EUR", "timezone": "Europe/Berlin",
        "energy": [{
            "periods": [
                { "name": "off-peak", "price": "0.18" }, { "name": "peak", "price": "0.30" },
            ],
            "schedule": {
                "windows": [{ "period": "off-peak", "from": "00:00", "to": "06:00" }],
                "otherwise": "peak",
            },
        }],
    })
}

/// The quarters of 2026-10-25 in Berlin by the wall clock, which shows 2 to 3 twice.
fn long_day() -> String {
    let mut rows = "time,import_wh\n".to_owned();
    let hours = (0..3).chain(2..24);
    for hour in hours {
        for minute in ["00", "15", "30", "45"] {
            rows.push_str(&format!("2026-10-25 {hour:02}:{minute},100\n"));
        }
    }
    rows
}

#[test]
fn a_day_of_100_quarters_is_rated_from_its_wall_clock() {
    let place = Place::new();
    let tariff = file(&place, "home.json", &home().to_string());
    let load = file(&place, "load.csv", &long_day());
    let rate = |more: &[&str]| {
        let given = ["rate", "--tariff", text(&tariff), "--intervals", text(&load)];
        run(wattex(&[&given, more].concat()))
    };
    let ended = rate(&["--json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let rated: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((&rated["span"]["intervals"], &rated["data"]["missing"]), (&json!(100), &json!(0)));
    assert_eq!(rated["totals"]["gross"], "2.66");
    let lines = rated["months"][0]["lines"].as_array().unwrap();
    let shown = lines.iter().map(|line| [&line["quantity"], &line["amount"], &line["source"]]);
    let shown: Vec<[&Value; 3]> = shown.collect();
    let sources = ["energy[0].periods[0].price", "energy[0].periods[1].price"].map(Value::from);
    let (low, high) = ([json!("2.8"), json!("0.5")], [json!("7.2"), json!("2.16")]);
    assert_eq!(shown[0], [&low[0], &low[1], &sources[0]]);
    assert_eq!(shown[1], [&high[0], &high[1], &sources[1]]);
    let table = rate(&[]);
    assert!(table.out.contains("to pay") && table.out.contains("2.66 EUR"), "{}", table.out);
}

#[test]
fn gaps_are_told_and_refused_where_that_is_asked_for() {
    let place = Place::new();
    let tariff = file(&place, "home.json", &home().to_string());
    let rows: Vec<&str> = "time,kwh|2026-06-01 00:00,1|2026-06-01 01:00,1|2026-06-01 02:00,1|\
                           2026-06-01 02:00,1|2026-06-01 05:00,1"
        .split('|')
        .collect();
    let load = file(&place, "load.csv", &rows.join("\n"));
    let given = ["rate", "--tariff", text(&tariff), "--intervals", text(&load), "--json"];
    let ended = run(wattex(&given));
    let rated: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((&rated["data"]["missing"], &rated["data"]["duplicates"]), (&json!(20), &json!(1)));
    assert_eq!(rated["data"]["gaps"][0]["intervals"], 2);
    assert_eq!(rated["totals"]["gross"], "0.72");
    let refused = run(wattex(&[&given[..], &["--gaps", "refuse"]].concat()));
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    assert!(refused.err.contains("20 intervals have no row"), "{}", refused.err);
}

#[test]
fn what_is_estimated_is_charged_and_sets_no_peak() {
    let place = Place::new();
    let sheet = json!({
        "id": "power", "currency": "EUR", "timezone": "Europe/Berlin",
        "energy": [{ "price": "0.30" }], "demand": [{ "price": 3 }],
    });
    let tariff = file(&place, "power.json", &sheet.to_string());
    let rate = |qualities: [&str; 3], more: &[&str]| {
        let mut rows = "time,kwh,quality\n".to_owned();
        for (hour, (kwh, quality)) in [2, 9, 4].iter().zip(qualities).enumerate() {
            rows.push_str(&format!("2026-06-01 0{hour}:00,{kwh},{quality}\n"));
        }
        let load = file(&place, "load.csv", &rows);
        let given = ["rate", "--tariff", text(&tariff), "--intervals", text(&load)];
        run(wattex(&[&given, more].concat()))
    };
    let json = |qualities| {
        let ended = rate(qualities, &["--json"]);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        serde_json::from_str::<Value>(&ended.out).unwrap()
    };
    let demand = |rated: &Value| {
        let lines = rated["months"][0]["lines"].as_array().unwrap().clone();
        lines.into_iter().find(|line| line["class"] == "demand").unwrap()
    };
    let rated = json(["A", "E52", "measured"]);
    let line = demand(&rated);
    // A day of June's thirty at the third hour's 4 kW; all 15 kWh.
    let quantity = "0.133333333";
    assert_eq!((&line["quantity"], &line["left_out"]), (&json!(quantity), &json!(1)), "{line}");
    assert_eq!((&line["amount"], &rated["data"]["estimated"]), (&json!("0.4"), &json!(1)));
    assert_eq!(rated["totals"]["gross"], "4.9");
    let told = rate(["A", "E52", "measured"], &[]);
    assert!(told.out.contains("1 intervals are estimated"), "{}", told.out);
    // What was put there for good sets the peak.
    let line = demand(&json(["A", "F14", "measured"]));
    assert_eq!((&line["amount"], &line["left_out"]), (&json!("0.9"), &json!(0)), "{line}");
    let refused = rate(["A", "perhaps", ""], &[]);
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    assert!(refused.err.contains("column quality"), "{}", refused.err);
}

#[test]
fn what_is_wrong_with_a_tariff_or_a_load_is_named() {
    let place = Place::new();
    let rate = |tariff: &str, load: &str| {
        let tariff = file(&place, "tariff.json", tariff);
        let load = file(&place, "load.csv", load);
        run(wattex(&["rate", "--tariff", text(&tariff), "--intervals", text(&load)]))
    };
    let check = |ended: Ended, code: i32, part: &str| {
        assert_eq!(ended.code, Some(code), "{}{}", ended.out, ended.err);
        assert!(ended.err.contains(part) && !ended.err.contains("panicked"), "{}", ended.err);
    };
    let good = home().to_string();
    check(rate("{\"a\": Infinity}", &long_day()), 3, "line 1, column 7");
    check(rate("{}", &long_day()), 3, "no tariff of a known form");
    let mut two = home();
    two["currency"] = json!("euro");
    two["energy"][0]["periods"][1]["price"] = json!("dear");
    check(rate(&two.to_string(), &long_day()), 3, "energy[0].periods[1].price");
    check(rate(&two.to_string(), &long_day()), 3, "currency");
    let mut anywhere = home();
    anywhere.as_object_mut().unwrap().remove("timezone");
    check(rate(&anywhere.to_string(), &long_day()), 2, "--timezone");
    let rows = |second: &str| format!("time,kwh\n2026-06-01 00:00,1\n{second}\n");
    check(rate(&good, &rows("2026-06-01 00:15,much")), 3, ":3, column kwh");
    check(rate(&good, &rows("2026-06-01 00:15,-1")), 3, "below zero");
    check(rate(&good, &rows("2026-06-01 00:00,2")), 3, "one row does not tell");
    check(rate(&good, &rows("2026-03-29 02:15,1")), 3, "clocks go forward");
    check(rate(&good, &rows("noon,1")), 3, ":3, column time");
    check(rate(&good, "time,temperature\n"), 3, "no column is energy");
}

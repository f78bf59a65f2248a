//! Orders and trades from files, looked at for market abuse.

use std::fmt::Write;
use std::fs;

use serde_json::{Value, json};

use crate::program::{Ended, Place, run, text, wattex};

/// Eight slots a day for four days: a farm's barn sells and its house buys, and the barn feeds in
/// a part of it; a neighbour is on the other sides.
fn files(place: &Place, fed_in: u64) -> [String; 3] {
    let mut orders = "order_id,account,owner,side,slot,qty_wh,price,placed,cancelled\n".to_owned();
    let mut trades = "buy_order,sell_order,qty_wh,price\n".to_owned();
    let mut intervals = "slot,connection_point,owner,export_wh\n".to_owned();
    for (day, hour) in (1..=4).flat_map(|day| (10..18).map(move |hour| (day, hour))) {
        let slot = format!("2026-06-{day:02}T{hour:02}:00:00Z");
        let early = format!("2026-06-{day:02}T08:00:00Z");
        for (home, owner, side) in [
            ("barn", "farm", "sell"),
            ("house", "farm", "buy"),
            ("mill", "mill", "sell"),
            ("shop", "shop", "buy"),
        ] {
            let price = if side == "buy" { "0.30" } else { "0.08" };
            let name = format!("{home}-{day}-{hour}");
            writeln!(orders, "{name},{home},{owner},{side},{slot},500,{price},{early},").unwrap();
        }
        writeln!(trades, "shop-{day}-{hour},barn-{day}-{hour},500,0.19").unwrap();
        writeln!(trades, "house-{day}-{hour},mill-{day}-{hour},500,0.19").unwrap();
        writeln!(intervals, "{slot},DE01,farm,{fed_in}\n{slot},DE02,mill,500").unwrap();
    }
    let write = |name: &str, content: &str| {
        let path = place.path(name);
        fs::write(&path, content).unwrap();
        text(&path).to_owned()
    };
    [write("orders.csv", &orders), write("trades.csv", &trades), write("intervals.csv", &intervals)]
}

fn look(files: &[String; 3], arguments: &[&str]) -> Ended {
    let [orders, trades, intervals] = files.each_ref().map(String::as_str);
    let named = ["--orders", orders, "--trades", trades, "--intervals", intervals];
    let prices = ["--retail", "0.30", "--feed-in", "0.08"];
    run(wattex(&[&["surveillance"], &named[..], &prices, arguments].concat()))
}

fn report(files: &[String; 3], arguments: &[&str]) -> Value {
    let ended = look(files, &[&["--json"], arguments].concat());
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

#[test]
fn a_wash_is_found_with_its_orders_and_what_it_is_compared_with() {
    let place = Place::new();
    let washed = files(&place, 20);
    let found = report(&washed, &[]);
    let case = &found["cases"][0];
    assert_eq!((&found["days"], found["cases"].as_array().unwrap().len()), (&json!(4), 1));
    assert_eq!((&case["rule"], &case["owners"]), (&json!("W1"), &json!(["farm"])));
    assert_eq!((&case["from"], &case["last"]), (&json!("2026-06-01"), &json!("2026-06-04")));
    let undelivered = json!({ "what": "round trips without delivery", "value": "15360",
        "unit": "Wh", "at_least": "5000" });
    assert_eq!(case["figures"][1], undelivered);
    let first = json!({ "kind": "trade", "slot": "2026-06-01T10:00:00Z",
        "buy_order": "shop-1-10", "sell_order": "barn-1-10" });
    assert!(case["evidence"].as_array().unwrap().contains(&first), "{case:#}");
    let words = look(&washed, &[]);
    assert_eq!(words.code, Some(0), "{}", words.err);
    assert!(words.out.starts_with("1 cases in 4 days\n\nfarm severity 3 score 100\n"));
    assert_eq!(report(&files(&place, 500), &[])["cases"], json!([]), "the barn feeds all of it in");
}

#[test]
fn thresholds_are_data_and_what_is_wrong_is_named() {
    let place = Place::new();
    let washed = files(&place, 20);
    let thresholds = place.path("thresholds.json");
    fs::write(&thresholds, r#"{"w1": {"slots": 33}}"#).unwrap();
    let stricter = report(&washed, &["--thresholds", text(&thresholds)]);
    assert_eq!(stricter["cases"], json!([]), "32 slots are not 33");
    fs::write(&thresholds, r#"{"w1": {"undelivered_percent": 101}}"#).unwrap();
    let ended = look(&washed, &["--thresholds", text(&thresholds)]);
    assert_eq!(ended.code, Some(2), "{}", ended.err);
    assert!(ended.err.contains("undelivered_percent is 101, not 1 to 100"), "{}", ended.err);
    let mut trades = fs::read_to_string(&washed[1]).unwrap();
    trades.push_str("shop-1-10,barn-1-11,1,0.19\n");
    fs::write(&washed[1], trades).unwrap();
    let ended = look(&washed, &[]);
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert!(ended.err.contains("trades.csv:66, column buy_order"), "{}", ended.err);
}

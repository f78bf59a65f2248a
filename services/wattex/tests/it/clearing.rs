//! Books from files, cleared by any mechanism; and all mechanisms side by side.

use std::fs;
use std::path::PathBuf;

use alloy_primitives::keccak256;
use ids::{OrderId, ZoneId};
use matching::{Fees, Mechanism, Order, Reference, Rules, Side};
use serde_json::{Value, json};
use units::{Decimal, Energy, Price};

use crate::program::{Ended, Place, run, text, wattex};

/// Writes a file beside the others.
fn file(place: &Place, name: &str, content: &str) -> PathBuf {
    let path = place.path(name);
    fs::write(&path, content).unwrap();
    path
}

const U1: &str = "order_id,side,qty_wh,price\n\
                  B1,buy,5000,0.28\nB2,buy,3000,0.24\nB3,buy,4000,0.18\nB4,buy,2000,0.12\n\
                  S1,sell,4000,0.09\nS2,sell,3000,0.14\nS3,sell,3000,0.18\nS4,sell,5000,0.22\n";

fn cleared(arguments: &[&str]) -> Value {
    let ended = run(wattex(&[&["clear", "--json"], arguments].concat()));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

#[test]
fn the_worked_books_clear_from_files() {
    let place = Place::new();
    let book = file(&place, "u1.csv", U1);
    let figures = |mechanism: &str| {
        let outcome = cleared(&["--mechanism", mechanism, "--orders", text(&book)]);
        ["price", "volume_wh", "welfare"].map(|field| outcome[field].clone())
    };
    assert_eq!(figures("uniform"), [json!("0.18"), json!(10_000), json!("1.16")]);
    assert_eq!(figures("gsy_pay_as_clear"), [json!("0.24"), json!(8_000), json!("1.16")]);
    assert_eq!(figures("gsy_pay_as_bid"), [Value::Null, json!(14_000), json!("0.75")]);
    let halves = cleared(&["--mechanism", "k_pricing", "--orders", text(&book)]);
    let prices = halves["trades"].as_array().unwrap().iter().map(|t| t["buy_price"].clone());
    let expected = ["0.185", "0.21", "0.19", "0.21", "0.18"].map(Value::from);
    assert_eq!(prices.collect::<Vec<_>>(), expected);
}

#[test]
fn time_decides_where_it_matters_and_json_says_the_same_as_csv() {
    let place = Place::new();
    let sequence = "S1 B1 S2 B3 S3 B2 S4 B4".split(' ');
    let mut lines: Vec<(usize, &str)> = Vec::new();
    for line in U1.lines().skip(1) {
        let came = sequence.clone().position(|name| line.starts_with(name)).unwrap();
        lines.push((came, line));
    }
    let rows = lines.iter().map(|(came, line)| format!("{line},2026-06-01T09:00:0{came}Z\n"));
    let csv = format!("order_id,side,qty_wh,price,time\n{}", rows.collect::<String>());
    let objects = lines.iter().map(|(came, line)| {
        let cells: Vec<&str> = line.split(',').collect();
        json!({ "order_id": cells[0], "side": cells[1], "qty_wh": cells[2].parse::<u64>().unwrap(),
                "price": cells[3], "time": came })
    });
    let json = Value::Array(objects.collect()).to_string();
    let outcome = |book: PathBuf| cleared(&["--mechanism", "continuous", "--orders", text(&book)]);
    let one = outcome(file(&place, "book.csv", &csv));
    assert_eq!(one, outcome(file(&place, "book.json", &json)));
    // Volume is no measure of success: more energy, less welfare.
    assert_eq!((&one["volume_wh"], &one["welfare"]), (&json!(12_000), &json!("1.08")));
}

#[test]
fn a_grid_has_prices_by_zone() {
    let place = Place::new();
    let book = file(
        &place,
        "book.csv",
        "order_id,side,qty_wh,price,zone\n\
         BA,buy,3000,0.25,A\nBB,buy,3000,0.20,B\nSA,sell,2000,0.15,A\nSB,sell,3000,0.12,B\n",
    );
    let zones = json!({
        "zones": [
            { "zone": "A", "fee": "0.01" }, { "zone": "B", "fee": 0.01 },
            { "zone": "grid", "fee": "0.04" },
        ],
        "links": [{ "zone": "A", "parent": "grid" }, { "zone": "B", "parent": "grid" }],
    });
    let grid = file(&place, "zones.json", &zones.to_string());
    let outcome = cleared(&["--orders", text(&book), "--zones", text(&grid)]);
    let network = &outcome["network"];
    assert_eq!((&outcome["welfare"], &network["fees"]), (&json!("0.41"), &json!("0.08")));
    let price = |name: &str, field: &str| {
        let zones = network["zones"].as_array().unwrap();
        zones.iter().find(|zone| zone["zone"] == name).unwrap()[field].clone()
    };
    let prices = [price("A", "buyer_price"), price("B", "buyer_price"), price("A", "seller_price")];
    assert_eq!(prices, ["0.23", "0.2", "0.22"].map(Value::from));
    let flows: Vec<_> =
        network["flows"].as_array().unwrap().iter().map(|f| &f["energy_wh"]).collect();
    assert_eq!(flows, [&json!(1000), &json!(1000)]);
}

/// A book in which every mechanism finds somebody: energy that is given away, and enough orders for
/// a lot to leave both sides in both halves.
fn broad() -> String {
    let bid = |n: u64| format!("B{n},buy,{},0.{}\n", 1000 + n, 30 - n);
    let ask = |n: u64| format!("S{n},sell,{},0.{:02}\n", 1000 + 3 * n, (2 * n).saturating_sub(6));
    let rows = (0..12).flat_map(|n| [bid(n), ask(n)]);
    format!("order_id,side,qty_wh,price\n{}", rows.collect::<String>())
}

/// The same book, as the market would have it.
fn orders(book: &str) -> Vec<Order> {
    let order = |(sequence, line): (u64, &str)| {
        let cells: Vec<&str> = line.split(',').collect();
        let hash = keccak256(cells[0]);
        let n = cells[3].parse::<Decimal>().unwrap().to_scale(6).unwrap();
        Order {
            id: OrderId::derived(cells[0]),
            owner: hash[12..].try_into().unwrap(),
            side: if cells[1] == "buy" { Side::Buy } else { Side::Sell },
            quantity: Energy::from_wh(cells[2].parse().unwrap()),
            price: Price::from_n_per_wh(i64::try_from(n).unwrap()),
            min_fill: Energy::ZERO,
            hash: hash.0,
            sequence,
            zone: ZoneId::derived(""),
        }
    };
    (1..).zip(book.lines().skip(1)).map(order).collect()
}

#[test]
fn every_mechanism_fills_orders_of_a_file_as_the_market_does() {
    let place = Place::new();
    let book = broad();
    let file = file(&place, "book.csv", &book);
    let orders = orders(&book);
    let price = Price::from_n_per_wh(180_000);
    for mechanism in Mechanism::ALL {
        let mechanism = mechanism.with_price(price);
        let rules = Rules {
            mechanism,
            shares: matching::equal_shares(&orders),
            reference: Reference {
                retail: Price::from_n_per_wh(300_000),
                feed_in: Price::from_n_per_wh(80_000),
            },
            ..Rules::uniform(Price::from_n_per_wh(100), Fees::default())
        };
        let expected = matching::clear(&orders, &rules).unwrap();
        let written = serde_json::to_string(&mechanism).unwrap();
        let outcome = cleared(&[
            "--mechanism",
            &written,
            "--orders",
            text(&file),
            "--retail",
            "0.3",
            "--feed-in",
            "0.08",
        ]);
        let fills = outcome["fills"].as_array().unwrap();
        let got = fills.iter().map(|fill| {
            let id = OrderId::derived(fill["order_id"].as_str().unwrap());
            (id, fill["quantity_wh"].as_u64().unwrap())
        });
        let wanted = expected.fills.iter().map(|fill| (fill.order, fill.quantity.wh()));
        assert!(!fills.is_empty(), "{mechanism}: nothing is filled");
        assert_eq!(got.collect::<Vec<_>>(), wanted.collect::<Vec<_>>(), "{mechanism}");
    }
}

#[test]
fn shares_of_a_file_say_who_gets_what_is_allocated() {
    let place = Place::new();
    let book = file(
        &place,
        "book.csv",
        "order_id,account,side,qty_wh,price\n\
         H1,A,buy,2000,0.3\nH2,B,buy,500,0.3\nH3,C,buy,1500,0.3\nPV,P,sell,3000,0\n",
    );
    let keys = "account,weight\nA,50\nB,30\nC,20\n";
    let shares = file(&place, "shares.csv", keys);
    let allocated = |mechanism: &str, more: &[&str]| {
        let given = ["--mechanism", mechanism, "--price", "0.1", "--orders", text(&book)];
        let outcome = cleared(&[&given, more].concat());
        let of = |name: &str| {
            let fills = outcome["fills"].as_array().unwrap();
            let fill = fills.iter().find(|fill| fill["order_id"] == name);
            fill.map_or(0, |fill| fill["quantity_wh"].as_u64().unwrap())
        };
        ["H1", "H2", "H3", "PV"].map(of)
    };
    let with = ["--shares", text(&shares)];
    assert_eq!(allocated("static_allocation", &with), [1500, 500, 600, 2600]);
    assert_eq!(allocated("cascade_allocation", &with), [1643, 500, 857, 3000]);
    assert_eq!(allocated("static_allocation", &[]), [1000, 500, 1000, 2500]);
    let refused = |mechanism: &str, shares: &PathBuf| {
        let given = ["clear", "--price", "0.1", "--orders", text(&book), "--mechanism", mechanism];
        let ended = run(wattex(&[&given[..], &["--shares", text(shares)]].concat()));
        (ended.code, ended.err)
    };
    let (code, why) = refused("dynamic_allocation", &shares);
    assert!(code == Some(2) && why.contains("has none"), "{why}");
    for (number, (content, part)) in [
        ("account,weight\nA,1\nA,2\n", "3, column account"),
        ("account,weight\nA,half\n", "no whole number"),
        ("account,weight\nA,0\n", "nobody has a part"),
        ("account\nA\n", "the column weight is missing"),
    ]
    .into_iter()
    .enumerate()
    {
        let shares = file(&place, &format!("shares{number}.csv"), content);
        let (code, why) = refused("static_allocation", &shares);
        assert!(code == Some(3) && why.contains(part), "{why}");
    }
}

#[test]
fn zones_without_a_grid_are_not_one_zone_unless_that_is_said() {
    let place = Place::new();
    let book = file(
        &place,
        "book.csv",
        "order_id,side,qty_wh,price,zone\nB1,buy,5,0.3,A\nS1,sell,5,0.1,B\n",
    );
    let clear = |more: &[&str]| run(wattex(&[&["clear", "--orders", text(&book)], more].concat()));
    let refused = clear(&[]);
    assert_eq!(refused.code, Some(2), "{}", refused.out);
    assert!(refused.err.contains("2 zones (A, B)") && refused.err.contains("--zones"));
    let as_one = clear(&["--one-zone"]);
    assert_eq!(as_one.code, Some(0), "{}", as_one.err);
    assert!(as_one.err.contains("warning") && as_one.out.contains("0.005 kWh"), "{}", as_one.out);
    let one = file(&place, "one.csv", "order_id,side,qty_wh,price,zone\nB1,buy,5,0.3,A\n");
    let ended = run(wattex(&["clear", "--orders", text(&one)]));
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
}

#[test]
fn what_is_wrong_with_a_book_is_named() {
    let place = Place::new();
    let clear = |book: &PathBuf, more: &[&str]| {
        run(wattex(&[&["clear", "--orders", text(book)], more].concat()))
    };
    let check = |ended: Ended, code: i32, part: &str| {
        assert_eq!(ended.code, Some(code), "{}{}", ended.out, ended.err);
        assert!(ended.err.contains(part) && !ended.err.contains("panicked"), "{}", ended.err);
    };
    let line = |line: &str| format!("order_id,side,qty_wh,price\nB1,buy,5,0.1\n{line}\n");
    for (number, (content, part)) in [
        (line("B1,sell,5,0.1"), "3, column order_id"),
        (line("B2,hold,5,0.1"), "neither buy nor sell"),
        (line("B2,buy,-5,0.1"), "no number of Wh"),
        (line("B2,buy,5,cheap"), "no price"),
        (line("B2,buy,5,0.1234567"), "more than six decimals"),
        (line("B2,buy,5"), "error"),
        ("order_id,side,qty_wh\n".to_owned(), "the column price is missing"),
        ("order_id,side,qty_wh,price,mood\n".to_owned(), "\"mood\""),
    ]
    .into_iter()
    .enumerate()
    {
        let book = file(&place, &format!("book{number}.csv"), &content);
        check(clear(&book, &[]), 3, part);
    }
    check(clear(&place.path("none.csv"), &[]), 3, "none.csv");
    let book = file(&place, "book.csv", U1);
    check(clear(&book, &["--mechanism", "hearts"]), 2, "hearts");
    check(clear(&book, &["--mechanism", "fixed_price"]), 2, "fixed_price");
    check(clear(&book, &["--k-bps", "10001"]), 2, "k_bps");
    let grid = file(&place, "zones.json", "{\"zones\":[{\"zone\":\"A\"}]}");
    check(clear(&book, &["--zones", text(&grid)]), 2, "no such zone");
    check(clear(&book, &["--mechanism", "muda", "--zones", text(&grid)]), 2, "uniform");
}

#[test]
fn all_mechanisms_are_shown_on_one_community() {
    let ended = run(wattex(&["mechanisms", "--homes", "6", "--json"]));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let whole: Value = serde_json::from_str(&ended.out).unwrap();
    let list = whole["mechanisms"].as_array().unwrap();
    assert_eq!(list.len(), Mechanism::ALL.len());
    let of = |name: &str| list.iter().find(|one| one["mechanism"] == name).unwrap();
    assert_eq!(of("uniform")["welfare_ppm_of_best"], 1_000_000);
    assert!(of("uniform")["volume_wh"].as_u64().unwrap() > 0, "{}", of("uniform"));
    for one in list {
        let share = one["welfare_ppm_of_best"].as_u64().unwrap();
        assert_eq!(one["properties"]["efficient"] == true, share == 1_000_000, "{one}");
        let balanced = one["properties"]["budget_balanced"] == true;
        assert!(!balanced || one["difference"] == "0", "{one}");
    }
    let table = run(wattex(&["mechanisms", "--homes", "6"])).out;
    assert!(table.contains("mc_afee") && table.contains('█') && table.contains("Jain"), "{table}");
    let words = |line: usize| table.lines().nth(line).unwrap().split_whitespace();
    let columns = "mechanism kWh price welfare of best buyers sellers differ. Jain losers ms";
    assert_eq!(words(2).collect::<Vec<_>>().join(" "), columns);
    let price = of("uniform")["price_mean"].as_str().unwrap();
    let shown = words(3).nth(2).unwrap();
    assert!(shown.len() == 6 && price.starts_with(shown.trim_end_matches('0')), "{price} {shown}");
    let number = |one: &Value, field: &str| one[field].as_i64().unwrap();
    for one in list {
        let (least, middle) = (number(one, "saving_ppm_least"), number(one, "saving_ppm_median"));
        assert!(least <= middle && (least >= 0 || one["losers"] != 0), "{one}");
        assert!((0..=1_000_000).contains(&number(one, "local_coverage_ppm")), "{one}");
        assert!(one["volume_wh"] == 0 || one["price_dispersion"].is_string(), "{one}");
    }
    assert!(number(of("uniform"), "local_coverage_ppm") > 0, "{}", of("uniform"));
}

//! A demo's days and their figures.

use std::fs;

use billing::domain::verify::{BillFile, Verdict, verify};
use serde_json::Value;
use units::Money;

use crate::program::{Place, run, text};

const COUNTS: [&str; 28] = [
    "homes",
    "slots",
    "slot_minutes",
    "readings_published",
    "readings_acknowledged",
    "readings_stored",
    "readings_quarantined",
    "import_wh",
    "export_wh",
    "p2p_wh",
    "grid_import_wh",
    "grid_export_wh",
    "p2p_possible_wh",
    "orders_accepted",
    "slots_cleared",
    "clearings_recomputed",
    "trades",
    "trades_settled",
    "trades_reconciled",
    "homes_worse_off",
    "chain_height",
    "blocks_reorganised",
    "bills_issued",
    "bills_verified",
    "seconds",
    "readings_per_second",
    "orders_per_second",
    "peak_memory_bytes",
];
const AMOUNTS: [&str; 7] = [
    "journal_sum",
    "suspense",
    "escrow_open",
    "token_supply",
    "token_held",
    "cost_total",
    "cost_without_market_total",
];
const OTHERS: [&str; 4] = ["mining", "currency", "orders_rejected", "spent_ms"];

/// What every home pays in.
const DEPOSIT: Money = Money::from_n(250_000_000_000);

/// A whole number of a unit.
pub fn count(figures: &Value, name: &str) -> u64 {
    figures[name].as_u64().unwrap_or_else(|| panic!("{name} is {}", figures[name]))
}

fn amount(figures: &Value, name: &str) -> Money {
    let text = &figures[name];
    assert!(text.is_string(), "{name} is {text}");
    serde_json::from_value(text.clone()).unwrap_or_else(|error| panic!("{name} {text}: {error}"))
}

/// What holds of the figures of every finished demo, exactly.
pub fn check_identities(figures: &Value) {
    let count = |name| count(figures, name);
    let amount = |name| amount(figures, name);
    let homes = count("homes");
    assert_eq!(count("import_wh"), count("p2p_wh") + count("grid_import_wh"));
    assert_eq!(count("export_wh"), count("p2p_wh") + count("grid_export_wh"));
    assert_eq!(count("readings_published"), homes * (count("slots") + 1));
    assert_eq!(count("readings_published"), count("readings_acknowledged"));
    assert_eq!(count("readings_published"), count("readings_stored"));
    assert_eq!(count("readings_quarantined"), 0);
    assert_eq!(count("trades"), count("trades_settled"));
    assert_eq!(count("trades"), count("trades_reconciled"));
    assert_eq!(count("bills_issued"), count("bills_verified"));
    assert!(count("p2p_wh") <= count("p2p_possible_wh"));
    for name in ["journal_sum", "suspense", "escrow_open"] {
        assert_eq!(amount(name), Money::ZERO, "{name}");
    }
    assert_eq!(amount("token_supply"), amount("token_held"));
    assert_eq!(amount("token_supply"), DEPOSIT.times(homes).unwrap());
}

#[test]
fn a_sample_day_adds_up_and_its_figures_have_the_documented_fields() {
    let place = Place::new();
    let figures = place.days(&["--homes", "3", "--seed", "7"]);
    let fields = figures.as_object().unwrap();
    let mut names: Vec<&str> = fields.keys().map(String::as_str).collect();
    let mut documented = [&COUNTS[..], &AMOUNTS[..], &OTHERS[..]].concat();
    names.sort_unstable();
    documented.sort_unstable();
    assert_eq!(names, documented);
    COUNTS.iter().for_each(|name| _ = count(&figures, name));
    AMOUNTS.iter().for_each(|name| _ = amount(&figures, name));
    for (code, times) in figures["orders_rejected"].as_object().unwrap() {
        assert!(times.as_u64().is_some_and(|times| times > 0), "{code}: {times}");
    }
    for (service, spent) in figures["spent_ms"].as_object().unwrap() {
        assert!(spent.is_u64(), "{service}: {spent}");
    }
    assert_eq!(figures["mining"], "on_demand_fixed_difficulty");
    assert_eq!(figures["currency"], "USD");
    check_identities(&figures);
    let count = |name| count(&figures, name);
    assert_eq!((count("homes"), count("slots"), count("slot_minutes")), (3, 96, 15));
    assert_eq!(count("bills_issued"), 3);
    assert!(count("trades") > 0 && count("p2p_wh") > 0 && count("orders_accepted") > 0);
    assert!(count("chain_height") > 0 && count("peak_memory_bytes") > 1 << 20);
    bills_carry_the_cost(&place, amount(&figures, "cost_total"));
    finished_days_say_the_same_again(&place, &figures);
}

/// Nobody orders: what the meters saw is shared out after each slot, settled, billed and proved.
#[test]
fn homes_share_out_what_they_have_generated_and_every_bill_proves_it() {
    for mechanism in ["dynamic_allocation:150000", "cascade_allocation:150000"] {
        let place = Place::new();
        let figures = place.days(&["--homes", "4", "--seed", "7", "--mechanism", mechanism]);
        check_identities(&figures);
        let count = |name| count(&figures, name);
        assert_eq!((count("orders_accepted"), count("bills_verified")), (0, 4));
        assert_eq!(figures["orders_rejected"], serde_json::json!({}));
        // What is left is what a home itself takes in the slot in which it feeds in.
        let shared = count("p2p_wh") * 100 / count("p2p_possible_wh");
        assert!(shared >= 90, "{mechanism}: {shared} % of what could be shared");
        assert!(count("clearings_recomputed") > 0);
    }
}

/// Two feeders whose link carries little: homes of both clear together.
#[test]
fn homes_of_two_zones_trade_what_the_link_between_them_carries() {
    let place = Place::new();
    let link = |zone: &str| {
        let way = serde_json::json!({ "capacity_wh": 40 });
        serde_json::json!({ "zone": zone, "parent": "station", "up": way, "down": way })
    };
    let zone = |name: &str, fee: &str| serde_json::json!({ "zone": name, "fee": fee });
    let grid = serde_json::json!({
        "zones": [zone("station", "0.05"), zone("east", "0.03"), zone("west", "0.03")],
        "links": [link("east"), link("west")],
    });
    let file = place.path("grid.json");
    fs::write(&file, grid.to_string()).unwrap();
    let arguments = ["--homes", "6", "--seed", "7", "--zones", text(&file)];
    let figures = place.days(&arguments);
    check_identities(&figures);
    assert!(count(&figures, "p2p_wh") > 0 && count(&figures, "trades") > 0);
    assert!(count(&figures, "clearings_recomputed") > 0);
    let refused = run(place.demo(&["--zones", text(&file), "--mechanism", "muda"]));
    assert_eq!(refused.code, Some(2), "{}", refused.err);
}

/// The total of the bills is the figure, and a page lies beside each.
fn bills_carry_the_cost(place: &Place, cost: Money) {
    let trust = place.trust();
    let totals = place.bills().into_iter().map(|path| {
        let text = fs::read_to_string(&path).unwrap();
        let report = verify(&text, Some(&trust));
        assert_eq!(report.verdict, Verdict::Holds, "{report}");
        let page = fs::read_to_string(path.with_extension("html")).unwrap();
        assert!(page.contains(&report.number));
        serde_json::from_str::<BillFile>(&text).unwrap().invoice.total
    });
    assert_eq!(Money::sum(totals).unwrap(), cost);
}

fn finished_days_say_the_same_again(place: &Place, figures: &Value) {
    let bills = place.bills();
    let before: Vec<String> = bills.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let again = place.days(&["--homes", "3", "--seed", "7"]);
    for name in [&COUNTS[..23], &AMOUNTS[..]].concat() {
        assert_eq!(again[name], figures[name], "{name}");
    }
    for (path, before) in bills.iter().zip(&before) {
        let invoice = |text: &str| text.split(",\"evidence\":").next().unwrap().to_owned();
        assert_eq!(invoice(&fs::read_to_string(path).unwrap()), invoice(before));
    }
}

/// Two months of hours would be many files; one month's is small enough to mail.
#[test]
fn a_month_of_bills_is_small() {
    const BYTES_MAX: u64 = 2_000_000;
    let place = Place::new();
    place.days(&["--homes", "2", "--days", "31", "--start", "2026-07-01", "--slot", "60m"]);
    let month = largest(&place);
    assert!(month < BYTES_MAX, "{month} bytes");
    // What a quarter-hour adds: the difference between two days and one.
    let [one, two] = ["1", "2"].map(|days| {
        let place = Place::new();
        place.days(&["--homes", "2", "--days", days, "--start", "2026-07-01"]);
        largest(&place)
    });
    let per_slot = (two - one).div_ceil(96);
    let quarter_hours = one + per_slot * 30 * 96;
    assert!(quarter_hours < BYTES_MAX, "{per_slot} bytes a slot, {quarter_hours} a month");
}

/// The size of the largest bill.
fn largest(place: &Place) -> u64 {
    let bills = place.bills();
    bills.iter().map(|path| fs::metadata(path).unwrap().len()).max().unwrap()
}

#[test]
fn the_table_and_the_bills_are_what_the_help_promises() {
    let place = Place::new();
    let mut command = place.demo(&["--homes", "2", "--exit"]);
    command.env("WATTEX_LOG", "warn");
    let ended = run(command);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    for row in ["homes", "readings", "traded between neighbours", "bills", "wattex verify"] {
        assert!(ended.out.lines().any(|line| line.starts_with(row)), "{row}\n{}", ended.out);
    }
    assert!(!ended.out.contains('\u{1b}') && !ended.err.contains('\u{1b}'), "{}", ended.err);
    let directory = place.directory();
    assert!(directory.join("progress.json").is_file(), "{}", text(&directory));
}

//! Days on folders that the test writes: both layouts that `--data` reads, from a seed.

use std::fs;
use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::days::{check_identities, count};
use crate::measured::every_bill_holds;
use crate::program::{Place, run, text};

const SEED: u64 = 20;
/// Homes in a folder; every second has PV.
const HOMES: usize = 4;
/// Days of the hourly folder.
const DAYS: usize = 2;
/// The columns of weather and carbon beside the hourly price, which the program does not need.
const PRICE_HEADER: &str = "hour_ending_local,price_usd_per_kwh,carbon_kg_per_kwh,temp_c";

/// What a home takes and makes in each interval, in watts.
struct Home {
    load: Vec<u64>,
    pv: Vec<u64>,
}

/// Homes over `days`, each of `per_day` intervals: an evening peak, and sun from 6 to 18 h.
fn homes(days: usize, per_day: usize) -> Vec<Home> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED);
    let minutes = (0..days * per_day).map(|place| place % per_day * 1440 / per_day);
    let minutes: Vec<u64> = minutes.map(|minute| minute as u64).collect();
    let bump = |minute: u64, centre: u64, width: u64, height: u64| {
        height * width.saturating_sub(minute.abs_diff(centre)) / width
    };
    let home = |place: usize| {
        let mut noisy = |watts: u64| watts * random.random_range(90..110) / 100;
        let load = minutes.iter().map(|at| noisy(300 + bump(*at, 1170, 240, 1_200))).collect();
        let peak = if place.is_multiple_of(2) { 4_000 } else { 0 };
        let pv = minutes.iter().map(|at| noisy(bump(*at, 720, 360, peak))).collect();
        Home { load, pv }
    };
    (0..HOMES).map(home).collect()
}

/// What the meters show at the end, in Wh: import and export of all homes.
fn expected(homes: &[Home], per_hour: u64) -> (u64, u64) {
    let total = |more: fn(&Home) -> &Vec<u64>, less: fn(&Home) -> &Vec<u64>| {
        let of_home = |home: &Home| {
            let pairs = more(home).iter().zip(less(home));
            // A meter counts milliwatt-hours and shows whole watt-hours.
            let milli = pairs.map(|(more, less)| more.saturating_sub(*less) * 1000 / per_hour);
            milli.sum::<u64>() / 1000
        };
        homes.iter().map(of_home).sum()
    };
    (total(|home| &home.load, |home| &home.pv), total(|home| &home.pv, |home| &home.load))
}

/// Watts as kW, and watts through an hour as kWh.
fn kilo(watts: u64) -> String {
    format!("{}.{:03}", watts / 1000, watts % 1000)
}

/// A line with a cell a home.
fn line(key: &str, cells: impl Iterator<Item = String>) -> String {
    std::iter::once(key.to_owned()).chain(cells).collect::<Vec<_>>().join(",")
}

fn write(folder: &Path, name: &str, lines: &[String]) {
    fs::write(folder.join(name), lines.join("\n") + "\n").unwrap();
}

/// Homes by the hour. The first row is the last hour of the day before the first whole one. A home
/// without PV has no column in its file.
fn hourly(folder: &Path) -> Vec<Home> {
    fs::create_dir_all(folder).unwrap();
    let homes = homes(DAYS, 24);
    let keys: Vec<String> = (0..=DAYS * 24)
        .map(|hour| format!("2016-08-{:02} {:02}:00:00", 1 + hour / 24, hour % 24))
        .collect();
    let table = |chosen: &[usize], series: fn(&Home) -> &Vec<u64>| -> Vec<String> {
        let names = chosen.iter().map(|home| format!("H{:02}", home + 1));
        let rows = keys.iter().enumerate().map(|(row, key)| {
            let watts = |home: &usize| match row {
                0 => 0,
                row => series(&homes[*home])[row - 1],
            };
            line(key, chosen.iter().map(|home| kilo(watts(home))))
        });
        std::iter::once(line("hour_ending_local", names)).chain(rows).collect()
    };
    let (all, with_pv): (Vec<usize>, _) = ((0..HOMES).collect(), [0, 2]);
    write(folder, "load_kwh.csv", &table(&all, |home| &home.load));
    write(folder, "pv_kwh.csv", &table(&with_pv, |home| &home.pv));
    let price = |hour: usize| if (17..=21).contains(&(hour % 24)) { "0.54" } else { "0.22" };
    let prices = keys.iter().enumerate().map(|(row, key)| format!("{key},{},0.2,20.1", price(row)));
    write(
        folder,
        "price_carbon_weather.csv",
        &[vec![PRICE_HEADER.into()], prices.collect()].concat(),
    );
    homes
}

/// A community by the quarter-hour, whose files write whole numbers with and without `.0`.
fn quarterly(folder: &Path) -> Vec<Home> {
    fs::create_dir_all(folder).unwrap();
    let homes = homes(1, 96);
    let table = |cell: &dyn Fn(usize, usize) -> String| -> Vec<String> {
        let rows = (0..96)
            .map(|row| line(&format!("{}.0", row + 1), (0..HOMES).map(|home| cell(row, home))));
        std::iter::once(",1.0,2,3,4.0".to_owned()).chain(rows).collect()
    };
    write(folder, "load.csv", &table(&|row, home| kilo(homes[home].load[row])));
    write(
        folder,
        "pv.csv",
        &table(&|row, home| match homes[home].pv[row] {
            0 => "0".to_owned(),
            watts => kilo(watts),
        }),
    );
    let price = |row: usize| if (68..84).contains(&row) { "0.2513" } else { "0.1073" };
    write(folder, "buy_price.csv", &table(&|row, _| price(row).to_owned()));
    write(folder, "sell_price.csv", &table(&|_, _| "0.045".to_owned()));
    homes
}

/// Runs `homes` of `folder`; what was metered is what was written.
fn check(place: &Place, homes: &[Home], per_hour: u64, arguments: &[&str], currency: &str) {
    let figures = place.days(&[&["--data", text(&place.path("data"))], arguments].concat());
    check_identities(&figures);
    let count = |name| count(&figures, name);
    let slots = homes[0].load.len() as u64;
    assert_eq!((count("homes"), count("slots")), (HOMES as u64, slots));
    assert_eq!((count("import_wh"), count("export_wh")), expected(homes, per_hour));
    assert_eq!(figures["currency"], currency);
    assert!(count("trades") > 0 && count("p2p_wh") > 0);
    assert_eq!(count("bills_verified"), HOMES as u64);
    every_bill_holds(place);
}

#[test]
fn homes_by_the_hour_trade_what_their_files_say() {
    let place = Place::new();
    let homes = hourly(&place.path("data"));
    check(&place, &homes, 1, &["--slot", "60m", "--days", "2"], "USD");
}

#[test]
fn a_community_by_the_quarter_hour_trades_what_its_files_say() {
    let place = Place::new();
    let homes = quarterly(&place.path("data"));
    check(&place, &homes, 4, &[], "EUR");
}

#[test]
fn a_fault_in_any_file_is_named_by_file_line_and_column() {
    /// The writer of a folder, a file in it, a line of that from 1, what stands there instead, and
    /// what the program says.
    type Case = (fn(&Path) -> Vec<Home>, &'static str, usize, &'static str, [&'static str; 2]);
    let cases: [Case; 8] = [
        (hourly, "load_kwh.csv", 1, "hour,H01,H02,H03,H04", [":1, column hour", "first column"]),
        (hourly, "pv_kwh.csv", 5, "2016-08-01 03:00:00,0.1,sun", [":5, column H03", "sun"]),
        (hourly, "pv_kwh.csv", 9, "2016-08-01 06:00:00,0.1,0.1", [":9, column hour", "07:00:00"]),
        (
            hourly,
            "price_carbon_weather.csv",
            12,
            "2016-08-01 10:00:00,cheap,0.2,20.1",
            [":12, column price_usd_per_kwh", "cheap"],
        ),
        (hourly, "price_carbon_weather.csv", 1, "hour_ending_local,price,a,b", [":1", "price_usd"]),
        (quarterly, "pv.csv", 50, "49.0,0.1,0,-0.1,0", [":50, column 3", "negative"]),
        (quarterly, "buy_price.csv", 97, "96.0,0.1,0.1,0.1,", [":97, column 4.0", "empty"]),
        (quarterly, "sell_price.csv", 3, "3,0.1,0.1,0.1,0.1", [":3, column 1", "quarter-hour 2"]),
    ];
    for (writer, name, number, other, parts) in cases {
        let place = Place::new();
        let folder = place.path("data");
        writer(&folder);
        let file = folder.join(name);
        let before = fs::read_to_string(&file).unwrap();
        let mut lines: Vec<&str> = before.lines().collect();
        lines[number - 1] = other;
        fs::write(&file, lines.join("\n")).unwrap();
        let mut command = place.demo(&["--data", text(&folder), "--exit"]);
        command.env("WATTEX_LOG", "error");
        let ended = run(command);
        assert_eq!(ended.code, Some(3), "{name} {other}: {}", ended.err);
        for part in [&format!("{}{}", text(&file), parts[0]), parts[1]] {
            assert!(ended.err.contains(part), "no {part:?} in {:?}", ended.err);
        }
    }
}

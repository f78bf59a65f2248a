//! What the program says of arguments, data and directories that it cannot work with.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use db::{Db, Migration};
use serde_json::{Value, json};

use crate::program::{Ended, Place, run, text, wattex};

fn demo(place: &Place, arguments: &[&str]) -> Ended {
    let mut command = place.demo(arguments);
    command.arg("--exit");
    run(command)
}

/// The program ends with `code` and its message holds each of `parts`.
fn check(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}{}", ended.out, ended.err);
    for part in parts {
        assert!(ended.err.contains(part), "no {part:?} in {:?}", ended.err);
    }
    assert!(!ended.err.contains("panicked") && !ended.err.contains('\u{1b}'), "{}", ended.err);
}

#[test]
fn wrong_arguments_are_named() {
    let cases: [(&[&str], &str); 15] = [
        (&["demo", "--frobnicate"], "--frobnicate"),
        (&["frobnicate"], "frobnicate"),
        (&[], "Usage"),
        (&["verify"], "<BILL>"),
        (&["demo", "--homes", "0"], "--homes"),
        (&["demo", "--homes", "many"], "many"),
        (&["demo", "--days", "0"], "--days"),
        (&["demo", "--slot", "7m"], "7"),
        (&["demo", "--start", "2026-02-30"], "2026-02-30"),
        (&["demo", "--speed", "0x"], "60x"),
        (&["demo", "--origin", "http://wattex.example"], "this machine alone"),
        (&["demo", "--origin", "https://wattex.example/app"], "without a path"),
        (&["demo", "--origin", "wattex.example"], "https://HOST"),
        (&["demo", "--mqtt-tls", "127.0.0.1:0"], "--tls-cert"),
        (&["demo", "--tls-client-ca", "roots.pem"], "--mqtt-tls"),
    ];
    for (arguments, part) in cases {
        check(&run(wattex(arguments)), 2, &[part]);
    }
}

#[test]
fn the_origins_of_wallets_are_few_wherever_they_are_named() {
    let many = vec!["https://wattex.example"; 17].join(",");
    check(&run(wattex(&["demo", "--origin", &many])), 2, &["--origin", "16"]);
    let mut named = wattex(&["demo"]);
    named.env("WATTEX_ORIGINS", "https://wattex.example,http://eve.example");
    check(&run(named), 2, &["http://eve.example"]);
}

/// Writes `load_kwh.csv` of two homes over two days, with `change` done to its lines.
fn hourly(folder: &Path, change: impl FnOnce(&mut Vec<String>)) {
    fs::create_dir_all(folder).unwrap();
    let mut lines = vec!["hour_ending_local,H01,H02".to_owned()];
    for hour in 1..=48 {
        let (day, hour) = (1 + hour / 24, hour % 24);
        lines.push(format!("2016-08-{day:02} {hour:02}:00:00,0.{hour:02},0.5"));
    }
    change(&mut lines);
    fs::write(folder.join("load_kwh.csv"), lines.join("\n") + "\n").unwrap();
}

/// Writes `load.csv` and `pv.csv` of two players, with `change` done to the lines of `load.csv`.
fn quarterly(folder: &Path, change: impl FnOnce(&mut Vec<String>)) {
    fs::create_dir_all(folder).unwrap();
    let lines = |power: &str| -> Vec<String> {
        let rows = (1..=96).map(|quarter| format!("{quarter}.0,{power},0.5"));
        std::iter::once(",1.0,2.0".to_owned()).chain(rows).collect()
    };
    fs::write(folder.join("pv.csv"), lines("0.0").join("\n") + "\n").unwrap();
    let mut load = lines("0.25");
    change(&mut load);
    fs::write(folder.join("load.csv"), load.join("\n") + "\n").unwrap();
}

#[test]
fn a_fault_in_measured_data_is_named_by_file_line_and_column() {
    type Change = fn(&mut Vec<String>);
    let hours: [(Change, [&str; 2]); 7] = [
        (|lines| lines[4] = "2016-08-01 04:00:00,0.x4,0.5".into(), [":5, column H01", "0.x4"]),
        (|lines| lines[9] = "2016-08-01 09:00:00,0.1,-0.5".into(), [":10, column H02", "negative"]),
        (|lines| lines[9] = "2016-08-01 09:00:00,,0.5".into(), [":10, column H01", "empty"]),
        (|lines| _ = lines.remove(30), [":31, column hour_ending_local", "2016-08-02 07:00:00"]),
        (|lines| lines[20] = "2016-08-01 20:00:00,0.1".into(), [":21, column H02", "2 cells"]),
        (|lines| lines[7] = "noon,0.1,0.5".into(), [":8, column hour_ending_local", "noon"]),
        (|lines| lines[48] = "2016-08-03 00:00:00,1e99,0.5".into(), [":49, column H01", "1e99"]),
    ];
    let quarters: [(Change, [&str; 2]); 5] = [
        (|lines| lines[4] = "4.0,0.x4,0.5".into(), [":5, column 1.0", "0.x4"]),
        (|lines| lines[96] = "96.0,0.25,-0.5".into(), [":97, column 2.0", "negative"]),
        (|lines| _ = lines.remove(30), [":31, column 1", "31"]),
        (|lines| lines[20] = "20.0,0.25".into(), [":21, column 2.0", "2 cells"]),
        (|lines| _ = lines.pop(), [":96, column 1", "95"]),
    ];
    for (change, parts) in hours {
        let place = Place::new();
        let folder = place.path("data");
        hourly(&folder, change);
        let ended = demo(&place, &["--data", text(&folder)]);
        check(&ended, 3, &[text(&folder.join("load_kwh.csv")), parts[0], parts[1]]);
    }
    for (change, parts) in quarters {
        let place = Place::new();
        let folder = place.path("data");
        quarterly(&folder, change);
        let ended = demo(&place, &["--data", text(&folder)]);
        check(&ended, 3, &[text(&folder.join("load.csv")), parts[0], parts[1]]);
    }
}

#[test]
fn data_that_is_not_there_is_named() {
    let place = Place::new();
    let absent = place.path("absent");
    check(&demo(&place, &["--data", text(&absent)]), 3, &[text(&absent), "no such folder"]);
    let empty = place.path("empty");
    fs::create_dir(&empty).unwrap();
    check(&demo(&place, &["--data", text(&empty)]), 3, &[text(&empty), "load_kwh.csv"]);
    let folder = place.path("data");
    hourly(&folder, |_| {});
    let data = ["--data", text(&folder)];
    check(&demo(&place, &[data[0], data[1], "--homes", "3"]), 3, &["3 homes", "has 2"]);
    check(&demo(&place, &[data[0], data[1], "--days", "3"]), 3, &["2016-08-01 to 2016-08-02"]);
    let early = [data[0], data[1], "--start", "2016-07-31"];
    check(&demo(&place, &early), 3, &["2016-07-31", "2016-08-01 to 2016-08-02"]);
    assert!(!place.directory().exists(), "nothing is begun before the data is read");
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let place = Place::new();
    let mut command = wattex(&["demo", "--homes", "1", "--exit", "--port", &port]);
    command.arg("--dir").arg(place.directory());
    check(&run(command), 4, &[&port, "--port"]);
}

#[test]
fn a_directory_of_something_else_is_left_alone() {
    let place = Place::new();
    let directory = place.directory();
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("thesis.txt"), "mine").unwrap();
    check(&demo(&place, &["--homes", "1"]), 5, &[text(&directory), "not empty"]);
    let entries: Vec<_> = fs::read_dir(&directory).unwrap().collect();
    assert_eq!(entries.len(), 1);
}

#[tokio::test]
async fn a_directory_goes_on_only_with_its_own_run_and_version() {
    let place = Place::new();
    let directory = place.directory();
    let arguments = ["--homes", "1", "--slot", "60m"];
    let with = |more: &[&'static str]| [&arguments[..], more].concat();
    // A crash may have left this before anything else was there.
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("demo.json.new"), "{").unwrap();
    let figures = place.days(&arguments);
    for (other, part) in [(["--homes", "2"], "homes"), (["--seed", "2"], "seed")] {
        let mut different = with(&[]);
        match other[0] {
            "--homes" => different[1] = other[1],
            _ => different.extend(other),
        }
        check(&demo(&place, &different), 5, &[text(&directory), part]);
    }
    refuses_changed(&place, "demo.json", &arguments, 5, "another version", |plan| {
        plan["version"] = json!(plan["version"].as_u64().unwrap() + 1);
    });
    refuses_changed(&place, "progress.json", &arguments, 6, "clock", |progress| {
        progress["wall"] = json!("2999-01-01T00:00:00Z");
    });
    assert_eq!(place.days(&arguments)["trades"], figures["trades"], "it is as it was");
    // A later program brought a database's schema further.
    let url = format!("sqlite:{}", directory.join("market.db").display());
    let newer: Vec<Migration> =
        (1..=99).map(|version| Migration { version, sql: "select 1" }).collect();
    Db::open(&url, &newer).await.unwrap().close().await;
    check(&demo(&place, &arguments), 5, &["market.db"]);
}

/// The run is refused while a file of its directory is changed.
fn refuses_changed(
    place: &Place,
    name: &str,
    arguments: &[&str],
    code: i32,
    part: &str,
    change: impl FnOnce(&mut Value),
) {
    let file = place.directory().join(name);
    let before = fs::read_to_string(&file).unwrap();
    let mut value: Value = serde_json::from_str(&before).unwrap();
    change(&mut value);
    fs::write(&file, value.to_string()).unwrap();
    check(&demo(place, arguments), code, &[part]);
    fs::write(&file, before).unwrap();
}

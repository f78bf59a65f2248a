//! `wattex meters`: a fleet against a demo that serves, and whether all of it was stored.

use std::fs;

use serde_json::Value;

use crate::program::{Place, Running, run, text, wattex};

#[test]
fn a_fleet_is_enrolled_sends_with_faults_and_is_found_again() {
    let place = Place::new();
    let mut demo = Running::start(place.demo(&["--homes", "2"]));
    let last = |line: &str| line.split_whitespace().last().unwrap().to_owned();
    let url = last(&demo.line_with("Open "));
    let operator = demo.line_with("operator");
    let words: Vec<&str> = operator.split_whitespace().collect();
    let broker = last(&demo.line_with("mqtt://"));
    let broker = broker.trim_start_matches("mqtt://");
    let (log, roster) = (place.path("fleet.log"), place.path("meters.jsonl"));
    let staff = ["--server", &url, "--email", words[1], "--password", words[2]];
    let fleet = |log: &str, more: &[&str]| {
        let mut command = wattex(&["meters", "--count", "6", "--broker", broker, "--rate", "0"]);
        command.args(staff).args(["--roster", text(&roster), "--intents", log, "--json"]);
        command.args(["--from", "2026-05-01T00:00:00Z", "--until", "2026-05-20T00:00:00Z"]);
        let ended = run({
            command.args(more);
            command
        });
        assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
        serde_json::from_str::<Value>(&ended.out).unwrap()
    };
    let faults = [
        "--duplicates",
        "50",
        "--reordered",
        "50",
        "--gaps",
        "50",
        "--clock-drift",
        "50",
        "--bad-signatures",
        "50",
        "--bad-payloads",
        "50",
        "--malformed-packets",
        "10",
        "--mqtt",
        "5",
        "--messages",
        "60",
        "--disconnect-storms",
        "1",
        "--slow-readers",
        "1",
    ];
    let first = fleet(text(&log), &faults);
    assert!(first["totals"]["acknowledged"].as_u64().unwrap() > 6 * 50, "{first}");
    assert_eq!(first["totals"]["disordered"], 0, "{first}");
    // The next run goes on where the first one ended, with three readings in each message.
    let second = place.path("second.log");
    let next = fleet(text(&second), &["--messages", "20", "--readings", "3", "--presign"]);
    assert_eq!(next["totals"]["readings"], 6 * 20 * 3, "{next}");

    let check = |log: &str| {
        let mut command = wattex(&["meters", "check", log, "--json"]);
        command.args(staff);
        let ended = run(command);
        let found = serde_json::from_str::<Value>(&ended.out);
        (ended.code, found.unwrap_or_else(|_| panic!("{}", ended.err)))
    };
    for log in [&log, &second] {
        let (code, found) = check(text(log));
        assert_eq!(code, Some(0), "{found}");
        assert_eq!(found["acknowledged"], found["sent"], "{found}");
        assert!(found["unknown"].as_u64().unwrap() > 0, "the other run's: {found}");
    }
    // A log that claims more than was sent is found out.
    let claims = fs::read_to_string(&second).unwrap();
    let lines: Vec<&str> = claims.lines().filter(|line| !line.contains("\"number\":7,")).collect();
    let less = place.path("less.log");
    fs::write(&less, lines.join("\n") + "\n").unwrap();
    assert_eq!(check(text(&less)).0, Some(0), "what it does not know is another run's");
    let other = claims.replacen("\"payload\":\"4d5231", "\"payload\":\"4d5232", 1);
    fs::write(&less, other).unwrap();
    assert_eq!(
        run(wattex(&[
            "meters",
            "check",
            text(&less),
            staff[0],
            staff[1],
            staff[2],
            staff[3],
            staff[4],
            staff[5]
        ]))
        .code,
        Some(3)
    );
    assert_eq!(demo.interrupt(), Some(0));
}

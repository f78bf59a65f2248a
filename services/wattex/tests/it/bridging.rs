//! `wattex bridge`: settings that can be worked with, and what is said of those that cannot.

use std::fs;

use serde_json::{Value, json};

use crate::program::{Place, run, text, wattex};

const METER: &str = "0b5d8f0e-9c5c-4a7b-9f1e-0123456789ab";

fn settings() -> Value {
    json!({
        "source": { "host": "192.168.1.10" },
        "server": "https://community.example",
        "state": "bridge.db",
        "meters": [{
            "meter": METER, "name": "House", "key_file": "key", "token_file": "token",
            "format": "shelly1", "topic": "shellies/+/emeter/+/total",
            "import": [{ "channel": "emeter/0" }, { "channel": "emeter/1" }],
        }],
    })
}

#[test]
fn settings_are_checked_and_tell_the_address_to_enrol() {
    let place = Place::new();
    fs::write(place.path("token"), "secret\n").unwrap();
    let one = format!("{:064x}", 1);
    fs::write(place.path("key"), &one).unwrap();
    let file = place.path("bridge.json");
    fs::write(&file, settings().to_string()).unwrap();
    let ended = run(wattex(&["bridge", "--check", text(&file)]));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    // The address of the key one, as every wallet derives it.
    assert!(ended.out.contains("0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"), "{}", ended.out);
    assert!(ended.out.contains(METER) && !ended.out.contains(&one), "{}", ended.out);
    fs::write(place.path("key"), "0x12").unwrap();
    let ended = run(wattex(&["bridge", "--check", text(&file)]));
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert!(ended.err.contains("64 hex digits"), "{}", ended.err);
}

#[test]
fn settings_that_cannot_be_worked_with_are_named() {
    let place = Place::new();
    let file = place.path("bridge.json");
    let meter = |field: &str, value: Value| {
        let mut changed = settings();
        changed["meters"][0][field] = value;
        changed
    };
    let field = |field: &str, value: Value| {
        let mut changed = settings();
        changed[field] = value;
        changed
    };
    let twice = settings()["meters"][0].clone();
    for (settings, part) in [
        (field("server", json!("http://community.example")), "server: https"),
        (field("server", json!("http://localhost.example")), "server: https"),
        (field("server", json!("http://127.0.0.1@example.com")), "server: https"),
        (field("discovery_prefix", json!("home/#")), "home/#"),
        (field("meters", json!([])), "meters: 1 to"),
        (field("meters", json!([twice.clone(), twice])), "meters[1]: meter"),
        (field("tick", json!(1)), "unknown field `tick`"),
        (meter("format", json!("shelly9")), "shelly9"),
        (meter("topic", json!("a/#/b")), "topic"),
        (meter("import", json!([])), "at least one"),
        (meter("import", json!([{ "chanel": "emeter/0" }])), "meters[0].import[0].chanel"),
        (meter("import", json!(vec![json!({}); 17])), "16 registers"),
        (meter("digits", json!(0)), "digits"),
        (meter("watts_max", json!(0)), "watts_max"),
        (meter("meter", json!("H01")), "meters[0].meter"),
    ] {
        fs::write(&file, settings.to_string()).unwrap();
        let ended = run(wattex(&["bridge", text(&file)]));
        assert_eq!(ended.code, Some(3), "{part}: {}", ended.err);
        assert!(ended.err.contains(part), "no {part:?} in {}", ended.err);
    }
    let ended = run(wattex(&["bridge", text(&place.path("missing.json"))]));
    assert_eq!(ended.code, Some(3), "{}", ended.err);
}

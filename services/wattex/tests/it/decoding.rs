//! What devices send, decoded from files and from the standard input.

use std::fs;

use serde_json::Value;

use crate::program::{Place, run, text, wattex};

const RECORDING: &str = r#"tele/p/SENSOR {"Time":"2026-06-01T12:00:00Z","ENERGY":{"Total":1.2345}}
solar/116480012345/0/yieldtotal 1234.5678
somewhere/else 5
"#;

fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_recording_of_a_broker_is_decoded_by_its_topics() {
    let place = Place::new();
    let file = place.path("recording.txt");
    fs::write(&file, RECORDING).unwrap();
    let ended = run(wattex(&["decode", text(&file)]));
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let readings = lines(&ended.out);
    assert_eq!(readings.len(), 2);
    assert_eq!(readings[0]["format"], "tasmota");
    assert_eq!(readings[0]["value"], 1234);
    assert_eq!(readings[0]["time"], "2026-06-01T12:00:00Z");
    assert_eq!(readings[1]["device"], "116480012345");
    assert_eq!(readings[1]["clock"], "receiver");
    assert_eq!(readings[1]["value"], 1_234_567);
    assert_eq!(readings[1]["unit"], "Wh");
    assert!(ended.err.contains("1 of 3 messages are of no known topic"), "{}", ended.err);
}

#[test]
fn what_is_refused_is_named_with_its_place_and_the_rest_goes_on() {
    let place = Place::new();
    let file = place.path("plugs.jsonl");
    let rows = [1, -1, 2].map(|total| format!("{{\"ENERGY\":{{\"Total\":{total}}}}}\n"));
    fs::write(&file, rows.concat()).unwrap();
    let ended = run(wattex(&["decode", "--format", "tasmota", text(&file)]));
    assert_eq!((ended.code, lines(&ended.out).len()), (Some(14), 2));
    assert!(ended.err.contains("message 2: FIELD_NEGATIVE"), "{}", ended.err);
    assert!(ended.err.contains("line 2, column 20, ENERGY.Total"), "{}", ended.err);
}

#[test]
fn unknown_formats_and_files_are_said() {
    let ended = run(wattex(&["decode", "--format", "morse", "-"]));
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("there are mr1, ocmf, sparkplug"), "{}", ended.err);
    let ended = run(wattex(&["decode", "--format", "dsmr", "no-such-file"]));
    assert_eq!(ended.code, Some(14), "{}", ended.err);
    assert!(ended.err.contains("reading no-such-file"), "{}", ended.err);
}

#[test]
fn the_formats_are_listed_for_people_and_machines() {
    let ended = run(wattex(&["formats"]));
    assert_eq!(ended.code, Some(0));
    assert!(ended.out.contains("dsmr") && ended.out.contains("solar/#"), "{}", ended.out);
    let list: Vec<Value> = serde_json::from_str(&run(wattex(&["formats", "--json"])).out).unwrap();
    assert!(list.len() >= 17 && list.iter().all(|format| format["units"].is_string()));
    let ocmf = list.iter().find(|format| format["name"] == "ocmf").unwrap();
    assert_eq!(ocmf["trust"], "signed");
}

//! Trackers, a charger and a plant's measurements, through the command line.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::Value;
use testkit::Mosquitto;

use crate::program::{Place, run, text, wattex};

/// One short ramp, so that a test is quick.
const RAMP: &str = "sequence,repetitions,slope_w_m2_s,g_low_w_m2,g_high_w_m2,ramp_up_s,\
                    dwell_high_s,ramp_down_s,dwell_low_s,initial_settling_s\n\
                    short,1,50,100,500,8,10,8,10,30\n";

fn file(place: &Place, name: &str, content: &str) -> PathBuf {
    let path = place.path(name);
    fs::write(&path, content).unwrap();
    path
}

fn answered(arguments: &[&str]) -> String {
    let ended = run(wattex(&[&["mppt"], arguments].concat()));
    assert_eq!(ended.code, Some(0), "{arguments:?}\n{}", ended.err);
    ended.out
}

/// The code and the words of a run that is refused.
fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let ended = run(wattex(&[&["mppt"], arguments].concat()));
    (ended.code, ended.err)
}

#[test]
fn a_tracker_reaches_its_goals_and_the_same_seed_says_the_same() {
    let place = Place::new();
    let (ramp, page) = (file(&place, "ramp.csv", RAMP), place.path("page.html"));
    let arguments = [
        "--tracker",
        "perturb",
        "--noise-bits",
        "12",
        "--sequence",
        text(&ramp),
        "--chart",
        text(&page),
        "--json",
    ];
    let said = answered(&arguments);
    assert_eq!(said, answered(&arguments));
    let figures: Value = serde_json::from_str(&said).unwrap();
    let trackers = figures["trackers"].as_array().unwrap();
    assert_eq!(trackers.len(), 2);
    for tracker in trackers {
        assert!(tracker["static"]["euro"].as_f64().unwrap() >= 0.990, "{tracker}");
        assert!(tracker["dynamic"][0]["worst"].as_f64().unwrap() >= 0.985, "{tracker}");
    }
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("prefers-color-scheme: dark") && page.contains("<title id=\"t3\">"));
    assert!(page.contains(">Voltage, V</text>") && page.contains(">Power, W</text>"));
}

#[test]
fn a_charger_publishes_its_day() {
    let light: String =
        (0..24).map(|hour| format!("2026-06-01T{hour:02}:00:00Z,{}\n", hour * 30)).collect();
    let place = Place::new();
    let light = file(&place, "light.csv", &format!("time,poa\n{light}"));
    let said =
        answered(&["simulate", "--light", text(&light), "--every", "3600", "--portal", "abc"]);
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() > 100);
    let (mut energy, mut states) = (0.0, Vec::new());
    for line in &lines {
        let topic = line["topic"].as_str().unwrap();
        let payload: Value = serde_json::from_str(line["payload"].as_str().unwrap()).unwrap();
        if topic == "N/abc/solarcharger/258/Yield/User" {
            let now = payload["value"].as_f64().unwrap();
            assert!(now >= energy);
            energy = now;
        }
        if topic == "N/abc/solarcharger/258/State" {
            states.push(payload["value"].as_u64().unwrap());
        }
    }
    assert!(energy > 1.0 && states.first() == Some(&0) && states.contains(&3), "{states:?}");
}

#[test]
fn a_charger_tells_a_broker_what_it_writes() {
    let broker = Mosquitto::start().unwrap();
    let mut options = MqttOptions::new("hears", "127.0.0.1", broker.port());
    options.set_keep_alive(Duration::from_secs(60));
    let (client, mut connection) = Client::new(options, 10);
    client.subscribe("N/abc/#", QoS::AtLeastOnce).unwrap();
    let mut events = connection.iter();
    // From here on nothing is missed.
    while !matches!(events.next(), Some(Ok(Event::Incoming(Packet::SubAck(_))))) {}
    let (place, port) = (Place::new(), broker.port().to_string());
    let out = place.path("said.jsonl");
    let address = format!("127.0.0.1:{port}");
    answered(&[
        "simulate",
        "--every",
        "3600",
        "--portal",
        "abc",
        "--out",
        text(&out),
        "--broker",
        &address,
        "--speed",
        "1000000",
    ]);
    let written = fs::read_to_string(&out).unwrap();
    assert!(written.lines().count() > 100);
    for line in written.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let heard = loop {
            match events.next().unwrap().unwrap() {
                Event::Incoming(Packet::Publish(heard)) => break heard,
                _ => {}
            }
        };
        let payload = std::str::from_utf8(&heard.payload).unwrap();
        assert_eq!(
            (heard.topic.as_str(), payload),
            (line["topic"].as_str().unwrap(), line["payload"].as_str().unwrap())
        );
        assert!(!heard.retain);
    }
    let (code, said) = refused(&["simulate", "--broker", "127.0.0.1:1", "--out", text(&out)]);
    assert!(code != Some(0) && said.contains("broker"), "{code:?} {said}");
}

#[test]
fn a_plants_measurements_are_told_by_day() {
    let place = Place::new();
    let rows: String = (0..600)
        .map(|minute| {
            let (hour, minute) = (8 + minute / 60, minute % 60);
            let power = if (11..13).contains(&hour) { 0 } else { 1_800 };
            format!("2026-06-01T{hour:02}:{minute:02}:00Z,800,20,{power}\n")
        })
        .collect();
    let data = file(&place, "plant.csv", &format!("time,poa,temp_air,dc_power\n{rows}"));
    let said = answered(&["analyse", text(&data), "--json"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["days"][0]["date"], "2026-06-01");
    assert_eq!(report["days"][0]["energy_wh"], 14_400.0);
    assert_eq!(report["findings"].as_array().unwrap().len(), 1);
    let finding = &report["findings"][0];
    assert_eq!(
        (&finding["kind"], &finding["from"]),
        (&"outage".into(), &"2026-06-01T11:00:00Z".into())
    );
    assert_eq!(finding["to"], "2026-06-01T13:00:00Z");
    let table = answered(&["analyse", text(&data)]);
    assert!(table.contains("outage") && table.contains("14.40"), "{table}");
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    let place = Place::new();
    let bad = file(&place, "bad.csv", "time,poa\nsoon,1\n");
    let (code, said) = refused(&["analyse", text(&bad)]);
    assert!(code == Some(3) && said.contains("bad.csv: line 2, column \"time\""), "{said}");
    assert_eq!(refused(&["--sequence", text(&bad)]).0, Some(3));
    assert_eq!(refused(&["--module", "X"]).0, Some(2));
    assert_eq!(refused(&["--tracker", "best"]).0, Some(2));
    assert_eq!(refused(&["simulate", "--portal", "a/b"]).0, Some(2));
}

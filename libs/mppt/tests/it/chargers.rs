//! A charger over days, and what it publishes.

use std::collections::BTreeMap;

use mppt::charger::{Battery, Charger, Fault, Operation, Phase, Settings, Status};
use mppt::converter::{Losses, Sensor};
use mppt::tracker::{Kind, Limits};
use mppt::victron::Publisher;
use mppt::{Conditions, Converter, Diode, Module, Source};
use serde_json::Value;

use crate::{dice, shared};

/// Four modules in series and two of those: 2 kW at some 123 V.
fn generator(irradiance: f64) -> Diode {
    let module: Module = serde_json::from_str(
        r#"{"I_L": 8.7, "I_0": 2e-10, "a": 1.56, "R_s": 0.35, "R_sh": 300, "alpha": 0.0035}"#,
    )
    .unwrap();
    module.diode(Conditions::light(irradiance)).scaled(4.0, 2.0)
}

fn charger(settings: Settings, charge: f64) -> Charger {
    let standard = generator(1_000.0);
    let (best, open) = (standard.maximum(), standard.open_circuit());
    let sensor = Sensor::with_bits(12, open, standard.short_circuit());
    let converter = Converter::new(best.power(), Losses::USUAL, sensor, 0.02, 0.8 * open).unwrap();
    let limits = Limits::guard(generator(2.0).open_circuit(), open);
    let tracker = Kind::Perturb.tracker(best.voltage, limits, sensor.resolution());
    let battery = Battery { charge, ..Battery::of_48_volts(6_000.0) };
    Charger::new(tracker, converter, battery, settings).unwrap()
}

/// Light by the second of a short day: three hours of sun from the third hour on.
fn sky(time: f64) -> f64 {
    let hour = time / 3_600.0 % 24.0;
    if (3.0..6.0).contains(&hour) {
        1_000.0 * ((hour - 3.0) / 3.0 * std::f64::consts::PI).sin()
    } else {
        0.0
    }
}

/// Runs for so many hours; every status that differs in phase or operation, and the last.
fn run(charger: &mut Charger, hours: u32, load: f64, light: impl Fn(f64) -> f64) -> Vec<Status> {
    let mut dice = dice(5);
    let mut seen: Vec<Status> = Vec::new();
    let mut diode = generator(0.0);
    for period in 0..hours * 36_000 {
        if period % 10 == 0 {
            diode = generator(light(charger.time()));
        }
        let status = charger.period(&diode, load, &mut dice);
        assert!(status.input.power() <= status.available * (1.0 + 1e-12));
        assert!(status.voltage <= 57.6 * 1.002, "{status:?}");
        let differs =
            |last: &Status| (last.phase, last.operation) != (status.phase, status.operation);
        if seen.last().is_none_or(differs) || period + 1 == hours * 36_000 {
            seen.push(status);
        }
    }
    seen
}

#[test]
fn a_day_goes_from_bulk_to_float_and_ends_in_the_dark() {
    let mut charger = charger(Settings::of_48_volts(60.0), 0.6);
    let seen = run(&mut charger, 8, 100.0, sky);
    let mut phases: Vec<Phase> = seen.iter().map(|status| status.phase).collect();
    phases.dedup();
    assert_eq!(phases, [Phase::Off, Phase::Bulk, Phase::Absorption, Phase::Float, Phase::Off]);
    let limited = seen.iter().any(|status| status.operation == Operation::Limited);
    assert!(limited && seen.last().unwrap().charge > 0.9);
    let end = seen.last().unwrap();
    assert!(end.days[0].energy > 1.5 && end.days[0].energy < 4.0, "{end:?}");
    assert!((end.energy - end.days[0].energy).abs() < 1e-9 && end.days[0].power_max > 1_500.0);
}

#[test]
fn midnight_makes_today_yesterday() {
    let mut charger = charger(Settings::of_48_volts(60.0), 0.1);
    // Noon is an hour before midnight.
    let light = |time: f64| if time < 82_800.0 { 0.0 } else { 400.0 };
    let seen = run(&mut charger, 25, 0.0, light);
    let end = seen.last().unwrap();
    assert!(end.days[1].energy > 0.5 && end.days[0].energy > 0.5);
    assert!((end.days[0].energy + end.days[1].energy - end.energy).abs() < 1e-9, "{end:?}");
}

#[test]
fn a_generator_that_is_too_strong_is_a_fault() {
    let settings = Settings { input_current_max: 10.0, ..Settings::of_48_volts(60.0) };
    let mut charger = charger(settings, 0.5);
    let status = charger.period(&generator(1_000.0), 0.0, &mut || 0.5);
    assert_eq!((status.phase, status.fault), (Phase::Fault, Some(Fault::InputCurrent)));
    assert_eq!(status.input.current, 0.0);
    let status = charger.period(&generator(300.0), 0.0, &mut || 0.5);
    assert_eq!((status.phase, status.fault), (Phase::Bulk, None));
}

#[test]
fn what_is_published_has_the_paths_and_codes_of_the_list() {
    let list = String::from_utf8(shared("dev_victron/attributes.csv")).unwrap();
    let known: BTreeMap<&str, &str> = list
        .lines()
        .filter_map(|line| line.strip_prefix("com.victronenergy.solarcharger,/"))
        .map(|rest| rest.split_once(',').unwrap())
        .collect();
    let simulated = String::from_utf8(shared("dev_victron/dbus_sim_solarcharger.csv")).unwrap();
    let mut charger = charger(Settings::of_48_volts(60.0), 0.5);
    let mut publisher = Publisher::new("c0619ab1cdef", 258).unwrap();
    let mut dice = dice(1);
    let first = charger.period(&generator(800.0), 50.0, &mut dice);
    let lines = publisher.all(&first, 1_702_459_522);
    for line in &lines[..lines.len() - 1] {
        let path = line.topic.strip_prefix("N/c0619ab1cdef/solarcharger/258/").unwrap();
        // The register list leaves out some paths of the simulator, and the yield that no user can
        // set back.
        let is_known = known.contains_key(path)
            || simulated.lines().any(|line| line.starts_with(&format!("/{path},")))
            || ["CustomName", "Yield/System"].contains(&path);
        assert!(is_known, "{path}");
        let payload: Value = serde_json::from_str(&line.payload).unwrap();
        assert_eq!(payload.as_object().unwrap().len(), 1, "{line:?}");
        let is_integer = known.get(path).is_some_and(|rest| rest.starts_with("i,"));
        assert!(!is_integer || payload["value"].is_u64() || payload["value"].is_null(), "{line:?}");
    }
    let last = lines.last().unwrap();
    assert_eq!(last.topic, "N/c0619ab1cdef/full_publish_completed");
    assert_eq!(last.payload, r#"{"value":1702459522}"#);
    let of = |path: &str| {
        let line = lines.iter().find(|line| line.topic.ends_with(path)).unwrap();
        serde_json::from_str::<Value>(&line.payload).unwrap()["value"].clone()
    };
    assert_eq!(
        (of("/State"), of("/MppOperationMode"), of("/ErrorCode")),
        (3.into(), 2.into(), 0.into())
    );
    let close = |one: f64, other: f64, within: f64| (one - other).abs() <= within;
    assert!(close(of("/Pv/V").as_f64().unwrap(), first.input.voltage, 0.005));
    assert!(close(of("/Dc/0/Voltage").as_f64().unwrap(), first.voltage, 0.005));
    let power = of("/Pv/V").as_f64().unwrap() * of("/Pv/I").as_f64().unwrap();
    assert!(close(of("/Yield/Power").as_f64().unwrap(), power, 1.5));
    // Only what changed comes again; a device that is gone has empty payloads.
    assert!(publisher.changes(&first).is_empty());
    let next = charger.period(&generator(800.0), 50.0, &mut dice);
    let changed = publisher.changes(&next);
    assert!(!changed.is_empty() && changed.len() < 10, "{changed:?}");
    let gone = publisher.gone(&next);
    assert!(gone.len() == lines.len() - 1 && gone.iter().all(|line| line.payload.is_empty()));
    for bad in ["", "a/b", "N+", "#", "a b"] {
        assert_eq!(Publisher::new(bad, 1).unwrap_err().code(), "mppt.portal");
    }
}

#[test]
fn the_simulators_own_values_are_of_paths_that_we_publish() {
    let list = String::from_utf8(shared("dev_victron/dbus_sim_solarcharger.csv")).unwrap();
    let mut charger = charger(Settings::of_48_volts(60.0), 0.5);
    let status = charger.period(&generator(500.0), 0.0, &mut || 0.5);
    let lines = Publisher::new("abc", 258).unwrap().changes(&status);
    let paths: Vec<&str> = list.lines().filter_map(|line| line.split(',').next()).collect();
    let wanted = paths.iter().filter(|path| path.starts_with('/'));
    for path in wanted {
        assert!(lines.iter().any(|line| line.topic.ends_with(path)), "{path}");
    }
}

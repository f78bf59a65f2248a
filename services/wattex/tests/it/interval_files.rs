//! Interval data of utilities, in and out.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::program::{Place, run, text, wattex};

/// Writes a file beside the others.
fn file(place: &Place, name: &str, content: &str) -> PathBuf {
    let path = place.path(name);
    fs::write(&path, content).unwrap();
    path
}

/// A day of half-hours, two of them of another quality, and a stream of reactive energy.
fn nem12() -> String {
    let values = "0.5,".repeat(46);
    format!(
        "100,NEM12,202401020000,A,B\r\n200,NMI1234567,E1Q1,E1,E1,N1,M1,kWh,30,\r\n\
         300,20240101,{values}0.25,1,V,,,20240102000000,\r\n400,1,46,A,,\r\n400,47,48,S14,1,\r\n\
         200,NMI1234567,E1Q1,Q1,Q1,N1,M1,kVArh,30,\r\n\
         300,20240101,{values}0.25,1,A,,,20240102000000,\r\n900\r\n"
    )
}

#[test]
fn a_file_becomes_records_and_any_format_again() {
    let place = Place::new();
    let original = file(&place, "day.nem12", &nem12());
    let rejected = place.path("rejected.jsonl");
    let arguments = ["import", "--format", "nem12", text(&original), "--rejected", text(&rejected)];
    let ended = run(wattex(&arguments));
    // What is left out is nobody's fault.
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("records   48") && ended.err.contains("REACTIVE"), "{}", ended.err);
    let lines: Vec<Value> =
        ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 48);
    let last = json!({
        "meter": "NMI1234567", "channel": "E1", "direction": "import",
        "start": "2024-01-01T13:30:00Z", "minutes": 30, "energy_wh": 1000,
        "quality": "substituted", "code": "S14",
    });
    assert_eq!(lines[47], last);
    let first: Value = {
        let rejections = fs::read_to_string(&rejected).unwrap();
        assert_eq!(rejections.lines().count(), 2);
        serde_json::from_str(rejections.lines().next().unwrap()).unwrap()
    };
    assert_eq!((&first["line"], &first["code"]), (&json!(6), &json!("REACTIVE")));

    let records = file(&place, "records.jsonl", &ended.out);
    for format in ["nem12", "greenbutton"] {
        let exported = run(wattex(&["export", "--format", format, text(&records)]));
        assert_eq!(exported.code, Some(0), "{}", exported.err);
        let copy = file(&place, format, &exported.out);
        let again = run(wattex(&["import", "--format", format, text(&copy), "--csv"]));
        assert_eq!(again.code, Some(0), "{}", again.err);
        assert_eq!(again.out.lines().count(), 49);
        assert!(again.out.ends_with(match format {
            "nem12" => "NMI1234567,E1,import,2024-01-01T13:30:00Z,30,1000,substituted,S14\n",
            _ => "NMI1234567,E1,import,2024-01-01T13:30:00Z,30,1000,substituted,7\n",
        }));
    }
}

#[test]
fn an_import_goes_on_where_it_stopped() {
    let place = Place::new();
    let cut = nem12().replace("900\r\n", "");
    let path = file(&place, "day.nem12", &cut);
    let arguments = ["import", "--format", "nem12", text(&path)];
    let ended = run(wattex(&arguments));
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert!(ended.err.contains("TRUNCATED"), "{}", ended.err);
    let position = ended.err.lines().find_map(|line| line.strip_prefix("position  ")).unwrap();
    // The rest comes later.
    fs::write(&path, format!("{cut}{}", nem12().split_once("\r\n").unwrap().1)).unwrap();
    let rest = run(wattex(&[&arguments[..], &["--resume", position]].concat()));
    assert_eq!((rest.code, rest.out.lines().count()), (Some(0), 48), "{}", rest.err);
    let other = file(&place, "other.nem12", &nem12().replacen("0.5", "0.6", 1));
    let refused = run(wattex(&["import", "--format", "nem12", text(&other), "--resume", position]));
    assert_eq!(refused.code, Some(3), "{}", refused.err);
    assert!(refused.err.contains("POSITION"), "{}", refused.err);
}

#[test]
fn what_is_wrong_with_a_file_is_named() {
    let place = Place::new();
    let broken = file(&place, "broken.nem12", &nem12().replacen("0.25", "x", 1));
    let ended = run(wattex(&["import", "--format", "nem12", text(&broken)]));
    assert_eq!((ended.code, ended.out.as_str()), (Some(15), ""), "{}", ended.err);
    let place_of_fault =
        "line 3, column 49, IntervalValue47: \"x\" is not a decimal number (VALUE)";
    assert!(ended.err.contains(place_of_fault), "{}", ended.err);

    let no_mapping = run(wattex(&["import", "--format", "csv", text(&broken)]));
    assert_eq!(no_mapping.code, Some(2), "{}", no_mapping.err);
    let mapping = file(&place, "mapping.json", r#"{ "minutes": 7 }"#);
    let arguments = ["import", "--format", "csv", "--mapping", text(&mapping), text(&broken)];
    let bad_mapping = run(wattex(&arguments));
    assert_eq!(bad_mapping.code, Some(3), "{}", bad_mapping.err);
    assert!(bad_mapping.err.contains("minutes: a slot lasts"), "{}", bad_mapping.err);
    let absent = run(wattex(&["import", "--format", "nem12", text(&place.path("absent"))]));
    assert_eq!(absent.code, Some(3), "{}", absent.err);
}

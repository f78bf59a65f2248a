//! Tables as their mappings describe them.

use meterdata::table::{Mapping, Reader, Writer};
use meterdata::{Export, Quality};

use crate::{Read, read};

const GERMAN: &str = r#"{
    "separator": ";", "decimal": ",", "minutes": 15,
    "time": { "columns": ["Datum", "Zeit"], "pattern": "%d.%m.%Y %H:%M",
              "zone": "Europe/Berlin", "label": "end" },
    "meter": { "column": "Zählpunkt" },
    "energy": [
        { "column": "Bezug", "unit": "kWh", "direction": "import" },
        { "column": "Lieferung", "unit": "kWh", "direction": "export" }
    ],
    "quality": { "column": "Status",
                 "codes": { "W": "measured", "E": "substituted", "": "measured", "L": "missing" } }
}"#;
const HEADER: &str = "Zählpunkt;Datum;Zeit;Bezug;Lieferung;Status;Kunde";

fn table(mapping: &str, text: &str) -> Read {
    read(Reader::new(text.as_bytes(), &Mapping::parse(mapping).unwrap()).unwrap())
}

fn german(rows: &[&str]) -> Read {
    table(GERMAN, &format!("{HEADER}\r\n{}\r\n", rows.join("\r\n")))
}

fn check(rows: &[&str], records: usize, codes: &[(u64, &str)]) {
    let read = german(rows);
    assert_eq!(read.refused, None, "{rows:?}");
    assert_eq!((read.records.len(), read.codes()), (records, codes.to_vec()), "{rows:?}");
}

#[test]
fn a_row_gives_a_record_per_column_with_a_value() {
    let read = german(&[
        "DE1;01.06.2026;00:15;1,234;0,5;W;\"Müller; Anna\"",
        "DE1;01.06.2026;24:00;;7;E;",
        "DE1;02.06.2026;00:30;;;L;",
    ]);
    assert_eq!((read.refusal(), read.codes()), ("", vec![]));
    let shown: Vec<String> = read
        .records
        .iter()
        .map(|r| format!("{} {} {} {}", r.channel, r.start, r.energy.wh(), r.quality.name()))
        .collect();
    let expected = [
        "import 2026-05-31T22:00:00Z 1234 measured",
        "export 2026-05-31T22:00:00Z 500 measured",
        "export 2026-06-01T21:45:00Z 7000 substituted",
        "import 2026-06-01T22:15:00Z 0 missing",
        "export 2026-06-01T22:15:00Z 0 missing",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn a_row_at_fault_is_rejected_whole() {
    check(&["DE1;01.06.2026;00:15;1,2;x;W;"], 0, &[(2, "VALUE")]);
    check(&["DE1;01.06.2026;00:15;1.2;;W;"], 0, &[(2, "VALUE")]);
    check(&["DE1;01.06.2026;00:15;-1;;W;"], 0, &[(2, "NEGATIVE")]);
    check(&["DE1;01.06.2026;00:15;;;W;"], 0, &[(2, "VALUE")]);
    check(&["DE1;2026-06-01;00:15;1;;W;"], 0, &[(2, "TIME")]);
    check(&["DE1;01.06.2026;00:17;1;;W;"], 0, &[(2, "ALIGNMENT")]);
    check(&["DE1;01.06.2026;00:15;1;;X;"], 0, &[(2, "QUALITY")]);
    check(&[";01.06.2026;00:15;1;;W;"], 0, &[(2, "METER")]);
    check(&["DE1;01.06.2026;00:15"], 0, &[(2, "FIELD_COUNT")]);
    check(&["DE1;01.06.2026;00:15;1;;W;;x"], 0, &[(2, "FIELD_COUNT")]);
    check(&["DE1;01.06.2026;00:15;1;;W;\"open"], 0, &[(2, "FIELD_COUNT")]);
    let rejection = &german(&["DE1;01.06.2026;00:15;1,2;x;W;"]).rejected[0];
    assert_eq!((rejection.column, rejection.fault.field.as_ref()), (Some(5), "Lieferung"));
}

/// Rows of a quarter of an hour from midnight, as clocks on a wall in Berlin show their ends.
fn day(date: &str, next: &str, quarters: impl Iterator<Item = (u32, u32)>) -> Vec<String> {
    let row = |(hour, minute)| match hour {
        24 => format!("DE1;{next};00:{minute:02};0,001;;W;"),
        _ => format!("DE1;{date};{hour:02}:{minute:02};0,001;;W;"),
    };
    quarters.map(row).collect()
}

fn quarters() -> impl Iterator<Item = (u32, u32)> {
    (1..=96).map(|quarter| (quarter / 4, quarter % 4 * 15))
}

#[test]
fn a_day_on_which_clocks_change_has_92_or_100_quarters() {
    let starts = |rows: &[String]| {
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let read = german(&rows);
        let starts: Vec<i64> = read.records.iter().map(|record| record.start.seconds()).collect();
        (starts, read.codes())
    };
    let steady = |starts: &[i64]| starts.windows(2).all(|pair| pair[1] - pair[0] == 900);
    // Ends in the hour from two to three are not there, but three is.
    let spring: Vec<_> = quarters().filter(|(hour, minute)| *hour != 2 || *minute == 0).collect();
    let spring: Vec<_> = spring.into_iter().filter(|time| *time != (2, 0)).collect();
    let spring = spring.into_iter().filter(|time| *time != (3, 0));
    let mut rows = day("29.03.2026", "30.03.2026", spring);
    rows.insert(7, "DE1;29.03.2026;03:00;0,001;;W;".to_owned());
    let (found, codes) = starts(&rows);
    assert_eq!((found.len(), steady(&found), codes), (92, true, vec![]));
    // Ends after two come twice.
    let (before, after): (Vec<_>, Vec<_>) = quarters().partition(|time| *time < (3, 0));
    let twice = before.iter().filter(|time| **time >= (2, 0)).copied();
    let autumn = before.iter().copied().chain(twice).chain(after);
    let (found, codes) = starts(&day("25.10.2026", "26.10.2026", autumn));
    assert_eq!((found.len(), steady(&found), codes), (100, true, vec![]));
    check(&["DE1;29.03.2026;02:30;1;;W;"], 0, &[(2, "TIME_SKIPPED")]);
}

#[test]
fn columns_may_have_numbers_and_times_offsets() {
    let mapping = r#"{
        "header": false, "minutes": 30, "skip_lines": 1, "meter": { "fixed": "M1" },
        "time": { "columns": [1], "pattern": "%Y-%m-%dT%H:%M:%S%z", "label": "start" },
        "energy": [{ "column": 3, "unit": "Wh", "direction": "export", "channel": "PV" }]
    }"#;
    let read = table(mapping, "made by hand\n2026-06-01T00:30:00+05:30,x,1.25\n");
    assert_eq!((read.refusal(), read.codes()), ("", vec![]));
    let record = &read.records[0];
    assert_eq!(record.start.to_string(), "2026-05-31T19:00:00Z");
    assert_eq!((record.meter.as_str(), record.channel.as_str()), ("M1", "PV"));
    assert_eq!((record.energy.wh(), record.quality), (1, Quality::Measured));
}

#[test]
fn a_file_that_is_not_as_described_is_refused() {
    for (text, code) in [
        ("", "EMPTY"),
        ("Zählpunkt;Datum;Zeit;Bezug;Status\n", "HEADER"),
        ("Zählpunkt;Datum;Zeit;Bezug;Bezug;Lieferung;Status\n", "HEADER"),
        ("\"Zählpunkt;Datum\n", "HEADER"),
    ] {
        assert_eq!(table(GERMAN, text).refusal(), code, "{text}");
    }
    let mapping = Mapping::parse(GERMAN).unwrap();
    let latin = b"Z\xe4hlpunkt;Datum;Zeit;Bezug;Lieferung;Status\n".as_slice();
    assert_eq!(read(Reader::new(latin, &mapping).unwrap()).refusal(), "ENCODING");
    let row = [format!("{HEADER}\n").as_bytes(), b"M\xfcller;01.06.2026;00:15;1;;W;\n"].concat();
    assert_eq!(read(Reader::new(&*row, &mapping).unwrap()).codes(), [(2, "ENCODING")]);
}

#[test]
fn a_mapping_at_fault_is_refused_with_its_place() {
    for (from, to, path) in [
        ("\"separator\": \";\"", "\"separator\": \"a\"", "separator"),
        ("\"separator\": \";\"", "\"separator\": \",\"", "separator"),
        ("\"decimal\": \",\"", "\"decimal\": \";\"", "separator"),
        ("\"minutes\": 15", "\"minutes\": 10", "minutes"),
        ("%d.%m.%Y %H:%M", "%d.%m.%Y", "time.pattern"),
        ("%d.%m.%Y %H:%M", "%d.%m.%YT%H:%M", "time.columns"),
        ("Europe/Berlin", "Europe/Nowhere", "time.zone"),
        ("\"label\": \"end\"", "\"label\": \"middle\"", "time.label"),
        ("\"Bezug\"", "\"Lieferung\"", "columns"),
        ("\"Bezug\"", "4", "columns"),
        ("\"export\"", "\"import\"", "energy"),
        (
            "\"kWh\", \"direction\": \"import\"",
            "\"kW\", \"direction\": \"import\"",
            "energy[0].unit",
        ),
        ("\"W\": \"measured\"", "\"W\": \"good\"", "quality.codes.W"),
        ("\"minutes\": 15", "\"minutes\": 15, \"hours\": 1", "hours"),
    ] {
        let error = Mapping::parse(&GERMAN.replacen(from, to, 1)).unwrap_err();
        assert_eq!(error.path, path, "{to}: {error}");
    }
    assert!(Mapping::parse("").is_err() && Mapping::parse("[]").is_err());
}

#[test]
fn what_a_table_cannot_say_is_not_written() {
    let mapping = Mapping::parse(GERMAN).unwrap();
    let read = german(&["DE1;01.06.2026;00:15;1;;W;"]);
    let record = &read.records[0];
    let put = |change: &dyn Fn(&mut meterdata::IntervalRecord)| {
        let mut record = record.clone();
        change(&mut record);
        let mut writer = Writer::new(&mapping).unwrap();
        writer.put(&record, &mut Vec::new()).map_err(|fault| fault.code.name())
    };
    assert_eq!(put(&|_| {}), Ok(()));
    assert_eq!(put(&|r| r.channel = meterdata::Label::new("E1").unwrap()), Err("CHANNEL"));
    assert_eq!(put(&|r| r.direction = meterdata::Direction::Export), Err("CHANNEL"));
    assert_eq!(put(&|r| r.quality = Quality::Estimated), Err("QUALITY"));
    assert_eq!(put(&|r| r.length = 30.try_into().unwrap()), Err("LENGTH"));
    // The second half past one of the night, where a reader would take the first.
    let again = "2026-10-25T01:15:00Z".parse().unwrap();
    assert_eq!(put(&|r| r.start = again), Err("TIME_AMBIGUOUS"));
}

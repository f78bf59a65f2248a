//! NEM12 row by row: what is wrong is named, and the rest is taken.

use crate::{Read, nem12};

/// A day of thirty minutes: `count` values, then the rest of the row.
fn day(date: &str, count: usize, rest: &str) -> String {
    format!("300,{date},{}{rest}", "0.5,".repeat(count))
}

const STREAM: &str = "200,NMI1234567,E1,E1,E1,N1,METER1,kWh,30,";

/// A file of these rows between its first and its last.
fn file(rows: &[&str]) -> Read {
    nem12(format!("100,NEM12,202401010000,A,B\n{}\n900\n", rows.join("\n")).as_bytes())
}

fn check(rows: &[&str], records: usize, codes: &[(u64, &str)]) {
    let read = file(rows);
    assert_eq!(read.refused, None, "{rows:?}");
    assert_eq!((read.records.len(), read.codes()), (records, codes.to_vec()), "{rows:?}");
}

#[test]
fn rows_have_an_order() {
    let good = day("20240101", 48, "A,,,20240102000000,");
    check(&[&good], 0, &[(2, "RECORD_ORDER")]);
    check(&[STREAM, &good, "400,1,48,A,,"], 48, &[(4, "RECORD_ORDER")]);
    check(&[STREAM, "100,NEM12,202401010000,A,B", &good], 48, &[(3, "RECORD_ORDER")]);
    check(&["500,O,S1,20240101,1"], 0, &[(2, "RECORD_ORDER")]);
    check(&[STREAM, &good, "500,O,S1,20240101,1"], 48, &[]);
    check(&[STREAM, &good, "350,1"], 48, &[(4, "RECORD_TYPE")]);
    check(&[STREAM, &good, "900", &good], 48, &[(5, "AFTER_END"), (6, "AFTER_END")]);
    check(&[STREAM, "", " ,,, ", &good], 48, &[]);
}

#[test]
fn a_day_has_as_many_values_as_intervals() {
    for (count, code) in [(47, "INTERVAL_COUNT"), (49, "INTERVAL_COUNT"), (96, "INTERVAL_COUNT")] {
        check(&[STREAM, &day("20240101", count, "A,,,,")], 0, &[(3, code)]);
    }
    let read = file(&[STREAM, &day("20240101", 49, "A,,,,")]);
    assert!(read.rejected[0].to_string().contains("49 values, not 48"), "{}", read.rejected[0]);
    check(&[STREAM, "300,20240101,1,2,3"], 0, &[(3, "INTERVAL_COUNT")]);
    check(&[STREAM, &day("20240101", 48, "A")], 48, &[]);
    check(&[STREAM, &day("20240101", 48, "A,,,,,,x")], 0, &[(3, "FIELD_COUNT")]);
}

#[test]
fn values_dates_and_flags_are_checked() {
    let with = |value: &str| format!("300,20240101,{value},{}A,,,,", "1,".repeat(47));
    check(&[STREAM, &with("x")], 0, &[(3, "VALUE")]);
    check(&[STREAM, &with("")], 0, &[(3, "VALUE")]);
    check(&[STREAM, &with("-1")], 0, &[(3, "NEGATIVE")]);
    check(&[STREAM, &with("99999999999999999")], 0, &[(3, "TOO_LARGE")]);
    check(&[STREAM, &with("0.0000000000001")], 0, &[(3, "PRECISION")]);
    for date in ["", "2024010", "20240230", "2024-01-01", "00010101", "ABCDEFGH"] {
        check(&[STREAM, &day(date, 48, "A,,,,")], 0, &[(3, "TIME")]);
    }
    for flag in ["", "B", "A14", "S1", "a"] {
        check(&[STREAM, &day("20240101", 48, &format!("{flag},,,,"))], 0, &[(3, "QUALITY")]);
    }
    let varies = with("x").replace(",A,", ",V,");
    check(&[STREAM, &varies, "400,1,48,A,,", "400,1,48,A,,"], 0, &[(3, "VALUE")]);
    let place = &file(&[STREAM, &with("x")]).rejected[0];
    assert_eq!((place.column, place.fault.field.as_ref()), (Some(3), "IntervalValue1"));
}

#[test]
fn streams_are_checked_and_their_days_with_them() {
    let good = day("20240101", 48, "A,,,,");
    let stream = |nmi: &str, suffix: &str, unit: &str, minutes: &str| {
        format!("200,{nmi},E1,E1,{suffix},N1,METER1,{unit},{minutes},")
    };
    for (row, code) in [
        (stream("NMI 234567", "E1", "kWh", "30"), "METER"),
        (stream("20019857327", "E1", "kWh", "30"), "METER"),
        (stream("NMI1234567", "1", "kWh", "30"), "CHANNEL"),
        (stream("NMI1234567", "F1", "kWh", "30"), "CHECK_METER"),
        (stream("NMI1234567", "Q1", "kWh", "30"), "REACTIVE"),
        (stream("NMI1234567", "E1", "kVArh", "30"), "REACTIVE"),
        (stream("NMI1234567", "E1", "kW", "30"), "NOT_ENERGY"),
        (stream("NMI1234567", "E1", "therm", "30"), "UNIT"),
        (stream("NMI1234567", "E1", "", "30"), "UNIT"),
        (stream("NMI1234567", "E1", "kWh", "10"), "LENGTH"),
        (stream("NMI1234567", "E1", "kWh", "60"), "LENGTH"),
        ("200,NMI1234567".to_owned(), "FIELD_COUNT"),
    ] {
        check(&[&row, &good, "400,1,48,A,,", STREAM, &good], 48, &[(2, code), (3, code)]);
    }
    let read = file(&[&stream("20019857328", "E1", "MWh", "30"), &good]);
    assert_eq!((read.records[0].meter.as_str(), read.wh()), ("2001985732", 24_000_000));
}

#[test]
fn ranges_of_quality_cover_the_day() {
    let varies = day("20240101", 48, "V,,,,");
    check(&[STREAM, &varies, "400,1,20,F14,76,", "400,21,48,A,,"], 48, &[]);
    let broken = [(3, "QUALITY_RANGES")];
    check(&[STREAM, &varies], 0, &broken);
    check(&[STREAM, &varies, "400,1,47,A,,"], 0, &broken);
    for row in ["400,2,48,A,,", "400,1,49,A,,", "400,1,0,A,,", "400,x,48,A,,", "400"] {
        check(&[STREAM, &varies, row], 0, &[(4, "QUALITY_RANGES"), (3, "QUALITY_RANGES")]);
    }
    check(&[STREAM, &varies, "400,1,48,V,,"], 0, &[(4, "QUALITY"), (3, "QUALITY_RANGES")]);
    // What is not there has to be said to be missing.
    let gap = format!("300,20240101,,,{}V,,,,", "1,".repeat(46));
    let read = file(&[STREAM, &gap, "400,1,2,N,,", "400,3,48,A,,"]);
    assert_eq!((read.records.len(), read.wh()), (48, 46_000));
    assert_eq!(read.records[1].quality, meterdata::Quality::Missing);
    check(&[STREAM, &gap, "400,1,48,A,,"], 0, &[(3, "VALUE")]);
}

#[test]
fn a_file_that_ends_early_is_refused_after_what_is_whole() {
    let whole = format!("100,NEM12,202401010000,A,B\r\n{STREAM}\r\n");
    let good = day("20240101", 48, "A,,,20240102000000,");
    let read = nem12(format!("{whole}{good}\r\n").as_bytes());
    assert_eq!((read.records.len(), read.refusal()), (48, "TRUNCATED"));
    let read = nem12(format!("{whole}{good}\r\n{}", &good[..good.len() - 9]).as_bytes());
    assert_eq!((read.records.len(), read.refusal()), (48, "TRUNCATED"));
    assert_eq!(read.codes(), [(4, "TRUNCATED")]);
    // The end needs no end of its line.
    let read = nem12(format!("\u{feff}{whole}{good}\r\n900").as_bytes());
    assert_eq!((read.records.len(), read.refusal()), (48, ""));
}

#[test]
fn what_is_no_such_file_is_refused() {
    for (bytes, code) in [
        (b"".as_slice(), "EMPTY"),
        (b"\n\n", "EMPTY"),
        (b"200,NMI1234567\n", "KIND"),
        (b"100,NEM13,200401101030,MDA1,Ret1\n900\n", "KIND"),
        (b"<feed/>", "KIND"),
        (b"\xff\xfe1\x000\x00", "ENCODING"),
        (b"\x00\x01\x02", "KIND"),
    ] {
        assert_eq!(nem12(bytes).refusal(), code, "{bytes:?}");
    }
    let long = "1".repeat(meterdata::LINE_BYTES_MAX + 1);
    assert_eq!(nem12(long.as_bytes()).refusal(), "SIZE");
    let latin = b"100,NEM12,1,A,B\n200,NMI1234567,E1,E1,E1,N1,caf\xe9,kWh,30,\n900\n";
    assert_eq!(nem12(latin).codes(), [(2, "ENCODING")]);
}

#[test]
fn digits_below_a_watt_hour_are_carried_through_the_day() {
    let stream = "200,NMI1234567,E1,E1,E1,N1,METER1,Wh,30,";
    let row = format!("300,20240101,{}A,,,,", "0.3,".repeat(48));
    let read = file(&[stream, &row]);
    // 48 x 0.3 Wh is 14.4 Wh; the day has the nearest watt-hour, and so has every part of it.
    assert_eq!(read.wh(), 14);
    for count in 0..48 {
        let part: u64 = read.records[..count].iter().map(|record| record.energy.wh()).sum();
        assert_eq!(part, (count as u64 * 3 + 5) / 10);
    }
}

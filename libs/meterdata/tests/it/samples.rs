//! The market operator's scenario files and the alliance's sample feeds: what is taken of each,
//! what is not, and why. Sums were computed apart, by a script over the same files.

use std::collections::BTreeMap;

use meterdata::{Direction, IntervalRecord, Quality};

use crate::{Read, greenbutton, nem12, shared};

/// Count and watt-hours by meter, channel, direction and length.
fn streams(read: &Read) -> Vec<String> {
    let mut streams: BTreeMap<_, (usize, u64)> = BTreeMap::new();
    for record in &read.records {
        let IntervalRecord { meter, channel, direction, length, energy, .. } = record;
        let key = (meter.clone(), channel.clone(), direction.name(), length.minutes());
        let (count, wh) = streams.entry(key).or_default();
        *count += 1;
        *wh += energy.wh();
    }
    let line = |((meter, channel, direction, minutes), (count, wh))| {
        format!("{meter} {channel} {direction} {minutes} {count} {wh}")
    };
    streams.into_iter().map(line).collect()
}

/// Qualities in a row: how many, and their code.
fn qualities(read: &Read) -> Vec<(usize, Quality, String)> {
    let mut runs: Vec<(usize, Quality, String)> = Vec::new();
    for record in &read.records {
        let code = record.code.as_ref().map_or("", |code| code.as_str());
        match runs.last_mut() {
            Some((count, quality, last)) if *quality == record.quality && last == code => {
                *count += 1;
            }
            _ => runs.push((1, record.quality, code.to_owned())),
        }
    }
    runs
}

fn sample(name: &str) -> Option<Read> {
    let bytes = shared(&format!("fmt_nem12/unzipped/Example_{name}.csv"))?;
    Some(nem12(&bytes))
}

fn check(name: &str, expected: &[&str], rejected: &[(u64, &str)]) {
    let Some(read) = sample(name) else { return };
    assert_eq!(read.refused, None, "{name}");
    assert_eq!(streams(&read), expected, "{name}");
    assert_eq!(read.codes(), rejected, "{name}");
}

#[test]
fn active_energy_is_taken_and_reactive_energy_left_out() {
    let reactive = [(4, "REACTIVE"), (5, "REACTIVE")];
    check("NEM12_actual_interval", &["VABD000163 E1 import 30 48 53328"], &reactive);
    check("NEM12_upper_case_units", &["VABD000163 E1 import 30 48 53328"], &reactive);
    check("NEM12_substituted_interval", &["VBCD000022 E1 import 30 48 110976"], &reactive);
}

#[test]
fn a_voltage_of_ten_minutes_beside_energy_of_thirty_is_left_out() {
    let streams = ["C123 E1 import 30 48 254000", "C123 E2 import 30 48 120000"];
    let rejected = [(6, "NOT_ENERGY"), (7, "NOT_ENERGY")];
    check("NEM12_different_interval_length", &streams, &rejected);
}

#[test]
fn a_month_with_solar_has_two_directions() {
    let streams = ["NMI1234567 B1 export 5 8928 589172", "NMI1234567 E1 import 5 8928 270738"];
    check("NEM12_month_solar", &streams, &[]);
    let streams = ["NMI1234567 B1 export 5 288 23166", "NMI1234567 E1 import 5 8928 270738"];
    check("NEM12_partialchannel", &streams, &[]);
}

#[test]
fn several_meters_are_in_one_file() {
    let streams = [
        "NCDE001111 B1 export 15 192 1920",
        "NCDE001111 E1 import 15 192 1920",
        "NCDE001111 E2 import 15 192 19200",
        "NDDD001888 B1 export 15 192 3840",
    ];
    let rejected = [8, 9, 10, 17, 18, 19].map(|line| (line, "REACTIVE"));
    check("NEM12_multiple_meters", &streams, &rejected);
}

#[test]
fn a_missing_date_of_the_next_reading_does_no_harm() {
    check("NEM12_no_scheduled_read", &["NMI111 E1 import 15 96 5840"], &[]);
}

#[test]
fn commas_to_the_end_of_lines_do_no_harm() {
    let streams = ["9999999999 B1 export 30 48 0", "9999999999 E1 import 30 48 0"];
    let rejected = [6, 7, 8, 9].map(|line| (line, "REACTIVE"));
    check("WesternPower", &streams, &rejected);
}

#[test]
fn quality_varies_within_a_day() {
    let Some(read) = sample("NEM12_multiple_quality") else { return };
    assert_eq!((read.wh(), read.codes(), read.refusal()), (896_990, vec![], ""));
    let runs = [
        (20, Quality::Substituted, "F14".to_owned()),
        (4, Quality::Measured, "A".to_owned()),
        (24, Quality::Substituted, "S14".to_owned()),
    ];
    assert_eq!(qualities(&read), runs);
    // Midnight at UTC+10, also in the Victorian winter.
    let first = &read.records[0];
    assert_eq!(first.start.to_string(), "2004-04-16T14:00:00Z");
    assert_eq!(first.direction, Direction::Import);
}

#[test]
fn registers_are_not_intervals() {
    for name in ["NEM13_consumption_data", "NEM13_forward_estimate"] {
        let Some(read) = sample(name) else { return };
        assert_eq!((read.refusal(), read.records.len()), ("KIND", 0), "{name}");
    }
}

fn feed(name: &str) -> Option<Read> {
    shared(&format!("fmt_greenbutton/gba_{name}.xml")).map(|bytes| greenbutton(&bytes))
}

#[test]
fn readings_of_a_feed_are_taken() {
    let feeds = [
        ("test_usage_data", "5446AF3F 01 import 15 1340 1391666"),
        ("test_usage_data_1", "5446AF3F 01 import 15 480 511688"),
        ("test_usage_data_01", "5446AF3F 01 import 15 96 93846"),
    ];
    for (name, expected) in feeds {
        let Some(read) = feed(name) else { return };
        assert_eq!((read.refused.as_ref(), read.codes()), (None, vec![]), "{name}");
        assert_eq!(streams(&read), [expected], "{name}");
        let runs = qualities(&read);
        assert_eq!(runs[0], (1, Quality::Substituted, "8".to_owned()), "{name}");
        assert_eq!(runs[1], (1, Quality::Substituted, "7".to_owned()), "{name}");
        assert_eq!((runs[2].1, runs.len()), (Quality::Measured, 3), "{name}");
        assert_eq!(read.records[0].start.to_string(), "2012-03-01T05:00:00Z", "{name}");
    }
}

#[test]
fn feeds_without_readings_say_so() {
    let names = [
        "ApplicationInformation-Entry-Anonymized",
        "Authorization-Entry-Anonymized",
        "Customer-Subscription-Feed-Anonymized",
        "Multiple-Authorization-Feed-Anonymized",
        "Usage-Subscription-Feed-Anonymized",
        "retail_customer_statement",
    ];
    for name in names {
        let Some(read) = feed(name) else { return };
        assert_eq!((read.refusal(), read.records.len()), ("EMPTY", 0), "{name}");
    }
}

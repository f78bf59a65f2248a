//! What a writer takes, its reader gives back the same.

use calendar::{SlotLength, Timestamp};
use meterdata::greenbutton::LocalTime;
use meterdata::table::Mapping;
use meterdata::{
    Direction, Export, IntervalRecord, Label, Quality, canonical, greenbutton, nem12, table,
};
use proptest::prelude::*;
use units::Energy;

use crate::{Read, read};

/// Writes records, and fails where one is not taken.
fn written(mut writer: impl Export, records: &[IntervalRecord]) -> Vec<u8> {
    let mut out = Vec::new();
    for record in records {
        writer.put(record, &mut out).unwrap_or_else(|fault| panic!("{fault:?}: {record:?}"));
    }
    writer.finish(&mut out);
    assert_eq!(writer.written().records, records.len() as u64);
    assert_eq!((writer.written().filled, writer.written().recoded), (0, 0));
    out
}

/// That `found` is `records`, in any order of streams.
fn same(found: Read, records: &[IntervalRecord]) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.refused, None);
    prop_assert_eq!(found.rejected, vec![]);
    let sorted = |mut records: Vec<IntervalRecord>| {
        records.sort();
        records
    };
    prop_assert_eq!(sorted(found.records), sorted(records.to_vec()));
    Ok(())
}

fn label(text: &str) -> Label {
    Label::new(text).unwrap()
}

/// Energy as meters have it, and as none has.
fn energy() -> impl Strategy<Value = Energy> {
    prop_oneof![4 => 0..5_000_u64, 1 => 0..(1_u64 << 47)].prop_map(Energy::from_wh)
}

fn length(minutes: &'static [u16]) -> impl Strategy<Value = SlotLength> {
    prop::sample::select(minutes).prop_map(|minutes| SlotLength::from_minutes(minutes).unwrap())
}

/// Channels with their direction, one to three of these.
fn channels(
    all: &'static [(&'static str, Direction)],
) -> impl Strategy<Value = Vec<(Label, Direction)>> {
    prop::sample::subsequence(all, 1..=all.len())
        .prop_map(|some| some.into_iter().map(|(name, way)| (label(name), way)).collect())
}

/// A quality and a code that says so.
fn quality(
    all: &'static [(Quality, Option<&'static str>)],
) -> impl Strategy<Value = (Quality, Option<Label>)> {
    prop::sample::select(all).prop_map(|(quality, code)| (quality, code.map(label)))
}

/// Records of all channels, `count` intervals from `start` on; by time if `by_time`, else by
/// channel.
fn series(
    meters: &[&str],
    channels: &[(Label, Direction)],
    (start, length, count): (i64, SlotLength, usize),
    values: &[(Energy, (Quality, Option<Label>))],
    by_time: bool,
) -> Vec<IntervalRecord> {
    let mut records = Vec::new();
    for meter in meters {
        for (channel, direction) in channels {
            for place in 0..count {
                let (energy, (quality, code)) = values[records.len() % values.len()].clone();
                let after = i64::try_from(place).unwrap() * length.seconds();
                records.push(IntervalRecord {
                    meter: label(meter),
                    channel: channel.clone(),
                    direction: *direction,
                    start: Timestamp::from_seconds(start + after),
                    length,
                    energy,
                    quality,
                    code,
                });
            }
        }
    }
    if by_time {
        records.sort_by_key(|record| record.start);
    }
    records
}

const NEM12: &[(&str, Direction)] = &[
    ("E1", Direction::Import),
    ("E2", Direction::Import),
    ("B1", Direction::Export),
    ("D3", Direction::Import),
];
const NEM12_FLAGS: &[(Quality, Option<&str>)] = &[
    (Quality::Measured, Some("A")),
    (Quality::Measured, Some("A")),
    (Quality::Substituted, Some("F14")),
    (Quality::Substituted, Some("S52")),
    (Quality::Estimated, Some("E")),
    (Quality::Missing, Some("N")),
];
const ESPI: &[(&str, Direction)] = &[
    ("01", Direction::Import),
    ("a/b é", Direction::Export),
    ("MeterReading", Direction::Import),
    ("&<>\"'", Direction::Export),
];
const ESPI_CODES: &[(Quality, Option<&str>)] = &[
    (Quality::Measured, None),
    (Quality::Measured, None),
    (Quality::Measured, Some("17")),
    (Quality::Substituted, Some("8+14")),
    (Quality::Faulty, Some("10")),
    (Quality::Calculated, Some("11")),
    (Quality::Estimated, Some("12")),
];
const TABLE: &[(&str, Direction)] =
    &[("import", Direction::Import), ("PV", Direction::Export), ("heat", Direction::Import)];
const TABLE_CODES: &[(Quality, Option<&str>)] = &[
    (Quality::Measured, None),
    (Quality::Measured, Some("W")),
    (Quality::Substituted, Some("a,b \"c\"")),
    (Quality::Missing, Some("L")),
];
/// Midnight of the market, 2024-02-28.
const MARKET_DAY: i64 = 1_709_128_800 - 86_400;
/// Some hours before clocks are set: forward in 2026 in Berlin, back, back in New York.
const BEFORE_CHANGES: [i64; 4] = [1_774_735_200, 1_792_879_200, 1_793_491_200, 1_709_128_800];

/// A mapping of this separator, decimal, zone, label and pattern.
fn mapping(
    (separator, decimal): (char, char),
    zone: &str,
    label: &str,
    (pattern, columns): (&str, usize),
    minutes: u16,
) -> Mapping {
    let columns = &["\"date\"", "\"time\""][..columns];
    let json = format!(
        "{{ \"separator\": \"{separator}\", \"decimal\": \"{decimal}\", \"minutes\": {minutes},
            \"time\": {{ \"columns\": [{}], \"pattern\": \"{pattern}\", \"zone\": \"{zone}\",
                         \"label\": \"{label}\" }},
            \"meter\": {{ \"column\": \"meter\" }},
            \"energy\": [
              {{ \"column\": \"in\", \"unit\": \"kWh\", \"direction\": \"import\" }},
              {{ \"column\": \"out\", \"unit\": \"Wh\", \"direction\": \"export\",
                 \"channel\": \"PV\" }},
              {{ \"column\": \"heat\", \"unit\": \"MWh\", \"direction\": \"import\",
                 \"channel\": \"heat\" }} ],
            \"quality\": {{ \"column\": \"code\", \"codes\": {{ \"\": \"measured\",
              \"W\": \"measured\", \"a,b \\\"c\\\"\": \"substituted\", \"L\": \"missing\" }} }} }}",
        columns.join(",")
    );
    Mapping::parse(&json).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn nem12_comes_back(
        channels in channels(NEM12),
        length in length(&[5, 15, 30]),
        days in 1..4_usize,
        values in prop::collection::vec((energy(), quality(NEM12_FLAGS)), 1..60),
        by_time in any::<bool>(),
    ) {
        let span = (MARKET_DAY, length, days * 24 * 60 / usize::from(length.minutes()));
        let records = series(&["NMI1234567", "C123"], &channels, span, &values, by_time);
        let created = Timestamp::from_seconds(MARKET_DAY);
        let text = written(nem12::Writer::new(nem12::market_zone(), created), &records);
        same(crate::nem12(&text), &records)?;
    }

    #[test]
    fn green_button_comes_back(
        channels in channels(ESPI),
        length in length(&[5, 15, 30, 60]),
        count in 1..700_usize,
        start in 0..20_000_000_i64,
        values in prop::collection::vec((energy(), quality(ESPI_CODES)), 1..60),
        by_time in any::<bool>(),
    ) {
        let span = (start * 300, length, count);
        let records = series(&["P1", "DE 1/2"], &channels, span, &values, by_time);
        let clock = LocalTime::of(&"America/New_York".parse().unwrap()).unwrap();
        let writer = greenbutton::Writer::new(Timestamp::from_seconds(MARKET_DAY), Some(clock));
        let text = written(writer, &records);
        same(crate::greenbutton(&text), &records)?;
    }

    #[test]
    fn a_table_comes_back(
        channels in channels(TABLE),
        length in length(&[5, 15, 30, 60]),
        count in 1..200_usize,
        start in prop::sample::select(&BEFORE_CHANGES),
        values in prop::collection::vec((energy(), quality(TABLE_CODES)), 1..60),
        by_time in any::<bool>(),
        separators in prop::sample::select(&[(',', '.'), (';', ','), ('\u{7c}', '.')]),
        zone in prop::sample::select(&["UTC", "Europe/Berlin", "America/New_York", "-03:30"]),
        label in prop::sample::select(&["start", "end"]),
        pattern in prop::sample::select(&[
            ("%d.%m.%Y %H:%M", 2), ("%Y-%m-%d %H:%M", 1), ("%m/%d/%y %I:%M %p", 1),
            ("%d-%b-%Y %H%M", 2), ("%Y-%m-%dT%H:%M:%S%z", 1),
        ]),
    ) {
        let mapping = mapping(separators, zone, label, pattern, length.minutes());
        let records = series(&["M1", "M\"2"], &channels, (start, length, count), &values, by_time);
        let text = written(table::Writer::new(&mapping).unwrap(), &records);
        let found = read(table::Reader::new(text.as_slice(), &mapping).unwrap());
        same(found, &records)?;
    }

    #[test]
    fn records_come_back_in_order(
        length in length(&[5, 15, 30, 60]),
        values in prop::collection::vec((energy(), quality(TABLE_CODES)), 1..60),
        csv in any::<bool>(),
    ) {
        let channels = [(label("a,b\"c"), Direction::Import), (label("é\\"), Direction::Export)];
        let records = series(&["M1", "{"], &channels, (0, length, 50), &values, true);
        let form = if csv { canonical::Form::Csv } else { canonical::Form::Json };
        let text = written(canonical::Writer::new(form), &records);
        let found = read(canonical::Reader::new(text.as_slice()));
        prop_assert_eq!((found.rejected, found.refused), (vec![], None));
        prop_assert_eq!(found.records, records);
    }
}

#[test]
fn a_day_that_is_not_whole_is_filled_as_missing() {
    let values = [(Energy::from_wh(7), (Quality::Measured, Some(label("A"))))];
    let channels = [(label("solar"), Direction::Export)];
    let span = (MARKET_DAY + 3_600, SlotLength::from_minutes(30).unwrap(), 60);
    let records = series(&["NMI1234567"], &channels, span, &values, false);
    let zone = nem12::market_zone();
    let mut writer = nem12::Writer::new(zone, Timestamp::from_seconds(MARKET_DAY));
    let mut out = Vec::new();
    for record in &records {
        writer.put(record, &mut out).unwrap();
    }
    // The first day is over, so it does not wait for its gap; an earlier interval comes too late.
    let late = IntervalRecord { start: Timestamp::from_seconds(MARKET_DAY), ..records[0].clone() };
    assert_eq!(writer.put(&late, &mut out).unwrap_err().code.name(), "RECORD_ORDER");
    assert_eq!(writer.put(&records[59], &mut out).unwrap_err().code.name(), "DUPLICATE");
    writer.finish(&mut out);
    assert_eq!((writer.written().filled, writer.written().renamed), (36, 1));
    let found = crate::nem12(&out);
    assert_eq!((found.refusal(), found.records.len(), found.wh()), ("", 96, 60 * 7));
    let missing = found.records.iter().filter(|record| record.quality == Quality::Missing);
    assert_eq!(missing.count(), 36);
    assert_eq!(found.records[0].channel.as_str(), "B1");
}

/// A column after another one: the second hour of its own may not come into a row before its first.
#[test]
fn the_hour_that_comes_twice_keeps_its_order_in_each_column() {
    let mapping = mapping((',', '.'), "America/New_York", "start", ("%Y-%m-%d %H:%M", 1), 60);
    let hours = [1_793_509_200, 1_793_512_800];
    let record = |channel: &str, direction, start: i64, wh, (quality, code): (Quality, &str)| {
        let code = Some(label(code));
        let (start, energy) = (Timestamp::from_seconds(start), Energy::from_wh(wh));
        let (meter, channel) = (label("M1"), label(channel));
        let length = SlotLength::from_minutes(60).unwrap();
        IntervalRecord { meter, channel, direction, start, length, energy, quality, code }
    };
    let (seen, lost) = ((Quality::Measured, "W"), (Quality::Missing, "L"));
    let records = [
        record("import", Direction::Import, hours[0], 1, seen),
        record("import", Direction::Import, hours[1], 2, lost),
        record("PV", Direction::Export, hours[0], 3, lost),
        record("PV", Direction::Export, hours[1], 4, lost),
    ];
    let text = written(table::Writer::new(&mapping).unwrap(), &records);
    let found = read(table::Reader::new(text.as_slice(), &mapping).unwrap());
    same(found, &records).unwrap();
}

//! How fast files are read and written: `cargo run --release -p meterdata --example speed`.
//!
//! The samples, repeated to some megabytes in memory; the best of some runs. Where the system tells
//! the thread's processor time (Linux) it is that, so that other work on the machine counts little.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use calendar::Timestamp;
use meterdata::table::{self, Mapping};
use meterdata::{Export, Import, IntervalRecord, Item, Items, canonical, greenbutton, nem12};

const NEM12: &str = include_str!("../samples/week.nem12.csv");
const FEED: &str = include_str!("../samples/day.greenbutton.xml");
const TABLE: &str = include_str!("../samples/day.table.csv");
const MAPPING: &str = include_str!("../samples/day.mapping.json");
/// How long a file is, in bytes.
const FILE_BYTES: usize = 10_000_000;
const RUNS: usize = 5;

/// `middle` between the rest, as often as makes a long file.
fn repeated(before: &str, middle: &str, after: &str) -> String {
    [before, &middle.repeat(FILE_BYTES / middle.len()), after].concat()
}

/// The processor time that this thread had, in nanoseconds.
fn worked() -> Option<u64> {
    let said = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    said.split(' ').next()?.parse().ok()
}

/// The best time of some runs.
fn best(mut run: impl FnMut()) -> Duration {
    let time = |_| {
        let (start, before) = (Instant::now(), worked());
        run();
        let worked = worked().zip(before).map(|(after, before)| after - before);
        worked.map_or_else(|| start.elapsed(), Duration::from_nanos)
    };
    (0..RUNS).map(time).min().expect("there is a run")
}

fn say(what: &str, bytes: usize, rows: u64, time: Duration) {
    let micros = time.as_micros().max(1);
    let (mb, thousands) = (bytes as u128 / micros, u128::from(rows) * 1_000 / micros);
    println!("{what:<22} {mb:>5} MB/s  {thousands:>6} thousand records/s");
}

/// Reads a file, and says how fast; its records, as many as a week has.
fn read<'f, I: Items>(
    what: &str,
    file: &'f str,
    reader: impl Fn(&'f [u8]) -> I,
) -> Vec<IntervalRecord> {
    let mut rows = 0;
    let time = best(|| {
        let mut import = Import::new(reader(file.as_bytes()));
        while let Some(item) = import.next_item().expect("the file is sound") {
            black_box(&item);
        }
        assert_eq!(import.position().rejected(), 0);
        rows = import.position().records();
    });
    say(&format!("{what}, read"), file.len(), rows, time);
    let mut import = Import::new(reader(file.as_bytes()));
    let mut records = Vec::new();
    while let Ok(Some(Item::Record(record))) = import.next_item() {
        if records.len() == 192 {
            break;
        }
        records.push(record);
    }
    records
}

/// Writes these records again and again, each time a day later, and says how fast.
fn write<W: Export>(what: &str, records: &[IntervalRecord], writer: impl Fn() -> W) {
    let mut bytes = 0;
    let mut rows = 0;
    let time = best(|| {
        let (mut writer, mut out) = (writer(), Vec::new());
        bytes = 0;
        for day in 0..500 {
            for record in records {
                let start = record.start.plus_seconds(day * 4 * 86_400);
                let record = IntervalRecord { start, ..record.clone() };
                writer.put(&record, &mut out).expect("it is taken");
            }
            bytes += out.len();
            out.clear();
        }
        writer.finish(&mut out);
        bytes += out.len();
        rows = writer.written().records;
    });
    say(&format!("{what}, written"), bytes, rows, time);
}

fn main() {
    let zone = nem12::market_zone();
    let (head, body) = NEM12.split_once('\n').expect("there are lines");
    let body = body.strip_suffix("900\n").expect("it ends");
    let file = repeated(&format!("{head}\n"), body, "900\n");
    let records = read("NEM12", &file, |file| nem12::Reader::new(file, zone.clone()));
    write("NEM12", &records, || nem12::Writer::new(zone.clone(), Timestamp::default()));
    write("JSON lines", &records, || canonical::Writer::new(canonical::Form::Json));
    write("CSV of records", &records, || canonical::Writer::new(canonical::Form::Csv));

    let (head, body) = FEED.split_once("<entry>").expect("there are entries");
    let body = format!("<entry>{}", body.strip_suffix("</feed>\n").expect("it ends"));
    let file = repeated(head, &body, "</feed>\n");
    let records = read("Green Button", &file, greenbutton::Reader::new);
    write("Green Button", &records, || greenbutton::Writer::new(Timestamp::default(), None));

    let mapping = Mapping::parse(MAPPING).expect("it is sound");
    let (head, body) = TABLE.split_once('\n').expect("there are lines");
    let file = repeated(&format!("{head}\n"), body, "");
    let reader = |file| table::Reader::new(file, &mapping).expect("it is sound");
    let records = read("CSV with a mapping", &file, reader);
    let later = |record: &IntervalRecord| IntervalRecord {
        start: record.start.plus_seconds(30 * 86_400),
        ..record.clone()
    };
    let records: Vec<IntervalRecord> = records.iter().map(later).collect();
    let writer = || table::Writer::new(&mapping).expect("it is sound");
    write("CSV with a mapping", &records, writer);

    for form in [canonical::Form::Json, canonical::Form::Csv] {
        let mut file = Vec::new();
        let mut writer = canonical::Writer::new(form);
        while file.len() < FILE_BYTES {
            for record in &records {
                writer.put(record, &mut file).expect("it is taken");
            }
        }
        let file = String::from_utf8(file).expect("it is text");
        read(&format!("{form:?} of records"), &file, canonical::Reader::new);
    }
}

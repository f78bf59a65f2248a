//! Files of interval data: read or refused, and what was read is written and read again in every
//! format that takes it.
#![no_main]

use calendar::Timestamp;
use libfuzzer_sys::fuzz_target;
use meterdata::table::Mapping;
use meterdata::{
    Export, Import, IntervalRecord, Item, Items, canonical, greenbutton, nem12, table,
};
use std::sync::LazyLock;

static MAPPING: LazyLock<Mapping> = LazyLock::new(|| {
    Mapping::parse(include_str!("../../libs/meterdata/samples/day.mapping.json"))
        .expect("the mapping is sound")
});

/// The records of a file; whether that is all there is to it.
fn read(items: impl Items) -> (Vec<IntervalRecord>, bool) {
    let mut import = Import::new(items);
    let (mut records, mut whole) = (Vec::new(), true);
    loop {
        match import.next_item() {
            Ok(Some(Item::Record(record))) => records.push(record),
            Ok(Some(Item::Rejected(rejection))) => {
                assert!(rejection.line > 0 && rejection.to_string().len() < 2_000);
                whole = false;
            }
            Ok(None) => return (records, whole),
            Err(refusal) => {
                assert!(!refusal.text.is_empty());
                return (records, false);
            }
        }
    }
}

/// Writes what `writer` takes: the text, and the records as its reader has to give them back.
fn write(mut writer: impl Export, records: &[IntervalRecord]) -> (Vec<u8>, Vec<IntervalRecord>) {
    let mut out = Vec::new();
    let mut taken = Vec::new();
    for record in records {
        let before = writer.written().recoded;
        if writer.put(record, &mut out).is_ok() {
            let recoded = writer.written().recoded > before;
            let code = if recoded { None } else { record.code.clone() };
            taken.push(IntervalRecord { code, ..record.clone() });
        }
    }
    writer.finish(&mut out);
    (out, taken)
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, file)) = data.split_first() else { return };
    let (records, _) = match kind % 4 {
        0 => read(nem12::Reader::new(file, nem12::market_zone())),
        1 => read(greenbutton::Reader::new(file)),
        2 => read(table::Reader::new(file, &MAPPING).expect("the mapping is sound")),
        _ => read(canonical::Reader::new(file)),
    };
    for form in [canonical::Form::Json, canonical::Form::Csv] {
        let (text, taken) = write(canonical::Writer::new(form), &records);
        assert_eq!(taken, records);
        let (again, whole) = read(canonical::Reader::new(text.as_slice()));
        assert!((whole || records.is_empty()) && again == records);
    }
    let (text, taken) = write(greenbutton::Writer::new(Timestamp::default(), None), &records);
    let (again, whole) = read(greenbutton::Reader::new(text.as_slice()));
    assert!(whole || taken.is_empty());
    let energies = |records: &[IntervalRecord]| {
        let key = |r: &IntervalRecord| (r.meter.clone(), r.channel.clone(), r.start, r.energy);
        let mut keys: Vec<_> = records.iter().map(key).collect();
        keys.sort();
        keys
    };
    assert_eq!(energies(&again), energies(&taken));
    let (text, taken) = write(table::Writer::new(&MAPPING).expect("it is sound"), &records);
    let (again, whole) =
        read(table::Reader::new(text.as_slice(), &MAPPING).expect("the mapping is sound"));
    assert!(whole);
    assert_eq!(energies(&again), energies(&taken));
    let zone = nem12::market_zone();
    let (text, taken) = write(nem12::Writer::new(zone.clone(), Timestamp::default()), &records);
    let (again, whole) = read(nem12::Reader::new(text.as_slice(), zone));
    assert!(whole && again.len() >= taken.len());
    let sum = |records: &[IntervalRecord]| -> u128 {
        records.iter().map(|record| u128::from(record.energy.wh())).sum()
    };
    assert_eq!(sum(&again), sum(&taken));
});

//! No file makes a reader panic, whatever happened to it; and what it still takes can be written
//! and read again.

use meterdata::table::{Mapping, Reader};
use meterdata::{Export, IntervalRecord, canonical};
use proptest::prelude::*;

use crate::{Read, greenbutton, nem12, read};

const NEM12: &str = include_str!("../../samples/week.nem12.csv");
const FEED: &str = include_str!("../../samples/day.greenbutton.xml");
const TABLE: &str = include_str!("../../samples/day.table.csv");
const MAPPING: &str = include_str!("../../samples/day.mapping.json");

/// What may happen to a file at a place: bytes are lost, changed, doubled, or moved in.
fn mutated(text: &str, changes: &[(usize, u8, u8)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (place, kind, byte) in changes {
        let at = place % bytes.len().max(1);
        let end = (at + usize::from(*byte)).min(bytes.len());
        match kind % 5 {
            0 if at < bytes.len() => bytes[at] = *byte,
            1 => bytes.insert(at, *byte),
            2 => drop(bytes.drain(at..end)),
            3 => bytes = [&bytes[..end], &bytes[at..]].concat(),
            _ => bytes.truncate(at.max(bytes.len() / 2)),
        }
    }
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(usize, u8, u8)>> {
    prop::collection::vec((0..40_000_usize, any::<u8>(), any::<u8>()), 1..6)
}

/// Whether what was read is in the form that it has to be in.
fn check(found: &Read) -> Result<(), TestCaseError> {
    let mut writer = canonical::Writer::new(canonical::Form::Json);
    let mut out = Vec::new();
    for record in &found.records {
        prop_assert!(record.start.seconds() % meterdata::START_SECONDS == 0);
        prop_assert!(writer.put(record, &mut out).is_ok());
    }
    let again = read(canonical::Reader::new(out.as_slice()));
    prop_assert_eq!((again.rejected.len(), again.refused), (0, None));
    prop_assert_eq!(&again.records, &found.records);
    for rejection in &found.rejected {
        prop_assert!(rejection.line > 0 && !rejection.fault.text.is_empty());
        prop_assert!(rejection.to_string().len() < 1_000, "{}", rejection);
    }
    Ok(())
}

fn table(bytes: &[u8]) -> Read {
    read(Reader::new(bytes, &Mapping::parse(MAPPING).unwrap()).unwrap())
}

#[test]
fn the_samples_are_whole() {
    for (found, records) in
        [(nem12(NEM12.as_bytes()), 2 * 7 * 48), (greenbutton(FEED.as_bytes()), 2 * 96)]
    {
        assert_eq!((found.refused, found.rejected), (None, vec![]));
        assert_eq!(found.records.len(), records);
    }
    let found = table(TABLE.as_bytes());
    assert_eq!((found.refusal(), found.codes(), found.records.len()), ("", vec![], 2 * 100));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn broken_nem12_is_read_or_refused(changes in changes()) {
        check(&nem12(&mutated(NEM12, &changes)))?;
    }

    #[test]
    fn broken_green_button_is_read_or_refused(changes in changes()) {
        check(&greenbutton(&mutated(FEED, &changes)))?;
    }

    #[test]
    fn a_broken_table_is_read_or_refused(changes in changes()) {
        check(&table(&mutated(TABLE, &changes)))?;
    }

    #[test]
    fn a_broken_mapping_is_taken_or_refused(changes in changes()) {
        let bytes = mutated(MAPPING, &changes);
        let Ok(text) = std::str::from_utf8(&bytes) else { return Ok(()) };
        let Ok(mapping) = Mapping::parse(text) else { return Ok(()) };
        check(&read(Reader::new(TABLE.as_bytes(), &mapping).unwrap()))?;
    }

    #[test]
    fn bytes_of_any_kind_are_no_file(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(nem12(&bytes).refused.is_some());
        prop_assert!(greenbutton(&bytes).refused.is_some());
        prop_assert!(table(&bytes).refused.is_some());
        let records: Vec<IntervalRecord> = read(canonical::Reader::new(bytes.as_slice())).records;
        prop_assert_eq!(records.len(), 0);
    }
}

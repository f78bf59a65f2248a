//! No file makes the reader panic, whatever happened to it.

use iso20022::camt053::{Side, read};
use proptest::prelude::*;

use crate::statements::{VERSION_02, VERSION_08};

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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_broken_file_is_refused_or_still_adds_up(
        second in any::<bool>(),
        changes in prop::collection::vec((0..8_000_usize, any::<u8>(), any::<u8>()), 1..6),
    ) {
        let text = if second { VERSION_02 } else { VERSION_08 };
        let Ok(statement) = read(&mutated(text, &changes)) else { return Ok(()) };
        let booked = statement.entries.iter().filter(|entry| entry.booked);
        let sum = booked.fold(i128::from(statement.opening.n()), |sum, entry| {
            let amount = i128::from(entry.amount.n());
            if entry.side == Side::Credit { sum + amount } else { sum - amount }
        });
        prop_assert_eq!(sum, i128::from(statement.closing.n()));
    }

    #[test]
    fn bytes_of_any_kind_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(read(&bytes).is_err());
    }

    #[test]
    fn the_amount_of_an_entry_is_the_one_that_is_written(cents in 0..100_000_000_i64) {
        let (whole, rest) = (cents / 100, cents % 100);
        let entry = format!("{whole}.{rest:02}");
        // The account was overdrawn by 20.
        let closing = cents - 2_000;
        let side = if closing < 0 { "DBIT" } else { "CRDT" };
        let closing = format!("{}.{:02}", closing.abs() / 100, closing.abs() % 100);
        let balance = format!("{closing}</Amt>\n        <CdtDbtInd>{side}<");
        let text = VERSION_02
            .replace("100.50", &entry)
            .replace("80.5</Amt>\n        <CdtDbtInd>CRDT<", &balance);
        let statement = read(text.as_bytes()).unwrap();
        prop_assert_eq!(statement.entries[0].amount.n(), cents * 10_000_000);
    }
}

//! A script against the rules by which readings are judged.

use std::collections::BTreeMap;

use fleet::{Fault, Faults, Message};
use reading::{
    MESSAGE_BYTES, Neighbours, PhysicalLimit, Reading, Rules, SignedReading, Signer, Verdict,
    decode_together, is_together, judge,
};
use units::Power;

use crate::{begin, device, script};

/// What becomes of each reading of a message, by the rules of the service; what is accepted is kept
/// in `stored`.
fn verdicts(message: &Message, stored: &mut BTreeMap<u32, Reading>) -> Vec<Option<Verdict>> {
    let limit = PhysicalLimit { import: Power::from_w(20_000), export: Power::from_w(20_000) };
    let signer = Signer::Key(device(1).key.address());
    let rules = Rules { signer, slot: calendar::SlotLength::QUARTER_HOUR, limit };
    // After all that is said here, and before any of it is forgotten.
    let now = begin().plus_seconds(60 * 86_400);
    let payload = &message.payload;
    let signed: Vec<_> = match is_together(payload) {
        true => match decode_together(payload) {
            Ok(parts) => parts.into_iter().map(Result::ok).collect(),
            Err(_) => vec![None],
        },
        false => payload.chunks(MESSAGE_BYTES).map(|it| SignedReading::decode(it).ok()).collect(),
    };
    let judged = signed.into_iter().map(|signed| {
        let signed = signed?;
        let page = signed.reading.page;
        let neighbours = Neighbours {
            same: stored.get(&page).copied(),
            before: stored.range(..page).next_back().map(|(_, reading)| *reading),
            after: stored.range(page + 1..).next().map(|(_, reading)| *reading),
        };
        let verdict = judge(&signed, &neighbours, &rules, now);
        if verdict == Verdict::Accept {
            stored.insert(page, signed.reading);
        }
        Some(verdict)
    });
    judged.collect()
}

#[test]
fn every_fault_is_judged_as_it_says() {
    let faults = Faults {
        duplicates: 100,
        reordered: 100,
        gaps: 100,
        drift: 100,
        signatures: 100,
        payloads: 100,
        packets: 50,
    };
    for (readings, together) in [(1, false), (3, false), (3, true)] {
        let script = script(1, 3_000, readings, faults);
        let mut script = script.signing_together(together);
        let (mut stored, mut seen) = (BTreeMap::new(), BTreeMap::<_, u32>::new());
        while let Some(message) = script.next_message() {
            let name = message.fault.map(|fault| format!("{fault:?}"));
            *seen.entry(name).or_default() += 1;
            for verdict in verdicts(&message, &mut stored) {
                let expected = match message.fault {
                    None | Some(Fault::Reordered | Fault::Gap) => verdict == Some(Verdict::Accept),
                    Some(Fault::Duplicate) => verdict == Some(Verdict::Duplicate),
                    Some(Fault::Drift | Fault::Signature) => {
                        matches!(verdict, Some(Verdict::Quarantine(_)))
                    }
                    Some(Fault::Payload | Fault::Packet) => verdict.is_none(),
                };
                assert!(expected, "{:?}: {verdict:?}", message.fault);
            }
        }
        assert_eq!(seen.len(), 8, "{seen:?}");
        // A slot has one reading at most, and only those of a drawn fault are not there.
        let times: Vec<_> = stored.values().map(|reading| reading.time).collect();
        assert_eq!(times.len(), 3_000);
        assert!(times.windows(2).all(|pair| pair[1].seconds_since(pair[0]) == 900));
    }
}

#[test]
fn the_same_seed_says_the_same() {
    let all = || {
        let mut script = script(1, 50, 2, Faults { gaps: 200, ..Faults::default() });
        std::iter::from_fn(move || script.next_message()).collect::<Vec<_>>()
    };
    assert_eq!(all(), all());
    assert_eq!(all().len(), 25);
}

//! A log on disk, and findings against what a server might have.

use fleet::{Entry, Faults, Findings, Intents, Said, check};
use reading::{MESSAGE_BYTES, Reading, SignedReading};
use units::Register;

use crate::{device, script};

/// A log of ten messages, the sixth and later without an acknowledgement, and what was sent.
async fn said(path: &std::path::Path) -> Vec<SignedReading> {
    let (log, keeper) = Intents::open(path).unwrap();
    let meter = device(1).meter;
    let mut script = script(1, 10, 1, Faults::default());
    let mut sent = Vec::new();
    for number in 0..10 {
        let message = script.next_message().unwrap();
        sent.push(SignedReading::decode(&message.payload).unwrap());
        let payload = hex::encode(&message.payload);
        log.intend(&[Entry::Sent { meter, number, fault: None, payload }]).await.unwrap();
        if number < 5 {
            log.note(&[Entry::Acknowledged { meter, number }]).await.unwrap();
        }
    }
    drop(log);
    keeper.finish().unwrap();
    sent
}

fn found(said: &Said, stored: &[SignedReading]) -> Findings {
    let mut found = Findings::default();
    check(said, device(1).meter, stored, &mut found);
    found
}

#[tokio::test]
async fn a_check_finds_what_is_missing_doubled_altered_or_wrongly_believed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let sent = said(&path).await;
    assert!(Intents::open(&path).is_err(), "a log is of one run");
    // What came after the last whole line was not sent.
    let mut text = std::fs::read(&path).unwrap();
    text.extend(b"{\"sent\":{\"meter");
    std::fs::write(&path, &text).unwrap();
    let mut known = Said::read(&path).unwrap();

    let all = found(&known, &sent);
    assert!(all.hold());
    let counts = (all.sent, all.acknowledged, all.stored, all.unacknowledged);
    assert_eq!(counts, (10, 5, 10, 5));
    assert!(found(&known, &sent[..5]).hold(), "nobody was told of the others");
    let less = found(&known, &sent[1..]);
    assert_eq!((less.missing, less.hold()), (1, false));
    assert_eq!(less.named["missing"][0].page, 1);
    let twice = found(&known, &[&sent[..], &sent[3..4]].concat());
    assert_eq!((twice.doubled, twice.hold()), (1, false));
    let mut changed = sent.clone();
    let other = Reading { import: Register::from_wh(999), ..changed[7].reading };
    changed[7] = other.sign(&device(1).key);
    assert_eq!(found(&known, &changed).altered, 1, "also where nobody was told");

    let forged = Reading { page: 99, ..sent[9].reading }.sign(&device(2).key);
    let meter = device(1).meter;
    let payload = hex::encode(forged.encode());
    let fault = Some(fleet::Fault::Signature);
    known.take(Entry::Sent { meter, number: 10, fault, payload }).unwrap();
    assert!(found(&known, &sent).hold());
    let believed = found(&known, &[&sent[..], &[forged][..]].concat());
    assert_eq!((believed.believed, believed.unknown, believed.hold()), (1, 0, false));

    // A meter that says two things on one page is no meter of ours.
    let payload = hex::encode(changed[7].encode());
    assert_eq!(payload.len(), 2 * MESSAGE_BYTES);
    assert!(known.take(Entry::Sent { meter, number: 11, fault: None, payload }).is_err());
}

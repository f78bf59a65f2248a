//! Files of whoever likes to break a verifier: whatever stands in one, the answer is a verdict.
//!
//! Real bills are changed as data, in their own spelling, so that more than the reader sees them:
//! numbers and hashes by bits or to their ends, fields removed, lists turned, cut and doubled, one
//! value put in another's place.

use serde_json::{Value, json};

use super::sheets::{earlier, sheet, tariff};
use super::world::World;
use super::*;

/// Changed files of each bill.
const FILES: usize = 250;
/// Changes in one file, at most.
const CHANGES_MAX: usize = 3;

/// A way to a value: keys and places.
type Steps = Vec<String>;

/// The ways to all values of a document.
fn ways(value: &Value, way: &mut Steps, all: &mut Vec<Steps>) {
    all.push(way.clone());
    let members: Vec<(String, &Value)> = match value {
        Value::Array(items) => (0..).map(|at: usize| at.to_string()).zip(items).collect(),
        Value::Object(fields) => fields.iter().map(|(key, field)| (key.clone(), field)).collect(),
        _ => return,
    };
    for (step, member) in members {
        way.push(step);
        ways(member, way, all);
        way.pop();
    }
}

fn pointer(way: &[String]) -> String {
    way.iter().map(|step| format!("/{step}")).collect()
}

/// A value near this one, or at the end of what its kind can say.
fn other(value: &Value, random: &mut ChaCha8Rng) -> Value {
    let bit = |number: u64, random: &mut ChaCha8Rng| number ^ (1 << random.random_range(0..64));
    match value {
        Value::Number(number) => match random.random_range(0..6) {
            0 => json!(0),
            1 => json!(u32::MAX),
            2 => json!(u64::MAX),
            3 => json!(i64::MIN),
            4 => json!(number.as_u64().unwrap_or(7).wrapping_add(1)),
            _ => json!(bit(number.as_u64().unwrap_or(7), random)),
        },
        Value::String(text) if text.contains('-') && text.len() == 10 => {
            json!(
                ["0001-01-01", "9999-12-31", "1970-01-01", "2026-06-03"][random.random_range(0..4)]
            )
        }
        Value::String(text) if text.parse::<units::Decimal>().is_ok() => {
            json!(
                ["0", "-1", "9223372036.854775807", "-9223372036.854775808", &"9".repeat(38)]
                    [random.random_range(0..5)]
            )
        }
        // Hashes, signatures and bytes have two letters in front that say what they are.
        Value::String(text) if text.len() > 2 => {
            let mut bytes = text.clone().into_bytes();
            let at = random.random_range(2..bytes.len());
            bytes[at] = match bytes[at] {
                b'9' => b'a',
                b'f' => b'0',
                letter => letter.wrapping_add(1),
            };
            json!(String::from_utf8_lossy(&bytes))
        }
        Value::Bool(said) => json!(!said),
        _ => json!(random.random_range(0..9)),
    }
}

/// Changes one value of the document.
fn change(document: &mut Value, random: &mut ChaCha8Rng) {
    let mut all = Vec::new();
    ways(document, &mut Vec::new(), &mut all);
    let way = all[random.random_range(1..all.len())].clone();
    let elsewhere = pointer(&all[random.random_range(0..all.len())]);
    let elsewhere = document.pointer(&elsewhere).cloned().unwrap();
    let (last, parent) = way.split_last().unwrap();
    let what = random.random_range(0..12);
    if let (0, Value::Object(fields)) = (what, document.pointer_mut(&pointer(parent)).unwrap()) {
        fields.remove(last);
        return;
    }
    let value = document.pointer_mut(&pointer(&way)).unwrap();
    match value {
        Value::Array(items) if !items.is_empty() => {
            let (one, two) = (0..items.len(), 0..items.len());
            let (one, two) = (random.random_range(one), random.random_range(two));
            match what {
                0..4 => items.swap(one, two),
                4..6 => drop(items.remove(one)),
                6..8 => items.insert(two, items[one].clone()),
                8..9 => items.clear(),
                _ => items[one] = other(&items[one], random),
            }
        }
        Value::Object(_) | Value::Array(_) if what > 1 => {}
        _ if what == 1 => *value = elsewhere,
        _ => *value = other(value, random),
    }
}

/// The document in the spelling of a bill file, where it can still be one.
fn spelt(document: &Value) -> String {
    let text = document.to_string();
    serde_json::from_str::<BillFile>(&text).map_or(text, |bill| bill.canonical_json())
}

/// What a file says: the order of its proof nodes is nothing.
fn said(text: &str) -> Option<BillFile> {
    let mut bill: BillFile = serde_json::from_str(text).ok()?;
    bill.evidence.nodes.sort_unstable();
    Some(bill)
}

fn check(world: &World, seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let whole: Value = serde_json::from_str(&world.text).unwrap();
    let mut read = 0;
    for file in 0..FILES {
        let mut document = whole.clone();
        for _ in 0..random.random_range(1..=CHANGES_MAX) {
            change(&mut document, &mut random);
        }
        let text = spelt(&document);
        // Without a trusted block nothing in the file is held against anything outside of it.
        let trust = (file % 2 == 0).then_some(&world.trust);
        let report = verify(&text, trust);
        read += usize::from(report.verdict != Verdict::Unreadable);
        let holds = report.exit_code() == 0;
        let may_hold = trust.is_some() && said(&text) == said(&world.text);
        assert!(may_hold || !holds, "{seed}/{file}: {report}");
        let found = !report.findings.is_empty();
        assert!(found || holds || trust.is_none(), "{seed}/{file}: {report}");
    }
    // Many of them still have the form of a bill: the checks behind the reader see them.
    assert!(read > FILES / 8, "{read} of {FILES} were read");
}

#[test]
fn whatever_is_changed_in_a_bill_there_is_a_verdict() {
    check(&World::new(), 1);
}

#[test]
fn whatever_is_changed_in_a_bill_of_everything_there_is_a_verdict() {
    let (mut world, evidence) = carrying(&json!({ "credit": "2" }));
    world.publish(evidence);
    check(&world, 2);
}

/// A bill of all kinds of charges, and what it rests on where it goes on from what `state` says.
fn carrying(state: &Value) -> (World, Evidence) {
    let mut world = World::on(tariff(&sheet()));
    let to = world.bill.invoice.period.from.later(-1);
    let previous = Some(Box::new(earlier(&mut world, state, to)));
    let evidence = Evidence { previous, ..world.evidence() };
    (world, evidence)
}

/// Who makes a chain can put anything on it: what an invoice left is nothing to count with blindly.
#[test]
fn what_an_invoice_cannot_have_left_is_refused() {
    for state in [
        json!({ "peaks": [[0, 1]] }),
        json!({ "year": ["0", u32::MAX] }),
        json!({ "surplus": i128::MAX.to_string() }),
        json!({ "counted": [[i64::MIN], [i64::MAX]] }),
    ] {
        let (mut world, evidence) = carrying(&state);
        world.anchor(BillFile::new(world.bill.invoice.clone(), evidence));
        for trust in [None, Some(&world.trust)] {
            let report = verify(&world.text, trust);
            assert_eq!(report.verdict, Verdict::Failed, "{state}: {report}");
            let named = |it: &Finding| it.reason.contains("carried over");
            assert!(report.findings.iter().any(named), "{state}: {report}");
        }
    }
}

#[test]
fn an_invoice_of_thousands_of_years_is_refused_at_once() {
    let world = World::new();
    for (from, to) in
        [("2026-06-01", "9999-12-31"), ("0001-01-01", "2026-06-02"), ("2026-06-02", "2026-06-01")]
    {
        let mut bill = world.bill.clone();
        bill.invoice.period = Period { from: from.parse().unwrap(), to: to.parse().unwrap() };
        let report = verify(&bill.canonical_json(), Some(&world.trust));
        assert_eq!(report.verdict, Verdict::Failed, "{report}");
        assert_eq!(report.findings[0].part, "invoice.period");
        assert_eq!(report.lines.len(), bill.invoice.lines.len());
    }
}

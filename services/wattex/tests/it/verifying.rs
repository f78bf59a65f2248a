//! `wattex verify` on the bills of a demo: what holds, and what each change does to it.

use std::fs;
use std::path::Path;

use billing::domain::verify::{Report, Trust, Verdict, verify};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::node::Node;
use crate::program::{Ended, Place, run, text, wattex};

const POSITIONS: usize = 100;
/// Every so many positions the program itself is asked, not the library alone.
const ASKED_EVERY: usize = 10;

fn ask(arguments: &[&str]) -> Ended {
    run(wattex(&[&["verify"], arguments].concat()))
}

#[test]
fn bills_hold_and_nothing_in_them_can_change() {
    let (place, other) = (Place::new(), Place::new());
    place.days(&["--homes", "3"]);
    other.days(&["--homes", "1", "--slot", "60m"]);
    let bills = place.bills();
    assert_eq!(bills.len(), 3);
    for bill in &bills {
        let ended = ask(&[text(bill)]);
        assert_eq!(ended.code, Some(0), "{}", ended.out);
        assert!(ended.out.contains("HOLDS") && !ended.out.contains("FAILED"), "{}", ended.out);
        let report: Value = serde_json::from_str(&ask(&[text(bill), "--json"]).out).unwrap();
        assert_eq!(report["verdict"], "holds");
    }
    foreign_trust_is_refused(&bills[0], &other);
    a_node_of_ones_own_is_enough(&place, &other);
    changed_digits_are_named(&place);
    a_bill_without_trust_is_unanchored(&place);
}

fn foreign_trust_is_refused(bill: &Path, other: &Place) {
    let foreign = other.path("bills").join("trust.json");
    let ended = ask(&[text(bill), "--trust", text(&foreign)]);
    assert_eq!(ended.code, Some(10), "{}", ended.out);
    assert!(ended.out.contains("evidence.chain") && ended.out.contains("FAILED"), "{}", ended.out);
}

/// A node that follows the operator's chain from its genesis on, and was told nothing else of it.
fn a_node_of_ones_own_is_enough(place: &Place, other: &Place) {
    let (blocks, genesis, own) =
        (place.path("blocks.gz"), place.path("genesis.json"), place.path("own"));
    let (chain, began) = (text(&blocks), ["--genesis", text(&genesis)]);
    let (theirs, directory) = (place.directory(), ["--dir", text(&own)]);
    let exported = ["node", "export", chain, "--dir", text(&theirs)];
    let exported = run(wattex(&[&exported[..], &began].concat()));
    assert_eq!(exported.code, Some(0), "{}", exported.err);
    let imported = run(wattex(&[&["node", "import", chain], &directory[..], &began].concat()));
    assert_eq!(imported.code, Some(0), "{}", imported.err);
    let node = Node::start(&[&directory[..], &["--mine", "0"]].concat());
    for bill in place.bills() {
        let ended = ask(&[text(&bill), "--rpc", &node.url]);
        assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
        assert!(ended.out.contains("HOLDS"), "{}", ended.out);
    }
    let bill = &place.bills()[0];
    let asked = |url: &str, trust: &Place| {
        let trust = trust.path("bills").join("trust.json");
        ask(&[text(bill), "--rpc", url, "--trust", text(&trust)])
    };
    let pinned = asked(&node.url, place);
    assert_eq!(pinned.code, Some(0), "{}{}", pinned.out, pinned.err);
    let foreign = asked(&node.url, other);
    assert_eq!(foreign.code, Some(3), "{}", foreign.out);
    assert!(foreign.err.contains("the trust file pins"), "{}", foreign.err);
    node.stop("INT");
    let stranger = Node::start(&["--dev"]);
    let unknown = ask(&[text(bill), "--rpc", &stranger.url]);
    assert_eq!(unknown.code, Some(3), "{}", unknown.out);
    assert!(unknown.err.contains("knows of no contracts of ours"), "{}", unknown.err);
    stranger.stop("INT");
    let again = ["node", "export", chain, "--dir", text(&theirs)];
    let again = run(wattex(&[&again[..], &began].concat()));
    assert_eq!(again.code, Some(3), "nothing is written over: {}", again.err);
}

fn a_bill_without_trust_is_unanchored(place: &Place) {
    let bill = &place.bills()[0];
    let trust = place.path("bills").join("trust.json");
    let away = place.path("trust.json");
    fs::rename(&trust, &away).unwrap();
    let ended = ask(&[text(bill)]);
    assert_eq!(ended.code, Some(11), "{}", ended.out);
    assert!(ended.out.contains("UNANCHORED"), "{}", ended.out);
    assert!(!ended.out.contains("HOLDS"), "{}", ended.out);
    assert_eq!(ask(&[text(bill), "--trust", text(&away)]).code, Some(0));
}

/// Any digit anywhere in the files, replaced by another.
fn changed_digits_are_named(place: &Place) {
    let trust = place.trust();
    let files: Vec<String> =
        place.bills().iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let digits: Vec<(usize, usize)> = (0..files.len())
        .flat_map(|file| {
            let bytes = files[file].bytes().enumerate();
            bytes.filter(|(_, byte)| byte.is_ascii_digit()).map(move |(at, _)| (file, at))
        })
        .collect();
    let mut random = ChaCha8Rng::seed_from_u64(9);
    for round in 0..POSITIONS {
        let (file, at) = digits[random.random_range(0..digits.len())];
        let mut changed = files[file].clone().into_bytes();
        changed[at] = b'0' + (changed[at] - b'0' + random.random_range(1..10)) % 10;
        let changed = String::from_utf8(changed).unwrap();
        let report = verify(&changed, Some(&trust));
        let around = &changed[at.saturating_sub(60)..(at + 20).min(changed.len())];
        check_named(&report, &format!("round {round}, byte {at}: {around}"));
        if round % ASKED_EVERY == 0 {
            check_answer(place, &changed, &trust, &report);
        }
    }
}

fn check_named(report: &Report, context: &str) {
    assert!(matches!(report.exit_code(), 10 | 12), "{context}\n{report}");
    assert!(!report.findings.is_empty(), "{context}\n{report}");
    for finding in &report.findings {
        assert!(!finding.part.is_empty() && finding.part != ".", "{context}\n{report}");
        assert!(!finding.reason.is_empty(), "{context}\n{report}");
    }
}

/// The program says the same of `changed` as the library, to people.
fn check_answer(place: &Place, changed: &str, trust: &Trust, report: &Report) {
    let (file, pinned) = (place.path("changed.json"), place.path("pinned.json"));
    fs::write(&file, changed).unwrap();
    fs::write(&pinned, serde_json::to_string(trust).unwrap()).unwrap();
    let ended = ask(&[text(&file), "--trust", text(&pinned)]);
    assert_eq!(ended.code, Some(i32::from(report.exit_code())), "{}", ended.out);
    let finding = &report.findings[0];
    assert!(ended.out.contains(&finding.part), "{}", ended.out);
    assert!(ended.out.contains(&finding.reason), "{}", ended.out);
    let verdict = if report.verdict == Verdict::Failed { "FAILED" } else { "UNREADABLE" };
    assert!(ended.out.contains(verdict), "{}", ended.out);
}

#[test]
fn what_is_no_bill_is_unreadable() {
    let place = Place::new();
    let file = place.path("bill.json");
    for garbage in [&b"no bill"[..], b"", b"{}", b"[1,2", b"\xff\xfe\x00"] {
        fs::write(&file, garbage).unwrap();
        let ended = ask(&[text(&file)]);
        assert_eq!(ended.code, Some(12), "{garbage:?}: {}{}", ended.out, ended.err);
        assert!(ended.out.contains("UNREADABLE"), "{garbage:?}: {}", ended.out);
    }
    let absent = ask(&[text(&place.path("absent.json"))]);
    assert_eq!(absent.code, Some(12), "{}", absent.err);
    assert!(absent.err.contains("absent.json"), "{}", absent.err);
}

#[test]
fn a_malformed_trust_file_is_an_error_of_its_own() {
    let place = Place::new();
    let (bill, trust) = (place.path("bill.json"), place.path("trust.json"));
    fs::write(&bill, "{}").unwrap();
    fs::write(&trust, "{\"chain\":1}").unwrap();
    for named in [text(&trust), text(&place.path("absent.json"))] {
        let ended = ask(&[text(&bill), "--trust", named]);
        assert_eq!(ended.code, Some(3), "{}", ended.err);
        assert!(ended.err.contains(named), "{}", ended.err);
    }
}

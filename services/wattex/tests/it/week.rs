//! A week of measured homes, or two days of the sample where the data is not there: its sums, and
//! what each change of a digit does to its bills.

use std::fs;
use std::sync::OnceLock;

use billing::domain::verify::{Report, Trust, Verdict, verify};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

use crate::days::{check_identities, count};
use crate::program::{Ended, Place, run, text, wattex};

const MEASURED: &str = "load_citylearn17";
/// Digits that are changed.
const POSITIONS: usize = 100;
/// Every so many positions the program itself is asked, not the library alone.
const ASKED_EVERY: usize = 5;
/// The environment's word for the seed of the positions: a failure names it.
const SEED: &str = "WATTEX_SEED";

/// The finished run that every test here looks at.
struct Week {
    place: Place,
    figures: Value,
    homes: u64,
    slots: u64,
    bills: Vec<String>,
    trust: Trust,
}

fn week() -> &'static Week {
    static WEEK: OnceLock<Week> = OnceLock::new();
    WEEK.get_or_init(|| {
        // Without it the sample takes its place.
        let folder = testkit::data(MEASURED);
        let place = Place::new();
        let (figures, homes, slots) = match &folder {
            Some(data) => {
                let arguments = ["--data", text(data), "--pv-every", "2", "--days", "7"];
                (place.days(&arguments), 17, 7 * 96)
            }
            None => (place.days(&["--homes", "3", "--days", "2"]), 3, 2 * 96),
        };
        let bills = place.bills();
        let bills = bills.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        let trust = place.trust();
        Week { place, figures, homes, slots, bills, trust }
    })
}

fn ask(arguments: &[&str]) -> Ended {
    run(wattex(&[&["verify"], arguments].concat()))
}

#[test]
fn a_week_adds_up() {
    let week = week();
    check_identities(&week.figures);
    let count = |name| count(&week.figures, name);
    assert_eq!(
        (count("homes"), count("slots"), count("slot_minutes")),
        (week.homes, week.slots, 15)
    );
    assert_eq!((count("bills_issued"), count("bills_verified")), (week.homes, week.homes));
    assert!(count("import_wh") > 0 && count("export_wh") > 0 && count("trades") > 0);
}

#[test]
fn every_bill_of_the_week_holds() {
    let week = week();
    assert_eq!(week.bills.len() as u64, week.homes);
    for (path, bill) in week.place.bills().iter().zip(&week.bills) {
        let report = verify(bill, Some(&week.trust));
        assert_eq!(report.verdict, Verdict::Holds, "{report}");
        assert!(report.findings.is_empty(), "{report}");
        let ended = ask(&[text(path)]);
        assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
        assert!(ended.out.contains(&report.number) && ended.out.contains("HOLDS"), "{}", ended.out);
    }
}

#[test]
fn a_changed_digit_anywhere_is_found_and_the_lines_that_rest_on_it_are_named() {
    let week = week();
    let seed = match std::env::var(SEED) {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => rand::rng().random::<u64>(),
    };
    eprintln!("{SEED}={seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    for round in 0..POSITIONS {
        let bill = &week.bills[random.random_range(0..week.bills.len())];
        let digits = bill.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_digit());
        let digits: Vec<usize> = digits.map(|(place, _)| place).collect();
        let at = digits[random.random_range(0..digits.len())];
        let mut changed = bill.clone().into_bytes();
        changed[at] = b'0' + (changed[at] - b'0' + random.random_range(1..10)) % 10;
        let changed = String::from_utf8(changed).unwrap();
        let report = verify(&changed, Some(&week.trust));
        let around = &changed[at.saturating_sub(60)..(at + 20).min(changed.len())];
        let context = format!("{SEED}={seed}, round {round}, byte {at}: {around}\n{report}");
        check_named(&report, &context);
        if round % ASKED_EVERY == 0 {
            check_told(week, &changed, &report, &context);
        }
    }
}

/// The report fails and says which lines do not hold, or what part of the file makes it no bill.
fn check_named(report: &Report, context: &str) {
    let all: Vec<usize> = (1..=report.lines.len()).collect();
    for finding in &report.findings {
        assert!(!finding.part.is_empty() && !finding.reason.is_empty(), "{context}");
    }
    match report.exit_code() {
        10 => {
            let mut named = report.findings.iter().flat_map(|finding| &finding.lines);
            assert!(named.all(|line| all.contains(line)), "{context}");
            assert!(report.findings.iter().any(|finding| !finding.lines.is_empty()), "{context}");
            let whole = report.findings.iter().filter(|finding| finding.part == ".");
            whole.for_each(|finding| assert_eq!(finding.lines, all, "{context}"));
        }
        12 => {
            assert!(!report.findings.is_empty(), "{context}");
            assert!(report.findings.iter().all(|finding| finding.part != "."), "{context}");
        }
        code => panic!("exit code {code}: {context}"),
    }
}

/// The program says the same of `changed` as the library, to people.
fn check_told(week: &Week, changed: &str, report: &Report, context: &str) {
    let place = Place::new();
    let (file, trust) = (place.path("changed.json"), week.place.path("bills").join("trust.json"));
    fs::write(&file, changed).unwrap();
    let ended = ask(&[text(&file), "--trust", text(&trust)]);
    assert_eq!(ended.code, Some(i32::from(report.exit_code())), "{context}\n{}", ended.out);
    for finding in &report.findings {
        let part = if finding.part == "." { "the file" } else { &finding.part };
        let told = ended
            .out
            .lines()
            .find(|line| line.starts_with(&format!("! {part}")) && line.ends_with(&finding.reason));
        let told = told.unwrap_or_else(|| panic!("{context}\n{}", ended.out));
        let named = match finding.lines.as_slice() {
            [] => "",
            lines if lines.len() == report.lines.len() => "(every line rests on it)",
            [_] => "rests on it)",
            _ => "rest on it)",
        };
        assert!(told.contains(named), "{context}\n{}", ended.out);
        let number = finding.lines.last().map(ToString::to_string).unwrap_or_default();
        assert!(named.contains("every") || told.contains(&number), "{context}\n{}", ended.out);
    }
}

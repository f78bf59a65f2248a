//! What the exit code says of a program that was asked to end.

use testkit::Stream;

use crate::program::{Place, Running};

const ARGUMENTS: [&str; 5] = ["--homes", "1", "--slot", "60m", "--exit"];

/// A run that is asked to end before its days are over, the moment it has begun them.
fn cut_short(place: &Place, signal: &str) -> (Option<i32>, String) {
    let mut running = Running::start(place.demo(&ARGUMENTS));
    running.line_of(Stream::Err, "24 slots");
    let ended = running.ended_by(signal);
    assert!(!place.path("figures.json").exists(), "it was not over");
    (ended.code, ended.err)
}

#[test]
fn a_run_that_is_cut_short_says_so_and_goes_on_later() {
    let place = Place::new();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let (ended, said) = cut_short(&place, signal);
        assert_eq!(ended, Some(code), "{said}");
        assert!(said.contains("stopping before") && !said.contains("wattex:"), "{said}");
    }
    let figures = place.days(&ARGUMENTS[..4]);
    assert_eq!(figures["bills_verified"], 1);
}

#[test]
fn a_demo_that_only_serves_ends_well_whichever_way_it_is_asked() {
    let place = Place::new();
    for signal in ["INT", "TERM"] {
        let mut running = Running::start(place.demo(&ARGUMENTS[..4]));
        running.line_with("Ctrl-C");
        let ended = running.ended_by(signal);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(place.path("figures.json").exists());
    }
}

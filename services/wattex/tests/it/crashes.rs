//! A demo that is killed again and again ends as if nothing had happened.

use std::fs;
use std::path::Path;
use std::time::Instant;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;
use testkit::{Process, Stream};

use crate::days::{check_identities, count};
use crate::program::{Place, RUN_WITHIN};

const ARGUMENTS: [&str; 4] = ["--homes", "2", "--seed", "3"];
const KILLS: usize = 26;
/// The first kills come while people, meters and money are set up.
const FIRST: usize = 4;
const FIRST_LINES_MAX: usize = 250;
/// Of so many kills, one may come before anything new is done.
const EARLY: u32 = 3;
/// Log lines, most of them one statement of a database each, that a victim lives on at most.
const LINES_MAX: usize = 900;
/// How often progress is looked at, in log lines.
const LOOK_EVERY: usize = 40;
/// What a second attempt may change: when it ran, and whatever follows from new keys.
const ITS_OWN: [&str; 7] = [
    "seconds",
    "readings_per_second",
    "orders_per_second",
    "spent_ms",
    "peak_memory_bytes",
    "chain_height",
    "blocks_reorganised",
];

/// Slot boundaries that are done, by the file that the demo goes on from.
fn boundaries(directory: &Path) -> u64 {
    let Ok(text) = fs::read_to_string(directory.join("progress.json")) else { return 0 };
    // It is replaced whole: what is there can be read.
    serde_json::from_str::<Value>(&text).unwrap()["boundaries"].as_u64().unwrap()
}

/// Runs on from where the directory is and kills the program without warning: a number of log lines
/// after it began, or after it has done another slot. `false` where it came to its end before.
fn kill_once(place: &Place, random: &mut ChaCha8Rng, number: usize) -> bool {
    let directory = place.directory();
    let done = boundaries(&directory);
    let early = number < FIRST || random.random_ratio(1, EARLY);
    let most = if number < FIRST { FIRST_LINES_MAX } else { LINES_MAX };
    let mut left = random.random_range(1..=most);
    let mut command = place.demo(&ARGUMENTS);
    command.arg("--exit").env("WATTEX_LOG", "sqlx=debug");
    let mut victim = Process::start(command).unwrap();
    let deadline = Instant::now() + RUN_WITHIN;
    let mut counting = early || done >= 97;
    let mut seen = 0;
    while left > 0 && victim.line(Stream::Err, deadline).unwrap().is_some() {
        seen += 1;
        counting |= seen % LOOK_EVERY == 0 && boundaries(&directory) > done;
        left -= usize::from(counting);
    }
    // It is killed when it goes out of scope; it may have ended on its own meanwhile.
    left == 0 && victim.runs().unwrap()
}

#[test]
fn killed_at_any_moment_the_days_go_on_and_nothing_is_lost_or_doubled() {
    let (calm, stormy) = (Place::new(), Place::new());
    let expected = calm.days(&ARGUMENTS);
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let (mut kills, mut moments) = (0, Vec::new());
    while kills < KILLS && kill_once(&stormy, &mut random, kills) {
        kills += 1;
        moments.push(boundaries(&stormy.directory()));
    }
    assert!(kills >= 20, "killed only {kills} times, after {moments:?} slots");
    eprintln!("killed after {moments:?} boundaries");
    let figures = stormy.days(&ARGUMENTS);
    check_identities(&figures);
    assert!(count(&figures, "trades") > 0);
    for (name, value) in expected.as_object().unwrap() {
        if !ITS_OWN.contains(&name.as_str()) {
            assert_eq!(&figures[name], value, "{name} after kills at {moments:?}");
        }
    }
    assert_eq!(stormy.bills().len(), calm.bills().len());
}

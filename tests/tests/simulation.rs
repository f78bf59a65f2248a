//! The whole system from a thousand seeds, with every fault there is.

use tests::simulation;

/// Seeds of one run.
const SEEDS: u64 = 1_000;
/// The month that is run.
const MONTH_SEED: u64 = 3;

#[test]
fn every_invariant_holds_in_a_thousand_worlds_and_every_path_is_taken() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let counts = simulation::run_many(0..SEEDS, cores).unwrap_or_else(|failure| {
        panic!("{failure}\ncargo run -p tests --bin sim -- --seed {} --trace", failure.seed)
    });
    assert_eq!(counts.missing(), [""; 0], "paths that no seed took");
}

#[test]
fn the_journal_of_a_month_with_reorganisations_is_what_the_contracts_hold() {
    let report = simulation::run_month(MONTH_SEED, false);
    let report = report.unwrap_or_else(|failure| {
        panic!("{failure}\ncargo run -p tests --bin sim -- --month --seed {MONTH_SEED}")
    });
    // What was undone was undone often, so that the books were put to the test, on every day.
    for (path, at_least) in [
        ("block: reorganisation", 200),
        ("block: undone", 500),
        ("books: equal to the chain", 400),
        ("cash: asking back undone", 1),
        ("cash: deposit undone", 10),
        ("cash: withdrawal undone", 1),
        ("cash: withdrawn", 10),
        ("day: with undone blocks", u64::from(simulation::MONTH_DAYS)),
        ("journal: reversed", 200),
        ("settlement: dropped by a reorganisation", 50),
        ("settlement: settled", 500),
        ("trade: corrected by a later run", 50),
        ("trade: release undone", 1),
        ("trade: released", 50),
        ("trade: run dropped by a reorganisation", 50),
    ] {
        let count = report.counts.of(path);
        assert!(count >= at_least, "{path}: {count}, not {at_least}");
    }
}

#[test]
fn the_same_seed_gives_the_same_result() {
    for seed in [0, 7, 4_711] {
        let (once, twice) = (simulation::run(seed, false), simulation::run(seed, false));
        assert_eq!(once, twice, "seed {seed}");
        assert!(once.is_ok(), "{once:?}");
    }
}

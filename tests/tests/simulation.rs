//! The whole system from a thousand seeds, with every fault there is.

use tests::simulation::{self, Counts};

/// Seeds of one run.
const SEEDS: u64 = 1_000;
/// The month that is run.
const MONTH_SEED: u64 = 3;
/// An imbalance price for both sides, each pair in merit order at its bid.
const IMBALANCE_RULES: usize = 13 + 8;

#[test]
fn every_invariant_holds_in_a_thousand_worlds_and_every_path_is_taken() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let counts = simulation::run_many(0..SEEDS, cores).unwrap_or_else(|failure| {
        panic!("{failure}\ncargo run -p tests --bin sim -- --seed {} --trace", failure.seed)
    });
    assert_eq!(counts.missing(), [""; 0], "paths that no seed took");
}

/// A month, and whether its books were put to the test on every day.
fn check_month(rules: usize) -> Counts {
    let report = simulation::run_month(MONTH_SEED, rules, false);
    let report = report.unwrap_or_else(|failure| {
        let arguments = format!("--month --seed {MONTH_SEED} --rules {rules}");
        panic!("{failure}\ncargo run -p tests --bin sim -- {arguments}")
    });
    check_counts(
        &report.counts,
        &[
            ("block: reorganisation", 200),
            ("block: undone", 500),
            ("books: equal to the chain", 400),
            ("day: with undone blocks", u64::from(simulation::MONTH_DAYS)),
            ("journal: reversed", 200),
        ],
    );
    report.counts
}

fn check_counts(counts: &Counts, at_least: &[(&str, u64)]) {
    for (path, at_least) in at_least {
        let count = counts.of(path);
        assert!(count >= *at_least, "{path}: {count}, not {at_least}");
    }
}

#[test]
fn the_journal_of_a_month_with_reorganisations_is_what_the_contracts_hold() {
    // What was undone was undone often.
    check_counts(
        &check_month(0),
        &[
            ("cash: asking back undone", 1),
            ("cash: deposit undone", 10),
            ("cash: withdrawal undone", 1),
            ("cash: withdrawn", 10),
            ("settlement: dropped by a reorganisation", 50),
            ("settlement: settled", 500),
            ("trade: corrected by a later run", 50),
            ("trade: release undone", 1),
            ("trade: released", 50),
            ("trade: run dropped by a reorganisation", 50),
        ],
    );
}

#[test]
fn so_it_is_where_shortfalls_cost_an_imbalance_price_and_fills_have_two_prices() {
    check_counts(
        &check_month(IMBALANCE_RULES),
        &[
            ("settlement: at two prices", 100),
            ("settlement: dropped by a reorganisation", 10),
            ("trade: corrected by a later run", 10),
            ("trade: penalty of the buyer by ImbalancePrice", 10),
            ("trade: penalty of the seller by ImbalancePrice", 10),
            ("trade: released", 50),
        ],
    );
}

#[test]
fn the_same_seed_gives_the_same_result() {
    for seed in [0, 7, 4_711] {
        let (once, twice) = (simulation::run(seed, false), simulation::run(seed, false));
        assert_eq!(once, twice, "seed {seed}");
        assert!(once.is_ok(), "{once:?}");
    }
}

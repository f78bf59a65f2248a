//! The whole system from a thousand seeds, with every fault there is.

use tests::simulation;

/// Seeds of one run.
const SEEDS: u64 = 1_000;

#[test]
fn every_invariant_holds_in_a_thousand_worlds_and_every_path_is_taken() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let counts = simulation::run_many(0..SEEDS, cores).unwrap_or_else(|failure| {
        panic!("{failure}\ncargo run -p tests --bin sim -- --seed {} --trace", failure.seed)
    });
    assert_eq!(counts.missing(), [""; 0], "paths that no seed took");
}

#[test]
fn the_same_seed_gives_the_same_result() {
    for seed in [0, 7, 4_711] {
        let (once, twice) = (simulation::run(seed, false), simulation::run(seed, false));
        assert_eq!(once, twice, "seed {seed}");
        assert!(once.is_ok(), "{once:?}");
    }
}

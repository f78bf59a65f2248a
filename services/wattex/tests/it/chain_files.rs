//! `wattex node check`, `export` and `import`, as an operator runs them.

use std::path::Path;

use alloy_primitives::U256;
use bus::Bus;
use calendar::Timestamp;
use chain::GenesisSpec;
use ledger::{Config, Parts};
use service::Clock;

use crate::program::{Ended, Place, run, wattex};

const START: u64 = 1_700_000_000;

fn genesis() -> GenesisSpec {
    let mut spec = GenesisSpec::new(7, START);
    spec.difficulty = U256::from(16);
    spec.fixed_difficulty = true;
    spec.reward = U256::from(1);
    spec
}

/// A node that mined some blocks and is gone.
async fn mined(directory: &Path, blocks: u64) {
    let (clock, _) = Clock::set(Timestamp::from_seconds(START.cast_signed()));
    let (genesis, bus) = (genesis(), Bus::in_process());
    let directory = directory.join("chain");
    let parts = Parts { directory, genesis, bus, clock, config: Config::default() };
    let ledger = ledger::start(parts).await.unwrap();
    for number in 1..=blocks {
        ledger.node().mine_now(START + number).unwrap().unwrap();
    }
}

fn node(work: &str, arguments: &[&Path]) -> Ended {
    let mut command = wattex(&["node", work]);
    command.args(arguments);
    run(command)
}

fn check(directory: &Path) -> Ended {
    node("check", &[Path::new("--dir"), directory])
}

#[tokio::test]
async fn blocks_go_from_one_directory_to_another_and_both_hold() {
    let place = Place::new();
    let (here, there, file) = (place.path("here"), place.path("there"), place.path("blocks.gz"));
    mined(&here, 20).await;
    let held = check(&here);
    assert_eq!(held.code, Some(0), "{}", held.err);
    let expected = "HOLDS: 21 blocks with 0 transactions follow from the genesis, \
                    states from block 0 on\n";
    assert_eq!(held.out, expected);
    let exported = node("export", &[&file, Path::new("--dir"), &here]);
    assert_eq!(exported.code, Some(0), "{}", exported.err);
    assert_eq!(exported.out, format!("21 blocks are in {}\n", file.display()));
    let spec = place.path("genesis.json");
    std::fs::write(&spec, serde_json::to_string(&genesis()).unwrap()).unwrap();
    let into = [file.as_path(), Path::new("--dir"), &there];
    let nameless = node("import", &into);
    assert_eq!(nameless.code, Some(5), "{}", nameless.err);
    let named = [&into[..], &[Path::new("--genesis"), &spec]].concat();
    for (arguments, expected) in [
        (&named[..], "20 blocks are new, 1 were there; the head is block 20\n"),
        (&into[..], "0 blocks are new, 21 were there; the head is block 20\n"),
    ] {
        let imported = node("import", arguments);
        assert_eq!((imported.code, imported.out.as_str()), (Some(0), expected), "{}", imported.err);
    }
    assert_eq!(check(&there).code, Some(0));
    let kept = std::fs::read_to_string(there.join("genesis.json")).unwrap();
    assert_eq!(serde_json::from_str::<GenesisSpec>(&kept).unwrap(), genesis());
}

#[tokio::test]
async fn what_does_not_hold_is_told_with_an_exit_code_of_its_own() {
    let place = Place::new();
    let directory = place.path("node");
    let nothing = check(&directory);
    assert_eq!(nothing.code, Some(5), "{}", nothing.err);
    mined(&directory, 5).await;
    // The same chain would have another block 0 if it had begun a second later.
    let other = GenesisSpec { timestamp: START + 1, ..genesis() };
    let spec = place.path("other.json");
    std::fs::write(&spec, serde_json::to_string(&other).unwrap()).unwrap();
    let failed = node("check", &[Path::new("--dir"), &directory, Path::new("--genesis"), &spec]);
    assert_eq!(failed.code, Some(13), "{}", failed.err);
    assert!(failed.err.contains("FAILED: block 0: it is 0x"), "{}", failed.err);
    let file = place.path("garbage");
    std::fs::write(&file, "no blocks").unwrap();
    let refused = node("import", &[&file, Path::new("--dir"), &directory]);
    assert_eq!(refused.code, Some(13), "{}", refused.err);
    let expected = "at byte 0 of the blocks there is 0x6e, which begins no block";
    assert!(refused.err.contains(expected), "{}", refused.err);
    assert_eq!(check(&directory).code, Some(0), "nothing was spoilt");
}

//! The tools of Ethereum against our node behind the gateway: cast, ethers, web3.py.
//!
//! What they see of a node alone is compared with another node in `services/wattex/tests/tools`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "tools/trace_compare.rs"]
mod trace_compare;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use alloy_primitives::{Address, U256};
use bus::Bus;
use chain::GenesisSpec;
use keys::SecretKey;
use service::{Clock, Tick, Verifier};

/// The first account of the mnemonic that every tool tests with.
const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

/// How long one run of a tool may take.
const RUN_WITHIN: Duration = Duration::from_secs(300);

/// A node with one funded account, mining as transactions come, behind the gateway.
async fn node(directory: &Path) -> (gateway::Edge, Address) {
    let key = SecretKey::from_hex(KEY).unwrap();
    let clock = Clock::real();
    let mut genesis = GenesisSpec::new(77_771, clock.now().unsigned() - 60);
    genesis.fixed_difficulty = true;
    genesis.difficulty = U256::from(256);
    genesis.alloc.entry(key.address()).or_default().balance = U256::from(10).pow(U256::from(21));
    let parts = ledger::Parts {
        directory: directory.to_owned(),
        genesis,
        bus: Bus::in_process(),
        clock: clock.clone(),
        config: ledger::Config::default(),
    };
    let ledger = ledger::start(parts).await.unwrap();
    let many = NonZeroU32::new(100_000).unwrap();
    let edge = gateway::start(gateway::Parts {
        address: ([127, 0, 0, 1], 0).into(),
        services: vec![gateway::mount("ledger", ledger::routes(ledger.clone()))],
        verifier: Verifier::new(),
        limits: gateway::Limits { per_second: many, burst: many },
        files: |_| None,
    })
    .unwrap();
    let miner: Arc<dyn Tick> = ledger;
    let (_, stop) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        let _keep = stop.clone();
        let mut interval = tokio::time::interval(Duration::from_millis(20));
        loop {
            interval.tick().await;
            miner.tick(clock.now()).await.unwrap();
        }
    });
    (edge, key.address())
}

async fn run(command: Command) -> String {
    let name = format!("{command:?}");
    let ended = tokio::task::spawn_blocking(move || testkit::finish(command, RUN_WITHIN));
    let ended = ended.await.unwrap().expect(&name);
    // The npm wrapper of cast ends with 0 whatever cast says.
    let failed = ended.code != Some(0) || ended.err.to_lowercase().contains("error:");
    assert!(!failed, "{name}: {:?}\n{}\n{}", ended.code, ended.out, ended.err);
    ended.out.trim().to_owned()
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn cast(rpc: &str, words: &[&str]) -> Command {
    let mut command = Command::new(testkit::tools().join("npm/node_modules/.bin/cast"));
    // Options of `cast send` must stand before its `--create`.
    command.arg(words[0]).args(["--rpc-url", rpc]).args(&words[1..]);
    command
}

#[actix_web::test]
async fn cast_sends_calls_and_reads_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let (edge, account) = node(folder.path()).await;
    let rpc = format!("{}/rpc", edge.url());
    assert_eq!(run(cast(&rpc, &["chain-id"])).await, "77771");
    let artifact = std::fs::read_to_string(file("contracts/out/RecordAnchor.json")).unwrap();
    let artifact: serde_json::Value = serde_json::from_str(&artifact).unwrap();
    let code = artifact["bytecode"].as_str().unwrap();
    let owner = account.to_string();
    let create = ["send", "--private-key", KEY, "--json", "--create", code, "constructor(address)"];
    let deployed = run(cast(&rpc, &[&create[..], &[&owner]].concat())).await;
    let receipt: serde_json::Value = serde_json::from_str(&deployed).expect(&deployed);
    assert_eq!(receipt["status"], "0x1");
    let contract = receipt["contractAddress"].as_str().unwrap().to_owned();
    let role = run(cast(&rpc, &["call", &contract, "ANCHOR_ROLE()(bytes32)"])).await;
    let grant = ["send", "--private-key", KEY, &contract, "grantRole(bytes32,address)"];
    run(cast(&rpc, &[&grant[..], &[&role, &owner]].concat())).await;
    let has = ["call", &contract, "hasRole(bytes32,address)(bool)", &role, &owner];
    assert_eq!(run(cast(&rpc, &has)).await, "true");
    let number = run(cast(&rpc, &["block", "latest", "--field", "number"])).await;
    assert_eq!(number, run(cast(&rpc, &["block-number"])).await);
    let logs = run(cast(&rpc, &["logs", "--address", &contract, "--json"])).await;
    assert!(serde_json::from_str::<Vec<serde_json::Value>>(&logs).unwrap().len() >= 2, "{logs}");
    edge.stop().await.unwrap();
}

/// The contract that the scripts use, compiled into `folder`.
async fn probe(folder: &Path) -> PathBuf {
    let mut solc = Command::new("node");
    solc.arg(file("tests/tools/solc.mjs")).env("WATTEX_TOOLS", testkit::tools());
    solc.arg("--artifact").arg(file("tests/tools/probe/src/Probe.sol")).arg("Probe");
    let path = folder.join("Probe.json");
    std::fs::write(&path, run(solc).await).unwrap();
    path
}

/// Runs a script, which checks what it sees, and returns what it says of it.
async fn script(interpreter: &Path, name: &str) -> serde_json::Value {
    let (chain, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (edge, _) = node(chain.path()).await;
    let mut command = Command::new(interpreter);
    command.arg(file("tests/tools").join(name)).env("WATTEX_TOOLS", testkit::tools());
    command.args([&format!("{}/rpc", edge.url()), KEY]).arg(probe(folder.path()).await);
    let said = run(command).await;
    edge.stop().await.unwrap();
    serde_json::from_str(&said).expect(&said)
}

#[actix_web::test]
async fn an_ethers_script_works() {
    let said = script(Path::new("node"), "ethers.mjs").await;
    assert_eq!(said["deployed"]["status"], 1, "{said}");
}

#[actix_web::test]
async fn a_web3_py_script_works() {
    let python = testkit::tools().join("python/bin/python");
    let said = script(&python, "web3_check.py").await;
    assert_eq!(said["deployed"]["receipt"]["status"], 1, "{said}");
}

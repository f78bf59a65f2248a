//! ethers, viem, web3.js, web3.py and Hardhat: one script each, run against both nodes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::compare::{
    EMPTY, ESTIMATE, LIMIT, MayDiffer, NO_BLOBS, PLACE, WORDING, differs, may_differ, same,
    zeros_left_out,
};
use crate::nodes::{Blocks, KEY, file, ours, run, theirs};

/// The contract that every script uses, compiled once: `{abi, bytecode}`.
pub fn artifact() -> &'static Path {
    static ARTIFACT: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = ARTIFACT.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let mut solc = Command::new("node");
        solc.arg(file("tests/tools/solc.mjs")).arg("--artifact");
        solc.arg(file("tests/tools/probe/src/Probe.sol")).arg("Probe");
        let path = folder.path().join("Probe.json");
        std::fs::write(&path, run(solc).out).unwrap();
        (folder, path)
    });
    path
}

/// What a script says of a node.
fn says(interpreter: &Path, script: &str, url: &str, socket: &str) -> Value {
    let mut command = Command::new(interpreter);
    command.arg(file("tests/tools").join(script)).args([url, KEY]).arg(artifact()).arg(socket);
    let out = run(command).out;
    serde_json::from_str(&out).expect(&out)
}

/// The script says the same of both nodes.
fn check(interpreter: &Path, script: &str, allowed: &[MayDiffer<'_>]) {
    let (our, their) = (ours(Blocks::AtOnce), theirs(Blocks::AtOnce));
    let ours = says(interpreter, script, &our.url, &our.socket);
    let theirs = says(interpreter, script, &their.url(), &their.socket());
    same(script, &ours, &theirs, allowed);
}

const WORK: &str = "anvil's blocks take no work";
const TIP: &str = "ours suggests the median of what was paid, anvil always one gwei";
const ZEROS: &str = "anvil keeps a cleared slot in its trie as zero";

/// What both say of reverts and of transactions that they refuse.
const PANIC: [&str; 2] = [
    "execution reverted: division or modulo by zero",
    "execution reverted: panic: division or modulo by zero (0x12)",
];
const REFUSED: &str = "execution reverted";
const GAS_LOW: [&str; 2] =
    ["intrinsic gas too low: have 20000, want 21000", "intrinsic gas too low"];
const NONCE_LOW: &str = "nonce too low";

/// Anvil's words for the contract's own error: geth has none for errors it does not know.
pub fn anvil_refused(code: u8) -> String {
    let mut data = [0; 4 * 32];
    data[31] = code;
    data[63] = 64;
    data[95] = 9;
    data[96..105].copy_from_slice(b"not today");
    format!("execution reverted: custom error 0xa85e02ba: {}", String::from_utf8_lossy(&data))
}

/// What traces differ in, by the names that scripts have for them.
fn of_traces() -> [MayDiffer<'static>; 2] {
    [may_differ("traces.*.calls.gas", LIMIT), may_differ("traces.*.parity.*.blockHash", PLACE)]
}

#[test]
fn ethers_sees_the_same() {
    let [nonce_ours, nonce_theirs] = ["nonce too low: next nonce 13, tx nonce 0", NONCE_LOW];
    let [gas_ours, gas_theirs] = GAS_LOW;
    let funds_ours = "insufficient funds for gas * price + value: balance 0, tx cost 21000001, \
                      overshot 21000001";
    let funds_theirs = "Insufficient funds for gas * price + value";
    let sentry = "out of gas: not enough gas for reentrancy sentry";
    let allowed = [
        may_differ("block.difficulty", WORK),
        may_differ("block.nonce", WORK),
        may_differ("estimates.deploy", ESTIMATE),
        may_differ("estimates.store", ESTIMATE),
        differs("fees.tip", "3", "1000000000", TIP),
        differs("fees.history.baseFeePerBlobGas.*", "0x0", "0x1", NO_BLOBS),
        may_differ("proof.storageHash", ZEROS),
        may_differ("proof.storageProof.*.proof", ZEROS),
        differs("refused.estimate.message", REFUSED, anvil_refused(9), WORDING),
        differs("refused.gasLow.message", gas_ours, gas_theirs, WORDING),
        differs("refused.nonceLow.message", nonce_ours, nonce_theirs, WORDING),
        differs("refused.unfunded.message", funds_ours, funds_theirs, WORDING),
        differs("traces.neverEnds.calls.error", "out of gas", sentry, WORDING),
        zeros_left_out("traces.create.prestate", EMPTY),
        zeros_left_out("traces.deployed.prestate", EMPTY),
        zeros_left_out("traces.destroyed.prestate", EMPTY),
    ];
    let allowed: Vec<_> = allowed.into_iter().chain(of_traces()).collect();
    check(Path::new("node"), "ethers.mjs", &allowed);
}

#[test]
fn viem_sees_the_same() {
    let [panic_ours, panic_theirs] = PANIC;
    let [gas_ours, gas_theirs] = GAS_LOW;
    let nonce_ours = "nonce too low: next nonce 10, tx nonce 0";
    let [name_ours, name_theirs] = ["InvalidInputRpcError", "TransactionRejectedRpcError"];
    let allowed = [
        may_differ("block.difficulty", WORK),
        may_differ("estimates.store", ESTIMATE),
        differs("fees.estimated.maxFeePerGas", "11", "1000000008", TIP),
        differs("fees.estimated.maxPriorityFeePerGas", "3", "1000000000", TIP),
        differs("fees.gasPrice", "10", "1000000007", TIP),
        differs("refused.custom.message", REFUSED, anvil_refused(9), WORDING),
        differs("refused.estimate.message", REFUSED, anvil_refused(1), WORDING),
        differs("refused.gasLow.message", gas_ours, gas_theirs, WORDING),
        differs("refused.nonceLow.code", -32_000, -32_003, WORDING),
        differs("refused.nonceLow.message", nonce_ours, NONCE_LOW, WORDING),
        differs("refused.nonceLow.names.2", name_ours, name_theirs, WORDING),
        differs("refused.panic.message", panic_ours, panic_theirs, WORDING),
        zeros_left_out("traces.create.prestate", EMPTY),
        zeros_left_out("traces.deployed.prestate", EMPTY),
    ];
    let allowed: Vec<_> = allowed.into_iter().chain(of_traces()).collect();
    check(Path::new("node"), "viem.mjs", &allowed);
}

#[test]
fn web3_js_sees_the_same() {
    let [panic_ours, panic_theirs] = PANIC;
    let nonce_ours = "nonce too low: next nonce 6, tx nonce 0";
    let allowed = [
        may_differ("block.difficulty", WORK),
        may_differ("estimates.store", ESTIMATE),
        differs("fees.gasPrice", "10", "1000000007", TIP),
        differs("refused.custom.message", REFUSED, anvil_refused(9), WORDING),
        differs("refused.nonceLow.code", -32_000, -32_003, WORDING),
        differs("refused.nonceLow.message", nonce_ours, NONCE_LOW, WORDING),
        differs("refused.panic.message", panic_ours, panic_theirs, WORDING),
        zeros_left_out("traces.create.prestate", EMPTY),
        zeros_left_out("traces.plain.prestate", EMPTY),
    ];
    let allowed: Vec<_> = allowed.into_iter().chain(of_traces()).collect();
    check(Path::new("node"), "web3.mjs", &allowed);
}

#[test]
fn web3_py_sees_the_same() {
    let [gas_ours, gas_theirs] = GAS_LOW;
    let nonce_ours = "nonce too low: next nonce 10, tx nonce 0";
    // The library's own text is Python's notation of the node's error.
    let error = |code: i32, told: &str| format!("{{'code': {code}, 'message': '{told}'}}");
    let [gas_our_error, gas_their_error] = GAS_LOW.map(|told| error(-32_000, told));
    let nonce_our_error = error(-32_000, nonce_ours);
    let nonce_their_error = error(-32_003, NONCE_LOW);
    let allowed = [
        may_differ("block.difficulty", WORK),
        may_differ("estimates.store", ESTIMATE),
        differs("fees.gasPrice", 10, 1_000_000_007, TIP),
        differs("fees.tip", 3, 1_000_000_000, TIP),
        differs("fees.history.baseFeePerBlobGas.*", "0x0", "0x1", NO_BLOBS),
        differs("fees.history.blobGasUsedRatio.*", 0, 0.0, NO_BLOBS),
        differs("refused.gasLow.message", gas_our_error, gas_their_error, WORDING),
        differs("refused.gasLow.told", gas_ours, gas_theirs, WORDING),
        differs("refused.nonceLow.code", -32_000, -32_003, WORDING),
        differs("refused.nonceLow.message", nonce_our_error, nonce_their_error, WORDING),
        differs("refused.nonceLow.told", nonce_ours, NONCE_LOW, WORDING),
        zeros_left_out("traces.deployed.prestate", EMPTY),
        zeros_left_out("traces.destroyed.prestate", EMPTY),
    ];
    let allowed: Vec<_> = allowed.into_iter().chain(of_traces()).collect();
    let python = testkit::tools().join("python/bin/python");
    check(&python, "web3_check.py", &allowed);
}

/// What Hardhat runs on, as `node --version` says it.
const HARDHAT_NEEDS: (u64, u64) = (22, 13);

#[test]
fn hardhat_uses_the_accounts_of_the_node() {
    let mut version = Command::new("node");
    version.arg("--version");
    let version = run(version).out;
    let mut numbers = version.trim().trim_start_matches('v').split('.').map(str::parse::<u64>);
    let found = (numbers.next().unwrap().unwrap(), numbers.next().unwrap().unwrap());
    if found < HARDHAT_NEEDS {
        let (major, minor) = HARDHAT_NEEDS;
        let said = format!("NOT CHECKED: Hardhat, which wants Node {major}.{minor}: {version}");
        // Past the harness, which shows what a test prints only where it fails.
        std::io::stderr().write_all(said.as_bytes()).unwrap();
        return;
    }
    check(Path::new("node"), "hardhat.mjs", &[]);
}

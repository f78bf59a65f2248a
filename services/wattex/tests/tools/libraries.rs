//! ethers, viem, web3.js and web3.py: one script each, run against both nodes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::compare::{ESTIMATE, MayDiffer, WORDING, may_differ, same};
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
const NO_BLOBS: &str = "anvil prices blobs, which ours does not have";

#[test]
fn ethers_sees_the_same() {
    let allowed = [
        may_differ("block.difficulty", WORK),
        may_differ("block.nonce", WORK),
        may_differ("estimates.deploy", ESTIMATE),
        may_differ("estimates.store", ESTIMATE),
        may_differ("fees", TIP),
        may_differ("proof.storageHash", ZEROS),
        may_differ("proof.storageProof.*.proof", ZEROS),
        may_differ("refused.*.message", WORDING),
    ];
    check(Path::new("node"), "ethers.mjs", &allowed);
}

#[test]
fn viem_sees_the_same() {
    let allowed = [
        may_differ("block.difficulty", WORK),
        may_differ("estimates.store", ESTIMATE),
        may_differ("fees.estimated", TIP),
        may_differ("fees.gasPrice", TIP),
        may_differ("refused.*.message", WORDING),
        may_differ("refused.nonceLow", WORDING),
    ];
    check(Path::new("node"), "viem.mjs", &allowed);
}

#[test]
fn web3_js_sees_the_same() {
    let allowed = [
        may_differ("block.difficulty", WORK),
        may_differ("estimates.store", ESTIMATE),
        may_differ("fees.gasPrice", TIP),
        may_differ("refused.*.message", WORDING),
        may_differ("refused.nonceLow", WORDING),
    ];
    check(Path::new("node"), "web3.mjs", &allowed);
}

#[test]
fn web3_py_sees_the_same() {
    let allowed = [
        may_differ("block.difficulty", WORK),
        may_differ("estimates.store", ESTIMATE),
        may_differ("fees.gasPrice", TIP),
        may_differ("fees.tip", TIP),
        may_differ("fees.history.baseFeePerBlobGas", NO_BLOBS),
        may_differ("fees.history.blobGasUsedRatio", NO_BLOBS),
        may_differ("refused.*.message", WORDING),
        may_differ("refused.*.told", WORDING),
        may_differ("refused.nonceLow", WORDING),
    ];
    let python = testkit::tools().join("python/bin/python");
    check(&python, "web3_check.py", &allowed);
}

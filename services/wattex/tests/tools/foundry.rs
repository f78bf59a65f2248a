//! cast and forge against both nodes.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value, json};
use testkit::foundry;

use crate::compare::{BLOB, ESTIMATE, PLACE, WORDING, may_differ, same};
use crate::libraries::artifact;
use crate::nodes::{Blocks, KEY, file, ours, run, theirs};

const FIRST: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const HEIR: &str = "0x00000000000000000000000000000000000000aa";
/// Fees that both nodes take, whatever they would suggest.
const FEES: [&str; 4] = ["--gas-price", "1000", "--priority-gas-price", "3"];
/// Gas too: each node rounds its estimates in its own way.
const GAS: [&str; 2] = ["--gas-limit", "1000000"];

/// cast's answer to some words; what it cannot do is part of the result.
fn cast(url: &str, words: &[&str]) -> Value {
    let mut command = Command::new(foundry("cast").unwrap());
    // Options of `cast send` must stand before its `--create`.
    command.arg(words[0]).args(["--rpc-url", url]).args(&words[1..]).env("NO_COLOR", "1");
    let ended = testkit::finish(command, crate::nodes::RUN_WITHIN).unwrap();
    let out = ended.out.trim();
    match ended.code {
        Some(0) => serde_json::from_str(out).unwrap_or_else(|_| json!(out)),
        _ => json!({ "failed": ended.err.trim() }),
    }
}

fn sent(url: &str, words: &[&str]) -> Value {
    let key = ["send", "--private-key", KEY, "--json"];
    let mut receipt = cast(url, &[&key[..], &FEES, &GAS, words].concat());
    let fields = receipt.as_object_mut().unwrap();
    let place = ["blockHash", "blockTimestamp"];
    fields.retain(|name, _| !place.contains(&name.as_str()));
    for log in fields.get_mut("logs").and_then(Value::as_array_mut).into_iter().flatten() {
        log.as_object_mut().unwrap().retain(|name, _| !place.contains(&name.as_str()));
    }
    receipt
}

/// Everything that cast is asked of a node.
fn cast_says(url: &str) -> Value {
    let artifact: Value = serde_json::from_slice(&fs::read(artifact()).unwrap()).unwrap();
    let code = artifact["bytecode"].as_str().unwrap();
    let create = ["--value", "5", "--create", code, "constructor(uint256,string)", "7", "cast"];
    let mut said = Map::new();
    let deployed = sent(url, &create);
    assert_eq!(deployed["status"], "0x1", "{deployed}");
    let probe = deployed["contractAddress"].as_str().unwrap().to_owned();
    said.insert("deployed".into(), deployed);
    let store = [&probe, "store(uint256,uint256,bytes)", "1", "2", "0x1234", "--value", "3"];
    let many = [&probe, "storeMany(uint256,uint256,bytes)", "10", "5", "0x"];
    let refuse = [&probe, "refuse(uint256)", "4"];
    for (name, words) in [
        ("store", &store[..]),
        ("storeMany", &many),
        ("refuse", &refuse),
        ("plain", &[HEIR, "--value", "12"]),
        ("legacy", &["--legacy", HEIR, "--value", "12"]),
    ] {
        said.insert(name.into(), sent(url, words));
    }
    let slot = "99";
    for words in [
        &["chain-id"][..],
        &["block-number"],
        &["call", &probe, "sum(uint256,uint256)(uint256,address)", "0", "20", "--from", FIRST],
        &["call", &probe, "refuse(uint256)", "4"],
        &["call", &probe, "refuseWithText()"],
        &["call", &probe, "refuseSilently()"],
        &["call", &probe, "divide(uint256,uint256)", "1", "0"],
        &["estimate", &probe, "store(uint256,uint256,bytes)", "77", "1", "0x", "--from", FIRST],
        &["balance", &probe],
        &["balance", FIRST],
        &["nonce", FIRST],
        &["nonce", &probe],
        &["code", &probe],
        &["codesize", &probe],
        &["storage", &probe, "0"],
        &["storage", &probe, slot],
        &["base-fee", "latest"],
        &["block", "earliest", "--field", "number"],
        &["block", "3", "--field", "receiptsRoot"],
        &["block", "3", "--field", "transactionsRoot"],
        &["block", "3", "--field", "logsBloom"],
        &["age-of-nothing"],
    ] {
        let name = words[..words.len().min(3)].join(" ").replace('.', "_");
        said.insert(name, cast(url, words));
    }
    let logs = ["logs", "--address", &probe, "--from-block", "0", "--json"];
    let logs = cast(url, &logs);
    let logs = logs.as_array().unwrap().iter().map(|log| json!([log["topics"], log["data"]]));
    said.insert("logs".into(), logs.collect());
    Value::Object(said)
}

#[test]
fn cast_sees_the_same() {
    let (our, their) = (ours(Blocks::AtOnce), theirs(Blocks::AtOnce));
    let probe = "call 0x5fbdb2315678afecb367f032d93f642f64180aa3";
    let store = "estimate 0x5fbdb2315678afecb367f032d93f642f64180aa3 store(uint256,uint256,bytes)";
    let (divide, refuse) =
        (format!("{probe} divide(uint256,uint256)"), format!("{probe} refuse(uint256)"));
    let allowed = [
        may_differ("*.blobGasPrice", BLOB),
        may_differ("refuse.revertReason", "only anvil's receipts have it"),
        may_differ(&divide, WORDING),
        may_differ(&refuse, WORDING),
        may_differ(store, ESTIMATE),
    ];
    same("cast", &cast_says(&our.url), &cast_says(&their.url()), &allowed);
}

/// What forge wrote of a run: transactions and receipts, as the node gave them.
fn forge_broadcasts(url: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    for name in ["foundry.toml", "src/Probe.sol", "script/Deploy.s.sol"] {
        let to = folder.path().join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(file("tests/tools/probe").join(name), to).unwrap();
    }
    let mut forge = Command::new(foundry("forge").unwrap());
    forge.current_dir(folder.path()).args(["script", "script/Deploy.s.sol:Deploy", "--offline"]);
    forge.arg("--use").arg(file("tests/tools/solc.mjs").canonicalize().unwrap());
    forge.args(["--broadcast", "--slow", "--rpc-url", url, "--private-key", KEY]);
    forge.args(["--with-gas-price", "1000", "--priority-gas-price", "3"]);
    run(forge);
    let chain = crate::nodes::CHAIN_ID.to_string();
    let wrote = Path::new("broadcast/Deploy.s.sol").join(chain).join("run-latest.json");
    let mut wrote: Value =
        serde_json::from_slice(&fs::read(folder.path().join(wrote)).unwrap()).unwrap();
    let told = ["transactions", "receipts", "returns", "pending"];
    wrote.as_object_mut().unwrap().retain(|name, _| told.contains(&name.as_str()));
    assert_eq!(wrote["receipts"].as_array().unwrap().len(), 5, "{wrote}");
    wrote
}

#[test]
fn a_forge_script_broadcasts_the_same() {
    let (our, their) = (ours(Blocks::AtOnce), theirs(Blocks::AtOnce));
    let (ours, theirs) = (forge_broadcasts(&our.url), forge_broadcasts(&their.url()));
    let allowed = [
        may_differ("receipts.*.blobGasPrice", BLOB),
        may_differ("receipts.*.blockHash", PLACE),
        may_differ("receipts.*.logs.*.blockHash", PLACE),
        may_differ("receipts.*.logs.*.blockTimestamp", PLACE),
    ];
    same("forge", &ours, &theirs, &allowed);
}

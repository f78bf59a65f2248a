//! cast and forge against both nodes.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use testkit::{Process, Stream, foundry};

use crate::compare::{
    BLOB, EMPTY, ESTIMATE, LIMIT, NO_BLOBS, PLACE, WORDING, differs, may_differ, same,
    zeros_left_out,
};
use crate::libraries::{anvil_refused, artifact};
use crate::nodes::{Blocks, KEY, file, ours, run, theirs};

const FIRST: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
const HEIR: &str = "0x00000000000000000000000000000000000000aa";
/// Fees that both nodes take, whatever they would suggest.
const FEES: [&str; 4] = ["--gas-price", "1000", "--priority-gas-price", "3"];
/// How long cast may take to print a log after its transaction was mined.
const SEEN_WITHIN: Duration = Duration::from_millis(300);
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
    without_place(cast(url, &[&key[..], &FEES, &GAS, words].concat()))
}

/// Without the hash and the time of its block, and those of its logs.
fn without_place(mut receipt: Value) -> Value {
    let fields = receipt.as_object_mut().unwrap();
    let place = ["blockHash", "blockTimestamp"];
    fields.retain(|name, _| !place.contains(&name.as_str()));
    for log in fields.get_mut("logs").and_then(Value::as_array_mut).into_iter().flatten() {
        log.as_object_mut().unwrap().retain(|name, _| !place.contains(&name.as_str()));
    }
    receipt
}

/// What geth's tracers and Parity's say of what was sent, and what cast sees when it runs it again
/// on what it asks the node for.
fn traces(url: &str, sent: &Value) -> Value {
    let hash = sent["transactionHash"].as_str().unwrap();
    let debug = |options: &str| cast(url, &["rpc", "debug_traceTransaction", hash, options]);
    json!({
        "calls": debug(r#"{"tracer":"callTracer","tracerConfig":{"withLog":true}}"#),
        "prestate": debug(r#"{"tracer":"prestateTracer"}"#),
        "changed": debug(r#"{"tracer":"prestateTracer","tracerConfig":{"diffMode":true}}"#),
        "steps": debug(r#"{"enableMemory":true,"enableReturnData":true}"#),
        "parity": cast(url, &["rpc", "trace_transaction", hash]),
        "again": cast(url, &["run", hash]),
    })
}

/// The first log that `cast logs --subscribe` prints of a contract, and the transaction that it was
/// of. cast does not say when its subscription stands, so transactions go on until one is seen.
fn subscribed(url: &str, socket: &str, probe: &str) -> Value {
    let mut command = Command::new(foundry("cast").unwrap());
    command.args(["logs", "--subscribe", "--rpc-url", socket, "--address", probe]);
    let mut live = Process::start(command).unwrap();
    let deadline = Instant::now() + crate::nodes::RUN_WITHIN;
    let first = loop {
        let store = [probe, "storeMany(uint256,uint256,bytes)", "40", "1", "0x"];
        assert_eq!(sent(url, &store)["status"], "0x1");
        if let Ok(line) = live.line(Stream::Out, Instant::now() + SEEN_WITHIN) {
            break line.unwrap();
        }
        assert!(Instant::now() < deadline, "cast tells no log");
    };
    let mut told = vec![first.trim().trim_start_matches("- ").to_owned()];
    while !told.last().unwrap().starts_with("transactionIndex") {
        told.push(live.line(Stream::Out, deadline).unwrap().unwrap().trim().to_owned());
    }
    let of = |name: &str| {
        let line = told.iter().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("{name} in {told:?}")).to_owned()
    };
    let receipt = cast(url, &["receipt", &of("transactionHash"), "--json"]);
    let [log] = &receipt["logs"].as_array().unwrap()[..] else { panic!("{receipt}") };
    for name in ["blockHash", "data"] {
        assert_eq!(log[name], of(name), "{told:?}");
    }
    for topic in log["topics"].as_array().unwrap() {
        assert!(told.contains(&topic.as_str().unwrap().to_owned()), "{topic} in {told:?}");
    }
    let place = ["blockHash", "blockNumber", "transactionHash"];
    told.retain(|line| !place.iter().any(|name| line.starts_with(name)));
    json!(told)
}

/// Everything that cast is asked of a node.
fn cast_says(url: &str, socket: &str) -> Value {
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
    // Signed by the node, which has the keys of its accounts.
    let plain = [HEIR, "--value", "5", "--json"];
    let unlocked = [&["send", "--unlocked", "--from", FIRST][..], &FEES, &GAS, &plain].concat();
    said.insert("unlocked".into(), without_place(cast(url, &unlocked)));
    assert_eq!(said["unlocked"]["status"], "0x1", "{}", said["unlocked"]);
    let traced = ["deployed", "store", "storeMany", "refuse", "plain"];
    let told = traced.map(|name| (name.to_owned(), traces(url, &said[name])));
    said.insert("traces".into(), Value::Object(told.into_iter().collect()));
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
        &["proof", &probe, "0", slot],
        &["rpc", "eth_feeHistory", "0x3", "latest", "[10,50]"],
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
    said.insert("subscribed".into(), subscribed(url, socket, &probe));
    Value::Object(said)
}

#[test]
fn cast_sees_the_same() {
    let (our, their) = (ours(Blocks::AtOnce), theirs(Blocks::AtOnce));
    let probe = "call 0x5fbdb2315678afecb367f032d93f642f64180aa3";
    let store = "estimate 0x5fbdb2315678afecb367f032d93f642f64180aa3 store(uint256,uint256,bytes)";
    let proof = format!("proof 0x5fbdb2315678afecb367f032d93f642f64180aa3 0.accountProof");
    // The refusal of what failed, as cast prints it.
    let failed = |told: &str, data: &str| {
        format!("Error: server returned an error response: error code 3: {told}, data: \"{data}\"")
    };
    let divide = format!("{probe} divide(uint256,uint256).failed");
    let panic = "0x4e487b710000000000000000000000000000000000000000000000000000000000000012";
    let panic_ours = failed("execution reverted: division or modulo by zero", panic);
    let panic_theirs = "execution reverted: panic: division or modulo by zero (0x12)";
    let panic_theirs = failed(panic_theirs, panic);
    let refuse = format!("{probe} refuse(uint256).failed");
    let data = "0xa85e02ba\
        0000000000000000000000000000000000000000000000000000000000000004\
        0000000000000000000000000000000000000000000000000000000000000040\
        0000000000000000000000000000000000000000000000000000000000000009\
        6e6f7420746f6461790000000000000000000000000000000000000000000000";
    let refuse_ours = failed("execution reverted", data);
    let printed = anvil_refused(4).replace(|one: char| one.is_control() && one != '\t', "");
    let refuse_theirs = failed(&printed, data);
    let allowed = [
        may_differ("*.blobGasPrice", BLOB),
        may_differ("refuse.revertReason", "only anvil's receipts have it"),
        differs(&divide, panic_ours, panic_theirs, WORDING),
        differs(&refuse, refuse_ours, refuse_theirs, WORDING),
        may_differ(store, ESTIMATE),
        may_differ(&proof, "the whole state is in it: anvil's genesis has other contracts"),
        differs("rpc eth_feeHistory 0x3.baseFeePerBlobGas.*", "0x0", "0x1", NO_BLOBS),
        differs("rpc eth_feeHistory 0x3.blobGasUsedRatio.*", 0, 0.0, NO_BLOBS),
        may_differ("traces.*.calls.gas", LIMIT),
        may_differ("traces.*.parity.*.blockHash", PLACE),
        zeros_left_out("traces.deployed.prestate", EMPTY),
        zeros_left_out("traces.plain.prestate", EMPTY),
    ];
    let ours = cast_says(&our.url, &our.socket);
    let theirs = cast_says(&their.url(), &their.socket());
    same("cast", &ours, &theirs, &allowed);
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

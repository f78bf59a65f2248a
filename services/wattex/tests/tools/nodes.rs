//! A node of ours and an anvil that begin alike.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Anvil, Ended, Process, Stream};

/// EIP-155 chain id of both, so that a transaction has one hash.
pub const CHAIN_ID: u64 = 7_777;
/// The first account of the mnemonic that both fund.
pub const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
/// What takes longer hangs.
pub const RUN_WITHIN: Duration = Duration::from_secs(300);

/// Blocks come when they are asked for with `evm_mine`, or at once for each transaction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Blocks {
    Asked,
    AtOnce,
}

/// Ours, killed when it is dropped.
pub struct Ours {
    _process: Process,
    pub url: String,
    pub socket: String,
}

/// Starts `wattex node --dev` on a free port.
pub fn ours(blocks: Blocks) -> Ours {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wattex"));
    command.env_remove("WATTEX_LOG").args(["node", "--dev", "--http", "127.0.0.1:0"]);
    command.args(["--chain-id", &CHAIN_ID.to_string()]);
    if blocks == Blocks::Asked {
        // The first of the timed blocks is due after the test.
        command.args(["--block-time", "86400"]);
    }
    let mut process = Process::start(command).unwrap();
    let mut word = |name| {
        let line = process.line_with(Stream::Out, name, RUN_WITHIN).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    };
    let (url, socket) = (word("JSON-RPC "), word("WebSocket "));
    process.line_with(Stream::Out, "Ctrl-C", RUN_WITHIN).unwrap();
    Ours { _process: process, url, socket }
}

/// Starts an anvil with the same chain id, gas limit, first base fee and accounts.
pub fn theirs(blocks: Blocks) -> Anvil {
    let id = CHAIN_ID.to_string();
    let chain = ["--chain-id", &id, "--hardfork", "osaka", "--steps-tracing"];
    let fees = ["--base-fee", "7", "--gas-limit", "120000000"];
    let mine: &[&str] = if blocks == Blocks::Asked { &["--no-mining"] } else { &[] };
    Anvil::start(&[&chain[..], &fees, mine].concat()).unwrap()
}

/// Answers of a node to many requests at once, in their order: a result, or an error as it is.
pub async fn ask(http: &reqwest::Client, url: &str, requests: &[(&str, Value)]) -> Vec<Value> {
    let calls = requests.iter().enumerate();
    let body: Vec<Value> = calls
        .map(|(id, (method, params))| {
            json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
        })
        .collect();
    let response = http.post(url).json(&body).send().await.unwrap();
    let mut answers: Vec<Value> = response.json().await.unwrap();
    answers.sort_by_key(|answer| answer["id"].as_u64());
    assert_eq!(answers.len(), requests.len(), "{answers:?}");
    answers
        .into_iter()
        .map(|mut answer| match answer.get_mut("error") {
            Some(error) => json!({ "error": error.take() }),
            None => answer["result"].take(),
        })
        .collect()
}

/// A file of the workspace.
pub fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// Runs `command` to its end, which has to be a good one.
pub fn run(mut command: Command) -> Ended {
    command.env("WATTEX_TOOLS", testkit::tools()).env("NO_COLOR", "1");
    let name = format!("{command:?}");
    let ended = testkit::finish(command, RUN_WITHIN).expect(&name);
    assert_eq!(ended.code, Some(0), "{name}\n{}\n{}", ended.out, ended.err);
    ended
}

#[actix_web::test]
async fn both_fund_the_ten_accounts_of_the_mnemonic() {
    let (ours, theirs) = (ours(Blocks::Asked), theirs(Blocks::Asked));
    let http = reqwest::Client::new();
    let accounts = ask(&http, &theirs.url(), &[("eth_accounts", json!([]))]).await.remove(0);
    let accounts: Vec<Value> = serde_json::from_value(accounts).unwrap();
    assert_eq!(accounts.len(), 10);
    let balance = |account| ("eth_getBalance", json!([account, "latest"]));
    let requests: Vec<(&str, Value)> = accounts.iter().map(balance).collect();
    let [ours, theirs] =
        [ask(&http, &ours.url, &requests).await, ask(&http, &theirs.url(), &requests).await];
    assert_eq!(ours, theirs);
    assert!(ours.iter().all(|balance| balance == "0x21e19e0c9bab2400000"), "{ours:?}");
}

//! `wattex node` and `wattex genesis`: what they print, answer and refuse, and how they end.

mod options;

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use client::{HttpRpc, JsonRpc};
use serde_json::{Value, json};
use testkit::Stream;

use crate::program::{Ended, Place, Running, run, text, wattex};

/// The first account of the mnemonic that tools test with.
const FIRST: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
/// A block that is not there by then will not come.
const BLOCK_WITHIN: Duration = Duration::from_secs(120);

/// A node at work and where it answers.
pub struct Node {
    pub running: Running,
    pub url: String,
    pub genesis: String,
}

impl Node {
    pub fn start(arguments: &[&str]) -> Node {
        Node::of(wattex(&[&["node", "--http", "127.0.0.1:0"], arguments].concat()))
    }

    /// The node that this command starts.
    pub fn of(command: Command) -> Node {
        let mut running = Running::start(command);
        let mut word = |name| {
            let line = running.line_with(name);
            line.split_whitespace().last().unwrap().to_owned()
        };
        let (genesis, url) = (word("genesis "), word("JSON-RPC "));
        running.line_with("Ctrl-C");
        Node { running, url, genesis }
    }

    pub async fn ask(&self, method: &str, params: Value) -> Value {
        let node = HttpRpc::new(&self.url).unwrap();
        node.request(method, params).await.unwrap()
    }

    pub async fn height(&self) -> u64 {
        quantity(&self.ask("eth_blockNumber", json!([])).await)
    }

    /// Asks until there is a block above `height`.
    pub async fn higher_than(&self, height: u64) {
        let deadline = Instant::now() + BLOCK_WITHIN;
        while self.height().await <= height {
            assert!(Instant::now() < deadline, "no block above {height}");
        }
    }

    pub fn stop(self, signal: &str) {
        let ended = self.running.ended_by(signal);
        assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    }

    /// Ends it at once, whatever it does.
    pub fn kill(self) {
        let ended = self.running.ended_by("KILL");
        assert_ne!(ended.code, Some(0), "it ended by itself");
    }
}

/// A number as JSON-RPC writes it.
pub fn quantity(number: &Value) -> u64 {
    u64::from_str_radix(number.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

fn check(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}{}", ended.out, ended.err);
    for part in parts {
        assert!(ended.err.contains(part), "no {part:?} in {:?}", ended.err);
    }
    assert_eq!(ended.err.trim().lines().count(), 1, "one sentence: {:?}", ended.err);
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
}

#[actix_web::test]
async fn a_node_for_development_has_funded_accounts_and_blocks_on_request() {
    let node = Node::start(&["--dev", "--chain-id", "7777"]);
    assert_eq!(node.ask("eth_chainId", json!([])).await, "0x1e61");
    let balance = node.ask("eth_getBalance", json!([FIRST, "latest"])).await;
    assert_eq!(balance, "0x21e19e0c9bab2400000", "10 000 ether");
    // Faster than one a second: time runs ahead of the clock.
    for _ in 0..40 {
        node.ask("evm_mine", json!([])).await;
    }
    assert_eq!(node.height().await, 40);
    let at_rpc = HttpRpc::new(format!("{}/rpc", node.url)).unwrap();
    assert_eq!(at_rpc.request("eth_blockNumber", json!([])).await.unwrap(), "0x28");
    node.stop("INT");
}

#[actix_web::test]
async fn a_node_without_arguments_mines_a_chain_of_its_own_and_goes_on_with_it() {
    let place = Place::new();
    let directory = place.directory();
    let arguments = ["--dir", text(&directory), "--block-time", "1"];
    let node = Node::start(&arguments);
    let (genesis, id) = (node.genesis.clone(), node.ask("eth_chainId", json!([])).await);
    node.higher_than(0).await;
    let height = node.height().await;
    assert_eq!(node.ask("eth_getBalance", json!([FIRST, "latest"])).await, "0x0");
    node.stop("TERM");
    let node = Node::start(&["--dir", text(&directory), "--mine", "0"]);
    assert_eq!((&node.genesis, node.ask("eth_chainId", json!([])).await), (&genesis, id));
    assert!(node.height().await >= height);
    node.stop("INT");
    let other = Node::start(&["--mine", "0"]);
    assert_ne!(other.genesis, genesis, "another chain each time");
    other.stop("INT");
}

#[actix_web::test]
async fn a_timed_chain_for_development_mines_though_nothing_waits() {
    let node = Node::start(&["--dev", "--block-time", "1"]);
    node.higher_than(1).await;
    node.stop("INT");
}

#[test]
fn what_a_node_cannot_work_with_is_said_in_a_sentence() {
    let place = Place::new();
    let (malformed, wrong) = (place.path("malformed.json"), place.path("wrong.json"));
    fs::write(&malformed, "{\n  \"chainId\": 1,\n  \"timestamp\": x\n}").unwrap();
    fs::write(&wrong, "{\"chainId\": 1, \"timestamp\": 1,\n \"gasLimits\": 1}").unwrap();
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap();
    let (address, port) = (address.to_string(), format!("port {}", address.port()));
    let foreign = place.path("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("something"), "else").unwrap();
    let missing = place.path("missing.json");
    let cases: [(&[&str], i32, &[&str]); 6] = [
        (&["--genesis", text(&malformed)], 3, &["malformed.json", "line 3 column 16"]),
        (&["--genesis", text(&wrong)], 3, &["wrong.json", "gasLimits", "line 2 column 12"]),
        (&["--genesis", text(&missing)], 3, &["missing.json"]),
        (&["--dev", "--http", &address], 4, &[&port, "--http"]),
        (&["--dev", "--http", "192.0.2.1:80"], 4, &["192.0.2.1:80"]),
        (&["--dev", "--dir", text(&foreign)], 5, &["foreign", "not empty"]),
    ];
    for (arguments, code, parts) in cases {
        check(&run(wattex(&[&["node"], arguments].concat())), code, parts);
    }
    for (arguments, part) in [
        (&["--history", "20", "--archive"][..], "cannot be used with"),
        (&[&["--dev"][..], &["--origin=https://a.example"; 17]].concat(), "--origin: 16 at most"),
    ] {
        let ended = run(wattex(&[&["node"][..], arguments].concat()));
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        assert!(ended.err.contains(part), "{}", ended.err);
    }
    for (arguments, part) in [
        (["--frobnicate", "1"], "--frobnicate"),
        (["--http", "8545x"], "8545x"),
        (["--mine", "many"], "many"),
        (["--miner", "0x12"], "0x12"),
        (["--chain-id", "0"], "--chain-id"),
        (["--history", "11"], "a whole number of blocks from 12"),
        (["--origin", "explorer.example"], "http(s)://HOST[:PORT]"),
        (["--contracts", "--archive"], "--dev"),
    ] {
        let ended = run(wattex(&[&["node"][..], &arguments].concat()));
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        assert!(ended.err.contains(part), "{}", ended.err);
    }
}

/// Writes a description and makes a genesis of it.
pub fn described(place: &Place, name: &str, description: &Value) -> Ended {
    let file = place.path(&format!("{name}.description.json"));
    fs::write(&file, description.to_string()).unwrap();
    let out = place.path(&format!("{name}.json"));
    run(wattex(&["genesis", text(&file), "--out", text(&out)]))
}

fn word(said: &str, name: &str) -> String {
    let line = said.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_once(char::is_whitespace).unwrap().1.trim().to_owned()
}

#[actix_web::test]
async fn a_described_genesis_is_the_chain_of_the_node_that_is_given_it() {
    let place = Place::new();
    let made = described(
        &place,
        "ours",
        &json!({
            "chainId": 4711, "blockTime": 2, "difficulty": "0x400", "fixedDifficulty": true,
            "accounts": { FIRST: "12.5" }, "contracts": { "admin": FIRST },
        }),
    );
    assert_eq!(made.code, Some(0), "{}", made.err);
    let (file, directory) = (place.path("ours.json"), place.directory());
    let arguments = ["--genesis", text(&file), "--dir", text(&directory), "--mine", "0"];
    let node = Node::start(&arguments);
    assert_eq!(node.genesis, word(&made.out, "genesis"));
    assert_eq!(node.ask("eth_chainId", json!([])).await, "0x1267");
    let balance = node.ask("eth_getBalance", json!([FIRST, "latest"])).await;
    assert_eq!(balance, "0xad78ebc5ac620000", "12.5 ether");
    let contracts: Value = serde_json::from_str(&word(&made.out, "contracts")).unwrap();
    for (name, address) in contracts.as_object().unwrap() {
        let code = node.ask("eth_getCode", json!([address, "latest"])).await;
        assert!(code.as_str().unwrap().len() > 1_000, "{name}");
    }
    // Nobody said how long changes of roles wait, so they do: the admin cannot make them itself.
    assert!(word(&made.out, "roles").starts_with("changes wait 172800 s"), "{}", made.out);
    let has_role = format!("0x91d14854{:064}{:0>64}", 0, FIRST.trim_start_matches("0x"));
    let call = json!([{ "to": contracts["market"], "data": has_role }, "latest"]);
    assert_eq!(node.ask("eth_call", call).await, format!("0x{:064}", 0));
    node.stop("INT");
    let at_once = json!({ "contracts": { "admin": FIRST, "roleDelay": 0 } });
    let at_once = described(&place, "at once", &at_once);
    assert!(word(&at_once.out, "roles").contains("at once"), "{}", at_once.out);
    another_chain_is_refused(&place, &directory);
    let again = described(&place, "ours", &json!({}));
    check(&again, 3, &["ours.json", "exists already"]);
}

/// The directory of one chain is refused to another, and nothing in it changes.
fn another_chain_is_refused(place: &Place, directory: &Path) {
    assert_eq!(described(place, "other", &json!({ "chainId": 4711 })).code, Some(0));
    let kept = fs::read(directory.join("genesis.json")).unwrap();
    let file = place.path("other.json");
    for (arguments, part) in [
        (&["--genesis", text(&file)][..], "another genesis"),
        (&["--dev"], "not for development"),
        (&["--chain-id", "1"], "4711"),
        (&["--block-time", "9"], "every 2 seconds"),
    ] {
        let ended = run(wattex(&[&["node", "--dir", text(directory)], arguments].concat()));
        check(&ended, 5, &[text(directory), part]);
    }
    assert_eq!(fs::read(directory.join("genesis.json")).unwrap(), kept);
}

#[test]
fn a_description_that_makes_no_genesis_is_refused_by_line_and_column() {
    let place = Place::new();
    for (name, description, parts) in [
        ("amount", json!({ "accounts": { FIRST: "-1" } }), &["\"-1\"", "line 1 column"][..]),
        ("address", json!({ "accounts": { "0x12": "1" } }), &["line 1 column"]),
        ("unknown", json!({ "blocktime": 1 }), &["blocktime", "line 1 column 12"]),
        ("zero", json!({ "difficulty": 0 }), &["difficulty", "zero"]),
    ] {
        check(&described(&place, name, &description), 3, parts);
        assert!(!place.path(&format!("{name}.json")).exists());
    }
}

#[test]
fn the_log_can_be_lines_of_json() {
    let command = ["--log", "info", "node", "--dev", "--block-time", "1", "--json-logs"];
    let mut command = wattex(&command);
    command.args(["--http", "127.0.0.1:0"]);
    let mut running = Running::start(command);
    let line = running.line_of(Stream::Err, "number");
    let entry: Value = serde_json::from_str(&line).expect(&line);
    assert_eq!((&entry["level"], &entry["fields"]["number"]), (&json!("INFO"), &json!(1)));
    assert_eq!(running.interrupt(), Some(0));
}

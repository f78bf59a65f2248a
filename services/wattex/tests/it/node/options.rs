//! What the options of a node do: whose pages may ask, which states stay, who is paid.

use std::collections::BTreeSet;

use client::{HttpRpc, JsonRpc};
use reqwest::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, ORIGIN,
};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use super::{FIRST, Node, described, word};
use crate::network::socket::Subscriber;
use crate::program::{Place, Running, run, text, wattex};

#[actix_web::test]
async fn pages_of_the_named_origins_may_ask_a_node_and_no_others() {
    let named = ["--origin", "https://Explorer.example/", "--origin", "http://127.0.0.1:5100"];
    let node = Node::start(&[&["--mine", "0"], &named[..]].concat());
    let client = Client::new();
    let chain_id = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": [] });
    for (origin, allowed) in [
        ("https://explorer.example", true),
        ("http://127.0.0.1:5100", true),
        ("http://explorer.example", false),
        ("https://other.example", false),
    ] {
        let expected = allowed.then_some(origin);
        let before = client.request(Method::OPTIONS, &node.url).header(ORIGIN, origin);
        let before = before.header(ACCESS_CONTROL_REQUEST_METHOD, "POST").send().await.unwrap();
        let status = if allowed { StatusCode::NO_CONTENT } else { StatusCode::FORBIDDEN };
        assert_eq!(before.status(), status, "{origin}");
        let asked = client.post(&node.url).header(ORIGIN, origin).json(&chain_id);
        let asked = asked.send().await.unwrap();
        for answer in [before, asked] {
            let shown = answer.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN);
            assert_eq!(shown.map(|origin| origin.to_str().unwrap()), expected);
        }
        // A page that may not ask cannot get around the question either.
        let plain = client.post(&node.url).header(ORIGIN, origin);
        let plain = plain.header(CONTENT_TYPE, "text/plain").body(chain_id.to_string());
        let plain = plain.send().await.unwrap();
        assert_eq!(plain.status().is_success(), allowed, "{origin}");
    }
    node.stop("INT");
    let any = Node::start(&["--dev"]);
    let asked = client.post(&any.url).header(ORIGIN, "https://other.example").json(&chain_id);
    assert!(asked.send().await.unwrap().headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    any.stop("INT");
}

/// Blocks of the chains whose old states are asked for.
const BLOCKS: u64 = 141;

#[actix_web::test]
async fn a_node_keeps_as_many_old_states_as_it_is_told() {
    for (options, oldest) in [
        (&["--archive"][..], 0),
        (&[], BLOCKS - 128),
        (&["--history", "12"], BLOCKS - 12),
        (&["--history", "140"], BLOCKS - 140),
    ] {
        let node = Node::start(&[&["--dev"], options].concat());
        for _ in 0..BLOCKS {
            node.ask("evm_mine", json!([])).await;
        }
        let rpc = HttpRpc::new(&node.url).unwrap();
        let balance = async |height: u64| {
            rpc.request("eth_getBalance", json!([FIRST, format!("{height:#x}")])).await
        };
        for height in [oldest, oldest + 1, BLOCKS] {
            let found = balance(height).await.unwrap_or_else(|error| panic!("{height}: {error}"));
            assert_eq!(found, "0x21e19e0c9bab2400000", "{options:?} {height}");
        }
        if let Some(older) = oldest.checked_sub(1) {
            let refused = balance(older).await.unwrap_err();
            let said = format!("is not available, states are kept from block {oldest} on");
            assert_eq!(refused.code, -32_000);
            assert!(refused.message.starts_with("missing trie node"), "{}", refused.message);
            assert!(refused.message.ends_with(&said), "{options:?}: {}", refused.message);
        }
        node.stop("INT");
    }
}

#[actix_web::test]
async fn rewards_are_the_named_miners() {
    let place = Place::new();
    let miner = "0x00000000000000000000000000000000000000aa";
    let description = json!({ "blockTime": 1, "difficulty": "0x400", "reward": "2.5" });
    assert_eq!(described(&place, "paid", &description).code, Some(0));
    let file = place.path("paid.json");
    let node = Node::start(&["--genesis", text(&file), "--miner", miner]);
    node.higher_than(2).await;
    for (height, expected) in [("0x0", "0x0"), ("0x1", "0x22b1c8c1227a0000")] {
        assert_eq!(node.ask("eth_getBalance", json!([miner, height])).await, expected, "{height}");
    }
    let twice = node.ask("eth_getBalance", json!([miner, "0x2"])).await;
    assert_eq!(twice, "0x4563918244f40000", "five ether after two blocks");
    let block = node.ask("eth_getBlockByNumber", json!(["0x2", false])).await;
    assert_eq!(block["miner"], miner);
    assert_eq!(node.ask("eth_coinbase", json!([])).await, miner);
    node.stop("INT");
}

#[tokio::test(flavor = "multi_thread")]
async fn websockets_have_a_port_of_their_own_where_one_is_named() {
    let mut command = wattex(&["node", "--dev", "--http", "127.0.0.1:0", "--ws", "127.0.0.1:0"]);
    command.args(["--history", "12"]);
    let mut running = Running::start(command);
    let mut last = |name| {
        let line = running.line_with(name);
        line.split_whitespace().last().unwrap().to_owned()
    };
    let (http, socket) = (last("JSON-RPC "), last("WebSocket "));
    let port = |url: &str| url.rsplit(':').next().unwrap().to_owned();
    assert_ne!(port(&http), port(&socket));
    let other = socket.replace("ws://", "http://");
    let mut told = Subscriber::to(&other, json!(["newHeads"])).await;
    // Both doors lead to one node.
    for (number, url) in [&http, &other].into_iter().enumerate() {
        let rpc = HttpRpc::new(url).unwrap();
        rpc.request("evm_mine", json!([])).await.unwrap();
        while told.told().len() <= number {
            tokio::task::yield_now().await;
        }
    }
    let heights: Vec<Value> = told.told().iter().map(|head| head["number"].clone()).collect();
    assert_eq!(heights, ["0x1", "0x2"]);
    drop(told);
    assert_eq!(running.interrupt(), Some(0));
}

#[actix_web::test]
async fn a_chain_for_development_has_our_contracts_where_they_are_wanted() {
    let place = Place::new();
    let directory = place.directory();
    let arguments = ["--dev", "--dir", text(&directory)];
    let node = Node::start(&[&arguments[..], &["--contracts"]].concat());
    let at = node.ask("wattex_deployment", json!([])).await;
    let addresses: BTreeSet<&str> =
        at.as_object().unwrap().values().map(|address| address.as_str().unwrap()).collect();
    assert_eq!(addresses.len(), 10);
    for address in addresses {
        let code = node.ask("eth_getCode", json!([address, "latest"])).await;
        assert!(code.as_str().unwrap().len() > 1_000, "{address}");
    }
    let nonce = node.ask("eth_getTransactionCount", json!([FIRST, "latest"])).await;
    assert_eq!(nonce, "0x0", "tools count from zero");
    node.stop("INT");
    // The genesis says it: the node need not be told again.
    let again = Node::start(&arguments);
    assert_eq!(again.ask("wattex_deployment", json!([])).await, at);
    again.stop("INT");
    let without = Node::start(&["--dev"]);
    assert_eq!(without.ask("wattex_deployment", json!([])).await, Value::Null);
    without.stop("INT");
}

#[actix_web::test]
async fn a_genesis_needs_no_description() {
    let place = Place::new();
    let file = place.path("genesis.json");
    let made = run(wattex(&["genesis", "--out", text(&file)]));
    assert_eq!(made.code, Some(0), "{}", made.err);
    assert!(!made.out.contains("contracts"), "{}", made.out);
    let node = Node::start(&["--genesis", text(&file), "--mine", "0"]);
    assert_eq!(node.genesis, word(&made.out, "genesis"));
    // The CREATE2 deployer and Multicall3, at the addresses that tools know.
    for known in
        ["0x4e59b44847b379578588920cA78FbF26c0B4956C", "0xcA11bde05977b3631167028862bE2a173976CA11"]
    {
        assert_ne!(node.ask("eth_getCode", json!([known, "latest"])).await, "0x", "{known}");
    }
    node.stop("INT");
}

//! Requests over a WebSocket, subscriptions, and what ends a connection.

use crate::harness::{Setup, TestNode, key, sign, sign_with, word};
use crate::socket::{Socket, upgrade};
use actix_http::ws::{CloseCode, Message};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes};
use ledger::RpcLimits;
use serde_json::{Value, json};
use std::time::Duration;

fn limited(change: impl FnOnce(&mut RpcLimits)) -> Setup {
    Setup::with_config(|config| change(&mut config.rpc))
}

fn hash_of(head: &Value) -> B256 {
    serde_json::from_value(head["hash"].clone()).unwrap()
}

#[actix_web::test]
async fn a_socket_answers_requests_and_batches_as_http_does() {
    let setup = Setup::default();
    let node = setup.start().await;
    let mut socket = Socket::open(&node.url, "/ws").await;
    let answer = socket.ask("eth_chainId", json!([])).await;
    assert_eq!(answer, json!({ "jsonrpc": "2.0", "id": 1, "result": "0x1267" }));
    let call = |id, method: &str| json!({ "jsonrpc": "2.0", "id": id, "method": method });
    let batch = json!([call(7, "eth_blockNumber"), call(8, "eth_nothing")]);
    socket.send_parts(&batch.to_string(), 10).await;
    let answer = socket.message().await.unwrap();
    assert_eq!(answer[0], json!({ "jsonrpc": "2.0", "id": 7, "result": "0x0" }));
    assert_eq!(answer[1]["error"]["code"], json!(-32_601));
    socket.send_text("{".into()).await;
    assert_eq!(socket.message().await.unwrap()["error"]["code"], json!(-32_700));
    socket.send(Message::Ping("alive?".into())).await;
    let pong = socket.frame().await.unwrap();
    assert_eq!(pong, actix_http::ws::Frame::Pong("alive?".into()));
}

#[actix_web::test]
async fn what_is_subscribed_to_is_told_and_what_is_not_is_not() {
    let setup = Setup::default();
    let node = setup.start().await;
    let contract = node.deploy(0).await;
    let mut heads = Socket::open(&node.url, "/ws").await;
    let head = heads.subscribe(json!(["newHeads"])).await;
    let mut logs = Socket::open(&node.url, "/ws").await;
    let log = logs.subscribe(json!(["logs", { "topics": [word(8)] }])).await;
    for (nonce, kept) in [(1, 7), (2, 8)] {
        node.confirm(&sign(1, nonce, Some(contract), word(kept))).await;
    }
    for number in ["0x2", "0x3"] {
        let told = heads.told(&head).await;
        let header = node.rpc("eth_getHeaderByNumber", json!([number])).await;
        assert_eq!(told, header);
    }
    let told = logs.told(&log).await;
    assert_eq!(told["topics"], json!([word(8)]));
    assert_eq!((&told["blockNumber"], &told["removed"]), (&json!("0x3"), &json!(false)));
    assert_eq!(heads.ask("eth_unsubscribe", json!([head])).await["result"], json!(true));
    let again = heads.ask("eth_unsubscribe", json!([head])).await;
    assert_eq!(again["error"]["message"], json!("subscription not found"));
    node.mine().await;
    // Nothing stands between the head and the answer.
    assert_eq!(heads.ask("eth_blockNumber", json!([])).await["result"], json!("0x4"));
}

#[actix_web::test]
async fn waiting_transactions_are_told_once_they_can_be_mined() {
    let setup = Setup::default();
    let node = setup.start().await;
    let mut socket = Socket::open(&node.url, "/ws").await;
    let hashes = socket.subscribe(json!(["newPendingTransactions"])).await;
    let mut other = Socket::open(&node.url, "/ws").await;
    let whole = other.subscribe(json!(["newPendingTransactions", true])).await;
    let filter = node.rpc("eth_newPendingTransactionFilter", json!([])).await;
    let transfer = |nonce| sign(1, nonce, Some(Address::ZERO), Bytes::new());
    let behind_gap = node.send(&transfer(1)).await;
    let first = node.send(&transfer(0)).await;
    for hash in [first, behind_gap] {
        assert_eq!(socket.told(&hashes).await, json!(hash));
        let shown = node.rpc("eth_getTransactionByHash", json!([hash])).await;
        assert_eq!(other.told(&whole).await, shown);
    }
    let dear = sign_with(1, |one| TxEip1559 {
        nonce: 0,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 3,
        ..one
    });
    let dear = node.send(&dear).await;
    assert_eq!(socket.told(&hashes).await, json!(dear));
    let news = node.rpc("eth_getFilterChanges", json!([filter])).await;
    assert_eq!(news, json!([first, behind_gap, dear]));
    assert_eq!(node.rpc("eth_getFilterChanges", json!([filter])).await, json!([]));
    let logs = node.refusal("eth_getFilterLogs", json!([filter])).await;
    assert_eq!(logs, (-32_000, "filter not found".into()));
}

/// Lets a branch of `length` blocks win against one block less of ours; the hashes of both.
async fn reorganise(node: &TestNode, length: u64, contract: Address) -> (Vec<B256>, Vec<B256>) {
    let fork: B256 = node.ledger.node().snapshot().unwrap().head_header().unwrap().hash();
    let mut ours = Vec::new();
    for nonce in 1..length {
        let block = node.confirm(&sign(1, nonce, Some(contract), word(nonce))).await;
        ours.push(serde_json::from_value(block["blockHash"].clone()).unwrap());
    }
    let (mut parent, mut theirs) = (fork, Vec::new());
    for nonce in 1..=length {
        node.pass(1);
        let transaction = sign(1, nonce, Some(contract), word(nonce + 100));
        let block = node.competing(parent, &[transaction]);
        parent = block.hash();
        theirs.push(parent);
        node.import(&block).unwrap();
    }
    (ours, theirs)
}

#[actix_web::test]
async fn logs_of_a_lost_branch_come_again_as_removed_and_heads_of_the_new_one_in_order() {
    let setup = Setup::with_config(|config| config.finality_lag = 30);
    let node = setup.start().await;
    let contract = node.deploy(0).await;
    let mut heads = Socket::open(&node.url, "/ws").await;
    let head = heads.subscribe(json!(["newHeads"])).await;
    let mut logs = Socket::open(&node.url, "/ws").await;
    let log = logs.subscribe(json!(["logs", { "address": contract }])).await;
    let filter = node.rpc("eth_newFilter", json!([{ "address": contract }])).await;
    let (ours, theirs) = reorganise(&node, 20, contract).await;
    for hash in ours.iter().chain(&theirs) {
        assert_eq!(&hash_of(&heads.told(&head).await), hash);
    }
    let gone = ours.iter().rev().map(|hash| (*hash, true));
    let expected: Vec<(B256, bool)> = ours
        .iter()
        .map(|hash| (*hash, false))
        .chain(gone)
        .chain(theirs.iter().map(|hash| (*hash, false)))
        .collect();
    let place = |log: &Value| {
        let hash = serde_json::from_value(log["blockHash"].clone()).unwrap();
        (hash, log["removed"].as_bool().unwrap())
    };
    let mut told = Vec::new();
    for _ in &expected {
        told.push(place(&logs.told(&log).await));
    }
    assert_eq!(told, expected);
    let changes = node.rpc("eth_getFilterChanges", json!([filter])).await;
    assert_eq!(changes.as_array().unwrap().iter().map(place).collect::<Vec<_>>(), expected);
    let all = json!([{ "fromBlock": "0x0", "toBlock": "latest", "address": contract }]);
    let all = node.rpc("eth_getLogs", all).await;
    let found: Vec<_> = all.as_array().unwrap().iter().map(place).collect();
    assert_eq!(found, theirs.iter().map(|hash| (*hash, false)).collect::<Vec<_>>());
}

#[actix_web::test]
async fn a_subscription_that_cannot_be_is_refused() {
    let setup = limited(|limits| limits.subscriptions_max = 2);
    let node = setup.start().await;
    let http = node.refusal("eth_subscribe", json!(["newHeads"])).await;
    assert_eq!(http, (-32_601, "notifications not supported".into()));
    let mut socket = Socket::open(&node.url, "/ws").await;
    socket.subscribe(json!(["newHeads"])).await;
    socket.subscribe(json!(["syncing"])).await;
    let error = |code: i64, message: &str| json!({ "code": code, "message": message });
    for (params, expected) in [
        (json!(["newHeads"]), error(-32_005, "too many subscriptions")),
        (json!(["weather"]), error(-32_601, "no \"weather\" subscription in eth namespace")),
        (json!([]), error(-32_602, "missing value for required argument 0")),
        (
            json!(["logs", { "topics": [null, null, null, null, null] }]),
            error(-32_000, "exceed max topics"),
        ),
    ] {
        assert_eq!(
            socket.ask("eth_subscribe", params.clone()).await["error"],
            expected,
            "{params}"
        );
    }
}

#[actix_web::test]
async fn a_reader_that_is_too_slow_is_dropped_with_the_reason() {
    let setup = limited(|limits| limits.socket_bytes_max = 60_000);
    let node = setup.start().await;
    let mut socket = Socket::open(&node.url, "/ws").await;
    for _ in 0..100 {
        socket.subscribe(json!(["newHeads"])).await;
    }
    // A block tells more at once than may wait, so it does not depend on what the socket takes.
    node.mine().await;
    let reason = loop {
        match socket.message().await {
            Ok(message) => assert_eq!(message["method"], json!("eth_subscription")),
            Err(reason) => break reason.unwrap(),
        }
    };
    assert_eq!(reason.code, CloseCode::Policy);
    assert_eq!(reason.description.unwrap(), "slow reader: more than 60000 bytes wait");
    assert_eq!(socket.frame().await, None);
    assert_eq!(node.head().await, 1);
}

#[actix_web::test]
async fn a_message_that_is_too_large_ends_the_connection() {
    let setup = limited(|limits| limits.body_bytes_max = 1_000);
    let node = setup.start().await;
    for parts in [600, 2_000] {
        let mut socket = Socket::open(&node.url, "/ws").await;
        socket.send_parts(&" ".repeat(1_500), parts).await;
        let reason = socket.message().await.unwrap_err().unwrap();
        assert_eq!(reason.code, CloseCode::Size, "in parts of {parts}");
    }
}

#[actix_web::test]
async fn a_silent_caller_is_pinged_and_then_dropped() {
    let setup = limited(|limits| limits.ping_interval = Duration::from_millis(1));
    let node = setup.start().await;
    let mut socket = Socket::open(&node.url, "/ws").await;
    let first = socket.frame().await.unwrap();
    assert_eq!(first, actix_http::ws::Frame::Ping(Bytes::new().0));
    let reason = loop {
        match socket.frame().await.unwrap() {
            actix_http::ws::Frame::Ping(_) => {}
            actix_http::ws::Frame::Close(reason) => break reason.unwrap(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(reason.description.unwrap(), "no answer to a ping");
}

#[actix_web::test]
async fn only_so_many_sockets_are_open_and_only_for_pages_that_may() {
    let setup = limited(|limits| {
        limits.sockets_max = 2;
        limits.origins = vec!["https://app.example".into()];
    });
    let node = setup.start().await;
    let foreign = upgrade(&node.url, "/ws", "origin: https://evil.example\r\n").await;
    assert_eq!(foreign.0, 403);
    let (status, _first) = upgrade(&node.url, "/ws", "origin: https://app.example\r\n").await;
    assert_eq!(status, 101);
    let own = format!("origin: {}\r\n", node.url);
    let (status, _second) = upgrade(&node.url, "/ws", &own).await;
    assert_eq!(status, 101);
    assert_eq!(upgrade(&node.url, "/ws", "").await.0, 503);
    let plain = reqwest::get(format!("{}/ws", node.url)).await.unwrap();
    assert_eq!(plain.status(), 400);
}

#[actix_web::test]
async fn a_port_of_its_own_serves_http_and_sockets_on_every_path() {
    let setup = Setup::default();
    let node = setup.start().await;
    let server = node.ledger.serve_rpc(([127, 0, 0, 1], 0).into()).unwrap();
    let url = format!("http://{}", server.address());
    for path in ["/", "/ws", "/rpc"] {
        let mut socket = Socket::open(&url, path).await;
        assert_eq!(socket.ask("eth_chainId", json!([])).await["result"], json!("0x1267"));
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"net_version"}"#;
        let client = reqwest::Client::new();
        let answer = client.post(format!("{url}{path}")).body(body).send().await.unwrap();
        assert!(answer.text().await.unwrap().contains("\"4711\""), "{path}");
    }
    server.stop().await.unwrap();
    assert!(reqwest::get(url).await.is_err());
    assert_eq!(node.head().await, 0, "the node goes on");
    let balance = node.rpc("eth_getBalance", json!([key(1).address(), "latest"])).await;
    assert_ne!(balance, json!("0x0"));
}

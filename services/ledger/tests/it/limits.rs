//! What a caller may not ask for, and what others still get meanwhile.

use crate::harness::{Setup, TestNode, key, raw, sign, word};
use crate::socket::Socket;
use alloy_primitives::{Address, Bytes};
use ledger::RpcLimits;
use serde_json::{Value, json};
use std::num::NonZeroUsize;
use std::time::Duration;

/// Jumps to itself for ever.
const LOOP: &str = "0x5b5f56";
/// Counts ten thousand down to zero, with a jump for each, and returns that.
const COUNTDOWN: &str = "0x6127105b60019003806003575f5260205ff3";
/// Returns the gas that is left.
const GAS: &str = "0x5a5f5260205ff3";

fn limited(change: impl FnOnce(&mut RpcLimits)) -> Setup {
    Setup::with_config(|config| change(&mut config.rpc))
}

/// Parameters of a call to this code.
fn call(code: &str) -> Value {
    let at = Address::repeat_byte(0x66);
    let block = json!({ "gasLimit": "0xffffffffffffff" });
    json!([{ "to": at }, "latest", { at.to_string(): { "code": code } }, block])
}

fn request(id: u64, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

async fn post(node: &TestNode, body: &Value) -> (u16, Value) {
    let client = reqwest::Client::new();
    let response = client.post(format!("{}/rpc", node.url)).json(body).send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

#[actix_web::test]
async fn code_that_runs_for_ever_is_stopped() {
    let setup = limited(|limits| {
        limits.time_max = Duration::from_millis(20);
        limits.call_gas_max = u64::MAX;
    });
    let node = setup.start().await;
    let stopped = (-32_000, "execution aborted (timeout = 0.02s)".to_owned());
    assert_eq!(node.refusal("eth_call", call(LOOP)).await, stopped);
    assert_eq!(node.refusal("eth_createAccessList", call(LOOP)).await, stopped);
    let blocks = json!([{
        "blockOverrides": call(LOOP)[3],
        "stateOverrides": call(LOOP)[2],
        "calls": [call(LOOP)[0]],
    }]);
    let asked = json!([{ "blockStateCalls": blocks }, "latest"]);
    assert_eq!(node.refusal("eth_simulateV1", asked).await, stopped);
    let batch: Vec<Value> = (0..3).map(|id| request(id, "eth_call", call(LOOP))).collect();
    let (_, answers) = post(&node, &json!(batch)).await;
    assert_eq!(answers[0]["error"]["message"], json!(stopped.1));
    let rest = json!({ "code": -32_002, "message": "request timed out" });
    assert_eq!((&answers[1]["error"], &answers[2]["error"]), (&rest, &rest));
}

#[actix_web::test]
async fn a_call_has_only_so_much_gas() {
    let setup = limited(|limits| limits.call_gas_max = 1_000_000);
    let node = setup.start().await;
    let left = node.rpc("eth_call", call(GAS)).await;
    let left: Bytes = serde_json::from_value(left).unwrap();
    let left = alloy_primitives::U256::from_be_slice(&left);
    assert!(left < alloy_primitives::U256::from(1_000_000 - 21_000), "{left}");
    assert_eq!(node.refusal("eth_call", call(LOOP)).await, (-32_000, "out of gas".into()));
}

#[actix_web::test]
async fn a_call_that_takes_more_than_a_moment_is_answered_all_the_same() {
    let setup = Setup::default();
    let node = setup.start().await;
    let long = request(2, "eth_call", call(COUNTDOWN));
    let batch =
        json!([request(1, "eth_chainId", json!([])), long, request(3, "eth_nothing", json!([]))]);
    let (status, answers) = post(&node, &batch).await;
    assert_eq!(status, 200);
    assert_eq!(answers[0]["result"], json!("0x1267"));
    assert_eq!(answers[1], json!({ "jsonrpc": "2.0", "id": 2, "result": word(0) }));
    assert_eq!(answers[2]["error"]["code"], json!(-32_601));
    assert_eq!(answers.as_array().unwrap().len(), 3);
}

#[actix_web::test]
async fn a_batch_and_a_connection_have_only_so_much_weight() {
    let setup = limited(|limits| limits.batch_weight_max = 50);
    let node = setup.start().await;
    let batch: Vec<Value> = (0..3).map(|id| request(id, "eth_call", call(GAS))).collect();
    let (_, answers) = post(&node, &json!(batch)).await;
    assert!(answers[1]["result"].is_string(), "{answers}");
    let refused = json!({ "code": -32_005, "message": "the weight of the batch is exceeded" });
    assert_eq!(answers[2]["error"], refused);

    // Forty units to begin with and hardly any more while this test runs.
    let setup = limited(|limits| limits.connection_weight_per_second = 20);
    let node = setup.start().await;
    let mut socket = Socket::open(&node.url, "/ws").await;
    let refused = loop {
        let answer = socket.ask("eth_getLogs", json!([{}])).await;
        if !answer["error"].is_null() {
            break answer["error"].clone();
        }
    };
    let message = "the connection's weight per second is exceeded";
    assert_eq!(refused, json!({ "code": -32_005, "message": message }));
    let mut other = Socket::open(&node.url, "/ws").await;
    assert_eq!(other.ask("eth_blockNumber", json!([])).await["result"], json!("0x0"));
}

#[actix_web::test]
async fn a_server_whose_workers_are_taken_says_so_and_answers_what_is_light() {
    let setup = limited(|limits| {
        limits.workers = NonZeroUsize::MIN;
        limits.queue_max = 0;
    });
    let node = setup.start().await;
    // Whoever holds the pool keeps the worker that wants to read it.
    let (held, holds) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let ledger = node.ledger.clone();
    let holder = std::thread::spawn(move || {
        let _pool = ledger.node().pool();
        held.send(()).unwrap();
        released.recv().unwrap();
    });
    holds.recv().unwrap();
    let body = request(1, "txpool_content", json!([]));
    let (one, other) = (Box::pin(post(&node, &body)), Box::pin(post(&node, &body)));
    let ((status, answer), waiting) = match futures::future::select(one, other).await {
        futures::future::Either::Left((answer, waiting))
        | futures::future::Either::Right((answer, waiting)) => (answer, waiting),
    };
    assert_eq!(status, 503);
    let busy = json!({ "code": -32_005, "message": "server is busy, try again later" });
    assert_eq!(answer["error"], busy);
    assert_eq!(node.rpc("eth_chainId", json!([])).await, json!("0x1267"));
    release.send(()).unwrap();
    holder.join().unwrap();
    let (status, answer) = waiting.await;
    assert_eq!((status, &answer["result"]["pending"]), (200, &json!({})));
}

#[actix_web::test]
async fn a_filter_goes_on_behind_a_block_with_too_many_logs() {
    let setup = limited(|limits| limits.logs_max = 2);
    let node = setup.start().await;
    let contract = node.deploy(0).await;
    let filter = node.rpc("eth_newFilter", json!([{ "address": contract }])).await;
    let news = json!([filter]);
    node.confirm(&sign(1, 1, Some(contract), word(1))).await;
    for nonce in 2..=4 {
        node.send(&sign(1, nonce, Some(contract), word(nonce))).await;
    }
    node.tick().await;
    node.confirm(&sign(1, 5, Some(contract), word(5))).await;
    let first = node.rpc("eth_getFilterChanges", news.clone()).await;
    assert_eq!(first.as_array().unwrap().len(), 1, "what came before: {first}");
    let many = node.refusal("eth_getFilterChanges", news.clone()).await;
    assert_eq!(many, (-32_005, "query returned more than 2 results".into()));
    let last = node.rpc("eth_getFilterChanges", news).await;
    assert_eq!((last.as_array().unwrap().len(), &last[0]["topics"][0]), (1, &json!(word(5))));
}

#[actix_web::test]
async fn a_query_for_logs_is_bounded_in_blocks_and_results() {
    let setup = limited(|limits| {
        limits.log_blocks_max = 3;
        limits.logs_max = 2;
    });
    let node = setup.start().await;
    let contract = node.deploy(0).await;
    for nonce in 1..=4 {
        node.send(&sign(1, nonce, Some(contract), word(nonce))).await;
    }
    node.tick().await;
    node.mine().await;
    let of = |from: &str, topics: Value| {
        let filter = json!({ "fromBlock": from, "toBlock": "latest", "topics": topics });
        json!([filter])
    };
    let many = node.refusal("eth_getLogs", of("0x1", json!([]))).await;
    assert_eq!(many, (-32_005, "query returned more than 2 results".into()));
    let range = node.refusal("eth_getLogs", of("0x0", json!([]))).await;
    assert_eq!(range, (-32_005, "exceed maximum block range: 3".into()));
    let some = node.rpc("eth_getLogs", of("0x1", json!([[word(1), word(2)]]))).await;
    assert_eq!(some.as_array().unwrap().len(), 2);
    for (filter, code, expected) in [
        (json!({ "fromBlock": "pending" }), -32_000, "pending logs are not supported"),
        (
            json!({ "fromBlock": "0x1", "blockHash": word(1) }),
            -32_602,
            "can't specify fromBlock/toBlock with blockHash",
        ),
        (
            json!({ "address": vec![contract; 1_001] }),
            -32_000,
            "exceed max addresses or topics per search position",
        ),
    ] {
        let refused = node.refusal("eth_getLogs", json!([filter])).await;
        assert_eq!(refused, (code, expected.to_owned()));
    }
}

#[actix_web::test]
async fn a_page_of_another_origin_asks_only_if_it_may() {
    let setup = limited(|limits| limits.origins = vec!["https://app.example".into()]);
    let node = setup.start().await;
    let server = node.ledger.serve_rpc(([127, 0, 0, 1], 0).into()).unwrap();
    let url = format!("http://{}/", server.address());
    let body = request(1, "eth_chainId", json!([])).to_string();
    let client = reqwest::Client::new();
    let post = |origin: &str, kind: &str| {
        let request = client.post(&url).header("origin", origin).header("content-type", kind);
        request.body(body.clone()).send()
    };
    let json = "application/json";
    for (origin, kind, status, allowed) in [
        ("https://app.example", json, 200, Some("https://app.example")),
        // A wallet may ask whatever its origin; a page cannot send this without a preflight.
        ("https://evil.example", json, 200, None),
        ("https://evil.example", "text/plain", 415, None),
        (url.trim_end_matches('/'), "text/plain", 200, None),
    ] {
        let response = post(origin, kind).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{origin} {kind}");
        let allow = response.headers().get("access-control-allow-origin");
        assert_eq!(allow.map(|origin| origin.to_str().unwrap()), allowed, "{origin} {kind}");
    }
    for (origin, status) in [("https://app.example", 204), ("https://evil.example", 403)] {
        let preflight = client.request(reqwest::Method::OPTIONS, &url).header("origin", origin);
        let response = preflight.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{origin}");
        let methods = response.headers().get("access-control-allow-methods");
        assert_eq!(methods.is_some(), status == 204, "{origin}");
    }
    server.stop().await.unwrap();
}

#[actix_web::test]
async fn a_transaction_is_sent_and_its_receipt_awaited() {
    let setup = Setup::default();
    let node = setup.start().await;
    let transfer = |nonce| sign(1, nonce, Some(Address::ZERO), Bytes::new());
    let sent = json!([raw(&transfer(0)), 60_000]);
    let mining = async {
        while node.ledger.node().pool().is_empty() {
            tokio::task::yield_now().await;
        }
        node.tick().await;
    };
    let (receipt, ()) = futures::join!(node.rpc("eth_sendRawTransactionSync", sent), mining);
    let known = node.rpc("eth_getTransactionReceipt", json!([transfer(0).tx_hash()])).await;
    assert_eq!((&receipt, &receipt["status"]), (&known, &json!("0x1")));
    let late = transfer(1);
    let error = node.try_rpc("eth_sendRawTransactionSync", json!([raw(&late), "0x1"])).await;
    let error = error.unwrap_err();
    let message =
        "The transaction was added to the transaction pool but wasn't processed in 0.001s";
    assert_eq!((error.code, error.message.as_str()), (4, message));
    assert_eq!(error.data, Some(json!(late.tx_hash())));
    let again = node.refusal("eth_sendRawTransactionSync", json!([raw(&late)])).await;
    assert_eq!(again, (-32_000, "already known".into()));
    let batch = json!([
        request(1, "eth_blockNumber", json!([])),
        request(2, "eth_sendRawTransactionSync", json!([raw(&transfer(2)), 1])),
        request(3, "eth_chainId", json!([])),
    ]);
    let (_, answers) = post(&node, &batch).await;
    assert_eq!(answers[1]["error"]["code"], json!(4));
    assert_eq!((&answers[0]["id"], &answers[2]["result"]), (&json!(1), &json!("0x1267")));
    let next = json!([key(1).address(), "pending"]);
    assert_eq!(node.number("eth_getTransactionCount", next).await, 3);
}

#[actix_web::test]
async fn the_pool_is_shown_as_a_whole_by_sender_and_in_lines() {
    let setup = Setup::default();
    let node = setup.start().await;
    let sender = key(1).address();
    for nonce in [0, 2] {
        node.send(&sign(1, nonce, Some(Address::ZERO), Bytes::new())).await;
    }
    let whole = node.rpc("txpool_content", json!([])).await;
    let mine = node.rpc("txpool_contentFrom", json!([sender])).await;
    for state in ["pending", "queued"] {
        assert_eq!(mine[state], whole[state][sender.to_string()], "{state}");
        assert_eq!(mine[state].as_object().unwrap().len(), 1, "{state}");
    }
    let nobody = node.rpc("txpool_contentFrom", json!([Address::ZERO])).await;
    assert_eq!(nobody, json!({ "pending": {}, "queued": {} }));
    let lines = node.rpc("txpool_inspect", json!([])).await;
    let line = format!("{}: 0 wei + 200000 gas × 1000000000 wei", Address::ZERO);
    assert_eq!(lines["pending"][sender.to_string()]["0"], json!(line));
    assert_eq!(lines["queued"][sender.to_string()]["2"], json!(line));
    let modules = node.rpc("rpc_modules", json!([])).await;
    assert_eq!(modules["eth"], json!("1.0"));
    assert_eq!(node.rpc("eth_blobBaseFee", json!([])).await, json!("0x0"));
    let uncle = json!(["latest", "0x0"]);
    assert_eq!(node.rpc("eth_getUncleByBlockNumberAndIndex", uncle).await, Value::Null);
}

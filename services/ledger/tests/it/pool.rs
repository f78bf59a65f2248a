//! What the pool takes and what it says when it does not.

use crate::harness::{Setup, TestNode, key, raw, sign, sign_with, word};
use alloy_consensus::{Signed, TxEip1559, TxEnvelope};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use chain::PoolLimits;
use serde_json::{Value, json};

#[actix_web::test]
async fn refusals_are_worded_as_geth_words_them() {
    let setup = Setup::default();
    let node = setup.start().await;
    node.confirm(&sign(1, 0, Some(Address::ZERO), Bytes::new())).await;
    node.send(&sign(1, 1, Some(Address::ZERO), Bytes::new())).await;
    let huge = U256::from(10).pow(U256::from(22));
    for (transaction, expected) in [
        (sign(1, 1, Some(Address::ZERO), Bytes::new()), "already known"),
        (sign(1, 0, Some(Address::ZERO), Bytes::new()), "already known"),
        (sign(1, 0, Some(Address::ZERO), word(1)), "nonce too low"),
        (sign(1, 1, Some(Address::ZERO), word(1)), "replacement transaction underpriced"),
        (
            sign(9, 0, Some(Address::ZERO), Bytes::new()),
            "insufficient funds for gas * price + value",
        ),
        (
            sign_with(2, |one| TxEip1559 { value: huge, ..one }),
            "insufficient funds for gas * price + value",
        ),
        (sign_with(2, |one| TxEip1559 { gas_limit: 20_000, ..one }), "intrinsic gas too low"),
        (sign_with(2, |one| TxEip1559 { chain_id: 1, ..one }), "invalid chain id"),
        (
            sign_with(2, |one| TxEip1559 { max_fee_per_gas: 1, ..one }),
            "max priority fee per gas higher than max fee per gas",
        ),
        (
            sign_with(2, |one| TxEip1559 {
                max_fee_per_gas: 6,
                max_priority_fee_per_gas: 0,
                ..one
            }),
            "transaction underpriced",
        ),
        (
            sign_with(2, |one| TxEip1559 { gas_limit: 17_000_000, ..one }),
            "transaction gas limit too high",
        ),
        (sign(2, 0, Some(Address::ZERO), vec![0; 132_000].into()), "oversized data"),
    ] {
        let (code, message) =
            node.refusal("eth_sendRawTransaction", json!([raw(&transaction)])).await;
        assert_eq!(code, -32_000, "{message}");
        assert!(message.starts_with(expected), "{expected:?} is not {message:?}");
    }
    let (code, _) = node.refusal("eth_sendRawTransaction", json!(["0x02c0"])).await;
    assert_eq!(code, -32_602);
}

#[actix_web::test]
async fn transactions_behind_a_gap_wait_until_it_is_closed() {
    let setup = Setup::default();
    let node = setup.start().await;
    let sender = key(1).address();
    for nonce in [0, 1, 3] {
        node.send(&sign(1, nonce, Some(Address::ZERO), Bytes::new())).await;
    }
    let status = node.rpc("txpool_status", json!([])).await;
    assert_eq!(status, json!({ "pending": "0x2", "queued": "0x1" }));
    let content = node.rpc("txpool_content", json!([])).await;
    let nonces = |state: &str| -> Vec<String> {
        content[state][sender.to_string()].as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(nonces("pending"), ["0", "1"]);
    assert_eq!(nonces("queued"), ["3"]);
    assert_eq!(node.number("eth_getTransactionCount", json!([sender, "pending"])).await, 2);
    assert_eq!(node.number("eth_getTransactionCount", json!([sender, "latest"])).await, 0);
    node.tick().await;
    assert_eq!(node.number("eth_getTransactionCount", json!([sender, "latest"])).await, 2);
    node.send(&sign(1, 2, Some(Address::ZERO), Bytes::new())).await;
    node.tick().await;
    assert_eq!(node.number("eth_getTransactionCount", json!([sender, "latest"])).await, 4);
    let status = node.rpc("txpool_status", json!([])).await;
    assert_eq!(status, json!({ "pending": "0x0", "queued": "0x0" }));
}

#[actix_web::test]
async fn a_waiting_transaction_is_shown_and_a_better_paying_one_takes_its_place() {
    let setup = Setup::default();
    let node = setup.start().await;
    let cheap = node.send(&sign(1, 0, Some(Address::ZERO), Bytes::new())).await;
    let shown = node.rpc("eth_getTransactionByHash", json!([cheap])).await;
    assert_eq!(shown["blockHash"], json!(null));
    assert_eq!(shown["gasPrice"], json!("0x3b9aca00"));
    let dear = sign_with(1, |one| TxEip1559 {
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: 3,
        ..one
    });
    let dear = node.send(&dear).await;
    assert_eq!(node.rpc("eth_getTransactionByHash", json!([cheap])).await, json!(null));
    node.tick().await;
    let block = node.rpc("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!(block["transactions"], json!([dear]));
}

#[actix_web::test]
async fn a_full_pool_keeps_those_who_pay_more() {
    let limits = PoolLimits { count_max: 2, ..PoolLimits::default() };
    let setup = Setup::with_config(|config| config.pool = limits);
    let node = setup.start().await;
    let paying = |signer, fee| {
        sign_with(signer, |one| TxEip1559 {
            max_fee_per_gas: fee,
            max_priority_fee_per_gas: fee,
            ..one
        })
    };
    let first = node.send(&paying(1, 100)).await;
    node.send(&paying(2, 200)).await;
    let (code, message) =
        node.refusal("eth_sendRawTransaction", json!([raw(&paying(3, 90))])).await;
    assert_eq!(code, -32_000);
    assert!(message.starts_with("transaction underpriced"), "{message}");
    node.send(&paying(3, 300)).await;
    assert_eq!(node.rpc("eth_getTransactionByHash", json!([first])).await, json!(null));
    let status = node.rpc("txpool_status", json!([])).await;
    assert_eq!(status, json!({ "pending": "0x2", "queued": "0x0" }));
}

fn send(id: u64, transaction: &TxEnvelope) -> Value {
    let params = json!([raw(transaction)]);
    json!({ "jsonrpc": "2.0", "id": id, "method": "eth_sendRawTransaction", "params": params })
}

async fn batch(node: &TestNode, requests: &[Value]) -> Vec<Value> {
    let client = reqwest::Client::new();
    let body = serde_json::to_string(requests).unwrap();
    let response = client.post(format!("{}/rpc", node.url)).body(body).send().await.unwrap();
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

/// The transaction with a signature of nobody.
fn forged(transaction: &TxEnvelope) -> TxEnvelope {
    let unsigned = transaction.as_eip1559().unwrap().tx().clone();
    let signature = Signature::new(U256::ZERO, U256::ONE, false);
    TxEnvelope::from(Signed::new_unhashed(unsigned, signature))
}

#[actix_web::test]
async fn each_transaction_of_a_batch_has_its_own_answer_in_their_order() {
    let setup = Setup::default();
    let node = setup.start().await;
    let to = Some(Address::ZERO);
    let [first, second, third] = [0, 1, 2].map(|nonce| sign(1, nonce, to, Bytes::new()));
    let mut silent = send(0, &third);
    silent.as_object_mut().unwrap().remove("id");
    let count = |id| {
        let params = json!([key(1).address(), "pending"]);
        let method = "eth_getTransactionCount";
        json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
    };
    let mut malformed = send(6, &first);
    malformed["params"] = json!(["0x02c0"]);
    let mut nothing = send(7, &first);
    nothing["params"] = json!([]);
    let mut no_version = send(8, &first);
    no_version.as_object_mut().unwrap().remove("jsonrpc");
    let answers = batch(
        &node,
        &[
            send(1, &second),
            send(2, &first),
            count(3),
            send(4, &first),
            send(5, &forged(&first)),
            malformed,
            nothing,
            no_version,
            silent,
            count(9),
        ],
    )
    .await;
    let ids: Vec<_> = answers.iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(answers[0]["result"], json!(second.tx_hash()));
    assert_eq!(answers[1]["result"], json!(first.tx_hash()));
    assert_eq!((&answers[2]["result"], &answers[8]["result"]), (&json!("0x2"), &json!("0x3")));
    for (at, code, words) in [
        (3, -32_000, "already known"),
        (4, -32_000, "invalid sender"),
        (5, -32_602, "invalid transaction"),
        (6, -32_602, "missing value for required argument 0"),
        (7, -32_600, "invalid request"),
    ] {
        let error = &answers[at]["error"];
        assert_eq!(error["code"], json!(code), "{error}");
        assert!(error["message"].as_str().unwrap().starts_with(words), "{error}");
    }
    assert!(node.tick().await);
    assert_eq!(
        node.number("eth_getTransactionCount", json!([key(1).address(), "latest"])).await,
        3
    );
    let again = batch(&node, &[send(1, &first), send(2, &sign(1, 0, to, word(9)))]).await;
    assert_eq!(again[0]["error"]["message"], json!("already known"));
    let refused = json!("nonce too low: next nonce 3, tx nonce 0");
    assert_eq!(again[1]["error"]["message"], refused);
}

#[actix_web::test]
async fn what_a_sender_has_is_read_anew_at_each_head() {
    let setup = Setup::default();
    let node = setup.start().await;
    let poor = sign(7, 0, Some(Address::ZERO), Bytes::new());
    let (_, message) = node.refusal("eth_sendRawTransaction", json!([raw(&poor)])).await;
    assert!(message.starts_with("insufficient funds"), "{message}");
    let gift = sign_with(1, |one| TxEip1559 {
        value: U256::from(10).pow(U256::from(18)),
        to: TxKind::Call(key(7).address()),
        ..one
    });
    node.confirm(&gift).await;
    assert_eq!(node.confirm(&poor).await["status"], json!("0x1"));
}

/// Junk of every kind, `number` being different each time.
fn junk(number: u64) -> TxEnvelope {
    let nobody = u8::try_from(10 + number % 200).unwrap();
    let cheap =
        |nonce| move |one: TxEip1559| TxEip1559 { nonce, to: TxKind::Call(Address::ZERO), ..one };
    match number % 8 {
        0 => forged(&sign(2, number, Some(Address::ZERO), word(number))),
        1 => sign_with(2, |one| TxEip1559 { chain_id: 1, nonce: number, ..one }),
        2 => sign_with(2, |one| TxEip1559 {
            max_fee_per_gas: 6,
            max_priority_fee_per_gas: 0,
            nonce: number,
            ..one
        }),
        // Nobody has anything.
        3 => sign(nobody, 0, Some(Address::ZERO), word(number)),
        // Behind a gap, for much.
        4 => sign_with(3, |one| TxEip1559 {
            max_priority_fee_per_gas: 1_000_000_000,
            ..cheap(10_000 + number)(one)
        }),
        // One sender, one after the other.
        5 => sign_with(3, cheap(number / 8)),
        // The same nonce again, for hardly more.
        6 => sign_with(3, |one| TxEip1559 {
            max_fee_per_gas: 1_000_000_000 + u128::from(number),
            ..cheap(0)(one)
        }),
        _ => sign(2, number, Some(Address::ZERO), vec![0; 131_072].into()),
    }
}

#[actix_web::test]
async fn junk_over_json_rpc_neither_fills_the_pool_nor_stops_honest_ones() {
    const ROUNDS: u64 = 24;
    const JUNK_PER_ROUND: u64 = 64;
    let limits = PoolLimits {
        count_max: 128,
        bytes_max: 256 * 1024,
        fair_share: 16,
        queued_max: 32,
        ..PoolLimits::default()
    };
    let setup = Setup::with_config(|config| config.pool = limits);
    let node = setup.start().await;
    let mut honest: Vec<B256> = Vec::new();
    for round in 0..ROUNDS {
        let from = round * JUNK_PER_ROUND;
        let mut requests: Vec<_> =
            (from..from + JUNK_PER_ROUND).map(|number| send(number + 100, &junk(number))).collect();
        let own = [1, 2].map(|signer| sign(signer, round, Some(Address::ZERO), Bytes::new()));
        requests.insert(20, send(1, &own[0]));
        requests.insert(40, send(2, &own[1]));
        for answer in batch(&node, &requests).await {
            if answer["id"].as_u64().unwrap() < 100 {
                assert!(answer["result"].is_string(), "round {round}: {answer}");
            }
        }
        honest.extend(own.iter().map(|one| *one.tx_hash()));
        {
            let pool = node.ledger.node().pool();
            assert!(pool.len() <= limits.count_max && pool.memory() <= limits.bytes_max);
        }
        if round % 8 == 7 {
            node.tick().await;
        }
    }
    node.tick().await;
    for hash in honest {
        let receipt = node.rpc("eth_getTransactionReceipt", json!([hash])).await;
        assert_eq!(receipt["status"], json!("0x1"));
    }
}

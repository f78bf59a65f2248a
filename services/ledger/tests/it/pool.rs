//! What the pool takes and what it says when it does not.

use crate::harness::{Setup, key, raw, sign, sign_with, word};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, Bytes, U256};
use chain::PoolLimits;
use serde_json::json;

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
    let paying = |signer, fee| sign_with(signer, |one| TxEip1559 { max_fee_per_gas: fee, ..one });
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

//! The node's own accounts: everybody's in development, none elsewhere.

use crate::harness::{Setup, TestNode, creation_code, parsed, word};
use alloy_consensus::TxEnvelope;
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, U256, b256, eip191_hash_message};
use chain::genesis::Allocation;
use ledger::development::ACCOUNTS;
use serde_json::{Value, json};
use std::collections::HashSet;

const FIRST: Address = ACCOUNTS[0].0;

/// The example of EIP-712, and the hash that it names.
fn mail() -> (Value, B256) {
    let data = json!({
        "types": {
            "EIP712Domain": [
                { "name": "name", "type": "string" }, { "name": "version", "type": "string" },
                { "name": "chainId", "type": "uint256" },
                { "name": "verifyingContract", "type": "address" },
            ],
            "Person": [
                { "name": "name", "type": "string" }, { "name": "wallet", "type": "address" },
            ],
            "Mail": [
                { "name": "from", "type": "Person" }, { "name": "to", "type": "Person" },
                { "name": "contents", "type": "string" },
            ],
        },
        "primaryType": "Mail",
        "domain": {
            "name": "Ether Mail", "version": "1", "chainId": 1,
            "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
        },
        "message": {
            "from": { "name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826" },
            "to": { "name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB" },
            "contents": "Hello, Bob!",
        },
    });
    (data, b256!("0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"))
}

/// A node on whose chain the first of the accounts has ether.
async fn node(development: bool) -> (Setup, TestNode) {
    let mut setup = Setup::with_config(|config| config.development = development);
    let balance = U256::from(10).pow(U256::from(18));
    setup.genesis.alloc.insert(FIRST, Allocation { balance, ..Allocation::default() });
    let node = setup.start().await;
    (setup, node)
}

fn signer(signature: &Value, hash: B256) -> Address {
    let bytes: Bytes = parsed(signature);
    assert!(bytes.len() == 65 && matches!(bytes[64], 27 | 28), "{bytes}");
    Signature::from_raw(&bytes).unwrap().recover_address_from_prehash(&hash).unwrap()
}

#[actix_web::test]
async fn a_node_for_development_signs_for_the_accounts_that_everybody_knows() {
    let (_setup, node) = node(true).await;
    let accounts = node.rpc("eth_accounts", json!([])).await;
    assert_eq!(accounts, json!(ACCOUNTS.map(|(address, _)| address)));
    let (data, hash) = mail();
    for (address, _) in ACCOUNTS {
        let signed = node.rpc("eth_sign", json!([address, "0x1234"])).await;
        assert_eq!(signer(&signed, eip191_hash_message([0x12, 0x34])), address);
        assert_eq!(node.rpc("personal_sign", json!(["0x1234", address])).await, signed);
        let signed = node.rpc("eth_signTypedData_v4", json!([address, data])).await;
        assert_eq!(signer(&signed, hash), address);
        let text = json!([address, data.to_string()]);
        assert_eq!(node.rpc("eth_signTypedData_v4", text).await, signed);
    }
    let (code, _) = node.refusal("eth_signTypedData_v4", json!([FIRST, { "types": {} }])).await;
    assert_eq!(code, -32_602);
}

#[actix_web::test]
async fn what_an_account_of_the_node_sends_is_filled_in_signed_and_mined() {
    let (_setup, node) = node(true).await;
    let deploy = json!({ "from": FIRST, "data": creation_code() });
    let hash = node.rpc("eth_sendTransaction", json!([deploy])).await;
    assert!(node.tick().await, "a block was due");
    let receipt = node.rpc("eth_getTransactionReceipt", json!([hash])).await;
    assert_eq!(receipt["status"], json!("0x1"), "{receipt}");
    assert_eq!(receipt["from"], json!(FIRST));
    assert_eq!(receipt["contractAddress"], json!(FIRST.create(0)));
    // Both wait for the same block.
    let mut sent = Vec::new();
    for kept in [5, 6] {
        let call = json!({ "from": FIRST, "to": FIRST.create(0), "input": word(kept) });
        sent.push(node.rpc("eth_sendTransaction", json!([call])).await);
    }
    assert!(node.tick().await, "a block was due");
    for (hash, nonce) in sent.iter().zip(["0x1", "0x2"]) {
        let transaction = node.rpc("eth_getTransactionByHash", json!([hash])).await;
        assert_eq!(
            (&transaction["nonce"], &transaction["blockNumber"]),
            (&json!(nonce), &json!("0x2"))
        );
    }
    let kept = node.rpc("eth_call", json!([{ "to": FIRST.create(0) }])).await;
    assert_eq!(kept, json!(word(6)));
}

#[actix_web::test]
async fn what_is_sent_at_once_gets_a_nonce_each() {
    let (_setup, node) = node(true).await;
    let pay = json!({ "from": FIRST, "to": Address::repeat_byte(7), "value": "0x1" });
    let sent = (0..8).map(|_| node.rpc("eth_sendTransaction", json!([pay])));
    let hashes: HashSet<String> =
        futures::future::join_all(sent).await.iter().map(ToString::to_string).collect();
    assert_eq!(hashes.len(), 8);
    let pool = node.rpc("txpool_status", json!([])).await;
    assert_eq!(pool, json!({ "pending": "0x8", "queued": "0x0" }));
}

#[actix_web::test]
async fn a_transaction_is_signed_as_asked_for_and_can_be_sent() {
    let (_setup, node) = node(true).await;
    let to = Address::repeat_byte(7);
    let asked = json!({
        "from": FIRST, "to": to, "value": "0x5", "gas": "0x5208", "gasPrice": "0x3b9aca00",
        "nonce": "0x0",
    });
    let raw = node.rpc("eth_signTransaction", json!([asked])).await;
    let bytes: Bytes = parsed(&raw);
    let transaction = TxEnvelope::decode_2718_exact(&bytes).unwrap();
    assert!(transaction.is_legacy(), "{transaction:?}");
    assert_eq!(node.rpc("eth_getTransactionCount", json!([FIRST, "pending"])).await, json!("0x0"));
    let hash = node.rpc("eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(hash, json!(transaction.tx_hash()));
    assert!(node.tick().await, "a block was due");
    assert_eq!(node.rpc("eth_getBalance", json!([to, "latest"])).await, json!("0x5"));
}

#[actix_web::test]
async fn nobody_elses_account_is_known_nor_any_account_elsewhere() {
    for (development, asked) in [(true, Address::repeat_byte(7)), (false, FIRST)] {
        let (_setup, node) = node(development).await;
        let transaction = json!({ "from": asked, "to": asked, "value": "0x1" });
        let (data, _) = mail();
        for (method, params) in [
            ("eth_sendTransaction", json!([transaction])),
            ("eth_sendTransaction", json!([{ "to": asked }])),
            ("eth_signTransaction", json!([transaction])),
            ("eth_sign", json!([asked, "0x1234"])),
        ] {
            let refused = node.refusal(method, params).await;
            assert_eq!(refused, (-32_000, "unknown account".into()), "{method}");
        }
        for (method, params) in [
            ("personal_sign", json!(["0x1234", asked])),
            ("eth_signTypedData_v4", json!([asked, data])),
        ] {
            let refused = node.refusal(method, params).await;
            let there = (-32_000, "unknown account".into());
            let gone = format!("the method {method} does not exist/is not available");
            assert_eq!(refused, if development { there } else { (-32_601, gone) });
        }
        let modules = node.rpc("rpc_modules", json!([])).await;
        assert_eq!(modules["personal"].is_string(), development);
        let pool = node.rpc("txpool_status", json!([])).await;
        assert_eq!(pool, json!({ "pending": "0x0", "queued": "0x0" }));
    }
    let (_setup, node) = node(false).await;
    assert_eq!(node.rpc("eth_accounts", json!([])).await, json!([]));
}

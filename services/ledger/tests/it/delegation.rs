//! Delegated accounts (EIP-7702) as tools send, see and call them.

use crate::harness::{
    CHAIN_ID, TestNode, key, node_with_contract, parsed, raw, sign, sign_with, word,
};
use alloy_consensus::{SignableTransaction, Transaction as _, TxEip1559, TxEip7702, TxEnvelope};
use alloy_eips::eip2718::Decodable2718;
use alloy_eips::eip7702::{Authorization, SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, Signature, U256};
use chain::ChainView;
use serde_json::{Value, json};

fn signature(signer: u8, hash: B256) -> Signature {
    let (r, s, odd) = key(signer).sign(hash).parts();
    Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), odd)
}

/// The consent of a key to run the code at an address.
fn authorize(signer: u8, address: Address, nonce: u64) -> SignedAuthorization {
    let unsigned = Authorization { chain_id: U256::from(CHAIN_ID), address, nonce };
    let signature = signature(signer, unsigned.signature_hash());
    unsigned.into_signed(signature)
}

/// A call of the third key that delegates before it runs.
fn delegating(nonce: u64, to: Address, list: Vec<SignedAuthorization>, input: Bytes) -> TxEnvelope {
    let unsigned = TxEip7702 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 300_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 2,
        to,
        authorization_list: list,
        input,
        ..TxEip7702::default()
    };
    let signature = signature(3, unsigned.signature_hash());
    unsigned.into_signed(signature).into()
}

/// The second key's account, which keeps the word 7 in the code of the contract.
async fn delegated(node: &TestNode, contract: Address) -> (Address, Value) {
    let account = key(2).address();
    let sent = delegating(0, account, vec![authorize(2, contract, 0)], word(7));
    let receipt = node.confirm(&sent).await;
    assert_eq!((&receipt["type"], &receipt["status"]), (&json!("0x4"), &json!("0x1")), "{receipt}");
    (account, receipt)
}

#[actix_web::test]
async fn a_transaction_that_delegates_is_shown_as_geth_shows_it() {
    let (_setup, node, contract) = node_with_contract().await;
    let (account, receipt) = delegated(&node, contract).await;
    assert_eq!(receipt["logs"][0]["address"], json!(account));
    let designator = format!("0xef0100{}", alloy_primitives::hex::encode(contract));
    assert_eq!(node.rpc("eth_getCode", json!([account, "latest"])).await, json!(designator));
    assert_eq!(node.rpc("eth_call", json!([{ "to": account }])).await, json!(word(7)));
    assert_eq!(node.rpc("eth_call", json!([{ "to": contract }])).await, json!(word(0)));

    let shown = node.rpc("eth_getTransactionByHash", json!([receipt["transactionHash"]])).await;
    let one = authorize(2, contract, 0);
    let expected = json!([{
        "chainId": "0x1267", "address": contract, "nonce": "0x0",
        "yParity": format!("{:#x}", one.y_parity()), "r": one.r(), "s": one.s(),
    }]);
    assert_eq!((&shown["type"], &shown["authorizationList"]), (&json!("0x4"), &expected));
    let names = shown.as_object().unwrap().keys().map(String::as_str);
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    let geth = [
        "accessList",
        "authorizationList",
        "blockHash",
        "blockNumber",
        "chainId",
        "from",
        "gas",
        "gasPrice",
        "hash",
        "input",
        "maxFeePerGas",
        "maxPriorityFeePerGas",
        "nonce",
        "r",
        "s",
        "to",
        "transactionIndex",
        "type",
        "v",
        "value",
        "yParity",
    ];
    assert_eq!(names, geth);
    let hash = json!([receipt["transactionHash"]]);
    let sent: Bytes = parsed(&node.rpc("eth_getRawTransactionByHash", hash.clone()).await);
    assert_eq!(sent[0], 4);
    let proof = node.rpc("wattex_receiptProof", json!([hash[0], "latest"])).await;
    assert_ne!(proof, Value::Null);
    let traced = json!([hash[0], { "tracer": "callTracer" }]);
    let traced = node.rpc("debug_traceTransaction", traced).await;
    assert_eq!((&traced["to"], &traced["input"]), (&json!(account), &json!(word(7))));
    let parity = node.rpc("trace_transaction", hash).await;
    assert_eq!(parity.as_array().unwrap().len(), 1, "{parity}");
}

#[actix_web::test]
async fn calls_estimates_and_simulations_take_authorizations() {
    let (_setup, node, contract) = node_with_contract().await;
    let (account, caller) = (key(2).address(), key(3).address());
    let list = json!([authorize(2, contract, 0)]);
    let call = json!({
        "from": caller, "to": account, "data": word(5), "authorizationList": list,
    });
    let estimated = node.number("eth_estimateGas", json!([call])).await;
    let found = node.rpc("eth_createAccessList", json!([call])).await;
    let expected = json!([{ "address": account, "storageKeys": [B256::ZERO] }]);
    assert_eq!(found["accessList"], expected, "only for its slot, and not the contract");
    let filled = node.rpc("eth_fillTransaction", json!([call])).await;
    assert_eq!(filled["tx"]["type"], json!("0x4"));
    let raw: Bytes = parsed(&filled["raw"]);
    let decoded = TxEnvelope::decode_2718_exact(&raw).unwrap();
    assert_eq!(decoded.authorization_list().unwrap(), [authorize(2, contract, 0)]);
    let simulated = json!([{
        "blockStateCalls": [{ "calls": [call, { "from": caller, "to": account }] }],
    }]);
    let simulated = node.rpc("eth_simulateV1", simulated).await;
    assert_eq!(simulated[0]["calls"][0]["status"], json!("0x1"), "{simulated}");
    assert_eq!(simulated[0]["calls"][1]["returnData"], json!(word(5)));

    let sent = delegating(0, account, vec![authorize(2, contract, 0)], word(5));
    let receipt = node.confirm(&sent).await;
    let used: U256 = parsed(&receipt["gasUsed"]);
    assert_eq!(receipt["status"], json!("0x1"));
    // Half of what an authorization costs comes back at the end: it has to be there before.
    let (least, most) = (used, used * U256::from(5) / U256::from(4));
    let estimated = U256::from(estimated);
    assert!(estimated >= least && estimated <= most, "{estimated} of {used}");

    let creating = json!([{ "data": "0x00", "authorizationList": list }]);
    for method in ["eth_call", "eth_estimateGas"] {
        let refused = node.refusal(method, creating.clone()).await;
        let expected = "EIP-7702 transaction cannot be used to create contract";
        assert_eq!(refused, (-32_000, expected.to_owned()), "{method}");
    }
}

#[actix_web::test]
async fn the_pool_follows_whom_others_delegate() {
    let (_setup, node, contract) = node_with_contract().await;
    // It waits with the nonce that its own consent uses up.
    let waiting = sign_with(2, |unsigned| TxEip1559 {
        to: contract.into(),
        input: word(3),
        max_priority_fee_per_gas: 0,
        max_fee_per_gas: 7,
        ..unsigned
    });
    node.send(&waiting).await;
    let delegation = delegating(0, contract, vec![authorize(2, contract, 0)], word(4));
    let (now, head) = (node.now().unsigned(), node.ledger.node().snapshot().unwrap().head());
    // By another node that does not know what waits here.
    node.pass(1);
    let block = node.competing(head, std::slice::from_ref(&delegation));
    assert!(block.header.timestamp > now);
    node.import(&block).unwrap();
    let status = node.rpc("txpool_status", json!([])).await;
    assert_eq!(status, json!({ "pending": "0x0", "queued": "0x0" }));
    let account = key(2).address();
    assert_eq!(node.number("eth_getTransactionCount", json!([account, "pending"])).await, 1);

    // From now on one at a time, as geth has it.
    node.send(&sign(2, 1, Some(contract), word(1))).await;
    let second = raw(&sign(2, 2, Some(contract), word(2)));
    let refused = node.refusal("eth_sendRawTransaction", json!([second])).await;
    let expected = "in-flight transaction limit reached for delegated accounts";
    assert_eq!(refused, (-32_000, expected.to_owned()));
    assert!(node.tick().await);
    assert!(node.rpc("eth_sendRawTransaction", json!([second])).await.is_string());
}

#[actix_web::test]
async fn code_that_only_begins_like_a_designator_can_be_pretended() {
    let (_setup, node, contract) = node_with_contract().await;
    for code in ["0xef01", "0xef0100", "0xef0101aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        let pretended = json!({ contract.to_string(): { "code": code } });
        let refused = node.refusal("eth_call", json!([{ "to": contract }, "latest", pretended]));
        assert_eq!(refused.await, (-32_000, "invalid opcode".to_owned()), "{code}");
        let calls = json!([{ "blockStateCalls": [{
            "stateOverrides": pretended, "calls": [{ "to": contract }],
        }] }]);
        let simulated = node.rpc("eth_simulateV1", calls).await;
        assert_eq!(simulated[0]["calls"][0]["status"], json!("0x0"), "{code}");
    }
    // A whole one borrows code.
    let account = key(2).address();
    let designator = format!("0xef0100{}", alloy_primitives::hex::encode(contract));
    let slots = json!({ word(0).to_string(): word(9) });
    let pretended = json!({ account.to_string(): { "code": designator, "state": slots } });
    let params = json!([{ "to": account }, "latest", pretended]);
    assert_eq!(node.rpc("eth_call", params).await, json!(word(9)));
}

//! `eth_simulateV1`: what blocks of calls would do.

use crate::harness::{Setup, TestNode, creation_code, key, sign, word};
use alloy_primitives::{Address, B256, U256, address, b256};
use serde_json::{Value, json};

const ETHER: Address = address!("EeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE");
const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

async fn node_with_contract() -> (Setup, TestNode, Address) {
    let setup = Setup::default();
    let node = setup.start().await;
    let contract = node.deploy(0).await;
    (setup, node, contract)
}

fn number(value: &Value) -> u64 {
    serde_json::from_value::<U256>(value.clone()).unwrap().to()
}

#[actix_web::test]
async fn each_call_sees_what_the_one_before_did_and_nothing_stays() {
    let (_setup, node, contract) = node_with_contract().await;
    let head = node.rpc("eth_getBlockByNumber", json!(["latest", false])).await;
    let (store, read) = (json!({ "to": contract, "data": word(7) }), json!({ "to": contract }));
    let revert = json!({ "to": contract, "data": word(0) });
    let late = format!("{:#x}", number(&head["timestamp"]) + 99);
    let nine = json!({ word(0).to_string(): word(9) });
    let blocks = json!([
        { "calls": [read, store, read, revert] },
        { "blockOverrides": { "number": "0x5", "time": late,
            "feeRecipient": Address::repeat_byte(9), "prevRandao": B256::repeat_byte(8) },
          "stateOverrides": { contract.to_string(): { "stateDiff": nine } },
          "calls": [read] },
    ]);
    let asked = json!([{ "blockStateCalls": blocks, "returnFullTransactions": true }, "latest"]);
    let done = node.rpc("eth_simulateV1", asked).await;
    let done = done.as_array().unwrap();
    let numbers: Vec<u64> = done.iter().map(|block| number(&block["number"])).collect();
    assert_eq!(numbers, [2, 3, 4, 5], "gaps are filled");
    assert_eq!(done[0]["parentHash"], head["hash"]);
    for pair in done.windows(2) {
        assert_eq!(pair[1]["parentHash"], pair[0]["hash"]);
        assert!(number(&pair[1]["timestamp"]) > number(&pair[0]["timestamp"]));
    }
    let calls = done[0]["calls"].as_array().unwrap();
    let returned: Vec<&Value> = calls.iter().map(|call| &call["returnData"]).collect();
    assert_eq!(json!(returned), json!([word(0), "0x", word(7), "0x"]));
    let status: Vec<&Value> = calls.iter().map(|call| &call["status"]).collect();
    assert_eq!(json!(status), json!(["0x1", "0x1", "0x1", "0x0"]));
    let error = json!({ "code": 3, "message": "execution reverted", "data": "0x" });
    assert_eq!(calls[3]["error"], error);
    let log = &calls[1]["logs"][0];
    assert_eq!((&log["topics"], &log["blockHash"]), (&json!([word(7)]), &done[0]["hash"]));
    let used: u64 = calls.iter().map(|call| number(&call["gasUsed"])).sum();
    assert_eq!(number(&done[0]["gasUsed"]), used);
    assert_eq!(done[0]["transactions"][1]["input"], json!(word(7)));
    assert_eq!(done[0]["transactions"][1]["hash"], log["transactionHash"]);
    assert_eq!(done[3]["calls"][0]["returnData"], json!(word(9)));
    assert_eq!(done[3]["miner"], json!(Address::repeat_byte(9)));
    assert_eq!(done[3]["mixHash"], json!(B256::repeat_byte(8)));
    assert_eq!(node.rpc("eth_call", json!([read])).await, json!(word(0)));
    assert_eq!(node.head().await, 1);
}

#[actix_web::test]
async fn the_simulated_state_root_is_that_of_the_block_that_is_then_mined() {
    let (_setup, node, contract) = node_with_contract().await;
    let sender = key(2).address();
    let transaction = sign(2, 0, Some(contract), word(7));
    let call = json!({ "from": sender, "to": contract, "input": word(7), "gas": "0x30d40",
        "maxFeePerGas": "0x3b9aca00", "maxPriorityFeePerGas": "0x2", "nonce": "0x0" });
    node.send(&transaction).await;
    node.tick().await;
    let mined = node.rpc("eth_getBlockByNumber", json!(["latest", false])).await;
    let overrides = json!({ "time": mined["timestamp"], "prevRandao": mined["mixHash"] });
    let blocks = json!([{ "blockOverrides": overrides, "calls": [call] }]);
    let asked = json!([{ "blockStateCalls": blocks, "validation": true }, "0x1"]);
    let done = node.rpc("eth_simulateV1", asked).await;
    for field in
        ["stateRoot", "receiptsRoot", "logsBloom", "gasUsed", "baseFeePerGas", "parentHash"]
    {
        assert_eq!(done[0][field], mined[field], "{field}");
    }
}

#[actix_web::test]
async fn transfers_of_ether_are_logs_if_they_are_asked_for() {
    let (_setup, node, contract) = node_with_contract().await;
    let (from, to) = (key(1).address(), Address::repeat_byte(0x55));
    let calls = json!([
        { "from": from, "to": to, "value": "0x5" },
        { "from": from, "to": contract, "data": word(7), "value": "0x6" },
        { "from": from, "input": creation_code(), "value": "0x7" },
        { "from": from, "to": contract, "data": word(0), "value": "0x8" },
    ]);
    let asked = |traced: bool| {
        let blocks = json!([{ "calls": calls }]);
        json!([{ "blockStateCalls": blocks, "traceTransfers": traced }, "latest"])
    };
    let done = node.rpc("eth_simulateV1", asked(true)).await;
    let calls = done[0]["calls"].as_array().unwrap();
    let created = from.create(1 + 2);
    for (call, to, value) in [(0, to, 5), (1, contract, 6), (2, created, 7)] {
        let log = &calls[call]["logs"][0];
        assert_eq!(log["address"], json!(ETHER), "{call}");
        let topics = json!([TRANSFER, from.into_word(), to.into_word()]);
        assert_eq!((&log["topics"], &log["data"]), (&topics, &json!(word(value))), "{call}");
    }
    assert_eq!(calls[1]["logs"][1]["address"], json!(contract));
    assert_eq!(calls[1]["logs"][1]["logIndex"], json!("0x2"));
    assert_eq!(calls[3]["logs"], json!([]), "a reverted transfer is none");
    let done = node.rpc("eth_simulateV1", asked(false)).await;
    let count = |call: &Value| call["logs"].as_array().unwrap().len();
    let counts: Vec<_> = done[0]["calls"].as_array().unwrap().iter().map(count).collect();
    assert_eq!(counts, [0, 1, 0, 0]);
}

#[actix_web::test]
async fn what_cannot_be_simulated_has_a_code_of_its_own() {
    let (_setup, node, contract) = node_with_contract().await;
    let (rich, poor) = (key(1).address(), Address::repeat_byte(0x44));
    let call = |extra: Value| {
        let mut call = json!({ "from": rich, "to": contract, "data": word(7) });
        call.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!([{ "calls": [call] }])
    };
    let at = |overrides: Value| json!({ "blockOverrides": overrides });
    let fee = json!({ "maxFeePerGas": "0x3b9aca00" });
    let with_fee = |extra: Value| {
        let mut all = fee.clone();
        all.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        call(all)
    };
    for (blocks, validation, code, expected) in [
        (json!([]), false, -32_602, "empty input"),
        (
            json!([at(json!({ "number": "0x1" }))]),
            false,
            -38_020,
            "block numbers must be in order: 1 <= 1",
        ),
        (
            json!([at(json!({ "time": "0x1" }))]),
            false,
            -38_021,
            "block timestamps must be in order: 1 <=",
        ),
        (json!([at(json!({ "number": "0x1000" }))]), false, -38_026, "too many blocks"),
        (call(json!({ "gas": "0xffffffffff" })), false, -38_015, "block gas limit reached"),
        (call(json!({ "gas": "0x5208" })), false, -38_013, "intrinsic gas too low"),
        (call(json!({ "from": poor, "value": "0x1" })), false, -38_014, "insufficient funds"),
        (with_fee(json!({ "nonce": "0x0" })), true, -38_010, "nonce too low"),
        (with_fee(json!({ "nonce": "0x9" })), true, -38_011, "nonce too high"),
        (call(json!({})), true, -32_602, "max fee per gas less than block base fee"),
    ] {
        let asked = json!([{ "blockStateCalls": blocks, "validation": validation }, "latest"]);
        let (got, message) = node.refusal("eth_simulateV1", asked).await;
        assert_eq!(got, code, "{blocks}: {message}");
        assert!(message.starts_with(expected), "{blocks}: {message}");
    }
    let without = json!([{ "blockStateCalls": call(json!({ "nonce": "0x9" })) }, "latest"]);
    let done = node.rpc("eth_simulateV1", without).await;
    assert_eq!(done[0]["calls"][0]["status"], json!("0x1"), "nobody checks the nonce");
}

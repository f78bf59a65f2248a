//! Calls on states that are pretended, pending or old; what they touch; transactions filled in.

use crate::harness::{CHAIN_ID, key, node_with_contract, parsed, raw, sign, word};
use alloy_consensus::{Transaction as _, TxEnvelope};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use chain::Block;
use serde_json::{Value, json};

/// Returns the height.
const NUMBER: &str = "0x435f5260205ff3";
/// Returns what is in slot 0.
const SLOT: &str = "0x5f545f5260205ff3";

#[actix_web::test]
async fn a_call_pretends_accounts_and_the_block() {
    let (_setup, node, contract) = node_with_contract().await;
    node.confirm(&sign(1, 1, Some(contract), word(7))).await;
    let nobody = Address::repeat_byte(0x77);
    let (zero, one) = (word(0), word(1));
    let (to, sha256) = (Address::repeat_byte(0x99), Address::with_last_byte(2));
    let hash_of_nothing: Bytes =
        "0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse().unwrap();
    for (call, accounts, block, expected) in [
        (json!({ "to": contract }), json!({}), json!({}), word(7)),
        (
            json!({ "to": contract }),
            json!({ contract.to_string(): { "stateDiff": { zero.to_string(): one } } }),
            json!({}),
            word(1),
        ),
        (
            json!({ "to": contract }),
            json!({ contract.to_string(): { "stateDiff": { one.to_string(): one } } }),
            json!({}),
            word(7),
        ),
        (
            json!({ "to": contract }),
            json!({ contract.to_string(): { "state": { one.to_string(): one } } }),
            json!({}),
            word(0),
        ),
        (
            json!({ "to": nobody }),
            json!({ nobody.to_string(): { "code": SLOT, "state": { zero.to_string(): word(9) } } }),
            json!({}),
            word(9),
        ),
        (
            json!({ "from": nobody, "to": nobody, "value": "0x5" }),
            json!({ nobody.to_string(): { "code": NUMBER, "balance": "0x5", "nonce": "0x9" } }),
            json!({ "number": "0x1234", "time": "0x1", "gasLimit": "0x100000" }),
            word(0x1234),
        ),
        (
            json!({ "to": to }),
            json!({ sha256.to_string(): { "movePrecompileToAddress": to } }),
            json!({}),
            hash_of_nothing,
        ),
        (
            json!({ "to": sha256 }),
            json!({ sha256.to_string(): { "movePrecompileToAddress": to } }),
            json!({}),
            Bytes::new(),
        ),
        (
            json!({ "to": sha256 }),
            json!({ sha256.to_string(): { "code": NUMBER } }),
            json!({}),
            word(2),
        ),
    ] {
        let params = json!([call, "latest", accounts, block]);
        assert_eq!(node.rpc("eth_call", params.clone()).await, json!(expected), "{params}");
    }
    assert_eq!(node.rpc("eth_call", json!([{ "to": contract }])).await, json!(word(7)));
}

#[actix_web::test]
async fn what_cannot_be_pretended_is_refused_with_geths_words() {
    let (_setup, node, contract) = node_with_contract().await;
    let (call, nobody) = (json!({ "to": contract }), Address::repeat_byte(0x77));
    let both = json!({ contract.to_string(): { "state": {}, "stateDiff": {} } });
    let no_precompile = json!({ contract.to_string(): { "movePrecompileToAddress": nobody } });
    let fees = json!({ "gasPrice": "0x9", "maxFeePerGas": "0x9" });
    let data = json!({ "data": "0x01", "input": "0x02" });
    let both_fees = "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified";
    for (params, expected) in [
        (
            json!([call, "latest", both]),
            format!("account {contract} has both 'state' and 'stateDiff'"),
        ),
        (json!([call, "latest", no_precompile]), format!("account {contract} is not a precompile")),
        (json!([fees]), both_fees.to_owned()),
        (
            json!([data]),
            "both \"data\" and \"input\" are set and not equal. \
             Please use \"input\" to pass transaction call data"
                .to_owned(),
        ),
        (
            json!([{ "chainId": "0x1" }]),
            "chainId does not match node's (have=1, want=4711)".to_owned(),
        ),
        (json!([{ "blobVersionedHashes": [nobody] }]), "transaction type not supported".to_owned()),
    ] {
        for method in ["eth_call", "eth_estimateGas", "eth_createAccessList"] {
            let (code, message) = node.refusal(method, params.clone()).await;
            assert_eq!(code, -32_000, "{method} {params}: {message}");
            assert!(message.starts_with(&expected), "{method} {params}: {message}");
        }
    }
}

#[actix_web::test]
async fn a_call_that_cannot_start_is_refused_with_geths_words() {
    let (_setup, node, contract) = node_with_contract().await;
    let gas = 100_000;
    for (fees, reason) in [
        (json!({ "maxFeePerGas": "0x1" }), "max fee per gas less than block base fee"),
        (
            json!({ "maxPriorityFeePerGas": "0x1" }),
            "max priority fee per gas higher than max fee per gas",
        ),
    ] {
        let mut call = json!({ "to": contract, "gas": format!("{gas:#x}") });
        call.as_object_mut().unwrap().extend(fees.as_object().unwrap().clone());
        for (method, before, behind) in [
            ("eth_call", "err: ".to_owned(), format!(" (supplied gas {gas})")),
            ("eth_estimateGas", format!("failed with {gas} gas: "), String::new()),
            ("eth_createAccessList", "err: ".to_owned(), String::new()),
        ] {
            let (code, message) = node.refusal(method, json!([call])).await;
            assert_eq!(code, -32_000, "{method} {call}: {message}");
            let whole = message.starts_with(&(before + reason)) && message.ends_with(&behind);
            assert!(whole, "{method} {call}: {message}");
        }
    }
}

#[actix_web::test]
async fn gas_is_estimated_on_a_pretended_state() {
    let (_setup, node, contract) = node_with_contract().await;
    let nobody = Address::repeat_byte(0x77);
    let transfer = json!({ "from": nobody, "to": key(2).address(), "value": "0x5" });
    assert!(node.refusal("eth_estimateGas", json!([transfer])).await.1.contains("insufficient"));
    let rich = json!({ nobody.to_string(): { "balance": "0x5" } });
    assert_eq!(node.number("eth_estimateGas", json!([transfer, "latest", rich])).await, 21_000);
    let store = json!({ "to": contract, "data": word(5) });
    let fresh = node.number("eth_estimateGas", json!([store])).await;
    let used = json!({ contract.to_string(): { "stateDiff": { word(0).to_string(): word(4) } } });
    let again = node.number("eth_estimateGas", json!([store, "latest", used])).await;
    assert!(again + 15_000 < fresh, "{again} to change, {fresh} to set");
}

#[actix_web::test]
async fn an_access_list_names_what_is_touched() {
    let (_setup, node, contract) = node_with_contract().await;
    let call = json!({ "from": key(1).address(), "to": contract, "data": word(5) });
    let answer = node.rpc("eth_createAccessList", json!([call])).await;
    let expected = json!([{ "address": contract, "storageKeys": [B256::ZERO] }]);
    assert_eq!(answer["accessList"], expected);
    assert_eq!(answer.get("error"), None);
    let list: AccessList = parsed(&answer["accessList"]);
    let mut with_list = call.clone();
    with_list["accessList"] = json!(list);
    let gas = node.number("eth_estimateGas", json!([with_list])).await;
    let used: U256 = parsed(&answer["gasUsed"]);
    assert!(U256::from(gas) >= used && U256::from(gas) <= used * U256::from(102) / U256::from(100));
    assert_eq!(node.rpc("eth_createAccessList", json!([with_list])).await, answer);
    let reverting = json!({ "to": contract, "data": word(0) });
    let answer = node.rpc("eth_createAccessList", json!([reverting])).await;
    assert_eq!(answer["error"], json!("execution reverted"));
}

#[actix_web::test]
async fn a_transaction_is_filled_in_as_a_wallet_would() {
    let (_setup, node, contract) = node_with_contract().await;
    node.send(&sign(1, 1, Some(contract), word(7))).await;
    let asked = json!({ "from": key(1).address(), "to": contract, "data": word(5) });
    let filled = node.rpc("eth_fillTransaction", json!([asked])).await;
    let bytes: Bytes = parsed(&filled["raw"]);
    let transaction = TxEnvelope::decode_2718_exact(&bytes).unwrap();
    let tip = node.number("eth_maxPriorityFeePerGas", json!([])).await;
    let head = node.rpc("eth_getBlockByNumber", json!(["latest", false])).await;
    let base_fee: U256 = parsed(&head["baseFeePerGas"]);
    assert_eq!((transaction.nonce(), transaction.chain_id()), (2, Some(CHAIN_ID)));
    assert_eq!(transaction.max_priority_fee_per_gas(), Some(tip.into()));
    let cap = u128::from(tip) + 2 * base_fee.to::<u128>();
    assert_eq!(transaction.max_fee_per_gas(), cap);
    assert_eq!(transaction.gas_limit(), node.number("eth_estimateGas", json!([asked])).await);
    assert_eq!(filled["tx"]["from"], json!(key(1).address()));
    assert_eq!(filled["tx"]["input"], json!(word(5)));
    let legacy = json!({ "from": key(1).address(), "to": contract, "gasPrice": "0x9", "gas": "0x9",
        "nonce": "0x5" });
    let filled = node.rpc("eth_fillTransaction", json!([legacy])).await;
    for (field, expected) in
        [("type", "0x0"), ("gasPrice", "0x9"), ("gas", "0x9"), ("nonce", "0x5")]
    {
        assert_eq!(filled["tx"][field], json!(expected), "{field}");
    }
    let refused = node.refusal("eth_fillTransaction", json!([{ "from": key(1).address() }])).await;
    assert_eq!(refused.1, "contract creation without any data provided");
}

#[actix_web::test]
async fn the_pending_state_is_that_after_what_waits() {
    let (_setup, node, contract) = node_with_contract().await;
    node.send(&sign(1, 1, Some(contract), word(7))).await;
    let (call, slot) = (json!({ "to": contract }), json!("0x0"));
    for (block, expected) in [("latest", 0), ("pending", 7)] {
        assert_eq!(node.rpc("eth_call", json!([call, block])).await, json!(word(expected)));
        let value = node.rpc("eth_getStorageAt", json!([contract, slot, block])).await;
        assert_eq!(value, json!(word(expected)));
        let proof = node.rpc("eth_getProof", json!([contract, ["0x0"], block])).await;
        let value = format!("{expected:#x}");
        assert_eq!(proof["storageProof"][0]["value"], json!(value), "{block}");
    }
    let of = |block: &str| json!([key(1).address(), block]);
    let balance: U256 = parsed(&node.rpc("eth_getBalance", of("latest")).await);
    let after: U256 = parsed(&node.rpc("eth_getBalance", of("pending")).await);
    assert!(after < balance);
    let count = node.number("eth_getBlockTransactionCountByNumber", json!(["pending"])).await;
    assert_eq!(count, 1);
    let waiting = json!(["pending", "0x0"]);
    let waiting = node.rpc("eth_getTransactionByBlockNumberAndIndex", waiting).await;
    assert_eq!((&waiting["nonce"], &waiting["blockHash"]), (&json!("0x1"), &Value::Null));
    node.send(&sign(1, 2, Some(contract), word(8))).await;
    assert_eq!(node.rpc("eth_call", json!([call, "pending"])).await, json!(word(8)));
    node.tick().await;
    assert_eq!(node.rpc("eth_call", json!([call, "latest"])).await, json!(word(8)));
    let mined: U256 = parsed(&node.rpc("eth_getBalance", of("latest")).await);
    assert!(mined < after, "both were paid for");
}

#[actix_web::test]
async fn a_state_is_read_at_a_lost_block_unless_it_has_to_be_canonical() {
    let (_setup, node, contract) = node_with_contract().await;
    let fork: B256 = node.ledger.node().snapshot().unwrap().head_header().unwrap().hash();
    let receipt = node.confirm(&sign(1, 1, Some(contract), word(7))).await;
    let lost = receipt["blockHash"].clone();
    let first = node.competing(fork, &[]);
    node.import(&first).unwrap();
    node.import(&node.competing(first.hash(), &[])).unwrap();
    let call = json!({ "to": contract });
    let at = |canonical: bool| json!([call, { "blockHash": lost, "requireCanonical": canonical }]);
    assert_eq!(node.rpc("eth_call", json!([call, "latest"])).await, json!(word(0)));
    assert_eq!(node.rpc("eth_call", at(false)).await, json!(word(7)));
    let refused = node.refusal("eth_call", at(true)).await;
    assert_eq!(refused, (-32_000, "hash is not currently canonical".into()));
    let here = json!([call, { "blockHash": first.hash(), "requireCanonical": true }]);
    assert_eq!(node.rpc("eth_call", here).await, json!(word(0)));
}

#[actix_web::test]
async fn raw_bytes_are_those_that_are_hashed() {
    let (_setup, node, contract) = node_with_contract().await;
    let transaction = sign(1, 1, Some(contract), word(7));
    let waiting = node.send(&transaction).await;
    for method in ["eth_getRawTransactionByHash", "debug_getRawTransaction"] {
        assert_eq!(node.rpc(method, json!([waiting])).await, json!(raw(&transaction)), "{method}");
    }
    node.tick().await;
    let bytes: Bytes = parsed(&node.rpc("debug_getRawBlock", json!(["0x2"])).await);
    let block: Block = alloy_rlp::decode_exact(&bytes).unwrap();
    assert_eq!(block.transactions, std::slice::from_ref(&transaction));
    let header: Bytes = parsed(&node.rpc("debug_getRawHeader", json!(["latest"])).await);
    assert_eq!(keccak256(&header), block.hash());
    let receipts: Vec<Bytes> = parsed(&node.rpc("debug_getRawReceipts", json!(["latest"])).await);
    let receipt = chain::Receipt::decode_2718_exact(&receipts[0]).unwrap();
    let root = alloy_consensus::proofs::calculate_receipt_root(std::slice::from_ref(&receipt));
    assert_eq!((receipt.encoded_2718(), root), (receipts[0].to_vec(), block.header.receipts_root));
    for (method, params) in [
        ("eth_getRawTransactionByHash", json!([waiting])),
        ("eth_getRawTransactionByBlockNumberAndIndex", json!(["0x2", "0x0"])),
        ("eth_getRawTransactionByBlockHashAndIndex", json!([block.hash(), "0x0"])),
    ] {
        assert_eq!(node.rpc(method, params).await, json!(raw(&transaction)), "{method}");
    }
    let none = node.refusal("debug_getRawBlock", json!(["0x99"])).await;
    assert_eq!(none, (-32_000, "block #153 not found".into()));
    assert_eq!(node.rpc("debug_getRawTransaction", json!([B256::ZERO])).await, json!("0x"));
}

#[actix_web::test]
async fn accounts_and_slots_are_told_together() {
    let (_setup, node, contract) = node_with_contract().await;
    node.confirm(&sign(1, 1, Some(contract), word(7))).await;
    let proof = node.rpc("eth_getProof", json!([contract, ["0x0"], "latest"])).await;
    let account = node.rpc("eth_getAccount", json!([contract, "latest"])).await;
    for (field, of_proof) in [
        ("balance", "balance"),
        ("codeHash", "codeHash"),
        ("nonce", "nonce"),
        ("storageRoot", "storageHash"),
    ] {
        assert_eq!(account[field], proof[of_proof], "{field}");
    }
    let nobody = Address::repeat_byte(0x77);
    assert_eq!(node.rpc("eth_getAccount", json!([nobody, "latest"])).await, Value::Null);
    let info = node.rpc("eth_getAccountInfo", json!([contract, "latest"])).await;
    let code = node.rpc("eth_getCode", json!([contract, "latest"])).await;
    assert_eq!(info, json!({ "balance": "0x0", "nonce": "0x1", "code": code }));
    let asked = json!({ contract.to_string(): [word(0), word(1)], nobody.to_string(): [word(0)] });
    let values = node.rpc("eth_getStorageValues", json!([asked, "latest"])).await;
    let of = |address: Address| values[format!("{address:#x}")].clone();
    assert_eq!((of(contract), of(nobody)), (json!([word(7), word(0)]), json!([word(0)])));
    let many = json!({ contract.to_string(): vec![word(0); 1_025] });
    let refused = node.refusal("eth_getStorageValues", json!([many, "latest"])).await;
    assert_eq!(refused, (-38_026, "too many slots (max 1024)".into()));
    let refused = node.refusal("eth_getStorageValues", json!([{}, "latest"])).await;
    assert_eq!(refused, (-32_602, "empty request".into()));
    let keys = json!([contract, ["0x0", "0x1", "0x123", word(0)], "latest"]);
    let proof = node.rpc("eth_getProof", keys).await;
    let named: Vec<Value> =
        proof["storageProof"].as_array().unwrap().iter().map(|slot| slot["key"].clone()).collect();
    assert_eq!(json!(named), json!(["0x0", "0x1", "0x123", word(0)]));
}

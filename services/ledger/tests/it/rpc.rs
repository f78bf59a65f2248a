//! What wallets and libraries ask.

use crate::harness::{
    CHAIN_ID, START, Setup, creation_code, key, node_with_contract, parsed, sign, word,
};
use alloy_consensus::TxEnvelope;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use chain::light::{AccountProof, ReceiptProof, StorageProof, verify_ancestor};
use chain::{ChainView, mmr};
use serde_json::{Value, json};

#[actix_web::test]
async fn a_new_chain_tells_who_it_is() {
    let setup = Setup::default();
    let node = setup.start().await;
    assert_eq!(node.number("eth_chainId", json!([])).await, CHAIN_ID);
    assert_eq!(node.rpc("net_version", json!([])).await, json!("4711"));
    assert_eq!(node.rpc("eth_syncing", json!([])).await, json!(false));
    assert_eq!(node.rpc("eth_mining", json!([])).await, json!(true));
    assert_eq!(node.rpc("eth_coinbase", json!([])).await, json!(Address::ZERO));
    let version = node.rpc("web3_clientVersion", json!([])).await;
    assert!(version.as_str().unwrap().starts_with("wattex/v"), "{version}");
    let hash = node.rpc("web3_sha3", json!(["0x68656c6c6f"])).await;
    assert_eq!(hash, json!(keccak256("hello")));
    let block = node.rpc("eth_getBlockByNumber", json!(["earliest", false])).await;
    assert_eq!(block["hash"], json!(node.ledger.node().genesis()));
    assert_eq!(block["timestamp"], json!(format!("{START:#x}")));
    assert_eq!(block["difficulty"], json!("0x10"));
    assert_eq!(block["totalDifficulty"], json!("0x10"));
    let balance = node.rpc("eth_getBalance", json!([key(1).address(), "latest"])).await;
    assert_eq!(parsed::<U256>(&balance), U256::from(10).pow(U256::from(21)));
}

#[actix_web::test]
async fn a_contract_is_deployed_called_and_read_at_every_block() {
    let (_setup, node, contract) = node_with_contract().await;
    let code: Bytes = parsed(&node.rpc("eth_getCode", json!([contract, "latest"])).await);
    assert!(creation_code().ends_with(&code) && !code.is_empty());
    for (nonce, kept) in [(1, 7), (2, 8)] {
        let receipt = node.confirm(&sign(1, nonce, Some(contract), word(kept))).await;
        assert_eq!(receipt["status"], json!("0x1"), "{receipt}");
    }
    let call = json!({ "to": contract, "data": "0x" });
    for (block, expected) in [
        (json!("0x1"), 0),
        (json!("0x2"), 7),
        (json!("0x3"), 8),
        (json!("latest"), 8),
        (json!({ "blockNumber": "0x2" }), 7),
    ] {
        let answer = node.rpc("eth_call", json!([call, block])).await;
        assert_eq!(answer, json!(word(expected)), "at {block}");
        let slot = node.rpc("eth_getStorageAt", json!([contract, "0x0", block])).await;
        assert_eq!(slot, json!(word(expected)), "at {block}");
    }
    let none = node.refusal("eth_call", json!([call, "0x99"])).await;
    assert_eq!(none, (-32_000, "header not found".into()));
}

#[actix_web::test]
async fn a_revert_has_code_3_and_its_data_and_gas_is_estimated() {
    let (_setup, node, contract) = node_with_contract().await;
    let reverting = json!({ "to": contract, "data": word(0) });
    for method in ["eth_call", "eth_estimateGas"] {
        let error = node.try_rpc(method, json!([reverting])).await.unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (3, "execution reverted"), "{method}");
        assert_eq!(error.data, Some(json!("0x")), "{method}");
    }
    let sender = key(1).address();
    let call = json!({ "from": sender, "to": contract, "data": word(5) });
    let gas = node.number("eth_estimateGas", json!([call])).await;
    let receipt = node.confirm(&sign(1, 1, Some(contract), word(5))).await;
    let used: U256 = parsed(&receipt["gasUsed"]);
    let used: u64 = used.to();
    assert!(used <= gas && gas <= used * 110 / 100, "{used} used, {gas} estimated");
    let transfer = json!({ "from": sender, "to": key(2).address(), "value": "0x1" });
    assert_eq!(node.number("eth_estimateGas", json!([transfer])).await, 21_000);
    let poor = json!({ "from": Address::repeat_byte(9), "to": contract, "value": "0x1" });
    let (code, message) = node.refusal("eth_call", json!([poor])).await;
    assert_eq!(code, -32_000);
    assert!(message.contains("insufficient funds for gas * price + value"), "{message}");
}

#[actix_web::test]
async fn a_transaction_its_receipt_and_its_block_agree() {
    let (_setup, node, contract) = node_with_contract().await;
    let transaction = sign(1, 1, Some(contract), word(7));
    let receipt = node.confirm(&transaction).await;
    let block = node.rpc("eth_getBlockByNumber", json!(["latest", true])).await;
    let listed = &block["transactions"][0];
    let hash = json!(transaction.tx_hash());
    let by_hash = node.rpc("eth_getTransactionByHash", json!([hash])).await;
    assert_eq!(&by_hash, listed);
    let index = json!(["latest", "0x0"]);
    let by_index = node.rpc("eth_getTransactionByBlockNumberAndIndex", index).await;
    assert_eq!(by_index, by_hash);
    assert_eq!(parsed::<TxEnvelope>(&by_hash), transaction);
    for (field, expected) in [
        ("hash", hash.clone()),
        ("from", json!(key(1).address())),
        ("to", json!(contract)),
        ("input", json!(word(7))),
        ("nonce", json!("0x1")),
        ("type", json!("0x2")),
        ("blockHash", block["hash"].clone()),
        ("blockNumber", json!("0x2")),
        ("transactionIndex", json!("0x0")),
    ] {
        assert_eq!(by_hash[field], expected, "{field} of {by_hash}");
    }
    assert!(by_hash["r"].is_string() && by_hash["yParity"].is_string(), "{by_hash}");
    assert_eq!(receipt["effectiveGasPrice"], by_hash["gasPrice"]);
    assert_eq!(receipt["gasUsed"], block["gasUsed"]);
    assert_eq!(receipt["contractAddress"], Value::Null);
    let log = &receipt["logs"][0];
    assert_eq!(log["topics"], json!([word(7)]));
    assert_eq!(log["data"], json!(word(7)));
    assert_eq!(log["logIndex"], json!("0x0"));
    assert_eq!(log["removed"], json!(false));
    let all = node.rpc("eth_getBlockReceipts", json!(["latest"])).await;
    assert_eq!(all, json!([receipt]));
    let short = node.rpc("eth_getBlockByHash", json!([block["hash"], false])).await;
    assert_eq!(short["transactions"], json!([hash]));
    let count = node.number("eth_getBlockTransactionCountByNumber", json!(["0x2"])).await;
    assert_eq!(count, 1);
    let unknown = B256::repeat_byte(9);
    for method in ["eth_getTransactionByHash", "eth_getTransactionReceipt", "eth_getBlockByHash"] {
        assert_eq!(node.rpc(method, json!([unknown])).await, Value::Null, "{method}");
    }
}

#[actix_web::test]
async fn the_block_hash_is_what_ethereum_clients_compute_and_the_work_can_be_checked() {
    let setup = Setup::default();
    let node = setup.start().await;
    let hash = node.mine().await;
    let json = node.rpc("eth_getBlockByHash", json!([hash, false])).await;
    let header: alloy_consensus::Header = parsed(&json);
    assert_eq!(header.hash_slow(), hash);
    let header = node.ledger.node().snapshot().unwrap().header(hash).unwrap();
    assert_eq!(json["powHash"], json!(header.pow_hash()));
    assert!(header.is_sealed());
    assert_eq!(json["totalDifficulty"], json!("0x20"));
}

#[actix_web::test]
async fn logs_are_found_by_range_block_address_and_topic() {
    let (_setup, node, contract) = node_with_contract().await;
    for (nonce, kept) in [(1, 7), (2, 8), (3, 7)] {
        node.confirm(&sign(1, nonce, Some(contract), word(kept))).await;
    }
    let all = json!({ "fromBlock": "0x0", "toBlock": "latest" });
    let with = |extra: Value| {
        let mut filter = all.clone();
        for (name, value) in extra.as_object().unwrap() {
            filter[name] = value.clone();
        }
        filter
    };
    let third = node.rpc("eth_getBlockByNumber", json!(["0x3", false])).await;
    for (filter, expected) in [
        (all.clone(), vec![2, 3, 4]),
        (json!({}), vec![4]),
        (with(json!({ "toBlock": "0x3" })), vec![2, 3]),
        (with(json!({ "address": contract })), vec![2, 3, 4]),
        (with(json!({ "address": [Address::ZERO] })), vec![]),
        (with(json!({ "topics": [word(7)] })), vec![2, 4]),
        (with(json!({ "topics": [[word(8), word(9)]] })), vec![3]),
        (with(json!({ "topics": [null, null] })), vec![]),
        (json!({ "blockHash": third["hash"] }), vec![3]),
    ] {
        let logs = node.rpc("eth_getLogs", json!([filter])).await;
        let numbers: Vec<u64> = logs
            .as_array()
            .unwrap()
            .iter()
            .map(|log| parsed::<U256>(&log["blockNumber"]).to())
            .collect();
        assert_eq!(numbers, expected, "{filter}");
    }
    for (filter, expected) in [
        (json!({ "fromBlock": "0x3", "toBlock": "0x2" }), "invalid block range params"),
        (json!({ "blockHash": B256::repeat_byte(1) }), "unknown block"),
        (json!({ "topics": [null, null, null, null, null] }), "exceed max topics"),
    ] {
        assert_eq!(node.refusal("eth_getLogs", json!([filter])).await.1, expected);
    }
}

#[actix_web::test]
async fn filters_tell_what_is_new_since_they_were_asked() {
    let (_setup, node, contract) = node_with_contract().await;
    let logs = node.rpc("eth_newFilter", json!([{ "address": contract }])).await;
    let blocks = node.rpc("eth_newBlockFilter", json!([])).await;
    for (nonce, kept) in [(1, 7), (2, 8)] {
        node.confirm(&sign(1, nonce, Some(contract), word(kept))).await;
        let news = node.rpc("eth_getFilterChanges", json!([logs])).await;
        assert_eq!(news.as_array().unwrap().len(), 1, "{news}");
        assert_eq!(news[0]["topics"], json!([word(kept)]));
    }
    assert_eq!(node.rpc("eth_getFilterChanges", json!([logs])).await, json!([]));
    assert_eq!(node.rpc("eth_getFilterLogs", json!([logs])).await[0]["blockNumber"], json!("0x3"));
    let news = node.rpc("eth_getFilterChanges", json!([blocks])).await;
    let head = node.rpc("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!(news, json!([head["parentHash"], head["hash"]]));
    assert_eq!(node.rpc("eth_uninstallFilter", json!([logs])).await, json!(true));
    assert_eq!(node.rpc("eth_uninstallFilter", json!([logs])).await, json!(false));
    let gone = node.refusal("eth_getFilterChanges", json!([logs])).await;
    assert_eq!(gone, (-32_000, "filter not found".into()));
}

#[actix_web::test]
async fn a_proof_of_account_and_storage_holds_against_the_header() {
    let (_setup, node, contract) = node_with_contract().await;
    node.confirm(&sign(1, 1, Some(contract), word(7))).await;
    let answer = node.rpc("eth_getProof", json!([contract, ["0x0", "0x1"], "0x2"])).await;
    let block = node.rpc("eth_getBlockByNumber", json!(["0x2", false])).await;
    let storage = answer["storageProof"].as_array().unwrap().iter();
    let proof = AccountProof {
        address: contract,
        nodes: parsed(&answer["accountProof"]),
        storage: storage
            .map(|slot| StorageProof {
                position: parsed(&slot["key"]),
                nodes: parsed(&slot["proof"]),
            })
            .collect(),
    };
    let proven = proof.verify(parsed(&block["stateRoot"])).unwrap();
    assert_eq!(proven.storage, [U256::from(7), U256::ZERO]);
    let account = proven.account.unwrap();
    assert_eq!(answer["codeHash"], json!(account.code_hash));
    assert_eq!(answer["storageHash"], json!(account.storage_root));
    assert_eq!(answer["nonce"], json!("0x1"));
    assert_eq!(answer["storageProof"][0]["value"], json!("0x7"));
    let before = node.rpc("eth_getBlockByNumber", json!(["0x1", false])).await;
    assert!(proof.verify(parsed(&before["stateRoot"])).is_err());
}

#[actix_web::test]
async fn an_old_block_is_proved_against_one_recent_header() {
    let setup = Setup::default();
    let node = setup.start().await;
    let mut hashes = vec![node.ledger.node().genesis()];
    for _ in 0..9 {
        hashes.push(node.mine().await);
    }
    let trusted = node.ledger.node().snapshot().unwrap().canonical_header(9).unwrap();
    for (number, hash) in hashes[..9].iter().enumerate() {
        let params = json!([format!("{number:#x}"), "0x9"]);
        let path: mmr::Path = parsed(&node.rpc("wattex_ancestorProof", params).await);
        assert!(verify_ancestor(&trusted, *hash, &path), "block {number}");
        assert!(!verify_ancestor(&trusted, B256::repeat_byte(1), &path), "block {number}");
    }
    assert_eq!(node.rpc("wattex_ancestorProof", json!(["0x9", "0x9"])).await, Value::Null);
}

#[actix_web::test]
async fn a_receipt_is_proved_against_one_trusted_hash() {
    let (_setup, node, contract) = node_with_contract().await;
    let mut sent = Vec::new();
    for nonce in 1..6 {
        let transaction = sign(1, nonce, Some(contract), word(nonce));
        node.confirm(&transaction).await;
        sent.push(*transaction.tx_hash());
    }
    let trusted = node.rpc("eth_getBlockByNumber", json!(["0x5", false])).await["hash"].clone();
    for (number, hash) in (1u64..).zip(&sent[..4]) {
        for block in [json!("0x5"), trusted.clone()] {
            let proof = node.rpc("wattex_receiptProof", json!([hash, block])).await;
            let proof: ReceiptProof = parsed(&proof);
            let proven = proof.verify(parsed(&trusted), *hash).unwrap();
            assert_eq!(proven.header.number, number + 1);
            assert_eq!(proven.receipt.logs()[0].topics(), [B256::from(U256::from(number))]);
        }
    }
    let above = node.rpc("wattex_receiptProof", json!([sent[4], "0x5"])).await;
    assert_eq!(above, Value::Null, "it is above the trusted block");
    let unknown = node.rpc("wattex_receiptProof", json!([B256::ZERO, "latest"])).await;
    assert_eq!(unknown, Value::Null);
    assert_eq!(node.rpc("wattex_receiptProof", json!([sent[0], "0x99"])).await, Value::Null);
}

#[actix_web::test]
#[expect(clippy::disallowed_types, reason = "a ratio in JSON, from which nothing is computed")]
async fn fees_follow_the_blocks() {
    let (_setup, node, contract) = node_with_contract().await;
    node.confirm(&sign(1, 1, Some(contract), word(7))).await;
    let base_fee = node.number("eth_gasPrice", json!([])).await
        - node.number("eth_maxPriorityFeePerGas", json!([])).await;
    let history = node.rpc("eth_feeHistory", json!(["0x2", "latest", [25, 75.5]])).await;
    assert_eq!(history["oldestBlock"], json!("0x1"));
    assert_eq!(history["baseFeePerGas"].as_array().unwrap().len(), 3);
    assert_eq!(history["baseFeePerGas"][2], json!(format!("{base_fee:#x}")));
    assert_eq!(history["reward"], json!([["0x2", "0x2"], ["0x2", "0x2"]]));
    let block = node.rpc("eth_getBlockByNumber", json!(["latest", false])).await;
    let [used, limit] =
        ["gasUsed", "gasLimit"].map(|name| -> u32 { parsed::<U256>(&block[name]).to() });
    // The nearest number to the quotient, as geth has it.
    assert_eq!(history["gasUsedRatio"][1], json!(f64::from(used) / f64::from(limit)));
    let wrong = node.refusal("eth_feeHistory", json!(["0x2", "latest", [75, 25]])).await;
    let message = "invalid reward percentile: #0:75.000000 >= #1:25.000000";
    assert_eq!(wrong, (-32_000, message.into()));
    let beyond = node.refusal("eth_feeHistory", json!(["0x2", "0x63", []])).await;
    assert_eq!(beyond, (-32_000, "request beyond head block: requested 99, head 2".into()));
    assert!(node.number("eth_hashrate", json!([])).await > 0);
}

#[actix_web::test]
async fn the_pending_block_is_what_would_be_mined() {
    let (_setup, node, contract) = node_with_contract().await;
    let transaction = sign(1, 1, Some(contract), word(7));
    node.send(&transaction).await;
    let pending = node.rpc("eth_getBlockByNumber", json!(["pending", false])).await;
    assert_eq!(pending["number"], json!("0x2"));
    assert_eq!(pending["hash"], Value::Null);
    assert_eq!(pending["transactions"], json!([transaction.tx_hash()]));
    assert_eq!(node.head().await, 1);
}

#[actix_web::test]
async fn a_block_is_mined_on_request_in_development_only() {
    let setup = Setup::default();
    let node = setup.start().await;
    assert_eq!(node.rpc("evm_mine", json!([])).await, json!("0x0"));
    assert_eq!(node.head().await, 1);
    let setup = Setup::with_config(|config| config.development = false);
    let node = setup.start().await;
    let refused = node.refusal("evm_mine", json!([])).await;
    let message = "the method evm_mine does not exist/is not available";
    assert_eq!(refused, (-32_601, message.into()));
    assert_eq!(node.head().await, 0);
}

#[actix_web::test]
async fn the_in_process_node_answers_as_the_one_behind_http() {
    use client::JsonRpc;
    let (_setup, node, contract) = node_with_contract().await;
    for (method, params) in [
        ("eth_getBlockByNumber", json!(["latest", true])),
        ("eth_call", json!([{ "to": contract }, "latest"])),
        ("eth_call", json!([{ "to": contract, "data": word(0) }])),
        ("eth_nothing", json!([])),
    ] {
        let here = node.ledger.request(method, params.clone()).await;
        assert_eq!(here, node.try_rpc(method, params).await, "{method}");
    }
}

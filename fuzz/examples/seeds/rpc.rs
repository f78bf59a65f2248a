//! A body for every method, some batches, ids of every kind; and the words that bodies are made of.

use crate::{write, write_into};
use alloy_primitives::Address;
use fuzz::node::{Known, Node, raw, word};
use fuzz::signing::address;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Writes them all.
pub fn write_all() {
    let node = Node::new();
    let known = node.known();
    let mut asked = BTreeMap::<_, usize>::new();
    for (id, (method, params)) in calls(known).into_iter().enumerate() {
        let times = asked.entry(method).or_default();
        *times += 1;
        let name = if *times == 1 { method.to_owned() } else { format!("{method}-{times}") };
        write("rpc", &name, call(json!(id), method, params).to_string().as_bytes());
    }
    for (name, body) in bodies(known) {
        write("rpc", name, body.as_bytes());
    }
    write_into("dictionaries", "rpc", dictionary(known).as_bytes());
}

/// Methods and parameters; what stands twice is asked in two ways.
fn calls(known: &Known) -> Vec<(&'static str, Value)> {
    let mut all = of_the_node(known);
    all.extend(of_blocks(known));
    all.extend(of_the_state(known));
    all.extend(of_calls(known));
    all.extend(of_what_waits(known));
    all.extend(geth(known));
    all.extend(parity(known));
    all.extend(otterscan(known));
    all
}

fn of_the_node(known: &Known) -> Vec<(&'static str, Value)> {
    let (keeper, kept) = (known.keeper, json!(word(5)));
    let logs = json!({ "address": keeper, "topics": [[kept, null]] });
    vec![
        ("web3_clientVersion", json!([])),
        ("web3_sha3", json!(["0x68656c6c6f"])),
        ("rpc_modules", json!([])),
        ("net_version", json!([])),
        ("net_listening", json!([])),
        ("net_peerCount", json!([])),
        ("eth_syncing", json!([])),
        ("admin_peers", json!([])),
        ("admin_nodeInfo", json!([])),
        ("eth_accounts", json!([])),
        ("eth_coinbase", json!([])),
        ("eth_mining", json!([])),
        ("eth_hashrate", json!([])),
        ("eth_gasPrice", json!([])),
        ("eth_maxPriorityFeePerGas", json!([])),
        ("eth_feeHistory", json!(["0x5", "latest", [10, 50.5, 90]])),
        ("eth_blobBaseFee", json!([])),
        ("eth_subscribe", json!(["logs", logs])),
        ("eth_unsubscribe", json!(["0x1"])),
        ("eth_newFilter", json!([{ "fromBlock": "0x1", "address": [keeper] }])),
        ("eth_newBlockFilter", json!([])),
        ("eth_newPendingTransactionFilter", json!([])),
        ("eth_getFilterChanges", json!(["0x1"])),
        ("eth_getFilterLogs", json!(["0x1"])),
        ("eth_uninstallFilter", json!(["0x1"])),
        ("eth_getLogs", json!([{ "blockHash": known.blocks[8], "topics": [null] }])),
        ("eth_getLogs", json!([{ "fromBlock": "earliest", "address": keeper, "topics": [kept] }])),
        ("wattex_ancestorProof", json!(["0x3", "0xc"])),
        ("wattex_receiptProof", json!([known.mined[3].tx_hash(), "latest"])),
        ("wattex_deployment", json!([])),
        ("eth_chainId", json!([])),
        ("eth_blockNumber", json!([])),
    ]
}

fn of_blocks(known: &Known) -> Vec<(&'static str, Value)> {
    let (hash, transaction) = (known.blocks[8], known.mined[3].tx_hash());
    vec![
        ("eth_getBlockByNumber", json!(["0x8", true])),
        ("eth_getBlockByNumber", json!(["pending", false])),
        ("eth_getBlockByHash", json!([known.other, true])),
        ("eth_getHeaderByNumber", json!(["safe"])),
        ("eth_getHeaderByHash", json!([hash])),
        ("eth_getBlockReceipts", json!([{ "blockHash": hash, "requireCanonical": true }])),
        ("eth_getTransactionByHash", json!([transaction])),
        ("eth_getTransactionByBlockNumberAndIndex", json!(["0x8", "0x1"])),
        ("eth_getTransactionByBlockHashAndIndex", json!([hash, "0x2"])),
        ("eth_getTransactionReceipt", json!([transaction])),
        ("eth_getBlockTransactionCountByNumber", json!(["pending"])),
        ("eth_getBlockTransactionCountByHash", json!([hash])),
        ("eth_getUncleCountByBlockNumber", json!(["0x8"])),
        ("eth_getUncleCountByBlockHash", json!([hash])),
        ("eth_getUncleByBlockNumberAndIndex", json!(["0x8", "0x0"])),
        ("eth_getUncleByBlockHashAndIndex", json!([hash, "0x0"])),
        ("eth_getRawTransactionByHash", json!([known.waiting[0].tx_hash()])),
        ("eth_getRawTransactionByBlockNumberAndIndex", json!(["0x9", "0x0"])),
        ("eth_getRawTransactionByBlockHashAndIndex", json!([hash, "0x0"])),
        ("debug_getRawTransaction", json!([transaction])),
        ("debug_getRawBlock", json!(["0x8"])),
        ("debug_getRawHeader", json!(["latest"])),
        ("debug_getRawReceipts", json!([hash])),
    ]
}

fn of_the_state(known: &Known) -> Vec<(&'static str, Value)> {
    let keeper = known.keeper;
    let slots = json!({ keeper.to_string(): [word(0), word(1)] });
    vec![
        ("eth_getBalance", json!([address(1), "pending"])),
        ("eth_getTransactionCount", json!([address(2), "pending"])),
        ("eth_getStorageAt", json!([keeper, "0x0", { "blockNumber": "0x8" }])),
        ("eth_getCode", json!([keeper, "latest"])),
        ("eth_getAccount", json!([keeper, "0x9"])),
        ("eth_getAccountInfo", json!([keeper, "finalized"])),
        ("eth_getStorageValues", json!([slots, "latest"])),
        ("eth_getProof", json!([keeper, ["0x0", word(1)], "0x8"])),
    ]
}

fn of_calls(known: &Known) -> Vec<(&'static str, Value)> {
    let (keeper, from) = (known.keeper, address(1));
    let item = json!({ "address": keeper, "storageKeys": [word(0)] });
    let call = json!({ "from": from, "to": keeper, "input": word(6), "accessList": [item] });
    let dear = json!({ "from": from, "to": address(2), "value": "0x1", "gasPrice": "0x3b9aca00" });
    let account = json!({ "balance": "0xff", "nonce": "0x5", "code": "0x5f355f5500" });
    let moved = json!({ "movePrecompileToAddress": word(0x99).slice(12..) });
    let slots = json!({ "stateDiff": { word(0).to_string(): word(9) } });
    let sha256 = Address::with_last_byte(2);
    let pretended = json!({
        address(5).to_string(): account,
        keeper.to_string(): slots,
        sha256.to_string(): moved,
    });
    let block = json!({ "number": "0x20", "time": "0x7b499b00", "gasLimit": "0x1000000",
        "feeRecipient": from, "prevRandao": word(1), "baseFeePerGas": "0x7", "difficulty": "0x2" });
    let blocks = json!({
        "blockStateCalls": [
            { "blockOverrides": block, "stateOverrides": pretended, "calls": [call, dear] },
            { "calls": [{ "from": from, "to": address(5), "data": word(7), "value": "0x2" }] },
        ],
        "traceTransfers": true,
        "validation": false,
        "returnFullTransactions": true,
    });
    let strict = json!({ "from": from, "to": address(2), "nonce": "0x6", "gas": "0x5208",
        "maxFeePerGas": "0x3b9aca00", "maxPriorityFeePerGas": "0x2" });
    let strict = json!({ "blockStateCalls": [{ "calls": [strict] }], "validation": true });
    vec![
        ("eth_call", json!([{ "to": keeper }, "latest"])),
        ("eth_call", json!([call, "0x8", pretended, block])),
        ("eth_estimateGas", json!([call, "latest", pretended])),
        ("eth_estimateGas", json!([dear])),
        ("eth_createAccessList", json!([call, "pending"])),
        ("eth_simulateV1", json!([blocks, "latest"])),
        ("eth_simulateV1", json!([strict, "latest"])),
        ("eth_fillTransaction", json!([{ "from": from, "to": keeper, "data": word(2) }])),
    ]
}

fn of_what_waits(known: &Known) -> Vec<(&'static str, Value)> {
    vec![
        ("eth_sendRawTransaction", json!([raw(&known.next)])),
        ("eth_sendRawTransactionSync", json!([raw(&known.next), "0x64"])),
        ("txpool_status", json!([])),
        ("txpool_content", json!([])),
        ("txpool_contentFrom", json!([address(2)])),
        ("txpool_inspect", json!([])),
        ("evm_mine", json!([])),
    ]
}

fn geth(known: &Known) -> Vec<(&'static str, Value)> {
    let (keeper, hash) = (known.keeper, known.mined.last().expect("some were mined").tx_hash());
    let call = json!({ "from": address(1), "to": keeper, "data": word(6) });
    let flat = json!({ "tracer": "flatCallTracer", "timeout": "1.5s" });
    let mux = json!({ "tracer": "muxTracer", "tracerConfig": {
        "callTracer": { "withLog": true, "onlyTopCall": false },
        "prestateTracer": { "diffMode": true },
        "4byteTracer": {},
        "noopTracer": {},
        "erc7562Tracer": {},
    } });
    let all = json!({ "enableMemory": true, "enableReturnData": true, "limit": 100 });
    let more = json!({ "tracer": "callTracer", "txIndex": "0x1",
        "stateOverrides": { keeper.to_string(): { "state": {} } },
        "blockOverrides": { "number": "0x10" } });
    vec![
        ("debug_traceTransaction", json!([hash, mux])),
        ("debug_traceTransaction", json!([hash, all])),
        ("debug_traceCall", json!([call, "0x8", more])),
        ("debug_traceBlockByNumber", json!(["0x8", flat])),
        ("debug_traceBlockByHash", json!([known.other])),
        ("debug_intermediateRoots", json!([known.blocks[8]])),
        ("debug_storageRangeAt", json!([known.blocks[8], 1, keeper, "0x", 5])),
        ("debug_getModifiedAccountsByNumber", json!([7, 9])),
        ("debug_getModifiedAccountsByHash", json!([known.blocks[8], known.blocks[9]])),
    ]
}

fn parity(known: &Known) -> Vec<(&'static str, Value)> {
    let (keeper, hash) = (known.keeper, known.mined.last().expect("some were mined").tx_hash());
    let call = json!({ "from": address(1), "to": keeper, "data": word(6) });
    let types = json!(["trace", "vmTrace", "stateDiff"]);
    let filter = json!({ "fromBlock": "0x8", "toBlock": "0x9", "fromAddress": [address(1)],
        "toAddress": [keeper], "mode": "union", "after": 1, "count": 2 });
    vec![
        ("trace_transaction", json!([hash])),
        ("trace_get", json!([hash, ["0x0"]])),
        ("trace_block", json!(["0x9"])),
        ("trace_filter", json!([filter])),
        ("trace_call", json!([call, types, "latest"])),
        ("trace_callMany", json!([[[call, ["trace"]], [call, ["stateDiff"]]], "latest"])),
        ("trace_rawTransaction", json!([raw(&known.next), types])),
        ("trace_replayTransaction", json!([hash, types])),
        ("trace_replayBlockTransactions", json!(["0x8", ["trace"]])),
    ]
}

fn otterscan(known: &Known) -> Vec<(&'static str, Value)> {
    let hash = known.mined.last().expect("some were mined").tx_hash();
    vec![
        ("ots_getApiLevel", json!([])),
        ("ots_hasCode", json!([known.keeper, 9])),
        ("ots_getInternalOperations", json!([hash])),
        ("ots_getTransactionError", json!([known.mined[4].tx_hash()])),
        ("ots_traceTransaction", json!([hash])),
        ("ots_getBlockDetails", json!([8])),
        ("ots_getBlockDetailsByHash", json!([known.blocks[8]])),
        ("ots_getBlockTransactions", json!([8, 0, 2])),
        ("ots_searchTransactionsBefore", json!([address(1), 0, 3])),
        ("ots_searchTransactionsAfter", json!([address(1), 1, 3])),
        ("ots_getTransactionBySenderAndNonce", json!([address(1), 3])),
        ("ots_getContractCreator", json!([known.keeper])),
        ("erigon_getHeaderByNumber", json!([8])),
    ]
}

/// A request.
fn call(id: Value, method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })
}

/// A request that nobody waits for.
fn told(method: &str) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": [] })
}

/// Bodies that are more than one call, or less.
fn bodies(known: &Known) -> Vec<(&'static str, String)> {
    let number = |id: Value| call(id, "eth_blockNumber", json!([]));
    let filters = json!([
        call(json!(1), "eth_newFilter", json!([{ "address": known.keeper }])),
        call(json!(2), "eth_newBlockFilter", json!([])),
        call(json!(3), "eth_newPendingTransactionFilter", json!([])),
        call(json!(4), "eth_sendRawTransaction", json!([raw(&known.next)])),
        call(json!(5), "evm_mine", json!([])),
        call(json!(6), "eth_getFilterChanges", json!(["0x1"])),
        call(json!(7), "eth_getFilterChanges", json!(["0x2"])),
        call(json!(8), "eth_getFilterChanges", json!(["0x3"])),
        call(json!(9), "eth_getFilterLogs", json!(["0x1"])),
        call(json!(10), "eth_uninstallFilter", json!(["0x1"])),
    ]);
    let sent = json!([
        call(json!(1), "eth_sendRawTransaction", json!([raw(&known.next)])),
        call(json!(2), "eth_sendRawTransaction", json!([raw(&known.waiting[0])])),
        call(json!(3), "eth_sendRawTransaction", json!([raw(&known.mined[0])])),
    ]);
    let ids = json!([-1, 1.5, u64::MAX, true, null, "\u{0}é", [1], {}]);
    let ids: Vec<Value> = ids.as_array().into_iter().flatten().cloned().map(number).collect();
    let mixed = json!([told("eth_chainId"), 7, {}, number(json!("a")), [], null]);
    let large: Vec<Value> =
        (0..70).map(|id| call(json!(id), "eth_getBlockByNumber", json!(["0x8", true]))).collect();
    let named = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_getCode", "params": { "a": 1 } });
    vec![
        ("batch-filters", filters.to_string()),
        ("batch-sent", sent.to_string()),
        ("batch-ids", json!(ids).to_string()),
        ("batch-mixed", mixed.to_string()),
        ("batch-large", json!(large).to_string()),
        ("batch-empty", "[]".into()),
        ("notification", told("evm_mine").to_string()),
        ("named", named.to_string()),
        ("old", json!({ "id": 7, "method": "eth_chainId" }).to_string()),
        ("broken", "{\"jsonrpc\":\"2.0\",".into()),
    ]
}

/// A dictionary of libFuzzer: names of methods and fields, words, and values that are known.
fn dictionary(known: &Known) -> String {
    let mut words = BTreeSet::new();
    for (method, params) in calls(known) {
        words.insert(method.to_owned());
        collect(&params, &mut words);
    }
    let tags =
        ["latest", "pending", "safe", "finalized", "earliest", "newHeads", "logs", "syncing"];
    words.extend(tags.map(str::to_owned));
    let quoted = |word: &String| format!("\"\\\"{word}\\\"\"\n");
    let mut lines = String::from("# Written by examples/seeds.\n");
    words.iter().for_each(|word| lines += &quoted(word));
    for piece in ["{\\\"", "\\\":", ",{", "[[", "]]", "[]", "{}", "null", "true", "1e400", "-0"] {
        lines += &format!("\"{piece}\"\n");
    }
    lines
}

fn collect(value: &Value, words: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.len() <= 66 => drop(words.insert(text.clone())),
        Value::Array(all) => all.iter().for_each(|one| collect(one, words)),
        Value::Object(fields) => fields.iter().for_each(|(name, field)| {
            words.insert(name.clone());
            collect(field, words);
        }),
        _ => {}
    }
}

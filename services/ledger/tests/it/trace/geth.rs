//! `debug_trace*`.

use super::{World, number, parsed, world};
use crate::harness::{key, raw, word};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes, U256};
use chain::{AtBlock, ChainView, State};
use ledger::store::Snapshot;
use serde_json::{Value, json};

fn call_tracer() -> Value {
    json!({ "tracer": "callTracer", "tracerConfig": { "withLog": true } })
}

/// The frames of a call trace, each with its depth.
fn frames(root: &Value) -> Vec<(usize, Value)> {
    let (mut open, mut all) = (vec![(0, root.clone())], Vec::new());
    while let Some((depth, frame)) = open.pop() {
        let below = frame["calls"].as_array().cloned().unwrap_or_default();
        open.extend(below.into_iter().rev().map(|call| (depth + 1, call)));
        all.push((depth, frame));
    }
    all
}

#[actix_web::test]
async fn the_call_tracer_agrees_with_the_receipts() {
    let world = world().await;
    for ((name, transaction), receipt) in world.sent.iter().zip(&world.receipts) {
        let trace = world.traced(name, call_tracer()).await;
        assert_eq!(trace["gasUsed"], receipt["gasUsed"], "{name}: {trace}");
        assert_eq!(number(&trace["gas"]), world.gas_limit(name), "{name}");
        assert_eq!(trace["from"], receipt["from"], "{name}");
        let to = if receipt["to"].is_null() { &receipt["contractAddress"] } else { &receipt["to"] };
        assert_eq!(&trace["to"], to, "{name}");
        assert_eq!(trace["input"], json!(alloy_consensus::Transaction::input(transaction)));
        let failed = receipt["status"] == json!("0x0");
        assert_eq!(trace.get("error").is_some(), failed, "{name}: {trace}");
        let logs: Vec<Value> = frames(&trace)
            .iter()
            .flat_map(|(_, frame)| frame["logs"].as_array().cloned().unwrap_or_default())
            .map(|log| json!([log["address"], log["topics"], log["data"]]))
            .collect();
        let stored = receipt["logs"].as_array().unwrap().iter();
        let stored: Vec<Value> =
            stored.map(|log| json!([log["address"], log["topics"], log["data"]])).collect();
        assert_eq!(logs, stored, "{name}");
    }
}

#[actix_web::test]
async fn the_call_tracer_shows_who_called_whom_and_how_it_ended() {
    let world = world().await;
    let shape = |trace: &Value| -> Vec<(usize, String, String)> {
        frames(trace)
            .iter()
            .map(|(depth, frame)| {
                let told = |field: &str| frame[field].as_str().unwrap_or_default().to_owned();
                (*depth, told("type"), told("error"))
            })
            .collect()
    };
    for (name, expected) in [
        ("transfer", vec![(0, "CALL", "")]),
        ("nested", vec![(0, "CALL", ""), (1, "CALL", "")]),
        ("reverted", vec![(0, "CALL", "execution reverted"), (1, "CALL", "execution reverted")]),
        ("swallowed", vec![(0, "CALL", ""), (1, "CALL", "execution reverted")]),
        ("delegated", vec![(0, "CALL", ""), (1, "DELEGATECALL", "")]),
        ("static", vec![(0, "CALL", "execution reverted"), (1, "STATICCALL", "write protection")]),
        ("created", vec![(0, "CALL", ""), (1, "CREATE", "")]),
        ("ended", vec![(0, "CALL", ""), (1, "CREATE", ""), (2, "SELFDESTRUCT", "")]),
        ("identity", vec![(0, "CALL", ""), (1, "CALL", "")]),
        ("deployed", vec![(0, "CREATE", "")]),
    ] {
        let trace = world.traced(name, call_tracer()).await;
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(depth, kind, error)| (depth, kind.to_owned(), error.to_owned()))
            .collect();
        assert_eq!(shape(&trace), expected, "{name}: {trace}");
    }
    let reason = world.traced("reason", call_tracer()).await;
    assert_eq!(reason["calls"][0]["revertReason"], json!("price"));
    let refused = world.traced("refused", call_tracer()).await;
    assert_eq!(refused["revertReason"], json!("price"));
    assert!(refused["output"].as_str().unwrap().starts_with("0x08c379a0"), "{refused}");
    let created = world.traced("created", call_tracer()).await;
    assert_eq!(created["calls"][0]["value"], json!("0x3"));
    assert_eq!(created["calls"][0]["to"], json!(world.factory.create(1)));
    let top = json!({ "tracer": "callTracer", "tracerConfig": { "onlyTopCall": true } });
    assert_eq!(world.traced("nested", top).await.get("calls"), None);
}

/// The least that a transaction with this call data costs (EIP-7623).
fn floor(data: &[u8]) -> u64 {
    let tokens: u64 = data.iter().map(|byte| if *byte == 0 { 1 } else { 4 }).sum();
    21_000 + 10 * tokens
}

#[actix_web::test]
async fn the_opcode_log_adds_up_to_the_gas_of_the_receipt() {
    let world = world().await;
    for (name, transaction) in &world.sent {
        let trace = world.traced(name, json!({})).await;
        let receipt = world.receipt(name);
        let used = number(&receipt["gasUsed"]);
        assert_eq!(trace["gas"], json!(used), "{name}");
        assert_eq!(trace["failed"], json!(receipt["status"] == json!("0x0")), "{name}");
        let steps: Vec<&Value> = trace["structLogs"].as_array().unwrap().iter().collect();
        for pair in steps.windows(2).filter(|pair| pair[0]["depth"] == pair[1]["depth"]) {
            let gas = |step: &Value, field: &str| step[field].as_u64().unwrap();
            let left = gas(pair[0], "gas") - gas(pair[0], "gasCost");
            let is_call = ["CALL", "CREATE"].contains(&pair[0]["op"].as_str().unwrap());
            let next = gas(pair[1], "gas");
            // What a call did not use comes back, to a precompile without a step in between.
            assert!(next == left || is_call && next > left, "{name}: {pair:?}");
        }
        let Some(last) = steps.last() else { continue };
        assert_eq!(last["depth"], json!(1), "{name}");
        let left = last["gas"].as_u64().unwrap() - last["gasCost"].as_u64().unwrap();
        let refund = last["refund"].as_u64().unwrap_or(0);
        let spent = world.gas_limit(name) - left;
        let is_deployment = receipt["to"].is_null();
        if !is_deployment {
            let least = floor(alloy_consensus::Transaction::input(transaction));
            assert_eq!((spent - refund.min(spent / 5)).max(least), used, "{name}");
        }
    }
}

#[actix_web::test]
async fn the_opcode_log_keeps_what_its_options_say() {
    let world = world().await;
    let steps = |trace: &Value| trace["structLogs"].as_array().unwrap().clone();
    let plain = steps(&world.traced("nested", json!({})).await);
    let store = plain.iter().find(|step| step["op"] == json!("SSTORE")).unwrap();
    assert_eq!(store["stack"], json!(["0x7", "0x7", "0x0"]));
    assert_eq!(store["storage"], json!({ (B256::ZERO.to_string()): word(7) }));
    assert_eq!(store["depth"], json!(2));
    for (field, kept) in
        [("stack", true), ("storage", true), ("memory", false), ("returnData", false)]
    {
        assert_eq!(plain.iter().any(|step| step.get(field).is_some()), kept, "{field}");
    }
    let less = json!({ "disableStack": true, "disableStorage": true });
    let less = steps(&world.traced("nested", less).await);
    for field in ["stack", "storage"] {
        assert!(less.iter().all(|step| step.get(field).is_none()), "{field}");
    }
    let more = json!({ "enableMemory": true, "enableReturnData": true });
    let more = steps(&world.traced("identity", more).await);
    let end = more.last().unwrap();
    assert_eq!(end["returnData"], json!(Bytes::from_static(b"the same")));
    assert!(
        end["memory"][0].as_str().unwrap().contains(&alloy_primitives::hex::encode("the same"))
    );
    for (limit, expected) in [(5, 5), (10_000, plain.len()), (0, plain.len())] {
        let few = steps(&world.traced("nested", json!({ "limit": limit })).await);
        assert_eq!(few, plain[..expected], "{limit}");
    }
}

/// Sets what a state difference of the prestate tracer says.
fn apply(state: &mut State<AtBlock<'_, Snapshot>>, diff: &Value) {
    let (pre, post) = (diff["pre"].as_object().unwrap(), diff["post"].as_object().unwrap());
    for (address, old) in pre {
        let account: Address = address.parse().unwrap();
        let Some(new) = post.get(address) else {
            state.set_balance(account, U256::ZERO).unwrap();
            state.set_nonce(account, 0).unwrap();
            state.set_code(account, Bytes::new()).unwrap();
            continue;
        };
        let slots = old["storage"].as_object().into_iter().flatten();
        for (slot, _) in slots.filter(|(slot, _)| new["storage"].get(slot.as_str()).is_none()) {
            state.set_storage(account, slot.parse().unwrap(), U256::ZERO).unwrap();
        }
    }
    for (address, new) in post {
        let account: Address = address.parse().unwrap();
        if let Some(balance) = new.get("balance") {
            state.set_balance(account, parsed(balance)).unwrap();
        }
        if let Some(nonce) = new["nonce"].as_u64() {
            state.set_nonce(account, nonce).unwrap();
        }
        if let Some(code) = new.get("code") {
            state.set_code(account, parsed(code)).unwrap();
        }
        for (slot, value) in new["storage"].as_object().into_iter().flatten() {
            state.set_storage(account, slot.parse().unwrap(), parsed(value)).unwrap();
        }
    }
}

#[actix_web::test]
async fn the_differences_of_the_prestate_tracer_lead_to_the_state_root() {
    let world = world().await;
    let diff = json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } });
    let traces = world.node.rpc("debug_traceBlockByNumber", json!(["0x2", diff])).await;
    let diffs = traces.as_array().unwrap().iter().map(|trace| &trace["result"]);
    world.changes_lead_to_the_state_root(diffs, apply).await;
}

#[actix_web::test]
async fn the_prestate_is_the_state_that_the_transaction_found() {
    let world = world().await;
    let prestate = json!({ "tracer": "prestateTracer" });
    let snapshot = world.snapshot();
    let parent = snapshot.header(world.header.parent_hash).unwrap();
    let first = world.traced(world.sent[0].0, prestate.clone()).await;
    let source = AtBlock::new(&snapshot, world.header.parent_hash);
    let mut state = State::at(parent.state_root, source);
    for (address, found) in first.as_object().unwrap() {
        let account = state.account(address.parse().unwrap()).unwrap().expect(address);
        assert_eq!(parsed::<U256>(&found["balance"]), account.balance, "{address}");
        assert_eq!(found["nonce"].as_u64().unwrap_or_default(), account.nonce, "{address}");
    }
    let created = json!(world.factory.create(1));
    let created = created.as_str().unwrap();
    let found = world.traced("created", prestate.clone()).await;
    assert_eq!(found.get(created), None, "it was not there: {found}");
    let toggled = world.traced("cleared", prestate).await;
    let slots: Vec<Value> =
        toggled.as_object().unwrap().values().map(|one| one["storage"].clone()).collect();
    assert!(
        slots.contains(&json!({ (B256::ZERO.to_string()): B256::with_last_byte(1) })),
        "{toggled}"
    );
}

#[actix_web::test]
async fn a_block_is_traced_as_its_transactions_are() {
    let world = world().await;
    for options in [json!({}), call_tracer(), json!({ "tracer": "flatCallTracer" })] {
        let block = world.node.rpc("debug_traceBlockByNumber", json!(["0x2", options])).await;
        let by_hash = json!([world.header.hash(), options]);
        assert_eq!(world.node.rpc("debug_traceBlockByHash", by_hash).await, block);
        let rlp = Bytes::from(world.snapshot().block(world.header.hash()).unwrap().encode());
        assert_eq!(world.node.rpc("debug_traceBlock", json!([rlp, options])).await, block);
        for (trace, (name, transaction)) in block.as_array().unwrap().iter().zip(&world.sent) {
            assert_eq!(trace["txHash"], json!(transaction.tx_hash()));
            assert_eq!(trace["result"], world.traced(name, options.clone()).await, "{name}");
        }
    }
    let empty = world.node.mine().await;
    assert_eq!(world.node.rpc("debug_traceBlockByHash", json!([empty])).await, json!([]));
    let genesis = world.node.refusal("debug_traceBlockByNumber", json!(["0x9"])).await;
    assert_eq!(genesis, (-32_000, "block not found".into()));
}

#[actix_web::test]
async fn several_tracers_run_side_by_side() {
    let world = world().await;
    let tracers = json!({
        "callTracer": null,
        "4byteTracer": null,
        "flatCallTracer": {},
        "prestateTracer": { "diffMode": true },
        "noopTracer": {},
    });
    for (name, _) in &world.sent {
        let mux = json!({ "tracer": "muxTracer", "tracerConfig": tracers });
        let together = world.traced(name, mux).await;
        for (tracer, config) in tracers.as_object().unwrap() {
            let alone = json!({ "tracer": tracer, "tracerConfig": config });
            let alone = world.traced(name, alone).await;
            assert_eq!(together[tracer], alone, "{tracer} of {name}");
        }
        assert_eq!(together.as_object().unwrap().len(), 5);
    }
    let selectors = world.traced("refused", json!({ "tracer": "4byteTracer" })).await;
    assert_eq!(selectors, json!({ "0x12345678-1": 1 }));
    assert_eq!(world.traced("refused", json!({ "tracer": "noopTracer" })).await, json!({}));
}

#[actix_web::test]
async fn the_flat_tracer_leaves_precompiles_out_unless_asked() {
    let world = world().await;
    for (config, expected) in [(json!({}), 1), (json!({ "includePrecompiles": true }), 2)] {
        let options = json!({ "tracer": "flatCallTracer", "tracerConfig": config });
        let trace = world.traced("identity", options).await;
        assert_eq!(trace.as_array().unwrap().len(), expected, "{trace}");
        assert_eq!(trace[0]["result"]["gasUsed"], world.receipt("identity")["gasUsed"]);
        assert_eq!(trace[0]["transactionHash"], json!(world.hash("identity")));
    }
}

#[actix_web::test]
async fn a_call_is_traced_on_the_state_of_a_block() {
    let world = world().await;
    let data = Bytes::from(super::via(world.keeper, &[]));
    let call = json!({ "from": key(1).address(), "to": world.forward, "data": data });
    let kept = async |parameters: Value| world.node.rpc("debug_traceCall", parameters).await;
    let after = kept(json!([call, "0x2", call_tracer()])).await;
    assert_eq!(after["output"], json!(word(7)));
    assert_eq!(after["calls"][0]["to"], json!(world.keeper));
    let before = kept(json!([call, "0x1", call_tracer()])).await;
    assert_eq!(before["output"], json!(word(0)));
    let index = world.index("nested");
    for (at, expected) in [(index, 0), (index + 1, 7)] {
        let mut options = call_tracer();
        options["txIndex"] = json!(format!("{at:#x}"));
        let between = kept(json!([call, "0x2", options])).await;
        assert_eq!(between["output"], json!(word(expected)), "before transaction {at}");
    }
    let log = kept(json!([call, "latest"])).await;
    assert_eq!(log["failed"], json!(false));
    assert_eq!(log["gas"], json!(number(&after["gasUsed"])));
    let poor = json!([{ "from": world.keeper, "to": world.keeper, "value": "0x1" }, "latest", {}]);
    let (code, message) = world.node.refusal("debug_traceCall", poor).await;
    assert_eq!(code, -32_000);
    assert!(message.starts_with("tracing failed: insufficient funds"), "{message}");
}

#[actix_web::test]
async fn what_cannot_be_traced_is_refused_in_words() {
    let world: World = world().await;
    let transaction = world.hash("nested");
    for (method, parameters, expected) in [
        ("debug_traceTransaction", json!([B256::ZERO]), (-32_000, "transaction not found")),
        ("debug_traceBlockByNumber", json!(["0x0"]), (-32_000, "genesis is not traceable")),
        ("debug_traceBlockByHash", json!([B256::ZERO]), (-32_000, "block not found")),
        (
            "debug_traceTransaction",
            json!([transaction, { "tracer": "{ result: function() {} }" }]),
            (-32_000, "tracer not found"),
        ),
        (
            "debug_traceTransaction",
            json!([transaction, { "timeout": "soon" }]),
            (-32_602, "time: invalid duration \"soon\""),
        ),
        (
            "debug_traceTransaction",
            json!([transaction, { "tracer": "muxTracer", "tracerConfig": { "muxTracer": {} } }]),
            (-32_602, "a muxTracer runs no other"),
        ),
        (
            "debug_traceTransaction",
            json!([transaction, { "timeout": "1ns" }]),
            (-32_000, "execution timeout"),
        ),
    ] {
        let refused = world.node.refusal(method, parameters.clone()).await;
        assert_eq!(refused, (expected.0, expected.1.to_owned()), "{method} {parameters}");
    }
    let unsigned = raw(&world.sent[0].1);
    let (code, _) = world.node.refusal("debug_traceBlock", json!([unsigned])).await;
    assert_eq!(code, -32_602);
}

#[actix_web::test]
async fn the_storage_of_a_contract_is_listed_as_a_transaction_finds_it() {
    let world = world().await;
    let key = alloy_primitives::keccak256(B256::ZERO);
    let index = world.index("nested");
    let list = async |index: usize, start: B256, count: usize| {
        let asked = json!([world.header.hash(), index, world.keeper, start, count]);
        world.node.rpc("debug_storageRangeAt", asked).await
    };
    let none = json!({ "storage": {}, "nextKey": null });
    assert_eq!(list(index, B256::ZERO, 9).await, none);
    let slot = json!({ "key": B256::ZERO, "value": B256::with_last_byte(7) });
    let one = json!({ "storage": { (key.to_string()): slot }, "nextKey": null });
    assert_eq!(list(index + 1, B256::ZERO, 9).await, one);
    assert_eq!(list(index + 1, key, 9).await, one);
    assert_eq!(list(index + 1, B256::repeat_byte(0xff), 9).await, none);
    let cut = json!({ "storage": {}, "nextKey": key });
    assert_eq!(list(index + 1, B256::ZERO, 0).await, cut);
    let beyond = json!([world.header.hash(), 99, world.keeper, B256::ZERO, 9]);
    assert_eq!(world.node.refusal("debug_storageRangeAt", beyond).await.0, -32_000);
}

#[actix_web::test]
async fn the_accounts_that_a_block_changed_are_told() {
    let world = world().await;
    let changed = async |method: &str, blocks: Value| -> Vec<Address> {
        let method = format!("debug_getModifiedAccountsBy{method}");
        parsed(&world.node.rpc(&method, blocks).await)
    };
    let prestate = json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } });
    let traces = world.node.rpc("debug_traceBlockByNumber", json!(["0x2", prestate])).await;
    let mut expected = std::collections::BTreeSet::from([world.header.coinbase]);
    for trace in traces.as_array().unwrap() {
        let told = trace["result"]["post"].as_object().unwrap().keys();
        expected.extend(told.map(|address| address.parse::<Address>().unwrap()));
    }
    // What was set and cleared within the block is as it was.
    let toggled = world.sent[world.index("set")].1.to().unwrap();
    assert!(expected.remove(&toggled));
    let expected: Vec<Address> = expected.into_iter().collect();
    assert_eq!(changed("Number", json!(["0x2"])).await, expected);
    assert_eq!(changed("Number", json!(["0x1", "0x2"])).await, expected);
    assert_eq!(changed("Hash", json!([world.header.hash()])).await, expected);
    assert!(changed("Number", json!(["0x0", "0x2"])).await.contains(&world.keeper));
    let backwards = world.node.refusal("debug_getModifiedAccountsByNumber", json!(["0x2", "0x1"]));
    assert_eq!(backwards.await.0, -32_000);
}

#[actix_web::test]
async fn a_call_is_traced_as_if_state_and_block_were_others() {
    let world = world().await;
    let call = json!({ "to": world.keeper });
    let slots = json!({ (B256::ZERO.to_string()): B256::with_last_byte(5) });
    let kept = json!({ (world.keeper.to_string()): { "stateDiff": slots } });
    // Returns the height and the time of the block.
    let clock = json!({ "code": "0x435f524260205260405ff3" });
    let clock = json!({ (Address::repeat_byte(0xcc).to_string()): clock });
    let at = json!({ "number": "0x63", "time": "0x64" });
    let ask = json!({ "to": Address::repeat_byte(0xcc) });
    let both = [U256::from(0x63), U256::from(0x64)].map(|word| word.to_be_bytes::<32>()).concat();
    let moved = Address::repeat_byte(0xdd);
    let identity = json!({ "movePrecompileToAddress": moved });
    let identity = json!({ (Address::with_last_byte(4).to_string()): identity });
    let echo = json!({ "to": moved, "data": "0x0102" });
    let none = json!({});
    for (call, state, block, expected) in [
        (&call, &none, &none, word(7)),
        (&call, &kept, &none, word(5)),
        (&ask, &clock, &at, both.into()),
        (&echo, &identity, &none, Bytes::from_static(&[1, 2])),
    ] {
        let mut options = call_tracer();
        options["stateOverrides"] = state.clone();
        options["blockOverrides"] = block.clone();
        let traced = world.node.rpc("debug_traceCall", json!([call, "latest", options])).await;
        assert_eq!(traced["output"], json!(expected), "{state} {block}");
        let asked = json!([call, ["trace"], "latest", state, block]);
        let traced = world.node.rpc("trace_call", asked).await;
        assert_eq!(traced["output"], json!(expected), "{state} {block}");
    }
    let mut options = call_tracer();
    options["stateOverrides"] =
        json!({ (world.keeper.to_string()): { "state": {}, "stateDiff": {} } });
    let refused = world.node.refusal("debug_traceCall", json!([call, "latest", options])).await;
    assert!(refused.1.ends_with("has both 'state' and 'stateDiff'"), "{}", refused.1);
}

//! `trace_*`.

use super::{number, parsed, send, world};
use crate::harness::{creation_code, key, raw, word};
use alloy_primitives::{Address, B256, Bytes, U256};
use chain::{AtBlock, ChainView, State};
use ledger::store::Snapshot;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn list(value: &Value) -> Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list")).clone()
}

#[actix_web::test]
async fn the_traces_of_a_block_are_those_of_its_transactions_and_the_reward() {
    let world = world().await;
    let mut all = Vec::new();
    for (index, (name, transaction)) in world.sent.iter().enumerate() {
        let traces = list(&world.node.rpc("trace_transaction", json!([world.hash(name)])).await);
        for trace in &traces {
            assert_eq!(trace["transactionHash"], json!(transaction.tx_hash()), "{name}");
            assert_eq!(trace["transactionPosition"], json!(index), "{name}");
            assert_eq!(trace["blockNumber"], json!(2), "{name}");
            assert_eq!(trace["blockHash"], json!(world.header.hash()), "{name}");
        }
        all.extend(traces);
    }
    let mut block = list(&world.node.rpc("trace_block", json!(["0x2"])).await);
    let reward = block.pop().unwrap();
    assert_eq!(block, all);
    assert_eq!(reward["type"], json!("reward"));
    assert_eq!(reward["action"]["author"], json!(world.header.coinbase));
    assert_eq!(reward["action"]["rewardType"], json!("block"));
    let value = world.node.ledger.node().rules().reward;
    assert_eq!(reward["action"]["value"], json!(value));
    assert_eq!((&reward["result"], &reward["transactionHash"]), (&Value::Null, &Value::Null));
    let unknown = world.node.rpc("trace_transaction", json!([B256::ZERO])).await;
    assert_eq!(unknown, Value::Null);
}

#[actix_web::test]
async fn trace_addresses_form_a_tree() {
    let world = world().await;
    for (name, _) in &world.sent {
        let traces = list(&world.node.rpc("trace_transaction", json!([world.hash(name)])).await);
        let addresses: Vec<Vec<usize>> =
            traces.iter().map(|trace| parsed(&trace["traceAddress"])).collect();
        let known: BTreeSet<&Vec<usize>> = addresses.iter().collect();
        assert_eq!(known.len(), addresses.len(), "{name}: each is there once");
        assert!(addresses.is_sorted() && addresses[0].is_empty(), "{name}: {addresses:?}");
        for (trace, address) in traces.iter().zip(&addresses) {
            let children = addresses
                .iter()
                .filter(|other| other.len() == address.len() + 1 && other.starts_with(address));
            assert_eq!(trace["subtraces"], json!(children.count()), "{name} {address:?}");
            if let Some((last, above)) = address.split_last() {
                let elder = (0..*last).map(|index| [above, &[index]].concat());
                assert!(known.contains(&above.to_vec()), "{name} {address:?}");
                assert!(elder.into_iter().all(|one| known.contains(&one)), "{name} {address:?}");
            }
            let at = json!([
                world.hash(name),
                address.iter().map(|index| format!("{index:#x}")).collect::<Vec<_>>()
            ]);
            assert_eq!(&world.node.rpc("trace_get", at).await, trace, "{name} {address:?}");
        }
        let beyond = json!([world.hash(name), ["0x9"]]);
        assert_eq!(world.node.rpc("trace_get", beyond).await, Value::Null);
    }
}

#[actix_web::test]
async fn a_trace_tells_what_was_asked_and_answered() {
    let world = world().await;
    let traces = async |name: &str| {
        list(&world.node.rpc("trace_transaction", json!([world.hash(name)])).await)
    };
    let nested = traces("nested").await;
    assert_eq!(nested[1]["action"]["callType"], json!("call"));
    assert_eq!(nested[1]["action"]["from"], json!(world.forward));
    assert_eq!(nested[1]["action"]["to"], json!(world.keeper));
    assert_eq!(nested[1]["action"]["input"], json!(word(7)));
    let reverted = traces("reverted").await;
    assert!(reverted.iter().all(|trace| trace["error"] == json!("Reverted")), "{reverted:?}");
    let created = traces("created").await;
    assert_eq!(created[1]["type"], json!("create"));
    assert_eq!(created[1]["action"]["init"], json!(creation_code()));
    assert_eq!(created[1]["result"]["address"], json!(world.factory.create(1)));
    let ended = traces("ended").await;
    assert_eq!(ended[2]["type"], json!("suicide"));
    assert_eq!(ended[2]["action"]["refundAddress"], json!(world.factory));
    assert_eq!(ended[2]["action"]["balance"], json!("0x4"));
    let identity = traces("identity").await;
    assert_eq!(identity.len(), 1, "calls of precompiles are not told");
    let transfer = traces("transfer").await;
    assert_eq!(transfer[0]["result"]["gasUsed"], json!("0x0"), "what comes before is no part");
}

/// Sets what a state difference says.
fn apply(state: &mut State<AtBlock<'_, Snapshot>>, diff: &Value) {
    let new = |delta: &Value| -> Option<Value> {
        let delta = delta.as_object()?;
        match delta.iter().next().unwrap() {
            (kind, value) if kind == "+" => Some(value.clone()),
            (kind, change) if kind == "*" => Some(change["to"].clone()),
            (_, removed) => panic!("{removed} is gone"),
        }
    };
    for (address, account) in diff.as_object().unwrap() {
        let address: Address = address.parse().unwrap();
        if let Some(balance) = new(&account["balance"]) {
            state.set_balance(address, parsed(&balance)).unwrap();
        }
        if let Some(nonce) = new(&account["nonce"]) {
            state.set_nonce(address, number(&nonce)).unwrap();
        }
        if let Some(code) = new(&account["code"]) {
            state.set_code(address, parsed(&code)).unwrap();
        }
        for (slot, value) in account["storage"].as_object().unwrap() {
            let value: U256 = parsed(&new(value).unwrap());
            state.set_storage(address, slot.parse().unwrap(), value).unwrap();
        }
    }
}

#[actix_web::test]
async fn the_state_differences_lead_to_the_state_root() {
    let world = world().await;
    let told = world.node.rpc("trace_replayBlockTransactions", json!(["0x2", ["stateDiff"]])).await;
    let told = list(&told);
    for (one, (name, transaction)) in told.iter().zip(&world.sent) {
        assert_eq!(one["transactionHash"], json!(transaction.tx_hash()));
        assert_eq!((&one["trace"], &one["vmTrace"]), (&json!([]), &Value::Null), "{name}");
    }
    world.changes_lead_to_the_state_root(told.iter().map(|one| &one["stateDiff"]), apply).await;
    let created = &told[world.index("created")]["stateDiff"];
    let contract = &created[json!(world.factory.create(1)).as_str().unwrap()];
    assert_eq!(contract["balance"], json!({ "+": "0x3" }));
    assert_eq!(contract["nonce"], json!({ "+": "0x1" }));
    let factory = &created[json!(world.factory).as_str().unwrap()];
    assert_eq!(factory["balance"], json!("="));
    assert_eq!(factory["nonce"], json!({ "*": { "from": "0x1", "to": "0x2" } }));
}

#[actix_web::test]
async fn a_replayed_transaction_tells_what_is_asked_for() {
    let world = world().await;
    let all = json!(["trace", "vmTrace", "stateDiff"]);
    let block = world.node.rpc("trace_replayBlockTransactions", json!(["0x2", all])).await;
    for (one, (name, _)) in list(&block).iter().zip(&world.sent) {
        let alone = world.node.rpc("trace_replayTransaction", json!([world.hash(name), all])).await;
        assert_eq!(&alone, one, "{name}");
        let traces = world.node.rpc("trace_transaction", json!([world.hash(name)])).await;
        let fields = ["action", "result", "error", "subtraces", "traceAddress", "type"];
        for (trace, located) in list(&one["trace"]).iter().zip(list(&traces)) {
            for field in fields {
                assert_eq!(trace[field], located[field], "{field} of {name}");
            }
        }
    }
}

#[actix_web::test]
async fn the_instructions_show_what_each_left() {
    let world = world().await;
    let replayed = json!([world.hash("nested"), ["vmTrace"]]);
    let told = world.node.rpc("trace_replayTransaction", replayed).await;
    let outer = &told["vmTrace"];
    let code = world.node.rpc("eth_getCode", json!([world.forward, "latest"])).await;
    assert_eq!(outer["code"], code);
    let ops = list(&outer["ops"]);
    let calling: Vec<usize> = (0..ops.len()).filter(|at| !ops[*at]["sub"].is_null()).collect();
    assert_eq!(calling.len(), 1);
    let call = &ops[calling[0]];
    assert_eq!(call["op"], json!("CALL"));
    assert_eq!(call["ex"]["push"], json!(["0x1"]), "the callee succeeded");
    let inner = &call["sub"];
    let code = world.node.rpc("eth_getCode", json!([world.keeper, "latest"])).await;
    assert_eq!(inner["code"], code);
    let inner = list(&inner["ops"]);
    let find = |name: &str| inner.iter().find(|op| op["op"] == json!(name)).unwrap();
    assert_eq!(find("SSTORE")["ex"]["store"], json!({ "key": "0x0", "val": "0x7" }));
    assert_eq!(find("MSTORE")["ex"]["mem"], json!({ "off": 0, "data": word(7) }));
    let log = world.traced("nested", json!({})).await;
    let steps = list(&log["structLogs"]);
    for (depth, ops) in [(1, &ops), (2, &inner)] {
        let steps = steps.iter().filter(|step| step["depth"] == json!(depth));
        let steps: Vec<&Value> = steps.collect();
        assert_eq!(steps.len(), ops.len());
        for (at, op) in ops.iter().enumerate() {
            assert_eq!(op["pc"], steps[at]["pc"]);
            assert_eq!(op["cost"], steps[at]["gasCost"]);
            if let Some(next) = steps.get(at + 1) {
                assert_eq!(op["ex"]["used"], next["gas"], "{op}");
                let pushed = list(&op["ex"]["push"]);
                let stack = list(&next["stack"]);
                assert_eq!(stack[stack.len() - pushed.len()..], pushed, "{op}");
            }
        }
    }
}

#[actix_web::test]
async fn traces_are_found_by_range_and_address() {
    let world = world().await;
    let find = async |filter: Value| list(&world.node.rpc("trace_filter", json!([filter])).await);
    let all = [
        list(&world.node.rpc("trace_block", json!(["0x1"])).await),
        list(&world.node.rpc("trace_block", json!(["0x2"])).await),
    ]
    .concat();
    assert_eq!(find(json!({})).await, all);
    assert_eq!(find(json!({ "fromBlock": "0x1", "toBlock": "latest" })).await, all);
    let to_keeper = find(json!({ "toAddress": [world.keeper] })).await;
    let expected: Vec<Value> = all
        .iter()
        .filter(|one| {
            one["action"]["to"] == json!(world.keeper)
                || one["result"]["address"] == json!(world.keeper)
        })
        .cloned()
        .collect();
    assert!(expected.len() > 3);
    assert_eq!(to_keeper, expected);
    let (from, to) = (json!([world.forward]), json!([world.keeper]));
    let both = json!({ "fromAddress": from, "toAddress": to, "mode": "intersection" });
    let expected = expected.into_iter().filter(|one| one["action"]["from"] == json!(world.forward));
    assert_eq!(find(both).await, expected.collect::<Vec<_>>());
    let page = find(json!({ "after": 2, "count": 3 })).await;
    assert_eq!(page, all[2..5]);
    for (filter, expected) in [
        (json!({ "fromBlock": "0x2", "toBlock": "0x1" }), "invalid block range params"),
        (json!({ "fromBlock": B256::ZERO }), "unknown block"),
    ] {
        assert_eq!(world.node.refusal("trace_filter", json!([filter])).await.1, expected);
    }
}

#[actix_web::test]
async fn calls_and_raw_transactions_are_traced_before_they_are_sent() {
    let world = world().await;
    let head = world.node.head().await;
    let ask = json!({ "to": world.keeper });
    let put = json!({ "from": key(3).address(), "to": world.keeper, "data": word(3) });
    let one = world.node.rpc("trace_call", json!([ask, ["trace"], "latest"])).await;
    assert_eq!(one["output"], json!(word(7)));
    assert_eq!(one["trace"][0]["action"]["to"], json!(world.keeper));
    let calls = json!([[[put, ["stateDiff"]], [ask, ["trace"]]], "latest"]);
    let many = world.node.rpc("trace_callMany", calls).await;
    assert_eq!(many[1]["output"], json!(word(3)), "a call sees what the ones before did");
    assert!(many[0]["stateDiff"].get(json!(world.keeper).as_str().unwrap()).is_some());
    let too_many = vec![json!([ask, ["trace"]]); 101];
    let refused = world.node.refusal("trace_callMany", json!([too_many])).await;
    assert_eq!(refused, (-32_602, "too many calls: max 100".into()));

    let transaction = send(3, 0, Some(world.keeper), 0, &word(4));
    let types = json!(["trace", "stateDiff", "vmTrace"]);
    let foretold = json!([raw(&transaction), types]);
    let mut foretold = world.node.rpc("trace_rawTransaction", foretold).await;
    assert_eq!(world.node.head().await, head);
    world.node.confirm(&transaction).await;
    let hash = json!([transaction.tx_hash(), types]);
    let mut happened = world.node.rpc("trace_replayTransaction", hash).await;
    for told in [&mut foretold, &mut happened] {
        // The base fee of the two blocks is not the same.
        told["stateDiff"] = told["stateDiff"][json!(world.keeper).as_str().unwrap()].clone();
        told["transactionHash"] = Value::Null;
    }
    assert_eq!(foretold, happened);
    let snapshot = world.snapshot();
    assert_eq!(snapshot.head_header().unwrap().number, head + 1);
    assert!(snapshot.block(snapshot.head()).is_some());
    let unsigned: Bytes = word(1);
    assert_eq!(world.node.refusal("trace_rawTransaction", json!([unsigned, []])).await.0, -32_602);
}

//! The same transactions on our node and on Foundry's, and what both say about them.
//!
//! Both chains begin alike, so heights, fees and balances agree; hashes of blocks do not.

use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::time::timeout;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U64, U256, hex};
use bus::Bus;
use chain::GenesisSpec;
use client::{HttpRpc, JsonRpc};
use keys::SecretKey;
use ledger::Ledger;
use serde_json::{Map, Value, json};
use service::{Clock, Tick};
use testkit::Anvil;

const CHAIN_ID: u64 = 77_771;
/// Creates a contract from its call data and returns the address.
const FACTORY: &[u8] = &hex!("600e600a5f39600e5ff3" "365f5f37365f5ff05f5260205ff3");
/// Sends the value it got to the address in its call data, and says whether that worked.
const SPLITTER: &[u8] = &hex!("600f600a5f39600f5ff3" "5f5f5f5f345f355af15f5260205ff3");
/// Gas of each transaction and call.
const GAS: u64 = 5_000_000;
const MINED_WITHIN: Duration = Duration::from_secs(60);

/// Our node and theirs, with the same account funded.
struct Both {
    _directory: tempfile::TempDir,
    _anvil: Anvil,
    clock: Clock,
    ours: Arc<Ledger>,
    theirs: HttpRpc,
    key: SecretKey,
    nonce: u64,
}

async fn both() -> Both {
    let id = CHAIN_ID.to_string();
    let anvil = Anvil::start(&[
        "--hardfork",
        "osaka",
        "--steps-tracing",
        "--chain-id",
        &id,
        "--base-fee",
        "7",
        "--gas-limit",
        "120000000",
    ]);
    let anvil = anvil.unwrap();
    let theirs = HttpRpc::new(anvil.url()).unwrap();

    let (key, clock) = (SecretKey::from_hex(super::KEY).unwrap(), Clock::real());
    let directory = tempfile::tempdir().unwrap();
    let mut genesis = GenesisSpec::new(CHAIN_ID, clock.now().unsigned() - 600);
    genesis.fixed_difficulty = true;
    genesis.difficulty = U256::from(16);
    genesis.alloc.entry(key.address()).or_default().balance = U256::from(10).pow(U256::from(22));
    let parts = ledger::Parts {
        directory: directory.path().to_owned(),
        genesis,
        bus: Bus::in_process(),
        clock: clock.clone(),
        config: ledger::Config::default(),
    };
    let ours = ledger::start(parts).await.unwrap();
    Both { _directory: directory, _anvil: anvil, clock, ours, theirs, key, nonce: 0 }
}

impl Both {
    /// Has both nodes mine the same transaction.
    async fn send(&mut self, to: Option<Address>, value: u64, input: Bytes) -> TxEnvelope {
        let unsigned = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: self.nonce,
            gas_limit: GAS,
            max_fee_per_gas: 10_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
            to: to.map_or(TxKind::Create, TxKind::Call),
            value: U256::from(value),
            input,
            ..TxEip1559::default()
        };
        self.nonce += 1;
        let (r, s, odd) = self.key.sign(unsigned.signature_hash()).parts();
        let signature = Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), odd);
        let signed: TxEnvelope = unsigned.into_signed(signature).into();
        let raw = json!([Bytes::from(signed.encoded_2718())]);
        let receipt = json!([signed.tx_hash()]);
        self.ours.request("eth_sendRawTransaction", raw.clone()).await.unwrap();
        assert!(self.ours.tick(self.clock.now()).await.unwrap(), "a block was due");
        self.theirs.request("eth_sendRawTransaction", raw).await.unwrap();
        let mined = async {
            while self.ask_theirs("eth_getTransactionReceipt", &receipt).await.is_null() {
                actix_web::rt::task::yield_now().await;
            }
        };
        timeout(MINED_WITHIN, mined).await.expect("anvil mines what it gets");
        let [ours, theirs] = self.ask("eth_getTransactionReceipt", &receipt).await;
        for field in ["status", "gasUsed", "contractAddress"] {
            assert_eq!(ours[field], theirs[field], "{field}");
        }
        signed
    }

    async fn ask_theirs(&self, method: &str, params: &Value) -> Value {
        let answer = self.theirs.request(method, params.clone()).await;
        answer.unwrap_or_else(|error| panic!("anvil, {method} {params}: {error}"))
    }

    async fn ask(&self, method: &str, params: &Value) -> [Value; 2] {
        [self.ask_ours(method, params).await, self.ask_theirs(method, params).await]
    }

    async fn ask_ours(&self, method: &str, params: &Value) -> Value {
        let answer = self.ours.request(method, params.clone()).await;
        answer.unwrap_or_else(|error| panic!("{method} {params}: {error}"))
    }

    /// What both say, if it is not the same.
    async fn difference(&self, method: &str, params: Value) -> Option<String> {
        let [ours, theirs] = self.ask(method, &params).await;
        unlike(&format!("{method} {params}"), ours, theirs)
    }
}

/// What both say, if it is not the same but for what depends on the chain.
fn unlike(name: &str, mut ours: Value, mut theirs: Value) -> Option<String> {
    results(&mut ours, &|frame| limit_of_frame(frame, Side::Ours));
    results(&mut theirs, &|frame| limit_of_frame(frame, Side::Theirs));
    results(&mut theirs, &without_nobody);
    born(&mut theirs);
    for told in [&mut ours, &mut theirs] {
        leave_out_the_chain(told);
    }
    (ours != theirs).then(|| format!("{name}\nours   {ours}\ntheirs {theirs}"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Ours,
    Theirs,
}

/// What a tracer says of a transaction, or of each of a block.
fn results(told: &mut Value, change: &dyn Fn(&mut Map<String, Value>)) {
    match told {
        Value::Object(result) => change(result),
        Value::Array(block) => {
            let results = block.iter_mut().filter_map(|one| one.get_mut("result"));
            results.filter_map(Value::as_object_mut).for_each(change);
        }
        _ => {}
    }
}

/// Takes the gas out of callTracer's outermost frame: anvil tells what is left of the limit when
/// the code begins, geth the limit.
fn limit_of_frame(told: &mut Map<String, Value>, side: Side) {
    if told.contains_key("gasUsed") && told.contains_key("input") {
        let gas = told.remove("gas").unwrap();
        let gas: U64 = serde_json::from_value(gas).unwrap();
        match side {
            Side::Ours => assert_eq!(gas, U64::from(GAS)),
            Side::Theirs => assert!(gas < U64::from(GAS), "{gas}"),
        }
    }
}

/// Takes accounts that were not there before out of a prestate by address, as today's geth does.
fn without_nobody(told: &mut Map<String, Value>) {
    if told.keys().all(|name| name.parse::<Address>().is_ok()) {
        told.retain(|_, account| {
            let empty = account["balance"] == "0x0" && account["nonce"].is_null();
            !empty || account["code"].is_string()
        });
    }
}

/// Where a difference of the state gives ether to an account that was not there, Parity tells all
/// of the account as new, anvil the balance as changed.
fn born(told: &mut Value) {
    match told {
        Value::Array(all) => all.iter_mut().for_each(born),
        Value::Object(fields) => {
            let accounts = fields.get_mut("stateDiff").and_then(Value::as_object_mut);
            for account in accounts.into_iter().flat_map(Map::values_mut) {
                let changed = &account["balance"]["*"];
                if changed["from"] == "0x0" && account["code"] == "=" && account["nonce"] == "=" {
                    *account = json!({
                        "balance": { "+": changed["to"] }, "code": { "+": "0x" },
                        "nonce": { "+": "0x0" }, "storage": account["storage"],
                    });
                }
            }
        }
        _ => {}
    }
}

/// Takes gas and its use out of the outermost flat frame, as of [`limit_of_frame`]: what geth tells
/// of the transaction is told, less is told by anvil, of the code.
fn limit_of_flat_frame(ours: &mut Value, theirs: &mut Value, used: &Value) {
    let mut taken = |place: &str, name: &str| {
        let [ours, theirs] = [&mut *ours, &mut *theirs].map(|told| {
            let fields = told[0][place].as_object_mut().unwrap();
            serde_json::from_value::<U64>(fields.remove(name).unwrap()).unwrap()
        });
        assert!(theirs < ours, "{name}: {ours}, {theirs}");
        ours
    };
    assert_eq!(taken("action", "gas"), U64::from(GAS));
    assert_eq!(json!(taken("result", "gasUsed")), *used);
}

fn leave_out_the_chain(told: &mut Value) {
    match told {
        Value::Array(all) => all.iter_mut().for_each(leave_out_the_chain),
        Value::Object(fields) => {
            fields.remove("blockHash");
            fields.values_mut().for_each(leave_out_the_chain);
        }
        _ => {}
    }
}

fn init_code(owner: Address) -> Bytes {
    let artifact = std::fs::read_to_string(super::file("contracts/out/RecordAnchor.json")).unwrap();
    let artifact: Value = serde_json::from_str(&artifact).unwrap();
    let code: Bytes = serde_json::from_value(artifact["bytecode"].clone()).unwrap();
    [code.as_ref(), owner.into_word().as_slice()].concat().into()
}

/// `grantRole(bytes32,address)`
fn grant(role: B256, to: Address) -> Bytes {
    [&hex!("2f2ff15d")[..], role.as_slice(), to.into_word().as_slice()].concat().into()
}

#[actix_web::test]
async fn tracers_say_what_those_of_foundry_say() {
    let mut both = both().await;
    let owner = both.key.address();
    let deployed = both.send(None, 0, init_code(owner)).await;
    let anchor = owner.create(0);
    let granted = both.send(Some(anchor), 0, grant(B256::repeat_byte(5), owner)).await;
    // The other contract has another owner, so that it refuses ours.
    let stranger = Address::repeat_byte(0x51);
    let code = init_code(stranger);
    let factory = owner.create(both.nonce);
    both.send(None, 0, Bytes::from_static(FACTORY)).await;
    let made = both.send(Some(factory), 0, code).await;
    let other = factory.create(1);
    let refused = both.send(Some(other), 0, grant(B256::repeat_byte(6), owner)).await;
    let splitter = owner.create(both.nonce);
    both.send(None, 0, Bytes::from_static(SPLITTER)).await;
    let paid = both.send(Some(splitter), 7, stranger.into_word().0.into()).await;
    let plain = both.send(Some(stranger), 5, Bytes::new()).await;

    let sent = [deployed, granted, made, refused, paid, plain];
    let mut asked = of_transactions(&sent);
    // Anvil leaves creations out of this one, and adds the outermost frame to internal operations.
    for hash in [1, 3, 4, 5].map(|place: usize| sent[place].tx_hash()) {
        asked.push(("ots_traceTransaction", json!([hash])));
    }
    for contract in [anchor, other] {
        asked.push(("ots_getContractCreator", json!([contract])));
    }
    asked.push(("ots_getTransactionBySenderAndNonce", json!([owner, 3])));
    asked.push(("ots_getApiLevel", json!([])));
    asked.extend(of_blocks(owner, stranger));
    let split = json!({
        "from": owner, "to": splitter, "value": "0x7", "gas": U64::from(GAS),
        "input": stranger.into_word(),
    });
    let refuse = json!({
        "from": owner, "to": other, "gas": U64::from(GAS),
        "input": grant(B256::repeat_byte(6), owner),
    });
    asked.extend(of_calls(&[split, refuse]));
    let mut differences = Vec::new();
    for (method, params) in asked {
        differences.extend(both.difference(method, params).await);
    }
    differences.extend(otherwise_named(&both, &sent).await);
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

/// geth's tracers and what they are set to.
fn tracers() -> [Value; 9] {
    [
        json!({ "tracer": "callTracer" }),
        json!({ "tracer": "callTracer", "tracerConfig": { "withLog": true } }),
        json!({ "tracer": "callTracer", "tracerConfig": { "onlyTopCall": true } }),
        json!({ "tracer": "4byteTracer" }),
        json!({ "tracer": "noopTracer" }),
        json!({ "tracer": "prestateTracer" }),
        json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } }),
        json!({}),
        json!({ "enableMemory": true, "enableReturnData": true, "disableStorage": true }),
    ]
}

type Asked = Vec<(&'static str, Value)>;

fn of_transactions(sent: &[TxEnvelope]) -> Asked {
    let mut asked = Asked::new();
    for hash in sent.iter().map(TxEnvelope::tx_hash) {
        let debug = tracers().map(|options| ("debug_traceTransaction", json!([hash, options])));
        asked.extend(debug);
        asked.push(("trace_transaction", json!([hash])));
        asked.push(("ots_getTransactionError", json!([hash])));
    }
    asked
}

fn of_blocks(owner: Address, stranger: Address) -> Asked {
    let mut asked = Asked::new();
    for number in (1..=8).map(U64::from) {
        let debug = tracers().map(|options| ("debug_traceBlockByNumber", json!([number, options])));
        asked.extend(debug);
        asked.push(("trace_block", json!([number])));
        let kinds = json!(["trace", "stateDiff"]);
        asked.push(("trace_replayBlockTransactions", json!([number, kinds])));
    }
    let range = json!({ "fromBlock": "0x1", "toBlock": "0x8" });
    for more in [
        json!({}),
        json!({ "fromAddress": [owner] }),
        json!({ "toAddress": [stranger] }),
        json!({ "after": 2, "count": 3 }),
    ] {
        let mut filter = range.as_object().unwrap().clone();
        filter.extend(more.as_object().unwrap().clone());
        asked.push(("trace_filter", json!([filter])));
    }
    asked
}

fn of_calls(calls: &[Value]) -> Asked {
    // Anvil counts selectors of transactions only.
    let options = tracers().into_iter().filter(|options| options["tracer"] != "4byteTracer");
    let options: Vec<Value> = options.collect();
    let of =
        |call| options.iter().map(move |one| ("debug_traceCall", json!([call, "latest", one])));
    calls.iter().flat_map(of).collect()
}

/// What anvil answers under another name only: it has no `flatCallTracer`, whose frames are those
/// of `trace_transaction`, and it replays blocks, here of one transaction each.
async fn otherwise_named(both: &Both, sent: &[TxEnvelope]) -> Vec<String> {
    let mut differences = Vec::new();
    for hash in sent.iter().map(TxEnvelope::tx_hash) {
        let flat = json!([hash, { "tracer": "flatCallTracer" }]);
        let receipt = both.ask_theirs("eth_getTransactionReceipt", &json!([hash])).await;
        let [mut ours, mut theirs] = [
            both.ask_ours("debug_traceTransaction", &flat).await,
            both.ask_theirs("trace_transaction", &json!([hash])).await,
        ];
        limit_of_flat_frame(&mut ours, &mut theirs, &receipt["gasUsed"]);
        differences.extend(unlike(&format!("flatCallTracer {hash}"), ours, theirs));
        let kinds = json!(["trace", "stateDiff"]);
        let replayed = json!([receipt["blockNumber"], kinds]);
        let ours = both.ask_ours("trace_replayTransaction", &json!([hash, kinds])).await;
        let mut theirs = both.ask_theirs("trace_replayBlockTransactions", &replayed).await;
        let theirs = theirs[0].take();
        differences.extend(unlike(&format!("trace_replayTransaction {hash}"), ours, theirs));
    }
    differences
}

//! The same transactions on our node and on Foundry's, and what both say about them.
//!
//! Fees, heights and times of the two chains are not the same, so balances and places are left
//! out; everything else of a trace has to agree.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::time::timeout;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, hex};
use bus::Bus;
use chain::GenesisSpec;
use client::{HttpRpc, JsonRpc};
use keys::SecretKey;
use ledger::Ledger;
use serde_json::{Value, json};
use service::{Clock, Tick};
use testkit::{Process, Stream};

const CHAIN_ID: u64 = 77_771;
/// Creates a contract from its call data and returns the address.
const FACTORY: &[u8] = &hex!("600e600a5f39600e5ff3" "365f5f37365f5ff05f5260205ff3");
/// Sends the value it got to the address in its call data, and says whether that worked.
const SPLITTER: &[u8] = &hex!("600f600a5f39600f5ff3" "5f5f5f5f345f355af15f5260205ff3");
const ANVIL_STARTS_WITHIN: Duration = Duration::from_secs(60);
const MINED_WITHIN: Duration = Duration::from_secs(60);

/// Our node and theirs, with the same account funded.
struct Both {
    _directory: tempfile::TempDir,
    _anvil: Process,
    clock: Clock,
    ours: Arc<Ledger>,
    theirs: HttpRpc,
    key: SecretKey,
    nonce: u64,
}

async fn both() -> Both {
    let scope = testkit::tools().join("npm/node_modules/@foundry-rs");
    let packages = std::fs::read_dir(&scope).expect("./justw tools has run");
    let paths = packages.map(|entry| entry.unwrap().path().join("bin/anvil"));
    let program = paths.into_iter().find(|path| path.is_file()).expect("anvil is installed");
    let mut command = Command::new(program);
    command.args(["--host", "127.0.0.1", "--port", "0", "--hardfork", "osaka", "--steps-tracing"]);
    command.args(["--chain-id", &CHAIN_ID.to_string()]);
    let mut anvil = Process::start(command).unwrap();
    let listens = anvil.line_with(Stream::Out, "Listening on 127.0.0.1:", ANVIL_STARTS_WITHIN);
    let port = listens.unwrap().trim().rsplit(':').next().unwrap().to_owned();
    let theirs = HttpRpc::new(format!("http://127.0.0.1:{port}")).unwrap();

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
            gas_limit: 5_000_000,
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
        let ours = self.ours.request(method, params.clone()).await;
        let ours = ours.unwrap_or_else(|error| panic!("{method} {params}: {error}"));
        [ours, self.ask_theirs(method, params).await]
    }

    /// What both say, if it is not the same but for the fields that depend on the chain.
    async fn difference(&self, method: &str, params: Value) -> Option<String> {
        let [mut ours, mut theirs] = self.ask(method, &params).await;
        for told in [&mut ours, &mut theirs] {
            leave_out_the_chain(told);
            // Anvil tells what is left of the limit when the code begins, geth the limit.
            if let Some(frame) = told.as_object_mut().filter(|frame| frame.contains_key("gasUsed"))
            {
                frame.remove("gas");
            }
        }
        (ours != theirs).then(|| format!("{method} {params}\nours   {ours}\ntheirs {theirs}"))
    }
}

fn leave_out_the_chain(told: &mut Value) {
    match told {
        Value::Array(all) => all.iter_mut().for_each(leave_out_the_chain),
        Value::Object(fields) => {
            for of_the_chain in ["blockHash", "blockNumber", "balance"] {
                fields.remove(of_the_chain);
            }
            // An account of which only the balance is told: it was paid, or was not there before.
            fields.values_mut().for_each(leave_out_the_chain);
            fields.retain(|_, value| value != &json!({}));
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

    let mut asked: Vec<(&str, Value)> = Vec::new();
    for sent in [&deployed, &granted, &made, &refused, &paid, &plain] {
        let hash = sent.tx_hash();
        for options in [
            json!({ "tracer": "callTracer" }),
            json!({ "tracer": "callTracer", "tracerConfig": { "withLog": true } }),
            json!({ "tracer": "callTracer", "tracerConfig": { "onlyTopCall": true } }),
            json!({ "tracer": "4byteTracer" }),
            json!({ "tracer": "noopTracer" }),
            json!({ "tracer": "prestateTracer", "tracerConfig": { "diffMode": true } }),
            json!({}),
            json!({ "enableMemory": true, "enableReturnData": true, "disableStorage": true }),
        ] {
            asked.push(("debug_traceTransaction", json!([hash, options])));
        }
        asked.push(("trace_transaction", json!([hash])));
        asked.push(("ots_getTransactionError", json!([hash])));
    }
    // Anvil leaves creations out of this one, and adds the outermost frame to internal operations.
    for sent in [&granted, &refused, &paid, &plain] {
        asked.push(("ots_traceTransaction", json!([sent.tx_hash()])));
    }
    for contract in [anchor, other] {
        asked.push(("ots_getContractCreator", json!([contract])));
    }
    asked.push(("ots_getTransactionBySenderAndNonce", json!([owner, 3])));
    asked.push(("ots_getApiLevel", json!([])));
    let mut differences = Vec::new();
    for (method, params) in asked {
        differences.extend(both.difference(method, params).await);
    }
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

//! The whole way on the real contracts: what the market sends is executed in an EVM, and what their
//! logs say is what the market then believes.

use alloy_consensus::Transaction;
use contracts::bindings::EnergyMarket;
use contracts::{Address, Bytes, Call, Genesis, Policy, Roles, SolCall, U256};
use events::Envelope;
use events::ledger::{BlockDisconnected, Log};
use reqwest::StatusCode;
use revm::context::result::ExecutionResult;
use revm::context::{Context, TxEnv};
use revm::database::InMemoryDB;
use revm::primitives::TxKind;
use revm::primitives::hardfork::SpecId;
use revm::{Database, DatabaseCommit, ExecuteEvm, MainBuilder, MainContext};
use serde_json::json;
use service::Tick;
use units::Money;

use crate::http::*;
use crate::service::{connected, known};
use crate::town::*;

/// What one account deposits.
pub const CASH: i64 = 1_000_000_000;
/// Holds every role but the clearer's.
const OPERATOR: Address = Address::repeat_byte(0x0f);

/// A chain with our contracts and nobody else.
pub struct Evm {
    db: InMemoryDB,
    pub now: u64,
}

impl Evm {
    /// The contracts of the town, with its policy, in the morning.
    fn new() -> Evm {
        Evm::with(&config().policy)
    }

    /// The same with another policy.
    pub fn with(policy: &Policy) -> Evm {
        let roles = Roles {
            admin: OPERATOR,
            clearer: clearer().address(),
            reconciler: OPERATOR,
            policy: OPERATOR,
            minter: OPERATOR,
            reading_anchor: OPERATOR,
            record_anchor: OPERATOR,
            installers: Vec::new(),
            enroller: OPERATOR,
            pauser: OPERATOR,
            certifier: OPERATOR,
        };
        let genesis = Genesis::new(Address::repeat_byte(0xd0), &roles, &testkit::settings(86_400));
        assert_eq!(genesis.deployment, deployment());
        let mut evm = Evm { db: InMemoryDB::default(), now: morning().unsigned() };
        for deploy in genesis.deploys {
            evm.run(deploy.from, TxKind::Create, deploy.init_code, 16_000_000);
        }
        for call in genesis.calls {
            evm.call(call.from, Call { to: call.to, data: call.data });
        }
        evm.call(OPERATOR, deployment().register_policy(policy));
        evm.call(OPERATOR, deployment().approve_market(U256::MAX));
        evm
    }

    pub fn call(&mut self, from: Address, call: Call) -> Vec<Log> {
        self.run(from, TxKind::Call(call.to), call.data, 16_000_000)
    }

    /// Executes a transaction that must succeed within `gas`; its logs.
    pub fn run(&mut self, from: Address, kind: TxKind, data: Bytes, gas: u64) -> Vec<Log> {
        match self.execute(from, kind, data, gas) {
            ExecutionResult::Success { logs, .. } => logs
                .into_iter()
                .map(|log| Log {
                    address: log.address,
                    topics: log.data.topics().to_vec(),
                    data: log.data.data,
                    transaction: contracts::B256::ZERO,
                    index: 0,
                })
                .collect(),
            other => panic!("a transaction failed: {other:?}"),
        }
    }

    fn execute(&mut self, from: Address, kind: TxKind, data: Bytes, gas: u64) -> ExecutionResult {
        let nonce = self.db.basic(from).unwrap().unwrap_or_default().nonce;
        let tx = TxEnv::builder()
            .caller(from)
            .kind(kind)
            .data(data)
            .nonce(nonce)
            .gas_limit(gas)
            .chain_id(Some(CHAIN_ID))
            .build()
            .unwrap();
        let now = self.now;
        let mut evm = Context::mainnet()
            .with_db(&mut self.db)
            .modify_cfg_chained(|cfg| {
                cfg.chain_id = CHAIN_ID;
                cfg.set_spec_and_mainnet_gas_params(SpecId::OSAKA);
            })
            .modify_block_chained(|block| block.timestamp = U256::from(now))
            .build_mainnet();
        let executed = evm.transact(tx).unwrap();
        self.db.commit(executed.state);
        executed.result
    }

    /// The free cash of an account, as the contract has it.
    pub fn free(&mut self, account: Address) -> i64 {
        let data = EnergyMarket::freeCall { account }.abi_encode();
        let to = TxKind::Call(deployment().market);
        let answer = self.execute(Address::repeat_byte(1), to, data.into(), 1_000_000);
        let free = EnergyMarket::freeCall::abi_decode_returns(answer.output().unwrap()).unwrap();
        i64::try_from(free).unwrap()
    }

    /// Gives an account free cash.
    pub fn fund(&mut self, account: Address) -> Vec<Log> {
        let (amount, payment) = (Money::from_n(CASH), alloy_primitives::keccak256(account));
        let mint = deployment().mint(OPERATOR, amount, payment).unwrap();
        self.call(OPERATOR, mint);
        self.call(OPERATOR, deployment().deposit_for(account, amount, payment).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contracts_settle_what_the_market_cleared_and_the_market_believes_them() {
    let running = start().await;
    let mut evm = Evm::new();
    let names: Vec<String> =
        (0..40).flat_map(|n| [format!("buyer {n}"), format!("seller {n}")]).collect();
    for envelope in known(&names) {
        running.bus.publish(&envelope).await.unwrap();
    }
    let deposits = names.iter().flat_map(|name| evm.fund(neighbour(name).address())).collect();
    running.bus.publish(&connected(1, 1, deposits)).await.unwrap();
    let desk = running.market.desks()[0].clone();
    for n in 0..40 {
        let buy = neighbour(&format!("buyer {n}")).buy(100 + 7 * n, 250_000 + 100 * n);
        let sell = neighbour(&format!("seller {n}")).sell(103 + 7 * n, 100_000 + 100 * n);
        desk.place(buy).await.unwrap();
        desk.place(sell).await.unwrap();
    }
    let gate = at("2026-06-01T09:45:00Z");
    running.hand.move_to(gate);
    running.market.tick(gate).await.unwrap();
    running.market.drain(gate).await.unwrap();
    let sent = running.node.taken();
    assert_eq!(sent.len(), 3, "clear, a full batch of fills, the rest");

    // The keenest buyer takes the money away between clearing and settlement.
    evm.now = gate.unsigned();
    let gone = neighbour("buyer 39").address();
    let all = deployment().request_withdrawal(Money::from_n(CASH)).unwrap();
    let mut logs = evm.call(gone, all);
    for transaction in &sent {
        let to = TxKind::Call(transaction.to().unwrap());
        let (data, gas) = (transaction.input().clone(), transaction.gas_limit());
        logs.extend(evm.run(clearer().address(), to, data, gas));
    }
    running.bus.publish(&connected(2, 2, logs)).await.unwrap();

    let book = desk.book().await;
    let cleared = book.slot(slot().start).unwrap().cleared.clone().unwrap();
    assert!(cleared.trades.len() > contracts::BATCH_FILLS, "{}", cleared.trades.len());
    let mut skipped = 0;
    for trade in &cleared.trades {
        let buyer = book.order(trade.buy).unwrap().terms.account;
        let expected = if buyer == gone { "skipped" } else { "settled" };
        assert_eq!(book.settlement(trade.trade), expected);
        skipped += u32::from(buyer == gone);
    }
    assert!(skipped > 0, "the keenest buyer had traded");
    for name in &names {
        let wallet = book.wallet(neighbour(name).address());
        assert_eq!(wallet.held(), Money::ZERO, "{name}");
        assert_eq!(wallet.tradable().n(), evm.free(neighbour(name).address()), "{name}");
    }
    drop(book);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_its_account_cancels_on_chain_leaves_the_book() {
    let running = start().await;
    let mut evm = Evm::new();
    for envelope in known(&NAMES) {
        running.bus.publish(&envelope).await.unwrap();
    }
    let b1 = neighbour("b1");
    running.bus.publish(&connected(1, 1, evm.fund(b1.address()))).await.unwrap();
    let (sent, signed, later) = (b1.buy(100, 200_000), b1.buy(110, 200_000), b1.buy(120, 200_000));
    for order in [&sent, &signed] {
        assert_eq!(running.place("b1", body(order)).await.0, StatusCode::CREATED);
    }
    // One by the account's own transaction, two that it signed and anyone can send.
    let mut logs = evm.call(b1.address(), deployment().cancel(sent.terms.nonce));
    for order in [&signed, &later] {
        let (address, nonce) = (b1.address(), order.terms.nonce);
        let hash = contracts::requests::cancel(CHAIN_ID, deployment().market, address, nonce);
        let signature: Bytes = b1.key.sign(hash).as_bytes().to_vec().into();
        logs.extend(evm.call(OPERATOR, deployment().cancel_for(address, nonce, signature)));
    }
    let block = connected(2, 1, logs);
    running.bus.publish(&block).await.unwrap();
    running.bus.publish(&block).await.unwrap();

    let orders = running.get("b1", "/v1/orders").await;
    for order in orders["items"].as_array().unwrap() {
        let shown = ["status", "cancelled_by"].map(|field| order[field].as_str());
        assert_eq!(shown, [Some("cancelled"), Some("chain")], "{order}");
    }
    let market = running.get("b1", "/v1/market").await;
    assert_eq!(market["cash"]["held"], json!("0"));
    let refused = running.place("b1", body(&later)).await.1;
    assert_eq!(refused["code"], json!("NONCE"));
    running.market.drain(morning()).await.unwrap();
    let cancelled: Vec<_> =
        running.reader.news().iter().map(|(_, told)| told["order"].clone()).collect();
    assert_eq!(cancelled, [sent.id, signed.id].map(|id| json!(id)));

    // The block leaves the best branch: the orders stay cancelled.
    let gone =
        BlockDisconnected { sequence: 3, number: 2, hash: block_hash(2), parent: block_hash(1) };
    running.bus.publish(&Envelope::of(&gone, "3", morning())).await.unwrap();
    let hash = running.market.desks()[0].book().await.hash();
    assert_eq!(running.place("b1", body(&later)).await.1["code"], json!("NONCE"));
    assert_eq!(running.place("b1", body(&sent)).await.1["status"], json!("cancelled"));
    let again = start_on(running.stop().await).await;
    assert_eq!(again.market.desks()[0].book().await.hash(), hash);
    again.stop().await;
}

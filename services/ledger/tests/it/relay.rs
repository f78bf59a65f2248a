//! The relay of another service on this node: each transaction once, whatever happens to it.

use crate::harness::{CHAIN_ID, Setup, TestNode, key, node_with_contract, sign_with, word};
use alloy_consensus::{Transaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, TxKind};
use async_trait::async_trait;
use chain::PoolLimits;
use client::{
    ATTEMPTS_SCHEMA, JsonRpc, Outcome, QueueQuery, QueuedTransaction, Relay, RelayQueue, RpcError,
    SCHEMA, Sender, Transaction, TransactionStatus, fees, outcome_of,
};
use db::{Db, Migration, Row, query};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::Notify;

const MIGRATIONS: [Migration; 2] =
    [Migration { version: 1, sql: SCHEMA }, Migration { version: 2, sql: ATTEMPTS_SCHEMA }];

struct Service {
    db: Db,
    relay: Relay,
    sender: Arc<Sender>,
    directory: TempDir,
}

async fn open(directory: &Path, migrations: &[Migration]) -> Db {
    let url = format!("sqlite:{}", directory.join("service.db").display());
    Db::open(&url, migrations).await.unwrap()
}

impl Service {
    async fn on(node: &TestNode) -> Self {
        Self::at(tempfile::tempdir().unwrap(), node.ledger.clone()).await
    }

    /// The service on what `directory` holds of it.
    async fn at(directory: TempDir, node: Arc<dyn JsonRpc>) -> Self {
        let db = open(directory.path(), &MIGRATIONS).await;
        let sender = Arc::new(Sender::new(key(2), CHAIN_ID));
        let relay = Relay::new(db.clone(), node, sender.clone());
        Self { db, relay, sender, directory }
    }

    async fn enqueue(&self, cause: &str, to: Address, kept: u64) {
        let (cause, sender) = (cause.to_owned(), self.sender.clone());
        let transaction = Transaction { cause, to, data: word(kept), gas: 200_000 };
        let work = self.db.transact::<_, Fault, _>(move |tx| {
            Box::pin(async move { sender.enqueue(tx, &transaction).await.map_err(Fault) })
        });
        work.await.unwrap();
    }

    async fn outcome(&self, cause: &str) -> Outcome {
        outcome_of(&self.db, cause).await.unwrap().unwrap()
    }

    async fn queue(&self) -> RelayQueue {
        self.relay.queue(QueueQuery::default(), None, 100).await.unwrap().unwrap()
    }

    async fn queued(&self, cause: &str) -> QueuedTransaction {
        let mut items = self.queue().await.items.into_iter();
        items.find(|item| item.cause == cause).unwrap()
    }

    /// The attempts of all causes as they were signed, in nonce order.
    async fn signed(&self) -> Vec<TxEnvelope> {
        let sql = "select made.raw from chain_attempt made join chain_tx on chain_tx.cause = \
                   made.cause order by chain_tx.nonce, made.number";
        let rows = query(sql).fetch_all(self.db.read()).await.unwrap();
        let decoded = rows
            .iter()
            .map(|row| TxEnvelope::decode_2718(&mut row.get::<Vec<u8>, _>(0).as_slice()).unwrap());
        decoded.collect()
    }
}

#[derive(Debug)]
struct Fault(#[expect(dead_code, reason = "shown when a test fails")] anyhow::Error);

impl From<db::DbError> for Fault {
    fn from(error: db::DbError) -> Self {
        Self(error.into())
    }
}

/// How many transactions of the service blocks have.
async fn executed(node: &TestNode) -> u64 {
    node.number("eth_getTransactionCount", json!([key(2).address(), "latest"])).await
}

/// The head, its hash.
fn head(node: &TestNode) -> B256 {
    node.ledger.node().snapshot().unwrap().head_header().unwrap().hash()
}

/// Blocks of another miner, with nothing of ours in them.
fn pass_blocks(node: &TestNode, count: u64) {
    for _ in 0..count {
        node.pass(1);
        let block = node.competing(head(node), &[]);
        assert!(node.import(&block).unwrap().is_some());
    }
}

#[actix_web::test]
async fn a_transaction_that_a_reorganisation_took_away_is_mined_again() {
    let (_setup, node, contract) = node_with_contract().await;
    let service = Service::on(&node).await;
    let fork = head(&node);
    service.enqueue("good", contract, 7).await;
    service.enqueue("bad", contract, 0).await;
    assert_eq!(service.relay.round().await.unwrap(), 2);
    assert_eq!(service.relay.round().await.unwrap(), 2, "a repeat changes nothing");
    node.tick().await;
    assert_eq!(service.relay.round().await.unwrap(), 0);
    assert_eq!(service.outcome("good").await, Outcome::Confirmed);
    assert_eq!(service.outcome("bad").await, Outcome::Reverted);

    let first = node.competing(fork, &[]);
    node.import(&first).unwrap();
    let second = node.competing(first.hash(), &[]);
    assert!(node.import(&second).unwrap().is_some());
    assert_eq!(service.relay.round().await.unwrap(), 2);
    assert_eq!(service.outcome("good").await, Outcome::Pending);
    node.tick().await;
    for _ in 0..5 {
        node.mine().await;
    }
    assert_eq!(service.relay.round().await.unwrap(), 0);
    assert_eq!(service.outcome("good").await, Outcome::Confirmed);
    let call = json!([{ "to": contract }, "latest"]);
    assert_eq!(node.rpc("eth_call", call).await, json!(word(7)));
    assert_eq!(executed(&node).await, 2);
    assert_eq!(service.signed().await.len(), 2, "the same bytes were sent again");
}

#[actix_web::test]
async fn a_transaction_whose_cap_fell_below_the_base_fee_is_replaced_and_gets_in_once() {
    let mut setup = Setup::default();
    (setup.genesis.gas_limit, setup.genesis.base_fee) = (1_000_000, 1_000_000_000);
    let node = setup.start().await;
    let service = Service::on(&node).await;
    service.enqueue("late", Address::repeat_byte(1), 7).await;
    assert_eq!(service.relay.round().await.unwrap(), 1);
    let cap = service.queued("late").await.attempts[0].max_fee_per_gas;

    // Others fill blocks; after each the base fee is an eighth higher.
    let mut nonce = 0;
    while node.number("eth_gasPrice", json!([])).await <= cap {
        let filler = sign_with(1, |one| TxEip1559 {
            nonce,
            gas_limit: 1_000_000,
            max_fee_per_gas: 1_000_000_000_000,
            to: TxKind::Call(Address::ZERO),
            input: vec![1; 24_000].into(),
            ..one
        });
        node.pass(1);
        let block = node.competing(head(&node), &[filler]);
        assert!(node.import(&block).unwrap().is_some());
        nonce += 1;
        assert!(nonce < 20, "blocks are not full");
    }
    assert!(!node.tick().await, "its cap keeps it out");
    assert_eq!(service.relay.round().await.unwrap(), 1);
    assert!(node.tick().await, "a better one is there");
    assert_eq!(service.relay.round().await.unwrap(), 0);

    let late = service.queued("late").await;
    assert_eq!((late.status, late.attempts.len()), (TransactionStatus::Confirmed, 2));
    assert_eq!(late.hash.as_ref(), Some(&late.attempts[1].hash));
    assert!(late.attempts[1].max_fee_per_gas > cap);
    assert_eq!((late.waited_blocks, executed(&node).await), (Some(nonce + 1), 1));
    let [first, second] = &service.signed().await[..] else { panic!("two were signed") };
    assert_eq!(
        (first.nonce(), first.to(), first.input()),
        (second.nonce(), second.to(), second.input())
    );
}

#[actix_web::test]
async fn a_transaction_that_a_full_pool_put_out_offers_more_and_gets_in() {
    let limits = PoolLimits { count_max: 2, ..PoolLimits::default() };
    let setup = Setup::with_config(|config| config.pool = limits);
    let node = setup.start().await;
    let service = Service::on(&node).await;
    service.enqueue("poor", Address::repeat_byte(1), 7).await;
    assert_eq!(service.relay.round().await.unwrap(), 1);
    let first = service.signed().await[0].clone();
    for signer in [1, 3] {
        let rich = |one| TxEip1559 {
            max_priority_fee_per_gas: 1_400_000,
            to: TxKind::Call(Address::ZERO),
            ..one
        };
        node.send(&sign_with(signer, rich)).await;
    }
    let known = |hash: B256| node.ledger.node().pool().get(&hash).is_some();
    assert!(!known(*first.tx_hash()), "it was put out");

    service.relay.round().await.unwrap();
    assert!(!known(*service.signed().await[1].tx_hash()), "a quarter more is not enough");
    service.relay.round().await.unwrap();
    assert!(known(*service.signed().await[2].tx_hash()), "another quarter is");
    service.relay.round().await.unwrap();
    node.tick().await;
    assert_eq!(service.relay.round().await.unwrap(), 0);
    let poor = service.queued("poor").await;
    assert_eq!((poor.attempts.len(), executed(&node).await), (3, 1));
    assert_eq!(poor.hash.as_ref(), Some(&poor.attempts[2].hash));
}

#[actix_web::test]
async fn a_reorganisation_that_brings_another_attempt_in_changes_only_which_one_counts() {
    let (_setup, node, contract) = node_with_contract().await;
    let service = Service::on(&node).await;
    service.enqueue("wanted", contract, 7).await;
    service.relay.round().await.unwrap();
    pass_blocks(&node, fees::BLOCKS_WAITED_MAX - 1);
    service.relay.round().await.unwrap();
    assert_eq!(service.signed().await.len(), 1, "it has not waited for long");
    pass_blocks(&node, 1);
    service.relay.round().await.unwrap();
    let signed = service.signed().await;
    assert_eq!(signed.len(), 2, "it offers more");

    let fork = head(&node);
    assert!(node.tick().await);
    assert_eq!(service.relay.round().await.unwrap(), 0);
    let hash = |attempt: usize| Some(signed[attempt].tx_hash().to_string());
    assert_eq!(service.queued("wanted").await.hash, hash(1));

    // Another miner never heard of the second attempt.
    let first = node.competing(fork, &signed[..1]);
    node.import(&first).unwrap();
    let second = node.competing(first.hash(), &[]);
    assert!(node.import(&second).unwrap().is_some());
    assert_eq!(service.relay.round().await.unwrap(), 0);
    let wanted = service.queued("wanted").await;
    assert_eq!((wanted.hash, wanted.status), (hash(0), TransactionStatus::Confirmed));
    assert_eq!(wanted.block, Some(first.header.number));

    for _ in 0..5 {
        node.mine().await;
    }
    assert_eq!(service.relay.round().await.unwrap(), 0);
    let wanted = service.queued("wanted").await;
    assert_eq!((wanted.hash, wanted.status), (hash(0), TransactionStatus::Final));
    assert_eq!((service.signed().await.len(), executed(&node).await), (2, 1));
}

/// A line to the node on which nothing that is sent arrives: whoever sends hangs.
struct Cut {
    node: Arc<dyn JsonRpc>,
    sending: Notify,
}

#[async_trait]
impl JsonRpc for Cut {
    async fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        if method == "eth_sendRawTransaction" {
            self.sending.notify_one();
            std::future::pending::<()>().await;
        }
        self.node.request(method, params).await
    }
}

#[actix_web::test]
async fn a_crash_between_signing_and_sending_leaves_one_attempt_that_is_sent_later() {
    let (_setup, node, contract) = node_with_contract().await;
    let cut = Arc::new(Cut { node: node.ledger.clone(), sending: Notify::new() });
    let service = Service::at(tempfile::tempdir().unwrap(), cut.clone()).await;
    service.enqueue("once", contract, 7).await;
    tokio::select! {
        _ = service.relay.round() => panic!("nothing can be sent"),
        () = cut.sending.notified() => {}
    }
    let signed = service.signed().await;
    assert_eq!(signed.len(), 1, "it is on disk before it is sent");
    assert!(node.ledger.node().pool().is_empty());
    let Service { db, directory, .. } = service;
    db.close().await;

    let service = Service::at(directory, node.ledger.clone()).await;
    assert_eq!(service.relay.round().await.unwrap(), 1);
    node.tick().await;
    assert_eq!(service.relay.round().await.unwrap(), 0);
    assert_eq!(service.signed().await, signed, "the very same was sent");
    assert_eq!(service.queued("once").await.hash, Some(signed[0].tx_hash().to_string()));
    assert_eq!(executed(&node).await, 1);
}

#[actix_web::test]
async fn what_a_pool_loses_leaves_no_gap() {
    let (_setup, node, contract) = node_with_contract().await;
    let service = Service::on(&node).await;
    for number in 1..=5 {
        service.enqueue(&format!("cause {number}"), contract, number).await;
        service.enqueue(&format!("cause {number}"), contract, 9).await;
    }
    assert_eq!(service.relay.round().await.unwrap(), 5);
    let nonces: Vec<u64> = service.signed().await.iter().map(|one| one.nonce()).collect();
    assert_eq!(nonces, [0, 1, 2, 3, 4]);
    for lost in [3, 0] {
        let hash = *service.signed().await[lost].tx_hash();
        node.ledger.node().pool().remove(hash).unwrap();
    }
    assert_eq!(node.ledger.node().pool().pending_len(), 0, "all that are left are behind a gap");
    assert_eq!(service.relay.round().await.unwrap(), 5);
    assert_eq!(node.ledger.node().pool().pending_len(), 5);
    node.tick().await;
    assert_eq!(service.relay.round().await.unwrap(), 0);
    assert_eq!((service.signed().await.len(), executed(&node).await), (5, 5));
    let call = json!([{ "to": contract }, "latest"]);
    assert_eq!(node.rpc("eth_call", call).await, json!(word(5)));
}

/// A transaction as it was signed before there were attempts.
fn as_before(nonce: u64, to: Address, kept: u64) -> TxEnvelope {
    sign_with(2, |one| TxEip1559 {
        nonce,
        max_fee_per_gas: 1_000_000_000_000,
        max_priority_fee_per_gas: 0,
        to: TxKind::Call(to),
        input: word(kept),
        ..one
    })
}

#[actix_web::test]
async fn what_a_database_kept_before_there_were_attempts_goes_on() {
    let (_setup, node, contract) = node_with_contract().await;
    let directory = tempfile::tempdir().unwrap();
    let old = open(directory.path(), &MIGRATIONS[..1]).await;
    let kept = [as_before(0, contract, 7), as_before(1, contract, 8)];
    node.confirm(&kept[0]).await;
    let block = i64::try_from(node.head().await).unwrap();
    for (transaction, block) in kept.iter().zip([Some(block), None]) {
        let sql = "insert into chain_tx (cause, sender, nonce, hash, raw, status, block) \
                   values ($1, $2, $3, $4, $5, $6, $7)";
        let (nonce, raw) =
            (i64::try_from(transaction.nonce()).unwrap(), transaction.encoded_2718());
        let (hash, sender) = (transaction.tx_hash().to_string(), key(2).address().to_string());
        let insert = old.transact::<_, db::DbError, _>(move |tx| {
            Box::pin(async move {
                query(sql)
                    .bind(format!("old {nonce}"))
                    .bind(sender)
                    .bind(nonce)
                    .bind(hash)
                    .bind(raw)
                    .bind(i64::from(block.is_some()))
                    .bind(block)
                    .execute(tx.conn())
                    .await?;
                Ok(())
            })
        });
        insert.await.unwrap();
    }
    old.close().await;

    let service = Service::at(directory, node.ledger.clone()).await;
    service.enqueue("old 1", contract, 9).await;
    service.enqueue("new", contract, 9).await;
    assert_eq!(service.relay.round().await.unwrap(), 2);
    let queue = service.queue().await;
    let stands: Vec<_> =
        queue.items.iter().map(|one| (one.cause.as_str(), one.nonce, one.status)).collect();
    let (pending, confirmed) = (TransactionStatus::Pending, TransactionStatus::Confirmed);
    assert_eq!(stands, [("new", 2, pending), ("old 1", 1, pending), ("old 0", 0, confirmed)]);
    assert_eq!(queue.items[2].hash, Some(kept[0].tx_hash().to_string()));
    assert_eq!((queue.pending, queue.waited_blocks_max), (2, Some(0)));
    node.tick().await;
    assert_eq!(service.relay.round().await.unwrap(), 0);
    assert_eq!(service.queued("old 1").await.hash, Some(kept[1].tx_hash().to_string()));
    assert_eq!((service.signed().await.len(), executed(&node).await), (3, 3));
}

#[actix_web::test]
async fn the_queue_is_shown_page_by_page_with_what_waits_and_for_how_long() {
    let (_setup, node, contract) = node_with_contract().await;
    let service = Service::on(&node).await;
    service.enqueue("good", contract, 7).await;
    service.enqueue("bad", contract, 0).await;
    assert_eq!(service.queued("good").await.waited_blocks, None, "nobody knows of it yet");
    service.relay.round().await.unwrap();
    node.tick().await;
    service.relay.round().await.unwrap();
    service.enqueue("held", contract, 8).await;
    service.enqueue("held as well", contract, 9).await;
    service.relay.round().await.unwrap();
    pass_blocks(&node, 3);
    service.relay.round().await.unwrap();

    let page = async |status, cursor: Option<&str>| {
        let queue = service.relay.queue(QueueQuery { status }, cursor, 3).await.unwrap().unwrap();
        let causes: Vec<_> = queue.items.iter().map(|item| item.cause.clone()).collect();
        assert_eq!((queue.pending, queue.waited_blocks_max), (2, Some(3)));
        (causes, queue.next)
    };
    let (causes, next) = page(None, None).await;
    assert_eq!(causes, ["held as well", "held", "bad"]);
    assert_eq!(page(None, next.as_deref()).await, (vec!["good".to_owned()], None));
    let (pending, _) = page(Some(TransactionStatus::Pending), None).await;
    assert_eq!(pending, ["held as well", "held"]);
    assert_eq!(page(Some(TransactionStatus::Reverted), None).await.0, ["bad"]);
    assert_eq!(page(Some(TransactionStatus::Confirmed), None).await.0, ["good"]);
    assert_eq!(page(Some(TransactionStatus::Final), None).await, (vec![], None));
    let unknown = service.relay.queue(QueueQuery::default(), Some("7"), 3).await.unwrap();
    assert_eq!(unknown, None);

    let (bad, held) = (service.queued("bad").await, service.queued("held").await);
    assert_eq!((bad.nonce, bad.block, bad.waited_blocks), (1, Some(2), Some(1)));
    assert_eq!((held.nonce, held.block, held.waited_blocks), (2, None, Some(3)));
    let signed = service.signed().await;
    let [attempt] = &held.attempts[..] else { panic!("held was signed once") };
    assert_eq!(attempt.hash, signed[2].tx_hash().to_string());
    assert_eq!(u128::from(attempt.max_fee_per_gas), signed[2].max_fee_per_gas());
    assert_eq!(attempt.signed_at_block, 2);
}

//! The relay of another service on this node: each transaction once, through a reorganisation.

use crate::harness::{CHAIN_ID, Setup, TestNode, key, word};
use alloy_primitives::{Address, B256};
use client::{JsonRpc, Outcome, Relay, SCHEMA, Sender, Transaction, outcome_of};
use db::{Db, Migration};
use serde_json::json;
use std::sync::Arc;
use tempfile::TempDir;

struct Service {
    db: Db,
    relay: Relay,
    sender: Arc<Sender>,
    _directory: TempDir,
}

impl Service {
    async fn on(node: &TestNode) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("service.db").display());
        let db = Db::open(&url, &[Migration { version: 1, sql: SCHEMA }]).await.unwrap();
        let ledger: Arc<dyn JsonRpc> = node.ledger.clone();
        let relay = Relay::new(db.clone(), ledger);
        let sender = Arc::new(Sender::new(key(2), CHAIN_ID));
        Self { db, relay, sender, _directory: directory }
    }

    async fn enqueue(&self, cause: &str, to: Address, kept: u64) -> B256 {
        let (cause, sender) = (cause.to_owned(), self.sender.clone());
        let transaction = Transaction { cause, to, data: word(kept), gas: 200_000 };
        let work = self.db.transact::<_, Fault, _>(move |tx| {
            Box::pin(async move { sender.enqueue(tx, &transaction).await.map_err(Fault) })
        });
        work.await.unwrap()
    }

    async fn outcome(&self, cause: &str) -> Outcome {
        outcome_of(&self.db, cause).await.unwrap().unwrap()
    }
}

#[derive(Debug)]
struct Fault(#[expect(dead_code, reason = "shown when a test fails")] anyhow::Error);

impl From<db::DbError> for Fault {
    fn from(error: db::DbError) -> Self {
        Self(error.into())
    }
}

#[actix_web::test]
async fn a_transaction_that_a_reorganisation_took_away_is_mined_again() {
    let setup = Setup::default();
    let node = setup.start().await;
    let contract = node.deploy(0).await;
    let service = Service::on(&node).await;
    let fork = node.ledger.node().snapshot().unwrap().head_header().unwrap().hash();
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
    let nonce = json!([key(2).address(), "latest"]);
    assert_eq!(node.number("eth_getTransactionCount", nonce).await, 2);
}

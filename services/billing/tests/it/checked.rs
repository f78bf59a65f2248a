//! What postings break is told at once.

use contracts::SolEvent;
use contracts::bindings::EnergyMarket;
use events::Event;
use events::billing::BooksViolated;
use events::ledger::{BlockConnected, Log};
use serde_json::{Value, json};
use units::Money;

use crate::reserve::behind;
use crate::service::Running;
use crate::town::*;

/// Bodies of what all were told under a subject, in order.
async fn told<E: Event>(town: &Running) -> Vec<Value> {
    let behind = behind(town).await;
    let sql = "select body from outbox where subject = $1 order by place";
    let told: Vec<String> =
        db::query_scalar(sql).bind(E::SUBJECT).fetch_all(&behind).await.unwrap();
    behind.close().await;
    told.iter().map(|told| serde_json::from_str(told).unwrap()).collect()
}

/// The next block also has the log that an account was paid out so much, which it never was.
async fn forge_withdrawal(town: &mut Running, home: Home, amount: Money) {
    let node = &town.node;
    node.call(authority(), deployment().register_policy(&policy()));
    assert_eq!(node.mine(town.now), 1);
    let feed = node.take_feed();
    let mut event: BlockConnected = feed[0].open().unwrap().unwrap();
    let paid = EnergyMarket::WithdrawalPaid {
        account: home.address(),
        amount: amount.n().try_into().unwrap(),
    };
    let data = paid.encode_log_data();
    event.logs.push(Log {
        address: deployment().market,
        topics: data.topics().to_vec(),
        data: data.data.clone(),
        transaction: event.hash,
        index: 1_000,
    });
    town.publish(&event).await;
}

#[actix_web::test]
async fn a_posting_that_overdraws_a_wallet_is_posted_and_told_to_all_at_once() {
    let mut town = Running::start().await;
    town.found().await;
    town.deposit(HERON, "1").await;
    let before = town.in_order().await["entries"].as_u64().unwrap();
    forge_withdrawal(&mut town, HERON, Money::from_n(26_000_000_000)).await;
    // No tick was needed, and the entry stands.
    let violated = told::<BooksViolated>(&town).await;
    let [one] = &violated[..] else { panic!("{violated:?}") };
    assert_eq!(one["entries"], before + 1);
    let words = one["violations"][0].as_str().unwrap();
    assert!(words.starts_with("I2: account 2000:"), "{words}");
    let audit = town.get("auditor", "/v1/audit").await;
    assert_eq!((&audit["entries"], &audit["violations_posted"]), (&json!(before + 1), &json!(1)));
    // What is in order is not told of.
    forge_withdrawal(&mut town, OTTER, Money::ZERO).await;
    assert_eq!(told::<BooksViolated>(&town).await.len(), 1);
}

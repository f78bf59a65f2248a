//! What postings break is told at once; what a day comes to is kept, and asked about.

use contracts::SolEvent;
use contracts::bindings::EnergyMarket;
use events::Event;
use events::billing::{BooksQuestioned, BooksViolated};
use events::ledger::{BlockConnected, Log};
use serde_json::{Value, json};
use units::Money;

use crate::reserve::behind;
use crate::service::{Running, traded_monday};
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

#[actix_web::test]
async fn each_day_is_held_together_once_and_kept() {
    let (mut town, _) = traded_monday().await;
    assert_eq!(town.get("auditor", "/v1/audit/days?limit=1").await["items"][0]["in_order"], true);
    town.move_to(slot(0).start.plus_seconds(3 * 86_400));
    town.settle().await;
    town.settle().await;
    let days = town.get("operator", "/v1/audit/days").await;
    let days = days["items"].as_array().unwrap();
    // Monday in Berlin is of two days in UTC.
    let of = |day: &str| days.iter().find(|one| one["day"] == day).unwrap();
    let (sunday, monday) = (of("2026-05-31"), of("2026-06-01"));
    assert_eq!((&sunday["intervals"], &monday["intervals"]), (&json!(4), &json!(44)));
    for one in days {
        assert_eq!((&one["in_order"], &one["violations"]), (&json!(true), &json!([])), "{one}");
        assert_eq!(one["metered_import_wh"], one["posted_import_wh"]);
        assert_eq!(one["metered_export_wh"], one["posted_export_wh"]);
        let delivered = [&one["delivered_wh"], &one["posted_wh"], &one["sold_wh"]];
        assert!(delivered.iter().all(|wh| *wh == delivered[0]), "{one}");
        assert_eq!(one["suspense"], json!({}));
    }
    assert_eq!(monday["metered_import_wh"], 44 * 450);
    assert_eq!((&monday["trades"], &monday["delivered_wh"]), (&json!(2), &json!(400)));
    let listed = days.len();
    town.settle().await;
    let again = town.get("auditor", "/v1/audit/days").await;
    assert_eq!(again["items"].as_array().unwrap().len(), listed, "each day once");
    assert_eq!(town.get("auditor", "/v1/audit/days?cursor=0").await["items"], json!([]));
    assert!(told::<BooksQuestioned>(&town).await.is_empty());
}

#[actix_web::test]
async fn an_interval_that_is_not_in_the_journal_is_asked_about() {
    let (town, _) = traded_monday().await;
    town.billing.close().await;
    let behind = behind(&town).await;
    let forge = "update metered set import_wh = import_wh + 7 where slot = $1 and point = $2";
    db::query(forge)
        .bind(slot(9).start.seconds())
        .bind(HERON.point().to_string())
        .execute(&behind)
        .await
        .unwrap();
    behind.close().await;
    let mut town = town.restarted().await;
    town.move_to(slot(0).start.plus_seconds(3 * 86_400));
    town.settle().await;
    let days = town.get("auditor", "/v1/audit/days").await;
    let monday = days["items"].as_array().unwrap().iter().find(|one| one["day"] == "2026-06-01");
    let monday = monday.unwrap();
    assert_eq!((&monday["in_order"], &monday["intervals_apart"]), (&json!(false), &json!(1)));
    let asked = told::<BooksQuestioned>(&town).await;
    let words = "day 2026-06-01: 1 intervals differ from the journal";
    assert_eq!(asked, [json!({ "community": community(), "violations": [words] })]);
    assert!(told::<BooksViolated>(&town).await.is_empty(), "nobody stops for it");
}

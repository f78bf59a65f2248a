//! What is durable stays: snapshots, damaged journals, markets that move between processes, and
//! processes that are killed or paused under load.

mod crashes;
mod load;

use std::sync::Arc;
use std::time::Duration;

use access::Role;
use db::{Row, query, query_scalar};
use events::Envelope;
use events::identity::ConnectionPointRegistered;
use ids::{ConnectionPointId, ZoneId};
use market::MarketConfig;
use market::domain::NewOrder;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service::Tick;
use tempfile::TempDir;
use testkit::PostgresServer;
use units::Power;

use crate::http::*;
use crate::service::past;
use crate::town::*;

/// Longer than anything here takes: a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The newest version of the market's schema.
const SCHEMA: db::Migration = db::Migration { version: 6, sql: "" };

/// The database of a market that is stopped.
async fn opened(folder: &TempDir) -> db::Db {
    opened_at(&format!("sqlite:{}", folder.path().join("market.db").display())).await
}

async fn opened_at(url: &str) -> db::Db {
    db::Db::open(url, &[SCHEMA]).await.unwrap()
}

async fn run(db: &db::Db, sql: &'static str) {
    db.transact::<_, db::DbError, _>(move |tx| {
        Box::pin(async move { Ok(query(sql).execute(tx.conn()).await?.rows_affected()) })
    })
    .await
    .unwrap();
}

async fn number(db: &db::Db, sql: &'static str) -> i64 {
    query_scalar(sql).fetch_one(db.read()).await.unwrap()
}

/// A day of orders: each neighbour has some in each of many slots.
async fn trade_a_day(running: &Running) {
    for envelope in past() {
        running.bus.publish(&envelope).await.unwrap();
    }
    for round in 0..2 {
        for name in NAMES {
            let side =
                if name.starts_with('b') { contracts::Side::Buy } else { contracts::Side::Sell };
            let order = |place: u64| {
                let mut terms = neighbour(name).terms(side, 10 + round, 150_000);
                let slot = slot().later(i64::try_from(place).unwrap());
                (terms.slot, terms.expiry) = (slot.start.unsigned(), slot.end().unsigned());
                terms.nonce = contracts::U256::from(1000 * round + place);
                body(&neighbour(name).sign(terms))
            };
            let orders: Vec<Value> = (round..100 + round).map(order).collect();
            let body = Some(json!({ "orders": orders }));
            let path = "/v1/orders/batch";
            let (status, answer) =
                running.request(Method::POST, path, Some(token(name)), body).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
            let items = answer["items"].as_array().unwrap();
            let refused = items.iter().find(|item| item["status"] != 201);
            assert_eq!(refused, None);
        }
        // The gate of one slot more closes.
        let gate = at("2026-06-01T09:45:00Z").plus_seconds(i64::try_from(round).unwrap() * 900);
        running.hand.move_to(gate);
        assert!(running.market.tick(gate).await.unwrap());
    }
}

async fn hash(running: &Running) -> alloy_primitives::B256 {
    running.market.desks()[0].book().await.hash()
}

/// Starts the market again, and says how many entries came from a snapshot.
async fn again(folder: &Arc<TempDir>) -> (Running, i64) {
    let running = start_on(folder.clone()).await;
    let snapshot = running.market.desks()[0].report().snapshot;
    (running, snapshot)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_the_same_from_its_snapshot_and_a_bad_snapshot_is_passed_over() {
    let running = start().await;
    trade_a_day(&running).await;
    let before = hash(&running).await;
    let folder = running.stop().await;
    let db = opened(&folder).await;
    let entries = number(&db, "select max(place) from journal").await;
    assert_eq!(number(&db, "select max(place) from snapshot").await, entries);
    // Of what the snapshot has nothing else is needed.
    run(&db, "update journal set entry = 'nothing' where place < 100").await;
    let (running, snapshot) = again(&folder).await;
    assert_eq!((hash(&running).await, snapshot), (before, entries));
    // Its slot was cleared, though the clock has gone back since.
    let (_, problem) = running.place("b1", body(&neighbour("b1").buy(77, 200_000))).await;
    assert_eq!(problem["code"], json!("GATE_CLOSED"));
    running.stop().await;
    // Where the text is another than was hashed, it is not believed: and the journal is damaged.
    run(&db, "update snapshot_part set state = replace(state, '150000', '150001')").await;
    let (running, snapshot) = again(&folder).await;
    let standing = running.market.desks()[0].report().standing;
    assert_eq!((standing.name(), snapshot), ("damaged", 0));
    running.stop().await;
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_snapshot_the_whole_journal_gives_the_same_book() {
    let running = start().await;
    trade_a_day(&running).await;
    let before = hash(&running).await;
    let folder = running.stop().await;
    let db = opened(&folder).await;
    for bad in [
        "update snapshot set fold = fold + 1",
        "update snapshot set fold = fold - 1, hash = '0x00'",
        "delete from snapshot_part where part = 0",
        "delete from snapshot",
    ] {
        run(&db, bad).await;
        let (running, snapshot) = again(&folder).await;
        assert_eq!((hash(&running).await, snapshot), (before, 0), "{bad}");
        // Killed: it keeps no snapshot of its own.
        drop(running);
    }
    db.close().await;
}

/// The town's other grid area.
fn hill() -> ZoneId {
    ZoneId::derived("hill")
}

fn on_the_hill() -> MarketConfig {
    let mut config = config();
    config.policy.zone = hill();
    config
}

/// An order of `b1` for its connection point on the hill.
fn order_on_the_hill(nonce: u64) -> NewOrder {
    let mut terms = neighbour("b1").terms(contracts::Side::Buy, 1000, 200_000);
    (terms.zone, terms.policy) = (hill(), on_the_hill().policy.id());
    terms.connection_point = ConnectionPointId::derived("b1 on the hill");
    terms.nonce = contracts::U256::from(nonce);
    neighbour("b1").sign(terms)
}

/// Two markets on one database, each with an order of `b1`.
async fn two_markets() -> Arc<TempDir> {
    let folder = Arc::new(TempDir::new().unwrap());
    let running = start_all(folder, vec![config(), on_the_hill()]).await;
    for envelope in past() {
        running.bus.publish(&envelope).await.unwrap();
    }
    let registered = ConnectionPointRegistered {
        connection_point: ConnectionPointId::derived("b1 on the hill"),
        account: neighbour("b1").account(),
        community: community(),
        zone: hill(),
        timezone: "Europe/Berlin".parse().unwrap(),
        import_max: Power::from_w(20_000),
        export_max: Power::from_w(20_000),
    };
    let registered = Envelope::of(&registered, "hill", morning());
    running.bus.publish(&registered).await.unwrap();
    for order in [neighbour("b1").buy(1000, 200_000), order_on_the_hill(1)] {
        assert_eq!(running.place("b1", body(&order)).await.0, StatusCode::CREATED);
    }
    running.stop().await
}

/// What is answered where the last entry of the town's journal is `poison`.
async fn check_damaged(poison: &'static str, why: &str) {
    let folder = two_markets().await;
    let db = opened(&folder).await;
    let town = format!("{}/{}", community(), zone());
    let place: i64 = query_scalar("select max(place) from journal where market = $1")
        .bind(town.clone())
        .fetch_one(db.read())
        .await
        .unwrap();
    let market = town.clone();
    db.transact::<_, db::DbError, _>(move |tx| {
        Box::pin(async move {
            let poisoned = format!(
                "update journal set entry = {poison} where market = '{market}' and place = {place}"
            );
            Ok(query(db::AssertSqlSafe(poisoned)).execute(tx.conn()).await?.rows_affected())
        })
    })
    .await
    .unwrap();
    let running = start_all(folder, vec![config(), on_the_hill()]).await;
    // The one stands still, and says where.
    let order = neighbour("b1").buy(1100, 200_000);
    let (status, problem) = running.place("b1", body(&order)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (&problem["code"], &problem["retry_may_help"]),
        (&json!("JOURNAL_DAMAGED"), &json!(false))
    );
    let detail = problem["detail"].as_str().unwrap();
    let named = format!("the journal of {town} is damaged at entry {place}: ");
    assert!(detail.starts_with(&named) && detail.contains(why), "{detail}");
    let (status, problem) = running.request(Method::GET, "/v1/market/ready", None, None).await;
    assert_eq!((status, &problem["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("NOT_READY")));
    assert_eq!(problem["detail"], json!(format!("entry {place} of the journal of {town}")));
    let get = async |path| running.request(Method::GET, path, operator(), None).await;
    let (_, partitions) = get("/v1/market/partitions").await;
    let standings: Vec<_> = (partitions.as_array().unwrap().iter())
        .map(|one| (one["standing"].as_str().unwrap(), one["damaged_entry"].as_i64()))
        .collect();
    assert_eq!(standings, [("damaged", Some(place)), ("leading", None)], "{partitions}");
    assert_eq!(get("/v1/market/metrics").await.0, StatusCode::OK);
    let figures = metrics(&running).await;
    let damaged = format!("wattex_market_damaged_entry{{market=\"{town}\"}} {place}\n");
    assert!(figures.contains(&damaged), "{figures}");
    // The other goes on, through its gate.
    let placed = running.place("b1", body(&order_on_the_hill(2))).await;
    assert_eq!(placed.0, StatusCode::CREATED, "{}", placed.1);
    let gate = at("2026-06-01T09:45:00Z");
    running.hand.move_to(gate);
    assert!(running.market.tick(gate).await.unwrap());
    let cleared = async |desk: usize| {
        let book = running.market.desks()[desk].book().await;
        book.slot(slot().start).is_some_and(|book| book.cleared.is_some())
    };
    assert!(!cleared(0).await && cleared(1).await);
    running.stop().await;
    // Nothing was written behind the bad entry.
    let last = query_scalar("select max(place) from journal where market = $1");
    let last: i64 = last.bind(town).fetch_one(db.read()).await.unwrap();
    assert_eq!(last, place);
    db.close().await;
}

async fn metrics(running: &Running) -> String {
    let url = format!("{}/v1/market/metrics", running.url());
    let request = reqwest::Client::new().get(url).bearer_auth(operator().unwrap());
    request.send().await.unwrap().text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poisoned_entry_stops_its_market_and_is_named_and_the_others_go_on() {
    // One that is no entry, and one that is, but cannot be here.
    check_damaged("'{\"kind\":\"nonsense\"}'", "unknown variant").await;
    check_damaged("replace(entry, '\"sequence\":1,', '\"sequence\":7,')", "sequence").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_the_database_does_not_bear_out_costs_no_book() {
    let running = start().await;
    let db = opened(&running.folder).await;
    let body = body(&neighbour("b1").buy(1000, 200_000));
    // Neither the lease nor the journal can be read for a while.
    run(&db, "alter table lease rename to away").await;
    run(&db, "alter table journal rename to away_too").await;
    let (status, _) = running.place("b1", body.clone()).await;
    assert!(status.is_server_error(), "{status}");
    let book = tokio::time::timeout(PATIENCE, running.get("b1", "/v1/book?side=buy"));
    assert_eq!(book.await.expect("nobody waits for a book")["items"], json!([]));
    run(&db, "alter table away rename to lease").await;
    run(&db, "alter table away_too rename to journal").await;
    // Nobody of the town is known: a refusal, now that it is one.
    assert_eq!(running.place("b1", body).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    db.close().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_staff_sees_partitions_and_hands_them_over() {
    let running = start().await;
    let ask = async |method: Method, path: &str, who: Option<String>| {
        running.request(method, path, who, None).await.0
    };
    let auditor = || Some(token_as("auditor", vec![Role::Auditor], community()));
    for path in ["/v1/market/partitions", "/v1/market/metrics"] {
        assert_eq!(ask(Method::GET, path, None).await, StatusCode::UNAUTHORIZED);
        assert_eq!(ask(Method::GET, path, trader("b1")).await, StatusCode::FORBIDDEN);
        assert_eq!(ask(Method::GET, path, auditor()).await, StatusCode::OK);
    }
    let path = "/v1/market/hand-over";
    assert_eq!(ask(Method::POST, path, auditor()).await, StatusCode::FORBIDDEN);
    assert_eq!(ask(Method::POST, path, operator()).await, StatusCode::OK);
    assert_eq!(ask(Method::GET, "/v1/market/ready", None).await, StatusCode::OK);
    let (status, problem) = running.place("b1", body(&neighbour("b1").buy(1000, 200_000))).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (&problem["code"], &problem["retry_may_help"]),
        (&json!("STANDING_BY"), &json!(true))
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_moves_from_one_process_to_another_on_request() {
    let server = PostgresServer::start().unwrap();
    let url = server.database("moves").unwrap();
    let folder = || Arc::new(TempDir::new().unwrap());
    let one = start_at(url.clone(), folder(), vec![config()]).await;
    for envelope in past() {
        one.bus.publish(&envelope).await.unwrap();
    }
    let two = start_at(url.clone(), folder(), vec![config()]).await;
    let leads = |running: &Running| running.market.desks()[0].leads();
    assert!(leads(&one) && !leads(&two));
    let order = body(&neighbour("b1").buy(1000, 200_000));
    let (status, problem) = two.place("b1", order.clone()).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("STANDING_BY"))
    );
    assert_eq!(one.place("b1", order.clone()).await.0, StatusCode::CREATED);
    let path = "/v1/market/hand-over";
    let (status, given) = one.request(Method::POST, path, operator(), None).await;
    assert_eq!((status, &given["standing"]), (StatusCode::OK, &json!("standing_by")));
    let taken = async {
        while !leads(&two) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::time::timeout(PATIENCE, taken).await.expect("the other takes over");
    assert_eq!(hash(&two).await, hash(&one).await);
    // What was answered is there, and nothing is written by the one that gave it up.
    assert_eq!(two.place("b1", order.clone()).await.0, StatusCode::OK);
    assert_eq!(one.place("b1", order).await.0, StatusCode::SERVICE_UNAVAILABLE);
    let sell = neighbour("s1").sell(700, 100_000);
    assert_eq!(two.place("s1", body(&sell)).await.0, StatusCode::CREATED);
    let rows = query("select token from lease where market <> 'relay'");
    let db = opened_at(&url).await;
    let rows = rows.fetch_all(db.read()).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get::<i64, _>(0)).collect::<Vec<_>>(), [2]);
    one.stop().await;
    two.stop().await;
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_lost_the_lease_answers_nothing_from_its_last_book() {
    let running = start().await;
    for envelope in past() {
        running.bus.publish(&envelope).await.unwrap();
    }
    let order = body(&neighbour("b1").buy(1000, 200_000));
    assert_eq!(running.place("b1", order.clone()).await.0, StatusCode::CREATED);
    assert_eq!(running.place("b1", order.clone()).await.0, StatusCode::OK, "it leads");
    let too_much = body(&neighbour("b1").buy(6000, 200_000));
    for asked in [order, too_much] {
        // Another process takes it.
        let db = opened(&running.folder).await;
        run(&db, "update lease set token = token + 1").await;
        db.close().await;
        let (status, problem) = running.place("b1", asked.clone()).await;
        let standing_by = (StatusCode::SERVICE_UNAVAILABLE, &json!("STANDING_BY"));
        assert_eq!((status, &problem["code"]), standing_by);
        // A file has one process, so it takes the lease again at its next look.
        let leads = async {
            while !running.market.desks()[0].leads() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(PATIENCE, leads).await.expect("it takes over");
        let again = running.place("b1", asked).await.0;
        assert_ne!(again, StatusCode::SERVICE_UNAVAILABLE);
    }
    running.stop().await;
}

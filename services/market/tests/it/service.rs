//! The service over HTTP: its promises to callers, to the bus and to the chain.

use access::Role;
use alloy_consensus::Transaction;
use alloy_consensus::transaction::SignerRecoverable;
use calendar::Timestamp;
use contracts::bindings::EnergyMarket;
use contracts::{SolCall, U256};
use db::Db;
use events::Envelope;
use events::billing::TariffPublished;
use events::identity::{AccountOpened, ConnectionPointRegistered, Custody};
use events::ledger::{BlockConnected, Log};
use ids::CommunityId;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service::Tick;
use units::Power;

use crate::http::*;
use crate::town::*;

/// The log of a deposit.
pub fn deposited(name: &str, amount: i64) -> Log {
    use alloy_sol_types::SolEvent;
    let event = EnergyMarket::DepositCredited {
        account: neighbour(name).address(),
        amount: U256::from(amount),
        payment: alloy_primitives::keccak256(name),
    };
    log(event.encode_log_data())
}

pub fn log(data: alloy_primitives::LogData) -> Log {
    Log {
        address: deployment().market,
        topics: data.topics().to_vec(),
        data: data.data,
        transaction: alloy_primitives::B256::ZERO,
        index: 0,
    }
}

/// A block with these logs; sequence and height are the same here.
pub fn connected(number: u64, finalized: u64, logs: Vec<Log>) -> Envelope {
    let event = BlockConnected {
        sequence: number,
        number,
        hash: block_hash(number),
        parent: block_hash(number - 1),
        timestamp: morning(),
        finalized,
        transactions: Vec::new(),
        logs,
    };
    Envelope::of(&event, &number.to_string(), morning())
}

/// What identity and billing say before the morning.
pub fn known<N: AsRef<str>>(names: &[N]) -> Vec<Envelope> {
    let mut known = Vec::new();
    for name in names.iter().map(AsRef::as_ref) {
        let neighbour = neighbour(name);
        let opened = AccountOpened {
            account: neighbour.account(),
            party: neighbour.party(),
            community: community(),
            pseudonym: format!("Home {name}"),
            address: neighbour.address(),
            custody: Custody::Own,
        };
        known.push(Envelope::of(&opened, name, morning()));
        let registered = ConnectionPointRegistered {
            connection_point: neighbour.point(),
            account: neighbour.account(),
            community: community(),
            zone: zone(),
            timezone: "Europe/Berlin".parse().unwrap(),
            import_max: Power::from_w(20_000),
            export_max: Power::from_w(20_000),
        };
        known.push(Envelope::of(&registered, name, morning()));
    }
    let published = TariffPublished {
        community: community(),
        hash: tariff().hash(),
        valid_from: at("2026-01-01T00:00:00Z"),
        tariff: serde_json::from_str(&tariff().canonical_json()).unwrap(),
    };
    known.push(Envelope::of(&published, "flat/1", morning()));
    known
}

/// What everyone says before the morning.
pub fn past() -> Vec<Envelope> {
    let mut past = known(&NAMES);
    past.push(connected(1, 1, NAMES.map(|name| deposited(name, DEPOSIT)).to_vec()));
    past
}

pub async fn running() -> Running {
    let running = start().await;
    for envelope in past() {
        running.bus.publish(&envelope).await.unwrap();
    }
    running
}

pub async fn gate(running: &Running) -> Timestamp {
    let gate = at("2026-06-01T09:45:00Z");
    running.hand.move_to(gate);
    assert!(running.market.tick(gate).await.unwrap());
    assert!(!running.market.tick(gate).await.unwrap(), "a slot is cleared once");
    gate
}

#[tokio::test(flavor = "multi_thread")]
async fn neighbours_trade_a_slot_from_order_to_chain() {
    let running = running().await;
    for order in [neighbour("b1").buy(5000, 200_000), neighbour("s1").sell(3000, 100_000)] {
        let name = if order.terms.side == contracts::Side::Buy { "b1" } else { "s1" };
        let (status, placed) = running.place(name, body(&order)).await;
        assert_eq!((status, &placed["status"]), (StatusCode::CREATED, &json!("open")), "{placed}");
        assert_eq!(placed["hash"], json!(order.hash));
    }
    let book = running.get("b2", "/v1/book").await;
    assert_eq!(book["items"].as_array().unwrap().len(), 1);
    let offer = &book["items"][0];
    let shown = ["seller", "amount_kwh", "price", "total"].map(|field| offer[field].clone());
    assert_eq!(shown, ["Home s1", "3", "0.1", "0.3"].map(Value::from));
    let before = running.get("b1", &format!("/v1/slots/{SLOT}")).await;
    assert_eq!((&before["status"], &before["offered_wh"]), (&json!("open"), &json!(3000)));

    let gate = gate(&running).await;
    let slot = running.get("b1", &format!("/v1/slots/{SLOT}")).await;
    assert_eq!((&slot["status"], &slot["volume_wh"]), (&json!("cleared"), &json!(3000)));
    assert_eq!(slot["price"], json!("0.188"), "the buyer is rationed: 20 ct less 1.2 ct of fees");
    let trades = running.get("s1", "/v1/trades?mine=true").await;
    let trade = &trades["items"][0];
    assert_eq!((&trade["own"], &trade["status"]), (&json!("sell"), &json!("pending")));
    assert!(trade["sell_order"].is_string() && trade["buy_order"].is_null(), "{trade}");

    running.market.drain(gate).await.unwrap();
    {
        let heard = running.reader.heard.lock().unwrap();
        assert_eq!((heard.len(), heard[0].trades.len(), heard[0].parts), (1, 1, 1));
        assert_eq!(json!(heard[0].trades[0].trade), trade["trade"]);
        assert_eq!(heard[0].trades[0].buyer, neighbour("b1").account());
    }
    check_transactions(&running, trade);
    running.stop().await;
}

/// `clear`, then `settle` with a fill whose parts the contract would accept.
fn check_transactions(running: &Running, trade: &Value) {
    let taken = running.node.taken();
    assert_eq!(taken.iter().map(Transaction::nonce).collect::<Vec<_>>(), [0, 1]);
    for transaction in &taken {
        assert_eq!(transaction.recover_signer().unwrap(), clearer().address());
        assert_eq!(transaction.to(), Some(deployment().market));
        assert_eq!(transaction.chain_id(), Some(CHAIN_ID));
    }
    let terms = EnergyMarket::clearCall::abi_decode(taken[0].input()).unwrap().terms;
    let posted = &terms.clearing;
    assert_eq!((posted.price, posted.volume, posted.fills), (188_000, 3000, 1));
    let batch = EnergyMarket::settleCall::abi_decode(taken[1].input()).unwrap().batch;
    assert_eq!(batch.terms, terms);
    assert_eq!(json!(contracts::Clearing::from_sol(posted).id()), trade["clearing"]);
    let market = deployment().market;
    let orders =
        [("b1", neighbour("b1").buy(5000, 200_000)), ("s1", neighbour("s1").sell(3000, 100_000))];
    let mut places = [0; 2];
    for (place, (name, order)) in places.iter_mut().zip(&orders) {
        let account = neighbour(name).address();
        let at = batch.orders.iter().position(|order| order.account == account).unwrap();
        let shown = &batch.orders[at];
        let signature = [shown.r.0, shown.vs.0].concat();
        let signature = keys::Signature::from_slice(&signature).unwrap();
        let signer = keys::recover(order.terms.hash(CHAIN_ID, market), &signature);
        assert_eq!((signer, shown.filled), (Some(account), 3000));
        assert_eq!(shown.quantity, order.terms.quantity.wh());
        *place = at;
    }
    let fill = U256::from(3000) << 16 | U256::from(places[0]) << 8 | U256::from(places[1]);
    assert_eq!(batch.fills, [fill]);
    let quantity = units::Energy::from_wh(3000);
    let prices = contracts::Prices::one(188_000);
    let met = contracts::Met { buy: orders[0].1.hash, sell: orders[1].1.hash, quantity, prices };
    let leaf = merkle::leaf(&contracts::fill_leaf(&met, [quantity, quantity]));
    assert!(merkle::verify(posted.fillsRoot, leaf, 0, 1, &batch.path));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_rebuilds_the_same_book() {
    let running = running().await;
    for quantity in 100..130 {
        let order = neighbour("b1").buy(quantity, 200_000);
        assert_eq!(running.place("b1", body(&order)).await.0, StatusCode::CREATED);
    }
    let sell = neighbour("s1").sell(700, 100_000);
    assert_eq!(running.place("s1", body(&sell)).await.0, StatusCode::CREATED);
    let first = neighbour("b1").buy(100, 200_000);
    assert_eq!(running.cancel("b1", &first.id.to_string()).await.0, StatusCode::OK);
    gate(&running).await;
    let desk = running.market.desks()[0].clone();
    let (hash, orders) = {
        let book = desk.book().await;
        (book.hash(), book.orders().count())
    };
    let folder = running.stop().await;
    let again = start_on(folder).await;
    {
        let book = again.market.desks()[0].book().await;
        assert_eq!((book.hash(), book.orders().count()), (hash, orders));
        assert_eq!(orders, 31);
    }
    // The event and the transactions of the clearing were kept with it.
    again.market.drain(at("2026-06-01T09:46:00Z")).await.unwrap();
    assert_eq!(again.reader.heard.lock().unwrap().len(), 1);
    assert_eq!(again.node.taken().len(), 2);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_answered_as_before_and_other_content_is_a_conflict() {
    let running = running().await;
    let order = neighbour("b1").buy(1000, 200_000);
    let (first, placed) = running.place("b1", body(&order)).await;
    let (second, repeated) = running.place("b1", body(&order)).await;
    assert_eq!((first, second), (StatusCode::CREATED, StatusCode::OK));
    assert_eq!(placed, repeated);
    let other = neighbour("b1").buy(1100, 200_000);
    let mut conflicting = body(&other);
    conflicting["order_id"] = json!(order.id.to_string());
    let (status, problem) = running.place("b1", conflicting).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("CONFLICT")));
    let orders = running.get("b1", "/v1/orders").await;
    assert_eq!(orders["items"].as_array().unwrap().len(), 1);
    let market = running.get("b1", "/v1/market").await;
    assert_eq!(market["cash"]["held"], json!("0.2"), "held once");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_its_reason() {
    let running = running().await;
    let signed = neighbour("b1").buy(1000, 200_000);
    let mut forged = body(&signed);
    forged["signature"] = json!(neighbour("s1").buy(1000, 200_000).signature.to_string());
    let cases = [
        (body(&neighbour("b1").buy(9, 200_000)), StatusCode::UNPROCESSABLE_ENTITY, "MIN_LOT"),
        (body(&neighbour("b1").buy(1000, 200_001)), StatusCode::UNPROCESSABLE_ENTITY, "TICK"),
        (
            body(&neighbour("b1").buy(5001, 200_000)),
            StatusCode::UNPROCESSABLE_ENTITY,
            "QTY_PHYSICAL",
        ),
        (body(&neighbour("s1").buy(1000, 200_000)), StatusCode::UNPROCESSABLE_ENTITY, "ACCOUNT"),
        (forged, StatusCode::UNPROCESSABLE_ENTITY, "SIG"),
        (json!({ "order": {} }), StatusCode::BAD_REQUEST, "MALFORMED"),
    ];
    for (body, status, code) in cases {
        let (answered, problem) = running.place("b1", body).await;
        assert_eq!((answered, &problem["code"]), (status, &json!(code)), "{problem}");
    }
    running.hand.move_to(at("2026-06-01T09:45:00Z"));
    let (status, problem) = running.place("b1", body(&signed)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(problem["code"], json!("GATE_CLOSED"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_see_and_change_only_what_is_theirs() {
    let running = running().await;
    let order = neighbour("b1").buy(1000, 200_000);
    running.place("b1", body(&order)).await;
    let id = order.id.to_string();
    assert_eq!(running.cancel("b2", &id).await.0, StatusCode::NOT_FOUND);
    let elsewhere = CommunityId::derived("elsewhere");
    let of_b1 = format!("/v1/orders?account={}", neighbour("b1").account());
    let prosumer = vec![Role::Prosumer];
    let cases = [
        (Method::GET, "/v1/market", None, StatusCode::UNAUTHORIZED),
        (Method::GET, "/v1/market", Some("nonsense".to_owned()), StatusCode::UNAUTHORIZED),
        (Method::GET, &of_b1, Some(token("b2")), StatusCode::NOT_FOUND),
        (Method::GET, &of_b1, Some(token("b1")), StatusCode::OK),
        (
            Method::GET,
            &of_b1,
            Some(token_as("b2", vec![Role::Auditor], community())),
            StatusCode::OK,
        ),
        (
            Method::GET,
            "/v1/market",
            Some(token_as("b1", prosumer.clone(), elsewhere)),
            StatusCode::NOT_FOUND,
        ),
        (Method::GET, "/v1/slots/2026-06-01T10:01:00Z", Some(token("b1")), StatusCode::NOT_FOUND),
        (Method::GET, "/v1/slots/today", Some(token("b1")), StatusCode::BAD_REQUEST),
    ];
    for (method, path, token, expected) in cases {
        let (status, answer) = running.request(method, path, token, None).await;
        assert_eq!(status, expected, "{path}: {answer}");
    }
    let foreign = Some(token_as("b1", prosumer, elsewhere));
    let again = neighbour("b1").buy(1100, 200_000);
    let (status, _) =
        running.request(Method::POST, "/v1/orders", foreign, Some(body(&again))).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(running.cancel("b1", &id).await.1["status"], json!("cancelled"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_counts_once_and_a_gap_in_the_chain_waits() {
    let running = running().await;
    for envelope in past() {
        running.bus.publish(&envelope).await.unwrap();
    }
    let third = connected(3, 3, vec![deposited("b1", 1_000_000_000)]);
    assert!(running.bus.publish(&third).await.is_err(), "block 2 has not come");
    let cash = |market: Value| market["cash"]["tradable"].clone();
    assert_eq!(cash(running.get("b1", "/v1/market").await), json!("10"));
    running.bus.publish(&connected(2, 2, vec![])).await.unwrap();
    running.bus.publish(&third).await.unwrap();
    running.bus.publish(&third).await.unwrap();
    assert_eq!(cash(running.get("b1", "/v1/market").await), json!("11"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_and_parameters_are_shown() {
    let running = running().await;
    let band = running.get("b1", &format!("/v1/price-band?slot={SLOT}")).await;
    let shown = ["retail_price", "feed_in_price", "low", "high", "gain"];
    assert_eq!(
        shown.map(|field| band[field].clone()),
        ["0.3", "0.08", "0.082", "0.288", "0.206"].map(Value::from)
    );
    let market = running.get("b1", "/v1/market").await;
    assert_eq!(market["policy_id"], json!(config().policy.id()));
    assert_eq!((&market["chain_id"], &market["tick"]), (&json!(CHAIN_ID), &json!(100)));
    assert_eq!(market["contracts"]["market"], json!(deployment().market));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages() {
    let running = running().await;
    for quantity in 101..=105 {
        let order = neighbour("s1").sell(quantity, 100_000);
        assert_eq!(running.place("s1", body(&order)).await.0, StatusCode::CREATED);
    }
    let mut seen = Vec::new();
    let mut path = "/v1/book?limit=2".to_owned();
    loop {
        let page = running.get("b1", &path).await;
        let items = page["items"].as_array().unwrap().clone();
        seen.extend(items.iter().map(|offer| offer["quantity_wh"].as_u64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/book?limit=2&cursor={next}");
    }
    assert_eq!(seen, [101, 102, 103, 104, 105]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_orders_at_once_are_each_accepted_once() {
    let running = running().await;
    let desk = running.market.desks()[0].clone();
    let mut tasks = Vec::new();
    for quantity in 10..60 {
        for name in NAMES {
            let (desk, order) = (desk.clone(), neighbour(name).buy(quantity, 100_000));
            tasks.push(tokio::spawn(async move {
                let twice = [desk.place(order.clone()).await, desk.place(order).await];
                twice.map(|applied| applied.unwrap().repeated)
            }));
        }
    }
    for task in tasks {
        assert_eq!(task.await.unwrap(), [false, true]);
    }
    let sequences: Vec<u64> = desk.book().await.orders().map(|order| order.sequence).collect();
    assert_eq!(sequences, (1..=300).collect::<Vec<u64>>());
    let hash = desk.book().await.hash();
    drop(desk);
    let again = start_on(running.stop().await).await;
    assert_eq!(again.market.desks()[0].book().await.hash(), hash);
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_cannot_be_journaled_is_not_accepted() {
    let running = running().await;
    let order = neighbour("b1").buy(1000, 200_000);
    // Somebody else has written the next place of the journal.
    let entry =
        json!({ "kind": "meter", "connection_point": neighbour("b1").point(), "serial": "x" });
    let entry = entry.to_string();
    let path = running.folder.path().join("market.db");
    let db = Db::open(&format!("sqlite:{}", path.display()), &[]).await;
    assert!(db.is_err(), "a program that does not know the schema keeps out");
    let next = [db::Migration { version: 6, sql: "" }];
    let other = Db::open(&format!("sqlite:{}", path.display()), &next).await.unwrap();
    other
        .transact::<(), db::DbError, _>(|tx| {
            Box::pin(async move {
                db::query(
                    "insert into journal (market, place, entry) \
                     select market, max(place) + 1, $1 from journal group by market",
                )
                .bind(entry)
                .execute(tx.conn())
                .await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    let (status, _) = running.place("b1", body(&order)).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    let market = running.get("b1", "/v1/market").await;
    assert_eq!(market["cash"]["held"], json!("0"), "the book is what the journal says");
    assert_eq!(running.place("b1", body(&order)).await.0, StatusCode::CREATED);
    other.close().await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_amended_by_another_in_its_place() {
    let running = running().await;
    let buyer = neighbour("b1");
    let (first, second) = (buyer.buy(5_000, 200_000), buyer.buy(5_000, 210_000));
    running.place("b1", body(&first)).await;
    let mut amended = body(&second);
    amended["replaces"] = json!(first.id.to_string());
    for expected in [StatusCode::CREATED, StatusCode::OK] {
        let (status, placed) = running.place("b1", amended.clone()).await;
        assert_eq!((status, &placed["status"]), (expected, &json!("open")), "{placed}");
    }
    let orders = running.get("b1", "/v1/orders").await;
    let status: Vec<_> =
        orders["items"].as_array().unwrap().iter().map(|order| order["status"].clone()).collect();
    assert_eq!(status, ["open", "cancelled"]);
    // What is refused takes nothing back.
    let mut refused = body(&buyer.buy(5_001, 210_000));
    refused["replaces"] = json!(second.id.to_string());
    let (_, problem) = running.place("b1", refused).await;
    assert_eq!(problem["code"], "QTY_PHYSICAL");
    let path = format!("/v1/orders?slot={SLOT}");
    assert_eq!(running.get("b1", &path).await["items"][0]["status"], "open");
}

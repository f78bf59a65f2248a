//! Sealed orders over HTTP, from the commitment to the chain.

use std::sync::Arc;

use access::Role;
use alloy_consensus::Transaction;
use calendar::Timestamp;
use contracts::bindings::TradingMandate;
use contracts::{B256, Side, U256};
use market::domain::{
    COMMITMENTS_PER_ACCOUNT_MAX, NewOrder, SlotJournal, UNREVEALED_MAX, commitment, recompute,
};
use reqwest::{Method, StatusCode};
use revm::primitives::TxKind;
use serde_json::{Value, json};
use service::Tick;
use tempfile::TempDir;

use super::{GATE, LATER, OPENS, SALT, order, order_in};
use crate::contract::{CASH, Evm};
use crate::http::*;
use crate::refusals::Answer;
use crate::service::{connected, known, log, running};
use crate::town::*;

pub(super) async fn request(
    running: &Running,
    method: Method,
    path: &str,
    name: &str,
    body: Option<Value>,
) -> Answer {
    running.request(method, path, trader(name), body).await
}

/// What opens a commitment, as the API takes it.
fn opened(order: &NewOrder) -> Value {
    let signature = order.signature.to_string();
    json!({ "order": order.terms, "signature": signature, "salt": SALT })
}

pub(super) async fn commit(
    running: &Running,
    name: &str,
    order: &NewOrder,
    deposited: bool,
) -> Answer {
    let slot = Timestamp::from_seconds(order.terms.slot.cast_signed()).to_string();
    let body = match deposited {
        true => json!({ "slot": slot, "deposit": opened(order) }),
        false => json!({ "slot": slot, "commitment": commitment(order.hash, SALT) }),
    };
    request(running, Method::POST, "/v1/commitments", name, Some(body)).await
}

pub(super) async fn reveal(running: &Running, name: &str, order: &NewOrder) -> Answer {
    let path = format!("/v1/commitments/{}/opening", commitment(order.hash, SALT));
    request(running, Method::POST, &path, name, Some(opened(order))).await
}

/// From [`LATER`] on orders are sealed, and its book is open.
pub(super) async fn sealed(running: &Running) {
    let body = Some(json!({ "reveal_seconds": 120 }));
    let path = format!("/v1/sealing/{LATER}");
    let by_member = request(running, Method::PUT, &path, "b1", body.clone()).await;
    assert_eq!(by_member.0, StatusCode::FORBIDDEN);
    let (status, set) = running.request(Method::PUT, &path, operator(), body).await;
    let expected = json!([{ "from": LATER, "reveal_seconds": 120 }]);
    assert_eq!((status, &set["choices"]), (StatusCode::OK, &expected), "{set}");
    running.hand.move_to(at(OPENS));
}

/// What someone is answered who asks for what a sealed slot refuses with `code`.
pub async fn refused(code: &str) -> (Running, Answer) {
    let running = running().await;
    let buy = order("b1", Side::Buy, 1000, 200_000);
    if code == "NOT_SEALED" {
        let answer = commit(&running, "b1", &neighbour("b1").buy(1000, 200_000), false).await;
        return (running, answer);
    }
    if code == "REVEAL_WINDOW" || code == "NOT_SEALABLE" {
        let path = format!("/v1/mechanisms/{LATER}");
        let continuous = Some(json!({ "name": "continuous" }));
        running.request(Method::PUT, &path, operator(), continuous).await;
        let seconds = if code == "NOT_SEALABLE" { 120 } else { 5 };
        let body = Some(json!({ "reveal_seconds": seconds }));
        let path = format!("/v1/sealing/{LATER}");
        let answer = running.request(Method::PUT, &path, operator(), body).await;
        return (running, answer);
    }
    sealed(&running).await;
    let answer = match code {
        "SEALED" => running.place("b1", body(&buy)).await,
        "REVEAL_CLOSED" => {
            commit(&running, "b1", &buy, false).await;
            reveal(&running, "b1", &buy).await
        }
        "COMMITMENT" => {
            let mut other = json!({ "slot": LATER, "deposit": opened(&buy) });
            other["commitment"] = json!(SALT);
            request(&running, Method::POST, "/v1/commitments", "b1", Some(other)).await
        }
        "UNREVEALED" => {
            for n in 0..u64::from(UNREVEALED_MAX) {
                let silent = order("b1", Side::Buy, 100 + n, 200_000);
                assert_eq!(commit(&running, "b1", &silent, false).await.0, StatusCode::CREATED);
            }
            for moment in [GATE, "2026-06-02T20:47:00Z"] {
                running.hand.move_to(at(moment));
                running.market.tick(at(moment)).await.unwrap();
            }
            let next = order_in("b1", Side::Buy, 100, 200_000, "2026-06-02T21:15:00Z");
            commit(&running, "b1", &next, false).await
        }
        _ => panic!("{code} has no test"),
    };
    (running, answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_orders_are_seen_by_nobody_until_they_are_cleared_and_settled() {
    let running = start().await;
    let mut evm = Evm::with(&config().policy);
    for envelope in known(&NAMES) {
        running.bus.publish(&envelope).await.unwrap();
    }
    let deposits = NAMES.iter().flat_map(|name| evm.fund(neighbour(name).address())).collect();
    running.bus.publish(&connected(1, 1, deposits)).await.unwrap();
    sealed(&running).await;
    let (buy, sell) =
        (order("b1", Side::Buy, 3000, 200_000), order("s1", Side::Sell, 3000, 100_000));
    let (status, kept) = commit(&running, "b1", &buy, true).await;
    assert_eq!((status, &kept["status"]), (StatusCode::CREATED, &json!("waiting")), "{kept}");
    let (status, same) = commit(&running, "b1", &buy, true).await;
    assert_eq!((status, &same), (StatusCode::OK, &kept));
    let (status, own) = commit(&running, "s1", &sell, false).await;
    assert_eq!((status, &own["deposited"]), (StatusCode::CREATED, &json!(false)), "{own}");
    let stolen = json!({ "slot": LATER, "commitment": own["commitment"] });
    let stolen = request(&running, Method::POST, "/v1/commitments", "b2", Some(stolen)).await;
    assert_eq!(stolen.1["code"], "CONFLICT");
    // b2 changes its mind.
    let back = order("b2", Side::Buy, 2000, 250_000);
    let name = commit(&running, "b2", &back, true).await.1["commitment"].clone();
    let path = format!("/v1/commitments/{}", name.as_str().unwrap());
    assert_eq!(request(&running, Method::DELETE, &path, "b1", None).await.0, StatusCode::NOT_FOUND);
    let (status, gone) = request(&running, Method::DELETE, &path, "b2", None).await;
    assert_eq!((status, &gone["status"]), (StatusCode::OK, &json!("withdrawn")));

    hidden(&running).await;
    let slot_path = format!("/v1/slots/{LATER}");
    let list_path = format!("{slot_path}/commitments");

    // The gate: what was deposited opens, what was not waits for its owner, and nothing is shown.
    running.hand.move_to(at(GATE));
    assert!(running.market.tick(at(GATE)).await.unwrap());
    let listed = running.get("b3", &list_path).await;
    assert_eq!(listed["items"].as_array().unwrap().len(), 3, "{listed}");
    assert_eq!(running.get("b3", "/v1/book?side=buy").await["items"], json!([]));
    let shown = running.get("b3", &slot_path).await;
    assert_eq!(
        (&shown["sealed"]["opened"], &shown["wanted_wh"]),
        (&json!(1), &json!(0)),
        "{shown}"
    );
    assert_eq!(request(&running, Method::DELETE, &path, "s1", None).await.0, StatusCode::NOT_FOUND);
    let (status, placed) = reveal(&running, "s1", &sell).await;
    assert_eq!((status, &placed["status"]), (StatusCode::CREATED, &json!("open")), "{placed}");
    assert_eq!(reveal(&running, "s1", &sell).await.0, StatusCode::OK);
    shown_to_its_account(&running, &placed).await;
    // All is opened: nobody has to wait for the end of the window.
    assert!(running.market.tick(at(GATE)).await.unwrap());
    let journal = running.get("b3", &format!("{slot_path}/journal")).await;
    let journal: SlotJournal = serde_json::from_value(journal).unwrap();
    let same = recompute(&journal, &journal.clearing).unwrap();
    let revealed = same.sealed.unwrap();
    assert_eq!((same.fills, revealed.opened, revealed.withdrawn), (1, 2, 1));
    assert_eq!(json!(revealed.root), listed["root"]);

    settled(&running, &mut evm, revealed.root).await;
    let hash = running.market.desks()[0].book().await.hash();
    let again = start_on(running.stop().await).await;
    assert_eq!(again.market.desks()[0].book().await.hash(), hash);
    again.stop().await;
}

/// What is seen before the gate of two commitments, one deposited by b1, and one taken back.
async fn hidden(running: &Running) {
    let slot_path = format!("/v1/slots/{LATER}");
    let list_path = format!("{slot_path}/commitments");
    let shown = running.get("b3", &slot_path).await;
    let counts = json!({ "reveal_seconds": 120, "commitments": 2, "opened": 0 });
    assert_eq!((&shown["sealed"], &shown["wanted_wh"]), (&counts, &json!(0)), "{shown}");
    assert_eq!(running.get("b3", "/v1/book?side=buy").await["items"], json!([]));
    assert_eq!(
        request(running, Method::GET, &list_path, "b3", None).await.0,
        StatusCode::NOT_FOUND
    );
    // What was deposited its owner reads, and staff does not.
    let of_b1 = format!("/v1/commitments?account={}", neighbour("b1").account());
    let staff = running.request(Method::GET, &of_b1, operator(), None).await.1;
    assert_eq!(
        (&staff["items"][0]["status"], &staff["items"][0]["order"]),
        (&json!("waiting"), &Value::Null)
    );
    let mine = running.get("b1", "/v1/commitments").await;
    assert_eq!(mine["items"][0]["order"]["quantity"], json!(3000));
    assert_eq!(running.get("b1", "/v1/market").await["cash"]["held"], json!("0"));
}

/// What is seen after the gate of an order of s1 that is opened and not cleared: staff may have a
/// commitment of its own to open, or not.
async fn shown_to_its_account(running: &Running, placed: &Value) {
    let id = placed["order_id"].as_str().unwrap();
    let account = neighbour("s1").account();
    let as_auditor = || Some(token_as("b3", vec![Role::Auditor], community()));
    let ask = async |path: &str| running.request(Method::GET, path, as_auditor(), None).await;
    assert_eq!(ask(&format!("/v1/orders/{id}")).await.0, StatusCode::NOT_FOUND);
    let listed = ask(&format!("/v1/orders?account={account}")).await;
    assert_eq!((listed.0, &listed.1["items"]), (StatusCode::OK, &json!([])));
    let sealed = ask(&format!("/v1/commitments?account={account}")).await.1;
    let item = &sealed["items"][0];
    assert_eq!((&item["status"], &item["order_id"]), (&json!("opened"), &Value::Null), "{sealed}");
    assert_eq!(running.get("s1", &format!("/v1/orders/{id}")).await["order_id"], id);
    let mine = running.get("s1", "/v1/commitments").await;
    assert_eq!(mine["items"][0]["order_id"], id);
}

/// On chain: the root over the commitments, then the clearing, then its fill.
async fn settled(running: &Running, evm: &mut Evm, root: B256) {
    running.market.drain(at(GATE)).await.unwrap();
    let sent = running.node.taken();
    assert_eq!(sent.len(), 3, "the root, clear, settle");
    let sealed = deployment().cancel(U256::from_be_bytes(root.0));
    assert_eq!((sent[0].to(), sent[0].input()), (Some(sealed.to), &sealed.data));
    evm.now = at(GATE).unsigned();
    let mut logs = Vec::new();
    for transaction in sent {
        let to = TxKind::Call(transaction.to().unwrap());
        let (data, gas) = (transaction.input().clone(), transaction.gas_limit());
        logs.extend(evm.run(clearer().address(), to, data, gas));
    }
    running.bus.publish(&connected(2, 2, logs)).await.unwrap();
    let book = running.market.desks()[0].book().await;
    let cleared = book.slot(at(LATER)).unwrap().cleared.clone().unwrap();
    assert_eq!(book.settlement(cleared.trades[0].trade), "settled");
    assert!(evm.free(neighbour("b1").address()) < CASH);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_unopened_is_told_and_what_the_market_does_not_take_says_why() {
    let running = running().await;
    sealed(&running).await;
    let silent = order("b1", Side::Buy, 1000, 200_000);
    commit(&running, "b1", &silent, false).await;
    // Two that the connection carries one by one and not together.
    for quantity in [3000, 4000] {
        let (status, kept) =
            commit(&running, "b2", &order("b2", Side::Buy, quantity, 200_000), true).await;
        assert_eq!(status, StatusCode::CREATED, "{kept}");
    }
    let many = 10..10 + COMMITMENTS_PER_ACCOUNT_MAX as u64;
    for quantity in many {
        commit(&running, "s1", &order("s1", Side::Sell, quantity, 100_000), true).await;
    }
    let one_more = commit(&running, "s1", &order("s1", Side::Sell, 99, 100_000), true).await;
    assert_eq!(one_more.1["code"], "TOO_MANY");
    // The market was away when the gate closed: what was left with it is opened all the same.
    let folder = running.stop().await;
    let running = start_on(folder).await;
    let late = "2026-06-02T20:58:00Z";
    running.hand.move_to(at(late));
    assert!(running.market.tick(at(late)).await.unwrap());
    let of_b2 = running.get("b2", "/v1/commitments").await;
    let told =
        |n: usize| (of_b2["items"][n]["status"].clone(), of_b2["items"][n]["refused_with"].clone());
    assert_eq!(told(1), (json!("opened"), Value::Null), "{of_b2}");
    assert_eq!(told(0), (json!("refused"), json!("QTY_PHYSICAL")));
    running.hand.move_to(at("2026-06-02T21:00:00Z"));
    assert!(running.market.tick(at("2026-06-02T21:00:00Z")).await.unwrap());
    let seen = running.get("b1", "/v1/sealing").await;
    assert_eq!((&seen["unrevealed"], &seen["unrevealed_max"]), (&json!(1), &json!(UNREVEALED_MAX)));
    let of_b1 = running.get("b1", "/v1/commitments").await;
    let item = &of_b1["items"][0];
    assert_eq!((&item["status"], &item["counted"]), (&json!("expired"), &json!(true)), "{of_b1}");
    running.market.drain(at("2026-06-02T21:00:00Z")).await.unwrap();
    let news = running.reader.news();
    let expired = news.iter().filter(|(subject, _)| subject == "market.commitment.expired.v1");
    let told: Vec<_> = expired.map(|(_, body)| body["account"].clone()).collect();
    assert_eq!(told, [json!(neighbour("b1").account())], "a deposit leaves b2 no choice");
    running.stop().await;
}

/// What `b1` grants to whoever signs for rules.
fn granted() -> alloy_primitives::LogData {
    use alloy_sol_types::SolEvent;
    TradingMandate::MandateGranted {
        account: neighbour("b1").address(),
        delegate: rules_delegate().address(),
        mandate: TradingMandate::Mandate {
            policy: config().policy.id(),
            until: at("2027-01-01T00:00:00Z").unsigned(),
            buyPriceMax: 300_000,
            sellPriceMin: u64::MAX,
            quantityPerSlot: 2_000,
            quantityPerDay: 100_000,
            version: 1,
        },
    }
    .encode_log_data()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opens_its_commitments_itself_loses_no_time_to_a_market_that_is_away() {
    let running = running().await;
    sealed(&running).await;
    let buy = order("b1", Side::Buy, 1000, 200_000);
    commit(&running, "b1", &buy, false).await;
    running.hand.move_to(at(GATE));
    running.market.tick(at(GATE)).await.unwrap();
    let running = start_on(running.stop().await).await;
    // Later than the gate and two minutes.
    let back = at("2026-06-02T20:50:00Z");
    running.hand.move_to(back);
    let (status, placed) = reveal(&running, "b1", &buy).await;
    assert_eq!(status, StatusCode::CREATED, "{placed}");
    running.market.tick(back).await.unwrap();
    let seen = running.get("b1", "/v1/sealing").await;
    assert_eq!(seen["unrevealed"], json!(0));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_rule_commits_like_everybody_else() {
    let running = start_with(Arc::new(TempDir::new().unwrap()), config()).await;
    for envelope in crate::service::past() {
        running.bus.publish(&envelope).await.unwrap();
    }
    let mut grant = log(granted());
    grant.address = deployment().mandates;
    running.bus.publish(&connected(2, 2, vec![grant])).await.unwrap();
    sealed(&running).await;
    let rule = json!({ "quantity_wh": 1_000, "limit_price": 200_000, "from": LATER });
    let path = format!("/v1/rules/{}/buy", neighbour("b1").point());
    let (status, set) = request(&running, Method::PUT, &path, "b1", Some(rule)).await;
    assert_eq!(status, StatusCode::OK, "{set}");
    let before = at("2026-06-02T20:00:00Z");
    running.hand.move_to(before);
    assert!(running.market.tick(before).await.unwrap());
    let later = before.plus_seconds(60);
    running.hand.move_to(later);
    running.market.tick(later).await.unwrap();
    let path = format!("/v1/commitments?slot={LATER}");
    let sealed = running.get("b1", &path).await;
    let items = sealed["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[0]["deposited"]), (1, &json!(true)), "one a slot: {sealed}");
    assert_eq!(running.get("b1", "/v1/orders").await["items"], json!([]));
    running.hand.move_to(at(GATE));
    running.market.tick(at(GATE)).await.unwrap();
    let orders = running.get("b1", &format!("/v1/orders?slot={LATER}")).await;
    assert_eq!(orders["items"][0]["status"], "cleared", "{orders}");
    running.stop().await;
}

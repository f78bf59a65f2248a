//! The switch that stops trading, and the two persons whom it takes to go on.

use access::Role;
use ids::{PartyId, Uuid};
use market::domain::{CONSENT_SECONDS, Change, Entry, Exchange, Rejection, Status, Trader, Wish};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use units::Money;

use crate::http::*;
use crate::service::{gate, running};
use crate::town::*;

/// Another one of the staff than [`operator`].
pub fn second() -> Option<String> {
    Some(token_as("second", vec![Role::Operator], community()))
}

#[test]
fn a_stopped_market_frees_what_was_held_and_keeps_its_trades() {
    let mut town = town();
    let order = neighbour("b1").buy(1000, 200_000);
    place(&mut town, &order).unwrap();
    let [one, other] = ["one", "other"].map(PartyId::derived);
    let stop = Change::Stop { reason: "a feed is missing".to_owned() };
    let entry = town.change(&stop, one, &parameters(), morning()).unwrap().unwrap();
    let consequences = town.consequences(&entry);
    town.apply(&entry);
    consequences.iter().for_each(|entry| town.apply(entry));
    assert_eq!(town.order(order.id).unwrap().status, Status::Cancelled);
    assert_eq!(town.wallet(neighbour("b1").address()).held(), Money::ZERO);
    assert_eq!(town.change(&stop, other, &parameters(), morning()), Ok(None));
}

/// Asks for something; the entry that comes of it is applied with all that it brings.
fn ask(town: &mut Exchange, wish: &Wish, by: &str, now: &str) -> Option<Entry> {
    let change = Change::Ask { consent: Uuid::from_u128(7), wish: wish.clone() };
    let entry = town.change(&change, PartyId::derived(by), &parameters(), at(now)).unwrap();
    if let Some(entry) = &entry {
        let consequences = town.consequences(entry);
        town.apply(entry);
        consequences.iter().for_each(|entry| town.apply(entry));
    }
    entry
}

#[test]
fn a_stop_is_lifted_by_two_and_by_nobody_alone() {
    let mut town = town();
    let stop = |town: &mut Exchange, reason: &str| {
        let stop = Change::Stop { reason: reason.to_owned() };
        let by = PartyId::derived("one");
        let entry = town.change(&stop, by, &parameters(), morning()).unwrap().unwrap();
        town.apply(&entry);
    };
    let decide = |town: &Exchange, given, by, now| {
        let change = Change::Decide { consent: Uuid::from_u128(7), given };
        town.change(&change, PartyId::derived(by), &parameters(), at(now))
    };
    let morning = "2026-06-01T08:45:00Z";
    assert_eq!(ask(&mut town, &Wish::Start, "one", morning), None, "nothing is stopped");
    assert_eq!(decide(&town, true, "two", morning), Err(Rejection::Unknown));
    stop(&mut town, "a feed is missing");
    // Who stopped it and who did not: either asks first, and neither is enough.
    assert!(ask(&mut town, &Wish::Start, "two", morning).is_some());
    assert_eq!(ask(&mut town, &Wish::Start, "two", morning), None, "a repeat");
    assert_eq!(decide(&town, true, "two", morning), Err(Rejection::SecondPerson));
    assert!(town.stopped().is_some());
    // A new stop is about something else.
    stop(&mut town, "prices are wrong");
    assert_eq!(decide(&town, true, "one", morning), Err(Rejection::Unknown));
    assert!(ask(&mut town, &Wish::Start, "two", morning).is_some());
    let late = at(morning).plus_seconds(CONSENT_SECONDS).to_string();
    assert_eq!(decide(&town, true, "one", &late), Err(Rejection::Decided));
    assert!(matches!(decide(&town, false, "two", morning), Ok(Some(_))), "it can be taken back");
    assert!(ask(&mut town, &Wish::Start, "one", morning).is_some(), "asking for it agrees");
    assert!(town.stopped().is_none());
    assert_eq!(decide(&town, true, "one", morning), Ok(None), "a repeat");
    assert_eq!(decide(&town, false, "one", morning), Err(Rejection::Decided));
}

#[test]
fn nobody_agrees_that_they_may_trade_themselves() {
    let mut town = town();
    let trader = Trader::Account(neighbour("b1").account());
    let suspend = Change::Suspend { trader, reason: "unpaid".to_owned() };
    let by = PartyId::derived("one");
    let entry = town.change(&suspend, by, &parameters(), at("2026-06-01T08:45:00Z"));
    town.apply(&entry.unwrap().unwrap());
    ask(&mut town, &Wish::Resume { trader }, "one", "2026-06-01T08:45:00Z");
    let agree = |by| {
        let change = Change::Decide { consent: Uuid::from_u128(7), given: true };
        town.change(&change, by, &parameters(), morning())
    };
    assert_eq!(agree(neighbour("b1").party()), Err(Rejection::SecondPerson));
    assert!(matches!(agree(neighbour("b2").party()), Ok(Some(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn trading_stops_for_all_and_goes_on_when_a_second_person_says_so() {
    let running = running().await;
    running.place("b1", body(&neighbour("b1").buy(1000, 200_000))).await;
    let ask = async |method: Method, token: Option<String>| {
        let body =
            (method == Method::PUT).then(|| json!({ "reason": "the price feed is missing" }));
        running.request(method, "/v1/stop", token, body).await
    };
    assert_eq!(ask(Method::PUT, Some(token("b1"))).await.0, StatusCode::FORBIDDEN);
    let (status, stopped) = ask(Method::PUT, operator()).await;
    assert_eq!((status, &stopped["reason"]), (StatusCode::OK, &json!("the price feed is missing")));
    let market = running.get("b1", "/v1/market").await;
    assert_eq!(market["stopped"], stopped);
    let orders = running.get("b1", "/v1/orders").await;
    assert_eq!(orders["items"][0]["status"], json!("cancelled"));
    let refused = running.place("b1", body(&neighbour("b1").buy(1100, 200_000))).await;
    assert_eq!(refused.1["code"], json!("KILL_SWITCH"));
    assert_eq!(ask(Method::DELETE, Some(token("b1"))).await.0, StatusCode::FORBIDDEN);
    let (status, asked) = ask(Method::DELETE, operator()).await;
    assert_eq!((status, &asked["wish"]), (StatusCode::ACCEPTED, &json!("start")), "{asked}");
    assert_eq!(ask(Method::DELETE, operator()).await, (StatusCode::ACCEPTED, asked.clone()));
    let hash = running.market.desks()[0].book().await.hash();
    let running = start_on(running.stop().await).await;
    assert_eq!(running.market.desks()[0].book().await.hash(), hash);
    let waiting = format!("/v1/consents/{}", asked["consent"].as_str().unwrap());
    let answer = async |what: &str, token: Option<String>| {
        running.request(Method::POST, &format!("{waiting}/{what}"), token, None).await
    };
    assert_eq!(answer("approval", Some(token("b1"))).await.0, StatusCode::FORBIDDEN);
    assert_eq!(answer("approval", operator()).await.1["code"], json!("SECOND_PERSON"));
    let (status, given) = answer("approval", second()).await;
    assert_eq!((status, &given["state"]), (StatusCode::OK, &json!("given")), "{given}");
    assert_eq!(answer("approval", second()).await, (status, given.clone()), "a repeat");
    let list = running.request(Method::GET, "/v1/consents", operator(), None).await.1;
    assert_eq!(list["items"], json!([given]));
    let members = running.request(Method::GET, "/v1/consents", trader("b1"), None).await;
    assert_eq!(members.0, StatusCode::FORBIDDEN);
    let (status, _) = running.request(Method::DELETE, "/v1/stop", second(), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "it goes on already");
    assert_eq!(running.get("b1", "/v1/market").await["stopped"], Value::Null);
    running.place("b1", body(&neighbour("b1").buy(1200, 200_000))).await;
    running.place("s1", body(&neighbour("s1").sell(1000, 100_000))).await;
    gate(&running).await;
    let slot = running.get("b1", &format!("/v1/slots/{SLOT}")).await;
    assert_eq!(slot["volume_wh"], json!(1000));
    running.stop().await;
}

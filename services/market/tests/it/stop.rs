//! The switch that stops trading.

use access::Role;
use market::domain::{Change, Entry, Rejection, Status};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use units::Money;

use crate::http::*;
use crate::service::{gate, running};
use crate::town::*;

/// Another one of the staff than [`operator`].
fn second() -> Option<String> {
    Some(token_as("second", vec![Role::Operator], community()))
}

#[test]
fn a_stopped_market_frees_what_was_held_and_keeps_its_trades() {
    let mut town = town();
    let order = neighbour("b1").buy(1000, 200_000);
    place(&mut town, &order).unwrap();
    let (one, other) = (ids::PartyId::derived("one"), ids::PartyId::derived("other"));
    let stop = Change::Stop { reason: "a feed is missing".to_owned() };
    let entry = town.change(&stop, one, &parameters(), morning()).unwrap().unwrap();
    let consequences = town.consequences(&entry);
    town.apply(&entry);
    consequences.iter().for_each(|entry| town.apply(entry));
    assert_eq!(town.order(order.id).unwrap().status, Status::Cancelled);
    assert_eq!(town.wallet(neighbour("b1").address()).held(), Money::ZERO);
    assert_eq!(town.change(&stop, other, &parameters(), morning()), Ok(None));
    let start = |by| town.change(&Change::Start, by, &parameters(), morning());
    assert_eq!(start(one), Err(Rejection::SecondPerson));
    assert_eq!(start(other), Ok(Some(Entry::Started { by: other, at: morning() })));
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
    assert_eq!(ask(Method::DELETE, operator()).await.1["code"], json!("SECOND_PERSON"));
    let hash = running.market.desks()[0].book().await.hash();
    let running = start_on(running.stop().await).await;
    assert_eq!(running.market.desks()[0].book().await.hash(), hash);
    let (status, _) = running.request(Method::DELETE, "/v1/stop", second(), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(running.get("b1", "/v1/market").await["stopped"], Value::Null);
    running.place("b1", body(&neighbour("b1").buy(1200, 200_000))).await;
    running.place("s1", body(&neighbour("s1").sell(1000, 100_000))).await;
    gate(&running).await;
    let slot = running.get("b1", &format!("/v1/slots/{SLOT}")).await;
    assert_eq!(slot["volume_wh"], json!(1000));
    running.stop().await;
}

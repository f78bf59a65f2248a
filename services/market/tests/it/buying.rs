//! Accounts that billing says buy nothing, because of what they owe.

use events::Envelope;
use events::billing::TradingChanged;
use events::market::CancelledBy;
use ids::CommunityId;
use market::domain::{Buying, Change, Entry, Exchange, NewOrder, Rejection, Status, Trader};
use reqwest::StatusCode;
use serde_json::json;

use crate::http::*;
use crate::service::running;
use crate::town::*;

/// What billing says about a neighbour, and with which number.
pub fn told(name: &str, number: u64, reasons: &[&str]) -> Envelope {
    let event = TradingChanged {
        community: community(),
        account: neighbour(name).account(),
        number,
        reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
    };
    Envelope::of(&event, &format!("{name}/{number}"), morning())
}

fn buying(number: u64, reasons: &[&str]) -> Buying {
    let reasons = reasons.iter().map(|reason| (*reason).to_owned()).collect();
    Buying { number, reasons, at: morning() }
}

/// Applies what billing says with all that it brings; whether anything follows.
fn tell(town: &mut Exchange, name: &str, said: Buying) -> bool {
    let Some(entry) = town.buying_told(neighbour(name).account(), said) else { return false };
    let consequences = town.consequences(&entry);
    for entry in std::iter::once(&entry).chain(&consequences) {
        town.fits(entry).unwrap();
        town.apply(entry);
    }
    true
}

fn judged(town: &Exchange, order: &NewOrder) -> Option<Rejection> {
    town.place(order, &parameters(), morning()).err()
}

#[test]
fn who_owes_too_much_buys_nothing_and_sells_on_until_it_is_lifted() {
    let mut town = town();
    let (b1, b2) = (neighbour("b1"), neighbour("b2"));
    let (open, others, sells) =
        (b1.buy(1000, 200_000), b2.buy(1000, 200_000), neighbour("s1").sell(500, 100_000));
    for order in [&open, &others, &sells] {
        place(&mut town, order).unwrap();
    }
    assert!(tell(&mut town, "b1", buying(1, &["dunning"])));
    let order = town.order(open.id).unwrap();
    assert_eq!(
        (order.status, order.cancelled_by),
        (Status::Cancelled, Some(CancelledBy::Suspension))
    );
    assert_eq!(town.order(others.id).unwrap().status, Status::Open, "a neighbour's");
    let (again, sale) = (b1.buy(900, 200_000), b1.sell(900, 100_000));
    assert_eq!(judged(&town, &again), Some(Rejection::BuyingHeld));
    assert!(Rejection::BuyingHeld.retry_may_help());
    assert_eq!(judged(&town, &sale), None, "what it sells goes on");

    // A sale stays open when another reason comes, and the last one to go lifts it.
    place(&mut town, &sale).unwrap();
    assert!(tell(&mut town, "b1", buying(2, &["dunning", "prepaid"])));
    assert_eq!(town.order(sale.id).unwrap().status, Status::Open);
    assert!(tell(&mut town, "b1", buying(3, &["prepaid"])));
    assert_eq!(town.buys_nothing(b1.account()).unwrap().reasons, ["prepaid"]);
    assert!(tell(&mut town, "b1", buying(4, &[])));
    assert_eq!(town.buys_nothing(b1.account()), None);
    assert_eq!(judged(&town, &b1.buy(800, 200_000)), Some(Rejection::SelfTrade), "as before");
    // What comes late or again changes nothing.
    let before = town.hash();
    for said in [buying(4, &["dunning"]), buying(2, &["dunning", "prepaid"])] {
        assert!(!tell(&mut town, "b1", said));
    }
    assert_eq!(town.hash(), before);
}

#[test]
fn a_hold_and_a_suspension_stand_beside_each_other() {
    let mut town = town();
    let b1 = neighbour("b1");
    tell(&mut town, "b1", buying(1, &["prepaid"]));
    let trader = Trader::Account(b1.account());
    let suspend = Change::Suspend { trader, reason: "a test".to_owned() };
    let by = neighbour("operator").party();
    let entry = town.change(&suspend, by, &parameters(), morning()).unwrap().unwrap();
    town.apply(&entry);
    assert_eq!(judged(&town, &b1.buy(1000, 200_000)), Some(Rejection::Suspended));
    tell(&mut town, "b1", buying(2, &[]));
    assert_eq!(judged(&town, &b1.buy(1000, 200_000)), Some(Rejection::Suspended));
    tell(&mut town, "b1", buying(3, &["prepaid"]));
    town.apply(&Entry::Resumed { trader, by, at: morning() });
    assert_eq!(judged(&town, &b1.buy(1000, 200_000)), Some(Rejection::BuyingHeld));
}

#[test]
fn a_book_without_holds_is_written_as_before_and_one_with_them_is_read_again() {
    let mut town = town();
    assert!(!serde_json::to_string(&town).unwrap().contains("\"buying\""));
    // Also of who comes to the market only later.
    tell(&mut town, "stranger", buying(7, &["dunning"]));
    let text = serde_json::to_string(&town).unwrap();
    let read: Exchange = serde_json::from_str(&text).unwrap();
    assert_eq!((read.hash(), &read), (town.hash(), &town));
    let entry = Entry::BuyingChanged {
        account: neighbour("b1").account(),
        buying: buying(1, &["dunning"]),
    };
    let text = serde_json::to_string(&entry).unwrap();
    assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_is_told_by_billing_and_outlives_a_restart() {
    let running = running().await;
    let (status, placed) = running.place("b1", body(&neighbour("b1").buy(1000, 200_000))).await;
    assert_eq!(status, StatusCode::CREATED, "{placed}");
    let elsewhere = TradingChanged {
        community: CommunityId::derived("elsewhere"),
        account: neighbour("b2").account(),
        number: 1,
        reasons: vec!["dunning".to_owned()],
    };
    running.bus.publish(&Envelope::of(&elsewhere, "elsewhere", morning())).await.unwrap();
    for _ in 0..2 {
        running.bus.publish(&told("b1", 1, &["dunning"])).await.unwrap();
    }
    let path = format!("/v1/orders/{}", placed["order_id"].as_str().unwrap());
    assert_eq!(running.get("b1", &path).await["status"], json!("cancelled"));
    let running = start_on(running.stop().await).await;
    let refused = running.place("b1", body(&neighbour("b1").buy(900, 200_000))).await;
    assert_eq!(
        (refused.0, &refused.1["code"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("BUYING_HELD"))
    );
    let free = running.place("b2", body(&neighbour("b2").buy(900, 200_000))).await;
    assert_eq!(free.0, StatusCode::CREATED, "another community's word: {}", free.1);
    running.bus.publish(&told("b1", 2, &[])).await.unwrap();
    let free = running.place("b1", body(&neighbour("b1").buy(800, 200_000))).await;
    assert_eq!(free.0, StatusCode::CREATED, "{}", free.1);
    running.stop().await;
}

//! Limits of money before an order is accepted, and with whom an account traded after it was.

use contracts::Side;
use market::domain::{Entry, Exchange, NewOrder, Rejection, RiskChange, RiskLimits};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::http::*;
use crate::service::{gate, running};
use crate::town::*;

fn set(town: &mut Exchange, limits: RiskLimits) {
    let by = ids::PartyId::derived("operator");
    town.apply(&Entry::RiskLimitsSet(RiskChange { limits, by, agreed_by: None, at: morning() }));
}

fn judged(town: &Exchange, order: &NewOrder, now: &str) -> Option<Rejection> {
    town.place(order, &parameters(), at(now)).err()
}

/// The order for the slot so many after [`SLOT`]'s.
fn later(name: &str, side: Side, (quantity, limit): (u64, u64), slots: u64) -> NewOrder {
    let mut terms = neighbour(name).terms(side, quantity, limit);
    terms.slot += 900 * slots;
    terms.expiry += 900 * slots;
    terms.nonce += contracts::U256::from(slots);
    neighbour(name).sign(terms)
}

#[test]
fn what_an_account_owes_is_its_open_orders_of_all_slots_and_trades_until_their_slots_are_over() {
    let mut town = town();
    set(&mut town, RiskLimits { exposure: Some(2), ..RiskLimits::default() });
    let now = "2026-06-01T08:45:00Z";
    // 5000 Wh at 20 ct hold 1.00 each.
    let buy = |slots| later("b1", Side::Buy, (5000, 200_000), slots);
    place(&mut town, &buy(0)).unwrap();
    place(&mut town, &buy(1)).unwrap();
    assert_eq!(judged(&town, &buy(2), now), Some(Rejection::Exposure));
    assert_eq!(judged(&town, &later("b2", Side::Buy, (5000, 200_000), 2), now), None);
    let instead = NewOrder { replaces: Some(buy(1).id), ..buy(2) };
    assert_eq!(judged(&town, &instead, now), None, "what it takes the place of is free");
    place(&mut town, &neighbour("s1").sell(5000, 100_000)).unwrap();
    let owed =
        |town: &Exchange, name: &str, now: &str| town.exposure(neighbour(name).account(), at(now));
    // A seller holds what the buyer would pay more elsewhere: 30 - 1.2 - 10.2 ct for each kWh.
    assert_eq!(owed(&town, "s1", now), 5000 * (300_000 - 12_000 - 102_000));
    let cleared = town.clear(slot(), &parameters(), at("2026-06-01T09:45:00Z"));
    let trade = cleared.trades[0].clone();
    town.apply(&Entry::Cleared(cleared));
    let before = "2026-06-01T10:14:59Z";
    let open = i128::from(town.order(buy(1).id).unwrap().hold.n());
    assert_eq!(owed(&town, "b1", before), open + i128::from(trade.escrow.n()));
    assert_eq!(owed(&town, "s1", before), i128::from(trade.collateral.n()));
    assert_eq!(owed(&town, "b1", "2026-06-01T10:15:00Z"), open, "the slot is over");
}

#[test]
fn what_an_account_trades_in_a_local_day_is_its_open_orders_and_its_trades() {
    let mut town = town();
    set(&mut town, RiskLimits { daily_notional: Some(2), ..RiskLimits::default() });
    let now = "2026-06-01T08:45:00Z";
    // 5000 Wh at 20 ct come to 1.00 each.
    let buy = |slots| later("b1", Side::Buy, (5000, 200_000), slots);
    place(&mut town, &buy(0)).unwrap();
    place(&mut town, &buy(1)).unwrap();
    assert_eq!(judged(&town, &buy(2), now), Some(Rejection::Notional));
    let little = later("s1", Side::Sell, (5000, 400_000), 2);
    assert_eq!(judged(&town, &little, now), None, "exactly two, of another account");
    let more = later("s1", Side::Sell, (5000, 400_100), 2);
    assert_eq!(judged(&town, &more, now), Some(Rejection::Notional), "sales count too");
    // Midnight in Berlin is at 22:00Z: 48 slots later.
    assert_eq!(judged(&town, &buy(47), now), Some(Rejection::Notional));
    assert_eq!(judged(&town, &buy(48), now), None, "another day");
    let instead = NewOrder { replaces: Some(buy(1).id), ..buy(2) };
    assert_eq!(judged(&town, &instead, now), None, "what it takes the place of is free");
    place(&mut town, &neighbour("s1").sell(5000, 100_000)).unwrap();
    let cleared = town.clear(slot(), &parameters(), at("2026-06-01T09:45:00Z"));
    let trade = cleared.trades[0].clone();
    town.apply(&Entry::Cleared(cleared));
    let day = parameters().timezone.day_of(slot().start);
    let traded = |name: &str| town.notional(neighbour(name).account(), day, &parameters());
    assert_eq!(traded("b1"), 1_000_000_000 + i128::from(trade.escrow.n()));
    assert_eq!(traded("s1"), 5000 * i128::from(trade.prices.seller));
}

#[test]
fn an_account_has_so_many_orders_open_in_all_slots_together() {
    let mut town = town();
    set(&mut town, RiskLimits { open_orders: Some(2), ..RiskLimits::default() });
    let now = "2026-06-01T08:45:00Z";
    let buy = |slots| later("b1", Side::Buy, (100, 200_000), slots);
    place(&mut town, &buy(0)).unwrap();
    place(&mut town, &later("b1", Side::Sell, (100, 200_000), 1)).unwrap();
    assert_eq!(judged(&town, &buy(2), now), Some(Rejection::TooMany));
    let instead = NewOrder { replaces: Some(buy(0).id), ..buy(2) };
    assert_eq!(judged(&town, &instead, now), None);
    assert_eq!(judged(&town, &later("b2", Side::Buy, (100, 200_000), 2), now), None);
    let cleared = town.clear(slot(), &parameters(), at("2026-06-01T09:45:00Z"));
    town.apply(&Entry::Cleared(cleared));
    assert_eq!(judged(&town, &buy(2), now), None, "what is cleared is not open");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_too_many_of_an_account_is_refused_in_whatever_slot_it_is() {
    let running = running().await;
    let limit = Some(json!({ "open_orders": 2 }));
    let (status, set) = running.request(Method::PUT, "/v1/risk-limits", operator(), limit).await;
    assert_eq!((status, &set["limits"]["open_orders"]), (StatusCode::OK, &json!(2)));
    for (slots, expected) in [(0, None), (3, None), (5, Some("TOO_MANY"))] {
        let order = later("b1", Side::Buy, (100, 200_000), slots);
        let (_, answer) = running.place("b1", body(&order)).await;
        assert_eq!(answer["code"].as_str(), expected, "{answer}");
    }
    running.stop().await;
}

#[test]
fn a_price_far_off_the_usual_one_is_refused_unless_it_is_meant() {
    let mut town = town();
    let now = "2026-06-01T08:45:00Z";
    let (dear, cheap) = (later("b1", Side::Buy, (100, 300_000), 0), neighbour("s1"));
    assert_eq!(judged(&town, &dear, now), None, "no limit is set");
    set(&mut town, RiskLimits { reference_percent: Some(30), ..RiskLimits::default() });
    // Between 8 and 30 ct lie 19: from 13.3 to 24.7 ct for the energy.
    assert_eq!(judged(&town, &dear, now), Some(Rejection::PriceReference));
    let meant = NewOrder { beyond_reference: true, ..dear.clone() };
    assert_eq!(judged(&town, &meant, now), None);
    for (order, expected) in [
        (neighbour("b1").buy(100, 247_000 + 12_000), None),
        (neighbour("b1").buy(100, 247_100 + 12_000), Some(Rejection::PriceReference)),
        (cheap.sell(100, 133_000 - 2_000), None),
        (cheap.sell(100, 132_900 - 2_000), Some(Rejection::PriceReference)),
        (cheap.sell(100, 290_000), None),
    ] {
        assert_eq!(judged(&town, &order, now), expected, "{:?}", order.terms);
    }
    // The day before it was 26 ct at that time: up to 33.8 are usual.
    let yesterday = slot().later(-96);
    let day = |order: NewOrder| {
        let mut terms = order.terms.clone();
        terms.slot = yesterday.start.unsigned();
        terms.expiry = yesterday.end().unsigned();
        neighbour(if terms.side == Side::Buy { "b2" } else { "s2" }).sign(terms)
    };
    let orders = [neighbour("b2").buy(1000, 272_000), neighbour("s2").sell(1000, 258_000)].map(day);
    for order in orders {
        let morning = morning().plus_seconds(-86_400);
        let order = NewOrder { beyond_reference: true, ..order };
        let placed = town.place(&order, &parameters(), morning).unwrap();
        let market::domain::Placement::New(accepted) = placed else { panic!("it is new") };
        town.apply(&Entry::Accepted(*accepted));
    }
    let gate = parameters().gate(yesterday.start);
    let cleared = town.clear(yesterday, &parameters(), gate);
    assert_eq!(cleared.price, Some(units::Price::from_n_per_wh(260_000)));
    town.apply(&Entry::Cleared(cleared));
    assert_eq!(judged(&town, &dear, now), None);
}

#[test]
fn the_collar_is_a_figure_too() {
    let mut town = town();
    let now = "2026-06-01T08:45:00Z";
    let order = later("b1", Side::Buy, (100, 330_100), 0);
    assert_eq!(judged(&town, &order, now), None);
    set(&mut town, RiskLimits { collar_percent: Some(110), ..RiskLimits::default() });
    assert_eq!(judged(&town, &order, now), Some(Rejection::PriceCollar));
    assert_eq!(judged(&town, &later("b1", Side::Buy, (100, 330_000), 0), now), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_whom_an_account_traded_is_told_to_it_and_to_staff_after_the_fact() {
    let running = running().await;
    for (name, side, quantity) in [
        ("b1", Side::Buy, 600),
        ("b2", Side::Buy, 400),
        ("s1", Side::Sell, 1000),
        ("s2", Side::Sell, 1000),
    ] {
        let limit = match name {
            "s2" => 190_000,
            _ if side == Side::Buy => 200_000,
            _ => 100_000,
        };
        let order = neighbour(name).sign(neighbour(name).terms(side, quantity, limit));
        let (status, answer) = running.place(name, body(&order)).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
    }
    gate(&running).await;
    let path = "/v1/concentration?day=2026-06-01";
    let own = running.get("s1", path).await;
    let expected = json!([{
        "account": neighbour("s1").account(), "energy_wh": 1000, "counterparties": 2,
        "offered": 2, "largest_percent": 60, "hhi": 5200, "beyond": false,
    }]);
    assert_eq!(own["items"], expected, "others are not shown, and two are too few to choose");
    let all = running.request(Method::GET, path, operator(), None).await.1;
    assert_eq!(all["items"].as_array().unwrap().len(), 3, "who traded");
    let none = running.get("s1", "/v1/concentration").await;
    assert_eq!(none["items"], json!([]), "yesterday");
    let (status, _) =
        running.request(Method::GET, "/v1/concentration?day=now", operator(), None).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    running.stop().await;
}

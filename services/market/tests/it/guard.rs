//! The market stops by itself: who, by which figure, on what evidence; and the figures are data.

use access::Role;
use contracts::Side;
use market::domain::{
    Change, Entry, Exchange, Export, NewOrder, RiskChange, RiskLimits, Rule, RuleName,
    RuleQuantity, Trader, Trigger, Trip, machine,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service::Tick;
use units::{Energy, Price};

use crate::http::*;
use crate::refusals::fed_in;
use crate::service::running;
use crate::stop::second;
use crate::town::*;

/// The town with other figures.
fn town_with(limits: RiskLimits) -> Exchange {
    let mut town = town();
    let by = ids::PartyId::derived("operator");
    town.apply(&Entry::RiskLimitsSet(RiskChange { limits, by, agreed_by: None, at: morning() }));
    town
}

/// What a home fed in or took at [`SLOT`]'s time so many slots before.
fn metered(town: &mut Exchange, (side, slots_before): (Side, i64), wh: u64) -> Vec<Export> {
    let export = Export {
        connection_point: neighbour("b1").point(),
        quantity: Energy::from_wh(wh),
        version: 1,
    };
    let slot = slot().later(-slots_before).start;
    let (exports, imports) = match side {
        Side::Buy => (Vec::new(), vec![export]),
        Side::Sell => (vec![export], Vec::new()),
    };
    town.apply(&Entry::Exported { slot, exports, imports });
    vec![export]
}

fn rule(side: Side, quantity: RuleQuantity) -> Rule {
    Rule {
        name: RuleName { connection_point: neighbour("b1").point(), side },
        account: neighbour("b1").account(),
        quantity,
        limit: Price::from_n_per_wh(500_000),
        min_fill: Energy::ZERO,
        from: None,
        until: None,
    }
}

fn set(town: &mut Exchange, rule: Rule) {
    let by = neighbour("b1").party();
    let change = Change::SetRule(rule);
    let entry = town.change(&change, by, &parameters(), morning()).unwrap().unwrap();
    town.apply(&entry);
}

#[test]
fn a_rule_is_suspended_where_its_forecast_is_off_in_four_slots_in_a_row() {
    let limits = RiskLimits { forecast_sigmas: Some(3), ..RiskLimits::default() };
    let check = |last: [u64; 4], quantity: RuleQuantity, expected: bool| {
        let mut town = town_with(limits);
        set(&mut town, rule(Side::Buy, quantity));
        for slot in 0..4 {
            for (day, wh) in (1..).zip([1000, 1100, 900, 1000, 1050, 950, 1000]) {
                metered(&mut town, (Side::Buy, slot + 96 * day), wh);
            }
        }
        for (slot, wh) in last.into_iter().enumerate() {
            metered(&mut town, (Side::Buy, 3 - i64::try_from(slot).unwrap()), wh);
        }
        let newest = Export {
            connection_point: neighbour("b1").point(),
            quantity: Energy::from_wh(last[3]),
            version: 1,
        };
        let found = town.missed_forecasts((slot().start, &[(Side::Buy, newest)]), &parameters());
        assert_eq!(found.len(), usize::from(expected), "{last:?}");
        let Some(trip) = found.into_iter().next() else { return };
        assert_eq!(trip.evidence.len(), 4);
        assert!(trip.evidence[0].contains("1000 Wh were likely, 100 Wh metered"));
        let Some(Entry::Suspended { trader, suspension }) = town.stopped_by(trip, morning()) else {
            panic!("it brings nothing");
        };
        assert_eq!(trader, Trader::Rule(rule(Side::Buy, quantity).name));
        assert_eq!(suspension.by, machine());
        let due = |town: &Exchange| {
            town.due_rules(&parameters(), rules_delegate().address(), morning()).len()
        };
        assert_eq!(due(&town), 4);
        town.apply(&Entry::Suspended { trader, suspension });
        assert_eq!(due(&town), 0, "it places nothing any more");
    };
    let likely = RuleQuantity::Likely { percent: 100 };
    // Seven days of 1000 Wh with a deviation of 60: 3 of them are 179 Wh.
    check([100, 1900, 100, 100], likely, true);
    check([100, 1900, 100, 1170], likely, false);
    check([1170, 100, 100, 100], likely, false);
    check([100; 4], RuleQuantity::Fixed { quantity: Energy::from_wh(1000) }, false);
}

#[test]
fn a_zone_without_data_is_stopped_and_a_connection_point_without_is_suspended() {
    let limits = RiskLimits {
        stale_slots: Some(3),
        chain_silent_seconds: Some(7_200),
        ..RiskLimits::default()
    };
    let mut town = town_with(limits);
    let found = |town: &Exchange, now: &str| -> Vec<_> {
        let trips = town.silent_feeds(&parameters(), (morning(), at(now)));
        trips.into_iter().map(|trip| (trip.trigger, trip.trader, trip.measured)).collect()
    };
    assert_eq!(found(&town, "2026-06-01T10:00:00Z"), [], "nothing was ever metered");
    metered(&mut town, (Side::Sell, 0), 10);
    // The slot of 11:00 has ended: 3 have since that of 10:00 began its own end.
    assert_eq!(found(&town, "2026-06-01T10:45:00Z"), []);
    let chain = (Trigger::SilentChain, None, 8_100);
    assert_eq!(found(&town, "2026-06-01T11:00:00Z"), [chain]);
    let stale = (Trigger::MissingData, None, 4);
    let late = "2026-06-01T11:15:00Z";
    assert_eq!(found(&town, late), [(Trigger::SilentChain, None, 9_000), stale]);
    let export = Export {
        connection_point: neighbour("s1").point(),
        quantity: Energy::from_wh(10),
        version: 1,
    };
    let fresh = slot().later(4).start;
    town.apply(&Entry::Exported { slot: fresh, exports: vec![export], imports: Vec::new() });
    let point = Trader::ConnectionPoint(neighbour("b1").point());
    let points: Vec<_> = found(&town, late).into_iter().skip(1).collect();
    assert_eq!(points, [(Trigger::MissingData, Some(point), 4)], "the other one reports");
}

/// An order for the slot so many after [`SLOT`]'s, signed by the delegate of standing rules.
fn by_rule(side: Side, slots: u64, limit: u64) -> NewOrder {
    let mut terms = neighbour("b1").terms(side, 1000, limit);
    terms.slot += 900 * slots;
    terms.expiry += 900 * slots;
    terms.delegate = rules_delegate().address();
    let hash = terms.hash(CHAIN_ID, deployment().market);
    let signature = rules_delegate().sign(hash);
    NewOrder { hash, signature: signature.into(), ..neighbour("b1").sign(terms) }
}

#[test]
fn a_rule_that_loses_against_the_tariff_for_four_slots_is_suspended() {
    let limits =
        RiskLimits { loss_percent: Some(10), drawdown_percent: None, ..RiskLimits::default() };
    let check = |limit: u64, slots: u64, expected: Option<u64>| {
        let mut town = town_with(limits);
        set(&mut town, rule(Side::Buy, RuleQuantity::Fixed { quantity: Energy::from_wh(1000) }));
        let mut last = Vec::new();
        for slot in 0..slots {
            last = bought_by_rule(&mut town, slot, limit);
        }
        let found = last.first().map(|trip| (trip.trigger, trip.measured));
        assert_eq!(found, expected.map(|percent| (Trigger::Loss, percent)), "{limit} {slots}");
    };
    // 30 ct by the tariff: 33.3 ct are 11 % more.
    check(333_000, 4, Some(11));
    check(333_000, 3, None);
    check(329_900, 4, None);
    check(200_000, 4, None);
}

/// The rule of `b1` buys 1000 Wh in a slot at a limit that it pays; what is passed with that.
fn bought_by_rule(town: &mut Exchange, slot: u64, limit: u64) -> Vec<Trip> {
    let buy = by_rule(Side::Buy, slot, limit);
    let mut sell = neighbour("s1").terms(Side::Sell, 1000, limit - 14_000);
    sell.slot = buy.terms.slot;
    sell.expiry = buy.terms.expiry;
    for (order, hold) in [(buy, 1), (neighbour("s1").sign(sell), 2)] {
        town.apply(&Entry::Accepted(accepted(town, &order, hold)));
    }
    let start = self::slot().later(slot.cast_signed());
    let gate = parameters().gate(start.start);
    let cleared = town.clear(start, &parameters(), gate);
    assert_eq!(cleared.trades.len(), 1);
    town.apply(&Entry::Cleared(cleared.clone()));
    town.losing_rules(&cleared, &parameters())
}

#[test]
fn a_rule_that_loses_again_what_it_had_gained_is_suspended() {
    let check = |paid: &[u64], expected: Option<u64>| {
        let mut town = town_with(RiskLimits { loss_percent: None, ..RiskLimits::default() });
        set(&mut town, rule(Side::Buy, RuleQuantity::Fixed { quantity: Energy::from_wh(1000) }));
        let mut last = Vec::new();
        for (slot, limit) in (0..).zip(paid) {
            last = bought_by_rule(&mut town, slot, *limit);
        }
        let found = last.first().map(|trip| (trip.trigger, trip.measured));
        assert_eq!(found, expected.map(|percent| (Trigger::Drawdown, percent)), "{paid:?}");
    };
    // 30 ct by the tariff. It gains 10 and 10, loses 4 and 4 of them: 8 of 120 + 20.
    check(&[200_000, 200_000, 340_000, 340_000], Some(5));
    // 3 and 4 lost are 7 of 140: five percent, and no more.
    check(&[200_000, 200_000, 330_000, 340_000], None);
    check(&[200_000, 340_000, 340_000], None);
    check(&[200_000; 6], None);
    // All that was gained, 20 of 140, and no more: what is lost beyond it is a loss.
    check(&[200_000, 200_000, 500_000, 500_000], Some(14));
    // Without a gain there is nothing to lose again.
    check(&[400_000; 4], None);
}

#[test]
fn figures_that_a_journal_of_before_does_not_name_set_no_limit() {
    let limits = RiskLimits { loss_percent: Some(50), ..RiskLimits::default() };
    let by = ids::PartyId::derived("operator");
    let change = Entry::RiskLimitsSet(RiskChange { limits, by, agreed_by: None, at: morning() });
    let mut old = serde_json::to_value(&change).unwrap();
    let mut expected = old.clone();
    for name in [
        "drawdown_percent",
        "undelivered_collateral_percent",
        "undelivered_percent",
        "daily_notional",
        "open_orders",
        "differing_clearings",
        "violated_invariants",
    ] {
        old["limits"].as_object_mut().unwrap().remove(name).unwrap();
        expected["limits"][name] = Value::Null;
    }
    let read: Entry = serde_json::from_value(old).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), expected);
    let mut town = town();
    town.fits(&read).unwrap();
    town.apply(&read);
    let holds = town.risk_limits();
    assert_eq!((holds.loss_percent, holds.drawdown_percent), (Some(50), None));
    let again: Exchange = serde_json::from_str(&serde_json::to_string(&town).unwrap()).unwrap();
    assert_eq!(again.hash(), town.hash());
    // One of now says all of them.
    let read: Entry = serde_json::from_value(serde_json::to_value(&change).unwrap()).unwrap();
    assert_eq!(read, change);
}

#[test]
fn a_zone_stops_by_itself_beside_the_stop_of_all_zones() {
    let mut town = town();
    let all = Change::StopAll { reason: "a test".to_owned() };
    let by = ids::PartyId::derived("operator");
    let entry = town.change(&all, by, &parameters(), morning()).unwrap().unwrap();
    town.apply(&entry);
    let trip = Trip {
        trigger: Trigger::SilentChain,
        trader: None,
        measured: 2,
        most: 1,
        span: (morning(), morning()),
        evidence: Vec::new(),
    };
    let stop = town.stopped_by(trip.clone(), morning()).unwrap();
    assert!(matches!(stop, Entry::Stopped(_)), "{stop:?}");
    town.apply(&stop);
    assert_eq!(town.stopped_by(trip, morning()), None, "it stands");
}

/// An order as it is accepted, whatever anybody has granted or has in cash.
fn accepted(town: &Exchange, order: &NewOrder, sequence: u64) -> market::domain::Accepted {
    market::domain::Accepted {
        id: order.id,
        sequence: sequence + 10 * u64::try_from(town.orders().count()).unwrap(),
        account: order.account,
        terms: order.terms.clone(),
        hash: order.hash,
        signature: order.signature.clone(),
        hold: units::Money::ZERO,
        no_gain: false,
        at: morning(),
        status: market::domain::Status::Open,
        cancelled_by: None,
        cancelled_at: None,
        filled: Energy::ZERO,
        arrival: None,
        netted: Energy::ZERO,
        opens: None,
    }
}

#[test]
fn a_suspended_rule_loses_its_open_orders_and_no_others() {
    let mut town = town();
    set(&mut town, rule(Side::Buy, RuleQuantity::Fixed { quantity: Energy::from_wh(1000) }));
    let (placed, by_hand) = (by_rule(Side::Buy, 0, 200_000), neighbour("b1").buy(900, 200_000));
    for (sequence, order) in (1..).zip([&placed, &by_hand]) {
        town.apply(&Entry::Accepted(accepted(&town, order, sequence)));
    }
    let trader = Trader::Rule(rule(Side::Buy, RuleQuantity::Likely { percent: 1 }).name);
    let suspend = Change::Suspend { trader, reason: "it runs wild".to_owned() };
    let by = ids::PartyId::derived("operator");
    let entry = town.change(&suspend, by, &parameters(), morning()).unwrap().unwrap();
    let taken_back = town.consequences(&entry);
    let [Entry::Cancelled { order, .. }] = taken_back.as_slice() else {
        panic!("{taken_back:?}");
    };
    assert_eq!(*order, placed.id);
}

async fn limits(running: &Running, token: Option<String>, limits: Value) -> (StatusCode, Value) {
    running.request(Method::PUT, "/v1/risk-limits", token, Some(limits)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_stricter_at_once_and_looser_when_a_second_person_agrees() {
    let running = running().await;
    let shown = running.get("b1", "/v1/risk-limits").await;
    assert_eq!((&shown["limits"]["stale_slots"], &shown["change"]), (&Value::Null, &Value::Null));
    assert_eq!(limits(&running, trader("b1"), json!({})).await.0, StatusCode::FORBIDDEN);
    for wrong in [json!({ "loss_percent": 0 }), json!({ "lose_percent": 5 })] {
        assert_eq!(limits(&running, operator(), wrong).await.0, StatusCode::BAD_REQUEST);
    }
    let (status, strict) = limits(&running, operator(), json!({ "loss_percent": 5 })).await;
    assert_eq!((status, &strict["limits"]["loss_percent"]), (StatusCode::OK, &json!(5)));
    let (status, asked) = limits(&running, operator(), json!({ "loss_percent": null })).await;
    assert_eq!((status, &asked["wish"]), (StatusCode::ACCEPTED, &json!("limits")), "{asked}");
    assert_eq!(running.get("b1", "/v1/risk-limits").await, strict, "it waits");
    let path = format!("/v1/consents/{}/approval", asked["consent"].as_str().unwrap());
    let (status, _) = running.request(Method::POST, &path, second(), None).await;
    assert_eq!(status, StatusCode::OK);
    let loose = running.get("b1", "/v1/risk-limits").await;
    assert_eq!(loose["limits"]["loss_percent"], Value::Null);
    assert_eq!(loose["change"]["agreed_by"], json!(neighbour("second").party()));
    let running = start_on(running.stop().await).await;
    let changes = running.get("b1", "/v1/risk-limits/changes").await;
    let percents = changes["items"].as_array().unwrap().iter();
    let percents: Vec<&Value> = percents.map(|one| &one["limits"]["loss_percent"]).collect();
    assert_eq!(percents, [&Value::Null, &json!(5)], "newest first");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_sends_too_much_is_suspended_with_evidence_until_two_agree() {
    let running = running().await;
    limits(&running, operator(), json!({ "orders_per_minute": 3 })).await;
    let b1 = neighbour("b1");
    for quantity in [100, 200, 300] {
        let (status, _) = running.place("b1", body(&b1.buy(quantity, 200_000))).await;
        assert_eq!(status, StatusCode::CREATED);
    }
    let (status, _) = running.place("b1", body(&b1.buy(300, 200_000))).await;
    assert_eq!(status, StatusCode::OK, "what is sent again counts once");
    running.place("b1", body(&b1.buy(400, 200_000))).await;
    let again = running.place("b1", body(&b1.buy(500, 200_000))).await;
    assert_eq!(again.1["code"], json!("SUSPENDED"));
    let orders = running.get("b1", "/v1/orders").await;
    let open = orders["items"].as_array().unwrap().iter().filter(|o| o["status"] == "open");
    assert_eq!(open.count(), 0);
    let other = running.place("b2", body(&neighbour("b2").buy(400, 200_000))).await;
    assert_eq!(other.0, StatusCode::CREATED, "only who sent it");
    let list = running.get("b1", "/v1/suspensions").await;
    let tripped = &list["items"][0]["tripped"];
    assert_eq!(
        ["trigger", "measured", "most"].map(|field| tripped[field].clone()),
        [json!("order_rate"), json!(4), json!(3)]
    );
    assert_eq!(tripped["evidence"].as_array().unwrap().len(), 4);
    running.market.drain(morning()).await.unwrap();
    let news = running.reader.news();
    let told = news.iter().find(|(subject, _)| subject == "market.suspension.changed.v1");
    let told = &told.unwrap().1;
    assert_eq!(
        (&told["tripped"]["trigger"], &told["by"]),
        (&json!("order_rate"), &json!(machine()))
    );
    let path = format!("/v1/suspensions/accounts/{}", b1.account());
    for (who, expected) in [(operator(), StatusCode::ACCEPTED), (second(), StatusCode::NO_CONTENT)]
    {
        assert_eq!(running.request(Method::DELETE, &path, who, None).await.0, expected);
    }
    let (status, _) = running.place("b1", body(&b1.buy(500, 200_000))).await;
    assert_eq!(status, StatusCode::CREATED);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_without_data_stops_before_it_clears_and_shows_why() {
    let running = running().await;
    running.bus.publish(&fed_in("s1", 6, 900)).await.unwrap();
    let order = neighbour("b1").buy(1000, 200_000);
    running.place("b1", body(&order)).await;
    running.place("s1", body(&neighbour("s1").sell(900, 100_000))).await;
    limits(&running, operator(), json!({ "stale_slots": 3 })).await;
    // The slot of 08:30 was the last one that was metered.
    for (now, stopped) in [("2026-06-01T09:30:00Z", false), ("2026-06-01T09:45:00Z", true)] {
        running.hand.move_to(at(now));
        running.market.tick(at(now)).await.unwrap();
        let market = running.get("b1", "/v1/market").await;
        assert_eq!(market["stopped"] != Value::Null, stopped, "{now}: {market}");
    }
    let market = running.get("b1", "/v1/market").await;
    assert_eq!(market["stopped"]["tripped"]["trigger"], json!("missing_data"));
    assert_eq!(market["stopped"]["tripped"]["evidence"], json!([]), "for staff alone");
    let shown = running.request(Method::GET, "/v1/market", operator(), None).await.1;
    let evidence = json!(["the newest metered slot is 2026-06-01T08:30:00Z"]);
    assert_eq!(shown["stopped"]["tripped"]["evidence"], evidence);
    let slot = running.get("b1", &format!("/v1/slots/{SLOT}")).await;
    assert_eq!(slot["volume_wh"], json!(0), "what was open was cancelled before the gate");
    let auditor = token_as("eve", vec![Role::Auditor], community());
    let lifted = running.request(Method::DELETE, "/v1/stop", Some(auditor), None).await;
    assert_eq!(lifted.0, StatusCode::FORBIDDEN);
    for (who, expected) in [(second(), StatusCode::ACCEPTED), (operator(), StatusCode::NO_CONTENT)]
    {
        let lifted = running.request(Method::DELETE, "/v1/stop", who, None).await;
        assert_eq!(lifted.0, expected, "{}", lifted.1);
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_market_begins_with_its_installations_figures_and_a_pause_is_no_silence() {
    let (stale_slots, chain_silent_seconds) = (Some(3), Some(50));
    let risk = RiskLimits { stale_slots, chain_silent_seconds, ..RiskLimits::default() };
    let config = market::MarketConfig { risk: Some(risk), ..config() };
    let running = start_with(std::sync::Arc::new(tempfile::TempDir::new().unwrap()), config).await;
    for envelope in crate::service::past() {
        running.bus.publish(&envelope).await.unwrap();
    }
    let running = &running;
    let ticked = |now: &'static str| async move {
        running.hand.move_to(at(now));
        running.market.tick(at(now)).await.unwrap();
        let market = running.get("b1", "/v1/market").await;
        market["stopped"]["tripped"]["trigger"].as_str().map(str::to_owned)
    };
    assert_eq!(ticked("2026-06-01T08:45:00Z").await, None);
    let shown = running.request(Method::GET, "/v1/risk-limits", operator(), None).await.1;
    let figures = ["stale_slots", "chain_silent_seconds", "collar_percent"];
    assert_eq!(figures.map(|name| shown["limits"][name].clone()), [3, 50, 200].map(Value::from));
    // The machine was asleep for a quarter of an hour: nobody here could have heard a block.
    assert_eq!(ticked("2026-06-01T09:00:00Z").await, None);
    assert_eq!(ticked("2026-06-01T09:00:40Z").await, None);
    assert_eq!(ticked("2026-06-01T09:01:20Z").await.as_deref(), Some("silent_chain"));
    let path = "/v1/risk-limits/changes";
    let changes = running.request(Method::GET, path, operator(), None).await.1;
    assert_eq!(changes["items"].as_array().unwrap().len(), 1, "once: {changes}");
}

//! The live feed over HTTP.

use alloy_primitives::B256;
use calendar::{LocalDay, Slot, SlotLength, Timestamp};
use events::billing::{InvoiceIssued, TariffPublished};
use events::market::{
    BookChanged, CurtailmentChanged, Matched, RiskLimitsChanged, SlotCleared, StopChanged, Struck,
};
use ids::{AccountId, CommunityId, InvoiceId, OrderId, PartyId, ZoneId};
use units::{Energy, Money, Price};

use crate::scene::Scene;

const GENESIS: B256 = B256::repeat_byte(0x6e);

/// A listener that reads one event after another.
struct Listener {
    response: reqwest::Response,
    text: String,
}

impl Listener {
    async fn start(scene: &Scene, seen: Option<u64>) -> Listener {
        Listener::of(scene, "", seen).await
    }

    /// One that wants some kinds only.
    async fn of(scene: &Scene, query: &str, seen: Option<u64>) -> Listener {
        let mut request = scene.request(&format!("/v1/events{query}"));
        if let Some(seen) = seen {
            request = request.header("Last-Event-ID", seen);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut listener = Listener { response, text: String::new() };
        assert_eq!(listener.next().await.as_deref(), Some("retry: 2000"));
        listener
    }

    /// The next event; `None` at the end of the stream.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                if event != ":" {
                    return Some(event);
                }
            } else {
                let chunk = self.response.chunk().await.unwrap()?;
                self.text.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        }
    }
}

#[actix_web::test]
async fn who_listens_hears_what_comes_and_who_comes_back_misses_nothing() {
    let mut scene = Scene::start().await;
    let mut early = Listener::start(&scene, None).await;
    let first = scene.block(1, GENESIS, vec![]);
    let second = scene.block(2, first.hash, vec![]);
    let removed = scene.removal(&second);
    scene.feed(&first, 1).await.unwrap();
    let heard = early.next().await.unwrap();
    assert!(
        heard.starts_with("id: 1\nevent: block\ndata: {\"kind\":\"block\",\"number\":1,"),
        "{heard}"
    );
    scene.feed(&second, 2).await.unwrap();
    scene.feed(&removed, 3).await.unwrap();

    let mut late = Listener::start(&scene, Some(1)).await;
    for listener in [&mut early, &mut late] {
        assert!(listener.next().await.unwrap().starts_with("id: 2\nevent: block\n"));
        assert!(listener.next().await.unwrap().starts_with("id: 3\nevent: block_removed\n"));
    }
    let mut stranger = Listener::start(&scene, Some(99)).await;
    assert_eq!(stranger.next().await.as_deref(), Some("id: 3\nevent: reset\ndata: {}"));
    scene.explorer.stop();
    assert_eq!(early.next().await, None);
    scene.stop().await;
}

#[actix_web::test]
async fn who_wants_some_kinds_hears_no_others_however_many_there_are() {
    let mut scene = Scene::start().await;
    let mut listener = Listener::of(&scene, "?kinds=slot_cleared,block_removed", None).await;
    let mut parent = GENESIS;
    for number in 1..=250 {
        let block = scene.block(number, parent, vec![]);
        scene.feed(&block, number).await.unwrap();
        parent = block.hash;
    }
    scene.feed(&cleared(AccountId::derived("b"), AccountId::derived("s")), 1).await.unwrap();
    let mut late = Listener::of(&scene, "?kinds=slot_cleared", Some(1)).await;
    for listener in [&mut listener, &mut late] {
        assert!(listener.next().await.unwrap().starts_with("id: 251\nevent: slot_cleared\n"));
    }
    scene.stop().await;
}

#[actix_web::test]
async fn the_feed_tells_prices_and_bills_but_not_whose_they_are() {
    let scene = Scene::start().await;
    let mut listener = Listener::start(&scene, None).await;
    let (buyer, seller) = (AccountId::derived("buyer"), AccountId::derived("seller"));
    scene.feed(&cleared(buyer, seller), 1).await.unwrap();
    let heard = listener.next().await.unwrap();
    assert!(heard.starts_with("id: 1\nevent: slot_cleared\n"), "{heard}");
    assert!(heard.contains("\"price\":\"0.18\",\"volume_wh\":5000"), "{heard}");
    assert!(!heard.contains(&buyer.to_string()) && !heard.contains(&seller.to_string()));

    scene.feed(&changed(), 1).await.unwrap();
    let heard = listener.next().await.unwrap();
    assert!(heard.starts_with("id: 2\nevent: book_changed\n"), "{heard}");
    assert!(heard.contains("[{\"price\":\"0.17\",\"quantity_wh\":500}]"), "{heard}");

    scene.feed(&issued(buyer), 1).await.unwrap();
    let heard = listener.next().await.unwrap();
    assert!(heard.starts_with("id: 3\nevent: invoice_issued\n"), "{heard}");
    assert!(!heard.contains(&buyer.to_string()) && !heard.contains("12.5"), "{heard}");
    scene.stop().await;
}

#[actix_web::test]
async fn the_feed_tells_of_changed_rules_but_not_who_changed_them_nor_why() {
    let scene = Scene::start().await;
    let mut listener = Listener::start(&scene, None).await;
    let (community, zone) = (CommunityId::derived("c"), ZoneId::derived("z"));
    let (by, reason) = (PartyId::derived("staff"), "a quarrel with heron".to_owned());
    let [from, to] = [1_780_002_000, 1_780_002_900].map(Timestamp::from_seconds);
    let (stopped, tripped) = (true, None);
    let (global, why) = (false, reason.clone());
    let stop = StopChanged { community, zone, stopped, global, reason: why, by, tripped };
    let curtailed = true;
    let cut = CurtailmentChanged { community, zone, from, to, curtailed, reason, by };
    let limits = serde_json::json!({ "collar_percent": 150 });
    let risk = RiskLimitsChanged { community, zone, limits, by, agreed_by: Some(by) };
    let (hash, valid_from, tariff) = (B256::repeat_byte(5), from, serde_json::json!({}));
    let tariff = TariffPublished { community, hash, valid_from, tariff };
    scene.feed(&stop, 1).await.unwrap();
    scene.feed(&cut, 1).await.unwrap();
    scene.feed(&risk, 1).await.unwrap();
    scene.feed(&tariff, 1).await.unwrap();
    for (kind, said) in [
        ("kill_switch", "\"scope\":\"zone\",\"on\":true"),
        ("curtailed", "\"to\":\"2026-05-28T21:15:00Z\",\"curtailed\":true"),
        ("risk_limit_changed", "\"limits\":{\"collar_percent\":150}"),
        ("tariff_published", "\"valid_from\":\"2026-05-28T21:00:00Z\""),
    ] {
        let heard = listener.next().await.unwrap();
        assert!(heard.contains(&format!("event: {kind}\n")) && heard.contains(said), "{heard}");
        assert!(!heard.contains(&by.to_string()) && !heard.contains("heron"), "{heard}");
    }
    scene.stop().await;
}

fn cleared(buyer: AccountId, seller: AccountId) -> SlotCleared {
    let start = Timestamp::from_seconds(1_780_002_000);
    SlotCleared {
        community: CommunityId::derived("c"),
        zone: ZoneId::derived("z"),
        slot: Slot::containing(start, SlotLength::QUARTER_HOUR),
        clearing: B256::repeat_byte(1),
        policy: B256::repeat_byte(2),
        price: Price::from_n_per_wh(180_000),
        retail_price: Price::from_n_per_wh(300_000),
        feed_in_price: Price::from_n_per_wh(80_000),
        volume: Energy::from_wh(5_000),
        orders: 2,
        part: 0,
        parts: 1,
        trades: vec![Matched {
            trade: B256::repeat_byte(3),
            buyer,
            seller,
            buy_order: OrderId::derived("b"),
            sell_order: OrderId::derived("s"),
            quantity: Energy::from_wh(5_000),
            buyer_point: None,
            seller_point: None,
        }],
    }
}

fn changed() -> BookChanged {
    let trade = Struck { price: Price::from_n_per_wh(170_000), quantity: Energy::from_wh(500) };
    BookChanged {
        community: CommunityId::derived("c"),
        zone: ZoneId::derived("z"),
        slot: Timestamp::from_seconds(1_780_002_000),
        before: 0,
        trades: vec![trade],
    }
}

fn issued(account: AccountId) -> InvoiceIssued {
    let day: LocalDay = "2026-05-28".parse().unwrap();
    InvoiceIssued {
        invoice: InvoiceId::derived("i"),
        number: "2026-000001".to_owned(),
        account,
        from: day,
        to: day,
        total: Money::from_n(12_500_000_000),
        hash: B256::repeat_byte(4),
    }
}

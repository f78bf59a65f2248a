//! A market of several zones: orders of all of them clear together, on what links carry, and settle
//! on the real contracts at the prices of their zones.

use alloy_consensus::Transaction;
use calendar::Timestamp;
use contracts::ContractEvent;
use events::Envelope;
use events::identity::ConnectionPointRegistered;
use ids::ZoneId;
use market::MarketConfig;
use market::domain::{Change, Difference, LinkLimit, Rejection, SlotJournal, recompute};
use matching::network::{Link, Network, Way, Zone};
use reqwest::{Method, StatusCode};
use revm::primitives::TxKind;
use serde_json::{Value, json};
use service::Tick;
use std::sync::Arc;
use tempfile::TempDir;
use units::{Energy, Power, Price};

use crate::contract::Evm;
use crate::http::*;
use crate::service::{connected, known};
use crate::town::*;

/// The neighbours, where they stand, and what they want: buyers pay all in, sellers get net.
const HOMES: [(&str, &str, bool, u64, u64); 4] = [
    ("b1", "A", true, 3_000, 250_000),
    ("b2", "B", true, 3_000, 200_000),
    ("s1", "A", false, 2_000, 150_000),
    ("s2", "B", false, 3_000, 120_000),
];
const GATE: &str = "2026-06-01T09:45:00Z";

fn place_of(name: &str) -> ZoneId {
    ZoneId::derived(name)
}

/// Two feeders below one substation: 1 ct inside of a feeder, 4 ct across.
fn grid() -> Network {
    let zone =
        |name: &str, ct: i64| Zone { zone: place_of(name), fee: Price::from_n_per_wh(ct * 10_000) };
    let link = |name: &str| Link {
        zone: place_of(name),
        parent: place_of("MV"),
        up: Way::default(),
        down: Way { capacity: Some(Energy::from_wh(9_000)), ..Way::default() },
    };
    Network {
        zones: vec![zone("MV", 4), zone("A", 1), zone("B", 1)],
        links: vec![link("A"), link("B")],
    }
}

fn zonal() -> MarketConfig {
    let mut config = MarketConfig { grid: Some(grid()), ..config() };
    (config.policy.buyer_fee, config.policy.seller_fee) = (0, 0);
    config
}

/// The neighbours known, with cash on chain, and each with an order.
async fn ordered() -> (Running, Evm) {
    let config = zonal();
    let policy = config.policy.clone();
    let running = start_with(Arc::new(TempDir::new().unwrap()), config).await;
    let mut evm = Evm::with(&policy);
    let names = HOMES.map(|(name, ..)| name);
    for envelope in known(&names) {
        running.bus.publish(&envelope).await.unwrap();
    }
    let mut deposits = Vec::new();
    for (name, zone, ..) in HOMES {
        let home = neighbour(name);
        let moved = ConnectionPointRegistered {
            connection_point: home.point(),
            account: home.account(),
            community: community(),
            zone: place_of(zone),
            timezone: "Europe/Berlin".parse().unwrap(),
            import_max: Power::from_w(20_000),
            export_max: Power::from_w(20_000),
        };
        let cause = format!("{name}/{zone}");
        running.bus.publish(&Envelope::of(&moved, &cause, morning())).await.unwrap();
        deposits.extend(evm.fund(home.address()));
    }
    running.bus.publish(&connected(1, 1, deposits)).await.unwrap();
    for (name, _, buys, wh, limit) in HOMES {
        let home = neighbour(name);
        let side = if buys { contracts::Side::Buy } else { contracts::Side::Sell };
        let mut terms = home.terms(side, wh, limit);
        terms.policy = policy.id();
        let (status, answer) = running.place(name, body(&home.sign(terms))).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
    }
    (running, evm)
}

/// Clears at the gate and lets the contracts settle it: prices of each trade, and the journal.
async fn settled(running: &Running, evm: &mut Evm) -> (Vec<[u64; 3]>, SlotJournal) {
    let gate: Timestamp = at(GATE);
    running.hand.move_to(gate);
    running.market.tick(gate).await.unwrap();
    running.market.drain(gate).await.unwrap();
    evm.now = gate.unsigned();
    let mut logs = Vec::new();
    for transaction in running.node.taken() {
        let to = TxKind::Call(transaction.to().unwrap());
        let (data, gas) = (transaction.input().clone(), transaction.gas_limit());
        logs.extend(evm.run(clearer().address(), to, data, gas));
    }
    let events = logs.iter().filter_map(|log| {
        let raw = contracts::Log::new(log.address, log.topics.clone(), log.data.clone())?;
        ContractEvent::decode(&deployment(), &raw)
    });
    let (mut prices, mut trades) = ([0, 0], Vec::new());
    for event in events {
        match event {
            ContractEvent::TradePriced(event) => prices = [event.buyPrice, event.sellPrice],
            ContractEvent::TradeCreated(event) => {
                trades.push([event.quantity, prices[0], prices[1]]);
            }
            ContractEvent::FillSkipped(event) => panic!("skipped: {event:?}"),
            _ => {}
        }
    }
    running.bus.publish(&connected(2, 2, logs)).await.unwrap();
    let journal = running.get("b1", &format!("/v1/slots/{SLOT}/journal")).await;
    (trades, serde_json::from_value(journal).unwrap())
}

/// Zone and buyers' and sellers' price of each zone of a slot, in currency per kWh.
fn shown(slot: &Value) -> Vec<(String, String, String)> {
    let zones = slot["zones"].as_array().unwrap().iter();
    let text = |one: &Value, field: &str| one[field].as_str().unwrap().to_owned();
    zones.map(|one| (text(one, "zone"), text(one, "buyer"), text(one, "seller"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_all_zones_clear_together_and_settle_at_the_prices_of_their_zones() {
    let (running, mut evm) = ordered().await;
    let (trades, journal) = settled(&running, &mut evm).await;
    // The policy charges one cent on every watt-hour by itself: it is not in the buyer's price.
    let expected =
        [[1_000, 220_000, 190_000], [2_000, 220_000, 220_000], [2_000, 190_000, 190_000]];
    assert_eq!(trades, expected);
    assert_eq!(journal.clearing.mechanism, 133);
    let again = recompute(&journal, &journal.clearing).unwrap();
    assert_eq!((again.fills, again.volume.wh()), (3, 5_000));
    let prices = again.zonal.unwrap();
    assert_eq!((prices.rent.n(), prices.fees.n()), (0, 80_000_000), "8 ct of fees");

    let slot = running.get("b1", &format!("/v1/slots/{SLOT}")).await;
    let mut zones = shown(&slot);
    zones.sort();
    let mut expected = vec![
        (place_of("A").to_string(), "0.23".to_owned(), "0.22".to_owned()),
        (place_of("B").to_string(), "0.2".to_owned(), "0.19".to_owned()),
    ];
    expected.sort();
    zones.retain(|(zone, ..)| *zone != place_of("MV").to_string());
    assert_eq!(zones, expected);
    // What lies between both prices of the trade across is the difference account's.
    let wallet = running.market.desks()[0].book().await.wallet(neighbour("b1").address());
    assert_eq!(wallet.tradable().n(), evm.free(neighbour("b1").address()));

    let moved =
        journal.conditions.replacen(&place_of("B").to_string(), &place_of("A").to_string(), 1);
    let forged = SlotJournal { conditions: moved, ..journal.clone() };
    let differs = recompute(&forged, &journal.clearing).unwrap_err();
    assert!(!matches!(differs, Difference::Fill { .. }), "{differs}: before anything is cleared");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_curtailed_link_carries_less_and_what_it_is_worth_is_rent() {
    let (running, mut evm) = ordered().await;
    let path = format!("/v1/curtailments/{SLOT}/2026-06-01T10:15:00Z");
    let limit = json!({ "zone": place_of("B"), "up_wh": 400 });
    let wanted = json!({ "reason": "a transformer is hot", "links": [limit] });
    let (status, answer) =
        running.request(Method::PUT, &path, operator(), Some(wanted.clone())).await;
    assert_eq!((status, &answer["links"]), (StatusCode::OK, &json!([limit])), "{answer}");
    let (status, _) = running.request(Method::PUT, &path, trader("b1"), Some(wanted)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let slot = running.get("b1", &format!("/v1/slots/{SLOT}")).await;
    assert_eq!(slot["curtailed"], json!(false), "the rest of the grid trades");

    let (trades, journal) = settled(&running, &mut evm).await;
    let across: u64 = trades.iter().filter(|trade| trade[1] > trade[2]).map(|t| t[0]).sum();
    assert_eq!(across, 400);
    let again = recompute(&journal, &journal.clearing).unwrap();
    let prices = again.zonal.unwrap();
    let spread: u64 = trades.iter().map(|trade| trade[0] * (trade[1] - trade[2])).sum();
    // All that buyers pay more is the path's fee beyond what the policy charges, and rent.
    assert!(prices.rent.n() > 0);
    assert_eq!(prices.rent.n() + 400 * 30_000, i64::try_from(spread).unwrap());
    running.stop().await;
}

#[test]
fn a_grid_is_checked_before_it_trades() {
    let wrong = |change: &dyn Fn(&mut MarketConfig)| {
        let mut config = zonal();
        change(&mut config);
        config.parameters().unwrap_err().to_string()
    };
    let loops = |config: &mut MarketConfig| {
        let up = Link { zone: place_of("MV"), parent: place_of("A"), ..grid().links[0] };
        config.grid.as_mut().unwrap().links.push(up);
    };
    assert!(wrong(&loops).contains("grid:"));
    let cheap = |config: &mut MarketConfig| config.policy.network_fee = 10_001;
    assert!(wrong(&cheap).contains("below policy.networkFee"));
    let fixed = |config: &mut MarketConfig| config.mechanism = matching::Mechanism::MidMarket;
    assert!(wrong(&fixed).contains("mechanism"));
    let nobody =
        |config: &mut MarketConfig| config.policy.difference_account = contracts::Address::ZERO;
    assert!(wrong(&nobody).contains("mechanism"));
    let far = |config: &mut MarketConfig| config.horizon_seconds = 7 * 86_400 + 1;
    assert!(wrong(&far).contains("horizon_seconds"));

    let parameters = zonal().parameters().unwrap();
    let limit = |zone: &str, up: Option<u64>| Change::Limit {
        from: slot().start,
        to: slot().end(),
        reason: "a test".to_owned(),
        links: vec![LinkLimit { zone: place_of(zone), up: up.map(Energy::from_wh), down: None }],
    };
    let judged = |change: &Change| {
        town().change(change, neighbour("b1").party(), &parameters, morning()).err()
    };
    assert_eq!(judged(&limit("MV", Some(1))), Some(Rejection::Link), "it has none above it");
    assert_eq!(judged(&limit("A", None)), Some(Rejection::Link));
    assert_eq!(judged(&limit("A", Some(1))), None);
}

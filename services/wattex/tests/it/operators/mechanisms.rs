//! Every mechanism, from orders over REST to trades that the contract settled at its prices, and
//! back: computed anew from the published journal.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::B256;
use calendar::Timestamp;
use contracts::{Prices, Side};
use market::domain::{SlotJournal, recompute};
use matching::Mechanism;
use matching::muda::{Lot, draw};
use serde_json::json;
use units::Price;

use super::calls::{ContractEvent, Signed};
use super::person::Person;
use super::setting::Setting;
use super::town::Town;
use super::{ASK, BID, WH, slot};
use crate::program::{run, text, wattex};

/// The first slot whose book is not open when the town starts.
const FIRST: u64 = 40 * 4;
const SLOT_SECONDS: i64 = 900;

fn moment(epoch: u64) -> Timestamp {
    Timestamp::from_seconds(epoch.cast_signed())
}

/// The prices of each settled trade of a slot, in the order of its fills.
fn settled(events: &[ContractEvent], clearing: B256, price: u64) -> Vec<Prices> {
    let mut priced: BTreeMap<B256, Prices> = BTreeMap::new();
    let mut settled = Vec::new();
    for event in events {
        match event {
            ContractEvent::TradePriced(event) => {
                let prices = Prices { buyer: event.buyPrice, seller: event.sellPrice };
                priced.insert(event.trade, prices);
            }
            ContractEvent::TradeCreated(event) if event.clearing == clearing => {
                let prices = priced.get(&event.trade).copied();
                settled.push((event.index, prices.unwrap_or(Prices::one(price))));
            }
            _ => {}
        }
    }
    settled.sort_by_key(|(index, _)| *index);
    settled.into_iter().map(|(_, prices)| prices).collect()
}

/// What everybody wants in a slot: three buyers and three sellers, whose limits differ; sellers
/// want `ask` net at most.
fn orders(town: &Town, people: &[Person], (number, nonce): (u64, u64), ask: u64) -> Vec<Signed> {
    let order = |(place, person): (u64, &Person)| {
        let buys = place < 3;
        let step = (place % 3) * 10_000;
        let limit = if buys { BID + 60_000 - step } else { ask.saturating_sub(step) };
        let wish = person.wish(buys, slot(number), WH + 100 * place, limit, nonce);
        town.place.signed(wish, person.key())
    };
    (0..).zip(people).map(order).collect()
}

/// Whether the lots of MUDA leave a buyer and a seller in both halves. They follow from the orders,
/// so that whoever knows all of them knows the lots.
fn meet_by_lot(orders: &[Signed]) -> bool {
    let hashes: BTreeSet<B256> = orders.iter().map(|order| order.hash).collect();
    let leaves = hashes.iter().map(|hash| merkle::leaf(hash.as_slice()));
    let seed = merkle::Tree::new(leaves.collect()).root().0;
    let mut met = BTreeSet::new();
    for Signed { terms, .. } in orders {
        let half = draw(Lot::Half, &seed, &terms.account.into_array()) % 2;
        met.insert((half, terms.side == Side::Buy));
    }
    met.len() == 4
}

/// Everybody orders for a slot that is cleared by `mechanism`.
async fn ordered(town: &Town, people: &[Person], (number, mechanism): (u64, Mechanism), ask: u64) {
    let tries = (0..1_000).map(|n| orders(town, people, (number, 1_000 * number + n), ask));
    let by_lot = mechanism == Mechanism::Muda;
    let mut met = tries.skip_while(|orders| by_lot && !meet_by_lot(orders));
    for (order, person) in met.next().unwrap().iter().zip(people) {
        town.place(&person.token, order).await.unwrap();
    }
}

/// Lets the gate of a slot pass, finds its trades settled at the mechanism's own prices, and
/// computes it anew; whether a buyer paid more than its seller got.
async fn traded(town: &mut Town, people: &[Person], (number, mechanism): (u64, Mechanism)) -> bool {
    town.pass_to(moment(slot(number)).plus_seconds(-SLOT_SECONDS)).await;
    let history = town.history().await;
    let path = format!("/v1/slots/{}/journal", moment(slot(number)));
    let journal = town.get(&path, &people[0].token).await;
    let journal: SlotJournal = serde_json::from_value(journal).unwrap();
    let posted = town.place.cleared(slot(number), &history).posted.clearing;
    assert_eq!(posted.mechanism, mechanism.number(), "{mechanism}");
    let same = recompute(&journal, &posted).unwrap();
    assert_eq!((same.orders, same.mechanism), (people.len(), mechanism));
    let settled = settled(&history, posted.id(), posted.price);
    let computed: Vec<Prices> = journal.fills.iter().map(|fill| fill.prices).collect();
    assert!(!settled.is_empty() && settled == computed, "{mechanism}: {settled:?} {computed:?}");
    let apart = computed.iter().any(|prices| prices.buyer > prices.seller);
    assert!(!apart || !mechanism.properties().budget_balanced, "{mechanism}");
    apart
}

/// Bill sharing in a town where sellers pay the platform nothing: they sell for nothing.
async fn settled_for_nothing() -> Mechanism {
    let mechanism = Mechanism::BillSharing;
    let setting = Setting { seller_fee: 0, ..Setting::of(mechanism) };
    let mut town = Town::start_at("2026-06-01T08:00:00Z", setting).await;
    let mut people = Vec::new();
    for name in ["ada", "bo", "cy", "dot"] {
        people.push(town.join(name, true).await);
    }
    ordered(&town, &people, (0, mechanism), 0).await;
    assert!(!traded(&mut town, &people, (0, mechanism)).await);
    town.pass_to(moment(slot(0))).await;
    town.books_are_covered().await;
    town.stop().await;
    mechanism
}

/// The same by the program's own command, over REST and JSON-RPC, and from a file that is wrong.
async fn recomputed_by_command(town: &Town, person: &Person) {
    let file = town.folder.path().join("journal.json");
    let kept = text(&file).to_owned();
    let (url, rpc) = (town.node.url(), format!("{}/rpc", town.node.url()));
    let (token, slot) = (person.token.clone(), moment(slot(FIRST)).to_string());
    let ended = tokio::task::spawn_blocking(move || {
        let fetch = ["recompute", "--url", &url, "--slot", &slot, "--token", &token];
        let fetched = run(wattex(&[&fetch[..], &["--save", &kept, "--rpc", &rpc]].concat()));
        let alone = run(wattex(&["recompute", &kept]));
        let journal = std::fs::read_to_string(&kept).unwrap();
        std::fs::write(&kept, journal.replacen("\"buyer\":", "\"buyer\":1", 1)).unwrap();
        let wrong = run(wattex(&["recompute", &kept, "--rpc", &rpc, "--json"]));
        std::fs::write(&kept, "no journal").unwrap();
        [fetched, alone, wrong, run(wattex(&["recompute", &kept]))]
    });
    let [fetched, alone, wrong, none] = ended.await.unwrap();
    assert!(fetched.code == Some(0) && fetched.out.contains("HOLDS"), "{fetched:?}");
    assert!(alone.code == Some(11) && alone.out.contains("UNANCHORED"), "{alone:?}");
    assert!(wrong.code == Some(10) && wrong.out.contains("\"FILL\""), "{wrong:?}");
    assert_eq!(none.code, Some(12), "{none:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mechanism_is_settled_at_its_own_prices_and_recomputed() {
    // With a mechanism of two prices the policy names an account for the difference.
    let mut town = Town::start_by(Mechanism::KPricing { k_bps: 5_000 }).await;
    let mut people = Vec::new();
    for name in ["ada", "bo", "cy", "dot", "eve", "flo"] {
        people.push(town.join(name, true).await);
    }
    let price = Price::from_n_per_wh(150_000);
    let mechanisms: Vec<Mechanism> = (Mechanism::ALL.into_iter())
        .filter(|mechanism| *mechanism != Mechanism::BillSharing)
        .map(|mechanism| mechanism.with_price(price))
        .collect();
    let for_nothing = json!(Mechanism::BillSharing);
    let path = format!("/v1/mechanisms/{}", moment(slot(FIRST)));
    // Nobody can sell for nothing where sellers pay the platform.
    assert_eq!(town.refused_put(&path, &town.admin, &for_nothing).await, "MECHANISM");
    for (number, mechanism) in (FIRST..).zip(&mechanisms) {
        let path = format!("/v1/mechanisms/{}", moment(slot(number)));
        let body = json!({
            "name": mechanism.name(),
            "k_bps": mechanism.k_bps(),
            "price": mechanism.given_price().map(|_| "0.15"),
        });
        let chosen = town.put(&path, &town.admin, &body).await;
        assert_eq!(chosen["number"], json!(mechanism.number()), "{chosen}");
    }
    town.pass_to(moment(slot(FIRST)).plus_seconds(-4 * 3_600)).await;
    for chosen in (FIRST..).zip(mechanisms.iter().copied()) {
        ordered(&town, &people, chosen, ASK - 40_000).await;
    }
    let last = slot(FIRST + mechanisms.len() as u64 - 1);
    let (mut settled, mut shapes) = (BTreeSet::new(), [0, 0]);
    for chosen in (FIRST..).zip(mechanisms.iter().copied()) {
        let apart = traded(&mut town, &people, chosen).await;
        shapes[usize::from(apart)] += 1;
        settled.insert(chosen.1.name());
    }
    assert!(shapes[0] > 0 && shapes[1] > 0, "{shapes:?}: some have a difference");
    recomputed_by_command(&town, &people[0]).await;
    town.pass_to(moment(last)).await;
    town.books_are_covered().await;
    town.stop().await;
    settled.insert(settled_for_nothing().await.name());
    let all: BTreeSet<&str> = Mechanism::ALL.iter().map(Mechanism::name).collect();
    assert_eq!(settled, all, "none is left out");
}

//! The published journal of a slot, and the mechanism that it was cleared by.

use std::collections::BTreeSet;

use contracts::{Clearing, Met, Prices};
use ids::PartyId;
use market::domain::{
    Change, Conditions, Difference, Entry, Exchange, Halted, Published, Rejection, SlotJournal,
    recompute,
};
use matching::Mechanism;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use units::{Energy, Price};

use crate::http::*;
use crate::service::{gate, running};
use crate::town::*;

/// b1 buys 5000 Wh, b2 took its order back; s1 and s2 sell. What was posted, and the journal.
fn published() -> (Clearing, SlotJournal) {
    let mut town = town();
    place(&mut town, &neighbour("b1").buy(5000, 200_000)).unwrap();
    let back = neighbour("b2").buy(4000, 250_000);
    place(&mut town, &back).unwrap();
    let account = neighbour("b2").account();
    let entry = town.cancel(back.id, account, &parameters(), morning()).unwrap().unwrap();
    town.apply(&entry);
    place(&mut town, &neighbour("s1").sell(3000, 100_000)).unwrap();
    place(&mut town, &neighbour("s2").sell(4000, 150_000)).unwrap();
    cleared(&mut town)
}

fn cleared(town: &mut Exchange) -> (Clearing, SlotJournal) {
    let cleared = town.clear(slot(), &parameters(), at("2026-06-01T09:45:00Z"));
    town.apply(&Entry::Cleared(cleared.clone()));
    let signed_for = (CHAIN_ID, deployment().market);
    let journal = town.published(&cleared, &parameters(), signed_for);
    assert_eq!(journal.clearing.id(), cleared.clearing);
    (journal.clearing.clone(), journal)
}

#[test]
fn a_clearing_follows_from_its_journal() {
    let (posted, journal) = published();
    let text = serde_json::to_string(&journal).unwrap();
    let read: SlotJournal = serde_json::from_str(&text).unwrap();
    assert_eq!(read, journal);
    let same = recompute(&read, &posted).unwrap();
    assert_eq!((same.orders, same.cancelled, same.fills, same.volume.wh()), (3, 1, 2, 5000));
    assert_eq!(same.price, Some(Price::from_n_per_wh(152_000)));
    assert_eq!((same.mechanism, same.halted), (Mechanism::default(), None));
}

/// The first difference of a journal to which `change` was made, against what was posted before.
fn differs(change: impl FnOnce(&mut SlotJournal)) -> Difference {
    let (posted, mut journal) = published();
    change(&mut journal);
    recompute(&journal, &posted).unwrap_err()
}

/// The same where the market posts the clearing that the changed journal names.
fn forged(change: impl FnOnce(&mut SlotJournal)) -> Difference {
    let (_, mut journal) = published();
    change(&mut journal);
    recompute(&journal, &journal.clearing.clone()).unwrap_err()
}

/// Other conditions, hashed into the root as an operator would.
fn under(journal: &mut SlotJournal, change: impl FnOnce(&mut Conditions)) {
    let mut conditions: Conditions = serde_json::from_str(&journal.conditions).unwrap();
    change(&mut conditions);
    journal.conditions = conditions.text();
    rooted(journal);
}

/// What lots are drawn from.
fn seed(journal: &SlotJournal) -> [u8; 32] {
    let open = journal.orders.iter().filter(|order| order.accepted);
    let hashes: BTreeSet<_> =
        open.map(|order| order.terms.hash(journal.chain_id, journal.market)).collect();
    let leaves = hashes.iter().map(|hash| merkle::leaf(hash.as_slice()));
    merkle::Tree::new(leaves.collect()).root().0
}

fn rooted(journal: &mut SlotJournal) {
    let hashed = journal.orders.iter().map(|order| {
        (order.terms.hash(journal.chain_id, journal.market), order.sequence, order.accepted)
    });
    journal.clearing.journal_root = contracts::journal_root(&journal.conditions, hashed);
}

#[test]
fn the_first_difference_is_named() {
    let other = differs(|journal| journal.clearing.price += 100);
    assert!(matches!(other, Difference::Clearing { .. }), "{other}");
    let policy = differs(|journal| journal.policy.buyer_fee += 1);
    assert_eq!(policy, Difference::Policy);
    let text = differs(|journal| journal.conditions.push('}'));
    assert!(matches!(text, Difference::Conditions { .. }), "{text}");
    let twice = differs(|journal| journal.orders[2].sequence = 1);
    assert_eq!(twice, Difference::Sequence { sequence: 1 });
    // Twice it would have twice its weight where energy is shared out.
    let again = differs(|journal| {
        let order = journal.orders[0].clone();
        journal.orders.push(Published { sequence: 99, ..order });
    });
    assert_eq!(again, Difference::Sequence { sequence: 99 });
    let what = |found: Difference| match found {
        Difference::Terms { sequence: 1, what } => what,
        other => panic!("{other}"),
    };
    let early = what(differs(|journal| journal.orders[0].terms.expiry -= 1));
    assert_eq!(early, Rejection::Expiry.to_string());
    let greedy = what(differs(|journal| journal.orders[0].terms.min_fill = Energy::from_wh(5001)));
    assert_eq!(greedy, Rejection::MinLot.to_string());
    let foreign = differs(|journal| journal.orders[0].terms.slot += 900);
    assert_eq!(foreign, Difference::Foreign { sequence: 1 });
    let terms = differs(|journal| journal.orders[0].terms.limit_price += 100);
    assert_eq!(terms, Difference::Signature { sequence: 1 });
    let taken = differs(|journal| journal.orders[1].accepted = true);
    assert_eq!(taken, Difference::Rules { what: "the seed".to_owned() });
    let place = differs(|journal| journal.orders[3].sequence += 1);
    assert!(matches!(place, Difference::JournalRoot { .. }), "{place}");
    let spelling = differs(|journal| journal.conditions = journal.conditions.replace(',', ", "));
    assert!(matches!(spelling, Difference::JournalRoot { .. }), "{spelling}");
    let fill = differs(|journal| journal.fills[1].quantity = Energy::from_wh(1));
    let Difference::Fill { index: 1, computed, posted } = fill else { panic!("{fill}") };
    assert!(computed.starts_with("2000 Wh at 152000 n/Wh") && posted.starts_with("1 Wh"));
}

#[test]
fn what_an_operator_could_post_is_found() {
    // An order that its account never signed, under a root that has it.
    let unsigned = forged(|journal| {
        journal.orders[0].terms.quantity = Energy::from_wh(4000);
        rooted(journal);
    });
    assert_eq!(unsigned, Difference::Signature { sequence: 1 });
    // Rules that are not those of policy and clearing.
    let fees = forged(|journal| under(journal, |all| all.rules.fees.buyer = Price::ZERO));
    assert_eq!(fees, Difference::Rules { what: "the fees".to_owned() });
    let retail = forged(|journal| under(journal, |all| all.rules.reference.feed_in = Price::ZERO));
    assert_eq!(retail, Difference::Rules { what: "the feed-in price".to_owned() });
    let tick = Price::from_n_per_wh(140_000);
    let coarse = forged(|journal| under(journal, |all| all.rules.tick = tick));
    assert!(matches!(coarse, Difference::Terms { sequence: 1, .. }), "{coarse}");
    let drawn = forged(|journal| under(journal, |all| all.rules.seed = [1; 32]));
    assert_eq!(drawn, Difference::Rules { what: "the seed".to_owned() });
    let mechanism = forged(|journal| journal.clearing.mechanism = 2);
    assert_eq!(mechanism, Difference::Rules { what: "the mechanism".to_owned() });
    // Another price inside both limits, with fills that say so.
    let wrong = forged(|journal| {
        for fill in &mut journal.fills {
            fill.prices = Prices::one(160_000);
        }
        journal.clearing.price = 160_000;
    });
    let Difference::Fill { index: 0, computed, posted } = wrong else { panic!("{wrong}") };
    assert!(computed.contains("152000") && posted.contains("160000"));
    // Fills that the root does not have, and figures beside them.
    let root = forged(|journal| journal.clearing.fills_root = B256_ONES);
    assert!(matches!(root, Difference::FillsRoot { .. }), "{root}");
    let volume = forged(|journal| journal.clearing.volume = Energy::from_wh(4999));
    assert!(matches!(volume, Difference::Figure { computed: 5000, posted: 4999, .. }), "{volume}");
    let price = forged(|journal| journal.clearing.price = 152_001);
    assert!(matches!(price, Difference::Figure { posted: 152_001, .. }), "{price}");
    // A good order is left out: the fills show it.
    let left_out = forged(|journal| {
        journal.orders.retain(|order| order.sequence != 3);
        let seed = seed(journal);
        under(journal, |all| all.rules.seed = seed);
    });
    assert!(matches!(left_out, Difference::Fill { index: 0, .. }), "{left_out}");
}

const B256_ONES: contracts::B256 = contracts::B256::repeat_byte(0x11);

#[test]
fn a_slot_in_which_nothing_trades_says_why() {
    let mut town = town();
    place(&mut town, &neighbour("b1").buy(1000, 200_000)).unwrap();
    place(&mut town, &neighbour("s1").sell(1000, 100_000)).unwrap();
    let late = town.clear(slot(), &parameters(), slot().end());
    let journal = town.published(&late, &parameters(), (CHAIN_ID, deployment().market));
    let same = recompute(&journal, &journal.clearing.clone()).unwrap();
    assert_eq!((same.halted, same.price), (Some(Halted::Over), None));
    let (from, to, reason) = (slot().start, slot().end(), "storm".to_owned());
    let curtail = Change::Curtail { from, to, reason };
    let entry = town.change(&curtail, PartyId::derived("grid"), &parameters(), morning());
    town.apply(&entry.unwrap().unwrap());
    let (posted, journal) = cleared(&mut town);
    assert_eq!(recompute(&journal, &posted).unwrap().halted, Some(Halted::Curtailed));
}

#[test]
fn a_mechanism_is_chosen_before_its_books_open() {
    let mut town = town();
    let by = PartyId::derived("operator");
    let low = Mechanism::Uniform { k_bps: 0 };
    let choose = |town: &Exchange, from: &str, mechanism: Mechanism| {
        town.change(&Change::Choose { from: at(from), mechanism }, by, &parameters(), morning())
    };
    assert_eq!(choose(&town, SLOT, low), Err(Rejection::BookOpen));
    assert_eq!(choose(&town, "2026-06-02T20:45:00Z", low), Err(Rejection::BookOpen));
    assert_eq!(choose(&town, "2026-06-02T21:01:00Z", low), Err(Rejection::Slot));
    let beyond = Mechanism::Uniform { k_bps: 10_001 };
    assert_eq!(choose(&town, "2026-06-02T21:00:00Z", beyond), Err(Rejection::Mechanism));
    let entry = choose(&town, "2026-06-02T21:00:00Z", low).unwrap().unwrap();
    town.apply(&entry);
    assert_eq!(choose(&town, "2026-06-02T21:00:00Z", low), Ok(None), "a repeat changes nothing");
    let of = |slot: &str| town.mechanism(at(slot), &parameters());
    assert_eq!(of("2026-06-02T20:45:00Z"), Mechanism::default());
    assert_eq!((of("2026-06-02T21:00:00Z"), of("2026-07-01T00:00:00Z")), (low, low));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_read_the_journal_of_a_cleared_slot() {
    let running = running().await;
    running.place("b1", body(&neighbour("b1").buy(5000, 200_000))).await;
    running.place("s1", body(&neighbour("s1").sell(3000, 100_000))).await;
    let path = format!("/v1/slots/{SLOT}/journal");
    let ask = async |token: Option<String>| running.request(Method::GET, &path, token, None).await;
    assert_eq!(ask(Some(token("b2"))).await.0, StatusCode::NOT_FOUND, "the book is sealed");
    gate(&running).await;
    assert_eq!(ask(None).await.0, StatusCode::UNAUTHORIZED);
    let journal = running.get("b2", &path).await;
    let journal: SlotJournal = serde_json::from_value(journal).unwrap();
    let same = recompute(&journal, &journal.clearing).unwrap();
    assert_eq!((same.orders, same.fills, same.volume.wh()), (2, 1, 3000));
    let slot = running.get("b1", &format!("/v1/slots/{SLOT}")).await;
    let shown = [&slot["clearing"], &slot["mechanism"]];
    let uniform = json!({ "name": "uniform", "k_bps": 5000 });
    assert_eq!(shown, [&json!(same.clearing), &uniform]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_runs_the_community_chooses_the_mechanism() {
    let running = running().await;
    let path = |from: &str| format!("/v1/mechanisms/{from}");
    let choose = async |from: &str, token: Option<String>, body: Value| {
        running.request(Method::PUT, &path(from), token, Some(body)).await
    };
    let (later, high) = ("2026-06-02T21:00:00Z", json!({ "name": "uniform", "k_bps": 10_000 }));
    let own = Some(token("b1"));
    assert_eq!(choose(later, own, high.clone()).await.0, StatusCode::FORBIDDEN);
    let unknown = json!({ "name": "auction of hearts" });
    assert_eq!(choose(later, operator(), unknown).await.0, StatusCode::BAD_REQUEST);
    let (status, open) = choose(SLOT, operator(), high.clone()).await;
    assert_eq!((status, &open["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("BOOK_OPEN")));
    let (status, chosen) = choose(later, operator(), high.clone()).await;
    assert_eq!((status, &chosen["mechanism"]), (StatusCode::OK, &high));
    assert_eq!((&chosen["number"], &chosen["from"]), (&json!(1), &json!(later)));
    assert_eq!(choose(later, operator(), high).await.1, chosen, "a repeat changes nothing");
    let price = |text: &str| json!({ "name": "fixed_price", "price": text });
    assert_eq!(choose(later, operator(), price("0.1234567")).await.0, StatusCode::BAD_REQUEST);
    let (status, fixed) = choose("2026-06-03T21:00:00Z", operator(), price("0.18")).await;
    assert_eq!((status, &fixed["mechanism"]), (StatusCode::OK, &price("0.18")));
    let list = running.get("b1", "/v1/mechanisms").await;
    let items = list["items"].as_array().unwrap();
    assert_eq!((items.len(), &items[1], &items[2]), (3, &chosen, &fixed));
    assert_eq!(items[0]["mechanism"], json!({ "name": "uniform", "k_bps": 5000 }));
    let hash = running.market.desks()[0].book().await.hash();
    let again = start_on(running.stop().await).await;
    assert_eq!(again.market.desks()[0].book().await.hash(), hash);
    again.stop().await;
}

/// Two fills are the same only where all of them is.
#[test]
fn a_fill_reads_back_as_it_was_written() {
    let fill = Met {
        buy: B256_ONES,
        sell: B256_ONES,
        quantity: Energy::from_wh(7),
        prices: Prices { buyer: 3, seller: 2 },
    };
    let text = serde_json::to_string(&fill).unwrap();
    assert_eq!(serde_json::from_str::<Met>(&text).unwrap(), fill);
}

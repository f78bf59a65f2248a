//! What takes time: runs that no meter says, pauses, prices that are not the auction's.

use std::collections::BTreeSet;

use alloy_primitives::B256;
use calendar::Timestamp;
use contracts::{Met, Prices};
use ids::OrderId;
use market::domain::{Conditions, Difference, SlotJournal, recompute};
use matching::{Fees, Order, Reference, Rules};
use serde_json::Value;
use units::{Decimal, Energy, Price};

use super::calls::{FEED_IN, LAST_RUN, Place, RETAIL, Signed, challenged, settled};
use super::person::Person;
use super::town::{DEPOSIT, Town, WITHDRAWAL_DELAY, key};
use super::{ASK, BID, PRICE, WH, named, slot};

/// What the meters show of the slot.
pub const METERED: u64 = 1_000;
pub const SLOT_SECONDS: i64 = 900;
/// The market's tick, in 1e-9 currency per Wh.
const TICK: i64 = 100;

pub fn moment(epoch: u64) -> Timestamp {
    Timestamp::from_seconds(epoch.cast_signed())
}

/// When corrections of the slot end, and when what is locked of it is free.
pub fn windows(place: &Place, slot: u64) -> [Timestamp; 2] {
    let policy = &place.policy;
    let corrected = moment(slot).plus_seconds(SLOT_SECONDS + i64::from(policy.correction_seconds));
    [corrected, corrected.plus_seconds(i64::from(policy.challenge_seconds))]
}

/// Both place an order with the market, which clears and settles them at the gate.
pub async fn traded(town: &mut Town, buyer: &Person, seller: &Person, wh: u64) -> [Signed; 2] {
    traded_at(town, [buyer, seller], wh, [BID, ASK]).await
}

/// The same at limits of the buyer and of the seller.
pub async fn traded_at(
    town: &mut Town,
    [buyer, seller]: [&Person; 2],
    wh: u64,
    [bid, ask]: [u64; 2],
) -> [Signed; 2] {
    let buy = town.place.signed(buyer.wish(true, slot(0), wh, bid, 1), buyer.key());
    let sell = town.place.signed(seller.wish(false, slot(0), wh, ask, 1), seller.key());
    town.place(&buyer.token, &buy).await.unwrap();
    town.place(&seller.token, &sell).await.unwrap();
    town.pass_to(moment(slot(0)).plus_seconds(-SLOT_SECONDS)).await;
    assert_eq!(settled(&town.history().await), 1);
    [buy, sell]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_meter_says_is_cut_before_anybody_has_it() {
    let mut town = Town::start().await;
    // The seller is the operator's own.
    let (mira, villain) = (town.join("mira", true).await, town.join("villain", true).await);
    let (operator, stranger) = (town.operator(), key("stranger"));
    town.seize(&[stranger.address()]).await;
    let (begin, end) = (moment(slot(0)), moment(slot(0)).plus_seconds(SLOT_SECONDS));
    let [buy, sell] = traded(&mut town, &mira, &villain, 5_000).await;
    town.pass_to(begin).await;
    town.read(&mira, 1, begin, [0, 0]).await;
    town.read(&villain, 1, begin, [0, 0]).await;
    town.pass_to(end).await;
    town.read(&mira, 2, end, [METERED, 0]).await;
    town.read(&villain, 2, end, [0, METERED]).await;
    let [corrected, released] = windows(&town.place, slot(0));
    town.pass_to(corrected.plus_seconds(-60)).await;
    let cleared = town.place.cleared(slot(0), &town.history().await);
    assert_eq!(cleared.last(), Some(([METERED, 0, 0], 0)), "the service is honest");

    // The last word, when nobody can correct it any more: all of it was delivered.
    town.sent(&operator, &cleared.reconcile(LAST_RUN, 5_000)).await;
    let release = town.place.release(slot(0), villain.address);
    named(&town.refused(&operator, &release).await, "NotYet");
    town.pass_to(corrected.plus_seconds(1)).await;
    named(&town.refused(&operator, &release).await, "NotYet");

    // Her own meter, which she gets from the services with her own token, shows what she took.
    let proof = evidence(&town, &mira, &mira.token, [begin, end]).await;
    let cleared = town.place.cleared(slot(0), &town.history().await);
    let events = town.sent(&stranger, &cleared.challenge([&proof[0], &proof[1]], &buy)).await;
    assert_eq!(challenged(&events), [(METERED, 5_000)]);
    let cleared = town.place.cleared(slot(0), &town.history().await);
    assert_eq!(cleared.last(), Some(([METERED, 0, 4_000], 254)));
    // The seller's shows that nobody withheld what it never fed in.
    let auditor = town.staff("auditor").await;
    let proof = evidence(&town, &villain, &auditor, [begin, end]).await;
    let events = town.sent(&stranger, &cleared.challenge([&proof[0], &proof[1]], &sell)).await;
    assert_eq!(challenged(&events), [(METERED, METERED)]);
    let cleared = town.place.cleared(slot(0), &town.history().await);
    assert_eq!(cleared.last(), Some(([METERED, 0, 0], 254)));
    // What fits the registers is cut no further, and the operator writes no run of its own now.
    let again = cleared.challenge([&proof[0], &proof[1]], &sell);
    for (call, name) in [
        (again, "NoExcess"),
        (cleared.reconcile(LAST_RUN, 5_000), "OutsideWindow"),
        (cleared.reconcile(LAST_RUN + 1, 5_000), "NotChallenges"),
    ] {
        named(&town.refused(&operator, &call).await, name);
    }

    town.pass_to(released.plus_seconds(1)).await;
    for person in [&mira, &villain] {
        town.sent(&stranger, &town.place.release(slot(0), person.address)).await;
    }
    let price = cleared.posted.clearing.price;
    let (paid, got) = (METERED * town.place.all_in(price), METERED * town.place.net(price));
    assert_eq!(town.free(&mira).await, DEPOSIT - paid);
    assert_eq!(town.free(&villain).await, DEPOSIT + got);
    town.books_are_covered().await;
    town.stop().await;
}

/// What a meter said at both ends of a slot, with the proofs, as metering hands them out.
pub async fn evidence(town: &Town, of: &Person, token: &str, ends: [Timestamp; 2]) -> [Value; 2] {
    let path = |time| format!("/v1/readings/evidence?meter={}&time={time}", of.device.meter);
    let [begin, end] = ends.map(path);
    [town.get(&begin, token).await, town.get(&end, token).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_pause_no_policy_and_no_silence_keep_an_account_from_its_cash() {
    let mut town = Town::start().await;
    let (mira, noor) = (town.join("mira", true).await, town.join("noor", true).await);
    let (operator, stranger) = (town.operator(), key("stranger"));
    town.seize(&[stranger.address()]).await;
    traded(&mut town, &mira, &noor, WH).await;
    town.sent(&operator, &town.place.at.pause()).await;
    town.sent(&operator, &town.place.longest_policy()).await;
    let cleared = town.place.cleared(slot(0), &town.history().await);
    let escrow = WH * town.place.all_in(cleared.posted.clearing.price);
    let free = town.free(&mira).await;
    assert_eq!(free, DEPOSIT - escrow);
    out(&mut town, &mira, free, 2, &stranger).await;
    assert_eq!(town.number(&town.place.tokens(mira.address)).await, free);

    // Nobody reconciles, since nobody may: the trade expires, and the rest is free in time.
    let [corrected, released] = windows(&town.place, slot(0));
    town.pass_to(corrected.plus_seconds(-10)).await;
    named(&town.refused(&operator, &cleared.reconcile(0, WH)).await, "EnforcedPause");
    town.pass_to(corrected.plus_seconds(1)).await;
    town.sent(&stranger, &cleared.expire()).await;
    assert_eq!(town.number(&town.place.locked(mira.address, slot(0))).await, escrow);
    town.pass_to(released.plus_seconds(1)).await;
    town.sent(&stranger, &town.place.release(slot(0), mira.address)).await;
    out(&mut town, &mira, escrow, 3, &stranger).await;
    assert_eq!(town.number(&town.place.tokens(mira.address)).await, DEPOSIT);
    town.stop().await;
}

/// Somebody sends what she signed, and has it paid when the delay is over.
async fn out(town: &mut Town, person: &Person, n: u64, nonce: u64, by: &keys::SecretKey) {
    let asked = town.place.withdrawal(person.address, n, nonce, person.key());
    town.sent(by, &asked).await;
    town.pass(WITHDRAWAL_DELAY).await;
    town.sent(by, &town.place.at.withdraw(person.address)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_price_inside_both_limits_shows_when_the_auction_is_computed_anew() {
    let mut town = Town::start().await;
    let (mira, noor) = (town.join("mira", true).await, town.join("noor", true).await);
    let sybil = town.join("sybil", false).await;
    let operator = town.operator();
    town.seize(&[]).await;
    for number in [0, 1] {
        let wish = mira.wish(true, slot(number), WH, BID, 1 + number);
        town.place(&mira.token, &town.place.signed(wish, mira.key())).await.unwrap();
        let wish = noor.wish(false, slot(number), WH, ASK, 1 + number);
        town.place(&noor.token, &town.place.signed(wish, noor.key())).await.unwrap();
    }
    let fair = recomputed(&town, &mira.token, 0).await;

    // A few Wh of the operator's own move the price of a slot: within her limit, and in the book
    // that all see before the gate. Afterwards the book is closed to them too.
    let bait = sybil.wish(true, slot(0), 10, BID - 10_000, 1);
    assert!(sneaked(&town, &sybil, bait).await.is_ok());
    let moved = recomputed(&town, &mira.token, 0).await;
    assert!(moved > fair && town.place.all_in(moved) <= BID, "{fair} {moved}");

    // In the next slot the operator is first with a price of its own, under the true journal.
    let wrong = recomputed(&town, &mira.token, 1).await + 40_000;
    assert!(town.place.all_in(wrong) <= BID);
    let orders = published(&town, &[&mira, &noor], 1).await;
    let conditions = conditions(&town, &orders);
    let [buy, sell] = [
        town.place.signed(mira.wish(true, slot(1), WH, BID, 2), mira.key()),
        town.place.signed(noor.wish(false, slot(1), WH, ASK, 2), noor.key()),
    ];
    let auction = town.place.auction(slot(1), wrong, &[(&buy, &sell, WH)]);
    let hashed = orders.iter().map(|(sequence, hash)| (*hash, *sequence, true));
    let auction = auction.with_journal(contracts::journal_root(&conditions, hashed));
    town.sent(&operator, &auction.clear()).await;
    assert_eq!(settled(&town.sent(&operator, &auction.settle()).await), 1);

    let books = [recomputed(&town, &mira.token, 0).await, recomputed(&town, &mira.token, 1).await];
    for number in [0, 1] {
        town.pass_to(moment(slot(number)).plus_seconds(-SLOT_SECONDS)).await;
    }
    let late = sybil.wish(true, slot(1), 10, BID, 2);
    assert_eq!(sneaked(&town, &sybil, late).await.unwrap_err(), "GATE_CLOSED");
    let history = town.history().await;
    let [honest, dishonest] =
        [0, 1].map(|number| town.place.cleared(slot(number), &history).posted.clearing);
    // What the market posts is what comes of the orders that it hands out afterwards.
    let of_first = journal(&town, &noor, 0).await;
    let same = recompute(&of_first, &honest).unwrap();
    assert_eq!((same.orders, honest.price), (3, books[0]));
    // What the operator posted is not: neither with the market's own journal, nor with one that
    // fits it but for the price.
    let own = journal(&town, &noor, 1).await;
    assert_eq!((own.clearing.price, &own.conditions), (books[1], &conditions));
    let other = Difference::Clearing { journal: own.clearing.id(), posted: dishonest.id() };
    assert_eq!(recompute(&own, &dishonest), Err(other));
    let fill = Met { prices: Prices::one(wrong), ..own.fills[0] };
    let forged = SlotJournal { clearing: dishonest.clone(), fills: vec![fill], ..own };
    let found = recompute(&forged, &dishonest).unwrap_err();
    assert!(matches!(found, Difference::Fill { index: 0, .. }), "{found}");
    assert!(books[1] < PRICE && town.free(&mira).await >= DEPOSIT - 2 * WH * BID);
    town.stop().await;
}

/// An order of an account whose key is held, signed by the services.
async fn sneaked(town: &Town, person: &Person, wish: super::calls::Wish) -> Result<Value, String> {
    town.place(&person.token, &town.signed_inside(&person.token, wish).await).await
}

/// The price of the auction over the orders of a slot, as the market shows them to its members.
async fn recomputed(town: &Town, token: &str, number: u64) -> u64 {
    let zone = town.place.policy.zone;
    let mut orders = Vec::new();
    for (name, side) in [("buy", matching::Side::Buy), ("sell", matching::Side::Sell)] {
        let path = format!("/v1/book?side={name}&slot={}", moment(slot(number)));
        for offer in town.get(&path, token).await["items"].as_array().unwrap() {
            let text = |field: &str| offer[field].as_str().unwrap();
            let price = text("price").parse::<Decimal>().unwrap().to_scale(6).unwrap();
            let id: OrderId = text("order_id").parse().unwrap();
            let mut owner = [0; 20];
            owner.copy_from_slice(&alloy_primitives::keccak256(text("seller"))[..20]);
            orders.push(Order {
                id,
                owner,
                side,
                quantity: Energy::from_wh(offer["quantity_wh"].as_u64().unwrap()),
                price: Price::from_n_per_wh(i64::try_from(price).unwrap()),
                min_fill: Energy::ZERO,
                hash: alloy_primitives::keccak256(id.to_string()).0,
                sequence: 0,
                zone,
            });
        }
    }
    matching::clear(&orders, &rules(town)).unwrap().price.unwrap().n_per_wh().unsigned_abs()
}

/// The journal of a cleared slot, as a member of the community gets it.
async fn journal(town: &Town, person: &Person, number: u64) -> SlotJournal {
    let path = format!("/v1/slots/{}/journal", moment(slot(number)));
    serde_json::from_value(town.get(&path, &person.token).await).unwrap()
}

/// What the market will clear the slot of these orders under.
fn conditions(town: &Town, orders: &[(u64, B256)]) -> String {
    let hashes: BTreeSet<B256> = orders.iter().map(|(_, hash)| *hash).collect();
    let leaves = hashes.iter().map(|hash| merkle::leaf(hash.as_slice()));
    let [retail, feed_in] = [RETAIL, FEED_IN].map(n_per_wh);
    let rules = Rules {
        reference: Reference { retail, feed_in },
        seed: merkle::Tree::new(leaves.collect()).root().0,
        ..rules(town)
    };
    Conditions { rules, halted: None, at_once: None, shared: false, grid: None, sealed: None }
        .text()
}

fn rules(town: &Town) -> Rules {
    let policy = &town.place.policy;
    let fees = Fees {
        network: n_per_wh(policy.network_fee),
        buyer: n_per_wh(policy.buyer_fee),
        seller: n_per_wh(policy.seller_fee),
    };
    Rules::uniform(Price::from_n_per_wh(TICK), fees)
}

fn n_per_wh(n: u64) -> Price {
    Price::from_n_per_wh(n.cast_signed())
}

/// The orders of a slot and their places in the journal, as each account sees its own.
async fn published(town: &Town, people: &[&Person], number: u64) -> Vec<(u64, B256)> {
    let mut journal = Vec::new();
    for person in people {
        let path = format!("/v1/orders?slot={}", moment(slot(number)));
        for order in town.get(&path, &person.token).await["items"].as_array().unwrap() {
            let hash = order["hash"].as_str().unwrap().parse().unwrap();
            journal.push((order["sequence"].as_u64().unwrap(), hash));
        }
    }
    journal.sort_unstable();
    journal
}

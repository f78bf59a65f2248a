//! Clearings of more fills than one batch has: what is kept of each, and what goes over several.

use std::collections::BTreeMap;
use std::ops::Range;

use alloy_primitives::{Address, B256, U256};
use contracts::bindings::EnergyMarket;
use contracts::{
    BATCH_FILLS, Call, ContractEvent, Delivery, FillBatch, OrderTerms, Posted, Prices, Side,
    SignedOrder, Skip, requests, storage, trade_id,
};
use units::Energy;

use crate::reconcile::reconciled;
use crate::skip::{settled, skips};
use crate::world::{
    ANYONE, Pair, SLOT, World, order, own_prices, policy, posted, priced, usual, wide,
};

const END: u64 = SLOT + 900;
const CORRECTIONS_END: u64 = END + 8 * 86_400;
/// What each fill of an auction is of.
const FILL_WH: u64 = 100;

/// A world with three buyers and two sellers who have cash for 200 fills.
pub(crate) fn market() -> World {
    let (mut world, ..) = World::with_cash();
    for number in [10, 11, 12, 20, 21] {
        let account = world.account(number);
        world.fund(account, 5_000_000_000);
    }
    world
}

/// As an auction fills: order after order, ten fills of a buyer's and fifteen of a seller's.
pub(crate) fn auction(world: &mut World, fills: u64) -> Vec<Pair> {
    let pair = |fill: u64| {
        let (buy, sell) = (fill / 10, fill / 15);
        let buyer = world.account(10 + buy % 3);
        let seller = world.account(20 + sell % 2);
        (wide(buyer, Side::Buy, buy), wide(seller, Side::Sell, sell), FILL_WH)
    };
    (0..fills).map(pair).collect()
}

/// A clearing of as many fills with one price for all, and one with two prices for each.
pub(crate) fn both_kinds(fills: usize) -> [(Posted, Vec<Prices>); 2] {
    [(posted(&policy()), usual(fills)), (priced(&policy()), own_prices(fills))]
}

fn wh(wh: u64) -> Energy {
    Energy::from_wh(wh)
}

fn delivery(trade: B256, delivered: u64, seller_short: u64, buyer_short: u64) -> Delivery {
    Delivery {
        trade,
        delivered: wh(delivered),
        seller_short: wh(seller_short),
        buyer_short: wh(buyer_short),
    }
}

#[test]
fn the_batches_of_every_number_of_fills_are_of_their_clearing() {
    let mut world = market();
    let pairs = auction(&mut world, 200);
    for count in 1..=pairs.len() {
        let mut world = world.clone();
        let (posted, batches) = world.batches(posted(&policy()), &pairs[..count], |_| false);
        let call = world.at.clear(&posted);
        world.ok(world.operator, call);
        assert_eq!(batches.len(), count.div_ceil(64), "{count} fills");
        let mut skipped = 0;
        for batch in &batches {
            let receipt = world.settle(batch);
            let reasons = skips(&receipt);
            skipped += reasons.len();
            assert!(reasons.iter().all(|reason| *reason == Skip::NotShown));
        }
        assert_eq!(skipped, count);
    }
}

/// What the contract holds of an order's fills.
fn order_filled(world: &mut World, order: &OrderTerms) -> u64 {
    let order = world.order_hash(order);
    let filled = world.view(world.at.market, EnergyMarket::orderFilledCall { order });
    let stored = world.word(world.at.market, storage::order_filled(order));
    assert_eq!(U256::from(filled), stored, "it is where a proof looks");
    filled
}

/// Runs over those trades of a clearing for which `of` says something, each batch by itself.
fn run(world: &mut World, number: u8, id: B256, of: impl Fn(u64) -> Option<[u64; 3]>) {
    let mut batches: BTreeMap<u32, Vec<Delivery>> = BTreeMap::new();
    for (trade, traded) in &world.trades {
        let index = traded.trade.index;
        if let (true, Some([delivered, seller_short, buyer_short])) =
            (traded.clearing == id, of(u64::from(index)))
        {
            let one = delivery(*trade, delivered, seller_short, buyer_short);
            batches.entry(index / 64).or_default().push(one);
        }
    }
    for deliveries in batches.into_values() {
        let call = world.run(number, &deliveries);
        let receipt = world.ok(world.operator, call);
        assert_eq!(reconciled(&receipt), deliveries.len());
    }
}

#[test]
fn clearings_around_the_ends_of_batches_go_from_fills_to_their_last_runs() {
    let mut world = market();
    let pairs = auction(&mut world, 200);
    for count in [1, 2, 63, 64, 65, 127, 128, 129, 200] {
        for (posted, prices) in both_kinds(count) {
            check_clearing(world.clone(), posted, &pairs[..count], &prices);
        }
    }
}

/// The books are checked after each call: cash, digests and the hash of each batch's trades.
fn check_clearing(mut world: World, posted: Posted, pairs: &[Pair], prices: &[Prices]) {
    let batches = world.post_at(posted, pairs, prices);
    let id = batches[0].posted.clearing.id();
    // In either order.
    let (even, odd): (Vec<_>, Vec<_>) = batches.iter().partition(|batch| batch.number % 2 == 0);
    for batch in odd.into_iter().chain(even) {
        assert_eq!(settled(&world.settle(batch)), batch.fills.len());
    }
    assert_eq!(world.trades.len(), pairs.len());
    check_orders(&mut world, pairs);
    let places = |one: &FillBatch| (one.orders.len(), one.fills.len());
    assert!(batches.iter().map(places).all(|(orders, fills)| orders <= 2 * fills));

    world.now = END;
    // Every fifth is left out, whoever is short of it.
    run(&mut world, 0, id, |index| {
        let short = index * 13 % (FILL_WH + 1);
        let delivered = FILL_WH - short;
        let (of_buyer, of_seller) = ([delivered, 0, short], [delivered, short, 0]);
        (index % 5 != 0).then_some(if index % 2 == 0 { of_buyer } else { of_seller })
    });
    run(&mut world, 3, id, |index| (index % 3 == 0).then_some([FILL_WH, 0, 0]));
    world.now = CORRECTIONS_END + 1;
    for number in 0..u32::try_from(batches.len()).unwrap() {
        let of_batch = (number * 64..(number + 1) * 64).filter(|at| at % 5 == 0 && at % 3 != 0);
        let trades: Vec<B256> = of_batch.map(|index| trade_id(id, index)).collect();
        let known = |trade: &B256| world.trades.contains_key(trade);
        let trades: Vec<B256> = trades.into_iter().filter(known).collect();
        if trades.is_empty() {
            continue;
        }
        let call = world.at.expire(&world.batch(id, number), &trades).unwrap();
        let receipt = world.ok(ANYONE, call);
        assert_eq!(reconciled(&receipt), trades.len());
    }
    assert!(world.trades.values().all(|traded| traded.trade.last.is_some()));
}

/// The contract counts what is filled of an order only where one batch did not fill all of it.
fn check_orders(world: &mut World, pairs: &[Pair]) {
    let mut parts: BTreeMap<B256, BTreeMap<usize, u64>> = BTreeMap::new();
    let mut terms = BTreeMap::new();
    for (index, (buy, sell, wh)) in pairs.iter().enumerate() {
        for order in [buy, sell] {
            let hash = world.order_hash(order);
            *parts.entry(hash).or_default().entry(index / BATCH_FILLS).or_default() += wh;
            terms.insert(hash, order.clone());
        }
    }
    for (hash, parts) in parts {
        let kept = if parts.len() == 1 { 0 } else { parts.values().sum() };
        assert_eq!(order_filled(world, &terms[&hash]), kept);
    }
}

/// Two batches that have a buyer's order in common: 63 fills of strangers, then one of the order,
/// then one more.
fn over_two_batches(world: &mut World) -> (OrderTerms, Vec<FillBatch>) {
    let (buyer, seller) = (world.account(1), world.account(2));
    let mut pairs = auction(world, 63);
    let mut buy = order(buyer, Side::Buy, 300);
    buy.min_fill = wh(2000);
    pairs.push((buy.clone(), order(seller, Side::Sell, 300), 1500));
    pairs.push((buy.clone(), order(seller, Side::Sell, 301), 500));
    let batches = world.post(posted(&policy()), &pairs);
    assert_eq!(batches.iter().map(|batch| batch.fills.len()).collect::<Vec<_>>(), [64, 1]);
    (buy, batches)
}

#[test]
fn an_order_goes_on_in_another_batch_whichever_comes_first() {
    let (world, parts) = (market(), [1500, 500]);
    for [first, second] in [[0, 1], [1, 0]] {
        let mut world = world.clone();
        let (buy, batches) = over_two_batches(&mut world);
        assert_eq!(order_filled(&mut world, &buy), 0);
        assert_eq!(settled(&world.settle(&batches[first])), batches[first].fills.len());
        assert_eq!(order_filled(&mut world, &buy), parts[first]);
        let again = world.settle(&batches[first]);
        assert_eq!(skips(&again), vec![Skip::AlreadySettled; batches[first].fills.len()]);
        assert_eq!(settled(&world.settle(&batches[second])), batches[second].fills.len());
        assert_eq!(order_filled(&mut world, &buy), 2000);
        assert_eq!(world.trades.len(), 65);
    }
}

#[test]
fn a_cancelled_order_keeps_what_was_filled_and_gets_no_more() {
    let (world, parts) = (market(), [1500, 500]);
    for [first, second] in [[0, 1], [1, 0]] {
        let mut world = world.clone();
        let (buyer, seller) = (world.account(1), world.account(2));
        let (buy, batches) = over_two_batches(&mut world);
        assert_eq!(settled(&world.settle(&batches[first])), batches[first].fills.len());
        let nonce = U256::from(300);
        let hash = requests::cancel(world.chain_id, world.at.market, buyer, nonce);
        let signature = world.sign(buyer, hash);
        let forged = world.at.cancel_for(seller, nonce, signature.clone());
        world.refused(seller, forged, "NotSigned");
        let call = world.at.cancel_for(buyer, nonce, signature);
        world.ok(seller, call);
        let receipt = world.settle(&batches[second]);
        assert_eq!(skips(&receipt), [Skip::BuyerNonce]);
        assert_eq!(settled(&receipt), batches[second].fills.len() - 1);
        assert_eq!(order_filled(&mut world, &buy), parts[first]);
    }
}

#[test]
fn an_account_ends_all_its_orders_by_one_signature() {
    let (mut world, nonces) = (market(), [300, 301].map(U256::from));
    let (buyer, seller) = (world.account(1), world.account(2));
    let (buy, batches) = over_two_batches(&mut world);
    let hash = requests::cancel_all(world.chain_id, world.at.market, buyer, &nonces);
    let signature = world.sign(buyer, hash);
    let fewer = world.at.cancel_all_for(buyer, &nonces[..1], signature.clone());
    world.refused(seller, fewer, "NotSigned");
    let call = world.at.cancel_all_for(buyer, &nonces, signature);
    let ended = world.ok(seller, call).events;
    let ended = ended.iter().filter(|one| matches!(one, ContractEvent::OrderCancelled(_)));
    assert_eq!(ended.count(), nonces.len());
    for batch in &batches {
        assert!(skips(&world.settle(batch)).contains(&Skip::BuyerNonce));
    }
    assert_eq!(order_filled(&mut world, &buy), 0);
}

/// The other's nonce was used by the order that goes on.
#[test]
fn an_order_that_goes_on_has_its_nonce_for_itself() {
    let mut world = market();
    let mut pairs = auction(&mut world, 66);
    let mut other = pairs[65].0.clone();
    other.limit_price += 1;
    assert_eq!(other.nonce, pairs[60].0.nonce, "it begins in the first batch");
    pairs[65].0 = other;
    let batches = world.post(posted(&policy()), &pairs);
    assert_eq!(settled(&world.settle(&batches[0])), 64);
    let receipt = world.settle(&batches[1]);
    assert_eq!((settled(&receipt), skips(&receipt)), (1, vec![Skip::BuyerNonce]));
}

#[test]
fn what_is_skipped_for_want_of_cash_is_settled_when_there_is_some() {
    let mut world = market();
    let (buyer, seller) = (world.account(5), world.account(6));
    // Cash for one and a half of three fills.
    world.fund(buyer, 192_000 * 150);
    world.fund(seller, 108_000 * 300);
    let (buy, sell) = (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1));
    let mut pairs = vec![(buy.clone(), sell.clone(), 100); 3];
    pairs.extend(auction(&mut world, 2));
    let batch = world.post_one(posted(&policy()), &pairs);
    let receipt = world.settle(&batch);
    assert_eq!((settled(&receipt), skips(&receipt)), (3, vec![Skip::BuyerFunds; 2]));
    assert_eq!([&buy, &sell].map(|order| order_filled(&mut world, order)), [100, 100]);
    assert!(Skip::BuyerFunds.retry_may_help());
    for (cash, filled) in [(192_000 * 50, 200), (192_000 * 99, 200), (192_000, 300)] {
        world.fund(buyer, cash);
        world.settle(&batch);
        assert_eq!([&buy, &sell].map(|order| order_filled(&mut world, order)), [filled; 2]);
    }
    assert_eq!(skips(&world.settle(&batch)), [Skip::AlreadySettled; 5]);
    assert_eq!((world.free(buyer), world.free(seller)), (U256::ZERO, U256::ZERO));
}

#[test]
fn an_order_may_be_shown_later_but_not_hidden_again() {
    let mut world = market();
    let pairs = auction(&mut world, 70);
    let hidden = [pairs[20].0.clone(), pairs[63].1.clone()];
    let batches = world.post(posted(&policy()), &pairs);
    let (_, partly) = world.batches(posted(&policy()), &pairs, |order| !hidden.contains(order));
    // Fills 20 to 29 are of the one, 60 to 69 of the other.
    let receipt = world.settle(&partly[0]);
    assert_eq!((settled(&receipt), skips(&receipt)), (50, vec![Skip::NotShown; 14]));
    let receipt = world.settle(&partly[1]);
    assert_eq!((settled(&receipt), skips(&receipt)), (0, vec![Skip::NotShown; 6]));
    let (_, other) = world.batches(posted(&policy()), &pairs, |order| order != &pairs[0].0);
    let call = world.at.settle(&other[0]);
    world.refused(ANYONE, call, "BadBatch");
    let receipt = world.settle(&batches[0]);
    assert_eq!((settled(&receipt), skips(&receipt)), (14, vec![Skip::AlreadySettled; 50]));
    assert_eq!(settled(&world.settle(&batches[1])), 6);
    let call = world.at.settle(&partly[0]);
    world.refused(ANYONE, call, "BadBatch");
}

fn edit_order(batch: &mut FillBatch, edit: impl Fn(&mut OrderTerms, &mut Energy)) {
    let SignedOrder::Shown { terms, filled, .. } = &mut batch.orders[0] else {
        panic!("it is not shown");
    };
    edit(terms, filled);
}

#[test]
fn what_is_not_a_batch_of_the_clearing_is_refused() {
    let mut world = market();
    let pairs = auction(&mut world, 150);
    let batches = world.post(posted(&policy()), &pairs);
    let [first, middle, last] = &batches[..] else { panic!("three batches") };
    assert_eq!((middle.path.len(), last.path.len()), (2, 1));
    let mut check = |batch: &FillBatch, reason: &str, edit: &dyn Fn(&mut FillBatch)| {
        let mut other = batch.clone();
        edit(&mut other);
        let call = world.at.settle(&other);
        world.refused(ANYONE, call, reason);
    };
    let bad = "BadBatch";
    for number in [0, 2, 3, 65, u32::MAX] {
        check(middle, bad, &|batch| batch.number = number);
    }
    check(middle, bad, &|batch| batch.fills[3].2 = wh(FILL_WH - 1));
    check(middle, bad, &|batch| batch.fills.swap(0, 63));
    check(middle, bad, &|batch| batch.fills.truncate(63));
    check(middle, bad, &|batch| batch.fills.push(batch.fills[0]));
    check(middle, bad, &|batch| batch.fills.clear());
    check(last, bad, &|batch| batch.fills.push(batch.fills[0]));
    check(middle, "panic", &|batch| batch.fills[0].0 = 255);
    check(middle, bad, &|batch| batch.path[0] = B256::ZERO);
    check(middle, bad, &|batch| batch.path.clear());
    check(middle, bad, &|batch| batch.path.push(B256::ZERO));
    check(middle, bad, &|batch| batch.path.swap(0, 1));
    check(last, bad, &|batch| batch.path = first.path.clone());
    check(middle, bad, &|batch| edit_order(batch, |terms, _| terms.limit_price += 1));
    check(middle, bad, &|batch| edit_order(batch, |terms, _| terms.quantity = wh(4999)));
    check(middle, bad, &|batch| edit_order(batch, |_, filled| *filled = wh(filled.wh() + 1)));
    check(middle, bad, &|batch| edit_order(batch, |_, filled| *filled = Energy::ZERO));
    // The orders rise, and so none is there twice.
    check(middle, bad, &|batch| batch.orders.reverse());
    check(middle, bad, &|batch| batch.orders.insert(0, batch.orders[0].clone()));
    check(middle, bad, &|batch| {
        let hidden = |hash| SignedOrder::Hidden { hash, filled: Energy::ZERO };
        batch.orders.splice(0..0, [B256::repeat_byte(2), B256::repeat_byte(1)].map(hidden));
        for (buy, sell, _) in &mut batch.fills {
            (*buy, *sell) = (*buy + 2, *sell + 2);
        }
    });
    check(middle, bad, &|batch| {
        let hash = |number| B256::from(U256::from(number));
        let hidden = |number| SignedOrder::Hidden { hash: hash(number), filled: Energy::ZERO };
        batch.orders.splice(0..0, (1..=129_u64).map(hidden));
    });
    assert!(world.trades.is_empty());
    for batch in &batches {
        assert_eq!(settled(&world.settle(batch)), batch.fills.len());
    }
}

/// What happened when each word of a call's arguments in turn was changed a little, where it was
/// not refused.
fn altered(world: &World, from: Address, call: &Call, words: Range<usize>) -> Vec<ContractEvent> {
    let mut events = Vec::new();
    for word in words {
        // A bit that no number of 64 bits has, the highest, and the lowest.
        for (byte, bit) in [(23, 0x01), (0, 0x80), (31, 0x01)] {
            let mut data = call.data.to_vec();
            data[4 + 32 * word + byte] ^= bit;
            let call = Call { to: call.to, data: data.into() };
            let receipt = world.clone().send(from, call);
            events.extend(receipt.into_iter().flat_map(|receipt| receipt.events));
        }
    }
    events
}

/// Nothing in a call makes another trade of a fill or pays more, also no bits that a type has not.
#[test]
fn no_word_of_a_call_is_anything_but_what_was_signed_and_kept() {
    let mut world = market();
    let pairs = auction(&mut world, 3);
    for (posted, prices) in both_kinds(pairs.len()) {
        check_words(world.clone(), posted, &pairs, &prices);
    }
}

fn check_words(mut world: World, posted: Posted, pairs: &[Pair], prices: &[Prices]) {
    let batch = world.post_at(posted, pairs, prices).remove(0);
    let call = world.at.settle(&batch);
    let before = world.clone();
    let settled = world.ok(ANYONE, call.clone()).events;
    let words = 0..(call.data.len() - 4) / 32;
    let events = altered(&before, ANYONE, &call, words);
    let skipped = |event: &ContractEvent| matches!(event, ContractEvent::FillSkipped(_));
    assert!(events.iter().all(|event| skipped(event) || settled.contains(event)));
    assert!(events.iter().any(skipped), "a signature was changed");

    world.now = END;
    let deliveries: Vec<Delivery> =
        world.trades.keys().map(|trade| delivery(*trade, 60, 10, 0)).collect();
    let call = world.run(0, &deliveries);
    let before = world.clone();
    let reconciled = world.ok(world.operator, call.clone()).events;
    // All between the number of the run and the deliveries.
    let words = 1..(call.data.len() - 4) / 32 - deliveries.len();
    let events = altered(&before, world.operator, &call, words);
    assert!(events.iter().all(|event| reconciled.contains(event)));
}

/// Orders that no fill has are shown for nothing.
#[test]
fn an_order_without_a_fill_changes_nothing() {
    let mut world = market();
    let pairs = auction(&mut world, 3);
    let mut batch = world.post_one(posted(&policy()), &pairs);
    let stranger = Address::repeat_byte(0xff);
    let terms = order(stranger, Side::Buy, 1);
    let signature = world.signature(&terms);
    batch.orders.push(SignedOrder::Shown { terms: terms.clone(), filled: wh(10), signature });
    assert_eq!(settled(&world.settle(&batch)), 3);
    assert_eq!(order_filled(&mut world, &terms), 0);
}

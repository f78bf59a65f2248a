//! Trades that are agreed after their slot: settled until then, reconciled from then on.

use contracts::{Delivery, OrderTerms, Policy, Posted, SellerRule, Side, Skip, trade_id};
use units::Energy;

use crate::skip::{settled, skips};
use crate::world::{ANYONE, Pair, SLOT, World, order, policy, posted};

const END: u64 = SLOT + 900;
/// Until when trades are settled.
const SETTLED: u64 = END + 3 * 3600;
const CORRECTIONS_END: u64 = END + 8 * 86_400;

/// Shares out what was delivered, hours after the slot.
fn after_the_slot() -> Policy {
    Policy { settle_seconds: 3 * 3600, ..policy() }
}

fn world() -> (World, Posted, Vec<Pair>) {
    let (mut world, buyer, seller) = World::with_cash();
    let policy = after_the_slot();
    let call = world.at.register_policy(&policy);
    world.ok(world.operator, call);
    let of = |account, side, nonce| {
        let (policy, expiry) = (policy.id(), SETTLED);
        OrderTerms { policy, expiry, ..order(account, side, nonce) }
    };
    let pair = |nonce| (of(buyer, Side::Buy, nonce), of(seller, Side::Sell, nonce), 1000);
    (world, posted(&policy), vec![pair(1), pair(2)])
}

fn full(trade: contracts::B256) -> Delivery {
    let (delivered, none) = (Energy::from_wh(1000), Energy::ZERO);
    Delivery { trade, delivered, seller_short: none, buyer_short: none }
}

#[test]
fn a_clearing_is_posted_and_settled_after_its_slot_until_the_policys_time_is_over() {
    let (world, terms, pairs) = world();
    for (now, in_time) in [(SLOT, true), (END, true), (SETTLED - 1, true), (SETTLED, false)] {
        let mut late = world.clone();
        late.now = now;
        let (posted, batches) = late.batches(terms.clone(), &pairs, |_| true);
        let call = late.at.clear(&posted);
        if in_time {
            late.ok(late.operator, call);
            assert_eq!(settled(&late.settle(&batches[0])), 2);
        } else {
            late.refused(late.operator, call, "SlotOver");
        }
    }
    let mut world = world;
    let batch = world.post_one(terms, &pairs);
    let call = world.at.settle(&batch);
    world.now = SETTLED;
    world.refused(ANYONE, call.clone(), "SlotOver");
    world.now = SETTLED - 1;
    assert_eq!(settled(&world.ok(ANYONE, call)), 2);
}

#[test]
fn no_run_begins_before_nothing_more_is_settled() {
    let (mut world, terms, pairs) = world();
    let batch = world.post_one(terms, &pairs);
    assert_eq!(settled(&world.settle(&batch)), 2);
    let trades = [0, 1].map(|index| trade_id(batch.posted.clearing.id(), index));
    let call = world.run(0, &trades.map(full));
    for now in [SLOT, END, SETTLED - 1] {
        world.now = now;
        world.refused(world.operator, call.clone(), "OutsideWindow");
    }
    world.now = SETTLED;
    world.ok(world.operator, call);
    // Corrections are as long as they were, from the slot's end.
    world.now = CORRECTIONS_END;
    let call = world.run(1, &trades.map(full));
    world.ok(world.operator, call);
    world.now += 1;
    let call = world.run(2, &trades.map(full));
    world.refused(world.operator, call, "OutsideWindow");
}

/// Settled later: an order that is over by then is skipped like any other.
#[test]
fn an_order_that_ends_with_its_slot_is_not_filled_after_it() {
    let (mut world, terms, mut pairs) = world();
    pairs[0].0.expiry = END;
    let batch = world.post_one(terms, &pairs);
    world.now = END;
    let call = world.at.settle(&batch);
    let mut later = world.clone();
    assert_eq!(settled(&world.ok(ANYONE, call.clone())), 2);
    later.now = END + 1;
    let receipt = later.ok(ANYONE, call);
    assert_eq!((settled(&receipt), skips(&receipt)), (1, vec![Skip::Expired]));
}

#[test]
fn what_is_agreed_before_its_slot_is_settled_until_its_end() {
    let (mut world, buyer, seller) = World::with_cash();
    let pair = (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1), 1000);
    let batch = world.post_one(posted(&policy()), &[pair]);
    let call = world.at.settle(&batch);
    world.now = END;
    world.refused(ANYONE, call.clone(), "SlotOver");
    world.now = END - 1;
    world.ok(ANYONE, call);
    let call = world.run(0, &[full(world.only_trade())]);
    world.refused(world.operator, call.clone(), "OutsideWindow");
    world.now = END;
    world.ok(world.operator, call);
}

/// Who sells what was delivered already is never short of it: nothing is posted for it.
#[test]
fn a_trade_of_what_was_delivered_needs_no_collateral() {
    let (mut world, buyer, _) = World::with_cash();
    let policy = Policy { seller_short: SellerRule::PayActual, ..after_the_slot() };
    let call = world.at.register_policy(&policy);
    world.ok(world.operator, call);
    // Of an account without cash.
    let seller = world.account(7);
    let of = |account, side| OrderTerms {
        policy: policy.id(),
        expiry: SETTLED,
        ..order(account, side, 1)
    };
    let pair = (of(buyer, Side::Buy), of(seller, Side::Sell), 1000);
    world.now = END + 3600;
    let batch = world.post_one(posted(&policy), &[pair]);
    assert_eq!(settled(&world.settle(&batch)), 1);
    world.now = SETTLED;
    let trade = world.only_trade();
    let call = world.run(0, &[full(trade)]);
    world.ok(world.operator, call);
    assert_eq!(world.outcome_of(trade).seller_net.n(), 1000 * 178_000);
}

#[test]
fn a_policy_settles_for_a_shorter_time_than_it_corrects() {
    let mut world = World::new(1);
    for (settle_seconds, correction_seconds, makes_sense) in
        [(0, 0, true), (1, 1, false), (1, 2, true), (u32::MAX, 2, false), (86_400, 86_399, false)]
    {
        let of = Policy { settle_seconds, correction_seconds, ..policy() };
        let call = world.at.register_policy(&of);
        if makes_sense {
            world.ok(world.operator, call);
        } else {
            world.refused(world.operator, call, "BadPolicy");
        }
    }
}

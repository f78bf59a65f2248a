//! What delegates sign for accounts: inside every limit of their mandate, and not beyond.

mod contracts_as_delegates;

use alloy_primitives::{Address, B256, U256};
use contracts::bindings::TradingMandate;
use contracts::requests::{self, Mandate, mandated_nonce};
use contracts::{
    Call, ContractEvent, FillBatch, OrderTerms, Posted, Side, Signature, SignedOrder, Skip, SolCall,
};
use units::Energy;

use crate::skip::{settled, skips};
use crate::world::{ANYONE, DAY, Pair, SLOT, World, key, order, policy, posted};

/// The first slot of the next UTC day.
const NEXT_DAY: u64 = (DAY as u64 + 1) * 86_400;

/// The number of the delegate's key.
const DELEGATE: u64 = 50;

fn wh(wh: u64) -> Energy {
    Energy::from_wh(wh)
}

/// What account 1 or 2 lets the delegate sign: just what [`delegated`] is, filled with 1000 Wh.
fn mandate(account: Address) -> Mandate {
    Mandate {
        account,
        delegate: key(DELEGATE).address(),
        policy: policy().id(),
        until: SLOT - 599,
        buy_price_max: 192_000,
        sell_price_min: 178_000,
        quantity_per_slot: wh(5000),
        quantity_per_day: wh(1000),
        version: 1,
    }
}

/// An account's order that its delegate signs.
fn delegated(account: Address, side: Side, slot: u64) -> OrderTerms {
    let delegate = key(DELEGATE).address();
    let (nonce, expiry) = (mandated_nonce(delegate, slot, 900, side), slot + 900);
    OrderTerms { delegate, nonce, slot, expiry, ..order(account, side, 0) }
}

/// The last second in which signed mandates are granted.
const EXPIRY: u64 = SLOT + 2 * 86_400;

/// A mandate as its account signed it.
fn signed(world: &World, of: &Mandate) -> Call {
    let hash = requests::mandate(world.chain_id, world.at.mandates, of, EXPIRY);
    world.at.grant_mandate_for(of, EXPIRY, world.sign(of.account, hash))
}

fn grant(world: &mut World, of: &Mandate) {
    let call = signed(world, of);
    world.ok(ANYONE, call);
}

/// A world with accounts 1 and 2 and the delegate.
fn world() -> (World, [Address; 2]) {
    let (mut world, buyer, seller) = World::with_cash();
    world.account(DELEGATE);
    (world, [buyer, seller])
}

/// A clearing of the slot with one fill of 1000 Wh.
fn post(world: &mut World, slot: u64, buy: OrderTerms, sell: OrderTerms) -> FillBatch {
    let mut posted = posted(&policy());
    posted.clearing.slot = slot;
    world.post_one(posted, &[(buy, sell, 1000)])
}

/// Why a fill of 1000 Wh is skipped whose orders the delegate signed for both.
fn skipped(
    edit: &dyn Fn(&mut Mandate),
    [edit_buy, edit_sell]: [fn(&mut OrderTerms); 2],
) -> Option<Skip> {
    let (mut world, accounts) = world();
    for account in accounts {
        let mut of = mandate(account);
        edit(&mut of);
        grant(&mut world, &of);
    }
    let [buyer, seller] = accounts;
    let mut buy = delegated(buyer, Side::Buy, SLOT);
    let mut sell = delegated(seller, Side::Sell, SLOT);
    edit_buy(&mut buy);
    edit_sell(&mut sell);
    let batch = post(&mut world, SLOT, buy, sell);
    let receipt = world.settle(&batch);
    assert_eq!(settled(&receipt) + skips(&receipt).len(), 1);
    skips(&receipt).first().copied()
}

const AS_IT_IS: [fn(&mut OrderTerms); 2] = [|_| {}, |_| {}];

#[test]
fn an_order_just_inside_every_limit_is_filled_and_one_beyond_any_is_not() {
    assert_eq!(skipped(&|_| {}, AS_IT_IS), None);
    let (buyer, seller) = (Some(Skip::BuyerMandate), Some(Skip::SellerMandate));
    let check = |reason: Option<Skip>, edit: fn(&mut Mandate)| {
        assert_eq!(skipped(&edit, AS_IT_IS), reason);
    };
    check(buyer, |of| of.policy = B256::ZERO);
    check(buyer, |of| of.until -= 1);
    check(buyer, |of| of.until = 0);
    check(buyer, |of| of.buy_price_max -= 1);
    check(seller, |of| of.sell_price_min += 1);
    check(buyer, |of| of.quantity_per_slot = wh(4999));
    check(buyer, |of| of.quantity_per_day = wh(999));
    check(buyer, |of| of.delegate = key(51).address());
    check(None, |of| of.version = u64::MAX);

    // An order has the nonce of its delegate, slot and side, and no other.
    let bad_nonces: [fn(&mut OrderTerms); 6] = [
        |order| order.nonce = U256::from(7),
        |order| order.nonce += U256::ONE,
        |order| order.nonce ^= U256::ONE,
        |order| order.nonce += U256::from(2),
        |order| order.nonce -= U256::from(2),
        |order| order.nonce += U256::ONE << 96,
    ];
    for bad in bad_nonces {
        assert_eq!(skipped(&|_| {}, [bad, |_| {}]), buyer);
        assert_eq!(skipped(&|_| {}, [|_| {}, bad]), seller);
    }
    let cheaper: fn(&mut OrderTerms) = |order| order.limit_price = 177_999;
    assert_eq!(skipped(&|_| {}, [|_| {}, cheaper]), seller);
    let dearer: fn(&mut OrderTerms) = |order| order.limit_price = 192_001;
    assert_eq!(skipped(&|_| {}, [dearer, |_| {}]), buyer);
    let larger: fn(&mut OrderTerms) = |order| order.quantity = wh(5001);
    assert_eq!(skipped(&|_| {}, [|_| {}, larger]), seller);
}

/// Mandates are asked for when a batch is settled: a higher one may let a fill hold.
#[test]
fn what_no_mandate_allowed_is_filled_once_one_does_and_no_more_once_it_ends() {
    let (mut world, [buyer, seller]) = world();
    let of = mandate(buyer);
    let buy = delegated(buyer, Side::Buy, SLOT);
    let batch = post(&mut world, SLOT, buy, order(seller, Side::Sell, 1));
    assert_eq!(skips(&world.settle(&batch)), [Skip::BuyerMandate]);
    assert!(Skip::BuyerMandate.retry_may_help() && Skip::SellerMandate.retry_may_help());
    grant(&mut world, &of);
    let mut ended = world.clone();
    let call = TradingMandate::grantCall { delegate: of.delegate, mandate: ending(2) };
    let call = Call { to: ended.at.mandates, data: call.abi_encode().into() };
    let events = ended.ok(buyer, call).events;
    let [ContractEvent::MandateGranted(event)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((event.account, event.delegate), (buyer, of.delegate));
    assert_eq!((event.mandate.until, event.mandate.version), (0, 2));
    assert_eq!(skips(&ended.settle(&batch)), [Skip::BuyerMandate]);
    assert_eq!(settled(&world.settle(&batch)), 1);
}

/// A mandate for nothing.
fn ending(version: u64) -> TradingMandate::Mandate {
    TradingMandate::Mandate { version, ..TradingMandate::Mandate::default() }
}

#[test]
fn a_mandate_is_the_accounts_and_replaced_by_a_later_version_only() {
    let (mut world, [buyer, seller]) = world();
    let of = Mandate { version: 5, ..mandate(buyer) };
    let (at, chain_id) = (world.at.mandates, world.chain_id);
    let hash = requests::mandate(chain_id, at, &of, EXPIRY);
    let signature = world.sign(buyer, hash);
    let edits: [fn(&mut Mandate); 8] = [
        |of| of.delegate = ANYONE,
        |of| of.policy = B256::ZERO,
        |of| of.until += 1,
        |of| of.buy_price_max += 1,
        |of| of.sell_price_min -= 1,
        |of| of.quantity_per_slot = wh(5001),
        |of| of.quantity_per_day = wh(1001),
        |of| of.version += 1,
    ];
    for edit in edits {
        let mut other = of;
        edit(&mut other);
        let call = world.at.grant_mandate_for(&other, EXPIRY, signature.clone());
        world.refused(ANYONE, call, "NotSigned");
    }
    let of_seller = Mandate { account: seller, ..of };
    for (of, signature) in [
        (&of_seller, signature.clone()),
        (&of, world.sign(seller, hash)),
        (&of, world.sign(key(DELEGATE).address(), hash)),
        (&of, world.sign(buyer, requests::mandate(4712, at, &of, EXPIRY))),
        (&of, world.sign(buyer, requests::mandate(chain_id, world.at.market, &of, EXPIRY))),
        (&of, world.sign(buyer, requests::mandate(chain_id, at, &of, EXPIRY + 1))),
    ] {
        let call = world.at.grant_mandate_for(of, EXPIRY, signature);
        world.refused(ANYONE, call, "NotSigned");
    }
    let call = world.at.grant_mandate_for(&of, EXPIRY, signature);
    let before = std::mem::replace(&mut world.now, EXPIRY + 1);
    world.refused(ANYONE, call.clone(), "GrantExpired");
    world.now = before;
    world.ok(ANYONE, call.clone());
    world.refused(ANYONE, call, "VersionNotHigher { version: 5 }");
    for (version, reason) in [(0, "VersionNotHigher"), (4, "VersionNotHigher")] {
        let call = signed(&world, &Mandate { version, ..of });
        world.refused(ANYONE, call, reason);
    }
    let question = TradingMandate::mandateOfCall { account: buyer, delegate: of.delegate };
    let kept = world.view(world.at.mandates, question);
    assert_eq!((kept.policy, kept.until, kept.version), (of.policy, of.until, 5));
    assert_eq!((kept.buyPriceMax, kept.sellPriceMin), (192_000, 178_000));
    assert_eq!((kept.quantityPerSlot, kept.quantityPerDay), (5000, 1000));
}

/// What is counted of the delegate's orders of an account.
fn filled(world: &mut World, account: Address, day: u32, side: Side) -> U256 {
    let (delegate, day) = (key(DELEGATE).address(), U256::from(day));
    let side = U256::from(side.code());
    let question = TradingMandate::filledCall { account, delegate, day, side };
    world.view(world.at.mandates, question)
}

#[test]
fn what_a_day_allows_is_counted_over_its_slots_for_each_side_and_begins_anew_the_next_day() {
    let (mut world, [buyer, seller]) = world();
    world.fund(buyer, 5_000_000_000);
    world.fund(seller, 5_000_000_000);
    let of = Mandate { until: NEXT_DAY + 900, ..mandate(buyer) };
    let of = Mandate { quantity_per_day: wh(2500), ..of };
    grant(&mut world, &of);
    let slots = [SLOT, SLOT + 900, SLOT + 1800, NEXT_DAY];
    let expected = [None, None, Some(Skip::BuyerMandate), None];
    for (nonce, (slot, reason)) in (1..).zip(slots.into_iter().zip(expected)) {
        let of_slot = |order| OrderTerms { slot, expiry: slot + 900, ..order };
        let buy = delegated(buyer, Side::Buy, slot);
        let batch = post(&mut world, slot, buy, of_slot(order(seller, Side::Sell, nonce)));
        assert_eq!(skips(&world.settle(&batch)), Vec::from_iter(reason), "slot {slot}");
    }
    let counted = [
        filled(&mut world, buyer, DAY, Side::Buy),
        filled(&mut world, buyer, DAY, Side::Sell),
        filled(&mut world, buyer, DAY + 1, Side::Buy),
        filled(&mut world, seller, DAY, Side::Sell),
    ];
    assert_eq!(counted, [2000, 0, 1000, 0].map(U256::from));
    // The other side has all of its day, and a higher mandate goes on where the last one was.
    let slot = SLOT + 2700;
    let of_slot = |order| OrderTerms { slot, expiry: slot + 900, ..order };
    let sell = delegated(buyer, Side::Sell, slot);
    let batch = post(&mut world, slot, of_slot(order(seller, Side::Buy, 9)), sell);
    assert_eq!(settled(&world.settle(&batch)), 1);
    let mut next = Mandate { version: 2, quantity_per_day: wh(2999), ..of };
    for reason in [Some(Skip::BuyerMandate), None] {
        grant(&mut world, &next);
        let slot = SLOT + 1800;
        let terms = world.posted.values().find(|posted| posted.clearing.slot == slot).unwrap();
        let posted = Posted { clearing: terms.clearing.clone(), policy: policy() };
        let sell = OrderTerms { slot, expiry: slot + 900, ..order(seller, Side::Sell, 3) };
        let pair: Pair = (delegated(buyer, Side::Buy, slot), sell, 1000);
        let (_, batches) = world.batches(posted, &[pair], |_| true);
        assert_eq!(skips(&world.settle(&batches[0])), Vec::from_iter(reason));
        next = Mandate { version: 3, quantity_per_day: wh(3000), ..next };
    }
}

/// What is settled of an order counts once, however many batches it is in, and all that its
/// clearing fills of it has to be allowed from the first one on.
#[test]
fn an_order_over_two_batches_counts_as_it_is_settled() {
    let (mut world, [buyer, seller]) = world();
    let (one, other) = (world.account(5), world.account(6));
    for account in [one, other] {
        world.fund(account, 1_000_000_000);
    }
    let strangers = (order(one, Side::Buy, 1), order(other, Side::Sell, 1), 10);
    let mut pairs: Vec<Pair> = vec![strangers; 63];
    let buy = delegated(buyer, Side::Buy, SLOT);
    pairs.push((buy.clone(), order(seller, Side::Sell, 1), 600));
    pairs.push((buy, order(seller, Side::Sell, 2), 400));
    let batches = world.post(posted(&policy()), &pairs);
    let of = mandate(buyer);
    for (version, quantity_per_day) in [(1, wh(999)), (2, wh(1000))] {
        grant(&mut world, &Mandate { version, quantity_per_day, ..of });
        let expected = if version == 1 { vec![Skip::BuyerMandate] } else { Vec::new() };
        assert_eq!(skips(&world.clone().settle(&batches[1])), expected);
    }
    for (first, counted) in [(0, 600), (1, 400)] {
        let mut world = world.clone();
        for (number, counted) in [(first, counted), (1 - first, 1000)] {
            assert!(skips(&world.settle(&batches[number])).is_empty());
            assert_eq!(filled(&mut world, buyer, DAY, Side::Buy), U256::from(counted));
            let again = world.settle(&batches[number]);
            assert!(skips(&again).iter().all(|reason| *reason == Skip::AlreadySettled));
        }
        assert_eq!(filled(&mut world, buyer, DAY, Side::Buy), U256::from(1000));
    }
    // What is counted is a part of what the day allows, whatever the last mandate allowed.
    world.settle(&batches[0]);
    for (version, quantity_per_day) in [(3, wh(999)), (4, wh(1000))] {
        grant(&mut world, &Mandate { version, quantity_per_day, ..of });
        let expected = if version == 3 { vec![Skip::BuyerMandate] } else { Vec::new() };
        assert_eq!(skips(&world.clone().settle(&batches[1])), expected);
    }
}

#[test]
fn an_account_signs_for_itself_whatever_its_delegate_may() {
    let (mut world, [buyer, seller]) = world();
    let buy = OrderTerms { delegate: key(DELEGATE).address(), ..order(buyer, Side::Buy, 1) };
    let mut batch = post(&mut world, SLOT, buy.clone(), order(seller, Side::Sell, 1));
    assert_eq!(skips(&world.settle(&batch)), [Skip::BuyerMandate]);
    let by_buyer = Signature::Key(*key(1).sign(world.order_hash(&buy)).as_bytes());
    *signature_of(&mut batch, buyer) = by_buyer;
    assert_eq!(settled(&world.settle(&batch)), 1);
    assert_eq!(filled(&mut world, buyer, DAY, Side::Buy), U256::ZERO);
}

/// The signature of an account's order in a batch.
fn signature_of(batch: &mut FillBatch, of: Address) -> &mut Signature {
    let signature = batch.orders.iter_mut().find_map(|order| match order {
        SignedOrder::Shown { terms, signature, .. } => (terms.account == of).then_some(signature),
        SignedOrder::Hidden { .. } => None,
    });
    signature.expect("the order is shown")
}

#[test]
fn nobody_but_the_market_counts() {
    let (mut world, [buyer, _]) = world();
    let call = TradingMandate::spendCall {
        account: buyer,
        delegate: key(DELEGATE).address(),
        day: U256::from(DAY),
        side: U256::ZERO,
        filled_: U256::from(1),
    };
    let call = Call { to: world.at.mandates, data: call.abi_encode().into() };
    for sender in [ANYONE, buyer, world.operator, key(DELEGATE).address()] {
        world.refused(sender, call.clone(), "NotMarket");
    }
}

#[test]
fn rust_and_the_contract_give_an_order_the_same_nonce() {
    let (mut world, _) = world();
    for (slot, seconds) in [(SLOT, 900), (SLOT, 3600), (0, 1), (u64::MAX, 86_400), (899, 900)] {
        for delegate in [Address::ZERO, ANYONE, Address::repeat_byte(0xff)] {
            for side in [Side::Buy, Side::Sell] {
                let (code, slot_seconds) = (side.code(), seconds);
                let question = TradingMandate::orderNonceCall {
                    delegate,
                    slot,
                    slotSeconds: seconds,
                    side: code,
                };
                let nonce = world.view(world.at.mandates, question);
                assert_eq!(nonce, mandated_nonce(delegate, slot, slot_seconds, side));
            }
        }
    }
}

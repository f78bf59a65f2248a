//! Fills that do not hold: each is skipped with its reason, and the batch goes on.

use std::collections::BTreeSet;

use alloy_primitives::{B256, Bytes, U256};
use contracts::{ContractEvent, FillProof, OrderTerms, Side, Skip, requests};
use ids::{CommunityId, ZoneId};
use units::Energy;

use crate::world::{Receipt, SLOT, World, clearing, key, order, policy};

pub(crate) fn skips(receipt: &Receipt) -> Vec<Skip> {
    let reason = |event: &ContractEvent| match event {
        ContractEvent::FillSkipped(event) => Skip::from_code(event.reason),
        _ => None,
    };
    receipt.events.iter().filter_map(reason).collect()
}

pub(crate) fn settled(receipt: &Receipt) -> usize {
    let settled = |event: &&ContractEvent| matches!(event, ContractEvent::TradeSettled(_));
    receipt.events.iter().filter(settled).count()
}

/// What makes a fill bad: the orders before they are signed, the quantity, or what happens after.
struct Edit {
    orders: fn(&mut OrderTerms, &mut OrderTerms, &mut u64),
    after: fn(&mut World, &mut FillProof),
}

const KEEP: Edit = Edit { orders: |_, _, _| {}, after: |_, _| {} };

fn orders(edit: fn(&mut OrderTerms, &mut OrderTerms, &mut u64)) -> Edit {
    Edit { orders: edit, ..KEEP }
}

fn after(edit: fn(&mut World, &mut FillProof)) -> Edit {
    Edit { after: edit, ..KEEP }
}

/// Settles a bad fill between two good ones.
fn check(expected: Option<Skip>, edit: &Edit) {
    let (mut world, buyer, seller) = World::with_cash();
    let (mut buy, mut sell, mut wh) =
        (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1), 1000);
    (edit.orders)(&mut buy, &mut sell, &mut wh);
    let mut good = Vec::new();
    for number in [10, 20] {
        let (buyer, seller) = (world.account(number), world.account(number + 1));
        world.fund(buyer, 1_000_000_000);
        world.fund(seller, 1_000_000_000);
        good.push((order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1), 1000));
    }
    let pairs = [good[0].clone(), (buy, sell, wh), good[1].clone()];
    let (id, mut fills) = world.post(clearing(&policy()), &pairs);
    (edit.after)(&mut world, &mut fills[1]);
    let call = world.at.settle(id, &fills);
    let receipt = world.ok(buyer, call);
    assert_eq!(skips(&receipt), Vec::from_iter(expected));
    assert_eq!(settled(&receipt), 3 - expected.iter().count());
}

fn cases() -> Vec<(Skip, Edit)> {
    vec![
        (Skip::NotIncluded, after(|_, fill| fill.index = 0)),
        (Skip::NotIncluded, after(|_, fill| fill.quantity = Energy::from_wh(999))),
        (Skip::NotIncluded, after(|_, fill| fill.buy.limit_price += 1)),
        (Skip::NotIncluded, after(|_, fill| fill.path[0] = B256::ZERO)),
        (Skip::NotIncluded, after(|_, fill| fill.path.clear())),
        (Skip::WrongSide, orders(|buy, _, _| buy.side = Side::Sell)),
        (Skip::WrongSide, orders(|_, sell, _| sell.side = Side::Buy)),
        (Skip::WrongSlot, orders(|buy, _, _| buy.slot += 900)),
        (Skip::WrongSlot, orders(|_, sell, _| sell.slot -= 900)),
        (Skip::WrongPolicy, orders(|buy, _, _| buy.policy = B256::ZERO)),
        (Skip::WrongPolicy, orders(|_, sell, _| sell.policy = B256::ZERO)),
        (Skip::WrongZone, orders(|buy, _, _| buy.zone = ZoneId::derived("x"))),
        (Skip::WrongZone, orders(|_, sell, _| sell.community = CommunityId::derived("x"))),
        (Skip::Expired, orders(|buy, _, _| buy.expiry = SLOT - 601)),
        (Skip::Expired, orders(|_, sell, _| sell.expiry = 0)),
        (Skip::SameAccount, orders(|buy, sell, _| sell.account = buy.account)),
        (Skip::BuyerLimit, orders(|buy, _, _| buy.limit_price = 191_999)),
        (Skip::SellerLimit, orders(|_, sell, _| sell.limit_price = 178_001)),
        (Skip::NoQuantity, orders(|_, _, wh| *wh = 0)),
        (Skip::BuyerQuantity, orders(|buy, _, _| buy.quantity = Energy::from_wh(999))),
        (Skip::SellerQuantity, orders(|_, sell, _| sell.quantity = Energy::from_wh(999))),
        (Skip::BuyerNonce, after(|world, fill| cancel(world, &fill.buy))),
        (Skip::SellerNonce, after(|world, fill| cancel(world, &fill.sell))),
        (Skip::BuyerSignature, after(|_, fill| fill.buy_signature = fill.sell_signature.clone())),
        (Skip::BuyerSignature, after(|_, fill| fill.buy_signature = high_s(&fill.buy_signature))),
        (Skip::BuyerSignature, after(|_, fill| fill.buy_signature = Bytes::new())),
        (Skip::SellerSignature, after(|_, fill| fill.sell_signature = vec![0; 64].into())),
        (Skip::BuyerSignature, after(sign_as_delegate)),
        (Skip::BuyerFunds, after(|world, fill| withdraw(world, &fill.buy, 192_000_000 - 1))),
        (Skip::SellerFunds, after(|world, fill| withdraw(world, &fill.sell, 108_000_000 - 1))),
    ]
}

fn cancel(world: &mut World, order: &OrderTerms) {
    let call = world.at.cancel(order.nonce);
    world.ok(order.account, call);
}

/// The same signature with s in the upper half: what anyone could make of it.
fn high_s(signature: &Bytes) -> Bytes {
    let order = U256::from_be_bytes(alloy_primitives::hex!(
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
    ));
    let (r, s, odd) = keys::Signature::from_slice(signature).unwrap().parts();
    let high = order - U256::from_be_bytes(s);
    [&r[..], &high.to_be_bytes::<32>(), &[27 + u8::from(!odd)]].concat().into()
}

/// Somebody to whom the account granted nothing signs.
fn sign_as_delegate(world: &mut World, fill: &mut FillProof) {
    let stranger = world.account(77);
    fill.buy_signature = world.sign(stranger, world.order_hash(&fill.buy));
}

/// Leaves `rest` of the account's free cash.
fn withdraw(world: &mut World, order: &OrderTerms, rest: u64) {
    let amount = world.free(order.account) - U256::from(rest);
    let amount = units::Money::from_n(i64::try_from(amount).unwrap());
    let call = world.at.request_withdrawal(amount).unwrap();
    world.ok(order.account, call);
}

#[test]
fn a_bad_fill_is_skipped_with_its_reason_and_the_batch_goes_on() {
    check(None, &KEEP);
    let exact = |world: &mut World, fill: &mut FillProof| {
        withdraw(world, &fill.buy, 192_000_000);
        withdraw(world, &fill.sell, 108_000_000);
    };
    check(None, &after(exact));
    let mut tested = BTreeSet::from([Skip::AlreadySettled]); // in settle.rs
    for (expected, edit) in cases() {
        check(Some(expected), &edit);
        tested.insert(expected);
    }
    assert_eq!(tested, BTreeSet::from_iter(Skip::ALL.iter().copied()));
}

#[test]
fn two_orders_with_one_nonce_are_not_both_filled() {
    let (mut world, buyer, seller) = World::with_cash();
    let first = order(buyer, Side::Buy, 7);
    let mut second = first.clone();
    second.limit_price += 1;
    let sell = order(seller, Side::Sell, 7);
    let pairs = [(first, sell.clone(), 1000), (second, sell, 1000)];
    let (id, fills) = world.post(clearing(&policy()), &pairs);
    let call = world.at.settle(id, &fills);
    let receipt = world.ok(buyer, call);
    assert_eq!((settled(&receipt), skips(&receipt)), (1, vec![Skip::BuyerNonce]));
}

#[test]
fn a_cancelled_order_keeps_what_was_filled_and_gets_no_more() {
    let (mut world, buyer, seller) = World::with_cash();
    let (buy, sell) = (order(buyer, Side::Buy, 300), order(seller, Side::Sell, 300));
    let pairs = [(buy.clone(), sell, 1000), (buy, order(seller, Side::Sell, 301), 1000)];
    let (id, fills) = world.post(clearing(&policy()), &pairs);
    let first = world.at.settle(id, &fills[..1]);
    assert_eq!(settled(&world.ok(buyer, first)), 1);
    let nonce = U256::from(300);
    let hash = requests::cancel(world.chain_id, world.at.market, buyer, nonce);
    let signature = world.sign(buyer, hash);
    let forged = world.at.cancel_for(seller, nonce, signature.clone());
    world.refused(seller, forged, "NotSigned");
    let call = world.at.cancel_for(buyer, nonce, signature);
    world.ok(seller, call);
    let second = world.at.settle(id, &fills[1..]);
    assert_eq!(skips(&world.ok(buyer, second)), [Skip::BuyerNonce]);
}

#[test]
fn a_delegate_signs_within_what_the_account_granted() {
    let (mut world, buyer, seller) = World::with_cash();
    let delegate = world.account(50);
    let mut buy = order(buyer, Side::Buy, 1);
    buy.delegate = delegate;
    let (id, mut fills) =
        world.post(clearing(&policy()), &[(buy.clone(), order(seller, Side::Sell, 1), 1000)]);
    fills[0].buy_signature = world.sign(delegate, world.order_hash(&buy));
    let call = world.at.settle(id, &fills);
    let grant = |world: &mut World, until, quantity_max, nonce| {
        let (account, nonce) = (buyer, U256::from(nonce));
        let grant = requests::Grant { account, delegate, until, quantity_max, nonce };
        let hash = requests::delegation(world.chain_id, world.at.market, &grant);
        let signature = key(1).sign(hash);
        let call = world.at.set_delegate_for(&grant, (*signature.as_bytes()).into());
        world.ok(delegate, call.clone());
        world.refused(delegate, call, "NonceAlreadyUsed");
    };
    assert_eq!(skips(&world.ok(buyer, call.clone())), [Skip::BuyerSignature]);
    grant(&mut world, SLOT, 4999, 10);
    assert_eq!(skips(&world.ok(buyer, call.clone())), [Skip::BuyerSignature]);
    grant(&mut world, SLOT - 600, 5000, 11);
    assert_eq!(skips(&world.ok(buyer, call.clone())), [Skip::BuyerSignature]);
    grant(&mut world, SLOT, 5000, 12);
    assert_eq!(settled(&world.ok(buyer, call)), 1);
}

//! Fills that do not hold: each is skipped with its reason, and the batch goes on.

use std::collections::BTreeSet;

use alloy_primitives::{Bytes, U256};
use contracts::{ContractEvent, FillBatch, OrderTerms, Side, Signature, SignedOrder, Skip};
use ids::{CommunityId, ZoneId};
use units::Energy;

use crate::world::{Pair, Receipt, SLOT, World, key, order, policy, posted};

pub(crate) fn skips(receipt: &Receipt) -> Vec<Skip> {
    let reason = |event: &ContractEvent| match event {
        ContractEvent::FillSkipped(event) => Skip::from_code(event.reason),
        _ => None,
    };
    receipt.events.iter().filter_map(reason).collect()
}

pub(crate) fn settled(receipt: &Receipt) -> usize {
    let settled = |event: &&ContractEvent| matches!(event, ContractEvent::TradeCreated(_));
    receipt.events.iter().filter(settled).count()
}

/// What makes a fill bad: the orders before they are signed, the quantity, or what happens after.
struct Edit {
    orders: fn(&mut OrderTerms, &mut OrderTerms, &mut u64),
    after: fn(&mut World, &mut FillBatch),
}

const KEEP: Edit = Edit { orders: |_, _, _| {}, after: |_, _| {} };
const BUY: usize = 0;
const SELL: usize = 1;

fn orders(edit: fn(&mut OrderTerms, &mut OrderTerms, &mut u64)) -> Edit {
    Edit { orders: edit, ..KEEP }
}

fn after(edit: fn(&mut World, &mut FillBatch)) -> Edit {
    Edit { after: edit, ..KEEP }
}

/// A bad fill between two good ones.
fn pairs(world: &mut World, edit: &Edit) -> [Pair; 3] {
    let (buyer, seller) = (world.account(1), world.account(2));
    let (mut buy, mut sell, mut wh) =
        (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1), 1000);
    (edit.orders)(&mut buy, &mut sell, &mut wh);
    let [first, last] = [10, 20].map(|number| {
        let (buyer, seller) = (world.account(number), world.account(number + 1));
        world.fund(buyer, 1_000_000_000);
        world.fund(seller, 1_000_000_000);
        (order(buyer, Side::Buy, 1), order(seller, Side::Sell, 1), 1000)
    });
    [first, (buy, sell, wh), last]
}

/// The place of the bad fill's order of a side.
fn place(batch: &FillBatch, side: usize) -> usize {
    let (buy, sell, _) = batch.fills[1];
    usize::from([buy, sell][side])
}

fn terms(batch: &FillBatch, side: usize) -> OrderTerms {
    match &batch.orders[place(batch, side)] {
        SignedOrder::Shown { terms, .. } => terms.clone(),
        SignedOrder::Hidden { .. } => panic!("it is not shown"),
    }
}

fn signature(batch: &mut FillBatch, side: usize) -> &mut Signature {
    let place = place(batch, side);
    match &mut batch.orders[place] {
        SignedOrder::Shown { signature, .. } => signature,
        SignedOrder::Hidden { .. } => panic!("it is not shown"),
    }
}

/// Shows of the bad fill's order its hash only.
fn hide(world: &World, batch: &mut FillBatch, side: usize) {
    let (hash, place) = (world.order_hash(&terms(batch, side)), place(batch, side));
    let SignedOrder::Shown { filled, .. } = batch.orders.remove(place) else {
        panic!("it is not shown");
    };
    batch.orders.insert(0, SignedOrder::Hidden { hash, filled });
    let moved = |at: &mut u8| {
        *at = match usize::from(*at).cmp(&place) {
            std::cmp::Ordering::Less => *at + 1,
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Greater => *at,
        }
    };
    for (buy, sell, _) in &mut batch.fills {
        moved(buy);
        moved(sell);
    }
}

/// Settles a bad fill between two good ones.
fn check(expected: Option<Skip>, edit: &Edit) {
    let (mut world, ..) = World::with_cash();
    let pairs = pairs(&mut world, edit);
    let mut batch = world.post_one(posted(&policy()), &pairs);
    (edit.after)(&mut world, &mut batch);
    let receipt = world.settle(&batch);
    assert_eq!(skips(&receipt), Vec::from_iter(expected));
    assert_eq!(settled(&receipt), 3 - expected.iter().count());
}

fn cases() -> Vec<(Skip, Edit)> {
    vec![
        (Skip::NotShown, after(|world, batch| hide(world, batch, BUY))),
        (Skip::NotShown, after(|world, batch| hide(world, batch, SELL))),
        (Skip::WrongSide, orders(|buy, _, _| buy.side = Side::Sell)),
        (Skip::WrongSide, orders(|_, sell, _| sell.side = Side::Buy)),
        (Skip::SameAccount, orders(|buy, sell, _| sell.account = buy.account)),
        (Skip::NoQuantity, orders(|_, _, wh| *wh = 0)),
        (Skip::Expired, orders(|buy, _, _| buy.expiry = SLOT - 601)),
        (Skip::Expired, orders(|_, sell, _| sell.expiry = 0)),
        (Skip::BuyerLimit, orders(|buy, _, _| buy.limit_price = 191_999)),
        (Skip::SellerLimit, orders(|_, sell, _| sell.limit_price = 178_001)),
        (Skip::BuyerSignature, after(sign_by_the_other)),
        (Skip::BuyerSignature, after(|_, batch| edit_key(batch, BUY, |key| key[32] ^= 0x80))),
        (Skip::BuyerSignature, after(|_, batch| as_contract(batch, BUY, high_s))),
        (Skip::BuyerSignature, after(|_, batch| as_contract(batch, BUY, |_| Bytes::new()))),
        (Skip::BuyerSignature, after(|_, batch| as_contract(batch, BUY, compact))),
        (Skip::SellerSignature, after(|_, batch| edit_key(batch, SELL, |key| *key = [0; 64]))),
        (Skip::SellerSignature, after(|_, batch| edit_key(batch, SELL, |key| key[31] ^= 1))),
        (Skip::BuyerSignature, after(sign_as_delegate)),
        (Skip::BuyerSignature, orders(|buy, _, _| buy.delegate = key(78).address())),
        (Skip::BuyerMandate, Edit { orders: name_delegate, after: sign_as_delegate }),
        (Skip::SellerMandate, Edit { orders: name_delegate, after: sign_as_sellers_delegate }),
        (Skip::BuyerQuantity, orders(|buy, _, _| buy.quantity = Energy::from_wh(999))),
        (Skip::SellerQuantity, orders(|_, sell, _| sell.quantity = Energy::from_wh(999))),
        (Skip::BuyerQuantity, orders(|buy, _, _| buy.min_fill = Energy::from_wh(1001))),
        (Skip::SellerQuantity, orders(|_, sell, _| sell.min_fill = Energy::from_wh(1001))),
        (Skip::BuyerNonce, after(|world, batch| cancel(world, &terms(batch, BUY)))),
        (Skip::SellerNonce, after(|world, batch| cancel(world, &terms(batch, SELL)))),
        (Skip::BuyerFunds, after(|world, batch| leave(world, batch, BUY, 192_000_000 - 1))),
        (Skip::SellerFunds, after(|world, batch| leave(world, batch, SELL, 108_000_000 - 1))),
    ]
}

fn sign_by_the_other(_: &mut World, batch: &mut FillBatch) {
    let of_seller = signature(batch, SELL).clone();
    *signature(batch, BUY) = of_seller;
}

fn edit_key(batch: &mut FillBatch, side: usize, edit: fn(&mut [u8; 64])) {
    let Signature::Key(bytes) = signature(batch, side) else { panic!("it is of a key") };
    edit(bytes);
}

/// Shows a key's signature as if the account had code.
fn as_contract(batch: &mut FillBatch, side: usize, form: fn(&keys::Signature) -> Bytes) {
    let Signature::Key(bytes) = signature(batch, side) else { panic!("it is of a key") };
    let of_key = keys::Signature::from_bytes(*bytes).unwrap();
    *signature(batch, side) = Signature::Contract(form(&of_key));
}

fn compact(signature: &keys::Signature) -> Bytes {
    Bytes::copy_from_slice(signature.as_bytes())
}

fn cancel(world: &mut World, order: &OrderTerms) {
    let call = world.at.cancel(order.nonce);
    world.ok(order.account, call);
}

/// The same signature with s in the upper half: what anyone could make of it.
pub(crate) fn high_s(signature: &keys::Signature) -> Bytes {
    let order = U256::from_be_bytes(alloy_primitives::hex!(
        "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
    ));
    let (r, s, odd) = signature.parts();
    let high = order - U256::from_be_bytes(s);
    [&r[..], &high.to_be_bytes::<32>(), &[27 + u8::from(!odd)]].concat().into()
}

/// Both orders name somebody to whom their accounts granted nothing.
fn name_delegate(buy: &mut OrderTerms, sell: &mut OrderTerms, _: &mut u64) {
    for order in [buy, sell] {
        order.delegate = key(77).address();
    }
}

/// Somebody signs to whom the account granted nothing.
fn sign_as_delegate(world: &mut World, batch: &mut FillBatch) {
    sign_by(world, batch, BUY, 77);
    let named = terms(batch, SELL).delegate;
    if !named.is_zero() {
        sign_by(world, batch, SELL, 2);
    }
}

/// The buyer signs for itself, somebody for the seller.
fn sign_as_sellers_delegate(world: &mut World, batch: &mut FillBatch) {
    sign_by(world, batch, BUY, 1);
    sign_by(world, batch, SELL, 77);
}

fn sign_by(world: &World, batch: &mut FillBatch, side: usize, signer: u64) {
    let by = key(signer).sign(world.order_hash(&terms(batch, side)));
    *signature(batch, side) = Signature::Key(*by.as_bytes());
}

/// Leaves `rest` of the free cash of the bad fill's account.
fn leave(world: &mut World, batch: &FillBatch, side: usize, rest: u64) {
    let account = terms(batch, side).account;
    let amount = world.free(account) - U256::from(rest);
    let amount = units::Money::from_n(i64::try_from(amount).unwrap());
    let call = world.at.request_withdrawal(amount).unwrap();
    world.ok(account, call);
}

#[test]
fn a_bad_fill_is_skipped_with_its_reason_and_the_batch_goes_on() {
    check(None, &KEEP);
    let exact = |world: &mut World, batch: &mut FillBatch| {
        leave(world, batch, BUY, 192_000_000);
        leave(world, batch, SELL, 108_000_000);
    };
    check(None, &after(exact));
    let exactly_enough = |buy: &mut OrderTerms, sell: &mut OrderTerms, wh: &mut u64| {
        for order in [buy, sell] {
            (order.quantity, order.min_fill) = (Energy::from_wh(*wh), Energy::from_wh(*wh));
        }
    };
    check(None, &orders(exactly_enough));
    // In settle.rs and priced.rs.
    let mut tested = BTreeSet::from([Skip::AlreadySettled, Skip::BadPrices]);
    for (expected, edit) in cases() {
        check(Some(expected), &edit);
        tested.insert(expected);
    }
    assert_eq!(tested, BTreeSet::from_iter(Skip::ALL.iter().copied()));
}

/// What an order says of slot, policy and zone is what the clearing says, or the order is another:
/// one that says something else can be named by its hash only, and then it is of no use.
#[test]
fn an_order_of_another_slot_policy_or_zone_cannot_be_shown() {
    for edit in [
        orders(|buy, _, _| buy.slot += 900),
        orders(|_, sell, _| sell.slot -= 900),
        orders(|buy, _, _| buy.policy = alloy_primitives::B256::ZERO),
        orders(|_, sell, _| sell.policy = alloy_primitives::B256::ZERO),
        orders(|buy, _, _| buy.zone = ZoneId::derived("x")),
        orders(|_, sell, _| sell.community = CommunityId::derived("x")),
    ] {
        let (mut world, ..) = World::with_cash();
        let pairs = pairs(&mut world, &edit);
        let batch = world.post_one(posted(&policy()), &pairs);
        let good = |order: &OrderTerms| {
            let usual = self::order(order.account, order.side, 1);
            (order.slot, order.policy, order.zone, order.community)
                == (usual.slot, usual.policy, usual.zone, usual.community)
        };
        let (_, batches) = world.batches(posted(&policy()), &pairs, good);
        assert_eq!(batch, batches[0], "only what can be shown is");
        let receipt = world.settle(&batch);
        assert_eq!((settled(&receipt), skips(&receipt)), (2, vec![Skip::NotShown]));
    }
}

#[test]
fn two_orders_with_one_nonce_are_not_both_filled() {
    let (mut world, buyer, seller) = World::with_cash();
    let first = order(buyer, Side::Buy, 7);
    let mut second = first.clone();
    second.limit_price += 1;
    let sell = order(seller, Side::Sell, 7);
    let pairs = [(first, sell.clone(), 1000), (second, sell, 1000)];
    let batch = world.post_one(posted(&policy()), &pairs);
    let receipt = world.settle(&batch);
    assert_eq!((settled(&receipt), skips(&receipt)), (1, vec![Skip::BuyerNonce]));
    assert_eq!(skips(&world.settle(&batch)), [Skip::AlreadySettled, Skip::BuyerNonce]);
}

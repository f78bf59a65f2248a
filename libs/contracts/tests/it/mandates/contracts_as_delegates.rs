//! Contracts as delegates: they are asked whether they signed, and cannot stop a batch.

use alloy_primitives::Address;
use contracts::requests::{Mandate, mandated_nonce};
use contracts::{OrderTerms, Side, Signature, SignedOrder, Skip};
use units::Energy;

use super::{grant, mandate, post, world};
use crate::settle::{ACCEPTS, BURNS, DAWDLES, SILENT};
use crate::skip::{settled, skips};
use crate::world::{
    CONTRACT_ACCOUNTS, GAS_MAX, Pair, SLOT, World, order, own_prices, policy, posted, priced, wide,
};

/// An order that a delegate signs for the account.
fn by_delegate(delegate: Address, order: OrderTerms) -> OrderTerms {
    let nonce = mandated_nonce(delegate, order.slot, 900, order.side);
    OrderTerms { delegate, nonce, ..order }
}

#[test]
fn a_contract_signs_for_an_account_that_lets_it() {
    for (code, with_mandate, reason) in [
        (ACCEPTS, true, None),
        (SILENT, true, Some(Skip::BuyerSignature)),
        (BURNS, true, Some(Skip::BuyerSignature)),
        // It is not even asked, and the account is none that could be.
        (ACCEPTS, false, Some(Skip::BuyerSignature)),
    ] {
        let (mut world, [buyer, seller]) = world();
        let delegate = CONTRACT_ACCOUNTS[0];
        world.set_code(delegate, code);
        if with_mandate {
            grant(&mut world, &Mandate { delegate, ..mandate(buyer) });
        }
        let buy = by_delegate(delegate, order(buyer, Side::Buy, 0));
        let batch = post(&mut world, SLOT, buy, order(seller, Side::Sell, 1));
        let receipt = world.settle(&batch);
        assert_eq!(skips(&receipt), Vec::from_iter(reason));
    }
}

#[test]
fn a_contract_account_without_a_mandate_for_its_delegate_is_asked_itself() {
    let (mut world, [_, seller]) = world();
    let [account, delegate, _] = CONTRACT_ACCOUNTS;
    world.fund(account, 1_000_000_000);
    world.set_code(account, ACCEPTS);
    world.set_code(delegate, SILENT);
    let buy = by_delegate(delegate, order(account, Side::Buy, 0));
    let batch = post(&mut world, SLOT, buy, order(seller, Side::Sell, 1));
    assert_eq!(settled(&world.settle(&batch)), 1);
}

/// 64 fills of as many accounts, for all of which delegates sign: for the sides that are named
/// contracts, each as slowly as it may, for the others keys.
fn strangers(world: &mut World, slow: &[Side]) -> Vec<Pair> {
    let mut of = |number: u64, side: Side| {
        let first = if side == Side::Buy { 1000 } else { 2000 };
        let account = world.account(first + number);
        world.fund(account, 1_000_000_000);
        let delegate = if slow.contains(&side) {
            let place = u8::try_from(number).unwrap();
            let delegate = Address::left_padding_from(&[0xc5, side.code(), place]);
            world.set_code(delegate, DAWDLES);
            delegate
        } else {
            world.account(2000 + first + number)
        };
        let allowed = Mandate {
            delegate,
            buy_price_max: u64::MAX,
            sell_price_min: 0,
            quantity_per_day: Energy::from_wh(4000),
            ..mandate(account)
        };
        grant(world, &allowed);
        by_delegate(delegate, wide(account, side, 0))
    };
    (0..64).map(|number| (of(number, Side::Buy), of(number, Side::Sell), 4000)).collect()
}

#[test]
fn a_full_batch_of_delegates_fits_a_transaction_where_keys_sign_for_one_side() {
    for slow in [&[][..], &[Side::Buy], &[Side::Sell]] {
        let (mut world, _) = world();
        let pairs = strangers(&mut world, slow);
        let batch = world.post_at(priced(&policy()), &pairs, &own_prices(64)).remove(0);
        let receipt = world.settle(&batch);
        assert_eq!(settled(&receipt), 64);
        assert!(receipt.gas < GAS_MAX, "{} gas for {slow:?}", receipt.gas);
    }
}

/// A transaction may have too little gas to ask 128 contracts that take all they may, and to look
/// up as many mandates. Whoever settles shows some of the orders first, and those with any
/// signature afterwards.
#[test]
fn a_full_batch_of_slow_delegates_is_settled_in_two_calls() {
    let (mut world, _) = world();
    let pairs = strangers(&mut world, &[Side::Buy, Side::Sell]);
    let batch = world.post_one(posted(&policy()), &pairs);
    let (first, _) = pairs.split_at(32);
    let is_first =
        |order: &OrderTerms| first.iter().any(|(buy, sell, _)| [buy, sell].contains(&order));
    let (_, shown) = world.batches(posted(&policy()), &pairs, is_first);
    let receipt = world.settle(&shown[0]);
    assert_eq!((settled(&receipt), skips(&receipt)), (32, vec![Skip::NotShown; 32]));
    let mut rest = batch;
    for order in &mut rest.orders {
        let SignedOrder::Shown { terms, signature, .. } = order else { panic!("all are shown") };
        if is_first(terms) {
            *signature = Signature::Key([1; 64]);
        }
    }
    let receipt = world.settle(&rest);
    assert_eq!((settled(&receipt), skips(&receipt)), (32, vec![Skip::AlreadySettled; 32]));
}

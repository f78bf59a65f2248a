//! Accounts that settle at another address from a slot on.

use contracts::{OrderTerms, Side};
use market::domain::{Entry, Exchange, Movement, NewOrder, NextAddress, Rejection};
use units::{Energy, Money};

use crate::town::*;

const SLOT_SECONDS: i64 = 900;

/// A town in which `b1` settles at the address of `b1 later` from the slot after [`slot`] on, which
/// has got some cash.
fn changing() -> (Exchange, Neighbour, Neighbour) {
    let (mut town, old, new) = (town(), neighbour("b1"), neighbour("b1 later"));
    let next = NextAddress {
        account: old.account(),
        address: new.address(),
        from: slot().start.plus_seconds(SLOT_SECONDS),
    };
    town.apply(&Entry::Address(next));
    let moved = Money::from_n(300_000_000);
    let movements = vec![
        Movement::Out { address: old.address(), amount: moved },
        Movement::In { address: new.address(), amount: moved },
    ];
    town.apply(&block(2, 2, movements));
    (town, old, new)
}

/// An order of the account of `b1`, so many slots after [`slot`], as one of the two.
fn order(by: &Neighbour, slots: u64, limit: u64) -> NewOrder {
    let owner = neighbour("b1");
    let terms = owner.terms(Side::Buy, 1000, limit);
    let later = slots * SLOT_SECONDS.unsigned_abs();
    let terms = OrderTerms {
        account: by.address(),
        slot: terms.slot + later,
        expiry: terms.expiry + later,
        ..terms
    };
    NewOrder { account: owner.account(), ..by.sign(terms) }
}

#[test]
fn an_order_is_taken_from_the_address_that_its_slot_settles_at() {
    let (mut town, old, new) = changing();
    for (order, refused) in [
        (order(&old, 0, 200_000), None),
        (order(&new, 0, 200_000), Some(Rejection::Account)),
        (order(&old, 1, 200_000), Some(Rejection::Account)),
        (order(&new, 1, 200_000), None),
        (order(&new, 2, 200_000), Some(Rejection::Funds)),
    ] {
        assert_eq!(place(&mut town, &order).err(), refused, "{:?}", order.terms);
    }
    let held = |of: &Neighbour| town.wallet(of.address()).held().n();
    assert_eq!([held(&old), held(&new)], [200_000_000; 2], "each holds cash of its own");
}

#[test]
fn the_book_of_an_account_is_one_whatever_its_addresses() {
    let (mut town, old, new) = changing();
    place(&mut town, &order(&old, 0, 200_000)).unwrap();
    place(&mut town, &order(&new, 1, 200_000)).unwrap();
    let ours = town.orders().filter(|order| order.account == old.account());
    let addresses: Vec<_> = ours.map(|order| order.terms.account).collect();
    assert_eq!(addresses, [old.address(), new.address()]);
    let known: Vec<_> = town.addresses(old.account()).collect();
    let from = slot().start.plus_seconds(SLOT_SECONDS);
    assert_eq!(known, [(None, old.address()), (Some(from), new.address())]);
    let kept: Exchange = serde_json::from_str(&serde_json::to_string(&town).unwrap()).unwrap();
    assert_eq!(kept, town, "a snapshot knows the addresses too");
    // Its own offer is still its own, at either address.
    let mut offer = old.terms(Side::Sell, 500, 100_000);
    let later = SLOT_SECONDS.unsigned_abs();
    (offer.account, offer.quantity) = (new.address(), Energy::from_wh(500));
    (offer.slot, offer.expiry) = (offer.slot + later, offer.expiry + later);
    let offer = NewOrder { account: old.account(), ..new.sign(offer) };
    assert_eq!(place(&mut town, &offer).unwrap_err(), Rejection::SelfTrade);
}

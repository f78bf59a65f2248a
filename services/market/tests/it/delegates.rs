//! Orders that a delegate signs, inside what the account has granted.

use contracts::requests::{Mandate, mandated_nonce};
use contracts::{B256, OrderTerms, Side, U256};
use market::domain::{
    Entry, Exchange, Movement, NewOrder, Placement, Rejection, Status, recompute,
};
use units::Energy;

use crate::town::*;

/// `s1` may sign for `b1`.
fn granted(version: u64) -> Mandate {
    Mandate {
        account: neighbour("b1").address(),
        delegate: neighbour("s1").address(),
        policy: config().policy.id(),
        until: slot().later(96).end().unsigned(),
        buy_price_max: 250_000,
        sell_price_min: 90_000,
        quantity_per_slot: Energy::from_wh(2_000),
        quantity_per_day: Energy::from_wh(3_000),
        version,
    }
}

fn town_with(mandate: Mandate) -> Exchange {
    let mut town = town();
    town.apply(&block(2, 1, vec![Movement::Mandated(mandate)]));
    town
}

/// What `s1` signs for `b1` in the slot that is `later` after the usual one.
fn terms(later: i64, quantity: u64) -> OrderTerms {
    let slot = slot().later(later);
    let (delegate, start) = (neighbour("s1").address(), slot.start.unsigned());
    OrderTerms {
        delegate,
        slot: start,
        expiry: slot.end().unsigned(),
        nonce: mandated_nonce(delegate, start, 900, Side::Buy),
        ..neighbour("b1").terms(Side::Buy, quantity, 200_000)
    }
}

fn order(later: i64, quantity: u64) -> NewOrder {
    neighbour("s1").sign(terms(later, quantity))
}

fn judge(town: &Exchange, order: &NewOrder) -> Option<Rejection> {
    town.place(order, &parameters(), morning()).err()
}

#[test]
fn a_delegate_places_an_order_that_is_the_accounts() {
    let mut town = town_with(granted(1));
    place(&mut town, &order(0, 1_000)).unwrap();
    let accepted = town.order(order(0, 1_000).id).unwrap();
    assert_eq!(accepted.account, neighbour("b1").account());
    assert_eq!(town.wallet(neighbour("b1").address()).held(), accepted.hold);
    assert_eq!(town.wallet(neighbour("s1").address()).held().n(), 0);
    // The account may hand in what its delegate signed, too.
    let handed = NewOrder { account: neighbour("b1").account(), ..order(1, 1_000) };
    assert_eq!(judge(&town, &handed), None);
    let repeated = town.place(&order(0, 1_000), &parameters(), morning());
    assert!(matches!(repeated, Ok(Placement::Repeated(_))), "{repeated:?}");
}

#[test]
fn what_a_mandate_does_not_cover_is_refused() {
    let town = town_with(granted(1));
    let check = |change: &dyn Fn(&mut OrderTerms), expected: Option<Rejection>| {
        let mut terms = terms(0, 1_000);
        change(&mut terms);
        assert_eq!(judge(&town, &neighbour("s1").sign(terms.clone())), expected, "{terms:?}");
    };
    check(&|_| {}, None);
    check(&|t| t.limit_price = 250_000, None);
    check(&|t| t.limit_price = 250_100, Some(Rejection::Delegate));
    check(&|t| t.quantity = Energy::from_wh(2_000), None);
    check(&|t| t.quantity = Energy::from_wh(2_001), Some(Rejection::Delegate));
    check(&|t| t.nonce += U256::ONE, Some(Rejection::Delegate));
    check(&|t| t.side = Side::Sell, Some(Rejection::Delegate));
    for mandate in [
        Mandate { until: slot().end().unsigned() - 1, ..granted(1) },
        Mandate { until: 0, ..granted(1) },
        Mandate { policy: B256::ZERO, ..granted(1) },
        Mandate { delegate: neighbour("s2").address(), ..granted(1) },
    ] {
        assert_eq!(judge(&town_with(mandate), &order(0, 1_000)), Some(Rejection::Delegate));
    }
    let until = slot().end().unsigned();
    assert_eq!(judge(&town_with(Mandate { until, ..granted(1) }), &order(0, 1_000)), None);
}

#[test]
fn only_who_is_named_signs_and_places() {
    let town = town_with(granted(1));
    let stranger = NewOrder { account: neighbour("s2").account(), ..order(0, 1_000) };
    assert_eq!(judge(&town, &stranger), Some(Rejection::Account));
    let forged = NewOrder { signer: Some(neighbour("s2").address()), ..order(0, 1_000) };
    assert_eq!(judge(&town, &forged), Some(Rejection::Sig));
    let unsigned = NewOrder { signer: None, ..order(0, 1_000) };
    assert_eq!(judge(&town, &unsigned), Some(Rejection::Sig));
}

#[test]
fn a_days_orders_together_stay_below_the_limit_of_the_day() {
    let mut town = town_with(granted(1));
    place(&mut town, &order(0, 2_000)).unwrap();
    assert_eq!(judge(&town, &order(1, 1_001)), Some(Rejection::Delegate));
    place(&mut town, &order(1, 1_000)).unwrap();
    assert_eq!(judge(&town, &order(2, 10)), Some(Rejection::Delegate));
    let next_day = 14 * 4 + 1;
    assert_eq!(judge(&town, &order(next_day, 2_000)), None, "of another UTC day");
    let first = order(0, 2_000).id;
    let cancelled = town.cancel(first, neighbour("s1").account(), &parameters(), morning());
    town.apply(&cancelled.unwrap().unwrap());
    assert_eq!(town.order(first).unwrap().status, Status::Cancelled);
    assert_eq!(judge(&town, &order(2, 2_000)), None, "what was taken back counts no more");
}

#[test]
fn a_mandate_is_in_force_with_its_block() {
    let mut town = town();
    assert_eq!(judge(&town, &order(0, 1_000)), Some(Rejection::Delegate));
    town.apply(&block(2, 1, vec![Movement::Mandated(granted(1))]));
    assert_eq!(judge(&town, &order(0, 1_000)), None);
    let ended = Mandate { until: 0, ..granted(2) };
    town.apply(&block(3, 1, vec![Movement::Mandated(ended)]));
    assert_eq!(judge(&town, &order(0, 1_000)), Some(Rejection::Delegate));
    town.apply(&Entry::Disconnected { sequence: 4, number: 3, hash: block_hash(3) });
    assert_eq!(judge(&town, &order(0, 1_000)), None, "the block that ended it has left");
}

#[test]
fn a_delegates_order_is_cleared_and_recomputed() {
    let mut town = town_with(granted(1));
    place(&mut town, &order(0, 1_000)).unwrap();
    place(&mut town, &neighbour("s2").sell(1_000, 100_000)).unwrap();
    let cleared = town.clear(slot(), &parameters(), at("2026-06-01T09:45:00Z"));
    assert_eq!(cleared.volume, Energy::from_wh(1_000));
    town.apply(&Entry::Cleared(cleared.clone()));
    let journal = town.published(&cleared, &parameters(), (CHAIN_ID, deployment().market));
    let found = recompute(&journal, &journal.clearing).unwrap();
    assert_eq!(found.volume, Energy::from_wh(1_000));
}

//! What the machine accepts, holds, clears and frees.

use contracts::{Address, B256, Clearing, OrderTerms, Prices, SellerRule, Side, Terms, U256};
use ids::{AccountId, CommunityId, ConnectionPointId, OrderId, ZoneId};
use market::domain::{Entry, Exchange, Movement, NewOrder, Placement, Rejection, Status};
use units::{Energy, Money, Price};

use crate::town::*;

/// What a good order of `b1` becomes when `change` is made to it.
fn check(change: impl FnOnce(&mut OrderTerms), expected: Option<Rejection>) {
    let mut terms = neighbour("b1").terms(Side::Buy, 1000, 200_000);
    change(&mut terms);
    let order = neighbour("b1").sign(terms.clone());
    let judged = town().place(&order, &parameters(), morning());
    assert_eq!(judged.err(), expected, "{terms:?}");
}

#[test]
fn an_order_is_refused_for_the_first_thing_that_is_wrong() {
    check(|_| {}, None);
    check(|t| t.account = Address::ZERO, Some(Rejection::Account));
    check(|t| t.connection_point = neighbour("s1").point(), Some(Rejection::Account));
    check(|t| t.connection_point = ConnectionPointId::derived("?"), Some(Rejection::Account));
    check(|t| t.community = CommunityId::derived("?"), Some(Rejection::Policy));
    check(|t| t.zone = ZoneId::derived("?"), Some(Rejection::Policy));
    check(|t| t.policy = B256::ZERO, Some(Rejection::Policy));
    check(|t| t.delegate = Address::repeat_byte(1), None);
    check(|t| t.slot += 1, Some(Rejection::Slot));
    check(|t| t.slot = u64::MAX, Some(Rejection::Slot));
    check(|t| t.limit_price = 200_001, Some(Rejection::Tick));
    check(|t| t.quantity = Energy::from_wh(9), Some(Rejection::MinLot));
    check(|t| t.min_fill = Energy::from_wh(1001), Some(Rejection::MinLot));
    check(|t| t.slot -= 3600, Some(Rejection::GateClosed));
    check(|t| t.slot += 36 * 3600, Some(Rejection::GateClosed));
    check(|t| t.expiry -= 1, Some(Rejection::Expiry));
    check(|t| t.limit_price = 600_100, Some(Rejection::PriceCollar));
    check(|t| t.limit_price = 600_000, None);
    check(|t| t.limit_price = u64::MAX / 100 * 100, Some(Rejection::PriceCollar));
    check(|t| t.quantity = Energy::from_wh(5001), Some(Rejection::QtyPhysical));
    check(|t| t.quantity = Energy::from_wh(5000), None);
    check(|t| t.quantity = Energy::from_wh(u64::MAX), Some(Rejection::QtyPhysical));
}

#[test]
fn a_signature_or_nonce_of_something_else_is_refused() {
    let (mut town, buyer) = (town(), neighbour("b1"));
    let order = buyer.buy(1000, 200_000);
    let judge =
        |town: &Exchange, order: &NewOrder| town.place(order, &parameters(), morning()).err();
    let foreign = NewOrder { signer: Some(neighbour("s1").address()), ..order.clone() };
    assert_eq!(judge(&town, &foreign), Some(Rejection::Sig));
    let unsigned = NewOrder { signer: None, ..order.clone() };
    assert_eq!(judge(&town, &unsigned), Some(Rejection::Sig));
    let stranger = NewOrder { account: AccountId::derived("?"), ..order.clone() };
    assert_eq!(judge(&town, &stranger), Some(Rejection::Account));
    place(&mut town, &order).unwrap();
    let mut again = buyer.terms(Side::Buy, 1100, 200_000);
    again.nonce = order.terms.nonce;
    assert_eq!(judge(&town, &buyer.sign(again)), Some(Rejection::Nonce));
}

#[test]
fn a_repeat_is_answered_as_before_and_other_content_is_a_conflict() {
    let (mut town, buyer) = (town(), neighbour("b1"));
    let order = buyer.buy(1000, 200_000);
    place(&mut town, &order).unwrap();
    let late = at("2026-06-01T09:50:00Z");
    let repeated = town.place(&order, &parameters(), late);
    let before = town.order(order.id).unwrap().clone();
    assert_eq!(repeated, Ok(Placement::Repeated(Box::new(before))), "even after the gate");
    let other = NewOrder { id: order.id, ..buyer.buy(1200, 200_000) };
    assert_eq!(town.place(&other, &parameters(), morning()), Err(Rejection::OtherContent));
}

#[test]
fn no_order_is_taken_without_a_tariff() {
    let mut exchange = Exchange::default();
    neighbour("b1").entries().iter().for_each(|entry| exchange.apply(entry));
    let judged = exchange.place(&neighbour("b1").buy(1000, 200_000), &parameters(), morning());
    assert_eq!(judged, Err(Rejection::NoTariff));
}

#[test]
fn an_order_outside_the_band_is_accepted_with_a_warning() {
    let no_gain = |order: NewOrder| match town().place(&order, &parameters(), morning()) {
        Ok(Placement::New(accepted)) => accepted.no_gain,
        other => panic!("{other:?}"),
    };
    let band = town().band(slot(), &parameters()).unwrap();
    assert_eq!((band.0.n_per_wh(), band.1.n_per_wh()), (82_000, 288_000));
    assert!(!no_gain(neighbour("b1").buy(1000, 300_000)), "as dear as retail");
    assert!(no_gain(neighbour("b1").buy(1000, 300_100)));
    assert!(!no_gain(neighbour("s1").sell(1000, 80_000)), "as cheap as feed-in");
    assert!(no_gain(neighbour("s1").sell(1000, 79_900)));
}

#[test]
fn a_buyer_holds_the_limit_and_a_seller_what_retail_is_dearer() {
    let mut town = town();
    place(&mut town, &neighbour("b1").buy(1000, 200_000)).unwrap();
    // 300 000 retail - 12 000 fees - (100 000 + 2 000) ask = 186 000 per Wh.
    place(&mut town, &neighbour("s1").sell(1000, 100_000)).unwrap();
    let held = |name: &str| town.wallet(neighbour(name).address()).held().n();
    assert_eq!((held("b1"), held("s1")), (200_000_000, 186_000_000));
}

/// As much as the contract takes at the lowest price that the order allows, and no more.
#[test]
fn a_seller_holds_what_its_policy_can_take() {
    for (rule, per_wh) in [
        (SellerRule::PayActual, 0),
        (SellerRule::MakeWhole, 186_000),
        (SellerRule::ImbalancePrice, 250_000),
    ] {
        let mut config = config();
        (config.policy.seller_short, config.policy.imbalance_price) = (rule, 250_000);
        let (parameters, seller) = (config.parameters().unwrap(), neighbour("s1"));
        let terms = seller.terms(Side::Sell, 1000, 100_000);
        let order = seller.sign(OrderTerms { policy: parameters.policy, ..terms });
        let placed = town().place(&order, &parameters, morning());
        let Ok(Placement::New(accepted)) = placed else { panic!("{rule:?}: {placed:?}") };
        assert_eq!(accepted.hold.n(), 1000 * per_wh, "{rule:?}");
        let clearing = Clearing { retail_price: 300_000, ..Clearing::default() };
        let quantity = order.terms.quantity;
        let traded = Terms::new(&config.policy, &clearing, Prices::one(102_000), quantity);
        assert_eq!(traded.collateral(), Ok(accepted.hold), "{rule:?}");
    }
}

#[test]
fn orders_together_never_hold_more_than_the_cash() {
    let mut town = town();
    let buyer = neighbour("b1");
    let poor = |amount: i64| {
        let out = Movement::Out { address: buyer.address(), amount: Money::from_n(amount) };
        block(2, 1, vec![out])
    };
    town.apply(&poor(DEPOSIT - 800_000_000));
    for quantity in 896..=899 {
        place(&mut town, &buyer.buy(quantity, 200_000)).unwrap();
    }
    assert_eq!(town.wallet(buyer.address()).tradable().n(), 82_000_000);
    let refused = town.place(&buyer.buy(411, 200_000), &parameters(), morning());
    assert_eq!(refused, Err(Rejection::Funds));
    place(&mut town, &buyer.buy(410, 200_000)).unwrap();
    assert_eq!(town.wallet(buyer.address()).tradable(), Money::ZERO);
    let mut empty = Exchange::default();
    neighbour("s1").entries().iter().for_each(|entry| empty.apply(entry));
    let tariff = market::domain::PublishedTariff {
        valid_from: at("2026-01-01T00:00:00Z"),
        tariff: tariff(),
    };
    empty.apply(&Entry::Tariff(tariff));
    let judged = empty.place(&neighbour("s1").sell(10, 100_000), &parameters(), morning());
    assert_eq!(judged, Err(Rejection::Collateral));
    let judged = empty.place(&neighbour("s1").sell(10, 288_000), &parameters(), morning());
    assert!(judged.is_ok(), "nothing can be dearer than this ask");
}

#[test]
fn an_own_order_is_cancelled_once_and_until_the_gate() {
    let mut town = town();
    let (buyer, order) = (neighbour("b1"), neighbour("b1").buy(5000, 200_000));
    place(&mut town, &order).unwrap();
    let cancel = |town: &Exchange, account: AccountId, now: &str| {
        town.cancel(order.id, account, &parameters(), at(now))
    };
    let other = neighbour("s1").account();
    assert_eq!(cancel(&town, other, "2026-06-01T09:00:00Z"), Err(Rejection::Unknown));
    let closed = cancel(&town, buyer.account(), "2026-06-01T09:45:00Z");
    assert_eq!(closed, Err(Rejection::GateClosed));
    let entry = cancel(&town, buyer.account(), "2026-06-01T09:44:59Z").unwrap().unwrap();
    town.apply(&entry);
    assert_eq!(cancel(&town, buyer.account(), "2026-06-01T09:44:59Z"), Ok(None));
    assert_eq!(town.wallet(buyer.address()).held(), Money::ZERO);
    assert_eq!(town.order(order.id).unwrap().status, Status::Cancelled);
    place(&mut town, &buyer.buy(4999, 200_000)).expect("the connection is free again");
}

/// b1 buys 5000 Wh at 200 000 all-in, s1 sells 3000 at 100 000 net; s2's 4000 at 150 000.
fn traded() -> (Exchange, market::domain::ClearedSlot) {
    let mut town = town();
    place(&mut town, &neighbour("b1").buy(5000, 200_000)).unwrap();
    place(&mut town, &neighbour("s1").sell(3000, 100_000)).unwrap();
    place(&mut town, &neighbour("s2").sell(4000, 150_000)).unwrap();
    let gate = at("2026-06-01T09:45:00Z");
    assert!(town.due(&parameters(), gate.plus_seconds(-1)).is_empty());
    assert_eq!(town.due(&parameters(), gate), [slot().start]);
    let cleared = town.clear(slot(), &parameters(), gate);
    town.apply(&Entry::Cleared(cleared.clone()));
    (town, cleared)
}

#[test]
fn at_the_gate_holds_shrink_to_escrow_and_collateral() {
    let (town, cleared) = traded();
    // s2 is rationed and sets the price: 150 000 net + 2 000 fee.
    assert_eq!(cleared.price, Some(Price::from_n_per_wh(152_000)));
    assert_eq!(cleared.volume.wh(), 5000);
    let quantities: Vec<u64> = cleared.trades.iter().map(|trade| trade.quantity.wh()).collect();
    assert_eq!(quantities, [3000, 2000]);
    let held = |name: &str| town.wallet(neighbour(name).address()).held().n();
    // 164 000 all-in; 300 000 - 164 000 = 136 000 collateral.
    assert_eq!(held("b1"), 5000 * 164_000);
    assert_eq!((held("s1"), held("s2")), (3000 * 136_000, 2000 * 136_000));
    assert!(town.due(&parameters(), at("2026-06-02T00:00:00Z")).is_empty(), "once only");
    let late = town.place(&neighbour("b2").buy(1000, 200_000), &parameters(), morning());
    assert_eq!(late, Err(Rejection::GateClosed), "even if the clock went back");
    let sold = town.orders().find(|order| order.account == neighbour("s2").account()).unwrap();
    assert_eq!((sold.status, sold.filled.wh()), (Status::Cleared, 2000));
}

#[test]
fn the_names_of_a_clearing_are_those_the_contract_computes() {
    let (town, cleared) = traded();
    let posted = Clearing {
        policy: parameters().policy,
        slot: slot().start.unsigned(),
        mechanism: 1,
        price: 152_000,
        retail_price: 300_000,
        feed_in_price: 80_000,
        volume: Energy::from_wh(5000),
        fills: 2,
        fills_root: cleared.fills_root,
        journal_root: cleared.journal_root,
    };
    assert_eq!(cleared.clearing, posted.id());
    let order = |order: OrderId| town.order(order).unwrap();
    for (index, trade) in (0..).zip(&cleared.trades) {
        let (buy, sell) = (order(trade.buy), order(trade.sell));
        assert_eq!(trade.trade, contracts::trade_id(cleared.clearing, index));
        let (quantity, prices) = (trade.quantity, trade.prices);
        let met = contracts::Met { buy: buy.hash, sell: sell.hash, quantity, prices };
        let leaf = merkle::leaf(&contracts::fill_leaf(&met, [buy.filled, sell.filled]));
        let path = town.fills(&cleared).tree().path(index as usize);
        assert!(merkle::verify(cleared.fills_root, leaf, index as usize, 2, &path));
    }
    let orders = town.orders().map(|order| (order.hash, order.sequence, true));
    assert_eq!(contracts::journal_root(&cleared.conditions, orders), cleared.journal_root);
}

#[test]
fn a_slot_that_is_over_comes_to_nothing() {
    let mut town = town();
    place(&mut town, &neighbour("b1").buy(1000, 200_000)).unwrap();
    place(&mut town, &neighbour("s1").sell(1000, 100_000)).unwrap();
    let cleared = town.clear(slot(), &parameters(), slot().end());
    assert!(cleared.trades.is_empty() && cleared.price.is_none());
    town.apply(&Entry::Cleared(cleared));
    assert_eq!(town.wallet(neighbour("b1").address()).held(), Money::ZERO);
}

#[test]
fn the_hold_of_a_trade_ends_when_the_chain_says_so_and_comes_back_with_a_reorganisation() {
    let (mut town, cleared) = traded();
    let (b1, s1) = (neighbour("b1").address(), neighbour("s1").address());
    let settled = &cleared.trades[0];
    let skipped = &cleared.trades[1];
    let movements = vec![
        Movement::Ended { trade: settled.trade, settled: true },
        Movement::Out { address: b1, amount: settled.escrow },
        Movement::Out { address: s1, amount: settled.collateral },
        Movement::Ended { trade: skipped.trade, settled: false },
    ];
    let before = town.clone();
    town.apply(&block(2, 1, movements.clone()));
    assert_eq!(town.wallet(b1).held(), Money::ZERO);
    assert_eq!(town.wallet(b1).tradable().n(), DEPOSIT - settled.escrow.n());
    assert_eq!(town.settlement(settled.trade), "settled");
    assert_eq!(town.settlement(skipped.trade), "skipped");
    let hash = block_hash(2);
    town.apply(&Entry::Disconnected { sequence: 3, number: 2, hash });
    assert_eq!(town.wallet(b1), before.wallet(b1));
    assert_eq!(town.settlement(settled.trade), "pending");
    let mut again = block(2, 2, movements);
    if let Entry::Connected { sequence, .. } = &mut again {
        *sequence = 4;
    }
    town.apply(&again);
    assert_eq!(town.wallet(b1).tradable().n(), DEPOSIT - settled.escrow.n());
    assert_eq!(town.wallet(b1).settled().n(), DEPOSIT - settled.escrow.n());
}

#[test]
fn a_trade_that_is_not_settled_by_the_end_of_its_slot_holds_nothing() {
    let (mut town, cleared) = traded();
    let mut late = block(2, 1, Vec::new());
    if let Entry::Connected { timestamp, .. } = &mut late {
        *timestamp = slot().end();
    }
    town.apply(&late);
    let b1 = neighbour("b1").address();
    assert_eq!(town.wallet(b1).held().n(), 5000 * 164_000, "the block is not final yet");
    town.apply(&block(3, 2, Vec::new()));
    assert_eq!(town.wallet(b1).held(), Money::ZERO);
    assert_eq!(town.settlement(cleared.trades[0].trade), "skipped");
}

#[test]
fn incoming_cash_counts_once_final_and_outgoing_cash_at_once() {
    let mut town = town();
    let address = neighbour("b1").address();
    let moved = |amount: i64, incoming: bool| {
        let amount = Money::from_n(amount);
        let movement = if incoming {
            Movement::In { address, amount }
        } else {
            Movement::Out { address, amount }
        };
        vec![movement]
    };
    let tradable = |town: &Exchange| town.wallet(address).tradable().n() - DEPOSIT;
    town.apply(&block(2, 1, moved(500, true)));
    assert_eq!(tradable(&town), 0);
    town.apply(&block(3, 2, moved(300, false)));
    assert_eq!(tradable(&town), 200);
    town.apply(&block(4, 3, Vec::new()));
    assert_eq!(tradable(&town), 200);
    assert_eq!(town.wallet(address).settled().n() - DEPOSIT, 200);
}

#[test]
fn a_cleared_slot_is_forgotten_after_its_time() {
    let (mut town, cleared) = traded();
    let order = cleared.trades[0].buy;
    let days = market::domain::RETAINED_SECONDS / 86_400;
    let later = |days: i64| {
        let mut empty = cleared.clone();
        empty.slot = cleared.slot.plus_seconds(days * 86_400 + 900);
        empty.trades.clear();
        Entry::Cleared(empty)
    };
    town.apply(&later(days - 1));
    assert!(town.order(order).is_some());
    town.apply(&later(days));
    assert!(town.order(order).is_none() && town.slot(slot().start).is_none());
}

#[test]
fn a_nonce_can_be_used_by_another_account() {
    let mut town = town();
    let mut terms = neighbour("b2").terms(Side::Buy, 1000, 200_000);
    terms.nonce = U256::from(7);
    place(&mut town, &neighbour("b2").sign(terms.clone())).unwrap();
    let mut other = neighbour("b3").terms(Side::Buy, 1000, 200_000);
    other.nonce = terms.nonce;
    place(&mut town, &neighbour("b3").sign(other)).unwrap();
}

#[test]
fn an_order_takes_the_place_of_another_or_that_one_stays() {
    let mut town = town();
    let buyer = neighbour("b1");
    // All that the connection carries, and nearly all the cash.
    let first = buyer.buy(5_000, 500_000);
    place(&mut town, &first).unwrap();
    let dearer = buyer.buy(5_000, 510_000);
    assert_eq!(judged(&town, &dearer), Some(Rejection::QtyPhysical));
    let instead = NewOrder { replaces: Some(first.id), ..dearer.clone() };
    assert_eq!(judged(&town, &instead), None);
    let too_much = NewOrder { replaces: Some(first.id), ..buyer.buy(5_001, 100_000) };
    assert_eq!(judged(&town, &too_much), Some(Rejection::QtyPhysical));
    let others = NewOrder { replaces: Some(first.id), ..neighbour("b2").buy(100, 100_000) };
    assert_eq!(judged(&town, &others), Some(Rejection::Unknown));
    let unknown = NewOrder { replaces: Some(OrderId::derived("?")), ..dearer.clone() };
    assert_eq!(judged(&town, &unknown), Some(Rejection::Unknown));
    let other_way = NewOrder { replaces: Some(first.id), ..buyer.sell(1_000, 100_000) };
    assert_eq!(judged(&town, &other_way), None, "it meets nothing but what it replaces");
    let cancelled = town.cancel(first.id, buyer.account(), &parameters(), morning());
    town.apply(&cancelled.unwrap().unwrap());
    assert_eq!(judged(&town, &instead), Some(Rejection::Unknown), "it was taken back before");
}

fn judged(town: &Exchange, order: &NewOrder) -> Option<Rejection> {
    town.place(order, &parameters(), morning()).err()
}

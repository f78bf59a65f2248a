//! Settling once more, fill by fill and without batches: what the contract does with any fills,
//! whoever sends which of them when, whether all have one price or each has two of its own.

mod rules;

use std::cell::RefCell;
use std::collections::BTreeSet;

use alloy_primitives::{Address, B256, U256};
use contracts::bindings::{EnergyMarket, TradingMandate};
use contracts::requests::{self, Mandate};
use contracts::{ContractEvent, OrderTerms, Prices, Side, Skip};
use proptest::prelude::*;
use units::Energy;

use crate::world::{ANYONE, DAY, PRICE, Pair, Receipt, SLOT, World, order, policy, posted, priced};

use rules::{Fills, Naive};

/// Accounts that trade with each other, and how many orders each has of a side.
const ACCOUNTS: usize = 4;
const ORDERS: usize = 3;
/// Who may sign for them.
const DELEGATES: usize = 2;
/// By how much the limits of orders are wider where fills have prices of their own.
const ROOM: u64 = 10_000;

/// An order: its nonce, who signs it, and what may be wrong with it.
#[derive(Debug, Clone, Copy)]
struct Odd {
    nonce: u64,
    delegate: Option<usize>,
    bad_nonce: bool,
    quantity: u64,
    min_fill: u64,
    bad_limit: bool,
    expired: bool,
}

/// What an account lets a delegate sign, and what may be too little of it.
#[derive(Debug, Clone, Copy)]
struct Limits {
    other_policy: bool,
    over: bool,
    low_price: bool,
    high_price: bool,
    quantity_per_slot: u64,
    quantity_per_day: u64,
}

/// A fill: places of the buy and of the sell order, Wh, and how far its prices are from the usual
/// one, where it has prices of its own.
type Fill = (usize, usize, u64, (i64, i64));

/// Something that somebody does; orders are named by their place.
#[derive(Debug, Clone)]
enum Step {
    Settle { batch: usize, hidden: BTreeSet<usize> },
    Fund { account: usize, wh: i64 },
    Cancel { account: usize, nonce: u64 },
    Grant { account: usize, delegate: usize, limits: Limits },
}

#[derive(Debug, Clone)]
struct Case {
    own_prices: bool,
    orders: Vec<Odd>,
    /// Of each account for each delegate; some have none.
    limits: Vec<Option<Limits>>,
    fills: Vec<Fill>,
    steps: Vec<Step>,
}

fn rare() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.03)
}

fn odd() -> impl Strategy<Value = Odd> {
    let quantity = prop_oneof![1 => Just(100_u64), 5 => Just(5_000)];
    let min_fill = prop_oneof![6 => Just(0_u64), 1 => Just(100)];
    let delegate = prop_oneof![2 => Just(None), 1 => (0..DELEGATES).prop_map(Some)];
    (0..16_u64, delegate, rare(), quantity, min_fill, rare(), rare()).prop_map(
        |(nonce, delegate, bad_nonce, quantity, min_fill, bad_limit, expired)| Odd {
            nonce,
            delegate,
            bad_nonce,
            quantity,
            min_fill,
            bad_limit,
            expired,
        },
    )
}

fn limits() -> impl Strategy<Value = Limits> {
    let per_slot = prop_oneof![8 => Just(5_000_u64), 1 => Just(4_999)];
    let per_day = prop_oneof![6 => Just(1_000_000_u64), 1 => Just(200), 1 => Just(100)];
    (rare(), rare(), rare(), rare(), per_slot, per_day).prop_map(
        |(other_policy, over, low_price, high_price, quantity_per_slot, quantity_per_day)| Limits {
            other_policy,
            over,
            low_price,
            high_price,
            quantity_per_slot,
            quantity_per_day,
        },
    )
}

/// Around the usual price: mostly inside of all limits, at times beyond one or crossed.
fn prices() -> impl Strategy<Value = (i64, i64)> {
    let room = i64::try_from(ROOM).unwrap();
    prop_oneof![
        12 => (0..=room, -room..=0),
        1 => (room..=room + 24, -room..=0),
        1 => (0..=room, -room - 24..=-room),
        1 => (-room..=room, -room..=room),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let of_a_side = ACCOUNTS * ORDERS;
    let fill = (0..of_a_side, 0..of_a_side, 0..40_u64, prices());
    let hidden = prop_oneof![Just(0..1_usize), Just(0..5_usize)]
        .prop_flat_map(move |many| prop::collection::btree_set(0..2 * of_a_side, many));
    let settle = (0..2_usize, hidden).prop_map(|(batch, hidden)| Step::Settle { batch, hidden });
    let grant = (0..ACCOUNTS, 0..DELEGATES, limits())
        .prop_map(|(account, delegate, limits)| Step::Grant { account, delegate, limits });
    let step = prop_oneof![
        4 => settle,
        1 => (0..ACCOUNTS, 1..300_i64).prop_map(|(account, wh)| Step::Fund { account, wh }),
        1 => (0..ACCOUNTS, 0..16_u64).prop_map(|(account, nonce)| Step::Cancel { account, nonce }),
        1 => grant,
    ];
    let granted = prop::option::weighted(0.9, limits());
    (
        any::<bool>(),
        prop::collection::vec(odd(), 2 * of_a_side),
        prop::collection::vec(granted, ACCOUNTS * DELEGATES),
        prop::collection::vec(fill, 65..90),
        prop::collection::vec(step, 3..9),
    )
        .prop_map(|(own_prices, orders, limits, fills, steps)| Case {
            own_prices,
            orders,
            limits,
            fills,
            steps,
        })
}

impl Case {
    /// What an order of a side has to pay, or wants, at the worst of the usual prices.
    fn limit(&self, side: Side) -> u64 {
        let room = if self.own_prices { ROOM } else { 0 };
        if side == Side::Buy { 192_000 + room } else { 178_000 - room }
    }

    /// The orders: first those that buy, then those that sell, account after account.
    fn orders(&self, accounts: &[Address], delegates: &[Address]) -> Vec<OrderTerms> {
        let order = |(place, odd): (usize, &Odd)| {
            let side = if place < ACCOUNTS * ORDERS { Side::Buy } else { Side::Sell };
            let account = accounts[place % (ACCOUNTS * ORDERS) / ORDERS];
            let mut order = order(account, side, odd.nonce);
            // A little better than it has to be, each by another amount, or a little worse.
            let (limit, better) = (self.limit(side), u64::try_from(place).unwrap());
            order.limit_price = match (side, odd.bad_limit) {
                (Side::Buy, false) | (Side::Sell, true) => limit + 1 + better,
                (Side::Buy, true) | (Side::Sell, false) => limit - 1 - better,
            };
            if let Some(delegate) = odd.delegate {
                order.delegate = delegates[delegate];
                if !odd.bad_nonce {
                    order.nonce = requests::mandated_nonce(order.delegate, SLOT, 900, side);
                }
            }
            if odd.expired {
                order.expiry = SLOT - 601;
            }
            order.quantity = Energy::from_wh(odd.quantity);
            order.min_fill = Energy::from_wh(odd.min_fill);
            order
        };
        self.orders.iter().enumerate().map(order).collect()
    }

    /// The prices of the fills.
    fn prices(&self) -> Vec<Prices> {
        let price = |from: i64| PRICE.checked_add_signed(from).unwrap();
        let prices = |(_, _, _, (buyer, seller)): &Fill| {
            if self.own_prices {
                Prices { buyer: price(*buyer), seller: price(*seller) }
            } else {
                Prices::one(PRICE)
            }
        };
        self.fills.iter().map(prices).collect()
    }

    /// What an account lets a delegate sign.
    fn mandate(&self, account: Address, delegate: Address, version: u64, of: Limits) -> Mandate {
        let policy = if of.other_policy { B256::ZERO } else { policy().id() };
        // Of some of the orders.
        let buy_price_max = self.limit(Side::Buy) + if of.low_price { 6 } else { 1_000 };
        let sell_price_min = self.limit(Side::Sell) - if of.high_price { 18 } else { 1_000 };
        Mandate {
            account,
            delegate,
            policy,
            until: if of.over { SLOT - 600 } else { SLOT },
            buy_price_max,
            sell_price_min,
            quantity_per_slot: Energy::from_wh(of.quantity_per_slot),
            quantity_per_day: Energy::from_wh(of.quantity_per_day),
            version,
        }
    }
}

/// What came of each fill, in order.
fn results(receipt: &Receipt) -> Vec<Option<Skip>> {
    let result = |event: &ContractEvent| match event {
        ContractEvent::TradeCreated(_) => Some(None),
        ContractEvent::FillSkipped(event) => Some(Some(Skip::from_code(event.reason).unwrap())),
        _ => None,
    };
    receipt.events.iter().filter_map(result).collect()
}

/// Signs a mandate, and has somebody send it.
fn grant(world: &mut World, naive: &mut Naive, of: Mandate) {
    let expiry = world.now;
    let hash = requests::mandate(world.chain_id, world.at.mandates, &of, expiry);
    let call = world.at.grant_mandate_for(&of, expiry, world.sign(of.account, hash));
    world.ok(ANYONE, call);
    naive.mandates.insert((of.account, of.delegate), of);
}

/// Answers what came of the fills.
fn check(mut world: World, case: &Case) -> BTreeSet<Option<Skip>> {
    let accounts: Vec<Address> = (10..).take(ACCOUNTS).map(|at| world.account(at)).collect();
    let delegates: Vec<Address> = (90..).take(DELEGATES).map(|at| world.account(at)).collect();
    let terms = case.orders(&accounts, &delegates);
    let sells = &terms[ACCOUNTS * ORDERS..];
    let pair = |&(buy, sell, wh, _): &Fill| (terms[buy].clone(), sells[sell].clone(), wh);
    let pairs: Vec<Pair> = case.fills.iter().map(pair).collect();
    let posted = if case.own_prices { priced(&policy()) } else { posted(&policy()) };
    world.post_at(posted.clone(), &pairs, &case.prices());
    let all = Fills::new(&world, posted, pairs, case.prices());
    let (mut naive, mut seen) = (Naive::default(), BTreeSet::new());
    for account in &accounts {
        naive.cash.insert(*account, world.free(*account));
    }
    for (place, limits) in case.limits.iter().enumerate() {
        let (account, delegate) = (accounts[place / DELEGATES], delegates[place % DELEGATES]);
        if let Some(limits) = limits {
            grant(&mut world, &mut naive, case.mandate(account, delegate, 1, *limits));
        }
    }
    for (version, step) in (2..).zip(&case.steps) {
        match step {
            Step::Fund { account, wh } => {
                world.fund(accounts[*account], wh * 192_000);
                let cash = naive.cash.get_mut(&accounts[*account]).unwrap();
                *cash += U256::from(*wh) * U256::from(192_000);
            }
            Step::Cancel { account, nonce } => {
                let (account, nonce) = (accounts[*account], U256::from(*nonce));
                let call = world.at.cancel(nonce);
                world.ok(account, call);
                naive.cancelled.insert((account, nonce));
            }
            Step::Grant { account, delegate, limits } => {
                let (account, delegate) = (accounts[*account], delegates[*delegate]);
                grant(&mut world, &mut naive, case.mandate(account, delegate, version, *limits));
            }
            Step::Settle { batch, hidden } => {
                seen.extend(settle(&mut world, &all, &mut naive, *batch, |order| {
                    hidden.iter().any(|place| terms[*place] == *order)
                }));
            }
        }
    }
    check_end(&mut world, &naive, &all, &terms);
    for account in accounts {
        for delegate in &delegates {
            check_spent(&mut world, &naive, account, *delegate);
        }
    }
    seen
}

/// Cash and orders are as the rules say.
fn check_end(world: &mut World, naive: &Naive, all: &Fills, terms: &[OrderTerms]) {
    for (account, cash) in &naive.cash {
        assert_eq!(world.free(*account), *cash);
    }
    for of in terms {
        let order = world.order_hash(of);
        let kept = world.view(world.at.market, EnergyMarket::orderFilledCall { order });
        let settled = all.settled_of(naive, of);
        let of_clearing = all.filled.get(&order).copied().unwrap_or_default();
        // Nothing is kept where one batch filled all.
        assert!(kept == settled || (kept == 0 && settled == of_clearing), "{kept} of {settled}");
    }
}

/// What is counted of a delegate is what its orders were filled.
fn check_spent(world: &mut World, naive: &Naive, account: Address, delegate: Address) {
    for side in [Side::Buy, Side::Sell] {
        let (day, code) = (U256::from(DAY), U256::from(side.code()));
        let question = TradingMandate::filledCall { account, delegate, day, side: code };
        let counted = world.view(world.at.mandates, question);
        assert_eq!(counted, U256::from(naive.spent_of((account, delegate, side))));
    }
}

/// Sends a batch with these orders hidden, and asks the rules about each of its fills.
fn settle(
    world: &mut World,
    all: &Fills,
    naive: &mut Naive,
    number: usize,
    is_hidden: impl Fn(&OrderTerms) -> bool,
) -> Vec<Option<Skip>> {
    let shown = |order: &OrderTerms| !is_hidden(order);
    let (_, batches) = world.batches_at(all.posted.clone(), &all.pairs, &all.prices, shown);
    let orders = all.pairs.iter().flat_map(|(buy, sell, _)| [buy, sell]);
    let hidden: BTreeSet<B256> =
        orders.filter(|order| is_hidden(order)).map(|order| all.hash_of(order)).collect();
    let indexes: Vec<usize> = (number * 64..all.pairs.len()).take(64).collect();
    let call = world.at.settle(&batches[number]);
    if indexes.iter().any(|index| naive.has_settled(all, *index, &is_hidden)) {
        world.refused(ANYONE, call, "BadBatch");
        return Vec::new();
    }
    let receipt = world.ok(ANYONE, call);
    naive.look(all);
    let expected: Vec<_> =
        indexes.into_iter().map(|index| naive.settle(all, index, &hidden)).collect();
    assert_eq!(results(&receipt), expected);
    expected
}

#[test]
fn any_fills_settle_as_if_each_came_by_itself() {
    let (mut world, ..) = World::with_cash();
    for number in 10..14 {
        let account = world.account(number);
        world.fund(account, 192_000 * 300);
    }
    let seen = RefCell::new(BTreeSet::new());
    proptest!(ProptestConfig::with_cases(96), |(case in case())| {
        seen.borrow_mut().extend(check(world.clone(), &case));
    });
    // Everything but what skip.rs does to single fills.
    let elsewhere = [Skip::WrongSide, Skip::BuyerSignature, Skip::SellerSignature];
    let here = Skip::ALL.iter().copied().filter(|reason| !elsewhere.contains(reason));
    assert_eq!(seen.into_inner(), here.map(Some).chain([None]).collect());
}

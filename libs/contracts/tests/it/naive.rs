//! Settling once more, fill by fill and without batches: what the contract does with any fills,
//! whoever sends which of them when.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, U256};
use contracts::bindings::EnergyMarket;
use contracts::{ContractEvent, OrderTerms, Side, Skip};
use proptest::prelude::*;
use units::Energy;

use crate::world::{ANYONE, Pair, Receipt, SLOT, World, order, policy, posted};

/// Accounts that trade with each other, and how many orders each has of a side.
const ACCOUNTS: usize = 4;
const ORDERS: usize = 3;

/// An order: its nonce, and what may be wrong with it.
#[derive(Debug, Clone, Copy)]
struct Odd {
    nonce: u64,
    quantity: u64,
    min_fill: u64,
    bad_limit: bool,
    expired: bool,
}

/// Something that somebody does; orders are named by their place.
#[derive(Debug, Clone)]
enum Step {
    Settle { batch: usize, hidden: BTreeSet<usize> },
    Fund { account: usize, wh: i64 },
    Cancel { account: usize, nonce: u64 },
}

#[derive(Debug, Clone)]
struct Case {
    orders: Vec<Odd>,
    /// Places of the buy and of the sell order, and Wh.
    fills: Vec<(usize, usize, u64)>,
    steps: Vec<Step>,
}

fn case() -> impl Strategy<Value = Case> {
    let quantity = prop_oneof![1 => Just(100_u64), 5 => Just(5_000)];
    let min_fill = prop_oneof![6 => Just(0_u64), 1 => Just(100)];
    let rare = || prop::bool::weighted(0.03);
    let odd = (0..16_u64, quantity, min_fill, rare(), rare()).prop_map(
        |(nonce, quantity, min_fill, bad_limit, expired)| Odd {
            nonce,
            quantity,
            min_fill,
            bad_limit,
            expired,
        },
    );
    let of_a_side = ACCOUNTS * ORDERS;
    let fill = (0..of_a_side, 0..of_a_side, 0..40_u64);
    let hidden = prop_oneof![Just(0..1_usize), Just(0..5_usize)]
        .prop_flat_map(move |many| prop::collection::btree_set(0..2 * of_a_side, many));
    let settle = (0..2_usize, hidden).prop_map(|(batch, hidden)| Step::Settle { batch, hidden });
    let step = prop_oneof![
        4 => settle,
        1 => (0..ACCOUNTS, 1..300_i64).prop_map(|(account, wh)| Step::Fund { account, wh }),
        1 => (0..ACCOUNTS, 0..16_u64).prop_map(|(account, nonce)| Step::Cancel { account, nonce }),
    ];
    (
        prop::collection::vec(odd, 2 * of_a_side),
        prop::collection::vec(fill, 65..90),
        prop::collection::vec(step, 3..9),
    )
        .prop_map(|(orders, fills, steps)| Case { orders, fills, steps })
}

/// What the rules say, order by order and fill by fill.
#[derive(Default)]
struct Naive {
    cash: BTreeMap<Address, U256>,
    /// By which order a nonce was used; by none when it was cancelled first.
    nonces: BTreeMap<(Address, U256), B256>,
    cancelled: BTreeSet<(Address, U256)>,
    settled: BTreeSet<usize>,
}

impl Naive {
    /// Why a fill does not hold; when it does it is settled.
    fn settle(&mut self, all: &Fills, index: usize, hidden: &BTreeSet<B256>) -> Option<Skip> {
        if self.settled.contains(&index) {
            return Some(Skip::AlreadySettled);
        }
        let (buy, sell, wh) = &all.pairs[index];
        let [buy_hash, sell_hash] = [buy, sell].map(|order| all.hash_of(order));
        if hidden.contains(&buy_hash) || hidden.contains(&sell_hash) {
            return Some(Skip::NotShown);
        }
        if buy.account == sell.account {
            return Some(Skip::SameAccount);
        }
        if *wh == 0 {
            return Some(Skip::NoQuantity);
        }
        let of_orders = all.check_order(buy).or_else(|| all.check_order(sell));
        if of_orders.is_some() {
            return of_orders;
        }
        for (order, reason) in [(buy, Skip::BuyerNonce), (sell, Skip::SellerNonce)] {
            let nonce = (order.account, order.nonce);
            let used = self.nonces.get(&nonce).is_some_and(|by| *by != all.hash_of(order));
            if used || self.cancelled.contains(&nonce) {
                return Some(reason);
            }
        }
        let (escrow, collateral) = (U256::from(wh * 192_000), U256::from(wh * 108_000));
        if self.cash[&buy.account] < escrow {
            return Some(Skip::BuyerFunds);
        }
        if self.cash[&sell.account] < collateral {
            return Some(Skip::SellerFunds);
        }
        for (order, hash, amount) in [(buy, buy_hash, escrow), (sell, sell_hash, collateral)] {
            *self.cash.get_mut(&order.account).unwrap() -= amount;
            self.nonces.insert((order.account, order.nonce), hash);
        }
        self.settled.insert(index);
        None
    }
}

/// The fills of the clearing.
struct Fills {
    pairs: Vec<Pair>,
    hashes: BTreeMap<(Address, u8, U256, u64), B256>,
    filled: BTreeMap<B256, u64>,
}

impl Fills {
    fn new(world: &World, pairs: Vec<Pair>) -> Self {
        let (mut hashes, mut filled) = (BTreeMap::new(), BTreeMap::new());
        for (buy, sell, wh) in &pairs {
            for order in [buy, sell] {
                let hash = world.order_hash(order);
                hashes.insert(key_of(order), hash);
                *filled.entry(hash).or_default() += wh;
            }
        }
        Fills { pairs, hashes, filled }
    }

    fn hash_of(&self, order: &OrderTerms) -> B256 {
        self.hashes[&key_of(order)]
    }

    /// Why no fill of an order holds.
    fn check_order(&self, order: &OrderTerms) -> Option<Skip> {
        let filled = Energy::from_wh(self.filled[&self.hash_of(order)]);
        let buys = order.side == Side::Buy;
        let by_side = |buyer, seller| if buys { buyer } else { seller };
        if order.expiry < SLOT - 600 {
            return Some(Skip::Expired);
        }
        let limit = order.limit_price;
        if (buys && limit < 192_000) || (!buys && limit > 178_000) {
            return Some(by_side(Skip::BuyerLimit, Skip::SellerLimit));
        }
        let fits = filled <= order.quantity && filled >= order.min_fill;
        (!fits).then(|| by_side(Skip::BuyerQuantity, Skip::SellerQuantity))
    }

    /// How much of an order is settled.
    fn settled_of(&self, naive: &Naive, order: &OrderTerms) -> u64 {
        let is_of = |index: &&usize| {
            let (buy, sell, _) = &self.pairs[**index];
            buy == order || sell == order
        };
        naive.settled.iter().filter(is_of).map(|index| self.pairs[*index].2).sum()
    }
}

/// The limit tells two orders of one side and nonce apart.
fn key_of(order: &OrderTerms) -> (Address, u8, U256, u64) {
    (order.account, order.side.code(), order.nonce, order.limit_price)
}

/// The orders of a case: first those that buy, then those that sell, account after account.
fn orders(accounts: &[Address], odds: &[Odd]) -> Vec<OrderTerms> {
    let order = |(place, odd): (usize, &Odd)| {
        let side = if place < ACCOUNTS * ORDERS { Side::Buy } else { Side::Sell };
        let account = accounts[place % (ACCOUNTS * ORDERS) / ORDERS];
        let mut order = order(account, side, odd.nonce);
        // A little better than it has to be, each by another amount, or a little worse.
        let better = u64::try_from(place).unwrap();
        order.limit_price = match (side, odd.bad_limit) {
            (Side::Buy, false) | (Side::Sell, true) => order.limit_price + 1 + better,
            (Side::Buy, true) | (Side::Sell, false) => order.limit_price - 1 - better,
        };
        if odd.expired {
            order.expiry = SLOT - 601;
        }
        order.quantity = Energy::from_wh(odd.quantity);
        order.min_fill = Energy::from_wh(odd.min_fill);
        order
    };
    odds.iter().enumerate().map(order).collect()
}

/// What came of each fill, in order.
fn results(receipt: &Receipt) -> Vec<Option<Skip>> {
    let result = |event: &ContractEvent| match event {
        ContractEvent::TradeSettled(_) => Some(None),
        ContractEvent::FillSkipped(event) => Some(Some(Skip::from_code(event.reason).unwrap())),
        _ => None,
    };
    receipt.events.iter().filter_map(result).collect()
}

/// Answers what came of the fills.
fn check(mut world: World, case: &Case) -> BTreeSet<Option<Skip>> {
    let accounts: Vec<Address> =
        (0..ACCOUNTS).map(|at| world.account(10 + u64::try_from(at).unwrap())).collect();
    let terms = orders(&accounts, &case.orders);
    let sells = &terms[ACCOUNTS * ORDERS..];
    let pair =
        |&(buy, sell, wh): &(usize, usize, u64)| (terms[buy].clone(), sells[sell].clone(), wh);
    let pairs: Vec<Pair> = case.fills.iter().map(pair).collect();
    world.post(posted(&policy()), &pairs);
    let all = Fills::new(&world, pairs);
    let (mut naive, mut seen) = (Naive::default(), BTreeSet::new());
    for account in &accounts {
        naive.cash.insert(*account, world.free(*account));
    }
    for step in &case.steps {
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
            Step::Settle { batch, hidden } => {
                seen.extend(settle(&mut world, &all, &mut naive, *batch, |order| {
                    hidden.iter().any(|place| terms[*place] == *order)
                }));
            }
        }
    }
    for (account, cash) in &naive.cash {
        assert_eq!(world.free(*account), *cash);
    }
    for of in &terms {
        let order = world.order_hash(of);
        let kept = world.view(world.at.market, EnergyMarket::orderFilledCall { order });
        let settled = all.settled_of(&naive, of);
        let of_clearing = all.filled.get(&order).copied().unwrap_or_default();
        // Nothing is kept where one batch filled all.
        assert!(kept == settled || (kept == 0 && settled == of_clearing), "{kept} of {settled}");
    }
    seen
}

/// Sends a batch with these orders hidden, and asks the rules about each of its fills.
fn settle(
    world: &mut World,
    all: &Fills,
    naive: &mut Naive,
    number: usize,
    is_hidden: impl Fn(&OrderTerms) -> bool,
) -> Vec<Option<Skip>> {
    let (_, batches) = world.batches(posted(&policy()), &all.pairs, |order| !is_hidden(order));
    let orders = all.pairs.iter().flat_map(|(buy, sell, _)| [buy, sell]);
    let hidden: BTreeSet<B256> =
        orders.filter(|order| is_hidden(order)).map(|order| all.hash_of(order)).collect();
    let indexes: Vec<usize> = (number * 64..all.pairs.len()).take(64).collect();
    let settled_is_hidden = indexes.iter().any(|index| {
        let (buy, sell, _) = &all.pairs[*index];
        naive.settled.contains(index) && (is_hidden(buy) || is_hidden(sell))
    });
    let call = world.at.settle(&batches[number]);
    if settled_is_hidden {
        world.refused(ANYONE, call, "BadBatch");
        return Vec::new();
    }
    let receipt = world.ok(ANYONE, call);
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
    proptest!(ProptestConfig::with_cases(64), |(case in case())| {
        seen.borrow_mut().extend(check(world.clone(), &case));
    });
    // Everything but what skip.rs does to single fills.
    let elsewhere = [Skip::WrongSide, Skip::BuyerSignature, Skip::SellerSignature];
    let here = Skip::ALL.iter().copied().filter(|reason| !elsewhere.contains(reason));
    assert_eq!(seen.into_inner(), here.map(Some).chain([None]).collect());
}

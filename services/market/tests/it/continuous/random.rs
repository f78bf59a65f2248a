//! Random orders, amendments and cancellations: order by order through the market's state, against
//! a slow list that is searched from end to end, and against the whole run at the gate. In between
//! the market is killed and read back from its journal.
//!
//! `MARKET_OPERATIONS` says how many operations in all, `MARKET_SEED` where seeds begin.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use calendar::Timestamp;
use contracts::{Address, Side, U256};
use events::market::CancelledBy;
use ids::{AccountId, OrderId};
use market::domain::{
    Accepted, Entry, Exchange, NewOrder, Parameters, Placement, SelfTrade, Status, TimeInForce,
    recompute,
};
use matching::book::naive::Twin;
use matching::book::{self, Cause, Limits, Message, Report};
use units::Energy;

use super::{closed, continuous, one_party};
use crate::replay::Dice;
use crate::town::*;

/// Operations between the opening of a slot and its gate.
const OPERATIONS: u64 = 400;

/// A neighbour, and what follows from the key with some effort.
struct Home {
    own: Neighbour,
    name: &'static str,
    address: Address,
    account: AccountId,
}

fn homes() -> &'static [Home] {
    static HOMES: LazyLock<Vec<Home>> = LazyLock::new(|| {
        let home = |name| {
            let own = neighbour(name);
            let (address, account) = (own.address(), own.account());
            Home { own, name, address, account }
        };
        NAMES.map(home).into()
    });
    &HOMES
}

/// The place of whom an account is.
fn home_of(account: AccountId) -> usize {
    homes().iter().position(|home| home.account == account).unwrap()
}

/// What the market must hold of one order, by the list.
struct Known {
    id: OrderId,
    name: &'static str,
    side: Side,
    limit: i64,
    quantity: u64,
    force: TimeInForce,
    /// Energy of its trades, and what they cost all in where it buys.
    traded: u64,
    paid: i64,
    /// Gone without a trade, for this reason.
    gone: Option<CancelledBy>,
    open: u64,
}

impl Known {
    /// What a Wh of it holds: for a seller what the buyer would pay more elsewhere.
    fn each(&self) -> i64 {
        match self.side {
            Side::Buy => self.limit,
            Side::Sell => (300_000 - 12_000 - self.limit - 2_000).max(0),
        }
    }

    fn held(&self) -> i64 {
        let traded = match self.side {
            Side::Buy => self.paid,
            Side::Sell => self.traded.cast_signed() * self.each(),
        };
        traded + self.open.cast_signed() * self.each()
    }
}

/// A market, its journal, and a list that does the same.
struct Day {
    exchange: Exchange,
    by: Parameters,
    journal: Vec<String>,
    list: Twin,
    /// By the name that the list has for an order.
    known: Vec<Known>,
    /// Buyer's and seller's order, Wh and energy price of each trade, in its order.
    trades: Vec<(OrderId, OrderId, u64, i64)>,
    now: Timestamp,
    nonce: u64,
    operations: u64,
}

impl Day {
    fn new(self_trade: SelfTrade) -> Day {
        let mut exchange = town();
        one_party(&mut exchange);
        let limits =
            Limits { price_min: -1_000, price_max: 10_000, orders_max: 9_999, entries_max: 9_999 };
        Day {
            exchange,
            by: Parameters { self_trade, ..continuous() },
            journal: Vec::new(),
            list: Twin::new(limits),
            known: Vec::new(),
            trades: Vec::new(),
            now: morning(),
            nonce: 0,
            operations: 0,
        }
    }

    fn record(&mut self, entry: &Entry) {
        self.exchange.apply(entry);
        self.journal.push(serde_json::to_string(entry).unwrap());
    }

    /// Everything is forgotten and read back.
    fn killed(&mut self, seed: u64) {
        let mut read = town();
        one_party(&mut read);
        for entry in &self.journal {
            let entry = serde_json::from_str(entry).unwrap();
            read.fits(&entry).unwrap();
            read.apply(&entry);
        }
        assert_eq!(read, self.exchange, "seed {seed}");
        assert_eq!(read.hash(), self.exchange.hash(), "seed {seed}");
        // It goes on with what a snapshot tells.
        let state = serde_json::to_string(&read).unwrap();
        self.exchange = serde_json::from_str(&state).unwrap();
        assert_eq!(self.exchange, read, "seed {seed}");
    }

    /// Time goes on; who is out of it leaves both.
    fn wait(&mut self, seconds: u64) {
        self.now = self.now.plus_seconds(seconds.cast_signed());
        for order in self.exchange.lapsed(self.now) {
            let (by, at) = (CancelledBy::Time, self.now);
            self.record(&Entry::Cancelled { order, by, at });
        }
        let told = self.list.submit(&Message::Expire { now: self.now.unsigned() });
        self.heard(&told);
    }

    fn heard(&mut self, reports: &[Report]) {
        for report in reports {
            match *report {
                Report::Trade { taker, maker, price, quantity } => {
                    let price = i64::from(price) * 100;
                    for order in [taker, maker] {
                        let order = &mut self.known[order as usize];
                        order.traded += quantity;
                        order.open -= quantity;
                        order.paid += quantity.cast_signed() * (price + 12_000);
                    }
                    let [taker, maker] = [taker, maker].map(|order| &self.known[order as usize]);
                    let (buy, sell) = match taker.side {
                        Side::Buy => (taker, maker),
                        Side::Sell => (maker, taker),
                    };
                    self.trades.push((buy.id, sell.id, quantity, price));
                }
                Report::Netted { taker, maker, quantity } => {
                    for order in [taker, maker] {
                        let order = &mut self.known[order as usize];
                        order.open -= quantity;
                        if order.open == 0 {
                            order.gone = Some(CancelledBy::SelfTrade);
                        }
                    }
                }
                Report::Cancelled { order, cause, .. } => {
                    let by = match cause {
                        Cause::Asked => CancelledBy::Account,
                        Cause::Immediate => CancelledBy::Immediate,
                        Cause::SelfTrade => CancelledBy::SelfTrade,
                    };
                    let order = &mut self.known[order as usize];
                    (order.open, order.gone) = (0, Some(by));
                }
                Report::Expired { order, .. } => {
                    let order = &mut self.known[order as usize];
                    (order.open, order.gone) = (0, Some(CancelledBy::Time));
                }
                Report::Rejected { order, .. } => {
                    let order = &mut self.known[order as usize];
                    (order.open, order.gone) = (0, Some(CancelledBy::Immediate));
                }
                Report::Accepted { .. } | Report::Modified { .. } | Report::Done { .. } => {}
            }
        }
    }

    /// The list's entry for an order that the market has accepted.
    fn listed(&self, order: &Accepted, force: TimeInForce) -> book::Entry {
        let limit = order.limit().n_per_wh();
        let energy = match order.terms.side {
            Side::Buy => limit - 12_000,
            Side::Sell => limit + 2_000,
        };
        // b1 and s1 are one party.
        let owner = match homes()[home_of(order.account)].name {
            "s1" => 0,
            _ => u32::try_from(home_of(order.account)).unwrap(),
        };
        book::Entry {
            side: if order.terms.side == Side::Buy {
                matching::Side::Buy
            } else {
                matching::Side::Sell
            },
            price: i32::try_from(energy / 100).unwrap(),
            quantity: order.terms.quantity.wh(),
            owner,
            time_in_force: match force {
                TimeInForce::GoodTillGate => book::TimeInForce::GoodTillCancelled,
                TimeInForce::GoodTillTime { until } => {
                    book::TimeInForce::GoodTill(until.unsigned())
                }
                TimeInForce::ImmediateOrCancel => book::TimeInForce::ImmediateOrCancel,
                TimeInForce::FillOrKill => book::TimeInForce::FillOrKill,
            },
            self_trade: match self.by.self_trade {
                SelfTrade::Refuse | SelfTrade::CancelNewest => book::SelfTrade::CancelNewest,
                SelfTrade::CancelOldest => book::SelfTrade::CancelOldest,
                SelfTrade::CancelBoth => book::SelfTrade::CancelBoth,
                SelfTrade::Decrement => book::SelfTrade::Decrement,
            },
        }
    }

    fn place(&mut self, order: NewOrder) {
        let Ok(Placement::New(accepted)) = self.exchange.place(&order, &self.by, self.now) else {
            return;
        };
        self.operations += 1;
        let force = order.time_in_force;
        let entry = self.listed(&accepted, force);
        let known = Known {
            id: order.id,
            name: homes()[home_of(accepted.account)].name,
            side: order.terms.side,
            limit: accepted.limit().n_per_wh(),
            quantity: entry.quantity,
            force,
            traded: 0,
            paid: 0,
            gone: None,
            open: entry.quantity,
        };
        let replaced = order.replaces.map(|id| self.named(id));
        if let Some(order) = order.replaces {
            let (by, at) = (CancelledBy::Account, self.now);
            self.record(&Entry::Cancelled { order, by, at });
        }
        self.record(&Entry::Accepted(*accepted));
        match replaced {
            Some(old) if self.keeps(old, &known) => {
                // In the list the order stays; from now on its name means the new one.
                let (price, quantity) = (entry.price, entry.quantity);
                let order = u32::try_from(old).unwrap();
                let told = self.list.submit(&Message::Modify { order, price, quantity });
                let before = std::mem::replace(&mut self.known[old], known);
                // The old one goes to a name that the list never uses again.
                self.list.submit(&Message::New(book::Entry { price: i32::MAX, ..entry }));
                self.known.push(Known { open: 0, gone: Some(CancelledBy::Account), ..before });
                self.heard(&told);
            }
            replaced => {
                if let Some(old) = replaced {
                    let order = u32::try_from(old).unwrap();
                    let told = self.list.submit(&Message::Cancel { order });
                    self.heard(&told);
                }
                self.known.push(known);
                let told = self.list.submit(&Message::New(entry));
                self.heard(&told);
            }
        }
    }

    /// Whether an order that takes the place of another keeps its place in the queue.
    fn keeps(&self, old: usize, new: &Known) -> bool {
        let old = &self.known[old];
        (old.name, old.side, old.limit) == (new.name, new.side, new.limit)
            && new.quantity <= old.open
    }

    fn named(&self, id: OrderId) -> usize {
        self.known.iter().rposition(|known| known.id == id).unwrap()
    }

    fn cancel(&mut self, id: OrderId, name: &'static str) {
        let account = homes().iter().find(|home| home.name == name).unwrap().account;
        let entry = self.exchange.cancel(id, account, &self.by, self.now).unwrap().unwrap();
        self.operations += 1;
        self.record(&entry);
        let order = u32::try_from(self.named(id)).unwrap();
        let told = self.list.submit(&Message::Cancel { order });
        self.heard(&told);
    }

    fn step(&mut self, dice: &mut Dice) {
        self.wait(dice.below(8));
        let open: Vec<usize> =
            (0..self.known.len()).filter(|place| self.known[*place].open > 0).collect();
        let some = usize::try_from(dice.below(open.len().max(1) as u64)).unwrap();
        let old = open.get(some).copied();
        let (kind, side) =
            (dice.below(8), [Side::Buy, Side::Sell][usize::from(dice.below(2) == 1)]);
        let name = NAMES[usize::try_from(dice.below(6)).unwrap()];
        let (quantity, price) = (10 + dice.below(200), (900 + dice.below(60) * 10) * 100);
        let fresh = |name: &str, side, quantity, price, nonce: u64, force| {
            let home = homes().iter().find(|home| home.name == name).unwrap();
            let mut terms = home.own.terms(side, quantity, price);
            terms.nonce = U256::from(nonce);
            NewOrder { time_in_force: force, ..home.own.sign(terms) }
        };
        self.nonce += 1;
        match (kind, old) {
            (0, Some(old)) => {
                let (id, name) = (self.known[old].id, self.known[old].name);
                self.cancel(id, name);
            }
            (1, Some(old)) => {
                let old = &self.known[old];
                let same = dice.below(3) > 0;
                let price = if same { old.limit.unsigned_abs() } else { price };
                let quantity = (old.open + 5).saturating_sub(dice.below(20)).max(10);
                let order = fresh(old.name, old.side, quantity, price, self.nonce, old.force);
                let order = NewOrder { replaces: Some(old.id), ..order };
                self.place(order);
            }
            _ => {
                let force = match dice.below(8) {
                    0 => TimeInForce::ImmediateOrCancel,
                    1 => TimeInForce::FillOrKill,
                    2 => {
                        let until = self.now.plus_seconds(1 + dice.below(200).cast_signed());
                        TimeInForce::GoodTillTime { until }
                    }
                    _ => TimeInForce::GoodTillGate,
                };
                self.place(fresh(name, side, quantity, price, self.nonce, force));
            }
        }
    }

    /// The market knows of every order, trade and wallet what the list knows.
    fn check(&self, seed: u64) {
        let trading = self.exchange.trading(slot().start);
        let struck = trading.map(|trading| &*trading.trades).unwrap_or_default();
        assert_eq!(struck.len(), self.trades.len(), "seed {seed}");
        if let (Some(last), Some(listed)) = (struck.last(), self.trades.last()) {
            let met = (last.buy, last.sell, last.quantity.wh(), last.price.n_per_wh());
            assert_eq!(met, *listed, "seed {seed}");
        }
        let mut held: BTreeMap<&str, i64> = BTreeMap::new();
        let mut committed: BTreeMap<&str, [u64; 2]> = BTreeMap::new();
        for known in &self.known {
            *held.entry(known.name).or_default() += known.held();
            let side = usize::from(known.side == Side::Sell);
            committed.entry(known.name).or_default()[side] += known.open + known.traded;
        }
        let book = self.exchange.slot(slot().start);
        for Home { own, name, address, .. } in homes() {
            let wallet = self.exchange.wallet(*address);
            let expected = held.get(name).copied().unwrap_or_default();
            assert_eq!(wallet.held().n(), expected, "holds of {name}, seed {seed}");
            let said = book.and_then(|book| book.committed.get(&own.point()));
            let said = said.copied().unwrap_or_default();
            let expected = committed.get(name).copied().unwrap_or_default();
            assert_eq!([said.buy.wh(), said.sell.wh()], expected, "{name}, seed {seed}");
        }
    }

    fn check_orders(&self, seed: u64) {
        for known in &self.known {
            let order = self.exchange.order(known.id).unwrap();
            let status = match (known.gone, known.open) {
                (Some(_), _) => Status::Cancelled,
                (None, 0) => Status::Filled,
                (None, _) => Status::Open,
            };
            assert_eq!((order.status, order.cancelled_by), (status, known.gone), "seed {seed}");
            let energies = (order.filled.wh(), order.open().wh());
            assert_eq!(energies, (known.traded, known.open), "seed {seed}");
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

#[test]
fn order_by_order_the_same_is_traded_as_in_a_whole_run_at_the_gate() {
    let first = setting("MARKET_SEED", 41);
    let wanted = setting("MARKET_OPERATIONS", 100_000);
    let modes = [
        SelfTrade::Refuse,
        SelfTrade::CancelNewest,
        SelfTrade::CancelOldest,
        SelfTrade::CancelBoth,
        SelfTrade::Decrement,
    ];
    let (mut operations, mut trades, mut apart, mut seed) = (0, 0, 0, first);
    while operations < wanted {
        let mut dice = Dice(seed);
        let mut day = Day::new(modes[usize::try_from(seed % 5).unwrap()]);
        for place in 0..OPERATIONS {
            day.step(&mut dice);
            day.check(seed);
            if place % 150 == 149 {
                day.check_orders(seed);
                day.killed(seed);
            }
        }
        day.check_orders(seed);
        let (posted, journal) = closed(&mut day.exchange, &day.by);
        let same = recompute(&journal, &posted).unwrap_or_else(|found| panic!("{seed}: {found}"));
        let hash = |order| day.exchange.order(order).unwrap().hash;
        let listed: Vec<_> = (day.trades.iter())
            .map(|(buy, sell, quantity, price)| (hash(*buy), hash(*sell), *quantity, *price))
            .collect();
        let filled: Vec<_> = (journal.fills.iter())
            .map(|fill| {
                let price = fill.prices.buyer.cast_signed();
                assert_eq!(fill.prices.buyer, fill.prices.seller);
                (fill.buy, fill.sell, fill.quantity.wh(), price)
            })
            .collect();
        assert_eq!(filled, listed, "seed {seed}");
        let volume = Energy::from_wh(listed.iter().map(|trade| trade.2).sum());
        assert_eq!((same.fills, same.volume), (listed.len(), volume), "seed {seed}");
        operations += day.operations;
        trades += listed.len() as u64;
        apart += same.at_once.unwrap().kept_apart;
        seed += 1;
    }
    assert!(trades * 8 > operations && apart > 0, "too dull: {trades} of {operations}, {apart}");
}

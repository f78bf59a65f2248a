//! Trading by a session: by scripts, and message by message against the book, which is another
//! program.

use std::collections::BTreeMap;

use matching::Side;
use matching::book::session::{Event, Incoming, Why};
use matching::book::{
    Book, Cause, Entry, Limits, Message, Report, SelfTrade, Session, TimeInForce,
};
use units::{Energy, Price};

use super::streams::setting;
use crate::orders::Dice;

fn order(order: u64, owner: u64, side: Side, price: i64, quantity: u64) -> Incoming {
    Incoming {
        order,
        owner,
        side,
        price: Price::from_n_per_wh(price),
        quantity: Energy::from_wh(quantity),
        min_fill: Energy::ZERO,
        time_in_force: TimeInForce::GoodTillCancelled,
        self_trade: SelfTrade::Decrement,
        replaces: None,
    }
}

fn traded(buy: u64, sell: u64, price: i64, quantity: u64) -> Event {
    let (price, quantity) = (Price::from_n_per_wh(price), Energy::from_wh(quantity));
    Event::Traded { buy, sell, price, quantity }
}

#[test]
fn an_order_that_is_for_less_keeps_its_place_and_another_goes_behind() {
    let check = |change: &dyn Fn(&mut Incoming), first: u64| {
        let mut session = Session::default();
        session.enter(&order(1, 1, Side::Sell, 30, 10), 0);
        session.enter(&order(2, 2, Side::Sell, 30, 10), 0);
        assert_eq!(session.cancel(1), Some(Energy::from_wh(10)));
        let mut instead = Incoming { replaces: Some(1), ..order(3, 1, Side::Sell, 30, 10) };
        change(&mut instead);
        assert_eq!(session.enter(&instead, 0), []);
        let met = session.enter(&order(4, 4, Side::Buy, 40, 1), 0);
        let price = if first == 3 { instead.price.n_per_wh() } else { 30 };
        assert_eq!(met, [traded(4, first, price, 1)]);
    };
    check(&|_| {}, 3);
    check(&|instead| instead.quantity = Energy::from_wh(9), 3);
    check(&|instead| instead.quantity = Energy::from_wh(11), 2);
    check(&|instead| instead.price = Price::from_n_per_wh(31), 2);
    check(&|instead| instead.price = Price::from_n_per_wh(29), 3);
    check(&|instead| instead.owner = 9, 2);
    check(&|instead| instead.replaces = None, 2);
    check(&|instead| instead.replaces = Some(2), 2);
}

#[test]
fn a_place_can_be_taken_only_at_once() {
    let mut session = Session::default();
    session.enter(&order(1, 1, Side::Buy, 30, 10), 0);
    session.enter(&order(2, 2, Side::Buy, 30, 10), 0);
    session.cancel(1);
    session.enter(&order(3, 3, Side::Buy, 20, 1), 0);
    session.enter(&Incoming { replaces: Some(1), ..order(4, 1, Side::Buy, 30, 10) }, 0);
    assert_eq!(session.enter(&order(5, 5, Side::Sell, 30, 1), 0), [traded(2, 5, 30, 1)]);
}

#[test]
fn what_must_trade_at_once_and_cannot_leaves_the_book_as_it_was() {
    let mut session = Session::default();
    session.enter(&order(1, 1, Side::Sell, 30, 10), 0);
    let before = session.clone();
    let left = |order, quantity| {
        [Event::Left { order, quantity: Energy::from_wh(quantity), why: Why::Immediate }]
    };
    let whole = TimeInForce::FillOrKill;
    let killed = Incoming { time_in_force: whole, ..order(2, 2, Side::Buy, 30, 11) };
    assert_eq!(session.enter(&killed, 0), left(2, 11));
    let least = Incoming { min_fill: Energy::from_wh(11), ..order(3, 2, Side::Buy, 30, 12) };
    assert_eq!(session.enter(&least, 0), left(3, 12));
    assert_eq!(session, before);
    let filled = Incoming { time_in_force: whole, ..order(4, 2, Side::Buy, 30, 10) };
    assert_eq!(session.enter(&filled, 0), [traded(4, 1, 30, 10)]);
}

#[test]
fn prices_at_the_ends_of_what_a_number_holds_are_prices() {
    let mut session = Session::default();
    session.enter(&order(1, 1, Side::Buy, i64::MIN, 1), 0);
    session.enter(&order(2, 2, Side::Buy, i64::MAX, 1), 0);
    let prices: Vec<i64> = session.depth(Side::Buy).map(|level| level.price.n_per_wh()).collect();
    assert_eq!(prices, [i64::MAX, i64::MIN]);
    let met = session.enter(&order(3, 3, Side::Sell, i64::MIN, 3), 0);
    assert_eq!(met, [traded(2, 3, i64::MAX, 1), traded(1, 3, i64::MIN, 1)]);
}

/// Who runs out of time at one moment leaves in the order of names, which differ.
fn by_name(events: Vec<Event>) -> Vec<Event> {
    let out_of_time = |event: &Event| match *event {
        Event::Left { order, why: Why::Time, .. } => Some(order),
        _ => None,
    };
    let (mut timed, others): (Vec<Event>, Vec<Event>) =
        events.into_iter().partition(|event| out_of_time(event).is_some());
    timed.sort_by_key(|event| out_of_time(event));
    [timed, others].concat()
}

/// The same orders in a session and in a book, which names them by their count.
struct Both {
    session: Session,
    book: Book,
    /// The session's names by the book's.
    names: Vec<u64>,
    /// The book's names of those that may rest.
    known: BTreeMap<u64, u32>,
    /// The session's next name. In the book an order that is changed keeps its name.
    next: u64,
    now: u64,
    trades: usize,
    netted: usize,
    left: usize,
    kept: usize,
}

impl Both {
    fn new() -> Both {
        let limits =
            Limits { price_min: -20, price_max: 40, orders_max: 1 << 20, entries_max: 1 << 20 };
        Both {
            session: Session::default(),
            book: Book::new(limits).unwrap(),
            names: Vec::new(),
            known: BTreeMap::new(),
            next: 1,
            now: 0,
            trades: 0,
            netted: 0,
            left: 0,
            kept: 0,
        }
    }

    /// What the book reports, as a session would say it.
    fn told(&self, message: &Message, reports: &[Report]) -> Vec<Event> {
        let name = |order: u32| self.names[order as usize];
        let mut side = BTreeMap::new();
        if let Message::New(entry) = message {
            side.insert(self.names.len() as u64 - 1, entry.side);
        }
        let event = |report: &Report| match *report {
            Report::Trade { taker, maker, price, quantity } => {
                let buys = side[&u64::from(taker)] == Side::Buy;
                let (buy, sell) = if buys { (taker, maker) } else { (maker, taker) };
                Some(traded(name(buy), name(sell), i64::from(price), quantity))
            }
            Report::Netted { taker, maker, quantity } => Some(Event::Netted {
                taker: name(taker),
                maker: name(maker),
                quantity: Energy::from_wh(quantity),
            }),
            Report::Cancelled { order, quantity, cause } => {
                let why = match cause {
                    Cause::Asked => return None,
                    Cause::Immediate => Why::Immediate,
                    Cause::SelfTrade => Why::SelfTrade,
                };
                let quantity = Energy::from_wh(quantity);
                Some(Event::Left { order: name(order), quantity, why })
            }
            Report::Expired { order, quantity } => {
                let quantity = Energy::from_wh(quantity);
                Some(Event::Left { order: name(order), quantity, why: Why::Time })
            }
            // A session lets such an order in and out again.
            Report::Rejected { order, .. } => {
                let Message::New(entry) = message else { panic!("{report:?}") };
                let quantity = Energy::from_wh(entry.quantity);
                let late = matches!(entry.time_in_force, TimeInForce::GoodTill(_));
                let why = if late { Why::Time } else { Why::Immediate };
                Some(Event::Left { order: name(order), quantity, why })
            }
            Report::Accepted { .. } | Report::Modified { .. } | Report::Done { .. } => None,
        };
        reports.iter().filter_map(event).collect()
    }

    fn submit(&mut self, message: Message) -> Vec<Event> {
        let mut reports = Vec::new();
        self.book.submit(&message, &mut reports);
        self.told(&message, &reports)
    }

    /// Both let the same order in, at the moment that it is.
    fn enter(&mut self, incoming: Incoming, seed: u64) {
        let mut told = self.submit(Message::Expire { now: self.now });
        let entry = Entry {
            side: incoming.side,
            price: i32::try_from(incoming.price.n_per_wh()).unwrap(),
            quantity: incoming.quantity.wh(),
            owner: u32::try_from(incoming.owner).unwrap(),
            time_in_force: incoming.time_in_force,
            self_trade: incoming.self_trade,
        };
        self.names.push(incoming.order);
        self.known.insert(incoming.order, u32::try_from(self.names.len() - 1).unwrap());
        told.extend(self.submit(Message::New(entry)));
        let events = self.session.enter(&incoming, self.now);
        assert_eq!(by_name(events.clone()), by_name(told), "seed {seed}: {incoming:?}");
        for event in events {
            match event {
                Event::Traded { .. } => self.trades += 1,
                Event::Netted { .. } => self.netted += 1,
                Event::Left { .. } => self.left += 1,
            }
        }
    }

    /// Both put another order in the place of one; it keeps the place where it is for no more.
    fn amend(&mut self, old: u64, new: Incoming, seed: u64) {
        let named = self.known[&old];
        let before = self.session.cancel(old).unwrap();
        let keeps = new.quantity <= before;
        if !keeps {
            self.submit(Message::Cancel { order: named });
            self.enter(new, seed);
            return;
        }
        let price = i32::try_from(new.price.n_per_wh()).unwrap();
        let told =
            self.submit(Message::Modify { order: named, price, quantity: new.quantity.wh() });
        assert_eq!(self.session.enter(&new, self.now), told, "seed {seed}: {new:?}");
        self.names[named as usize] = new.order;
        self.known.insert(new.order, named);
        self.kept += 1;
    }

    fn step(&mut self, dice: &mut Dice, seed: u64) {
        let rests: Vec<u64> = {
            let any = self.known.keys().next_back().map_or(0, |last| dice.below(last + 1));
            let near = self.known.range(any..).map(|(order, _)| *order);
            near.filter(|order| self.session.open(*order) > Energy::ZERO).take(1).collect()
        };
        match (dice.below(10), rests.first()) {
            (0, Some(&order)) => {
                let told = self.submit(Message::Cancel { order: self.known[&order] });
                assert_eq!(told, []);
                assert!(self.session.cancel(order).is_some());
            }
            (1, Some(&old)) => {
                let resting = self.resting(old);
                let quantity = 1 + dice.below(resting.2 + 2);
                let new = Incoming {
                    replaces: Some(old),
                    time_in_force: resting.4,
                    ..order(self.next, resting.0, resting.1, resting.3, quantity)
                };
                self.next += 1;
                self.amend(old, new, seed);
            }
            (2, _) => {
                self.now += dice.below(5);
                let told = self.submit(Message::Expire { now: self.now });
                let left = self.session.expire(self.now);
                assert_eq!(by_name(left), by_name(told), "seed {seed}");
            }
            _ => {
                let side = if dice.below(2) == 0 { Side::Buy } else { Side::Sell };
                let price = i64::try_from(dice.below(61)).unwrap() - 20;
                let mut new = order(self.next, dice.below(6), side, price, 1 + dice.below(20));
                self.next += 1;
                new.time_in_force = match dice.below(8) {
                    0 => TimeInForce::ImmediateOrCancel,
                    1 => TimeInForce::FillOrKill,
                    2 => TimeInForce::GoodTill(self.now + dice.below(9)),
                    _ => TimeInForce::GoodTillCancelled,
                };
                new.self_trade = match dice.below(4) {
                    0 => SelfTrade::CancelNewest,
                    1 => SelfTrade::CancelOldest,
                    2 => SelfTrade::CancelBoth,
                    _ => SelfTrade::Decrement,
                };
                self.enter(new, seed);
            }
        }
    }

    /// Owner, side, what is open, price and time of an order that rests in the book.
    fn resting(&self, order: u64) -> (u64, Side, u64, i64, TimeInForce) {
        let name = self.known[&order];
        let snapshot = self.book.snapshot();
        for (side, levels) in [(Side::Buy, &snapshot.bids), (Side::Sell, &snapshot.asks)] {
            for level in levels {
                if let Some(found) = level.orders.iter().find(|order| order.order == name) {
                    let owner = u64::from(found.owner);
                    let force = TimeInForce::GoodTillCancelled;
                    let force = found.until.map_or(force, TimeInForce::GoodTill);
                    return (owner, side, found.quantity, i64::from(level.price), force);
                }
            }
        }
        panic!("order {order} rests in the session alone");
    }

    fn same_depth(&self, seed: u64) {
        let snapshot = self.book.snapshot();
        for (side, levels) in [(Side::Buy, &snapshot.bids), (Side::Sell, &snapshot.asks)] {
            let of_book: Vec<(i64, u64, usize)> = levels
                .iter()
                .map(|level| (i64::from(level.price), level.quantity, level.orders.len()))
                .collect();
            let depth = self.session.depth(side);
            let of_session: Vec<(i64, u64, usize)> = depth
                .map(|level| (level.price.n_per_wh(), level.quantity.wh(), level.orders))
                .collect();
            assert_eq!(of_session, of_book, "seed {seed}");
        }
    }
}

#[test]
fn random_streams_give_what_the_book_reports() {
    let (first, count) = (setting("MATCHING_SEED", 23), 500);
    let streams = setting("MATCHING_OPERATIONS", 200_000).div_ceil(count);
    let mut totals = [0; 4];
    for seed in first..first + streams {
        let (mut dice, mut both) = (Dice(seed), Both::new());
        for _ in 0..count {
            both.step(&mut dice, seed);
        }
        both.same_depth(seed);
        let seen = [both.trades, both.netted, both.left, both.kept];
        totals.iter_mut().zip(seen).for_each(|(total, seen)| *total += seen);
    }
    let [trades, netted, left, kept] = totals;
    println!(
        "session: {} orders, seeds {first}..{}, {trades} trades, {netted} netted, {left} left, \
         {kept} kept their place",
        streams * count,
        first + streams
    );
    let few = usize::try_from(streams).unwrap();
    let dull = trades < 100 * few || netted < few || left < 10 * few || kept < 2 * few;
    assert!(!dull, "the streams are too dull: {totals:?} in {streams}");
}

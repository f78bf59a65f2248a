//! Seeded streams: the book against its slow twin, message by message.
//!
//! `MATCHING_OPERATIONS` says how many messages in all, `MATCHING_SEED` where seeds begin.

use std::collections::BTreeMap;

use matching::Side;
use matching::book::naive::Twin;
use matching::book::{
    Book, Digest, Entry, Limits, Message, QUANTITY_MAX, Report, SelfTrade, TimeInForce,
};

use crate::orders::Dice;

impl Dice {
    fn small(&mut self, end: u32) -> u32 {
        u32::try_from(self.below(u64::from(end))).unwrap()
    }
}

/// What kind of stream a seed makes.
struct World {
    limits: Limits,
    /// Prices are multiples of this above the lowest.
    step: i32,
    prices: u32,
    owners: u32,
    /// In a hundred messages, how many are cancellations.
    cancels: u64,
    entered: u32,
    now: u64,
}

impl World {
    fn new(dice: &mut Dice) -> World {
        let (prices, step) = [(6, 1), (64, 1), (200, 1), (40, 6_553)][dice.small(4) as usize];
        let price_min = -i32::try_from(dice.below(500)).unwrap();
        let price_max = price_min + step * i32::try_from(prices).unwrap() - 1;
        let orders_max = [5, 60, 600, 600][dice.small(4) as usize];
        let limits = Limits { price_min, price_max, orders_max, entries_max: 1 << 20 };
        let (owners, cancels) = (2 + dice.small(40), 5 + dice.below(30));
        World { limits, step, prices, owners, cancels, entered: 0, now: 0 }
    }

    fn price(&self, dice: &mut Dice) -> i32 {
        // One in a hundred is just outside.
        let places = dice.small(self.prices + self.prices.div_ceil(100));
        self.limits.price_min + self.step * i32::try_from(places).unwrap()
    }

    fn quantity(dice: &mut Dice) -> u64 {
        match dice.below(100) {
            0 => 0,
            1 => QUANTITY_MAX + dice.below(2),
            _ => 1 + dice.below(20),
        }
    }

    /// An order that rests, mostly; one that is gone or never was, sometimes.
    fn known(&self, dice: &mut Dice, open: &BTreeMap<u32, u64>) -> u32 {
        let any = dice.small(self.entered + 1);
        let resting = open.range(any..).next().filter(|_| dice.below(8) > 0);
        resting.map_or(any, |(&order, _)| order)
    }

    fn message(&mut self, dice: &mut Dice, open: &BTreeMap<u32, u64>) -> Message {
        let kind = dice.below(100);
        if kind < self.cancels {
            return Message::Cancel { order: self.known(dice, open) };
        }
        if kind < self.cancels + 12 {
            let order = self.known(dice, open);
            return Message::Modify {
                order,
                price: self.price(dice),
                quantity: World::quantity(dice),
            };
        }
        if kind == 99 {
            self.now += dice.below(40);
            return Message::Expire { now: self.now.saturating_sub(dice.below(5)) };
        }
        self.entered += 1;
        Message::New(Entry {
            side: if dice.below(2) == 0 { Side::Buy } else { Side::Sell },
            price: self.price(dice),
            quantity: World::quantity(dice),
            owner: dice.small(self.owners),
            time_in_force: match dice.below(10) {
                0 => TimeInForce::ImmediateOrCancel,
                1 => TimeInForce::FillOrKill,
                2 | 3 => TimeInForce::GoodTill(self.now + dice.below(80)),
                _ => TimeInForce::GoodTillCancelled,
            },
            self_trade: match dice.below(4) {
                0 => SelfTrade::CancelNewest,
                1 => SelfTrade::CancelOldest,
                2 => SelfTrade::CancelBoth,
                _ => SelfTrade::Decrement,
            },
        })
    }
}

/// What is open of every order, as the reports alone tell it.
#[derive(Default)]
struct Accounts {
    open: BTreeMap<u32, u64>,
    traded: u64,
    netted: u64,
    expired: u64,
}

impl Accounts {
    fn take(&mut self, message: &Message, report: &Report) {
        let mut both = |taker: u32, maker: u32, quantity: u64| {
            *self.open.get_mut(&taker).unwrap() -= quantity;
            *self.open.get_mut(&maker).unwrap() -= quantity;
            assert!(quantity > 0);
        };
        match *report {
            Report::Accepted { order } => {
                let Message::New(entry) = message else { panic!("accepted what is not new") };
                assert_eq!(self.open.insert(order, entry.quantity), None);
            }
            Report::Rejected { .. } => {}
            Report::Trade { taker, maker, quantity, .. } => {
                both(taker, maker, quantity);
                self.traded += 1;
            }
            Report::Netted { taker, maker, quantity } => {
                both(taker, maker, quantity);
                self.netted += 1;
            }
            Report::Modified { order, quantity, .. } => {
                *self.open.get_mut(&order).unwrap() = quantity;
            }
            Report::Cancelled { order, quantity, .. } => {
                assert_eq!(self.open.remove(&order), Some(quantity));
            }
            Report::Expired { order, quantity } => {
                assert_eq!(self.open.remove(&order), Some(quantity));
                self.expired += 1;
            }
            Report::Done { order } => assert_eq!(self.open.remove(&order), Some(0)),
        }
    }
}

pub(super) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// One stream through book and twin.
fn compare(seed: u64, count: u64, totals: &mut Accounts) {
    let mut dice = Dice(seed);
    let mut world = World::new(&mut dice);
    let (mut book, mut twin) = (Book::new(world.limits).unwrap(), Twin::new(world.limits));
    let (mut reports, mut accounts) = (Vec::new(), Accounts::default());
    let mut digests = [Digest::default(); 2];
    for place in 0..count {
        let message = world.message(&mut dice, &accounts.open);
        reports.clear();
        book.submit(&message, &mut reports);
        let slow = twin.submit(&message);
        assert_eq!(reports, slow, "seed {seed}, message {place}: {message:?}");
        for (digest, reports) in digests.iter_mut().zip([&reports, &slow]) {
            reports.iter().for_each(|report| digest.report(report));
        }
        reports.iter().for_each(|report| accounts.take(&message, report));
        if let (Some(bid), Some(ask)) = (book.best(Side::Buy), book.best(Side::Sell)) {
            assert!(bid < ask, "crossed, seed {seed}, message {place}: {message:?}");
        }
    }
    let snapshot = book.snapshot();
    assert_eq!(snapshot, twin.snapshot(), "seed {seed}");
    assert_eq!(digests[0], digests[1]);
    let mut open = BTreeMap::new();
    for (side, levels) in [(Side::Buy, &snapshot.bids), (Side::Sell, &snapshot.asks)] {
        for level in levels {
            assert_eq!(book.open_at(side, level.price), level.quantity, "seed {seed}");
            open.extend(level.orders.iter().map(|order| (order.order, order.quantity)));
        }
    }
    assert_eq!(accounts.open, open, "what came in is not what went out, seed {seed}");
    totals.traded += accounts.traded;
    totals.netted += accounts.netted;
    totals.expired += accounts.expired;
}

#[test]
fn random_streams_give_the_reports_of_the_slow_twin() {
    let (first, count) = (setting("MATCHING_SEED", 23), 2_000);
    let streams = setting("MATCHING_OPERATIONS", 1_500_000).div_ceil(count);
    let mut totals = Accounts::default();
    for seed in first..first + streams {
        compare(seed, count, &mut totals);
    }
    let (traded, netted, expired) = (totals.traded, totals.netted, totals.expired);
    let (messages, end) = (streams * count, first + streams);
    println!("continuous, streams: {messages} messages, seeds {first}..{end}, {traded} Wh traded");
    let dull = traded < streams * 200 || netted < streams || expired < streams;
    assert!(!dull, "the streams are too dull: {traded}, {netted}, {expired} in {streams}");
}

#[test]
fn the_same_messages_lead_to_the_same_state_and_others_to_another() {
    let mut dice = Dice(7);
    let (mut world, open) = (World::new(&mut dice), BTreeMap::new());
    let messages: Vec<Message> = (0..5_000).map(|_| world.message(&mut dice, &open)).collect();
    let first = messages.iter().position(|message| matches!(message, Message::New(_))).unwrap();
    let play = |messages: &[Message]| {
        let (mut book, mut reports) = (Book::new(world.limits).unwrap(), Vec::new());
        messages.iter().for_each(|message| book.submit(message, &mut reports));
        (book.state(), reports)
    };
    let whole = play(&messages);
    assert_eq!(play(&messages), whole);
    assert_ne!(play(&messages[first + 1..]).0, whole.0);
    let later = [messages, vec![Message::Expire { now: world.now + 1 }]].concat();
    assert_ne!(play(&later).0, whole.0, "time is part of the state");
}

//! A small market: homes, orders, slots cleared by the call auction, meters; the facts of all that.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{B256, keccak256};
use calendar::Timestamp;
use ids::{AccountId, ConnectionPointId, OrderId, PartyId};
use matching::{Fees, Rules, Side};
use surveillance::{
    Case, Cleared, Fact, Kind, Likely, Metered, Order, Surveillance, Thresholds, Trade, recompute,
};
use units::{Energy, Price};

/// One cent per kWh.
pub(crate) const CENT: i64 = 10_000;
/// What the retailer takes, in cents.
pub(crate) const RETAIL: i64 = 30;
/// What the retailer gives, in cents.
pub(crate) const FEED_IN: i64 = 8;

/// The facts of a market, and its books.
#[derive(Default)]
pub(crate) struct Town {
    pub(crate) facts: Vec<Fact>,
    homes: BTreeSet<String>,
    books: BTreeMap<Timestamp, BTreeMap<OrderId, Order>>,
    likely: BTreeMap<String, u64>,
    count: u64,
}

/// The start of a slot: day and `hh:mm`.
pub(crate) fn slot(day: i64, time: &str) -> Timestamp {
    let start: Timestamp = format!("2026-06-01T{time}:00Z").parse().unwrap();
    start.plus_seconds((day - 1) * 86_400)
}

pub(crate) fn gate(slot: Timestamp) -> Timestamp {
    slot.plus_seconds(-900)
}

pub(crate) fn account(name: &str) -> AccountId {
    AccountId::derived(name)
}

pub(crate) fn point(name: &str) -> ConnectionPointId {
    ConnectionPointId::derived(name)
}

pub(crate) fn party(name: &str) -> PartyId {
    PartyId::derived(name)
}

impl Town {
    /// The fact that a home is its own party's and sells what the sun makes.
    fn home(&mut self, name: &str) {
        if self.homes.insert(name.to_owned()) {
            let (account, point) = (account(name), point(name));
            self.facts.push(Fact::Owned { account, party: party(name) });
            self.facts.push(Fact::Sited { connection_point: point, account, solar: true });
        }
    }

    /// Says that a home was another party's from the beginning.
    pub(crate) fn give(&mut self, name: &str, by: &str) {
        let told = self.facts.iter_mut().find_map(|fact| match fact {
            Fact::Owned { account: of, party } if *of == account(name) => Some(party),
            _ => None,
        });
        *told.unwrap() = party(by);
    }

    /// An order, placed so many seconds before the gate; the limit in 1e-9 currency per Wh.
    pub(crate) fn order(
        &mut self,
        (name, side): (&str, Side),
        slot: Timestamp,
        (wh, limit): (u64, i64),
        seconds: i64,
    ) -> OrderId {
        self.home(name);
        self.count += 1;
        let id = format!("{name}/{slot}/{}", self.count);
        let order = Order {
            order: OrderId::derived(&id),
            hash: keccak256(&id),
            account: account(name),
            connection_point: point(name),
            side,
            slot,
            gate: gate(slot),
            quantity: Energy::from_wh(wh),
            limit: Price::from_n_per_wh(limit),
            at: gate(slot).plus_seconds(-seconds),
        };
        self.facts.push(Fact::Accepted(order.clone()));
        self.books.entry(slot).or_default().insert(order.order, order.clone());
        order.order
    }

    /// Buys at so many cents, an hour before the gate.
    pub(crate) fn buy(&mut self, name: &str, slot: Timestamp, wh: u64, cents: i64) -> OrderId {
        self.order((name, Side::Buy), slot, (wh, cents * CENT), 3_600)
    }

    /// Sells at so many cents, an hour before the gate.
    pub(crate) fn sell(&mut self, name: &str, slot: Timestamp, wh: u64, cents: i64) -> OrderId {
        self.order((name, Side::Sell), slot, (wh, cents * CENT), 3_600)
    }

    /// Takes an order back so many seconds before the gate.
    pub(crate) fn cancel(&mut self, slot: Timestamp, order: OrderId, seconds: i64) {
        self.books.get_mut(&slot).unwrap().remove(&order).unwrap();
        let at = gate(slot).plus_seconds(-seconds);
        self.facts.push(Fact::Cancelled { order, slot, own: true, at });
    }

    /// What a home is likely to feed in, in every slot from now on.
    pub(crate) fn likely(&mut self, name: &str, wh: u64) {
        self.home(name);
        self.likely.insert(name.to_owned(), wh);
    }

    /// Clears a slot by the uniform price; the price.
    pub(crate) fn clear(&mut self, slot: Timestamp) -> Option<i64> {
        let orders = self.books.remove(&slot).unwrap_or_default();
        let rules = Rules::uniform(Price::from_n_per_wh(100), Fees::default());
        let batch: Vec<matching::Order> = orders.values().map(as_matched).collect();
        let cleared = matching::clear(&batch, &rules).unwrap();
        let trades = (0..).zip(&cleared.trades).map(|(index, trade): (u32, _)| Trade {
            trade: keccak256(format!("{slot}/{index}")),
            buy: trade.buyer,
            sell: trade.seller,
            quantity: trade.quantity,
        });
        let likely = self.likely.iter().map(|(name, wh)| Likely {
            connection_point: point(name),
            quantity: Energy::from_wh(*wh),
        });
        self.facts.push(Fact::Cleared(Cleared {
            slot,
            clearing: keccak256(slot.to_string()),
            price: cleared.price,
            volume: cleared.volume,
            retail: Price::from_n_per_wh(RETAIL * CENT),
            feed_in: Price::from_n_per_wh(FEED_IN * CENT),
            trades: trades.collect(),
            likely: likely.collect(),
        }));
        cleared.price.map(Price::n_per_wh)
    }

    /// What a home took and fed in.
    pub(crate) fn meter(&mut self, name: &str, slot: Timestamp, import: u64, export: u64) {
        self.home(name);
        let minute = u16::try_from(slot.seconds().rem_euclid(86_400) / 60).unwrap();
        self.facts.push(Fact::Metered(Metered {
            slot,
            connection_point: point(name),
            version: 1,
            import: Some(Energy::from_wh(import)),
            export: Some(Energy::from_wh(export)),
            dark: Thresholds::default().is_dark(minute),
        }));
    }
}

fn as_matched(order: &Order) -> matching::Order {
    let mut owner = [0; 20];
    owner[..16].copy_from_slice(order.account.uuid().as_bytes());
    matching::Order {
        id: order.order,
        owner,
        side: order.side,
        quantity: order.quantity,
        price: order.limit,
        min_fill: Energy::ZERO,
        hash: order.hash.0,
        sequence: 0,
        zone: ids::ZoneId::derived("town"),
    }
}

/// The machine after facts, with every day judged.
pub(crate) fn watch_with(facts: &[Fact], thresholds: Thresholds) -> Surveillance {
    let mut machine = Surveillance::new("town", thresholds);
    for fact in facts {
        machine.note(fact).unwrap();
    }
    machine.finish();
    machine
}

/// The machine with its defaults after facts. Each case has to follow from its own evidence.
pub(crate) fn watch(facts: &[Fact]) -> Surveillance {
    let machine = watch_with(facts, Thresholds::default());
    for case in machine.cases() {
        let again = recompute(case, facts, Thresholds::default());
        assert_eq!(again, Ok(()), "{}: {case:#?}", case.kind);
    }
    machine
}

/// The types of the cases, in the order in which they were opened.
pub(crate) fn kinds(machine: &Surveillance) -> Vec<Kind> {
    machine.cases().map(|case| case.kind).collect()
}

/// The only case.
pub(crate) fn only(machine: &Surveillance) -> Case {
    assert_eq!(machine.cases().count(), 1, "{:?}", kinds(machine));
    machine.cases().next().unwrap().clone()
}

/// Whether one case of this type is found, and nothing else; or nothing at all.
pub(crate) fn check(town: &Town, kind: Kind, found: bool, what: &str) {
    let machine = watch(&town.facts);
    let expected = if found { vec![kind] } else { Vec::new() };
    assert_eq!(kinds(&machine), expected, "{what}");
}

/// The name of a trade of a slot.
pub(crate) fn trade(slot: Timestamp, index: u32) -> B256 {
    keccak256(format!("{slot}/{index}"))
}

/// A small generator whose seed every failing test prints.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }

    pub(crate) fn place(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap()
    }
}

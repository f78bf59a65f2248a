//! Continuous trading in one slot while its orders come, under names that the caller gives.
//!
//! ```text
//! enter ----> meets what rests ----> Traded, Netted, Left ...
//!    |             best price first, then who came first, at the resting order's price
//!    +--- what is left rests, at the place that it replaced or behind all others at its price
//! cancel, expire ---> leaves
//! ```
//!
//! It does what [`super::Book`] does and is plain data: it can be compared, written down and
//! hashed, and knows no range of prices beforehand. That costs a factor in speed, where a market
//! has hundreds of slots open at once and each order waits for a disk.
//!
//! Invariants: the best bid is below the best ask; no trade is outside of a limit or between orders
//! of one owner; the same calls give the same events and an equal session.
//! Deliberately absent: clocks (every call says the time), whose order it is to cancel, fees.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use units::{Energy, Price};

use super::{SelfTrade, TimeInForce};
use crate::Side;

/// An order that comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incoming {
    /// Its name: new in this session.
    pub order: u64,
    /// Who owns it: orders of one owner never trade with each other.
    pub owner: u64,
    /// Buy or sell.
    pub side: Side,
    /// The energy price at which it still gains.
    pub price: Price,
    /// How much; above zero.
    pub quantity: Energy,
    /// How much it must trade at once, or it leaves.
    pub min_fill: Energy,
    /// What becomes of what is left. Moments are epoch seconds.
    pub time_in_force: TimeInForce,
    /// What happens when it would meet its own owner.
    pub self_trade: SelfTrade,
    /// The order that it takes the place of, which was cancelled just before. It keeps that one's
    /// place in the queue where side, price and owner are the same and it is for no more.
    pub replaces: Option<u64>,
}

/// What came of a call, in the order in which it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Two orders met.
    Traded {
        /// The buyer's.
        buy: u64,
        /// The seller's.
        sell: u64,
        /// The limit of the one that rested.
        price: Price,
        /// How much; above zero.
        quantity: Energy,
    },
    /// Two orders of one owner met, and both lost this without a trade.
    Netted {
        /// The incoming order.
        taker: u64,
        /// The resting order.
        maker: u64,
        /// How much; above zero.
        quantity: Energy,
    },
    /// An order left with something open.
    Left {
        /// Which.
        order: u64,
        /// What was open of it.
        quantity: Energy,
        /// Why.
        why: Why,
    },
}

/// Why an order left by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It was to trade at once, and this is what did not.
    Immediate,
    /// It would have met an order of its owner.
    SelfTrade,
    /// Its time has run out.
    Time,
}

/// Orders at one price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// The energy price.
    pub price: Price,
    /// What is open of them.
    pub quantity: Energy,
    /// How many they are.
    pub orders: usize,
}

/// An order that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Resting {
    owner: u64,
    side: Side,
    price: i64,
    /// What is open of it, in Wh; above zero.
    open: u64,
    /// Its place among all that came to rest.
    place: u64,
    /// Till when it is good, if time ends it.
    until: Option<u64>,
}

/// The trading of one slot. See the [module](self).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Session {
    resting: BTreeMap<u64, Resting>,
    /// Orders by price, turned so that the best comes first, then by place.
    bids: BTreeMap<i64, BTreeMap<u64, u64>>,
    /// Orders by price, then by place.
    asks: BTreeMap<i64, BTreeMap<u64, u64>>,
    /// When which order's time runs out.
    timed: BTreeSet<(u64, u64)>,
    places: u64,
    now: u64,
    /// The order that was cancelled just before, whose place can still be taken.
    vacated: Option<(u64, Resting)>,
}

impl Session {
    /// An order comes at `now`. One whose time has run out leaves at once.
    pub fn enter(&mut self, order: &Incoming, now: u64) -> Vec<Event> {
        let vacated = self.vacated.take();
        let mut events = self.expire(now);
        let quantity = order.quantity;
        let left = |quantity, why| Event::Left { order: order.order, quantity, why };
        if let TimeInForce::GoodTill(until) = order.time_in_force
            && until <= self.now
        {
            events.push(left(quantity, Why::Time));
            return events;
        }
        let least = match order.time_in_force {
            TimeInForce::FillOrKill => quantity,
            _ => order.min_fill,
        };
        if !self.can_trade(order, least) {
            events.push(left(quantity, Why::Immediate));
            return events;
        }
        let open = self.meet(order, &mut events);
        if open == Energy::ZERO {
            return events;
        }
        let until = match order.time_in_force {
            TimeInForce::GoodTillCancelled => None,
            TimeInForce::GoodTill(until) => Some(until),
            TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => {
                events.push(left(open, Why::Immediate));
                return events;
            }
        };
        let place = vacated.and_then(|(gone, left)| left.kept(gone, order)).unwrap_or_else(|| {
            self.places += 1;
            self.places
        });
        self.rest(order, open, place, until);
        events
    }

    /// Takes an order out; what was open of it, or `None` where it does not rest.
    pub fn cancel(&mut self, order: u64) -> Option<Energy> {
        self.vacated = None;
        let resting = self.take_out(order)?;
        let open = Energy::from_wh(resting.open);
        self.vacated = Some((order, resting));
        Some(open)
    }

    /// Time has come to `now`: orders that were good till then leave. Time that runs backwards
    /// changes nothing.
    pub fn expire(&mut self, now: u64) -> Vec<Event> {
        self.now = self.now.max(now);
        let due: Vec<u64> = self.lapsed(self.now).collect();
        let left = due.into_iter().filter_map(|order| {
            let quantity = Energy::from_wh(self.take_out(order)?.open);
            Some(Event::Left { order, quantity, why: Why::Time })
        });
        left.collect()
    }

    /// The orders that were good till `now` or before, the earliest first.
    pub fn lapsed(&self, now: u64) -> impl Iterator<Item = u64> {
        self.timed.range(..=(now, u64::MAX)).map(|(_, order)| *order)
    }

    /// What is open of an order; nothing where it does not rest.
    pub fn open(&self, order: u64) -> Energy {
        self.resting.get(&order).map_or(Energy::ZERO, |resting| Energy::from_wh(resting.open))
    }

    /// What rests on a side by price, the best first.
    pub fn depth(&self, side: Side) -> impl Iterator<Item = Depth> {
        self.side(side).iter().map(move |(merit, queue)| Depth {
            price: Price::from_n_per_wh(turn(*merit, side)),
            quantity: Energy::from_wh(queue.values().map(|order| self.resting[order].open).sum()),
            orders: queue.len(),
        })
    }

    /// Trades while prices cross; what is left to rest or to leave.
    fn meet(&mut self, order: &Incoming, events: &mut Vec<Event>) -> Energy {
        let mut open = order.quantity.wh();
        while open > 0 {
            let Some(name) = self.crossing(order).next() else { break };
            let maker = self.resting.get_mut(&name).expect("a queue names resting orders");
            let both = Energy::from_wh(maker.open.min(open));
            if maker.owner == order.owner && order.self_trade != SelfTrade::Decrement {
                let why = Why::SelfTrade;
                if order.self_trade != SelfTrade::CancelNewest {
                    let quantity = Energy::from_wh(maker.open);
                    self.take_out(name);
                    events.push(Event::Left { order: name, quantity, why });
                }
                if order.self_trade != SelfTrade::CancelOldest {
                    let quantity = Energy::from_wh(open);
                    events.push(Event::Left { order: order.order, quantity, why });
                    return Energy::ZERO;
                }
                continue;
            }
            let price = Price::from_n_per_wh(maker.price);
            events.push(if maker.owner == order.owner {
                Event::Netted { taker: order.order, maker: name, quantity: both }
            } else {
                let (buy, sell) = match order.side {
                    Side::Buy => (order.order, name),
                    Side::Sell => (name, order.order),
                };
                Event::Traded { buy, sell, price, quantity: both }
            });
            open -= both.wh();
            maker.open -= both.wh();
            if maker.open == 0 {
                self.take_out(name);
            }
        }
        Energy::from_wh(open)
    }

    /// Whether an order would trade at least this much on coming in.
    fn can_trade(&self, order: &Incoming, least: Energy) -> bool {
        let (mut traded, mut open) = (0, order.quantity.wh());
        for name in self.crossing(order) {
            if traded >= least.wh() || open == 0 {
                break;
            }
            let maker = &self.resting[&name];
            let both = maker.open.min(open);
            match (maker.owner == order.owner, order.self_trade) {
                (false, _) => {
                    traded += both;
                    open -= both;
                }
                (true, SelfTrade::Decrement) => open -= both,
                (true, SelfTrade::CancelOldest) => {}
                (true, SelfTrade::CancelNewest | SelfTrade::CancelBoth) => open = 0,
            }
        }
        traded >= least.wh()
    }

    /// The orders that this one would meet, in the order in which it would.
    fn crossing(&self, order: &Incoming) -> impl Iterator<Item = u64> {
        let against = match order.side {
            Side::Buy => Side::Sell,
            Side::Sell => Side::Buy,
        };
        let limit = turn(order.price.n_per_wh(), against);
        self.side(against).range(..=limit).flat_map(|(_, queue)| queue.values().copied())
    }

    fn side(&self, side: Side) -> &BTreeMap<i64, BTreeMap<u64, u64>> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn side_mut(&mut self, side: Side) -> &mut BTreeMap<i64, BTreeMap<u64, u64>> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    fn rest(&mut self, order: &Incoming, open: Energy, place: u64, until: Option<u64>) {
        let (price, side) = (order.price.n_per_wh(), order.side);
        let merit = turn(price, side);
        self.side_mut(side).entry(merit).or_default().insert(place, order.order);
        self.timed.extend(until.map(|until| (until, order.order)));
        let resting = Resting { owner: order.owner, side, price, open: open.wh(), place, until };
        self.resting.insert(order.order, resting);
    }

    fn take_out(&mut self, order: u64) -> Option<Resting> {
        let resting = self.resting.remove(&order)?;
        if let Some(until) = resting.until {
            self.timed.remove(&(until, order));
        }
        let (merit, place) = (turn(resting.price, resting.side), resting.place);
        let levels = self.side_mut(resting.side);
        let queue = levels.get_mut(&merit).expect("a resting order is at its price");
        queue.remove(&place);
        if queue.is_empty() {
            levels.remove(&merit);
        }
        Some(resting)
    }
}

impl Resting {
    /// The place that the order which takes the place of `gone` keeps, if it does.
    fn kept(&self, gone: u64, order: &Incoming) -> Option<u64> {
        let same = order.replaces == Some(gone)
            && (order.side, order.price.n_per_wh(), order.owner)
                == (self.side, self.price, self.owner);
        (same && order.quantity.wh() <= self.open).then_some(self.place)
    }
}

/// From a price to a merit, of which the lowest is the best, and back.
fn turn(price: i64, side: Side) -> i64 {
    match side {
        // The order turned round, without an overflow at either end.
        Side::Buy => !price,
        Side::Sell => price,
    }
}

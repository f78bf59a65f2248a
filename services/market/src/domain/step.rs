//! What happened in a slot that traded before its gate, as it is published and hashed; and all of
//! it run anew.
//!
//! The same [`Session`] runs here from the first step to the last as runs in the market order by
//! order, so what a whole run comes to is what was traded.
//!
//! A step's data under the journal root, integers big-endian:
//! ```text
//! "ST1" 0 sequence u64 at u64 force u8 until u64 owner u64 replaces u64     45 bytes
//! "ST1" 1 sequence u64 at u64 by u8                                         21 bytes
//! ```
//! `force`: 0 till the gate, 1 till `until`, 2 immediate or cancel, 3 fill or kill. `by`: 0 the
//! account, 1 chain, 2 suspension, 3 time, 6 cash that has left. Times are epoch seconds; what is
//! absent is zero.

use std::collections::{BTreeMap, BTreeSet};

use calendar::Timestamp;
use events::market::CancelledBy;
use matching::book::session::{Event, Incoming, Why};
use matching::book::{Session, on_tick};
use matching::{Clearing, Order, Rules, Side, Trade};
use serde::{Deserialize, Serialize};
use units::{Energy, Overflow, Price};

use super::trading::{Arrival, SelfTrade, TimeInForce};
use super::{Accepted, Difference};

/// One step of the trading of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// An order came, and met what waited.
    Placed {
        /// The order.
        sequence: u64,
        /// When.
        at: Timestamp,
        /// What becomes of what does not trade at once.
        time_in_force: TimeInForce,
        /// The first order of the slot that is of the same party.
        owner: u64,
        /// The order that it takes the place of, which left just before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<u64>,
    },
    /// What was open of an order left. Orders that leave because they were to trade at once, met
    /// one of their own party, or were out of time when another came, have no step: that follows.
    Left {
        /// The order.
        sequence: u64,
        /// When.
        at: Timestamp,
        /// Why.
        by: CancelledBy,
    },
}

impl Step {
    pub(super) fn placed(order: &Accepted, arrival: &Arrival) -> Step {
        Step::Placed {
            sequence: order.sequence,
            at: order.at,
            time_in_force: arrival.time_in_force,
            owner: arrival.owner,
            replaces: arrival.replaces,
        }
    }

    /// The order that it is of.
    pub fn sequence(&self) -> u64 {
        let (Step::Placed { sequence, .. } | Step::Left { sequence, .. }) = self;
        *sequence
    }

    /// The data of its leaf under the journal root.
    pub fn data(&self) -> Vec<u8> {
        let mut data = b"ST1".to_vec();
        match *self {
            Step::Placed { sequence, at, time_in_force, owner, replaces } => {
                let (force, until) = match time_in_force {
                    TimeInForce::GoodTillGate => (0, 0),
                    TimeInForce::GoodTillTime { until } => (1, until.unsigned()),
                    TimeInForce::ImmediateOrCancel => (2, 0),
                    TimeInForce::FillOrKill => (3, 0),
                };
                data.push(0);
                data.extend([sequence, at.unsigned()].map(u64::to_be_bytes).concat());
                data.push(force);
                let numbers = [until, owner, replaces.unwrap_or_default()];
                data.extend(numbers.map(u64::to_be_bytes).concat());
            }
            Step::Left { sequence, at, by } => {
                data.push(1);
                data.extend([sequence, at.unsigned()].map(u64::to_be_bytes).concat());
                data.push(match by {
                    CancelledBy::Account => 0,
                    CancelledBy::Chain => 1,
                    CancelledBy::Suspension => 2,
                    CancelledBy::Time => 3,
                    CancelledBy::Immediate => 4,
                    CancelledBy::SelfTrade => 5,
                    CancelledBy::Funds => 6,
                });
            }
        }
        data
    }
}

/// What a whole run of the steps of a slot comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Run {
    /// The trades, in their order.
    pub(super) clearing: Clearing,
    /// The orders that have traded, or waited to the end.
    pub(super) took_part: BTreeSet<u64>,
    /// How often orders of one party did not trade with each other.
    pub(super) kept_apart: usize,
}

/// Runs the steps of a slot from the first to the last. `orders` are all that were accepted for it,
/// by sequence.
///
/// # Errors
/// [`Difference::Step`] with the first step that cannot have happened.
pub(super) fn run(
    steps: &[Step],
    orders: &[Order],
    rules: &Rules,
    self_trade: SelfTrade,
) -> Result<Run, Difference> {
    let known: BTreeMap<u64, &Order> = orders.iter().map(|order| (order.sequence, order)).collect();
    let mut coming = known.keys().copied();
    let mut owners: BTreeMap<[u8; 20], u64> = BTreeMap::new();
    let (mut session, mut run) = (Session::default(), Run::default());
    for step in steps {
        let sequence = step.sequence();
        let wrong = |what: &str| Difference::Step { sequence, what: what.to_owned() };
        let order = known.get(&sequence).ok_or_else(|| wrong("there is no such order"))?;
        let Step::Placed { at, time_in_force, owner, replaces, .. } = *step else {
            leave(&mut session, step).map_err(wrong)?;
            continue;
        };
        // Each order once, in its sequence.
        if coming.next() != Some(sequence) {
            return Err(wrong("it came in another place"));
        }
        let among = known.contains_key(&owner) && owner <= sequence;
        if !among || *owners.entry(order.owner).or_insert(owner) != owner {
            return Err(wrong("its account is said to be of two parties, or of none"));
        }
        let price = energy_price(order.side, order.price, rules);
        let incoming = Incoming {
            order: sequence,
            owner,
            side: order.side,
            price: price.map_err(|Overflow| wrong("its limit does not fit"))?,
            quantity: order.quantity,
            min_fill: order.min_fill,
            time_in_force: time_in_force.in_book(),
            self_trade: self_trade.in_book(),
            replaces,
        };
        for event in session.enter(&incoming, at.unsigned()) {
            run.take(event, &known).map_err(|Overflow| wrong("the volume does not fit"))?;
        }
    }
    if let Some(sequence) = coming.next() {
        return Err(Difference::Step { sequence, what: "it never came".to_owned() });
    }
    let waits = known.keys().filter(|order| session.open(**order) > Energy::ZERO);
    run.took_part.extend(waits);
    Ok(run)
}

/// What is open of an order leaves; what is wrong with that, if anything.
fn leave(session: &mut Session, step: &Step) -> Result<(), &'static str> {
    let Step::Left { sequence, at, by } = *step else { return Ok(()) };
    let lapsed = session.lapsed(at.unsigned()).any(|order| order == sequence);
    match by {
        CancelledBy::Immediate | CancelledBy::SelfTrade => return Err("that follows by itself"),
        CancelledBy::Time if !lapsed => return Err("its time had not run out"),
        _ => {}
    }
    session.cancel(sequence).map(drop).ok_or("nothing of it was open")
}

impl Run {
    fn take(&mut self, event: Event, known: &BTreeMap<u64, &Order>) -> Result<(), Overflow> {
        match event {
            Event::Traded { buy, sell, price, quantity } => {
                self.took_part.extend([buy, sell]);
                self.clearing.volume = self.clearing.volume.plus(quantity)?;
                let (buyer, seller) = (known[&buy].id, known[&sell].id);
                let (buy_price, sell_price) = (price, price);
                self.clearing.trades.push(Trade { buyer, seller, quantity, buy_price, sell_price });
            }
            Event::Netted { .. } | Event::Left { why: Why::SelfTrade, .. } => self.kept_apart += 1,
            Event::Left { .. } => {}
        }
        Ok(())
    }
}

/// The energy price, on the tick, at which an order with this limit gains.
pub(super) fn energy_price(side: Side, limit: Price, rules: &Rules) -> Result<Price, Overflow> {
    let energy = match side {
        Side::Buy => rules.fees.energy_bid(limit)?,
        Side::Sell => rules.fees.energy_ask(limit)?,
    };
    on_tick(side, energy, rules.tick)
}

//! Trading before the gate: in slots of the continuous mechanism orders meet when they come.
//!
//! ```text
//! Accepted (with its Arrival) --> Session --> trades, what is left of it rests or leaves
//! Cancelled ------------------> leaves; its step and place are kept for who computes it anew
//! gate -----------------------> the trades, in their order, are the fills of the clearing
//! ```
//!
//! A slot trades like this when its first order was accepted with an [`Arrival`]. That says all
//! which the fold needs and no parameter of the market may change later: so a restart, or other
//! parameters, give the same book and the same trades.
//!
//! Invariants: what is traded stays: no cancellation, suspension or amendment touches it; an order
//! holds what is open of it, at its own limit; a trade holds what its buyer owes for it, and what
//! its seller's order held for that energy.
//! Deliberately absent: what a trade is worth if nothing is carried; a slot that is curtailed, or
//! over, comes to nothing at its gate, like one of any other mechanism.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::Address;
use calendar::Timestamp;
use contracts::Side;
use events::market::CancelledBy;
use ids::{AccountId, OrderId};
use matching::book::session::{Event, Incoming, Why};
use matching::book::{self, Session};
use matching::{Clearing, Mechanism, Rules, Trade};
use serde::{Deserialize, Serialize, Serializer};
use units::{Energy, Money, Overflow, Price};

use super::order::slot_start;
use super::place::ensure;
use super::step::energy_price;
use super::{Accepted, Exchange, NewOrder, Parameters, Rejection, SlotBook, Status, Step};

/// What becomes of an order that is not traded at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TimeInForce {
    /// It waits until the gate of its slot.
    #[default]
    GoodTillGate,
    /// It waits until this moment, or the gate.
    GoodTillTime {
        /// The first moment at which it is no longer good.
        until: Timestamp,
    },
    /// What does not trade at once leaves.
    ImmediateOrCancel,
    /// It trades whole at once, or not at all.
    FillOrKill,
}

impl TimeInForce {
    /// As the book has it, in epoch seconds.
    pub(super) fn in_book(self) -> book::TimeInForce {
        match self {
            TimeInForce::GoodTillGate => book::TimeInForce::GoodTillCancelled,
            TimeInForce::GoodTillTime { until } => book::TimeInForce::GoodTill(until.unsigned()),
            TimeInForce::ImmediateOrCancel => book::TimeInForce::ImmediateOrCancel,
            TimeInForce::FillOrKill => book::TimeInForce::FillOrKill,
        }
    }
}

/// What happens to an order that would meet one of its own party before the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelfTrade {
    /// It is refused with `STP`.
    #[default]
    Refuse,
    /// What is left of it is cancelled when it comes to the other.
    CancelNewest,
    /// The one that waits is cancelled.
    CancelOldest,
    /// Both are cancelled.
    CancelBoth,
    /// Both lose the smaller of their quantities: when they come, or at the gate where orders meet
    /// there, best bid against best ask, before the book is solved.
    Decrement,
}

impl SelfTrade {
    pub(super) fn in_book(self) -> book::SelfTrade {
        match self {
            // A refused order is in no book.
            SelfTrade::Refuse | SelfTrade::CancelNewest => book::SelfTrade::CancelNewest,
            SelfTrade::CancelOldest => book::SelfTrade::CancelOldest,
            SelfTrade::CancelBoth => book::SelfTrade::CancelBoth,
            SelfTrade::Decrement => book::SelfTrade::Decrement,
        }
    }
}

/// What an order comes into a book with that trades before the gate, beside what was signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrival {
    /// What becomes of what does not trade at once.
    pub time_in_force: TimeInForce,
    /// Whose it is: the sequence of the first order that its party placed for the slot.
    pub owner: u64,
    /// The sequence of the order that it takes the place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<u64>,
    /// The energy price, on the tick, at which it still gains.
    pub price: Price,
    /// What a buyer pays for a Wh besides the price of the energy.
    pub surcharge: Price,
    /// The tick of the slot.
    pub tick: Price,
    /// What the slot does about orders of one party.
    pub self_trade: SelfTrade,
}

/// A trade before the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StruckTrade {
    /// The buyer's order.
    pub buy: OrderId,
    /// The seller's order.
    pub sell: OrderId,
    /// How much.
    pub quantity: Energy,
    /// The energy price, of both.
    pub price: Price,
    /// When.
    pub at: Timestamp,
    /// What is held of the buyer: energy, network and buyer's fee.
    pub escrow: Money,
    /// What is held of the seller until the gate says what it may owe.
    pub collateral: Money,
}

/// Trades in their order, and which of them are of an order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "Vec<StruckTrade>")]
pub struct StruckTrades {
    all: Vec<StruckTrade>,
    /// The places of an order's trades.
    places: BTreeMap<OrderId, Vec<usize>>,
}

impl StruckTrades {
    fn push(&mut self, trade: StruckTrade) {
        for order in [trade.buy, trade.sell] {
            self.places.entry(order).or_default().push(self.all.len());
        }
        self.all.push(trade);
    }

    fn of(&self, order: OrderId) -> impl Iterator<Item = &StruckTrade> {
        self.places.get(&order).into_iter().flatten().map(|place| &self.all[*place])
    }
}

impl std::ops::Deref for StruckTrades {
    type Target = [StruckTrade];

    fn deref(&self) -> &[StruckTrade] {
        &self.all
    }
}

impl From<Vec<StruckTrade>> for StruckTrades {
    fn from(all: Vec<StruckTrade>) -> StruckTrades {
        let mut trades = StruckTrades::default();
        all.into_iter().for_each(|trade| trades.push(trade));
        trades
    }
}

impl Serialize for StruckTrades {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.all.serialize(serializer)
    }
}

/// The trading of a slot before its gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trading {
    /// What waits. Empty once the slot is cleared.
    pub session: Session,
    /// What has traded, in its order.
    pub trades: StruckTrades,
    /// What happened, in its order.
    pub steps: Vec<Step>,
    /// A limit moves to a multiple of this, where its owner still gains.
    pub tick: Price,
    /// What is done about orders of one party.
    pub self_trade: SelfTrade,
    /// Orders that left by themselves when the last one came.
    pub left: Vec<OrderId>,
    /// The sequence of the first order of each account's party.
    pub(super) owners: BTreeMap<AccountId, u64>,
}

impl Trading {
    /// What has traded, as a mechanism says it.
    pub(super) fn clearing(&self) -> Clearing {
        let trade = |struck: &StruckTrade| Trade {
            buyer: struck.buy,
            seller: struck.sell,
            quantity: struck.quantity,
            buy_price: struck.price,
            sell_price: struck.price,
        };
        let volume = Energy::sum(self.trades.iter().map(|trade| trade.quantity));
        Clearing {
            volume: volume.expect("connections carry far less"),
            trades: self.trades.iter().map(trade).collect(),
            ..Clearing::default()
        }
    }
}

impl Accepted {
    /// What is neither traded nor given back of an order that waits; nothing of another one.
    pub fn open(&self) -> Energy {
        let gone = self.filled.plus(self.netted).expect("parts of its quantity");
        if self.status == Status::Open { self.terms.quantity.less(gone) } else { Energy::ZERO }
    }

    /// What is held for `quantity` of what is open of it: a hold is so much for each Wh.
    fn share(&self, quantity: Energy) -> Money {
        let each = self.hold.n() / self.open().wh().cast_signed();
        Money::from_n(each).times(quantity.wh()).expect("a part of what is held")
    }

    /// The order as a session takes it.
    pub(super) fn incoming(&self, arrival: &Arrival) -> Incoming {
        Incoming {
            order: self.sequence,
            owner: arrival.owner,
            side: side(self.terms.side),
            price: arrival.price,
            quantity: self.terms.quantity,
            min_fill: self.terms.min_fill,
            time_in_force: arrival.time_in_force.in_book(),
            self_trade: arrival.self_trade.in_book(),
            replaces: arrival.replaces,
        }
    }
}

fn side(side: Side) -> matching::Side {
    match side {
        Side::Buy => matching::Side::Buy,
        Side::Sell => matching::Side::Sell,
    }
}

impl Exchange {
    /// Whether an order that comes now for the slot that starts then meets others at once. A slot
    /// whose first orders came to meet at the gate stays like that.
    pub fn trades_at_once(&self, slot: Timestamp, parameters: &Parameters) -> bool {
        let empty = self.slots.get(&slot).is_none_or(|book| book.orders.is_empty());
        let continuous = self.mechanism(slot, parameters) == Mechanism::Continuous;
        self.trading(slot).is_some() || continuous && empty
    }

    /// What limits of the slot are multiples of.
    pub(super) fn tick(&self, slot: Timestamp, parameters: &Parameters) -> Price {
        self.trading(slot).map_or(parameters.tick, |trading| trading.tick)
    }

    /// What the slot does about orders of one party that would meet. Where orders meet at the gate
    /// there is no newest and no oldest one: they are netted, or refused.
    pub fn self_trade(&self, slot: Timestamp, parameters: &Parameters) -> SelfTrade {
        let begun = self.trading(slot).map(|trading| trading.self_trade);
        let nets = parameters.self_trade == SelfTrade::Decrement;
        let chosen = nets || self.trades_at_once(slot, parameters);
        begun.or(chosen.then_some(parameters.self_trade)).unwrap_or_default()
    }

    /// The order's time is not over, and means something in its slot.
    pub(super) fn check_time(
        &self,
        order: &NewOrder,
        slot: Timestamp,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let holds = match order.time_in_force {
            TimeInForce::GoodTillGate => true,
            TimeInForce::GoodTillTime { until } if until <= now => false,
            _ => self.trades_at_once(slot, parameters),
        };
        ensure(holds, Rejection::TimeInForce)
    }

    /// What the order comes into trading before the gate with; `None` where it meets others at the
    /// gate.
    pub(super) fn arrival(
        &self,
        (order, account): (&NewOrder, AccountId),
        replaced: Option<&Accepted>,
        parameters: &Parameters,
    ) -> Result<Option<Arrival>, Rejection> {
        let slot = slot_start(&order.terms);
        if !self.trades_at_once(slot, parameters) {
            return Ok(None);
        }
        let fees = parameters.fees;
        let rules = Rules::uniform(self.tick(slot, parameters), fees);
        let side = side(order.terms.side);
        let limit = order.terms.limit().map_err(|Overflow| Rejection::PriceCollar)?;
        let price = energy_price(side, limit, &rules).map_err(|Overflow| Rejection::PriceCollar)?;
        let surcharge = fees.network.plus(fees.buyer).map_err(|Overflow| Rejection::PriceCollar)?;
        Ok(Some(Arrival {
            time_in_force: order.time_in_force,
            owner: self.owner_in(slot, account).unwrap_or(self.sequence + 1),
            replaces: replaced.filter(|other| other.slot() == slot).map(|other| other.sequence),
            price,
            surcharge,
            tick: rules.tick,
            self_trade: self.self_trade(slot, parameters),
        }))
    }

    /// The owner that the party of an account is in a slot.
    fn owner_in(&self, slot: Timestamp, account: AccountId) -> Option<u64> {
        let owners = &self.trading(slot)?.owners;
        let party = self.members.get(&account).map(|member| member.party)?;
        let accounts = self.parties.get(&party).into_iter().flatten();
        // The account itself first: it stays of one owner if it changes its party.
        let known = std::iter::once(&account).chain(accounts);
        known.filter_map(|account| owners.get(account)).next().copied()
    }

    /// The trading of a slot before its gate; `None` where orders meet at the gate.
    pub fn trading(&self, slot: Timestamp) -> Option<&Trading> {
        self.slots.get(&slot)?.trading.as_ref()
    }

    /// What an order has traded before its gate, in its order; nothing in other slots.
    pub fn struck(&self, order: &Accepted) -> Vec<&StruckTrade> {
        let trading = self.trading(order.slot());
        trading.into_iter().flat_map(|trading| trading.trades.of(order.id)).collect()
    }

    /// The orders whose time has run out at `now`, by slot.
    pub fn lapsed(&self, now: Timestamp) -> Vec<OrderId> {
        let mut lapsed = Vec::new();
        for book in self.slots.values().filter(|book| book.cleared.is_none()) {
            let Some(trading) = &book.trading else { continue };
            let named = trading.session.lapsed(now.unsigned());
            lapsed.extend(named.map(|sequence| book.orders[&sequence]));
        }
        lapsed
    }

    /// An order that was just accepted meets what waits.
    pub(super) fn meet(&mut self, order: &Accepted, arrival: &Arrival) {
        let book = self.slots.get_mut(&order.slot()).expect("an accepted order has a book");
        let trading = book.trading.get_or_insert_with(|| Trading {
            session: Session::default(),
            trades: StruckTrades::default(),
            steps: Vec::new(),
            tick: arrival.tick,
            self_trade: arrival.self_trade,
            left: Vec::new(),
            owners: BTreeMap::new(),
        });
        trading.left.clear();
        trading.owners.entry(order.account).or_insert(arrival.owner);
        trading.steps.push(Step::placed(order, arrival));
        let events = trading.session.enter(&order.incoming(arrival), order.at.unsigned());
        for event in events {
            self.happened(order.slot(), event, order.at);
        }
    }

    /// An order that waits in a session leaves it, for a reason that the session does not know.
    pub(super) fn leave(&mut self, order: OrderId, by: CancelledBy, at: Timestamp) {
        let order = &self.orders[&order];
        let trading = self.slots.get_mut(&order.slot()).and_then(|book| book.trading.as_mut());
        let Some(trading) = trading else { return };
        trading.session.cancel(order.sequence).expect("an open order waits in its session");
        trading.steps.push(Step::Left { sequence: order.sequence, at, by });
    }

    /// The orders of a slot that waited to its gate, or have traded before.
    pub(super) fn taking_part(&self, slot: Timestamp) -> BTreeSet<OrderId> {
        let trades = self.trading(slot).map(|trading| trading.trades.iter());
        let traded = trades.into_iter().flatten().flat_map(|trade| [trade.buy, trade.sell]);
        let accepted = self.accepted_for(slot).into_iter();
        let waited = accepted.filter(|order| order.status != Status::Cancelled);
        traded.chain(waited.map(|order| order.id)).collect()
    }

    /// An order leaves by itself.
    fn depart(&mut self, slot: Timestamp, order: OrderId, by: CancelledBy, at: Timestamp) {
        self.withdraw(order, by, at);
        let trading = self.slots.get_mut(&slot).and_then(|book| book.trading.as_mut());
        trading.expect("a session is of a slot that trades").left.push(order);
    }

    fn happened(&mut self, slot: Timestamp, event: Event, at: Timestamp) {
        let named = |book: &BTreeMap<Timestamp, SlotBook>, order: u64| book[&slot].orders[&order];
        match event {
            Event::Traded { buy, sell, price, quantity } => {
                let (buy, sell) = (named(&self.slots, buy), named(&self.slots, sell));
                self.strike(slot, (buy, sell), (price, quantity), at);
            }
            Event::Netted { taker, maker, quantity } => {
                for order in [taker, maker].map(|order| named(&self.slots, order)) {
                    let found = self.orders.get_mut(&order).expect("a session names known orders");
                    let freed = found.share(quantity);
                    found.hold = found.hold.minus(freed).expect("a part of what is held");
                    found.netted = found.netted.plus(quantity).expect("a part of its quantity");
                    let address = found.terms.account;
                    let done = found.open() == Energy::ZERO;
                    self.cash.free(address, freed);
                    self.give_back(order, quantity);
                    if done {
                        self.depart(slot, order, CancelledBy::SelfTrade, at);
                    }
                }
            }
            Event::Left { order, why, .. } => {
                let by = match why {
                    Why::Immediate => CancelledBy::Immediate,
                    Why::SelfTrade => CancelledBy::SelfTrade,
                    Why::Time => CancelledBy::Time,
                };
                self.depart(slot, named(&self.slots, order), by, at);
            }
        }
    }

    /// Two orders have met: what they held for it is held for the trade, less what the buyer saves.
    fn strike(
        &mut self,
        slot: Timestamp,
        (buy, sell): (OrderId, OrderId),
        (price, quantity): (Price, Energy),
        at: Timestamp,
    ) {
        let surcharge = self.orders[&buy].arrival.as_ref().map(|arrival| arrival.surcharge);
        let all_in = price.plus(surcharge.unwrap_or_default()).expect("at most the buyer's limit");
        let escrow = all_in.cost_of(quantity).expect("at most what the buyer's order holds");
        let (buyer, held) = self.traded(buy, quantity);
        let saved = held.minus(escrow).expect("a trade is inside of the buyer's limit");
        self.cash.free(buyer, saved);
        let (_, collateral) = self.traded(sell, quantity);
        let book = self.slots.get_mut(&slot).expect("a trade is in a book");
        let trading = book.trading.as_mut().expect("a trade is of a session");
        trading.trades.push(StruckTrade { buy, sell, quantity, price, at, escrow, collateral });
    }

    /// A part of an order has traded: whose it is, and what was held for that part.
    fn traded(&mut self, id: OrderId, quantity: Energy) -> (Address, Money) {
        let order = self.orders.get_mut(&id).expect("a session names known orders");
        let held = order.share(quantity);
        order.hold = order.hold.minus(held).expect("a part of what is held");
        order.filled = order.filled.plus(quantity).expect("a part of its quantity");
        let address = order.terms.account;
        if order.open() == Energy::ZERO {
            order.status = Status::Filled;
            let (slot, account) = (order.slot(), order.account);
            self.shut(slot, account, id);
        }
        (address, held)
    }

    /// At the gate: what was held for trades is free, and nothing has been traded, so that the
    /// clearing says anew what has.
    pub(super) fn settle_up(&mut self, slot: Timestamp) {
        let Some(book) = self.slots.get_mut(&slot) else { return };
        let Some(trading) = &mut book.trading else { return };
        trading.session = Session::default();
        for trade in trading.trades.iter() {
            for (order, held) in [(trade.buy, trade.escrow), (trade.sell, trade.collateral)] {
                let order = self.orders.get_mut(&order).expect("a trade names known orders");
                order.filled = Energy::ZERO;
                self.cash.free(order.terms.account, held);
            }
        }
    }
}

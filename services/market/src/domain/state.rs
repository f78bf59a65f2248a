//! The market's state, and how an entry changes it.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, keccak256};
use calendar::{Slot, Timestamp};
use contracts::Side;
use events::market::CancelledBy;
use ids::{AccountId, ConnectionPointId, OrderId, PartyId};
use matching::Mechanism;
use serde::{Deserialize, Serialize};
use tariff::Tariff;
use units::{Energy, Price};

use super::history::History;
use super::limits::Limits;
use super::mandates::Mandates;
use super::nonces::Nonces;
use super::reputation::{Deliveries, Outcome};
use super::risk::Risk;
use super::rules::Rules;
use super::sealed::Sealing;
use super::sharing::Sharing;
use super::trading::Trading;
use super::{
    Accepted, Cash, ClearedSlot, Entry, Member, Meter, Movement, Parameters, Point,
    PublishedTariff, SealState, Status, TradeHold,
};

/// How long a slot, its orders and its trades are remembered after it started.
pub const RETAINED_SECONDS: i64 = 8 * 24 * 3600;

/// What one connection point has in the book of one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Committed {
    /// Energy of open orders to buy.
    pub buy: Energy,
    /// Energy of open orders to sell.
    pub sell: Energy,
    /// How many orders were accepted, cancelled ones included.
    pub orders: usize,
}

impl Committed {
    fn side(&mut self, side: Side) -> &mut Energy {
        match side {
            Side::Buy => &mut self.buy,
            Side::Sell => &mut self.sell,
        }
    }
}

/// The orders of one slot and what came of them.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SlotBook {
    /// By sequence.
    pub orders: BTreeMap<u64, OrderId>,
    /// What each connection point has in the book.
    pub committed: BTreeMap<ConnectionPointId, Committed>,
    /// What each account has open.
    pub open: BTreeMap<AccountId, BTreeSet<OrderId>>,
    /// The outcome, once cleared.
    pub cleared: Option<ClearedSlot>,
    /// What was traded before the gate, where orders meet when they come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trading: Option<Trading>,
    /// What became of its trades, by fill index, once that was told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) outcomes: BTreeMap<u32, Outcome>,
    /// What the trades of each account came to at their prices, once cleared, in 1e-9 currency.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) worth: BTreeMap<AccountId, i128>,
}

/// A market: the fold of its journal.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Exchange {
    pub(super) members: BTreeMap<AccountId, Member>,
    /// The addresses that members got later, by the start of their first slot.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) addresses: BTreeMap<AccountId, BTreeMap<Timestamp, Address>>,
    pub(super) parties: BTreeMap<PartyId, BTreeSet<AccountId>>,
    pub(super) points: BTreeMap<ConnectionPointId, Point>,
    pub(super) meters: BTreeMap<ConnectionPointId, Meter>,
    pub(super) tariffs: Vec<PublishedTariff>,
    pub(super) cash: Cash,
    pub(super) slots: BTreeMap<Timestamp, SlotBook>,
    pub(super) orders: BTreeMap<OrderId, Accepted>,
    pub(super) nonces: Nonces,
    pub(super) mandates: Mandates,
    pub(super) limits: Limits,
    /// What was fed in.
    pub(super) history: History,
    /// What was taken.
    pub(super) taken: History,
    pub(super) rules: Rules,
    pub(super) risk: Risk,
    pub(super) mechanisms: BTreeMap<Timestamp, Mechanism>,
    #[serde(default, skip_serializing_if = "Sharing::is_empty")]
    pub(super) sharing: Sharing,
    #[serde(default, skip_serializing_if = "Sealing::is_empty")]
    pub(super) sealing: Sealing,
    #[serde(default, skip_serializing_if = "Deliveries::is_empty")]
    pub(super) deliveries: Deliveries,
    pub(super) sequence: u64,
    pub(super) feed: Option<u64>,
}

impl Exchange {
    /// Applies a fact. Facts are not judged again.
    pub fn apply(&mut self, entry: &Entry) {
        self.risk.apply(entry);
        match entry {
            Entry::Member(member) => self.joined(member),
            Entry::Address(next) => {
                let later = self.addresses.entry(next.account).or_default();
                later.insert(next.from, next.address);
            }
            Entry::Point(point) => {
                self.points.insert(point.connection_point, point.clone());
            }
            Entry::Meter(meter) => {
                self.meters.insert(meter.connection_point, meter.clone());
            }
            Entry::Tariff(tariff) => self.tariffs.push(tariff.clone()),
            Entry::Accepted(order) => self.accepted(order),
            Entry::Cancelled { order, by, at } => self.cancelled(*order, *by, *at),
            Entry::Cleared(cleared) => self.cleared(cleared),
            Entry::Connected { sequence, number, hash, timestamp, finalized, movements } => {
                self.feed = Some(*sequence);
                self.cash.connect(*number, *hash, *timestamp, *finalized, movements);
                for movement in movements {
                    match movement {
                        Movement::NonceEnded { address, nonce } => {
                            self.nonces.end(*address, *nonce);
                        }
                        Movement::Mandated(mandate) => self.mandates.grant(*mandate),
                        Movement::In { .. } | Movement::Out { .. } | Movement::Ended { .. } => {}
                    }
                }
            }
            Entry::Disconnected { sequence, hash, .. } => {
                self.feed = Some(*sequence);
                for movement in self.cash.disconnect(*hash) {
                    if let Movement::Mandated(mandate) = movement {
                        self.mandates.take_back(&mandate);
                    }
                }
            }
            Entry::Exported { slot, exports, imports } => {
                exports.iter().for_each(|export| self.history.record(*slot, export));
                imports.iter().for_each(|import| self.taken.record(*slot, import));
            }
            Entry::RuleSet { rule, .. } => self.rules.set(rule.clone()),
            Entry::RuleEnded { rule, .. } => self.rules.end(*rule),
            Entry::Joined { membership, .. } => self.sharing.join(membership),
            Entry::Left { account, until, .. } => self.sharing.leave(*account, *until),
            Entry::SharesSet { from, shares, .. } => self.sharing.share(*from, shares),
            Entry::Metered { slot, points } => self.metered_members(*slot, points),
            Entry::Suspended { trader, suspension } => {
                self.limits.suspend(*trader, suspension.clone());
            }
            Entry::Resumed { trader, at, .. } => self.resumed(*trader, *at),
            Entry::BuyingChanged { account, buying } => self.buying_changed(*account, buying),
            Entry::Stopped(why) | Entry::StoppedAll(why) => self.stop_or_start(entry, Some(why)),
            Entry::Started { .. } | Entry::StartedAll { .. } => self.stop_or_start(entry, None),
            Entry::Reconciled { slot, run, trades } => self.reconciled(*slot, *run, trades),
            Entry::Curtailed(curtailment) => self.limits.curtail(curtailment.clone()),
            Entry::Lifted { from, to, .. } => self.limits.lift(*from, *to),
            Entry::ConsentAsked(_) | Entry::ConsentDecided { .. } | Entry::RiskLimitsSet(_) => {}
            Entry::MechanismChosen { from, mechanism, .. } => {
                self.mechanisms.insert(*from, *mechanism);
            }
            Entry::SealingChosen { from, reveal_seconds, .. } => {
                self.sealing.choose(*from, *reveal_seconds);
            }
            Entry::Sealed(commitment) => self.sealed(commitment),
            Entry::SealWithdrawn { commitment, at } => {
                self.sealing.set(*commitment, SealState::Withdrawn { at: *at });
            }
            Entry::GateClosed { slot, at, .. } => self.sealing.close(*slot, *at),
            Entry::RevealResumed { slot, at } => self.sealing.resume(*slot, *at),
            Entry::SealRefused { commitment, why, .. } => self.sealing.refuse(*commitment, why),
        }
    }

    fn joined(&mut self, member: &Member) {
        let before = self.members.insert(member.account, member.clone());
        let left = before.and_then(|before| self.parties.get_mut(&before.party));
        left.map(|accounts| accounts.remove(&member.account));
        self.parties.entry(member.party).or_default().insert(member.account);
    }

    fn accepted(&mut self, order: &Accepted) {
        self.sequence = order.sequence;
        let book = self.slots.entry(order.slot()).or_default();
        book.orders.insert(order.sequence, order.id);
        let committed = book.committed.entry(order.terms.connection_point).or_default();
        committed.orders += 1;
        let side = committed.side(order.terms.side);
        *side = side.plus(order.terms.quantity).expect("an accepted order is within the limit");
        book.open.entry(order.account).or_default().insert(order.id);
        self.nonces.used(order.terms.account, order.terms.nonce, order.id);
        self.cash.hold(order.terms.account, order.hold);
        self.orders.insert(order.id, order.clone());
        if let Some(opened) = order.commitment() {
            self.sealing.set(opened, SealState::Opened { order: order.id });
        }
        if let Some(arrival) = &order.arrival {
            self.meet(order, arrival);
        }
    }

    fn cancelled(&mut self, id: OrderId, by: CancelledBy, at: Timestamp) {
        let order = self.orders.get(&id).expect("only an accepted order is cancelled");
        assert_eq!(order.status, Status::Open, "only an open order is cancelled");
        self.leave(id, by, at);
        self.withdraw(id, by, at);
    }

    /// What is open of an order does not trade any more.
    pub(super) fn withdraw(&mut self, id: OrderId, by: CancelledBy, at: Timestamp) {
        let order = &self.orders[&id];
        let open = order.open();
        self.cash.free(order.terms.account, order.hold);
        self.give_back(id, open);
        self.close(id, by, at);
    }

    /// The connection point can trade `quantity` again, which an order does not want any more.
    pub(super) fn give_back(&mut self, id: OrderId, quantity: Energy) {
        let order = &self.orders[&id];
        let book = self.slots.get_mut(&order.slot()).expect("an order has a book");
        let committed = book.committed.entry(order.terms.connection_point).or_default();
        let side = committed.side(order.terms.side);
        *side = side.less(quantity);
    }

    fn close(&mut self, id: OrderId, by: CancelledBy, at: Timestamp) {
        let order = self.orders.get_mut(&id).expect("an open order is known");
        order.status = Status::Cancelled;
        (order.cancelled_by, order.cancelled_at) = (Some(by), Some(at));
        let (slot, account) = (order.slot(), order.account);
        self.shut(slot, account, id);
    }

    /// An order is not open any more.
    pub(super) fn shut(&mut self, slot: Timestamp, account: AccountId, id: OrderId) {
        let book = self.slots.get_mut(&slot).expect("an order has a book");
        book.open.entry(account).or_default().remove(&id);
    }

    fn cleared(&mut self, cleared: &ClearedSlot) {
        let ids: Vec<OrderId> = self
            .slots
            .get(&cleared.slot)
            .map(|book| book.orders.values().copied().collect())
            .unwrap_or_default();
        self.settle_up(cleared.slot);
        for id in ids {
            let order = self.orders.get_mut(&id).expect("a book names known orders");
            match order.status {
                Status::Open => self.cash.free(order.terms.account, order.hold),
                Status::Filled => {}
                Status::Cancelled | Status::Cleared => continue,
            }
            order.status = Status::Cleared;
        }
        for trade in &cleared.trades {
            let buyer = self.fill(trade.buy, trade.quantity);
            let seller = self.fill(trade.sell, trade.quantity);
            self.cash.hold_trade(
                trade.trade,
                TradeHold {
                    buyer,
                    escrow: trade.escrow,
                    seller,
                    collateral: trade.collateral,
                    until: cleared.ends,
                    ended: None,
                },
            );
        }
        let worth = self.worth_of(cleared);
        let book = self.slots.entry(cleared.slot).or_default();
        book.committed.clear();
        book.open.clear();
        book.worth = worth;
        book.cleared = Some(cleared.clone());
        self.sharing.done(cleared.slot);
        self.expire(cleared);
        self.forget(cleared.slot.plus_seconds(-RETAINED_SECONDS));
    }

    fn fill(&mut self, order: OrderId, quantity: Energy) -> Address {
        let order = self.orders.get_mut(&order).expect("a trade names known orders");
        order.filled = order.filled.plus(quantity).expect("a fill is within its order");
        order.terms.account
    }

    /// Forgets cleared slots that started before `moment`, with their orders and nonces, and what
    /// was curtailed until then.
    fn forget(&mut self, moment: Timestamp) {
        let old = self.slots.range(..moment);
        let old: Vec<Timestamp> =
            old.filter(|(_, book)| book.cleared.is_some()).map(|(slot, _)| *slot).collect();
        for slot in old {
            let book = self.slots.remove(&slot).unwrap_or_default();
            for trade in book.cleared.iter().flat_map(|cleared| &cleared.trades) {
                self.cash.forget(trade.trade);
            }
            for order in book.orders.values().filter_map(|id| self.orders.remove(id)) {
                self.nonces.forget(order.terms.account, order.terms.nonce);
            }
        }
        self.limits.forget(moment);
        self.sharing.forget(moment);
        self.sealing.forget(moment);
        // The last one that began before then still holds.
        if let Some((&holds, _)) = self.mechanisms.range(..=moment).next_back() {
            self.mechanisms.retain(|from, _| *from >= holds);
        }
    }

    /// One hash over everything the market knows: two replicas with the same journal agree on it.
    pub fn hash(&self) -> B256 {
        keccak256(serde_json::to_vec(self).expect("the state is plain data with text keys"))
    }

    /// A member by account.
    pub fn member(&self, account: AccountId) -> Option<&Member> {
        self.members.get(&account)
    }

    /// The address at which an account settles the slot that starts at `slot`, and which signs its
    /// orders for it.
    pub fn address_at(&self, account: AccountId, slot: Timestamp) -> Option<Address> {
        let later = self.addresses.get(&account).and_then(|later| later.range(..=slot).next_back());
        match later {
            Some((_, address)) => Some(*address),
            None => self.members.get(&account).map(|member| member.address),
        }
    }

    /// The addresses of an account with the start of the first slot of each, `None` for the one
    /// that it was opened with; oldest first.
    pub fn addresses(
        &self,
        account: AccountId,
    ) -> impl Iterator<Item = (Option<Timestamp>, Address)> {
        let first = self.members.get(&account).map(|member| (None, member.address));
        let later = self.addresses.get(&account).into_iter().flatten();
        first.into_iter().chain(later.map(|(from, address)| (Some(*from), *address)))
    }

    /// A connection point.
    pub fn point(&self, point: ConnectionPointId) -> Option<&Point> {
        self.points.get(&point)
    }

    /// The serial of the meter at a connection point.
    pub fn meter(&self, point: ConnectionPointId) -> Option<&str> {
        self.meters.get(&point).map(|meter| meter.serial.as_str())
    }

    /// The tariff that holds at `moment`.
    pub fn tariff(&self, moment: Timestamp) -> Option<&Tariff> {
        let begun = self.tariffs.iter().filter(|tariff| tariff.valid_from <= moment);
        begun.max_by_key(|tariff| tariff.valid_from).map(|tariff| &tariff.tariff)
    }

    /// Retail and feed-in price of `slot`, inside what the policy allows; `None` without a tariff.
    pub fn prices(&self, slot: Slot, parameters: &Parameters) -> Option<(Price, Price)> {
        let tariff = self.tariff(slot.start)?;
        let retail = tariff.retail_price(slot).min(parameters.retail_price_max);
        Some((retail, tariff.feed_in_price(slot).max(parameters.feed_in_price_min)))
    }

    /// How the slot that starts at `slot` is cleared.
    pub fn mechanism(&self, slot: Timestamp, parameters: &Parameters) -> Mechanism {
        if self.trading(slot).is_some() {
            return Mechanism::Continuous;
        }
        let chosen = self.mechanisms.range(..=slot).next_back();
        chosen.map_or(parameters.mechanism, |(_, mechanism)| *mechanism)
    }

    /// The mechanisms that were chosen, each with the start of its first slot.
    pub fn mechanisms(&self) -> impl Iterator<Item = (Timestamp, Mechanism)> {
        self.mechanisms.iter().map(|(from, mechanism)| (*from, *mechanism))
    }

    /// The most that a connection point may offer in the slot that starts at `slot`, by what it
    /// has lately fed in; `None` while too little is known of it.
    pub fn sellable(
        &self,
        point: ConnectionPointId,
        slot: Timestamp,
        parameters: &Parameters,
    ) -> Option<Energy> {
        self.history.limit(point, slot, parameters)
    }

    /// The cash of an address.
    pub fn wallet(&self, address: Address) -> super::Wallet {
        self.cash.wallet(address)
    }

    /// How a trade stands on chain: `pending`, `settled` or `skipped`.
    pub fn settlement(&self, trade: B256) -> &'static str {
        match self.cash.trade(trade).map(|hold| hold.ended) {
            Some(None) => "pending",
            Some(Some((_, true))) => "settled",
            Some(Some((_, false))) | None => "skipped",
        }
    }

    /// An order.
    pub fn order(&self, order: OrderId) -> Option<&Accepted> {
        self.orders.get(&order)
    }

    /// All orders that are remembered, by slot and sequence.
    pub fn orders(&self) -> impl DoubleEndedIterator<Item = &Accepted> {
        let ids = self.slots.values().flat_map(|book| book.orders.values());
        ids.filter_map(|id| self.orders.get(id))
    }

    /// The orders that were accepted for the slot that starts then, by sequence.
    pub fn orders_of(&self, slot: Timestamp) -> impl DoubleEndedIterator<Item = &Accepted> {
        let ids = self.slots.get(&slot).into_iter().flat_map(|book| book.orders.values());
        ids.filter_map(|id| self.orders.get(id))
    }

    /// The book of a slot.
    pub fn slot(&self, slot: Timestamp) -> Option<&SlotBook> {
        self.slots.get(&slot)
    }

    /// All slots that are remembered, in order.
    pub fn slots(&self) -> impl DoubleEndedIterator<Item = (Timestamp, &SlotBook)> {
        self.slots.iter().map(|(slot, book)| (*slot, book))
    }

    /// The place of the last event of the ledger's feed that was applied.
    pub fn feed(&self) -> Option<u64> {
        self.feed
    }
}

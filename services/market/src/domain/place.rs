//! Order entry: the checks, in order, and what is held.

use calendar::{Slot, Timestamp};
use contracts::{OrderTerms, SellerRule, Side};
use events::market::CancelledBy;
use ids::{AccountId, OrderId};
use units::{Energy, Money, Overflow, Price};

use super::order::slot_start;
use super::{
    Accepted, Entry, Exchange, NewOrder, Opening, Parameters, Rejection, SelfTrade, Status,
};

/// The most accepted orders of one slot.
pub const ORDERS_PER_SLOT_MAX: usize = 20_000;
/// The most accepted orders of one connection point in one slot, cancelled ones included.
pub const ORDERS_PER_POINT_MAX: usize = 200;
/// The most open orders of one slot that contracts have to be asked about when they are settled:
/// so that each batch stays one transaction, whatever gas they use up.
pub const CONTRACT_ORDERS_PER_SLOT_MAX: usize = 40;
/// The warning that an order's limit lies where the account loses against its tariff.
pub const NO_GAIN_BAND: &str = "NO_GAIN_BAND";

/// The answer to an order that is not refused.
#[derive(Debug, Clone, PartialEq)]
pub enum Placement {
    /// It was accepted before, with the same content.
    Repeated(Box<Accepted>),
    /// It is accepted once this is journaled.
    New(Box<Accepted>),
}

/// How an order comes into the book of its slot.
pub(super) enum Way {
    /// While the book is open, for all to see.
    Openly,
    /// With a commitment, to be opened later.
    Sealed,
    /// When the gate is closed, as what a commitment stands for.
    Opened { opening: Opening, deposited: bool },
}

impl Exchange {
    /// Judges an order at `now`. Changes nothing: a new one is accepted when its entry is applied.
    pub fn place(
        &self,
        order: &NewOrder,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Placement, Rejection> {
        self.judge(order, &Way::Openly, parameters, now)
    }

    /// Judges an order however it comes.
    pub(super) fn judge(
        &self,
        order: &NewOrder,
        way: &Way,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Placement, Rejection> {
        if let Some(before) = self.orders.get(&order.id) {
            let came = before.arrival.as_ref().map(|arrival| arrival.time_in_force);
            let same = before.hash == order.hash
                && came.unwrap_or_default() == order.time_in_force
                && self.is_placed_by(order.account, before);
            return if same {
                Ok(Placement::Repeated(Box::new(before.clone())))
            } else {
                Err(Rejection::OtherContent)
            };
        }
        let terms = &order.terms;
        let owner = self.owner_of(order, parameters)?;
        let replaced = self.replaced(order, parameters, now)?;
        ensure(!order.is_delegated() || self.is_mandated(terms, parameters), Rejection::Delegate)?;
        let may = |account| self.may_trade(account, terms.connection_point);
        let may = may(owner) && may(order.account) && self.may_take(terms.side, owner);
        ensure(may, Rejection::Suspended)?;
        ensure(self.may_owe(terms.side, owner), Rejection::BuyingHeld)?;
        ensure(self.stopped().is_none(), Rejection::KillSwitch)?;
        let start = slot_start(terms);
        let slot = Slot::starting(start, parameters.slot_length).ok_or(Rejection::Slot)?;
        ensure(!self.is_shared_out(slot.start, parameters), Rejection::SharedOut)?;
        let open = self.is_open(slot.start, way, parameters, now);
        check_terms(terms, slot, (parameters, self.tick(slot.start, parameters)), open)?;
        self.check_time(order, slot.start, parameters, now)?;
        ensure(!self.is_curtailed(slot.start), Rejection::ZoneCurtailed)?;
        let prices = self.prices(slot, parameters).ok_or(Rejection::NoTariff)?;
        let retail = prices.0;
        self.check_price((terms, order.beyond_reference), slot, prices, parameters)?;
        self.check_quantity(terms, replaced, parameters)?;
        let room = self.has_room_for(order, way) && self.may_have_more(owner, replaced);
        ensure(room, Rejection::TooMany)?;
        let refused = match self.self_trade(slot.start, parameters) {
            SelfTrade::Refuse => self.meets_itself(owner, (terms, replaced), slot, parameters),
            SelfTrade::Decrement if !self.trades_at_once(slot.start, parameters) => {
                self.meets_another_address(owner, (terms, replaced), slot, parameters)
            }
            _ => false,
        };
        ensure(!refused, Rejection::SelfTrade)?;
        let hold = self.check_cash((terms, replaced), parameters, retail)?;
        self.check_owed((owner, terms), (hold, replaced), parameters, now)?;
        ensure(self.nonces.is_free(terms.account, terms.nonce), Rejection::Nonce)?;
        ensure(order.is_delegated() || order.signer == Some(terms.account), Rejection::Sig)?;
        let arrival = self.arrival((order, owner), replaced, parameters)?;
        Ok(Placement::New(Box::new(Accepted {
            id: order.id,
            sequence: self.sequence + 1,
            account: owner,
            terms: terms.clone(),
            hash: order.hash,
            signature: order.signature.clone(),
            hold,
            no_gain: self.no_gain(terms, slot, parameters),
            at: now,
            status: Status::Open,
            cancelled_by: None,
            cancelled_at: None,
            filled: Energy::ZERO,
            arrival,
            netted: Energy::ZERO,
            opens: match *way {
                Way::Opened { opening, .. } => Some(opening),
                Way::Openly | Way::Sealed => None,
            },
        })))
    }

    /// Whether orders come like this into the slot that starts then.
    pub(super) fn is_open(
        &self,
        slot: Timestamp,
        way: &Way,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let closed = self.sealed_book(slot).is_some_and(|book| book.closed.is_some());
        let before = parameters.opens(slot) <= now && now < parameters.gate(slot) && !closed;
        match way {
            Way::Openly => {
                ensure(self.reveal_seconds(slot).is_none(), Rejection::Sealed)?;
                ensure(before, Rejection::GateClosed)
            }
            Way::Sealed => ensure(before, Rejection::GateClosed),
            // What the market was left with it opens itself, however long it was away.
            Way::Opened { deposited, .. } => {
                let in_time = self.revealed_until(slot).is_some_and(|until| now < until);
                ensure(closed && (*deposited || in_time), Rejection::RevealClosed)
            }
        }
    }

    /// Judges the cancellation of an account's own order, or of one that names it as its delegate,
    /// at `now`: the entry that does it, or `None` when the order was cancelled before.
    pub fn cancel(
        &self,
        order: OrderId,
        account: AccountId,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Option<Entry>, Rejection> {
        let found = self.orders.get(&order).filter(|found| self.is_placed_by(account, found));
        let found = found.ok_or(Rejection::Unknown)?;
        match found.status {
            Status::Cancelled => Ok(None),
            Status::Cleared => Err(Rejection::GateClosed),
            _ if now >= parameters.gate(found.slot()) => Err(Rejection::GateClosed),
            Status::Filled => Err(Rejection::Traded),
            Status::Open => Ok(Some(Entry::Cancelled { order, by: CancelledBy::Account, at: now })),
        }
    }

    /// The order that another one takes the place of: one that could be cancelled.
    fn replaced(
        &self,
        order: &NewOrder,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Option<&Accepted>, Rejection> {
        let Some(id) = order.replaces else { return Ok(None) };
        self.cancel(id, order.account, parameters, now)?.ok_or(Rejection::Unknown)?;
        Ok(self.orders.get(&id))
    }

    /// Whose order it is: the account that has its address and its connection point, and places it
    /// or has it placed by its delegate.
    pub(super) fn owner_of(
        &self,
        order: &NewOrder,
        parameters: &Parameters,
    ) -> Result<AccountId, Rejection> {
        let terms = &order.terms;
        let point = self.points.get(&terms.connection_point).ok_or(Rejection::Account)?;
        let address = self.address_at(point.account, slot_start(terms));
        ensure(address == Some(terms.account), Rejection::Account)?;
        let by_owner = order.account == point.account;
        ensure(by_owner || self.is_delegate(order.account, terms), Rejection::Account)?;
        let here = terms.community == parameters.community
            && terms.zone == parameters.zone
            && parameters.covers(point.zone)
            && terms.policy == parameters.policy;
        ensure(here, Rejection::Policy)?;
        Ok(point.account)
    }

    /// Whether `account` may have placed an order: it is its own, or names it as its delegate.
    fn is_placed_by(&self, account: AccountId, order: &Accepted) -> bool {
        order.account == account || self.is_delegate(account, &order.terms)
    }

    /// Whether the terms name `account` as their delegate.
    fn is_delegate(&self, account: AccountId, terms: &OrderTerms) -> bool {
        let named = self.address_at(account, slot_start(terms)) == Some(terms.delegate);
        !terms.delegate.is_zero() && named
    }

    /// The connection can carry it, and is likely to feed it in, with the other open orders of the
    /// slot.
    fn check_quantity(
        &self,
        terms: &OrderTerms,
        replaced: Option<&Accepted>,
        parameters: &Parameters,
    ) -> Result<(), Rejection> {
        let point = &self.points[&terms.connection_point];
        let book = self.slots.get(&slot_start(terms));
        // The clock may have gone back since.
        ensure(book.is_none_or(|book| book.cleared.is_none()), Rejection::GateClosed)?;
        let committed = book.and_then(|book| book.committed.get(&terms.connection_point));
        let committed = committed.copied().unwrap_or_default();
        let (power, open) = match terms.side {
            Side::Buy => (point.import_max, committed.buy),
            Side::Sell => (point.export_max, committed.sell),
        };
        let beside = |other: &&Accepted| {
            let same = |terms: &OrderTerms| (terms.slot, terms.connection_point, terms.side);
            same(&other.terms) == same(terms)
        };
        let open = open.less(replaced.filter(beside).map_or(Energy::ZERO, Accepted::open));
        let seconds = parameters.slot_length.seconds().unsigned_abs();
        let carried = Energy::of_power(power, seconds);
        let wanted = open.plus(terms.quantity).map_err(|Overflow| Rejection::QtyPhysical)?;
        ensure(wanted <= carried, Rejection::QtyPhysical)?;
        let likely = match terms.side {
            Side::Buy => None,
            Side::Sell => self.sellable(terms.connection_point, slot_start(terms), parameters),
        };
        ensure(likely.is_none_or(|likely| wanted <= likely), Rejection::QtyForecast)?;
        let few = book.is_none_or(|book| book.orders.len() < ORDERS_PER_SLOT_MAX)
            && committed.orders < ORDERS_PER_POINT_MAX;
        ensure(few, Rejection::TooMany)
    }

    /// Whether few enough orders of its slot are of contracts, beside the one that it replaces.
    /// What was deposited has its place from then on.
    fn has_room_for(&self, order: &NewOrder, way: &Way) -> bool {
        let asked = |other: &&Accepted| {
            let waits = other.status == Status::Open && order.replaces != Some(other.id);
            other.signature.is_contract() && (waits || other.filled > Energy::ZERO)
        };
        let slot = slot_start(&order.terms);
        if !order.signature.is_contract() {
            return true;
        }
        let deposited = match way {
            Way::Openly | Way::Opened { deposited: true, .. } => 0,
            Way::Sealed | Way::Opened { .. } => self.contract_deposits(slot),
        };
        let accepted = self.accepted_for(slot).into_iter().filter(asked).count();
        accepted + deposited < CONTRACT_ORDERS_PER_SLOT_MAX
    }

    /// What the order holds, if the account's free cash covers it, with what the order holds that
    /// it takes the place of.
    fn check_cash(
        &self,
        (terms, replaced): (&OrderTerms, Option<&Accepted>),
        parameters: &Parameters,
        retail: Price,
    ) -> Result<Money, Rejection> {
        let short = match terms.side {
            Side::Buy => Rejection::Funds,
            Side::Sell => Rejection::Collateral,
        };
        let owner = self.points[&terms.connection_point].account;
        let all = terms.side == Side::Sell && self.covers_all(owner);
        let hold = hold(terms, parameters, (retail, all)).map_err(|Overflow| short)?;
        let freed = replaced.filter(|other| other.terms.account == terms.account);
        let freed = freed.map_or(Money::ZERO, |other| other.hold);
        let tradable = self.cash.wallet(terms.account).tradable().plus(freed);
        ensure(tradable.is_ok_and(|tradable| hold <= tradable), short)?;
        Ok(hold)
    }

    /// Whether the order may trade where the account loses against its tariff.
    fn no_gain(&self, terms: &OrderTerms, slot: Slot, parameters: &Parameters) -> bool {
        let network = self.network_fee(terms.connection_point, parameters);
        let Some((low, high)) = self.band_at(slot, network, parameters) else { return true };
        let fees = &parameters.fees;
        terms.limit().is_ok_and(|limit| match terms.side {
            Side::Buy => limit
                .minus(network)
                .and_then(|bid| bid.minus(fees.buyer))
                .is_ok_and(|bid| bid > high),
            Side::Sell => fees.energy_ask(limit).is_ok_and(|ask| ask < low),
        })
    }

    /// The energy prices of `slot` at which both sides gain with the fees they sign; `None` when
    /// there are none, or no tariff is known.
    pub fn band(&self, slot: Slot, parameters: &Parameters) -> Option<(Price, Price)> {
        self.band_at(slot, parameters.fees.network, parameters)
    }

    /// The same where a Wh pays `network` to the grid on its way.
    pub fn band_at(
        &self,
        slot: Slot,
        network: Price,
        parameters: &Parameters,
    ) -> Option<(Price, Price)> {
        let (retail, feed_in) = self.prices(slot, parameters)?;
        let high = retail.minus(network).ok()?.minus(parameters.fees.buyer).ok()?;
        let low = feed_in.plus(parameters.fees.seller).ok()?;
        (low < high).then_some((low, high))
    }
}

/// What does not depend on other orders.
fn check_terms(
    terms: &OrderTerms,
    slot: Slot,
    (parameters, tick): (&Parameters, Price),
    open: Result<(), Rejection>,
) -> Result<(), Rejection> {
    let tick = tick.n_per_wh().unsigned_abs();
    ensure(terms.limit_price.is_multiple_of(tick), Rejection::Tick)?;
    ensure(terms.quantity >= parameters.lot_min, Rejection::MinLot)?;
    ensure(terms.min_fill <= terms.quantity, Rejection::MinLot)?;
    open?;
    check_alone(terms, slot.end().unsigned())
}

/// What anybody can judge who has nothing but the order and the end of its slot.
pub(super) fn check_alone(terms: &OrderTerms, ends: u64) -> Result<(), Rejection> {
    ensure(terms.min_fill <= terms.quantity, Rejection::MinLot)?;
    ensure(terms.expiry >= ends, Rejection::Expiry)
}

/// Quantity x all-in limit for a buyer; for a seller the most that the contract takes as collateral
/// under the policy's rule: what the buyer would pay more elsewhere, at the lowest price the seller
/// may get, or the imbalance price, or nothing; but `all` that the buyer would pay more where the
/// seller has delivered little.
fn hold(
    terms: &OrderTerms,
    parameters: &Parameters,
    (retail, all): (Price, bool),
) -> Result<Money, Overflow> {
    let policy = &parameters.terms;
    let dearer = || -> Result<Price, Overflow> {
        let ask = parameters.fees.energy_ask(terms.limit()?)?;
        Ok(parameters.fees.energy_bid(retail)?.minus(ask)?.at_least_zero())
    };
    let price = match (terms.side, policy.seller_short) {
        (Side::Buy, _) => terms.limit()?,
        (Side::Sell, SellerRule::PayActual) => Price::ZERO,
        (Side::Sell, SellerRule::MakeWhole) => dearer()?,
        (Side::Sell, SellerRule::ImbalancePrice) => {
            let price = i64::try_from(policy.imbalance_price).map_err(|_| Overflow)?;
            Price::from_n_per_wh(price)
        }
    };
    let price = if all { price.max(dearer()?) } else { price };
    price.cost_of(terms.quantity)
}

pub(super) fn ensure(condition: bool, rejection: Rejection) -> Result<(), Rejection> {
    if condition { Ok(()) } else { Err(rejection) }
}

//! Order entry: the checks, in order, and what is held.

use calendar::{Slot, Timestamp};
use contracts::{OrderTerms, Side};
use ids::{AccountId, OrderId};
use units::{Energy, Money, Overflow, Price};

use super::order::slot_start;
use super::{Accepted, Entry, Exchange, NewOrder, Parameters, Status};

/// The most accepted orders of one slot.
pub const ORDERS_PER_SLOT_MAX: usize = 20_000;
/// The most accepted orders of one connection point in one slot, cancelled ones included.
pub const ORDERS_PER_POINT_MAX: usize = 200;
/// The warning that an order's limit lies where the account loses against its tariff.
pub const NO_GAIN_BAND: &str = "NO_GAIN_BAND";

/// Why an order, or a cancellation, is refused; in the order of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The same id came before with other content.
    #[error("the order id was used for another order")]
    OtherContent,
    /// The account, its address or the connection point is not one of this market.
    #[error("the account, its address and the connection point do not belong together here")]
    Account,
    /// Another community, zone or policy than this market's.
    #[error("the order names another community, zone or policy")]
    Policy,
    /// A delegate is named; only the account itself can sign.
    #[error("orders signed by a delegate are not accepted")]
    Delegate,
    /// The start is not that of a slot.
    #[error("no slot starts then")]
    Slot,
    /// The limit is not a multiple of the tick.
    #[error("the limit is not a multiple of the tick")]
    Tick,
    /// Less than the smallest order, or a `min_fill` above the quantity.
    #[error("the quantity is below the smallest order, or below its own minimum fill")]
    MinLot,
    /// After the gate, or before the book opens.
    #[error("the book of this slot is not open")]
    GateClosed,
    /// The order expires before the slot ends, so it might not be settled.
    #[error("the order expires before the slot ends")]
    Expiry,
    /// No tariff holds in the slot, so that nobody knows what energy is worth.
    #[error("no tariff is known for this slot")]
    NoTariff,
    /// The limit is above twice the retail price.
    #[error("the limit is above twice the retail price")]
    PriceCollar,
    /// More than the connection can carry in the slot.
    #[error("more than the connection can carry in this slot, together with its other orders")]
    QtyPhysical,
    /// Too many orders in this slot.
    #[error("too many orders in this slot")]
    TooMany,
    /// A buyer's cash does not cover quantity x limit.
    #[error("the free cash does not cover quantity times limit")]
    Funds,
    /// A seller's cash does not cover the collateral.
    #[error("the free cash does not cover the collateral")]
    Collateral,
    /// The nonce was used before.
    #[error("the nonce was used before")]
    Nonce,
    /// The signature is not the account's.
    #[error("the signature is not by the account's key")]
    Sig,
    /// There is no such order of this account.
    #[error("there is no such order")]
    Unknown,
}

impl Rejection {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Rejection::OtherContent => "CONFLICT",
            Rejection::Account => "ACCOUNT",
            Rejection::Policy => "POLICY",
            Rejection::Delegate => "DELEGATE",
            Rejection::Slot => "SLOT",
            Rejection::Tick => "TICK",
            Rejection::MinLot => "MIN_LOT",
            Rejection::GateClosed => "GATE_CLOSED",
            Rejection::Expiry => "EXPIRY",
            Rejection::NoTariff => "NO_TARIFF",
            Rejection::PriceCollar => "PRICE_COLLAR",
            Rejection::QtyPhysical => "QTY_PHYSICAL",
            Rejection::TooMany => "TOO_MANY",
            Rejection::Funds => "FUNDS",
            Rejection::Collateral => "COLLATERAL",
            Rejection::Nonce => "NONCE",
            Rejection::Sig => "SIG",
            Rejection::Unknown => "NOT_FOUND",
        }
    }

    /// Whether the same request may succeed later.
    pub fn retry_may_help(self) -> bool {
        matches!(self, Rejection::NoTariff | Rejection::Funds | Rejection::Collateral)
    }
}

/// The answer to an order that is not refused.
#[derive(Debug, Clone, PartialEq)]
pub enum Placement {
    /// It was accepted before, with the same content.
    Repeated(Box<Accepted>),
    /// It is accepted once this is journaled.
    New(Box<Accepted>),
}

impl Exchange {
    /// Judges an order at `now`. Changes nothing: a new one is accepted when its entry is applied.
    pub fn place(
        &self,
        order: &NewOrder,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Placement, Rejection> {
        if let Some(before) = self.orders.get(&order.id) {
            let same = before.hash == order.hash && before.account == order.account;
            return if same {
                Ok(Placement::Repeated(Box::new(before.clone())))
            } else {
                Err(Rejection::OtherContent)
            };
        }
        let terms = &order.terms;
        self.check_parties(order, parameters)?;
        let start = slot_start(terms);
        let slot = Slot::starting(start, parameters.slot_length).ok_or(Rejection::Slot)?;
        check_terms(terms, slot, parameters, now)?;
        let (retail, _) = self.prices(slot, parameters).ok_or(Rejection::NoTariff)?;
        let collar = retail.n_per_wh().saturating_mul(2);
        let collared = terms.limit().is_ok_and(|limit| limit.n_per_wh() <= collar);
        ensure(collared, Rejection::PriceCollar)?;
        self.check_quantity(terms, parameters)?;
        let hold = self.check_cash(terms, parameters, retail)?;
        let nonces = self.nonces.get(&terms.account);
        ensure(nonces.is_none_or(|used| !used.contains(&terms.nonce)), Rejection::Nonce)?;
        ensure(order.signer == Some(terms.account), Rejection::Sig)?;
        Ok(Placement::New(Box::new(Accepted {
            id: order.id,
            sequence: self.sequence + 1,
            account: order.account,
            terms: terms.clone(),
            hash: order.hash,
            signature: order.signature,
            hold,
            no_gain: self.no_gain(terms, slot, parameters),
            at: now,
            status: Status::Open,
            filled: Energy::ZERO,
        })))
    }

    /// Judges the cancellation of an account's own order at `now`: the entry that does it, or
    /// `None` when the order was cancelled before.
    pub fn cancel(
        &self,
        order: OrderId,
        account: AccountId,
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<Option<Entry>, Rejection> {
        let found = self.orders.get(&order).filter(|found| found.account == account);
        let found = found.ok_or(Rejection::Unknown)?;
        match found.status {
            Status::Cancelled => Ok(None),
            Status::Cleared => Err(Rejection::GateClosed),
            Status::Open if now >= parameters.gate(found.slot()) => Err(Rejection::GateClosed),
            Status::Open => Ok(Some(Entry::Cancelled { order, at: now })),
        }
    }

    /// The account is known, signs with its address, and owns the connection point.
    fn check_parties(&self, order: &NewOrder, parameters: &Parameters) -> Result<(), Rejection> {
        let terms = &order.terms;
        let member = self.members.get(&order.account).ok_or(Rejection::Account)?;
        let point = self.points.get(&terms.connection_point).ok_or(Rejection::Account)?;
        let own = member.address == terms.account && point.account == order.account;
        ensure(own, Rejection::Account)?;
        let here = terms.community == parameters.community
            && terms.zone == parameters.zone
            && point.zone == parameters.zone
            && terms.policy == parameters.policy;
        ensure(here, Rejection::Policy)?;
        ensure(terms.delegate.is_zero(), Rejection::Delegate)
    }

    /// The connection can carry it, with the other open orders of the slot.
    fn check_quantity(&self, terms: &OrderTerms, parameters: &Parameters) -> Result<(), Rejection> {
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
        let seconds = parameters.slot_length.seconds().unsigned_abs();
        let carried = Energy::of_power(power, seconds);
        let fits = open.plus(terms.quantity).is_ok_and(|wanted| wanted <= carried);
        ensure(fits, Rejection::QtyPhysical)?;
        let few = book.is_none_or(|book| book.orders.len() < ORDERS_PER_SLOT_MAX)
            && committed.orders < ORDERS_PER_POINT_MAX;
        ensure(few, Rejection::TooMany)
    }

    /// What the order holds, if the account's free cash covers it.
    fn check_cash(
        &self,
        terms: &OrderTerms,
        parameters: &Parameters,
        retail: Price,
    ) -> Result<Money, Rejection> {
        let short = match terms.side {
            Side::Buy => Rejection::Funds,
            Side::Sell => Rejection::Collateral,
        };
        let hold = hold(terms, parameters, retail).map_err(|Overflow| short)?;
        ensure(hold <= self.cash.wallet(terms.account).tradable(), short)?;
        Ok(hold)
    }

    /// Whether the order may trade where the account loses against its tariff.
    fn no_gain(&self, terms: &OrderTerms, slot: Slot, parameters: &Parameters) -> bool {
        let Some((low, high)) = self.band(slot, parameters) else { return true };
        let fees = &parameters.fees;
        terms.limit().is_ok_and(|limit| match terms.side {
            Side::Buy => fees.energy_bid(limit).is_ok_and(|bid| bid > high),
            Side::Sell => fees.energy_ask(limit).is_ok_and(|ask| ask < low),
        })
    }

    /// The energy prices of `slot` at which both sides gain with the fees they sign; `None` when
    /// there are none, or no tariff is known.
    pub fn band(&self, slot: Slot, parameters: &Parameters) -> Option<(Price, Price)> {
        let (retail, feed_in) = self.prices(slot, parameters)?;
        let high = parameters.fees.energy_bid(retail).ok()?;
        let low = feed_in.plus(parameters.fees.seller).ok()?;
        (low < high).then_some((low, high))
    }
}

/// What does not depend on other orders.
fn check_terms(
    terms: &OrderTerms,
    slot: Slot,
    parameters: &Parameters,
    now: Timestamp,
) -> Result<(), Rejection> {
    let tick = parameters.tick.n_per_wh().unsigned_abs();
    ensure(terms.limit_price.is_multiple_of(tick), Rejection::Tick)?;
    let lot = terms.quantity >= parameters.lot_min && terms.min_fill <= terms.quantity;
    ensure(lot, Rejection::MinLot)?;
    let open = parameters.opens(slot.start) <= now && now < parameters.gate(slot.start);
    ensure(open, Rejection::GateClosed)?;
    ensure(terms.expiry >= slot.end().unsigned(), Rejection::Expiry)
}

/// Quantity x all-in limit for a buyer; for a seller what the buyer would pay more elsewhere, at
/// the lowest price the seller may get.
fn hold(terms: &OrderTerms, parameters: &Parameters, retail: Price) -> Result<Money, Overflow> {
    match terms.side {
        Side::Buy => terms.limit()?.cost_of(terms.quantity),
        Side::Sell => {
            let ask = parameters.fees.energy_ask(terms.limit()?)?;
            parameters.fees.energy_bid(retail)?.minus(ask)?.at_least_zero().cost_of(terms.quantity)
        }
    }
}

fn ensure(condition: bool, rejection: Rejection) -> Result<(), Rejection> {
    if condition { Ok(()) } else { Err(rejection) }
}

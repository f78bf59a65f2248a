//! Limits of money before an order is accepted: how far its price may be from what energy costs,
//! and how much an account may owe at a time, and trade in a day.
//!
//! ```text
//! hard   limit <= collar_percent of the retail price               PRICE_COLLAR, always
//! soft   price within reference_percent of the reference           PRICE_REFERENCE, unless meant
//! owed   holds of open orders + trades of slots not over + this    EXPOSURE
//! day    open orders at their limits + trades at their prices      NOTIONAL
//! many   open orders of all slots                                  TOO_MANY
//! ```
//!
//! The reference is the volume-weighted price of the same slot of the seven days before; where
//! there is none, the middle of feed-in and retail price. In a batch with one price a limit is not
//! what is paid, and to name what energy is worth to one is the best one can do: so the soft collar
//! is no limit unless staff set one.
//! Deliberately absent: what other markets of the community know of the account, and what is owed
//! for slots that are over, which is settled (billing).

use std::collections::{BTreeMap, BTreeSet};

use calendar::{LocalDay, Slot, Timestamp};
use contracts::{OrderTerms, Side};
use ids::{AccountId, OrderId};
use units::{Energy, Money, Overflow, Price};

use super::order::slot_start;
use super::place::ensure;
use super::{Accepted, ClearedSlot, Exchange, Parameters, Rejection, Status};

/// How many days back prices count.
const REFERENCE_DAYS: i64 = 7;
const DAY_SECONDS: i64 = 86_400;
/// The part of a currency that a whole one is of.
const WHOLE: i128 = 1_000_000_000;

impl Exchange {
    /// Whether the limit is one that somebody may mean; `meant` where who placed it says so.
    pub(super) fn check_price(
        &self,
        (terms, meant): (&OrderTerms, bool),
        slot: Slot,
        (retail, feed_in): (Price, Price),
        parameters: &Parameters,
    ) -> Result<(), Rejection> {
        let limits = self.risk_limits();
        let limit = terms.limit().map_err(|Overflow| Rejection::PriceCollar)?;
        let percent = |price: i64, percent: i128| i128::from(price) * percent / 100;
        let collar = limits.collar_percent;
        let collar = collar.map(|most| percent(retail.n_per_wh(), i128::from(most)));
        if collar.is_some_and(|collar| i128::from(limit.n_per_wh()) > collar) {
            return Err(Rejection::PriceCollar);
        }
        let Some(most) = limits.reference_percent.map(i128::from).filter(|_| !meant) else {
            return Ok(());
        };
        let middle = i128::midpoint(retail.n_per_wh().into(), feed_in.n_per_wh().into());
        let reference = self.reference(slot).unwrap_or(middle);
        let within = match terms.side {
            Side::Buy => parameters
                .fees
                .energy_bid(limit)
                .is_ok_and(|bid| i128::from(bid.n_per_wh()) * 100 <= reference * (100 + most)),
            Side::Sell => parameters
                .fees
                .energy_ask(limit)
                .is_ok_and(|ask| i128::from(ask.n_per_wh()) * 100 >= reference * (100 - most)),
        };
        if within { Ok(()) } else { Err(Rejection::PriceReference) }
    }

    /// The volume-weighted price at that time of the seven days before, in 1e-9 currency per Wh.
    fn reference(&self, slot: Slot) -> Option<i128> {
        let before = (1..=REFERENCE_DAYS).filter_map(|back| {
            let book = self.slots.get(&slot.start.plus_seconds(-back * DAY_SECONDS))?;
            let cleared = book.cleared.as_ref()?;
            let volume = i128::from(cleared.volume.wh());
            Some((i128::from(cleared.price?.n_per_wh()) * volume, volume))
        });
        let (worth, volume) = before.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        worth.checked_div(volume)
    }

    /// Whether an account may have one more order open, without the one that it takes the place of.
    pub(super) fn may_have_more(&self, account: AccountId, replaced: Option<&Accepted>) -> bool {
        let Some(most) = self.risk_limits().open_orders else { return true };
        let freed = replaced.is_some_and(|other| other.account == account);
        let open = self.slots.values().filter_map(|book| book.open.get(&account));
        let open = open.map(BTreeSet::len).sum::<usize>() - usize::from(freed);
        open < most as usize
    }

    /// Whether an account may owe so much, and trade so much in a day, with this order more and
    /// without the one that it takes the place of.
    pub(super) fn check_owed(
        &self,
        (account, terms): (AccountId, &OrderTerms),
        (hold, replaced): (Money, Option<&Accepted>),
        parameters: &Parameters,
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let replaced = replaced.filter(|other| other.account == account);
        let limits = self.risk_limits();
        self.check_exposure(account, (hold, replaced), now)?;
        if let Some(most) = limits.daily_notional {
            let day = parameters.timezone.day_of(slot_start(terms));
            let same = |other: &&Accepted| parameters.timezone.day_of(other.slot()) == day;
            let freed = replaced.filter(same).map_or(0, worth);
            let own = terms.limit().map_err(|Overflow| Rejection::Notional)?;
            let traded = self.notional(account, day, parameters) - freed;
            let traded = traded + at(own, terms.quantity);
            ensure(traded <= i128::from(most) * WHOLE, Rejection::Notional)?;
        }
        Ok(())
    }

    /// What an account's open orders of the slots of `day` come to at their limits, and its trades
    /// at their prices, in 1e-9 currency; as long as the market remembers them.
    pub fn notional(&self, account: AccountId, day: LocalDay, parameters: &Parameters) -> i128 {
        let own = |order| self.orders[&order].account == account;
        let traded = |(buy, paid): (OrderId, i128), (sell, earned): (OrderId, i128)| {
            (if own(buy) { paid } else { 0 }) + (if own(sell) { earned } else { 0 })
        };
        let slots = parameters.timezone.slots_of(day, parameters.slot_length);
        let books = slots.filter_map(|slot| self.slots.get(&slot.start));
        let sums = books.map(|book| {
            let open = book.open.get(&account).into_iter().flatten();
            let open: i128 = open.map(|id| worth(&self.orders[id])).sum();
            // At the gate what was traded before is cleared anew.
            let trading = book.trading.as_ref().filter(|_| book.cleared.is_none());
            let struck = trading.into_iter().flat_map(|trading| trading.trades.iter());
            let struck = struck.map(|trade| {
                let paid = i128::from(trade.escrow.n());
                traded((trade.buy, paid), (trade.sell, at(trade.price, trade.quantity)))
            });
            open + struck.sum::<i128>() + book.worth.get(&account).copied().unwrap_or_default()
        });
        sums.sum()
    }

    /// What the trades of a cleared slot came to for each account, at their prices.
    pub(super) fn worth_of(&self, cleared: &ClearedSlot) -> BTreeMap<AccountId, i128> {
        let mut sums: BTreeMap<AccountId, i128> = BTreeMap::new();
        for trade in &cleared.trades {
            let earned = i128::from(trade.prices.seller) * i128::from(trade.quantity.wh());
            let paid = i128::from(trade.escrow.n());
            for (order, worth) in [(trade.buy, paid), (trade.sell, earned)] {
                *sums.entry(self.orders[&order].account).or_default() += worth;
            }
        }
        sums
    }

    /// Whether an account may owe `hold` more at `now`; what it frees by taking back `replaced`
    /// counts.
    fn check_exposure(
        &self,
        account: AccountId,
        (hold, replaced): (Money, Option<&Accepted>),
        now: Timestamp,
    ) -> Result<(), Rejection> {
        let Some(most) = self.risk_limits().exposure else { return Ok(()) };
        let freed = replaced.map_or(0, |other| i128::from(other.hold.n()));
        let owed = self.exposure(account, now) + i128::from(hold.n()) - freed;
        if owed <= i128::from(most) * WHOLE { Ok(()) } else { Err(Rejection::Exposure) }
    }

    /// What an account may come to owe, in 1e-9 currency: holds of its open orders, and escrow and
    /// collateral of its trades in slots that are not over at `now`, settled or not.
    pub fn exposure(&self, account: AccountId, now: Timestamp) -> i128 {
        let held = |order: &Accepted| {
            let open = order.status == Status::Open && order.account == account;
            if open { i128::from(order.hold.n()) } else { 0 }
        };
        let bound = |(buy, escrow): (OrderId, Money), (sell, collateral): (OrderId, Money)| {
            let own = |order| self.orders[&order].account == account;
            let pays = if own(buy) { i128::from(escrow.n()) } else { 0 };
            let answers = if own(sell) { i128::from(collateral.n()) } else { 0 };
            pays + answers
        };
        let owed = self.slots.values().map(|book| {
            let open = book.open.get(&account).into_iter().flatten();
            let open: i128 = open.map(|id| held(&self.orders[id])).sum();
            // At the gate what was traded before is cleared anew.
            let trading = book.trading.as_ref().filter(|_| book.cleared.is_none());
            let struck = trading.into_iter().flat_map(|trading| trading.trades.iter());
            let struck = struck.map(|t| bound((t.buy, t.escrow), (t.sell, t.collateral)));
            let cleared = book.cleared.as_ref().filter(|cleared| now < cleared.ends);
            let trades = cleared.into_iter().flat_map(|cleared| &cleared.trades);
            let traded = trades.map(|t| bound((t.buy, t.escrow), (t.sell, t.collateral)));
            open + struck.chain(traded).sum::<i128>()
        });
        owed.sum()
    }
}

/// What is open of an order comes to at its limit, in 1e-9 currency.
fn worth(order: &Accepted) -> i128 {
    at(order.limit(), order.open())
}

fn at(price: Price, quantity: Energy) -> i128 {
    i128::from(price.n_per_wh()) * i128::from(quantity.wh())
}

//! A local day of the market as surveillance judges it.
//!
//! Deliberately absent: the rules (`libs/surveillance`), and orders that a suspension took back
//! before they traded: that was nobody's conduct.

use std::collections::BTreeMap;

use calendar::{LocalDay, Slot, Timestamp};
use contracts::{MECHANISM_PRICED, Prices, Side};
use events::market::CancelledBy;
use ids::{AccountId, OrderId, PartyId};
use matching::Trade;
use surveillance::{Day, Interval};
use units::{Energy, Price};

use super::{Accepted, ClearedSlot, Exchange, Parameters};

impl Exchange {
    /// The slots of `day` that were cleared with orders, and what is known of them: as long as the
    /// market remembers it.
    pub fn watched(&self, day: LocalDay, parameters: &Parameters) -> Day {
        let mut facts = Day { number: day.number(), ..Day::default() };
        for slot in parameters.timezone.slots_of(day, parameters.slot_length) {
            let cleared = self.slots.get(&slot.start).and_then(|book| book.cleared.as_ref());
            // Where a tariff pays more for energy than it takes, no price means anything.
            let usable = cleared.filter(|cleared| cleared.feed_in_price <= cleared.retail_price);
            let Some(cleared) = usable else { continue };
            facts.slots.push(watched_slot(slot, cleared, parameters));
            let accepted = self.accepted_for(slot.start);
            facts.orders.extend(accepted.into_iter().filter_map(|order| self.watched_order(order)));
            facts.trades.extend(trades(cleared));
            facts.intervals.extend(self.watched_intervals(slot.start, parameters));
        }
        facts
    }

    /// The accounts of a party.
    pub fn accounts_of(&self, party: PartyId) -> impl Iterator<Item = AccountId> {
        self.parties.get(&party).into_iter().flatten().copied()
    }

    fn watched_order(&self, order: &Accepted) -> Option<surveillance::Order> {
        let owner = self.members.get(&order.account)?.party;
        let suspended = order.cancelled_by == Some(CancelledBy::Suspension);
        if suspended && order.filled == Energy::ZERO {
            return None;
        }
        Some(surveillance::Order {
            order: order.id,
            account: order.account,
            owner,
            side: match order.terms.side {
                Side::Buy => matching::Side::Buy,
                Side::Sell => matching::Side::Sell,
            },
            slot: order.slot(),
            quantity: order.terms.quantity,
            limit: order.limit(),
            placed: order.at,
            // A clock that went back took nothing back before it came.
            cancelled: order.cancelled_at.map(|at| at.max(order.at)),
        })
    }

    fn watched_intervals(
        &self,
        slot: Timestamp,
        parameters: &Parameters,
    ) -> impl Iterator<Item = Interval> {
        let here = self.points.values().filter(|point| parameters.covers(point.zone));
        here.filter_map(move |point| {
            let export = self.history.known(point.connection_point, slot)?;
            let owner = self.members.get(&point.account)?.party;
            Some(Interval { slot, connection_point: point.connection_point, owner, export })
        })
    }
}

fn watched_slot(slot: Slot, cleared: &ClearedSlot, parameters: &Parameters) -> surveillance::Slot {
    surveillance::Slot {
        slot: slot.start,
        gate: parameters.gate(slot.start),
        price: cleared.price.filter(|_| cleared.mechanism < MECHANISM_PRICED),
        retail: cleared.retail_price,
        feed_in: cleared.feed_in_price,
        tick: parameters.tick,
        fees: parameters.fees,
    }
}

/// Two orders that met several times are one trade to look at.
fn trades(cleared: &ClearedSlot) -> Vec<Trade> {
    let mut trades: BTreeMap<(OrderId, OrderId), Trade> = BTreeMap::new();
    for trade in &cleared.trades {
        let Prices { buyer, seller } = trade.prices;
        let met = trades.entry((trade.buy, trade.sell)).or_insert(Trade {
            buyer: trade.buy,
            seller: trade.sell,
            quantity: Energy::ZERO,
            buy_price: price(buyer),
            sell_price: price(seller),
        });
        met.quantity = met.quantity.plus(trade.quantity).unwrap_or(met.quantity);
    }
    trades.into_values().collect()
}

/// A price of the contract; the highest there is where it does not fit, which none that was cleared
/// is.
fn price(n_per_wh: u64) -> Price {
    Price::from_n_per_wh(i64::try_from(n_per_wh).unwrap_or(i64::MAX))
}

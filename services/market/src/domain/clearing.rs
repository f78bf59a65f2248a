//! Gate closure: a slot's open orders become trades.

use alloy_primitives::B256;
use calendar::{Slot, Timestamp};
use contracts::{Fills, Met, Prices, Terms, journal_leaf, trade_id};
use matching::{Clearing, Order, Rules};
use units::{Overflow, Price};

use super::{Accepted, ClearedSlot, ClearedTrade, Exchange, Parameters, Status};
use crate::chain;

impl Exchange {
    /// The slots whose gate has closed at `now` with orders that were not cleared, oldest first.
    pub fn due(&self, parameters: &Parameters, now: Timestamp) -> Vec<Timestamp> {
        let closed = self.slots.iter().take_while(|(slot, _)| parameters.gate(**slot) <= now);
        closed.filter(|(_, book)| book.cleared.is_none()).map(|(slot, _)| *slot).collect()
    }

    /// What comes of the orders of `slot`. Changes nothing.
    ///
    /// A slot that is over at `now` comes to nothing, since the chain would settle no trade of it;
    /// so does one that is curtailed, and a book whose sums do not fit.
    pub fn clear(&self, slot: Slot, parameters: &Parameters, now: Timestamp) -> ClearedSlot {
        let book = self.slots.get(&slot.start);
        let accepted: Vec<&Accepted> = book
            .map(|book| book.orders.values().map(|id| &self.orders[id]).collect())
            .unwrap_or_default();
        let open: Vec<Order> = accepted
            .iter()
            .filter(|order| order.status == Status::Open)
            .map(|o| order(o))
            .collect();
        let (retail_price, feed_in_price) = self.prices(slot, parameters).unwrap_or_default();
        let rules = Rules::uniform(parameters.tick, parameters.fees);
        let outcome = if now < slot.end() && !self.is_curtailed(slot.start) {
            matching::clear(&open, &rules).unwrap_or_default()
        } else {
            Clearing::default()
        };
        let (outcome, trades) = match trades(&outcome, (retail_price, feed_in_price), parameters) {
            Ok(trades) => (outcome, trades),
            Err(Overflow) => (Clearing::default(), Vec::new()),
        };
        let mut cleared = ClearedSlot {
            slot: slot.start,
            ends: slot.end(),
            at: now,
            clearing: B256::ZERO,
            price: outcome.price,
            retail_price,
            feed_in_price,
            volume: outcome.volume,
            orders: u32::try_from(open.len()).unwrap_or(u32::MAX),
            fills_root: B256::ZERO,
            journal_root: journal_root(&accepted),
            dropped: outcome.dropped,
            trades,
        };
        cleared.fills_root = self.fills(&cleared).root();
        cleared.clearing = chain::clearing(&cleared, parameters).id();
        for (index, trade) in (0..).zip(&mut cleared.trades) {
            trade.trade = trade_id(cleared.clearing, index);
        }
        cleared
    }

    /// The trades of a cleared slot as the contract takes them, in fill order.
    pub fn fills(&self, cleared: &ClearedSlot) -> Fills {
        let met = |trade: &ClearedTrade| Met {
            buy: self.orders[&trade.buy].hash,
            sell: self.orders[&trade.sell].hash,
            quantity: trade.quantity,
            prices: trade.prices,
        };
        let fills = cleared.trades.iter().map(met).collect();
        Fills::new(fills).expect("no order is filled above its quantity")
    }
}

/// The root over all accepted orders of a slot: cancelled ones are there with a zero.
fn journal_root(accepted: &[&Accepted]) -> B256 {
    let leaf = |order: &&Accepted| {
        let stayed = order.status != Status::Cancelled;
        merkle::leaf(&journal_leaf(order.hash, order.sequence, stayed))
    };
    merkle::Tree::new(accepted.iter().map(leaf).collect()).root()
}

fn order(accepted: &Accepted) -> Order {
    Order {
        id: accepted.id,
        owner: accepted.terms.account.into_array(),
        side: match accepted.terms.side {
            contracts::Side::Buy => matching::Side::Buy,
            contracts::Side::Sell => matching::Side::Sell,
        },
        quantity: accepted.terms.quantity,
        price: accepted.limit(),
        min_fill: accepted.terms.min_fill,
        hash: accepted.hash.0,
        sequence: accepted.sequence,
        zone: accepted.terms.zone,
    }
}

/// The trades with their escrow and collateral, as the contract reckons them; not named yet.
fn trades(
    outcome: &Clearing,
    (retail, feed_in): (Price, Price),
    parameters: &Parameters,
) -> Result<Vec<ClearedTrade>, Overflow> {
    let clearing = contracts::Clearing {
        retail_price: unsigned(retail)?,
        feed_in_price: unsigned(feed_in)?,
        ..contracts::Clearing::default()
    };
    let ties = |trade: &matching::Trade| {
        let prices =
            Prices { buyer: unsigned(trade.buy_price)?, seller: unsigned(trade.sell_price)? };
        let terms = Terms::new(&parameters.terms, &clearing, prices, trade.quantity);
        Ok(ClearedTrade {
            trade: B256::ZERO,
            buy: trade.buyer,
            sell: trade.seller,
            quantity: trade.quantity,
            prices,
            escrow: terms.escrow()?,
            collateral: terms.collateral()?,
        })
    };
    outcome.trades.iter().map(ties).collect()
}

/// A price as the contract has it, which knows none below zero.
fn unsigned(price: Price) -> Result<u64, Overflow> {
    u64::try_from(price.n_per_wh()).map_err(|_| Overflow)
}

//! What others found out that a market acts on: deliveries of its trades, books that are not in
//! order, a clearing that comes out otherwise, accounts that owe too much to buy.

use anyhow::Result;
use calendar::Timestamp;
use events::Envelope;
use events::billing::{BooksViolated, Delivered, SlotReconciled, TradingChanged};
use events::market::ClearingDisputed;

use crate::domain::{Buying, Entry, Exchange, Parameters, Shortfall};

/// Something that was told.
pub(super) enum Told {
    Deliveries(SlotReconciled),
    /// And when.
    Books(BooksViolated, Timestamp),
    Clearing(ClearingDisputed, Timestamp),
    Buying(TradingChanged),
}

impl Told {
    /// What an event tells, if it is one of these.
    pub(super) fn of(envelope: &Envelope) -> Result<Option<Told>> {
        let at = envelope.occurred_at;
        if let Some(event) = envelope.open()? {
            return Ok(Some(Told::Deliveries(event)));
        }
        if let Some(event) = envelope.open()? {
            return Ok(Some(Told::Books(event, at)));
        }
        if let Some(event) = envelope.open()? {
            return Ok(Some(Told::Buying(event)));
        }
        Ok(envelope.open()?.map(|event| Told::Clearing(event, at)))
    }

    /// Whether a market with these parameters has to look at it. Books are of all of them.
    pub(super) fn concerns(&self, parameters: &Parameters) -> bool {
        match self {
            Told::Deliveries(event) => event.community == parameters.community,
            Told::Buying(event) => event.community == parameters.community,
            Told::Books(..) => true,
            Told::Clearing(event, _) => {
                (event.community, event.zone) == (parameters.community, parameters.zone)
            }
        }
    }

    /// What follows for a market, if anything.
    pub(super) fn entry(&self, book: &Exchange, now: Timestamp) -> Option<Entry> {
        let trip = match self {
            Told::Deliveries(event) => return delivered(book, event),
            Told::Buying(event) => {
                let (number, reasons) = (event.number, event.reasons.clone());
                return book.buying_told(event.account, Buying { number, reasons, at: now });
            }
            Told::Books(event, at) => book.broken_books(&event.violations, *at),
            Told::Clearing(event, at) => {
                book.differing_clearing(event.slot, (event.count, &event.difference), *at)
            }
        };
        book.stopped_by(trip?, now)
    }
}

/// What was delivered of the trades that the market knows.
fn delivered(book: &Exchange, event: &SlotReconciled) -> Option<Entry> {
    let cleared = book.slot(event.slot.start)?.cleared.as_ref()?;
    let sold = |one: &Delivered| {
        let sold = cleared.trades.iter().find(|trade| trade.trade == one.trade);
        sold.map(|trade| trade.quantity)
    };
    let short = |one: &Delivered| {
        let short = one.seller_short;
        let idle = sold(one)?.less(one.delivered).less(short).less(one.buyer_short);
        Some(Shortfall { trade: one.trade, short, idle })
    };
    let trades: Vec<Shortfall> = event.deliveries.iter().filter_map(short).collect();
    let (slot, run) = (event.slot.start, event.run);
    (!trades.is_empty()).then_some(Entry::Reconciled { slot, run, trades })
}

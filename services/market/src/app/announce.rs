//! What others hear: a closed gate and a cleared slot, in parts that fit a message; orders taken
//! back or refused, commitments; books that changed before their gate; who and what may not trade.

use alloy_primitives::B256;
use calendar::{Slot, Timestamp};
use contracts::Side;
use events::Envelope;
use events::market::{
    BookChanged, CancelledBy, CommitmentChanged, CommitmentStep, CurtailmentChanged, GateClosed,
    Matched, OrderCancelled, OrdersRejected, ParameterChanged, RiskLimitsChanged, SlotCleared,
    StopChanged, Struck, SuspensionChanged, TRADES_PER_MESSAGE_MAX,
};
use ids::{AccountId, ConnectionPointId, OrderId, PartyId};
use serde_json::{Value, json};

use crate::domain::{Accepted, ClearedSlot, Entry, Exchange, Parameters, Suspension, Trader};

/// The event that tells of `entry`, which was just applied and is the row `cause` of the journal;
/// `None` for entries that nobody outside waits for, and for cleared slots.
pub(super) fn announcement(
    exchange: &Exchange,
    entry: &Entry,
    parameters: &Parameters,
    cause: &str,
) -> Option<Envelope> {
    let Parameters { community, zone, .. } = *parameters;
    match entry {
        Entry::Cancelled { order, by, at } => {
            let order = exchange.order(*order).expect("only an accepted order is cancelled");
            Some(Envelope::of(&cancelled(order, *by, parameters), cause, *at))
        }
        Entry::Suspended { trader, suspension: why } => {
            let event = suspension(exchange, parameters, (*trader, Some(why)), why.by);
            Some(Envelope::of(&event, cause, why.at))
        }
        Entry::Resumed { trader, by, at } => {
            let event = suspension(exchange, parameters, (*trader, None), *by);
            Some(Envelope::of(&event, cause, *at))
        }
        Entry::Stopped(why) | Entry::StoppedAll(why) => {
            let global = matches!(entry, Entry::StoppedAll(_));
            let (stopped, reason, by) = (true, why.reason.clone(), why.by);
            let tripped = why.tripped.clone();
            let event = StopChanged { community, zone, stopped, global, reason, by, tripped };
            Some(Envelope::of(&event, cause, why.at))
        }
        Entry::Started { by, at } | Entry::StartedAll { by, at } => {
            // The other stop may stand: nobody trades then, and for its reason.
            let stands = exchange.stopped();
            let lifted = matches!(entry, Entry::StartedAll { .. });
            let event = StopChanged {
                community,
                zone,
                stopped: stands.is_some(),
                global: stands.map_or(lifted, |_| exchange.stopped_all().is_some()),
                reason: stands.map(|why| why.reason.clone()).unwrap_or_default(),
                by: *by,
                tripped: stands.and_then(|why| why.tripped.clone()),
            };
            Some(Envelope::of(&event, cause, *at))
        }
        // Where links carry less, everybody goes on trading.
        Entry::Curtailed(curtailment) if curtailment.links.is_empty() => {
            let (from, to, by) = (curtailment.from, curtailment.to, curtailment.by);
            let (curtailed, reason) = (true, curtailment.reason.clone());
            let event = CurtailmentChanged { community, zone, from, to, curtailed, reason, by };
            Some(Envelope::of(&event, cause, curtailment.at))
        }
        Entry::Lifted { from, to, by, at } => {
            let (from, to, by, curtailed, reason) = (*from, *to, *by, false, String::new());
            let event = CurtailmentChanged { community, zone, from, to, curtailed, reason, by };
            Some(Envelope::of(&event, cause, *at))
        }
        Entry::RiskLimitsSet(change) => {
            let event = RiskLimitsChanged {
                community,
                zone,
                limits: serde_json::to_value(change.limits).expect("figures are plain data"),
                by: change.by,
                agreed_by: change.agreed_by,
            };
            Some(Envelope::of(&event, cause, change.at))
        }
        _ => sealed(exchange, entry, parameters, cause).or_else(|| ruled(entry, parameters, cause)),
    }
}

/// What becomes of sealed orders, without whose they are. Refusals are counted and told together.
fn sealed(
    exchange: &Exchange,
    entry: &Entry,
    parameters: &Parameters,
    cause: &str,
) -> Option<Envelope> {
    let Parameters { community, zone, .. } = *parameters;
    let (commitment, slot, step, at) = match entry {
        Entry::Sealed(new) => (new.hash, new.slot, CommitmentStep::Committed, new.at),
        Entry::SealWithdrawn { commitment, at } => {
            let known = exchange.commitment(*commitment).expect("only a known one is withdrawn");
            (*commitment, known.slot, CommitmentStep::Withdrawn, *at)
        }
        Entry::Accepted(order) => {
            (order.opens?.commitment, order.slot(), CommitmentStep::Revealed, order.at)
        }
        Entry::GateClosed { slot, root, at } => {
            return Some(gate_closed(*slot, *root, parameters, *at));
        }
        _ => return None,
    };
    let event = CommitmentChanged { community, zone, slot, commitment, step };
    Some(Envelope::of(&event, cause, at))
}

/// By which other rule slots go from now on.
fn ruled(entry: &Entry, parameters: &Parameters, cause: &str) -> Option<Envelope> {
    let Parameters { community, zone, .. } = *parameters;
    let (parameter, from, value, by, at) = match entry {
        Entry::MechanismChosen { from, mechanism, by, at } => {
            ("mechanism", *from, json!({ "name": mechanism.name() }), *by, *at)
        }
        Entry::SealingChosen { from, reveal_seconds, by, at } => {
            ("sealing", *from, json!({ "reveal_seconds": reveal_seconds }), *by, *at)
        }
        Entry::SharesSet { from, by, at, .. } => ("shares", *from, Value::Null, *by, *at),
        _ => return None,
    };
    let parameter = parameter.to_owned();
    let event = ParameterChanged { community, zone, parameter, from, value, by };
    Some(Envelope::of(&event, cause, at))
}

/// `market.orders.rejected.v1` for so many refusals with a code.
pub(super) fn rejected(
    (code, count): (String, u32),
    parameters: &Parameters,
    cause: &str,
    at: Timestamp,
) -> Envelope {
    let Parameters { community, zone, .. } = *parameters;
    Envelope::of(&OrdersRejected { community, zone, code, count }, cause, at)
}

/// `market.gate.closed.v1`; a slot has one gate.
fn gate_closed(slot: Timestamp, root: B256, parameters: &Parameters, at: Timestamp) -> Envelope {
    let Parameters { community, zone, .. } = *parameters;
    let cause = format!("{community}/{zone}/{slot}");
    Envelope::of(&GateClosed { community, zone, slot, root }, &cause, at)
}

fn cancelled(order: &Accepted, by: CancelledBy, parameters: &Parameters) -> OrderCancelled {
    let Parameters { community, zone, .. } = *parameters;
    let (account, slot) = (order.account, order.slot());
    OrderCancelled { community, zone, order: order.id, hash: order.hash, account, slot, by }
}

/// The orders that left by themselves when `order`, which was just accepted, came.
pub(super) fn departures(
    exchange: &Exchange,
    order: &Accepted,
    parameters: &Parameters,
    cause: &str,
) -> Vec<Envelope> {
    let trading = exchange.trading(order.slot()).filter(|_| order.arrival.is_some());
    let left = trading.map(|trading| trading.left.as_slice()).unwrap_or_default();
    let left = left.iter().filter_map(|id| exchange.order(*id));
    let told = |gone: &Accepted| {
        let by = gone.cancelled_by.expect("it has left");
        let cause = format!("{cause}/{}", gone.sequence);
        Envelope::of(&cancelled(gone, by, parameters), &cause, order.at)
    };
    left.map(told).collect()
}

/// `market.book.changed.v1` for a slot that had `before` trades: at least one, even without trades.
pub(super) fn book_changes(
    exchange: &Exchange,
    (slot, before): (Timestamp, usize),
    parameters: &Parameters,
    (cause, at): (&str, Timestamp),
) -> Vec<Envelope> {
    let Parameters { community, zone, .. } = *parameters;
    let trading = exchange.trading(slot).expect("only such a slot is told of");
    let struck = trading.trades[before..].iter();
    let struck: Vec<Struck> =
        struck.map(|trade| Struck { price: trade.price, quantity: trade.quantity }).collect();
    let mut chunks: Vec<&[Struck]> = struck.chunks(TRADES_PER_MESSAGE_MAX).collect();
    if chunks.is_empty() {
        chunks.push(&[]);
    }
    let mut before = u32::try_from(before).expect("a slot has few thousand trades");
    let tell = |trades: &[Struck]| {
        let event = BookChanged { community, zone, slot, before, trades: trades.to_vec() };
        before += u32::try_from(trades.len()).expect("a chunk is small");
        Envelope::of(&event, &format!("{cause}/{slot}/{}", event.before), at)
    };
    chunks.into_iter().map(tell).collect()
}

/// `market.suspension.changed.v1` for a trader that is suspended, or is not any more.
fn suspension(
    exchange: &Exchange,
    parameters: &Parameters,
    (trader, why): (Trader, Option<&Suspension>),
    by: PartyId,
) -> SuspensionChanged {
    let side = |side: Side| match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    };
    let (connection_point, rule) = match trader {
        Trader::Account(_) | Trader::Seller(_) => (None, None),
        Trader::ConnectionPoint(point) => (Some(point), None),
        Trader::Rule(rule) => (Some(rule.connection_point), Some(side(rule.side).to_owned())),
    };
    SuspensionChanged {
        community: parameters.community,
        zone: parameters.zone,
        account: exchange.owner(trader).expect("only someone known is suspended"),
        connection_point,
        rule,
        side: matches!(trader, Trader::Seller(_)).then(|| side(Side::Sell).to_owned()),
        suspended: why.is_some(),
        reason: why.map(|why| why.reason.clone()).unwrap_or_default(),
        by,
        tripped: why.and_then(|why| why.tripped.clone()),
    }
}

/// `market.slot.cleared.v1` for `cleared`: at least one part, even without trades; before it the
/// gate, where clearing is what closes it.
pub(super) fn announcements(
    exchange: &Exchange,
    slot: Slot,
    cleared: &ClearedSlot,
    parameters: &Parameters,
    market: &str,
) -> Vec<Envelope> {
    let party = |order: OrderId| -> (AccountId, ConnectionPointId) {
        let order = exchange.order(order).expect("a trade names known orders");
        (order.account, order.terms.connection_point)
    };
    let matched = cleared.trades.iter().map(|trade| {
        let ((buyer, buyer_point), (seller, seller_point)) = (party(trade.buy), party(trade.sell));
        Matched {
            trade: trade.trade,
            buyer,
            seller,
            buy_order: trade.buy,
            sell_order: trade.sell,
            quantity: trade.quantity,
            buyer_point: Some(buyer_point),
            seller_point: Some(seller_point),
        }
    });
    let matched: Vec<Matched> = matched.collect();
    let mut chunks: Vec<&[Matched]> = matched.chunks(TRADES_PER_MESSAGE_MAX).collect();
    if chunks.is_empty() {
        chunks.push(&[]);
    }
    let parts = u32::try_from(chunks.len()).expect("a slot has few thousand trades");
    // The gate of sealed orders was closed before they were opened; what is shared out has none.
    let gated = exchange.sealed_book(slot.start).is_none()
        && !exchange.is_shared_out(slot.start, parameters);
    let (root, at) = (cleared.journal_root, cleared.at);
    let gate = gated.then(|| gate_closed(slot.start, root, parameters, at));
    let messages = (0..).zip(chunks).map(|(part, trades)| {
        let event = SlotCleared {
            community: parameters.community,
            zone: parameters.zone,
            slot,
            clearing: cleared.clearing,
            policy: parameters.policy,
            price: cleared.price.unwrap_or_default(),
            retail_price: cleared.retail_price,
            feed_in_price: cleared.feed_in_price,
            volume: cleared.volume,
            orders: cleared.orders,
            part,
            parts,
            trades: trades.to_vec(),
        };
        let cause = format!("{market}/{}/{part}", slot.start);
        Envelope::of(&event, &cause, cleared.at)
    });
    gate.into_iter().chain(messages).collect()
}

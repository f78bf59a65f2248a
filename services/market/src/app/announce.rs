//! The event of a cleared slot, in parts that fit a message.

use calendar::Slot;
use events::Envelope;
use events::market::{Matched, SlotCleared, TRADES_PER_MESSAGE_MAX};
use ids::{AccountId, OrderId};

use crate::domain::{ClearedSlot, Exchange, Parameters};

/// `market.slot.cleared.v1` for `cleared`: at least one part, even without trades.
pub(super) fn announcements(
    exchange: &Exchange,
    slot: Slot,
    cleared: &ClearedSlot,
    parameters: &Parameters,
    market: &str,
) -> Vec<Envelope> {
    let owner = |order: OrderId| -> AccountId {
        exchange.order(order).expect("a trade names known orders").account
    };
    let matched = cleared.trades.iter().map(|trade| Matched {
        trade: trade.trade,
        buyer: owner(trade.buy),
        seller: owner(trade.sell),
        buy_order: trade.buy,
        sell_order: trade.sell,
        quantity: trade.quantity,
    });
    let matched: Vec<Matched> = matched.collect();
    let mut chunks: Vec<&[Matched]> = matched.chunks(TRADES_PER_MESSAGE_MAX).collect();
    if chunks.is_empty() {
        chunks.push(&[]);
    }
    let parts = u32::try_from(chunks.len()).expect("a slot has few thousand trades");
    (0..)
        .zip(chunks)
        .map(|(part, trades)| {
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
        })
        .collect()
}

//! Trades of our own become records, for the utility to see and to say what was delivered.

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use bus::Consumer;
use events::market::{Matched, SlotCleared};
use events::{Envelope, Event};

use crate::db::{self, records};
use crate::domain::quantity::Thousandths;
use crate::domain::record::{Put, Role, TradeDetail, TradeType, TradeUnit};
use crate::{Deg, Own};

/// The register as the bus sees it.
pub(crate) struct Inbox(pub(crate) Arc<Deg>);

#[async_trait]
impl Consumer for Inbox {
    fn name(&self) -> &'static str {
        db::CONSUMER
    }

    fn subjects(&self) -> &'static [&'static str] {
        &[SlotCleared::SUBJECT]
    }

    async fn consume(&self, envelope: &Envelope) -> Result<()> {
        let Some(own) = self.0.own.clone() else { return Ok(()) };
        let Some(cleared) = envelope.open::<SlotCleared>()? else { return Ok(()) };
        let (id, at) = (envelope.id, envelope.occurred_at);
        let mut made = Vec::with_capacity(cleared.trades.len());
        for trade in &cleared.trades {
            let put = put(&own, &cleared, trade, at)?;
            let name = format!("{}/{}", put.transaction_id, put.order_item_id);
            made.push(put.record(records::id_of(&name), at)?);
        }
        self.0
            .db
            .transact(move |tx| {
                Box::pin(async move {
                    if !db::first_time(tx, id).await? {
                        return Ok(());
                    }
                    for record in made {
                        records::put_new(tx, &record, &own.platform).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

/// What a trade of ours is as a record: the clearing is the transaction, the trade its item.
fn put(own: &Own, cleared: &SlotCleared, trade: &Matched, at: calendar::Timestamp) -> Result<Put> {
    let point = |point: Option<ids::ConnectionPointId>, account: ids::AccountId| {
        point.map_or_else(|| account.to_string(), |point| point.to_string())
    };
    let detail = TradeDetail {
        // A Wh is a thousandth of a kWh.
        trade_qty: Thousandths(i64::try_from(trade.quantity.wh())?),
        trade_type: TradeType::ENERGY,
        trade_unit: TradeUnit::KWH,
    };
    Ok(Put {
        role: Role::BUYER,
        transaction_id: cleared.clearing.to_string(),
        order_item_id: trade.trade.to_string(),
        record_id: None,
        platform_id_buyer: Some(own.platform.clone()),
        platform_id_seller: Some(own.platform.clone()),
        discom_id_buyer: Some(own.discom.clone()),
        discom_id_seller: Some(own.discom.clone()),
        buyer_id: Some(point(trade.buyer_point, trade.buyer)),
        seller_id: Some(point(trade.seller_point, trade.seller)),
        trade_time: Some(at),
        delivery_start_time: Some(cleared.slot.start),
        delivery_end_time: Some(cleared.slot.end()),
        trade_details: Some(vec![detail]),
        client_reference: None,
    })
}

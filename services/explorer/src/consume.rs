//! Events in: each arm is one transaction with its inbox row.

use anyhow::Result;
use async_trait::async_trait;
use bus::Consumer;
use events::billing::{InvoiceCorrected, InvoiceIssued, TariffPublished};
use events::ledger::{BlockConnected, BlockDisconnected};
use events::market::{
    BookChanged, CurtailmentChanged, RiskLimitsChanged, SlotCleared, StopChanged,
};
use events::metering::{IntervalsClosed, IntervalsCorrected};
use events::{Envelope, Event};
use ids::EventId;

use crate::Explorer;
use crate::app::feed::{self, News, Struck};
use crate::app::{branch, rebuild};

/// The explorer's name in its inbox.
pub(crate) const CONSUMER: &str = "explorer";

#[async_trait]
impl Consumer for Explorer {
    fn name(&self) -> &'static str {
        CONSUMER
    }

    fn subjects(&self) -> &'static [&'static str] {
        &[
            BlockConnected::SUBJECT,
            BlockDisconnected::SUBJECT,
            SlotCleared::SUBJECT,
            BookChanged::SUBJECT,
            IntervalsClosed::SUBJECT,
            IntervalsCorrected::SUBJECT,
            InvoiceIssued::SUBJECT,
            InvoiceCorrected::SUBJECT,
            TariffPublished::SUBJECT,
            StopChanged::SUBJECT,
            CurtailmentChanged::SUBJECT,
            RiskLimitsChanged::SUBJECT,
        ]
    }

    async fn consume(&self, envelope: &Envelope) -> Result<()> {
        let id = envelope.id;
        let newest = if let Some(block) = envelope.open::<BlockConnected>()? {
            self.connect(id, block).await?
        } else if let Some(block) = envelope.open::<BlockDisconnected>()? {
            self.disconnect(id, block).await?
        } else if let Some(news) = news_of(envelope)? {
            self.tell(id, news).await?
        } else {
            None
        };
        if let Some(newest) = newest {
            self.feed.announce(newest);
        }
        Ok(())
    }
}

impl Explorer {
    async fn connect(&self, id: EventId, block: BlockConnected) -> Result<Option<i64>> {
        rebuild::catch_up(&self.db, &*self.node, self.deployment, &block).await?;
        let deployment = self.deployment;
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if !bus::first_time(tx, CONSUMER, id).await? {
                        return Ok(None);
                    }
                    branch::connect(tx, &deployment, &block).await?;
                    feed::append(tx, &News::of_block(&block)).await.map(Some)
                })
            })
            .await
    }

    async fn disconnect(&self, id: EventId, block: BlockDisconnected) -> Result<Option<i64>> {
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if !bus::first_time(tx, CONSUMER, id).await? {
                        return Ok(None);
                    }
                    branch::disconnect(tx, &block).await?;
                    let (number, hash) = (block.number, block.hash);
                    feed::append(tx, &News::BlockRemoved { number, hash }).await.map(Some)
                })
            })
            .await
    }

    async fn tell(&self, id: EventId, news: News) -> Result<Option<i64>> {
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if !bus::first_time(tx, CONSUMER, id).await? {
                        return Ok(None);
                    }
                    feed::append(tx, &news).await.map(Some)
                })
            })
            .await
    }
}

/// What the public may know of an event: never whose it is.
fn news_of(envelope: &Envelope) -> Result<Option<News>> {
    if let Some(cleared) = envelope.open::<SlotCleared>()? {
        // A slot with many trades comes in several parts that agree on all but the trades.
        return Ok((cleared.part == 0).then(|| News::SlotCleared {
            zone: cleared.zone,
            slot: cleared.slot.start,
            price: cleared.price.to_string(),
            volume_wh: cleared.volume.wh(),
        }));
    }
    if let Some(changed) = envelope.open::<BookChanged>()? {
        let trades = changed.trades.iter().map(|trade| Struck {
            price: trade.price.to_string(),
            quantity_wh: trade.quantity.wh(),
        });
        let (zone, slot, trades) = (changed.zone, changed.slot, trades.collect());
        return Ok(Some(News::BookChanged { zone, slot, trades }));
    }
    if let Some(closed) = envelope.open::<IntervalsClosed>()? {
        let (slot, intervals) = (closed.slot.start, closed.intervals.len());
        return Ok(Some(News::ReadingsStored { slot, intervals, corrected: false }));
    }
    if let Some(corrected) = envelope.open::<IntervalsCorrected>()? {
        let (slot, intervals) = (corrected.slot.start, corrected.intervals.len());
        return Ok(Some(News::ReadingsStored { slot, intervals, corrected: true }));
    }
    if let Some(InvoiceIssued { number, hash, .. }) = envelope.open()? {
        return Ok(Some(News::InvoiceIssued { number, hash }));
    }
    if let Some(InvoiceCorrected { number, hash, .. }) = envelope.open()? {
        return Ok(Some(News::InvoiceCorrected { number, hash }));
    }
    if let Some(TariffPublished { hash, valid_from, .. }) = envelope.open()? {
        return Ok(Some(News::TariffPublished { hash, valid_from }));
    }
    rules_of(envelope)
}

/// What the public may know of a change of a market's rules: never who made it, nor why.
fn rules_of(envelope: &Envelope) -> Result<Option<News>> {
    if let Some(StopChanged { zone, stopped: on, tripped, .. }) = envelope.open()? {
        let trigger = tripped.map(|tripped| tripped.trigger);
        return Ok(Some(News::KillSwitch { zone, on, trigger }));
    }
    if let Some(CurtailmentChanged { zone, from, to, curtailed, .. }) = envelope.open()? {
        return Ok(Some(News::Curtailed { zone, from, to, curtailed }));
    }
    let changed = envelope.open::<RiskLimitsChanged>()?;
    let news = |RiskLimitsChanged { zone, limits, .. }| News::RiskLimitChanged { zone, limits };
    Ok(changed.map(news))
}

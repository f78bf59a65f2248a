//! Events in: each arm is one transaction with its inbox row.

use anyhow::Result;
use async_trait::async_trait;
use bus::Consumer;
use calendar::Timestamp;
use events::billing::{InvoiceCorrected, InvoiceIssued, InvoicePaid, TariffPublished};
use events::identity::AccountOpened;
use events::ledger::{BlockConnected, BlockDisconnected};
use events::market::{
    BookChanged, CancelledBy, CommitmentChanged, CommitmentExpired, CommitmentStep,
    CurtailmentChanged, GateClosed, OrderCancelled, OrdersRejected, ParameterChanged,
    RiskLimitsChanged, SlotCleared, StopChanged, SuspensionChanged,
};
use events::metering::{DayAnchored, IntervalsClosed, IntervalsCorrected};
use events::{Envelope, Event};
use ids::EventId;
use units::Money;

use crate::Explorer;
use crate::app::anchors::{self, Missing};
use crate::app::feed::{self, Item};
use crate::app::news::{Committed, News, Struck};
use crate::app::{branch, rebuild, steps};

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
            GateClosed::SUBJECT,
            CommitmentChanged::SUBJECT,
            CommitmentExpired::SUBJECT,
            OrderCancelled::SUBJECT,
            OrdersRejected::SUBJECT,
            IntervalsClosed::SUBJECT,
            IntervalsCorrected::SUBJECT,
            DayAnchored::SUBJECT,
            AccountOpened::SUBJECT,
            InvoiceIssued::SUBJECT,
            InvoiceCorrected::SUBJECT,
            InvoicePaid::SUBJECT,
            TariffPublished::SUBJECT,
            StopChanged::SUBJECT,
            SuspensionChanged::SUBJECT,
            CurtailmentChanged::SUBJECT,
            RiskLimitsChanged::SUBJECT,
            ParameterChanged::SUBJECT,
        ]
    }

    async fn consume(&self, envelope: &Envelope) -> Result<()> {
        let (id, at) = (envelope.id, envelope.occurred_at);
        let newest = if let Some(block) = envelope.open::<BlockConnected>()? {
            self.connect(id, block).await?
        } else if let Some(block) = envelope.open::<BlockDisconnected>()? {
            self.disconnect(id, block, at).await?
        } else {
            let item = news_of(envelope)?.map(|news| news.item(at)).transpose()?;
            self.tell(id, item, claim_of(envelope)?).await?
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
                    let steps = branch::connect(tx, &deployment, &block).await?;
                    let at = block.timestamp;
                    let mut newest = feed::append(tx, &News::of_block(&block).item(at)?).await?;
                    for item in steps::items(&steps, block.number, at)? {
                        newest = feed::append(tx, &item).await?;
                    }
                    for missing in anchors::overdue(tx, at, block.finalized).await? {
                        newest = feed::append(tx, &News::AnchorMissing(missing).item(at)?).await?;
                    }
                    Ok(Some(newest))
                })
            })
            .await
    }

    async fn disconnect(
        &self,
        id: EventId,
        block: BlockDisconnected,
        at: Timestamp,
    ) -> Result<Option<i64>> {
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if !bus::first_time(tx, CONSUMER, id).await? {
                        return Ok(None);
                    }
                    branch::disconnect(tx, &block).await?;
                    let (number, hash) = (block.number, block.hash);
                    let removed = News::BlockRemoved { number, hash }.item(at)?;
                    // First, so that no id is given a second time.
                    let newest = feed::append(tx, &removed).await?;
                    feed::take_back(tx, number).await?;
                    Ok(Some(newest))
                })
            })
            .await
    }

    /// Tells what there is to tell, and keeps what is said to be on its way to the chain.
    async fn tell(
        &self,
        id: EventId,
        item: Option<Item>,
        claim: Option<Missing>,
    ) -> Result<Option<i64>> {
        if item.is_none() && claim.is_none() {
            return Ok(None);
        }
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if !bus::first_time(tx, CONSUMER, id).await? {
                        return Ok(None);
                    }
                    if let Some(claim) = &claim {
                        anchors::claim(tx, claim).await?;
                    }
                    match &item {
                        Some(item) => feed::append(tx, item).await.map(Some),
                        None => Ok(None),
                    }
                })
            })
            .await
    }
}

/// What an event says to be on its way to the chain.
fn claim_of(envelope: &Envelope) -> Result<Option<Missing>> {
    let (what, name, hash) = if let Some(day) = envelope.open::<DayAnchored>()? {
        ("readings", day.day.to_string(), day.root)
    } else if let Some(tariff) = envelope.open::<TariffPublished>()? {
        ("tariff", tariff.valid_from.to_string(), tariff.hash)
    } else if let Some(invoice) = envelope.open::<InvoiceIssued>()? {
        ("invoice", invoice.number, invoice.hash)
    } else if let Some(correction) = envelope.open::<InvoiceCorrected>()? {
        ("correction", correction.number, correction.hash)
    } else {
        return Ok(None);
    };
    Ok(Some(Missing { what: what.to_owned(), name, hash, since: envelope.occurred_at }))
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
    if let Some(AccountOpened { address, .. }) = envelope.open()? {
        return Ok(Some(News::AccountRegistered { address }));
    }
    if let Some(news) = orders_of(envelope)? {
        return Ok(Some(news));
    }
    match bills_of(envelope)? {
        None => rules_of(envelope),
        news => Ok(news),
    }
}

/// What the public may know of orders: what becomes of them, not what is in them.
fn orders_of(envelope: &Envelope) -> Result<Option<News>> {
    if let Some(OrderCancelled { zone, slot, by, .. }) = envelope.open()? {
        return Ok(match by {
            // The contract's log tells of it.
            CancelledBy::Chain => None,
            CancelledBy::Time => Some(News::OrderExpired { zone, slot, commitment: None }),
            by => Some(News::OrderCancelled { zone, slot, by, commitment: None }),
        });
    }
    if let Some(CommitmentChanged { zone, slot, commitment, step, .. }) = envelope.open()? {
        return Ok(Some(match step {
            CommitmentStep::Committed => News::OrderCommitted(Committed { zone, slot, commitment }),
            CommitmentStep::Revealed => News::OrderRevealed(Committed { zone, slot, commitment }),
            CommitmentStep::Withdrawn => {
                let (by, commitment) = (CancelledBy::Account, Some(commitment));
                News::OrderCancelled { zone, slot, by, commitment }
            }
        }));
    }
    if let Some(CommitmentExpired { zone, slot, commitment, .. }) = envelope.open()? {
        return Ok(Some(News::OrderExpired { zone, slot, commitment: Some(commitment) }));
    }
    if let Some(OrdersRejected { zone, code, count, .. }) = envelope.open()? {
        return Ok(Some(News::OrderRejected { zone, code, count }));
    }
    let closed = envelope.open::<GateClosed>()?;
    let news = |GateClosed { zone, slot, root, .. }| News::GateClosed { zone, slot, root };
    Ok(closed.map(news))
}

/// What the public may know of bills and tariffs: that they are there.
fn bills_of(envelope: &Envelope) -> Result<Option<News>> {
    if let Some(InvoiceIssued { number, hash, .. }) = envelope.open()? {
        return Ok(Some(News::InvoiceIssued { number, hash }));
    }
    if let Some(InvoiceCorrected { number, hash, cause, .. }) = envelope.open()? {
        return Ok(Some(match cause.as_str() {
            "cancelled" => News::InvoiceCancelled { number, hash },
            _ => News::InvoiceCorrected { number, hash },
        }));
    }
    if let Some(InvoicePaid { community, left, .. }) = envelope.open()? {
        // A part of it is between the household and its community.
        return Ok((left <= Money::ZERO).then_some(News::InvoicePaid { community }));
    }
    let published = envelope.open::<TariffPublished>()?;
    let news =
        |TariffPublished { hash, valid_from, .. }| News::TariffPublished { hash, valid_from };
    Ok(published.map(news))
}

/// What the public may know of a change of a market's rules: never who made it, nor why.
fn rules_of(envelope: &Envelope) -> Result<Option<News>> {
    if let Some(StopChanged { zone, stopped: on, tripped, .. }) = envelope.open()? {
        let trigger = tripped.map(|tripped| tripped.trigger);
        return Ok(Some(News::KillSwitch { zone, scope: "zone", on, trigger }));
    }
    if let Some(changed) = envelope.open::<SuspensionChanged>()? {
        let SuspensionChanged { zone, connection_point, rule, suspended: on, .. } = changed;
        // Which of many it is, or why, is for nobody else.
        let scope = match (connection_point, rule) {
            (None, _) => "account",
            (Some(_), None) => "connection_point",
            (Some(_), Some(_)) => "rule",
        };
        return Ok(Some(News::KillSwitch { zone, scope, on, trigger: None }));
    }
    if let Some(ParameterChanged { zone, parameter, from, value, .. }) = envelope.open()? {
        return Ok(Some(News::ParameterChanged { zone, parameter, from, value }));
    }
    if let Some(CurtailmentChanged { zone, from, to, curtailed, .. }) = envelope.open()? {
        return Ok(Some(News::Curtailed { zone, from, to, curtailed }));
    }
    let changed = envelope.open::<RiskLimitsChanged>()?;
    let news = |RiskLimitsChanged { zone, limits, .. }| News::RiskLimitChanged { zone, limits };
    Ok(changed.map(news))
}

//! Events in: each is one call of one app function.

use std::collections::BTreeSet;
use std::sync::Arc;

use alloy_primitives::B256;
use anyhow::Result;
use async_trait::async_trait;
use bus::Consumer;
use events::identity::{
    AccountOpened, AddressAssigned, ConnectionPointHandedOver, ConnectionPointRegistered,
    MeterEnrolled, SweepSigned,
};
use events::ledger::{BlockConnected, BlockDisconnected};
use events::market::{CurtailmentChanged, SlotCleared, TRADES_PER_MESSAGE_MAX};
use events::metering::{DayAnchored, IntervalsClosed, IntervalsCorrected};
use events::{Envelope, Event};
use ids::AccountId;

use crate::Billing;
use crate::db::{self, addresses, members, occupants, slots};

/// The name under which billing claims events.
pub(crate) const CONSUMER: &str = "billing";

/// Billing as the bus sees it.
pub(crate) struct Inbox(pub(crate) Arc<Billing>);

#[async_trait]
impl Consumer for Inbox {
    fn name(&self) -> &'static str {
        CONSUMER
    }

    fn subjects(&self) -> &'static [&'static str] {
        &[
            AccountOpened::SUBJECT,
            AddressAssigned::SUBJECT,
            ConnectionPointRegistered::SUBJECT,
            ConnectionPointHandedOver::SUBJECT,
            MeterEnrolled::SUBJECT,
            IntervalsClosed::SUBJECT,
            IntervalsCorrected::SUBJECT,
            DayAnchored::SUBJECT,
            SlotCleared::SUBJECT,
            CurtailmentChanged::SUBJECT,
            SweepSigned::SUBJECT,
            BlockConnected::SUBJECT,
            BlockDisconnected::SUBJECT,
        ]
    }

    async fn consume(&self, envelope: &Envelope) -> Result<()> {
        let billing = &self.0;
        if let Some(event) = envelope.open::<BlockConnected>()? {
            return billing.connected(envelope, event).await;
        }
        if let Some(event) = envelope.open::<BlockDisconnected>()? {
            return billing.disconnected(envelope, event).await;
        }
        if let Some(event) = envelope.open::<IntervalsClosed>()? {
            let IntervalsClosed { community, slot, intervals } = event;
            return billing.intervals(envelope, community, slot, intervals).await;
        }
        if let Some(event) = envelope.open::<IntervalsCorrected>()? {
            let IntervalsCorrected { community, slot, intervals } = event;
            return billing.intervals(envelope, community, slot, intervals).await;
        }
        if let Some(event) = envelope.open::<DayAnchored>()? {
            return billing.day_anchored(envelope, event).await;
        }
        if let Some(event) = envelope.open::<SlotCleared>()? {
            return billing.cleared(envelope, event).await;
        }
        if let Some(event) = envelope.open::<CurtailmentChanged>()? {
            return billing.curtailment_changed(envelope, event).await;
        }
        if let Some(event) = envelope.open::<SweepSigned>()? {
            return billing.swept(event, billing.now()).await;
        }
        billing.member(envelope).await
    }
}

impl Billing {
    /// Who is billed, where and by which device.
    async fn member(&self, envelope: &Envelope) -> Result<()> {
        let account = envelope.open::<AccountOpened>()?;
        let next = envelope.open::<AddressAssigned>()?;
        let point = envelope.open::<ConnectionPointRegistered>()?;
        let handed = envelope.open::<ConnectionPointHandedOver>()?;
        let meter = envelope.open::<MeterEnrolled>()?;
        let id = envelope.id;
        let touched = [
            account.as_ref().map(|event| event.account),
            next.as_ref().map(|event| event.account),
            point.as_ref().map(|event| event.account),
            handed.as_ref().and_then(|event| event.account),
        ];
        let mut touched: BTreeSet<AccountId> = touched.into_iter().flatten().collect();
        let place = point.as_ref().map(|event| event.connection_point);
        if let Some(place) = place.or(handed.as_ref().map(|event| event.connection_point)) {
            touched.extend(occupants::of_point(&self.db, place).await?);
        }
        let mut state = self.state.lock().await;
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if !db::first_time(tx, id).await? {
                        return Ok::<_, anyhow::Error>(());
                    }
                    if let Some(event) = account {
                        members::put_account(tx, &event).await?;
                    }
                    if let Some(event) = next {
                        addresses::put_next(tx, &event).await?;
                    }
                    if let Some(event) = point {
                        members::put_point(tx, &event).await?;
                    }
                    if let Some(event) = handed {
                        occupants::put_next(tx, &event).await?;
                    }
                    if let Some(event) = meter {
                        members::put_meter(tx, &event).await?;
                    }
                    Ok(())
                })
            })
            .await?;
        for account in touched {
            for span in addresses::of_account(&self.db, account).await? {
                state.points.remove(&span.address);
            }
            state.points.extend(occupants::trading(&self.db, Some(account)).await?);
        }
        Ok(())
    }

    /// The order in which a slot's trades are served.
    async fn cleared(&self, envelope: &Envelope, event: SlotCleared) -> Result<()> {
        let first = u64::from(event.part) * u64::try_from(TRADES_PER_MESSAGE_MAX)?;
        let trades: Vec<B256> = event.trades.iter().map(|matched| matched.trade).collect();
        let id = envelope.id;
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if db::first_time(tx, id).await? {
                        slots::put_places(tx, first, &trades).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

//! Events in: what other services say, as entries of the journals they concern.

use std::sync::Arc;

use anyhow::{Context, Result};
use async_trait::async_trait;
use bus::Consumer;
use contracts::Deployment;
use events::billing::TariffPublished;
use events::identity::{AccountOpened, ConnectionPointRegistered, MeterEnrolled};
use events::ledger::{BlockConnected, BlockDisconnected};
use events::{Envelope, Event};
use ids::{CommunityId, EventId};
use tariff::{Tariff, Terms};

use crate::app::Desk;
use crate::chain;
use crate::db::CONSUMER;
use crate::domain::{Entry, Member, Meter, Point, PublishedTariff};

/// The market as the bus sees it.
pub(crate) struct Inbox {
    pub(crate) desks: Vec<Arc<Desk>>,
    pub(crate) deployment: Deployment,
}

#[async_trait]
impl Consumer for Inbox {
    fn name(&self) -> &'static str {
        CONSUMER
    }

    fn subjects(&self) -> &'static [&'static str] {
        &[
            AccountOpened::SUBJECT,
            ConnectionPointRegistered::SUBJECT,
            MeterEnrolled::SUBJECT,
            TariffPublished::SUBJECT,
            BlockConnected::SUBJECT,
            BlockDisconnected::SUBJECT,
        ]
    }

    async fn consume(&self, envelope: &Envelope) -> Result<()> {
        let Some((community, entry)) = self.entry(envelope)? else { return Ok(()) };
        for desk in &self.desks {
            if community.is_none_or(|community| community == desk.parameters().community) {
                // Each market applies an event for itself, so each claims it by a name of its own.
                let own = EventId::derived(&format!("{}/{}", envelope.id, desk.name()));
                desk.facts(own, vec![entry.clone()]).await?;
            }
        }
        Ok(())
    }
}

impl Inbox {
    /// What an event says, and which community it concerns; all of them when it is of the chain.
    fn entry(&self, envelope: &Envelope) -> Result<Option<(Option<CommunityId>, Entry)>> {
        if let Some(event) = envelope.open::<AccountOpened>()? {
            return Ok(Some((Some(event.community), member(event))));
        }
        if let Some(event) = envelope.open::<ConnectionPointRegistered>()? {
            return Ok(Some((Some(event.community), point(&event))));
        }
        if let Some(event) = envelope.open::<MeterEnrolled>()? {
            return Ok(Some((Some(event.community), meter(event))));
        }
        if let Some(event) = envelope.open::<TariffPublished>()? {
            return Ok(Some((Some(event.community), published(event)?)));
        }
        if let Some(event) = envelope.open::<BlockConnected>()? {
            return Ok(Some((None, self.connected(&event))));
        }
        if let Some(event) = envelope.open::<BlockDisconnected>()? {
            let BlockDisconnected { sequence, number, hash, .. } = event;
            return Ok(Some((None, Entry::Disconnected { sequence, number, hash })));
        }
        Ok(None)
    }

    fn connected(&self, event: &BlockConnected) -> Entry {
        Entry::Connected {
            sequence: event.sequence,
            number: event.number,
            hash: event.hash,
            timestamp: event.timestamp,
            finalized: event.finalized,
            movements: chain::movements(&self.deployment, &event.logs),
        }
    }
}

fn member(event: AccountOpened) -> Entry {
    let AccountOpened { account, address, pseudonym, .. } = event;
    Entry::Member(Member { account, address, pseudonym })
}

fn point(event: &ConnectionPointRegistered) -> Entry {
    Entry::Point(Point {
        connection_point: event.connection_point,
        account: event.account,
        zone: event.zone,
        import_max: event.import_max,
        export_max: event.export_max,
    })
}

fn meter(event: MeterEnrolled) -> Entry {
    let MeterEnrolled { connection_point, serial, .. } = event;
    Entry::Meter(Meter { connection_point, serial })
}

fn published(event: TariffPublished) -> Result<Entry> {
    let terms: Terms = serde_json::from_value(event.tariff).context("the tariff's terms")?;
    let tariff = Tariff::new(terms).context("the tariff")?;
    Ok(Entry::Tariff(PublishedTariff { valid_from: event.valid_from, tariff }))
}

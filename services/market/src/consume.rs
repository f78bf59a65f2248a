//! Events in: what other services say, as entries of the journals they concern.

mod told;

use std::sync::Arc;

use anyhow::{Context, Result};
use async_trait::async_trait;
use bus::Consumer;
use calendar::Slot;
use contracts::Deployment;
use events::billing::{BooksViolated, SlotReconciled, TariffPublished, TradingChanged};
use events::identity::{AccountOpened, AddressAssigned, ConnectionPointRegistered, MeterEnrolled};
use events::ledger::{BlockConnected, BlockDisconnected};
use events::market::ClearingDisputed;
use events::metering::{IntervalFact, IntervalsClosed, IntervalsCorrected, Quality};
use events::{Envelope, Event};
use ids::{CommunityId, EventId};
use service::Clock;
use tariff::Tariff;
use units::{Energy, Power};

use self::told::Told;
use crate::app::Desk;
use crate::chain;
use crate::db::CONSUMER;
use crate::domain::{
    Entry, Exchange, Export, Member, Meter, Metered, NextAddress, Parameters, Point,
    PublishedTariff,
};

/// The market as the bus sees it.
pub(crate) struct Inbox {
    pub(crate) desks: Vec<Arc<Desk>>,
    pub(crate) deployment: Deployment,
    pub(crate) clock: Clock,
}

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
            MeterEnrolled::SUBJECT,
            TariffPublished::SUBJECT,
            BlockConnected::SUBJECT,
            BlockDisconnected::SUBJECT,
            IntervalsClosed::SUBJECT,
            IntervalsCorrected::SUBJECT,
            SlotReconciled::SUBJECT,
            TradingChanged::SUBJECT,
            BooksViolated::SUBJECT,
            ClearingDisputed::SUBJECT,
        ]
    }

    /// An event is every desk's: one that cannot take it keeps it from no other, and has it
    /// offered again.
    async fn consume(&self, envelope: &Envelope) -> Result<()> {
        let mut failed = None;
        if let Some(told) = Told::of(envelope)? {
            for desk in self.desks.iter().filter(|desk| told.concerns(desk.parameters())) {
                let entry = {
                    let book = desk.book().await;
                    told.entry(&book, self.clock.now())
                };
                // Where nothing follows too: only who writes the market knows that.
                let entries = entry.into_iter().collect();
                if let Err(error) = desk.facts(own(envelope, desk), entries).await {
                    failed.get_or_insert(error);
                }
            }
            return failed.map_or(Ok(()), Err);
        }
        if let Some((community, slot, intervals)) = metered(envelope)? {
            for desk in self.desks_of(Some(community)) {
                let entries = {
                    let (book, parameters) = (desk.book().await, desk.parameters());
                    let exported = exported(&book, slot, &intervals, parameters);
                    // What can be settled no more is not shared out, nor is it once more.
                    let settled = parameters.settled_until(slot.start) <= self.clock.now();
                    let shared = (!settled).then(|| shared(&book, slot, &intervals, parameters));
                    let shared = shared.flatten();
                    exported.into_iter().chain(shared).collect::<Vec<Entry>>()
                };
                if !entries.is_empty()
                    && let Err(error) = desk.facts(own(envelope, desk), entries).await
                {
                    failed.get_or_insert(error);
                }
            }
            return failed.map_or(Ok(()), Err);
        }
        let Some((community, entry)) = self.entry(envelope)? else { return Ok(()) };
        for desk in self.desks_of(community) {
            if let Err(error) = desk.facts(own(envelope, desk), vec![entry.clone()]).await {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

impl Inbox {
    /// The desks of a community; all of them for what is of the chain.
    fn desks_of(&self, community: Option<CommunityId>) -> impl Iterator<Item = &Arc<Desk>> {
        self.desks.iter().filter(move |desk| {
            community.is_none_or(|community| community == desk.parameters().community)
        })
    }

    /// What an event says, and which community it concerns; all of them when it is of the chain.
    fn entry(&self, envelope: &Envelope) -> Result<Option<(Option<CommunityId>, Entry)>> {
        if let Some(event) = envelope.open::<AccountOpened>()? {
            return Ok(Some((Some(event.community), member(event))));
        }
        if let Some(event) = envelope.open::<AddressAssigned>()? {
            let AddressAssigned { account, community, address, from, .. } = event;
            let next = NextAddress { account, address, from };
            return Ok(Some((Some(community), Entry::Address(next))));
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

/// Each market applies an event for itself, so each claims it by a name of its own.
fn own(envelope: &Envelope, desk: &Desk) -> EventId {
    EventId::derived(&format!("{}/{}", envelope.id, desk.name()))
}

/// The intervals that an event tells of.
fn metered(envelope: &Envelope) -> Result<Option<(CommunityId, Slot, Vec<IntervalFact>)>> {
    if let Some(event) = envelope.open::<IntervalsClosed>()? {
        return Ok(Some((event.community, event.slot, event.intervals)));
    }
    let corrected = envelope.open::<IntervalsCorrected>()?;
    Ok(corrected.map(|event| (event.community, event.slot, event.intervals)))
}

/// What a market learns of them: measured energy of connection points of its zone, where they can
/// feed in and where they can take. Shares of a longer span say little about a slot, and slots of
/// another length nothing.
fn exported(
    book: &Exchange,
    slot: Slot,
    intervals: &[IntervalFact],
    parameters: &Parameters,
) -> Option<Entry> {
    let measured = |quantity: fn(&IntervalFact) -> Energy, most: fn(&Point) -> Power| {
        let counts = |interval: &&IntervalFact| {
            let point = book.point(interval.connection_point);
            interval.quality == Quality::Measured
                && point.is_some_and(|point| {
                    parameters.covers(point.zone) && most(point) > Power::from_w(0)
                })
        };
        let of = |interval: &IntervalFact| Export {
            connection_point: interval.connection_point,
            quantity: quantity(interval),
            version: interval.version,
        };
        intervals.iter().filter(counts).map(of).collect::<Vec<Export>>()
    };
    let exports = measured(|interval| interval.export, |point| point.export_max);
    let imports = measured(|interval| interval.import, |point| point.import_max);
    let any = !exports.is_empty() || !imports.is_empty();
    let known = slot.length == parameters.slot_length && any;
    known.then_some(Entry::Exported { slot: slot.start, exports, imports })
}

/// What a slot that is shared out learns of its members: all energy that is billed, so also shares
/// of a longer span.
fn shared(
    book: &Exchange,
    slot: Slot,
    intervals: &[IntervalFact],
    parameters: &Parameters,
) -> Option<Entry> {
    let waits = |interval: &&IntervalFact| {
        interval.quality != Quality::Missing
            && book.awaits(slot.start, interval.connection_point, parameters)
    };
    let metered = |interval: &IntervalFact| Metered {
        connection_point: interval.connection_point,
        import: interval.import,
        export: interval.export,
        version: interval.version,
    };
    let points: Vec<Metered> = intervals.iter().filter(waits).map(metered).collect();
    let known = slot.length == parameters.slot_length && !points.is_empty();
    known.then_some(Entry::Metered { slot: slot.start, points })
}

fn member(event: AccountOpened) -> Entry {
    let AccountOpened { account, party, address, pseudonym, .. } = event;
    Entry::Member(Member { account, party, address, pseudonym })
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
    let tariff: Tariff = serde_json::from_value(event.tariff).context("the tariff")?;
    Ok(Entry::Tariff(PublishedTariff { valid_from: event.valid_from, tariff }))
}

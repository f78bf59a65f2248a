//! Wiring: the only file that sees every part.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use bus::Consumer;
use calendar::{Slot, Timestamp};
use client::JsonRpc;
use db::Db;
use events::identity::{
    ConnectionPointRegistered, MeterEnrolled, MeterHandedOver, MeterRevoked, MeterRotated,
};
use events::market::SlotCleared;
use events::{Envelope, Event};
use ids::MeterId;
use service::{Clock, Tick};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::app::accept::{Intake, Tally};
use crate::app::anchor::{Anchor, anchor_days, anchor_slots};
use crate::app::check::check_days;
use crate::app::close::close_if_due;
use crate::app::correct::apply_fresh;
use crate::app::enrol;
use crate::app::erase::{DAYS_KEPT_MIN, Eraser};
use crate::app::files::FILES_AT_ONCE_MAX;
use crate::app::heard::{Heard, hear_all};
use crate::app::login::{Bridge, Login};
use crate::app::reconsider::reconsider;
use crate::app::trades;
use crate::broker::{Broker, Sessions};
use crate::config::Config;
use crate::db::MIGRATIONS;
use crate::db::meters::{self, Community};
use crate::db::partitions::Ahead;
use crate::writer::{self, Message};

/// Slots of a community after which a tick closes no more.
const SLOTS_PER_TICK_MAX: i64 = 400;
/// The pause after a look for readings to erase that found none, in seconds.
const ERASE_PAUSE_SECONDS: i64 = 3600;

/// The metering service: what is stored, and what follows from it as time passes.
pub struct Metering {
    config: Config,
    db: Db,
    clock: Clock,
    anchor: Arc<Anchor>,
    chain: client::Relay,
    sessions: Sessions,
    login: Login,
    intake: Intake,
    parts: Ahead,
    /// When readings to erase are looked for again, in seconds.
    erase_at: AtomicI64,
    /// One for each file that may be taken in at the same time.
    desks: Arc<Semaphore>,
}

/// What metering has taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Readings that are stored and count.
    pub readings: u64,
    /// Messages that are kept apart.
    pub quarantined: u64,
}

/// Messages whose signatures were looked at, for [`Metering::keep`].
pub struct Checked(Vec<Heard>);

/// A broker and its writer at work. Dropping it ends every connection; what was acknowledged is on
/// disk.
pub struct Listening {
    broker: Broker,
    writer: JoinHandle<()>,
}

impl Metering {
    /// Opens the database and brings its schema up to date. Transactions go to `node`.
    ///
    /// # Errors
    /// When the database cannot be opened, or a newer version wrote it, or a bridge was given a
    /// name or a topic that cannot be its own.
    pub async fn open(
        config: Config,
        clock: Clock,
        anchor: Anchor,
        node: Arc<dyn JsonRpc>,
    ) -> Result<Arc<Metering>> {
        config.bridges.iter().try_for_each(Bridge::check)?;
        if let Some(days) = config.readings_kept_days {
            ensure!(days >= DAYS_KEPT_MIN, "readings are kept {DAYS_KEPT_MIN} days or longer");
        }
        let db = Db::open(&config.database, MIGRATIONS).await.context("database of metering")?;
        let chain = client::Relay::new(db.clone(), node, anchor.sender.clone());
        let (anchor, sessions) = (Arc::new(anchor), Sessions::default());
        let login = Login::new(db.clone(), &config.bridges);
        let intake = Intake::new(db.clone(), config.slot);
        let desks = Arc::new(Semaphore::new(FILES_AT_ONCE_MAX));
        let parts = Ahead::default();
        Ok(Arc::new(Metering {
            config,
            db,
            clock,
            anchor,
            chain,
            sessions,
            login,
            intake,
            parts,
            erase_at: AtomicI64::new(i64::MIN),
            desks,
        }))
    }

    /// Starts the broker and its writer.
    ///
    /// # Errors
    /// When an address cannot be listened on, or a file for TLS is not what it should be.
    pub async fn listen(&self) -> Result<Listening> {
        let (broker, queue) = self.broker().await?;
        let writing = writer::write(self.intake.clone(), self.clock.clone(), queue);
        Ok(Listening { broker, writer: tokio::spawn(writing) })
    }

    /// Starts the broker and nothing behind it: what comes is neither looked at nor stored, but
    /// acknowledged and passed on to who listens. For measuring the broker alone.
    ///
    /// # Errors
    /// As [`Metering::listen`].
    pub async fn listen_alone(&self) -> Result<Listening> {
        let (broker, queue) = self.broker().await?;
        Ok(Listening { broker, writer: tokio::spawn(writer::forget(queue)) })
    }

    async fn broker(&self) -> Result<(Broker, writer::Queue)> {
        let (desk, queue) = writer::desk();
        let login = self.login.clone();
        let limits = self.config.limits.clone();
        let sessions = self.sessions.clone();
        let (mqtt, tls) = (self.config.mqtt, self.config.tls.as_ref());
        let broker = Broker::start(mqtt, tls, limits, login, sessions, desk).await?;
        Ok((broker, queue))
    }

    /// Stores messages that came by another way than the broker, each with the meter whose topic it
    /// would have come on: a file, a simulation. On disk when this returns.
    ///
    /// # Errors
    /// When they cannot be stored; then none of them is.
    pub async fn store(&self, messages: Vec<(MeterId, Vec<u8>)>) -> Result<Tally> {
        self.keep(self.check(messages).await?).await
    }

    /// Looks at the signatures of messages, each with its meter as in [`Metering::store`].
    ///
    /// # Errors
    /// When a thread died.
    pub async fn check(&self, messages: Vec<(MeterId, Vec<u8>)>) -> Result<Checked> {
        let message = |(meter, bytes): (_, Vec<u8>)| Message { meter, bytes: bytes.into() };
        Ok(Checked(hear_all(messages.into_iter().map(message).collect()).await?))
    }

    /// Judges and stores what was looked at. On disk when this returns.
    ///
    /// # Errors
    /// When it cannot be stored; then none of it is.
    pub async fn keep(&self, checked: Checked) -> Result<Tally> {
        self.intake.accept(checked.0, self.clock.now()).await
    }

    /// The door that devices enter by.
    pub(crate) fn login(&self) -> &Login {
        &self.login
    }

    /// Where files are taken in.
    pub(crate) fn desks(&self) -> &Semaphore {
        &self.desks
    }

    /// The service's database: for the relay of its outbox.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// The relay of its transactions.
    pub fn chain(&self) -> &client::Relay {
        &self.chain
    }

    /// The moment that it is here.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How long a slot lasts here.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// How many readings are stored and how many are kept apart.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn totals(&self) -> Result<Totals> {
        let count = async |sql: &'static str| -> Result<u64> {
            let rows: i64 = db::query_scalar(sql).fetch_one(self.db.read()).await?;
            Ok(rows.unsigned_abs())
        };
        Ok(Totals {
            readings: count("select count(*) from reading").await?,
            quarantined: count("select count(*) from quarantine").await?,
        })
    }

    /// How many clients are connected.
    pub fn connected(&self) -> usize {
        self.sessions.count()
    }

    /// What erases readings now.
    pub(crate) fn eraser(&self, now: Timestamp) -> Eraser<'_> {
        Eraser::new(&self.db, &self.intake, self.config.slot, now)
    }

    async fn erase_due(&self, now: Timestamp) -> Result<bool> {
        if now.seconds() < self.erase_at.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let worked = self.eraser(now).erase_due(self.config.readings_kept_days).await?;
        if !worked {
            self.erase_at.store(now.seconds() + ERASE_PAUSE_SECONDS, Ordering::Relaxed);
        }
        Ok(worked)
    }

    async fn advance(&self, community: Community, now: Timestamp) -> Result<bool> {
        let length = self.config.slot;
        let mut worked = false;
        while apply_fresh(&self.db, &community, length, now).await? > 0 {
            worked = true;
        }
        let mut community = community;
        let until = Slot { start: community.closed_until, length }.later(SLOTS_PER_TICK_MAX).start;
        while community.closed_until < until {
            let slot = Slot { start: community.closed_until, length };
            let grace = self.config.grace_seconds;
            let closed = close_if_due(&self.db, &community, slot, grace, now).await?;
            if closed == 0 {
                break;
            }
            community.closed_until = slot.later(closed).start;
            worked = true;
        }
        worked |= anchor_slots(&self.db, &self.anchor, &community, length).await? > 0;
        worked |= anchor_days(&self.db, &self.anchor, &community, now).await? > 0;
        worked |= check_days(&self.db, &community, length, now).await? > 0;
        Ok(worked)
    }
}

impl Listening {
    /// Where meters connect.
    pub fn address(&self) -> SocketAddr {
        self.broker.address()
    }

    /// Where meters connect with TLS, if they may.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.broker.tls_address()
    }

    /// Ends every connection and waits until what arrived is stored.
    pub async fn stop(self) {
        self.broker.stop();
        if let Err(error) = self.writer.await {
            tracing::error!(%error, "the writer of readings died");
        }
    }
}

#[async_trait]
impl Tick for Metering {
    fn name(&self) -> &'static str {
        "metering"
    }

    /// Holds new readings against closed slots, closes slots that are due, anchors what closed. A
    /// community where that fails does not hold up the others.
    async fn tick(&self, now: Timestamp) -> Result<bool> {
        let mut outcome = enrol::send_due(&self.db, &self.anchor, now).await.map(|count| count > 0);
        match enrol::look_at_keys(&self.db, now).await {
            Ok(count) => outcome = outcome.map(|worked| worked | (count > 0)),
            Err(error) => outcome = Err(error.context("what became of meters' keys")),
        }
        if let Err(error) = self.parts.make(&self.db, now).await {
            outcome = Err(anyhow::Error::new(error).context("parts of the readings' table"));
        }
        match self.erase_due(now).await {
            Ok(erased) => outcome = outcome.map(|worked| worked | erased),
            Err(error) => outcome = Err(error.context("erasing readings")),
        }
        for community in meters::communities(&self.db).await.context("communities")? {
            let id = community.id;
            match self.advance(community, now).await {
                Ok(advanced) => outcome = outcome.map(|worked| worked | advanced),
                Err(error) => outcome = Err(error.context(format!("community {id}"))),
            }
        }
        outcome
    }
}

#[async_trait]
impl Consumer for Metering {
    fn name(&self) -> &'static str {
        enrol::CONSUMER
    }

    fn subjects(&self) -> &'static [&'static str] {
        &[
            ConnectionPointRegistered::SUBJECT,
            MeterEnrolled::SUBJECT,
            MeterRotated::SUBJECT,
            MeterHandedOver::SUBJECT,
            MeterRevoked::SUBJECT,
            SlotCleared::SUBJECT,
        ]
    }

    async fn consume(&self, envelope: &Envelope) -> Result<()> {
        if let Some(cleared) = envelope.open::<SlotCleared>()? {
            return trades::keep(&self.db, envelope, cleared).await;
        }
        // Also what a line that was just ended has still said; before anybody can enter.
        if let Some(enrolled) = envelope.open::<MeterEnrolled>()? {
            self.sessions.forget_retained(enrolled.meter);
        }
        if let Some(meter) =
            enrol::apply(&self.db, self.config.slot, &self.anchor, envelope).await?
        {
            self.sessions.end(meter);
        }
        // Also where the event was applied before: the process may have ended in between.
        if let Some(rotated) = envelope.open::<MeterRotated>()? {
            let of = (rotated.meter, rotated.key);
            reconsider(&self.db, &self.intake, of, self.clock.now()).await?;
        }
        Ok(())
    }
}

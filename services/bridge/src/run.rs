//! Wiring: messages in, signed readings out.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{Db, Tx};
use formats::Stream;
use ids::MeterId;
use keys::SecretKey;
use reading::SignedReading;
use rumqttc::Publish;
use service::Clock;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, MeterConfig};
use crate::db::{self as store, Followed};
use crate::domain::discovery::{announcements, state};
use crate::domain::sampler::{Rules, Sample, Sampler};
use crate::server::{Last, MESSAGES_MAX, Server, Uploaded};
use crate::source::{Arrival, BATCH_MAX, Line};

/// How often boundaries are looked for.
const TICK: Duration = Duration::from_secs(1);
/// The first pause after the server was not reached; it doubles up to the longest.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// A bridge between a broker of any maker and Wattex.
pub struct Bridge {
    config: Config,
    clock: Clock,
    db: Db,
    server: Arc<Server>,
    devices: Vec<Device>,
}

/// One meter's device.
struct Device {
    config: MeterConfig,
    rules: Rules,
    key: SecretKey,
    token: String,
    stream: Stream<'static>,
    /// Which registers are followed.
    of: String,
    sampler: Sampler,
    changed: bool,
    /// What was said last of its messages, so that it is not said with every message.
    complaint: Option<&'static str>,
}

/// Why a message is of no use.
struct Complaint {
    /// What it is told by: the same kind again is not told again.
    kind: &'static str,
    why: String,
}

/// What a bridge is asked to tell while it runs.
pub trait Observer: Send + Sync {
    /// A reading was signed and is on disk.
    fn signed(&self, _name: &str, _reading: &SignedReading) {}
    /// Messages of a device are of no use, for this reason; told when the reason changes.
    fn complained(&self, _name: &str, _why: &str) {}
    /// The server answered for readings.
    fn uploaded(&self, _name: &str, _what: Uploaded) {}
    /// The server was not reached or refused.
    fn not_sent(&self, _name: &str, _why: &str) {}
}

/// Where the readings of a meter go, apart from how its device is followed.
struct Way {
    meter: MeterId,
    name: String,
    token: String,
}

impl Bridge {
    /// Opens what is remembered. A meter that is not remembered goes on after the last page that
    /// the server has of it.
    ///
    /// # Errors
    /// A secret that cannot be read, a file of another version, or a server that is not reached
    /// while a meter is new.
    pub async fn open(config: Config, clock: Clock) -> Result<Bridge> {
        let url = format!("sqlite:{}", config.state.display());
        let db = Db::open(&url, store::MIGRATIONS).await.context("what the bridge remembers")?;
        let server = Arc::new(Server::new(&config.server)?);
        let mut devices = Vec::with_capacity(config.meters.len());
        for meter in &config.meters {
            let device = Device::open(meter, &config, &db, &server, clock.now()).await;
            devices.push(device.with_context(|| format!("meter {}", meter.label()))?);
        }
        Ok(Bridge { config, clock, db, server, devices })
    }

    /// Runs until `stop`; then what was received is on disk.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub async fn run(mut self, observer: Arc<dyn Observer>, stop: CancellationToken) -> Result<()> {
        let topics: BTreeSet<String> =
            self.config.meters.iter().map(|meter| meter.topic.clone()).collect();
        let (line, mut arrivals) = Line::connect(&self.config, Vec::from_iter(topics))?;
        let news = Arc::new(Notify::new());
        let ways = self.devices.iter().map(|device| Way {
            meter: device.rules.meter,
            name: device.config.label(),
            token: device.token.clone(),
        });
        let (ways, server) = (Vec::from_iter(ways), self.server.clone());
        let sending = send(self.db.clone(), server, ways, observer.clone(), news.clone());
        let sending = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(sending));
        let mut tick = tokio::time::interval(TICK);
        let mut batch = Vec::with_capacity(BATCH_MAX);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = tick.tick() => {}
                count = arrivals.recv_many(&mut batch, BATCH_MAX) => {
                    if count == 0 {
                        break;
                    }
                }
            }
            let messages = self.sort(&line, &mut batch, &*observer);
            let signed = self.take(&messages, &*observer).await?;
            messages.iter().for_each(|message| line.acknowledge(message));
            for reading in &signed {
                line.retain(&state(&reading.reading));
            }
            if !signed.is_empty() {
                news.notify_one();
            }
        }
        line.say_available(false);
        drop(sending);
        self.db.close().await;
        Ok(())
    }

    /// The messages among arrivals; meters are announced when the line is up.
    fn sort(&self, line: &Line, batch: &mut Vec<Arrival>, observer: &dyn Observer) -> Vec<Publish> {
        let mut messages = Vec::with_capacity(batch.len());
        for arrival in batch.drain(..) {
            match arrival {
                Arrival::Message(message) => messages.push(message),
                Arrival::Refused => {
                    let names = self.devices.iter().map(|device| device.config.label());
                    let names = Vec::from_iter(names).join(", ");
                    observer.complained(&names, "the broker does not let us hear all topics");
                }
                Arrival::Connected => {
                    line.say_available(true);
                    self.announce(line);
                }
            }
        }
        messages
    }

    fn announce(&self, line: &Line) {
        let Some(prefix) = &self.config.discovery_prefix else { return };
        for device in &self.devices {
            let counted = (!device.config.import.is_empty(), !device.config.export.is_empty());
            let client_id = &self.config.source.client_id;
            let name = device.config.label();
            for retained in announcements(prefix, client_id, device.rules.meter, &name, counted) {
                line.retain(&retained);
            }
        }
    }

    /// Takes messages and what the time brings: on disk when this returns.
    async fn take(
        &mut self,
        messages: &[Publish],
        observer: &dyn Observer,
    ) -> Result<Vec<SignedReading>> {
        let now = self.clock.now();
        let mut signed = Vec::new();
        for device in &mut self.devices {
            signed.extend(device.due(now));
            for message in messages {
                device.take(message, now, observer);
            }
        }
        let changed: Vec<(MeterId, Followed)> =
            self.devices.iter_mut().filter_map(Device::changes).collect();
        if changed.is_empty() {
            return Ok(signed);
        }
        let outgoing = signed.clone();
        self.db
            .transact(move |tx: &mut Tx| {
                Box::pin(async move {
                    for (meter, followed) in &changed {
                        store::follow(tx, *meter, followed).await?;
                    }
                    for reading in &outgoing {
                        store::send_later(tx, reading).await?;
                    }
                    anyhow::Ok(())
                })
            })
            .await
            .context("keeping what was received")?;
        for reading in &signed {
            let of = self.devices.iter().find(|it| it.rules.meter == reading.reading.meter);
            observer.signed(&of.map(|it| it.config.label()).unwrap_or_default(), reading);
        }
        Ok(signed)
    }
}

impl Device {
    async fn open(
        config: &MeterConfig,
        all: &Config,
        db: &Db,
        server: &Server,
        now: Timestamp,
    ) -> Result<Device> {
        let (key, token) = (config.key()?, config.token()?);
        let (registers, of) = ((config.import.len(), config.export.len()), config.registers()?);
        let known = store::followed(db, config.meter).await?;
        let last = server.last(config.meter, &token).await;
        let after = |last: Last| {
            let page = last.page.checked_add(1).context("the meter has no page left")?;
            anyhow::Ok(Sampler::after((page, last.registers), registers, all.slot_minutes, now))
        };
        let sampler = match (known, last) {
            // What is remembered is older than what the server has, as from a copy.
            (Some(known), Ok(Some(last))) if last.page >= known.sampler.page() => after(last)?,
            (Some(known), _) if known.of == of => known.sampler,
            (Some(known), _) => known.sampler.by(registers),
            (None, Ok(Some(last))) => after(last)?,
            (None, Ok(None)) => Sampler::new(registers, 1, all.slot_minutes, now),
            (None, Err(error)) => return Err(error.context("asking the server for the last page")),
        };
        Ok(Device {
            rules: config.rules(all.slot_minutes)?,
            stream: Stream::new(config.format()?, None),
            config: config.clone(),
            key,
            token,
            of,
            sampler,
            changed: true,
            complaint: None,
        })
    }

    /// The readings of boundaries that are over, signed.
    fn due(&mut self, now: Timestamp) -> Vec<SignedReading> {
        let readings = self.sampler.due(now, &self.rules);
        self.changed |= !readings.is_empty();
        readings.into_iter().map(|reading| reading.sign(&self.key)).collect()
    }

    /// Takes a message, if it is of this device.
    fn take(&mut self, message: &Publish, now: Timestamp, observer: &dyn Observer) {
        if !rumqttc::matches(&message.topic, &self.config.topic) {
            return;
        }
        match self.understand(message, now) {
            Ok(true) => self.complaint = None,
            Ok(false) => {}
            Err(Complaint { kind, why }) => {
                if self.complaint != Some(kind) {
                    observer.complained(&self.config.label(), &format!("{}: {why}", message.topic));
                }
                self.complaint = Some(kind);
            }
        }
    }

    /// Takes what a message shows of the registers; whether it showed any.
    fn understand(&mut self, message: &Publish, now: Timestamp) -> Result<bool, Complaint> {
        let complaint = |kind, why: &dyn Display| Complaint { kind, why: why.to_string() };
        let readings = self.stream.decode(Some(&message.topic), &message.payload);
        let readings = readings.map_err(|refusal| complaint("format", &refusal))?;
        let mut outcome = Ok(false);
        for (direction, register, selector) in self.config.selectors() {
            let shown = selector
                .of(direction, &readings, now, self.rules.age_max)
                .map_err(|ambiguous| complaint("ambiguous", &ambiguous))?;
            // What a broker kept for later subscribers may be of any time.
            let Some(shown) = shown.filter(|shown| !message.retain || shown.time < now) else {
                continue;
            };
            let sample = Sample {
                direction,
                register,
                time: shown.time,
                wh: shown.wh,
                clock_in_doubt: shown.clock_in_doubt,
            };
            self.changed = true;
            match self.sampler.take(sample, &self.rules) {
                Ok(()) => outcome = outcome.map(|_| true),
                Err(doubt) => outcome = Err(complaint("doubt", &doubt)),
            }
        }
        outcome
    }

    fn changes(&mut self) -> Option<(MeterId, Followed)> {
        let changed = std::mem::take(&mut self.changed);
        let followed = || Followed { of: self.of.clone(), sampler: self.sampler.clone() };
        changed.then(|| (self.rules.meter, followed()))
    }
}

/// Hands signed readings to the server, oldest first, until it is told to stop.
async fn send(
    db: Db,
    server: Arc<Server>,
    ways: Vec<Way>,
    observer: Arc<dyn Observer>,
    news: Arc<Notify>,
) {
    let mut pause = PAUSE;
    loop {
        let mut failed = false;
        for way in &ways {
            match send_all(&db, &server, way, &*observer).await {
                Ok(()) => {}
                Err(why) => {
                    failed = true;
                    observer.not_sent(&way.name, &format!("{why:#}"));
                }
            }
        }
        if failed {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        } else {
            pause = PAUSE;
            news.notified().await;
        }
    }
}

async fn send_all(db: &Db, server: &Server, way: &Way, observer: &dyn Observer) -> Result<()> {
    loop {
        let (last, messages) = store::outgoing(db, way.meter, MESSAGES_MAX).await?;
        if messages.is_empty() {
            return Ok(());
        }
        let uploaded = server.upload(way.meter, &way.token, messages).await?;
        store::sent(db, way.meter, last).await?;
        observer.uploaded(&way.name, uploaded);
    }
}

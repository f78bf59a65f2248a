//! How events travel: from an outbox row, at least once, to consumers that apply each exactly once.
//!
//! ```text
//! service A: one transaction { state change + outbox row }
//!              relay: claim pending rows -> publish all -> await acknowledgements -> mark sent
//!                       in process: every subscribed consumer has committed
//!                       NATS:       JetStream has stored it (message id = event id)
//! service B: one transaction { inbox row (consumer, event id) + effect }, then acknowledge
//! ```
//!
//! Invariants: an event is marked sent only after it is durable at the other end; a consumer's
//! effect and its inbox row commit together, so a repeat changes nothing; an event that a consumer
//! refuses is tried again [`ATTEMPTS_MAX`] times, then parked: kept, counted and shown, and it
//! holds up nobody else.
//! Deliberately absent: commands (they are HTTP) and broadcast without an outbox.
#![forbid(unsafe_code)]

mod in_process;
mod nats;
mod relay;
mod tables;

use std::sync::Arc;

use anyhow::Result;
use async_trait::async_trait;
use events::Envelope;

pub use nats::NatsOptions;
pub use relay::{Relay, Sent};
pub use tables::{Parked, SCHEMA, append, append_all, first_time, parked};

/// How often an event is offered to a consumer that fails before it is parked.
pub const ATTEMPTS_MAX: i64 = 12;
/// The most outbox rows that are claimed at once.
pub const CLAIM_MAX: i64 = 200;

/// How long an event that was sent stays in its outbox, in seconds from when it occurred.
pub const SENT_KEPT_SECONDS: i64 = 40 * 86_400;

/// Something that applies events.
#[async_trait]
pub trait Consumer: Send + Sync {
    /// Its name in the inbox, stable for ever: `billing`.
    fn name(&self) -> &'static str;

    /// The subjects it wants.
    fn subjects(&self) -> &'static [&'static str];

    /// Applies one event: in one transaction, [`first_time`] and the effect. Returning `Ok` means
    /// committed. An error means: offer it again later.
    async fn consume(&self, envelope: &Envelope) -> Result<()>;

    /// Applies events in their order; what became of each, as [`Consumer::consume`] says it.
    ///
    /// A consumer may apply several in one transaction, as long as one that fails does not take
    /// those beside it along.
    async fn consume_all(&self, envelopes: &[&Envelope]) -> Vec<Result<()>> {
        let mut outcomes = Vec::with_capacity(envelopes.len());
        for envelope in envelopes {
            outcomes.push(self.consume(envelope).await);
        }
        outcomes
    }
}

/// The bus: in process, or NATS JetStream.
#[derive(Clone)]
pub struct Bus {
    transport: Arc<Transport>,
}

enum Transport {
    InProcess(in_process::InProcess),
    Nats(Box<nats::Nats>),
}

impl Bus {
    /// A bus inside this process: publishing returns when every consumer has committed.
    pub fn in_process() -> Bus {
        Bus { transport: Arc::new(Transport::InProcess(in_process::InProcess::default())) }
    }

    /// A bus on NATS JetStream: publishing returns when the stream has stored the event.
    pub async fn nats(options: NatsOptions) -> Result<Bus> {
        let nats = nats::Nats::connect(options).await?;
        Ok(Bus { transport: Arc::new(Transport::Nats(Box::new(nats))) })
    }

    /// Registers `consumer`. In process it takes part from the next event on; on NATS a durable
    /// pull consumer of its name is created and a task applies its events one after another.
    pub async fn subscribe(&self, consumer: Arc<dyn Consumer>) -> Result<()> {
        match &*self.transport {
            Transport::InProcess(bus) => {
                bus.subscribe(consumer);
                Ok(())
            }
            Transport::Nats(bus) => bus.subscribe(consumer).await,
        }
    }

    /// Publishes one event; see [`Bus::in_process`] and [`Bus::nats`] for when it returns.
    pub async fn publish(&self, envelope: &Envelope) -> Result<()> {
        let outcomes = self.publish_all(std::slice::from_ref(envelope)).await;
        outcomes.into_iter().collect()
    }

    /// Publishes events in their order; what became of each, as [`Bus::publish`] says it. One that
    /// is refused does not keep the others back.
    ///
    /// Each consumer gets them in this order; consumers do not wait for one another.
    pub async fn publish_all(&self, envelopes: &[Envelope]) -> Vec<Result<()>> {
        match &*self.transport {
            Transport::InProcess(bus) => bus.publish_all(envelopes).await,
            Transport::Nats(bus) => bus.publish_all(envelopes).await,
        }
    }
}

//! The bus of the cluster: NATS JetStream with durable pull consumers.

use std::sync::Arc;

use anyhow::Result;
use events::Envelope;

use crate::Consumer;

/// Where NATS is and how the stream is kept.
#[derive(Debug, Clone)]
pub struct NatsOptions {
    /// `nats://host:port`, several separated by commas.
    pub url: String,
    /// The stream's name; one per installation.
    pub stream: String,
}

pub(crate) struct Nats;

impl Nats {
    pub(crate) async fn connect(_options: NatsOptions) -> Result<Nats> {
        anyhow::bail!("NATS is being written")
    }
    pub(crate) async fn subscribe(&self, _consumer: Arc<dyn Consumer>) -> Result<()> {
        anyhow::bail!("NATS is being written")
    }
    pub(crate) async fn publish(&self, _envelope: &Envelope) -> Result<()> {
        anyhow::bail!("NATS is being written")
    }
}

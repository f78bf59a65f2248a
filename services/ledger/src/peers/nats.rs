//! Nodes that meet on NATS subjects.
//!
//! ```text
//! wattex.chain.<genesis>.announce       to all
//! wattex.chain.<genesis>.peer.<peer>    to one
//! ```
//!
//! Nothing is stored by the server: a node that was away asks for what it missed. Operators with
//! servers of their own connect them by leaf nodes; rights on the subjects are the server's matter.

use super::{FRAMES_WAITING_MAX, Joined, Link, PeerId, Transport};
use alloy_primitives::{B256, Bytes};
use anyhow::Context;
use async_nats::{Client, ConnectOptions, Subscriber};
use async_trait::async_trait;
use futures::StreamExt;
use std::sync::Arc;
use tokio::sync::mpsc::{self, Sender, error::TrySendError};
use tokio::task::JoinHandle;

/// Bytes that stay free under the server's limit, for what it adds to a frame.
const HEADROOM_BYTES: usize = 1_024;

/// A connection to NATS.
#[derive(Clone, Debug)]
pub struct Nats {
    client: Client,
}

impl Nats {
    /// Connects to the first of `urls` that answers; when it goes away, to another.
    pub async fn connect(urls: &[String]) -> anyhow::Result<Self> {
        // With its echo: several nodes may share the connection.
        let options = ConnectOptions::new().name("wattex node");
        let client = options.connect(urls).await;
        let client =
            client.with_context(|| format!("connecting to NATS at {}", urls.join(", ")))?;
        Ok(Self { client })
    }
}

struct End {
    client: Client,
    subjects: String,
    readers: [JoinHandle<()>; 2],
}

#[async_trait]
impl Transport for Nats {
    async fn join(&self, genesis: B256, me: PeerId) -> anyhow::Result<Joined> {
        let subjects = format!("wattex.chain.{genesis:x}");
        let (inbox, frames) = mpsc::channel(FRAMES_WAITING_MAX);
        let mut readers = Vec::new();
        for subject in [announce(&subjects), direct(&subjects, me)] {
            let subscriber = self.client.subscribe(subject).await.context("subscribing")?;
            readers.push(tokio::spawn(read(subscriber, inbox.clone())));
        }
        // So that nothing that is said from now on is missed.
        self.client.flush().await.context("subscribing")?;
        let readers = readers.try_into().expect("there are two subjects");
        let client = self.client.clone();
        Ok(Joined { link: Arc::new(End { client, subjects, readers }), frames })
    }
}

fn announce(subjects: &str) -> String {
    format!("{subjects}.announce")
}

fn direct(subjects: &str, peer: PeerId) -> String {
    format!("{subjects}.peer.{peer:x}")
}

async fn read(mut subscriber: Subscriber, inbox: Sender<Bytes>) {
    while let Some(message) = subscriber.next().await {
        if let Err(TrySendError::Closed(_)) = inbox.try_send(message.payload.into()) {
            return;
        }
    }
}

#[async_trait]
impl Link for End {
    fn frame_bytes_max(&self) -> usize {
        self.client.server_info().max_payload.saturating_sub(HEADROOM_BYTES)
    }

    async fn broadcast(&self, frame: Bytes) -> anyhow::Result<()> {
        Ok(self.client.publish(announce(&self.subjects), frame.into()).await?)
    }

    async fn send(&self, to: PeerId, frame: Bytes) -> anyhow::Result<()> {
        Ok(self.client.publish(direct(&self.subjects, to), frame.into()).await?)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        // The subscriptions go with their readers.
        self.readers.iter().for_each(JoinHandle::abort);
    }
}

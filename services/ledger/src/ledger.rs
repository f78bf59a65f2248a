//! The asynchronous shell around the node: ticks, feed, requests.

use crate::config::Parts;
use crate::feed;
use crate::http::{self, RpcServer};
use crate::node::{MineError, Node, StartError};
use crate::peers::{self, Membership};
use crate::rpc::Serving;
use crate::store::StoreError;
use anyhow::Context;
use async_trait::async_trait;
use bus::Bus;
use calendar::Timestamp;
use client::{JsonRpc, RpcError};
use serde_json::Value;
use service::Tick;
use std::net::SocketAddr;
use std::sync::Arc;

/// A mining node: the core on blocking threads, its feed on the bus.
pub struct Ledger {
    // Before the node: what is dropped first must not use it any more.
    membership: Option<Membership>,
    node: Arc<Node>,
    serving: Arc<Serving>,
    bus: Bus,
    /// Held while the feed is published, so that its order holds.
    draining: tokio::sync::Mutex<()>,
}

/// Opens the chain in the directory of `parts`, or begins it there. Nothing runs by itself: the
/// caller ticks and drains. Only what comes from the network, if there is one, is taken in as it
/// comes.
pub async fn start(parts: Parts) -> Result<Arc<Ledger>, StartError> {
    let bus = parts.bus.clone();
    let node = Arc::new(blocking(move || Node::open(parts)).await?);
    let membership = match &node.config().peering {
        Some(peering) => Some(peers::join(&node, peering).await.map_err(StartError::Network)?),
        None => None,
    };
    let serving = Arc::new(Serving::new(node.clone()));
    let draining = tokio::sync::Mutex::default();
    Ok(Arc::new(Ledger { membership, node, serving, bus, draining }))
}

impl Ledger {
    /// Whether it is part of a network of nodes.
    pub fn is_networked(&self) -> bool {
        self.membership.is_some()
    }

    /// The core, for those on a blocking thread.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// What answers JSON-RPC from outside.
    pub(crate) fn serving(&self) -> &Arc<Serving> {
        &self.serving
    }

    /// Serves JSON-RPC alone at an address of its own, port 0 for a free one: HTTP at `/` and
    /// `/rpc`, WebSocket at `/` and `/ws`. Must be called inside a tokio runtime.
    pub fn serve_rpc(&self, address: SocketAddr) -> std::io::Result<RpcServer> {
        http::serve(self.serving.clone(), address)
    }

    /// Runs `work` with the core on a blocking thread.
    pub async fn with_node<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Node) -> T + Send + 'static,
    ) -> T {
        let node = self.node.clone();
        blocking(move || work(&node)).await
    }

    /// Mines a block at `now`, even an empty one; its hash, or `None` if its time would be too far
    /// ahead of `now`.
    pub async fn mine_now(
        &self,
        now: Timestamp,
    ) -> Result<Option<alloy_primitives::B256>, MineError> {
        self.with_node(move |node| node.mine_now(now.unsigned())).await
    }

    /// How many blocks have left the best branch since the chain began.
    ///
    /// Every block joins with one row of the feed and leaves with one, and the best branch holds
    /// one more block than its height.
    pub async fn blocks_reorganised(&self) -> Result<u64, StoreError> {
        self.with_node(|node| {
            let snapshot = node.snapshot()?;
            let best = snapshot.head_header()?.number + 1;
            Ok(snapshot.feed_last()?.saturating_sub(best) / 2)
        })
        .await
    }

    /// Publishes what the feed has and nobody got yet, in order; returns how many events went out.
    ///
    /// If a consumer refuses an event, the rest waits behind it until the next call.
    pub async fn drain(&self, now: Timestamp) -> anyhow::Result<u64> {
        let _turn = self.draining.lock().await;
        let mut sent = 0;
        loop {
            let batch = self.with_node(feed::unpublished).await.context("reading the feed")?;
            if batch.is_empty() {
                return Ok(sent);
            }
            for (sequence, envelope) in batch {
                if let Err(error) = self.bus.publish(&envelope).await {
                    let error = format!("{error:#}");
                    tracing::warn!(sequence, %now, error, "the feed stops at a refused event");
                    return Ok(sent);
                }
                self.with_node(move |node| node.set_published(sequence))
                    .await
                    .context("moving the cursor of the feed")?;
                sent += 1;
            }
        }
    }
}

#[async_trait]
impl Tick for Ledger {
    fn name(&self) -> &'static str {
        "ledger"
    }

    async fn tick(&self, now: Timestamp) -> anyhow::Result<bool> {
        let mined = self.with_node(move |node| node.mine_due(now.unsigned())).await?;
        Ok(mined > 0)
    }
}

#[async_trait]
impl JsonRpc for Ledger {
    async fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        self.serving.request(method, params).await
    }
}

/// Runs `work` where it may block; its panics go on in the caller.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and with it whoever waits here.
            Err(_cancelled) => std::future::pending().await,
        },
    }
}

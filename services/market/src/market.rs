//! The service: its desks, what falls due, and what goes out.

use std::sync::Arc;

use alloy_primitives::Address;
use anyhow::{Context, Result};
use async_trait::async_trait;
use calendar::Timestamp;
use client::{JsonRpc, Sender};
use contracts::{Deployment, Policy};
use db::Db;
use ids::{CommunityId, ZoneId};
use service::Tick;

use crate::app::{Desk, Tools, Watcher};
use crate::config::{MarketConfig, Parts, check_distinct};
use crate::consume::Inbox;
use crate::db::MIGRATIONS;

/// The market service. Its writers end when it and the bus it subscribed to are dropped.
pub struct Market {
    desks: Vec<Arc<Desk>>,
    watchers: Vec<Watcher>,
    policies: Vec<Policy>,
    chain_id: u64,
    deployment: Deployment,
    node: Arc<dyn JsonRpc>,
    clock: service::Clock,
    clearer: Address,
    delegate: Address,
    outbox: bus::Relay,
    pub(crate) chain: client::Relay,
    db: Db,
}

/// Opens the database, rebuilds every book from its journal and subscribes to the bus.
pub async fn start(parts: Parts) -> Result<Arc<Market>> {
    check_distinct(&parts.markets)?;
    let db = Db::open(&parts.db_url, MIGRATIONS).await.context("opening the market's database")?;
    let sender = Arc::new(Sender::new(parts.clearer, parts.chain_id));
    let clearer = sender.address();
    let clock = parts.clock.clone();
    let chain = client::Relay::new(db.clone(), parts.node.clone(), sender.clone());
    let delegate = Arc::new(parts.delegate);
    let tools = Tools {
        db: db.clone(),
        clock: parts.clock,
        sender,
        delegate: delegate.clone(),
        chain_id: parts.chain_id,
        deployment: parts.deployment,
    };
    let mut desks = Vec::new();
    for market in &parts.markets {
        let desk = Desk::open(tools.clone(), market.parameters()?).await?;
        desks.push(Arc::new(desk));
    }
    let watchers = desks.iter().map(|desk| Watcher::new(desk.clone(), db.clone())).collect();
    let market = Arc::new(Market {
        desks,
        watchers,
        policies: parts.markets.into_iter().map(|market: MarketConfig| market.policy).collect(),
        chain_id: parts.chain_id,
        deployment: parts.deployment,
        node: parts.node,
        clock,
        clearer,
        delegate: delegate.address(),
        outbox: bus::Relay::new(db.clone(), parts.bus.clone()),
        chain,
        db,
    });
    let inbox = Inbox { desks: market.desks.clone(), deployment: market.deployment };
    parts.bus.subscribe(Arc::new(inbox)).await?;
    Ok(market)
}

/// What the market has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Slots that were cleared.
    pub slots: u64,
    /// Trades that came of them.
    pub trades: u64,
}

impl Market {
    /// Carries the outbox onto the bus and transactions to the chain; how much was moved or still
    /// waits for a block.
    pub async fn drain(&self, now: Timestamp) -> Result<u64> {
        let sent = self.outbox.drain(now).await?;
        let waiting = self.chain.round().await?;
        Ok(sent + waiting)
    }

    /// How many slots were cleared with orders, and how many trades came of them, since the journal
    /// began.
    pub async fn totals(&self) -> Result<Totals> {
        crate::db::totals(&self.db).await
    }

    /// All desks, in the order they were configured.
    pub fn desks(&self) -> &[Arc<Desk>] {
        &self.desks
    }

    /// The desk of a grid area of a community: the market's own name, or a zone of its grid.
    pub fn desk(&self, community: CommunityId, zone: ZoneId) -> Option<&Arc<Desk>> {
        self.desks_of(community).find(|desk| desk.parameters().is_named(zone))
    }

    /// The desks of a community.
    pub fn desks_of(&self, community: CommunityId) -> impl Iterator<Item = &Arc<Desk>> {
        self.desks.iter().filter(move |desk| desk.parameters().community == community)
    }

    /// The policies that orders may name, in the order of the desks.
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// The chain that orders are signed for.
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// The contracts that orders are signed for.
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// Where contract accounts are asked what they take as signed.
    pub(crate) fn node(&self) -> &dyn JsonRpc {
        &*self.node
    }

    /// The address of the clearing role.
    pub fn clearer(&self) -> Address {
        self.clearer
    }

    /// The address that signs what standing rules place.
    pub fn delegate(&self) -> Address {
        self.delegate
    }

    /// Where cases are kept.
    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    /// What the market's clock shows.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Closes the database; what was answered is durable.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

#[async_trait]
impl Tick for Market {
    fn name(&self) -> &'static str {
        "market"
    }

    async fn tick(&self, now: Timestamp) -> Result<bool> {
        let mut any = false;
        for desk in &self.desks {
            any |= desk.tick(now).await?;
        }
        for watcher in &self.watchers {
            any |= watcher.judge(now).await?;
        }
        Ok(any)
    }
}

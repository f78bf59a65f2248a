//! The service: its desks, what falls due, and what goes out.

use std::sync::{Arc, Weak};
use std::time::Duration;

use alloy_primitives::Address;
use anyhow::{Context, Result};
use async_trait::async_trait;
use bus::Bus;
use calendar::Timestamp;
use client::{JsonRpc, Sender};
use contracts::{Deployment, Policy};
use db::{Db, Kind};
use ids::{CommunityId, ZoneId};
use service::Tick;
use tokio::sync::Mutex;

use crate::app::{Desk, Rechecker, Tools, Watcher};
use crate::config::{MarketConfig, Parts, check_distinct};
use crate::consume::Inbox;
use crate::db::{MIGRATIONS, lease};

/// The market service. Its writers end when it and the bus it subscribed to are dropped.
pub struct Market {
    desks: Vec<Arc<Desk>>,
    watchers: Vec<Watcher>,
    recheckers: Vec<Rechecker>,
    policies: Vec<Policy>,
    chain_id: u64,
    deployment: Deployment,
    node: Arc<dyn JsonRpc>,
    clock: service::Clock,
    clearer: Address,
    delegate: Address,
    outbox: bus::Relay,
    pub(crate) chain: client::Relay,
    /// The token under which this process carries out what leaves the database.
    carries: Mutex<Option<i64>>,
    db: Db,
}

/// The lease of who carries the outbox and the transactions.
const RELAY: &str = "relay";
/// How often a process that stands by looks whether it has to hear events.
const SUBSCRIBE_EVERY: Duration = Duration::from_secs(1);

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
    let at = (parts.chain_id, parts.deployment.market);
    let mut recheckers = Vec::new();
    for desk in &desks {
        recheckers.push(Rechecker::new(desk.clone(), db.clone(), at).await);
    }
    let market = Arc::new(Market {
        desks,
        watchers,
        recheckers,
        policies: parts.markets.into_iter().map(|market: MarketConfig| market.policy).collect(),
        chain_id: parts.chain_id,
        deployment: parts.deployment,
        node: parts.node,
        clock,
        clearer,
        delegate: delegate.address(),
        outbox: bus::Relay::new(db.clone(), parts.bus.clone()),
        chain,
        carries: Mutex::default(),
        db,
    });
    let inbox = Inbox {
        desks: market.desks.clone(),
        deployment: market.deployment,
        clock: market.clock.clone(),
    };
    if market.desks.iter().any(|desk| desk.leads()) {
        parts.bus.subscribe(Arc::new(inbox)).await?;
    } else {
        // Who only stands by would refuse each event, and hold up those who take it.
        tokio::spawn(subscribe_later(Arc::downgrade(&market), parts.bus, inbox));
    }
    Ok(market)
}

/// Subscribes once this process writes a market.
async fn subscribe_later(market: Weak<Market>, bus: Bus, inbox: Inbox) {
    let inbox = Arc::new(inbox);
    loop {
        tokio::time::sleep(SUBSCRIBE_EVERY).await;
        let Some(market) = market.upgrade() else { return };
        if !market.desks.iter().any(|desk| desk.leads()) {
            continue;
        }
        match bus.subscribe(inbox.clone()).await {
            Ok(()) => return,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "the market hears no events");
            }
        }
    }
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
    /// waits for a block. Nothing, where another process on the same database does it.
    pub async fn drain(&self, now: Timestamp) -> Result<u64> {
        if !self.carries().await? {
            return Ok(0);
        }
        let sent = self.outbox.drain(now).await?;
        let waiting = self.chain.round().await?;
        Ok(sent + waiting)
    }

    /// Whether this process carries what leaves the database: one of those that share it does. A
    /// SQLite file has one process.
    async fn carries(&self) -> Result<bool> {
        if self.db.kind() == Kind::Sqlite {
            return Ok(true);
        }
        let mut carries = self.carries.lock().await;
        if let Some(token) = *carries {
            match lease::renew(&self.db, RELAY, token).await {
                Ok(()) => return Ok(true),
                Err(error) if error.is::<lease::Fenced>() => *carries = None,
                Err(error) => return Err(error),
            }
        }
        *carries = lease::take(&self.db, RELAY).await?;
        Ok(carries.is_some())
    }

    /// How many slots were cleared with orders, and how many trades came of them, since the journal
    /// began.
    pub async fn totals(&self) -> Result<Totals> {
        crate::db::totals(&self.db).await
    }

    /// How many clearings this process has computed anew since it started.
    pub async fn recomputed(&self) -> u64 {
        let mut all = 0;
        for rechecker in &self.recheckers {
            all += rechecker.computed().await;
        }
        all
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

    /// Gives all leases up and closes the database; what was answered is durable.
    pub async fn close(&self) {
        for desk in self.desks.iter().filter(|desk| desk.leads()) {
            if let Err(error) = desk.hand_over().await {
                tracing::warn!(market = desk.name(), %error, "a lease was not given up");
            }
        }
        if let Some(token) = self.carries.lock().await.take()
            && let Err(error) = lease::give_up(&self.db, RELAY, token).await
        {
            tracing::warn!(error = format!("{error:#}"), "a lease was not given up");
        }
        self.desks.iter().for_each(|desk| desk.end());
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
        for rechecker in &self.recheckers {
            any |= rechecker.checked(now).await;
        }
        for (desk, watcher) in self.desks.iter().zip(&self.watchers) {
            if desk.leads() {
                any |= watcher.judge(now).await?;
            }
        }
        Ok(any)
    }
}

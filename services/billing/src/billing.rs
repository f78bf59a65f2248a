//! The service: what it keeps, what falls due, and what goes out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use alloy_primitives::{Address, B256};
use anyhow::{Context, Result};
use async_trait::async_trait;
use calendar::{LocalDay, SlotLength, Timestamp};
use client::{JsonRpc, Sender};
use contracts::{Deployment, Policy};
use db::Db;
use ids::CommunityId;
use service::{Clock, Tick};
use tokio::sync::Mutex;

use crate::app::reserve::Memory;
use crate::app::state::State;
use crate::config::Parts;
use crate::consume::Inbox;
use crate::currencies::Currencies;
use crate::db::MIGRATIONS;
use crate::domain::journal::Verified;

/// The billing service.
pub struct Billing {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) node: Arc<dyn JsonRpc>,
    pub(crate) operator: Arc<Sender>,
    /// Signs what connection points generate from.
    pub(crate) certifier: Arc<Sender>,
    pub(crate) chain_id: u64,
    pub(crate) deployment: Deployment,
    pub(crate) currencies: Currencies,
    pub(crate) dealers: B256,
    pub(crate) policies: Vec<Policy>,
    pub(crate) slot: SlotLength,
    monthly: bool,
    pub(crate) state: Mutex<State>,
    /// Tariffs are published one at a time.
    pub(crate) publishing: Mutex<()>,
    /// Invoices are issued one at a time.
    pub(crate) issuing: Mutex<()>,
    /// Quotes are made one at a time.
    pub(crate) quoting: Mutex<()>,
    /// Payments by bank are taken one statement at a time.
    pub(crate) paying: Mutex<()>,
    /// The local day on which each community's unpaid invoices were looked at last.
    pub(crate) reminded: Mutex<BTreeMap<CommunityId, LocalDay>>,
    /// The slot in which each community's prepaid accounts were looked at last.
    pub(crate) prepaid: Mutex<BTreeMap<CommunityId, Timestamp>>,
    /// The UTC day on which the journals were anchored last, since the start.
    pub(crate) journals_anchored: Mutex<Option<u32>>,
    /// What of each currency's journal the last audit found in order, since the start.
    pub(crate) audited: Mutex<Vec<Verified>>,
    /// Whether the slots that memory put away at the start were looked at, and add up.
    pub(crate) slots_sound: AtomicBool,
    /// Rules that postings broke since the start.
    pub(crate) violations_posted: AtomicU64,
    /// From when on the books are looked at again.
    pub(crate) watched: Mutex<Option<Timestamp>>,
    /// What everybody was told last of what stands behind the tokens.
    pub(crate) reserve: Mutex<Memory>,
    /// When what is left at addresses of before is looked for again, and after which of them; empty
    /// before the first.
    pub(crate) sweeping: Mutex<(Timestamp, String)>,
    outbox: bus::Relay,
    pub(crate) chain: client::Relay,
}

/// Opens the database, rebuilds the books from the journal and subscribes to the bus.
pub async fn start(parts: Parts) -> Result<Arc<Billing>> {
    let db = Db::open(&parts.db_url, MIGRATIONS).await.context("opening billing's database")?;
    let currencies = Currencies::new(&parts.deployment, parts.currencies)?;
    let state = State::load(&db, &parts.policies, &currencies);
    let state = state.await.context("rebuilding the books")?;
    let operator = Arc::new(Sender::new(parts.operator, parts.chain_id));
    let certifier = Arc::new(Sender::new(parts.certifier, parts.chain_id));
    let chain = client::Relay::new(db.clone(), parts.node.clone(), operator.clone());
    let billing = Arc::new(Billing {
        clock: parts.clock,
        operator,
        chain_id: parts.chain_id,
        deployment: parts.deployment,
        audited: Mutex::new(vec![Verified::default(); currencies.ids().count()]),
        currencies,
        dealers: parts.dealers,
        policies: parts.policies,
        slot: parts.slot,
        monthly: parts.monthly,
        state: Mutex::new(state),
        publishing: Mutex::default(),
        issuing: Mutex::default(),
        quoting: Mutex::default(),
        paying: Mutex::default(),
        reminded: Mutex::default(),
        prepaid: Mutex::default(),
        journals_anchored: Mutex::default(),
        slots_sound: AtomicBool::new(false),
        violations_posted: AtomicU64::new(0),
        watched: Mutex::default(),
        reserve: Mutex::default(),
        sweeping: Mutex::new((Timestamp::from_seconds(0), String::new())),
        outbox: bus::Relay::new(db.clone(), parts.bus.clone()),
        chain: chain.and(certifier.clone()),
        certifier,
        node: parts.node,
        db,
    });
    billing.approve_markets().await?;
    parts.bus.subscribe(Arc::new(Inbox(billing.clone()))).await?;
    Ok(billing)
}

impl Billing {
    /// Carries the outbox onto the bus and transactions to the chain; how much was moved or still
    /// waits for a block.
    pub async fn drain(&self, now: Timestamp) -> Result<u64> {
        let sent = self.outbox.drain(now).await?;
        let waiting = self.chain.round().await?;
        Ok(sent + waiting)
    }

    /// The address that mints, reconciles and anchors.
    pub fn operator(&self) -> Address {
        self.operator.address()
    }

    /// What the clock of answers shows.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Closes the database; what was answered is durable.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

#[async_trait]
impl Tick for Billing {
    fn name(&self) -> &'static str {
        "billing"
    }

    async fn tick(&self, now: Timestamp) -> Result<bool> {
        let reconciled = self.reconcile_due(now).await.context("reconciling")?;
        let posted = self.post_waiting(now).await.context("posting intervals")?;
        let expired = self.expire_due(now).await.context("expiring")?;
        let released = self.release_due(now).await.context("releasing")?;
        let followed = self.follow_payouts(now).await.context("following payouts")?;
        let paid = self.post_payouts(now).await.context("posting payouts")?;
        let back = self.put_back(now).await.context("putting money back into wallets")?;
        let swept = self.sweep_due(now).await.context("sweeping")?;
        let certified = self.certify_due(now).await.context("certifying")?;
        let issued = self.monthly && self.issue_due(now).await.context("issuing invoices")?;
        let corrected = self.correct_due(now).await.context("correcting invoices")?;
        let billed = self.post_invoices().await.context("posting invoices")?;
        let added = self.post_corrections().await.context("posting corrections")?;
        let taken = self.take_wallet_payments(now).await.context("taking payments of wallets")?;
        let received = self.post_dues().await.context("posting payments of invoices")?;
        let reminded = self.remind_due(now).await.context("reminding")?;
        let charged = self.post_fees().await.context("posting fees of reminders")?;
        let prepaid = self.look_at_prepaid(now).await.context("looking at prepaid accounts")?;
        let held = self.hold_buying(now).await.context("telling who buys nothing")?;
        let anchored = self.anchor_journals(now).await.context("anchoring the journals")?;
        // A look that fails holds nothing else up.
        let watched = self.watch_books(now).await.unwrap_or_else(|error| {
            tracing::error!(error = format!("{error:#}"), "the books were not looked at");
            false
        });
        let moved = reconciled || expired || released || followed || paid || back || taken;
        let invoiced = billed || issued || corrected || added;
        let dunned = reminded || charged || prepaid || held;
        let said = dunned || anchored || watched;
        Ok(moved || swept || posted || invoiced || certified || received || said)
    }
}

//! Notices: what happens is told to systems and people outside.
//!
//! ```text
//! bus ──> message for each endpoint that wants the kind   one transaction with the inbox row
//!         letter to whom it concerns, in their language
//! round ──> each endpoint's oldest message: resolve, check the address, connect to it, POST signed
//!           2xx: delivered, the next one    else: again later, up to ATTEMPTS_MAX, then failing
//! post_letters ──> letters, each with its bill as PDF, over the operator's mail server (SMTP)
//! staff ──> endpoints, secrets, a test, what became of each message, a replay
//! people ──> an address, confirmed by a code that was sent there; no letter before
//! ```
//!
//! A service of its own: it takes events of all others, it alone speaks to servers of strangers,
//! and where they are slow nobody else waits.
//!
//! Without a mail server nobody is written to.
//!
//! Invariants: a message keeps its id and its body, so whoever gets it twice can tell; an endpoint
//! gets its messages one after the other, oldest first; nothing is sent to an address that is
//! neither public nor allowed, whatever a name resolves to at that moment; a secret is in the
//! database wrapped only, shown once, and in no log.
//! Deliberately absent: what is in a bill (`billing` is asked), commands by webhook.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod api;
mod app;
mod consume;
mod db;
mod domain;
mod post;
mod smtp;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use ::db::Db;
use anyhow::{Context, Result};
use bus::Bus;
use calendar::Timestamp;
use futures::future::BoxFuture;
use ids::InvoiceId;
use service::Clock;
use tokio::sync::watch;
use vault::MasterKey;

pub use api::routes;
pub use domain::letter::Currency;
pub use domain::network::{BadNetwork, Network};
pub use domain::retry::ATTEMPTS_MAX;

pub use smtp::{Mail, MailTls};

use post::Poster;
use smtp::Postman;

/// Pause between two rounds of sending.
const PERIOD: Duration = Duration::from_secs(1);

/// What notices is made of.
pub struct Parts {
    /// Its own database.
    pub db_url: String,
    /// Where events come from.
    pub bus: Bus,
    /// When messages are sent and tried again. Receivers hold the time of an attempt against
    /// their own clock, so it is the machine's, also where the market's runs ahead.
    pub clock: Clock,
    /// What wraps the secrets of endpoints.
    pub master_key: MasterKey,
    /// Networks that endpoints may be in though they are not public; http is allowed there.
    pub allowed: Vec<Network>,
    /// The operator's mail server; without one nobody is written to.
    pub mail: Option<Mail>,
    /// Where a bill's pages come from.
    pub papers: Papers,
    /// What bills are in.
    pub currency: Currency,
}

/// A bill as a file.
pub struct Paper {
    /// The file's name.
    pub name: String,
    /// Its content.
    pub pdf: Vec<u8>,
}

/// The pages of a bill in a language; nothing where there are none, for want of an issuer.
pub type Papers =
    Arc<dyn Fn(InvoiceId, String) -> BoxFuture<'static, Result<Option<Paper>>> + Send + Sync>;

/// The pause between two looks for what is kept no longer, in seconds.
const FORGET_SECONDS: i64 = 600;
/// Of [`Notices::forgot`].
const MESSAGES: usize = 0;
const LETTERS: usize = 1;

/// The service.
pub struct Notices {
    db: Db,
    clock: Clock,
    master_key: MasterKey,
    allowed: Vec<Network>,
    poster: Poster,
    postman: Option<Postman>,
    papers: Papers,
    currency: Currency,
    /// When it was looked for messages and for letters that are kept no longer, epoch seconds.
    forgot: [AtomicI64; 2],
}

/// Opens the database and subscribes to the bus.
///
/// # Errors
/// The database cannot be opened or is of a newer version, the bus cannot be reached, there are no
/// certificates to check servers with, or the mail server's settings cannot be used.
pub async fn start(parts: Parts) -> Result<Arc<Notices>> {
    let db = Db::open(&parts.db_url, db::MIGRATIONS).await.context("opening notices' database")?;
    let notices = Arc::new(Notices {
        db,
        clock: parts.clock,
        master_key: parts.master_key,
        poster: Poster::new(parts.allowed.clone())?,
        allowed: parts.allowed,
        postman: parts.mail.map(Postman::new).transpose()?,
        papers: parts.papers,
        currency: parts.currency,
        forgot: Default::default(),
    });
    parts.bus.subscribe(Arc::new(consume::Inbox(notices.clone()))).await?;
    Ok(notices)
}

impl Notices {
    /// Whether it is time to look for what is kept no longer.
    fn forgets(&self, what: usize, now: Timestamp) -> bool {
        let last = self.forgot[what].load(Ordering::Relaxed);
        let due = now.seconds() - last >= FORGET_SECONDS;
        if due {
            self.forgot[what].store(now.seconds(), Ordering::Relaxed);
        }
        due
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Sends what is due until `stop` turns true, a round a second; letters and webhooks do not
    /// wait for each other. A fault is logged, and the work is due again in the next round.
    pub async fn run(self: Arc<Notices>, stop: watch::Receiver<bool>) {
        let webhooks = every_period(stop.clone(), || self.round(self.now()));
        let letters = every_period(stop, || self.post_letters(self.now()));
        tokio::join!(webhooks, letters);
    }

    /// Closes the database.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

/// Does `work` once a period until `stop` turns true.
async fn every_period<F: Future<Output = Result<u64>>>(
    mut stop: watch::Receiver<bool>,
    work: impl Fn() -> F,
) {
    let mut interval = tokio::time::interval(PERIOD);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => return,
            _ = interval.tick() => {}
        }
        // What is broken off is sent again after the next start: a stop does not wait for others.
        let outcome = tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => return,
            outcome = work() => outcome,
        };
        if let Err(error) = outcome {
            tracing::error!(error = format!("{error:#}"), "telling somebody failed");
        }
    }
}

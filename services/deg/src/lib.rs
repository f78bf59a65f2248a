//! Deg: the register of trades between customers of two utilities, as Indian pilots use it.
//!
//! ```text
//! POST /ledger/put      a platform records a trade, or its terms
//! POST /ledger/record   a utility (discom) records what was delivered, and how the trade stands
//! POST /ledger/get      each sees the records that it has a part in
//! market's trades ──bus──> records of our own, with ourselves as both platforms
//! ```
//!
//! The interface is "DEG Ledger Service API" 0.4.0 (github.com/beckn/DEG,
//! specification/api/deg_contract_ledger.yaml), its bodies, answers and codes; requests are signed
//! as Beckn networks do it, by keys that the operator has listed. A service of its own: it speaks
//! another interface, to others, and holds no money.
//!
//! Invariants: a trade has one record; every state that a record ever had is kept, each with the
//! digest of the one before; nobody writes what is another's.
//! Deliberately absent: meter data and allocation (the same document has them), looking up keys in
//! a network's registry, hiding fields of a record from one of its parties.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod api;
mod app;
mod consume;
mod db;
mod domain;

use std::sync::Arc;

use ::db::Db;
use anyhow::{Context, Result, anyhow};
use bus::Bus;
use calendar::Timestamp;
use service::Clock;

pub use api::routes;
pub use domain::signature::{Kind, Participant};

/// What the register is made of.
pub struct Parts {
    /// Its own database.
    pub db_url: String,
    /// Where trades come from.
    pub bus: Bus,
    /// By which signatures hold and records are made.
    pub clock: Clock,
    /// Who may ask.
    pub participants: Vec<Participant>,
    /// As whom our own trades are recorded; without it they are not.
    pub own: Option<Own>,
}

/// As whom our own trades are recorded.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Own {
    /// Our id as a platform, for both sides.
    pub platform: String,
    /// The utility of both sides.
    pub discom: String,
}

/// The register.
pub struct Deg {
    db: Db,
    clock: Clock,
    participants: Vec<Participant>,
    own: Option<Own>,
}

/// Opens the database and subscribes to the bus.
///
/// # Errors
/// The database cannot be opened or is of a newer version, a participant's key cannot be read, or
/// the bus cannot be reached.
pub async fn start(parts: Parts) -> Result<Arc<Deg>> {
    domain::signature::check(&parts.participants).map_err(|why| anyhow!("participants: {why}"))?;
    let db = Db::open(&parts.db_url, db::MIGRATIONS).await.context("opening deg's database")?;
    let Parts { bus, clock, participants, own, .. } = parts;
    let deg = Arc::new(Deg { db, clock, participants, own });
    bus.subscribe(Arc::new(consume::Inbox(deg.clone()))).await?;
    Ok(deg)
}

impl Deg {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Closes the database.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

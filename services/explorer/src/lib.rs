//! The explorer: what happened on the chain, for anyone to look up and watch.
//!
//! ```text
//! ledger.block.connected    -> rows of the block   one transaction with the inbox row
//! ledger.block.disconnected -> rows removed
//! market, metering, billing -> feed                ids rise by one; GET /v1/events replays
//! GET block -> index + node's header -> each step of the proof of work, recomputed
//! ```
//!
//! Invariants: blocks join in order, each on its parent, and leave newest first, so the index is
//! always one branch of the chain; nothing here names a person: addresses are all there is.
//! The index holds no truth of its own: drop it, and with the next block it is filled again from
//! a node.
//! Deliberately absent: tokens and roles (every page is public), events of its own.
#![forbid(unsafe_code)]

mod api;
mod app;
mod consume;
mod schema;

use std::sync::Arc;

use bus::Bus;
use client::JsonRpc;
use contracts::{Deployment, Policy};
use db::Db;

pub use api::routes;

use app::feed::Feed;

/// What an explorer is made of.
pub struct Parts {
    /// Its own database.
    pub db_url: String,
    /// Where blocks and events come from.
    pub bus: Bus,
    /// A node that shows headers.
    pub node: Arc<dyn JsonRpc>,
    /// The contracts whose events are decoded.
    pub deployment: Deployment,
    /// Policies that the contract has had from its beginning.
    pub policies: Vec<Policy>,
}

/// The index and its feed.
pub struct Explorer {
    db: Db,
    node: Arc<dyn JsonRpc>,
    deployment: Deployment,
    feed: Feed,
}

/// Opens the index and subscribes it to the bus.
///
/// # Errors
/// The database cannot be opened or is of a newer version, or the bus cannot be reached.
pub async fn start(parts: Parts) -> anyhow::Result<Arc<Explorer>> {
    let db = Db::open(&parts.db_url, schema::MIGRATIONS).await?;
    let policies = parts.policies;
    db.transact::<_, anyhow::Error, _>(|tx| {
        Box::pin(async move {
            for policy in &policies {
                app::branch::keep_policy(tx, policy).await?;
            }
            Ok(())
        })
    })
    .await?;
    let feed = Feed::open(db.clone()).await?;
    let explorer = Arc::new(Explorer { db, node: parts.node, deployment: parts.deployment, feed });
    parts.bus.subscribe(explorer.clone()).await?;
    Ok(explorer)
}

impl Explorer {
    /// Ends all open event streams, so that a server can stop; new ones end at once.
    pub fn stop(&self) {
        self.feed.stop();
    }
}

//! What somebody decided of what another one asked for: kept once, whatever it is about.

use anyhow::{Error, Result};
use calendar::Timestamp;
use db::Tx;
use service::Problem;

use crate::db::decisions::Requests;

/// What somebody decided.
#[derive(Debug, Clone)]
pub(super) struct Decision {
    /// Where what was asked for is kept, and under which id.
    pub(super) of: (Requests, String),
    pub(super) by: String,
    pub(super) approved: bool,
    pub(super) at: Timestamp,
}

impl Decision {
    /// `approved` or `refused`.
    pub(super) fn state(&self) -> &'static str {
        if self.approved { "approved" } else { "refused" }
    }

    /// Keeps it, once.
    ///
    /// # Errors
    /// A [`Problem`] `DECIDED` where it is not open.
    pub(super) async fn keep(&self, tx: &mut Tx) -> Result<()> {
        let (requests, id) = &self.of;
        if requests.decide(tx, id, (self.state(), &self.by), self.at).await? {
            return Ok(());
        }
        Err(decided_already())
    }
}

pub(super) fn decided_already() -> Error {
    Problem::refused("DECIDED", "Somebody has decided already").into()
}

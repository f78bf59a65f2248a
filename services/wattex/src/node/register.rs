//! The register of trades between utilities, where the operator has one.

use std::sync::Arc;

use anyhow::{Context, Result};
use deg::{Deg, Own, Participant};
use serde::Deserialize;
use service::Clock;

use super::Wired;

/// Who takes part in the register.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// Who may ask.
    pub participants: Vec<Participant>,
    /// As whom our own trades are recorded; without it they are not.
    #[serde(default)]
    pub own: Option<Own>,
}

/// Opens the register, where there is one. Signatures hold by the machine's clock: who signs is not
/// in the market's time.
pub(super) async fn start(wired: &Wired<'_>) -> Result<Option<Arc<Deg>>> {
    let Some(register) = wired.settings.outside.deg.clone() else { return Ok(None) };
    let deg = deg::start(deg::Parts {
        db_url: wired.database("deg"),
        bus: wired.bus.clone(),
        clock: Clock::real(),
        participants: register.participants,
        own: register.own,
    });
    Ok(Some(deg.await.context("starting the register")?))
}

//! What an operator sets.

use std::net::SocketAddr;

use calendar::SlotLength;
use serde::{Deserialize, Serialize};

use crate::app::login::Bridge;
use crate::broker::{Limits, Tls};

/// Settings of metering; a key that is not one of these stops the process.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `sqlite:PATH` or `postgres://...`.
    pub database: String,
    /// Where meters connect; port 0 takes any free one.
    pub mqtt: SocketAddr,
    /// Where they connect with TLS as well.
    #[serde(default)]
    pub tls: Option<Tls>,
    /// How long a slot lasts, in minutes.
    #[serde(default = "quarter_hour")]
    pub slot: SlotLength,
    /// Seconds after the end of a slot until it closes without those that have not reported.
    #[serde(default = "ten_minutes")]
    pub grace_seconds: i64,
    /// What clients of the broker may take.
    #[serde(default)]
    pub limits: Limits,
    /// How many days readings are kept, at least 92; older ones are erased. Not given: for ever.
    #[serde(default)]
    pub readings_kept_days: Option<u16>,
    /// Gateways that publish for several meters.
    #[serde(default)]
    pub bridges: Vec<Bridge>,
}

fn quarter_hour() -> SlotLength {
    SlotLength::QUARTER_HOUR
}

fn ten_minutes() -> i64 {
    600
}

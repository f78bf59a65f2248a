//! Who may do what.
#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

/// What a party is to a community. A party may have several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Buys.
    Consumer,
    /// Buys and sells.
    Prosumer,
    /// Runs the community.
    Operator,
    /// Delivers the rest of the energy and bills it.
    Utility,
    /// Reads everything, changes nothing.
    Auditor,
    /// Sends readings.
    Device,
    /// Manages people and machines.
    Admin,
}

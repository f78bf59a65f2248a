//! The all-in-one: every service in this process, wired by hand.
//!
//! ```text
//! identity metering market billing explorer ── SQLite, a file each
//! ledger ── redb                                in-process bus over each service's outbox
//! gateway ── one HTTP port        metering ── one MQTT port
//! ```

mod secrets;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alloy_primitives::{Address, U256};
use anyhow::{Context, Result};
use bus::{Bus, Relay};
use calendar::{SlotLength, TimeZone, Timestamp};
use chain::GenesisSpec;
use client::{JsonRpc, Sender};
use contracts::{Deployment, Genesis, Imbalance, Policy, Roles};
use ids::{CommunityId, ZoneId};
use service::{Clock, Tick};
use tariff::Tariff;

use crate::exit::Trouble;

pub use secrets::Secrets;

/// Ether of the operator's own keys: the base fee is a few wei, so this lasts for ever.
const OPERATOR_WEI: u128 = 1_000_000_000_000_000_000_000_000;
/// How long after its end a slot may be reconciled: past R2, five working days and a weekend or two.
const CORRECTION_SECONDS: u32 = 10 * 86_400;
/// How much longer proceeds stay locked.
const CHALLENGE_SECONDS: u32 = 3 * 86_400;
/// How long a withdrawal takes.
const WITHDRAWAL_DELAY: u32 = 2 * 86_400;
/// Shortfall that costs nothing: a tenth of the quantity, or this many Wh.
const TOLERANCE_BPS: u16 = 1_000;
const TOLERANCE_WH: u32 = 50;
/// Rounds after which a pump that never comes to rest is a fault.
const PUMP_ROUNDS_MAX: u32 = 500;

/// What an installation is made of.
pub struct Settings {
    /// Where everything is kept.
    pub directory: PathBuf,
    /// HTTP port; 0 takes a free one.
    pub port: u16,
    /// Whose local days count.
    pub timezone: TimeZone,
    /// The slot length.
    pub slot: SlotLength,
    /// The tariff, which also gives the fees of the policy.
    pub tariff: Tariff,
    /// Moment of the genesis block.
    pub genesis: Timestamp,
    /// The clock.
    pub clock: Clock,
}

/// Everything at work.
pub struct Node {
    /// The community.
    pub community: CommunityId,
    /// Its only grid area.
    pub zone: ZoneId,
    /// The fees and rules of trade.
    pub policy: Policy,
    /// Where the contracts are.
    pub deployment: Deployment,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The operator's secrets.
    pub secrets: Secrets,
    /// People, accounts, meters.
    pub identity: Arc<identity::Identity>,
    /// Readings.
    pub metering: Arc<metering::Metering>,
    /// Orders.
    pub market: Arc<market::Market>,
    /// Money.
    pub billing: Arc<billing::Billing>,
    /// The chain.
    pub ledger: Arc<ledger::Ledger>,
    explorer: Arc<explorer::Explorer>,
    listening: metering::Listening,
    edge: gateway::Edge,
    metering_outbox: Relay,
    metering_chain: client::Relay,
}

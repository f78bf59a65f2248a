//! What billing is started with.

use std::sync::Arc;

use alloy_primitives::B256;
use bus::Bus;
use calendar::SlotLength;
use client::JsonRpc;
use contracts::{Currency, Deployment, Policy};
use keys::SecretKey;
use service::Clock;

/// Everything billing needs from outside.
pub struct Parts {
    /// `sqlite:PATH` or `postgres://...`.
    pub db_url: String,
    /// Where events come from and go to.
    pub bus: Bus,
    /// The clock of answers; ticks are told the time.
    pub clock: Clock,
    /// The chain node that takes deliveries, payments and anchors, and proves them.
    pub node: Arc<dyn JsonRpc>,
    /// The key with the roles MINTER, RECONCILER and, for records, ANCHOR. Nobody else uses it.
    pub operator: SecretKey,
    /// The key with the role CERTIFIER. Nobody else uses it; it needs ether of its own.
    pub certifier: SecretKey,
    /// The chain.
    pub chain_id: u64,
    /// The contracts.
    pub deployment: Deployment,
    /// Every currency of the genesis, the one that energy is traded in first.
    pub currencies: Vec<Currency>,
    /// What the key of each community's dealer in currencies follows from. Nobody else uses it.
    pub dealers: B256,
    /// Policies that were registered before the feed of blocks began; later ones come with it.
    pub policies: Vec<Policy>,
    /// How long a slot lasts, in minutes.
    pub slot: SlotLength,
    /// Whether a bill is issued by itself when a month is over and reconciled. Otherwise an
    /// operator asks for it.
    pub monthly: bool,
}

//! What a market is started with, as the machine needs it.

use alloy_primitives::B256;
use calendar::{SlotLength, Timestamp};
use ids::{CommunityId, ZoneId};
use matching::network::Network;
use matching::{Fees, Mechanism};
use units::{Energy, Price};

use super::{RiskLimits, SelfTrade};

/// How a market runs: the same for all its members, and not part of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// The community.
    pub community: CommunityId,
    /// The grid area.
    pub zone: ZoneId,
    /// Whose local days the contracts are told.
    pub timezone: calendar::TimeZone,
    /// How long a slot lasts.
    pub slot_length: SlotLength,
    /// A limit is a multiple of this.
    pub tick: Price,
    /// The smallest order.
    pub lot_min: Energy,
    /// Seconds between the gate and the start of the slot.
    pub gate_seconds: i64,
    /// Seconds between the opening of a slot's book and its start.
    pub horizon_seconds: i64,
    /// How slots are cleared, unless another mechanism was chosen for them.
    pub mechanism: Mechanism,
    /// The fees both sides sign.
    pub fees: Fees,
    /// The highest retail price that collateral may be reckoned with.
    pub retail_price_max: Price,
    /// The lowest feed-in price that compensation may be reckoned with.
    pub feed_in_price_min: Price,
    /// What a connection point may offer, in percent of the most it has lately fed in at that time
    /// of day.
    pub forecast_percent: u32,
    /// From how many known days on that limit holds.
    pub forecast_days_min: u32,
    /// The hash of the policy that orders must name.
    pub policy: B256,
    /// The policy with that hash, which every call about a clearing shows.
    pub terms: contracts::Policy,
    /// What is done about orders of one party that would meet before the gate.
    pub self_trade: SelfTrade,
    /// The figures of risk that a new market begins with, where they are not the defaults.
    pub risk: Option<RiskLimits>,
    /// The grid, where the market has several zones.
    pub grid: Option<Network>,
    /// Seconds after a slot's end for which its members' meters are waited for, where what was
    /// metered is shared out.
    pub allocation_seconds: i64,
}

impl Parameters {
    /// When the orders of the slot that starts at `slot` are final.
    pub fn gate(&self, slot: Timestamp) -> Timestamp {
        slot.plus_seconds(-self.gate_seconds)
    }

    /// When the book of the slot that starts at `slot` opens.
    pub fn opens(&self, slot: Timestamp) -> Timestamp {
        slot.plus_seconds(-self.horizon_seconds)
    }

    /// The end of the slot that starts at `slot`.
    pub fn end(&self, slot: Timestamp) -> Timestamp {
        slot.plus_seconds(self.slot_length.seconds())
    }
}

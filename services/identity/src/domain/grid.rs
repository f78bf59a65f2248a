//! Connection points and the meters at them.

use alloy_primitives::Address;
use calendar::{TimeZone, Timestamp};
use ids::{AccountId, CommunityId, ConnectionPointId, MeterId, ZoneId};
use serde::Serialize;
use units::Power;
use utoipa::ToSchema;

/// A place of the grid whose energy is billed to an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConnectionPoint {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    pub connection_point: ConnectionPointId,
    /// The account that is billed.
    #[schema(value_type = String, format = "uuid")]
    pub account: AccountId,
    /// Its community.
    #[schema(value_type = String, format = "uuid")]
    pub community: CommunityId,
    /// Its grid area.
    #[schema(value_type = String, format = "uuid")]
    pub zone: ZoneId,
    /// Whose local days count, as an IANA name.
    #[schema(value_type = String, example = "Europe/Berlin")]
    pub timezone: TimeZone,
    /// The most it may take from the grid, in watts.
    #[schema(value_type = u64)]
    pub import_max_w: Power,
    /// The most it may feed in, in watts.
    #[schema(value_type = u64)]
    pub export_max_w: Power,
    /// Since when it takes part.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
}

/// A device that measures at a connection point, with its newest key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Meter {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    pub meter: MeterId,
    /// What is printed on it.
    pub serial: String,
    /// Where it measures.
    #[schema(value_type = String, format = "uuid")]
    pub connection_point: ConnectionPointId,
    /// The account there.
    #[schema(value_type = String, format = "uuid")]
    pub account: AccountId,
    /// Its community.
    #[schema(value_type = String, format = "uuid")]
    pub community: CommunityId,
    /// The address of the key it signs with.
    #[schema(value_type = String)]
    pub key: Address,
    /// The how many-th key it is.
    pub version: u32,
    /// From when its readings count.
    #[schema(value_type = String, format = DateTime)]
    pub valid_from: Timestamp,
    /// Since when the key no longer counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

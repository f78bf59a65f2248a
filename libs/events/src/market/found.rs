//! What was found wrong in a market: cases of surveillance, clearings that come out otherwise.

use alloy_primitives::B256;
use calendar::Timestamp;
use ids::{CaseId, CommunityId, PartyId, ZoneId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Event, schema};

/// Surveillance found something to look at. Not a verdict, and not published again while it is
/// found day after day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseOpened {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The grid area.
    #[schemars(with = "schema::Id")]
    pub zone: ZoneId,
    /// The case.
    #[schemars(with = "schema::Id")]
    pub case: CaseId,
    /// Which rule, by its code, such as `W1`.
    pub rule: String,
    /// 1 to 3.
    pub severity: u8,
}

impl Event for CaseOpened {
    const SUBJECT: &'static str = "market.case.opened.v1";
}

/// Somebody decided about a case of surveillance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseDecided {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The grid area.
    #[schemars(with = "schema::Id")]
    pub zone: ZoneId,
    /// The case.
    #[schemars(with = "schema::Id")]
    pub case: CaseId,
    /// `dismissed` or `confirmed`.
    pub decision: String,
    /// Who decided.
    #[schemars(with = "schema::Id")]
    pub by: PartyId,
}

impl Event for CaseDecided {
    const SUBJECT: &'static str = "market.case.decided.v1";
}

/// Somebody who computed a clearing anew from its journal came to another result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClearingDisputed {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The grid area.
    #[schemars(with = "schema::Id")]
    pub zone: ZoneId,
    /// Start of the slot.
    #[schemars(with = "schema::Moment")]
    pub slot: Timestamp,
    /// The clearing's name on chain.
    #[schemars(with = "schema::Hash")]
    pub clearing: B256,
    /// How many clearings of the last days differ for who says so, with this one.
    pub count: u32,
    /// What differs, in words.
    pub difference: String,
}

impl Event for ClearingDisputed {
    const SUBJECT: &'static str = "market.clearing.disputed.v1";
}

//! What identity promises: accounts, connection points, meters.

use alloy_primitives::Address;
use calendar::{TimeZone, Timestamp};
use ids::{AccountId, CommunityId, ConnectionPointId, MeterId, PartyId, ZoneId};
use serde::{Deserialize, Serialize};
use units::Power;

use crate::Event;

/// Who holds an account's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Custody {
    /// The account's owner alone.
    Own,
    /// The operator, wrapped, for the owner.
    Held,
}

/// An account was opened, or its key or standing changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountOpened {
    /// The account.
    pub account: AccountId,
    /// Whose it is.
    pub party: PartyId,
    /// Where it trades.
    pub community: CommunityId,
    /// The name that others see.
    pub pseudonym: String,
    /// The address that signs orders and holds cash.
    pub address: Address,
    /// Who holds the address's key.
    pub custody: Custody,
}

impl Event for AccountOpened {
    const SUBJECT: &'static str = "identity.account.opened.v1";
}

/// A connection point joined a community.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionPointRegistered {
    /// The connection point.
    pub connection_point: ConnectionPointId,
    /// The account that is billed for it.
    pub account: AccountId,
    /// Its community.
    pub community: CommunityId,
    /// Its grid area.
    pub zone: ZoneId,
    /// Whose local days count.
    pub timezone: TimeZone,
    /// The most it may take from the grid.
    pub import_max: Power,
    /// The most it may feed into the grid; zero without generation.
    pub export_max: Power,
}

impl Event for ConnectionPointRegistered {
    const SUBJECT: &'static str = "identity.connection_point.registered.v1";
}

/// A meter was enrolled at a connection point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterEnrolled {
    /// The meter.
    pub meter: MeterId,
    /// What is printed on it.
    pub serial: String,
    /// Where it measures.
    pub connection_point: ConnectionPointId,
    /// The account at the connection point.
    pub account: AccountId,
    /// Its community.
    pub community: CommunityId,
    /// The address of the key it signs with.
    pub key: Address,
    /// SHA-256 of the token it logs in to the broker with.
    pub token_hash: String,
    /// From when its readings count.
    pub valid_from: Timestamp,
    /// The owner's and the installer's signature of the enrolment, for the registry on chain.
    pub enrolment: Enrolment,
}

/// What the registry on chain checks when a meter is enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrolment {
    /// The account's address.
    pub owner: Address,
    /// The installer's address.
    pub installer: Address,
    /// By the owner's key.
    pub owner_signature: keys::Signature,
    /// By the installer's key.
    pub installer_signature: keys::Signature,
}

impl Event for MeterEnrolled {
    const SUBJECT: &'static str = "identity.meter.enrolled.v1";
}

/// A meter's key no longer counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeterRevoked {
    /// The meter.
    pub meter: MeterId,
    /// Since when.
    pub at: Timestamp,
}

impl Event for MeterRevoked {
    const SUBJECT: &'static str = "identity.meter.revoked.v1";
}

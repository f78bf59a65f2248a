//! What identity promises: accounts, connection points, meters.

use alloy_primitives::Address;
use calendar::{TimeZone, Timestamp};
use ids::{AccountId, CommunityId, ConnectionPointId, MeterId, PartyId, Uuid, ZoneId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Power;

use crate::billing::CashLeftBehind;
use crate::{Event, schema};

/// Who holds an account's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Custody {
    /// The account's owner alone.
    Own,
    /// The operator, wrapped, for the owner.
    Held,
}

/// An account was opened, or its key or standing changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccountOpened {
    /// The account.
    #[schemars(with = "schema::Id")]
    pub account: AccountId,
    /// Whose it is.
    #[schemars(with = "schema::Id")]
    pub party: PartyId,
    /// Where it trades.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The name that others see.
    pub pseudonym: String,
    /// The address that signs orders and holds cash.
    #[schemars(with = "schema::ChainAddress")]
    pub address: Address,
    /// Who holds the address's key.
    pub custody: Custody,
}

impl Event for AccountOpened {
    const SUBJECT: &'static str = "identity.account.opened.v1";
}

/// An account settles at another address from a slot on. The address that it was opened with needs
/// none: it is valid from ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AddressAssigned {
    /// The account.
    #[schemars(with = "schema::Id")]
    pub account: AccountId,
    /// Its community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The address that signs orders for slots from then on, and settles them.
    #[schemars(with = "schema::ChainAddress")]
    pub address: Address,
    /// Start of the first slot that settles at it, a local midnight. Slots before settle at the
    /// address before, whenever they are reconciled.
    #[schemars(with = "schema::Moment")]
    pub from: Timestamp,
    /// Who holds the address's key.
    pub custody: Custody,
}

impl Event for AddressAssigned {
    const SUBJECT: &'static str = "identity.address.assigned.v1";
}

/// A signature above the limit for it, or a higher limit, waits for a second person's consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalRequested {
    /// The request.
    #[schemars(with = "schema::Id")]
    pub approval: Uuid,
    /// Whose key would sign.
    #[schemars(with = "schema::Id")]
    pub account: AccountId,
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// What waits: `order`, `payout`, `redemption`, `request` or `limit`.
    pub kind: String,
    /// When nobody can consent any more.
    #[schemars(with = "schema::Moment")]
    pub expires_at: Timestamp,
}

impl Event for ApprovalRequested {
    const SUBJECT: &'static str = "identity.approval.requested.v1";
}

/// A connection point joined a community.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionPointRegistered {
    /// The connection point.
    #[schemars(with = "schema::Id")]
    pub connection_point: ConnectionPointId,
    /// The account that is billed for it.
    #[schemars(with = "schema::Id")]
    pub account: AccountId,
    /// Its community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// Its grid area.
    #[schemars(with = "schema::Id")]
    pub zone: ZoneId,
    /// Whose local days count.
    #[schemars(with = "schema::Zone")]
    pub timezone: TimeZone,
    /// The most it may take from the grid.
    #[schemars(with = "schema::Watts")]
    pub import_max: Power,
    /// The most it may feed into the grid; zero without generation.
    #[schemars(with = "schema::Watts")]
    pub export_max: Power,
}

impl Event for ConnectionPointRegistered {
    const SUBJECT: &'static str = "identity.connection_point.registered.v1";
}

/// A connection point is another account's from a moment on, or nobody's. Whose it was is billed
/// until then, for the last time. Its meter goes with it (`MeterHandedOver`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConnectionPointHandedOver {
    /// The connection point.
    #[schemars(with = "schema::Id")]
    pub connection_point: ConnectionPointId,
    /// Its community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// Whose it is from then on; absent where nobody moves in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Id>")]
    pub account: Option<AccountId>,
    /// From when: a local midnight.
    #[schemars(with = "schema::Moment")]
    pub from: Timestamp,
}

impl Event for ConnectionPointHandedOver {
    const SUBJECT: &'static str = "identity.connection_point.handed_over.v1";
}

/// A meter was enrolled at a connection point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MeterEnrolled {
    /// The meter.
    #[schemars(with = "schema::Id")]
    pub meter: MeterId,
    /// What is printed on it.
    pub serial: String,
    /// Where it measures.
    #[schemars(with = "schema::Id")]
    pub connection_point: ConnectionPointId,
    /// The account at the connection point.
    #[schemars(with = "schema::Id")]
    pub account: AccountId,
    /// Its community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The address of the key it signs with.
    #[schemars(with = "schema::ChainAddress")]
    pub key: Address,
    /// SHA-256 of the token it logs in to the broker with.
    pub token_hash: String,
    /// From when its readings count.
    #[schemars(with = "schema::Moment")]
    pub valid_from: Timestamp,
    /// The owner's and the installer's signature of the enrolment, for the registry on chain.
    pub enrolment: Enrolment,
}

/// What the registry on chain checks when a meter is enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Enrolment {
    /// The account's address.
    #[schemars(with = "schema::ChainAddress")]
    pub owner: Address,
    /// The installer's address.
    #[schemars(with = "schema::ChainAddress")]
    pub installer: Address,
    /// By the owner's key, or what the contract takes that is the owner.
    #[schemars(with = "schema::Hex")]
    pub owner_signature: keys::SignatureBytes,
    /// By the installer's key.
    #[schemars(with = "schema::Signed")]
    pub installer_signature: keys::Signature,
}

impl Event for MeterEnrolled {
    const SUBJECT: &'static str = "identity.meter.enrolled.v1";
}

/// A meter signs with another key from a page on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MeterRotated {
    /// The meter.
    #[schemars(with = "schema::Id")]
    pub meter: MeterId,
    /// The address of its next key.
    #[schemars(with = "schema::ChainAddress")]
    pub key: Address,
    /// The how many-th key it is.
    pub version: u32,
    /// The first page that the next key signs; all before are the old key's.
    pub first_page: u32,
    /// The time of that page at the earliest, a slot boundary: readings of before are the old
    /// key's.
    #[schemars(with = "schema::Moment")]
    pub from: Timestamp,
    /// Until when the registry on chain takes the rotation.
    #[schemars(with = "schema::Moment")]
    pub expiry: Timestamp,
    /// By the old key, for the registry on chain.
    #[schemars(with = "schema::Signed")]
    pub signature: keys::Signature,
}

impl Event for MeterRotated {
    const SUBJECT: &'static str = "identity.meter.rotated.v1";
}

/// A meter belongs to its account's next address from a moment on. It keeps its key, its token and
/// its pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MeterHandedOver {
    /// The meter.
    #[schemars(with = "schema::Id")]
    pub meter: MeterId,
    /// Where it measures.
    #[schemars(with = "schema::Id")]
    pub connection_point: ConnectionPointId,
    /// The address of the key it signs with, before and after.
    #[schemars(with = "schema::ChainAddress")]
    pub key: Address,
    /// The how many-th key that is for the registry on chain.
    pub version: u32,
    /// From when: the registry on chain learns it in the slot that starts then.
    #[schemars(with = "schema::Moment")]
    pub from: Timestamp,
    /// By the next owner and the installer, for the registry on chain.
    pub enrolment: Enrolment,
}

impl Event for MeterHandedOver {
    const SUBJECT: &'static str = "identity.meter.handed_over.v1";
}

/// A meter's key no longer counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MeterRevoked {
    /// The meter.
    #[schemars(with = "schema::Id")]
    pub meter: MeterId,
    /// Since when.
    #[schemars(with = "schema::Moment")]
    pub at: Timestamp,
}

impl Event for MeterRevoked {
    const SUBJECT: &'static str = "identity.meter.revoked.v1";
}

/// The held key of an address has signed that what is left there goes to the account's next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SweepSigned {
    /// What was found.
    pub cash: CashLeftBehind,
    /// Of the transfer, by the address it leaves.
    #[schemars(with = "schema::Signed")]
    pub signature: keys::Signature,
}

impl Event for SweepSigned {
    const SUBJECT: &'static str = "identity.sweep.signed.v1";
}

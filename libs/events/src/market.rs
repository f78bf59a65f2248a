//! What market promises: cleared slots and their trades; orders taken back; who and what may not
//! trade, and by which limits; what was found wrong in it.

mod found;

pub use found::{CaseDecided, CaseOpened, ClearingDisputed};

use alloy_primitives::B256;
use calendar::{Slot, Timestamp};
use ids::{AccountId, CommunityId, ConnectionPointId, OrderId, PartyId, ZoneId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Energy, Price};

use crate::{Event, schema};

/// The most trades one message carries.
pub const TRADES_PER_MESSAGE_MAX: usize = 500;

/// A buyer's and a seller's order met. Cash moves only when the chain says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Matched {
    /// The trade's name on chain.
    #[schemars(with = "schema::Hash")]
    pub trade: B256,
    /// The buyer.
    #[schemars(with = "schema::Id")]
    pub buyer: AccountId,
    /// The seller.
    #[schemars(with = "schema::Id")]
    pub seller: AccountId,
    /// The buyer's order.
    #[schemars(with = "schema::Id")]
    pub buy_order: OrderId,
    /// The seller's order.
    #[schemars(with = "schema::Id")]
    pub sell_order: OrderId,
    /// How much, in Wh.
    #[schemars(with = "schema::Wh")]
    pub quantity: Energy,
    /// Where the buyer takes it; absent in events from before it was told.
    #[schemars(with = "Option<schema::Id>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buyer_point: Option<ConnectionPointId>,
    /// Where the seller feeds it in; absent in events from before it was told.
    #[schemars(with = "Option<schema::Id>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seller_point: Option<ConnectionPointId>,
}

/// The gate of a slot closed and its orders were cleared. A slot with many trades is published in
/// several parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SlotCleared {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The grid area.
    #[schemars(with = "schema::Id")]
    pub zone: ZoneId,
    /// The slot.
    #[schemars(with = "schema::SlotShape")]
    pub slot: Slot,
    /// The name of this clearing on chain.
    #[schemars(with = "schema::Hash")]
    pub clearing: B256,
    /// The fees and rules both sides signed.
    #[schemars(with = "schema::Hash")]
    pub policy: B256,
    /// The price of the energy alone; zero where nothing traded.
    #[schemars(with = "schema::UnitPrice")]
    pub price: Price,
    /// What the energy not delivered costs the buyer.
    #[schemars(with = "schema::UnitPrice")]
    pub retail_price: Price,
    /// What the energy not taken brings the seller.
    #[schemars(with = "schema::UnitPrice")]
    pub feed_in_price: Price,
    /// The sum of all trades, in Wh.
    #[schemars(with = "schema::Wh")]
    pub volume: Energy,
    /// Orders that took part.
    pub orders: u32,
    /// Which part this is, from 0.
    pub part: u32,
    /// How many parts there are.
    pub parts: u32,
    /// Trades of this part, in the order of their fills.
    pub trades: Vec<Matched>,
}

impl Event for SlotCleared {
    const SUBJECT: &'static str = "market.slot.cleared.v1";
}

/// Why an order was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    /// Its account asked the market.
    Account,
    /// Its account ended the nonce on chain.
    Chain,
    /// Its account or connection point was suspended.
    Suspension,
    /// The moment until which it was good has come.
    Time,
    /// It was to trade at once, and this is what did not.
    Immediate,
    /// It would have met an order of its own party.
    SelfTrade,
    /// Its account's cash had left before it could trade.
    Funds,
}

/// An accepted order was taken back before its slot was cleared; what it held is free.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrderCancelled {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The grid area.
    #[schemars(with = "schema::Id")]
    pub zone: ZoneId,
    /// The order.
    #[schemars(with = "schema::Id")]
    pub order: OrderId,
    /// Its name on chain.
    #[schemars(with = "schema::Hash")]
    pub hash: B256,
    /// Whose it is.
    #[schemars(with = "schema::Id")]
    pub account: AccountId,
    /// Start of its slot.
    #[schemars(with = "schema::Moment")]
    pub slot: Timestamp,
    /// Why.
    pub by: CancelledBy,
}

impl Event for OrderCancelled {
    const SUBJECT: &'static str = "market.order.cancelled.v1";
}

/// A commitment to a sealed order was not opened in time, or its order was taken back on chain, or
/// had its cash leave, after the gate, and counts as left unopened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommitmentExpired {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The grid area.
    #[schemars(with = "schema::Id")]
    pub zone: ZoneId,
    /// Its name.
    #[schemars(with = "schema::Hash")]
    pub commitment: B256,
    /// Who sent it.
    #[schemars(with = "schema::Id")]
    pub account: AccountId,
    /// Start of its slot.
    #[schemars(with = "schema::Moment")]
    pub slot: Timestamp,
}

impl Event for CommitmentExpired {
    const SUBJECT: &'static str = "market.commitment.expired.v1";
}

/// Where a commitment to a sealed order stands now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommitmentStep {
    /// It was taken in.
    Committed,
    /// Its account took it back before the gate.
    Withdrawn,
    /// It was opened, and the market took the order that it stands for.
    Revealed,
}

/// A commitment to a sealed order came, went or was opened. Says neither whose it is nor what it
/// stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommitmentChanged {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The grid area.
    #[schemars(with = "schema::Id")]
    pub zone: ZoneId,
    /// Start of its slot.
    #[schemars(with = "schema::Moment")]
    pub slot: Timestamp,
    /// Its name.
    #[schemars(with = "schema::Hash")]
    pub commitment: B256,
    /// What happened to it.
    pub step: CommitmentStep,
}

impl Event for CommitmentChanged {
    const SUBJECT: &'static str = "market.commitment.changed.v1";
}

/// Orders were refused: of one commit of the market, those with one code together. Says neither
/// whose they were nor what was in them. What is sent again unchanged may be told of once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrdersRejected {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The grid area.
    #[schemars(with = "schema::Id")]
    pub zone: ZoneId,
    /// The stable code of the reason.
    pub code: String,
    /// How many orders, at least one.
    pub count: u32,
}

impl Event for OrdersRejected {
    const SUBJECT: &'static str = "market.orders.rejected.v1";
}

/// The gate of a slot is closed: no order comes or goes any more, sealed ones are opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GateClosed {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The grid area.
    #[schemars(with = "schema::Id")]
    pub zone: ZoneId,
    /// Start of the slot.
    #[schemars(with = "schema::Moment")]
    pub slot: Timestamp,
    /// Over its commitments where its orders are sealed, else over the conditions and orders that
    /// it was cleared with.
    #[schemars(with = "schema::Hash")]
    pub root: B256,
}

impl Event for GateClosed {
    const SUBJECT: &'static str = "market.gate.closed.v1";
}

/// Slots from one on go by another rule of the market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ParameterChanged {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The grid area.
    #[schemars(with = "schema::Id")]
    pub zone: ZoneId,
    /// Which rule: `mechanism`, `sealing` or `shares`.
    pub parameter: String,
    /// Start of the first slot.
    #[schemars(with = "schema::Moment")]
    pub from: Timestamp,
    /// What holds from then on, as the market's routes show it; null for `shares`.
    pub value: serde_json::Value,
    /// Who decided.
    #[schemars(with = "schema::Id")]
    pub by: PartyId,
}

impl Event for ParameterChanged {
    const SUBJECT: &'static str = "market.parameter.changed.v1";
}

/// A buyer's and a seller's order met before the gate of their slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Struck {
    /// The price of the energy alone.
    #[schemars(with = "schema::UnitPrice")]
    pub price: Price,
    /// How much, in Wh.
    #[schemars(with = "schema::Wh")]
    pub quantity: Energy,
}

/// The book of a slot that trades before its gate changed: orders came, met or left. Says nothing
/// of whose they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BookChanged {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The grid area.
    #[schemars(with = "schema::Id")]
    pub zone: ZoneId,
    /// Start of the slot.
    #[schemars(with = "schema::Moment")]
    pub slot: Timestamp,
    /// How many trades the slot had before these.
    pub before: u32,
    /// What traded, in its order.
    pub trades: Vec<Struck>,
}

impl Event for BookChanged {
    const SUBJECT: &'static str = "market.book.changed.v1";
}

/// What made a market stop somebody, or everybody, by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tripped {
    /// Which limit: `order_rate`, `refusals`, `collar_hits`, `missing_data`, `silent_chain`,
    /// `forecast`, `loss`, `drawdown`, `undelivered`, `disagreement` or `invariant`.
    pub trigger: String,
    /// What was measured: orders, refusals, slots, seconds, percent or rules.
    pub measured: u64,
    /// The most that was allowed.
    pub most: u64,
    /// From when on it was measured.
    #[schemars(with = "schema::Moment")]
    pub from: Timestamp,
    /// Until when.
    #[schemars(with = "schema::Moment")]
    pub to: Timestamp,
    /// What it stands on, a line for each.
    pub evidence: Vec<String>,
}

/// An account, a connection point or a standing rule may not trade any more, or may again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SuspensionChanged {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The grid area.
    #[schemars(with = "schema::Id")]
    pub zone: ZoneId,
    /// The account, or the owner of the connection point.
    #[schemars(with = "schema::Id")]
    pub account: AccountId,
    /// Only this connection point; the whole account when absent.
    #[schemars(with = "Option<schema::Id>")]
    pub connection_point: Option<ConnectionPointId>,
    /// Only what the standing rule of this side of the connection point places: `buy` or `sell`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Only its orders of this side: `sell`; both when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<String>,
    /// Whether it is suspended from now on.
    pub suspended: bool,
    /// In words; empty where it may trade again.
    pub reason: String,
    /// Who did it.
    #[schemars(with = "schema::Id")]
    pub by: PartyId,
    /// Why the market did it by itself, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tripped: Option<Tripped>,
}

impl Event for SuspensionChanged {
    const SUBJECT: &'static str = "market.suspension.changed.v1";
}

/// Trading in a grid area was stopped, or goes on. A stop of all grid areas is told of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StopChanged {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The grid area.
    #[schemars(with = "schema::Id")]
    pub zone: ZoneId,
    /// Whether it is stopped from now on.
    pub stopped: bool,
    /// Whether it is the stop of all grid areas, which stands beside that of the one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub global: bool,
    /// In words; empty where it goes on.
    pub reason: String,
    /// Who did it.
    #[schemars(with = "schema::Id")]
    pub by: PartyId,
    /// Why the market did it by itself, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tripped: Option<Tripped>,
}

impl Event for StopChanged {
    const SUBJECT: &'static str = "market.stop.changed.v1";
}

/// The grid of a zone cannot carry trades in some slots, or can again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CurtailmentChanged {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The grid area.
    #[schemars(with = "schema::Id")]
    pub zone: ZoneId,
    /// Start of the first slot.
    #[schemars(with = "schema::Moment")]
    pub from: Timestamp,
    /// End of the last slot.
    #[schemars(with = "schema::Moment")]
    pub to: Timestamp,
    /// Whether these slots are curtailed from now on.
    pub curtailed: bool,
    /// In words; empty where it was lifted.
    pub reason: String,
    /// Who did it.
    #[schemars(with = "schema::Id")]
    pub by: PartyId,
}

impl Event for CurtailmentChanged {
    const SUBJECT: &'static str = "market.curtailment.changed.v1";
}

/// The limits of a market were changed: what it refuses, and when it stops by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RiskLimitsChanged {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The grid area.
    #[schemars(with = "schema::Id")]
    pub zone: ZoneId,
    /// All of them, as they hold from now on: as `GET /v1/risk-limits` shows them.
    pub limits: serde_json::Value,
    /// Who wanted it.
    #[schemars(with = "schema::Id")]
    pub by: PartyId,
    /// Who agreed to it; absent where no limit became looser.
    #[schemars(with = "Option<schema::Id>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed_by: Option<PartyId>,
}

impl Event for RiskLimitsChanged {
    const SUBJECT: &'static str = "market.risk_limits.changed.v1";
}

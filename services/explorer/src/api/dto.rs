//! What the explorer answers with.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::kind::Kind;
use crate::app::work::ProofOfWork;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct FeedEvent {
    /// Its place in the feed; rises, with gaps.
    pub(crate) id: i64,
    /// What it is, as the stream calls it.
    pub(crate) kind: Kind,
    /// What it is, as the market's rules call it.
    #[schema(example = "GateClosed")]
    pub(crate) name: String,
    /// Since when it is true; absent in news of before that was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) at: Option<String>,
    /// The block that says so; absent where no block does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) block: Option<u64>,
    /// What the stream carries.
    #[schema(value_type = Object)]
    pub(crate) body: Value,
}

/// A block of the best branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Block {
    /// Height.
    #[schema(example = 1024)]
    pub(crate) number: u64,
    /// Hash.
    pub(crate) hash: String,
    /// The parent's hash.
    pub(crate) parent: String,
    /// The block's own time.
    #[schema(format = DateTime)]
    pub(crate) timestamp: String,
    /// How many transactions it has.
    pub(crate) transaction_count: u64,
    /// How many events its transactions emitted.
    pub(crate) event_count: u64,
    /// Gas its transactions used.
    pub(crate) gas_used: u64,
    /// Whether it can no longer be undone.
    pub(crate) finalized: bool,
}

/// A block with its transactions and the work that went into it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct BlockDetail {
    /// The block.
    #[serde(flatten)]
    pub(crate) block: Block,
    /// Its proof of work; absent while no node shows the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) work: Option<ProofOfWork>,
    /// Its transactions, in order.
    pub(crate) transactions: Vec<Transaction>,
}

/// A transaction in a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Transaction {
    /// Hash.
    pub(crate) hash: String,
    /// The block's number.
    pub(crate) block: u64,
    /// Its place in the block, from 0.
    pub(crate) position: u64,
    /// The block's time.
    #[schema(format = DateTime)]
    pub(crate) timestamp: String,
    /// Who sent it.
    pub(crate) from: String,
    /// Its target; absent for a deployment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    /// Whether it did what it was sent for.
    pub(crate) success: bool,
    /// Gas it used.
    pub(crate) gas_used: u64,
    /// What the contracts said; empty in lists.
    pub(crate) events: Vec<ContractEvent>,
}

/// What a contract said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ContractEvent {
    /// The log's place in its block.
    pub(crate) index: u64,
    /// The contract's address.
    pub(crate) address: String,
    /// The contract's name, where it is one of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) contract: Option<String>,
    /// The event's name, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// Its fields by name; energy in Wh, amounts in 1e-9 currency as integer strings.
    #[schema(value_type = Object)]
    pub(crate) fields: Value,
    /// The indexed words as they are on chain.
    pub(crate) topics: Vec<String>,
    /// The rest as it is on chain.
    pub(crate) data: String,
}

/// A trade whose cash moved on chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Trade {
    /// Its name on chain.
    pub(crate) trade: String,
    /// `settled`: cash is in escrow. `reconciled`: what was delivered is paid.
    #[schema(example = "settled")]
    pub(crate) state: String,
    /// The block that settled it.
    pub(crate) block: u64,
    /// The transaction that settled it.
    pub(crate) transaction: String,
    /// The clearing it came from.
    pub(crate) clearing: String,
    /// The buyer's address.
    pub(crate) buyer: String,
    /// The seller's address.
    pub(crate) seller: String,
    /// Start of the slot.
    #[schema(format = DateTime)]
    pub(crate) slot: String,
    /// What was agreed, in Wh.
    pub(crate) quantity_wh: u64,
    /// What the buyer pays for energy, in currency per kWh.
    #[schema(example = "0.18")]
    pub(crate) price: String,
    /// What the seller gets for energy, before its fee, in currency per kWh: the buyer's price
    /// where the mechanism has one for all.
    #[schema(example = "0.18")]
    pub(crate) sell_price: String,
    /// What the buyer put up.
    pub(crate) escrow: String,
    /// What the seller put up.
    pub(crate) collateral: String,
    /// Where the cash went, by the newest run; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<Outcome>,
}

/// Where the cash of a trade went, in total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Outcome {
    /// Which reconciliation this is, from 0; 255 for a trade that expired.
    pub(crate) run: u8,
    /// What was delivered, in Wh.
    pub(crate) delivered_wh: u64,
    /// What the seller owed, in Wh.
    pub(crate) seller_short_wh: u64,
    /// What the buyer did not take, in Wh.
    pub(crate) buyer_short_wh: u64,
    /// To the seller for energy.
    pub(crate) seller_net: String,
    /// To the network.
    pub(crate) network: String,
    /// To the platform.
    pub(crate) platform: String,
    /// To the community's pot: what the buyer pays above what the seller gets.
    pub(crate) difference: String,
    /// From the collateral to the buyer.
    pub(crate) make_whole: String,
    /// From the escrow to the seller for energy not taken.
    pub(crate) compensation: String,
    /// From who was short to who balances the grid.
    pub(crate) imbalance: String,
    /// From the escrow back to the buyer.
    pub(crate) refund: String,
    /// From the collateral back to the seller.
    pub(crate) collateral_back: String,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Hits {
    /// Everything that has this name; empty where nothing does.
    pub(crate) items: Vec<Hit>,
}

/// One thing that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Hit {
    /// What it is.
    pub(crate) kind: HitKind,
    /// Its number, hash or address.
    pub(crate) id: String,
}

/// What a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HitKind {
    /// A block, by number.
    Block,
    /// A transaction, by hash.
    Transaction,
    /// A trade, by its name on chain.
    Trade,
    /// An address that sent, received or was named by an event.
    Address,
}

/// What an announced call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RoleChangeKind {
    /// Somebody gets a role.
    Grant,
    /// Somebody loses a role.
    Revoke,
    /// Later changes have to wait for another time.
    Delay,
    /// Anything else that the timelock may do.
    Other,
}

/// How far an announced call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RoleChangeState {
    /// Announced; from `ready_at` on it may happen.
    Waiting,
    /// It happened.
    Done,
    /// It was taken back.
    Cancelled,
}

/// A call that the timelock announced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct RoleChange {
    /// The operation's name in the timelock.
    pub(crate) operation: String,
    /// Its place in the operation, from 0.
    pub(crate) position: u64,
    /// The contract's name, where it is one of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) contract: Option<String>,
    /// The contract's address.
    pub(crate) contract_address: String,
    /// What it does.
    pub(crate) kind: RoleChangeKind,
    /// The role's name, or its hash where it is none of ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "RECONCILER")]
    pub(crate) role: Option<String>,
    /// Who gets or loses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    /// The new delay, where that is what changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) new_delay_seconds: Option<u64>,
    /// The call itself.
    pub(crate) data: String,
    /// When it was announced.
    #[schema(format = DateTime)]
    pub(crate) announced_at: String,
    /// From when on it may happen.
    #[schema(format = DateTime)]
    pub(crate) ready_at: String,
    /// The transaction that announced it.
    pub(crate) transaction: String,
    /// How far it is.
    pub(crate) state: RoleChangeState,
    /// When it happened or was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) ended_at: Option<String>,
    /// The transaction of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ended_transaction: Option<String>,
}

//! What the feed tells: of services, and of what they said and the chain does not have.

use alloy_primitives::{Address, B256};
use anyhow::Result;
use calendar::Timestamp;
use events::ledger::BlockConnected;
use events::market::CancelledBy;
use ids::{CommunityId, ZoneId};
use serde::Serialize;

use super::anchors::Missing;
use super::feed::Item;
use super::kind::Kind;

/// What the public is told, without names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum News {
    /// A block joined the chain.
    Block {
        /// Height.
        number: u64,
        /// Hash.
        hash: B256,
        /// Its own time.
        timestamp: Timestamp,
        /// How many transactions it has.
        transactions: usize,
        /// How many logs it has.
        events: usize,
        /// The newest block that can no longer be undone.
        finalized: u64,
    },
    /// A block left the chain.
    BlockRemoved {
        /// Height.
        number: u64,
        /// Hash.
        hash: B256,
    },
    /// A slot has its price.
    SlotCleared {
        /// The grid area.
        zone: ZoneId,
        /// The slot's start.
        slot: Timestamp,
        /// In currency per kWh.
        price: String,
        /// The sum of its trades.
        volume_wh: u64,
    },
    /// The book of a slot that trades before its gate changed.
    BookChanged {
        /// The grid area.
        zone: ZoneId,
        /// The slot's start.
        slot: Timestamp,
        /// What traded, in its order.
        trades: Vec<Struck>,
    },
    /// Energy of a slot became known.
    ReadingsStored {
        /// The slot's start.
        slot: Timestamp,
        /// Of how many connection points.
        intervals: usize,
        /// Whether they replace what was known before.
        corrected: bool,
    },
    /// A bill was issued.
    InvoiceIssued {
        /// The bill's number.
        number: String,
        /// Its hash, as anchored.
        hash: B256,
    },
    /// A bill was corrected.
    InvoiceCorrected {
        /// The correction's number.
        number: String,
        /// Its hash, as anchored.
        hash: B256,
    },
    /// A version of a tariff was published.
    TariffPublished {
        /// Its hash, as anchored.
        hash: B256,
        /// From when it holds.
        valid_from: Timestamp,
    },
    /// Trading was stopped, or goes on.
    KillSwitch {
        /// The grid area.
        zone: ZoneId,
        /// Of whom: `zone`, or one `account`, `connection_point` or `rule`, never which.
        scope: &'static str,
        /// Whether it is stopped.
        on: bool,
        /// Which trigger stopped it, where nobody did.
        #[serde(skip_serializing_if = "Option::is_none")]
        trigger: Option<String>,
    },
    /// The grid carries no trades for a time, or does after all.
    Curtailed {
        /// The grid area.
        zone: ZoneId,
        /// Start of the first slot.
        from: Timestamp,
        /// End of the last one.
        to: Timestamp,
        /// Whether they are curtailed.
        curtailed: bool,
    },
    /// Staff set other limits of risk.
    RiskLimitChanged {
        /// The grid area.
        zone: ZoneId,
        /// All that hold now.
        limits: serde_json::Value,
    },
    /// An address can trade.
    AccountRegistered {
        /// The address, and nothing of whose it is.
        address: Address,
    },
    /// A commitment to a sealed order was taken in.
    OrderCommitted(Committed),
    /// A commitment was opened.
    OrderRevealed(Committed),
    /// An order was taken back, or a commitment.
    OrderCancelled {
        /// The grid area.
        zone: ZoneId,
        /// The slot's start.
        slot: Timestamp,
        /// Why.
        by: CancelledBy,
        /// The commitment; absent for an open order.
        #[serde(skip_serializing_if = "Option::is_none")]
        commitment: Option<B256>,
    },
    /// The time of an order is over, or that for opening a commitment.
    OrderExpired {
        /// The grid area.
        zone: ZoneId,
        /// The slot's start.
        slot: Timestamp,
        /// The commitment; absent for an open order.
        #[serde(skip_serializing_if = "Option::is_none")]
        commitment: Option<B256>,
    },
    /// Orders were refused.
    OrderRejected {
        /// The grid area.
        zone: ZoneId,
        /// The stable code of the reason.
        code: String,
        /// How many.
        count: u32,
    },
    /// No order of a slot comes or goes any more.
    GateClosed {
        /// The grid area.
        zone: ZoneId,
        /// The slot's start.
        slot: Timestamp,
        /// Over its commitments, or its orders and their conditions.
        root: B256,
    },
    /// A bill was taken back, to be issued anew.
    InvoiceCancelled {
        /// The number of the document that says so.
        number: String,
        /// Its hash, as anchored.
        hash: B256,
    },
    /// Nothing is left to be paid of a bill. Not of which: its number is with its hash, its hash
    /// with an address, and who pays when is for nobody else.
    InvoicePaid {
        /// Whose members' bill it is.
        community: CommunityId,
    },
    /// Slots from one on go by another rule.
    ParameterChanged {
        /// The grid area.
        zone: ZoneId,
        /// Which rule.
        parameter: String,
        /// Start of the first slot.
        from: Timestamp,
        /// What holds from then on.
        value: serde_json::Value,
    },
    /// What was said to be on chain is not there.
    AnchorMissing(Missing),
}

/// A commitment, without whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Committed {
    /// The grid area.
    pub(crate) zone: ZoneId,
    /// The slot's start.
    pub(crate) slot: Timestamp,
    /// Its hash.
    pub(crate) commitment: B256,
}

/// A trade before the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Struck {
    /// In currency per kWh.
    pub(crate) price: String,
    /// How much.
    pub(crate) quantity_wh: u64,
}

impl News {
    /// The news of a block.
    pub(crate) fn of_block(block: &BlockConnected) -> News {
        News::Block {
            number: block.number,
            hash: block.hash,
            timestamp: block.timestamp,
            transactions: block.transactions.len(),
            events: block.logs.len(),
            finalized: block.finalized,
        }
    }

    /// What it is called.
    const fn kind(&self) -> Kind {
        match self {
            News::Block { .. } => Kind::Block,
            News::BlockRemoved { .. } => Kind::BlockRemoved,
            News::SlotCleared { .. } => Kind::SlotCleared,
            News::BookChanged { .. } => Kind::BookChanged,
            News::ReadingsStored { .. } => Kind::ReadingsStored,
            News::InvoiceIssued { .. } => Kind::InvoiceIssued,
            News::InvoiceCorrected { .. } => Kind::InvoiceCorrected,
            News::TariffPublished { .. } => Kind::TariffPublished,
            News::KillSwitch { .. } => Kind::KillSwitch,
            News::Curtailed { .. } => Kind::Curtailed,
            News::RiskLimitChanged { .. } => Kind::RiskLimitChanged,
            News::AccountRegistered { .. } => Kind::AccountRegistered,
            News::OrderCommitted(_) => Kind::OrderCommitted,
            News::OrderRevealed(_) => Kind::OrderRevealed,
            News::OrderCancelled { .. } => Kind::OrderCancelled,
            News::OrderExpired { .. } => Kind::OrderExpired,
            News::OrderRejected { .. } => Kind::OrderRejected,
            News::GateClosed { .. } => Kind::GateClosed,
            News::InvoiceCancelled { .. } => Kind::InvoiceCancelled,
            News::InvoicePaid { .. } => Kind::InvoicePaid,
            News::ParameterChanged { .. } => Kind::ParameterChanged,
            News::AnchorMissing(_) => Kind::AnchorMissing,
        }
    }

    /// As the feed keeps it, true since `at`.
    pub(crate) fn item(&self, at: Timestamp) -> Result<Item> {
        Ok(Item { kind: self.kind(), at, block: None, body: serde_json::to_string(self)? })
    }
}

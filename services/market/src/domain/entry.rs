//! The journal's entries: facts, never changed once written.

use alloy_primitives::{Address, B256};
use calendar::Timestamp;
use contracts::Prices;
use events::market::CancelledBy;
use ids::{AccountId, ConnectionPointId, OrderId, PartyId, Uuid, ZoneId};
use matching::Mechanism;
use serde::{Deserialize, Serialize};
use tariff::Tariff;
use units::{Energy, Money, Power, Price};

use super::{
    Accepted, Buying, Commitment, Consent, Curtailment, Decision, Membership, Metered, Movement,
    PointShare, RiskChange, Rule, RuleName, Shortfall, Suspension, Trader, ZonalPrices,
};

/// One fact of the journal. The market is the fold of all of them, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// An account was opened, or its address or name changed.
    Member(Member),
    /// An account settles at another address from a slot on.
    Address(NextAddress),
    /// A connection point joined the zone, or its limits changed.
    Point(Point),
    /// A meter was enrolled at a connection point.
    Meter(Meter),
    /// A tariff was published.
    Tariff(PublishedTariff),
    /// An order was accepted.
    Accepted(Accepted),
    /// An order was taken back before its slot was cleared.
    Cancelled {
        /// The order.
        order: OrderId,
        /// Why.
        by: CancelledBy,
        /// When.
        at: Timestamp,
    },
    /// A slot was cleared.
    Cleared(ClearedSlot),
    /// A block joined the best branch.
    Connected {
        /// The event's place in the ledger's feed.
        sequence: u64,
        /// Height.
        number: u64,
        /// Hash.
        hash: B256,
        /// The block's own time.
        timestamp: Timestamp,
        /// The newest height that can no longer be undone.
        finalized: u64,
        /// What it says about cash and nonces, in the order of its logs.
        movements: Vec<Movement>,
    },
    /// The newest block left the best branch.
    Disconnected {
        /// The event's place in the ledger's feed.
        sequence: u64,
        /// Height.
        number: u64,
        /// Hash.
        hash: B256,
    },
    /// What connection points fed in and took in a slot became known, or was corrected.
    Exported {
        /// Start of the slot.
        slot: Timestamp,
        /// How much each fed in.
        exports: Vec<Export>,
        /// How much each took, of those that were metered.
        #[serde(default)]
        imports: Vec<Export>,
    },
    /// A standing rule places orders from now on, or other ones.
    RuleSet {
        /// The rule.
        rule: Rule,
        /// Who decided.
        by: PartyId,
        /// When.
        at: Timestamp,
    },
    /// A standing rule places none any more.
    RuleEnded {
        /// Which.
        rule: RuleName,
        /// Who decided.
        by: PartyId,
        /// When.
        at: Timestamp,
    },
    /// An account shares in what is generated, in slots to come.
    Joined {
        /// From when, and with which connection point.
        membership: Membership,
        /// Who decided.
        by: PartyId,
        /// When.
        at: Timestamp,
    },
    /// An account shares in it no more.
    Left {
        /// Whose membership ends.
        account: AccountId,
        /// Start of the first slot without it.
        until: Timestamp,
        /// Who decided.
        by: PartyId,
        /// When.
        at: Timestamp,
    },
    /// Slots that start then or later are shared out by these shares.
    SharesSet {
        /// Start of the first slot.
        from: Timestamp,
        /// All of them.
        shares: Vec<PointShare>,
        /// Who decided.
        by: PartyId,
        /// When.
        at: Timestamp,
    },
    /// What members' meters saw in a slot that will be shared out became known, or was corrected.
    Metered {
        /// Start of the slot.
        slot: Timestamp,
        /// Of each.
        points: Vec<Metered>,
    },
    /// An account or connection point may not trade any more, or for another reason.
    Suspended {
        /// Who.
        trader: Trader,
        /// Why, by whom and when.
        suspension: Suspension,
    },
    /// An account or connection point may trade again.
    Resumed {
        /// Who.
        trader: Trader,
        /// Who decided.
        by: PartyId,
        /// When.
        at: Timestamp,
    },
    /// An account buys nothing any more, for other reasons, or again, as billing says.
    BuyingChanged {
        /// Which.
        account: AccountId,
        /// Why, if it may not.
        buying: Buying,
    },
    /// Trading was stopped, or for another reason.
    Stopped(Suspension),
    /// Trading goes on.
    Started {
        /// Who decided.
        by: PartyId,
        /// When.
        at: Timestamp,
    },
    /// Trading was stopped in all zones, or for another reason.
    StoppedAll(Suspension),
    /// Trading goes on in all zones that are not stopped themselves.
    StartedAll {
        /// Who decided.
        by: PartyId,
        /// When.
        at: Timestamp,
    },
    /// What was delivered of trades became known, or was corrected.
    Reconciled {
        /// Start of their slot.
        slot: Timestamp,
        /// Which run says so; of a trade the highest counts.
        run: u8,
        /// What their sellers were short of.
        trades: Vec<Shortfall>,
    },
    /// Slots were curtailed, or for another reason.
    Curtailed(Curtailment),
    /// Slots that start then or later are cleared by another mechanism.
    MechanismChosen {
        /// Start of the first slot.
        from: Timestamp,
        /// How prices and quantities are found.
        mechanism: Mechanism,
        /// Who decided.
        by: PartyId,
        /// When.
        at: Timestamp,
    },
    /// Orders of slots that start then or later are sealed, or are not any more.
    SealingChosen {
        /// Start of the first slot.
        from: Timestamp,
        /// For how many seconds after the gate they are opened; `None`: orders are open.
        reveal_seconds: Option<u32>,
        /// Who decided.
        by: PartyId,
        /// When.
        at: Timestamp,
    },
    /// A commitment to a sealed order was taken in.
    Sealed(Commitment),
    /// A commitment was taken back before the gate.
    SealWithdrawn {
        /// Which.
        commitment: B256,
        /// When.
        at: Timestamp,
    },
    /// The gate of a slot with commitments was closed: from now on they are opened.
    GateClosed {
        /// Start of the slot.
        slot: Timestamp,
        /// The root over all its commitments.
        root: B256,
        /// When.
        at: Timestamp,
    },
    /// The market was away while commitments of a slot were opened: from now on they are opened
    /// anew, for as long as from its gate.
    RevealResumed {
        /// Start of the slot.
        slot: Timestamp,
        /// When.
        at: Timestamp,
    },
    /// What was deposited with a commitment is no order that the market takes.
    SealRefused {
        /// Which.
        commitment: B256,
        /// The code of the reason.
        why: String,
        /// When.
        at: Timestamp,
    },
    /// Something that takes two was asked for.
    ConsentAsked(Consent),
    /// A request was decided.
    ConsentDecided {
        /// Which.
        consent: Uuid,
        /// How, by whom and when.
        decision: Decision,
    },
    /// Risk is judged by other figures.
    RiskLimitsSet(RiskChange),
    /// A curtailment is over.
    Lifted {
        /// Start of its first slot.
        from: Timestamp,
        /// End of its last slot.
        to: Timestamp,
        /// Who decided.
        by: PartyId,
        /// When.
        at: Timestamp,
    },
}

/// What a connection point fed in, or took, in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "ExportForm")]
pub struct Export {
    /// Where.
    pub connection_point: ConnectionPointId,
    /// How much.
    pub quantity: Energy,
    /// Which version of the interval says so: the highest counts, in whatever order they come.
    pub version: u32,
}

/// Journals that were begun before versions were kept have pairs.
#[derive(Deserialize)]
#[serde(untagged)]
enum ExportForm {
    Versioned { connection_point: ConnectionPointId, quantity: Energy, version: u32 },
    Pair(ConnectionPointId, Energy),
}

impl From<ExportForm> for Export {
    fn from(form: ExportForm) -> Export {
        match form {
            ExportForm::Versioned { connection_point, quantity, version } => {
                Export { connection_point, quantity, version }
            }
            ExportForm::Pair(connection_point, quantity) => {
                Export { connection_point, quantity, version: 0 }
            }
        }
    }
}

/// An account that may trade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The account.
    pub account: AccountId,
    /// Whose it is: orders of one party never meet.
    pub party: PartyId,
    /// The address that signs and holds cash, until the account has another one.
    pub address: Address,
    /// The name that others see.
    pub pseudonym: String,
}

/// The address that signs an account's orders for slots from one on, and settles them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextAddress {
    /// The account.
    pub account: AccountId,
    /// The address.
    pub address: Address,
    /// Start of the first slot.
    pub from: Timestamp,
}

/// Where energy of an account is metered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// The connection point.
    pub connection_point: ConnectionPointId,
    /// Whose it is.
    pub account: AccountId,
    /// Its grid area.
    pub zone: ZoneId,
    /// The most it may take.
    pub import_max: Power,
    /// The most it may feed in.
    pub export_max: Power,
}

/// The meter whose number the book shows, masked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter {
    /// Where it measures.
    pub connection_point: ConnectionPointId,
    /// What is printed on it.
    pub serial: String,
}

/// A tariff and from when it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedTariff {
    /// From when; the latest that has begun holds, among equals the last published.
    pub valid_from: Timestamp,
    /// What retail energy costs and fed-in energy brings.
    pub tariff: Tariff,
}

/// What came of a slot's orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearedSlot {
    /// Start of the slot.
    pub slot: Timestamp,
    /// Until when the chain settles its trades: the end of the slot, or later by the policy.
    pub ends: Timestamp,
    /// When it was cleared.
    pub at: Timestamp,
    /// The clearing's name on chain.
    pub clearing: B256,
    /// The mechanism's number on chain.
    #[serde(default = "uniform")]
    pub mechanism: u8,
    /// The energy price, or where trades have their own what buyers pay on average, rounded down;
    /// `None` when nothing traded.
    pub price: Option<Price>,
    /// The retail price that collateral is reckoned with.
    pub retail_price: Price,
    /// What energy that is not taken brings.
    pub feed_in_price: Price,
    /// What changed hands.
    pub volume: Energy,
    /// How many orders took part.
    pub orders: u32,
    /// The root over the trades.
    pub fills_root: B256,
    /// The root over conditions and accepted orders.
    pub journal_root: B256,
    /// What it was made under, as text: the JSON of [`Conditions`].
    #[serde(default)]
    pub conditions: String,
    /// What it came to in each zone, where the market has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zonal: Option<ZonalPrices>,
    /// Orders left out because their `min_fill` could not be met.
    pub dropped: Vec<OrderId>,
    /// In the order of their fill index.
    pub trades: Vec<ClearedTrade>,
}

/// A buyer's and a seller's order that met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearedTrade {
    /// Its name on chain.
    pub trade: B256,
    /// The buyer's order.
    pub buy: OrderId,
    /// The seller's order.
    pub sell: OrderId,
    /// How much.
    pub quantity: Energy,
    /// At which prices.
    pub prices: Prices,
    /// What the buyer's cash must cover: energy, network and buyer's fee.
    pub escrow: Money,
    /// What the seller's cash must cover: the most that it may owe for being short.
    pub collateral: Money,
}

/// The mechanism of all slots before there were others.
fn uniform() -> u8 {
    1
}

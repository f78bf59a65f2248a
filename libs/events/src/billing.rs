//! What billing promises: tariffs in force, reconciled slots, invoices.

use alloy_primitives::{Address, B256};
use calendar::{LocalDay, Slot, Timestamp};
use ids::{AccountId, CommunityId, CorrectionId, DisputeId, InvoiceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Energy, Money};

use crate::{Event, schema};

/// A tariff was published for a community.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TariffPublished {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// Its hash, as anchored.
    #[schemars(with = "schema::Hash")]
    pub hash: B256,
    /// From when it holds.
    #[schemars(with = "schema::Moment")]
    pub valid_from: Timestamp,
    /// The tariff document, as `libs/tariff` reads it.
    pub tariff: serde_json::Value,
}

impl Event for TariffPublished {
    const SUBJECT: &'static str = "billing.tariff.published.v1";
}

/// A slot's deliveries were handed to the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SlotReconciled {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The slot.
    #[schemars(with = "schema::SlotShape")]
    pub slot: Slot,
    /// 0, 1, 2 ...
    pub run: u8,
    /// How many trades changed.
    pub trades: u32,
    /// What was delivered of each of them; empty in events from before it was told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deliveries: Vec<Delivered>,
}

/// What was delivered of a trade, by the meters that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Delivered {
    /// Its name on chain.
    #[schemars(with = "schema::Hash")]
    pub trade: B256,
    /// How much, in Wh.
    #[schemars(with = "schema::Wh")]
    pub delivered: Energy,
    /// What the seller did not feed in though the buyer took it.
    #[schemars(with = "schema::Wh")]
    pub seller_short: Energy,
    /// What the buyer did not take though the seller fed it in.
    #[schemars(with = "schema::Wh")]
    pub buyer_short: Energy,
}

impl Event for SlotReconciled {
    const SUBJECT: &'static str = "billing.slot.reconciled.v1";
}

/// A bill was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InvoiceIssued {
    /// The invoice.
    #[schemars(with = "schema::Id")]
    pub invoice: InvoiceId,
    /// Its gap-free number.
    pub number: String,
    /// Whose it is.
    #[schemars(with = "schema::Id")]
    pub account: AccountId,
    /// First local day.
    #[schemars(with = "schema::Day")]
    pub from: LocalDay,
    /// Last local day.
    #[schemars(with = "schema::Day")]
    pub to: LocalDay,
    /// What is to be paid; a credit is negative.
    #[schemars(with = "schema::Amount")]
    pub total: Money,
    /// Its hash, as anchored.
    #[schemars(with = "schema::Hash")]
    pub hash: B256,
}

impl Event for InvoiceIssued {
    const SUBJECT: &'static str = "billing.invoice.issued.v1";
}

/// A bill was corrected by a document of its own; the bill stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InvoiceCorrected {
    /// The document.
    #[schemars(with = "schema::Id")]
    pub correction: CorrectionId,
    /// Its gap-free number.
    pub number: String,
    /// `credit_note`, `invoice` (something is added) or `corrected` (the total stays).
    pub kind: String,
    /// `facts`, `cancelled` or `anew`.
    pub cause: String,
    /// The bill that it corrects.
    #[schemars(with = "schema::Id")]
    pub invoice: InvoiceId,
    /// The bill's number.
    pub invoice_number: String,
    /// The dispute that it follows from, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Id>")]
    pub dispute: Option<DisputeId>,
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// Whose it is.
    #[schemars(with = "schema::Id")]
    pub account: AccountId,
    /// By how much the bill's total changes.
    #[schemars(with = "schema::Amount")]
    pub total: Money,
    /// By how much what is to be paid changes; below zero the account gets that.
    #[schemars(with = "schema::Amount")]
    pub due: Money,
    /// Its hash, as anchored.
    #[schemars(with = "schema::Hash")]
    pub hash: B256,
}

impl Event for InvoiceCorrected {
    const SUBJECT: &'static str = "billing.invoice.corrected.v1";
}

/// Money came in for a bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InvoicePaid {
    /// The invoice.
    #[schemars(with = "schema::Id")]
    pub invoice: InvoiceId,
    /// Its number.
    pub number: String,
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// Whose it is.
    #[schemars(with = "schema::Id")]
    pub account: AccountId,
    /// What came in for it.
    #[schemars(with = "schema::Amount")]
    pub amount: Money,
    /// What is left to be paid.
    #[schemars(with = "schema::Amount")]
    pub left: Money,
}

impl Event for InvoicePaid {
    const SUBJECT: &'static str = "billing.invoice.paid.v1";
}

/// A bill that is not paid has reached a step of its community's ladder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InvoiceReminded {
    /// The invoice.
    #[schemars(with = "schema::Id")]
    pub invoice: InvoiceId,
    /// Its number.
    pub number: String,
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// Whose it is.
    #[schemars(with = "schema::Id")]
    pub account: AccountId,
    /// Which step, from one on.
    pub step: u32,
    /// What is left to be paid.
    #[schemars(with = "schema::Amount")]
    pub left: Money,
    /// The last local day on which paying it was in time.
    #[schemars(with = "schema::Day")]
    pub due_on: LocalDay,
    /// What the step does: `remind`, `fee`, `suspend_trading` or `hand_over`; absent in events from
    /// before there was anything but reminders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// What the step adds to what is owed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Amount>")]
    pub fee: Option<Money>,
}

impl Event for InvoiceReminded {
    const SUBJECT: &'static str = "billing.invoice.reminded.v1";
}

/// An account may not buy from neighbours any more, for another reason, or may again. What it
/// sells, and what its retailer delivers, goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TradingChanged {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The account.
    #[schemars(with = "schema::Id")]
    pub account: AccountId,
    /// Rises with each change of this account: the highest counts, in whatever order they come.
    pub number: u64,
    /// Why it may not buy, in alphabetical order: `dunning` (a bill is long overdue), `prepaid`
    /// (its prepaid balance is used up). None where it may.
    pub reasons: Vec<String>,
}

impl Event for TradingChanged {
    const SUBJECT: &'static str = "billing.trading.changed.v1";
}

/// An account that pays before it uses is told how it stands: its state is another one, or staff
/// want its supply suspended, or do not any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PrepaidChanged {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The account.
    #[schemars(with = "schema::Id")]
    pub account: AccountId,
    /// `active`, `low`, `emergency`, `suspended` or `ended` (it does not pay before it uses any
    /// more). `suspended` says that its supply may be cut; nobody here cuts it.
    pub state: String,
    /// What it was before; the same where only `suspension_from` changed, and `ended` where it
    /// begins.
    pub before: String,
    /// What it has for energy to come; below zero it uses credit.
    #[schemars(with = "schema::Amount")]
    pub balance: Money,
    /// What it uses in a day.
    #[schemars(with = "schema::Amount")]
    pub use_per_day: Money,
    /// From when on its supply can be suspended at the earliest, where staff want that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Moment>")]
    pub suspension_from: Option<Timestamp>,
}

impl Event for PrepaidChanged {
    const SUBJECT: &'static str = "billing.prepaid.changed.v1";
}

/// A bill was disputed, or a dispute has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InvoiceDisputed {
    /// The dispute.
    #[schemars(with = "schema::Id")]
    pub dispute: DisputeId,
    /// The invoice.
    #[schemars(with = "schema::Id")]
    pub invoice: InvoiceId,
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// Whose it is.
    #[schemars(with = "schema::Id")]
    pub account: AccountId,
    /// `open`, `upheld`, `rejected` or `withdrawn`.
    pub state: String,
}

impl Event for InvoiceDisputed {
    const SUBJECT: &'static str = "billing.invoice.disputed.v1";
}

/// Free cash is left at an address that settles no more; the account's own next address is to have
/// it. Who holds the key signs for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CashLeftBehind {
    /// Whose.
    #[schemars(with = "schema::Id")]
    pub account: AccountId,
    /// Its community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The contract that holds it; absent for the currency that energy is traded in.
    #[schemars(with = "Option<schema::ChainAddress>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market: Option<Address>,
    /// Where it is.
    #[schemars(with = "schema::ChainAddress")]
    pub from: Address,
    /// Where it goes.
    #[schemars(with = "schema::ChainAddress")]
    pub to: Address,
    /// How much, in major units.
    #[schemars(with = "schema::Amount")]
    pub amount: Money,
    /// Of the transfer; no other signature has it.
    #[schemars(with = "schema::Hash")]
    pub nonce: B256,
    /// Until when the transfer can be in a block.
    #[schemars(with = "schema::Moment")]
    pub expiry: Timestamp,
}

impl Event for CashLeftBehind {
    const SUBJECT: &'static str = "billing.cash.left_behind.v1";
}

/// Rules of the books that must always hold do not: right after a posting, or twice in a row when
/// they were looked at as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BooksViolated {
    /// Which, in words that begin with the name of the rule: `I1` to `I8`.
    pub violations: Vec<String>,
    /// How many entries the journals had.
    pub entries: u64,
}

impl Event for BooksViolated {
    const SUBJECT: &'static str = "billing.books.violated.v1";
}

/// Something in the books is for staff to look into; nobody has to stop trading for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BooksQuestioned {
    /// Whose staff.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// What, in words that begin with the name of a rule: `I3` to `I10`, `9000`, or `day` for what
    /// a day's meters, runs and invoices come to.
    pub violations: Vec<String>,
}

impl Event for BooksQuestioned {
    const SUBJECT: &'static str = "billing.books.questioned.v1";
}

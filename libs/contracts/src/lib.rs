//! Our contracts, as Rust sees them: what is signed, what is called, what is logged, where it is
//! stored, and the money of a trade.
//!
//! ```text
//! OrderTerms --hash--> signature --+
//! Policy --id--> Clearing --Posted-+--> FillBatch --Deployment::settle--> Call
//!                                       TradeBatch --Deployment::reconcile--> Call
//! input of settle() --sales--> Claims of its sellers --Deployment::certify--> Call
//! log --ContractEvent::decode--> events      storage::digest --proof--> DayDigest
//! Terms --outcome--> Outcome                 (the same arithmetic as Outcomes.sol)
//! ```
//!
//! The bindings are generated from `contracts/out/*.json`, which the Solidity compiler wrote and
//! which are checked in. Tests run the bytecode in an EVM and hold every formula, hash and storage
//! position here equal to what the contracts do.
//!
//! Invariants: nothing here rounds; a hash here is the hash the contract computes.
//! Deliberately absent: how a call is sent, gas, nonces of accounts, keys.
#![forbid(unsafe_code)]

mod account_request;
mod batch;
pub mod bindings;
mod calls;
mod certificate;
mod challenge;
mod clearing;
mod currency;
mod deployment;
mod digest;
mod event;
mod exchange;
mod order;
mod outcome;
mod payout;
mod policy;
pub mod requests;
mod revert;
mod sales;
mod shown;
pub mod storage;
mod typed;

pub use alloy_primitives::{Address, B256, Bytes, Log, U256};
pub use alloy_sol_types::{SolCall, SolConstructor, SolEvent, SolEventInterface, SolValue};

pub use account_request::AccountRequest;
pub use batch::{
    BATCH_FILLS, BatchError, BatchTrade, FillBatch, Fills, Met, Signature, SignedOrder,
    TRADE_WH_MAX, TradeBatch, fill_leaf, trade_id,
};
pub use calls::Call;
pub use certificate::CertificateTerms;
pub use challenge::{Claim, Evidence};
pub use clearing::{
    Clearing, Delivery, MECHANISM_PRICED, Posted, Prices, Skip, conditions_leaf, journal_leaf,
    journal_root, session_root,
};
pub use currency::{BadCurrencies, CURRENCIES_MAX, Cash, Currency, check_currencies};
pub use deployment::{Deployment, Genesis, GenesisCall, GenesisDeploy, Roles, Settings, role};
pub use digest::{DayDigest, Reconciled, Settled};
pub use event::ContractEvent;
pub use exchange::Quote;
pub use order::{OrderTerms, Side};
pub use outcome::{Outcome, OutcomeError, Terms, money, outcome};
pub use payout::{PayoutTerms, REDEMPTION_SECONDS, TO_WALLET, WITHDRAWAL_SECONDS};
pub use policy::{BuyerRule, Policy, SellerRule};
pub use revert::revert_text;
pub use sales::sales;
pub use typed::{enrolment_data, succession_data};

/// The run of a trade that nobody reconciled in time ([`Deployment::expire`]).
pub const RUN_EXPIRED: u8 = 255;
/// The run of a trade that was cut after a challenge; the reconciler's runs end before it.
pub const RUN_CHALLENGED: u8 = 254;
/// The longest that corrections and challenges of a policy may take together, in seconds
/// (`EnergyMarket.WINDOWS_MAX`).
pub const WINDOWS_MAX: u32 = 90 * 86_400;
/// The most gas that a contract account may spend on a signature (`Signatures.CONTRACT_GAS_MAX`).
pub const CONTRACT_GAS_MAX: u64 = 150_000;
/// The same of an order in a batch that is settled (`Signatures.SETTLE_GAS_MAX`).
pub const SETTLE_GAS_MAX: u64 = 50_000;
/// The kind of a slot's batch in `ReadingAnchor`; the period is the slot's start.
pub const READINGS_OF_SLOT: u8 = 1;
/// The kind of a day's batch in `ReadingAnchor`; the period is the local day number.
pub const READINGS_OF_DAY: u8 = 2;

//! The pure part: trades and intervals become money, money becomes bills, bills become proofs.
//!
//! No clock, network, database or randomness in here.

pub mod bank;
pub mod bill;
pub mod certificate;
pub mod challenge;
pub mod correction;
pub mod curtailment;
pub mod daily;
pub mod dispute;
pub mod dues;
pub mod exchange;
pub mod export;
pub mod handover;
pub mod journal;
pub mod ladder;
pub mod payout;
pub mod prepaid;
pub mod reconcile;
pub mod report;
pub mod shadow;
pub mod verify;

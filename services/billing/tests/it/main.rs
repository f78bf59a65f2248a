//! Billing as a whole: a database of its own, a bus, and a node that executes the real contracts.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, missing_docs, reason = "a test is used by nobody")]

mod addresses;
mod bank;
mod batches;
mod certificates;
mod challenge;
mod checked;
mod corrected_homes;
mod corrections;
mod currencies;
mod curtailments;
mod documents;
mod dues;
mod dunning;
mod exchange;
mod exports;
mod handover;
mod judge;
mod late;
mod moves;
mod node;
mod payouts;
mod prepaid;
mod relay;
mod reports;
mod requests;
mod reserve;
mod service;
mod shadow;
mod tariffs;
mod town;
mod wallet_payments;

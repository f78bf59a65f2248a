//! Identity over HTTP, with a database of each test's own.
#![expect(clippy::unwrap_used, reason = "a test stops where its assumption fails")]

mod addresses;
mod audit;
mod contract_accounts;
mod document;
mod grid;
mod keys;
mod limits;
mod orders;
mod payouts;
mod people;
mod provisioning;
mod requests;
mod server;
mod tokens;
mod wallet;

//! Bank files: what a bank says of an account (camt.053) and what it is asked to pay (pain.001).
//!
//! ```text
//! camt053::read(bytes) -> Statement       everything is checked, or nothing is believed
//! pain001::write(&Payments) -> String     one file, its count and control sum in front
//! Iban, Reference, Currency               read from text, valid from then on
//! ```
//!
//! Invariants: amounts are exact, from text to integer and back; a statement whose entries do not
//! lead from its opening to its closing balance is refused; what is read is bounded by limits that
//! have names; a document type or an entity of its own is never read.
//! Deliberately absent: files, banks and networks; validation against the schemas' every rule;
//! other messages; where the money goes.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod amount;
pub mod camt053;
mod checksum;
mod currency;
mod iban;
pub mod pain001;
mod reference;

pub use currency::{BadCurrency, Currency};
pub use iban::{BadIban, Iban};
pub use reference::{BadReference, Reference};

//! What a customer and a utility receive of a bill: one checked value, and its texts.
//!
//! ```text
//! Content ── Document::issue ──► Document    taxes and totals follow from the lines
//! JSON ───── Document::from_json ──►         what it says of taxes and totals is checked
//! Document ─► to_json                        the whole of it, stable
//!          ─► ubl::write(.., Locale)         UBL 2.1 under EN 16931 (core)
//!          ─► Locale                         numbers, dates and words of a language
//! Document ── reversal, difference ──► Content of the document that corrects it
//! ```
//!
//! Invariants: a line's amount is quantity x price, rounded once, half away from zero, at the minor
//! unit; tax is reckoned per category and rate on the rounded lines; every total is a sum of what
//! is printed. What [`ubl::write`] gives keeps the rules of EN 16931, or nothing is written.
//! Deliberately absent: where lines come from (`tariff`), numbers of documents, clocks, pages
//! (`invoice-pdf`), national extensions of EN 16931, amounts with more than two decimals in XML.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod check;
mod codes;
mod content;
mod correction;
mod document;
mod information;
mod line;
mod locale;
mod party;
mod proof;
mod rejection;
mod tax;
pub mod ubl;

pub use content::{
    Account, Comparison, Content, Custody, Day, Dispute, EnergyTotals, Kind, Payment, Period,
    Place, Preceding, Prepayment, PrepaymentSource, Quality, TariffReference,
};
pub use document::Document;
pub use information::{Information, LastYear};
pub use line::UnitPrice;
pub use line::{Adjustment, Class, DocumentAdjustment, Input, Line, Quantity, Side, Trace, Unit};
pub use locale::{BadLocale, LANGUAGES, Locale};
pub use party::{Address, ElectronicAddress, Party};
pub use proof::Proof;
pub use rejection::{Rejected, Rejection};
pub use tax::{Category, Exemption, Tax, TaxRate, Totals};

/// The largest JSON of a document, in bytes.
pub const JSON_BYTES_MAX: usize = 1 << 20;
/// The most lines of a document.
pub const LINES_MAX: usize = 1_000;
/// The most days of its daily series.
pub const DAYS_MAX: usize = 366;
/// The most entries of any other list.
pub const ENTRIES_MAX: usize = 100;
/// The longest text, in characters.
pub const TEXT_CHARS_MAX: usize = 500;
/// The largest quantity, in its unit: below 2^53, so that JSON carries it as a number.
pub const QUANTITY_MAX: i64 = 1_000_000_000_000_000;

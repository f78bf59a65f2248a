//! Disputes about invoices: who said what, and how each ended.
//!
//! ```text
//!          ┌─> upheld      staff agree: a correction follows
//! open ────┼─> rejected    staff do not, and say why
//!          └─> withdrawn   by whose invoice it is
//! ```
//!
//! Invariants: a dispute that has ended does not change; while it is open its invoice is not
//! reminded of, and stops nobody from buying.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an invoice is wrong about, as who disputes it sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// The meter did not read that.
    Reading,
    /// Trades are missing, or are not the account's.
    Trade,
    /// Another tariff or price was agreed.
    Tariff,
    /// Something was paid that it does not say.
    Payment,
    /// A fee for reminders is not owed; where that is upheld, all of the invoice's are taken back.
    Fee,
    /// Something else.
    Other,
}

/// How a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DisputeState {
    /// It waits for somebody.
    Open,
    /// The invoice is wrong.
    Upheld,
    /// The invoice stands.
    Rejected,
    /// Whose invoice it is took it back.
    Withdrawn,
}

macro_rules! names {
    ($kind:ident: $($variant:ident = $text:literal)*) => {
        impl $kind {
            /// The name in rows and answers.
            pub fn name(self) -> &'static str {
                match self {
                    $($kind::$variant => $text,)*
                }
            }

            /// What has this name.
            pub fn named(name: &str) -> Option<$kind> {
                match name {
                    $($text => Some($kind::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

names!(Ground:
    Reading = "reading" Trade = "trade" Tariff = "tariff" Payment = "payment" Fee = "fee"
    Other = "other");
names!(DisputeState:
    Open = "open" Upheld = "upheld" Rejected = "rejected" Withdrawn = "withdrawn");

//! The kinds of news, by the names that the explorer shows.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::feed::KEPT_MAX;

/// How many of a kind are kept to be looked up.
const RECORDS_MAX: i64 = 100_000;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $code:tt,)*) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[schema(as = FeedKind)]
        pub(crate) enum Kind {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl Kind {
            /// Every kind.
            pub(crate) const ALL: &[Kind] = &[$(Kind::$name),*];

            /// The name of the server-sent event.
            pub(crate) const fn code(self) -> &'static str {
                match self {
                    $(Kind::$name => $code,)*
                }
            }

            /// The name that the explorer shows.
            pub(crate) const fn name(self) -> &'static str {
                match self {
                    $(Kind::$name => stringify!($name),)*
                }
            }
        }
    };
}

kinds! {
    /// A block joined the chain.
    Block = "block",
    /// A block left the chain, and with it all that was told of it.
    BlockRemoved = "block_removed",
    /// The book of a slot that trades before its gate changed.
    BookChanged = "book_changed",
    /// Energy of a slot became known.
    ReadingsStored = "readings_stored",
    /// An address can trade.
    AccountRegistered = "account_registered",
    /// The registry has a meter's key.
    MeterRegistered = "meter_registered",
    /// The registry has a meter's next key.
    MeterRotated = "meter_rotated",
    /// A meter's key is valid no more.
    MeterRevoked = "meter_revoked",
    /// Cash came in.
    DepositCredited = "deposit_credited",
    /// Cash was asked for.
    WithdrawalRequested = "withdrawal_requested",
    /// Cash left.
    WithdrawalPaid = "withdrawal_paid",
    /// A commitment to a sealed order was taken in.
    OrderCommitted = "order_committed",
    /// A commitment was opened.
    OrderRevealed = "order_revealed",
    /// An order, a commitment or a nonce was taken back.
    OrderCancelled = "order_cancelled",
    /// The time of an order is over, or that for opening a commitment.
    OrderExpired = "order_expired",
    /// Orders were refused.
    OrderRejected = "order_rejected",
    /// No order of a slot comes or goes any more.
    GateClosed = "gate_closed",
    /// A slot has its price.
    SlotCleared = "slot_cleared",
    /// Two orders became a trade on chain.
    TradeCreated = "trade_created",
    /// A trade's cash moved to escrow and collateral.
    EscrowLocked = "escrow_locked",
    /// What a day's trades brought is free.
    EscrowReleased = "escrow_released",
    /// The grid carries no trades for a time, or does after all.
    Curtailed = "curtailed",
    /// The root over readings is on chain.
    ReadingsAnchored = "readings_anchored",
    /// A run over trades of a slot is complete.
    SlotReconciled = "slot_reconciled",
    /// Who was short pays for it.
    PenaltyApplied = "penalty_applied",
    /// Who was not served, or whose energy was not taken, is paid for it.
    CompensationPaid = "compensation_paid",
    /// More was reconciled than a meter registered, says a challenge.
    Challenged = "challenged",
    /// A challenge was judged.
    Resolved = "resolved",
    /// A bill was issued.
    InvoiceIssued = "invoice_issued",
    /// A bill was taken back.
    InvoiceCancelled = "invoice_cancelled",
    /// A bill was corrected.
    InvoiceCorrected = "invoice_corrected",
    /// Nothing is left to be paid of a bill.
    InvoicePaid = "invoice_paid",
    /// A version of a tariff was published.
    TariffPublished = "tariff_published",
    /// Limits of risk are other ones.
    RiskLimitChanged = "risk_limit_changed",
    /// Trading was stopped, or goes on.
    KillSwitch = "kill_switch",
    /// A rule of a market, a policy or a right over the contracts is another one.
    ParameterChanged = "parameter_changed",
    /// What was said to be on chain is not there.
    AnchorMissing = "anchor_missing",
}

impl Kind {
    /// How many of it are kept: fewer of what is gone by soon, and of what each account can cause
    /// as often as it likes.
    pub(crate) const fn kept(self) -> i64 {
        match self {
            Kind::Block
            | Kind::BlockRemoved
            | Kind::BookChanged
            | Kind::ReadingsStored
            | Kind::OrderCommitted
            | Kind::OrderRevealed
            | Kind::OrderCancelled
            | Kind::OrderExpired
            | Kind::OrderRejected => KEPT_MAX,
            _ => RECORDS_MAX,
        }
    }

    /// The kind of a server-sent event's name.
    pub(crate) fn of(code: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.code() == code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a feed has to tell of, by the rules of the market.
    const NAMES: &str = "AccountRegistered MeterRegistered MeterRotated MeterRevoked \
        DepositCredited WithdrawalRequested WithdrawalPaid OrderCommitted OrderRevealed \
        OrderCancelled OrderExpired OrderRejected GateClosed SlotCleared TradeCreated \
        EscrowLocked EscrowReleased Curtailed ReadingsAnchored SlotReconciled PenaltyApplied \
        CompensationPaid Challenged Resolved InvoiceIssued InvoiceCancelled InvoiceCorrected \
        InvoicePaid TariffPublished RiskLimitChanged KillSwitch ParameterChanged AnchorMissing";

    #[test]
    fn every_name_of_the_rules_is_there_once_and_is_its_code_in_other_letters() {
        let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        for name in NAMES.split_whitespace() {
            assert_eq!(names.iter().filter(|known| **known == name).count(), 1, "{name}");
        }
        for kind in Kind::ALL {
            let mut code = String::new();
            for letter in kind.name().chars() {
                if letter.is_uppercase() && !code.is_empty() {
                    code.push('_');
                }
                code.push(letter.to_ascii_lowercase());
            }
            assert_eq!((kind.code(), Kind::of(&code)), (code.as_str(), Some(*kind)));
            assert_eq!(serde_json::to_value(kind).unwrap(), code);
        }
    }
}

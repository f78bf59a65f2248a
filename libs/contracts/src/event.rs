//! What the contracts say happened.

use alloy_primitives::Log;
use alloy_sol_types::SolEventInterface;
use serde::Serialize;

use crate::bindings::{
    Challenges, CurrencyExchange, EnergyCertificate, EnergyMarket, MeterRegistry, ReadingAnchor,
    RecordAnchor, SettlementToken, TradingMandate,
};
use crate::deployment::Deployment;

macro_rules! events {
    ($($contract:ident at $place:ident by $all:ident { $($(#[$doc:meta])* $name:ident,)* })*) => {
        /// One event of one of our contracts, decoded. Amounts in 1e-9 currency, energy in Wh.
        ///
        /// Serialises as `{"name": "TradeCreated", "fields": {...}}`.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        #[serde(tag = "name", content = "fields")]
        pub enum ContractEvent {
            $($($(#[$doc])* $name($contract::$name),)*)*
        }

        impl ContractEvent {
            /// The event in a log; `None` for logs of other contracts, and for those of
            /// administration (roles, approvals, EIP-712 domains) that no machine acts on.
            pub fn decode(deployment: &Deployment, log: &Log) -> Option<Self> {
                $(if log.address == deployment.$place {
                    let topics = log.data.topics();
                    let event = $contract::$all::decode_raw_log(topics, &log.data.data).ok()?;
                    return match event {
                        $($contract::$all::$name(event) => Some(ContractEvent::$name(event)),)*
                        #[allow(unreachable_patterns)]
                        _ => None,
                    };
                })*
                None
            }

            /// The name of the event, as in the contract.
            pub const fn name(&self) -> &'static str {
                match self {
                    $($(ContractEvent::$name(_) => stringify!($name),)*)*
                }
            }
        }
    };
}

events! {
    SettlementToken at token by SettlementTokenEvents {
        /// Tokens changed hands; minted from zero, burned to zero.
        Transfer,
        /// A payment became tokens.
        Minted,
        /// Tokens were destroyed, to be paid out.
        Redeemed,
    }
    EnergyMarket at market by EnergyMarketEvents {
        /// Tokens became free cash.
        DepositCredited,
        /// Cash was taken out of trading.
        WithdrawalRequested,
        /// Cash left as tokens.
        WithdrawalPaid,
        /// Locked cash of a policy's day became free.
        EscrowReleased,
        /// An account ended its orders with a nonce.
        OrderCancelled,
        /// Free cash changed hands.
        CashTransferred,
        /// A policy can be named by orders.
        PolicyRegistered,
        /// An auction's result was posted.
        SlotCleared,
        /// A fill did not hold; see [`crate::Skip`].
        FillSkipped,
        /// The prices of the trade that is created next.
        TradePriced,
        /// A trade's cash moved to escrow and collateral.
        TradeCreated,
        /// What a run says of a trade; its cash moved to where [`crate::outcome`] says.
        TradeReconciled,
        /// A run over trades of a batch is complete.
        SlotReconciled,
        /// Trading stopped.
        Paused,
        /// Trading goes on.
        Unpaused,
    }
    MeterRegistry at meters by MeterRegistryEvents {
        /// A meter has a key.
        MeterRegistered,
        /// A meter has a new key.
        MeterRotated,
        /// A meter has no valid key any more.
        MeterRevoked,
    }
    ReadingAnchor at readings by ReadingAnchorEvents {
        /// A batch of readings has its root on chain.
        ReadingsAnchored,
    }
    RecordAnchor at records by RecordAnchorEvents {
        /// A version of a tariff has its hash on chain.
        TariffPublished,
        /// An invoice has its hash on chain.
        InvoiceIssued,
    }
    Challenges at challenges by ChallengesEvents {
        /// More was reconciled than a meter registered: the excess was cut.
        Challenged,
    }
    TradingMandate at mandates by TradingMandateEvents {
        /// An account let another sign its orders, inside limits.
        MandateGranted,
    }
    CurrencyExchange at exchange by CurrencyExchangeEvents {
        /// Cash of two currencies changed hands, at a quoted rate.
        Exchanged,
    }
    EnergyCertificate at certificates by EnergyCertificateEvents {
        /// A connection point generates from a source.
        SourceRegistered,
        /// It does no more.
        SourceEnded,
        /// What a trade delivered was certified, to its buyer.
        CertificateIssued,
        /// Certified energy was used up, for somebody.
        CertificateRetired,
        /// Certified energy changed hands; issued from zero, retired to zero.
        TransferSingle,
        /// Several at once.
        TransferBatch,
    }
}

//! What the contracts say happened.

use alloy_primitives::Log;
use alloy_sol_types::SolEventInterface;
use serde::Serialize;

use crate::bindings::{
    Challenges, EnergyCertificate, EnergyMarket, MeterRegistry, ReadingAnchor, RecordAnchor,
    SettlementToken,
};
use crate::deployment::Deployment;

macro_rules! events {
    ($($contract:ident at $place:ident by $all:ident { $($(#[$doc:meta])* $name:ident,)* })*) => {
        /// One event of one of our contracts, decoded. Amounts in 1e-9 currency, energy in Wh.
        ///
        /// Serialises as `{"name": "TradeSettled", "fields": {...}}`.
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
    }
    EnergyMarket at market by EnergyMarketEvents {
        /// Tokens became free cash.
        Deposited,
        /// Cash was taken out of trading.
        WithdrawalRequested,
        /// Cash left as tokens.
        Withdrawn,
        /// Locked cash of a policy's day became free.
        Released,
        /// An account ended its orders with a nonce.
        OrderCancelled,
        /// An account let another sign its orders.
        Delegated,
        /// A policy can be named by orders.
        PolicyRegistered,
        /// An auction's result was posted.
        SlotCleared,
        /// A fill did not hold; see [`crate::Skip`].
        FillSkipped,
        /// A trade's cash moved to escrow and collateral.
        TradeSettled,
        /// A trade's cash moved to where the delivery says: totals of this run.
        TradeReconciled,
        /// Trading stopped.
        Paused,
        /// Trading goes on.
        Unpaused,
    }
    MeterRegistry at meters by MeterRegistryEvents {
        /// A meter has a key.
        MeterEnrolled,
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
        TariffAnchored,
        /// An invoice has its hash on chain.
        InvoiceAnchored,
    }
    Challenges at challenges by ChallengesEvents {
        /// More was reconciled than a meter registered: the excess was cut.
        Challenged,
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

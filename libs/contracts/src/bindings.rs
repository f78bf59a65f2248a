//! Generated bindings: one module per contract, from the compiler's output.
//!
//! For calls that only read, encode and decode with these:
//!
//! ```
//! use contracts::{Address, SolCall, bindings::EnergyMarket};
//! let question = EnergyMarket::freeCall { account: Address::ZERO }.abi_encode();
//! let answer = [0; 32]; // from eth_call
//! assert_eq!(EnergyMarket::freeCall::abi_decode_returns(&answer).unwrap().to_string(), "0");
//! # let _ = question;
//! ```
#![allow(missing_docs, unreachable_pub, clippy::all, clippy::too_many_lines)]

use alloy_sol_types::sol;

sol!(
    #[sol(all_derives, extra_derives(serde::Serialize))]
    Challenges,
    "../../contracts/out/Challenges.json"
);
sol!(
    #[sol(all_derives, extra_derives(serde::Serialize))]
    CurrencyExchange,
    "../../contracts/out/CurrencyExchange.json"
);
sol!(
    #[sol(all_derives, extra_derives(serde::Serialize))]
    Timelock,
    "../../contracts/out/Timelock.json"
);
sol!(
    #[sol(all_derives, extra_derives(serde::Serialize))]
    TradingMandate,
    "../../contracts/out/TradingMandate.json"
);
sol!(
    #[sol(all_derives, extra_derives(serde::Serialize))]
    EnergyCertificate,
    "../../contracts/out/EnergyCertificate.json"
);
sol!(
    #[sol(all_derives, extra_derives(serde::Serialize))]
    EnergyMarket,
    "../../contracts/out/EnergyMarket.json"
);
sol!(
    #[sol(all_derives, extra_derives(serde::Serialize))]
    SettlementToken,
    "../../contracts/out/SettlementToken.json"
);
sol!(
    #[sol(all_derives, extra_derives(serde::Serialize))]
    MeterRegistry,
    "../../contracts/out/MeterRegistry.json"
);
sol!(
    #[sol(all_derives, extra_derives(serde::Serialize))]
    ReadingAnchor,
    "../../contracts/out/ReadingAnchor.json"
);
sol!(
    #[sol(all_derives, extra_derives(serde::Serialize))]
    RecordAnchor,
    "../../contracts/out/RecordAnchor.json"
);

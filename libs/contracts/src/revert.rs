//! Why a call failed, in words.

use alloy_primitives::hex;
use alloy_sol_types::{SolInterface, decode_revert_reason};

use crate::bindings::{
    Challenges, EnergyCertificate, EnergyMarket, MeterRegistry, RecordAnchor, SettlementToken,
    Timelock, TradingMandate,
};

/// What a call that reverted with this data says: `NotYet { availableAt: 1700000000 }`, the text of
/// a `require`, the name of a panic, or the data itself when it is of another contract.
pub fn revert_text(data: &[u8]) -> String {
    if data.is_empty() {
        return "reverted without a reason".to_owned();
    }
    // A custom error is tried first: `decode_revert_reason` would print it as bytes.
    ours(data)
        .or_else(|| decode_revert_reason(data))
        .unwrap_or_else(|| format!("reverted with {}", hex::encode_prefixed(data)))
}

fn ours(data: &[u8]) -> Option<String> {
    let market = EnergyMarket::EnergyMarketErrors::abi_decode(data).map(|e| format!("{e:?}"));
    let meters = || MeterRegistry::MeterRegistryErrors::abi_decode(data).map(|e| format!("{e:?}"));
    let token =
        || SettlementToken::SettlementTokenErrors::abi_decode(data).map(|e| format!("{e:?}"));
    let records = || RecordAnchor::RecordAnchorErrors::abi_decode(data).map(|e| format!("{e:?}"));
    let challenges = || Challenges::ChallengesErrors::abi_decode(data).map(|e| format!("{e:?}"));
    let certificates =
        || EnergyCertificate::EnergyCertificateErrors::abi_decode(data).map(|e| format!("{e:?}"));
    let mandates =
        || TradingMandate::TradingMandateErrors::abi_decode(data).map(|e| format!("{e:?}"));
    let timelock = || Timelock::TimelockErrors::abi_decode(data).map(|e| format!("{e:?}"));
    let text = market
        .or_else(|_| meters())
        .or_else(|_| token())
        .or_else(|_| records())
        .or_else(|_| challenges())
        .or_else(|_| certificates())
        .or_else(|_| mandates())
        .or_else(|_| timelock())
        .ok()?;
    // The enum prints as `Name(Name { field: value })`: keep the inner part.
    let inner = text.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    Some(inner.map_or(text.clone(), str::to_owned))
}

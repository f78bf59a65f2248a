//! What gas costs, and how much work the chain sees.

use super::cache::Stored;
use super::params::BlockId;
use super::{Answer, Request, damaged, quantity, server};
use alloy_consensus::Transaction as _;
use alloy_primitives::{B256, U64, U128, U256};
use chain::{Block, ChainView, Header};
use client::RpcError;
use serde_json::{Number, Value, json};
use std::sync::Arc;

/// Blocks whose tips make the suggestion.
const TIP_BLOCKS: u64 = 20;
/// The least tip that is suggested, in wei.
const TIP_MIN: u128 = 1;
/// Blocks of one fee history.
const HISTORY_BLOCKS_MAX: u64 = 1_024;
/// Percentiles of one fee history.
const PERCENTILES_MAX: usize = 100;
/// Blocks over which the hash rate is measured.
const RATE_BLOCKS: u64 = 64;

pub(super) fn tip(request: &Request<'_>) -> Answer {
    Ok(json!(U128::from(suggested_tip(request)?)))
}

pub(super) fn gas_price(request: &Request<'_>) -> Answer {
    let head = request.head()?;
    let base_fee = request.node.rules().next_base_fee(&head);
    Ok(json!(U128::from(u128::from(base_fee) + suggested_tip(request)?)))
}

/// The median of the tips in the last blocks.
pub(super) fn suggested_tip(request: &Request<'_>) -> Result<u128, RpcError> {
    let head = request.head()?.number;
    let mut tips = Vec::new();
    for number in head.saturating_sub(TIP_BLOCKS - 1)..=head {
        tips.extend(tips_of(&canonical(request, number)?.block));
    }
    tips.sort_unstable();
    Ok(tips.get(tips.len() / 2).copied().unwrap_or_default().max(TIP_MIN))
}

fn tips_of(block: &Block) -> impl Iterator<Item = u128> {
    let base_fee = block.header.base_fee_per_gas;
    let tip = move |one: &chain::Transaction| one.effective_tip_per_gas(base_fee).unwrap_or(0);
    block.transactions.iter().map(tip)
}

fn canonical(request: &Request<'_>, number: u64) -> Result<Arc<Stored>, RpcError> {
    let hash = request.snapshot.canonical_hash(number);
    request.block(hash.ok_or_else(|| damaged("place", B256::ZERO))?)
}

/// `eth_feeHistory(count, newest, percentiles)`.
pub(super) fn history(request: &Request<'_>) -> Answer {
    let count: Value = request.params.get(0)?;
    let count = count.as_u64().map_or_else(|| request.params.get::<U64>(0).map(|n| n.to()), Ok)?;
    let newest = newest(request)?;
    let asked: Option<Vec<Number>> = request.params.optional(2)?;
    let percentiles = percentiles(&asked.unwrap_or_default())?;
    if count == 0 {
        return Ok(json!({ "oldestBlock": "0x0", "gasUsedRatio": null }));
    }
    let count = count.min(HISTORY_BLOCKS_MAX).min(newest.number + 1);
    let oldest = newest.number + 1 - count;
    let (mut base_fees, mut ratios, mut rewards) = (Vec::new(), Vec::new(), Vec::new());
    for number in oldest..=newest.number {
        request.in_time()?;
        let stored = canonical(request, number)?;
        base_fees.push(quantity(stored.block.header.base_fee_per_gas));
        ratios.push(ratio(&stored.block.header));
        if !percentiles.is_empty() {
            rewards.push(rewards_of(&stored, &percentiles));
        }
    }
    // There are no blobs, so their space costs nothing and nobody uses it.
    let (blob_fees, blob_ratios) = (vec!["0x0"; base_fees.len() + 1], vec![0; ratios.len()]);
    base_fees.push(quantity(request.node.rules().next_base_fee(&newest)));
    let mut answer = json!({
        "oldestBlock": quantity(oldest),
        "baseFeePerGas": base_fees,
        "gasUsedRatio": ratios,
        "baseFeePerBlobGas": blob_fees,
        "blobGasUsedRatio": blob_ratios,
    });
    if !percentiles.is_empty() {
        answer["reward"] = json!(rewards);
    }
    Ok(answer)
}

/// The header of the newest block of a history.
fn newest(request: &Request<'_>) -> Result<Header, RpcError> {
    let id = request.params.get(1)?;
    let found = request.resolve(id)?.and_then(|hash| request.header(hash));
    match (found, id) {
        (Some(header), _) => Ok((*header).clone()),
        (None, BlockId::Number(number)) => {
            let head = request.head()?.number;
            let beyond = "request beyond head block";
            Err(server(format!("{beyond}: requested {number}, head {head}")))
        }
        (None, _) => Err(server("header not found")),
    }
}

/// Gas used by gas limit, the double that geth answers.
#[expect(clippy::disallowed_types, reason = "a ratio in JSON, from which nothing is computed")]
fn ratio(header: &Header) -> Value {
    json!(header.gas_used as f64 / header.gas_limit.max(1) as f64)
}

/// Percentiles in hundredths of a percent, rising.
fn percentiles(asked: &[Number]) -> Result<Vec<u64>, RpcError> {
    if asked.len() > PERCENTILES_MAX {
        return Err(server(format!("over the query limit {PERCENTILES_MAX}")));
    }
    let mut all = Vec::new();
    for (at, number) in asked.iter().enumerate() {
        let percentile = hundredths(number).filter(|percentile| *percentile <= 10_000);
        let percentile = percentile
            .ok_or_else(|| server(format!("invalid reward percentile: {}", fraction(number))))?;
        if all.last().is_some_and(|last| *last >= percentile) {
            let (before, this) = (fraction(&asked[at - 1]), fraction(number));
            let message =
                format!("invalid reward percentile: #{}:{before} >= #{at}:{this}", at - 1);
            return Err(server(message));
        }
        all.push(percentile);
    }
    Ok(all)
}

/// A number with six decimals, as geth prints it.
fn fraction(number: &Number) -> String {
    let text = number.to_string();
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let decimals: String = decimals.chars().chain("000000".chars()).take(6).collect();
    format!("{whole}.{decimals}")
}

fn hundredths(number: &Number) -> Option<u64> {
    let text = number.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction: String = fraction.chars().chain("00".chars()).take(2).collect();
    whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(fraction.parse().ok()?)
}

/// The tips at the percentiles of the gas of a block.
fn rewards_of(stored: &Stored, percentiles: &[u64]) -> Vec<U128> {
    let mut gas_before = 0;
    let mut by_tip: Vec<(u128, u64)> = Vec::new();
    for (tip, receipt) in tips_of(&stored.block).zip(&stored.receipts) {
        by_tip.push((tip, receipt.cumulative_gas_used() - gas_before));
        gas_before = receipt.cumulative_gas_used();
    }
    by_tip.sort_unstable();
    let gas_used = u128::from(stored.block.header.gas_used);
    let at = |percentile: &u64| {
        let threshold = gas_used * u128::from(*percentile) / 10_000;
        let mut sum = 0;
        let reached = by_tip.iter().find(|(_, gas)| {
            sum += u128::from(*gas);
            sum >= threshold
        });
        U128::from(reached.or(by_tip.last()).map_or(0, |(tip, _)| *tip))
    };
    percentiles.iter().map(at).collect()
}

/// Hashes per second that the last blocks took, by their difficulty and their times.
pub(super) fn hashrate(request: &Request<'_>) -> Answer {
    let head = request.head()?;
    let view = &*request.snapshot;
    let first = head.number.saturating_sub(RATE_BLOCKS);
    let Some(first) = view.canonical_header(first) else { return Ok(quantity(0)) };
    let total = |hash| view.total_difficulty(hash).ok_or_else(|| damaged("difficulty", hash));
    let work = total(view.head())?.saturating_sub(total(first.hash())?);
    let seconds = head.timestamp.saturating_sub(first.timestamp).max(1);
    Ok(json!(work / U256::from(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_read_to_hundredths_and_have_to_rise() {
        let read = |text: &str| percentiles(&serde_json::from_str::<Vec<Number>>(text).unwrap());
        assert_eq!(read("[0, 12.5, 99.99, 100]").unwrap(), [0, 1_250, 9_999, 10_000]);
        for (wrong, expected) in [
            ("[50, 25]", "#0:50.000000 >= #1:25.000000"),
            ("[1, 2.5, 2.5]", "#1:2.500000 >= #2:2.500000"),
            ("[100.5]", "100.500000"),
            ("[-1]", "-1.000000"),
        ] {
            let message = format!("invalid reward percentile: {expected}");
            assert_eq!(read(wrong).unwrap_err().message, message, "{wrong}");
        }
    }
}

//! What gas costs, and how much work the chain sees.

use super::{Answer, Request, damaged, invalid, quantity, server};
use alloy_consensus::Transaction as _;
use alloy_primitives::{B256, U64, U128, U256};
use chain::{Block, ChainView, Header};
use client::RpcError;
use serde_json::{Number, Value, json};

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
    let base_fee = request.node.rules().next_base_fee(&request.head()?);
    Ok(json!(U128::from(u128::from(base_fee) + suggested_tip(request)?)))
}

/// The median of the tips in the last blocks.
fn suggested_tip(request: &Request<'_>) -> Result<u128, RpcError> {
    let head = request.head()?.number;
    let mut tips = Vec::new();
    for number in head.saturating_sub(TIP_BLOCKS - 1)..=head {
        let block = canonical(request, number)?;
        tips.extend(tips_of(&block));
    }
    tips.sort_unstable();
    Ok(tips.get(tips.len() / 2).copied().unwrap_or_default().max(TIP_MIN))
}

fn tips_of(block: &Block) -> impl Iterator<Item = u128> {
    let base_fee = block.header.base_fee_per_gas;
    let tip = move |one: &chain::Transaction| one.effective_tip_per_gas(base_fee).unwrap_or(0);
    block.transactions.iter().map(tip)
}

fn canonical(request: &Request<'_>, number: u64) -> Result<Block, RpcError> {
    let hash = request.snapshot.canonical_hash(number);
    let block = hash.and_then(|hash| request.snapshot.block(hash));
    block.ok_or_else(|| damaged("body", hash.unwrap_or_default()))
}

/// `eth_feeHistory(count, newest, percentiles)`.
pub(super) fn history(request: &Request<'_>) -> Answer {
    let count: Value = request.params.get(0)?;
    let count = count.as_u64().map_or_else(|| request.params.get::<U64>(0).map(|n| n.to()), Ok)?;
    let newest = request.resolve(request.params.get(1)?)?;
    let newest = newest.and_then(|hash| request.snapshot.header(hash));
    let newest = newest.ok_or_else(|| server("request beyond head block"))?;
    let asked: Option<Vec<Number>> = request.params.optional(2)?;
    let percentiles = percentiles(&asked.unwrap_or_default())?;
    let count = count.clamp(1, HISTORY_BLOCKS_MAX).min(newest.number + 1);
    let oldest = newest.number + 1 - count;
    let (mut base_fees, mut ratios, mut rewards) = (Vec::new(), Vec::new(), Vec::new());
    for number in oldest..=newest.number {
        let block = canonical(request, number)?;
        base_fees.push(quantity(block.header.base_fee_per_gas));
        ratios.push(ratio(&block.header));
        if !percentiles.is_empty() {
            rewards.push(rewards_of(request, &block, &percentiles)?);
        }
    }
    base_fees.push(quantity(request.node.rules().next_base_fee(&newest)));
    let mut answer = json!({
        "oldestBlock": quantity(oldest),
        "baseFeePerGas": base_fees,
        "gasUsedRatio": ratios,
    });
    if !percentiles.is_empty() {
        answer["reward"] = json!(rewards);
    }
    Ok(answer)
}

/// Gas used by gas limit, to six decimals.
fn ratio(header: &Header) -> Value {
    let scaled = u128::from(header.gas_used) * 1_000_000 / u128::from(header.gas_limit.max(1));
    let text = format!("{}.{:06}", scaled / 1_000_000, scaled % 1_000_000);
    serde_json::from_str(&text).expect("digits around a point are a number")
}

/// Percentiles in hundredths of a percent, rising.
fn percentiles(asked: &[Number]) -> Result<Vec<u64>, RpcError> {
    if asked.len() > PERCENTILES_MAX {
        return Err(server(format!("over the query limit {PERCENTILES_MAX}")));
    }
    let all: Option<Vec<u64>> = asked.iter().map(hundredths).collect();
    match all {
        Some(all) if all.is_sorted() && all.last().is_none_or(|last| *last <= 10_000) => Ok(all),
        _ => Err(invalid("invalid reward percentile")),
    }
}

fn hundredths(number: &Number) -> Option<u64> {
    let text = number.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction: String = fraction.chars().chain("00".chars()).take(2).collect();
    whole.parse::<u64>().ok()?.checked_mul(100)?.checked_add(fraction.parse().ok()?)
}

/// The tips at the percentiles of the gas of a block.
fn rewards_of(
    request: &Request<'_>,
    block: &Block,
    percentiles: &[u64],
) -> Result<Vec<U128>, RpcError> {
    let hash: B256 = block.hash();
    let receipts = request.snapshot.receipts(hash).ok_or_else(|| damaged("receipts", hash))?;
    let mut gas_before = 0;
    let mut by_tip: Vec<(u128, u64)> = Vec::new();
    for (tip, receipt) in tips_of(block).zip(&receipts) {
        by_tip.push((tip, receipt.cumulative_gas_used() - gas_before));
        gas_before = receipt.cumulative_gas_used();
    }
    by_tip.sort_unstable();
    let at = |percentile: &u64| {
        let threshold = u128::from(block.header.gas_used) * u128::from(*percentile) / 10_000;
        let mut sum = 0;
        let reached = by_tip.iter().find(|(_, gas)| {
            sum += u128::from(*gas);
            sum >= threshold
        });
        U128::from(reached.or(by_tip.last()).map_or(0, |(tip, _)| *tip))
    };
    Ok(percentiles.iter().map(at).collect())
}

/// Hashes per second that the last blocks took, by their difficulty and their times.
pub(super) fn hashrate(request: &Request<'_>) -> Answer {
    let head = request.head()?;
    let view = &request.snapshot;
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
        for wrong in ["[50, 25]", "[100.5]", "[-1]", "[1e9]"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}

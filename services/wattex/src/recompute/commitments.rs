//! Whether the commitments of a sealed slot were on chain while its orders could still be opened.
//!
//! When a gate is closed the clearing role ends a nonce of its own in `EnergyMarket` that is the
//! root over all commitments. Whoever sent that event, he knew them when its block was made.

use alloy_primitives::{Address, B256, U64};
use alloy_sol_types::SolEvent;
use anyhow::{Context, Result};
use calendar::Timestamp;
use client::JsonRpc;
use contracts::bindings::EnergyMarket;
use market::domain::{Difference, Recomputed, Revealed};
use serde::Serialize;
use serde_json::{Value, json};

use super::{LOG_BLOCKS, LOG_QUESTIONS_MAX};

/// Since when the chain has the commitments of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Committed {
    /// The block.
    block: u64,
    /// Its time.
    time: Timestamp,
}

/// Since when the contract at `market` has the root over the commitments; `None` where no block
/// since their gate does. Looks back from the head to the gate: whoever read the root can send it
/// once more, and nobody else can send it first.
pub(super) async fn on_chain(
    node: &dyn JsonRpc,
    market: Address,
    sealed: &Revealed,
) -> Result<Option<Committed>> {
    if sealed.commitments == 0 {
        return Ok(None);
    }
    let mut to = client::block_number(node).await?;
    let mut earliest = None;
    for _ in 0..LOG_QUESTIONS_MAX {
        let from = to.saturating_sub(LOG_BLOCKS - 1);
        let filter = json!([{
            "fromBlock": U64::from(from),
            "toBlock": U64::from(to),
            "address": market,
            "topics": [EnergyMarket::OrderCancelled::SIGNATURE_HASH],
        }]);
        let logs = node.request("eth_getLogs", filter).await?;
        let logs = logs.as_array().context("the node's logs are no list")?;
        if let Some(log) = logs.iter().find(|log| word(&log["data"]) == Some(sealed.root)) {
            earliest = Some(number(&log["blockNumber"]).context("a log of the node has no block")?);
        }
        // What was there before the gate is not what was there at it.
        let Some(before) = from.checked_sub(1) else { break };
        if time_of(node, from).await? < sealed.gate {
            break;
        }
        to = before;
    }
    let Some(block) = earliest else { return Ok(None) };
    Ok(Some(Committed { block, time: time_of(node, block).await? }))
}

/// The outcome where the commitments of the journal are those of the root that was kept, if one
/// was.
pub(super) fn kept(
    outcome: Result<Recomputed, Difference>,
    kept: Option<B256>,
) -> Result<Recomputed, Difference> {
    let same = outcome?;
    let journal = same.sealed.as_ref().map_or(B256::ZERO, |sealed| sealed.root);
    match kept {
        Some(kept) if kept != journal => Err(Difference::KeptRoot { journal, kept }),
        _ => Ok(same),
    }
}

async fn time_of(node: &dyn JsonRpc, block: u64) -> Result<Timestamp> {
    let question = json!([U64::from(block), false]);
    let block = node.request("eth_getBlockByNumber", question).await?;
    let time = number(&block["timestamp"]).context("a block of the node has no time")?;
    Ok(Timestamp::from_seconds(i64::try_from(time)?))
}

fn word(value: &Value) -> Option<B256> {
    value.as_str()?.parse().ok()
}

fn number(value: &Value) -> Option<u64> {
    serde_json::from_value::<U64>(value.clone()).ok().map(|number| number.to())
}

/// Whether what was sealed was on chain before the end of the time in which it was opened; also
/// where nothing was.
pub(super) fn in_time(
    outcome: &Result<Recomputed, Difference>,
    committed: Option<Committed>,
) -> bool {
    let Ok(Recomputed { sealed: Some(sealed), .. }) = outcome else { return true };
    let in_time = |committed: Committed| sealed.until.is_some_and(|until| committed.time <= until);
    sealed.commitments == 0 || committed.is_some_and(in_time)
}

/// What came of commitments.
pub(super) fn print(same: &Recomputed, committed: Option<Committed>) {
    let Some(sealed) = &same.sealed else {
        println!("Orders were not sealed, as the market says");
        return;
    };
    println!(
        "Sealed until {}: {} commitments, {} withdrawn, {} opened, {} left unopened; no order \
         without one",
        sealed.gate, sealed.commitments, sealed.withdrawn, sealed.opened, sealed.unrevealed,
    );
    let until = sealed.until.map(|until| format!(", opened until {until} as the market says"));
    let until = until.unwrap_or_default();
    match committed {
        Some(Committed { block, time }) => {
            println!("Their root {} is on chain since {time}, block {block}{until}", sealed.root);
        }
        None => println!("Their root {}{until}", sealed.root),
    }
}

#[cfg(test)]
mod tests {
    use client::RpcError;
    use matching::Mechanism;
    use units::{Energy, Price};

    use super::*;

    const GATE: i64 = 1_780_000_200;

    /// A chain of a block a second, whose blocks `.0` and `.1` tell of the commitments.
    struct Node(u64, u64);

    #[async_trait::async_trait]
    impl JsonRpc for Node {
        async fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
            let height = |value: &Value| number(value).unwrap();
            Ok(match method {
                "eth_blockNumber" => json!(U64::from(25_000)),
                "eth_getBlockByNumber" => {
                    let time = u64::try_from(GATE).unwrap() - 20_000 + height(&params[0]);
                    json!({ "timestamp": U64::from(time) })
                }
                "eth_getLogs" => {
                    let range = &params[0];
                    let blocks = height(&range["fromBlock"])..=height(&range["toBlock"]);
                    let log =
                        |at: u64, data: B256| json!({ "blockNumber": U64::from(at), "data": data });
                    let root = B256::repeat_byte(1);
                    let all = [log(self.0, root), log(self.1, root), log(24_000, B256::ZERO)];
                    let told =
                        all.into_iter().filter(|log| blocks.contains(&height(&log["blockNumber"])));
                    json!(told.collect::<Vec<_>>())
                }
                other => panic!("{other} is not asked"),
            })
        }
    }

    fn revealed() -> Revealed {
        Revealed {
            commitments: 3,
            withdrawn: 1,
            opened: 2,
            unrevealed: 0,
            root: B256::repeat_byte(1),
            gate: Timestamp::from_seconds(GATE),
            until: Some(Timestamp::from_seconds(GATE + 120)),
        }
    }

    #[test]
    fn a_journal_without_the_commitments_that_were_kept_fails() {
        let price = Price::from_n_per_wh(1);
        let outcome = |sealed: Option<Revealed>| {
            Ok(Recomputed {
                clearing: B256::ZERO,
                mechanism: Mechanism::Continuous,
                tick: price,
                retail_price: price,
                feed_in_price: price,
                orders: 0,
                cancelled: 0,
                uncovered: 0,
                of_contracts: 0,
                fills: 0,
                volume: Energy::ZERO,
                price: None,
                halted: None,
                at_once: None,
                shared: None,
                zonal: None,
                sealed,
            })
        };
        let [root, other] = [1, 2].map(B256::repeat_byte);
        assert!(kept(outcome(Some(revealed())), Some(root)).is_ok());
        assert!(kept(outcome(None), None).is_ok());
        let other = kept(outcome(Some(revealed())), Some(other));
        let said = Difference::KeptRoot { journal: root, kept: B256::repeat_byte(2) };
        assert_eq!(other, Err(said));
        let silent = kept(outcome(None), Some(root));
        assert_eq!(silent, Err(Difference::KeptRoot { journal: B256::ZERO, kept: root }));
    }

    #[tokio::test]
    async fn commitments_are_found_in_the_block_that_first_told_of_them() {
        let sealed = revealed();
        let found = async |block: u64| {
            on_chain(&Node(block, block), Address::repeat_byte(7), &sealed).await.unwrap()
        };
        let time = |seconds: i64| Timestamp::from_seconds(GATE + seconds);
        assert_eq!(found(20_005).await, Some(Committed { block: 20_005, time: time(5) }));
        assert_eq!(found(15_100).await, Some(Committed { block: 15_100, time: time(-4_900) }));
        // The first block that was looked at is of long before the gate.
        assert_eq!(found(4_000).await, None);
        // Somebody else has sent the same word long after the window, for all to find first.
        let earlier = Revealed { gate: time(-9_000), ..sealed.clone() };
        let twice = on_chain(&Node(14_000, 24_500), Address::repeat_byte(7), &earlier).await;
        assert_eq!(twice.unwrap(), Some(Committed { block: 14_000, time: time(-6_000) }));
        let other = Revealed { root: B256::repeat_byte(2), ..sealed.clone() };
        let none = on_chain(&Node(20_005, 20_005), Address::repeat_byte(7), &other).await.unwrap();
        assert_eq!(none, None);
    }
}

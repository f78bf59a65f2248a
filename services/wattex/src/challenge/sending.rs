//! What was found goes to the chain: by the caller's key, by the installation, or as a file.

use std::fs;
use std::path::Path;
use std::time::Duration;

use alloy_primitives::{B256, U64};
use anyhow::{Context, Result};
use client::JsonRpc;
use contracts::revert_text;
use keys::SecretKey;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::Arguments;
use super::look::{Found, Look, Outcome, Sent};
use super::server::Server;

/// Between two looks for a block that has it.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Writes the call of the first side that is challenged, for any wallet: with two, the second has
/// to be looked at again once the first is in a block. Nothing is written where nothing is cut.
pub fn write(path: &Path, look: &Look<'_>, found: &[Found]) -> Result<()> {
    let Some(one) = found.iter().find(|one| one.stands()) else { return Ok(()) };
    let Outcome::Judged { call, .. } = &one.outcome else { return Ok(()) };
    let call = json!({
        "chainId": look.chain.id, "to": call.to, "value": "0x0", "data": call.data,
    });
    let text = serde_json::to_string_pretty(&call)?;
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

/// Sends one side's challenge, if there is something to cut and the window is open, and waits until
/// a block has it. What another cut meanwhile is looked at anew.
pub async fn send(
    arguments: &Arguments,
    look: &Look<'_>,
    found: &mut Found,
    (key, server): (Option<&SecretKey>, Option<&Server>),
) -> Result<()> {
    if !found.stands() {
        return Ok(());
    }
    *found = look.at(found.side).await?;
    let Outcome::Judged { call, .. } = &found.outcome else { return Ok(()) };
    if !found.stands() || !found.is_open() {
        return Ok(());
    }
    let until = Instant::now() + Duration::from_secs(arguments.wait.into());
    let sent = match (key, server) {
        (Some(key), _) if arguments.send => {
            let chain = &look.chain;
            let what = (call.to, call.data.clone());
            match client::send(chain.node, key, chain.id, what).await {
                Ok(transaction) => receipt(chain.node, transaction, until).await?,
                Err(error) => {
                    let data =
                        error.data.clone().and_then(|data| serde_json::from_value(data).ok());
                    let data: Option<alloy_primitives::Bytes> = data;
                    let reason = data.map_or(error.to_string(), |data| revert_text(&data));
                    Sent { transaction: None, cut: false, reason: Some(reason) }
                }
            }
        }
        (_, Some(server)) => {
            let proofs = look.evidence.of(found.side).both().context("two readings")?;
            server.file(look.trade, found.side, proofs).await?;
            relayed(look, found, until).await?
        }
        _ => return Ok(()),
    };
    found.sent = Some(sent);
    Ok(())
}

/// What a block says of a transaction.
async fn receipt(node: &dyn JsonRpc, transaction: B256, until: Instant) -> Result<Sent> {
    let sent = |cut, reason: Option<&str>| Sent {
        transaction: Some(transaction),
        cut,
        reason: reason.map(str::to_owned),
    };
    loop {
        let receipt = node.request("eth_getTransactionReceipt", json!([transaction])).await?;
        if receipt.is_object() {
            let status: U64 = serde_json::from_value(receipt["status"].clone())?;
            let cut = status == U64::ONE;
            let reason = Some("a block has it, and the contract refused it").filter(|_| !cut);
            return Ok(sent(cut, reason));
        }
        if Instant::now() >= until {
            return Ok(sent(false, Some("no block has it yet")));
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// Whether the chain has the cut: what the installation says of it is not asked.
async fn relayed(look: &Look<'_>, found: &Found, until: Instant) -> Result<Sent> {
    loop {
        let now = look.at(found.side).await?;
        if !now.stands() {
            return Ok(Sent { transaction: None, cut: true, reason: None });
        }
        if Instant::now() >= until {
            let reason = Some("no block has it yet".to_owned());
            return Ok(Sent { transaction: None, cut: false, reason });
        }
        sleep(LOOK_AGAIN).await;
    }
}

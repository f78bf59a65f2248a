//! The state between the transactions of a block.

use super::super::params::BlockId;
use super::super::{Answer, Request, invalid, server, unreadable};
use super::{Scene, refused};
use alloy_primitives::{Address, B256, Bytes};
use client::RpcError;
use serde_json::{Map, Value, json};

/// Slots that one range may tell.
const SLOTS_MAX: usize = 1_024;

fn scene<'a>(request: &'a Request<'a>) -> Result<Scene<'a>, RpcError> {
    let id: BlockId = request.params.get(0)?;
    Scene::named(request, id)?.ok_or_else(|| server("block not found"))
}

/// `debug_intermediateRoots(hash)`: the state root after each transaction; the reward is in none.
pub(super) fn roots(request: &Request<'_>) -> Answer {
    let scene = scene(request)?;
    let (mut stage, mut roots) = (scene.begin()?, Vec::new());
    for index in 0..scene.block.transactions.len() {
        let turn = scene.turn(index);
        stage.skip(turn.transaction, turn.sender).map_err(refused)?;
        roots.push(stage.state().commit().map_err(unreadable)?.root);
    }
    Ok(json!(roots))
}

/// `debug_storageRangeAt(block, index, address, start, count)`: the slots of an account as the
/// transaction at `index` finds them, in order of the hashes of their positions. A position is only
/// told of a slot that the transactions before it used: the trie keeps hashes.
pub(super) fn range(request: &Request<'_>) -> Answer {
    let (index, address): (usize, Address) = (request.params.get(1)?, request.params.get(2)?);
    let (start, count): (Bytes, usize) = (request.params.get(3)?, request.params.get(4)?);
    if start.len() > 32 {
        return Err(invalid("the start of a range has at most 32 bytes"));
    }
    let scene = scene(request)?;
    if index > scene.block.transactions.len() {
        return Err(server(format!("transaction index {index} out of range for block")));
    }
    let count = count.min(SLOTS_MAX);
    let mut stage = scene.stage_at(index)?;
    let state = stage.state();
    state.commit().map_err(unreadable)?;
    let start = B256::right_padding_from(&start);
    let mut found = state.storage_from(address, start, count + 1).map_err(unreadable)?;
    let next = if found.len() > count { found.pop().map(|slot| slot.key) } else { None };
    let slots: Map<String, Value> = found
        .into_iter()
        .map(|slot| {
            let told =
                json!({ "key": slot.position.map(B256::from), "value": B256::from(slot.value) });
            (slot.key.to_string(), told)
        })
        .collect();
    Ok(json!({ "storage": slots, "nextKey": next }))
}

//! From a directory that keeps all states to one that keeps the last: what is needed is placed by
//! walking the oldest state that stays and what differs between each block above and its parent,
//! the rest goes. One transaction: a crash leaves the directory as it was.

use super::StoreError;
use super::history::{self, State};
use super::tables::{
    BLOCKS, CANONICAL, COUNTED, JOURNAL, META, MOUNTAINS, NODES, OLDEST, SHARES, STATE,
};
use alloy_primitives::{B256, Bytes};
use alloy_rlp::{Decodable, Header as RlpHeader};
use chain::state::{NodeChange, difference};
use chain::trie::EMPTY_ROOT;
use chain::{Header, NodeSource, PlacedNode, mmr};
use redb::{ReadableTable, Table, WriteTransaction};
use std::collections::HashMap;

/// Where the nodes were before, in the transaction that moves them.
struct ByHash<'a>(Table<'a, super::tables::Hash, &'static [u8]>);

impl NodeSource for ByHash<'_> {
    fn node(&self, hash: B256) -> Option<Bytes> {
        let node = self.0.get(&hash.0).ok()??;
        Some(Bytes::copy_from_slice(node.value()))
    }
}

impl ByHash<'_> {
    fn needed(&self, hash: B256) -> Result<Bytes, StoreError> {
        self.node(hash).ok_or_else(|| StoreError::Damaged(format!("trie node {hash} is missing")))
    }
}

/// Keeps the last states only from now on. `oldest` is the height of the oldest state that stays.
pub(super) fn begin(transaction: &WriteTransaction, oldest: u64) -> Result<(), StoreError> {
    transaction.delete_table(STATE)?;
    transaction.delete_table(SHARES)?;
    transaction.delete_table(JOURNAL)?;
    let nodes = ByHash(transaction.open_table(NODES)?);
    let above = headers_from(transaction, oldest)?;
    let canonical = transaction.open_table(CANONICAL)?.get(oldest)?.map(|hash| *hash.value());
    let base = canonical.and_then(|hash| above.get(&B256::from(hash)));
    let base = base.ok_or_else(|| StoreError::Damaged(format!("there is no block {oldest}")))?;
    let mut state = State::open(transaction)?;
    let mut failed = Ok(());
    difference(&nodes, EMPTY_ROOT, base.state_root, &mut |change| {
        if let (NodeChange::Created(place, hash), Ok(())) = (change, &failed) {
            let rlp = nodes.needed(hash);
            failed = rlp.and_then(|rlp| state.put(&place.key(), &hash.0, &rlp));
        }
    })
    .map_err(|error| StoreError::Damaged(error.to_string()))?;
    failed?;
    drop(state);
    for (hash, header) in above.iter().filter(|(_, header)| header.number > oldest) {
        // A branch that leaves below the oldest state has none to stand on.
        if descends(&above, header, base) {
            enter(transaction, &nodes, *hash, header, &above[&header.parent_hash])?;
        }
    }
    move_mountains(transaction, &nodes)?;
    drop(nodes);
    transaction.delete_table(NODES)?;
    transaction.open_table(NODES)?;
    let mut meta = transaction.open_table(META)?;
    meta.insert(OLDEST, oldest.to_be_bytes().as_slice())?;
    meta.insert(COUNTED, [1].as_slice())?;
    Ok(())
}

/// Headers of all branches from a height on.
fn headers_from(
    transaction: &WriteTransaction,
    oldest: u64,
) -> Result<HashMap<B256, Header>, StoreError> {
    let mut headers = HashMap::new();
    for row in transaction.open_table(BLOCKS)?.iter()? {
        let (hash, block) = row?;
        let hash = B256::from(*hash.value());
        let header = RlpHeader::decode_bytes(&mut block.value(), true)
            .and_then(|mut fields| Header::decode(&mut fields))
            .map_err(|error| StoreError::Damaged(format!("block {hash}: {error}")))?;
        if header.number >= oldest {
            headers.insert(hash, header);
        }
    }
    Ok(headers)
}

fn descends(headers: &HashMap<B256, Header>, header: &Header, base: &Header) -> bool {
    let mut at = header;
    while let Some(parent) = headers.get(&at.parent_hash) {
        if parent.number == base.number {
            return parent == base;
        }
        at = parent;
    }
    false
}

fn enter(
    transaction: &WriteTransaction,
    nodes: &ByHash<'_>,
    hash: B256,
    header: &Header,
    parent: &Header,
) -> Result<(), StoreError> {
    let (mut created, mut dropped) = (Vec::new(), Vec::new());
    difference(nodes, parent.state_root, header.state_root, &mut |change| match change {
        NodeChange::Created(place, hash) => created.push((place, hash)),
        NodeChange::Dropped(place, _) => dropped.push(place),
    })
    .map_err(|error| StoreError::Damaged(error.to_string()))?;
    let placed = |(place, hash)| Ok(PlacedNode { place, hash, rlp: nodes.needed(hash)? });
    let created = created.into_iter().map(placed).collect::<Result<Vec<_>, StoreError>>()?;
    history::enter(transaction, (header.number, hash), &created, &dropped)?;
    Ok(())
}

/// Format 1 kept them among the trie nodes.
fn move_mountains(transaction: &WriteTransaction, nodes: &ByHash<'_>) -> Result<(), StoreError> {
    let mut mountains = transaction.open_table(MOUNTAINS)?;
    for row in nodes.0.iter()? {
        let (hash, node) = row?;
        if mmr::is_node(node.value()) {
            mountains.insert(hash.value(), node.value())?;
        }
    }
    Ok(())
}

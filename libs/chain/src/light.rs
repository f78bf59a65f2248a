//! Proofs for those who keep no chain: accounts, storage, transactions, receipts and old blocks
//! against one trusted block hash. Proving reads a chain, verifying reads nothing but the proof.
//!
//! ```text
//! trusted hash -> header -> mountain range -> earlier header
//!     earlier header -> state root        -> account, slots
//!                    -> transactions root -> transaction
//!                    -> receipts root     -> receipt, logs
//! ```

mod block;
mod witness;

pub use block::{
    AncestorProof, BlockProof, LightError, ProvenReceipt, ReceiptProof, StateProof, prove_block,
};
pub use witness::Witness;

use crate::block::{Receipt, Transaction};
use crate::header::Header;
use crate::mmr::Path;
use crate::state::{Account, StateError};
use crate::trie::{self, EMPTY_ROOT, NodeSource, ProofError, Trie, TrieError};
use crate::view::ChainView;
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256, Bytes, Log, U256, keccak256};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// An account, or its absence, and some of its storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountProof {
    /// Whose account.
    pub address: Address,
    /// Nodes from the state root on.
    pub nodes: Vec<Bytes>,
    /// Slots of it.
    pub storage: Vec<StorageProof>,
}

/// One storage slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageProof {
    /// Position of the slot.
    pub position: U256,
    /// Nodes from the account's storage root on.
    pub nodes: Vec<Bytes>,
}

/// What an [`AccountProof`] proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenAccount {
    /// The account; `None` if there is none.
    pub account: Option<Account>,
    /// Values in the order of the proof; zero for slots that are not set.
    pub storage: Vec<U256>,
}

/// Proves an account and slots of it under any state root whose nodes the source has.
pub fn prove_account(
    source: &impl NodeSource,
    state_root: B256,
    address: Address,
    positions: &[U256],
) -> Result<AccountProof, StateError> {
    let owner = keccak256(address);
    let nodes = trie::proof(source, None, state_root, owner.as_slice())?;
    let account =
        verify_account(state_root, address, &nodes).map_err(|_| StateError::BadValue(owner))?;
    let storage_root = account.map_or(EMPTY_ROOT, |account| account.storage_root);
    let storage = positions
        .iter()
        .map(|&position| {
            let key = keccak256(position.to_be_bytes::<32>());
            let nodes = trie::proof(source, Some(owner), storage_root, key.as_slice())?;
            Ok(StorageProof { position, nodes })
        })
        .collect::<Result<_, TrieError>>()?;
    Ok(AccountProof { address, nodes, storage })
}

/// The account that is proved to be under a state root; `None` is proved absence.
pub fn verify_account(
    state_root: B256,
    address: Address,
    nodes: &[Bytes],
) -> Result<Option<Account>, ProofError> {
    let value = trie::verify(state_root, keccak256(address).as_slice(), nodes)?;
    value.map(|rlp| alloy_rlp::decode_exact(&rlp).map_err(|_| ProofError::BadValue)).transpose()
}

/// The value that is proved to be in a slot under a storage root.
pub fn verify_storage(
    storage_root: B256,
    position: U256,
    nodes: &[Bytes],
) -> Result<U256, ProofError> {
    let key = keccak256(position.to_be_bytes::<32>());
    match trie::verify(storage_root, key.as_slice(), nodes)? {
        Some(rlp) => alloy_rlp::decode_exact(&rlp).map_err(|_| ProofError::BadValue),
        None => Ok(U256::ZERO),
    }
}

impl AccountProof {
    /// Checks the proof against the state root of a trusted header.
    pub fn verify(&self, state_root: B256) -> Result<ProvenAccount, ProofError> {
        let account = verify_account(state_root, self.address, &self.nodes)?;
        let storage_root = account.as_ref().map_or(EMPTY_ROOT, |account| account.storage_root);
        let storage = self
            .storage
            .iter()
            .map(|slot| verify_storage(storage_root, slot.position, &slot.nodes))
            .collect::<Result<_, _>>()?;
        Ok(ProvenAccount { account, storage })
    }
}

/// The nodes that prove the receipt at `index` among all receipts of a block; `None` if there is
/// no such receipt.
pub fn prove_receipt(receipts: &[Receipt], index: usize) -> Option<Vec<Bytes>> {
    prove_item(receipts, index)
}

/// The nodes that prove the transaction at `index` among all of a block; `None` if there is no such
/// transaction.
pub fn prove_transaction(transactions: &[Transaction], index: usize) -> Option<Vec<Bytes>> {
    prove_item(transactions, index)
}

fn prove_item(items: &[impl Encodable2718], index: usize) -> Option<Vec<Bytes>> {
    items.get(index)?;
    let mut nodes = HashMap::<B256, Bytes>::new();
    let mut trie = Trie::default();
    for (index, item) in items.iter().enumerate() {
        trie.insert(&nodes, &alloy_rlp::encode(index), item.encoded_2718()).ok()?;
    }
    let root = trie.commit(|_, hash, rlp| drop(nodes.insert(hash, rlp)));
    trie::proof(&nodes, None, root, &alloy_rlp::encode(index)).ok()
}

fn verify_item<T: Decodable2718>(
    root: B256,
    index: usize,
    nodes: &[Bytes],
) -> Result<T, ProofError> {
    let value = trie::verify(root, &alloy_rlp::encode(index), nodes)?;
    let encoded = value.ok_or(ProofError::BadValue)?;
    T::decode_2718_exact(&encoded).map_err(|_| ProofError::BadValue)
}

/// The transaction that is proved to be at `index` under a transactions root.
pub fn verify_transaction(
    transactions_root: B256,
    index: usize,
    nodes: &[Bytes],
) -> Result<Transaction, ProofError> {
    verify_item(transactions_root, index, nodes)
}

/// The receipt that is proved to be at `index` under a receipts root.
pub fn verify_receipt(
    receipts_root: B256,
    index: usize,
    nodes: &[Bytes],
) -> Result<Receipt, ProofError> {
    verify_item(receipts_root, index, nodes)
}

/// The log that is proved to be at `log_index` within the receipt at `index`.
pub fn verify_log(
    receipts_root: B256,
    index: usize,
    log_index: usize,
    nodes: &[Bytes],
) -> Result<Log, ProofError> {
    let logs = verify_receipt(receipts_root, index, nodes)?.into_logs();
    logs.into_iter().nth(log_index).ok_or(ProofError::BadValue)
}

/// The path of the block at height `number` in the mountain range of a later header; `None` if it
/// is not below that header or the store lacks a node.
pub fn prove_ancestor<V: ChainView>(view: &V, header: &Header, number: u64) -> Option<Path> {
    view.mmr(header.parent_hash)?.path(number, view)
}

/// Whether the block with this hash is proved to be an ancestor, at height `path.index`, of a
/// trusted header. The caller has compared the hash of the header with the one it trusts.
pub fn verify_ancestor(trusted: &Header, hash: B256, path: &Path) -> bool {
    path.count == trusted.number && path.root(hash) == Some(trusted.extra_data)
}

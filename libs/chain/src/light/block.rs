//! What happened in a block, or what was true after it, led back to one trusted block hash.

use super::{
    AccountProof, ProvenAccount, prove_account, prove_ancestor, prove_receipt, prove_transaction,
    verify_ancestor, verify_receipt, verify_transaction,
};
use crate::block::{Receipt, Transaction};
use crate::header::Header;
use crate::mmr::Path;
use crate::state::StateError;
use crate::trie::ProofError;
use crate::view::ChainView;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use serde::{Deserialize, Serialize};

/// Why something is not proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LightError {
    /// The proof starts from another block than the trusted one.
    #[error("the proof starts from block {0}, which is not the trusted one")]
    NotTrusted(B256),
    /// A header is not the RLP of one.
    #[error("a header is malformed")]
    BadHeader,
    /// A header does not have the work that it claims.
    #[error("block {0} does not have the work that it claims")]
    NoWork(u64),
    /// The trusted block does not descend from the other one.
    #[error("block {0} is not proved to be an ancestor of the trusted one")]
    NoAncestor(u64),
    /// A trie node is wrong.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// What is proved is another transaction.
    #[error("it is transaction {0} that is proved")]
    OtherTransaction(B256),
}

/// A block that is the trusted one, or an ancestor of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockProof {
    /// RLP of the trusted block's header.
    pub trusted: Bytes,
    /// The block that is meant, if not the trusted one.
    pub ancestor: Option<AncestorProof>,
}

/// An earlier block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AncestorProof {
    /// RLP of its header.
    pub header: Bytes,
    /// Its path in the trusted header's mountain range, from the leaf up.
    pub siblings: Vec<B256>,
}

/// Leads from the trusted block to another of its branch; `None` if that is not below it.
pub fn prove_block<V: ChainView>(view: &V, trusted: &Header, block: &Header) -> Option<BlockProof> {
    let ancestor = if trusted == block {
        None
    } else {
        let path = prove_ancestor(view, trusted, block.number)?;
        // Another branch has other blocks at that height.
        if !verify_ancestor(trusted, block.hash(), &path) {
            return None;
        }
        let header = alloy_rlp::encode(block).into();
        Some(AncestorProof { header, siblings: path.siblings })
    };
    Some(BlockProof { trusted: alloy_rlp::encode(trusted).into(), ancestor })
}

impl BlockProof {
    /// The header of the block that is meant, if it hangs together with the trusted hash.
    pub fn verify(&self, trusted: B256) -> Result<Header, LightError> {
        let hash = keccak256(&self.trusted);
        if hash != trusted {
            return Err(LightError::NotTrusted(hash));
        }
        let above = header(&self.trusted)?;
        let Some(ancestor) = &self.ancestor else { return Ok(above) };
        let below = header(&ancestor.header)?;
        let siblings = ancestor.siblings.clone();
        let path = Path { index: below.number, count: above.number, siblings };
        if verify_ancestor(&above, keccak256(&ancestor.header), &path) {
            Ok(below)
        } else {
            Err(LightError::NoAncestor(below.number))
        }
    }
}

/// A header with the work that it claims. Block 0 claims none: it is agreed on.
fn header(rlp: &[u8]) -> Result<Header, LightError> {
    let header: Header = alloy_rlp::decode_exact(rlp).map_err(|_| LightError::BadHeader)?;
    if header.number > 0 && !header.is_sealed() {
        return Err(LightError::NoWork(header.number));
    }
    Ok(header)
}

/// An account and slots of it after a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateProof {
    /// The block.
    pub block: BlockProof,
    /// The account under its state root.
    pub account: AccountProof,
}

impl StateProof {
    /// Proves an account after `block`, which is `trusted` or below it; `None` if it is not.
    pub fn of<V: ChainView>(
        view: &V,
        trusted: &Header,
        block: &Header,
        address: Address,
        positions: &[U256],
    ) -> Result<Option<Self>, StateError> {
        let account = prove_account(view, block.state_root, address, positions)?;
        Ok(prove_block(view, trusted, block).map(|block| Self { block, account }))
    }

    /// The block's header and what is proved of its state.
    pub fn verify(&self, trusted: B256) -> Result<(Header, ProvenAccount), LightError> {
        let header = self.block.verify(trusted)?;
        let proven = self.account.verify(header.state_root)?;
        Ok((header, proven))
    }
}

/// A transaction of a block, with what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReceiptProof {
    /// The block.
    pub block: BlockProof,
    /// Position in the block.
    pub index: u32,
    /// Nodes from the transactions root on.
    pub transaction: Vec<Bytes>,
    /// Nodes from the receipts root on.
    pub receipt: Vec<Bytes>,
}

/// What a [`ReceiptProof`] proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvenReceipt {
    /// Header of the block.
    pub header: Header,
    /// The transaction.
    pub transaction: Transaction,
    /// What became of it.
    pub receipt: Receipt,
}

impl ReceiptProof {
    /// Proves the transaction at a position of a block, which is `trusted` or below it; `None` if
    /// there is none or the block is not.
    pub fn of<V: ChainView>(view: &V, trusted: &Header, block: B256, index: u32) -> Option<Self> {
        let (body, receipts) = (view.block(block)?, view.receipts(block)?);
        let at = usize::try_from(index).ok()?;
        Some(Self {
            block: prove_block(view, trusted, &body.header)?,
            index,
            transaction: prove_transaction(&body.transactions, at)?,
            receipt: prove_receipt(&receipts, at)?,
        })
    }

    /// What is proved of the transaction with this hash.
    pub fn verify(&self, trusted: B256, transaction: B256) -> Result<ProvenReceipt, LightError> {
        let header = self.block.verify(trusted)?;
        let index = usize::try_from(self.index).map_err(|_| ProofError::BadValue)?;
        let proven = verify_transaction(header.transactions_root, index, &self.transaction)?;
        if *proven.tx_hash() != transaction {
            return Err(LightError::OtherTransaction(*proven.tx_hash()));
        }
        let receipt = verify_receipt(header.receipts_root, index, &self.receipt)?;
        Ok(ProvenReceipt { header, transaction: proven, receipt })
    }
}

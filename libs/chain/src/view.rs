//! What the machine reads: blocks, trie nodes and code, through one small trait; and a store in
//! memory for simulations and tests.

use crate::block::{Block, Receipt};
use crate::blockchain::{HeadChange, Imported};
use crate::header::Header;
use crate::mmr::Mmr;
use crate::trie::{NodePlace, NodeSource};
use alloy_primitives::{Address, B256, Bytes, U256};
use std::collections::{BTreeMap, HashMap};

/// Everything the machine reads of a stored chain. A block of any branch that was imported is
/// found by its hash; *canonical* means on the branch of the head.
///
/// [`NodeSource::node`] has to return whatever [`Imported::mountains`] held, of all branches, and
/// [`NodeSource::node_at`] the [`Imported::nodes`] of every state that it keeps. A state that it no
/// longer keeps cannot be read, and no block be built on it.
pub trait ChainView: NodeSource {
    /// Hash of the head.
    fn head(&self) -> B256;
    /// The header of an imported block.
    fn header(&self, hash: B256) -> Option<Header>;
    /// An imported block.
    fn block(&self, hash: B256) -> Option<Block>;
    /// The receipts of an imported block, one per transaction.
    fn receipts(&self, hash: B256) -> Option<Vec<Receipt>>;
    /// Sum of the difficulties from the genesis to this block.
    fn total_difficulty(&self, hash: B256) -> Option<U256>;
    /// Hash of the canonical block at a height.
    fn canonical_hash(&self, number: u64) -> Option<B256>;
    /// Contract code by its keccak-256.
    fn code(&self, hash: B256) -> Option<Bytes>;
    /// The mountains over all blocks up to and including this one.
    fn mmr(&self, hash: B256) -> Option<Mmr>;
    /// The sender of a transaction whose signature was checked before, for instance by the pool.
    /// Saves a recovery; `None` is always right.
    fn sender(&self, transaction: B256) -> Option<Address> {
        let _ = transaction;
        None
    }
}

/// What execution reads: state, code and the hashes of earlier blocks.
pub trait StateSource: NodeSource {
    /// Contract code by its keccak-256.
    fn code(&self, hash: B256) -> Option<Bytes>;
    /// Hash of the block at a height on the branch that is executed on.
    fn block_hash(&self, number: u64) -> Option<B256>;
}

impl<T: StateSource + ?Sized> StateSource for &T {
    fn code(&self, hash: B256) -> Option<Bytes> {
        (**self).code(hash)
    }

    fn block_hash(&self, number: u64) -> Option<B256> {
        (**self).block_hash(number)
    }
}

/// The chain as seen from one block: earlier hashes are those of its own ancestors.
#[derive(Debug)]
pub struct AtBlock<'a, V: ?Sized> {
    view: &'a V,
    hash: B256,
}

impl<'a, V: ?Sized> AtBlock<'a, V> {
    /// Sees the chain from the block with this hash.
    pub fn new(view: &'a V, hash: B256) -> Self {
        Self { view, hash }
    }
}

impl<V: ?Sized> Clone for AtBlock<'_, V> {
    fn clone(&self) -> Self {
        Self { view: self.view, hash: self.hash }
    }
}

impl<V: ChainView + ?Sized> NodeSource for AtBlock<'_, V> {
    fn node(&self, hash: B256) -> Option<Bytes> {
        self.view.node(hash)
    }

    fn node_at(&self, place: &NodePlace, hash: B256) -> Option<Bytes> {
        self.view.node_at(place, hash)
    }
}

impl<V: ChainView + ?Sized> StateSource for AtBlock<'_, V> {
    fn code(&self, hash: B256) -> Option<Bytes> {
        self.view.code(hash)
    }

    fn block_hash(&self, number: u64) -> Option<B256> {
        let mut at = self.hash;
        loop {
            let header = self.view.header(at)?;
            if header.number <= number {
                return (header.number == number).then_some(at);
            }
            if self.view.canonical_hash(header.number) == Some(at) {
                return self.view.canonical_hash(number);
            }
            at = header.parent_hash;
        }
    }
}

struct Stored {
    block: Block,
    receipts: Vec<Receipt>,
    total_difficulty: U256,
    mmr: Mmr,
}

/// A chain kept in memory.
#[derive(Default)]
pub struct MemoryChain {
    blocks: HashMap<B256, Stored>,
    canonical: BTreeMap<u64, B256>,
    nodes: HashMap<B256, Bytes>,
    code: HashMap<B256, Bytes>,
    head: B256,
}

impl MemoryChain {
    /// Stores what an import returned, all of it or, if it is the genesis, as the first block.
    pub fn store(&mut self, imported: Imported) {
        self.nodes.extend(imported.nodes.into_iter().map(|node| (node.hash, node.rlp)));
        self.nodes.extend(imported.mountains);
        self.code.extend(imported.code);
        let stored = Stored {
            block: imported.block,
            receipts: imported.receipts,
            total_difficulty: imported.total_difficulty,
            mmr: imported.mmr,
        };
        self.blocks.insert(imported.hash, stored);
        if let Some(change) = imported.head {
            self.move_head(change);
        }
    }

    /// Moves the head to the last of the connected blocks; all of them are stored.
    pub fn move_head(&mut self, HeadChange { disconnected, connected }: HeadChange) {
        for hash in disconnected {
            self.canonical.remove(&self.blocks[&hash].block.header.number);
        }
        for hash in connected {
            self.canonical.insert(self.blocks[&hash].block.header.number, hash);
            self.head = hash;
        }
    }
}

impl NodeSource for MemoryChain {
    fn node(&self, hash: B256) -> Option<Bytes> {
        self.nodes.get(&hash).cloned()
    }
}

impl ChainView for MemoryChain {
    fn head(&self) -> B256 {
        self.head
    }

    fn header(&self, hash: B256) -> Option<Header> {
        self.blocks.get(&hash).map(|stored| stored.block.header.clone())
    }

    fn block(&self, hash: B256) -> Option<Block> {
        self.blocks.get(&hash).map(|stored| stored.block.clone())
    }

    fn receipts(&self, hash: B256) -> Option<Vec<Receipt>> {
        self.blocks.get(&hash).map(|stored| stored.receipts.clone())
    }

    fn total_difficulty(&self, hash: B256) -> Option<U256> {
        self.blocks.get(&hash).map(|stored| stored.total_difficulty)
    }

    fn canonical_hash(&self, number: u64) -> Option<B256> {
        self.canonical.get(&number).copied()
    }

    fn code(&self, hash: B256) -> Option<Bytes> {
        self.code.get(&hash).cloned()
    }

    fn mmr(&self, hash: B256) -> Option<Mmr> {
        self.blocks.get(&hash).map(|stored| stored.mmr.clone())
    }
}

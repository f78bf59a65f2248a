//! The chain as it was at one moment, whatever is written meanwhile.

use super::StoreError;
use super::cache::NodeCache;
use super::tables::{
    BLOCKS, Bytes as Raw, CANONICAL, CODE, CONNECTED, FEED, FINALIZED, FeedEntry, FeedRow, HEAD,
    Hash, META, NODES, PUBLISHED, RECEIPTS, SENDERS, TRANSACTIONS, WORK, Work, number,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::{Decodable, Header as RlpHeader};
use chain::{Block, ChainView, Header, Mmr, NodeSource, Receipt};
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, StorageError};
use std::sync::Arc;

/// The chain as it was at one moment. Reading fails by answering `None` after logging the fault,
/// which the chain machine reports as a fault of the store.
pub struct Snapshot {
    cache: Arc<NodeCache>,
    blocks: ReadOnlyTable<Hash, Raw>,
    receipts: ReadOnlyTable<Hash, Raw>,
    senders: ReadOnlyTable<Hash, Raw>,
    work: ReadOnlyTable<Hash, Raw>,
    nodes: ReadOnlyTable<Hash, Raw>,
    code: ReadOnlyTable<Hash, Raw>,
    canonical: ReadOnlyTable<u64, Hash>,
    transactions: ReadOnlyTable<Hash, (u64, u32)>,
    feed: ReadOnlyTable<u64, FeedRow>,
    head: B256,
    finalized: u64,
    published: u64,
}

impl Snapshot {
    pub(super) fn new(
        transaction: &ReadTransaction,
        cache: Arc<NodeCache>,
    ) -> Result<Self, StoreError> {
        let meta = transaction.open_table(META)?;
        let height = |name| -> Result<u64, StoreError> {
            let value = meta.get(name)?;
            let value = value.and_then(|value| number(value.value()));
            value.ok_or_else(|| StoreError::Damaged(format!("there is no {name} height")))
        };
        let head = meta.get(HEAD)?.and_then(|hash| B256::try_from(hash.value()).ok());
        Ok(Self {
            cache,
            blocks: transaction.open_table(BLOCKS)?,
            receipts: transaction.open_table(RECEIPTS)?,
            senders: transaction.open_table(SENDERS)?,
            work: transaction.open_table(WORK)?,
            nodes: transaction.open_table(NODES)?,
            code: transaction.open_table(CODE)?,
            canonical: transaction.open_table(CANONICAL)?,
            transactions: transaction.open_table(TRANSACTIONS)?,
            feed: transaction.open_table(FEED)?,
            head: head.ok_or_else(|| StoreError::Damaged("there is no head".into()))?,
            finalized: height(FINALIZED)?,
            published: height(PUBLISHED)?,
        })
    }

    /// Height of the newest block that can no longer be undone.
    pub fn finalized(&self) -> u64 {
        self.finalized
    }

    /// Sequence of the last row of the feed that was published.
    pub fn published(&self) -> u64 {
        self.published
    }

    /// The header of the head.
    pub fn head_header(&self) -> Result<Header, StoreError> {
        self.header(self.head).ok_or_else(|| StoreError::Damaged("the head is missing".into()))
    }

    /// The header of the canonical block at a height.
    pub fn canonical_header(&self, number: u64) -> Option<Header> {
        self.header(self.canonical_hash(number)?)
    }

    /// Height and position of a canonical transaction.
    pub fn transaction_place(&self, hash: B256) -> Option<(u64, usize)> {
        let place = read(self.transactions.get(&hash.0))?;
        let (number, index) = place.value();
        Some((number, usize::try_from(index).ok()?))
    }

    /// Sender of each transaction of an imported block.
    pub fn senders(&self, hash: B256) -> Option<Vec<Address>> {
        let senders = read(self.senders.get(&hash.0))?;
        Some(senders.value().chunks_exact(20).map(Address::from_slice).collect())
    }

    /// Rows of the feed after a sequence, oldest first, at most `max`.
    pub fn feed_after(&self, sequence: u64, max: usize) -> Result<Vec<FeedEntry>, StoreError> {
        let rows = self.feed.range(sequence.saturating_add(1)..)?;
        rows.take(max)
            .map(|row| {
                let (sequence, value) = row?;
                let (kind, hash, finalized) = value.value();
                let connected = kind == CONNECTED;
                let hash = B256::from(*hash);
                Ok(FeedEntry { sequence: sequence.value(), connected, hash, finalized })
            })
            .collect()
    }

    /// Sequence of the newest row of the feed.
    pub fn feed_last(&self) -> Result<u64, StoreError> {
        Ok(self.feed.last()?.map_or(0, |(sequence, _)| sequence.value()))
    }

    /// Checks that the head can be built on: its block, work, place and state are there.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        let missing = |what: &str| StoreError::Damaged(format!("{what} of the head is missing"));
        let header = self.header(self.head).ok_or_else(|| missing("the block"))?;
        self.work_of(self.head).ok_or_else(|| missing("the work"))?;
        self.receipts(self.head).ok_or_else(|| missing("a receipt"))?;
        let root = header.state_root;
        if root != chain::trie::EMPTY_ROOT && self.node(root).is_none() {
            return Err(missing("the state"));
        }
        if self.canonical_hash(header.number) != Some(self.head) {
            return Err(missing("the place"));
        }
        if self.canonical_hash(header.number + 1).is_some() || self.finalized > header.number {
            return Err(StoreError::Damaged("something is above the head".into()));
        }
        let newest = self.feed_after(self.feed_last()?.saturating_sub(1), 1)?;
        if newest.first().map(|entry| (entry.connected, entry.hash)) != Some((true, self.head)) {
            return Err(StoreError::Damaged("the feed does not end with the head".into()));
        }
        Ok(())
    }

    fn work_of(&self, hash: B256) -> Option<Work> {
        let work = read(self.work.get(&hash.0))?;
        decoded("work", hash, alloy_rlp::decode_exact(work.value()))
    }
}

/// What was found, or `None` after logging what went wrong.
fn read<T>(found: Result<Option<T>, StorageError>) -> Option<T> {
    found.unwrap_or_else(|error| {
        tracing::error!(%error, "the store cannot be read");
        None
    })
}

fn decoded<T>(what: &str, hash: B256, value: Result<T, alloy_rlp::Error>) -> Option<T> {
    value
        .inspect_err(|error| tracing::error!(%hash, %error, "{what} in the store is malformed"))
        .ok()
}

impl NodeSource for Snapshot {
    fn node(&self, hash: B256) -> Option<Bytes> {
        self.cache.get(hash).or_else(|| {
            let node = Bytes::copy_from_slice(read(self.nodes.get(&hash.0))?.value());
            self.cache.keep([(hash, node.clone())]);
            Some(node)
        })
    }
}

impl ChainView for Snapshot {
    fn head(&self) -> B256 {
        self.head
    }

    fn header(&self, hash: B256) -> Option<Header> {
        let block = read(self.blocks.get(&hash.0))?;
        let mut rlp = block.value();
        let header = RlpHeader::decode_bytes(&mut rlp, true)
            .and_then(|mut fields| Header::decode(&mut fields));
        decoded("a header", hash, header)
    }

    fn block(&self, hash: B256) -> Option<Block> {
        let block = read(self.blocks.get(&hash.0))?;
        decoded("a block", hash, alloy_rlp::decode_exact(block.value()))
    }

    fn receipts(&self, hash: B256) -> Option<Vec<Receipt>> {
        let receipts = read(self.receipts.get(&hash.0))?;
        decoded("a receipt", hash, alloy_rlp::decode_exact(receipts.value()))
    }

    fn total_difficulty(&self, hash: B256) -> Option<U256> {
        Some(self.work_of(hash)?.total_difficulty)
    }

    fn canonical_hash(&self, number: u64) -> Option<B256> {
        Some(B256::from(*read(self.canonical.get(number))?.value()))
    }

    fn code(&self, hash: B256) -> Option<Bytes> {
        Some(Bytes::copy_from_slice(read(self.code.get(&hash.0))?.value()))
    }

    fn mmr(&self, hash: B256) -> Option<Mmr> {
        Some(self.work_of(hash)?.mmr)
    }
}

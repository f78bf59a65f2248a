//! The chain as it was at one moment, whatever is written meanwhile.

use super::Held;
use super::StoreError;
use super::appearances::APPEARANCES;
use super::cache::NodeCache;
use super::history::known_by;
use super::index::{self, Index, Place};
use super::journal::Row;
use super::tables::{
    BLOCKS, Bytes as Raw, CANONICAL, CODE, CONNECTED, FEED, FINALIZED, FeedEntry, FeedRow, HEAD,
    Hash, JOURNAL, META, MOUNTAINS, NODES, OLDEST, PUBLISHED, RECEIPTS, SENDERS, STATE, WORK, Work,
    number,
};
use super::window::{Window, damaged};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_rlp::{Decodable, Header as RlpHeader};
use chain::execute::Appearance;
use chain::{Block, ChainView, Header, Mmr, NodePlace, NodeSource, Receipt, mmr};
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Blocks below the head that have to hang together before a node starts.
const LINKS_CHECKED_MAX: usize = 1_024;

/// The chain as it was at one moment. Reading fails by answering `None` after logging the fault,
/// which the chain machine reports as a fault of the store.
pub struct Snapshot {
    cache: Arc<NodeCache>,
    /// Names all rows that the journal had at this moment.
    window: Window,
    journal: ReadOnlyTable<(u64, Hash), Raw>,
    blocks: ReadOnlyTable<Hash, Raw>,
    receipts: ReadOnlyTable<Hash, Raw>,
    senders: ReadOnlyTable<Hash, Raw>,
    work: ReadOnlyTable<Hash, Raw>,
    state: ReadOnlyTable<Raw, Raw>,
    nodes: ReadOnlyTable<Hash, Raw>,
    mountains: ReadOnlyTable<Hash, Raw>,
    code: ReadOnlyTable<Hash, Raw>,
    canonical: ReadOnlyTable<u64, Hash>,
    appearances: ReadOnlyTable<Hash, Raw>,
    pub(super) index: Index,
    feed: ReadOnlyTable<u64, FeedRow>,
    head: B256,
    finalized: u64,
    published: u64,
    oldest: u64,
}

impl Snapshot {
    pub(super) fn new(
        transaction: &ReadTransaction,
        cache: Arc<NodeCache>,
        held: Held,
    ) -> Result<Self, StoreError> {
        let meta = transaction.open_table(META)?;
        let recent = held.recent_of(index::moment(&meta)?)?;
        let height = |name| -> Result<u64, StoreError> {
            let value = meta.get(name)?;
            let value = value.and_then(|value| number(value.value()));
            value.ok_or_else(|| StoreError::Damaged(format!("there is no {name} height")))
        };
        let head = meta.get(HEAD)?.and_then(|hash| B256::try_from(hash.value()).ok());
        Ok(Self {
            cache,
            window: held.window,
            journal: transaction.open_table(JOURNAL)?,
            blocks: transaction.open_table(BLOCKS)?,
            receipts: transaction.open_table(RECEIPTS)?,
            senders: transaction.open_table(SENDERS)?,
            work: transaction.open_table(WORK)?,
            state: transaction.open_table(STATE)?,
            nodes: transaction.open_table(NODES)?,
            mountains: transaction.open_table(MOUNTAINS)?,
            code: transaction.open_table(CODE)?,
            canonical: transaction.open_table(CANONICAL)?,
            appearances: transaction.open_table(APPEARANCES)?,
            index: Index::new(transaction, recent)?,
            feed: transaction.open_table(FEED)?,
            head: head.ok_or_else(|| StoreError::Damaged("there is no head".into()))?,
            finalized: height(FINALIZED)?,
            published: height(PUBLISHED)?,
            oldest: height(OLDEST)?,
        })
    }

    /// Reads from the tables from now on what others have read.
    #[cfg(test)]
    pub(super) fn forget_cached(&mut self) {
        self.cache = Arc::default();
    }

    /// Height of the newest block that can no longer be undone.
    pub fn finalized(&self) -> u64 {
        self.finalized
    }

    /// Sequence of the last row of the feed that was published.
    pub fn published(&self) -> u64 {
        self.published
    }

    /// Height of the oldest block on the best branch whose state is kept.
    pub fn oldest(&self) -> u64 {
        self.oldest
    }

    /// Whether the state after a block can be read: it is not if the block left the best branch
    /// below the oldest state that is kept.
    pub fn has_state(&self, hash: B256) -> bool {
        let mut at = hash;
        while let Some(header) = self.header(at) {
            if header.number < self.oldest {
                return false;
            }
            if self.canonical_hash(header.number) == Some(at) {
                return true;
            }
            at = header.parent_hash;
        }
        false
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
        let (number, index) = read(self.index.transaction(hash))?;
        Some((number, usize::try_from(index).ok()?))
    }

    /// Number of canonical transactions.
    pub(crate) fn transactions_count(&self) -> Result<u64, StoreError> {
        self.index.transactions_count()
    }

    /// Where an address takes part in transactions of canonical blocks of these heights, in order.
    pub fn appearances(
        &self,
        address: Address,
        heights: RangeInclusive<u64>,
    ) -> Result<impl DoubleEndedIterator<Item = Result<Place, StoreError>>, StoreError> {
        self.index.appearances(address, heights)
    }

    /// Per transaction of an imported block, who took part.
    pub fn taking_part(&self, hash: B256) -> Option<Vec<Vec<Appearance>>> {
        match read(self.appearances.get(&hash.0)) {
            Some(rlp) => decoded("appearances", hash, alloy_rlp::decode_exact(rlp.value())),
            None => self.block(hash)?.transactions.is_empty().then(Vec::new),
        }
    }

    /// Who took part in the transactions of an imported block.
    pub fn named_in(&self, hash: B256) -> impl Iterator<Item = Address> + use<> {
        let all = self.taking_part(hash).unwrap_or_default();
        all.into_iter().flatten().map(|one| one.address)
    }

    /// Where the code of an address was created, the last time.
    pub fn creation(&self, address: Address) -> Result<Option<Place>, StoreError> {
        self.index.creation(address)
    }

    /// Where a transaction is by its sender and nonce.
    pub fn place_of_nonce(&self, sender: Address, nonce: u64) -> Result<Option<Place>, StoreError> {
        self.index.nonce(sender, nonce)
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

    /// Checks that the head can be built on: its block, work, place and state are there, what is
    /// below it hangs together, and the feed ends with it.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let missing = |what: &str| StoreError::Damaged(format!("{what} of the head is missing"));
        let header = self.header(self.head).ok_or_else(|| missing("the block"))?;
        self.mmr(self.head).ok_or_else(|| missing("the work"))?;
        self.receipts(self.head).ok_or_else(|| missing("a receipt"))?;
        self.senders(self.head).ok_or_else(|| missing("a sender"))?;
        if self.canonical_hash(header.number) != Some(self.head) {
            return Err(missing("the place"));
        }
        let above =
            self.canonical.last()?.is_some_and(|(height, _)| height.value() > header.number);
        if above || self.finalized > header.number || self.oldest > self.finalized {
            return Err(StoreError::Damaged("something is above the head".into()));
        }
        self.check_branch(&header)?;
        for height in [header.number, self.oldest] {
            let root = self.canonical_header(height).map(|header| header.state_root);
            let readable = |root| {
                let at_root = NodePlace::default();
                root == chain::trie::EMPTY_ROOT || self.node_at(&at_root, root).is_some()
            };
            if !root.is_some_and(readable) {
                return Err(StoreError::Damaged(format!("the state of block {height} is missing")));
            }
        }
        let newest = self.feed_after(self.feed_last()?.saturating_sub(1), 1)?;
        if newest.first().map(|entry| (entry.connected, entry.hash)) != Some((true, self.head)) {
            return Err(StoreError::Damaged("the feed does not end with the head".into()));
        }
        Ok(())
    }

    /// A node in the journal that is not what its hash says.
    pub(crate) fn wrong_in_journal(&self) -> Result<Option<B256>, StoreError> {
        for row in self.journal.iter()? {
            let (key, row) = row?;
            let damaged = || damaged((key.value().0, B256::from(*key.value().1)));
            let row = Row::read(row.value()).ok_or_else(damaged)?;
            let mut nodes = row.created.iter().enumerate();
            let is_wrong = |place, hash| row.node(place).is_none_or(|node| keccak256(node) != hash);
            if let Some((_, hash)) =
                nodes.find(|(place, hash)| is_wrong(*place, B256::from(**hash)))
            {
                return Ok(Some(B256::from(*hash)));
            }
        }
        Ok(None)
    }

    /// Every height has a block, and the newest ones are each other's parents.
    fn check_branch(&self, head: &Header) -> Result<(), StoreError> {
        if self.canonical.len()? != head.number + 1 {
            return Err(StoreError::Damaged("the best branch has gaps".into()));
        }
        let mut child = head.clone();
        for height in (0..head.number).rev().take(LINKS_CHECKED_MAX) {
            let parent = self.canonical_hash(height).filter(|hash| *hash == child.parent_hash);
            let header = parent.and_then(|hash| self.header(hash));
            let broken =
                || StoreError::Damaged(format!("block {height} is not its child's parent"));
            child = header.ok_or_else(broken)?;
        }
        Ok(())
    }

    fn work_of(&self, hash: B256) -> Option<Work> {
        let work = read(self.work.get(&hash.0))?;
        decoded("work", hash, Work::read(work.value()))
    }
}

/// What was found, or `None` after logging what went wrong.
fn read<T, E: std::fmt::Display>(found: Result<Option<T>, E>) -> Option<T> {
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
        self.cached(hash, || {
            let node = read(self.nodes.get(&hash.0));
            let node = node.or_else(|| read(self.mountains.get(&hash.0)))?;
            Some(Bytes::copy_from_slice(node.value()))
        })
    }

    fn node_at(&self, place: &NodePlace, hash: B256) -> Option<Bytes> {
        self.cached(hash, || {
            let stands = read(self.state.get(place.key().as_slice()));
            let node =
                stands.and_then(|value| known_by(value.value(), &hash).map(Bytes::copy_from_slice));
            node.or_else(|| read(self.window.node(&self.journal, hash)))
        })
        .or_else(|| self.node(hash))
    }
}

impl Snapshot {
    fn cached(&self, hash: B256, find: impl FnOnce() -> Option<Bytes>) -> Option<Bytes> {
        self.cache.get(hash).or_else(|| {
            let node = find()?;
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
        let mut header = self.header(hash)?;
        let count = header.number + 1;
        let (mut at, mut peaks) = (hash, Vec::new());
        for height in mmr::peak_heights(count).rev() {
            // Down the block's own branch until that is the best one.
            while header.number > height {
                if self.canonical_hash(header.number) == Some(at) {
                    at = self.canonical_hash(height)?;
                } else {
                    at = header.parent_hash;
                }
                header = self.header(at)?;
            }
            peaks.push(self.work_of(at)?.peak);
        }
        peaks.reverse();
        Mmr::of_peaks(count, peaks)
    }
}

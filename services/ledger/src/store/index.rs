//! What transactions of the best branch are found by.
//!
//! | table | key | value |
//! |---|---|---|
//! | transactions | hash | height, position |
//! | places_of_address | address, 1, height, position | nothing |
//! | | address, 0, height, position | nothing; only where the code of the address was created |
//! | places_of_nonce | sender, nonce | height, position |
//!
//! Heights, positions and nonces are big-endian, so that the places of an address stand in order.
//!
//! The tables go up to a height; the rows of the blocks above are in memory, read from the blocks
//! when a chain is opened, and get into the tables many blocks at a time and in order of their
//! keys: each alone would write a page for each, and what a short reorganisation undoes never gets
//! there. In memory are up to two times [`ENTERING_EVERY`] blocks, and those of a longer
//! reorganisation until they are in the tables: 36 bytes for a transaction, 33 for each who takes
//! part in it, 32 for its nonce.

use super::StoreError;
use super::appearances::{self, APPEARANCES};
use super::append::stored;
use super::tables::{BLOCKS, CANONICAL, ENTERED, HEAD, Hash, META, SENDERS, TRANSACTIONS, number};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256};
use chain::Block;
use chain::execute::Appearance;
use redb::{
    ReadOnlyTable, ReadTransaction, ReadableTable, ReadableTableMetadata, Table, TableDefinition,
    WriteTransaction,
};
use std::ops::RangeInclusive;
use std::sync::Arc;

type PlaceKey = &'static [u8; 33];
type NonceKey = &'static [u8; 28];

pub(super) const PLACES: TableDefinition<'_, PlaceKey, ()> =
    TableDefinition::new("places_of_address");
pub(super) const NONCES: TableDefinition<'_, NonceKey, (u64, u32)> =
    TableDefinition::new("places_of_nonce");

/// Blocks that get into the tables together.
pub(super) const ENTERING_EVERY: usize = 32;

/// Which places of an address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Creation = 0,
    Appearance = 1,
}

/// Where a transaction is: height, position.
pub type Place = (u64, u32);

fn place_key(address: Address, kind: Kind, (height, position): Place) -> [u8; 33] {
    let mut key = [0; 33];
    key[..20].copy_from_slice(address.as_slice());
    key[20] = kind as u8;
    key[21..29].copy_from_slice(&height.to_be_bytes());
    key[29..].copy_from_slice(&position.to_be_bytes());
    key
}

fn place(key: &[u8; 33]) -> Place {
    let (height, position) = key[21..].split_at(8);
    let height = u64::from_be_bytes(height.try_into().expect("it has eight bytes"));
    (height, u32::from_be_bytes(position.try_into().expect("it has four bytes")))
}

fn nonce_key(sender: Address, nonce: u64) -> [u8; 28] {
    let mut key = [0; 28];
    key[..20].copy_from_slice(sender.as_slice());
    key[20..].copy_from_slice(&nonce.to_be_bytes());
    key
}

/// The rows of a block, each kind in order of its keys.
pub(super) struct Rows {
    pub(super) height: u64,
    /// Hashes and positions.
    transactions: Box<[([u8; 32], u32)]>,
    places: Box<[[u8; 33]]>,
    /// Senders with nonces, and positions.
    nonces: Box<[([u8; 28], u32)]>,
}

fn sorted<T: Ord>(rows: impl Iterator<Item = T>) -> Box<[T]> {
    let mut rows: Vec<T> = rows.collect();
    rows.sort_unstable();
    rows.into()
}

/// What stands at a key.
fn at<const N: usize>(rows: &[([u8; N], u32)], key: &[u8; N]) -> Option<u32> {
    rows.binary_search_by_key(&key, |(key, _)| key).ok().map(|place| rows[place].1)
}

impl Rows {
    pub(super) fn new(block: &Block, senders: &[Address], taking_part: &[Vec<Appearance>]) -> Self {
        let height = block.header.number;
        let transactions = (0u32..).zip(&block.transactions);
        let places = (0u32..).zip(taking_part).flat_map(|(position, all)| {
            all.iter().flat_map(move |Appearance { address, created }| {
                let kinds = [Some(Kind::Appearance), created.then_some(Kind::Creation)];
                let kinds = kinds.into_iter().flatten();
                kinds.map(move |kind| place_key(*address, kind, (height, position)))
            })
        });
        let nonces = transactions
            .clone()
            .zip(senders)
            .map(|((position, sent), sender)| (nonce_key(*sender, sent.nonce()), position));
        Self {
            height,
            places: sorted(places),
            nonces: sorted(nonces),
            transactions: sorted(transactions.map(|(position, sent)| (sent.tx_hash().0, position))),
        }
    }

    /// Of a stored block.
    pub(super) fn stored(
        block: &Block,
        hash: B256,
        senders: &impl ReadableTable<Hash, &'static [u8]>,
        appearances: &impl ReadableTable<Hash, &'static [u8]>,
    ) -> Result<Self, StoreError> {
        let missing = || StoreError::Damaged(format!("the senders of block {hash} are missing"));
        let senders = senders.get(&hash.0)?.ok_or_else(missing)?;
        let senders: Vec<Address> =
            senders.value().chunks_exact(20).map(Address::from_slice).collect();
        let taking_part = match block.transactions.is_empty() {
            true => Vec::new(),
            false => appearances::of(appearances, hash)?,
        };
        Ok(Self::new(block, &senders, &taking_part))
    }

    fn between(&self, [first, last]: [[u8; 33]; 2]) -> impl DoubleEndedIterator<Item = Place> {
        let from = self.places.partition_point(|key| *key < first);
        let to = self.places.partition_point(|key| *key <= last).max(from);
        self.places[from..to].iter().map(place)
    }
}

fn places_between(address: Address, kind: Kind, heights: RangeInclusive<u64>) -> [[u8; 33]; 2] {
    [(*heights.start(), 0), (*heights.end(), u32::MAX)].map(|place| place_key(address, kind, place))
}

/// Rows of several blocks into the tables, or out of them.
fn change(
    transaction: &WriteTransaction,
    blocks: &[Arc<Rows>],
    add: bool,
) -> Result<(), StoreError> {
    let numbered = blocks.iter().map(|rows| (rows.height, rows));
    let transactions = numbered.clone().flat_map(|(height, rows)| {
        rows.transactions.iter().map(move |(hash, position)| (hash, (height, *position)))
    });
    let nonces = numbered.flat_map(|(height, rows)| {
        rows.nonces.iter().map(move |(key, position)| (key, (height, *position)))
    });
    let mut table = transaction.open_table(TRANSACTIONS)?;
    for (hash, place) in sorted(transactions) {
        if add {
            table.insert(hash, place)?
        } else {
            table.remove(hash)?
        };
    }
    let mut table = transaction.open_table(NONCES)?;
    for (key, place) in sorted(nonces) {
        if add {
            table.insert(key, place)?
        } else {
            table.remove(key)?
        };
    }
    let mut table = transaction.open_table(PLACES)?;
    for key in sorted(blocks.iter().flat_map(|rows| rows.places.iter())) {
        if add {
            table.insert(key, ())?
        } else {
            table.remove(key)?
        };
    }
    Ok(())
}

/// Makes the tables.
pub(super) fn create(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(TRANSACTIONS)?;
    transaction.open_table(PLACES)?;
    transaction.open_table(NONCES)?;
    Ok(())
}

/// Rows of a block below those that are in memory into the tables.
pub(super) fn enter(transaction: &WriteTransaction, rows: Rows) -> Result<(), StoreError> {
    change(transaction, &[Arc::new(rows)], true)
}

/// The rows above the tables, at one moment. It never changes: who reads keeps that of their
/// moment.
#[derive(Clone, Default)]
pub(super) struct Recent {
    /// The head of that moment.
    head: B256,
    /// The height up to which the tables go.
    entered: u64,
    /// Of each block above, in order.
    blocks: Arc<Vec<Arc<Rows>>>,
}

/// The head and the height up to which the tables go; zeros before there is a block.
pub(super) fn moment(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<(B256, u64), StoreError> {
    let head = meta.get(HEAD)?.and_then(|hash| B256::try_from(hash.value()).ok());
    let entered = meta.get(ENTERED)?.and_then(|height| number(height.value()));
    Ok((head.unwrap_or_default(), entered.unwrap_or_default()))
}

impl Recent {
    /// What the tables lack.
    pub(super) fn load(transaction: &ReadTransaction) -> Result<Self, StoreError> {
        let (head, entered) = moment(&transaction.open_table(META)?)?;
        let (blocks, senders) = (transaction.open_table(BLOCKS)?, transaction.open_table(SENDERS)?);
        let appearances = transaction.open_table(APPEARANCES)?;
        let above = transaction.open_table(CANONICAL)?;
        let above = above.range(entered + 1..)?.map(|row| {
            let hash = B256::from(*row?.1.value());
            let block = stored(&blocks, hash)?;
            Ok(Arc::new(Rows::stored(&block, hash, &senders, &appearances)?))
        });
        let blocks = above.collect::<Result<_, StoreError>>()?;
        Ok(Self { head, entered, blocks: Arc::new(blocks) })
    }

    pub(super) fn moment(&self) -> (B256, u64) {
        (self.head, self.entered)
    }

    /// The head is gone; its rows are asked for if they are in the tables.
    pub(super) fn disconnect(
        &mut self,
        transaction: &WriteTransaction,
        rows: impl FnOnce() -> Result<Rows, StoreError>,
    ) -> Result<(), StoreError> {
        if Arc::make_mut(&mut self.blocks).pop().is_none() {
            let rows = rows()?;
            self.entered = rows.height.saturating_sub(1);
            change(transaction, &[Arc::new(rows)], false)?;
        }
        Ok(())
    }

    /// There is a new head with these rows; block 0 has none.
    pub(super) fn connect(&mut self, head: B256, rows: Rows) {
        self.head = head;
        if rows.height > 0 {
            Arc::make_mut(&mut self.blocks).push(Arc::new(rows));
        }
    }

    /// Notes how far the tables go.
    pub(super) fn note(&self, meta: &mut Table<'_, &str, &[u8]>) -> Result<(), StoreError> {
        meta.insert(ENTERED, self.entered.to_be_bytes().as_slice())?;
        Ok(())
    }

    /// How many blocks are not in the tables.
    pub(super) fn count(&self) -> usize {
        self.blocks.len()
    }

    /// Writes so many of the oldest blocks into the tables; what remains.
    pub(super) fn enter(
        &self,
        transaction: &WriteTransaction,
        count: usize,
    ) -> Result<Self, StoreError> {
        let (old, young) = self.blocks.split_at(count.min(self.blocks.len()));
        change(transaction, old, true)?;
        let entered = old.last().map_or(self.entered, |rows| rows.height);
        let recent = Self { head: self.head, entered, blocks: Arc::new(young.to_vec()) };
        recent.note(&mut transaction.open_table(META)?)?;
        Ok(recent)
    }
}

/// The rows of one moment, in the tables and above.
pub(super) struct Index {
    recent: Recent,
    transactions: ReadOnlyTable<Hash, (u64, u32)>,
    places: ReadOnlyTable<PlaceKey, ()>,
    nonces: ReadOnlyTable<NonceKey, (u64, u32)>,
}

impl Index {
    pub(super) fn new(transaction: &ReadTransaction, recent: Recent) -> Result<Self, StoreError> {
        Ok(Self {
            recent,
            transactions: transaction.open_table(TRANSACTIONS)?,
            places: transaction.open_table(PLACES)?,
            nonces: transaction.open_table(NONCES)?,
        })
    }

    /// In memory, the newest block first; then in the table.
    fn find(
        &self,
        recent: impl Fn(&Rows) -> Option<u32>,
        below: impl FnOnce(&Self) -> Result<Option<Place>, StoreError>,
    ) -> Result<Option<Place>, StoreError> {
        let mut blocks = self.recent.blocks.iter().rev();
        match blocks.find_map(|rows| Some((rows.height, recent(rows)?))) {
            Some(place) => Ok(Some(place)),
            None => below(self),
        }
    }

    pub(super) fn transaction(&self, hash: B256) -> Result<Option<Place>, StoreError> {
        self.find(
            |rows| at(&rows.transactions, &hash.0),
            |index| Ok(index.transactions.get(&hash.0)?.map(|place| place.value())),
        )
    }

    pub(super) fn nonce(&self, sender: Address, nonce: u64) -> Result<Option<Place>, StoreError> {
        let key = nonce_key(sender, nonce);
        self.find(
            |rows| at(&rows.nonces, &key),
            |index| Ok(index.nonces.get(&key)?.map(|place| place.value())),
        )
    }

    pub(super) fn transactions_count(&self) -> Result<u64, StoreError> {
        let recent = self.recent.blocks.iter().map(|rows| rows.transactions.len() as u64);
        Ok(self.transactions.len()? + recent.sum::<u64>())
    }

    /// Where an address takes part, in order.
    pub(super) fn appearances(
        &self,
        address: Address,
        heights: RangeInclusive<u64>,
    ) -> Result<impl DoubleEndedIterator<Item = Result<Place, StoreError>>, StoreError> {
        let ends = places_between(address, Kind::Appearance, heights);
        let old = self.places.range::<&[u8; 33]>(&ends[0]..=&ends[1])?;
        let recent = self.recent.blocks.iter().flat_map(move |rows| rows.between(ends)).map(Ok);
        Ok(old.map(|row| Ok(place(row?.0.value()))).chain(recent))
    }

    /// Where the code of an address was created, the last time.
    pub(super) fn creation(&self, address: Address) -> Result<Option<Place>, StoreError> {
        let ends = places_between(address, Kind::Creation, 0..=u64::MAX);
        let mut blocks = self.recent.blocks.iter().rev();
        if let Some(place) = blocks.find_map(|rows| rows.between(ends).next_back()) {
            return Ok(Some(place));
        }
        let last = self.places.range::<&[u8; 33]>(&ends[0]..=&ends[1])?.next_back();
        Ok(last.transpose()?.map(|(key, _)| place(key.value())))
    }
}

#[cfg(test)]
pub(super) mod tests;

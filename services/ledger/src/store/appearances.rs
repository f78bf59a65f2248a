//! Who took part in which transaction: what searches by address read.
//!
//! | table | key | value |
//! |---|---|---|
//! | appearances | block hash | RLP: per transaction a list of (address, created) |
//! | places_of_address | address, 1, height, position | nothing |
//! | | address, 0, height, position | nothing; only where the code of the address was created |
//! | places_of_nonce | sender, nonce | height, position |
//!
//! The first is of every block, the others follow the best branch. Heights, positions and nonces
//! are big-endian, so that the places of an address stand in order.

pub(super) mod rebuild;

use super::StoreError;
use super::tables::{Hash, META, SENDERS};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256};
use chain::execute::Appearance;
use chain::{Block, Imported};
use redb::{ReadableTable, TableDefinition, WriteTransaction};

pub(super) type PlaceKey = &'static [u8; 33];
pub(super) type NonceKey = &'static [u8; 28];

pub(super) const APPEARANCES: TableDefinition<'_, Hash, &[u8]> =
    TableDefinition::new("appearances");
pub(super) const PLACES: TableDefinition<'_, PlaceKey, ()> =
    TableDefinition::new("places_of_address");
pub(super) const NONCES: TableDefinition<'_, NonceKey, (u64, u32)> =
    TableDefinition::new("places_of_nonce");

/// There if all blocks are in the index.
const INDEXED: &str = "indexed";

/// Which places of an address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Creation = 0,
    Appearance = 1,
}

/// Where a transaction is: height, position.
pub type Place = (u64, u32);

pub(super) fn place_key(address: Address, kind: Kind, (height, position): Place) -> [u8; 33] {
    let mut key = [0; 33];
    key[..20].copy_from_slice(address.as_slice());
    key[20] = kind as u8;
    key[21..29].copy_from_slice(&height.to_be_bytes());
    key[29..].copy_from_slice(&position.to_be_bytes());
    key
}

pub(super) fn place(key: &[u8; 33]) -> Place {
    let (height, position) = key[21..].split_at(8);
    let height = u64::from_be_bytes(height.try_into().expect("it has eight bytes"));
    (height, u32::from_be_bytes(position.try_into().expect("it has four bytes")))
}

pub(super) fn nonce_key(sender: Address, nonce: u64) -> [u8; 28] {
    let mut key = [0; 28];
    key[..20].copy_from_slice(sender.as_slice());
    key[20..].copy_from_slice(&nonce.to_be_bytes());
    key
}

/// Keeps who took part in the transactions of a block, whichever branch it is on.
pub(super) fn keep(transaction: &WriteTransaction, imported: &Imported) -> Result<(), StoreError> {
    if imported.block.header.number == 0 {
        begin(transaction)?;
    }
    keep_of(transaction, imported.hash, &imported.appearances)
}

fn begin(transaction: &WriteTransaction) -> Result<(), StoreError> {
    create(transaction)?;
    transaction.open_table(META)?.insert(INDEXED, [1].as_slice())?;
    Ok(())
}

fn create(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(APPEARANCES)?;
    transaction.open_table(PLACES)?;
    transaction.open_table(NONCES)?;
    Ok(())
}

fn keep_of(
    transaction: &WriteTransaction,
    hash: B256,
    appearances: &Vec<Vec<Appearance>>,
) -> Result<(), StoreError> {
    if !appearances.is_empty() {
        let rlp = alloy_rlp::encode(appearances);
        transaction.open_table(APPEARANCES)?.insert(&hash.0, rlp.as_slice())?;
    }
    Ok(())
}

/// A block joins the best branch, or leaves it.
pub(super) fn follow(
    transaction: &WriteTransaction,
    hash: B256,
    block: &Block,
    joins: bool,
) -> Result<(), StoreError> {
    if block.transactions.is_empty() {
        return Ok(());
    }
    let (mut places, mut nonces) =
        (transaction.open_table(PLACES)?, transaction.open_table(NONCES)?);
    let height = block.header.number;
    for (position, appearances) in (0u32..).zip(appearances(transaction, hash)?) {
        for Appearance { address, created } in appearances {
            let kinds = [Some(Kind::Appearance), created.then_some(Kind::Creation)];
            for kind in kinds.into_iter().flatten() {
                let key = place_key(address, kind, (height, position));
                if joins {
                    places.insert(&key, ())?
                } else {
                    places.remove(&key)?
                };
            }
        }
    }
    let senders = senders(transaction, hash)?;
    for (position, (sent, sender)) in (0u32..).zip(block.transactions.iter().zip(senders)) {
        let key = nonce_key(sender, sent.nonce());
        if joins {
            nonces.insert(&key, (height, position))?
        } else {
            nonces.remove(&key)?
        };
    }
    Ok(())
}

fn appearances(
    transaction: &WriteTransaction,
    hash: B256,
) -> Result<Vec<Vec<Appearance>>, StoreError> {
    let table = transaction.open_table(APPEARANCES)?;
    let rlp = table.get(&hash.0)?;
    let rlp = rlp.ok_or_else(|| damaged(hash, "they are missing"))?;
    alloy_rlp::decode_exact(rlp.value()).map_err(|error| damaged(hash, error))
}

fn senders(transaction: &WriteTransaction, hash: B256) -> Result<Vec<Address>, StoreError> {
    let table = transaction.open_table(SENDERS)?;
    let senders = table.get(&hash.0)?;
    let senders = senders.ok_or_else(|| damaged(hash, "the senders are missing"))?;
    Ok(senders.value().chunks_exact(20).map(Address::from_slice).collect())
}

fn damaged(hash: B256, why: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(format!("appearances of block {hash}: {why}"))
}

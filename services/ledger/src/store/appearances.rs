//! Who took part in which transaction: what searches by address are built from.
//!
//! | table | key | value |
//! |---|---|---|
//! | appearances | block hash | RLP: per transaction a list of (address, created) |

pub(super) mod rebuild;

use super::StoreError;
use super::tables::{Hash, META};
use alloy_primitives::B256;
use chain::Imported;
use chain::execute::Appearance;
use redb::{ReadableTable, TableDefinition, WriteTransaction};

pub(super) const APPEARANCES: TableDefinition<'_, Hash, &[u8]> =
    TableDefinition::new("appearances");
/// There if all blocks are in the index.
const INDEXED: &str = "indexed";

/// Keeps who took part in the transactions of a block, whichever branch it is on.
pub(super) fn keep(transaction: &WriteTransaction, imported: &Imported) -> Result<(), StoreError> {
    if imported.block.header.number == 0 {
        begin(transaction)?;
    }
    keep_of(transaction, imported.hash, &imported.appearances)
}

fn begin(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(META)?.insert(INDEXED, [1].as_slice())?;
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

/// Per transaction of a block that has some, who took part.
pub(super) fn of(
    table: &impl ReadableTable<Hash, &'static [u8]>,
    hash: B256,
) -> Result<Vec<Vec<Appearance>>, StoreError> {
    let damaged = |why: String| StoreError::Damaged(format!("appearances of block {hash}: {why}"));
    let rlp = table.get(&hash.0)?.ok_or_else(|| damaged("they are missing".into()))?;
    alloy_rlp::decode_exact(rlp.value()).map_err(|error| damaged(error.to_string()))
}

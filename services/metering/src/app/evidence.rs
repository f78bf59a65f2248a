//! A reading with the proof that it was anchored: what a challenge shows to the contract.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use anyhow::{Context, Result};
use calendar::{SlotLength, Timestamp};
use db::Db;
use merkle::Tree;
use reading::{Salt, SignedReading, slot_leaf};

use crate::app::anchor::slot_salt;
use crate::db::meters::{self, Meter};
use crate::db::{anchors, erasures, readings};

/// A reading and its place under a slot's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Evidence {
    pub(crate) signed: SignedReading,
    pub(crate) salt: Salt,
    /// Start of the slot that ends with the reading: the period of the root on chain.
    pub(crate) slot: Timestamp,
    /// From 1, as on chain.
    pub(crate) batch: u32,
    pub(crate) root: B256,
    /// Leaves of the batch, and which of them the reading is.
    pub(crate) count: u32,
    pub(crate) index: u32,
    /// Siblings from the leaf up.
    pub(crate) path: Vec<B256>,
}

/// The proof of what `meter` said at `time`; `None` where it said nothing, or nothing that is in a
/// root yet.
///
/// The leaves of the other meters are made again from what is stored, or are kept where that is
/// erased: a batch never changes once it is handed to the chain.
pub(crate) async fn evidence(
    db: &Db,
    length: SlotLength,
    meter: &Meter,
    time: Timestamp,
) -> Result<Option<Evidence>> {
    let Some(batch) = readings::slot_batch(db, meter.id, time).await? else { return Ok(None) };
    let zone = meters::timezone(db, meter.community).await?.context("a community without zone")?;
    let slot = time.plus_seconds(-length.seconds());
    let batched = readings::of_batch(db, meter.community, time, batch).await?;
    let known = anchors::salts_at(db, meter.community, zone.day_of(time)).await?;
    let erased = erasures::leaves(db, meter.community, time, batch).await?;
    let mut leaves = BTreeMap::from_iter(erased);
    let mut own = None;
    for stored in &batched {
        let day = known.get(&stored.reading().meter).context("a meter without a salt")?;
        let salt = slot_salt(*day, slot);
        let place = (stored.reading().meter, stored.reading().page);
        leaves.insert(place, slot_leaf(salt, &stored.signed));
        if stored.reading().meter == meter.id {
            own = Some((place, salt, stored.signed));
        }
    }
    let Some((place, salt, signed)) = own else { return Ok(None) };
    let index = leaves.range(..place).count();
    let count = u32::try_from(leaves.len())?;
    let tree = Tree::new(leaves.into_values().collect());
    let (path, root) = (tree.path(index), tree.root());
    let index = u32::try_from(index)?;
    Ok(Some(Evidence { signed, salt, slot, batch, root, count, index, path }))
}

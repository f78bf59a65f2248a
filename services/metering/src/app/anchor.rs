//! Merkle roots over slots and days, handed to the chain in the transaction that made them.

use std::sync::Arc;

use alloy_primitives::{B256, Keccak256};
use anyhow::{Context, Result};
use calendar::{LocalDay, SlotLength, TimeZone, Timestamp};
use client::{Sender, Transaction};
use contracts::{Deployment, READINGS_OF_DAY, READINGS_OF_SLOT};
use db::{Db, Tx};
use events::Envelope;
use events::metering::{DayAnchored, DayLeaf, INTERVALS_PER_MESSAGE_MAX};
use ids::{CommunityId, MeterId};
use merkle::Tree;
use rand::Rng;
use reading::{Salt, SignedReading, day_leaf, slot_leaf};

use crate::db::anchors::{self, Root};
use crate::db::meters::Community;
use crate::db::readings::{self, Mark};

/// Gas that one call of `ReadingAnchor.anchor` may use: three new storage words and a log.
const ANCHOR_GAS: u64 = 300_000;
/// Slot boundaries whose readings are anchored in one go.
const TIMES_MAX: i64 = 500;

/// Where roots go.
pub struct Anchor {
    /// Signs the transactions; has the role ANCHOR.
    pub sender: Sender,
    /// Where `ReadingAnchor` is.
    pub contracts: Deployment,
}

impl Anchor {
    async fn hand_over(&self, tx: &mut Tx, kind: u8, period: u64, root: &Root) -> Result<()> {
        let (community, batch) = (root.community, root.batch);
        let call = self.contracts.anchor_readings(community, kind, period, root.root, root.leaves);
        let transaction = Transaction {
            cause: format!("anchor/{kind}/{community}/{period}/{batch}"),
            to: call.to,
            data: call.data,
            gas: ANCHOR_GAS,
        };
        self.sender.enqueue(tx, &transaction).await?;
        Ok(())
    }
}

/// Anchors the readings at boundaries of closed slots that are in no slot root; returns at how
/// many boundaries there were some.
pub(crate) async fn anchor_slots(
    db: &Db,
    anchor: &Arc<Anchor>,
    community: &Community,
    length: SlotLength,
) -> Result<usize> {
    let times = readings::unanchored_times(db, community.id, community.closed_until, TIMES_MAX)
        .await
        .context("boundaries to anchor")?;
    for time in &times {
        let (anchor, community, time) = (anchor.clone(), community.clone(), *time);
        db.transact(move |tx| {
            Box::pin(async move { anchor_slot(tx, &anchor, &community, length, time).await })
        })
        .await?;
    }
    Ok(times.len())
}

/// Anchors what was read at `time`, the end of a slot.
async fn anchor_slot(
    tx: &mut Tx,
    anchor: &Anchor,
    community: &Community,
    length: SlotLength,
    time: Timestamp,
) -> Result<()> {
    let slot = time.plus_seconds(-length.seconds());
    let batch = anchors::next_slot_batch(tx, community.id, slot).await?;
    let mut leaves = Vec::new();
    for stored in readings::unanchored_at(tx, community.id, time).await? {
        let reading = stored.reading();
        let day = community.timezone.day_of(time);
        let salt = salt(tx, reading.meter, day).await?;
        leaves.push(slot_leaf(slot_salt(salt, slot), &stored.signed));
        readings::mark(tx, reading.meter, reading.page, Mark::Anchored(batch)).await?;
    }
    let (count, tree) = (leaves.len(), Tree::new(leaves));
    let root = root(community.id, batch, &tree, count)?;
    anchors::insert_slot(tx, slot, &root).await.context("keeping a slot root")?;
    anchor.hand_over(tx, READINGS_OF_SLOT, slot.unsigned(), &root).await
}

/// Anchors the days of `community` that are over and have readings in no day root; returns how
/// many there were.
pub(crate) async fn anchor_days(
    db: &Db,
    anchor: &Arc<Anchor>,
    community: &Community,
    now: Timestamp,
) -> Result<usize> {
    let mut count = 0;
    for day in anchors::dirty_days(db, community.id).await.context("days to anchor")? {
        let end = community.timezone.start_of(day.next());
        if end <= community.closed_until {
            let (anchor, community) = (anchor.clone(), community.clone());
            db.transact(move |tx| {
                Box::pin(async move { anchor_day(tx, &anchor, &community, day, now).await })
            })
            .await?;
            count += 1;
        }
    }
    Ok(count)
}

/// One meter's part in a day's root.
struct Part {
    meter: MeterId,
    salt: Salt,
    readings: Vec<SignedReading>,
    leaf: B256,
}

async fn anchor_day(
    tx: &mut Tx,
    anchor: &Anchor,
    community: &Community,
    day: LocalDay,
    now: Timestamp,
) -> Result<()> {
    let mut parts = Vec::new();
    for meter in anchors::clean(tx, community.id, day).await? {
        let Some(part) = part(tx, &community.timezone, meter, day).await? else { continue };
        let latest = anchors::latest_leaf(tx, community.id, day, meter).await?;
        if latest != Some(part.leaf) {
            parts.push(part);
        }
    }
    if parts.is_empty() {
        return Ok(());
    }
    let tree = Tree::new(parts.iter().map(|part| part.leaf).collect());
    let batch = anchors::next_day_batch(tx, community.id, day).await?;
    let root = root(community.id, batch, &tree, parts.len())?;
    let leaves: Vec<_> = parts.iter().map(|part| (part.meter, part.leaf)).collect();
    anchors::insert_day(tx, day, &root, &leaves).await.context("keeping a day root")?;
    anchor.hand_over(tx, READINGS_OF_DAY, day.number().into(), &root).await?;
    publish(tx, day, &root, &tree, &parts, now).await
}

/// What `meter` has to say of `day`; `None` when it said nothing.
async fn part(tx: &mut Tx, zone: &TimeZone, meter: MeterId, day: LocalDay) -> Result<Option<Part>> {
    let (midnight, next) = (zone.start_of(day), zone.start_of(day.next()));
    let readings = readings::within(tx, meter, midnight, next).await.context("a day's readings")?;
    if readings.is_empty() {
        return Ok(None);
    }
    let salt = salt(tx, meter, day).await?;
    let leaf =
        day_leaf(salt, meter, day, &readings).context("more readings than a day has slots")?;
    Ok(Some(Part { meter, salt, readings, leaf }))
}

async fn publish(
    tx: &mut Tx,
    day: LocalDay,
    root: &Root,
    tree: &Tree,
    parts: &[Part],
    now: Timestamp,
) -> Result<()> {
    let leaves = parts.iter().enumerate().map(|(index, part)| {
        let (first, last) = (part.readings.first(), part.readings.last());
        let page = |signed: Option<&SignedReading>| signed.map_or(0, |signed| signed.reading.page);
        Ok(DayLeaf {
            meter: part.meter,
            salt: part.salt,
            index: u32::try_from(index)?,
            path: tree.path(index),
            pages: (page(first), page(last)),
            readings: u16::try_from(part.readings.len())?,
        })
    });
    let leaves = leaves.collect::<Result<Vec<_>>>()?;
    for (number, leaves) in leaves.chunks(INTERVALS_PER_MESSAGE_MAX).enumerate() {
        let anchored = DayAnchored {
            community: root.community,
            day,
            batch: root.batch,
            root: root.root,
            count: root.leaves,
            leaves: leaves.to_vec(),
        };
        let cause = format!("{}/{}/{}/{number}", root.community, day.number(), root.batch);
        bus::append(tx, &Envelope::of(&anchored, &cause, now)).await?;
    }
    Ok(())
}

fn root(community: CommunityId, batch: u32, tree: &Tree, leaves: usize) -> Result<Root> {
    Ok(Root { community, batch, root: tree.root(), leaves: u32::try_from(leaves)? })
}

/// The salt of `meter` for `day`, made now if there is none.
async fn salt(tx: &mut Tx, meter: MeterId, day: LocalDay) -> Result<Salt> {
    let fresh = Salt::from(rand::rng().random::<[u8; 32]>());
    anchors::salt(tx, meter, day, fresh).await.context("salt of a day")
}

/// The salt of one slot, from the day's: who knows the day's knows it, and it dies with the day's.
fn slot_salt(day: Salt, slot: Timestamp) -> Salt {
    let mut hash = Keccak256::new();
    hash.update(b"SS1");
    hash.update(day);
    hash.update(slot.unsigned().to_be_bytes());
    hash.finalize()
}

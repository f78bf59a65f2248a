//! Merkle roots over slots and days, handed to the chain in the transaction that made them.

use std::collections::HashMap;
use std::sync::Arc;

use alloy_primitives::{B256, Keccak256};
use anyhow::{Context, Result};
use calendar::{LocalDay, SlotLength, Timestamp};
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
use crate::db::readings;

/// Gas that one call of `ReadingAnchor.anchor` may use: three new storage words and a log.
const ANCHOR_GAS: u64 = 300_000;
/// Slot boundaries whose readings are anchored in one go.
const TIMES_MAX: i64 = 500;
/// Meters whose readings of a day are in memory at once.
const METERS_MAX: usize = 250;

/// Where roots go.
pub struct Anchor {
    /// Signs the transactions; has the role ANCHOR.
    pub sender: Arc<Sender>,
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
    let stored = readings::anchor_at(tx, community.id, time, batch).await?;
    let meters = Vec::from_iter(stored.iter().map(|stored| stored.reading().meter));
    let salts = salts(tx, community.timezone.day_of(time), &meters).await?;
    let leaves = stored.iter().map(|stored| {
        let salt = salts.get(&stored.reading().meter).context("a meter without a salt")?;
        Ok(slot_leaf(slot_salt(*salt, slot), &stored.signed))
    });
    let leaves = leaves.collect::<Result<Vec<_>>>()?;
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
    /// The first and the last.
    pages: (u32, u32),
    readings: u16,
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
    for meters in anchors::clean(tx, community.id, day).await?.chunks(METERS_MAX) {
        parts.extend(changed(tx, community, day, meters).await?);
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

/// What those of `meters` have to say of `day` whose leaf is not the latest that was anchored, in
/// their order.
async fn changed(
    tx: &mut Tx,
    community: &Community,
    day: LocalDay,
    meters: &[MeterId],
) -> Result<Vec<Part>> {
    let zone = &community.timezone;
    let (midnight, next) = (zone.start_of(day), zone.start_of(day.next()));
    let said = readings::within(tx, meters, midnight, next).await.context("a day's readings")?;
    let meters = Vec::from_iter(meters.iter().copied().filter(|meter| said.contains_key(meter)));
    let salts = salts(tx, day, &meters).await?;
    let latest = anchors::latest_leaves(tx, community.id, day, &meters).await?;
    let mut parts = Vec::with_capacity(meters.len());
    for meter in meters {
        let Some(readings) = said.get(&meter) else { continue };
        let salt = *salts.get(&meter).context("a meter without a salt")?;
        let readings = Vec::from_iter(readings.iter().map(|stored| stored.signed));
        let leaf =
            day_leaf(salt, meter, day, &readings).context("more readings than a day has slots")?;
        if latest.get(&meter) != Some(&leaf) {
            let page = |signed: Option<&SignedReading>| signed.map_or(0, |it| it.reading.page);
            let pages = (page(readings.first()), page(readings.last()));
            let readings = u16::try_from(readings.len())?;
            parts.push(Part { meter, salt, pages, readings, leaf });
        }
    }
    Ok(parts)
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
        Ok(DayLeaf {
            meter: part.meter,
            salt: part.salt,
            index: u32::try_from(index)?,
            path: tree.path(index),
            pages: part.pages,
            readings: part.readings,
        })
    });
    let leaves = leaves.collect::<Result<Vec<_>>>()?;
    let messages = leaves.chunks(INTERVALS_PER_MESSAGE_MAX).enumerate().map(|(number, leaves)| {
        let anchored = DayAnchored {
            community: root.community,
            day,
            batch: root.batch,
            root: root.root,
            count: root.leaves,
            leaves: leaves.to_vec(),
        };
        let cause = format!("{}/{}/{}/{number}", root.community, day.number(), root.batch);
        Envelope::of(&anchored, &cause, now)
    });
    bus::append_all(tx, &Vec::from_iter(messages)).await?;
    Ok(())
}

fn root(community: CommunityId, batch: u32, tree: &Tree, leaves: usize) -> Result<Root> {
    Ok(Root { community, batch, root: tree.root(), leaves: u32::try_from(leaves)? })
}

/// The salts of `meters` for `day`; those that are not there yet are made now.
async fn salts(tx: &mut Tx, day: LocalDay, meters: &[MeterId]) -> Result<HashMap<MeterId, Salt>> {
    let mut known = anchors::salts(tx, day, meters).await.context("salts of a day")?;
    let without = meters.iter().copied().filter(|meter| !known.contains_key(meter));
    let without = Vec::from_iter(without);
    if !without.is_empty() {
        let fresh = |meter: &MeterId| (*meter, Salt::from(rand::rng().random::<[u8; 32]>()));
        let fresh = Vec::from_iter(without.iter().map(fresh));
        anchors::insert_salts(tx, day, &fresh).await.context("new salts of a day")?;
        // Another task may have been first; what is stored counts.
        known.extend(anchors::salts(tx, day, &without).await.context("salts of a day")?);
    }
    Ok(known)
}

/// The salt of one slot, from the day's: who knows the day's knows it, and it dies with the day's.
pub(crate) fn slot_salt(day: Salt, slot: Timestamp) -> Salt {
    let mut hash = Keccak256::new();
    hash.update(b"SS1");
    hash.update(day);
    hash.update(slot.unsigned().to_be_bytes());
    hash.finalize()
}

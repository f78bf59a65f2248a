//! Messages that were not believed.

use std::collections::{HashMap, HashSet};

use calendar::Timestamp;
use db::{AnyRow, Cell, Db, DbError, Row, Tx, query, with_rows};
use ids::{CommunityId, MeterId};
use reading::SignedReading;

use super::{natural, parsed};

/// The most bytes of a message that are kept.
pub(crate) const MESSAGE_BYTES_KEPT: usize = 1024;
const _: () = assert!(MESSAGE_BYTES_KEPT >= reading::PLACED_BYTES_MAX);

/// A message that was not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quarantined {
    pub(crate) place: i64,
    pub(crate) meter: MeterId,
    pub(crate) code: String,
    pub(crate) message: Vec<u8>,
    pub(crate) bytes: u64,
    pub(crate) first_at: Timestamp,
    pub(crate) last_at: Timestamp,
    pub(crate) repeats: u64,
}

/// A message to keep apart.
pub(crate) struct Suspect {
    /// Names the message and the reason.
    pub(crate) digest: String,
    pub(crate) meter: MeterId,
    pub(crate) community: Option<CommunityId>,
    pub(crate) code: &'static str,
    pub(crate) message: Vec<u8>,
    pub(crate) received_at: Timestamp,
    /// How often it came now.
    pub(crate) times: i64,
}

/// Keeps messages apart, no digest twice; returns the digests that came for the first time.
pub(crate) async fn insert(tx: &mut Tx, suspects: &[Suspect]) -> Result<HashSet<String>, DbError> {
    let row = |suspect: &Suspect| {
        let kept = &suspect.message[..suspect.message.len().min(MESSAGE_BYTES_KEPT)];
        let community = suspect.community.map(|community| community.to_string());
        vec![
            Cell::Text(suspect.digest.clone()),
            Cell::Text(suspect.meter.to_string()),
            community.map_or(Cell::NullText, Cell::Text),
            Cell::from(suspect.code),
            Cell::Bytes(kept.to_vec()),
            Cell::Int(i64::try_from(suspect.message.len()).unwrap_or(i64::MAX)),
            Cell::Int(suspect.received_at.seconds()),
            Cell::Int(suspect.received_at.seconds()),
            Cell::Int(suspect.times),
        ]
    };
    let sql = "insert into quarantine (digest, meter, community, code, message, bytes, first_at, \
               last_at, repeats) {rows} on conflict (digest) do update set \
               repeats = quarantine.repeats + excluded.repeats, last_at = excluded.last_at \
               returning digest, repeats";
    let kept = with_rows(tx, sql, 9, suspects.iter().map(row).collect()).await?;
    let times: HashMap<&str, i64> =
        suspects.iter().map(|suspect| (suspect.digest.as_str(), suspect.times)).collect();
    let mut first = HashSet::new();
    for row in &kept {
        let (digest, repeats): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        if times.get(digest.as_str()) == Some(&repeats) {
            first.insert(digest);
        }
    }
    Ok(first)
}

/// A part of what a community's operators may see, newest first: its own messages and those of
/// meters that nobody knows.
pub(crate) async fn page(
    db: &Db,
    community: CommunityId,
    before: i64,
    limit: u32,
) -> Result<Vec<Quarantined>, DbError> {
    let rows = query(
        "select place, meter, code, message, bytes, first_at, last_at, repeats from quarantine \
         where (community = $1 or community is null) and place < $2 order by place desc limit $3",
    )
    .bind(community.to_string())
    .bind(before)
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await?;
    rows.iter().map(quarantined).collect()
}

/// The last `limit` messages of `meter` that were kept apart for `code` and are kept as a whole,
/// newest first and from before place `before`, each with its place.
pub(crate) async fn of_meter(
    db: &Db,
    meter: MeterId,
    code: &str,
    before: i64,
    limit: u32,
) -> Result<Vec<(i64, Vec<u8>)>, DbError> {
    let rows = query(
        "select place, message from quarantine where meter = $1 and code = $2 and place < $3 \
         and bytes <= $4 order by place desc limit $5",
    )
    .bind(meter.to_string())
    .bind(code.to_owned())
    .bind(before)
    .bind(MESSAGE_BYTES_KEPT as i64)
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Forgets these messages: they are believed now.
pub(crate) async fn remove(tx: &mut Tx, places: &[i64]) -> Result<(), DbError> {
    let rows = places.iter().map(|place| vec![Cell::Int(*place)]).collect();
    with_rows(tx, "delete from quarantine where place in ({rows})", 1, rows).await?;
    Ok(())
}

/// How many messages of `meter` were kept apart, repeats counted.
pub(crate) async fn count(db: &Db, meter: MeterId) -> Result<u64, DbError> {
    let row =
        query("select cast(coalesce(sum(repeats), 0) as bigint) from quarantine where meter = $1")
            .bind(meter.to_string())
            .fetch_one(db.read())
            .await?;
    natural(&row, 0)
}

fn quarantined(row: &AnyRow) -> Result<Quarantined, DbError> {
    Ok(Quarantined {
        place: row.try_get(0)?,
        meter: parsed(row, 1)?,
        code: row.try_get(2)?,
        message: row.try_get(3)?,
        bytes: natural(row, 4)?,
        first_at: Timestamp::from_seconds(row.try_get(5)?),
        last_at: Timestamp::from_seconds(row.try_get(6)?),
        repeats: natural(row, 7)?,
    })
}

/// Messages that are read at once to be erased.
const ERASED_AT_ONCE: i64 = 500;

/// Erases what came of `meter` before `until`, and readings of before it that came later.
pub(crate) async fn erase(tx: &mut Tx, meter: MeterId, until: Timestamp) -> Result<(), DbError> {
    let mut after = 0_i64;
    loop {
        let rows = query(
            "select place, message, last_at from quarantine where meter = $1 and place > $2 \
             order by place limit $3",
        )
        .bind(meter.to_string())
        .bind(after)
        .bind(ERASED_AT_ONCE)
        .fetch_all(tx.conn())
        .await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.try_get(0)?;
        for row in &rows {
            let message: Vec<u8> = row.try_get(1)?;
            let said = SignedReading::decode(&message).map(|signed| signed.reading.time);
            let came = Timestamp::from_seconds(row.try_get(2)?);
            if came < until || said.is_ok_and(|time| time < until) {
                let place: i64 = row.try_get(0)?;
                let delete = query("delete from quarantine where place = $1").bind(place);
                delete.execute(tx.conn()).await?;
            }
        }
    }
}

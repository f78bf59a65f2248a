//! Messages that were not believed.

use calendar::Timestamp;
use db::{AnyRow, Db, DbError, Row, Tx, query, query_scalar};
use ids::{CommunityId, MeterId};

use super::{natural, parsed};

/// The most bytes of a message that are kept.
pub(crate) const MESSAGE_BYTES_KEPT: usize = 256;

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
pub(crate) struct Suspect<'a> {
    pub(crate) meter: MeterId,
    pub(crate) community: Option<CommunityId>,
    pub(crate) code: &'static str,
    pub(crate) message: &'a [u8],
    pub(crate) received_at: Timestamp,
}

/// Keeps a message apart; `true` when it came for the first time with this reason.
pub(crate) async fn insert(
    tx: &mut Tx,
    suspect: &Suspect<'_>,
    digest: &str,
) -> Result<bool, DbError> {
    let kept = &suspect.message[..suspect.message.len().min(MESSAGE_BYTES_KEPT)];
    let repeats: i64 = query_scalar(
        "insert into quarantine (digest, meter, community, code, message, bytes, first_at, \
         last_at) values ($1, $2, $3, $4, $5, $6, $7, $7) on conflict (digest) do update set \
         repeats = quarantine.repeats + 1, last_at = excluded.last_at returning repeats",
    )
    .bind(digest.to_owned())
    .bind(suspect.meter.to_string())
    .bind(suspect.community.map(|community| community.to_string()))
    .bind(suspect.code)
    .bind(kept.to_vec())
    .bind(i64::try_from(suspect.message.len()).unwrap_or(i64::MAX))
    .bind(suspect.received_at.seconds())
    .fetch_one(tx.conn())
    .await?;
    Ok(repeats == 1)
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

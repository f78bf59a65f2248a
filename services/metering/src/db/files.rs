//! What utilities' files say: a series of its own beside the one that meters signed.

use std::collections::BTreeMap;

use calendar::{SlotLength, Timestamp};
use db::{AnyRow, AssertSqlSafe, Cell, Db, DbError, Row, Tx, insert_rows, query};
use ids::{CommunityId, MeterId, PartyId};
use meterdata::{Direction, IntervalRecord, Position};
use units::Energy;

use super::{broken, natural, parsed};

/// How far a file was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Up to its position.
    Open,
    /// To its end.
    Done,
    /// Up to its position, after which it cannot be read.
    Refused,
}

impl State {
    const ALL: [State; 3] = [State::Open, State::Done, State::Refused];

    /// The name, as stored and shown.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Done => "done",
            State::Refused => "refused",
        }
    }
}

/// A file as it is kept; its bytes are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) place: i64,
    /// SHA-256 of its bytes, of whose they are and of how they are read.
    pub(crate) digest: String,
    pub(crate) meter: MeterId,
    pub(crate) community: CommunityId,
    /// The meter's name in it.
    pub(crate) name: String,
    pub(crate) format: String,
    pub(crate) bytes: u64,
    pub(crate) sent_by: PartyId,
    pub(crate) received_at: Timestamp,
    pub(crate) progress: Progress,
}

/// What became of a file so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) state: State,
    pub(crate) position: Position,
    /// Intervals that were kept.
    pub(crate) intervals: u64,
    /// Rows that are not taken, and those that are well understood and not wanted.
    pub(crate) rejected: u64,
    pub(crate) left_out: u64,
    /// Why it is read no further.
    pub(crate) refusal: Option<String>,
}

/// A row that is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    /// The how many-th of its file, from 1.
    pub(crate) number: u64,
    pub(crate) line: u64,
    pub(crate) column: Option<u64>,
    pub(crate) field: String,
    pub(crate) code: String,
    /// Understood and not wanted: nobody has to mend the file.
    pub(crate) left_out: bool,
    pub(crate) text: String,
}

/// What a file says of one interval, over all channels of a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) direction: Direction,
    pub(crate) start: Timestamp,
    pub(crate) length: SlotLength,
    pub(crate) energy: Energy,
    /// Whether all of it was measured, as the file says.
    pub(crate) measured: bool,
}

const COLUMNS: &str = "place, digest, meter, community, name, format, bytes, sent_by, \
                       received_at, state, position, intervals, rejected, left_out, refusal";

/// The file with the digest of `file`; `file` from now on, where there is none.
pub(crate) async fn open(tx: &mut Tx, file: &File) -> Result<File, DbError> {
    query(
        "insert into file (digest, meter, community, name, format, bytes, sent_by, received_at, \
         state, position) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing",
    )
    .bind(file.digest.clone())
    .bind(file.meter.to_string())
    .bind(file.community.to_string())
    .bind(file.name.clone())
    .bind(file.format.clone())
    .bind(i64::try_from(file.bytes).unwrap_or(i64::MAX))
    .bind(file.sent_by.to_string())
    .bind(file.received_at.seconds())
    .bind(file.progress.state.name())
    .bind(file.progress.position.to_string())
    .execute(tx.conn())
    .await?;
    let row = query(AssertSqlSafe(format!("select {COLUMNS} from file where digest = $1")))
        .bind(file.digest.clone())
        .fetch_one(tx.conn())
        .await?;
    read(&row)
}

/// Keeps a part of a file, and how far it was taken in.
pub(crate) async fn advance(
    tx: &mut Tx,
    file: &File,
    records: &[IntervalRecord],
    rejected: &[Rejected],
    progress: &Progress,
) -> Result<(), DbError> {
    insert_intervals(tx, file, records).await?;
    let rows = rejected.iter().map(|rejected| {
        vec![
            Cell::Int(file.place),
            count(rejected.number),
            count(rejected.line),
            rejected.column.map_or(Cell::NullInt, count),
            Cell::from(rejected.field.clone()),
            Cell::from(rejected.code.clone()),
            Cell::Int(rejected.left_out.into()),
            Cell::from(rejected.text.clone()),
        ]
    });
    let insert = "insert into file_rejection (file, number, line, place, field, code, left_out, \
                  said)";
    insert_rows(tx, insert, 8, rows.collect(), "on conflict do nothing").await?;
    query(
        "update file set state = $1, position = $2, intervals = $3, rejected = $4, \
         left_out = $5, refusal = $6 where place = $7",
    )
    .bind(progress.state.name())
    .bind(progress.position.to_string())
    .bind(i64::try_from(progress.intervals).unwrap_or(i64::MAX))
    .bind(i64::try_from(progress.rejected).unwrap_or(i64::MAX))
    .bind(i64::try_from(progress.left_out).unwrap_or(i64::MAX))
    .bind(progress.refusal.clone())
    .bind(file.place)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Of two values of one interval in a file the later counts.
async fn insert_intervals(
    tx: &mut Tx,
    file: &File,
    records: &[IntervalRecord],
) -> Result<(), DbError> {
    let mut latest = BTreeMap::new();
    for record in records {
        latest.insert((record.direction, record.channel.clone(), record.start), record);
    }
    let rows = latest.into_values().map(|record| {
        vec![
            Cell::Int(file.place),
            Cell::Text(file.meter.to_string()),
            Cell::from(record.direction.name()),
            Cell::from(record.channel.as_str()),
            Cell::Int(record.start.seconds()),
            Cell::Int(record.length.minutes().into()),
            // At most INTERVAL_WH_MAX, which fits.
            count(record.energy.wh()),
            Cell::from(record.quality.name()),
            record.code.as_ref().map_or(Cell::NullText, |code| Cell::from(code.as_str())),
        ]
    });
    let insert = "insert into file_interval (file, meter, direction, channel, start, minutes, \
                  energy_wh, quality, code)";
    let conflict = "on conflict (file, direction, channel, start) do update set \
                    minutes = excluded.minutes, energy_wh = excluded.energy_wh, \
                    quality = excluded.quality, code = excluded.code";
    insert_rows(tx, insert, 9, rows.collect(), conflict).await?;
    Ok(())
}

fn count(value: u64) -> Cell {
    Cell::Int(i64::try_from(value).unwrap_or(i64::MAX))
}

/// The files of `meter` before `before`, newest first.
pub(crate) async fn page(
    db: &Db,
    meter: MeterId,
    before: i64,
    limit: u32,
) -> Result<Vec<File>, DbError> {
    let rows = query(AssertSqlSafe(format!(
        "select {COLUMNS} from file where meter = $1 and place < $2 order by place desc limit $3"
    )))
    .bind(meter.to_string())
    .bind(before)
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await?;
    rows.iter().map(read).collect()
}

/// The file of `meter` with this digest.
pub(crate) async fn find(db: &Db, meter: MeterId, digest: &str) -> Result<Option<File>, DbError> {
    let row = query(AssertSqlSafe(format!(
        "select {COLUMNS} from file where meter = $1 and digest = $2"
    )))
    .bind(meter.to_string())
    .bind(digest.to_owned())
    .fetch_optional(db.read())
    .await?;
    row.as_ref().map(read).transpose()
}

/// The rows of a file that are not taken, after the `after`th.
pub(crate) async fn rejections(
    db: &Db,
    file: &File,
    after: i64,
    limit: u32,
) -> Result<Vec<Rejected>, DbError> {
    let rows = query(
        "select number, line, place, field, code, left_out, said from file_rejection \
         where file = $1 and number > $2 order by number limit $3",
    )
    .bind(file.place)
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await?;
    rows.iter()
        .map(|row| {
            let column: Option<i64> = row.try_get(2)?;
            Ok(Rejected {
                number: natural(row, 0)?,
                line: natural(row, 1)?,
                column: column.and_then(|column| u64::try_from(column).ok()),
                field: row.try_get(3)?,
                code: row.try_get(4)?,
                left_out: row.try_get::<i64, _>(5)? != 0,
                text: row.try_get(6)?,
            })
        })
        .collect()
}

/// What files say of the intervals of `meter` that start in `[from, to)`: for each interval the
/// newest file that has it, its channels added up.
pub(crate) async fn said(
    db: &Db,
    meter: MeterId,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<Said>, DbError> {
    let rows = query(
        "select i.direction, i.start, max(i.minutes), cast(sum(i.energy_wh) as bigint), \
         sum(case when i.quality = 'measured' then 0 else 1 end) \
         from file_interval i where i.meter = $1 and i.start >= $2 and i.start < $3 \
         and i.quality <> 'missing' and i.file = (select max(n.file) from file_interval n \
         where n.meter = i.meter and n.direction = i.direction and n.start = i.start) \
         group by i.direction, i.start order by i.start, i.direction",
    )
    .bind(meter.to_string())
    .bind(from.seconds())
    .bind(to.seconds())
    .fetch_all(db.read())
    .await?;
    rows.iter()
        .map(|row| {
            let direction: String = row.try_get(0)?;
            let minutes: i64 = row.try_get(2)?;
            let minutes = u16::try_from(minutes).ok();
            let length = minutes.and_then(|minutes| SlotLength::try_from(minutes).ok());
            Ok(Said {
                direction: match direction.as_str() {
                    "import" => Direction::Import,
                    "export" => Direction::Export,
                    _ => return Err(broken(direction)),
                },
                start: Timestamp::from_seconds(row.try_get(1)?),
                length: length.ok_or_else(|| broken("the length of an interval".to_owned()))?,
                energy: Energy::from_wh(natural(row, 3)?),
                measured: row.try_get::<i64, _>(4)? == 0,
            })
        })
        .collect()
}

fn read(row: &AnyRow) -> Result<File, DbError> {
    let state: String = row.try_get(9)?;
    let known = State::ALL.into_iter().find(|known| known.name() == state);
    Ok(File {
        place: row.try_get(0)?,
        digest: row.try_get(1)?,
        meter: parsed(row, 2)?,
        community: parsed(row, 3)?,
        name: row.try_get(4)?,
        format: row.try_get(5)?,
        bytes: natural(row, 6)?,
        sent_by: parsed(row, 7)?,
        received_at: Timestamp::from_seconds(row.try_get(8)?),
        progress: Progress {
            state: known.ok_or_else(|| broken(state))?,
            position: parsed(row, 10)?,
            intervals: natural(row, 11)?,
            rejected: natural(row, 12)?,
            left_out: natural(row, 13)?,
            refusal: row.try_get(14)?,
        },
    })
}

//! Accepted readings.

use std::collections::{BTreeSet, HashMap};
use std::fmt::{Display, Write as _};

use calendar::Timestamp;
use db::{AnyRow, AssertSqlSafe, Cell, Db, DbError, Kind, Row, Tx};
use db::{query, query_scalar, with_rows};
use ids::{CommunityId, MeterId};
use reading::{Reading, SignedReading, Status};
use units::Register;

use super::{broken, natural, parsed, partitions, small};

/// The columns of [`Stored`].
pub(crate) const COLUMNS: &str = "meter, page, time, import_wh, export_wh, status, firmware, \
                                  signature, received_at, published";

/// An accepted reading as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) signed: SignedReading,
    pub(crate) received_at: Timestamp,
    /// Whether an event has carried it.
    pub(crate) published: bool,
}

impl Stored {
    /// What was measured.
    pub(crate) fn reading(&self) -> &Reading {
        &self.signed.reading
    }
}

/// Rows of the statements that are prepared once: as many as possible of the first, then of the
/// next. (A text for each number of rows would have to be read anew each time.)
const ROWS_TOGETHER: [usize; 3] = [64, 8, 1];
/// The most rows of one statement on PostgreSQL: a megabyte.
const ROWS_AT_ONCE_MAX: usize = 8192;

/// Keeps accepted readings of these communities.
pub(crate) async fn insert(
    tx: &mut Tx,
    accepted: &[(SignedReading, CommunityId)],
    received_at: Timestamp,
) -> Result<(), DbError> {
    if tx.kind() == Kind::Postgres {
        let parts = accepted.iter().filter_map(|(signed, _)| partitions::of(signed.reading.time));
        partitions::make(tx, &parts.collect::<BTreeSet<_>>()).await?;
        for rows in accepted.chunks(ROWS_AT_ONCE_MAX) {
            insert_columns(tx, rows, received_at).await?;
        }
        return Ok(());
    }
    let mut rest = accepted;
    for rows in ROWS_TOGETHER {
        let sql = insertion(rows);
        let (now, later) = rest.split_at(rest.len() / rows * rows);
        for part in now.chunks(rows) {
            let mut statement = query(AssertSqlSafe(sql.as_str()));
            for (signed, community) in part {
                let reading = &signed.reading;
                statement = statement
                    .bind(reading.meter.to_string())
                    .bind(i64::from(reading.page))
                    .bind(reading.time.seconds())
                    .bind(wh(reading.import)?)
                    .bind(wh(reading.export)?)
                    .bind(i64::from(reading.status.bits()))
                    .bind(i64::from(reading.firmware))
                    .bind(signed.seal())
                    .bind(community.to_string())
                    .bind(received_at.seconds());
            }
            statement.execute(tx.conn()).await?;
        }
        rest = later;
    }
    Ok(())
}

/// The statement that inserts so many rows into SQLite. (Parameters that have a name it keeps in a
/// list, which it searches.)
fn insertion(rows: usize) -> String {
    format!(
        "insert into reading (meter, page, time, import_wh, export_wh, status, firmware, \
         signature, community, received_at) values {}",
        vec!["(?,?,?,?,?,?,?,?,?,?)"; rows].join(",")
    )
}

/// Inserts rows column by column: one statement with one text, whatever their number. (COPY is
/// not there in what speaks both databases; to PostgreSQL a column as an array costs as little.)
const INSERT_COLUMNS: &str = "insert into reading (meter, page, time, import_wh, export_wh, \
    status, firmware, community, signature, received_at) \
    select a, b, c, d, e, f, g, h, substring($11 from i for j), $12 \
    from unnest($1::text::text[], $2::text::bigint[], $3::text::bigint[], $4::text::bigint[], \
    $5::text::bigint[], $6::text::bigint[], $7::text::bigint[], $8::text::text[], \
    $9::text::int[], $10::text::int[]) as said (a, b, c, d, e, f, g, h, i, j)";

async fn insert_columns(
    tx: &mut Tx,
    rows: &[(SignedReading, CommunityId)],
    received_at: Timestamp,
) -> Result<(), DbError> {
    let mut columns = <[Column; 10]>::default();
    // One behind the other, because an array of bytes would be read digit by digit.
    let mut seals = Vec::new();
    for (signed, community) in rows {
        let reading = &signed.reading;
        let [meter, page, time, import, export, status, firmware, of, begin, length] = &mut columns;
        meter.add(reading.meter);
        page.add(reading.page);
        time.add(reading.time.seconds());
        import.add(wh(reading.import)?);
        export.add(wh(reading.export)?);
        status.add(reading.status.bits());
        firmware.add(reading.firmware);
        of.add(community);
        let seal = signed.seal();
        begin.add(seals.len() + 1);
        length.add(seal.len());
        seals.extend(seal);
    }
    let mut statement = query(INSERT_COLUMNS);
    for column in columns {
        statement = statement.bind(column.finish());
    }
    statement.bind(seals).bind(received_at.seconds()).execute(tx.conn()).await?;
    Ok(())
}

/// An array as PostgreSQL reads it from a text: of numbers and ids, which need no quotes.
#[derive(Default)]
struct Column(String);

impl Column {
    fn add(&mut self, value: impl Display) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        write!(self.0, "{value}").expect("a text takes what is written");
    }

    fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

fn wh(register: Register) -> Result<i64, DbError> {
    i64::try_from(register.wh()).map_err(|_| broken(format!("{register:?}")))
}

/// For each of `meters` that has both: the last reading at or before `start` and the first at or
/// after `end`.
pub(crate) async fn spanning(
    tx: &mut Tx,
    meters: &[MeterId],
    start: Timestamp,
    end: Timestamp,
) -> Result<HashMap<MeterId, [Stored; 2]>, DbError> {
    let sql = format!(
        "with wanted (of_meter, first, past) as ({{rows}}), \
         ends (of_meter, before, after) as (select of_meter, \
         (select max(time) from reading where meter = of_meter and time <= first), \
         (select min(time) from reading where meter = of_meter and time >= past) from wanted) \
         select {COLUMNS} from ends join reading on meter = of_meter and time in (before, after)"
    );
    let found = of_meters(tx, &sql, meters, (start, end)).await?;
    let both = |(meter, ends): (_, Vec<Stored>)| Some((meter, ends.try_into().ok()?));
    Ok(found.into_iter().filter_map(both).collect())
}

/// The readings of `meters` with a time in `[from, to]`, each meter's in page order.
pub(crate) async fn within(
    tx: &mut Tx,
    meters: &[MeterId],
    from: Timestamp,
    to: Timestamp,
) -> Result<HashMap<MeterId, Vec<Stored>>, DbError> {
    let sql = format!(
        "with wanted (of_meter, first, last) as ({{rows}}) select {COLUMNS} from wanted \
         join reading on meter = of_meter and time >= first and time <= last"
    );
    of_meters(tx, &sql, meters, (from, to)).await
}

/// What `sql` finds for rows of a meter and two times, by meter and in page order.
async fn of_meters(
    tx: &mut Tx,
    sql: &str,
    meters: &[MeterId],
    (from, to): (Timestamp, Timestamp),
) -> Result<HashMap<MeterId, Vec<Stored>>, DbError> {
    let wanted = |meter: &MeterId| {
        vec![Cell::Text(meter.to_string()), Cell::Int(from.seconds()), Cell::Int(to.seconds())]
    };
    let mut found = HashMap::<MeterId, Vec<Stored>>::new();
    for row in with_rows(tx, sql, 3, meters.iter().map(wanted).collect()).await? {
        let stored = stored(&row)?;
        found.entry(stored.reading().meter).or_default().push(stored);
    }
    for readings in found.values_mut() {
        readings.sort_unstable_by_key(|stored| stored.reading().page);
    }
    Ok(found)
}

/// The readings of a community at `time`, by meter.
pub(crate) async fn at(
    tx: &mut Tx,
    community: CommunityId,
    time: Timestamp,
) -> Result<HashMap<MeterId, Stored>, DbError> {
    let rows = query(AssertSqlSafe(format!(
        "select {COLUMNS} from reading where community = $1 and time = $2"
    )))
    .bind(community.to_string())
    .bind(time.seconds())
    .fetch_all(tx.conn())
    .await?;
    let found = rows.iter().map(|row| stored(row).map(|stored| (stored.reading().meter, stored)));
    found.collect()
}

/// Puts the readings of a community at `time` that are in no slot root yet into `batch` of their
/// slot's; returns them in order of meter ids and pages.
pub(crate) async fn anchor_at(
    tx: &mut Tx,
    community: CommunityId,
    time: Timestamp,
    batch: u32,
) -> Result<Vec<Stored>, DbError> {
    let rows = query(AssertSqlSafe(format!(
        "update reading set slot_batch = $1 where community = $2 and time = $3 \
         and slot_batch is null returning {COLUMNS}"
    )))
    .bind(i64::from(batch))
    .bind(community.to_string())
    .bind(time.seconds())
    .fetch_all(tx.conn())
    .await?;
    let mut found = rows.iter().map(stored).collect::<Result<Vec<_>, _>>()?;
    found.sort_by_key(|stored| (stored.reading().meter, stored.reading().page));
    Ok(found)
}

/// The batch of its slot that has what `meter` read at `time`; the latest page counts where there
/// are two.
pub(crate) async fn slot_batch(
    db: &Db,
    meter: MeterId,
    time: Timestamp,
) -> Result<Option<u32>, DbError> {
    let sql = "select slot_batch from reading where meter = $1 and time = $2 \
               and slot_batch is not null order by page desc limit 1";
    let row =
        query(sql).bind(meter.to_string()).bind(time.seconds()).fetch_optional(db.read()).await?;
    row.map(|row| small(&row, 0)).transpose()
}

/// The readings of a community at `time` that are in `batch` of their slot's, in order of meter
/// ids and pages.
pub(crate) async fn of_batch(
    db: &Db,
    community: CommunityId,
    time: Timestamp,
    batch: u32,
) -> Result<Vec<Stored>, DbError> {
    let rows = query(AssertSqlSafe(format!(
        "select {COLUMNS} from reading where community = $1 and time = $2 and slot_batch = $3"
    )))
    .bind(community.to_string())
    .bind(time.seconds())
    .bind(i64::from(batch))
    .fetch_all(db.read())
    .await?;
    let mut found = rows.iter().map(stored).collect::<Result<Vec<_>, _>>()?;
    found.sort_by_key(|stored| (stored.reading().meter, stored.reading().page));
    Ok(found)
}

/// Times up to `until` that have readings in no slot root, the first `limit` of them.
pub(crate) async fn unanchored_times(
    db: &Db,
    community: CommunityId,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Timestamp>, DbError> {
    let times: Vec<i64> = query_scalar(
        "select distinct time from reading where community = $1 and slot_batch is null \
         and time <= $2 order by time limit $3",
    )
    .bind(community.to_string())
    .bind(until.seconds())
    .bind(limit)
    .fetch_all(db.read())
    .await?;
    Ok(times.into_iter().map(Timestamp::from_seconds).collect())
}

/// A part of the readings of `meter` with a time in `[from, to)` and a page above `after`.
pub(crate) async fn page(
    db: &Db,
    meter: MeterId,
    (from, to): (Timestamp, Timestamp),
    after: i64,
    limit: u32,
) -> Result<Vec<Stored>, DbError> {
    let rows = query(AssertSqlSafe(format!(
        "select {COLUMNS} from reading where meter = $1 and time >= $2 and time < $3 and page > $4 \
         order by page limit $5"
    )))
    .bind(meter.to_string())
    .bind(from.seconds())
    .bind(to.seconds())
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await?;
    rows.iter().map(stored).collect()
}

/// Pages of a community that were not held against the closed slots yet, the first `limit`.
pub(crate) async fn fresh(
    db: &Db,
    community: CommunityId,
    limit: i64,
) -> Result<Vec<(MeterId, u32)>, DbError> {
    let rows = query(
        "select meter, page from reading where community = $1 and fresh = 1 \
         order by meter, page limit $2",
    )
    .bind(community.to_string())
    .bind(limit)
    .fetch_all(db.read())
    .await?;
    rows.iter().map(|row| Ok((parsed(row, 0)?, small(row, 1)?))).collect()
}

/// The readings of `pages` that are stored.
pub(crate) async fn of_pages(
    tx: &mut Tx,
    pages: &[(MeterId, u32)],
) -> Result<Vec<Reading>, DbError> {
    let sql = format!(
        "with wanted (of_meter, of_page) as ({{rows}}) select {COLUMNS} from wanted \
         join reading on meter = of_meter and page = of_page"
    );
    let row = |(meter, page): &(MeterId, u32)| {
        vec![Cell::Text(meter.to_string()), Cell::Int((*page).into())]
    };
    let rows = with_rows(tx, &sql, 2, pages.iter().map(row).collect()).await?;
    rows.iter().map(|row| stored(row).map(|stored| *stored.reading())).collect()
}

/// A mark on a reading.
pub(crate) enum Mark {
    /// It was held against the closed slots.
    Applied,
    /// An event has carried it.
    Published,
}

/// Marks the readings of `pages`.
pub(crate) async fn mark(tx: &mut Tx, pages: &[(MeterId, u32)], mark: Mark) -> Result<(), DbError> {
    let mark = match mark {
        Mark::Applied => "fresh = 0",
        Mark::Published => "published = 1",
    };
    let sql = format!(
        "with wanted (of_meter, of_page) as ({{rows}}) update reading set {mark} from wanted \
         where meter = of_meter and page = of_page"
    );
    let row = |(meter, page): &(MeterId, u32)| {
        vec![Cell::Text(meter.to_string()), Cell::Int((*page).into())]
    };
    with_rows(tx, &sql, 2, pages.iter().map(row).collect()).await?;
    Ok(())
}

/// What is known of a meter's pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pages {
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) count: u64,
    pub(crate) last_time: Timestamp,
    pub(crate) last_received_at: Timestamp,
}

/// The pages of `meter`; `None` when it never reported.
pub(crate) async fn pages(db: &Db, meter: MeterId) -> Result<Option<Pages>, DbError> {
    let row = query(
        "select min(page), max(page), count(*), max(time), max(received_at) from reading \
         where meter = $1 having count(*) > 0",
    )
    .bind(meter.to_string())
    .fetch_optional(db.read())
    .await?;
    row.map(|row| {
        Ok(Pages {
            first: small(&row, 0)?,
            last: small(&row, 1)?,
            count: natural(&row, 2)?,
            last_time: Timestamp::from_seconds(row.try_get(3)?),
            last_received_at: Timestamp::from_seconds(row.try_get(4)?),
        })
    })
    .transpose()
}

/// The reading of the highest page of `meter`; `None` when it never reported.
pub(crate) async fn last(db: &Db, meter: MeterId) -> Result<Option<Stored>, DbError> {
    let sql = format!("select {COLUMNS} from reading where meter = $1 order by page desc limit 1");
    let row = query(AssertSqlSafe(sql)).bind(meter.to_string()).fetch_optional(db.read()).await?;
    row.as_ref().map(stored).transpose()
}

/// The first `limit` holes in the pages of `meter`: the pages on both sides of each.
pub(crate) async fn gaps(db: &Db, meter: MeterId, limit: i64) -> Result<Vec<(u32, u32)>, DbError> {
    let rows = query(
        "select page, following from (select page, lead(page) over (order by page) as following \
         from reading where meter = $1) as pairs where following > page + 1 order by page limit $2",
    )
    .bind(meter.to_string())
    .bind(limit)
    .fetch_all(db.read())
    .await?;
    rows.iter().map(|row| Ok((small(row, 0)?, small(row, 1)?))).collect()
}

/// The reading of a row of [`COLUMNS`].
pub(crate) fn stored(row: &AnyRow) -> Result<Stored, DbError> {
    let reading = Reading {
        meter: parsed(row, 0)?,
        page: small(row, 1)?,
        time: Timestamp::from_seconds(row.try_get(2)?),
        import: Register::from_wh(natural(row, 3)?),
        export: Register::from_wh(natural(row, 4)?),
        status: Status::from_bits(small(row, 5)?),
        firmware: small(row, 6)?,
    };
    let seal: Vec<u8> = row.try_get(7)?;
    let signed =
        SignedReading::sealed(reading, &seal).map_err(|error| broken(error.to_string()))?;
    Ok(Stored {
        signed,
        received_at: Timestamp::from_seconds(row.try_get(8)?),
        published: row.try_get::<i64, _>(9)? != 0,
    })
}

//! Readings into PostgreSQL: judged, each once, batch by batch, against COPY of the same rows into
//! the same table, and against INSERT with many rows, which is what an object mapper's
//! `insert_many` makes. The server is as tests have it: it does not wait for its disk.

use std::time::Instant;

use anyhow::{Result, ensure};
use ids::{CommunityId, MeterId};
use reading::SignedReading;
use sqlx::{AssertSqlSafe, Connection, PgConnection, query, query_scalar};
use testkit::PostgresServer;

use super::intake::scripts;
use super::server::{COMMUNITY, open};
use crate::measure::{Pair, RUNS, count};
use crate::report::Row;

/// Meters that have said something.
const METERS: usize = 200;
/// Readings of each.
const READINGS: usize = 250;
/// Readings of a batch, as many as the service stores together.
const BATCH: usize = 4096;
/// Rows of an INSERT: a statement takes 65 535 parameters.
const INSERT_ROWS: usize = 1000;
/// What of COPY's rate is aimed at, and how many times that of INSERT.
const GOALS: (f64, f64) = (0.8, 2.0);
/// The columns that are given.
const COLUMNS: [&str; 10] = [
    "meter",
    "page",
    "time",
    "import_wh",
    "export_wh",
    "status",
    "firmware",
    "signature",
    "community",
    "received_at",
];

/// What arrives: slot by slot, each with a reading of every meter.
fn arrivals() -> Vec<(MeterId, Vec<u8>)> {
    let mut scripts = scripts(METERS, 1);
    let mut arrivals = Vec::with_capacity(METERS * READINGS);
    for _ in 0..READINGS {
        for script in &mut scripts {
            let meter = script.device().meter;
            arrivals.extend(script.next_message().map(|message| (meter, message.payload)));
        }
    }
    arrivals
}

/// Readings stored a second.
pub(crate) fn rows() -> Result<Vec<Row>> {
    let server = PostgresServer::start()?;
    let url = server.database("bench")?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let arrivals = arrivals();
        let readings = arrivals.iter().map(|(_, bytes)| SignedReading::decode(bytes));
        let readings = readings.collect::<Result<Vec<_>, _>>()?;
        let mut conn = PgConnection::connect(&url).await?;
        drop(open(url.clone(), METERS).await?);
        let mut rates: [Vec<f64>; 3] = Default::default();
        for _ in 0..RUNS {
            rates[0].push(ours(&url, &arrivals, &mut conn).await?);
            rates[1].push(copy(&readings, &mut conn).await?);
            rates[2].push(insert(&readings, &mut conn).await?);
        }
        let [ours, copied, inserted] = rates;
        let beside = |theirs: Vec<f64>| Pair { ours: ours.clone(), theirs };
        let (of_copy, of_insert) = GOALS;
        let name = "into PostgreSQL, each reading once; to COPY BINARY into the same table";
        let other = "into PostgreSQL, each reading once; to INSERT of 1 000 rows at a time";
        Ok(vec![
            Row::rate(name, "readings/s", &beside(copied)).aims_at(of_copy),
            Row::rate(other, "readings/s", &beside(inserted)).aims_at(of_insert),
        ])
    })
}

/// Stores everything, and everything again, which has to change nothing.
async fn ours(url: &str, arrivals: &[(MeterId, Vec<u8>)], conn: &mut PgConnection) -> Result<f64> {
    empty(conn).await?;
    // The meters are there; what was remembered of the readings is not.
    let metering = open(url.to_owned(), 0).await?;
    let mut seconds = 0.0;
    for again in [false, true] {
        for batch in arrivals.chunks(BATCH) {
            let checked = metering.check(batch.to_vec()).await?;
            let began = Instant::now();
            let tally = metering.keep(checked).await?;
            let took = began.elapsed().as_secs_f64();
            let (new, known) = (batch.len() as u64, batch.len() as u64);
            let expected = if again { (0, known, 0) } else { (new, 0, 0) };
            let got = (tally.accepted, tally.duplicates, tally.quarantined);
            ensure!(got == expected, "{tally:?}");
            seconds += if again { 0.0 } else { took };
        }
    }
    stored(conn, arrivals.len()).await?;
    metering.db().close().await;
    Ok(count(arrivals.len()) / seconds)
}

async fn copy(readings: &[SignedReading], conn: &mut PgConnection) -> Result<f64> {
    empty(conn).await?;
    let began = Instant::now();
    let sql = format!("copy reading ({}) from stdin (format binary)", COLUMNS.join(", "));
    let mut copying = conn.copy_in_raw(&sql).await?;
    let mut out = [&b"PGCOPY\n\xff\r\n\0"[..], &[0; 8]].concat();
    for signed in readings {
        row(signed, &mut out);
        if out.len() > 1 << 16 {
            copying.send(std::mem::take(&mut out)).await?;
        }
    }
    out.extend((-1_i16).to_be_bytes());
    copying.send(out).await?;
    copying.finish().await?;
    let seconds = began.elapsed().as_secs_f64();
    stored(conn, readings.len()).await?;
    Ok(count(readings.len()) / seconds)
}

/// A row as COPY reads it.
fn row(signed: &SignedReading, out: &mut Vec<u8>) {
    out.extend(i16::try_from(COLUMNS.len()).unwrap_or(i16::MAX).to_be_bytes());
    let mut field = |bytes: &[u8]| {
        out.extend(i32::try_from(bytes.len()).unwrap_or(i32::MAX).to_be_bytes());
        out.extend(bytes);
    };
    let reading = &signed.reading;
    field(reading.meter.to_string().as_bytes());
    for number in numbers(signed) {
        field(&number.to_be_bytes());
    }
    field(signed.signature.as_bytes());
    field(CommunityId::derived(COMMUNITY).to_string().as_bytes());
    field(&reading.time.seconds().to_be_bytes());
}

/// Page, time, registers, status, firmware.
fn numbers(signed: &SignedReading) -> [i64; 6] {
    let reading = &signed.reading;
    [
        reading.page.into(),
        reading.time.seconds(),
        i64::try_from(reading.import.wh()).unwrap_or(i64::MAX),
        i64::try_from(reading.export.wh()).unwrap_or(i64::MAX),
        reading.status.bits().into(),
        reading.firmware.into(),
    ]
}

async fn insert(readings: &[SignedReading], conn: &mut PgConnection) -> Result<f64> {
    empty(conn).await?;
    let began = Instant::now();
    let community = CommunityId::derived(COMMUNITY).to_string();
    let mut tx = conn.begin().await?;
    for rows in readings.chunks(INSERT_ROWS) {
        let row = |row: usize| {
            let of = |column: usize| format!("${}", row * COLUMNS.len() + column + 1);
            format!("({})", Vec::from_iter((0..COLUMNS.len()).map(of)).join(","))
        };
        let values = Vec::from_iter((0..rows.len()).map(row)).join(",");
        let sql = format!("insert into reading ({}) values {values}", COLUMNS.join(", "));
        let mut statement = query(AssertSqlSafe(sql));
        for signed in rows {
            statement = statement.bind(signed.reading.meter.to_string());
            for number in numbers(signed) {
                statement = statement.bind(number);
            }
            statement = statement
                .bind(signed.signature.as_bytes().to_vec())
                .bind(community.clone())
                .bind(signed.reading.time.seconds());
        }
        statement.execute(&mut *tx).await?;
    }
    tx.commit().await?;
    let seconds = began.elapsed().as_secs_f64();
    stored(conn, readings.len()).await?;
    Ok(count(readings.len()) / seconds)
}

async fn empty(conn: &mut PgConnection) -> Result<()> {
    query("truncate reading").execute(conn).await?;
    Ok(())
}

async fn stored(conn: &mut PgConnection, expected: usize) -> Result<()> {
    let rows: i64 = query_scalar("select count(*) from reading").fetch_one(conn).await?;
    ensure!(rows.unsigned_abs() == expected as u64, "{rows} rows of {expected}");
    Ok(())
}

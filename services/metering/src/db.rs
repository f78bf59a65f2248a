//! The tables of metering; SQL lives here and nowhere else.
//!
//! ```text
//! community, connection_point, meter, meter_key    what identity told
//! registry_later  calls of the registry that wait for their moment
//! rotation        keys and owners that the registry has not confirmed yet, or has missed
//! description     what staff says of a meter and its place: calibration, what generates there
//! reading         accepted readings, one per meter and page; never changed, deleted if erased
//! intake          on PostgreSQL: whose turn it was to store readings
//! quarantine      messages that were not believed, once each with a count
//! energy_interval every version of every interval; the highest version counts
//! salt            what hides a meter's readings of a day behind the roots; destroying it erases
//! slot_anchor, day_anchor, day_leaf                roots handed to the chain
//! erasure, erased_leaf                             orders to erase, and the leaves that stay
//! file, file_interval, file_rejection              what utilities' files say: nobody signed it
//! met             who met whom in a slot: who may see whose registers of it
//! check_due       days of meters that wait for the rules
//! checked, finding, estimate                       what the rules and the ladder said of a day
//! day_dirty       meters whose readings of a day are not in a day root yet
//! ```

pub(crate) mod anchors;
pub(crate) mod checks;
pub(crate) mod descriptions;
pub(crate) mod erasures;
pub(crate) mod files;
pub(crate) mod intervals;
pub(crate) mod mark;
pub(crate) mod meters;
pub(crate) mod nearby;
pub(crate) mod partitions;
pub(crate) mod quarantine;
pub(crate) mod readings;
pub(crate) mod registry;
pub(crate) mod trades;

use std::fmt::Display;
use std::str::FromStr;

use db::{AnyRow, DbError, Migration, Row, SqlError};

/// The schema's history.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: bus::SCHEMA },
    Migration { version: 2, sql: client::SCHEMA },
    Migration { version: 3, sql: include_str!("db/schema.sql") },
    Migration { version: 4, sql: client::ATTEMPTS_SCHEMA },
    Migration { version: 5, sql: MET_SCHEMA },
    Migration { version: 6, sql: include_str!("db/life.sql") },
    Migration { version: 7, sql: include_str!("db/files.sql") },
    Migration { version: 8, sql: include_str!("db/checks.sql") },
    Migration { version: 9, sql: include_str!("db/partitions.sql") },
    Migration { version: 10, sql: ROTATION_SCHEMA },
    Migration { version: 11, sql: include_str!("db/erasures.sql") },
];

/// Rotations and enrolments whose outcome is not known yet, and those that the registry missed.
const ROTATION_SCHEMA: &str = "
create table rotation (
    cause text primary key, meter text not null, expiry bigint not null, missed_at bigint
);
create index rotation_meter on rotation (meter);
";

/// Trades, as long as they can be challenged.
const MET_SCHEMA: &str = "
create table met (
    trade text primary key, community text not null, slot bigint not null, buyer text not null,
    buyer_point text not null, seller text not null, seller_point text not null
);
create index met_slot on met (slot);
";

/// Column `index` as the type it was written from.
pub(crate) fn parsed<T>(row: &AnyRow, index: usize) -> Result<T, DbError>
where
    T: FromStr,
    T::Err: Display,
{
    let text: String = row.try_get(index)?;
    text.parse().map_err(|error: T::Err| broken(format!("{text:?}: {error}")))
}

/// Column `index`, a count or an amount that is never negative.
pub(crate) fn natural(row: &AnyRow, index: usize) -> Result<u64, DbError> {
    let value: i64 = row.try_get(index)?;
    u64::try_from(value).map_err(|_| broken(format!("{value} is negative")))
}

/// Column `index`, a number below 2^32.
pub(crate) fn small(row: &AnyRow, index: usize) -> Result<u32, DbError> {
    let value: i64 = row.try_get(index)?;
    u32::try_from(value).map_err(|_| broken(format!("{value} is not below 2^32")))
}

/// Column `index`, `N` bytes.
pub(crate) fn bytes<const N: usize>(row: &AnyRow, index: usize) -> Result<[u8; N], DbError> {
    let bytes: Vec<u8> = row.try_get(index)?;
    let length = bytes.len();
    bytes.try_into().map_err(|_| broken(format!("{length} bytes instead of {N}")))
}

/// A row that this program did not write.
pub(crate) fn broken(what: String) -> DbError {
    DbError::from(SqlError::Decode(what.into()))
}

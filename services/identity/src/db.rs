//! What identity keeps: the only place with SQL.

pub(crate) mod addresses;
pub(crate) mod audit;
pub(crate) mod grid;
pub(crate) mod people;
pub(crate) mod provisioning;
pub(crate) mod signing;
pub(crate) mod tokens;

use std::fmt::Display;
use std::str::FromStr;

use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, Migration, Row};
use service::{PageQuery, Problem};

/// The schema's history.
pub(crate) const MIGRATIONS: [Migration; 8] = [
    Migration { version: 1, sql: bus::SCHEMA },
    Migration { version: 2, sql: include_str!("db/schema.sql") },
    Migration { version: 3, sql: include_str!("db/origin.sql") },
    Migration { version: 4, sql: include_str!("db/signing.sql") },
    Migration { version: 5, sql: include_str!("db/provisioning.sql") },
    Migration { version: 6, sql: "alter table meter add column rotation_expiry bigint;" },
    Migration { version: 7, sql: include_str!("db/addresses.sql") },
    Migration { version: 8, sql: include_str!("db/units.sql") },
];

/// A text column as the value it stands for.
fn parsed<T: FromStr>(row: &AnyRow, column: usize) -> Result<T>
where
    T::Err: Display,
{
    let text: String = row.try_get(column)?;
    text.parse().map_err(|error| anyhow::anyhow!("column {column} holds {text:?}: {error}"))
}

fn moment(row: &AnyRow, column: usize) -> Result<Timestamp> {
    Ok(Timestamp::from_seconds(row.try_get(column)?))
}

fn unsigned(row: &AnyRow, column: usize) -> Result<u64> {
    let value: i64 = row.try_get(column)?;
    u64::try_from(value).with_context(|| format!("column {column} holds {value}"))
}

/// A part of a table in the order of insertion: rows after `after`, at most `limit`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    after: i64,
    limit: i64,
}

impl Part {
    /// The part that `query` asks for.
    pub(crate) fn of(query: &PageQuery) -> Result<Part, Problem> {
        let cursor = query.cursor.as_deref().unwrap_or("0");
        let after = cursor.parse().map_err(|_| Problem::malformed("this is no cursor of ours"))?;
        Ok(Part { after, limit: i64::from(query.limit()) })
    }

    /// The page of `rows`, which were read in this part with one more than its limit.
    fn page<T>(self, rows: Vec<(i64, T)>) -> service::Page<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        let mut rows = rows;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|(place, _)| place.to_string());
        service::Page { items: rows.into_iter().map(|(_, item)| item).collect(), next }
    }
}

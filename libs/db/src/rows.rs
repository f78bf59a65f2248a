//! Many rows in one statement.

use sqlx::AssertSqlSafe;

use crate::{DbError, Tx, query};

/// The most parameters one statement may have (SQLite allows 32 766).
const PARAMETERS_MAX: usize = 8_000;

/// A value of one column.
#[derive(Debug, Clone)]
pub enum Cell {
    /// A whole number.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// No whole number.
    NullInt,
    /// No text.
    NullText,
    /// No bytes.
    NullBytes,
}

impl From<i64> for Cell {
    fn from(value: i64) -> Cell {
        Cell::Int(value)
    }
}

impl From<String> for Cell {
    fn from(value: String) -> Cell {
        Cell::Text(value)
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Cell {
        Cell::Text(value.to_owned())
    }
}

impl From<Vec<u8>> for Cell {
    fn from(value: Vec<u8>) -> Cell {
        Cell::Bytes(value)
    }
}

/// Inserts `rows` (each `columns` long) with as few statements as fit; returns how many were new.
///
/// `insert` is the statement up to `values`, `conflict` what follows the rows, e.g.
/// `on conflict do nothing`.
pub async fn insert_rows(
    tx: &mut Tx,
    insert: &'static str,
    columns: usize,
    rows: Vec<Vec<Cell>>,
    conflict: &'static str,
) -> Result<u64, DbError> {
    let mut inserted = 0;
    for chunk in rows.chunks((PARAMETERS_MAX / columns).max(1)) {
        let mut sql = String::from(insert);
        sql.push_str(" values ");
        for row in 0..chunk.len() {
            sql.push_str(if row == 0 { "(" } else { ",(" });
            for column in 0..columns {
                let comma = if column == 0 { "" } else { "," };
                sql.push_str(&format!("{comma}${}", row * columns + column + 1));
            }
            sql.push(')');
        }
        sql.push(' ');
        sql.push_str(conflict);
        let mut statement = query(AssertSqlSafe(sql));
        for cell in chunk.iter().flatten().cloned() {
            statement = match cell {
                Cell::Int(value) => statement.bind(value),
                Cell::Text(value) => statement.bind(value),
                Cell::Bytes(value) => statement.bind(value),
                Cell::NullInt => statement.bind(None::<i64>),
                Cell::NullText => statement.bind(None::<String>),
                Cell::NullBytes => statement.bind(None::<Vec<u8>>),
            };
        }
        inserted += statement.execute(tx.conn()).await?.rows_affected();
    }
    Ok(inserted)
}

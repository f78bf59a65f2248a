//! Many rows in one statement.

use sqlx::any::{Any, AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, query};

use crate::{DbError, Kind, Tx};

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
    for chunk in rows.chunks(rows_max(columns)) {
        let sql = format!("{insert} {} {conflict}", values(tx.kind(), columns, chunk.len()));
        let statement = bound(query(AssertSqlSafe(sql)).persistent(false), chunk);
        inserted += statement.execute(tx.conn()).await?.rows_affected();
    }
    Ok(inserted)
}

/// Runs `sql` over `rows` (each `columns` long) with as few statements as fit; returns all that
/// they return.
///
/// In `sql`, which is trusted text, `{rows}` stands for `values (...), (...)`: a table to join,
/// `with wanted (of_meter, of_page) as ({rows}) select ...`, or, of one column, the right side of
/// `in`. (SQLite finds no index for `(a, b) in (values ...)`.) It has no other parameters, and
/// since it may run in parts, what it says of one row must not depend on the others.
pub async fn with_rows(
    tx: &mut Tx,
    sql: &str,
    columns: usize,
    rows: Vec<Vec<Cell>>,
) -> Result<Vec<AnyRow>, DbError> {
    let mut found = Vec::new();
    for chunk in rows.chunks(rows_max(columns)) {
        let sql = sql.replace("{rows}", &values(tx.kind(), columns, chunk.len()));
        let statement = bound(query(AssertSqlSafe(sql)).persistent(false), chunk);
        found.extend(statement.fetch_all(tx.conn()).await?);
    }
    Ok(found)
}

/// How many rows one statement takes. (Each number of rows is a text of its own, which would push
/// the short statements out of the cache: they are not kept there.)
fn rows_max(columns: usize) -> usize {
    (PARAMETERS_MAX / columns).max(1)
}

/// `values ($1,$2),($3,$4)` for `rows` rows of `columns`.
///
/// On SQLite `values (?,?),(?,?)`: it keeps parameters that have a name in a list, and searches
/// that for each of them when it reads the text and when it binds: the square of their number.
fn values(kind: Kind, columns: usize, rows: usize) -> String {
    let mut sql = String::from("values ");
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ",(" });
        for column in 0..columns {
            sql.push_str(if column == 0 { "" } else { "," });
            match kind {
                Kind::Sqlite => sql.push('?'),
                Kind::Postgres => sql.push_str(&format!("${}", row * columns + column + 1)),
            }
        }
        sql.push(')');
    }
    sql
}

fn bound<'q>(
    mut statement: Query<'q, Any, AnyArguments>,
    rows: &[Vec<Cell>],
) -> Query<'q, Any, AnyArguments> {
    for cell in rows.iter().flatten().cloned() {
        statement = match cell {
            Cell::Int(value) => statement.bind(value),
            Cell::Text(value) => statement.bind(value),
            Cell::Bytes(value) => statement.bind(value),
            Cell::NullInt => statement.bind(None::<i64>),
            Cell::NullText => statement.bind(None::<String>),
            Cell::NullBytes => statement.bind(None::<Vec<u8>>),
        };
    }
    statement
}

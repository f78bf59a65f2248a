//! The schema's history: numbered steps, each applied once, all in one transaction.

use crate::{AssertSqlSafe, Db, DbError, Kind, query, query_scalar};

/// One step of a schema's history.
///
/// In its SQL `{bytes}` stands for the byte-string type (`blob`, `bytea`) and `{serial}` for an
/// automatic primary key in rising order. Statements end with `;`. One that begins with
/// `{postgres}` runs there only.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Rises by one from 1; never renumbered.
    pub version: i64,
    /// The statements.
    pub sql: &'static str,
}

/// Brings the schema up to the newest of `migrations`.
pub(crate) async fn migrate(db: &Db, url: &str, migrations: &[Migration]) -> Result<(), DbError> {
    let mut tx = db.begin().await?;
    query("create table if not exists schema_version (version bigint primary key)")
        .execute(tx.conn())
        .await?;
    let found: i64 = query_scalar("select coalesce(max(version), 0) from schema_version")
        .fetch_one(tx.conn())
        .await?;
    let known = migrations.iter().map(|step| step.version).max().unwrap_or(0);
    if found > known {
        let url = url.rsplit('@').next().unwrap_or(url).to_owned();
        return Err(DbError::NewerSchema { url, found, known });
    }
    for step in migrations.iter().filter(|step| step.version > found) {
        for statement in dialect(step.sql, db.kind()).split(';').map(str::trim) {
            let (only, statement) = match statement.strip_prefix("{postgres}") {
                Some(rest) => (Some(Kind::Postgres), rest),
                None => (None, statement),
            };
            if !statement.is_empty() && only.is_none_or(|kind| kind == db.kind()) {
                query(AssertSqlSafe(statement.to_owned())).execute(tx.conn()).await?;
            }
        }
        query("insert into schema_version (version) values ($1)")
            .bind(step.version)
            .execute(tx.conn())
            .await?;
    }
    tx.inner.commit().await?;
    Ok(())
}

fn dialect(sql: &str, kind: Kind) -> String {
    let (bytes, serial) = match kind {
        Kind::Sqlite => ("blob", "integer primary key autoincrement"),
        Kind::Postgres => ("bytea", "bigint generated always as identity primary key"),
    };
    sql.replace("{bytes}", bytes).replace("{serial}", serial)
}

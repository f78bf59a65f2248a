//! What staff say for a community: who said what and when, and what was said before stays.

use std::marker::PhantomData;

use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, AssertSqlSafe, Db, Row, Tx, query};
use ids::CommunityId;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Something that was said.
#[derive(Debug, Clone)]
pub(crate) struct Ruling<T> {
    pub(crate) said: T,
    pub(crate) set_by: String,
    pub(crate) at: Timestamp,
}

/// A table of such, with `number`, `community`, `said` as JSON, `set_by` and `at`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rulings<T> {
    table: &'static str,
    of: PhantomData<T>,
}

impl<T: Serialize + DeserializeOwned> Rulings<T> {
    pub(crate) const fn of(table: &'static str) -> Self {
        Self { table, of: PhantomData }
    }

    /// Keeps one; those before stay.
    pub(crate) async fn put(
        &self,
        tx: &mut Tx,
        community: CommunityId,
        ruling: &Ruling<T>,
    ) -> Result<()> {
        let sql = format!(
            "insert into {} (community, said, set_by, at) values ($1, $2, $3, $4)",
            self.table
        );
        query(AssertSqlSafe(sql))
            .bind(community.to_string())
            .bind(serde_json::to_string(&ruling.said)?)
            .bind(ruling.set_by.clone())
            .bind(ruling.at.seconds())
            .execute(tx.conn())
            .await
            .with_context(|| format!("keeping a row of {}", self.table))?;
        Ok(())
    }

    /// Those of a community, newest first.
    pub(crate) async fn list(
        &self,
        db: &Db,
        community: CommunityId,
        limit: u32,
    ) -> Result<Vec<Ruling<T>>> {
        let sql = format!(
            "select said, set_by, at from {} where community = $1 order by number desc limit $2",
            self.table
        );
        let rows = query(AssertSqlSafe(sql))
            .bind(community.to_string())
            .bind(i64::from(limit))
            .fetch_all(db.read())
            .await
            .with_context(|| format!("reading {}", self.table))?;
        let ruling = |row: &AnyRow| {
            let said: String = row.try_get(0)?;
            let said = serde_json::from_str(&said);
            Ok(Ruling {
                said: said.with_context(|| format!("a row of {}", self.table))?,
                set_by: row.try_get(1)?,
                at: Timestamp::from_seconds(row.try_get(2)?),
            })
        };
        rows.iter().map(ruling).collect()
    }

    /// What holds in a community: what was said last, if anything was.
    pub(crate) async fn newest(&self, db: &Db, community: CommunityId) -> Result<Option<T>> {
        let newest = self.list(db, community, 1).await?;
        Ok(newest.into_iter().next().map(|ruling| ruling.said))
    }
}

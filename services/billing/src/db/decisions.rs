//! What one of the staff asks for, and another decides.

use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, AssertSqlSafe, Db, Tx, query};
use ids::CommunityId;

/// A table of such requests, and what is read of it. It has `number`, `id`, `community`, `state`
/// (`open`, `approved` or `refused`), `decided_by` and `decided_at`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Requests {
    pub(crate) table: &'static str,
    pub(crate) columns: &'static str,
}

impl Requests {
    /// Decides an open request; whether it was open.
    pub(crate) async fn decide(
        &self,
        tx: &mut Tx,
        id: &str,
        (state, by): (&str, &str),
        at: Timestamp,
    ) -> Result<bool> {
        let sql = format!(
            "update {} set state = $1, decided_by = $2, decided_at = $3 \
             where id = $4 and state = 'open'",
            self.table
        );
        let decided = query(AssertSqlSafe(sql))
            .bind(state.to_owned())
            .bind(by.to_owned())
            .bind(at.seconds())
            .bind(id.to_owned())
            .execute(tx.conn())
            .await
            .with_context(|| format!("deciding in {}", self.table))?;
        Ok(decided.rows_affected() > 0)
    }

    /// A request by its id.
    pub(crate) async fn find(&self, db: &Db, id: &str) -> Result<Option<AnyRow>> {
        let sql = format!("select {} from {} where id = $1", self.columns, self.table);
        query(AssertSqlSafe(sql))
            .bind(id.to_owned())
            .fetch_optional(db.read())
            .await
            .with_context(|| format!("reading of {}", self.table))
    }

    /// The requests of a community, newest first, before a place in the list.
    pub(crate) async fn before(
        &self,
        db: &Db,
        community: CommunityId,
        (before, limit): (i64, u32),
    ) -> Result<Vec<AnyRow>> {
        let sql = format!(
            "select {} from {} where community = $1 and number < $2 order by number desc limit $3",
            self.columns, self.table
        );
        query(AssertSqlSafe(sql))
            .bind(community.to_string())
            .bind(before)
            .bind(i64::from(limit))
            .fetch_all(db.read())
            .await
            .with_context(|| format!("listing {}", self.table))
    }
}

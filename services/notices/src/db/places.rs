//! In which community accounts and meters are.

use anyhow::{Context, Result};
use db::{Cell, Tx, insert_rows, query_scalar};
use ids::{AccountId, CommunityId, MeterId};

use crate::domain::event::Place;

/// Keeps where an account is.
pub(crate) async fn put_account(tx: &mut Tx, id: AccountId, community: CommunityId) -> Result<()> {
    let row = vec![Cell::Text(id.to_string()), Cell::Text(community.to_string())];
    let insert = "insert into account (account, community)";
    insert_rows(tx, insert, 2, vec![row], "on conflict do nothing").await?;
    Ok(())
}

/// Keeps where a meter is; one that is enrolled again may be somewhere else.
pub(crate) async fn put_meter(tx: &mut Tx, id: MeterId, community: CommunityId) -> Result<()> {
    let row = vec![Cell::Text(id.to_string()), Cell::Text(community.to_string())];
    let update = "on conflict (meter) do update set community = excluded.community";
    insert_rows(tx, "insert into meter (meter, community)", 2, vec![row], update).await?;
    Ok(())
}

/// The community of a place; `None` where it is not known, so that nobody is told.
pub(crate) async fn community(tx: &mut Tx, place: Place) -> Result<Option<CommunityId>> {
    let (sql, id) = match place {
        Place::Community(community) => return Ok(Some(community)),
        Place::Account(id) => ("select community from account where account = $1", id.to_string()),
        Place::Meter(id) => ("select community from meter where meter = $1", id.to_string()),
    };
    let found: Option<String> =
        query_scalar(sql).bind(id).fetch_optional(tx.conn()).await.context("reading a place")?;
    found.map(|id| Ok(id.parse()?)).transpose()
}

//! Who issues documents, and who receives them: what people said of themselves, to be erased when
//! they say so.

use anyhow::{Context, Result};
use db::{Cell, Db, Tx, insert_rows, query, query_scalar};
use documents::Party;
use ids::{AccountId, CommunityId};

use crate::domain::bill::Issuer;

/// Who issues the documents of a community.
pub(crate) async fn issuer(db: &Db, community: CommunityId) -> Result<Option<Issuer>> {
    let text: Option<String> = query_scalar("select said from issuer where community = $1")
        .bind(community.to_string())
        .fetch_optional(db.read())
        .await?;
    text.map(|text| serde_json::from_str(&text)).transpose().context("a kept issuer")
}

/// Keeps who issues the documents of a community.
pub(crate) async fn set_issuer(tx: &mut Tx, id: CommunityId, issuer: &Issuer) -> Result<()> {
    let row = vec![Cell::Text(id.to_string()), Cell::Text(serde_json::to_string(issuer)?)];
    let update = "on conflict (community) do update set said = excluded.said";
    insert_rows(tx, "insert into issuer (community, said)", 2, vec![row], update).await?;
    Ok(())
}

/// Who receives the documents of an account, where that was said.
pub(crate) async fn customer(db: &Db, account: AccountId) -> Result<Option<Party>> {
    let text: Option<String> = query_scalar("select said from customer where account = $1")
        .bind(account.to_string())
        .fetch_optional(db.read())
        .await?;
    text.map(|text| serde_json::from_str(&text)).transpose().context("a kept customer")
}

/// Keeps who receives the documents of an account.
pub(crate) async fn set_customer(tx: &mut Tx, id: AccountId, customer: &Party) -> Result<()> {
    let row = vec![Cell::Text(id.to_string()), Cell::Text(serde_json::to_string(customer)?)];
    let update = "on conflict (account) do update set said = excluded.said";
    insert_rows(tx, "insert into customer (account, said)", 2, vec![row], update).await?;
    Ok(())
}

/// Forgets who receives the documents of an account.
pub(crate) async fn forget_customer(tx: &mut Tx, id: AccountId) -> Result<()> {
    query("delete from customer where account = $1")
        .bind(id.to_string())
        .execute(tx.conn())
        .await?;
    Ok(())
}

//! Parties and accounts.

use access::Role;
use anyhow::{Context, Result};
use db::{AnyConnection, AnyRow, Row, Tx, query, query_scalar};
use events::identity::Custody;
use ids::{AccountId, CommunityId, PartyId};
use service::Page;

use super::{Part, moment, parsed};
use crate::domain::people::{Account, Party};

/// The columns of a party with its account, as [`party`] reads them.
const PARTY: &str = "select p.place, p.id, p.name, p.email, p.roles, p.community, p.since, \
    a.id, a.pseudonym, a.address, \
    cast(case when a.wrapped_key is null then 0 else 1 end as bigint) \
    from party p left join account a on a.party = p.id";

/// What decides whether a person may come in.
pub(crate) struct Credentials {
    pub(crate) party: PartyId,
    pub(crate) password_hash: Option<String>,
}

/// An account whose key may be held here.
pub(crate) struct Holder {
    pub(crate) account: AccountId,
    pub(crate) community: CommunityId,
    pub(crate) address: keys::Address,
    pub(crate) wrapped_key: Option<Vec<u8>>,
}

/// Adds a party; `false` when the e-mail address is taken.
pub(crate) async fn insert_party(
    tx: &mut Tx,
    party: &Party,
    password_hash: Option<String>,
) -> Result<bool> {
    let roles: Vec<&str> = party.roles.iter().map(|role| role.name()).collect();
    let done = query(
        "insert into party (id, community, name, email, password_hash, roles, since) \
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (email) do nothing",
    )
    .bind(party.party.to_string())
    .bind(party.community.to_string())
    .bind(party.name.clone())
    .bind(party.email.clone())
    .bind(password_hash)
    .bind(roles.join(","))
    .bind(party.since.seconds())
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Adds the account of a party; `false` when its address or pseudonym is taken.
pub(crate) async fn insert_account(
    tx: &mut Tx,
    party: &Party,
    account: &Account,
    wrapped_key: Option<Vec<u8>>,
) -> Result<bool> {
    let done = query(
        "insert into account (id, party, community, pseudonym, address, wrapped_key) \
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
    )
    .bind(account.account.to_string())
    .bind(party.party.to_string())
    .bind(party.community.to_string())
    .bind(account.pseudonym.clone())
    .bind(account.address.to_string())
    .bind(wrapped_key)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Who logs in with `email`.
pub(crate) async fn credentials(
    conn: &mut AnyConnection,
    email: &str,
) -> Result<Option<Credentials>> {
    let row = query("select id, password_hash from party where email = $1")
        .bind(email.to_owned())
        .fetch_optional(conn)
        .await?;
    row.map(|row| Ok(Credentials { party: parsed(&row, 0)?, password_hash: row.try_get(1)? }))
        .transpose()
}

/// Whose account has `address`.
pub(crate) async fn party_of_address(
    conn: &mut AnyConnection,
    address: keys::Address,
) -> Result<Option<PartyId>> {
    let found: Option<String> = query_scalar("select party from account where address = $1")
        .bind(address.to_string())
        .fetch_optional(conn)
        .await?;
    found.map(|id| id.parse().context("party id")).transpose()
}

/// The party `id`.
pub(crate) async fn party(conn: &mut AnyConnection, id: PartyId) -> Result<Option<Party>> {
    let row = query(db::AssertSqlSafe(format!("{PARTY} where p.id = $1")))
        .bind(id.to_string())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read_party).transpose().map(|found| found.map(|(_, party)| party))
}

/// The parties of `community`, or of those only `own`.
pub(crate) async fn parties(
    conn: &mut AnyConnection,
    community: CommunityId,
    own: Option<PartyId>,
    part: Part,
) -> Result<Page<Party>> {
    let sql = format!(
        "{PARTY} where p.community = $1 and p.place > $2 and ($3 = '' or p.id = $3) \
         order by p.place limit $4"
    );
    let rows = query(db::AssertSqlSafe(sql))
        .bind(community.to_string())
        .bind(part.after)
        .bind(own.map(|own| own.to_string()).unwrap_or_default())
        .bind(part.limit + 1)
        .fetch_all(conn)
        .await?;
    Ok(part.page(rows.iter().map(read_party).collect::<Result<_>>()?))
}

/// The account `id`.
pub(crate) async fn holder(conn: &mut AnyConnection, id: AccountId) -> Result<Option<Holder>> {
    let row = query("select id, community, address, wrapped_key from account where id = $1")
        .bind(id.to_string())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read_holder).transpose()
}

/// The account whose address is `address`.
pub(crate) async fn holder_of_address(
    conn: &mut AnyConnection,
    address: keys::Address,
) -> Result<Option<Holder>> {
    let row = query("select id, community, address, wrapped_key from account where address = $1")
        .bind(address.to_string())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read_holder).transpose()
}

fn read_holder(row: &AnyRow) -> Result<Holder> {
    Ok(Holder {
        account: parsed(row, 0)?,
        community: parsed(row, 1)?,
        address: parsed(row, 2)?,
        wrapped_key: row.try_get(3)?,
    })
}

fn read_party(row: &AnyRow) -> Result<(i64, Party)> {
    let roles: String = row.try_get(4)?;
    let roles =
        roles.split(',').filter_map(|name| Role::ALL.into_iter().find(|role| role.name() == name));
    let account: Option<String> = row.try_get(7)?;
    let account = account.map(|id| {
        let held = row.try_get::<i64, _>(10)? == 1;
        anyhow::Ok(Account {
            account: id.parse().context("account id")?,
            pseudonym: row.try_get(8)?,
            address: parsed(row, 9)?,
            custody: if held { Custody::Held } else { Custody::Own },
        })
    });
    let party = Party {
        party: parsed(row, 1)?,
        name: row.try_get(2)?,
        email: row.try_get(3)?,
        roles: roles.collect(),
        community: parsed(row, 5)?,
        since: moment(row, 6)?,
        account: account.transpose()?,
    };
    Ok((row.try_get(0)?, party))
}

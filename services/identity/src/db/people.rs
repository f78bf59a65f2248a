//! Parties and accounts.

use access::Role;
use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyConnection, AnyRow, Row, Tx, query, query_scalar};
use events::identity::Custody;
use ids::{AccountId, CommunityId, PartyId};
use service::Page;

use super::addresses::{self, NewSpan};
use super::{Part, moment, parsed};
use crate::domain::people::{Account, Party};

/// The columns of a party with its account and the address that is in force at `$1`, as [`party`]
/// reads them.
const PARTY: &str = "select p.place, p.id, p.name, p.email, p.roles, p.community, p.since, \
    a.id, a.pseudonym, s.address, \
    cast(case when s.wrapped_key is null then 0 else 1 end as bigint) \
    from party p left join account a on a.party = p.id \
    left join settlement_address s on s.account = a.id and s.from_slot = \
    (select max(t.from_slot) from settlement_address t where t.account = a.id \
    and t.from_slot <= $1)";
/// The columns of an address with its account, as [`read_holder`] reads them.
const HOLDER: &str = "select a.id, a.community, s.address, s.wrapped_key, s.from_slot, \
    (select min(t.from_slot) from settlement_address t where t.account = s.account \
    and t.from_slot > s.from_slot) \
    from settlement_address s join account a on a.id = s.account";

/// What decides whether a person may come in.
pub(crate) struct Credentials {
    pub(crate) party: PartyId,
    pub(crate) password_hash: Option<String>,
}

/// An account at one of its addresses, whose key may be held here.
pub(crate) struct Holder {
    pub(crate) account: AccountId,
    pub(crate) community: CommunityId,
    pub(crate) address: keys::Address,
    pub(crate) wrapped_key: Option<Vec<u8>>,
    /// Start of the first slot that settles at the address.
    pub(crate) from: Timestamp,
    /// Start of the first that does not any more.
    pub(crate) until: Option<Timestamp>,
}

impl Holder {
    /// Whether slots that start at `moment` settle at the address.
    pub(crate) fn is_valid_at(&self, moment: Timestamp) -> bool {
        self.from <= moment && self.until.is_none_or(|until| moment < until)
    }
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
        "insert into account (id, party, community, pseudonym, address) \
         values ($1, $2, $3, $4, $5) on conflict do nothing",
    )
    .bind(account.account.to_string())
    .bind(party.party.to_string())
    .bind(party.community.to_string())
    .bind(account.pseudonym.clone())
    .bind(account.address.to_string())
    .execute(tx.conn())
    .await?;
    if done.rows_affected() != 1 {
        return Ok(false);
    }
    let from = Timestamp::from_seconds(0);
    let (account, address) = (account.account, account.address);
    addresses::assign(tx, &NewSpan { account, address, from, wrapped_key }).await
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

/// Whose account has `address`, or will have it; nobody's is one that is over at `now`.
pub(crate) async fn party_of_address(
    conn: &mut AnyConnection,
    address: keys::Address,
    now: Timestamp,
) -> Result<Option<PartyId>> {
    let found: Option<String> = query_scalar(
        "select a.party from settlement_address s join account a on a.id = s.account \
         where s.address = $1 and not exists (select 1 from settlement_address t \
         where t.account = s.account and t.from_slot > s.from_slot and t.from_slot <= $2)",
    )
    .bind(address.to_string())
    .bind(now.seconds())
    .fetch_optional(conn)
    .await?;
    found.map(|id| id.parse().context("party id")).transpose()
}

/// The party `id`, with its account's address at `now`.
pub(crate) async fn party(
    conn: &mut AnyConnection,
    id: PartyId,
    now: Timestamp,
) -> Result<Option<Party>> {
    let row = query(db::AssertSqlSafe(format!("{PARTY} where p.id = $2")))
        .bind(now.seconds())
        .bind(id.to_string())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read_party).transpose().map(|found| found.map(|(_, party)| party))
}

/// The parties of `community`, or of those only `own`.
pub(crate) async fn parties(
    conn: &mut AnyConnection,
    (community, own): (CommunityId, Option<PartyId>),
    now: Timestamp,
    part: Part,
) -> Result<Page<Party>> {
    let sql = format!(
        "{PARTY} where p.community = $2 and p.place > $3 and ($4 = '' or p.id = $4) \
         order by p.place limit $5"
    );
    let rows = query(db::AssertSqlSafe(sql))
        .bind(now.seconds())
        .bind(community.to_string())
        .bind(part.after)
        .bind(own.map(|own| own.to_string()).unwrap_or_default())
        .bind(part.limit + 1)
        .fetch_all(conn)
        .await?;
    Ok(part.page(rows.iter().map(read_party).collect::<Result<_>>()?))
}

/// The account `id` at the address that is in force at `moment`.
pub(crate) async fn holder(
    conn: &mut AnyConnection,
    id: AccountId,
    moment: Timestamp,
) -> Result<Option<Holder>> {
    let sql = format!(
        "{HOLDER} where s.account = $1 and s.from_slot <= $2 order by s.from_slot desc limit 1"
    );
    let row = query(db::AssertSqlSafe(sql))
        .bind(id.to_string())
        .bind(moment.seconds())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read_holder).transpose()
}

/// The account that has, had or will have `address`.
pub(crate) async fn holder_of_address(
    conn: &mut AnyConnection,
    address: keys::Address,
) -> Result<Option<Holder>> {
    let row = query(db::AssertSqlSafe(format!("{HOLDER} where s.address = $1")))
        .bind(address.to_string())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read_holder).transpose()
}

fn read_holder(row: &AnyRow) -> Result<Holder> {
    let until: Option<i64> = row.try_get(5)?;
    Ok(Holder {
        account: parsed(row, 0)?,
        community: parsed(row, 1)?,
        address: parsed(row, 2)?,
        wrapped_key: row.try_get(3)?,
        from: moment(row, 4)?,
        until: until.map(Timestamp::from_seconds),
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

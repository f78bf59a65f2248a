//! What currencies are exchanged at, and what was offered to whom. Rates are never changed: a later
//! one follows.

use alloy_primitives::B256;
use anyhow::{Context, Result};
use calendar::Timestamp;
use contracts::AccountRequest;
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query};
use ids::{AccountId, CommunityId, PartyId, RequestId};
use units::Money;

use super::addresses::put_first;
use super::members::Account;
use crate::currencies::CurrencyId;
use crate::domain::exchange::Rate;

/// From which currency into which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) from: CurrencyId,
    pub(crate) to: CurrencyId,
}

/// A rate that somebody set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SetRate {
    pub(crate) number: i64,
    pub(crate) pair: Pair,
    pub(crate) rate: Rate,
    pub(crate) set_by: PartyId,
    pub(crate) at: Timestamp,
}

/// What was offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) id: B256,
    /// The request that orders it.
    pub(crate) request: RequestId,
    pub(crate) community: CommunityId,
    pub(crate) account: AccountId,
    /// The number of its rate.
    pub(crate) rate: i64,
    pub(crate) pair: Pair,
    pub(crate) given: Money,
    pub(crate) taken: Money,
    /// An exchange, with the dealer's signature.
    pub(crate) terms: AccountRequest,
    /// The last second of it.
    pub(crate) expiry: Timestamp,
    pub(crate) at: Timestamp,
}

const RATE: &str =
    "select number, source, target, rate, spread_bps, amount_max, set_by, at from exchange_rate";
/// An offer whose both transfers are in a block.
const MADE: &str =
    "exists (select 1 from fact where fact.kind = 'exchanged' and fact.key = exchange_quote.id)";

/// Keeps a rate, and the account of the dealer where it is the community's first.
pub(crate) async fn put_rate(
    tx: &mut Tx,
    dealer: &Account,
    pair: Pair,
    rate: &Rate,
    (set_by, at): (PartyId, Timestamp),
) -> Result<()> {
    let row = vec![
        Cell::Text(dealer.account.to_string()),
        Cell::Text(dealer.community.to_string()),
        Cell::Text(dealer.pseudonym.clone()),
        Cell::Text(super::address(dealer.address)),
        Cell::from("held"),
    ];
    let insert = "insert into account (account, community, pseudonym, address, custody)";
    insert_rows(tx, insert, 5, vec![row], "on conflict do nothing").await?;
    put_first(tx, dealer.account, (dealer.address, dealer.custody)).await?;
    let row = vec![
        Cell::Text(dealer.community.to_string()),
        Cell::Int(pair.from.column()),
        Cell::Int(pair.to.column()),
        Cell::Int(super::int(rate.rate)?),
        Cell::Int(i64::from(rate.spread_bps)),
        Cell::Int(rate.limit.n()),
        Cell::Text(set_by.to_string()),
        Cell::Int(at.seconds()),
    ];
    let insert = "insert into exchange_rate (community, source, target, rate, spread_bps, \
                  amount_max, set_by, at)";
    insert_rows(tx, insert, 8, vec![row], "").await.context("keeping a rate")?;
    Ok(())
}

/// The newest rate of each pair of a community.
pub(crate) async fn rates(db: &Db, community: CommunityId) -> Result<Vec<SetRate>> {
    let sql = format!(
        "{RATE} where number in (select max(number) from exchange_rate where community = $1 \
         group by source, target) order by source, target"
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(community.to_string())
        .fetch_all(db.read())
        .await
        .context("reading rates")?;
    rows.iter().map(parse_rate).collect()
}

/// The rates of a pair, newest first, before a number.
pub(crate) async fn history(
    db: &Db,
    community: CommunityId,
    pair: Pair,
    before: i64,
    limit: u32,
) -> Result<Vec<SetRate>> {
    let sql = format!(
        "{RATE} where community = $1 and source = $2 and target = $3 and number < $4 \
         order by number desc limit $5"
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(community.to_string())
        .bind(pair.from.column())
        .bind(pair.to.column())
        .bind(before)
        .bind(i64::from(limit))
        .fetch_all(db.read())
        .await
        .context("reading the history of a rate")?;
    rows.iter().map(parse_rate).collect()
}

/// What the dealer may still have to give in a currency: offers that were not made and are not
/// over for sure, which those are whose expiry is before `over`.
pub(crate) async fn bound(
    db: &Db,
    (community, target): (CommunityId, CurrencyId),
    over: Timestamp,
) -> Result<Money> {
    let condition = format!("community = $1 and target = $2 and expiry >= $3 and not {MADE}");
    let row = query(AssertSqlSafe(sum("taken", &condition)))
        .bind(community.to_string())
        .bind(target.column())
        .bind(over.seconds())
        .fetch_one(db.read())
        .await
        .context("adding up offers")?;
    Ok(Money::from_n(row.try_get(1)?))
}

/// What was given at a rate, or may still be.
pub(crate) async fn given_at(db: &Db, rate: i64, over: Timestamp) -> Result<Money> {
    let condition = format!("rate = $1 and (expiry >= $2 or {MADE})");
    let row = query(AssertSqlSafe(sum("taken", &condition)))
        .bind(rate)
        .bind(over.seconds())
        .fetch_one(db.read())
        .await
        .context("adding up what a rate gave")?;
    Ok(Money::from_n(row.try_get(1)?))
}

/// How many offers of an account stand that it has neither ordered nor made.
pub(crate) async fn standing(db: &Db, account: AccountId, now: Timestamp) -> Result<i64> {
    let condition = format!(
        "account = $1 and expiry >= $2 and not {MADE} and not exists \
         (select 1 from account_request where account_request.id = exchange_quote.request)"
    );
    let row = query(AssertSqlSafe(sum("taken", &condition)))
        .bind(account.to_string())
        .bind(now.seconds())
        .fetch_one(db.read())
        .await
        .context("counting offers")?;
    Ok(row.try_get(0)?)
}

fn sum(column: &str, condition: &str) -> String {
    format!(
        "select count(*), cast(coalesce(sum({column}), 0) as bigint) from exchange_quote \
         where {condition}"
    )
}

/// Keeps an offer; those of its account that were over at `forget` and came to nothing go.
pub(crate) async fn put_offer(tx: &mut Tx, offer: &Offer, forget: Timestamp) -> Result<()> {
    let delete = format!(
        "delete from exchange_quote where account = $1 and expiry < $2 and not {MADE} \
         and not exists \
         (select 1 from account_request where account_request.id = exchange_quote.request)"
    );
    query(AssertSqlSafe(delete))
        .bind(offer.account.to_string())
        .bind(forget.seconds())
        .execute(tx.conn())
        .await
        .context("forgetting offers")?;
    let row = vec![
        Cell::Text(super::hash(offer.id)),
        Cell::Text(offer.request.to_string()),
        Cell::Text(offer.community.to_string()),
        Cell::Text(offer.account.to_string()),
        Cell::Int(offer.rate),
        Cell::Int(offer.pair.from.column()),
        Cell::Int(offer.pair.to.column()),
        Cell::Int(offer.given.n()),
        Cell::Int(offer.taken.n()),
        Cell::Text(serde_json::to_string(&offer.terms)?),
        Cell::Int(offer.expiry.seconds()),
        Cell::Int(offer.at.seconds()),
    ];
    let insert = "insert into exchange_quote (id, request, community, account, rate, source, \
                  target, given, taken, terms, expiry, at)";
    insert_rows(tx, insert, 12, vec![row], "").await.context("keeping an offer")?;
    Ok(())
}

/// The offer of this id to an account.
pub(crate) async fn offer(db: &Db, account: AccountId, id: B256) -> Result<Option<Offer>> {
    let select = "select id, request, community, account, rate, source, target, given, taken, \
                  terms, expiry, at from exchange_quote where id = $1 and account = $2";
    let row = query(select)
        .bind(super::hash(id))
        .bind(account.to_string())
        .fetch_optional(db.read())
        .await
        .context("reading an offer")?;
    row.as_ref().map(parse_offer).transpose()
}

fn parse_rate(row: &AnyRow) -> Result<SetRate> {
    let set_by: String = row.try_get(6)?;
    Ok(SetRate {
        number: row.try_get(0)?,
        pair: parse_pair(row, 1)?,
        rate: Rate {
            rate: row.try_get::<i64, _>(3)?.unsigned_abs(),
            spread_bps: u16::try_from(row.try_get::<i64, _>(4)?)?,
            limit: Money::from_n(row.try_get(5)?),
        },
        set_by: set_by.parse()?,
        at: Timestamp::from_seconds(row.try_get(7)?),
    })
}

fn parse_offer(row: &AnyRow) -> Result<Offer> {
    let text = |place: usize| row.try_get::<String, _>(place);
    Ok(Offer {
        id: text(0)?.parse()?,
        request: text(1)?.parse()?,
        community: text(2)?.parse()?,
        account: text(3)?.parse()?,
        rate: row.try_get(4)?,
        pair: parse_pair(row, 5)?,
        given: Money::from_n(row.try_get(7)?),
        taken: Money::from_n(row.try_get(8)?),
        terms: serde_json::from_str(&text(9)?).context("the terms of an offer")?,
        expiry: Timestamp::from_seconds(row.try_get(10)?),
        at: Timestamp::from_seconds(row.try_get(11)?),
    })
}

fn parse_pair(row: &AnyRow, place: usize) -> Result<Pair> {
    Ok(Pair {
        from: CurrencyId::of_column(row.try_get(place)?)?,
        to: CurrencyId::of_column(row.try_get(place + 1)?)?,
    })
}

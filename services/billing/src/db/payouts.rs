//! Payouts. A row is never removed; what the chain says of it is looked up among the facts.

use std::collections::HashMap;

use alloy_primitives::{Address, B256};
use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use ids::{AccountId, CommunityId, PayoutId};
use iso20022::Iban;
use keys::SignatureBytes;
use units::Money;

use crate::currencies::CurrencyId;
use crate::domain::payout::{PayoutState, Sent};

/// A payout as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Payout {
    pub(crate) id: PayoutId,
    pub(crate) currency: CurrencyId,
    pub(crate) community: CommunityId,
    pub(crate) account: AccountId,
    pub(crate) address: Address,
    pub(crate) amount: Money,
    pub(crate) creditor: String,
    /// The bank account; none where it goes back into the wallet.
    pub(crate) iban: Option<Iban>,
    pub(crate) salt: B256,
    /// The last second in which it can be withdrawn, epoch seconds.
    pub(crate) expiry: u64,
    pub(crate) destination: B256,
    /// The account's signature for the market; empty where the tokens are outside of it.
    pub(crate) withdrawal: SignatureBytes,
    /// The account's signature for the token.
    pub(crate) redemption: SignatureBytes,
    /// The height of the head when it was asked for.
    pub(crate) since: u64,
    pub(crate) state: PayoutState,
    /// Why it failed or came back.
    pub(crate) reason: String,
    /// When it can be withdrawn, epoch seconds; zero where that is not known.
    pub(crate) available: u64,
    /// Whether blocks can still change it.
    pub(crate) watched: bool,
    /// How often the bank is or was asked to pay it, this time included.
    pub(crate) attempt: u32,
    /// The file with which the bank was asked last.
    pub(crate) file: String,
    pub(crate) at: Timestamp,
}

const COLUMNS: &str = "id, community, account, address, amount, creditor, iban, salt, \
    destination, redemption, since, state, reason, available, watched, attempt, file, at, \
    withdrawal, expiry, book";

/// Keeps a payout under its account's key, unless there is one of the key.
pub(crate) async fn put(tx: &mut Tx, key: &str, payout: &Payout) -> Result<()> {
    let row = vec![
        Cell::Text(payout.id.to_string()),
        Cell::Text(payout.community.to_string()),
        Cell::Text(payout.account.to_string()),
        Cell::Text(super::address(payout.address)),
        Cell::Int(payout.amount.n()),
        Cell::Text(payout.creditor.clone()),
        Cell::Text(payout.iban.as_ref().map(Iban::to_string).unwrap_or_default()),
        Cell::Text(super::hash(payout.salt)),
        Cell::Text(super::hash(payout.destination)),
        Cell::Text(payout.redemption.to_string()),
        Cell::Int(super::int(payout.since)?),
        Cell::from(payout.state.name()),
        Cell::Text(payout.reason.clone()),
        Cell::Int(super::int(payout.available)?),
        Cell::Int(i64::from(payout.watched)),
        Cell::Int(i64::from(payout.attempt)),
        Cell::Text(payout.file.clone()),
        Cell::Int(payout.at.seconds()),
        Cell::from(key),
        Cell::Int(-1),
        Cell::Text(payout.withdrawal.to_string()),
        Cell::Int(super::int(payout.expiry)?),
        Cell::Int(payout.currency.column()),
    ];
    let insert = "insert into payout (id, community, account, address, amount, creditor, iban, \
                  salt, destination, redemption, since, state, reason, available, \
                  watched, attempt, file, at, key, entry, withdrawal, expiry, book)";
    insert_rows(tx, insert, 23, vec![row], "").await.context("keeping a payout")?;
    Ok(())
}

/// The payout that an account asked for under this key.
pub(crate) async fn of_key(tx: &mut Tx, account: AccountId, key: &str) -> Result<Option<Payout>> {
    let row = query(AssertSqlSafe(select("account = $1 and key = $2")))
        .bind(account.to_string())
        .bind(key.to_owned())
        .fetch_optional(tx.conn())
        .await?;
    row.as_ref().map(parse).transpose()
}

/// The payout with this destination.
pub(crate) async fn of_destination(tx: &mut Tx, destination: B256) -> Result<Option<Payout>> {
    let row = query(AssertSqlSafe(select("destination = $1")))
        .bind(super::hash(destination))
        .fetch_optional(tx.conn())
        .await?;
    row.as_ref().map(parse).transpose()
}

/// How many payouts of an account are not over, and how much of its cash of a currency the market
/// contract will be or was asked for and has not paid.
pub(crate) async fn open(
    tx: &mut Tx,
    account: AccountId,
    currency: CurrencyId,
) -> Result<(i64, Money)> {
    let row = query(
        "select count(*), \
         cast(coalesce(sum(case when state in ('requested', 'withdrawing') and book = $2 \
         then amount else 0 end), 0) as bigint) \
         from payout where account = $1 and state not in ('paid', 'failed', 'expired', 'credited')",
    )
    .bind(account.to_string())
    .bind(currency.column())
    .fetch_one(tx.conn())
    .await
    .context("counting payouts")?;
    Ok((row.try_get(0)?, Money::from_n(row.try_get(1)?)))
}

/// Accounts with payouts that blocks can still change, in order, after one of them.
pub(crate) async fn watched_accounts(db: &Db, after: &str, limit: i64) -> Result<Vec<String>> {
    let sql = "select distinct account from payout where watched = 1 and account > $1 \
               order by account limit $2";
    query_scalar(sql)
        .bind(after.to_owned())
        .bind(limit)
        .fetch_all(db.read())
        .await
        .context("reading accounts with payouts")
}

/// The payouts of an account that blocks can still change, oldest first.
pub(crate) async fn watched(db: &Db, account: &str) -> Result<Vec<Payout>> {
    let rows = query(AssertSqlSafe(select("watched = 1 and account = $1 order by number")))
        .bind(account.to_owned())
        .fetch_all(db.read())
        .await
        .context("reading payouts")?;
    rows.iter().map(parse).collect()
}

/// What the transaction follows from that takes a payout out of trading. The tables say so too.
pub(crate) fn request_cause(payout: PayoutId) -> String {
    format!("payout/{payout}/request")
}

/// The transactions with which payouts of an account were requested, each attempt of them.
pub(crate) async fn requests(db: &Db, account: &str) -> Result<Vec<B256>> {
    let select = "select chain_attempt.hash from payout join chain_attempt \
                  on chain_attempt.cause = 'payout/' || payout.id || '/request' \
                  where payout.account = $1";
    hashes(db, select, account).await
}

/// The transactions with which a payout was requested: each attempt has one.
pub(crate) async fn requests_of(db: &Db, payout: PayoutId) -> Result<Vec<B256>> {
    let select = "select hash from chain_attempt where cause = $1";
    hashes(db, select, &request_cause(payout)).await
}

async fn hashes(db: &Db, select: &'static str, of: &str) -> Result<Vec<B256>> {
    let found: Vec<String> = query_scalar(select)
        .bind(of.to_owned())
        .fetch_all(db.read())
        .await
        .context("reading requests")?;
    found.iter().map(|hash| hash.parse().context("a transaction's hash")).collect()
}

/// How the transaction that follows from `cause` stands; `None` where there is none.
pub(crate) async fn sent(db: &Db, cause: &str) -> Result<Option<Sent>> {
    let row = query("select status, block from chain_tx where cause = $1")
        .bind(cause.to_owned())
        .fetch_optional(db.read())
        .await
        .context("reading a transaction")?;
    let Some(row) = row else { return Ok(None) };
    let (status, block): (i64, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    // 2: reverted; 12: reverted in a block that is final (`client::SCHEMA`).
    Ok(Some(match (status, block) {
        (12, Some(block)) => Sent::Refused(block.unsigned_abs()),
        (2 | 12, _) => Sent::Reverted,
        _ => Sent::UnderWay,
    }))
}

/// Notes where a payout is by the chain.
pub(crate) async fn note(tx: &mut Tx, payout: &Payout) -> Result<()> {
    query("update payout set state = $1, reason = $2, available = $3, watched = $4 where id = $5")
        .bind(payout.state.name())
        .bind(payout.reason.clone())
        .bind(super::int(payout.available)?)
        .bind(i64::from(payout.watched))
        .bind(payout.id.to_string())
        .execute(tx.conn())
        .await
        .context("noting a payout")?;
    Ok(())
}

/// Moves a payout on after the chain, from `from` to `to`; `false` where it is not in `from`.
pub(crate) async fn move_on(
    tx: &mut Tx,
    id: PayoutId,
    (from, to): (PayoutState, PayoutState),
    reason: &str,
) -> Result<bool> {
    let sql = "update payout set state = $1, reason = $2 \
               where id = $3 and state = $4 and watched = 0";
    let done = query(sql)
        .bind(to.name())
        .bind(reason.to_owned())
        .bind(id.to_string())
        .bind(from.name())
        .execute(tx.conn())
        .await
        .context("moving a payout on")?;
    Ok(done.rows_affected() == 1)
}

/// Opens a payout that came back for another order; `false` where it did not come back.
pub(crate) async fn order_again(tx: &mut Tx, id: PayoutId) -> Result<bool> {
    let sql = "update payout set state = 'redeemed', reason = '', attempt = attempt + 1 \
               where id = $1 and state = 'returned'";
    let done = query(sql).bind(id.to_string()).execute(tx.conn()).await?;
    Ok(done.rows_affected() == 1)
}

/// Notes the payment with which a payout is credited to the wallet that it came from; `false` where
/// it did not come back, and goes to a bank.
pub(crate) async fn credit(tx: &mut Tx, id: PayoutId, payment: B256) -> Result<bool> {
    let sql = "update payout set state = 'credited', credit = $1 \
               where id = $2 and watched = 0 \
               and (state = 'returned' or state = 'redeemed' and iban = '')";
    let done = query(sql)
        .bind(super::hash(payment))
        .bind(id.to_string())
        .execute(tx.conn())
        .await
        .context("crediting a payout")?;
    Ok(done.rows_affected() == 1)
}

/// How much of the tokens of an address outside of the market payouts are about to destroy: what
/// left it, or may have by now.
pub(crate) async fn outside(
    tx: &mut Tx,
    (of, currency): (Address, CurrencyId),
    now: Timestamp,
) -> Result<Money> {
    let sum: i64 = query_scalar(
        "select cast(coalesce(sum(amount), 0) as bigint) from payout where address = $1 \
         and book = $2 and (state = 'withdrawn' or state = 'withdrawing' and available <= $3)",
    )
    .bind(super::address(of))
    .bind(currency.column())
    .bind(now.seconds())
    .fetch_one(tx.conn())
    .await
    .context("adding up payouts outside of the market")?;
    Ok(Money::from_n(sum))
}

/// Payouts that go back into their wallets, redeemed in blocks that are final, oldest first.
pub(crate) async fn put_back(db: &Db, limit: i64) -> Result<Vec<Payout>> {
    let condition = "iban = '' and state = 'redeemed' and watched = 0 order by number limit $1";
    let rows = query(AssertSqlSafe(select(condition)))
        .bind(limit)
        .fetch_all(db.read())
        .await
        .context("reading payouts that go back into wallets")?;
    rows.iter().map(parse).collect()
}

/// The addresses of payouts that are credited, by the payments with which they are.
pub(crate) async fn credited(db: &Db) -> Result<HashMap<B256, Address>> {
    let rows = query("select credit, address from payout where credit <> ''")
        .fetch_all(db.read())
        .await
        .context("reading payouts that are credited")?;
    let pair = |row: &AnyRow| {
        let (payment, address): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        Ok((payment.parse()?, address.parse()?))
    };
    rows.iter().map(pair).collect()
}

/// The payout, in a transaction.
pub(crate) async fn load(tx: &mut Tx, id: PayoutId) -> Result<Option<Payout>> {
    let row = query(AssertSqlSafe(select("id = $1")))
        .bind(id.to_string())
        .fetch_optional(tx.conn())
        .await?;
    row.as_ref().map(parse).transpose()
}

/// The payout, which is kept.
pub(crate) async fn of_id(db: &Db, id: PayoutId) -> Result<Payout> {
    let row = query(AssertSqlSafe(select("id = $1")))
        .bind(id.to_string())
        .fetch_one(db.read())
        .await
        .context("reading a payout")?;
    parse(&row)
}

/// The payout, if the community has it.
pub(crate) async fn find(db: &Db, community: CommunityId, id: PayoutId) -> Result<Option<Payout>> {
    let row = query(AssertSqlSafe(select("community = $1 and id = $2")))
        .bind(community.to_string())
        .bind(id.to_string())
        .fetch_optional(db.read())
        .await
        .context("reading a payout")?;
    row.as_ref().map(parse).transpose()
}

/// Payouts of a community, or of those only an account's, or only in a state, newest first, before
/// a number; with their numbers.
pub(crate) async fn page(
    db: &Db,
    (community, account): (CommunityId, Option<AccountId>),
    state: Option<PayoutState>,
    before: i64,
    limit: u32,
) -> Result<Vec<(i64, Payout)>> {
    let sql = format!(
        "select {COLUMNS}, number from payout where community = $1 and ($2 = '' or account = $2) \
         and ($3 = '' or state = $3) and number < $4 order by number desc limit $5"
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(community.to_string())
        .bind(account.map(|account| account.to_string()).unwrap_or_default())
        .bind(state.map(PayoutState::name).unwrap_or_default())
        .bind(before)
        .bind(i64::from(limit))
        .fetch_all(db.read())
        .await
        .context("listing payouts")?;
    rows.iter().map(|row| Ok((row.try_get(21)?, parse(row)?))).collect()
}

pub(super) fn select(condition: &str) -> String {
    format!("select {COLUMNS} from payout where {condition}")
}

pub(super) fn parse(row: &AnyRow) -> Result<Payout> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let number = |place: usize| row.try_get::<i64, _>(place).map(i64::unsigned_abs);
    let state = text(11)?;
    Ok(Payout {
        currency: CurrencyId::of_column(row.try_get(20)?)?,
        id: text(0)?.parse()?,
        community: text(1)?.parse()?,
        account: text(2)?.parse()?,
        address: text(3)?.parse()?,
        amount: Money::from_n(row.try_get(4)?),
        creditor: text(5)?,
        iban: Some(text(6)?)
            .filter(|iban| !iban.is_empty())
            .map(|iban| iban.parse())
            .transpose()?,
        salt: text(7)?.parse()?,
        expiry: number(19)?,
        destination: text(8)?.parse()?,
        withdrawal: text(18)?.parse()?,
        redemption: text(9)?.parse()?,
        since: number(10)?,
        state: PayoutState::of(&state).with_context(|| format!("the state {state}"))?,
        reason: text(12)?,
        available: number(13)?,
        watched: number(14)? != 0,
        attempt: u32::try_from(number(15)?)?,
        file: text(16)?,
        at: Timestamp::from_seconds(row.try_get(17)?),
    })
}

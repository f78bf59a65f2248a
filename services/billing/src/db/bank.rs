//! Bank accounts of communities, and the payments that came in on them.

use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use ids::{AccountId, CommunityId, PayoutId};
use iso20022::camt053::Side;
use iso20022::{Currency, Iban};
use units::Money;

use crate::currencies::CurrencyId;

const CREDIT: &str = "credit";
const DEBIT: &str = "debit";

/// Where the members of a community pay to, in one of the currencies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BankAccount {
    /// Which tokens are minted for what comes in.
    pub(crate) book: CurrencyId,
    pub(crate) iban: Iban,
    /// Whose it is.
    pub(crate) holder: String,
    /// What the bank keeps it in.
    pub(crate) currency: Currency,
}

/// A payment that came in, or that is of a payout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BankPayment {
    /// Of which of the community's bank accounts.
    pub(crate) book: CurrencyId,
    pub(crate) key: String,
    pub(crate) side: Side,
    /// The payout whose end-to-end id it has.
    pub(crate) payout: Option<PayoutId>,
    /// The statement that had it first.
    pub(crate) statement: String,
    pub(crate) booked_on: String,
    pub(crate) amount: Money,
    pub(crate) currency: Currency,
    pub(crate) remittance: String,
    pub(crate) debtor: String,
    pub(crate) debtor_account: String,
    /// Why it was credited to nobody by itself; empty where it was.
    pub(crate) reason: String,
    /// Who got it, or whose payout it is.
    pub(crate) account: Option<AccountId>,
    pub(crate) at: Timestamp,
}

/// A payment with its number, which rises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) number: i64,
    pub(crate) payment: BankPayment,
}

/// Keeps where a community is paid in a currency; whether the account is no other one.
pub(crate) async fn put_account(
    tx: &mut Tx,
    community: CommunityId,
    account: &BankAccount,
) -> Result<bool> {
    let row = query("select community, book from bank_account where iban = $1")
        .bind(account.iban.to_string())
        .fetch_optional(tx.conn())
        .await?;
    if let Some(row) = row {
        let (owner, book): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        if (owner, book) != (community.to_string(), account.book.column()) {
            return Ok(false);
        }
    }
    let row = vec![
        Cell::Text(community.to_string()),
        Cell::Text(account.iban.to_string()),
        Cell::Text(account.holder.clone()),
        Cell::Text(account.currency.to_string()),
        Cell::Int(account.book.column()),
    ];
    let insert = "insert into bank_account (community, iban, holder, currency, book)";
    let update = "on conflict (community, book) do update set iban = excluded.iban, \
                  holder = excluded.holder, currency = excluded.currency";
    insert_rows(tx, insert, 5, vec![row], update).await?;
    Ok(true)
}

/// Where a community is paid in a currency.
pub(crate) async fn account(
    db: &Db,
    community: CommunityId,
    book: CurrencyId,
) -> Result<Option<BankAccount>> {
    Ok(accounts(db, community).await?.into_iter().find(|account| account.book == book))
}

/// Where a community is paid, in the order of the currencies.
pub(crate) async fn accounts(db: &Db, community: CommunityId) -> Result<Vec<BankAccount>> {
    let select = "select iban, holder, currency, book from bank_account where community = $1 \
                  order by book";
    let rows = query(select)
        .bind(community.to_string())
        .fetch_all(db.read())
        .await
        .context("reading bank accounts")?;
    let account = |row: &AnyRow| {
        let text = |place: usize| row.try_get::<String, _>(place);
        Ok(BankAccount {
            book: CurrencyId::of_column(row.try_get(3)?)?,
            iban: text(0)?.parse()?,
            holder: text(1)?,
            currency: text(2)?.parse()?,
        })
    };
    rows.iter().map(account).collect()
}

/// Keeps a payment under its key; whether it is new, and what is kept.
pub(crate) async fn put_payment(
    tx: &mut Tx,
    community: CommunityId,
    payment: &BankPayment,
) -> Result<(bool, Kept)> {
    let account = payment.account.map(|account| account.to_string());
    let row = vec![
        Cell::Text(community.to_string()),
        Cell::Text(payment.key.clone()),
        Cell::Text(payment.statement.clone()),
        Cell::Text(payment.booked_on.clone()),
        Cell::Int(payment.amount.n()),
        Cell::Text(payment.currency.to_string()),
        Cell::Text(payment.remittance.clone()),
        Cell::Text(payment.debtor.clone()),
        Cell::Text(payment.debtor_account.clone()),
        Cell::Text(payment.reason.clone()),
        Cell::Text(account.unwrap_or_default()),
        Cell::Int(payment.at.seconds()),
        Cell::from(if payment.side == Side::Credit { CREDIT } else { DEBIT }),
        Cell::Text(payment.payout.map(|payout| payout.to_string()).unwrap_or_default()),
        Cell::Int(i64::from(payment.payout.is_none() || payment.account.is_none())),
        Cell::Int(payment.book.column()),
    ];
    let insert = "insert into bank_payment (community, key, statement, booked_on, amount, \
                  currency, remittance, debtor, debtor_account, reason, account, at, side, payout, \
                  posted, book)";
    let fresh = insert_rows(tx, insert, 16, vec![row], "on conflict do nothing").await? > 0;
    let row = query(AssertSqlSafe(select("community = $1 and key = $2")))
        .bind(community.to_string())
        .bind(payment.key.clone())
        .fetch_one(tx.conn())
        .await?;
    Ok((fresh, parse(&row)?))
}

/// The payment of this number, if the community has it.
pub(crate) async fn payment(
    tx: &mut Tx,
    community: CommunityId,
    number: i64,
) -> Result<Option<BankPayment>> {
    let row = query(AssertSqlSafe(select("community = $1 and number = $2")))
        .bind(community.to_string())
        .bind(number)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.as_ref().map(parse).transpose()?.map(|kept| kept.payment))
}

/// Says whose the payment of this number is.
pub(crate) async fn assign(tx: &mut Tx, number: i64, account: AccountId) -> Result<()> {
    query("update bank_payment set account = $1 where number = $2")
        .bind(account.to_string())
        .bind(number)
        .execute(tx.conn())
        .await
        .context("assigning a payment")?;
    Ok(())
}

/// The oldest payment of a payout that is not in the journal.
pub(crate) async fn unposted(db: &Db) -> Result<Option<Kept>> {
    let row = query(AssertSqlSafe(select("posted = 0 order by number limit 1")))
        .fetch_optional(db.read())
        .await
        .context("reading payments that are not posted")?;
    row.as_ref().map(parse).transpose()
}

/// Whether the journal has all that statements said of a payout.
pub(crate) async fn is_posted(tx: &mut Tx, payout: PayoutId) -> Result<bool> {
    let sql = "select count(*) from bank_payment where payout = $1 and posted = 0";
    let waiting: i64 = query_scalar(sql)
        .bind(payout.to_string())
        .fetch_one(tx.conn())
        .await
        .context("reading payments of a payout")?;
    Ok(waiting == 0)
}

/// Notes that the payment of this number is in the journal, as its payout's last entry.
pub(crate) async fn set_posted(
    tx: &mut Tx,
    number: i64,
    payout: PayoutId,
    entry: u64,
) -> Result<()> {
    query("update bank_payment set posted = 1 where number = $1")
        .bind(number)
        .execute(tx.conn())
        .await?;
    query("update payout set entry = $1 where id = $2")
        .bind(super::int(entry)?)
        .bind(payout.to_string())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The journal's last entry of a payout that the bank paid.
pub(crate) async fn entry_of(db: &Db, payout: PayoutId) -> Result<u64> {
    let entry: i64 = query_scalar("select entry from payout where id = $1")
        .bind(payout.to_string())
        .fetch_one(db.read())
        .await
        .context("reading a payout's entry")?;
    u64::try_from(entry).context("a payout that is in the journal")
}

/// The payments of a community that nobody got, oldest first, after a number.
pub(crate) async fn unmatched(
    db: &Db,
    community: CommunityId,
    after: i64,
    limit: u32,
) -> Result<Vec<Kept>> {
    let condition = "community = $1 and account = '' and number > $2 order by number limit $3";
    let rows = query(AssertSqlSafe(select(condition)))
        .bind(community.to_string())
        .bind(after)
        .bind(i64::from(limit))
        .fetch_all(db.read())
        .await
        .context("reading unmatched payments")?;
    rows.iter().map(parse).collect()
}

fn select(condition: &str) -> String {
    format!(
        "select number, key, statement, booked_on, amount, currency, remittance, debtor, \
         debtor_account, reason, account, at, side, payout, book from bank_payment \
         where {condition}"
    )
}

fn parse(row: &AnyRow) -> Result<Kept> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let account = Some(text(10)?).filter(|account| !account.is_empty());
    let payout = Some(text(13)?).filter(|payout| !payout.is_empty());
    Ok(Kept {
        number: row.try_get(0)?,
        payment: BankPayment {
            book: CurrencyId::of_column(row.try_get(14)?)?,
            key: text(1)?,
            side: if text(12)? == CREDIT { Side::Credit } else { Side::Debit },
            payout: payout.map(|payout| payout.parse()).transpose()?,
            statement: text(2)?,
            booked_on: text(3)?,
            amount: Money::from_n(row.try_get(4)?),
            currency: text(5)?.parse()?,
            remittance: text(6)?,
            debtor: text(7)?,
            debtor_account: text(8)?,
            reason: text(9)?,
            account: account.map(|account| account.parse()).transpose()?,
            at: Timestamp::from_seconds(row.try_get(11)?),
        },
    })
}

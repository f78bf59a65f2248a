//! Payments of invoices with tokens: to whose wallet, and which requests are for which invoice.

use anyhow::{Context, Result, bail};
use calendar::Timestamp;
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use ids::{AccountId, CommunityId, InvoiceId, PartyId, RequestId};
use units::Money;

/// Payments that one tick takes, at most.
const TAKEN_MAX: i64 = 500;

/// An amount below zero is given back. A row is made when a transfer is prepared; one without its
/// request was not sent yet, or never. `taken` is whether the invoice has it.
pub(crate) const SCHEMA: &str = "
create table collector (
    number {serial}, community text not null, account text not null, set_by text not null,
    at bigint not null
);
create index collector_community on collector (community, number);
create table wallet_payment (
    number {serial}, request text not null unique, community text not null, invoice text not null,
    amount bigint not null, at bigint not null, taken bigint not null default 0
);
create index wallet_payment_invoice on wallet_payment (invoice, number);
create index wallet_payment_taken on wallet_payment (taken, number);
";

/// A payment with tokens.
#[derive(Debug, Clone)]
pub(crate) struct WalletPayment {
    pub(crate) request: RequestId,
    pub(crate) invoice: InvoiceId,
    /// Below zero it is given back.
    pub(crate) amount: Money,
    pub(crate) at: Timestamp,
    pub(crate) state: PaymentState,
    /// Whether the invoice has it.
    taken: bool,
}

impl WalletPayment {
    /// Whether it may still come to something that the invoice has not got yet.
    pub(crate) fn is_open(&self) -> bool {
        !self.taken && self.state != PaymentState::Failed
    }
}

/// How far a payment with tokens is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PaymentState {
    /// On its way to a block.
    Sent,
    /// In a block that may still leave the chain.
    Confirmed,
    /// The contract refused it.
    Failed,
    /// In a final block: the invoice has it, or will with the next tick.
    Done,
}

impl PaymentState {
    /// Its name in answers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            PaymentState::Sent => "sent",
            PaymentState::Confirmed => "confirmed",
            PaymentState::Failed => "failed",
            PaymentState::Done => "done",
        }
    }

    /// By the status of its transaction (`client::SCHEMA`).
    fn of(status: i64) -> Result<PaymentState> {
        Ok(match status {
            0 => PaymentState::Sent,
            1 => PaymentState::Confirmed,
            2 | 12 => PaymentState::Failed,
            11 => PaymentState::Done,
            other => bail!("a transaction with the status {other}"),
        })
    }
}

const SELECT: &str = "select p.request, p.invoice, p.amount, p.at, t.status, p.taken \
    from wallet_payment p \
    join chain_tx t on t.cause = 'request/' || p.request";

/// The account of a community to which invoices are paid.
pub(crate) async fn collector(db: &Db, community: CommunityId) -> Result<Option<AccountId>> {
    let sql = "select account from collector where community = $1 order by number desc limit 1";
    let account: Option<String> = query_scalar(sql)
        .bind(community.to_string())
        .fetch_optional(db.read())
        .await
        .context("reading to whom invoices are paid")?;
    account.map(|account| Ok(account.parse()?)).transpose()
}

/// Says to which account of a community invoices are paid from now on.
pub(crate) async fn set_collector(
    tx: &mut Tx,
    community: CommunityId,
    account: AccountId,
    (by, at): (PartyId, Timestamp),
) -> Result<()> {
    let row = vec![
        Cell::Text(community.to_string()),
        Cell::Text(account.to_string()),
        Cell::Text(by.to_string()),
        Cell::Int(at.seconds()),
    ];
    let insert = "insert into collector (community, account, set_by, at)";
    insert_rows(tx, insert, 4, vec![row], "").await.context("keeping a collecting account")?;
    Ok(())
}

/// Keeps that a request is for an invoice; one that is known stays as it is.
pub(crate) async fn put(
    tx: &mut Tx,
    community: CommunityId,
    (request, invoice): (RequestId, InvoiceId),
    (amount, at): (Money, Timestamp),
) -> Result<()> {
    let row = vec![
        Cell::Text(request.to_string()),
        Cell::Text(community.to_string()),
        Cell::Text(invoice.to_string()),
        Cell::Int(amount.n()),
        Cell::Int(at.seconds()),
    ];
    let insert = "insert into wallet_payment (request, community, invoice, amount, at)";
    insert_rows(tx, insert, 5, vec![row], "on conflict do nothing")
        .await
        .context("keeping a payment out of a wallet")?;
    Ok(())
}

/// The invoice that a request was prepared for.
pub(crate) async fn prepared(db: &Db, request: RequestId) -> Result<Option<InvoiceId>> {
    let sql = "select invoice from wallet_payment where request = $1";
    let invoice: Option<String> = query_scalar(sql)
        .bind(request.to_string())
        .fetch_optional(db.read())
        .await
        .context("looking for what a transfer is for")?;
    invoice.map(|invoice| Ok(invoice.parse()?)).transpose()
}

/// Forgets what was prepared before a moment and never sent: no contract takes it any more.
pub(crate) async fn forget_unsent(tx: &mut Tx, before: Timestamp) -> Result<()> {
    let sql = "delete from wallet_payment where taken = 0 and at < $1 and not exists \
               (select 1 from chain_tx where cause = 'request/' || wallet_payment.request)";
    query(sql)
        .bind(before.seconds())
        .execute(tx.conn())
        .await
        .context("forgetting what was not sent")?;
    Ok(())
}

/// Payments of an invoice with tokens, oldest first.
pub(crate) async fn of(db: &Db, invoice: InvoiceId) -> Result<Vec<WalletPayment>> {
    let sql = format!("{SELECT} where p.invoice = $1 order by p.number");
    let rows = query(AssertSqlSafe(sql))
        .bind(invoice.to_string())
        .fetch_all(db.read())
        .await
        .context("reading payments out of wallets")?;
    rows.iter().map(parse).collect()
}

/// Payments in final blocks that their invoices have not got yet, oldest first.
pub(crate) async fn untaken(db: &Db) -> Result<Vec<WalletPayment>> {
    let sql =
        format!("{SELECT} where p.taken = 0 and t.status = 11 order by p.number limit {TAKEN_MAX}");
    let rows = query(AssertSqlSafe(sql))
        .fetch_all(db.read())
        .await
        .context("looking for payments out of wallets")?;
    rows.iter().map(parse).collect()
}

/// Notes that an invoice has got a payment; whether it had not before.
pub(crate) async fn set_taken(tx: &mut Tx, request: RequestId) -> Result<bool> {
    let sql = "update wallet_payment set taken = 1 where request = $1 and taken = 0";
    let changed = query(sql)
        .bind(request.to_string())
        .execute(tx.conn())
        .await
        .context("noting a payment out of a wallet")?;
    Ok(changed.rows_affected() == 1)
}

fn parse(row: &AnyRow) -> Result<WalletPayment> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let taken: i64 = row.try_get(5)?;
    Ok(WalletPayment {
        request: text(0)?.parse()?,
        invoice: text(1)?.parse()?,
        amount: Money::from_n(row.try_get(2)?),
        at: Timestamp::from_seconds(row.try_get(3)?),
        state: PaymentState::of(row.try_get(4)?)?,
        taken: taken != 0,
    })
}

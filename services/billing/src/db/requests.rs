//! What accounts signed besides orders and payouts. A row is never changed: how its transaction
//! stands is kept by the relay.

use anyhow::{Context, Result, bail};
use calendar::Timestamp;
use contracts::AccountRequest;
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query};
use ids::{AccountId, CommunityId, RequestId};
use keys::SignatureBytes;
use units::Money;

use crate::currencies::CurrencyId;

/// A request as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) id: RequestId,
    pub(crate) community: CommunityId,
    pub(crate) account: AccountId,
    /// What it takes money in, if it does.
    pub(crate) currency: CurrencyId,
    pub(crate) terms: AccountRequest,
    pub(crate) signature: SignatureBytes,
    pub(crate) at: Timestamp,
    pub(crate) state: RequestState,
}

/// How far a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestState {
    /// On its way to a block.
    Sent,
    /// In a block.
    Done,
    /// The contract refused it, in a block.
    Failed,
}

impl RequestState {
    /// Its name in answers.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            RequestState::Sent => "sent",
            RequestState::Done => "done",
            RequestState::Failed => "failed",
        }
    }

    /// By the status of its transaction.
    pub(super) fn of(status: i64) -> Result<RequestState> {
        // By 10 higher once the block is final (`client::SCHEMA`).
        match status % 10 {
            0 => Ok(RequestState::Sent),
            1 => Ok(RequestState::Done),
            2 => Ok(RequestState::Failed),
            other => bail!("a transaction with the status {other}"),
        }
    }
}

impl Request {
    /// How much of its currency it gives away.
    pub(crate) fn gives(&self) -> Money {
        match &self.terms {
            AccountRequest::Transfer(of)
            | AccountRequest::CurrencyTransfer { transfer: of, .. } => of.amount,
            AccountRequest::Exchange { quote, .. } => quote.given,
            AccountRequest::Mandate { .. }
            | AccountRequest::CertificateTransfer(_)
            | AccountRequest::CertificateRetirement(_)
            | AccountRequest::Cancellation(_) => Money::ZERO,
        }
    }
}

const SELECT: &str = "select account_request.number, id, community, account, terms, signature, at, \
    status, book from account_request join chain_tx on chain_tx.cause = 'request/' || id";

/// What the transaction of a request follows from. The statements here say so too.
pub(crate) fn cause(request: RequestId) -> String {
    format!("request/{request}")
}

/// Keeps a request under its account's key.
pub(crate) async fn put(tx: &mut Tx, key: &str, request: &Request) -> Result<()> {
    let row = vec![
        Cell::Text(request.id.to_string()),
        Cell::Text(request.community.to_string()),
        Cell::Text(request.account.to_string()),
        Cell::from(key),
        Cell::from(request.terms.kind()),
        Cell::Int(request.gives().n()),
        Cell::Text(serde_json::to_string(&request.terms)?),
        Cell::Text(request.signature.to_string()),
        Cell::Int(request.at.seconds()),
        Cell::Int(request.currency.column()),
    ];
    let insert = "insert into account_request (id, community, account, key, kind, amount, terms, \
                  signature, at, book)";
    insert_rows(tx, insert, 10, vec![row], "").await.context("keeping a request")?;
    Ok(())
}

/// The request that an account made under this key.
pub(crate) async fn of_key(tx: &mut Tx, account: AccountId, key: &str) -> Result<Option<Request>> {
    let row = query(AssertSqlSafe(format!("{SELECT} where account = $1 and key = $2")))
        .bind(account.to_string())
        .bind(key.to_owned())
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.as_ref().map(parse).transpose()?.map(|(_, request)| request))
}

/// The request with this id.
pub(crate) async fn of_id(tx: &mut Tx, id: RequestId) -> Result<Option<Request>> {
    let row = query(AssertSqlSafe(format!("{SELECT} where id = $1")))
        .bind(id.to_string())
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.as_ref().map(parse).transpose()?.map(|(_, request)| request))
}

/// How many orders an account's requests since then end, whatever became of them.
pub(crate) async fn ended(
    tx: &mut Tx,
    (community, account): (CommunityId, AccountId),
    since: Timestamp,
) -> Result<usize> {
    let sql = "select terms from account_request \
               where community = $1 and account = $2 and kind = 'cancellation' and at > $3";
    let rows = query(sql)
        .bind(community.to_string())
        .bind(account.to_string())
        .bind(since.seconds())
        .fetch_all(tx.conn())
        .await
        .context("counting ended orders")?;
    let mut ended = 0;
    for row in &rows {
        if let AccountRequest::Cancellation(of) = serde_json::from_str(row.try_get(0)?)? {
            ended += of.nonces.len();
        }
    }
    Ok(ended)
}

/// The requests of an account that are on their way.
pub(crate) async fn open(tx: &mut Tx, account: AccountId) -> Result<Vec<Request>> {
    let rows = query(AssertSqlSafe(format!("{SELECT} where account = $1 and status = 0")))
        .bind(account.to_string())
        .fetch_all(tx.conn())
        .await
        .context("reading open requests")?;
    rows.iter().map(|row| Ok(parse(row)?.1)).collect()
}

/// How much of a currency an account's requests that are on their way give away.
pub(crate) async fn leaving(
    db: &Db,
    (account, currency): (AccountId, CurrencyId),
) -> Result<Money> {
    let sql = "select cast(coalesce(sum(amount), 0) as bigint) from account_request \
               join chain_tx on chain_tx.cause = 'request/' || id \
               where account = $1 and book = $2 and status = 0";
    let row = query(sql)
        .bind(account.to_string())
        .bind(currency.column())
        .fetch_one(db.read())
        .await
        .context("adding up open requests")?;
    Ok(Money::from_n(row.try_get(0)?))
}

/// Requests of a community, or of one account there, newest first, each with its place.
pub(crate) async fn page(
    db: &Db,
    (community, account): (CommunityId, Option<AccountId>),
    kind: Option<&str>,
    before: i64,
    limit: u32,
) -> Result<Vec<(i64, Request)>> {
    let sql = format!(
        "{SELECT} where community = $1 and ($2 = '' or account = $2) and ($3 = '' or kind = $3) \
         and account_request.number < $4 order by account_request.number desc limit $5"
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(community.to_string())
        .bind(account.map(|account| account.to_string()).unwrap_or_default())
        .bind(kind.unwrap_or_default().to_owned())
        .bind(before)
        .bind(i64::from(limit))
        .fetch_all(db.read())
        .await
        .context("reading requests")?;
    rows.iter().map(parse).collect()
}

/// One request.
pub(crate) async fn find(
    db: &Db,
    community: CommunityId,
    id: RequestId,
) -> Result<Option<Request>> {
    let row = query(AssertSqlSafe(format!("{SELECT} where community = $1 and id = $2")))
        .bind(community.to_string())
        .bind(id.to_string())
        .fetch_optional(db.read())
        .await
        .context("reading a request")?;
    Ok(row.as_ref().map(parse).transpose()?.map(|(_, request)| request))
}

fn parse(row: &AnyRow) -> Result<(i64, Request)> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let status: i64 = row.try_get(7)?;
    let request = Request {
        id: text(1)?.parse()?,
        community: text(2)?.parse()?,
        account: text(3)?.parse()?,
        currency: CurrencyId::of_column(row.try_get(8)?)?,
        terms: serde_json::from_str(&text(4)?)?,
        signature: text(5)?.parse()?,
        at: Timestamp::from_seconds(row.try_get(6)?),
        state: RequestState::of(status)?,
    };
    Ok((row.try_get(0)?, request))
}

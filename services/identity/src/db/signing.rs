//! What held keys signed, how much they may, and what waits for consent.

use anyhow::{Context, Result, bail};
use calendar::Timestamp;
use db::{AnyConnection, AnyRow, AssertSqlSafe, Row, Tx, query, query_scalar};
use ids::{AccountId, CommunityId, PartyId, Uuid};
use service::Page;
use units::Money;

use super::{Part, moment, parsed};
use crate::domain::approvals::{Approval, ApprovalKind, ApprovalState, KEPT_SECONDS};
use crate::domain::limits::day_of;

const APPROVAL: &str = "select place, id, account, kind, amount, terms, state, requested_by, \
    requested_at, expires_at, decided_by, decided_at from approval";

/// Takes `amount` out of what `account` may sign on `day`; `false` when it goes beyond `limit`.
pub(crate) async fn reserve(
    tx: &mut Tx,
    account: AccountId,
    day: i64,
    amount: Money,
    limit: Money,
) -> Result<bool> {
    if amount > limit {
        return Ok(false);
    }
    let reserved: Option<i64> = query_scalar(
        "insert into signed_day (account, day, reserved) values ($1, $2, $3) \
         on conflict (account, day) do update set reserved = signed_day.reserved + $3 \
         where signed_day.reserved + $3 <= $4 returning reserved",
    )
    .bind(account.to_string())
    .bind(day)
    .bind(amount.n())
    .bind(limit.n())
    .fetch_optional(tx.conn())
    .await?;
    Ok(reserved.is_some())
}

/// What was taken out of the limit of `account` for `day`.
pub(crate) async fn reserved(
    conn: &mut AnyConnection,
    account: AccountId,
    day: i64,
) -> Result<Money> {
    let reserved: Option<i64> =
        query_scalar("select reserved from signed_day where account = $1 and day = $2")
            .bind(account.to_string())
            .bind(day)
            .fetch_optional(conn)
            .await?;
    Ok(Money::from_n(reserved.unwrap_or(0)))
}

/// The limit of a day that staff set for `account`.
pub(crate) async fn limit(conn: &mut AnyConnection, account: AccountId) -> Result<Option<Money>> {
    let daily: Option<i64> = query_scalar("select daily from signing_limit where account = $1")
        .bind(account.to_string())
        .fetch_optional(conn)
        .await?;
    Ok(daily.map(Money::from_n))
}

/// Sets the limit of a day of `account`.
pub(crate) async fn set_limit(tx: &mut Tx, account: AccountId, daily: Money) -> Result<()> {
    query(
        "insert into signing_limit (account, daily) values ($1, $2) \
         on conflict (account) do update set daily = excluded.daily",
    )
    .bind(account.to_string())
    .bind(daily.n())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps a new request about `subject`.
pub(crate) async fn insert_approval(
    tx: &mut Tx,
    community: CommunityId,
    subject: &str,
    approval: &Approval,
) -> Result<()> {
    let order = approval.order.as_ref().map(serde_json::to_string).transpose()?;
    let payout = approval.payout.as_ref().map(serde_json::to_string).transpose()?;
    let request = approval.request.as_ref().map(serde_json::to_string).transpose()?;
    let terms = order.or(payout).or(request);
    query(
        "insert into approval (id, account, community, kind, subject, amount, terms, state, \
         requested_by, requested_at, expires_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(approval.approval.to_string())
    .bind(approval.account.to_string())
    .bind(community.to_string())
    .bind(approval.kind.name())
    .bind(subject.to_owned())
    .bind(approval.amount.n())
    .bind(terms)
    .bind(approval.state.name())
    .bind(approval.requested_by.to_string())
    .bind(approval.requested_at.seconds())
    .bind(approval.expires_at.seconds())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Moves a request from one state to another; `false` when it is not there or in another state.
pub(crate) async fn move_approval(
    tx: &mut Tx,
    id: Uuid,
    from: ApprovalState,
    to: ApprovalState,
) -> Result<bool> {
    let done = query("update approval set state = $1 where id = $2 and state = $3")
        .bind(to.name())
        .bind(id.to_string())
        .bind(from.name())
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes who decided a request.
pub(crate) async fn decide(tx: &mut Tx, id: Uuid, by: PartyId, at: Timestamp) -> Result<()> {
    query("update approval set decided_by = $1, decided_at = $2 where id = $3")
        .bind(by.to_string())
        .bind(at.seconds())
        .bind(id.to_string())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The request `id` in `community`.
pub(crate) async fn approval(
    conn: &mut AnyConnection,
    community: CommunityId,
    id: Uuid,
) -> Result<Option<Approval>> {
    let row = query(AssertSqlSafe(format!("{APPROVAL} where community = $1 and id = $2")))
        .bind(community.to_string())
        .bind(id.to_string())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read).transpose().map(|found| found.map(|(_, approval)| approval))
}

/// The newest request about `subject`.
pub(crate) async fn newest_about(
    conn: &mut AnyConnection,
    subject: &str,
) -> Result<Option<Approval>> {
    let sql = format!("{APPROVAL} where subject = $1 order by place desc limit 1");
    let row = query(AssertSqlSafe(sql)).bind(subject.to_owned()).fetch_optional(conn).await?;
    row.as_ref().map(read).transpose().map(|found| found.map(|(_, approval)| approval))
}

/// How many requests of `account` wait at `now`.
pub(crate) async fn open_approvals(tx: &mut Tx, account: AccountId, now: Timestamp) -> Result<i64> {
    let open = query_scalar(
        "select count(*) from approval where account = $1 and state = 'open' and expires_at > $2",
    )
    .bind(account.to_string())
    .bind(now.seconds())
    .fetch_one(tx.conn())
    .await?;
    Ok(open)
}

/// The requests of `community`, or of those only the ones of `account`, newest first.
pub(crate) async fn approvals(
    conn: &mut AnyConnection,
    community: CommunityId,
    account: Option<AccountId>,
    part: Part,
) -> Result<Page<Approval>> {
    let sql = format!(
        "{APPROVAL} where community = $1 and ($2 = 0 or place < $2) \
         and ($3 = '' or account = $3) order by place desc limit $4"
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(community.to_string())
        .bind(part.after)
        .bind(account.map(|account| account.to_string()).unwrap_or_default())
        .bind(part.limit + 1)
        .fetch_all(conn)
        .await?;
    Ok(part.page(rows.iter().map(read).collect::<Result<_>>()?))
}

/// Forgets what was signed on days before yesterday, and requests that are long over, at `now`.
pub(crate) async fn forget_signed(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    let (yesterday, kept) = (day_of(now) - 1, now.plus_seconds(-KEPT_SECONDS).seconds());
    let mut forgotten = 0;
    for (sql, before) in [
        ("delete from signed_day where day < $1", yesterday),
        ("delete from approval where expires_at < $1", kept),
    ] {
        forgotten += query(sql).bind(before).execute(tx.conn()).await?.rows_affected();
    }
    Ok(forgotten)
}

fn read(row: &AnyRow) -> Result<(i64, Approval)> {
    let (kind, state): (String, String) = (row.try_get(3)?, row.try_get(6)?);
    let (terms, decided_by): (Option<String>, Option<String>) = (row.try_get(5)?, row.try_get(10)?);
    let decided_at: Option<i64> = row.try_get(11)?;
    let kind = match kind.as_str() {
        "order" => ApprovalKind::Order,
        "payout" => ApprovalKind::Payout,
        "redemption" => ApprovalKind::Redemption,
        "request" => ApprovalKind::Request,
        "limit" => ApprovalKind::Limit,
        other => bail!("an approval of the kind {other:?}"),
    };
    let of = |wanted: ApprovalKind| terms.as_deref().filter(|_| kind == wanted);
    let payout = of(ApprovalKind::Payout).or(of(ApprovalKind::Redemption));
    let (order, request) = (of(ApprovalKind::Order), of(ApprovalKind::Request));
    let approval = Approval {
        approval: parsed(row, 1)?,
        account: parsed(row, 2)?,
        kind,
        amount: Money::from_n(row.try_get(4)?),
        order: order.map(serde_json::from_str).transpose()?,
        payout: payout.map(serde_json::from_str).transpose()?,
        request: request.map(serde_json::from_str).transpose()?,
        state: match state.as_str() {
            "open" => ApprovalState::Open,
            "approved" => ApprovalState::Approved,
            "refused" => ApprovalState::Refused,
            "done" => ApprovalState::Done,
            other => bail!("an approval in the state {other:?}"),
        },
        requested_by: parsed(row, 7)?,
        requested_at: moment(row, 8)?,
        expires_at: moment(row, 9)?,
        decided_by: decided_by.map(|id| id.parse().context("party id")).transpose()?,
        decided_at: decided_at.map(Timestamp::from_seconds),
    };
    Ok((row.try_get(0)?, approval))
}

//! What held keys signed, how much they may, and what waits for consent.

use anyhow::{Context, Result, bail};
use calendar::Timestamp;
use contracts::AccountRequest;
use db::{AnyConnection, AnyRow, AssertSqlSafe, Row, Tx, query, query_scalar};
use ids::{AccountId, CommunityId, PartyId, Uuid};
use service::Page;

use super::{Part, moment, parsed};
use crate::domain::approvals::{Approval, ApprovalKind, ApprovalState, KEPT_SECONDS, OPEN_MAX};
use crate::domain::limits::{Amount, Unit, day_of};

const APPROVAL: &str = "select place, id, account, kind, amount, terms, state, requested_by, \
    requested_at, expires_at, decided_by, decided_at, unit from approval";

/// An account, and what of it is counted.
pub(crate) type Counted = (AccountId, Unit);

/// Takes `amount` out of what may be signed on `day`; `false` when it goes beyond `limit`.
pub(crate) async fn reserve(
    tx: &mut Tx,
    (account, unit): &Counted,
    day: i64,
    amount: i64,
    limit: i64,
) -> Result<bool> {
    if amount > limit {
        return Ok(false);
    }
    let reserved: Option<i64> = query_scalar(
        "insert into signed_day (account, unit, day, reserved) values ($1, $2, $3, $4) \
         on conflict (account, unit, day) do update set reserved = signed_day.reserved + $4 \
         where signed_day.reserved + $4 <= $5 returning reserved",
    )
    .bind(account.to_string())
    .bind(unit.name().to_owned())
    .bind(day)
    .bind(amount)
    .bind(limit)
    .fetch_optional(tx.conn())
    .await?;
    Ok(reserved.is_some())
}

/// What was taken out of the limit for `day`.
pub(crate) async fn reserved(
    conn: &mut AnyConnection,
    (account, unit): &Counted,
    day: i64,
) -> Result<i64> {
    let reserved: Option<i64> = query_scalar(
        "select reserved from signed_day where account = $1 and unit = $2 and day = $3",
    )
    .bind(account.to_string())
    .bind(unit.name().to_owned())
    .bind(day)
    .fetch_optional(conn)
    .await?;
    Ok(reserved.unwrap_or(0))
}

/// The limit of a day that staff set.
pub(crate) async fn limit(
    conn: &mut AnyConnection,
    (account, unit): &Counted,
) -> Result<Option<i64>> {
    let daily = query_scalar("select daily from signing_limit where account = $1 and unit = $2")
        .bind(account.to_string())
        .bind(unit.name().to_owned())
        .fetch_optional(conn)
        .await?;
    Ok(daily)
}

/// Sets the limit of a day of `account`, in the unit of `daily`.
pub(crate) async fn set_limit(tx: &mut Tx, account: AccountId, daily: &Amount) -> Result<()> {
    query(
        "insert into signing_limit (account, unit, daily) values ($1, $2, $3) \
         on conflict (account, unit) do update set daily = excluded.daily",
    )
    .bind(account.to_string())
    .bind(daily.unit().name().to_owned())
    .bind(daily.n())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Says of what was kept before units were told apart that it is of `first`.
pub(crate) async fn name_units(tx: &mut Tx, first: &Unit) -> Result<()> {
    for sql in [
        "update signed_day set unit = $1 where unit = ''",
        "update signing_limit set unit = $1 where unit = ''",
        "update approval set unit = $1 where unit = ''",
    ] {
        query(sql).bind(first.name().to_owned()).execute(tx.conn()).await?;
    }
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
         requested_by, requested_at, expires_at, unit) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
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
    .bind(approval.unit.name().to_owned())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes what was signed with the consent `id`, where that stands for more than one thing.
pub(crate) async fn set_signed(tx: &mut Tx, id: Uuid, terms: &AccountRequest) -> Result<()> {
    query("update approval set terms = $1 where id = $2")
        .bind(serde_json::to_string(terms)?)
        .bind(id.to_string())
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

/// The newest requests about `subject`, newest first: more than may wait at the same time.
pub(crate) async fn about(conn: &mut AnyConnection, subject: &str) -> Result<Vec<Approval>> {
    let sql = format!("{APPROVAL} where subject = $1 order by place desc limit $2");
    let rows = query(AssertSqlSafe(sql))
        .bind(subject.to_owned())
        .bind(2 * OPEN_MAX)
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| Ok(read(row)?.1)).collect()
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
    let unit = Unit::named(&row.try_get::<String, _>(12)?);
    let of = |wanted: ApprovalKind| terms.as_deref().filter(|_| kind == wanted);
    let payout = of(ApprovalKind::Payout).or(of(ApprovalKind::Redemption));
    let (order, request) = (of(ApprovalKind::Order), of(ApprovalKind::Request));
    let approval = Approval {
        approval: parsed(row, 1)?,
        account: parsed(row, 2)?,
        kind,
        amount: unit.clone().of(row.try_get(4)?),
        unit,
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

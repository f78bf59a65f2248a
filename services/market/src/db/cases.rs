//! Days that surveillance judged, and the cases that it found.

use std::fmt::Display;
use std::str::FromStr;

use anyhow::{Context, Result};
use calendar::{LocalDay, Timestamp};
use db::{AnyConnection, AnyRow, AssertSqlSafe, Db, Row, Tx, query};
use ids::{AccountId, CaseId, CommunityId, PartyId, ZoneId};
use surveillance::{Day, WINDOW_DAYS};

use crate::domain::{CaseState, KeptCase};

/// How many days are kept as they were: those that are judged together, and those whose prices they
/// are compared with.
const DAYS_KEPT: u32 = 2 * WINDOW_DAYS + 1;

const CASE: &str = "select place, id, zone, kind, subject, accounts, opened, last, severity, \
    score, found_at, findings, state, reason, decided_by, decided_at from surveillance_case";

/// The newest days that were judged, oldest first, and the last one, judged or refused.
pub(crate) async fn days(db: &Db, market: &str) -> Result<(Vec<Day>, Option<u32>)> {
    let rows = query(
        "select day, facts, refusal from surveillance_day where market = $1 \
         order by day desc limit $2",
    )
    .bind(market.to_owned())
    .bind(i64::from(DAYS_KEPT))
    .fetch_all(db.read())
    .await
    .context("reading the days that were judged")?;
    let (mut days, mut last) = (Vec::new(), None);
    for row in rows.iter().rev() {
        last = Some(u32::try_from(row.try_get::<i64, _>(0)?).context("the number of a day")?);
        let (facts, refusal): (String, Option<String>) = (row.try_get(1)?, row.try_get(2)?);
        if refusal.is_none() {
            days.push(serde_json::from_str(&facts).context("a day that was judged")?);
        }
    }
    Ok((days, last))
}

/// Notes that a day was judged, or why not; `false` where it was before.
pub(crate) async fn judged(
    tx: &mut Tx,
    market: &str,
    day: &Day,
    (refusal, at): (Option<String>, Timestamp),
) -> Result<bool> {
    let facts = if refusal.is_some() { String::new() } else { serde_json::to_string(day)? };
    let done = query(
        "insert into surveillance_day (market, day, judged_at, facts, refusal) \
         values ($1, $2, $3, $4, $5) on conflict (market, day) do nothing",
    )
    .bind(market.to_owned())
    .bind(i64::from(day.number))
    .bind(at.seconds())
    .bind(facts)
    .bind(refusal)
    .execute(tx.conn())
    .await?;
    query("delete from surveillance_day where market = $1 and day <= $2")
        .bind(market.to_owned())
        .bind(i64::from(day.number) - i64::from(DAYS_KEPT))
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// The newest case of a kind and subject that was found on `since` or later.
pub(crate) async fn running(
    conn: &mut AnyConnection,
    market: &str,
    (kind, subject): (&str, &str),
    since: u32,
) -> Result<Option<KeptCase>> {
    let text = format!(
        "{CASE} where market = $1 and kind = $2 and subject = $3 and last >= $4 \
         order by last desc limit 1"
    );
    let row = query(AssertSqlSafe(text))
        .bind(market.to_owned())
        .bind(kind.to_owned())
        .bind(subject.to_owned())
        .bind(i64::from(since))
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Keeps a new case.
pub(crate) async fn insert(
    tx: &mut Tx,
    (market, community): (&str, CommunityId),
    case: &KeptCase,
) -> Result<()> {
    query(
        "insert into surveillance_case (id, market, community, zone, kind, subject, accounts, \
         opened, last, severity, score, findings, found_at, state) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(case.id.to_string())
    .bind(market.to_owned())
    .bind(community.to_string())
    .bind(case.zone.to_string())
    .bind(case.kind.clone())
    .bind(joined(&case.owners))
    .bind(joined(&case.accounts))
    .bind(i64::from(case.opened.number()))
    .bind(i64::from(case.last.number()))
    .bind(i64::from(case.severity))
    .bind(i64::from(case.score))
    .bind(serde_json::to_string(&case.findings)?)
    .bind(case.found_at.seconds())
    .bind(case.state.name())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes that a case was found again.
pub(crate) async fn update(tx: &mut Tx, case: &KeptCase) -> Result<()> {
    query(
        "update surveillance_case set last = $1, severity = $2, score = $3, findings = $4, \
         accounts = $5 where id = $6",
    )
    .bind(i64::from(case.last.number()))
    .bind(i64::from(case.severity))
    .bind(i64::from(case.score))
    .bind(serde_json::to_string(&case.findings)?)
    .bind(joined(&case.accounts))
    .bind(case.id.to_string())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes what was decided about an open case; `false` where it is not open.
pub(crate) async fn decide(
    tx: &mut Tx,
    id: CaseId,
    state: CaseState,
    (reason, by, at): (String, PartyId, Timestamp),
) -> Result<bool> {
    let done = query(
        "update surveillance_case set state = $1, reason = $2, decided_by = $3, decided_at = $4 \
         where id = $5 and state = $6",
    )
    .bind(state.name())
    .bind(reason)
    .bind(by.to_string())
    .bind(at.seconds())
    .bind(id.to_string())
    .bind(CaseState::Open.name())
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A case of a community.
pub(crate) async fn case(
    conn: &mut AnyConnection,
    community: CommunityId,
    id: CaseId,
) -> Result<Option<KeptCase>> {
    let row = query(AssertSqlSafe(format!("{CASE} where community = $1 and id = $2")))
        .bind(community.to_string())
        .bind(id.to_string())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read).transpose()
}

/// Which cases are wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// In this state.
    pub(crate) state: Option<CaseState>,
    /// Found by this rule.
    pub(crate) kind: Option<String>,
    /// About the owner of this account.
    pub(crate) account: Option<AccountId>,
    /// Before the case with this place.
    pub(crate) before: Option<i64>,
    /// At most so many.
    pub(crate) limit: u32,
}

/// Cases of a community, the newest first.
pub(crate) async fn cases(
    db: &Db,
    community: CommunityId,
    wanted: &Wanted,
) -> Result<Vec<KeptCase>> {
    let text = format!(
        "{CASE} where community = $1 and place < $2 and ($3 = '' or state = $3) \
         and ($4 = '' or kind = $4) and accounts like $5 order by place desc limit $6"
    );
    let account = wanted.account.map(|account| account.to_string()).unwrap_or_default();
    let rows = query(AssertSqlSafe(text))
        .bind(community.to_string())
        .bind(wanted.before.unwrap_or(i64::MAX))
        .bind(wanted.state.map(CaseState::name).unwrap_or_default())
        .bind(wanted.kind.clone().unwrap_or_default())
        .bind(format!("%{account}%"))
        .bind(i64::from(wanted.limit))
        .fetch_all(db.read())
        .await
        .context("listing cases")?;
    rows.iter().map(read).collect()
}

fn read(row: &AnyRow) -> Result<KeptCase> {
    let day = |index: usize| -> Result<LocalDay> {
        let number = u32::try_from(row.try_get::<i64, _>(index)?).context("the number of a day")?;
        Ok(LocalDay::from_number(number))
    };
    let findings: String = row.try_get(11)?;
    let state: String = row.try_get(12)?;
    let (reason, by): (Option<String>, Option<String>) = (row.try_get(13)?, row.try_get(14)?);
    let at: Option<i64> = row.try_get(15)?;
    let decision = match (reason, by, at) {
        (Some(reason), Some(by), Some(at)) => {
            Some((reason, parsed(&by)?, Timestamp::from_seconds(at)))
        }
        _ => None,
    };
    Ok(KeptCase {
        place: row.try_get(0)?,
        id: parsed(&row.try_get::<String, _>(1)?)?,
        zone: parsed::<ZoneId>(&row.try_get::<String, _>(2)?)?,
        kind: row.try_get(3)?,
        owners: split(&row.try_get::<String, _>(4)?)?,
        accounts: split(&row.try_get::<String, _>(5)?)?,
        opened: day(6)?,
        last: day(7)?,
        severity: u8::try_from(row.try_get::<i64, _>(8)?).context("a severity")?,
        score: u16::try_from(row.try_get::<i64, _>(9)?).context("a score")?,
        found_at: Timestamp::from_seconds(row.try_get(10)?),
        findings: serde_json::from_str(&findings).context("the findings of a case")?,
        state: CaseState::of(&state).with_context(|| format!("{state:?} is no state"))?,
        decision,
    })
}

/// How several names are kept.
pub(crate) fn joined<T: Display>(names: &[T]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<String>>().join(" ")
}

fn split<T: FromStr>(names: &str) -> Result<Vec<T>>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    names.split_whitespace().map(parsed).collect()
}

fn parsed<T: FromStr>(name: &str) -> Result<T>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    name.parse().with_context(|| format!("{name:?} names nothing"))
}

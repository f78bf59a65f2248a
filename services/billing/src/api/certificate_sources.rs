//! What connection points generate from.

use access::Action;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{delete, get, put};
use calendar::Timestamp;
use ids::{AccountId, ConnectionPointId};
use serde::{Deserialize, Serialize};
use service::{PageQuery, Principal, Problem, Problems};
use utoipa::ToSchema;

use super::{may, require};
use crate::Billing;
use crate::app::certificate_sources::Sourced;
use crate::db::certifying;
use crate::domain::certificate::{NAMED, SourceCode, Span, name_of, text_of};

/// What staff says of a connection point.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSource {
    /// The energy source: a renewable code of EECS.
    #[schema(example = "F01040100")]
    code: String,
}

/// A connection point and what it generates from.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct SourcedView {
    /// The connection point.
    #[schema(format = "uuid")]
    pub(crate) connection_point: String,
    /// Whose.
    #[schema(format = "uuid")]
    pub(crate) account: String,
    /// The source in force, as the chain has it; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<SourceView>,
    /// Sources that ended, newest first.
    pub(crate) ended: Vec<SourceView>,
    /// What staff said last, where it is not in a block or was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) change: Option<SourceChangeView>,
}

/// A source of a connection point, for a time.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct SourceView {
    /// The code (EECS).
    pub(crate) code: String,
    /// The same in words.
    #[schema(example = "Solar")]
    pub(crate) name: String,
    /// Since when: the time of the block.
    #[schema(format = DateTime)]
    pub(crate) from: String,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) to: Option<String>,
}

/// A change of a source that is under way or was refused.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct SourceChangeView {
    /// The new source; absent where it is to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    /// `sent` or `failed`.
    pub(crate) state: String,
    /// Why it failed, as the contract says now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// When staff said it.
    #[schema(format = DateTime)]
    pub(crate) at: String,
}

/// Connection points with their sources, and the codes that have a name.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct SourcesPage {
    /// The connection points.
    pub(crate) items: Vec<SourcedView>,
    /// The cursor of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
    /// Codes that can be chosen.
    pub(crate) codes: Vec<CodeView>,
}

/// An energy source.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct CodeView {
    /// The code (EECS).
    pub(crate) code: String,
    /// The same in words.
    pub(crate) name: String,
}

/// Connection points with sources: the caller's own, or for staff all of the community.
#[utoipa::path(
    tag = "billing",
    params(PageQuery),
    responses((status = 200, body = SourcesPage), Problems)
)]
#[get("/v1/certificate-sources")]
pub(crate) async fn list_sources(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<PageQuery>,
) -> Result<Json<SourcesPage>, Problem> {
    let account: Option<AccountId> = match may(&caller, Action::ReadAccount, None) {
        true => None,
        false => Some(caller.own_account()?),
    };
    let (limit, after) = (query.limit(), query.cursor.as_deref().unwrap_or_default());
    let of = (caller.community, account);
    let found = certifying::points(&billing.db, of, after, limit).await?;
    let full = found.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = found.last().filter(|_| full).map(|(point, _)| point.to_string());
    let mut items = Vec::with_capacity(found.len());
    for (point, account) in found {
        items.push(view(&billing.sourced_point(point, account).await?));
    }
    let code = |(code, name): &(&str, &str)| CodeView {
        code: (*code).to_owned(),
        name: (*name).to_owned(),
    };
    Ok(Json(SourcesPage { items, next, codes: NAMED.iter().map(code).collect() }))
}

/// What a connection point generates from. For whose it is, and for staff.
#[utoipa::path(
    tag = "billing",
    params(("point" = String, Path, description = "The connection point")),
    responses((status = 200, body = SourcedView), Problems)
)]
#[get("/v1/certificate-sources/{point}")]
pub(crate) async fn get_source(
    billing: Data<Billing>,
    caller: Principal,
    point: Path<String>,
) -> Result<Json<SourcedView>, Problem> {
    let found = billing.sources_at(caller.community, parsed(&point)?).await?;
    if !may(&caller, Action::ReadAccount, Some(found.account)) {
        return Err(Problem::not_found("connection point"));
    }
    Ok(Json(view(&found)))
}

/// Says what a connection point generates from, from the next block on.
///
/// Energy of slots that began before is not certified. Refused with `SOURCE` for what is no
/// renewable code of EECS, `SOURCE_IN_FORCE` while it has another source and `SOURCE_ON_ITS_WAY`
/// while another change waits for a block. Saying the same again changes nothing.
#[utoipa::path(
    tag = "billing",
    params(("point" = String, Path, description = "The connection point")),
    request_body = NewSource,
    responses((status = 200, body = SourcedView), Problems)
)]
#[put("/v1/certificate-sources/{point}")]
pub(crate) async fn set_source(
    billing: Data<Billing>,
    caller: Principal,
    point: Path<String>,
    Json(new): Json<NewSource>,
) -> Result<Json<SourcedView>, Problem> {
    require(&caller, Action::CertifySource)?;
    let code: SourceCode = new.code.parse().map_err(|error| {
        Problem::refused("SOURCE", "This is no renewable energy source")
            .with_detail(format!("{error}"))
    })?;
    let at = (caller.community, parsed(&point)?);
    let said = billing.say_source(at, Some(code), caller.party, billing.now()).await?;
    Ok(Json(view(&said)))
}

/// Ends the source of a connection point with the next block.
///
/// Energy of slots that have not ended by then is not certified. Refused with `NO_SOURCE` and
/// `SOURCE_ON_ITS_WAY`.
#[utoipa::path(
    tag = "billing",
    params(("point" = String, Path, description = "The connection point")),
    responses((status = 200, body = SourcedView), Problems)
)]
#[delete("/v1/certificate-sources/{point}")]
pub(crate) async fn end_source(
    billing: Data<Billing>,
    caller: Principal,
    point: Path<String>,
) -> Result<Json<SourcedView>, Problem> {
    require(&caller, Action::CertifySource)?;
    let at = (caller.community, parsed(&point)?);
    Ok(Json(view(&billing.say_source(at, None, caller.party, billing.now()).await?)))
}

fn parsed(point: &str) -> Result<ConnectionPointId, Problem> {
    point.parse().map_err(|_| Problem::not_found("connection point"))
}

fn view(of: &Sourced) -> SourcedView {
    let (last, before) = match of.spans.split_last() {
        Some((last, before)) if last.to.is_none() => (Some(last), before),
        _ => (None, &of.spans[..]),
    };
    let open = of.order.as_ref().filter(|order| order.state.name() != "done");
    SourcedView {
        connection_point: of.point.to_string(),
        account: of.account.to_string(),
        source: last.map(source),
        ended: before.iter().rev().map(source).collect(),
        change: open.map(|order| SourceChangeView {
            code: Some(order.code.clone()).filter(|code| !code.is_empty()),
            state: order.state.name().to_owned(),
            reason: of.reason.clone(),
            at: order.at.to_string(),
        }),
    }
}

fn source(span: &Span) -> SourceView {
    let moment = |epoch: u64| Timestamp::from_seconds(epoch.cast_signed()).to_string();
    let code = text_of(span.code);
    SourceView {
        name: name_of(&code).to_owned(),
        code,
        from: moment(span.from),
        to: span.to.map(moment),
    }
}

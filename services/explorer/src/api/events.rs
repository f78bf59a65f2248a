//! The feed: what is kept of it, and live, as server-sent events.
#![allow(unused_qualifications, reason = "the route macros repeat the types of the arguments")]

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING};
use actix_web::web::{Data, Json, Query};
use actix_web::{HttpRequest, HttpResponse, get};
use serde::Deserialize;
use service::{Fault, Page, PageQuery, Problem, Problems};
use utoipa::IntoParams;

use crate::Explorer;
use crate::api::dto::FeedEvent;
use crate::app::feed;
use crate::app::kind::Kind;

/// Which news are wanted, in a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct KindQuery {
    /// Only of this kind; all but blocks when absent.
    #[param(value_type = Option<Kind>, inline)]
    pub(crate) kind: Option<String>,
}

/// Which news are wanted, in a stream.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct KindsQuery {
    /// Only of these kinds, separated by commas as in `gate_closed,slot_cleared`; all when absent.
    pub(crate) kinds: Option<String>,
}

fn kind(code: &str) -> Result<Kind, Problem> {
    Kind::of(code).ok_or_else(|| Problem::malformed("there is no such kind of news"))
}

/// Lists what happened, newest first, by the names of the market's rules.
///
/// `body` is what `GET /v1/events` streams. What the contracts did is told for each transaction
/// and kind: `count` steps, of which `steps` has the first 16. It goes when its block leaves the
/// chain. Some 100000 are kept, but of blocks, changed books and stored readings 10000.
///
/// Nobody is named: an account is the address that it settles at, and an order that nobody may see
/// yet is its slot, or the hash that commits to it.
#[utoipa::path(
    tag = "explorer",
    security(()),
    params(PageQuery, KindQuery),
    responses((status = 200, body = Page<FeedEvent>), Problems)
)]
#[get("/v1/explorer/events")]
pub(crate) async fn list_events(
    explorer: Data<Explorer>,
    page: Query<PageQuery>,
    of: Query<KindQuery>,
) -> Result<Json<Page<FeedEvent>>, Problem> {
    let kind = of.kind.as_deref().map(kind).transpose()?;
    Ok(Json(feed::list(&explorer.db, &page, kind).await?))
}

/// Streams news as it happens (server-sent events).
///
/// An event is called by its kind, one of those of `GET /v1/explorer/events`, and carries a JSON
/// object. What the contracts did comes after its `block`, and `block_removed` takes it back.
/// `reset` says that some were missed and lists should be read again.
#[utoipa::path(
    tag = "explorer",
    security(()),
    params(
        KindsQuery,
        ("Last-Event-ID" = Option<i64>, Header, description = "Continue after this event"),
    ),
    responses((status = 200, content_type = "text/event-stream", body = String), Problems)
)]
#[get("/v1/events")]
pub(crate) async fn listen(
    explorer: Data<Explorer>,
    request: HttpRequest,
    of: Query<KindsQuery>,
) -> Result<HttpResponse, Problem> {
    let kinds = of.kinds.as_deref().map(|kinds| kinds.split(',').map(kind).collect());
    let kinds: Option<Vec<Kind>> = kinds.transpose()?;
    let stream = explorer.feed.listen(last_event_id(&request)?, kinds).await;
    let stream = stream.map_err(Fault::problem)?;
    let stream = stream.ok_or_else(|| Problem::unavailable("too many listen already"))?;
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-cache"))
        // Compression would hold events back until a block of them is full.
        .insert_header((CONTENT_ENCODING, "identity"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(stream))
}

fn last_event_id(request: &HttpRequest) -> Result<Option<i64>, Problem> {
    let Some(header) = request.headers().get("Last-Event-ID") else { return Ok(None) };
    let id = header.to_str().ok().and_then(|id| id.parse().ok());
    id.map(Some).ok_or_else(|| Problem::malformed("Last-Event-ID is not one of ours"))
}

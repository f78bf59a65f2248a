//! The live feed, as server-sent events.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_ENCODING};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use service::{Fault, Problem, Problems};

use crate::Explorer;

/// Streams news as it happens (server-sent events).
///
/// Kinds: `block`, `block_removed`, `slot_cleared`, `book_changed`, `readings_stored`,
/// `invoice_issued`, `invoice_corrected`, `tariff_published`, `kill_switch`, `curtailed`,
/// `risk_limit_changed`. Each carries a JSON object.
/// `reset` says that some were missed and lists should be read again.
#[utoipa::path(
    tag = "explorer",
    security(()),
    params(("Last-Event-ID" = Option<i64>, Header, description = "Continue after this event")),
    responses((status = 200, content_type = "text/event-stream", body = String), Problems)
)]
#[get("/v1/events")]
pub(crate) async fn listen(
    explorer: Data<Explorer>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let stream = explorer.feed.listen(last_event_id(&request)?).await.map_err(Fault::problem)?;
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

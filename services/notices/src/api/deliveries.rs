//! Messages to endpoints: what became of them, and how they are sent anew.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{get, post};
use calendar::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{Page, PageQuery, Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::webhooks::webhook_of;
use crate::Notices;
use crate::db::deliveries::{self, Delivery, Status};

/// How far a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DeliveryState {
    /// It is to be sent, or sent again.
    Waiting,
    /// The endpoint took it.
    Delivered,
    /// The endpoint did not take it.
    Failed,
}

impl From<Status> for DeliveryState {
    fn from(status: Status) -> DeliveryState {
        match status {
            Status::Waiting => DeliveryState::Waiting,
            Status::Delivered => DeliveryState::Delivered,
            Status::Failed => DeliveryState::Failed,
        }
    }
}

impl From<DeliveryState> for Status {
    fn from(state: DeliveryState) -> Status {
        match state {
            DeliveryState::Waiting => Status::Waiting,
            DeliveryState::Delivered => Status::Delivered,
            DeliveryState::Failed => Status::Failed,
        }
    }
}

/// Which messages.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeliveriesQuery {
    /// `waiting`, `delivered` or `failed`; all when absent.
    #[param(inline)]
    state: Option<DeliveryState>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A message to an endpoint.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct DeliveryView {
    /// Its id, `webhook-id`: the same in every attempt.
    #[schema(format = "uuid")]
    pub(crate) id: String,
    /// Its kind.
    pub(crate) kind: String,
    /// When the fact became true.
    #[schema(format = DateTime)]
    pub(crate) at: String,
    /// How far it is.
    pub(crate) state: DeliveryState,
    /// How often it was sent.
    pub(crate) attempts: u32,
    /// When it is sent again at the earliest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) next_attempt: Option<String>,
    /// The HTTP status of the last answer, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answered: Option<u16>,
    /// Why the last attempt came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// When it was taken or given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) ended: Option<String>,
    /// What is sent.
    #[schema(value_type = Object)]
    pub(crate) body: Value,
}

/// What an endpoint answers to a test.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct TestView {
    /// Whether it took the message.
    pub(crate) taken: bool,
    /// The HTTP status, if there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answered: Option<u16>,
    /// Why it came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}

/// Which messages are sent anew.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replay {
    /// The message, also one that was taken; all that failed when absent.
    message: Option<String>,
    /// Of those that failed, only what became true from then on.
    #[schema(format = DateTime)]
    since: Option<String>,
}

/// How much is sent anew.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Replayed {
    /// Messages.
    pub(crate) messages: u64,
}

/// Sends an endpoint a message of the kind `webhook.test` at once, and says what it answers.
#[utoipa::path(
    tag = "notices",
    params(("id" = String, Path, description = "The endpoint")),
    responses((status = 200, body = TestView), Problems)
)]
#[post("/v1/webhooks/{id}/test")]
pub(crate) async fn test_webhook(
    notices: Data<Notices>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<TestView>, Problem> {
    let webhook = webhook_of(&notices, &caller, &id).await?;
    let answered = notices.test(&webhook, notices.now()).await?;
    Ok(Json(TestView {
        taken: answered.is_taken(),
        answered: (answered.status != 0).then_some(answered.status),
        error: (!answered.error.is_empty()).then_some(answered.error),
    }))
}

/// Messages to an endpoint, newest first. Kept for thirty days after they were taken or given up.
#[utoipa::path(
    tag = "notices",
    params(("id" = String, Path, description = "The endpoint"), DeliveriesQuery),
    responses((status = 200, body = Page<DeliveryView>), Problems)
)]
#[get("/v1/webhooks/{id}/deliveries")]
pub(crate) async fn list_deliveries(
    notices: Data<Notices>,
    caller: Principal,
    id: Path<String>,
    Query(query): Query<DeliveriesQuery>,
) -> Result<Json<Page<DeliveryView>>, Problem> {
    let webhook = webhook_of(&notices, &caller, &id).await?;
    let limit = PageQuery { limit: query.limit, cursor: None }.limit();
    let before = match query.cursor.as_deref() {
        None => i64::MAX,
        Some(cursor) => cursor.parse().map_err(|_| Problem::malformed("cursor: unknown"))?,
    };
    let status = query.state.map(Status::from);
    let found = deliveries::page(&notices.db, webhook.id, status, (before, limit)).await?;
    let full = found.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = found.last().filter(|_| full).map(|last| last.place.to_string());
    Ok(Json(Page { items: found.into_iter().map(view).collect(), next }))
}

/// Sends messages anew that an endpoint did not take, in their old order and with their old ids.
///
/// An endpoint that fails is tried again, also where nothing is sent anew.
#[utoipa::path(
    tag = "notices",
    params(("id" = String, Path, description = "The endpoint")),
    request_body = Replay,
    responses((status = 200, body = Replayed), Problems)
)]
#[post("/v1/webhooks/{id}/replay")]
pub(crate) async fn replay_deliveries(
    notices: Data<Notices>,
    caller: Principal,
    id: Path<String>,
    Json(replay): Json<Replay>,
) -> Result<Json<Replayed>, Problem> {
    let webhook = webhook_of(&notices, &caller, &id).await?;
    let since = match replay.since.as_deref() {
        None => Timestamp::from_seconds(0),
        Some(text) => {
            text.parse().map_err(|error| Problem::malformed(format!("since: {error}")))?
        }
    };
    let messages = notices.replay(webhook.id, replay.message, since).await?;
    Ok(Json(Replayed { messages }))
}

fn view(delivery: Delivery) -> DeliveryView {
    let waiting = delivery.status == Status::Waiting;
    DeliveryView {
        id: delivery.message.id,
        kind: delivery.message.kind,
        at: delivery.message.at.to_string(),
        state: delivery.status.into(),
        attempts: delivery.attempts,
        next_attempt: (waiting && delivery.attempts > 0).then(|| delivery.not_before.to_string()),
        answered: (delivery.answered != 0).then_some(delivery.answered),
        error: (!delivery.error.is_empty()).then_some(delivery.error),
        ended: delivery.ended.map(|at| at.to_string()),
        body: serde_json::from_str(&delivery.message.body).unwrap_or_default(),
    }
}

//! Endpoints of systems that are told what happens.

use access::Action;
use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, delete, get, post, put};
use serde::{Deserialize, Serialize};
use service::{Page, Principal, Problem, Problems};
use utoipa::ToSchema;

use super::require;
use crate::Notices;
use crate::db::webhooks::{self, Wanted, Webhook};
use crate::domain::event::EventKind;

/// The longest description, in characters.
const DESCRIPTION_CHARS_MAX: usize = 200;
/// Hours for which the secret before signs as well unless said otherwise.
const OVERLAP_HOURS: u32 = 24;
/// The most hours for which two secrets sign.
const OVERLAP_HOURS_MAX: u32 = 7 * 24;

/// Where events are sent, and which.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookTerms {
    /// https, at most 2000 bytes, at an address of the public internet or one that the operator
    /// allows.
    #[schema(example = "https://billing.example.org/wattex")]
    url: String,
    /// What it is, in at most 200 characters.
    #[serde(default)]
    description: String,
    /// What it is told of: at least one kind.
    kinds: Vec<EventKind>,
    /// Whether it is told; `true` when absent.
    #[serde(default = "yes")]
    active: bool,
}

const fn yes() -> bool {
    true
}

/// For how long the secret before is good.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotation {
    /// Hours for which messages have a signature by the secret before as well, 0 to 168; 24 when
    /// absent.
    overlap_hours: Option<u32>,
}

/// An endpoint.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct WebhookView {
    /// Its id.
    #[schema(format = "uuid")]
    pub(crate) id: String,
    /// Where events are sent.
    pub(crate) url: String,
    /// What it is.
    pub(crate) description: String,
    /// What it is told of.
    pub(crate) kinds: Vec<EventKind>,
    /// Whether it is told.
    pub(crate) active: bool,
    /// Since when nothing is sent any more, because it did not take a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) failing_since: Option<String>,
    /// Why it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Messages that wait.
    pub(crate) waiting: u64,
    /// Messages that it did not take.
    pub(crate) failed: u64,
    /// Until when the secret before signs as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) two_secrets_until: Option<String>,
    /// Who made it.
    #[schema(format = "uuid")]
    pub(crate) created_by: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub(crate) created_at: String,
}

/// An endpoint with its secret, which is not shown again.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct NewWebhook {
    /// The endpoint.
    pub(crate) webhook: WebhookView,
    /// What signs messages to it: `whsec_` and base64.
    pub(crate) secret: String,
}

/// Says where events of the community are sent to, and which.
///
/// Messages are signed as Standard Webhooks has it: `webhook-id`, `webhook-timestamp` and
/// `webhook-signature`. The answer has the secret, which is shown once. Refused with
/// `WEBHOOKS_MAX`.
#[utoipa::path(
    tag = "notices",
    request_body = WebhookTerms,
    responses((status = 201, body = NewWebhook), Problems)
)]
#[post("/v1/webhooks")]
pub(crate) async fn add_webhook(
    notices: Data<Notices>,
    caller: Principal,
    Json(terms): Json<WebhookTerms>,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::ManageWebhooks, None)?;
    let (wanted, by) = (wanted(terms)?, (caller.party, notices.now()));
    let (webhook, secret) = notices.add_webhook(caller.community, wanted, by).await?;
    let webhook = view(&notices, webhook).await?;
    Ok(HttpResponse::Created().json(NewWebhook { webhook, secret: secret.to_string() }))
}

/// The endpoints of the caller's community, oldest first: at most 20.
#[utoipa::path(tag = "notices", responses((status = 200, body = Page<WebhookView>), Problems))]
#[get("/v1/webhooks")]
pub(crate) async fn list_webhooks(
    notices: Data<Notices>,
    caller: Principal,
) -> Result<Json<Page<WebhookView>>, Problem> {
    require(&caller, Action::ManageWebhooks, None)?;
    let mut items = Vec::new();
    for webhook in webhooks::of(&notices.db, caller.community).await? {
        items.push(view(&notices, webhook).await?);
    }
    Ok(Json(Page { items, next: None }))
}

/// One endpoint.
#[utoipa::path(
    tag = "notices",
    params(("id" = String, Path, description = "The endpoint")),
    responses((status = 200, body = WebhookView), Problems)
)]
#[get("/v1/webhooks/{id}")]
pub(crate) async fn get_webhook(
    notices: Data<Notices>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<WebhookView>, Problem> {
    let webhook = webhook_of(&notices, &caller, &id).await?;
    Ok(Json(view(&notices, webhook).await?))
}

/// Changes where events are sent, and which. An endpoint that fails is tried again.
#[utoipa::path(
    tag = "notices",
    params(("id" = String, Path, description = "The endpoint")),
    request_body = WebhookTerms,
    responses((status = 200, body = WebhookView), Problems)
)]
#[put("/v1/webhooks/{id}")]
pub(crate) async fn change_webhook(
    notices: Data<Notices>,
    caller: Principal,
    id: Path<String>,
    Json(terms): Json<WebhookTerms>,
) -> Result<Json<WebhookView>, Problem> {
    let webhook = webhook_of(&notices, &caller, &id).await?;
    notices.change_webhook(webhook.id, wanted(terms)?).await?;
    let webhook = webhook_of(&notices, &caller, &id).await?;
    Ok(Json(view(&notices, webhook).await?))
}

/// Removes an endpoint with all messages to it.
#[utoipa::path(
    tag = "notices",
    params(("id" = String, Path, description = "The endpoint")),
    responses((status = 204), Problems)
)]
#[delete("/v1/webhooks/{id}")]
pub(crate) async fn remove_webhook(
    notices: Data<Notices>,
    caller: Principal,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let webhook = webhook_of(&notices, &caller, &id).await?;
    notices.remove_webhook(webhook.id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Gives an endpoint a new secret, which is shown once.
///
/// Messages have a signature by the secret before as well, until the overlap is over.
#[utoipa::path(
    tag = "notices",
    params(("id" = String, Path, description = "The endpoint")),
    request_body = Rotation,
    responses((status = 200, body = NewWebhook), Problems)
)]
#[post("/v1/webhooks/{id}/secret")]
pub(crate) async fn rotate_webhook_secret(
    notices: Data<Notices>,
    caller: Principal,
    id: Path<String>,
    Json(rotation): Json<Rotation>,
) -> Result<Json<NewWebhook>, Problem> {
    let webhook = webhook_of(&notices, &caller, &id).await?;
    let hours = rotation.overlap_hours.unwrap_or(OVERLAP_HOURS);
    if hours > OVERLAP_HOURS_MAX {
        let detail = format!("overlap_hours: at most {OVERLAP_HOURS_MAX}");
        return Err(Problem::malformed(detail));
    }
    let until = notices.now().plus_seconds(i64::from(hours) * 3600);
    let secret = notices.rotate_secret(&webhook, until).await?;
    let webhook = webhook_of(&notices, &caller, &id).await?;
    let webhook = view(&notices, webhook).await?;
    Ok(Json(NewWebhook { webhook, secret: secret.to_string() }))
}

/// The endpoint that the path names, if the caller may know of it.
pub(super) async fn webhook_of(
    notices: &Notices,
    caller: &Principal,
    id: &str,
) -> Result<Webhook, Problem> {
    require(caller, Action::ManageWebhooks, None)?;
    let unknown = || Problem::not_found("webhook");
    let id = id.parse().map_err(|_| unknown())?;
    let webhook = webhooks::find(&notices.db, id).await?;
    webhook.filter(|webhook| webhook.community == caller.community).ok_or_else(unknown)
}

fn wanted(terms: WebhookTerms) -> Result<Wanted, Problem> {
    let WebhookTerms { url, description, mut kinds, active } = terms;
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.is_empty() {
        return Err(Problem::malformed("kinds: at least one"));
    }
    let description = description.trim().to_owned();
    let long = description.chars().count() > DESCRIPTION_CHARS_MAX;
    if long || description.chars().any(char::is_control) {
        let detail = format!("description: at most {DESCRIPTION_CHARS_MAX} characters in a line");
        return Err(Problem::malformed(detail));
    }
    Ok(Wanted { url, description, kinds, active })
}

async fn view(notices: &Notices, webhook: Webhook) -> Result<WebhookView, Problem> {
    let standing = notices.standing(webhook.id).await?;
    let (failing_since, reason) = webhook.failing.unzip();
    let now = notices.now();
    let before = webhook.secrets.before.filter(|(_, until)| now < *until);
    let Wanted { url, description, kinds, active } = webhook.wanted;
    Ok(WebhookView {
        id: webhook.id.to_string(),
        url,
        description,
        kinds,
        active,
        failing_since: failing_since.map(|since| since.to_string()),
        reason,
        waiting: standing.waiting,
        failed: standing.failed,
        two_secrets_until: before.map(|(_, until)| until.to_string()),
        created_by: webhook.created_by.to_string(),
        created_at: webhook.created_at.to_string(),
    })
}

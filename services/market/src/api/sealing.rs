//! Whether orders are sealed until the gate: from which slot on, and for how long they are opened.

use access::Action;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{get, put};
use calendar::Timestamp;
use serde::{Deserialize, Serialize};
use service::{Principal, Problem, Problems};
use utoipa::ToSchema;

use super::slots::ZoneQuery;
use super::{desk_of, may, moment_of};
use crate::app::Desk;
use crate::domain::{COMMITMENTS_PER_ACCOUNT_MAX, Change, UNREVEALED_MAX};
use crate::market::Market;

/// How orders are sealed, from a slot on.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SealingBody {
    /// For how many seconds after the gate commitments are opened, 30 to 600, and a minute less
    /// than the gate is before the slot; absent: orders are not sealed.
    #[serde(default)]
    #[schema(minimum = 30, maximum = 600)]
    reveal_seconds: Option<u32>,
}

/// Whether orders are sealed in slots from a moment on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SealingChoiceView {
    /// Start of the first slot.
    from: String,
    /// For how many seconds after the gate commitments are opened; absent where orders are open.
    #[serde(skip_serializing_if = "Option::is_none")]
    reveal_seconds: Option<u32>,
}

/// How a market seals orders.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SealingView {
    /// The grid area.
    #[schema(format = "uuid")]
    zone: String,
    /// What was chosen, by its first slot; before the first one orders are open.
    choices: Vec<SealingChoiceView>,
    /// The most commitments of an account in a slot.
    commitments_max: usize,
    /// How many commitments the caller's party left unopened in the last day.
    unrevealed: u32,
    /// From how many on no new one is taken.
    unrevealed_max: u32,
}

fn choice((from, reveal_seconds): (Timestamp, Option<u32>)) -> SealingChoiceView {
    SealingChoiceView { from: from.to_string(), reveal_seconds }
}

async fn view(market: &Market, desk: &Desk, caller: &Principal) -> SealingView {
    let (book, now) = (desk.book().await, market.now());
    let unrevealed = caller.account.map(|account| book.unrevealed(account, now));
    SealingView {
        zone: desk.parameters().zone.to_string(),
        choices: book.sealing().map(choice).collect(),
        commitments_max: COMMITMENTS_PER_ACCOUNT_MAX,
        unrevealed: unrevealed.unwrap_or_default(),
        unrevealed_max: UNREVEALED_MAX,
    }
}

/// From which slots on orders are sealed, and what the caller left unopened.
#[utoipa::path(
    tag = "market",
    params(ZoneQuery),
    responses((status = 200, body = SealingView), Problems)
)]
#[get("/v1/sealing")]
pub(crate) async fn get_sealing(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<ZoneQuery>,
) -> Result<Json<SealingView>, Problem> {
    if !may(&caller, Action::ReadMarket, None) {
        return Err(Problem::forbidden());
    }
    let desk = desk_of(&market, &caller, query.zone())?;
    Ok(Json(view(&market, desk, &caller).await))
}

/// Chooses whether orders of the slots from `from` on are sealed until their gate.
///
/// Only slots whose book is not open yet, and only those of call auctions: others are refused with
/// `NOT_SEALABLE`. Needs the role operator or admin. A repeat changes nothing.
#[utoipa::path(
    tag = "market",
    params(
        ("from" = String, Path, description = "Start of the first slot: 2026-06-01T10:00:00Z"),
        ZoneQuery,
    ),
    request_body = SealingBody,
    responses((status = 200, body = SealingView), Problems)
)]
#[put("/v1/sealing/{from}")]
pub(crate) async fn choose_sealing(
    market: Data<Market>,
    caller: Principal,
    from: Path<String>,
    Query(query): Query<ZoneQuery>,
    Json(body): Json<SealingBody>,
) -> Result<Json<SealingView>, Problem> {
    let from = moment_of("from", &from)?;
    if !may(&caller, Action::HaltMarket, None) {
        return Err(Problem::forbidden());
    }
    let desk = desk_of(&market, &caller, query.zone())?;
    let reveal_seconds = body.reveal_seconds;
    desk.change(Change::Seal { from, reveal_seconds }, caller.party).await?;
    Ok(Json(view(&market, desk, &caller).await))
}

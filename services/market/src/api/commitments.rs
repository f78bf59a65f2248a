//! Commitments to sealed orders: in, out, opened.

use std::sync::Arc;

use access::Action;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, delete, get, post};
use alloy_primitives::B256;
use contracts::OrderTerms;
use keys::SignatureBytes;
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::orders::{OrderBody, OrderTermsSchema, OrderView, judged, page};
use super::slots::ZoneQuery;
use super::{desk_of, may, slot_of};
use crate::app::{Desk, SealedIn};
use crate::domain::{Commitment, Exchange, NewCommitment, Opening, SealState, commitment};
use crate::market::Market;

/// What opens a commitment.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpeningBody {
    /// What is signed (EIP-712).
    #[schema(value_type = OrderTermsSchema)]
    order: OrderTerms,
    /// As of an order that is placed.
    #[schema(value_type = String)]
    signature: SignatureBytes,
    /// 32 bytes as hex, that nobody can guess.
    #[schema(value_type = String)]
    salt: B256,
    /// The limit is meant, though far off what energy costs at that time of day.
    #[serde(default)]
    beyond_reference: bool,
}

/// A commitment to an order of a sealed slot.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommitmentBody {
    /// Start of the slot.
    slot: String,
    /// The grid area; the community's first when absent.
    #[serde(default)]
    #[schema(format = "uuid")]
    zone: Option<String>,
    /// `keccak256(keccak256("Wattex sealed order 1") || hash of the order || salt)`, with the hash
    /// that is signed (EIP-712), as hex. Follows from `deposit` where that is there.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    commitment: Option<B256>,
    /// What opens it, left with the market, which opens it when the gate is closed. Until then the
    /// operator can read it, and no member. Without it the account opens it itself.
    #[serde(default)]
    deposit: Option<OpeningBody>,
}

/// A commitment as it stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CommitmentView {
    /// Its name.
    commitment: String,
    /// Who sent it.
    #[schema(format = "uuid")]
    account: String,
    /// Start of the slot.
    slot: String,
    /// When it came.
    committed_at: String,
    /// `waiting`, `withdrawn`, `opened`, `refused` or `expired`.
    status: String,
    /// Whether the market opens it.
    deposited: bool,
    /// What was deposited, for its own account alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OrderTermsSchema>)]
    order: Option<OrderTerms>,
    /// The order that opened it; until the slot is cleared for its own account alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    order_id: Option<String>,
    /// Why the market does not take what was deposited: a code as of an order.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_with: Option<String>,
    /// Whether it counts as left unopened.
    counted: bool,
    /// Until when it is opened, once its gate is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_until: Option<String>,
}

impl CommitmentView {
    fn of(book: &Exchange, known: &Commitment, caller: &Principal) -> CommitmentView {
        let own = caller.account == Some(known.account);
        let (status, order_id, refused_with) = match &known.state {
            SealState::Waiting => ("waiting", None, None),
            SealState::Withdrawn { .. } => ("withdrawn", None, None),
            SealState::Opened { order } => {
                let shown = own || !book.is_hidden(known.slot);
                ("opened", shown.then(|| order.to_string()), None)
            }
            SealState::Refused { why } => ("refused", None, Some(why.clone())),
            SealState::Expired => ("expired", None, None),
        };
        let deposit = known.deposit.as_ref();
        CommitmentView {
            commitment: known.hash.to_string(),
            account: known.account.to_string(),
            slot: known.slot.to_string(),
            committed_at: known.at.to_string(),
            status: status.to_owned(),
            deposited: deposit.is_some(),
            order: deposit.filter(|_| own).map(|deposit| deposit.terms.clone()),
            order_id,
            refused_with,
            counted: known.counted,
            opened_until: book.revealed_until(known.slot).map(|until| until.to_string()),
        }
    }

    async fn seen(desk: &Desk, sealed: &SealedIn, caller: &Principal) -> CommitmentView {
        let book = desk.book().await;
        CommitmentView::of(&book, &sealed.commitment, caller)
    }
}

/// Commits to an order of a sealed slot.
///
/// Until the gate others see how many commitments there are, and nothing of them. Repeating it
/// returns the commitment as it stands, with 200. It holds no cash: that is asked for when it is
/// opened. What is left unopened counts, and a party that leaves too many so in a day is refused
/// with `UNREVEALED`.
#[utoipa::path(
    tag = "market",
    request_body = CommitmentBody,
    responses(
        (status = 201, body = CommitmentView, description = "Taken in"),
        (status = 200, body = CommitmentView, description = "Taken in before"),
        Problems,
    )
)]
#[post("/v1/commitments")]
pub(crate) async fn commit_order(
    market: Data<Market>,
    caller: Principal,
    Json(body): Json<CommitmentBody>,
) -> Result<HttpResponse, Problem> {
    let account = caller.own_account()?;
    let desk = desk_of(&market, &caller, body.zone.as_deref())?;
    let slot = slot_of(desk, &body.slot)?.start;
    let deposit = match body.deposit {
        None => None,
        Some(deposit) => {
            let salt = deposit.salt;
            let sealed =
                OrderBody::sealed(deposit.order, deposit.signature, deposit.beyond_reference);
            let (_, order, signature) = judged(sealed, account, caller.community, &market)?;
            Some((market.asked(order, signature).await?, salt))
        }
    };
    let meant = deposit.as_ref().map(|(order, salt)| commitment(order.hash, *salt));
    let hash = body.commitment.or(meant);
    let hash = hash.ok_or_else(|| Problem::malformed("commitment: it, or a deposit, is needed"))?;
    let sealed = desk.seal(NewCommitment { hash, account, slot, deposit }).await?;
    let mut response = if sealed.repeated { HttpResponse::Ok() } else { HttpResponse::Created() };
    Ok(response.json(CommitmentView::seen(desk, &sealed, &caller).await))
}

/// The desk that knows a commitment.
async fn desk_with<'a>(
    market: &'a Market,
    caller: &Principal,
    hash: &str,
) -> Result<(&'a Arc<Desk>, B256), Problem> {
    let hash = hash.parse().map_err(|_| Problem::malformed("commitment: not 32 bytes as hex"))?;
    for desk in market.desks_of(caller.community) {
        let book = desk.book().await;
        if book.commitment(hash).is_some_and(|known| caller.may_read(known.account)) {
            return Ok((desk, hash));
        }
    }
    Err(Problem::not_found("commitment"))
}

/// Takes an own commitment back, until the gate of its slot. It does not count as left unopened.
#[utoipa::path(
    tag = "market",
    params(("commitment" = String, Path, description = "Its name")),
    responses((status = 200, body = CommitmentView), Problems)
)]
#[delete("/v1/commitments/{commitment}")]
pub(crate) async fn withdraw_commitment(
    market: Data<Market>,
    caller: Principal,
    hash: Path<String>,
) -> Result<Json<CommitmentView>, Problem> {
    let account = caller.own_account()?;
    let (desk, hash) = desk_with(&market, &caller, &hash).await?;
    let sealed = desk.withdraw(hash, account).await?;
    Ok(Json(CommitmentView::seen(desk, &sealed, &caller).await))
}

/// Opens an own commitment with the order that it stands for, when the gate is closed.
///
/// The order is judged as one that is placed; one that is refused leaves the commitment as it was.
/// Repeating it returns the order as it stands, with 200.
#[utoipa::path(
    tag = "market",
    params(("commitment" = String, Path, description = "Its name")),
    request_body = OpeningBody,
    responses(
        (status = 201, body = OrderView, description = "Accepted"),
        (status = 200, body = OrderView, description = "Accepted before"),
        Problems,
    )
)]
#[post("/v1/commitments/{commitment}/opening")]
pub(crate) async fn open_commitment(
    market: Data<Market>,
    caller: Principal,
    hash: Path<String>,
    Json(body): Json<OpeningBody>,
) -> Result<HttpResponse, Problem> {
    let account = caller.own_account()?;
    let (desk, commitment) = desk_with(&market, &caller, &hash).await?;
    let opening = Opening { commitment, salt: body.salt };
    let opened = OrderBody::sealed(body.order, body.signature, body.beyond_reference);
    let (_, order, signature) = judged(opened, account, caller.community, &market)?;
    let order = market.asked(order, signature).await?;
    let applied = desk.open_commitment(opening, order).await?;
    let mut response = if applied.repeated { HttpResponse::Ok() } else { HttpResponse::Created() };
    Ok(response.json(OrderView::from(&applied)))
}

/// Which commitments are wanted.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CommitmentsQuery {
    /// Of this account; the caller's own when absent. Others need a role.
    account: Option<String>,
    /// Of the slot that starts then.
    slot: Option<String>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Lists an account's commitments, the newest slot first.
#[utoipa::path(
    tag = "market",
    params(CommitmentsQuery),
    responses((status = 200, body = Page<CommitmentView>), Problems)
)]
#[get("/v1/commitments")]
pub(crate) async fn list_commitments(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<CommitmentsQuery>,
) -> Result<Json<Page<CommitmentView>>, Problem> {
    let account = match &query.account {
        None => caller.own_account()?,
        Some(text) => text.parse().map_err(|_| Problem::malformed("account: not a UUID"))?,
    };
    if !caller.may_read(account) {
        return Err(Problem::not_found("account"));
    }
    let mut views = Vec::new();
    for desk in market.desks_of(caller.community) {
        let slot = query.slot.as_deref().map(|start| slot_of(desk, start)).transpose()?;
        let book = desk.book().await;
        let own = book.commitments().rev().filter(|known| known.account == account);
        let meant = own.filter(|known| slot.is_none_or(|slot| slot.start == known.slot));
        views.extend(meant.map(|known| CommitmentView::of(&book, known, &caller)));
    }
    let wanted = PageQuery { limit: query.limit, cursor: query.cursor };
    page(views, &wanted, |view| view.commitment.clone())
}

/// The commitments of a slot whose gate is closed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SlotCommitmentsView {
    /// When it was closed.
    closed_at: String,
    /// The root over all of them, which the clearing's conditions name; it goes on chain when the
    /// gate is closed.
    root: String,
    /// All of them, in the order in which they came.
    items: Vec<SlotCommitmentView>,
}

/// A commitment as every member sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SlotCommitmentView {
    /// Its name.
    commitment: String,
    /// The address of who sent it.
    account: String,
    /// When it came.
    committed_at: String,
    /// Whether it was taken back before the gate.
    withdrawn: bool,
}

/// The commitments of a sealed slot, once its gate is closed.
///
/// Who opens a commitment itself reads here first whether it is among them, and keeps the root: no
/// order can come in any more that none of these stands for.
#[utoipa::path(
    tag = "market",
    params(("start" = String, Path, description = "2026-06-01T10:00:00Z"), ZoneQuery),
    responses((status = 200, body = SlotCommitmentsView), Problems)
)]
#[get("/v1/slots/{start}/commitments")]
pub(crate) async fn list_slot_commitments(
    market: Data<Market>,
    caller: Principal,
    start: Path<String>,
    Query(query): Query<ZoneQuery>,
) -> Result<Json<SlotCommitmentsView>, Problem> {
    if !may(&caller, Action::ReadMarket, None) {
        return Err(Problem::forbidden());
    }
    let desk = desk_of(&market, &caller, query.zone())?;
    let slot = slot_of(desk, &start)?.start;
    let book = desk.book().await;
    let sealed = book.sealed_book(slot).and_then(|sealed| Some((sealed.closed?, sealed)));
    let (closed, sealed) = sealed.ok_or_else(|| Problem::not_found("closed gate of this slot"))?;
    let view = |known: &Commitment| SlotCommitmentView {
        commitment: known.hash.to_string(),
        account: known.address.to_string(),
        committed_at: known.at.to_string(),
        withdrawn: matches!(known.state, SealState::Withdrawn { .. }),
    };
    Ok(Json(SlotCommitmentsView {
        closed_at: closed.to_string(),
        root: sealed.root().to_string(),
        items: sealed.commitments.iter().map(view).collect(),
    }))
}

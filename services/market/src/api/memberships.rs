//! Who shares in what the community generates, and by which shares.

use access::Action;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, delete, get, put};
use calendar::Timestamp;
use contracts::requests::Mandate;
use ids::ConnectionPointId;
use serde::{Deserialize, Serialize};
use service::{Principal, Problem, Problems};
use units::Price;
use utoipa::ToSchema;

use super::mechanisms::MechanismView;
use super::rules::{NO_MANDATE, RefusalView, refusal};
use super::slots::ZoneQuery;
use super::{desk_of, may, moment_of};
use crate::app::Desk;
use crate::domain::{Change, Exchange, Membership, PointShare, limits_at, next_slot};
use crate::market::Market;

/// For which slots an account joins.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JoinBody {
    /// Start of the first slot; the next one when absent.
    #[schema(format = DateTime)]
    from: Option<String>,
    /// Start of the first slot without it; open when absent.
    #[schema(format = DateTime)]
    until: Option<String>,
}

/// A standing membership.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct MembershipView {
    /// Whose.
    #[schema(format = "uuid")]
    account: String,
    /// Where its energy is metered.
    #[schema(format = "uuid")]
    connection_point: String,
    /// Start of its first slot.
    from: String,
    /// Start of the first slot without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// Its share of what is generated now, in basis points, where one is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    share_bps: Option<u32>,
    /// Why its newest order was refused, so that it got nothing of that slot, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<RefusalView>,
    /// `NO_MANDATE` where the account has granted the delegate nothing that it needs.
    warnings: Vec<String>,
}

/// Memberships, and what a member signs for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct MembershipsView {
    /// Whether what members feed in is shared out after each slot.
    shared: bool,
    /// How, in the next slot.
    mechanism: MechanismView,
    /// Who signs for members: the account grants this address a mandate.
    delegate: String,
    /// The policy that the mandate names.
    policy: String,
    /// What a mandate has to let it buy for at least, all in, in 1e-9 currency per Wh; absent where
    /// nothing is shared.
    #[serde(skip_serializing_if = "Option::is_none")]
    buy_limit: Option<u64>,
    /// What a mandate has to let it sell for at most, net, in 1e-9 currency per Wh.
    #[serde(skip_serializing_if = "Option::is_none")]
    sell_limit: Option<u64>,
    /// The caller's own; for staff all.
    items: Vec<MembershipView>,
}

/// The share of a connection point.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShareBody {
    /// Whose.
    #[schema(format = "uuid")]
    connection_point: String,
    /// In basis points, 1 to 10000.
    bps: u32,
}

/// All shares from a slot on.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SharesBody {
    /// At most 10000 basis points together; what is left of them goes to the grid, or where the
    /// mechanism passes it on to whoever misses most.
    shares: Vec<ShareBody>,
}

/// All shares from a slot on, as they stand.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct SharesView {
    /// Start of the first slot.
    from: String,
    /// By connection point.
    shares: Vec<ShareBody>,
}

/// The caller's standing membership, or for staff all of them, and what it is signed for.
#[utoipa::path(
    tag = "market",
    params(ZoneQuery),
    responses((status = 200, body = MembershipsView), Problems)
)]
#[get("/v1/memberships")]
pub(crate) async fn list_memberships(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<ZoneQuery>,
) -> Result<Json<MembershipsView>, Problem> {
    let desk = desk_of(&market, &caller, query.zone())?;
    let (book, parameters) = (desk.book().await, desk.parameters());
    let seen = |known: &&Membership| may(&caller, Action::ReadAccount, Some(known.account));
    let items = book.all_memberships().filter(seen).map(|one| view(one, desk, &book, &market));
    let next = next_slot(parameters, market.now());
    let mechanism = book.mechanism(next, parameters);
    let limits = signed_limits(desk, &book, &market);
    let of = |price: Price| price.n_per_wh().unsigned_abs();
    Ok(Json(MembershipsView {
        shared: book.is_shared_out(next, parameters),
        mechanism: mechanism.into(),
        delegate: format!("{:#x}", market.delegate()),
        policy: parameters.policy.to_string(),
        buy_limit: limits.map(|(all_in, _)| of(all_in)),
        sell_limit: limits.map(|(_, net)| of(net)),
        items: items.collect(),
    }))
}

/// Joins: from then on the account has a part of what the community generates.
///
/// After each slot the market's delegate orders what the account took and offers what it fed in, at
/// the community's price: the account has to grant it a mandate (`POST /v1/requests/prepare`) that
/// covers both. One connection point of an account, for slots that have not begun. Refused with
/// `NOT_SHARING`, `SLOT`, `GATE_CLOSED`, `MEMBER`, `POLICY`, `TOO_MANY`. A repeat changes nothing.
#[utoipa::path(
    tag = "market",
    params(
        ("connection_point" = String, Path, format = "uuid", description = "One of the caller's"),
        ZoneQuery,
    ),
    request_body = JoinBody,
    responses((status = 200, body = MembershipView), Problems)
)]
#[put("/v1/memberships/{connection_point}")]
pub(crate) async fn join_community(
    market: Data<Market>,
    caller: Principal,
    point: Path<String>,
    Query(query): Query<ZoneQuery>,
    Json(body): Json<JoinBody>,
) -> Result<Json<MembershipView>, Problem> {
    let account = caller.own_account()?;
    let sides = [Action::PlaceBuyOrder, Action::PlaceSellOrder];
    if !sides.into_iter().any(|side| may(&caller, side, Some(account))) {
        return Err(Problem::forbidden());
    }
    let connection_point = point_of(&point)?;
    let desk = desk_of(&market, &caller, query.zone())?;
    let moment = |field: &str, text: &Option<String>| {
        text.as_deref().map(|text| moment_of(field, text)).transpose()
    };
    let (from, until) = (moment("from", &body.from)?, moment("until", &body.until)?);
    let next = next_slot(desk.parameters(), market.now());
    let stands = |known: &&Membership| {
        known.connection_point == connection_point
            && known.until == until
            && from.map_or(known.holds_in(next), |from| from == known.from)
    };
    let before = desk.book().await.memberships(account).iter().find(stands).cloned();
    let membership = before.unwrap_or_else(|| Membership {
        account,
        connection_point,
        from: from.unwrap_or(next),
        until,
    });
    desk.change(Change::Join(membership.clone()), caller.party).await?;
    let book = desk.book().await;
    Ok(Json(view(&membership, desk, &book, &market)))
}

/// Leaves: slots that begin from now on are shared out without the account.
///
/// The mandate stays until it is ended (`POST /v1/requests/prepare`). A repeat changes nothing.
#[utoipa::path(
    tag = "market",
    params(
        ("connection_point" = String, Path, format = "uuid", description = "One of the caller's"),
        ZoneQuery,
    ),
    responses((status = 204, description = "It shares no more"), Problems)
)]
#[delete("/v1/memberships/{connection_point}")]
pub(crate) async fn leave_community(
    market: Data<Market>,
    caller: Principal,
    point: Path<String>,
    Query(query): Query<ZoneQuery>,
) -> Result<HttpResponse, Problem> {
    let account = caller.own_account()?;
    let connection_point = point_of(&point)?;
    let desk = desk_of(&market, &caller, query.zone())?;
    let (own, last) = {
        let book = desk.book().await;
        let own = book.point(connection_point).map(|point| point.account);
        let last = book.memberships(account).last().map(|known| known.connection_point);
        (own, last)
    };
    if own != Some(account) {
        return Err(Problem::not_found("connection point"));
    }
    if last == Some(connection_point) {
        desk.change(Change::Leave(account), caller.party).await?;
    }
    Ok(HttpResponse::NoContent().finish())
}

/// All tables of shares, each from its first slot on, for staff.
#[utoipa::path(
    tag = "market",
    params(ZoneQuery),
    responses((status = 200, body = Vec<SharesView>), Problems)
)]
#[get("/v1/shares")]
pub(crate) async fn list_shares(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<ZoneQuery>,
) -> Result<Json<Vec<SharesView>>, Problem> {
    if !may(&caller, Action::HaltMarket, None) {
        return Err(Problem::forbidden());
    }
    let desk = desk_of(&market, &caller, query.zone())?;
    let book = desk.book().await;
    Ok(Json(book.shares().map(|(from, shares)| table(from, shares)).collect()))
}

/// Sets the shares of the slots from `from` on, for mechanisms with fixed shares.
///
/// Only slots that have not begun. Refused with `NOT_SHARING`, `SLOT`, `GATE_CLOSED`, `SHARES`,
/// `TOO_MANY`. Needs the role operator or admin. A repeat changes nothing.
#[utoipa::path(
    tag = "market",
    params(
        ("from" = String, Path, description = "Start of the first slot: 2026-06-01T10:00:00Z"),
        ZoneQuery,
    ),
    request_body = SharesBody,
    responses((status = 200, body = SharesView), Problems)
)]
#[put("/v1/shares/{from}")]
pub(crate) async fn set_shares(
    market: Data<Market>,
    caller: Principal,
    from: Path<String>,
    Query(query): Query<ZoneQuery>,
    Json(body): Json<SharesBody>,
) -> Result<Json<SharesView>, Problem> {
    let from = moment_of("from", &from)?;
    if !may(&caller, Action::HaltMarket, None) {
        return Err(Problem::forbidden());
    }
    let share = |body: &ShareBody| {
        let connection_point = point_of(&body.connection_point)?;
        Ok(PointShare { connection_point, bps: body.bps })
    };
    let shares = body.shares.iter().map(share).collect::<Result<Vec<_>, Problem>>()?;
    let desk = desk_of(&market, &caller, query.zone())?;
    desk.change(Change::Share { from, shares: shares.clone() }, caller.party).await?;
    Ok(Json(table(from, &shares)))
}

fn table(from: Timestamp, shares: &[PointShare]) -> SharesView {
    let share = |share: &PointShare| ShareBody {
        connection_point: share.connection_point.to_string(),
        bps: share.bps,
    };
    SharesView { from: from.to_string(), shares: shares.iter().map(share).collect() }
}

/// What the delegate would sign in the next slot: a buyer's and a seller's limit.
fn signed_limits(desk: &Desk, book: &Exchange, market: &Market) -> Option<(Price, Price)> {
    let parameters = desk.parameters();
    let next = next_slot(parameters, market.now());
    let price = book.mechanism(next, parameters).given_price()?;
    let shared = book.is_shared_out(next, parameters);
    limits_at(price, parameters).ok().filter(|_| shared)
}

fn view(known: &Membership, desk: &Desk, book: &Exchange, market: &Market) -> MembershipView {
    let limits = signed_limits(desk, book, market);
    let covers = |mandate: &Mandate| {
        let (Some((all_in, net)), now) = (limits, market.now().unsigned()) else { return true };
        mandate.until > now
            && mandate.policy == desk.parameters().policy
            && all_in.n_per_wh().unsigned_abs() <= mandate.buy_price_max
            && net.n_per_wh().unsigned_abs() >= mandate.sell_price_min
    };
    let slot = next_slot(desk.parameters(), market.now());
    let granted = book.address_at(known.account, slot).is_some_and(|address| {
        book.mandates(address)
            .any(|mandate| mandate.delegate == market.delegate() && covers(mandate))
    });
    let shares = book.shares_in(slot);
    let share = shares.iter().find(|share| share.connection_point == known.connection_point);
    MembershipView {
        account: known.account.to_string(),
        connection_point: known.connection_point.to_string(),
        from: known.from.to_string(),
        until: known.until.map(|until| until.to_string()),
        share_bps: share.map(|share| share.bps),
        refused: desk.refused_member(known.account).map(refusal),
        warnings: (!granted).then(|| NO_MANDATE.to_owned()).into_iter().collect(),
    }
}

fn point_of(text: &str) -> Result<ConnectionPointId, Problem> {
    text.parse().map_err(|_| Problem::malformed("connection_point: not a UUID"))
}

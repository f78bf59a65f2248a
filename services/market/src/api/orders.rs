//! Orders: place, list, cancel.

use std::sync::Arc;

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, delete, get, post};
use alloy_primitives::B256;
use contracts::OrderTerms;
use events::market::CancelledBy;
use ids::{AccountId, CommunityId, OrderId};
use keys::{SignatureBytes, recover};
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use units::{Energy, Price};
use utoipa::{IntoParams, ToSchema};

use super::live::StruckView;
use crate::app::{Applied, Desk};
use crate::domain::{
    Accepted, Exchange, NO_GAIN_BAND, NewOrder, OrderSignature, Status, StruckTrade, TimeInForce,
};
use crate::market::Market;

/// An order to place.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderBody {
    /// Chosen by the caller, so that a repeat is answered as before. Derived from the order's hash
    /// when absent.
    #[schema(format = "uuid")]
    order_id: Option<String>,
    /// What is signed (EIP-712).
    #[schema(value_type = OrderTermsSchema)]
    order: OrderTerms,
    /// By the account's key or its delegate's, 64 bytes (EIP-2098) as hex; or at most 1024 bytes
    /// that the account takes as signed where it is a contract (ERC-1271) and no delegate is named.
    #[schema(value_type = String)]
    signature: SignatureBytes,
    /// An own open order that is taken back if this one is accepted, and only then. What it holds
    /// counts as free.
    #[serde(default)]
    #[schema(format = "uuid")]
    replaces: Option<String>,
    /// What becomes of what does not trade at once: `good_till_gate`, which is the default,
    /// `good_till_time`, `immediate_or_cancel` or `fill_or_kill`. All but the first need a slot of
    /// the mechanism `continuous`. It is not signed.
    #[serde(default)]
    time_in_force: Option<String>,
    /// The first moment at which an order that is `good_till_time` is no longer good.
    #[serde(default)]
    good_till: Option<String>,
    /// The limit is meant, though far off what energy costs at that time of day: it is not refused
    /// with `PRICE_REFERENCE`.
    #[serde(default)]
    beyond_reference: bool,
}

impl OrderBody {
    /// An order that a commitment stands for: it has no other name than its hash.
    pub(super) fn sealed(
        order: OrderTerms,
        signature: SignatureBytes,
        beyond_reference: bool,
    ) -> OrderBody {
        OrderBody {
            order_id: None,
            order,
            signature,
            replaces: None,
            time_in_force: None,
            good_till: None,
            beyond_reference,
        }
    }
}

/// The terms that an account signs (EIP-712 `Order`).
#[derive(ToSchema)]
#[schema(as = OrderTerms)]
#[expect(dead_code, reason = "names the fields in the OpenAPI document")]
#[allow(non_snake_case)]
pub(super) struct OrderTermsSchema {
    /// The address that signs and pays.
    account: String,
    /// `buy` or `sell`.
    side: String,
    /// Start of the slot, epoch seconds.
    slot: u64,
    /// The most that may be filled, in Wh.
    quantity: u64,
    /// 1e-9 currency per Wh: a buyer's all-in, a seller's net of the platform fee.
    limitPrice: u64,
    /// The least that may be filled, in Wh.
    minFill: u64,
    /// The community.
    #[schema(format = "uuid")]
    community: String,
    /// The grid area.
    #[schema(format = "uuid")]
    zone: String,
    /// Where the energy is metered.
    #[schema(format = "uuid")]
    connectionPoint: String,
    /// The policy's hash.
    policy: String,
    /// Who else may sign, where the account has granted it; zero: only the account.
    delegate: String,
    /// Unique per account, as hex.
    nonce: String,
    /// The last epoch second at which the order may be settled.
    expiry: u64,
}

/// An order as it stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct OrderView {
    /// Its name.
    #[schema(format = "uuid")]
    order_id: String,
    /// The hash that was signed: its name on chain.
    hash: String,
    /// Its nonce, as 0x and hex digits: who ends it on chain names it.
    nonce: String,
    /// Its place in the market's journal.
    sequence: u64,
    /// Whose it is.
    #[schema(format = "uuid")]
    account: String,
    /// The address that signed and pays: on chain the order is ended under it.
    address: String,
    /// `buy` or `sell`.
    side: String,
    /// Start of the slot.
    slot: String,
    /// Energy wanted or offered.
    quantity_wh: u64,
    /// At least this, or nothing.
    min_fill_wh: u64,
    /// Currency per kWh: a buyer's all-in, a seller's net.
    limit_price: String,
    /// Where it is metered.
    #[schema(format = "uuid")]
    connection_point: String,
    /// Who signed it in the place of the account, if somebody may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    delegate: Option<String>,
    /// Where it stands.
    #[schema(value_type = String, example = "open")]
    status: Status,
    /// Why it was taken back: `account`, `chain` or `suspension`; or by itself: `time`,
    /// `immediate` or `self_trade`, or because the cash had left: `funds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "account")]
    cancelled_by: Option<CancelledBy>,
    /// What it got; before the gate what it has traded so far.
    filled_wh: u64,
    /// What can still trade.
    open_wh: u64,
    /// What becomes of what does not trade at once.
    time_in_force: String,
    /// Until when it is good, if not until the gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    good_till: Option<String>,
    /// What it has traded before the gate, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    trades: Vec<StruckView>,
    /// What is held for what is open of it.
    held: String,
    /// When it was accepted.
    placed_at: String,
    /// What the account should know: `NO_GAIN_BAND`.
    warnings: Vec<String>,
}

impl OrderView {
    /// An order as the book has it.
    pub(super) fn of(book: &Exchange, order: &Accepted) -> OrderView {
        OrderView::new(order, book.struck(order))
    }

    fn new<'a>(order: &Accepted, trades: impl IntoIterator<Item = &'a StruckTrade>) -> OrderView {
        let open = order.status == Status::Open;
        let force = order.arrival.as_ref().map(|arrival| arrival.time_in_force);
        let (time_in_force, good_till) = named(force.unwrap_or_default());
        // A slot in which nothing is carried takes back what was traded before its gate.
        let stands = order.filled > Energy::ZERO;
        let trades = trades.into_iter().filter(|_| stands).map(StruckView::from);
        let delegate = Some(order.terms.delegate).filter(|address| !address.is_zero());
        OrderView {
            order_id: order.id.to_string(),
            hash: order.hash.to_string(),
            nonce: format!("{:#x}", order.terms.nonce),
            sequence: order.sequence,
            account: order.account.to_string(),
            address: format!("{:#x}", order.terms.account),
            side: match order.terms.side {
                contracts::Side::Buy => "buy".to_owned(),
                contracts::Side::Sell => "sell".to_owned(),
            },
            slot: order.slot().to_string(),
            quantity_wh: order.terms.quantity.wh(),
            min_fill_wh: order.terms.min_fill.wh(),
            limit_price: order.limit().to_string(),
            connection_point: order.terms.connection_point.to_string(),
            delegate: delegate.map(|address| format!("{address:#x}")),
            status: order.status,
            cancelled_by: order.cancelled_by,
            filled_wh: order.filled.wh(),
            open_wh: order.open().wh(),
            time_in_force: time_in_force.to_owned(),
            good_till,
            trades: trades.collect(),
            held: if open { order.hold.to_string() } else { "0".to_owned() },
            placed_at: order.at.to_string(),
            warnings: order.no_gain.then(|| NO_GAIN_BAND.to_owned()).into_iter().collect(),
        }
    }
}

impl From<&Applied> for OrderView {
    fn from(applied: &Applied) -> OrderView {
        OrderView::new(&applied.order, &applied.trades)
    }
}

/// The names that times in force have here.
const FORCES: [&str; 4] =
    ["good_till_gate", "good_till_time", "immediate_or_cancel", "fill_or_kill"];

fn named(force: TimeInForce) -> (&'static str, Option<String>) {
    match force {
        TimeInForce::GoodTillGate => (FORCES[0], None),
        TimeInForce::GoodTillTime { until } => (FORCES[1], Some(until.to_string())),
        TimeInForce::ImmediateOrCancel => (FORCES[2], None),
        TimeInForce::FillOrKill => (FORCES[3], None),
    }
}

fn force_of(name: Option<&str>, until: Option<&str>) -> Result<TimeInForce, Problem> {
    let name = name.unwrap_or(FORCES[0]);
    match (FORCES.iter().position(|known| *known == name), until) {
        (Some(0), None) => Ok(TimeInForce::GoodTillGate),
        (Some(1), Some(until)) => {
            let until = super::moment_of("good_till", until)?;
            Ok(TimeInForce::GoodTillTime { until })
        }
        (Some(2), None) => Ok(TimeInForce::ImmediateOrCancel),
        (Some(3), None) => Ok(TimeInForce::FillOrKill),
        (Some(1), None) => Err(Problem::malformed("good_till: good_till_time needs a moment")),
        (Some(_), _) => Err(Problem::malformed("good_till: only with good_till_time")),
        (None, _) => {
            let known = FORCES.join(", ");
            Err(Problem::malformed(format!("time_in_force: one of {known}")))
        }
    }
}

/// Places an order for one slot.
///
/// Where the slot's mechanism is `continuous` the answer says what of it was traded at once.
/// It is answered once it is durable. Repeating a request with the same `order_id` returns the
/// order as it stands, with 200; other content under the same id is a conflict.
#[utoipa::path(
    tag = "market",
    request_body = OrderBody,
    responses(
        (status = 201, body = OrderView, description = "Accepted"),
        (status = 200, body = OrderView, description = "Accepted before"),
        Problems,
    )
)]
#[post("/v1/orders")]
pub(crate) async fn place_order(
    market: Data<Market>,
    caller: Principal,
    Json(body): Json<OrderBody>,
) -> Result<HttpResponse, Problem> {
    let account = caller.own_account()?;
    let (desk, order, signature) = judged(body, account, caller.community, &market)?;
    let applied = desk.place(market.asked(order, signature).await?).await?;
    let mut response = if applied.repeated { HttpResponse::Ok() } else { HttpResponse::Created() };
    Ok(response.json(OrderView::from(&applied)))
}

/// The desk that an order is for, the order with who signed it, and what came as its signature.
pub(super) fn judged(
    body: OrderBody,
    account: AccountId,
    community: CommunityId,
    market: &Market,
) -> Result<(Arc<Desk>, NewOrder, SignatureBytes), Problem> {
    if body.order.community != community {
        return Err(Problem::forbidden());
    }
    let desk = market
        .desk(community, body.order.zone)
        .ok_or_else(|| Problem::refused("POLICY", "There is no market in this zone"))?;
    let signature = body.signature.clone();
    Ok((desk.clone(), new_order(body, account, market)?, signature))
}

/// Strings end here, types begin; who signed is recovered here, before the writer's queue.
fn new_order(body: OrderBody, account: AccountId, market: &Market) -> Result<NewOrder, Problem> {
    let hash = body.order.hash(market.chain_id(), market.deployment().market);
    let id = match body.order_id {
        Some(id) => id.parse().map_err(|_| Problem::malformed("order_id: not a UUID"))?,
        None => derived_id(hash),
    };
    let replaces = body.replaces.map(|id| id.parse()).transpose();
    let replaces = replaces.map_err(|_| Problem::malformed("replaces: not a UUID"))?;
    let time_in_force = force_of(body.time_in_force.as_deref(), body.good_till.as_deref())?;
    let key = body.signature.of_key();
    let signer = key.as_ref().and_then(|signature| recover(hash, signature));
    let contract = body.signature;
    let signature = key.map_or(OrderSignature::Contract { contract }, OrderSignature::Key);
    Ok(NewOrder {
        id,
        account,
        terms: body.order,
        hash,
        signer,
        signature,
        replaces,
        time_in_force,
        beyond_reference: body.beyond_reference,
    })
}

fn derived_id(hash: B256) -> OrderId {
    OrderId::derived(&hash.to_string())
}

/// Which orders are wanted.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OrdersQuery {
    /// Of this account; the caller's own when absent. Others need a role.
    account: Option<String>,
    /// Of the slot that starts then.
    slot: Option<String>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Whether `caller` is shown an order: one of a sealed slot that is not cleared yet its account
/// alone, since whoever can still leave a commitment unopened may be staff.
fn shown(book: &Exchange, order: &Accepted, caller: &Principal) -> bool {
    caller.account == Some(order.account) || !book.is_hidden(order.slot())
}

/// Lists an account's orders, the newest slot first.
///
/// Orders of a sealed slot are shown to their account alone until it is cleared.
#[utoipa::path(
    tag = "market",
    params(OrdersQuery),
    responses((status = 200, body = Page<OrderView>), Problems)
)]
#[get("/v1/orders")]
pub(crate) async fn list_orders(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<OrdersQuery>,
) -> Result<Json<Page<OrderView>>, Problem> {
    let account = match &query.account {
        None => caller.own_account()?,
        Some(text) => text.parse().map_err(|_| Problem::malformed("account: not a UUID"))?,
    };
    if !caller.may_read(account) {
        return Err(Problem::not_found("account"));
    }
    let mut orders: Vec<OrderView> = Vec::new();
    for desk in market.desks_of(caller.community) {
        let slot = query.slot.as_deref().map(|start| super::slot_of(desk, start)).transpose()?;
        let book = desk.book().await;
        let own = |order: &&Accepted| order.account == account && shown(&book, order, &caller);
        let view = |order: &Accepted| OrderView::of(&book, order);
        match slot {
            None => orders.extend(book.orders().rev().filter(own).map(view)),
            Some(slot) => orders.extend(book.orders_of(slot.start).rev().filter(own).map(view)),
        }
    }
    let wanted = PageQuery { limit: query.limit, cursor: query.cursor };
    page(orders, &wanted, |order| order.order_id.clone())
}

/// The items after the one that the cursor names.
pub(super) fn page<T>(
    items: Vec<T>,
    wanted: &PageQuery,
    name: impl Fn(&T) -> String,
) -> Result<Json<Page<T>>, Problem> {
    let start = match wanted.cursor.as_deref() {
        None => 0,
        Some(cursor) => items
            .iter()
            .position(|item| name(item) == cursor)
            .map(|place| place + 1)
            .ok_or_else(|| Problem::malformed("cursor: not of this list"))?,
    };
    let limit = wanted.limit() as usize;
    let more = items.len() > start + limit;
    let items: Vec<T> = items.into_iter().skip(start).take(limit).collect();
    let next = items.last().filter(|_| more).map(name);
    Ok(Json(Page { items, next }))
}

/// An order as it stands: what of it is traded, and what is open.
#[utoipa::path(
    tag = "market",
    params(("id" = String, Path, format = "uuid", description = "The order")),
    responses((status = 200, body = OrderView), Problems)
)]
#[get("/v1/orders/{id}")]
pub(crate) async fn get_order(
    market: Data<Market>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<OrderView>, Problem> {
    let id: OrderId = id.parse().map_err(|_| Problem::malformed("id: not a UUID"))?;
    for desk in market.desks_of(caller.community) {
        let book = desk.book().await;
        let may =
            |order: &&Accepted| caller.may_read(order.account) && shown(&book, order, &caller);
        if let Some(order) = book.order(id).filter(may) {
            return Ok(Json(OrderView::of(&book, order)));
        }
    }
    Err(Problem::not_found("order"))
}

/// Cancels an own order, or one that names the caller as its delegate, until the gate of its slot.
///
/// What it has traded stays; an order that is traded whole is refused with `TRADED`.
#[utoipa::path(
    tag = "market",
    params(("id" = String, Path, format = "uuid", description = "The order")),
    responses((status = 200, body = OrderView), Problems)
)]
#[delete("/v1/orders/{id}")]
pub(crate) async fn cancel_order(
    market: Data<Market>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<OrderView>, Problem> {
    let account = caller.own_account()?;
    let order: OrderId = id.parse().map_err(|_| Problem::malformed("id: not a UUID"))?;
    for desk in market.desks_of(caller.community) {
        if desk.book().await.order(order).is_some() {
            let applied = desk.cancel(order, account).await?;
            return Ok(Json(OrderView::from(&applied)));
        }
    }
    Err(Problem::not_found("order"))
}

/// A price in currency per kWh.
pub(super) fn per_kwh(price: Price) -> String {
    price.to_string()
}

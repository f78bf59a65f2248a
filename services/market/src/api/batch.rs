//! Many orders at a time: placed in one request, answered one by one; taken back at once.

use actix_web::web::{Data, Json, Query, block};
use actix_web::{delete, post};
use anyhow::Context;
use ids::OrderId;
use serde::{Deserialize, Serialize};
use service::{Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::orders::{OrderBody, OrderView, judged};
use super::slot_of;
use crate::app::{Applied, Refused};
use crate::domain::{Rejection, Status};
use crate::market::Market;

/// The most orders of one request: a day of quarter-hours and a few.
const ORDERS_MAX: usize = 100;

/// Orders to place.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchBody {
    /// 1 to 100, each judged by itself in this order.
    #[schema(min_items = 1, max_items = 100)]
    orders: Vec<OrderBody>,
}

/// What became of each order, in the order of the request.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct BatchView {
    /// One for each order.
    items: Vec<ItemView>,
}

/// What became of an order: either `order` or `problem`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ItemView {
    /// The status that the order alone would have been answered with.
    status: u16,
    /// The order as it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<OrderView>,
    /// Why it was refused (RFC 9457).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    problem: Option<Problem>,
}

/// Places up to 100 orders, each answered as if it came alone.
///
/// One that is refused holds up no other. What is answered is durable; repeating the request
/// answers every order as it stands.
#[utoipa::path(
    tag = "market",
    request_body = BatchBody,
    responses((status = 200, body = BatchView), Problems)
)]
#[post("/v1/orders/batch")]
pub(crate) async fn place_orders(
    market: Data<Market>,
    caller: Principal,
    Json(body): Json<BatchBody>,
) -> Result<Json<BatchView>, Problem> {
    if !(1..=ORDERS_MAX).contains(&body.orders.len()) {
        return Err(Problem::malformed(format!("orders: 1 to {ORDERS_MAX} are needed")));
    }
    let account = caller.own_account()?;
    // Who signed each takes longer than anything else here: not on a thread that answers others.
    let (signed_for, community) = (market.clone(), caller.community);
    let judge = move |body: OrderBody| judged(body, account, community, &signed_for);
    let judged = block(move || body.orders.into_iter().map(judge).collect::<Vec<_>>()).await;
    let judged = judged.context("recovering signers")?;
    let mut asked = Vec::with_capacity(judged.len());
    for judged in judged {
        asked.push(match judged {
            Ok((desk, order, signature)) => {
                market.asked(order, signature).await.map(|order| (desk, order))
            }
            Err(problem) => Err(problem),
        });
    }
    // All wait for the writer together, which takes them in this order into few commits.
    let offered: Vec<_> = asked
        .into_iter()
        .map(|asked| asked.and_then(|(desk, order)| Ok(desk.offer(order)?)))
        .collect();
    let mut items = Vec::with_capacity(offered.len());
    for offered in offered {
        let applied = match offered {
            Ok(answer) => answer.await.map_err(Problem::from),
            Err(problem) => Err(problem),
        };
        items.push(item(applied));
    }
    Ok(Json(BatchView { items }))
}

fn item(applied: Result<Applied, Problem>) -> ItemView {
    match applied {
        Ok(applied) => {
            let status = if applied.repeated { 200 } else { 201 };
            ItemView { status, order: Some(OrderView::from(&applied)), problem: None }
        }
        Err(problem) => ItemView { status: problem.status, order: None, problem: Some(problem) },
    }
}

/// Which orders are taken back.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CancelQuery {
    /// Those for the slot that starts then; all open ones when absent.
    slot: Option<String>,
}

/// Cancels the caller's open orders: all, or those of a slot.
///
/// Orders whose gate has closed stay. Answers with those that were cancelled.
#[utoipa::path(
    tag = "market",
    params(CancelQuery),
    responses((status = 200, body = Vec<OrderView>), Problems)
)]
#[delete("/v1/orders")]
pub(crate) async fn cancel_orders(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<CancelQuery>,
) -> Result<Json<Vec<OrderView>>, Problem> {
    let account = caller.own_account()?;
    let mut cancelled = Vec::new();
    for desk in market.desks_of(caller.community) {
        let slot = query.slot.as_deref().map(|start| slot_of(desk, start)).transpose()?;
        let (parameters, now) = (desk.parameters(), market.now());
        let open: Vec<OrderId> = desk
            .book()
            .await
            .orders()
            .filter(|order| order.account == account && order.status == Status::Open)
            .filter(|order| slot.is_none_or(|slot| slot.start == order.slot()))
            .filter(|order| now < parameters.gate(order.slot()))
            .map(|order| order.id)
            .collect();
        for order in open {
            match desk.cancel(order, account).await {
                Ok(applied) => cancelled.push(OrderView::from(&applied)),
                // The gate closed, or they were traded, since they were looked up.
                Err(Refused::Rejected(Rejection::GateClosed | Rejection::Traded)) => {}
                Err(refused) => return Err(refused.into()),
            }
        }
    }
    Ok(Json(cancelled))
}

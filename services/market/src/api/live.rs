//! Trading before the gate: the depth of a slot's book, and what was traded so far. Never whose.

use access::Action;
use actix_web::get;
use actix_web::web::{Data, Json, Path, Query};
use matching::Side;
use matching::book::session::Depth;
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::orders::{page, per_kwh};
use super::slots::ZoneQuery;
use super::{desk_of, may, slot_of};
use crate::domain::StruckTrade;
use crate::market::Market;

/// The most prices of a side that are shown, the best ones.
const LEVELS_MAX: usize = 100;

/// Open orders of one side at one price.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct LevelView {
    /// The price of the energy alone, in currency per kWh: what trades there.
    price: String,
    /// What is open.
    quantity_wh: u64,
    /// Of how many orders.
    orders: u32,
}

impl From<Depth> for LevelView {
    fn from(level: Depth) -> LevelView {
        LevelView {
            price: per_kwh(level.price),
            quantity_wh: level.quantity.wh(),
            orders: u32::try_from(level.orders).unwrap_or(u32::MAX),
        }
    }
}

/// What waits in a book, by price.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct DepthView {
    /// Start of the slot.
    slot: String,
    /// Who buys, the dearest first; at most 100 prices.
    bids: Vec<LevelView>,
    /// Who sells, the cheapest first; at most 100 prices.
    asks: Vec<LevelView>,
    /// How many trades there were so far.
    trades: u32,
    /// The price of the last trade, in currency per kWh.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_price: Option<String>,
}

/// A trade before the gate.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct StruckView {
    /// When.
    at: String,
    /// The price of the energy alone, in currency per kWh.
    price: String,
    /// How much.
    quantity_wh: u64,
}

impl From<&StruckTrade> for StruckView {
    fn from(trade: &StruckTrade) -> StruckView {
        StruckView {
            at: trade.at.to_string(),
            price: per_kwh(trade.price),
            quantity_wh: trade.quantity.wh(),
        }
    }
}

/// The depth of a slot's book: what is open at which price.
///
/// Of slots that trade before their gate (mechanism `continuous`); once the gate has closed nothing
/// is open.
#[utoipa::path(
    tag = "market",
    params(("start" = String, Path, description = "2026-06-01T10:00:00Z"), ZoneQuery),
    responses((status = 200, body = DepthView), Problems)
)]
#[get("/v1/slots/{start}/depth")]
pub(crate) async fn get_depth(
    market: Data<Market>,
    caller: Principal,
    start: Path<String>,
    Query(query): Query<ZoneQuery>,
) -> Result<Json<DepthView>, Problem> {
    if !may(&caller, Action::ReadMarket, None) {
        return Err(Problem::forbidden());
    }
    let desk = desk_of(&market, &caller, query.zone())?;
    let slot = slot_of(desk, &start)?;
    let book = desk.book().await;
    if !book.trades_at_once(slot.start, desk.parameters()) {
        return Err(Problem::not_found("trading before the gate of this slot"));
    }
    let trading = book.trading(slot.start);
    let levels = |side: Side| {
        let all = trading.into_iter().flat_map(move |trading| trading.session.depth(side));
        all.take(LEVELS_MAX).map(LevelView::from).collect()
    };
    let trades = trading.map(|trading| &*trading.trades).unwrap_or_default();
    Ok(Json(DepthView {
        slot: slot.start.to_string(),
        bids: levels(Side::Buy),
        asks: levels(Side::Sell),
        trades: u32::try_from(trades.len()).unwrap_or(u32::MAX),
        last_price: trades.last().map(|trade| per_kwh(trade.price)),
    }))
}

/// Which page of a slot's trades.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StruckQuery {
    /// The grid area; the community's first when absent.
    zone: Option<String>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Lists what was traded in a slot before its gate, the newest first.
///
/// Of slots of the mechanism `continuous`. Once the slot is cleared, `/v1/trades` has its trades
/// with their names on chain.
#[utoipa::path(
    tag = "market",
    params(("start" = String, Path, description = "2026-06-01T10:00:00Z"), StruckQuery),
    responses((status = 200, body = Page<StruckView>), Problems)
)]
#[get("/v1/slots/{start}/trades")]
pub(crate) async fn list_struck(
    market: Data<Market>,
    caller: Principal,
    start: Path<String>,
    Query(query): Query<StruckQuery>,
) -> Result<Json<Page<StruckView>>, Problem> {
    if !may(&caller, Action::ReadMarket, None) {
        return Err(Problem::forbidden());
    }
    let desk = desk_of(&market, &caller, query.zone.as_deref())?;
    let slot = slot_of(desk, &start)?;
    let book = desk.book().await;
    if !book.trades_at_once(slot.start, desk.parameters()) {
        return Err(Problem::not_found("trading before the gate of this slot"));
    }
    let trades = book.trading(slot.start).map(|trading| &*trading.trades);
    let numbered = trades.unwrap_or_default().iter().enumerate().rev();
    let numbered: Vec<(usize, StruckView)> =
        numbered.map(|(place, trade)| (place, StruckView::from(trade))).collect();
    let wanted = PageQuery { limit: query.limit, cursor: query.cursor };
    let Json(Page { items, next }) = page(numbered, &wanted, |(place, _)| place.to_string())?;
    Ok(Json(Page { items: items.into_iter().map(|(_, trade)| trade).collect(), next }))
}

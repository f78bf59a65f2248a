//! Trades of cleared slots.

use actix_web::get;
use actix_web::web::{Data, Json, Query};
use contracts::Side;
use ids::{AccountId, OrderId};
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use units::Price;
use utoipa::{IntoParams, ToSchema};

use super::orders::{page, per_kwh};
use crate::domain::{ClearedSlot, ClearedTrade, Exchange};
use crate::market::Market;

/// Which trades are wanted.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TradesQuery {
    /// Of the slot that starts then.
    slot: Option<String>,
    /// Only the caller's own.
    mine: Option<bool>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// One trade.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct TradeView {
    /// Its name on chain.
    trade: String,
    /// The clearing it is of.
    clearing: String,
    /// Start of the slot.
    slot: String,
    /// The buyer's name as others see it.
    buyer: String,
    /// The seller's name as others see it.
    seller: String,
    /// The caller's side, where it is the caller's own: `buy` or `sell`.
    #[serde(skip_serializing_if = "Option::is_none")]
    own: Option<String>,
    /// The buyer's order, for those who may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    buy_order: Option<String>,
    /// The seller's order, for those who may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    sell_order: Option<String>,
    /// Energy.
    quantity_wh: u64,
    /// The price of the energy alone, in currency per kWh: what the buyer pays, and for its seller
    /// what the seller gets, which is less where the mechanism has two prices.
    price: String,
    /// Quantity times price.
    total: String,
    /// What the buyer pays in all: energy, network and platform fee.
    escrow: String,
    /// `pending`, then as the chain says: `settled` or `skipped`.
    status: String,
}

/// Lists trades, the newest slot first.
#[utoipa::path(
    tag = "market",
    params(TradesQuery),
    responses((status = 200, body = Page<TradeView>), Problems)
)]
#[get("/v1/trades")]
pub(crate) async fn list_trades(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<TradesQuery>,
) -> Result<Json<Page<TradeView>>, Problem> {
    let mine = query.mine.unwrap_or(false);
    let mut trades = Vec::new();
    for desk in market.desks_of(caller.community) {
        let slot = query.slot.as_deref().map(|start| super::slot_of(desk, start)).transpose()?;
        let book = desk.book().await;
        let cleared = book
            .slots()
            .rev()
            .filter(|(start, _)| slot.is_none_or(|slot| slot.start == *start))
            .filter_map(|(_, slot)| slot.cleared.as_ref());
        for cleared in cleared {
            let views = cleared.trades.iter().map(|trade| view(&book, cleared, trade, &caller));
            trades.extend(views.filter(|view| !mine || view.own.is_some()));
        }
    }
    let wanted = PageQuery { limit: query.limit, cursor: query.cursor };
    page(trades, &wanted, |trade| trade.trade.clone())
}

fn view(
    book: &Exchange,
    cleared: &ClearedSlot,
    trade: &ClearedTrade,
    caller: &Principal,
) -> TradeView {
    let owner = |order: OrderId| book.order(order).map(|order| order.account);
    let (buyer, seller) = (owner(trade.buy), owner(trade.sell));
    let name = |account: Option<AccountId>| {
        let member = account.and_then(|account| book.member(account));
        member.map(|member| member.pseudonym.clone()).unwrap_or_default()
    };
    let own = |account: Option<AccountId>| account.is_some() && account == caller.account;
    let seen = |account: Option<AccountId>, order: OrderId| {
        account.filter(|account| caller.may_read(*account)).map(|_| order.to_string())
    };
    let side = if own(seller) { Side::Sell } else { Side::Buy };
    let price = Price::from_n_per_wh(trade.prices.of(side).cast_signed());
    TradeView {
        trade: trade.trade.to_string(),
        clearing: cleared.clearing.to_string(),
        slot: cleared.slot.to_string(),
        buyer: name(buyer),
        seller: name(seller),
        own: match (own(buyer), own(seller)) {
            (true, _) => Some("buy".to_owned()),
            (_, true) => Some("sell".to_owned()),
            _ => None,
        },
        buy_order: seen(buyer, trade.buy),
        sell_order: seen(seller, trade.sell),
        quantity_wh: trade.quantity.wh(),
        price: per_kwh(price),
        total: price.cost_of(trade.quantity).unwrap_or(trade.escrow).to_string(),
        escrow: trade.escrow.to_string(),
        status: book.settlement(trade.trade).to_owned(),
    }
}

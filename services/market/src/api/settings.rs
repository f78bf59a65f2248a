//! How a market runs: what a wallet needs to sign an order for it.

use actix_web::get;
use actix_web::web::{Data, Json, Query};
use alloy_primitives::Address;
use calendar::Timestamp;
use contracts::{Deployment, Policy};
use matching::network::Network;
use serde::Serialize;
use service::{Principal, Problem, Problems};
use utoipa::ToSchema;

use super::mechanisms::MechanismView;
use super::slots::ZoneQuery;
use super::stop::StopView;
use crate::domain::SelfTrade;
use crate::market::Market;

/// How a market runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct MarketView {
    /// The community.
    #[schema(format = "uuid")]
    community: String,
    /// The grid area.
    #[schema(format = "uuid")]
    zone: String,
    /// Whose local days count.
    timezone: String,
    /// How long a slot lasts, in minutes.
    slot_minutes: u16,
    /// Seconds between the gate and the start of a slot.
    gate_seconds: i64,
    /// Seconds between the opening of a slot's book and its start.
    horizon_seconds: i64,
    /// A limit is a multiple of this, in 1e-9 currency per Wh.
    tick: i64,
    /// The smallest order.
    lot_min_wh: u64,
    /// The most that a connection point may offer in a slot, in percent of the most it has fed in
    /// at that time of day in the last 30 days.
    forecast_percent: u32,
    /// From how many known days on that holds.
    forecast_days_min: u32,
    /// How prices of slots are found whose book opens now; `/v1/mechanisms` has what was chosen.
    mechanism: MechanismView,
    /// What is done about orders of one party that would meet before the gate: `refuse`,
    /// `cancel_newest`, `cancel_oldest`, `cancel_both` or `decrement`.
    #[schema(value_type = String, example = "refuse")]
    self_trade: SelfTrade,
    /// Its zones and links, where it has several: fees in 1e-9 currency per Wh, capacities in Wh a
    /// slot. An order names the market's `zone`; where it stands follows from its connection point.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    grid: Option<Network>,
    /// Why nobody may trade, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<StopView>,
    /// The hash of the policy that orders must name.
    policy_id: String,
    /// The policy itself, as both sides sign it.
    #[schema(value_type = Object)]
    policy: Policy,
    /// The chain that orders are signed for.
    chain_id: u64,
    /// The contracts' addresses; orders are signed for `market`.
    #[schema(value_type = Object)]
    contracts: Deployment,
    /// The market's clock.
    now: String,
    /// The caller's cash, where it has an account.
    #[serde(skip_serializing_if = "Option::is_none")]
    cash: Option<CashView>,
}

/// What the caller can trade with.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CashView {
    /// The address at which the slot that goes on now settles, and which holds it.
    address: String,
    /// What a new order may hold.
    tradable: String,
    /// What is held for orders, and for trades that the chain has not settled yet.
    held: String,
    /// The same of each of the account's addresses, oldest first: an order is signed by the one
    /// that is valid at the start of its slot, and holds its cash.
    addresses: Vec<AddressCashView>,
}

/// What one of the caller's addresses can trade with.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AddressCashView {
    /// The address.
    address: String,
    /// Start of the first slot that it signs orders for; absent for the one that the account was
    /// opened with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    from: Option<String>,
    /// What a new order may hold.
    tradable: String,
    /// What is held for orders, and for trades that the chain has not settled yet.
    held: String,
}

/// The parameters of the caller's market.
#[utoipa::path(
    tag = "market",
    params(ZoneQuery),
    responses((status = 200, body = MarketView), Problems)
)]
#[get("/v1/market")]
pub(crate) async fn get_market(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<ZoneQuery>,
) -> Result<Json<MarketView>, Problem> {
    let desk = super::desk_of(&market, &caller, query.zone())?;
    let parameters = desk.parameters();
    let policy = market
        .policies()
        .iter()
        .find(|policy| policy.community == parameters.community && policy.zone == parameters.zone)
        .ok_or_else(|| Problem::not_found("market"))?;
    let book = desk.book().await;
    let opening = market.now().plus_seconds(parameters.horizon_seconds);
    let at = |(from, address): (Option<Timestamp>, Address)| {
        let wallet = book.wallet(address);
        AddressCashView {
            address: address.to_string(),
            from: from.map(|from| from.to_string()),
            tradable: wallet.tradable().to_string(),
            held: wallet.held().to_string(),
        }
    };
    let cash = caller.account.and_then(|account| {
        let address = book.address_at(account, market.now())?;
        let wallet = book.wallet(address);
        Some(CashView {
            address: address.to_string(),
            tradable: wallet.tradable().to_string(),
            held: wallet.held().to_string(),
            addresses: book.addresses(account).map(at).collect(),
        })
    });
    Ok(Json(MarketView {
        community: parameters.community.to_string(),
        zone: parameters.zone.to_string(),
        timezone: parameters.timezone.name().to_owned(),
        slot_minutes: parameters.slot_length.minutes(),
        gate_seconds: parameters.gate_seconds,
        horizon_seconds: parameters.horizon_seconds,
        tick: parameters.tick.n_per_wh(),
        lot_min_wh: parameters.lot_min.wh(),
        forecast_percent: parameters.forecast_percent,
        forecast_days_min: parameters.forecast_days_min,
        mechanism: book.mechanism(opening, parameters).into(),
        self_trade: parameters.self_trade,
        grid: parameters.grid.clone(),
        stopped: StopView::seen_by(&caller, &book),
        policy_id: parameters.policy.to_string(),
        policy: policy.clone(),
        chain_id: market.chain_id(),
        contracts: *market.deployment(),
        now: market.now().to_string(),
        cash,
    }))
}

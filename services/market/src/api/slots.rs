//! A slot's state, and its journal.

use access::Action;
use actix_web::get;
use actix_web::web::{Data, Json, Path, Query};
use calendar::Timestamp;
use contracts::Side;
use matching::network::{LinkFlow, ZonePrice};
use serde::{Deserialize, Serialize};
use service::{Principal, Problem, Problems};
use units::Energy;
use utoipa::openapi::Object;
use utoipa::{IntoParams, ToSchema};

use super::mechanisms::MechanismView;
use super::orders::per_kwh;
use crate::domain::{ClearedSlot, Exchange, SealState, SlotJournal, Status};
use crate::market::Market;

/// Which grid area is meant.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ZoneQuery {
    /// The grid area; the community's first when absent.
    zone: Option<String>,
}

impl ZoneQuery {
    pub(super) fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }
}

/// How a slot stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct SlotView {
    /// Its start.
    slot: String,
    /// Its end.
    ends: String,
    /// When its book opens.
    opens: String,
    /// When its orders are final.
    gate: String,
    /// `future`, `open`, `closed` or `cleared`.
    status: String,
    /// Whether the grid operator has curtailed it: nothing trades, or where it was cleared before,
    /// nobody owes for what is not delivered.
    curtailed: bool,
    /// Open orders, or those that took part in the clearing.
    orders: u32,
    /// Energy of open orders to buy.
    wanted_wh: u64,
    /// Energy of open orders to sell.
    offered_wh: u64,
    /// The energy price of the clearing, in currency per kWh; absent while nothing traded.
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<String>,
    /// Energy traded; before the gate what was traded so far.
    volume_wh: u64,
    /// How many trades; before the gate so far.
    trades: u32,
    /// How prices and quantities are found, or were.
    mechanism: MechanismView,
    /// How its orders are sealed, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<SealedView>,
    /// The clearing's name on chain; absent before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    clearing: Option<String>,
    /// What it came to in each zone, where the market has several and energy was traded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    zones: Vec<ZoneView>,
    /// What links carried between them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    flows: Vec<FlowView>,
    /// What full links earned, in currency; it goes to the difference account with the rest of the
    /// path's fees.
    #[serde(skip_serializing_if = "Option::is_none")]
    rent: Option<String>,
}

/// A slot whose orders are sealed: until it is cleared nothing is shown of them but counts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct SealedView {
    /// For how many seconds after the gate commitments are opened.
    reveal_seconds: u32,
    /// Commitments, without those that were taken back.
    commitments: usize,
    /// How many of them were opened.
    opened: usize,
    /// Until when they are opened, once the gate is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    opened_until: Option<String>,
}

impl SealedView {
    fn of(book: &Exchange, slot: Timestamp) -> Option<SealedView> {
        let all = book.sealed_book(slot).map_or(&[][..], |sealed| &sealed.commitments[..]);
        let count = |meant: fn(&SealState) -> bool| all.iter().filter(|c| meant(&c.state)).count();
        Some(SealedView {
            reveal_seconds: book.reveal_seconds(slot)?,
            commitments: count(|state| !matches!(state, SealState::Withdrawn { .. })),
            opened: count(|state| matches!(state, SealState::Opened { .. })),
            opened_until: book.revealed_until(slot).map(|until| until.to_string()),
        })
    }
}

/// A zone in a slot.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ZoneView {
    /// Which.
    #[schema(format = "uuid")]
    zone: String,
    /// What buyers pay for energy, with the network's fee, in currency per kWh.
    buyer: String,
    /// What sellers get for it.
    seller: String,
    /// What its buyers got.
    bought_wh: u64,
    /// What its sellers gave.
    sold_wh: u64,
}

/// What a link carried in a slot.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct FlowView {
    /// Out of which zone.
    #[schema(format = "uuid")]
    from: String,
    /// Into which.
    #[schema(format = "uuid")]
    to: String,
    /// How much.
    energy_wh: u64,
    /// What it earned by being full, in currency.
    rent: String,
}

impl ZoneView {
    fn of(price: &ZonePrice) -> ZoneView {
        ZoneView {
            zone: price.zone.to_string(),
            buyer: per_kwh(price.buyer),
            seller: per_kwh(price.seller),
            bought_wh: price.bought.wh(),
            sold_wh: price.sold.wh(),
        }
    }
}

impl FlowView {
    fn of(flow: &LinkFlow) -> FlowView {
        FlowView {
            from: flow.from.to_string(),
            to: flow.to.to_string(),
            energy_wh: flow.energy.wh(),
            rent: flow.rent.to_string(),
        }
    }
}

/// A slot by its start.
#[utoipa::path(
    tag = "market",
    params(("start" = String, Path, description = "2026-06-01T10:00:00Z"), ZoneQuery),
    responses((status = 200, body = SlotView), Problems)
)]
#[get("/v1/slots/{start}")]
pub(crate) async fn get_slot(
    market: Data<Market>,
    caller: Principal,
    start: Path<String>,
    Query(query): Query<ZoneQuery>,
) -> Result<Json<SlotView>, Problem> {
    let desk = super::desk_of(&market, &caller, query.zone())?;
    let slot = super::slot_of(desk, &start)?;
    let (parameters, now) = (desk.parameters(), market.now());
    let book = desk.book().await;
    let cleared = book.slot(slot.start).and_then(|book| book.cleared.as_ref());
    let status = if cleared.is_some() {
        "cleared"
    } else if now < parameters.opens(slot.start) {
        "future"
    } else if now < parameters.gate(slot.start) {
        "open"
    } else {
        "closed"
    };
    let ids = book.slot(slot.start).map(|book| book.orders.values()).unwrap_or_default();
    let open: Vec<_> =
        ids.filter_map(|id| book.order(*id)).filter(|o| o.status == Status::Open).collect();
    let sum = |side: Side| {
        let shown = open.iter().filter(|_| !book.is_hidden(slot.start));
        let quantities = shown.filter(|order| order.terms.side == side);
        Energy::sum(quantities.map(|order| order.open())).unwrap_or_default().wh()
    };
    let struck = book.trading(slot.start).map(|trading| &*trading.trades);
    let struck = struck.unwrap_or_default();
    let so_far = Energy::sum(struck.iter().map(|trade| trade.quantity)).unwrap_or_default();
    let count = cleared.map_or(struck.len(), |cleared| cleared.trades.len());
    let zonal = cleared.and_then(|cleared| cleared.zonal.as_ref());
    let made_by = cleared.and_then(ClearedSlot::mechanism);
    let mechanism = made_by.unwrap_or_else(|| book.mechanism(slot.start, parameters));
    Ok(Json(SlotView {
        slot: slot.start.to_string(),
        ends: slot.end().to_string(),
        opens: parameters.opens(slot.start).to_string(),
        gate: parameters.gate(slot.start).to_string(),
        status: status.to_owned(),
        curtailed: book.is_curtailed(slot.start),
        orders: cleared.map_or(u32::try_from(open.len()).unwrap_or(u32::MAX), |c| c.orders),
        wanted_wh: sum(Side::Buy),
        offered_wh: sum(Side::Sell),
        price: cleared.and_then(|cleared| cleared.price).map(per_kwh),
        volume_wh: cleared.map_or(so_far, |cleared| cleared.volume).wh(),
        trades: u32::try_from(count).unwrap_or(u32::MAX),
        mechanism: mechanism.into(),
        sealed: SealedView::of(&book, slot.start),
        clearing: cleared.map(|cleared| cleared.clearing.to_string()),
        zones: zonal.iter().flat_map(|all| &all.zones).map(ZoneView::of).collect(),
        flows: zonal.iter().flat_map(|all| &all.flows).map(FlowView::of).collect(),
        rent: zonal.map(|all| all.rent.to_string()),
    }))
}

/// The journal of a cleared slot.
#[derive(ToSchema)]
#[schema(as = SlotJournal)]
#[expect(dead_code, reason = "names the fields in the OpenAPI document")]
struct SlotJournalSchema {
    /// The chain that orders were signed for.
    chain_id: u64,
    /// The contract `EnergyMarket` that they were signed for.
    market: String,
    /// What the market posted there.
    clearing: Object,
    /// The policy that it names.
    policy: Object,
    /// What it was made under: JSON as it was hashed.
    conditions: String,
    /// The orders that were accepted for the slot, with signatures, by sequence.
    orders: Vec<Object>,
    /// What happened, in its order, where orders met before the gate; absent elsewhere.
    steps: Vec<Object>,
    /// The commitments of a slot whose orders were sealed; absent elsewhere.
    commitments: Vec<Object>,
    /// The fills, in the order of their index.
    fills: Vec<Object>,
}

/// The journal of a cleared slot: whoever has it can compute the clearing anew.
///
/// It has all orders that were accepted for the slot as they were signed, so accounts by their
/// addresses. `wattex recompute` compares what comes of them with what the chain has. It is kept
/// for eight days.
#[utoipa::path(
    tag = "market",
    params(("start" = String, Path, description = "2026-06-01T10:00:00Z"), ZoneQuery),
    responses((status = 200, body = SlotJournalSchema), Problems)
)]
#[get("/v1/slots/{start}/journal")]
pub(crate) async fn get_journal(
    market: Data<Market>,
    caller: Principal,
    start: Path<String>,
    Query(query): Query<ZoneQuery>,
) -> Result<Json<SlotJournal>, Problem> {
    if !super::may(&caller, Action::ReadMarket, None) {
        return Err(Problem::forbidden());
    }
    let desk = super::desk_of(&market, &caller, query.zone())?;
    let slot = super::slot_of(desk, &start)?;
    let book = desk.book().await;
    let cleared = book.slot(slot.start).and_then(|book| book.cleared.as_ref());
    // Those from before conditions were kept cannot be computed anew.
    let cleared = cleared.filter(|cleared| !cleared.conditions.is_empty());
    let cleared = cleared.ok_or_else(|| Problem::not_found("clearing of this slot"))?;
    let signed_for = (market.chain_id(), market.deployment().market);
    Ok(Json(book.published(cleared, desk.parameters(), signed_for)))
}

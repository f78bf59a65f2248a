//! The prices at which both sides gain in a slot: of the market, or of one connection point.

use std::sync::Arc;

use access::Action;
use actix_web::get;
use actix_web::web::{Data, Json, Query};
use ids::ConnectionPointId;
use serde::{Deserialize, Serialize};
use service::{Principal, Problem, Problems};
use units::Price;
use utoipa::{IntoParams, ToSchema};

use super::orders::per_kwh;
use super::{desk_of, may, slot_of};
use crate::app::Desk;
use crate::market::Market;

/// Which slot is meant.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BandQuery {
    /// Start of the slot.
    slot: String,
    /// The grid area; the community's first when absent, or that of the connection point.
    zone: Option<String>,
    /// Of which connection point: one of the caller's own, for staff any. Its zone's fee counts
    /// then, and where the market has a grid the paths from other zones are told.
    connection_point: Option<String>,
}

/// What a neighbour's energy competes with in a slot. Prices in currency per kWh.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct BandView {
    /// Start of the slot.
    slot: String,
    /// What a kWh from the retailer costs that a neighbour's kWh avoids: without what is due on a
    /// neighbour's energy too.
    retail_price: String,
    /// What the retailer pays for a kWh fed in.
    feed_in_price: String,
    /// The grid's fee on a neighbour's energy, paid by the buyer; of a connection point that on
    /// energy which stays in its zone.
    network_fee: String,
    /// The platform's fee, paid by the buyer.
    buyer_fee: String,
    /// The platform's fee, paid by the seller.
    seller_fee: String,
    /// Both sides gain at energy prices between `low` and `high`; absent when nobody can.
    #[serde(skip_serializing_if = "Option::is_none")]
    low: Option<String>,
    /// The other end.
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<String>,
    /// What both sides gain together per kWh.
    gain: String,
    /// The same for energy from each other zone to the connection point, where the market has a
    /// grid; without those from which nothing can come in this slot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    paths: Vec<PathView>,
}

/// A neighbour's energy on its way from a zone. Prices in currency per kWh.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct PathView {
    /// Where it is fed in.
    #[schema(format = "uuid")]
    from: String,
    /// The grid's fee on the way.
    network_fee: String,
    /// Both sides gain at energy prices between `low` and `high`; absent when nobody can.
    #[serde(skip_serializing_if = "Option::is_none")]
    low: Option<String>,
    /// The other end.
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<String>,
    /// What both sides gain together per kWh.
    gain: String,
}

/// A band's ends and width, for people.
struct Shown {
    low: Option<String>,
    high: Option<String>,
    gain: String,
}

fn shown(band: Option<(Price, Price)>) -> Shown {
    let gain = band.map(|(low, high)| high.minus(low).unwrap_or_default());
    Shown {
        low: band.map(|(low, _)| per_kwh(low)),
        high: band.map(|(_, high)| per_kwh(high)),
        gain: per_kwh(gain.unwrap_or(Price::ZERO)),
    }
}

/// The price band of a slot: where trading beats the tariff for both sides.
#[utoipa::path(
    tag = "market",
    params(BandQuery),
    responses((status = 200, body = BandView), Problems)
)]
#[get("/v1/price-band")]
pub(crate) async fn get_price_band(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<BandQuery>,
) -> Result<Json<BandView>, Problem> {
    let point = query.connection_point.as_deref().map(str::parse::<ConnectionPointId>).transpose();
    let point = point.map_err(|_| Problem::malformed("connection_point: not a UUID"))?;
    let desk = match (point, &query.zone) {
        (Some(point), None) => desk_with(&market, &caller, point).await?,
        (_, zone) => desk_of(&market, &caller, zone.as_deref())?,
    };
    let slot = slot_of(desk, &query.slot)?;
    let parameters = desk.parameters();
    let book = desk.book().await;
    if let Some(point) = point {
        let known = book.point(point).filter(|point| parameters.covers(point.zone));
        let owner = known.map(|point| point.account);
        let visible = owner.is_some() && may(&caller, Action::ReadAccount, owner);
        if !visible {
            return Err(Problem::not_found("connection point"));
        }
    }
    let (retail, feed_in) =
        book.prices(slot, parameters).ok_or_else(|| Problem::not_found("tariff"))?;
    let network = point.map_or(parameters.fees.network, |it| book.network_fee(it, parameters));
    let paths = point.map(|point| book.path_fees(point, slot.start, parameters));
    let path = |(from, fee): (ids::ZoneId, Price)| {
        let Shown { low, high, gain } = shown(book.band_at(slot, fee, parameters));
        PathView { from: from.to_string(), network_fee: per_kwh(fee), low, high, gain }
    };
    let Shown { low, high, gain } = shown(book.band_at(slot, network, parameters));
    Ok(Json(BandView {
        slot: slot.start.to_string(),
        retail_price: per_kwh(retail),
        feed_in_price: per_kwh(feed_in),
        network_fee: per_kwh(network),
        buyer_fee: per_kwh(parameters.fees.buyer),
        seller_fee: per_kwh(parameters.fees.seller),
        low,
        high,
        gain,
        paths: paths.into_iter().flatten().map(path).collect(),
    }))
}

/// The desk of the caller's community in whose zones a connection point stands.
async fn desk_with<'a>(
    market: &'a Market,
    caller: &Principal,
    point: ConnectionPointId,
) -> Result<&'a Arc<Desk>, Problem> {
    for desk in market.desks_of(caller.community) {
        let book = desk.book().await;
        if book.point(point).is_some_and(|point| desk.parameters().covers(point.zone)) {
            return Ok(desk);
        }
    }
    Err(Problem::not_found("connection point"))
}

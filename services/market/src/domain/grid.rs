//! The grid of a market with several zones: where its connection points stand, what its links carry
//! in a slot, and what a clearing comes to in each zone.
//!
//! ```text
//! configuration: zones with fees, links with capacities -+
//! curtailments of links in the slot ---------------------+--> Grid, in a clearing's conditions
//! connection points of its orders -----------------------+      |
//!                                         orders of all zones --+--> matching::network::clear
//! ```
//!
//! All zones are one market on chain: one policy, one clearing, fills with a buyer's and a seller's
//! price. An order names that market; where it stands follows from its connection point.
//!
//! Invariants: what a clearing depended on is in its conditions, whatever is configured or
//! curtailed later; a link is never given more than it is configured with.
//! Deliberately absent: trades of a slot that was cleared before a link lost capacity: they stand.

use std::collections::BTreeMap;

use calendar::Timestamp;
use ids::{ConnectionPointId, ZoneId};
use matching::network::{LinkFlow, Network, Zonal, ZonePrice};
use matching::{Mechanism, Order};
use serde::{Deserialize, Serialize};
use units::{Energy, Money, Price};

use super::{Accepted, Exchange, Parameters, Rejection};

/// The most links that one curtailment limits.
pub const LIMITED_LINKS_MAX: usize = matching::network::LINKS_MAX;

/// The grid that a slot was cleared on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Zones, fees, and what links carried at most.
    pub network: Network,
    /// Where the connection points of its orders stand.
    pub points: BTreeMap<ConnectionPointId, ZoneId>,
}

/// What the link above a zone carries at most while it is curtailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkLimit {
    /// The lower end of the link.
    pub zone: ZoneId,
    /// Out of the zone, in a slot; `None` leaves it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<Energy>,
    /// Into the zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down: Option<Energy>,
}

/// What a clearing came to in each zone and on each link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZonalPrices {
    /// The zones in which energy was sold or bought, or passed.
    pub zones: Vec<ZonePrice>,
    /// The links that carry energy.
    pub flows: Vec<LinkFlow>,
    /// What full links earn.
    pub rent: Money,
    /// The network's fees, with what is charged on every watt-hour.
    pub fees: Money,
}

impl ZonalPrices {
    /// What a clearing on a network says beside its trades.
    pub(super) fn of(zonal: &Zonal) -> ZonalPrices {
        ZonalPrices {
            zones: zonal.zones.clone(),
            flows: zonal.flows.clone(),
            rent: zonal.rent,
            fees: zonal.fees,
        }
    }
}

impl Grid {
    /// The order at the zone of its connection point.
    pub(super) fn locate(&self, order: &mut Order, point: ConnectionPointId) {
        order.zone = self.points.get(&point).copied().unwrap_or(order.zone);
    }
}

impl Parameters {
    /// Whether connection points of `zone` trade here.
    pub fn covers(&self, zone: ZoneId) -> bool {
        match &self.grid {
            Some(network) => network.zones.iter().any(|known| known.zone == zone),
            None => zone == self.zone,
        }
    }

    /// Whether the market is named by `zone`: its own name on chain, or a zone of its grid.
    pub fn is_named(&self, zone: ZoneId) -> bool {
        zone == self.zone || self.covers(zone)
    }

    /// Refuses a mechanism that knows no grid, where the market has one.
    pub(super) fn check_grid(&self, mechanism: &Mechanism) -> Result<(), Rejection> {
        if self.grid.is_none() {
            return Ok(());
        }
        if *mechanism != Mechanism::default() {
            return Err(Rejection::Mechanism);
        }
        let nobody = self.terms.difference_account.is_zero();
        if nobody { Err(Rejection::Difference) } else { Ok(()) }
    }
}

impl Exchange {
    /// The grid of the slot that starts then, its links as curtailments leave them; `None` where
    /// the market has no zones.
    pub fn network(&self, slot: Timestamp, parameters: &Parameters) -> Option<Network> {
        let mut network = parameters.grid.clone()?;
        let least = |one: Option<Energy>, other: Option<Energy>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        for limit in self.limited_links(slot) {
            for link in network.links.iter_mut().filter(|link| link.zone == limit.zone) {
                link.up.capacity = least(link.up.capacity, limit.up);
                link.down.capacity = least(link.down.capacity, limit.down);
            }
        }
        Some(network)
    }

    /// What the grid takes of a Wh that stays in the zone of a connection point: the fee of that
    /// zone where the market has several, else the policy's.
    pub fn network_fee(&self, point: ConnectionPointId, parameters: &Parameters) -> Price {
        let zone = self.points.get(&point).map(|point| point.zone);
        let zones = parameters.grid.iter().flat_map(|grid| &grid.zones);
        let own = zones.into_iter().find(|known| Some(known.zone) == zone);
        own.map_or(parameters.fees.network, |zone| zone.fee)
    }

    /// What the grid takes of a Wh on its way from each other zone to a connection point in the
    /// slot that starts then, cheapest first; nothing where the market has no grid.
    pub fn path_fees(
        &self,
        point: ConnectionPointId,
        slot: Timestamp,
        parameters: &Parameters,
    ) -> Vec<(ZoneId, Price)> {
        let (Some(point), Some(network)) =
            (self.points.get(&point), self.network(slot, parameters))
        else {
            return Vec::new();
        };
        let others = network.zones.iter().filter(|zone| zone.zone != point.zone);
        let fee = |zone: ZoneId| Some((zone, network.path_fee(zone, point.zone)?));
        let mut fees: Vec<(ZoneId, Price)> = others.filter_map(|zone| fee(zone.zone)).collect();
        fees.sort_by_key(|(zone, fee)| (*fee, *zone));
        fees
    }

    /// What the clearing of a slot has to know of the grid.
    pub(super) fn grid(
        &self,
        slot: Timestamp,
        accepted: &[&Accepted],
        parameters: &Parameters,
    ) -> Option<Grid> {
        // Who met before there was a grid has met.
        let network = self.network(slot, parameters).filter(|_| self.trading(slot).is_none())?;
        let placed = |order: &&Accepted| {
            let point = order.terms.connection_point;
            Some((point, self.points.get(&point)?.zone))
        };
        Some(Grid { network, points: accepted.iter().filter_map(placed).collect() })
    }

    /// Refuses limits of links that the grid does not have, or of nothing.
    pub(super) fn check_links(
        &self,
        links: &[LinkLimit],
        parameters: &Parameters,
    ) -> Result<(), Rejection> {
        let grid = parameters.grid.as_ref();
        let known = |limit: &LinkLimit| {
            let link = grid.is_some_and(|grid| grid.links.iter().any(|l| l.zone == limit.zone));
            link && (limit.up.is_some() || limit.down.is_some())
        };
        let sound = links.len() <= LIMITED_LINKS_MAX && links.iter().all(known);
        if sound { Ok(()) } else { Err(Rejection::Link) }
    }
}

//! Less capacity than was cleared: what is left of each trade.

use std::collections::HashMap;

use ids::OrderId;
use units::{Energy, Overflow, pro_rata};

use super::tree::Tree;
use super::{Network, Zonal};
use crate::{Order, Refusal};

/// What is left of each trade, in their order, once the grid's operator has taken capacity away
/// between gate and delivery: `network` is the one of the clearing with lower capacities. Each
/// direction of a link that is over its new capacity is shared pro-rata by energy among the trades
/// on it, largest remainder, earlier trades first; links in the order of the ids of their lower
/// ends, each looking at what those before it have left.
///
/// Prices stay; who wants the best use of what is left clears again instead.
///
/// # Errors
/// [`Refusal::Rules`] where the network is not sound, a trade's order is not among `orders`, or
/// there is no way for it in the network; [`Refusal::Overflow`] where a sum of quantities does not
/// fit.
pub fn curtail(zonal: &Zonal, orders: &[Order], network: &Network) -> Result<Vec<Energy>, Refusal> {
    let tree = Tree::of(network)?;
    let zones: HashMap<OrderId, _> = orders.iter().map(|order| (order.id, order.zone)).collect();
    let area = |order: OrderId| {
        let zone = zones.get(&order).ok_or(Refusal::Rules("curtail: an order is missing"))?;
        tree.place(*zone).ok_or(Refusal::Rules("curtail: a zone is missing"))
    };
    let trades = &zonal.clearing.trades;
    let mut left: Vec<u64> = trades.iter().map(|trade| trade.quantity.wh()).collect();
    // Of each area, the trades on its link: up and down.
    let mut users = vec![(Vec::new(), Vec::new()); tree.areas.len()];
    for (place, trade) in trades.iter().enumerate() {
        let path = tree.path(area(trade.seller)?, area(trade.buyer)?);
        let path = path.ok_or(Refusal::Rules("curtail: a trade has no way"))?;
        path.up.iter().for_each(|&way| users[way].0.push(place));
        path.down.iter().for_each(|&way| users[way].1.push(place));
    }
    for (area, (up, down)) in tree.areas.iter().zip(users) {
        for (users, line) in [(up, area.up), (down, area.down)] {
            let asked: Vec<u64> = users.iter().map(|&place| left[place]).collect();
            Energy::sum(asked.iter().map(|&wh| Energy::from_wh(wh)))?;
            let capacity = u64::try_from(line.capacity).map_err(|_| Overflow)?;
            for (&place, part) in users.iter().zip(pro_rata(capacity, &asked)) {
                left[place] = part;
            }
        }
    }
    Ok(left.into_iter().map(Energy::from_wh).collect())
}

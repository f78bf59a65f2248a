//! The slow twin: successive shortest paths over single orders, found by Bellman and Ford.
//!
//! It takes the definition at its word. Every zone is two nodes, for energy that climbs and for
//! energy that comes down; every order is an arc of its own; energy is sent along the cheapest path
//! for as long as that gains or costs nothing. It shares nothing with the fast one but plain types.

use std::collections::BTreeMap;

use ids::{OrderId, ZoneId};
use matching::network::{Network, Zonal};
use matching::{Fees, Order, Rules, Side};

use crate::zonal::book::{fills, worth};

/// What the twin says of a book.
pub(crate) struct Outcome {
    /// Value less cost less the network's fees.
    pub(crate) welfare: i128,
    /// The most energy with which that is reached.
    pub(crate) volume: u64,
    /// What netting with own orders leaves of each order.
    pub(crate) open: BTreeMap<OrderId, u64>,
}

/// Stands for no limit.
const WITHOUT_LIMIT: u64 = 1 << 60;
const SOURCE: usize = 0;
const SINK: usize = 1;

struct Arc {
    from: usize,
    to: usize,
    cost: i64,
    /// How much may still go: arcs come in pairs, each being the way back of the other.
    room: u64,
}

/// The grid as arcs, with the places of its zones.
struct Graph {
    arcs: Vec<Arc>,
    zones: Vec<ZoneId>,
}

impl Graph {
    fn new(network: &Network) -> Graph {
        let zones: Vec<ZoneId> = network.zones.iter().map(|zone| zone.zone).collect();
        let mut graph = Graph { arcs: Vec::new(), zones };
        for zone in &network.zones {
            let (climbs, falls) = graph.nodes(zone.zone);
            graph.arc(climbs, falls, zone.fee.n_per_wh(), WITHOUT_LIMIT);
        }
        for link in &network.links {
            let (lower, upper) = (graph.nodes(link.zone), graph.nodes(link.parent));
            let room =
                |way: &matching::network::Way| way.capacity.map_or(WITHOUT_LIMIT, |c| c.wh());
            graph.arc(lower.0, upper.0, link.up.fee.n_per_wh(), room(&link.up));
            graph.arc(upper.1, lower.1, link.down.fee.n_per_wh(), room(&link.down));
        }
        graph
    }

    /// Where a zone's energy climbs, and where it comes down.
    fn nodes(&self, zone: ZoneId) -> (usize, usize) {
        let place = self.zones.iter().position(|&other| other == zone).unwrap();
        (2 + 2 * place, 3 + 2 * place)
    }

    fn arc(&mut self, from: usize, to: usize, cost: i64, room: u64) {
        self.arcs.push(Arc { from, to, cost, room });
        self.arcs.push(Arc { from: to, to: from, cost: -cost, room: 0 });
    }

    /// The cheapest cost to each node, and the arc by which it is reached.
    fn cheapest(&self, start: usize) -> Vec<Option<(i64, usize)>> {
        let mut reached = vec![None; 2 + 2 * self.zones.len()];
        reached[start] = Some((0, usize::MAX));
        let mut changed = true;
        while changed {
            changed = false;
            for (place, arc) in self.arcs.iter().enumerate().filter(|(_, arc)| arc.room > 0) {
                let Some((cost, _)) = reached[arc.from] else { continue };
                if reached[arc.to].is_none_or(|(known, _)| cost + arc.cost < known) {
                    reached[arc.to] = Some((cost + arc.cost, place));
                    changed = true;
                }
            }
        }
        reached
    }
}

/// Solves a small book, of which every zone is in the network.
pub(crate) fn solve(orders: &[Order], network: &Network, fees: &Fees) -> Outcome {
    let mut graph = Graph::new(network);
    let open = netted(orders, &graph, fees);
    for order in orders {
        let (climbs, falls) = graph.nodes(order.zone);
        match order.side {
            Side::Buy => graph.arc(falls, SINK, -worth(order, fees), open[&order.id]),
            Side::Sell => graph.arc(SOURCE, climbs, worth(order, fees), open[&order.id]),
        }
    }
    let (mut welfare, mut volume) = (0, 0);
    loop {
        let reached = graph.cheapest(SOURCE);
        let Some((cost, _)) = reached[SINK].filter(|&(cost, _)| cost <= 0) else { break };
        let mut path = Vec::new();
        let mut node = SINK;
        while node != SOURCE {
            let place = reached[node].unwrap().1;
            path.push(place);
            node = graph.arcs[place].from;
        }
        let energy = path.iter().map(|&place| graph.arcs[place].room).min().unwrap();
        for place in path {
            graph.arcs[place].room -= energy;
            graph.arcs[place ^ 1].room += energy;
        }
        welfare -= i128::from(cost) * i128::from(energy);
        volume += energy;
    }
    Outcome { welfare, volume, open }
}

/// Nets own orders that cross at the fee of their path, pair by pair: same zone first, then the
/// cheapest path, then by zones; the best bid, the best ask.
fn netted(orders: &[Order], grid: &Graph, fees: &Fees) -> BTreeMap<OrderId, u64> {
    let mut open: BTreeMap<OrderId, u64> =
        orders.iter().map(|order| (order.id, order.quantity.wh())).collect();
    let fees_from: BTreeMap<ZoneId, _> =
        grid.zones.iter().map(|&zone| (zone, grid.cheapest(grid.nodes(zone).0))).collect();
    let mut pairs = Vec::new();
    for bid in orders.iter().filter(|order| order.side == Side::Buy) {
        for ask in orders.iter().filter(|order| order.side == Side::Sell) {
            let fee = fees_from[&ask.zone][grid.nodes(bid.zone).1];
            let Some((fee, _)) = fee.filter(|_| bid.owner == ask.owner) else { continue };
            let (value, cost) = (worth(bid, fees), worth(ask, fees));
            if value >= cost + fee {
                let path = (bid.zone != ask.zone, fee, ask.zone, bid.zone);
                pairs.push((path, -value, bid.hash, cost, ask.hash, bid.id, ask.id));
            }
        }
    }
    pairs.sort();
    for (.., bid, ask) in pairs {
        let both = open[&bid].min(open[&ask]);
        *open.get_mut(&bid).unwrap() -= both;
        *open.get_mut(&ask).unwrap() -= both;
    }
    open
}

/// The sellers' prices that the fills and flows of an answer leave possible, narrowed one statement
/// at a time until nothing changes; of them the middle of lowest and highest, and the lowest above
/// its tick. Only of zones in which energy is or passes.
pub(crate) fn prices(
    orders: &[Order],
    open: &BTreeMap<OrderId, u64>,
    (network, rules): (&Network, &Rules),
    zonal: &Zonal,
) -> BTreeMap<ZoneId, i64> {
    let fee = |zone: ZoneId| network.zones.iter().find(|z| z.zone == zone).unwrap().fee.n_per_wh();
    let mut low: BTreeMap<ZoneId, i64> = network.zones.iter().map(|z| (z.zone, 0)).collect();
    let mut high: BTreeMap<ZoneId, i64> =
        network.zones.iter().map(|z| (z.zone, i64::MAX / 2)).collect();
    let fills = fills(zonal);
    for order in orders {
        let filled = fills.get(&order.id).copied().unwrap_or(0);
        let (some, all) = (filled > 0, filled == open[&order.id]);
        let value =
            worth(order, &rules.fees) - if order.side == Side::Buy { fee(order.zone) } else { 0 };
        let (least, most) = match order.side {
            Side::Buy => (!all, some),
            Side::Sell => (some, !all),
        };
        if least {
            low.entry(order.zone).and_modify(|known| *known = value.max(*known));
        }
        if most {
            high.entry(order.zone).and_modify(|known| *known = value.min(*known));
        }
    }
    // Each says: the first zone's price is at most the second's and so much more.
    let mut says: Vec<(ZoneId, ZoneId, i64)> = Vec::new();
    for link in &network.links {
        let (lower, upper) = (link.zone, link.parent);
        let down = link.down.fee.n_per_wh() + fee(upper) - fee(lower);
        let ways = [
            (lower, upper, link.up.fee.n_per_wh(), link.up.capacity),
            (upper, lower, down, link.down.capacity),
        ];
        for (from, to, cost, capacity) in ways {
            let flow = zonal.flows.iter().find(|flow| (flow.from, flow.to) == (from, to));
            let energy = flow.map_or(0, |flow| flow.energy.wh());
            if capacity.is_none_or(|most| energy < most.wh()) {
                says.push((to, from, cost));
            }
            if energy > 0 {
                says.push((from, to, -cost));
            }
        }
    }
    let raise = |prices: &mut BTreeMap<ZoneId, i64>| {
        for _ in &network.zones {
            for (small, large, more) in &says {
                let least = prices[small] - more;
                prices.entry(*large).and_modify(|known| *known = least.max(*known));
            }
        }
    };
    raise(&mut low);
    for _ in &network.zones {
        for (small, large, more) in &says {
            let most = high[large] + more;
            high.entry(*small).and_modify(|known| *known = most.min(*known));
        }
    }
    let mut prices = low.clone();
    for price in &zonal.zones {
        let middle = low[&price.zone].midpoint(high[&price.zone]);
        let on_tick = middle / rules.tick.n_per_wh() * rules.tick.n_per_wh();
        prices.insert(price.zone, on_tick.max(low[&price.zone]));
    }
    raise(&mut prices);
    zonal.zones.iter().map(|price| (price.zone, prices[&price.zone])).collect()
}

//! The slow twin of continuous trading: a list of what rests, searched from end to end.

use ids::OrderId;
use matching::{Order, Rules, Side};
use units::Energy;

use crate::mechanisms::books::energy_price;

/// Who bought of whom, how much, at what price.
pub(crate) type Met = (OrderId, OrderId, u64, i64);

/// What comes of orders that come in by their sequence, equal ones by hash.
pub(crate) struct Run {
    pub(crate) trades: Vec<Met>,
    pub(crate) dropped: Vec<OrderId>,
    /// What is left at the end, each with its side, energy price on the tick, and quantity.
    pub(crate) resting: Vec<(Side, i64, u64)>,
}

/// An order at the energy price, on the tick, at which it still gains.
#[derive(Clone)]
struct Resting<'a> {
    order: &'a Order,
    price: i64,
    open: u64,
}

pub(crate) fn run(orders: &[Order], rules: &Rules) -> Run {
    let tick = rules.tick.n_per_wh();
    let on_tick = |order: &Order| match order.side {
        Side::Buy => energy_price(order, rules).div_euclid(tick) * tick,
        Side::Sell => -((-energy_price(order, rules)).div_euclid(tick) * tick),
    };
    let mut coming: Vec<&Order> =
        orders.iter().filter(|order| order.quantity > Energy::ZERO).collect();
    coming.sort_by_key(|order| (order.sequence, order.hash));
    let (mut resting, mut trades, mut dropped) = (Vec::<Resting<'_>>::new(), Vec::new(), vec![]);
    for order in coming {
        let price = on_tick(order);
        let (mut open, mut after, mut made) = (order.quantity.wh(), resting.clone(), Vec::new());
        while open > 0 {
            let sign = if order.side == Side::Buy { 1 } else { -1 };
            let crosses = |other: &&mut Resting<'_>| {
                let meets = other.order.side != order.side && other.price * sign <= price * sign;
                meets && other.open > 0
            };
            let best = after.iter_mut().filter(crosses).min_by_key(|other| other.price * sign);
            let Some(best) = best else { break };
            let both = open.min(best.open);
            open -= both;
            best.open -= both;
            if best.order.owner != order.owner {
                let ids = match order.side {
                    Side::Buy => (order.id, best.order.id),
                    Side::Sell => (best.order.id, order.id),
                };
                made.push((ids.0, ids.1, both, best.price));
            }
        }
        if made.iter().map(|trade| trade.2).sum::<u64>() < order.min_fill.wh() {
            dropped.push(order.id);
            continue;
        }
        resting = after;
        trades.append(&mut made);
        resting.push(Resting { order, price, open });
    }
    let left = resting.into_iter().filter(|resting| resting.open > 0);
    let resting = left.map(|left| (left.order.side, left.price, left.open)).collect();
    Run { trades, dropped, resting }
}

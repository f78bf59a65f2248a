//! The order in which fills are listed: best price first, equal prices by hash.

use units::{Energy, Price};

use super::columns::Column;
use super::spread;
use crate::{Order, Side};

/// Places of the orders that trade, when the last of them trade at `low`.
pub(super) fn sorted(
    column: &Column,
    fills: &[Energy],
    (low, tick): (i64, Price),
    orders: &[Order],
) -> impl Iterator<Item = usize> {
    let step = tick.n_per_wh().unsigned_abs();
    let keys = keys(column, fills, low, step).or_else(|| keys(column, fills, low, 1));
    let mut keys = spread::sorted(keys.unwrap_or_default());
    for same in keys.chunk_by_mut(|one, other| one.0 == other.0).filter(|same| same.len() > 1) {
        same.sort_unstable_by_key(|&(_, place)| {
            let (order, price) = (&orders[column.places[place]], column.prices[place]);
            let merit = if column.side == Side::Buy { -price } else { price };
            (merit, &order.hash, order.id, place)
        });
    }
    keys.into_iter().map(|(_, place)| place)
}

/// Of each order that trades a number that is in the order of fills as far as 64 bits go: how many
/// steps its price is from the best one, then the first bits of its hash. `None` where prices are
/// not whole steps apart.
fn keys(column: &Column, fills: &[Energy], low: i64, step: u64) -> Option<Vec<(u64, usize)>> {
    let (lowest, highest) = column.bounds()?;
    let best = if column.side == Side::Buy { highest } else { lowest };
    let bits = (u64::BITS - (best.abs_diff(low) / step).leading_zeros()).max(1);
    let mut keys = Vec::with_capacity(fills.len());
    let mut between = 0;
    for (place, _) in fills.iter().enumerate().filter(|(_, fill)| **fill > Energy::ZERO) {
        let worse = column.prices[place].abs_diff(best);
        let steps = worse / step;
        between |= worse - steps * step;
        let tie = column.ties[place].checked_shr(bits).unwrap_or(0);
        keys.push((steps << (u64::BITS - bits) | tie, place));
    }
    (between == 0).then_some(keys)
}

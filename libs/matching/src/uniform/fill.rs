//! What each order gets.

use units::Energy;

use super::columns::Half;
use super::edge::{Cut, Edge};
use crate::{Order, Side};

/// Fills of a side as far as a range of prices with the edge in it says them, and the places of
/// those whose price is in that range.
pub(super) fn split(half: &Half<'_>, cut: &Cut) -> (Vec<Energy>, Vec<usize>) {
    let start = cut.start();
    let fills = match half.column.side {
        Side::Buy => better(half, |price| price > start),
        Side::Sell => better(half, |price| price < start),
    };
    let prices = half.column.prices.iter().enumerate();
    (fills, prices.filter(|&(_, &price)| cut.has(price)).map(|(place, _)| place).collect())
}

/// All that an order wants, or nothing.
fn better(half: &Half<'_>, gains: impl Fn(i64) -> bool) -> Vec<Energy> {
    let fill = |(price, open)| Energy::from_wh(if gains(price) { open } else { 0 });
    half.quotes().map(fill).collect()
}

/// Fills of those near the edge.
pub(super) fn settle(
    half: &Half<'_>,
    near: &[usize],
    edge: &Edge,
    orders: &[Order],
    fills: &mut [Energy],
) {
    let mut margin = Vec::new();
    for &place in near {
        let (price, open) = half.quote(place);
        let gains = match half.column.side {
            Side::Buy => price > edge.low,
            Side::Sell => price < edge.low,
        };
        fills[place] = Energy::from_wh(if gains { open } else { 0 });
        if price == edge.low && open > 0 {
            margin.push(place);
        }
    }
    let whole = if half.column.side == Side::Buy { edge.above } else { edge.below };
    ration(half, edge.volume - whole, &margin, orders, fills);
}

/// Shares what is left among those at the edge as [`units::pro_rata`] does: the units that do not
/// divide go to the largest remainders, and between equal ones by hash. Nothing is sorted for it.
fn ration(half: &Half<'_>, supply: u64, margin: &[usize], orders: &[Order], fills: &mut [Energy]) {
    let asked: u128 = margin.iter().map(|&place| u128::from(half.open[place])).sum();
    let mut left = supply;
    let mut rests = Vec::with_capacity(margin.len());
    for &place in margin {
        let open = half.open[place];
        if u128::from(supply) >= asked {
            fills[place] = Energy::from_wh(open);
            continue;
        }
        let exact = u128::from(supply) * u128::from(open);
        let part = exact / asked;
        rests.push((exact - part * asked, place));
        let part = u64::try_from(part).expect("a part is at most the supply");
        fills[place] = Energy::from_wh(part);
        left -= part;
    }
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    if left == 0 || rests.is_empty() {
        return;
    }
    let tie = |place: usize| {
        let order = &orders[half.column.places[place]];
        (&order.hash, order.id, place)
    };
    rests.select_nth_unstable_by(left - 1, |one, other| {
        other.0.cmp(&one.0).then_with(|| tie(one.1).cmp(&tie(other.1)))
    });
    for &(_, place) in &rests[..left] {
        fills[place] = Energy::from_wh(fills[place].wh() + 1);
    }
}

//! Twins of the mechanisms that sort by price.

use super::{Deal, Line, Lines, crossing, joined, shared, watt_hours};

/// What one side gets of `volume`: the best price first, all of a price shared.
fn levels(lines: &[Line], volume: u64) -> Vec<Line> {
    let mut prices: Vec<i64> = lines.iter().map(|line| line.price).collect();
    prices.dedup();
    let mut left = volume;
    let mut got = Vec::new();
    for price in prices {
        let level: Vec<Line> = lines.iter().filter(|line| line.price == price).cloned().collect();
        let part = shared(&level, left);
        left -= part.iter().map(|line| line.open).sum::<u64>();
        got.extend(part);
    }
    got
}

pub(super) fn k_pricing(book: &Lines, k_bps: i64) -> Vec<Deal> {
    let volume = u64::try_from(crossing(book).len()).unwrap();
    let (bids, asks) = (levels(&book.bids, volume), levels(&book.asks, volume));
    let pairs = watt_hours(&bids).into_iter().zip(watt_hours(&asks));
    pairs
        .map(|(bid, ask)| {
            let price = (bid.price * k_bps + ask.price * (10_000 - k_bps)) / 10_000;
            (bid.order.id, ask.order.id, price, price)
        })
        .collect()
}

pub(super) fn lemlab(book: &Lines, one_price: bool) -> Vec<Deal> {
    let pairs = crossing(book);
    let middle = |(bid, ask): &(&Line, &Line)| (bid.price + ask.price) / 2;
    let last = pairs.last().map(middle);
    let deal = |pair: &(&Line, &Line)| {
        let price = last.filter(|_| one_price).unwrap_or(middle(pair));
        (pair.0.order.id, pair.1.order.id, price, price)
    };
    pairs.iter().map(deal).collect()
}

pub(super) fn gsy_pay_as_clear(book: &Lines) -> Vec<Deal> {
    let (bids, asks) = (watt_hours(&book.bids), watt_hours(&book.asks));
    let Some(best) = bids.first() else { return Vec::new() };
    let offered = |price: i64| asks.iter().filter(|ask| ask.price <= price).count();
    let demanded = |price: i64| bids.iter().filter(|bid| bid.price >= price).count();
    let fits = |price: &i64| offered(*price) >= demanded(*price);
    let lowest = bids.iter().map(|bid| bid.price).filter(fits).min();
    let price = lowest.unwrap_or(best.price);
    let volume = offered(price).min(demanded(price));
    let pairs = bids.iter().zip(&asks).take(volume);
    pairs.map(|(bid, ask)| (bid.order.id, ask.order.id, price, price)).collect()
}

pub(super) fn gsy_pay_as_bid(book: &Lines) -> Vec<Deal> {
    let mut bids = book.bids.clone();
    let mut asks = book.asks.clone();
    asks.sort_by_key(|ask| (-ask.price, ask.order.hash));
    let mut deals = Vec::new();
    for ask in &mut asks {
        for bid in &mut bids {
            while ask.open > 0 && bid.open > 0 && bid.price >= ask.price {
                ask.open -= 1;
                bid.open -= 1;
                deals.push((bid.order.id, ask.order.id, bid.price, bid.price));
            }
        }
    }
    deals
}

/// All watt-hours of the lines before `place`, shared down to `volume` on each side.
pub(super) fn of_the_first(
    book: &Lines,
    (bids, asks): (usize, usize),
    volume: u64,
    (buy, sell): (i64, i64),
) -> Vec<Deal> {
    let (bids, asks) = (shared(&book.bids[..bids], volume), shared(&book.asks[..asks], volume));
    let priced = |deal: Deal| (deal.0, deal.1, buy, sell);
    joined(&bids, &asks, 0).into_iter().map(priced).collect()
}

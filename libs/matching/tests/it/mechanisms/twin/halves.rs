//! Twins of the truthful double auctions.

use matching::{Order, Rules};

use super::by_merit::of_the_first;
use super::{Deal, Line, Lines, crossing, joined, lines, watt_hours};

pub(super) fn mc_afee(book: &Lines) -> Vec<Deal> {
    let volume = crossing(book).len();
    if volume == 0 {
        return Vec::new();
    }
    // The line of the last unit, whether the unit after it is of another line, the units before it.
    let last = |lines: &[Line]| {
        let units = watt_hours(lines);
        let line = units[volume - 1];
        let place = lines.iter().position(|other| other.order.id == line.order.id).unwrap();
        let ends = units.get(volume).is_none_or(|next| next.order.id != line.order.id);
        let better = units.iter().take_while(|unit| unit.order.id != line.order.id).count();
        (place, ends, better)
    };
    let (bid, bid_ends, bids_better) = last(&book.bids);
    let (ask, ask_ends, asks_better) = last(&book.asks);
    let (lowest, highest) = (book.bids[bid].price, book.asks[ask].price);
    if let (true, Some(next_bid), Some(next_ask)) =
        (bid_ends && ask_ends, book.bids.get(bid + 1), book.asks.get(ask + 1))
    {
        let price = (next_bid.price + next_ask.price).div_euclid(2);
        if highest <= price && price <= lowest {
            let volume = u64::try_from(volume).unwrap();
            return of_the_first(book, (bid + 1, ask + 1), volume, (price, price));
        }
    }
    let volume = u64::try_from(bids_better.min(asks_better)).unwrap();
    of_the_first(book, (bid, ask), volume, (lowest, highest))
}

/// The lot of an owner: 0 for the half, 1 for the turn.
fn lot(which: u64, rules: &Rules, owner: [u8; 20]) -> u64 {
    let mut bytes = rules.seed.to_vec();
    bytes.extend(owner);
    bytes.extend([0; 4]);
    let mut state = which;
    for word in bytes.chunks(8) {
        let word = word.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte));
        let mut mixed = (state ^ word).wrapping_add(11_400_714_819_323_198_485);
        for (shift, factor) in [(30, 13_787_848_793_156_543_929), (27, 10_723_151_780_598_845_931)]
        {
            mixed = (mixed ^ mixed >> shift).wrapping_mul(factor);
        }
        state = mixed ^ mixed >> 31;
    }
    state
}

pub(super) fn muda(book: &Lines, orders: &[Order], rules: &Rules) -> Vec<Deal> {
    let whole = lines(orders, rules, &[]);
    let half = |book: &Lines, odd: u64| {
        let own = |lines: &[Line]| -> Vec<Line> {
            let inside = |line: &&Line| lot(0, rules, line.order.owner) % 2 == odd;
            lines.iter().filter(inside).cloned().collect()
        };
        Lines { bids: own(&book.bids), asks: own(&book.asks) }
    };
    let mut deals = Vec::new();
    for odd in [1, 0] {
        if let Some(price) = competitive(&half(&whole, 1 - odd), rules) {
            deals.extend(at(&half(book, odd), price, rules));
        }
    }
    deals
}

/// The middle of the last pair, or of the best bid and ask where none meet, moved to a price that
/// clears and down to the tick.
fn competitive(half: &Lines, rules: &Rules) -> Option<i64> {
    let (bids, asks) = (watt_hours(&half.bids), watt_hours(&half.asks));
    let (best, cheapest) = (bids.first()?.price, asks.first()?.price);
    let pairs = crossing(half);
    let clears = |at: &i64| {
        let above = bids.iter().filter(|bid| bid.price > *at).count();
        let from = bids.iter().filter(|bid| bid.price >= *at).count();
        let below = asks.iter().filter(|ask| ask.price < *at).count();
        let up_to = asks.iter().filter(|ask| ask.price <= *at).count();
        let volume = pairs.len();
        above <= volume && volume <= from && below <= volume && volume <= up_to
    };
    let highest = bids.iter().chain(&asks).map(|line| line.price).max()?;
    let clearing: Vec<i64> = (0..=highest).filter(clears).collect();
    let (low, high) = (*clearing.first()?, *clearing.last()?);
    let (bid, ask) = pairs.last().map_or((best.max(0), cheapest), |(b, a)| (b.price, a.price));
    let middle = ((bid + ask) / 2).max(low).min(high);
    let fits = |at: &i64| at % rules.tick.n_per_wh() == 0;
    Some((low..=middle).rev().find(fits).unwrap_or(low))
}

/// Trades a half at a price, owners by lot.
fn at(half: &Lines, price: i64, rules: &Rules) -> Vec<Deal> {
    let served = |lines: &[Line], accepts: &dyn Fn(&Line) -> bool| -> Vec<Line> {
        let mut taking: Vec<Line> = lines.iter().filter(|line| accepts(line)).cloned().collect();
        taking.sort_by_key(|line| (lot(1, rules, line.order.owner), line.order.owner));
        taking
    };
    let bids = served(&half.bids, &|line| line.price >= price);
    let asks = served(&half.asks, &|line| line.price <= price);
    let volume = watt_hours(&bids).len().min(watt_hours(&asks).len());
    let first = |lines: &[Line], merit: &dyn Fn(&Line) -> i64| -> Vec<Line> {
        let units = watt_hours(lines).into_iter().take(volume);
        let mut units: Vec<Line> = units.map(|line| Line { open: 1, ..line.clone() }).collect();
        units.sort_by_key(|line| (merit(line), line.order.hash));
        units
    };
    joined(&first(&bids, &|line| -line.price), &first(&asks, &|line| line.price), price)
}

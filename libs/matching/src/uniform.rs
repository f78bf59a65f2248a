//! One round of the auction: netting, the clearing interval, the rationing at its edge.

use std::collections::BTreeMap;

use ids::OrderId;
use units::{Energy, Overflow, Price, pro_rata};

use crate::{Clearing, DROP_ROUNDS_MAX, Fees, Order, Refusal, Rules, Side, pair};

/// Clears a batch at one price, `k_bps` of the way through the interval of prices that clear.
pub(crate) fn clear(orders: &[Order], rules: &Rules, k_bps: u16) -> Result<Clearing, Refusal> {
    let mut quotes = quotes(orders, &rules.fees)?;
    let mut dropped = Vec::new();
    loop {
        let outcome = solve(&quotes, rules.tick, k_bps)?;
        let mut violated = violated(&quotes, &outcome);
        if violated.is_empty() {
            let mut clearing = pair::clearing(&quotes, outcome);
            clearing.dropped = dropped;
            return Ok(clearing);
        }
        if dropped.len() < DROP_ROUNDS_MAX {
            violated.truncate(1);
        }
        dropped.extend(violated.iter().map(|&place| quotes[place].id));
        quotes.retain(|quote| !dropped.contains(&quote.id));
    }
}

/// An order at its energy price.
#[derive(Debug, Clone)]
pub(crate) struct Quote {
    pub(crate) id: OrderId,
    pub(crate) side: Side,
    owner: [u8; 20],
    quantity: u64,
    pub(crate) price: Price,
    min_fill: u64,
    hash: [u8; 32],
}

/// What each quote got, by its place.
pub(crate) struct Outcome {
    pub(crate) price: Option<Price>,
    pub(crate) volume: u64,
    pub(crate) fills: Vec<u64>,
}

/// The orders at their energy prices: buyers from high to low, then sellers from low to high.
fn quotes(orders: &[Order], fees: &Fees) -> Result<Vec<Quote>, Overflow> {
    let mut quotes = Vec::with_capacity(orders.len());
    for order in orders.iter().filter(|order| order.quantity > Energy::ZERO) {
        quotes.push(Quote {
            id: order.id,
            side: order.side,
            owner: order.owner,
            quantity: order.quantity.wh(),
            price: match order.side {
                Side::Buy => fees.energy_bid(order.price)?,
                Side::Sell => fees.energy_ask(order.price)?,
            },
            min_fill: order.min_fill.wh(),
            hash: order.hash,
        });
    }
    quotes.sort_by_key(|quote| {
        let price = i128::from(quote.price.n_per_wh());
        let merit = if quote.side == Side::Buy { -price } else { price };
        (quote.side, merit, quote.hash, quote.id)
    });
    Ok(quotes)
}

/// Solves the book without regard to `min_fill`.
fn solve(quotes: &[Quote], tick: Price, k_bps: u16) -> Result<Outcome, Overflow> {
    let open = netted(quotes);
    let asks_at = quotes.partition_point(|quote| quote.side == Side::Buy);
    let bids = levels(quotes, &open, 0..asks_at)?;
    let asks = levels(quotes, &open, asks_at..quotes.len())?;
    let volume = volume(&bids, &asks);
    let mut fills = vec![0; quotes.len()];
    if volume == 0 {
        return Ok(Outcome { price: None, volume, fills });
    }
    for book in [&bids, &asks] {
        ration(book, volume, &open, &mut fills);
    }
    let price = price(&bids, &asks, volume, (tick, k_bps));
    Ok(Outcome { price: Some(price), volume, fills })
}

/// Places of the quotes filled above zero and below their `min_fill`, lowest surplus first, equal
/// surplus by hash.
fn violated(quotes: &[Quote], outcome: &Outcome) -> Vec<usize> {
    let Some(price) = outcome.price else { return Vec::new() };
    let surplus = |place: usize| {
        let gain = i128::from(quotes[place].price.n_per_wh()) - i128::from(price.n_per_wh());
        gain.abs() * i128::from(outcome.fills[place])
    };
    let mut places: Vec<usize> = (0..quotes.len())
        .filter(|&place| (1..quotes[place].min_fill).contains(&outcome.fills[place]))
        .collect();
    places.sort_by_key(|&place| (surplus(place), quotes[place].hash, quotes[place].id));
    places
}

/// What is left of each quote once an owner's own crossing orders have met: best bid, best ask.
fn netted(quotes: &[Quote]) -> Vec<u64> {
    let mut open: Vec<u64> = quotes.iter().map(|quote| quote.quantity).collect();
    let mut owners: BTreeMap<[u8; 20], (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (place, quote) in quotes.iter().enumerate() {
        let (bids, asks) = owners.entry(quote.owner).or_default();
        if quote.side == Side::Buy { bids.push(place) } else { asks.push(place) }
    }
    for (bids, asks) in owners.values() {
        let (mut bids, mut asks) = (bids.iter().peekable(), asks.iter().peekable());
        while let (Some(&&bid), Some(&&ask)) = (bids.peek(), asks.peek()) {
            if quotes[bid].price < quotes[ask].price {
                break;
            }
            let both = open[bid].min(open[ask]);
            open[bid] -= both;
            open[ask] -= both;
            bids.next_if(|_| open[bid] == 0);
            asks.next_if(|_| open[ask] == 0);
        }
    }
    open
}

/// All of one side at one price: where its quotes stand, and how much lies up to and with them.
struct Level {
    price: Price,
    places: std::ops::Range<usize>,
    before: u64,
    through: u64,
}

/// One side's quotes gathered by price, best first; empty levels are left out.
fn levels(
    quotes: &[Quote],
    open: &[u64],
    side: std::ops::Range<usize>,
) -> Result<Vec<Level>, Overflow> {
    let mut levels = Vec::new();
    let mut start = side.start;
    let mut before = 0_u64;
    while start < side.end {
        let price = quotes[start].price;
        let same = quotes[start..side.end].iter().take_while(|quote| quote.price == price).count();
        let places = start..start + same;
        let through = open[places.clone()]
            .iter()
            .try_fold(before, |sum, &quantity| sum.checked_add(quantity))
            .ok_or(Overflow)?;
        start = places.end;
        if through > before {
            levels.push(Level { price, places, before, through });
        }
        before = through;
    }
    Ok(levels)
}

/// The most that trades: merit order on both sides while the bid is at least the ask.
fn volume(bids: &[Level], asks: &[Level]) -> u64 {
    let (mut bid, mut ask, mut volume) = (0, 0, 0);
    while let (Some(buyers), Some(sellers)) = (bids.get(bid), asks.get(ask)) {
        if buyers.price < sellers.price {
            break;
        }
        volume = buyers.through.min(sellers.through);
        bid += usize::from(buyers.through == volume);
        ask += usize::from(sellers.through == volume);
    }
    volume
}

/// Fills one side up to `volume`: whole levels first, the marginal one pro-rata.
fn ration(levels: &[Level], volume: u64, open: &[u64], fills: &mut [u64]) {
    for level in levels.iter().take_while(|level| level.before < volume) {
        let supply = volume.min(level.through) - level.before;
        let parts = pro_rata(supply, &open[level.places.clone()]);
        fills[level.places.clone()].copy_from_slice(&parts);
    }
}

/// The last level that trades, and the price of the next unit that does not.
fn edge(levels: &[Level], volume: u64) -> (Price, Option<Price>) {
    let last = levels.partition_point(|level| level.through < volume);
    let next = levels.partition_point(|level| level.through <= volume);
    (levels[last].price, levels.get(next).map(|level| level.price))
}

/// A point of the prices that clear, brought down to the tick inside them.
fn price(bids: &[Level], asks: &[Level], volume: u64, (tick, k_bps): (Price, u16)) -> Price {
    let (bid, bid_next) = edge(bids, volume);
    let (ask, ask_next) = edge(asks, volume);
    let low = bid_next.map_or(ask, |next| ask.max(next)).n_per_wh();
    let high = ask_next.map_or(bid, |next| bid.min(next)).n_per_wh();
    // Asks are at least zero, so 0 <= low <= high; a part of what lies between fits.
    let part = i128::from(high - low) * i128::from(k_bps) / 10_000;
    let point = low + i64::try_from(part).expect("k is at most one");
    Price::from_n_per_wh((point - point % tick.n_per_wh()).max(low))
}

//! The two sides of a slot as a mechanism sees them: energy prices, best first, own orders netted.

use std::collections::BTreeMap;

use ids::OrderId;
use units::{Energy, Overflow, Price, pro_rata};

use crate::{Fees, Order, Side};

/// An order at its energy price.
#[derive(Debug, Clone)]
pub(crate) struct Quote {
    pub(crate) id: OrderId,
    pub(crate) owner: [u8; 20],
    pub(crate) price: Price,
    /// What is left to trade; above zero in a netted side.
    pub(crate) open: u64,
    pub(crate) min_fill: u64,
    pub(crate) hash: [u8; 32],
}

/// Buyers by price from high to low, sellers from low to high; equal prices by hash, then id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sides {
    pub(crate) bids: Vec<Quote>,
    pub(crate) asks: Vec<Quote>,
}

impl Sides {
    /// The orders of a slot at their energy prices, before an owner's own ones have met.
    pub(crate) fn new(orders: &[Order], fees: &Fees) -> Result<Sides, Overflow> {
        let mut book = Sides::default();
        for order in orders.iter().filter(|order| order.quantity > Energy::ZERO) {
            let (quotes, price) = match order.side {
                Side::Buy => (&mut book.bids, fees.energy_bid(order.price)?),
                Side::Sell => (&mut book.asks, fees.energy_ask(order.price)?),
            };
            quotes.push(Quote {
                id: order.id,
                owner: order.owner,
                price,
                open: order.quantity.wh(),
                min_fill: order.min_fill.wh(),
                hash: order.hash,
            });
        }
        let tie = |quote: &Quote| (quote.hash, quote.id);
        book.bids.sort_by(|one, other| {
            other.price.cmp(&one.price).then_with(|| tie(one).cmp(&tie(other)))
        });
        book.asks.sort_by_key(|quote| (quote.price, tie(quote)));
        Ok(book)
    }

    /// What is left once an owner's own crossing orders have met, best bid against best ask; orders
    /// of which nothing is left are gone.
    ///
    /// From here on an owner's bids are below its asks, so no trade at prices inside both limits
    /// can have one owner on both sides.
    ///
    /// # Errors
    /// When the quantities of a side do not fit.
    pub(crate) fn netted(&self) -> Result<Sides, Overflow> {
        let mut book = self.clone();
        let mut owners: BTreeMap<[u8; 20], (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for (place, ask) in book.asks.iter().enumerate() {
            owners.entry(ask.owner).or_default().1.push(place);
        }
        for (place, bid) in book.bids.iter().enumerate() {
            if let Some((bids, _)) = owners.get_mut(&bid.owner) {
                bids.push(place);
            }
        }
        for (bids, asks) in owners.values() {
            let (mut bids, mut asks) = (bids.iter().peekable(), asks.iter().peekable());
            while let (Some(&&bid), Some(&&ask)) = (bids.peek(), asks.peek()) {
                let (bid, ask) = (&mut book.bids[bid], &mut book.asks[ask]);
                if bid.price < ask.price {
                    break;
                }
                let both = bid.open.min(ask.open);
                bid.open -= both;
                ask.open -= both;
                bids.next_if(|_| bid.open == 0);
                asks.next_if(|_| ask.open == 0);
            }
        }
        for quotes in [&mut book.bids, &mut book.asks] {
            quotes.retain(|quote| quote.open > 0);
            quotes
                .iter()
                .try_fold(0_u64, |sum, quote| sum.checked_add(quote.open))
                .ok_or(Overflow)?;
        }
        Ok(book)
    }

    /// The largest volume that trades: merit order on both sides while the bid is at least the ask.
    pub(crate) fn volume(&self) -> u64 {
        let (mut bids, mut asks) = (self.bids.iter(), self.asks.iter());
        let (mut bid, mut ask) = (bids.next(), asks.next());
        let (mut wanted, mut given, mut volume) = (0, 0, 0);
        while let (Some(buyer), Some(seller)) = (bid, ask) {
            if buyer.price < seller.price {
                break;
            }
            let both = (buyer.open - wanted).min(seller.open - given);
            volume += both;
            wanted += both;
            given += both;
            if wanted == buyer.open {
                (bid, wanted) = (bids.next(), 0);
            }
            if given == seller.open {
                (ask, given) = (asks.next(), 0);
            }
        }
        volume
    }
}

/// All that is open on a side of a netted side.
pub(crate) fn sum(quotes: &[Quote]) -> u64 {
    quotes.iter().map(|quote| quote.open).sum()
}

/// The place of the quote that holds the unit number `volume` of a side, counted from one, and how
/// much lies before it. `volume` is above zero and no more than the side's sum.
pub(crate) fn marginal(quotes: &[Quote], volume: u64) -> (usize, u64) {
    let mut before = 0;
    for (place, quote) in quotes.iter().enumerate() {
        if volume <= before + quote.open {
            return (place, before);
        }
        before += quote.open;
    }
    unreachable!("the volume is no more than the side's sum")
}

/// Fills a side up to `volume` in line: each whole, the last one in part.
pub(crate) fn in_line(quotes: &[Quote], volume: u64) -> Vec<u64> {
    let mut left = volume;
    let mut take = |quote: &Quote| {
        let part = quote.open.min(left);
        left -= part;
        part
    };
    quotes.iter().map(&mut take).collect()
}

/// Fills a side up to `volume` by price: better prices whole, the marginal one pro-rata.
pub(crate) fn by_level(quotes: &[Quote], volume: u64) -> Vec<u64> {
    let mut fills = Vec::with_capacity(quotes.len());
    let mut left = volume;
    for level in quotes.chunk_by(|one, other| one.price == other.price) {
        if left == 0 {
            break;
        }
        let open: Vec<u64> = level.iter().map(|quote| quote.open).collect();
        let parts = pro_rata(left, &open);
        left -= parts.iter().sum::<u64>();
        fills.extend(parts);
    }
    fills.resize(quotes.len(), 0);
    fills
}

/// Shares `volume` among quotes by quantity alone: largest remainder, ties by hash, so that the
/// limits of those who take part do not matter. `places` are theirs; the others get nothing.
pub(crate) fn by_quantity(quotes: &[Quote], places: &[usize], volume: u64) -> Vec<u64> {
    let mut places = places.to_vec();
    places.sort_by_key(|&place| (quotes[place].hash, quotes[place].id));
    let open: Vec<u64> = places.iter().map(|&place| quotes[place].open).collect();
    let mut fills = vec![0; quotes.len()];
    for (place, part) in places.into_iter().zip(pro_rata(volume, &open)) {
        fills[place] = part;
    }
    fills
}

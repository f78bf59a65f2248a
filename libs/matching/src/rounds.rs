//! The frame of every batch mechanism but the uniform one: net, solve, drop what is filled below
//! its `min_fill`, solve again; then fills and trades.

use std::collections::BTreeSet;

use ids::OrderId;
use units::{Energy, Price};

use crate::sides::{Quote, Sides};
use crate::{Clearing, Fill, Order, Refusal, Rules, Side, Trade, to_drop};

/// A bid and an ask of the book, by place, and what they trade.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meeting {
    pub(crate) bid: usize,
    pub(crate) ask: usize,
    pub(crate) quantity: u64,
    pub(crate) buy_price: Price,
    pub(crate) sell_price: Price,
}

/// What a mechanism makes of a book.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Of every meeting; `None` where they have their own.
    pub(crate) price: Option<Price>,
    pub(crate) meetings: Vec<Meeting>,
}

impl Outcome {
    /// Fills in the order of the book, all at one price.
    pub(crate) fn at(price: Price, bids: &[u64], asks: &[u64]) -> Outcome {
        let meetings = meet(bids, asks, |_, _| (price, price));
        Outcome { price: (!meetings.is_empty()).then_some(price), meetings }
    }
}

/// Pairs fills in the order of the book: the first buyer takes from the first seller until one of
/// them is done. Both sides sum to the same.
pub(crate) fn meet(
    bids: &[u64],
    asks: &[u64],
    prices: impl Fn(usize, usize) -> (Price, Price),
) -> Vec<Meeting> {
    let mut meetings = Vec::new();
    let (mut bid, mut ask) = (0, 0);
    let (mut bought, mut sold) = (0, 0);
    while bid < bids.len() && ask < asks.len() {
        let quantity = (bids[bid] - bought).min(asks[ask] - sold);
        if quantity > 0 {
            let (buy_price, sell_price) = prices(bid, ask);
            meetings.push(Meeting { bid, ask, quantity, buy_price, sell_price });
        }
        bought += quantity;
        sold += quantity;
        let (buyer_done, seller_done) = (bought == bids[bid], sold == asks[ask]);
        if buyer_done {
            (bid, bought) = (bid + 1, 0);
        }
        if seller_done {
            (ask, sold) = (ask + 1, 0);
        }
    }
    meetings
}

/// Clears a batch by `solve`, which sees the netted book without regard to `min_fill`.
pub(crate) fn clear(
    orders: &[Order],
    rules: &Rules,
    solve: impl Fn(&Sides) -> Outcome,
) -> Result<Clearing, Refusal> {
    let mut all = Sides::new(orders, &rules.fees)?;
    let mut dropped: Vec<OrderId> = Vec::new();
    for number in 0.. {
        let book = all.netted()?;
        let outcome = solve(&book);
        let fills = Fills::new(&book, &outcome);
        let violated = fills.violated();
        if violated.is_empty() {
            return Ok(fills.clearing(&outcome, dropped));
        }
        let out = to_drop(number, violated, || picky(&all));
        let gone: BTreeSet<OrderId> = out.iter().copied().collect();
        all.bids.retain(|quote| !gone.contains(&quote.id));
        all.asks.retain(|quote| !gone.contains(&quote.id));
        dropped.extend(out);
    }
    unreachable!("a round in which no order has a min_fill is the last")
}

/// The orders that have a `min_fill`, by hash.
fn picky(all: &Sides) -> Vec<OrderId> {
    let quotes = all.bids.iter().chain(&all.asks).filter(|quote| quote.min_fill > 0);
    let mut picky: Vec<([u8; 32], OrderId)> = quotes.map(|quote| (quote.hash, quote.id)).collect();
    picky.sort_unstable();
    picky.into_iter().map(|(_, order)| order).collect()
}

/// What the quotes of a book got, by place, and what they gain by it in 1e-9 currency.
struct Fills<'a> {
    book: &'a Sides,
    bids: Vec<(u64, u128)>,
    asks: Vec<(u64, u128)>,
}

impl<'a> Fills<'a> {
    fn new(book: &'a Sides, outcome: &Outcome) -> Fills<'a> {
        let mut fills = Fills {
            book,
            bids: vec![(0, 0); book.bids.len()],
            asks: vec![(0, 0); book.asks.len()],
        };
        for meeting in &outcome.meetings {
            let Meeting { bid, ask, quantity, buy_price, sell_price } = *meeting;
            let gain = |limit: Price, price: Price| {
                u128::from(limit.n_per_wh().abs_diff(price.n_per_wh())) * u128::from(quantity)
            };
            let (buyer, seller) = (&mut fills.bids[bid], &mut fills.asks[ask]);
            buyer.0 += quantity;
            buyer.1 += gain(book.bids[bid].price, buy_price);
            seller.0 += quantity;
            seller.1 += gain(book.asks[ask].price, sell_price);
        }
        fills
    }

    /// The filled quotes of both sides with what they got.
    fn filled(&self) -> impl Iterator<Item = (Side, &'a Quote, u64, u128)> {
        let bids = self.book.bids.iter().zip(&self.bids).map(|pair| (Side::Buy, pair));
        let asks = self.book.asks.iter().zip(&self.asks).map(|pair| (Side::Sell, pair));
        let all = bids.chain(asks).map(|(side, (quote, got))| (side, quote, got.0, got.1));
        all.filter(|(_, _, quantity, _)| *quantity > 0)
    }

    /// Orders filled below their `min_fill`, lowest surplus first, equal surplus by hash.
    fn violated(&self) -> Vec<OrderId> {
        let mut violated: Vec<(u128, &Quote)> = self
            .filled()
            .filter(|(_, quote, quantity, _)| *quantity < quote.min_fill)
            .map(|(_, quote, _, gain)| (gain, quote))
            .collect();
        violated.sort_by_key(|(gain, quote)| (*gain, quote.hash, quote.id));
        violated.into_iter().map(|(_, quote)| quote.id).collect()
    }

    fn clearing(&self, outcome: &Outcome, dropped: Vec<OrderId>) -> Clearing {
        let fill = |(side, quote, quantity, _): (Side, &Quote, u64, u128)| Fill {
            order: quote.id,
            side,
            quantity: Energy::from_wh(quantity),
        };
        let trade = |meeting: &Meeting| Trade {
            buyer: self.book.bids[meeting.bid].id,
            seller: self.book.asks[meeting.ask].id,
            quantity: Energy::from_wh(meeting.quantity),
            buy_price: meeting.buy_price,
            sell_price: meeting.sell_price,
        };
        Clearing {
            price: outcome.price,
            volume: Energy::from_wh(self.bids.iter().map(|(quantity, _)| quantity).sum()),
            fills: self.filled().map(fill).collect(),
            trades: outcome.meetings.iter().map(trade).collect(),
            dropped,
        }
    }
}

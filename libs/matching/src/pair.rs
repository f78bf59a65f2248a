//! From fills to trades: who delivers to whom.

use ids::OrderId;
use units::{Energy, Price};

use crate::uniform::{Outcome, Quote};
use crate::{Clearing, Fill, Side, Trade};

/// Pairs fills in their given order, all at one price: the first buyer takes from the first seller
/// until one of them is done. At most buyers + sellers - 1 trades. Both sides sum to the same, or the longer one's
/// rest stays unpaired.
pub fn pair(fills: &[Fill], price: Price) -> Vec<Trade> {
    let open = |side: Side| -> Vec<(OrderId, u64)> {
        let own = fills.iter().filter(|fill| fill.side == side && fill.quantity > Energy::ZERO);
        own.map(|fill| (fill.order, fill.quantity.wh())).collect()
    };
    let (mut buyers, mut sellers) = (open(Side::Buy), open(Side::Sell));
    let (mut buyer, mut seller) = (0, 0);
    let mut trades = Vec::new();
    while buyer < buyers.len() && seller < sellers.len() {
        let (bid, ask) = (&mut buyers[buyer], &mut sellers[seller]);
        let quantity = bid.1.min(ask.1);
        trades.push(Trade {
            buyer: bid.0,
            seller: ask.0,
            quantity: Energy::from_wh(quantity),
            buy_price: price,
            sell_price: price,
        });
        bid.1 -= quantity;
        ask.1 -= quantity;
        buyer += usize::from(bid.1 == 0);
        seller += usize::from(ask.1 == 0);
    }
    trades
}

/// The answer of a round.
pub(crate) fn clearing(quotes: &[Quote], outcome: Outcome) -> Clearing {
    let filled = quotes.iter().zip(&outcome.fills).filter(|(_, quantity)| **quantity > 0);
    let fills: Vec<Fill> = filled
        .map(|(quote, &quantity)| Fill {
            order: quote.id,
            side: quote.side,
            quantity: Energy::from_wh(quantity),
        })
        .collect();
    Clearing {
        price: outcome.price,
        volume: Energy::from_wh(outcome.volume),
        trades: pair(&fills, outcome.price.unwrap_or_default()),
        fills,
        dropped: Vec::new(),
    }
}

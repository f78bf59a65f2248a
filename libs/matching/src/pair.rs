//! From fills to trades: who delivers to whom.

use units::{Energy, Price};

use crate::{Fill, Side, Trade};

/// Pairs fills in their given order, all at one price: the first buyer takes from the first seller
/// until one of them is done. At most buyers + sellers - 1 trades. Both sides sum to the same, or
/// the longer one's rest stays unpaired.
pub fn pair(fills: &[Fill], price: Price) -> Vec<Trade> {
    let open = |side: Side| {
        let own = fills.iter().filter(move |fill| fill.side == side);
        own.filter(|fill| fill.quantity > Energy::ZERO)
    };
    let (mut buyers, mut sellers) = (open(Side::Buy), open(Side::Sell));
    let (mut buyer, mut seller) = (buyers.next().copied(), sellers.next().copied());
    let mut trades = Vec::with_capacity(fills.len());
    while let (Some(bid), Some(ask)) = (&mut buyer, &mut seller) {
        let quantity = bid.quantity.min(ask.quantity);
        trades.push(Trade {
            buyer: bid.order,
            seller: ask.order,
            quantity,
            buy_price: price,
            sell_price: price,
        });
        bid.quantity = bid.quantity.less(quantity);
        ask.quantity = ask.quantity.less(quantity);
        let (bought, sold) = (bid.quantity == Energy::ZERO, ask.quantity == Energy::ZERO);
        if bought {
            buyer = buyers.next().copied();
        }
        if sold {
            seller = sellers.next().copied();
        }
    }
    trades
}

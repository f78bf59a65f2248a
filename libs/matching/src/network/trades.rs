//! From fills to trades: who delivers to whom, along the flow.

use units::{Energy, Overflow, Price};

use super::Solved;
use crate::{Clearing, Fill, Side, Trade};

/// A quote's place and what is left of its fill.
type Waiting = Vec<(usize, u64)>;

impl Solved<'_> {
    /// Fills in merit order over all zones; trades in the order of their buyers, then sellers.
    pub(super) fn clearing(&self) -> Result<Clearing, Overflow> {
        let filled = self.quotes.iter().zip(&self.flow.fills).filter(|(_, got)| **got > 0);
        let fills: Vec<Fill> = filled
            .map(|(quote, &got)| Fill {
                order: quote.id,
                side: quote.side,
                quantity: Energy::from_wh(got),
            })
            .collect();
        let bought = fills.iter().filter(|fill| fill.side == Side::Buy);
        let volume = Energy::sum(bought.map(|fill| fill.quantity))?;
        let mut pairs = self.pairs();
        pairs.sort_unstable();
        let trades: Vec<Trade> = pairs
            .into_iter()
            .map(|(buyer, seller, quantity)| self.trade(buyer, seller, quantity))
            .collect::<Result<_, Overflow>>()?;
        let first = trades.first().map(|trade| trade.buy_price);
        let one = |trade: &Trade| first == Some(trade.buy_price) && first == Some(trade.sell_price);
        let price = first.filter(|_| trades.iter().all(one));
        Ok(Clearing { price, volume, fills, trades, dropped: Vec::new() })
    }

    fn trade(&self, buyer: usize, seller: usize, quantity: u64) -> Result<Trade, Overflow> {
        let area = |place: usize| self.quotes[place].area;
        let fit = |price: i128| i64::try_from(price).map(Price::from_n_per_wh);
        let buys = self.price(area(buyer)) + self.tree.areas[area(buyer)].fee - self.base;
        Ok(Trade {
            buyer: self.quotes[buyer].id,
            seller: self.quotes[seller].id,
            quantity: Energy::from_wh(quantity),
            buy_price: fit(buys).map_err(|_| Overflow)?,
            sell_price: fit(self.price(area(seller))).map_err(|_| Overflow)?,
        })
    }

    /// Buyer, seller and energy of every trade. In each area its own orders in merit order come
    /// first, then those that its children have left over; what is left of the longer side goes up,
    /// which is just what the area's link carries.
    fn pairs(&self) -> Vec<(usize, usize, u64)> {
        let mut waiting: Vec<(Waiting, Waiting)> = vec![<_>::default(); self.tree.areas.len()];
        for (place, quote) in
            self.quotes.iter().enumerate().filter(|&(place, _)| self.got(place) > 0)
        {
            let (buyers, sellers) = &mut waiting[quote.area];
            let side = if quote.side == Side::Buy { buyers } else { sellers };
            side.push((place, self.got(place)));
        }
        let mut pairs = Vec::new();
        for &area in &self.tree.bottom_up {
            let (mut buyers, mut sellers) = std::mem::take(&mut waiting[area]);
            for &child in &self.tree.areas[area].children {
                let (more_buyers, more_sellers) = std::mem::take(&mut waiting[child]);
                buyers.extend(more_buyers);
                sellers.extend(more_sellers);
            }
            pair(&mut buyers, &mut sellers, &mut pairs);
            waiting[area] = (buyers, sellers);
        }
        pairs
    }

    fn got(&self, place: usize) -> u64 {
        self.flow.fills[place]
    }
}

/// Pairs from the front until one side is used up; what is paired is taken off.
fn pair(buyers: &mut Waiting, sellers: &mut Waiting, pairs: &mut Vec<(usize, usize, u64)>) {
    let (mut buyer, mut seller) = (0, 0);
    while let (Some(buys), Some(sells)) = (buyers.get_mut(buyer), sellers.get_mut(seller)) {
        let both = buys.1.min(sells.1);
        pairs.push((buys.0, sells.0, both));
        buys.1 -= both;
        sells.1 -= both;
        buyer += usize::from(buys.1 == 0);
        seller += usize::from(sells.1 == 0);
    }
    buyers.drain(..buyer);
    sellers.drain(..seller);
}

//! The uniform-price call auction, in columns.
//!
//! ```text
//! orders --fees, net own--> columns --edge--> price, volume --fill--> fills --merit--> trades
//!                              ^                                |
//!                              +--- drop one for its min_fill <-+
//!
//! '--- Batch::new ----------------' '--- Batch::allocate ----------'
//!                                   '--- Batch::clear ------------------------------------'
//! ```
//!
//! Nothing is sorted to know what everybody gets: one price divides those who trade in full from
//! those who do not trade. Only fills that are listed are brought into their order.

mod columns;
mod edge;
mod fill;
mod merit;
mod net;
mod spread;

use ids::OrderId;
use units::{Energy, Price};

use crate::{Clearing, Fees, Fill, Mechanism, Order, Refusal, Rules, Side, pair, to_drop};
use columns::{Column, Half};
use edge::Edge;

/// Clears a batch at one price, `k_bps` of the way through the interval of prices that clear.
pub(crate) fn clear(orders: &[Order], rules: &Rules, k_bps: u16) -> Result<Clearing, Refusal> {
    Batch::new(orders, &rules.fees)?.clear(rules.tick, k_bps)
}

/// The orders of a slot as the uniform-price auction reads them: at their energy prices, less what
/// an owner would sell to itself. Made once, it is cleared as often as one likes.
#[derive(Debug, Clone)]
pub struct Batch<'a> {
    orders: &'a [Order],
    buyers: Column,
    sellers: Column,
    /// What is left for others; `None` where that is all.
    open: Option<Open>,
}

/// Quantities of buyers and of sellers, in the order of their columns.
type Open = (Vec<u64>, Vec<u64>);

/// What everybody gets: a clearing without a list of who delivers to whom.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allocation {
    /// The energy price of all that trades; `None` when nothing does.
    pub price: Option<Price>,
    /// The energy that changes hands.
    pub volume: Energy,
    /// What each buyer's order gets, in the order of the input.
    pub buyers: Vec<Energy>,
    /// What each seller's order gives, in the order of the input.
    pub sellers: Vec<Energy>,
    /// Orders left out because their `min_fill` could not be met, in the order they were dropped.
    pub dropped: Vec<OrderId>,
}

impl<'a> Batch<'a> {
    /// The batch of these orders, whose limits have these fees in them.
    ///
    /// # Errors
    /// [`Refusal::Overflow`] where a limit with its fees does not fit.
    pub fn new(orders: &'a [Order], fees: &Fees) -> Result<Self, Refusal> {
        // Memory that nobody writes to is cheaper than to count the sides first.
        let mut buyers = Column::new(Side::Buy, orders.len());
        let mut sellers = Column::new(Side::Sell, orders.len());
        for (place, order) in orders.iter().enumerate() {
            match order.side {
                Side::Buy => buyers.push(place, order, fees)?,
                Side::Sell => sellers.push(place, order, fees)?,
            }
        }
        let mut batch = Self { orders, buyers, sellers, open: None };
        let (buyers, sellers) = batch.halves(None);
        batch.open = net::netted(&buyers, &sellers, orders);
        Ok(batch)
    }

    /// What everybody gets at one price: `k_bps` of the way through the interval of prices that
    /// clear, brought down to a multiple of `tick` where the interval has one.
    ///
    /// # Errors
    /// [`Refusal::Rules`] where the tick is not above zero or `k_bps` is above 10 000,
    /// [`Refusal::Overflow`] where a sum of quantities does not fit.
    pub fn allocate(&self, tick: Price, k_bps: u16) -> Result<Allocation, Refusal> {
        Ok(self.solve(tick, k_bps)?.0)
    }

    /// The same with fills and trades, as [`crate::clear`] says it of these orders.
    ///
    /// # Errors
    /// As [`Batch::allocate`].
    pub fn clear(&self, tick: Price, k_bps: u16) -> Result<Clearing, Refusal> {
        let (Allocation { price, volume, buyers, sellers, dropped }, low) =
            self.solve(tick, k_bps)?;
        let Some(price) = price else { return Ok(Clearing { dropped, ..Clearing::default() }) };
        let mut fills = Vec::with_capacity(self.orders.len());
        for (column, got) in [(&self.buyers, buyers), (&self.sellers, sellers)] {
            fills.extend(merit::sorted(column, &got, (low, tick), self.orders).map(|place| Fill {
                order: self.orders[column.places[place]].id,
                side: column.side,
                quantity: got[place],
            }));
        }
        let trades = pair(&fills, price);
        Ok(Clearing { price: Some(price), volume, fills, trades, dropped })
    }

    /// Both sides, with what is left of them or with all they ask for.
    fn halves<'b>(&'b self, open: Option<&'b Open>) -> (Half<'b>, Half<'b>) {
        let (buyers, sellers) = (&self.buyers, &self.sellers);
        let asked = (&buyers.quantities, &sellers.quantities);
        let (wanted, offered) = open.map_or(asked, |open| (&open.0, &open.1));
        (Half { column: buyers, open: wanted }, Half { column: sellers, open: offered })
    }

    /// The allocation of the last round, and the lowest price that clears.
    fn solve(&self, tick: Price, k_bps: u16) -> Result<(Allocation, i64), Refusal> {
        let mechanism = Mechanism::Uniform { k_bps };
        Rules { mechanism, ..Rules::uniform(tick, Fees::default()) }.check()?;
        let (buyers, sellers) = self.halves(self.open.as_ref());
        let mut solved = round(&buyers, &sellers, self.orders, (tick, k_bps))?;
        let mut dropped = Vec::new();
        let mut kept: Option<Open> = None;
        for number in 0.. {
            let violated = self.violated(&solved.0);
            if violated.is_empty() {
                break;
            }
            let kept = kept.get_or_insert_with(|| {
                (self.buyers.quantities.clone(), self.sellers.quantities.clone())
            });
            for (column, place) in to_drop(number, violated, || self.picky(kept)) {
                dropped.push(self.orders[column.places[place]].id);
                let open = if column.side == Side::Buy { &mut kept.0 } else { &mut kept.1 };
                open[place] = 0;
            }
            let (buyers, sellers) = self.halves(Some(kept));
            let netted = net::netted(&buyers, &sellers, self.orders);
            let (buyers, sellers) = self.halves(netted.as_ref().or(Some(kept)));
            solved = round(&buyers, &sellers, self.orders, (tick, k_bps))?;
        }
        solved.0.dropped = dropped;
        Ok(solved)
    }

    /// Orders that were kept and have a `min_fill`, by hash.
    fn picky(&self, kept: &Open) -> Vec<(&Column, usize)> {
        let mut picky = Vec::new();
        for (column, kept) in [(&self.buyers, &kept.0), (&self.sellers, &kept.1)] {
            for (place, _) in kept.iter().enumerate().filter(|(_, quantity)| **quantity > 0) {
                let order = &self.orders[column.places[place]];
                if order.min_fill > Energy::ZERO {
                    picky.push(((order.hash, order.id), (column, place)));
                }
            }
        }
        picky.sort_by_key(|(order, _)| *order);
        picky.into_iter().map(|(_, which)| which).collect()
    }

    /// Orders filled above zero and below their `min_fill`, lowest surplus first, equal surplus by
    /// hash.
    fn violated(&self, allocation: &Allocation) -> Vec<(&Column, usize)> {
        let Some(price) = allocation.price else { return Vec::new() };
        let mut violated = Vec::new();
        let sides = [(&self.buyers, &allocation.buyers), (&self.sellers, &allocation.sellers)];
        for (column, fills) in sides.into_iter().filter(|(column, _)| column.picky) {
            for (place, &fill) in fills.iter().enumerate() {
                let order = &self.orders[column.places[place]];
                if fill > Energy::ZERO && fill < order.min_fill {
                    let gain = i128::from(column.prices[place]) - i128::from(price.n_per_wh());
                    let surplus = gain.abs() * i128::from(fill.wh());
                    violated.push(((surplus, &order.hash, order.id), (column, place)));
                }
            }
        }
        violated.sort_by(|one, other| one.0.cmp(&other.0));
        violated.into_iter().map(|(_, which)| which).collect()
    }
}

/// Solves the book without regard to `min_fill`: also says the lowest price that clears.
fn round(
    buyers: &Half<'_>,
    sellers: &Half<'_>,
    orders: &[Order],
    (tick, k_bps): (Price, u16),
) -> Result<(Allocation, i64), Refusal> {
    buyers.add_up()?;
    sellers.add_up()?;
    let Some(cut) = edge::cut(buyers, sellers) else {
        let none = |half: &Half<'_>| vec![Energy::ZERO; half.open.len()];
        let (buyers, sellers) = (none(buyers), none(sellers));
        return Ok((Allocation { buyers, sellers, ..Allocation::default() }, 0));
    };
    let (mut bought, bids) = fill::split(buyers, &cut);
    let (mut sold, asks) = fill::split(sellers, &cut);
    let quotes = |half: &Half<'_>, near: &[usize]| -> Vec<(i64, u64)> {
        near.iter().map(|&place| half.quote(place)).collect()
    };
    let edge = cut.edge(quotes(buyers, &bids), quotes(sellers, &asks));
    fill::settle(buyers, &bids, &edge, orders, &mut bought);
    fill::settle(sellers, &asks, &edge, orders, &mut sold);
    let trades = edge.volume > 0;
    let allocation = Allocation {
        price: trades.then(|| price(&edge, edge.high(buyers, sellers), tick, k_bps)),
        volume: Energy::from_wh(edge.volume),
        buyers: bought,
        sellers: sold,
        dropped: Vec::new(),
    };
    Ok((allocation, edge.low))
}

/// A point of the prices that clear, brought down to the tick inside them.
fn price(edge: &Edge, high: i64, tick: Price, k_bps: u16) -> Price {
    // Asks are at least zero, so 0 <= low <= high; a part of what lies between fits.
    let part = i128::from(high - edge.low) * i128::from(k_bps) / 10_000;
    let point = edge.low + i64::try_from(part).expect("k is at most one");
    Price::from_n_per_wh((point - point % tick.n_per_wh()).max(edge.low))
}

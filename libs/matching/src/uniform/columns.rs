//! The orders of one side, a column for each field that a clearing reads.

use units::{Energy, Overflow};

use crate::{Fees, Order, Side};

/// One side of a batch. The columns are in the order of the input.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) side: Side,
    /// Where each order stands in the input.
    pub(super) places: Vec<usize>,
    /// Energy prices. Asks are at least zero, so that what a bid offers below it never matters.
    pub(super) prices: Vec<i64>,
    pub(super) quantities: Vec<u64>,
    /// A number of each owner: equal owners have equal ones, others most likely not.
    pub(super) owners: Vec<u64>,
    /// The first bytes of each hash.
    pub(super) ties: Vec<u64>,
    /// Bounds of the prices of orders that want something.
    lowest: i64,
    highest: i64,
    sum: u128,
    /// Whether an order could be filled above zero and below its minimum.
    pub(super) picky: bool,
}

impl Column {
    pub(super) fn new(side: Side, orders: usize) -> Self {
        Self {
            side,
            places: Vec::with_capacity(orders),
            prices: Vec::with_capacity(orders),
            quantities: Vec::with_capacity(orders),
            owners: Vec::with_capacity(orders),
            ties: Vec::with_capacity(orders),
            lowest: i64::MAX,
            highest: i64::MIN,
            sum: 0,
            picky: false,
        }
    }

    /// Adds an order of this side.
    ///
    /// # Errors
    /// Where the limit of one that wants something does not fit with the fees.
    pub(super) fn push(
        &mut self,
        place: usize,
        order: &Order,
        fees: &Fees,
    ) -> Result<(), Overflow> {
        let mut price = 0;
        if order.quantity > Energy::ZERO {
            let limit = match self.side {
                Side::Buy => fees.energy_bid(order.price)?,
                Side::Sell => fees.energy_ask(order.price)?,
            };
            price = limit.n_per_wh().max(-1);
            self.lowest = self.lowest.min(price);
            self.highest = self.highest.max(price);
        }
        self.places.push(place);
        self.prices.push(price);
        self.quantities.push(order.quantity.wh());
        self.owners.push(number(&order.owner));
        self.ties.push(order.hash.first_chunk().map_or(0, |first| u64::from_be_bytes(*first)));
        self.sum += u128::from(order.quantity.wh());
        self.picky |= order.min_fill.wh() > 1;
        Ok(())
    }

    /// The lowest and the highest price at most, if anybody wants something.
    pub(super) fn bounds(&self) -> Option<(i64, i64)> {
        (self.lowest <= self.highest).then_some((self.lowest, self.highest))
    }
}

/// One side in a round: what each order still has to trade.
#[derive(Debug, Clone, Copy)]
pub(super) struct Half<'a> {
    pub(super) column: &'a Column,
    pub(super) open: &'a [u64],
}

impl Half<'_> {
    /// Price and open quantity of each order.
    #[inline]
    pub(super) fn quotes(&self) -> impl Iterator<Item = (i64, u64)> {
        self.column.prices.iter().copied().zip(self.open.iter().copied())
    }

    /// Price and open quantity of one.
    #[inline]
    pub(super) fn quote(&self, place: usize) -> (i64, u64) {
        (self.column.prices[place], self.open[place])
    }

    /// Refuses open quantities whose sum does not fit.
    pub(super) fn add_up(&self) -> Result<(), Overflow> {
        if self.column.sum <= u128::from(u64::MAX) {
            return Ok(());
        }
        let sum = self.open.iter().try_fold(0_u64, |sum, &open| sum.checked_add(open));
        sum.map(|_| ()).ok_or(Overflow)
    }
}

/// 64 bits of an owner's 20 bytes, mixed so that any of them are as good as others.
fn number(owner: &[u8; 20]) -> u64 {
    let part = |bytes: Option<&[u8; 8]>| bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let (first, last) = (part(owner.first_chunk()), part(owner.last_chunk()));
    let middle = u32::from_le_bytes([owner[8], owner[9], owner[10], owner[11]]);
    let mixed = (first ^ u64::from(middle)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 32) ^ last).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 32)).wrapping_mul(0x94d0_49bb_1331_11eb)
}

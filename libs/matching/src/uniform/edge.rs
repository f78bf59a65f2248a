//! Where demand and supply meet: price and volume.
//!
//! ```text
//!  price
//!    |____  demand                 low   the lowest price at which supply covers all that is
//!    |    |       ____ supply            wanted strictly above it
//!  high - |- - - |                 high  `low`, except where supply covers it exactly: then the
//!  low  - |- - - |                       next price at which anybody wants or offers something
//!    |    |______|___
//!    |___________|    |            who is better than `low` trades in full, who is worse not at
//!    +----------------- energy     all; only at `low` itself something may be short
//! ```
//!
//! `low` is found like a word in a dictionary: the energy of both sides in some thousand ranges of
//! prices says in which range it lies, then the quotes in that one are put into finer ranges, until
//! a range is a single price. Nothing is sorted, and most quotes are looked at once.

use super::columns::Half;

/// Into how many ranges prices are put at a time, at most.
const RANGES: usize = 1 << RANGES_BITS_MAX;
const RANGES_BITS_MAX: u32 = 11;

/// Where a book clears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    /// The lowest price that clears.
    pub(super) low: i64,
    /// The energy that changes hands.
    pub(super) volume: u64,
    /// What of it bids above `low` buy.
    pub(super) above: u64,
    /// What of it asks below `low` sell.
    pub(super) below: u64,
    /// Whether there is no more supply at `low` than is wanted above it, so that higher prices
    /// clear too.
    pub(super) exact: bool,
}

/// Equal ranges of prices, one behind the other.
#[derive(Debug, Clone, Copy)]
struct Ranges {
    start: i64,
    /// Each is two to the power of this wide.
    shift: u32,
    last: usize,
}

impl Ranges {
    /// As many as are of use for so many quotes.
    fn over(start: i64, width: u64, quotes: usize) -> Self {
        let bits = (quotes.checked_ilog2().unwrap_or(0) + 2).clamp(6, RANGES_BITS_MAX);
        let shift = (u64::BITS - width.leading_zeros()).saturating_sub(bits);
        Self { start, shift, last: usize::try_from(width >> shift).unwrap_or(RANGES) }
    }

    /// The number of the range with this price. One outside of all has a number behind the last.
    #[inline]
    fn number(self, price: i64) -> usize {
        // A price below the start wraps to a huge number.
        let number = price.wrapping_sub(self.start).cast_unsigned() >> self.shift;
        usize::try_from(number.min(RANGES as u64)).unwrap_or(RANGES)
    }
}

/// The energy in each range of prices, and behind the last what is in none.
type Sums = [u64; RANGES + 1];

/// A range of prices that has the edge in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    start: i64,
    shift: u32,
    /// Wanted above the range, and in it.
    above: u64,
    wanted: u64,
    /// Offered below the range, and in it.
    below: u64,
    offered: u64,
}

/// The range of prices with the edge of a book whose sides add up, if it can trade.
pub(super) fn cut(buyers: &Half<'_>, sellers: &Half<'_>) -> Option<Cut> {
    let ((_, bid), (ask, _)) = (buyers.column.bounds()?, sellers.column.bounds()?);
    // Asks are at least zero: the difference fits.
    let width = u64::try_from(bid - ask).ok()?;
    let ranges = Ranges::over(ask, width, buyers.open.len() + sellers.open.len());
    Some(Cut::new(ranges, (0, buyers.quotes()), (0, sellers.quotes())))
}

impl Cut {
    /// The first of the ranges at whose end supply covers what is wanted above it. There is one:
    /// nothing is wanted above the last.
    fn new(
        ranges: Ranges,
        (above, bids): (u64, impl Iterator<Item = (i64, u64)>),
        (below, asks): (u64, impl Iterator<Item = (i64, u64)>),
    ) -> Self {
        let mut sums: [Sums; 2] = [[0; RANGES + 1]; 2];
        for (price, quantity) in bids {
            sums[0][ranges.number(price)] += quantity;
        }
        for (price, quantity) in asks {
            sums[1][ranges.number(price)] += quantity;
        }
        let wanted = &sums[0][..=ranges.last];
        let mut cut = Self {
            start: ranges.start,
            shift: ranges.shift,
            above: above + wanted.iter().sum::<u64>(),
            wanted: 0,
            below,
            offered: 0,
        };
        for (number, (&wanted, &offered)) in (0_u64..).zip(wanted.iter().zip(&sums[1])) {
            cut.start = ranges.start.wrapping_add_unsigned(number << ranges.shift);
            cut.below += cut.offered;
            (cut.above, cut.wanted, cut.offered) = (cut.above - wanted, wanted, offered);
            if cut.below + cut.offered >= cut.above {
                break;
            }
        }
        cut
    }

    /// Whether a price is in the range.
    #[inline]
    pub(super) fn has(&self, price: i64) -> bool {
        price.wrapping_sub(self.start).cast_unsigned() >> self.shift == 0
    }

    /// Where the range begins.
    pub(super) fn start(&self) -> i64 {
        self.start
    }

    /// The edge, from the quotes in the range.
    pub(super) fn edge(mut self, mut bids: Vec<(i64, u64)>, mut asks: Vec<(i64, u64)>) -> Edge {
        while self.shift > 0 {
            let width = (1 << self.shift) - 1;
            let ranges = Ranges::over(self.start, width, bids.len() + asks.len());
            let (wanted, offered) = (bids.iter().copied(), asks.iter().copied());
            self = Self::new(ranges, (self.above, wanted), (self.below, offered));
            bids.retain(|&(price, _)| self.has(price));
            asks.retain(|&(price, _)| self.has(price));
        }
        let (demand, supply) = (self.above + self.wanted, self.below + self.offered);
        Edge {
            low: self.start,
            volume: demand.min(supply),
            above: self.above,
            below: self.below,
            exact: supply == self.above,
        }
    }
}

impl Edge {
    /// The highest price that clears.
    pub(super) fn high(&self, buyers: &Half<'_>, sellers: &Half<'_>) -> i64 {
        if !self.exact {
            return self.low;
        }
        let above = |&(price, open): &(i64, u64)| price > self.low && open > 0;
        let next = |half: &Half<'_>| half.quotes().filter(above).map(|(price, _)| price).min();
        next(buyers).into_iter().chain(next(sellers)).min().unwrap_or(self.low)
    }
}

//! An owner's own crossing orders meet before the book is solved: best bid, best ask.

use super::columns::Half;
use super::spread;
use crate::{Order, Side};

/// How many bits of a sieve there are for each order: of two owners who have nothing to do with
/// each other, one passes for the other about once in so many cases.
const BITS_PER_ORDER: usize = 16;

/// What is left of buyers and of sellers once an owner's own crossing orders have met; `None` where
/// nobody has orders that could.
pub(super) fn netted(
    buyers: &Half<'_>,
    sellers: &Half<'_>,
    orders: &[Order],
) -> Option<(Vec<u64>, Vec<u64>)> {
    let (bids, asks) = suspects(&buyers.column.owners, &sellers.column.owners);
    if bids.is_empty() || asks.is_empty() {
        return None;
    }
    let own =
        |place: usize, half: &Half<'_>, side: usize| (half.column.owners[place], place << 1 | side);
    let bids = bids.into_iter().map(|place| own(place, buyers, 0));
    let asks = asks.into_iter().map(|place| own(place, sellers, 1));
    let owns = spread::sorted(bids.chain(asks).collect());
    let mut open = (buyers.open.to_vec(), sellers.open.to_vec());
    let mut group = Vec::new();
    for same in owns.chunk_by(|one, other| one.0 == other.0) {
        group.clear();
        let halves = [buyers, sellers];
        group.extend(same.iter().map(|&(_, own)| Own::new(halves[own & 1], own >> 1)));
        group.retain(|own| own.open > 0);
        if crosses(&group) {
            net(&mut group, orders, &mut open);
        }
    }
    Some(open)
}

/// Whether some bid is at least as high as some ask.
fn crosses(group: &[Own]) -> bool {
    let prices = |side: Side| {
        let own = group.iter().filter(move |own| own.side == side);
        own.map(|own| own.price)
    };
    let (bid, ask) = (prices(Side::Buy).max(), prices(Side::Sell).min());
    bid.zip(ask).is_some_and(|(bid, ask)| bid >= ask)
}

/// Nets the orders of owners who have the same number, most likely of one owner.
fn net(group: &mut [Own], orders: &[Order], open: &mut (Vec<u64>, Vec<u64>)) {
    let tie = |own: &Own| {
        let order = &orders[own.order];
        (&order.hash, order.id, own.order)
    };
    group.sort_unstable_by(|one, other| {
        one.merit().cmp(&other.merit()).then_with(|| tie(one).cmp(&tie(other)))
    });
    // One pass, where it is one owner.
    group.sort_by_key(|own| &orders[own.order].owner);
    for own in group.chunk_by(|one, other| orders[one.order].owner == orders[other.order].owner) {
        let (bids, asks) = own.split_at(own.partition_point(|own| own.side == Side::Buy));
        meet(bids, asks, open);
    }
}

/// An order whose owner may have one on the other side.
struct Own {
    side: Side,
    /// In its column, and in the input.
    place: usize,
    order: usize,
    price: i64,
    open: u64,
}

impl Own {
    fn new(half: &Half<'_>, place: usize) -> Self {
        let (price, open) = half.quote(place);
        Self { side: half.column.side, place, order: half.column.places[place], price, open }
    }

    /// Bids before asks, and the better before the worse.
    fn merit(&self) -> (Side, i64) {
        (self.side, if self.side == Side::Buy { -self.price } else { self.price })
    }
}

/// Lets one owner's bids and asks meet, both best first.
fn meet(bids: &[Own], asks: &[Own], (wanted, offered): &mut (Vec<u64>, Vec<u64>)) {
    let (mut bids, mut asks) = (bids.iter().peekable(), asks.iter().peekable());
    while let (Some(bid), Some(ask)) = (bids.peek(), asks.peek()) {
        if bid.price < ask.price {
            break;
        }
        let (bid, ask) = (&mut wanted[bid.place], &mut offered[ask.place]);
        let both = (*bid).min(*ask);
        (*bid, *ask) = (*bid - both, *ask - both);
        bids.next_if(|_| *bid == 0);
        asks.next_if(|_| *ask == 0);
    }
}

/// Places of bids and asks whose owners may be on both sides: all that are, and few that are not.
/// Each turn looks at owners with other eyes, and leaves a small part of those who do not belong.
fn suspects(buyers: &[u64], sellers: &[u64]) -> (Vec<usize>, Vec<usize>) {
    let mut sieve = Sieve::new(buyers.len().max(sellers.len()));
    sieve.take(sellers.iter().copied());
    let mut bids: Vec<usize> = sieve.passing(buyers).collect();
    sieve.turn();
    sieve.take(bids.iter().map(|&place| buyers[place]));
    let asks: Vec<usize> = sieve.passing(sellers).collect();
    sieve.turn();
    sieve.take(asks.iter().map(|&place| sellers[place]));
    bids.retain(|&place| sieve.passes(buyers[place]));
    (bids, asks)
}

/// A set of owners' numbers that says of a few too many that they are in it.
struct Sieve {
    bits: Vec<u64>,
    /// Which bits of a number count: so many from here.
    from: u32,
    count: u32,
}

impl Sieve {
    fn new(orders: usize) -> Self {
        let bits = (orders.max(4) * BITS_PER_ORDER).next_power_of_two();
        Self { bits: vec![0; bits / 64], from: 0, count: bits.ilog2() }
    }

    /// Empties it, to look at other bits from now on.
    fn turn(&mut self) {
        self.bits.fill(0);
        self.from += u64::BITS / 3;
    }

    fn take(&mut self, numbers: impl Iterator<Item = u64>) {
        for number in numbers {
            let (word, bit) = self.bit(number);
            self.bits[word] |= bit;
        }
    }

    fn passing(&self, numbers: &[u64]) -> impl Iterator<Item = usize> {
        let passing = numbers.iter().enumerate().filter(|&(_, &number)| self.passes(number));
        passing.map(|(place, _)| place)
    }

    #[inline]
    fn passes(&self, number: u64) -> bool {
        let (word, bit) = self.bit(number);
        self.bits[word] & bit != 0
    }

    #[inline]
    fn bit(&self, number: u64) -> (usize, u64) {
        let bit = number.rotate_left(self.from) >> (u64::BITS - self.count);
        (usize::try_from(bit / 64).unwrap_or(0), 1 << (bit % 64))
    }
}

//! What was generated, shared after the fact among those who consumed: the orders are metered
//! energies, sells the generation, buys the consumption, and the price is given.
//!
//! The rules are those of energy communities in Austria: by fixed shares, by consumption, or by
//! fixed shares and then by what is still missing. An owner's own generation covers its own
//! consumption first, without a trade; what is left is allocated. Who would not accept the price
//! neither gives nor gets.
//!
//! Invariants: allocated + left over = generated; nobody is allocated more than was consumed.
//! Rounding: whole watt-hours, largest remainder; ties of owners by address, of orders by hash.
//! What is allocated comes from all sellers in proportion to what they generated.

use std::collections::{BTreeMap, BTreeSet};

use units::{Price, largest_remainder, pro_rata};

use crate::rounds::Outcome;
use crate::rule_price::willing;
use crate::sides::{Sides, by_quantity};
use crate::{Order, Share, Side};

/// The same part for everybody who wants to buy, by owner: what is taken where nobody has set
/// shares. Without a buyer there is a part of nobody's.
pub fn equal_shares(orders: &[Order]) -> Vec<Share> {
    let buyers = orders.iter().filter(|order| order.side == Side::Buy).map(|order| order.owner);
    let mut buyers: BTreeSet<[u8; 20]> = buyers.collect();
    if buyers.is_empty() {
        buyers.insert([0; 20]);
    }
    buyers.into_iter().map(|owner| Share { owner, weight: 1 }).collect()
}

/// What becomes of a share that its owner has not consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unused {
    /// It is left over.
    Surplus,
    /// It goes to the named owners who consumed more than their share, in proportion to what they
    /// still miss.
    Passed,
}

/// By fixed shares of the generation; see [`Unused`] for the rest. Who is not named in `shares`
/// gets nothing; a weight of zero takes part in what is passed on only.
pub(crate) fn by_share(book: &Sides, price: Price, shares: &[Share], unused: Unused) -> Outcome {
    let (bids, asks) = willing(book, price);
    let generated: u64 = asks.iter().map(|&place| book.asks[place].open).sum();
    let mut consumers: BTreeMap<[u8; 20], Vec<usize>> = BTreeMap::new();
    for place in bids {
        consumers.entry(book.bids[place].owner).or_default().push(place);
    }
    let mut shares = shares.to_vec();
    shares.sort_by_key(|share| share.owner);
    let none = Vec::new();
    let places: Vec<&Vec<usize>> =
        shares.iter().map(|share| consumers.get(&share.owner).unwrap_or(&none)).collect();
    let consumed: Vec<u64> = places
        .iter()
        .map(|places| places.iter().map(|&place| book.bids[place].open).sum())
        .collect();
    let weights: Vec<u64> = shares.iter().map(|share| u64::from(share.weight)).collect();
    let parts = largest_remainder(generated, &weights);
    let mut allocated: Vec<u64> =
        parts.iter().zip(&consumed).map(|(part, consumed)| *part.min(consumed)).collect();
    if unused == Unused::Passed {
        let missing: Vec<u64> =
            consumed.iter().zip(&allocated).map(|(consumed, got)| consumed - got).collect();
        let left = generated - allocated.iter().sum::<u64>();
        for (got, more) in allocated.iter_mut().zip(pro_rata(left, &missing)) {
            *got += more;
        }
    }
    let mut bought = vec![0; book.bids.len()];
    for (places, got) in places.into_iter().zip(&allocated) {
        share_out(book, places, *got, &mut bought);
    }
    Outcome::at(price, &bought, &by_quantity(&book.asks, &asks, allocated.iter().sum()))
}

/// Shares what an owner got among its orders.
fn share_out(book: &Sides, places: &[usize], got: u64, bought: &mut [u64]) {
    let mut places = places.to_vec();
    places.sort_by_key(|&place| (book.bids[place].hash, book.bids[place].id));
    let open: Vec<u64> = places.iter().map(|&place| book.bids[place].open).collect();
    for (place, part) in places.into_iter().zip(pro_rata(got, &open)) {
        bought[place] = part;
    }
}

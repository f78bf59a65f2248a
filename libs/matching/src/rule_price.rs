//! Prices by rule: nobody bids for the price, the retailer's two prices and the community's balance
//! make it.
//!
//! ```text
//! offered G  ======================|..........  exchanged: min(G, D), one price, no retailer
//! demanded D ======================|            rest of the long side: the retailer's price
//! ```
//!
//! The exchanged energy has one price, and the longer side shares it by quantity, so each of its
//! members has the same mix of community and retailer: the blended prices of the literature follow
//! ([`blended`]) and need no clearing of their own.
//!
//! G and D are all that is offered and demanded after an owner's own orders are netted, also orders
//! that the price turns away or that are dropped for their `min_fill`: the balance is the
//! community's, whoever accepts the price, and to count only those who do would let the price
//! depend on itself. An order whose limit the price would violate does not take part and meets the
//! retailer alone.
//!
//! Rounding: a price comes down to the tick, but not below feed-in. Fills are whole watt-hours,
//! largest remainder, ties by hash.

use units::{Energy, Money, Overflow, Price};

use crate::merit::between;
use crate::rounds::Outcome;
use crate::sides::{Quote, Sides, by_quantity, sum};
use crate::{Order, Reference, Refusal, Rules};

/// The mid-market rate: half way between feed-in and retail (Long et al. 2017), rounded down to
/// the tick, at least feed-in.
pub fn mid_market(reference: &Reference, tick: Price) -> Price {
    on_tick(between(reference.feed_in, reference.retail, 5000), reference.feed_in, tick)
}

/// The seller's price by supply-demand ratio (Liu et al. 2017), s = offered / demanded:
///
/// ```text
/// feed_in * retail / ((retail - feed_in) s + feed_in)   for s <= 1, else feed_in
/// ```
///
/// rounded down to the tick, at least feed-in. Buyers pay it for what is exchanged and retail for
/// the rest, which is `p s + retail (1 - s)` on average.
///
/// # Errors
/// When feed-in x retail x demanded takes more than 127 bits.
pub fn supply_demand(
    reference: &Reference,
    offered: Energy,
    demanded: Energy,
    tick: Price,
) -> Result<Price, Overflow> {
    if offered >= demanded {
        return Ok(reference.feed_in);
    }
    let feed_in = i128::from(reference.feed_in.n_per_wh());
    let retail = i128::from(reference.retail.n_per_wh());
    let (supply, demand) = (i128::from(offered.wh()), i128::from(demanded.wh()));
    let times = |one: i128, other: i128| one.checked_mul(other).ok_or(Overflow);
    let dividend = times(feed_in * retail, demand)?;
    let divisor = times(retail - feed_in, supply)?;
    let divisor = divisor.checked_add(times(feed_in, demand)?).ok_or(Overflow)?;
    // Retail or what is offered is nothing, and feed-in is: then as if feed-in were a little.
    if divisor == 0 {
        return Ok(reference.retail);
    }
    let price = i64::try_from(dividend / divisor).map_err(|_| Overflow)?;
    Ok(on_tick(Price::from_n_per_wh(price), reference.feed_in, tick))
}

/// The multiple of the tick at or below a price, but not below `low`. A tick below one is one.
fn on_tick(price: Price, low: Price, tick: Price) -> Price {
    let beyond = price.n_per_wh() % tick.n_per_wh().max(1);
    Price::from_n_per_wh(price.n_per_wh() - beyond).max(low)
}

/// An amount for an energy: the average price is their ratio, exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blend {
    /// What is paid in all.
    pub total: Money,
    /// For how much.
    pub energy: Energy,
}

/// What a whole side pays or gets when the community's price meets the retailer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blended {
    /// What buyers pay for all their demand: the community's price, then retail.
    pub buyers: Blend,
    /// What sellers get for all their supply: the community's price, then feed-in.
    pub sellers: Blend,
}

/// The two sides' totals at a price for the exchanged energy. What buyers pay is what sellers get,
/// plus what the retailer takes for the rest of the demand, less what it gives for the rest of the
/// supply.
///
/// # Errors
/// When an amount does not fit.
pub fn blended(
    price: Price,
    reference: &Reference,
    offered: Energy,
    demanded: Energy,
) -> Result<Blended, Overflow> {
    let exchanged = price.cost_of(offered.min(demanded))?;
    let imported = reference.retail.cost_of(demanded.less(offered))?;
    let exported = reference.feed_in.cost_of(offered.less(demanded))?;
    Ok(Blended {
        buyers: Blend { total: exchanged.plus(imported)?, energy: demanded },
        sellers: Blend { total: exchanged.plus(exported)?, energy: offered },
    })
}

/// Exchanges what both sides have at `price`: the shorter side whole, the longer one by quantity.
pub(crate) fn exchange(book: &Sides, price: Price) -> Outcome {
    let (bids, asks) = willing(book, price);
    let open = |places: &[usize], quotes: &[Quote]| -> u64 {
        places.iter().map(|&place| quotes[place].open).sum()
    };
    let volume = open(&bids, &book.bids).min(open(&asks, &book.asks));
    Outcome::at(
        price,
        &by_quantity(&book.bids, &bids, volume),
        &by_quantity(&book.asks, &asks, volume),
    )
}

/// The price by the supply-demand ratio of all orders.
pub(crate) fn by_ratio(orders: &[Order], rules: &Rules) -> Result<Price, Refusal> {
    let book = Sides::new(orders, &rules.fees)?.netted()?;
    let (offered, demanded) = (sum(&book.asks), sum(&book.bids));
    let (offered, demanded) = (Energy::from_wh(offered), Energy::from_wh(demanded));
    Ok(supply_demand(&rules.reference, offered, demanded, rules.tick)?)
}

/// The places of the bids and of the asks that accept a price.
pub(crate) fn willing(book: &Sides, price: Price) -> (Vec<usize>, Vec<usize>) {
    let bids = (0..book.bids.len()).filter(|&place| book.bids[place].price >= price);
    let asks = (0..book.asks.len()).filter(|&place| book.asks[place].price <= price);
    (bids.collect(), asks.collect())
}

//! A batch of orders through a book, one after the other, as if they had come over time.

use std::collections::{BTreeMap, BTreeSet};

use units::{Energy, Overflow, Price};

use super::{Book, Entry, Limits, Message, Report, SelfTrade, TimeInForce};
use crate::{Clearing, Fill, Order, Refusal, Rules, Side, Trade};

/// An order at its energy price.
struct Quote<'a> {
    order: &'a Order,
    /// Where it gains, to the last digit.
    energy: Price,
    /// On the tick, towards the side where it gains.
    tick: i64,
}

/// Clears a batch by continuous trading: orders come in by their `sequence`, equal ones by hash,
/// and trade at once with what rests, at the resting order's energy price, best price first and
/// then who came first.
///
/// A limit that is no multiple of the tick moves to the next one at which its owner still gains: a
/// bid's down, an ask's up. Orders of one owner that cross lose the smaller quantity without a
/// trade. An order that cannot trade its `min_fill` when it comes is dropped. Trades are in the
/// order in which they happened.
///
/// # Errors
/// [`Refusal::Rules`] where the rules are not usable; [`Refusal::Overflow`] where a limit with its
/// fees, on the tick, does not fit, a quantity is above [`super::QUANTITY_MAX`], there are more
/// orders than [`super::ORDERS_MAX`], or more prices than [`super::PRICES_MAX`].
pub fn continuous(orders: &[Order], rules: &Rules) -> Result<Clearing, Refusal> {
    rules.check()?;
    let mut quotes = orders
        .iter()
        .filter(|order| order.quantity > Energy::ZERO)
        .map(|order| quote(order, rules))
        .collect::<Result<Vec<Quote<'_>>, Overflow>>()?;
    if quotes.is_empty() {
        return Ok(Clearing::default());
    }
    quotes.sort_by_key(|quote| (quote.order.sequence, quote.order.hash, quote.order.id));
    let mut clearing = Clearing::default();
    let mut filled = vec![0; quotes.len()];
    for (taker, maker, quantity) in trades(&quotes, &mut clearing)? {
        filled[taker] += quantity;
        filled[maker] += quantity;
        let price = Price::from_n_per_wh(quotes[maker].tick);
        let (buyer, seller) = match quotes[taker].order.side {
            Side::Buy => (taker, maker),
            Side::Sell => (maker, taker),
        };
        let quantity = Energy::from_wh(quantity);
        clearing.volume = clearing.volume.plus(quantity)?;
        clearing.trades.push(Trade {
            buyer: quotes[buyer].order.id,
            seller: quotes[seller].order.id,
            quantity,
            buy_price: price,
            sell_price: price,
        });
    }
    clearing.fills = fills(&quotes, &filled);
    Ok(clearing)
}

fn quote<'a>(order: &'a Order, rules: &Rules) -> Result<Quote<'a>, Overflow> {
    let energy = match order.side {
        Side::Buy => rules.fees.energy_bid(order.price)?,
        Side::Sell => rules.fees.energy_ask(order.price)?,
    };
    let tick = on_tick(order.side, energy, rules.tick)?.n_per_wh();
    Ok(Quote { order, energy, tick })
}

/// The multiple of `tick`, which is above zero, that is next to an energy price on the side where
/// its owner gains: below a bid's, above an ask's.
///
/// # Errors
/// [`Overflow`] where there is none.
pub fn on_tick(side: Side, energy: Price, tick: Price) -> Result<Price, Overflow> {
    let (energy, tick) = (energy.n_per_wh(), tick.n_per_wh());
    let above = energy.rem_euclid(tick);
    let moved = match side {
        Side::Buy => energy.checked_sub(above),
        Side::Sell if above == 0 => Some(energy),
        Side::Sell => energy.checked_add(tick - above),
    };
    moved.map(Price::from_n_per_wh).ok_or(Overflow)
}

/// Who met whom: taker and maker by their places among the quotes, and how much they traded.
fn trades(
    quotes: &[Quote<'_>],
    clearing: &mut Clearing,
) -> Result<Vec<(usize, usize, u64)>, Overflow> {
    // A batch is known before it begins: only the prices in it are levels, however far apart.
    let prices = ranks(quotes.iter().map(|quote| quote.tick))?;
    let owners = ranks(quotes.iter().map(|quote| quote.order.owner))?;
    let highest = i32::try_from(prices.len() - 1).map_err(|_| Overflow)?;
    let orders_max = u32::try_from(quotes.len()).map_err(|_| Overflow)?;
    let limits = Limits { price_min: 0, price_max: highest, orders_max, entries_max: orders_max };
    let mut book = Book::new(limits).map_err(|_| Overflow)?;
    let (mut entered, mut met, mut reports) = (Vec::new(), Vec::new(), Vec::new());
    for (place, quote) in quotes.iter().enumerate() {
        let order = quote.order;
        let entry = Entry {
            side: order.side,
            price: i32::try_from(prices[&quote.tick]).map_err(|_| Overflow)?,
            quantity: order.quantity.wh(),
            owner: owners[&order.owner],
            time_in_force: TimeInForce::GoodTillCancelled,
            self_trade: SelfTrade::Decrement,
        };
        if !book.can_fill(&entry, order.min_fill.wh()) {
            clearing.dropped.push(order.id);
            continue;
        }
        entered.push(place);
        book.submit(&Message::New(entry), &mut reports);
        for report in reports.drain(..) {
            match report {
                Report::Trade { taker, maker, quantity, .. } => {
                    met.push((entered[taker as usize], entered[maker as usize], quantity));
                }
                // The book is made for this batch: only a quantity can be more than it takes.
                Report::Rejected { .. } => return Err(Overflow),
                _ => {}
            }
        }
    }
    Ok(met)
}

/// Each of these, and how many are below it.
fn ranks<T: Ord>(all: impl Iterator<Item = T>) -> Result<BTreeMap<T, u32>, Overflow> {
    let distinct: BTreeSet<T> = all.collect();
    u32::try_from(distinct.len()).map_err(|_| Overflow)?;
    Ok(distinct.into_iter().zip(0..).collect())
}

/// What each order got: buyers from high to low, then sellers from low to high.
fn fills(quotes: &[Quote<'_>], filled: &[u64]) -> Vec<Fill> {
    let mut fills: Vec<(&Quote<'_>, u64)> =
        quotes.iter().zip(filled.iter().copied()).filter(|&(_, quantity)| quantity > 0).collect();
    fills.sort_by_key(|(quote, _)| {
        let price = i128::from(quote.energy.n_per_wh());
        let merit = if quote.order.side == Side::Buy { -price } else { price };
        (quote.order.side, merit, quote.order.hash, quote.order.id)
    });
    fills
        .into_iter()
        .map(|(quote, quantity)| Fill {
            order: quote.order.id,
            side: quote.order.side,
            quantity: Energy::from_wh(quantity),
        })
        .collect()
}

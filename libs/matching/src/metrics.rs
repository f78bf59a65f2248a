//! What a clearing was worth, and how evenly: figures to compare mechanisms on one book.
//!
//! All exact. Amounts are 1e-9 currency in `i128`; a ratio is a numerator and a denominator.

use std::collections::BTreeMap;

use units::{Energy, Overflow, Price};

use crate::sides::{Quote, Sides, sum};
use crate::{Clearing, Order, Rules, Side};

/// A ratio, not reduced. The denominator is above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    /// Of so much.
    pub numerator: u128,
    /// Out of so much.
    pub denominator: u128,
}

impl Ratio {
    /// The ratio in parts per million, rounded down; `None` where that does not fit.
    pub fn per_million(&self) -> Option<u64> {
        let parts = self.numerator.checked_mul(1_000_000)?.checked_div(self.denominator)?;
        u64::try_from(parts).ok()
    }
}

/// What a clearing was worth at the limits of its orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metrics {
    /// What changed hands.
    pub volume: Energy,
    /// Sum over buyers of (energy bid - price paid) x energy.
    pub buyers: i128,
    /// Sum over sellers of (price got - energy ask) x energy.
    pub sellers: i128,
    /// What buyers paid less what sellers got.
    pub difference: i128,
    /// What was offered, after own orders were netted.
    pub offered: Energy,
    /// What was demanded, after own orders were netted.
    pub demanded: Energy,
}

impl Metrics {
    /// The figures of a clearing of `orders` under `rules`. Trades of orders that are not in
    /// `orders` count nothing.
    ///
    /// # Errors
    /// When an amount does not fit.
    pub fn new(orders: &[Order], rules: &Rules, clearing: &Clearing) -> Result<Metrics, Overflow> {
        let book = Sides::new(orders, &rules.fees)?;
        let limits = |quotes: &[Quote]| -> BTreeMap<_, Price> {
            quotes.iter().map(|quote| (quote.id, quote.price)).collect()
        };
        let (bids, asks) = (limits(&book.bids), limits(&book.asks));
        let netted = book.netted()?;
        let (mut buyers, mut sellers, mut difference) = (0, 0, 0);
        for trade in &clearing.trades {
            let (Some(&bid), Some(&ask)) = (bids.get(&trade.buyer), asks.get(&trade.seller)) else {
                continue;
            };
            add(&mut buyers, bid, trade.buy_price, trade.quantity)?;
            add(&mut sellers, trade.sell_price, ask, trade.quantity)?;
            add(&mut difference, trade.buy_price, trade.sell_price, trade.quantity)?;
        }
        Ok(Metrics {
            volume: clearing.volume,
            buyers,
            sellers,
            difference,
            offered: Energy::from_wh(sum(&netted.asks)),
            demanded: Energy::from_wh(sum(&netted.bids)),
        })
    }

    /// Sum of buyers' energy bids x energy less sum of sellers' energy asks x energy: the surplus
    /// of both sides and the difference.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn welfare(&self) -> Result<i128, Overflow> {
        let sides = self.buyers.checked_add(self.sellers).ok_or(Overflow)?;
        sides.checked_add(self.difference).ok_or(Overflow)
    }

    /// Which part of what could have been exchanged was: volume against the smaller of offer and
    /// demand; `None` where a side is empty.
    pub fn local_coverage(&self) -> Option<Ratio> {
        let most = self.offered.min(self.demanded);
        (most > Energy::ZERO).then(|| Ratio {
            numerator: u128::from(self.volume.wh()),
            denominator: u128::from(most.wh()),
        })
    }
}

/// Adds (`above` - `below`) x `energy`.
fn add(total: &mut i128, above: Price, below: Price, energy: Energy) -> Result<(), Overflow> {
    let per_wh = i128::from(above.n_per_wh()) - i128::from(below.n_per_wh());
    let amount = per_wh.checked_mul(i128::from(energy.wh())).ok_or(Overflow)?;
    *total = total.checked_add(amount).ok_or(Overflow)?;
    Ok(())
}

/// What an owner saved by a clearing against the retailer's prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saving {
    /// Whose.
    pub owner: [u8; 20],
    /// Buyers: retail less price and fees, x energy; sellers: price less fee and feed-in, x energy.
    /// Below zero for a loser.
    pub saved: i128,
    /// What the retailer would take for all energy of the owner's orders, bought and sold.
    pub retail_value: i128,
}

impl Saving {
    /// The saving as parts per million of the retail value of the energy, rounded towards zero;
    /// `None` where that value is zero.
    pub fn relative(&self) -> Option<i64> {
        let parts = self.saved.checked_mul(1_000_000)?.checked_div(self.retail_value)?;
        i64::try_from(parts).ok()
    }
}

/// What each owner of an order saved, by owner.
///
/// # Errors
/// When an amount does not fit.
pub fn savings(
    orders: &[Order],
    rules: &Rules,
    clearing: &Clearing,
) -> Result<Vec<Saving>, Overflow> {
    let (reference, fees) = (&rules.reference, &rules.fees);
    let mut savings: BTreeMap<[u8; 20], Saving> = BTreeMap::new();
    let mut owners = BTreeMap::new();
    for order in orders {
        let owner = order.owner;
        owners.insert((order.id, order.side), owner);
        let saving = savings.entry(owner).or_insert(Saving { owner, saved: 0, retail_value: 0 });
        add(&mut saving.retail_value, reference.retail, Price::ZERO, order.quantity)?;
    }
    let buyer_fees = fees.network.plus(fees.buyer)?;
    for trade in &clearing.trades {
        let pays = trade.buy_price.plus(buyer_fees)?;
        let gets = trade.sell_price.minus(fees.seller)?;
        let sides = [
            (trade.buyer, Side::Buy, reference.retail, pays),
            (trade.seller, Side::Sell, gets, reference.feed_in),
        ];
        for (order, side, above, below) in sides {
            let saving = owners.get(&(order, side)).and_then(|owner| savings.get_mut(owner));
            if let Some(saving) = saving {
                add(&mut saving.saved, above, below, trade.quantity)?;
            }
        }
    }
    Ok(savings.into_values().collect())
}

/// How many lost by trading.
pub fn losers(savings: &[Saving]) -> usize {
    savings.iter().filter(|saving| saving.saved < 0).count()
}

/// Jain's index of fairness, (sum x)^2 / (n sum x^2): 1 where all have the same, 1/n where one has
/// all. Negative values count as zero (and are [`losers`]); `None` where nobody has anything.
///
/// # Errors
/// When a sum or square exceeds 128 bits.
pub fn jain(values: &[i64]) -> Result<Option<Ratio>, Overflow> {
    let values = values.iter().map(|&value| u128::from(value.max(0).unsigned_abs()));
    let (mut count, mut sum, mut squares) = (0_u128, 0_u128, 0_u128);
    for value in values {
        count += 1;
        sum = sum.checked_add(value).ok_or(Overflow)?;
        squares = squares.checked_add(value * value).ok_or(Overflow)?;
    }
    if sum == 0 {
        return Ok(None);
    }
    let numerator = sum.checked_mul(sum).ok_or(Overflow)?;
    let denominator = count.checked_mul(squares).ok_or(Overflow)?;
    Ok(Some(Ratio { numerator, denominator }))
}

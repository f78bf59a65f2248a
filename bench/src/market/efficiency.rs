//! How much of what a book is worth each mechanism brings about: the welfare of its trades, in per
//! cent of the call auction's, over random books. All mechanisms see the same books.
//!
//! A figure is reckoned, not measured: every run gives the same. The call auction gets all there
//! is, so it is the bound of the others.

use anyhow::{Context, Result, ensure};
use ids::{OrderId, Uuid, ZoneId};
use matching::metrics::Metrics;
use matching::{Fees, Mechanism, Order, Reference, Rules, Share, Side, clear};
use units::{Energy, Price};

use super::Dice;
use crate::measure::count;
use crate::report::Row;

const BOOKS: u64 = 2_000;
/// Orders of a side: 3 to 20.
const SIDE_MIN: u64 = 3;
const SIDE_MORE: u64 = 18;
const RETAIL: Price = Price::from_n_per_wh(300_000);
const FEED_IN: Price = Price::from_n_per_wh(80_000);
/// Of the mechanism whose price is given.
const POSTED: Price = Price::from_n_per_wh(190_000);

pub(super) fn rows() -> Result<Vec<Row>> {
    let books: Vec<Vec<Order>> = (0..BOOKS).map(|seed| book(&mut Dice(seed))).collect();
    let best = books.iter().map(|book| welfare(book, Mechanism::default()));
    let best: Vec<i128> = best.collect::<Result<_>>()?;
    let row = |mechanism: Mechanism| {
        let parts = books.iter().zip(&best).filter(|(_, best)| **best > 0).map(|(book, best)| {
            let got = welfare(book, mechanism)?;
            ensure!((0..=*best).contains(&got), "{mechanism} gets {got} of {best}");
            Ok(count(u32::try_from(got * 1_000_000 / best)?) / 10_000.0)
        });
        let parts: Vec<f64> = parts.collect::<Result<_>>()?;
        let mean = parts.iter().sum::<f64>() / count(parts.len());
        let least = parts.iter().copied().fold(100.0, f64::min);
        let books = parts.len();
        let named = mechanism.name();
        let name = |what: &str| format!("{named}: {what} welfare of {books} books");
        let efficient = mechanism.properties().efficient;
        let goal = |row: Row| if efficient { row.aims_at(1.0) } else { row };
        let of_all = |name, part| goal(Row::rate(name, "%", &part));
        let pair = |ours| crate::measure::Pair { ours: vec![ours], theirs: vec![100.0] };
        Ok([of_all(name("mean"), pair(mean)), of_all(name("least"), pair(least))])
    };
    let rows: Vec<[Row; 2]> = Mechanism::ALL.into_iter().map(row).collect::<Result<_>>()?;
    Ok(rows.into_iter().flatten().collect())
}

/// What the trades of a book are worth under a mechanism, in 1e-9 currency.
fn welfare(orders: &[Order], mechanism: Mechanism) -> Result<i128> {
    let mechanism = mechanism.with_price(POSTED);
    let shares = orders.iter().map(|order| Share { owner: order.owner, weight: 1 }).collect();
    let reference = Reference { retail: RETAIL, feed_in: FEED_IN };
    let rules = Rules {
        mechanism,
        shares,
        reference,
        ..Rules::uniform(Price::from_n_per_wh(1), Fees::default())
    };
    let cleared = clear(orders, &rules).with_context(|| mechanism.to_string())?;
    Ok(Metrics::new(orders, &rules, &cleared)?.welfare()?)
}

/// 3 to 20 orders a side of 0.5 to 5 kWh, between 8 and 30 ct per kWh.
fn book(dice: &mut Dice) -> Vec<Order> {
    let mut orders = Vec::new();
    for side in [Side::Buy, Side::Sell] {
        for _ in 0..SIDE_MIN + dice.below(SIDE_MORE) {
            let number = orders.len() as u64;
            let (mut owner, mut hash) = ([0; 20], [0; 32]);
            owner[..8].copy_from_slice(&number.to_be_bytes());
            hash[..8].copy_from_slice(&dice.below(u64::MAX).to_be_bytes());
            orders.push(Order {
                id: OrderId::from_uuid(Uuid::from_u128(u128::from(number) + 1)),
                owner,
                side,
                quantity: Energy::from_wh(500 + dice.below(4_501)),
                price: dice.price(80_000, 300_001),
                min_fill: Energy::ZERO,
                hash,
                sequence: number,
                zone: ZoneId::from_uuid(Uuid::nil()),
            });
        }
    }
    orders
}

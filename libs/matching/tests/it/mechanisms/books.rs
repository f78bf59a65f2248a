//! Orders by hand and by chance.

use std::collections::BTreeMap;

use ids::{OrderId, ZoneId};
use matching::{Clearing, Fees, Mechanism, Order, Reference, Rules, Share, Side};
use units::{Energy, Price};

pub(crate) use crate::orders::{Dice, order};

impl Dice {
    /// An order of its own owner.
    pub(crate) fn order(&mut self, count: u64, quantity: u64, price: i64) -> Order {
        let id = OrderId::from_uuid(ids::Uuid::from_u128(u128::from(count) + 1));
        let mut hash = [0; 32];
        hash[..8].copy_from_slice(&self.below(u64::MAX).to_be_bytes());
        hash[31] = u8::try_from(count % 256).unwrap();
        Order {
            id,
            owner: owner(count),
            side: if self.below(2) == 0 { Side::Buy } else { Side::Sell },
            quantity: Energy::from_wh(quantity),
            price: Price::from_n_per_wh(price),
            min_fill: Energy::ZERO,
            hash,
            sequence: count,
            zone: ZoneId::from_uuid(ids::Uuid::nil()),
        }
    }
}

pub(crate) fn owner(number: u64) -> [u8; 20] {
    let mut owner = [0; 20];
    owner[12..].copy_from_slice(&number.to_be_bytes());
    owner
}

/// Rules without fees, a tick of one.
pub(crate) fn rules(mechanism: Mechanism) -> Rules {
    Rules { mechanism, ..Rules::uniform(Price::from_n_per_wh(1), Fees::default()) }
}

pub(crate) fn reference(feed_in: i64, retail: i64) -> Reference {
    Reference { retail: Price::from_n_per_wh(retail), feed_in: Price::from_n_per_wh(feed_in) }
}

/// A random small book: few prices, few owners, so that ties and own crossings are common.
pub(crate) fn book(dice: &mut Dice, mechanism: Mechanism) -> (Vec<Order>, Rules) {
    let mut orders = Vec::new();
    let (prices, owners) = (3 + dice.below(12), 2 + dice.below(10));
    for count in 0..2 + dice.below(14) {
        let (quantity, price) = (dice.below(12), dice.price(prices) - 1);
        let mut order = dice.order(count, quantity, price);
        order.owner = owner(dice.below(owners));
        if mechanism == Mechanism::BillSharing && order.side == Side::Sell && dice.below(3) > 0 {
            order.price = Price::ZERO;
        }
        if dice.below(6) == 0 {
            order.min_fill = Energy::from_wh(dice.below(8));
        }
        orders.push(order);
    }
    let mut fee = || Price::from_n_per_wh(dice.price(3));
    let mut fees = Fees { network: fee(), buyer: fee(), seller: fee() };
    if dice.below(2) == 0 {
        fees = Fees::default();
    } else if mechanism == Mechanism::BillSharing {
        fees.seller = Price::ZERO;
    }
    let feed_in = dice.price(6);
    let reference = reference(feed_in, feed_in + dice.price(12));
    let mut shares: Vec<Share> = Vec::new();
    for number in 0..owners {
        if dice.below(4) > 0 {
            let weight = u32::try_from(dice.below(5)).unwrap();
            shares.push(Share { owner: owner(number), weight });
        }
    }
    dice.shuffle(&mut shares);
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&dice.below(u64::MAX).to_be_bytes());
    let mechanism = mechanism.with_price(Price::from_n_per_wh(dice.price(prices)));
    let k_bps = u16::try_from(dice.below(10_001)).unwrap();
    let mechanism = match mechanism {
        Mechanism::KPricing { .. } => Mechanism::KPricing { k_bps },
        other => other,
    };
    let tick = Price::from_n_per_wh(1 + dice.price(3));
    (orders, Rules { mechanism, tick, fees, reference, seed, shares })
}

/// What each order got.
pub(crate) fn fills(clearing: &Clearing) -> BTreeMap<OrderId, u64> {
    clearing.fills.iter().map(|fill| (fill.order, fill.quantity.wh())).collect()
}

/// An order's energy price.
pub(crate) fn energy_price(order: &Order, rules: &Rules) -> i64 {
    let price = match order.side {
        Side::Buy => rules.fees.energy_bid(order.price),
        Side::Sell => rules.fees.energy_ask(order.price),
    };
    price.unwrap().n_per_wh()
}

/// How many orders a property is tried on: `MATCHING_OPERATIONS`, or `few`.
pub(crate) fn operations(few: u64) -> u64 {
    std::env::var("MATCHING_OPERATIONS").map_or(few, |text| text.parse().unwrap())
}

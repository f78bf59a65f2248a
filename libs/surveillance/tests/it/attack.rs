//! Attackers, each of one rule, with a dial: in how many percent of the chances they take it, or
//! how far they go.

use calendar::Timestamp;
use ids::PartyId;
use matching::{Side, Trade};
use surveillance::{Day, Interval, Order, Rule};
use units::{Energy, Price};

use crate::town::{CENT, FEED_IN, Making, RETAIL, Town, account, gate_of, party, sun};

/// Days before the attack begins.
pub(crate) const BEFORE: u32 = 5;

/// Who attacks: homes from 0 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attack {
    pub(crate) rule: Rule,
    /// 0 to 100.
    pub(crate) strength: u64,
}

impl Attack {
    /// Whom a case has to name.
    pub(crate) fn owners(self) -> Vec<PartyId> {
        match self.rule {
            Rule::W2 | Rule::O1 => vec![party(0), party(1)],
            Rule::S1 => vec![party(0), party(1), party(2)],
            _ => vec![party(0)],
        }
    }

    /// Makes the homes what the attack needs.
    pub(crate) fn prepare(self, town: &mut Town) {
        let homes = &mut town.homes;
        for (place, home) in homes.iter_mut().enumerate().take(3) {
            home.owner = party(place);
        }
        match self.rule {
            Rule::W1 => {
                homes[1].owner = party(0);
                (homes[0].peak, homes[1].peak) = (0, 0);
            }
            Rule::P1 => homes[1].owner = party(0),
            Rule::W2 => (homes[0].peak, homes[1].peak) = (0, 0),
            Rule::M1 => homes[0].peak = 0,
            _ => {}
        }
    }

    /// Changes what the attackers do in a slot.
    pub(crate) fn act(self, town: &mut Town, making: &mut Making) {
        if town.day < BEFORE && !matches!(self.rule, Rule::H1 | Rule::C1) {
            return;
        }
        let strikes = town.dice.chance(self.strength) && town.day >= BEFORE;
        match self.rule {
            Rule::W1 if strikes => {
                town.replace(making, 0, &[(Side::Sell, 800, 0)]);
                town.replace(making, 1, &[(Side::Buy, 800, RETAIL + 2 * CENT)]);
            }
            Rule::W2 => (0..2).for_each(|at| town.replace(making, at, &[])),
            Rule::L1 if strikes => layer(town, making),
            Rule::H1 => withhold(town, making, strikes),
            Rule::M1 if sun(making.place) > 300 => {
                town.replace(making, 0, &[(Side::Sell, 600, FEED_IN)]);
                making.exports[0] = 600 * (100 - self.strength) / 100;
            }
            Rule::P1 if strikes => mark(town, making),
            Rule::S1 if strikes => copy(town, making),
            Rule::C1 => dominate(town, making, self.strength),
            _ => {}
        }
    }

    /// Trades at prices of their own, as a continuous market has them.
    pub(crate) fn meet(self, town: &mut Town, slot: Timestamp, day: &mut Day) {
        if town.day < BEFORE {
            return;
        }
        if self.rule == Rule::W2 {
            circulate(town, slot, day, self.strength);
        }
        if self.rule != Rule::O1 || !town.dice.chance(self.strength) {
            return;
        }
        let (wh, paid) = (300 + town.dice.below(300), town.dice.cents(45, 60));
        town.deal(slot, day, [1, 0], (wh, paid));
    }
}

impl Town {
    /// Places orders of a home, in place of those that it would have.
    fn replace(&mut self, making: &mut Making, at: usize, orders: &[(Side, u64, i64)]) {
        let own = account(self.homes[at].name);
        making.orders.retain(|order| order.account != own);
        for (side, wh, limit) in orders {
            let placed = gate_of(making.slot).plus_seconds(-600);
            let order = self.order(at, *side, making.slot, (*wh, *limit), placed);
            making.orders.push(order);
        }
    }

    /// A seller and a buyer meet at a price of their own.
    fn deal(
        &mut self,
        slot: Timestamp,
        day: &mut Day,
        [seller, buyer]: [usize; 2],
        (wh, paid): (u64, i64),
    ) {
        let placed = gate_of(slot).plus_seconds(-500);
        let buy = self.order(buyer, Side::Buy, slot, (wh, paid), placed);
        let sell = self.order(seller, Side::Sell, slot, (wh, FEED_IN), placed);
        let price = Price::from_n_per_wh(paid);
        day.trades.push(Trade {
            buyer: buy.order,
            seller: sell.order,
            quantity: Energy::from_wh(wh),
            buy_price: price,
            sell_price: price,
        });
        day.orders.extend([buy, sell]);
    }
}

/// 0 sells to 1 and 1 sells to 0, in turns, both delivering from batteries.
fn circulate(town: &mut Town, slot: Timestamp, day: &mut Day, strength: u64) {
    let place = usize::try_from(slot.seconds().rem_euclid(86_400) / 900).unwrap();
    // Pairs of slots, so many of the 48 of a day.
    if (place / 2 * 37 % 48) as u64 * 100 < strength * 48 {
        let sides = if place.is_multiple_of(2) { [0, 1] } else { [1, 0] };
        town.deal(slot, day, sides, (900, 20 * CENT));
        let seller = town.homes[sides[0]].owner;
        let own = |interval: &&mut Interval| interval.slot == slot && interval.owner == seller;
        if let Some(interval) = day.intervals.iter_mut().find(own) {
            interval.export = Energy::from_wh(900);
        }
    }
}

/// Buys a little, and shows a large offer until just before the gate.
fn layer(town: &mut Town, making: &mut Making) {
    town.replace(making, 0, &[(Side::Buy, 200, RETAIL + 5 * CENT)]);
    let gate = gate_of(making.slot);
    let late = 1 + i64::try_from(town.dice.below(55)).unwrap();
    let layer = town.order(0, Side::Sell, making.slot, (30_000, FEED_IN), gate.plus_seconds(-900));
    making.orders.push(Order { cancelled: Some(gate.plus_seconds(-late)), ..layer });
}

/// Feeds in much; offers a fifth of it in slots it has chosen, and all elsewhere.
fn withhold(town: &mut Town, making: &mut Making, strikes: bool) {
    if sun(making.place) < 400 {
        return;
    }
    making.exports[0] = 6_000;
    let wh = if strikes { 900 } else { 5_800 };
    town.replace(making, 0, &[(Side::Sell, wh, FEED_IN)]);
    // The others offer and need what they have, at limits of their own.
    for at in 1..town.homes.len() {
        if at % 2 == 1 {
            let made = 150 + town.dice.below(100);
            making.exports[at] = made;
            town.replace(making, at, &[(Side::Sell, made, FEED_IN + CENT)]);
        } else {
            let (wh, limit) = (500 + town.dice.below(300), town.dice.cents(20, 29));
            town.replace(making, at, &[(Side::Buy, wh, limit)]);
        }
    }
}

/// Offers exactly what is asked for, and lifts the open end of the price by a bid of 10 Wh.
fn mark(town: &mut Town, making: &mut Making) {
    town.replace(making, 0, &[]);
    town.replace(making, 1, &[]);
    let stands = |order: &&Order| order.cancelled.is_none();
    let bids = making.orders.iter().filter(stands).filter(|o| o.side == Side::Buy);
    let keen: Vec<&Order> = bids.filter(|o| o.limit.n_per_wh() >= 18 * CENT).collect();
    let asked: u64 = keen.iter().map(|order| order.quantity.wh()).sum();
    let offers = making.orders.iter().filter(stands).filter(|o| o.side == Side::Sell);
    let others: u64 = offers.map(|order| order.quantity.wh()).sum();
    let lowest = keen.iter().map(|order| order.limit.n_per_wh()).min();
    let Some(lowest) = lowest.filter(|_| asked > others + 400) else { return };
    town.replace(making, 0, &[(Side::Sell, asked - others, FEED_IN)]);
    town.replace(making, 1, &[(Side::Buy, 10, lowest - 100)]);
}

/// Three owners place one order.
fn copy(town: &mut Town, making: &mut Making) {
    let (wh, limit) = (100 + town.dice.below(900), town.dice.cents(18, 29));
    for at in [0, 1, 2] {
        town.replace(making, at, &[(Side::Buy, wh, limit)]);
    }
}

/// Offers the same all day, and asks more where the others cannot feed the village.
fn dominate(town: &mut Town, making: &mut Making, strength: u64) {
    if sun(making.place) < 400 {
        return;
    }
    let calm = town.dice.chance(50);
    for at in 1..town.homes.len() {
        if at % 2 == 1 {
            let wh = if calm { 900 } else { 100 } + town.dice.below(100);
            making.exports[at] = wh;
            town.replace(making, at, &[(Side::Sell, wh, FEED_IN + CENT)]);
        } else {
            let wh = 300 + town.dice.below(300);
            town.replace(making, at, &[(Side::Buy, wh, RETAIL)]);
        }
    }
    making.exports[0] = 3_000;
    let raise = i64::try_from(strength).unwrap() * 10 * CENT / 100;
    let raise = if calm || town.day < BEFORE { 0 } else { raise };
    town.replace(making, 0, &[(Side::Sell, 3_000, 10 * CENT + raise)]);
}

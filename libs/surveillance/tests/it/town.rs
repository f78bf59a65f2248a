//! A village that trades for days: roofs under common clouds, loads, batteries, habits of many
//! kinds, cleared by the market's auction. Honest unless an attack is put into it.

use calendar::Timestamp;
use ids::{AccountId, ConnectionPointId, OrderId, PartyId};
use matching::{Fees, Rules, Side};
use surveillance::{Day, Interval, Order, Slot};
use units::{Energy, Price};

use crate::attack::Attack;

/// One cent per kWh.
pub(crate) const CENT: i64 = 10_000;
/// What the retailer takes.
pub(crate) const RETAIL: i64 = 30 * CENT;
/// What the retailer gives.
pub(crate) const FEED_IN: i64 = 8 * CENT;
/// 2026-06-01.
pub(crate) const FIRST_DAY: u32 = 20_605;
/// The slots of a day.
pub(crate) const SLOTS: usize = 96;
/// Seconds of a slot.
const SLOT_SECONDS: i64 = 900;

/// A small generator whose seed every failing test prints.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }

    pub(crate) fn place(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap()
    }

    pub(crate) fn cents(&mut self, low: u64, high: u64) -> i64 {
        i64::try_from(low * 100 + self.below((high - low) * 100)).unwrap() * CENT / 100
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A value that is off by up to `percent`.
    fn about(&mut self, value: u64, percent: u64) -> u64 {
        value * (100 - percent + self.below(2 * percent + 1)) / 100
    }
}

pub(crate) fn party(name: usize) -> PartyId {
    PartyId::from_uuid(ids::Uuid::from_u128(0x0a00 + name as u128))
}

pub(crate) fn account(name: usize) -> AccountId {
    AccountId::from_uuid(ids::Uuid::from_u128(0x0b00 + name as u128))
}

pub(crate) fn point(name: usize) -> ConnectionPointId {
    ConnectionPointId::from_uuid(ids::Uuid::from_u128(0x0c00 + name as u128))
}

/// The start of a slot by day, from 0, and place in it.
pub(crate) fn slot_at(day: u32, place: usize) -> Timestamp {
    let start = i64::from(FIRST_DAY + day) * 86_400;
    Timestamp::from_seconds(start + i64::try_from(place).unwrap() * SLOT_SECONDS)
}

pub(crate) fn gate_of(slot: Timestamp) -> Timestamp {
    slot.plus_seconds(-SLOT_SECONDS)
}

/// How a home sets its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// As a program proposes it to all of its users, in lots.
    Program,
    /// By the hours of a tariff.
    Tariff,
    /// By the day.
    Own,
    /// The same order each slot, as large as the market allows.
    Standing,
    /// More after a good slot, less after a bad one.
    Adaptive,
    /// Any price.
    Taker,
}

const HABITS: [Habit; 6] =
    [Habit::Program, Habit::Own, Habit::Tariff, Habit::Standing, Habit::Adaptive, Habit::Taker];

/// A home with an account.
pub(crate) struct Home {
    pub(crate) name: usize,
    pub(crate) owner: PartyId,
    habit: Habit,
    /// Peak of the roof and mean load in W.
    pub(crate) peak: u64,
    pub(crate) load: u64,
    /// What the battery holds in Wh, and how full it is.
    battery: (u64, u64),
    /// What it asks above feed-in and bids below retail.
    margin: i64,
    /// What an adaptive seller asks.
    ask: i64,
    /// Percent of its orders that it amends.
    amends: u64,
    /// How it forecasts: percent that it is off.
    error: u64,
    /// Days on which the roof has failed and nobody has noticed.
    failed: std::ops::Range<u32>,
    /// What it fed in, day by day, the last thirty.
    exports: Vec<[u64; SLOTS]>,
}

/// What a village is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) accounts: usize,
    /// Strength of the sun in percent: the season.
    pub(crate) sun: u64,
    /// Whether one home has a roof of 60 kW.
    pub(crate) big_seller: bool,
    /// Percent of homes that amend most of their orders.
    pub(crate) fickle: u64,
}

/// A village.
pub(crate) struct Town {
    pub(crate) dice: Dice,
    pub(crate) homes: Vec<Home>,
    pub(crate) kind: Kind,
    pub(crate) attack: Option<Attack>,
    pub(crate) day: u32,
    orders: u128,
    last_price: i64,
}

/// A slot that is being made.
pub(crate) struct Making {
    pub(crate) place: usize,
    pub(crate) slot: Timestamp,
    pub(crate) orders: Vec<Order>,
    /// Wh that every home feeds in.
    pub(crate) exports: Vec<u64>,
}

impl Town {
    pub(crate) fn new(seed: u64, kind: Kind, attack: Option<Attack>) -> Town {
        let mut dice = Dice(seed);
        let homes = (0..kind.accounts).map(|name| home(name, kind, &mut dice)).collect();
        let mut town = Town { dice, homes, kind, attack, day: 0, orders: 0, last_price: 19 * CENT };
        if let Some(attack) = attack {
            attack.prepare(&mut town);
        }
        town
    }

    /// The next day.
    pub(crate) fn next(&mut self) -> Day {
        let mut day = Day { number: FIRST_DAY + self.day, ..Day::default() };
        let clouds = [100, 95, 80, 60, 35, 15, 90][self.dice.place(7)] * self.kind.sun / 100;
        let moods: Vec<i64> = self.homes.iter().map(|_| self.dice.cents(0, 2)).collect();
        for home in &mut self.homes {
            if home.exports.len() >= 30 {
                home.exports.remove(0);
            }
            home.exports.push([0; SLOTS]);
        }
        // The data concentrator is down for two hours now and then.
        let down = if self.dice.chance(5) { self.dice.place(88) } else { SLOTS };
        for place in 0..SLOTS {
            let passing = clouds * (70 + self.dice.below(61)) / 100;
            let mut making = self.plan(place, passing, &moods);
            if let Some(attack) = self.attack {
                attack.act(self, &mut making);
            }
            self.clear(making, &mut day, (down..down + 8).contains(&place));
        }
        self.day += 1;
        day
    }

    fn plan(&mut self, place: usize, clouds: u64, moods: &[i64]) -> Making {
        let slot = slot_at(self.day, place);
        let mut making = Making { place, slot, orders: Vec::new(), exports: Vec::new() };
        // The program proposes a price that moves with the last one, the same to all.
        let proposed = (self.last_price + 19 * CENT) / 2 / 1_000 * 1_000;
        for (at, mood) in moods.iter().enumerate() {
            let [export, sell, buy] = self.energies(at, place, clouds);
            making.exports.push(export);
            for (side, wh) in [(Side::Sell, sell), (Side::Buy, buy)] {
                let Some((wh, limit)) = self.wish(at, side, place, (wh, *mood, proposed)) else {
                    continue;
                };
                self.place(at, side, &mut making, (wh, limit));
            }
        }
        making
    }

    /// What a home feeds in, and what it would sell and buy by its forecast, in Wh.
    fn energies(&mut self, at: usize, place: usize, clouds: u64) -> [u64; 3] {
        let dice = &mut self.dice;
        let home = &mut self.homes[at];
        let made = home.peak * sun(place) / 1_000 * clouds / 100 / 4;
        let load = dice.about(home.load * habit(place) / 100 / 4, 60);
        let forecast = dice.about(made, home.error);
        let needs = dice.about(load, 40);
        let made = if home.failed.contains(&self.day) { 0 } else { made };
        let (mut export, mut import) = (made.saturating_sub(load), load.saturating_sub(made));
        let (mut sell, mut buy) = (forecast.saturating_sub(needs), needs.saturating_sub(forecast));
        let (size, full) = home.battery;
        let charge = export.min(size - full).min(1_000);
        export -= charge;
        sell = sell.saturating_sub(charge);
        let discharge = import.min(full).min(1_000);
        import -= discharge;
        buy = buy.saturating_sub(discharge);
        let mut full = full + charge - discharge;
        if (72..=90).contains(&place) && full > 2_500 {
            let more = (full - 2_500).min(400);
            (full, export, sell) = (full - more, export + more, sell + more);
        }
        home.battery.1 = full;
        let _ = import;
        if let Some(today) = home.exports.last_mut() {
            today[place] = export;
        }
        [export, sell, buy]
    }

    /// The quantity and limit that a home wants; `None` where it places nothing.
    fn wish(
        &mut self,
        at: usize,
        side: Side,
        place: usize,
        (wh, mood, proposed): (u64, i64, i64),
    ) -> Option<(u64, i64)> {
        let home = &self.homes[at];
        let dear = (68..=84).contains(&place);
        let wh = match (home.habit, side) {
            (Habit::Program, _) => wh / 50 * 50,
            (Habit::Standing, Side::Buy) => home.load / 4 / 10 * 10,
            (Habit::Standing, Side::Sell) if sun(place) > 100 => home.peak / 16 / 10 * 10,
            _ => wh,
        };
        // The market takes no offer above what was lately fed in at that time of day.
        let known = &home.exports[..home.exports.len() - 1];
        let most = known.iter().map(|day| day[place]).max().unwrap_or(0) * 11 / 10;
        let wh = if side == Side::Sell && known.len() >= 3 { wh.min(most) } else { wh };
        let below = match home.habit {
            Habit::Program => RETAIL - proposed,
            Habit::Tariff if dear => CENT,
            Habit::Tariff => 8 * CENT,
            Habit::Own | Habit::Adaptive => home.margin + mood,
            Habit::Standing => home.margin,
            Habit::Taker => -2 * CENT,
        };
        let limit = match (side, home.habit) {
            (Side::Buy, _) => RETAIL - below,
            (Side::Sell, Habit::Program) => proposed - 2 * CENT,
            (Side::Sell, Habit::Adaptive) => home.ask,
            (Side::Sell, Habit::Taker) => 0,
            (Side::Sell, _) => FEED_IN + below / 2 + if dear { 2 * CENT } else { 0 },
        };
        (wh >= 10).then_some((wh, limit))
    }

    /// Places an order, and now and then changes it, withdraws it or turns to the other side.
    fn place(&mut self, at: usize, side: Side, making: &mut Making, (wh, limit): (u64, i64)) {
        let early = match self.homes[at].habit {
            Habit::Program => 1_800,
            Habit::Standing => 3_600,
            _ => 120 + i64::try_from(self.dice.below(3_000)).unwrap(),
        };
        let placed = gate_of(making.slot).plus_seconds(-early);
        let amends = self.homes[at].amends;
        let mut order = self.order(at, side, making.slot, (wh, limit), placed);
        while self.dice.chance(amends) {
            let left = gate_of(making.slot).seconds_since(order.placed);
            let later = 1 + i64::try_from(self.dice.below(left.unsigned_abs())).unwrap();
            let at_time = order.placed.plus_seconds(later.min(left - 1).max(0));
            if later >= left {
                break;
            }
            making.orders.push(Order { cancelled: Some(at_time), ..order });
            let (other, what) = (self.dice.about(wh, 20).max(10), self.dice.below(20));
            match what {
                // Withdrawn for good.
                0 => return,
                // The forecast turned: now it needs energy, or has some.
                1 => {
                    let (side, wh, limit) = match side {
                        Side::Buy => (Side::Sell, making.exports[at], FEED_IN + CENT),
                        Side::Sell => (Side::Buy, other, RETAIL - CENT),
                    };
                    let turned = self.order(at, side, making.slot, (wh, limit), at_time);
                    making.orders.push(turned);
                    return;
                }
                _ => order = self.order(at, side, making.slot, (other, limit), at_time),
            }
        }
        making.orders.push(order);
    }

    /// An order of a home.
    pub(crate) fn order(
        &mut self,
        at: usize,
        side: Side,
        slot: Timestamp,
        (wh, limit): (u64, i64),
        placed: Timestamp,
    ) -> Order {
        self.orders += 1;
        Order {
            order: OrderId::from_uuid(ids::Uuid::from_u128(
                self.orders.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
            )),
            account: account(self.homes[at].name),
            owner: self.homes[at].owner,
            side,
            slot,
            quantity: Energy::from_wh(wh),
            limit: Price::from_n_per_wh(limit),
            placed,
            cancelled: None,
        }
    }

    fn clear(&mut self, making: Making, day: &mut Day, dark: bool) {
        let rules = Rules::uniform(Price::from_n_per_wh(100), Fees::default());
        let standing = making.orders.iter().filter(|order| order.cancelled.is_none());
        let batch: Vec<matching::Order> = standing.map(as_matched).collect();
        let cleared = matching::clear(&batch, &rules).unwrap();
        if let Some(price) = cleared.price {
            self.last_price = price.n_per_wh();
        }
        self.learn(&making, &cleared);
        day.slots.push(slot(making.slot, cleared.price));
        day.trades.extend(cleared.trades);
        for (home, export) in self.homes.iter().zip(&making.exports) {
            if !dark {
                day.intervals.push(interval(home.name, home.owner, making.slot, *export));
            }
        }
        day.orders.extend(making.orders);
        if let Some(attack) = self.attack {
            attack.meet(self, making.slot, day);
        }
    }

    /// What adaptive sellers make of how much of their offers was taken.
    fn learn(&mut self, making: &Making, cleared: &matching::Clearing) {
        for home in self.homes.iter_mut().filter(|home| home.habit == Habit::Adaptive) {
            let own = making.orders.iter().filter(|order| {
                order.account == account(home.name)
                    && order.side == Side::Sell
                    && order.cancelled.is_none()
            });
            for order in own {
                let taken = cleared.fills.iter().find(|fill| fill.order == order.order);
                let full = taken.is_some_and(|fill| fill.quantity == order.quantity);
                home.ask = if full { home.ask * 103 / 100 } else { home.ask * 95 / 100 };
                home.ask = home.ask.clamp(FEED_IN, RETAIL - 2 * CENT);
            }
        }
    }
}

fn home(name: usize, kind: Kind, dice: &mut Dice) -> Home {
    let roof = dice.chance(50) || name == 1;
    let big = kind.big_seller && name == 1;
    let ordinary = if roof { 3_000 + dice.below(7_000) } else { 0 };
    let battery = if roof && dice.chance(30) { 5_000 + dice.below(5_000) } else { 0 };
    let failed = u32::try_from(dice.below(300)).unwrap();
    let fickle = dice.chance(kind.fickle);
    Home {
        name,
        // A farm: barn and house are two accounts of one owner.
        owner: party(if name == 2 || name % 20 == 8 { name - 1 } else { name }),
        habit: HABITS[dice.place(HABITS.len())],
        peak: if big { 60_000 } else { ordinary },
        load: 250 + dice.below(500),
        battery: (battery, 0),
        margin: dice.cents(0, 7),
        ask: FEED_IN + dice.cents(0, 6),
        amends: if fickle { 80 } else { 10 },
        error: 5 + dice.below(35),
        failed: failed..failed + 2,
        exports: Vec::new(),
    }
}

/// The sun in per mille of a clear noon: up from 05:00 to 21:00.
pub(crate) fn sun(place: usize) -> u64 {
    let place = u64::try_from(place).unwrap();
    if !(20..=84).contains(&place) {
        return 0;
    }
    let away = place.abs_diff(52);
    1_000 - 1_000 * away * away / (32 * 32)
}

/// How much more than its mean a home takes, in percent.
fn habit(place: usize) -> u64 {
    match place {
        26..=33 => 170,
        68..=87 => 220,
        0..=22 => 50,
        _ => 80,
    }
}

/// A slot with this price.
pub(crate) fn slot(slot: Timestamp, price: Option<Price>) -> Slot {
    Slot {
        slot,
        gate: gate_of(slot),
        price,
        retail: Price::from_n_per_wh(RETAIL),
        feed_in: Price::from_n_per_wh(FEED_IN),
        tick: Price::from_n_per_wh(100),
        fees: Fees::default(),
    }
}

/// What a home fed in.
pub(crate) fn interval(home: usize, owner: PartyId, slot: Timestamp, wh: u64) -> Interval {
    Interval { slot, connection_point: point(home), owner, export: Energy::from_wh(wh) }
}

pub(crate) fn as_matched(order: &Order) -> matching::Order {
    let mut owner = [0; 20];
    owner[..16].copy_from_slice(order.account.uuid().as_bytes());
    matching::Order {
        id: order.order,
        owner,
        side: order.side,
        quantity: order.quantity,
        price: order.limit,
        min_fill: Energy::ZERO,
        hash: order.order.to_bytes32(),
        sequence: 0,
        zone: ids::ZoneId::from_uuid(ids::Uuid::nil()),
    }
}

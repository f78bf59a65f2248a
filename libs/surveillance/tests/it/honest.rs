//! Thirty days of fifty honest homes: what is found there is found by chance.
//!
//! Panels of 3 to 10 kW under clouds that all share, loads with a morning and an evening, ten
//! batteries that carry the sun into the evening, forecasts that are off, people who change or
//! withdraw orders, programs that propose the same limit to many, a time-of-use tariff that some
//! follow, three homes with panels that never sell.

use std::collections::BTreeMap;

use calendar::Timestamp;
use matching::Side;
use surveillance::{Kind, Missed, Surveillance, Thresholds, recompute};

use crate::town::*;

const HOMES: usize = 50;
const DAYS: i64 = 30;
/// The slots of a day.
const SLOTS: i64 = 96;

/// How a home trades.
#[derive(Clone, Copy, PartialEq)]
enum Limits {
    /// As the program proposed.
    Proposed,
    /// By the hours of a tariff.
    Tariff,
    /// By the day.
    Own,
}

struct Home {
    name: String,
    /// Peak of the panels in W; zero for none.
    peak: u64,
    /// What the battery holds in Wh, and how full it is.
    battery: (u64, u64),
    /// Mean load in W.
    load: u64,
    limits: Limits,
    /// What it asks above feed-in and bids below retail, in 1e-9 currency per Wh.
    margin: i64,
    sells: bool,
    /// Metered exports, by slot of the day, newest last.
    exports: Vec<Vec<u64>>,
}

fn homes(dice: &mut Dice) -> Vec<Home> {
    let home = |place: usize| {
        let panels = place.is_multiple_of(2);
        Home {
            name: format!("home {place}"),
            peak: if panels { 3_000 + dice.below(7_000) } else { 0 },
            battery: (if place % 5 == 0 && panels { 5_000 + dice.below(5_000) } else { 0 }, 0),
            load: 250 + dice.below(500),
            limits: [Limits::Proposed, Limits::Own, Limits::Own, Limits::Tariff, Limits::Own]
                [place % 5],
            margin: i64::try_from(dice.below(60)).unwrap() * 1_000,
            sells: ![12, 24, 36].contains(&place),
            exports: vec![Vec::new(); usize::try_from(SLOTS).unwrap()],
        }
    };
    (0..HOMES).map(home).collect()
}

/// The sun at a slot, in per mille of a clear noon: up from 05:00 to 21:00.
fn sun(place: i64) -> u64 {
    let (x, noon) = (place - 20, 32);
    if !(0..=64).contains(&x) {
        return 0;
    }
    let away = (x - noon).unsigned_abs();
    1_000 - 1_000 * away * away / (32 * 32)
}

/// How much more than its mean a home takes, in percent.
fn habit(place: i64) -> u64 {
    match place {
        26..=33 => 170,
        68..=87 => 220,
        0..=22 => 50,
        _ => 80,
    }
}

/// A value that is off by up to `percent`.
fn about(dice: &mut Dice, value: u64, percent: u64) -> u64 {
    value * (100 - percent + dice.below(2 * percent + 1)) / 100
}

/// The days and their market.
struct Month {
    dice: Dice,
    town: Town,
    homes: Vec<Home>,
}

/// What a home does in a slot, in Wh: what it wants to sell or buy by its forecast, and what it
/// feeds in and takes then.
struct Plan {
    sell: u64,
    buy: u64,
    export: u64,
    import: u64,
}

impl Month {
    fn new(seed: u64) -> Month {
        let mut dice = Dice(seed);
        let homes = homes(&mut dice);
        Month { dice, town: Town::default(), homes }
    }

    fn run(mut self) -> Town {
        for day in 1..=DAYS {
            let clouds = [95, 90, 70, 45, 100, 30, 85][self.dice.place(7)];
            let day_limits: Vec<i64> =
                (0..HOMES).map(|_| i64::try_from(self.dice.below(20)).unwrap() * 700).collect();
            for place in 0..SLOTS {
                let slot = slot(day, "00:00").plus_seconds(place * 900);
                // Clouds that pass are over all roofs alike.
                let passing = clouds * (80 + self.dice.below(41)) / 100;
                self.slot(slot, place, passing, &day_limits);
            }
        }
        self.town
    }

    fn slot(&mut self, slot: Timestamp, place: i64, clouds: u64, day_limits: &[i64]) {
        let mut plans = BTreeMap::new();
        for at in 0..HOMES {
            let plan = self.plan(at, place, clouds);
            let home = &self.homes[at];
            let recent = &home.exports[usize::try_from(place).unwrap()];
            let week = &recent[recent.len().saturating_sub(7)..];
            if home.peak > 0 && !week.is_empty() {
                let mean = week.iter().sum::<u64>() / week.len() as u64;
                self.town.likely(&home.name.clone(), mean);
            }
            for (side, wh) in [(Side::Sell, plan.sell), (Side::Buy, plan.buy)] {
                if wh >= 10 && (side == Side::Buy || self.homes[at].sells) {
                    let limit = self.limit(at, side, place, day_limits[at]);
                    self.place(at, side, slot, (wh, limit));
                }
            }
            plans.insert(at, plan);
        }
        self.town.clear(slot);
        for (at, plan) in plans {
            let name = self.homes[at].name.clone();
            self.town.meter(&name, slot, plan.import, plan.export);
            if self.homes[at].peak > 0 {
                self.homes[at].exports[usize::try_from(place).unwrap()].push(plan.export);
            }
        }
    }

    fn plan(&mut self, at: usize, place: i64, clouds: u64) -> Plan {
        let dice = &mut self.dice;
        let home = &mut self.homes[at];
        let made = home.peak * sun(place) / 1_000 * clouds / 100 / 4;
        let load = about(dice, home.load * habit(place) / 100 / 4, 60);
        let (forecast_made, forecast_load) = (about(dice, made, 15), about(dice, load, 40));
        let (size, full) = home.battery;
        let (mut export, mut import) = (made.saturating_sub(load), load.saturating_sub(made));
        let (mut sell, mut buy) = (
            forecast_made.saturating_sub(forecast_load),
            forecast_load.saturating_sub(forecast_made),
        );
        let charge = export.min(size - full).min(1_000);
        export -= charge;
        sell = sell.saturating_sub(charge);
        let discharge = import.min(full).min(1_000);
        import -= discharge;
        buy = buy.saturating_sub(discharge);
        let mut full = full + charge - discharge;
        // What the home will hardly need is sold in the evening.
        if (72..=90).contains(&place) && full > 2_500 {
            let more = (full - 2_500).min(400);
            (full, export, sell) = (full - more, export + more, sell + more);
        }
        home.battery.1 = full;
        Plan { sell, buy, export, import }
    }

    fn limit(&self, at: usize, side: Side, place: i64, today: i64) -> i64 {
        let home = &self.homes[at];
        let dear = (68..=84).contains(&place);
        let below = match home.limits {
            Limits::Proposed => 50_000,
            Limits::Tariff => {
                if dear {
                    10_000
                } else {
                    80_000
                }
            }
            Limits::Own => home.margin + today,
        };
        match side {
            Side::Buy => RETAIL * CENT - below,
            Side::Sell => FEED_IN * CENT + below / 2 + if dear { 20_000 } else { 0 },
        }
    }

    /// Places an order some time before the gate, and now and then changes or withdraws it.
    fn place(&mut self, at: usize, side: Side, slot: Timestamp, (wh, limit): (u64, i64)) {
        let name = self.homes[at].name.clone();
        let early = 120 + i64::try_from(self.dice.below(3_000)).unwrap();
        let order = self.town.order((&name, side), slot, (wh, limit), early);
        let (what, late) = (self.dice.below(100), i64::try_from(1 + self.dice.below(100)).unwrap());
        if what < 12 {
            self.town.cancel(slot, order, late);
            let wh = about(&mut self.dice, wh, 20);
            self.town.order((&name, side), slot, (wh.max(10), limit), late);
        } else if what < 15 {
            self.town.cancel(slot, order, late);
        }
    }
}

#[test]
fn an_honest_month_of_fifty_homes_raises_next_to_nothing() {
    let mut counts: BTreeMap<Kind, usize> = BTreeMap::new();
    for seed in 1..=3 {
        let town = Month::new(seed).run();
        let mut machine = Surveillance::new("town", Thresholds::default());
        let (mut trades, mut orders) = (0, 0);
        for fact in &town.facts {
            machine.note(fact).unwrap();
            match fact {
                surveillance::Fact::Cleared(cleared) => trades += cleared.trades.len(),
                surveillance::Fact::Accepted(_) => orders += 1,
                _ => {}
            }
        }
        machine.finish();
        assert_eq!(machine.missed(), Missed::default(), "seed {seed}");
        assert!(orders > 60_000 && trades > 20_000, "too dull: {orders} orders, {trades} trades");
        let mut of_seed: BTreeMap<Kind, usize> = BTreeMap::new();
        for case in machine.cases() {
            *of_seed.entry(case.kind).or_default() += 1;
            let again = recompute(case, &town.facts, Thresholds::default());
            assert_eq!(again, Ok(()), "seed {seed}, {}", case.kind);
        }
        println!("seed {seed}: {orders} orders, {trades} trades, false cases {of_seed:?}");
        for case in machine.cases() {
            println!("  {} {}", case.kind, case.sentence(|id| id.to_string()));
            for incident in case.incidents.values().take(2) {
                println!("    {} {:?}", incident.at, incident.figures);
            }
        }
        for (kind, count) in of_seed {
            *counts.entry(kind).or_default() += count;
        }
    }
    let expected = BTreeMap::new();
    assert_eq!(counts, expected, "false cases in three months, by type");
}

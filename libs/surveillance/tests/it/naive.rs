//! The rules once more, as plainly as they can be said: every window from all of its days, every
//! owner against every order. Nothing is kept from day to day.

mod groups;

use std::collections::BTreeSet;

use calendar::Timestamp;
use ids::PartyId;
use matching::{Rules, Side};
use surveillance::{Day, Order, Rule, Slot, Thresholds};

use crate::town::as_matched;

/// A rule, its subject and the values of its figures.
pub(crate) type Finding = (Rule, Vec<PartyId>, Vec<i128>);

struct Window<'a> {
    all: &'a [Day],
    days: Vec<&'a Day>,
    t: &'a Thresholds,
    owners: Vec<PartyId>,
}

fn n(value: u64) -> i128 {
    i128::from(value)
}

fn pct(part: i128, whole: i128) -> i128 {
    if whole == 0 { 0 } else { part * 100 / whole }
}

/// What holds as of the last of `all` days.
pub(crate) fn findings(all: &[Day], t: &Thresholds) -> Vec<Finding> {
    let last = all.last().unwrap().number;
    let days: Vec<&Day> = all.iter().filter(|day| day.number + 7 > last).collect();
    let mut owners = BTreeSet::new();
    for day in &days {
        owners.extend(day.orders.iter().map(|order| order.owner));
        owners.extend(day.intervals.iter().map(|interval| interval.owner));
    }
    let w = Window { all, days, t, owners: owners.into_iter().collect() };
    let mut found = Vec::new();
    for rule in Rule::ALL {
        match rule {
            Rule::O1 => groups::pairs(&w, &mut found),
            Rule::S1 => groups::sets(&w, &mut found),
            Rule::W2 => groups::circles(&w, &mut found),
            _ => {
                for owner in &w.owners {
                    let values = match rule {
                        Rule::C1 => c1(&w, *owner),
                        Rule::H1 => h1(&w, *owner),
                        Rule::L1 => l1(&w, *owner),
                        Rule::M1 => m1(&w, *owner),
                        Rule::P1 => p1(&w, *owner),
                        _ => w1(&w, *owner),
                    };
                    found.extend(values.map(|values| (rule, vec![*owner], values)));
                }
            }
        }
    }
    found
}

fn find(day: &Day, id: ids::OrderId) -> &Order {
    day.orders.iter().find(|order| order.order == id).unwrap()
}

/// The Wh of trades in a slot, or a day, that fit.
fn traded(day: &Day, slot: Option<Timestamp>, fits: impl Fn(&Order, &Order) -> bool) -> i128 {
    let mut wh = 0;
    for trade in &day.trades {
        let (buy, sell) = (find(day, trade.buyer), find(day, trade.seller));
        if slot.is_none_or(|slot| buy.slot == slot) && fits(buy, sell) {
            wh += n(trade.quantity.wh());
        }
    }
    wh
}

fn sold(day: &Day, slot: Timestamp, owner: PartyId) -> i128 {
    traded(day, Some(slot), |_, sell| sell.owner == owner)
}

fn bought(day: &Day, slot: Timestamp, owner: PartyId) -> i128 {
    traded(day, Some(slot), |buy, _| buy.owner == owner)
}

/// What an owner fed in; `None` where no interval is known.
fn fed_in(day: &Day, slot: Timestamp, owner: PartyId) -> Option<i128> {
    let own = day.intervals.iter().filter(|i| i.slot == slot && i.owner == owner);
    let own: Vec<i128> = own.map(|interval| n(interval.export.wh())).collect();
    if own.is_empty() { None } else { Some(own.iter().sum()) }
}

fn standing(day: &Day, slot: &Slot, fits: impl Fn(&Order) -> bool) -> Vec<Order> {
    let all = day.orders.iter().filter(|order| order.slot == slot.slot);
    let left = all.filter(|order| order.cancelled.is_none_or(|at| at >= slot.gate));
    left.filter(|order| fits(order)).copied().collect()
}

fn wh(orders: &[Order]) -> i128 {
    orders.iter().map(|order| n(order.quantity.wh())).sum()
}

fn w1(w: &Window<'_>, owner: PartyId) -> Option<Vec<i128>> {
    let (mut slots, mut round, mut without, mut all) = (0, 0, 0, 0);
    for day in &w.days {
        for slot in &day.slots {
            let (sold, bought) = (sold(day, slot.slot, owner), bought(day, slot.slot, owner));
            let Some(fed_in) = fed_in(day, slot.slot, owner) else { continue };
            let both = sold.min(bought);
            let lacks = both.min((sold - fed_in).max(0));
            round += both;
            all += sold;
            without += lacks;
            slots += i128::from(lacks > 0);
        }
    }
    let t = w.t.w1;
    let (share, of_sold) = (pct(without, round), pct(without, all));
    let holds = slots >= n(t.slots)
        && without >= n(t.energy_wh)
        && share >= n(t.undelivered_percent)
        && of_sold >= n(t.sold_percent);
    holds.then(|| vec![slots, without, share, of_sold])
}

fn lacks(sold: i128, fed_in: i128, t: &Thresholds) -> i128 {
    let lacks = (sold - fed_in).max(0);
    let free = lacks <= sold * n(t.m1.tolerance_percent) / 100 || lacks <= n(t.m1.tolerance_wh);
    if free { 0 } else { lacks }
}

fn m1(w: &Window<'_>, owner: PartyId) -> Option<Vec<i128>> {
    let (mut slots, mut days, mut own, mut others) = (0, 0, [0, 0], [0, 0]);
    for day in &w.days {
        let mut short_today = false;
        for slot in &day.slots {
            let mine = sold(day, slot.slot, owner);
            let known = fed_in(day, slot.slot, owner);
            let judged = |sold: i128| sold > n(w.t.m1.tolerance_wh);
            let Some(fed) = known.filter(|_| judged(mine)) else { continue };
            slots += 1;
            own[0] += mine;
            own[1] += lacks(mine, fed, w.t);
            short_today |= lacks(mine, fed, w.t) > 0;
            for other in w.owners.iter().filter(|other| **other != owner) {
                if let Some(fed) = fed_in(day, slot.slot, *other) {
                    let sold = sold(day, slot.slot, *other);
                    let sold = if judged(sold) { sold } else { 0 };
                    others[0] += sold;
                    others[1] += lacks(sold, fed, w.t);
                }
            }
        }
        days += i128::from(short_today);
    }
    let t = w.t.m1;
    let share = pct(own[1], own[0]);
    let above = share - pct(others[1], others[0]);
    let holds = slots >= n(t.slots)
        && days >= n(t.days)
        && own[1] >= n(t.energy_wh)
        && share >= n(t.short_percent)
        && above >= n(t.above_others);
    holds.then(|| vec![slots, days, own[1], share, above])
}

fn l1(w: &Window<'_>, owner: PartyId) -> Option<Vec<i128>> {
    let t = w.t.l1;
    let (mut both, mut layered, mut gone_wh) = (0, 0, 0);
    for day in &w.days {
        for slot in &day.slots {
            let (mut against_any, mut gone_slot) = (false, 0);
            for filled in [Side::Buy, Side::Sell] {
                let met = |order: &&Order| {
                    let mut trades = day.trades.iter();
                    trades.any(|t| t.buyer == order.order || t.seller == order.order)
                };
                let mine = |o: &&Order| o.slot == slot.slot && o.owner == owner;
                let own: Vec<&Order> = day.orders.iter().filter(mine).collect();
                let first = own.iter().copied().filter(|o| o.side == filled).filter(met);
                let Some(first) = first.map(|order| order.placed).min() else { continue };
                let end = |order: &Order| order.cancelled.unwrap_or(slot.gate);
                let against: Vec<&Order> =
                    own.iter().copied().filter(|order| order.side != filled).collect();
                against_any |= against.iter().any(|order| end(order) > first);
                let late = slot.gate.plus_seconds(-i64::try_from(t.late_seconds).unwrap());
                let gone = against.iter().filter(|order| {
                    order.cancelled.is_some_and(|at| at > first && at >= late && at < slot.gate)
                });
                let gone: i128 = gone.map(|order| n(order.quantity.wh())).sum();
                // The most that stood: at the moment some order was placed.
                let heights = against.iter().map(|one| {
                    let stands = against.iter();
                    let stands = stands.filter(|o| o.placed <= one.placed && end(o) > one.placed);
                    stands.map(|order| n(order.quantity.wh())).sum::<i128>()
                });
                let peak = heights.max().unwrap_or(0);
                let stood = day.orders.iter().filter(|o| {
                    let there = o.placed <= late && o.cancelled.is_none_or(|at| at >= late);
                    o.slot == slot.slot && o.side != filled && there
                });
                let stood: i128 = stood.map(|order| n(order.quantity.wh())).sum();
                let large = gone > 0
                    && gone * 100 >= n(t.gone_percent) * peak
                    && gone * 100 >= n(t.book_percent) * stood;
                gone_slot += if large { gone } else { 0 };
            }
            both += i128::from(against_any);
            layered += i128::from(gone_slot > 0);
            gone_wh += gone_slot;
        }
    }
    let share = pct(layered, both);
    let holds = layered >= n(t.slots) && share >= n(t.slots_percent) && gone_wh >= 1;
    holds.then(|| vec![layered, share, gone_wh])
}

fn h1(w: &Window<'_>, owner: PartyId) -> Option<Vec<i128>> {
    let t = w.t.h1;
    let (mut dear, mut other, mut wh_withheld) = ([0, 0], [0, 0], 0);
    let mut days = BTreeSet::new();
    for day in &w.days {
        for slot in &day.slots {
            let volume = traded(day, Some(slot.slot), |_, _| true);
            let Some(price) = slot.price.filter(|_| volume > 0) else { continue };
            let Some(reference) = reference(w, day, slot, t.reference_days) else { continue };
            let share = |owner: PartyId| {
                let fed = fed_in(day, slot.slot, owner).unwrap_or(0);
                let offers = standing(day, slot, |o| o.owner == owner && o.side == Side::Sell);
                let share = if fed == 0 { 0 } else { (wh(&offers) * 10_000 / fed).min(10_000) };
                (fed, wh(&offers), share)
            };
            let (fed, offered, own) = share(owner);
            let others = w.owners.iter().filter(|other| **other != owner);
            let mut others: Vec<i128> =
                others.map(|other| share(*other).2).filter(|share| *share > 0).collect();
            others.sort_unstable();
            let counts = fed * 100 >= n(t.power_percent) * volume
                && sold(day, slot.slot, owner) * 100 >= n(t.power_percent) * volume
                && n(others.len() as u64) >= n(t.peers);
            if !counts {
                continue;
            }
            let median = others[(others.len() - 1) / 2];
            let rest = (fed - offered).max(0);
            let withheld = own * 100 < n(t.offered_percent) * median
                && rest * 100 >= n(t.power_percent) * volume;
            let high = i128::from(price.n_per_wh()) * 100 > reference * (100 + n(t.dear_percent));
            let sums = if high { &mut dear } else { &mut other };
            sums[0] += 1;
            sums[1] += i128::from(withheld);
            if withheld && high {
                wh_withheld += rest;
                days.insert(day.number);
            }
        }
    }
    let (days, share) = (n(days.len() as u64), pct(dear[1], dear[0]));
    let elsewhere = pct(pct(other[1], other[0]), share);
    let holds = dear[1] >= n(t.slots)
        && days >= n(t.days)
        && share >= n(t.slots_percent)
        && other[0] >= n(t.other_slots)
        && elsewhere <= n(t.other_percent)
        && wh_withheld >= 1;
    holds.then(|| vec![dear[1], days, share, other[0], elsewhere, wh_withheld])
}

fn reference(w: &Window<'_>, today: &Day, slot: &Slot, days_min: u64) -> Option<i128> {
    let (mut worth, mut volume, mut days) = (0, 0, 0);
    for day in w.all.iter().filter(|day| day.number < today.number) {
        for before in &day.slots {
            let back = slot.slot.seconds_since(before.slot);
            let wh = traded(day, Some(before.slot), |_, _| true);
            let Some(price) = before.price.filter(|_| wh > 0) else { continue };
            if back % 86_400 == 0 && back <= 7 * 86_400 {
                worth += i128::from(price.n_per_wh()) * wh;
                volume += wh;
                days += 1;
            }
        }
    }
    (days >= days_min).then(|| worth / volume).filter(|reference| *reference > 0)
}

fn p1(w: &Window<'_>, owner: PartyId) -> Option<Vec<i128>> {
    let t = w.t.p1;
    let (mut small, mut marked, mut gain) = (0, 0, 0);
    for day in &w.days {
        for slot in &day.slots {
            let position = sold(day, slot.slot, owner) - bought(day, slot.slot, owner);
            let all = standing(day, slot, |_| true);
            let is_small = |o: &Order| {
                let wh = n(o.quantity.wh());
                let least = n(t.small_percent) * position.abs();
                o.owner == owner && wh > 0 && wh * 100 <= least
            };
            if position == 0 || slot.price.is_none() || !all.iter().any(is_small) {
                continue;
            }
            let price = |orders: &mut dyn Iterator<Item = &Order>| {
                let batch: Vec<matching::Order> = orders.map(as_matched).collect();
                let rules = Rules::uniform(slot.tick, slot.fees);
                matching::clear(&batch, &rules).unwrap().price
            };
            if price(&mut all.iter()) != slot.price {
                continue;
            }
            small += 1;
            let without = price(&mut all.iter().filter(|order| !is_small(order)));
            if let (Some(with), Some(without)) = (slot.price, without) {
                let without = i128::from(without.n_per_wh());
                let up = i128::from(with.n_per_wh()) - without;
                let good = if position > 0 { up } else { -up };
                if good > 0 && good * 100 >= n(t.move_percent) * without {
                    marked += 1;
                    gain += good * position.abs();
                }
            }
        }
    }
    let share = pct(marked, small);
    let holds = marked >= n(t.slots) && share >= n(t.slots_percent) && gain >= n(t.gain_n);
    holds.then(|| vec![marked, share, gain])
}

fn c1(w: &Window<'_>, owner: PartyId) -> Option<Vec<i128>> {
    let t = w.t.c1;
    let (mut own, mut market, mut bands) = (0, 0, Vec::new());
    let mut asks: Vec<(i64, bool, i128)> = Vec::new();
    for day in &w.days {
        let offers_today = day
            .slots
            .iter()
            .any(|slot| wh(&standing(day, slot, |o| o.owner == owner && o.side == Side::Sell)) > 0);
        market += if offers_today { traded(day, None, |_, _| true) } else { 0 };
        for slot in &day.slots {
            let offers = standing(day, slot, |o| o.owner == owner && o.side == Side::Sell);
            if wh(&offers) == 0 {
                continue;
            }
            own += sold(day, slot.slot, owner);
            let bids = wh(&standing(day, slot, |o| o.side == Side::Buy));
            let others = wh(&standing(day, slot, |o| o.owner != owner && o.side == Side::Sell));
            let share = wh(&offers) * 100 >= n(t.needed_percent) * (others + wh(&offers));
            let worth: i128 = offers
                .iter()
                .map(|o| i128::from(o.limit.n_per_wh()).max(0) * n(o.quantity.wh()))
                .sum();
            let hour = slot.slot.seconds() / 3_600 % 24;
            let needed = bids > others && share;
            asks.push((hour, needed, worth / wh(&offers)));
            if needed {
                bands.push(i128::from(slot.retail.n_per_wh() - slot.feed_in.n_per_wh()));
            }
        }
    }
    let (mut slots, mut here, mut there) = (0, 0, 0);
    for hour in 0..24 {
        let of = |needed: bool| {
            let own = asks.iter().filter(|ask| ask.0 == hour && ask.1 == needed);
            own.map(|ask| ask.2).collect::<Vec<i128>>()
        };
        let (needed, other) = (of(true), of(false));
        let both = n(needed.len().min(other.len()) as u64);
        if both > 0 {
            slots += both;
            here += both * needed.iter().sum::<i128>() / n(needed.len() as u64);
            there += both * other.iter().sum::<i128>() / n(other.len() as u64);
        }
    }
    let share = pct(own, market);
    let asked = pct(here, there.max(1));
    let band = bands.iter().sum::<i128>().checked_div(n(bands.len() as u64)).unwrap_or(0);
    let more = pct((here - there).checked_div(slots).unwrap_or(0), band);
    let holds = slots >= n(t.slots)
        && share >= n(t.share_percent)
        && asked >= n(t.ask_percent)
        && more >= n(t.raise_percent);
    holds.then(|| vec![slots, share, asked, more])
}

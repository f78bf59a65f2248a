//! Rules about several owners: pairs, sets and circles.

use std::collections::BTreeSet;

use ids::PartyId;
use matching::Side;
use surveillance::{Circles, Day, Order, Rule, Slot, Thresholds};

use super::{Finding, Window, find, n, pct, traded};

pub(super) fn pairs(w: &Window<'_>, found: &mut Vec<Finding>) {
    let t = w.t.o1;
    for loser in &w.owners {
        for winner in w.owners.iter().filter(|winner| *winner != loser) {
            let (mut slots, mut loss, mut worth) = (BTreeSet::new(), 0, 0);
            for day in &w.days {
                for trade in &day.trades {
                    let (buy, sell) = (find(day, trade.buyer), find(day, trade.seller));
                    let slot = day.slots.iter().find(|slot| slot.slot == buy.slot).unwrap();
                    let common = slot.price;
                    if common == Some(trade.buy_price) && common == Some(trade.sell_price) {
                        continue;
                    }
                    let p = |price: units::Price| i128::from(price.n_per_wh());
                    let (retail, feed_in) = (p(slot.retail), p(slot.feed_in));
                    let beyond = (retail - feed_in) * n(t.outside_percent) / 100;
                    let quantity = n(trade.quantity.wh());
                    let paid = p(trade.buy_price) + p(slot.fees.network) + p(slot.fees.buyer);
                    let got = p(trade.sell_price) - p(slot.fees.seller);
                    if (buy.owner, sell.owner) == (*loser, *winner) && paid > retail + beyond {
                        slots.insert(slot.slot);
                        loss += (paid - retail) * quantity;
                        worth += retail * quantity;
                    }
                    if (sell.owner, buy.owner) == (*loser, *winner) && got < feed_in - beyond {
                        slots.insert(slot.slot);
                        loss += (feed_in - got) * quantity;
                        worth += feed_in * quantity;
                    }
                }
            }
            let (slots, share) = (n(slots.len() as u64), pct(loss, worth.max(1)));
            if slots >= n(t.slots) && loss >= n(t.loss_n) && share >= n(t.loss_percent) {
                found.push((Rule::O1, vec![*loser, *winner], vec![slots, loss, share]));
            }
        }
    }
}

/// Owners of equal orders of a slot, for each order that has such.
fn copies(day: &Day, slot: &Slot, t: &Thresholds) -> BTreeSet<(Vec<PartyId>, Side, u64)> {
    let own: Vec<&Order> = day.orders.iter().filter(|o| o.slot == slot.slot).collect();
    let mut copies = BTreeSet::new();
    for one in &own {
        let same = own.iter().filter(|other| {
            (other.side, other.quantity, other.limit) == (one.side, one.quantity, one.limit)
        });
        let same: Vec<&&Order> = same.collect();
        let owners: BTreeSet<PartyId> = same.iter().map(|order| order.owner).collect();
        let near = same.iter().all(|a| {
            same.iter()
                .all(|b| n(a.placed.seconds_since(b.placed).unsigned_abs()) <= n(t.s1.seconds))
        });
        let count = owners.len() as u64;
        if near && count >= t.s1.owners && count <= t.s1.owners_most {
            copies.insert((owners.into_iter().collect(), one.side, one.quantity.wh()));
        }
    }
    copies
}

pub(super) fn sets(w: &Window<'_>, found: &mut Vec<Finding>) {
    let mut sets = BTreeSet::new();
    for day in &w.days {
        for slot in &day.slots {
            sets.extend(copies(day, slot, w.t).into_iter().map(|(owners, ..)| owners));
        }
    }
    for owners in sets {
        let (mut slots, mut quantities, mut together) = (0, 0, 0);
        for day in &w.days {
            let (mut places, mut different, mut joint) = (BTreeSet::new(), BTreeSet::new(), 0);
            for slot in &day.slots {
                for (_, side, wh) in
                    copies(day, slot, w.t).into_iter().filter(|(set, ..)| *set == owners)
                {
                    places.insert((slot.slot, side));
                    different.insert(wh);
                }
                for side in [Side::Buy, Side::Sell] {
                    joint += i128::from(owners.iter().all(|owner| {
                        day.orders
                            .iter()
                            .any(|o| o.slot == slot.slot && o.side == side && o.owner == *owner)
                    }));
                }
            }
            slots += n(places.len() as u64);
            quantities += n(different.len() as u64);
            together += if places.is_empty() { 0 } else { joint };
        }
        let (t, share) = (w.t.s1, pct(slots, together));
        if slots >= n(t.slots) && quantities >= n(t.quantities) && share >= n(t.slots_percent) {
            found.push((Rule::S1, owners, vec![slots, quantities, share]));
        }
    }
}

pub(super) fn circles(w: &Window<'_>, found: &mut Vec<Finding>) {
    let t = w.t.w2;
    let mut subjects = BTreeSet::new();
    for a in &w.owners {
        for b in &w.owners {
            for c in &w.owners {
                // With c = a it is a circle of two.
                let set: BTreeSet<PartyId> = [*a, *b, *c].into();
                if set.len() >= 2 && a != b {
                    subjects.insert(set);
                }
            }
        }
    }
    for subject in subjects {
        let members: Vec<PartyId> = subject.into_iter().collect();
        let mut ways = vec![members.clone()];
        if let [a, b, c] = members[..] {
            ways.push(vec![a, c, b]);
        }
        let (mut days, mut around) = (0, 0);
        for day in &w.days {
            let closed: Vec<i128> = ways.iter().filter_map(|way| closed(day, way, t)).collect();
            days += i128::from(!closed.is_empty());
            around += closed.iter().sum::<i128>();
        }
        if days >= n(t.days) && around >= 2 * n(t.energy_wh) {
            found.push((Rule::W2, members, vec![days, around]));
        }
    }
}

/// What went around in this way on a day, if it closed.
fn closed(day: &Day, way: &[PartyId], t: Circles) -> Option<i128> {
    let mut flows = Vec::new();
    for (at, seller) in way.iter().enumerate() {
        let buyer = way[(at + 1) % way.len()];
        let flow = traded(day, None, |b, s| s.owner == *seller && b.owner == buyer);
        let sold = traded(day, None, |_, s| s.owner == *seller);
        let bought = traded(day, None, |b, _| b.owner == buyer);
        let strong = flow >= n(t.energy_wh)
            && flow * 100 >= n(t.share_percent) * sold
            && flow * 100 >= n(t.share_percent) * bought;
        if !strong {
            return None;
        }
        flows.push(flow);
    }
    let all: i128 = flows.iter().sum();
    let left = flows.iter().max().unwrap() - flows.iter().min().unwrap();
    (left * 100 < n(t.net_percent) * all).then_some(all)
}

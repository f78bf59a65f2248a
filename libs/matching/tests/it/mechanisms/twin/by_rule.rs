//! Twins of the mechanisms whose price is set by rule.

use std::collections::BTreeMap;

use matching::Rules;

use super::{Deal, Line, Lines, joined, shared};

fn prices(rules: &Rules) -> (i64, i64) {
    (rules.reference.feed_in.n_per_wh(), rules.reference.retail.n_per_wh())
}

/// The highest multiple of the tick up to `price` that is not below feed-in, else feed-in.
fn down(price: i64, rules: &Rules) -> i64 {
    let feed_in = rules.reference.feed_in.n_per_wh();
    let fits = |at: &i64| at % rules.tick.n_per_wh() == 0;
    (feed_in..=price).rev().find(fits).unwrap_or(feed_in)
}

pub(super) fn mid_market(rules: &Rules) -> i64 {
    let (feed_in, retail) = prices(rules);
    down((feed_in + retail) / 2, rules)
}

/// The highest price at which the formula's fraction is not exceeded.
pub(super) fn supply_demand(book: &Lines, rules: &Rules) -> i64 {
    let (feed_in, retail) = prices(rules);
    let sum = |lines: &[Line]| i64::try_from(lines.iter().map(|l| l.open).sum::<u64>()).unwrap();
    let (supply, demand) = (sum(&book.asks), sum(&book.bids));
    if supply > demand {
        return feed_in;
    }
    let fits = |at: &i64| {
        at * ((retail - feed_in) * supply + feed_in * demand) <= feed_in * retail * demand
    };
    down((feed_in..=retail).rev().find(fits).unwrap(), rules)
}

fn willing(book: &Lines, price: i64) -> (Vec<Line>, Vec<Line>) {
    let bids = book.bids.iter().filter(|bid| bid.price >= price);
    let asks = book.asks.iter().filter(|ask| ask.price <= price);
    (bids.cloned().collect(), asks.cloned().collect())
}

fn sum(lines: &[Line]) -> u64 {
    lines.iter().map(|line| line.open).sum()
}

pub(super) fn exchange(book: &Lines, price: i64) -> Vec<Deal> {
    let (bids, asks) = willing(book, price);
    let volume = sum(&bids).min(sum(&asks));
    joined(&shared(&bids, volume), &shared(&asks, volume), price)
}

/// Shares of the generation, owner by owner; `again` passes on what is left.
pub(super) fn allocate(book: &Lines, price: i64, rules: &Rules, again: bool) -> Vec<Deal> {
    let (bids, asks) = willing(book, price);
    let generated = sum(&asks);
    let weights: BTreeMap<[u8; 20], u64> =
        rules.shares.iter().map(|share| (share.owner, u64::from(share.weight))).collect();
    let consumed = |owner: &[u8; 20]| -> u64 {
        bids.iter().filter(|bid| bid.order.owner == *owner).map(|bid| bid.open).sum()
    };
    let first = among(&weights, generated);
    let mut got: BTreeMap<[u8; 20], u64> =
        first.into_iter().map(|(owner, part)| (owner, part.min(consumed(&owner)))).collect();
    if again {
        let missing: BTreeMap<[u8; 20], u64> =
            got.iter().map(|(owner, part)| (*owner, consumed(owner) - part)).collect();
        let left = generated - got.values().sum::<u64>();
        for (owner, part) in among(&missing, left.min(missing.values().sum())) {
            *got.get_mut(&owner).unwrap() += part;
        }
    }
    let mut bought: Vec<Line> = Vec::new();
    for (owner, part) in &got {
        let own: Vec<Line> = bids.iter().filter(|b| b.order.owner == *owner).cloned().collect();
        bought.extend(shared(&own, *part));
    }
    bought.sort_by_key(|bid| (-bid.price, bid.order.hash));
    joined(&bought, &shared(&asks, got.values().sum()), price)
}

/// `total` by weight, the rest to the largest remainders, equal ones by owner.
fn among(weights: &BTreeMap<[u8; 20], u64>, total: u64) -> BTreeMap<[u8; 20], u64> {
    let sum: u64 = weights.values().sum();
    if sum == 0 {
        return weights.keys().map(|owner| (*owner, 0)).collect();
    }
    let mut parts: BTreeMap<[u8; 20], u64> =
        weights.iter().map(|(owner, weight)| (*owner, total * weight / sum)).collect();
    let mut rest: Vec<(u64, [u8; 20])> =
        weights.iter().map(|(owner, weight)| (sum - total * weight % sum, *owner)).collect();
    rest.sort_unstable();
    let given: u64 = parts.values().sum();
    for (_, owner) in &rest[..usize::try_from(total - given).unwrap()] {
        *parts.get_mut(owner).unwrap() += 1;
    }
    parts
}

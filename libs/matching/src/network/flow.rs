//! The flow worth most: how much every zone sends up, and what every order gets.
//!
//! As the sellers' price of an area rises, asks come in and bids go out: the net export of its
//! orders is a rising staircase. A link moves a child's staircase: what is exported comes to the
//! parent dearer by the fee up, what is imported was cheaper there by the step down, between both
//! nothing flows, and capacities cut it off at both ends. The sum of all is the staircase of the
//! parent. At the root it passes zero at the price that clears; each child then has its export,
//! and the price at which its own staircase comes to it. Every price is found by halving, so no
//! staircase but the orders' is ever built.
//!
//! Steps are at *keys*: twice the price, and one more for bids. So at one price asks come in before
//! bids go out, which trades as much as can be; every step is of one side; and "just before" a key
//! is the key less one.

use units::{Overflow, pro_rata};

use super::book::Quote;
use super::tree::Tree;
use crate::Side;

/// No energy is worth less than nothing, so at this key all bids that matter are in and no ask is.
const LOWEST: i128 = -1;

/// What was found.
pub(super) struct Flow {
    /// Of each quote, how much it gets.
    pub(super) fills: Vec<u64>,
    /// Of each area, what its link carries up; negative is down.
    pub(super) exports: Vec<i128>,
}

/// Solves the book without regard to `min_fill`.
pub(super) fn solve(tree: &Tree, quotes: &[Quote], open: &[u64]) -> Result<Flow, Overflow> {
    let curves = Curves::new(tree, quotes, open)?;
    let mut flow = Flow { fills: vec![0; quotes.len()], exports: vec![0; tree.areas.len()] };
    for &area in tree.bottom_up.iter().rev() {
        let export = flow.exports[area];
        let key = curves.first(|key| curves.inner(area, key) >= export);
        let shares = curves.shares(area, key, export);
        for (&child, share) in tree.areas[area].children.iter().zip(&shares[1..]) {
            flow.exports[child] = curves.outer(child, key - 1) + i128::from(*share);
        }
        curves.own[area].fill(key, shares[0], open, &mut flow.fills);
    }
    Ok(flow)
}

/// One side's orders of an area, by rising key, with running sums.
#[derive(Default)]
struct Steps {
    keys: Vec<i128>,
    places: Vec<usize>,
    /// What lies at and before each.
    through: Vec<u64>,
}

impl Steps {
    fn new(quotes: &[Quote], open: &[u64], mut places: Vec<usize>) -> Result<Steps, Overflow> {
        let key =
            |place: &usize| quotes[*place].value * 2 + i128::from(quotes[*place].side == Side::Buy);
        // Stable: equal prices stay in the order of their hashes.
        places.sort_by_key(key);
        let mut through = Vec::with_capacity(places.len());
        let mut sum = 0_u64;
        for &place in &places {
            sum = sum.checked_add(open[place]).ok_or(Overflow)?;
            through.push(sum);
        }
        Ok(Steps { keys: places.iter().map(key).collect(), places, through })
    }

    fn total(&self) -> u64 {
        self.through.last().copied().unwrap_or(0)
    }

    /// What lies at keys up to this one.
    fn up_to(&self, key: i128) -> u64 {
        let end = self.keys.partition_point(|&step| step <= key);
        if end == 0 { 0 } else { self.through[end - 1] }
    }

    /// The orders at this very key, as places of `places`.
    fn at(&self, key: i128) -> std::ops::Range<usize> {
        let end = |below: i128| self.keys.partition_point(|&step| step < below);
        end(key)..end(key + 1)
    }
}

/// The orders of an area.
#[derive(Default)]
struct Own {
    bids: Steps,
    asks: Steps,
}

impl Own {
    fn export(&self, key: i128) -> i128 {
        let bought = self.bids.total() - self.bids.up_to(key);
        i128::from(self.asks.up_to(key)) - i128::from(bought)
    }

    /// Hands out: all that gains more than the key, and of what stands at it all but what its share
    /// leaves. A share is what comes into the export, so of bids it is what they do not get.
    fn fill(&self, key: i128, share: u64, open: &[u64], fills: &mut [u64]) {
        let level = |steps: &Steps| -> Vec<usize> { steps.places[steps.at(key)].to_vec() };
        let (bids, asks) = (level(&self.bids), level(&self.asks));
        for &place in &self.bids.places[self.bids.at(key).end..] {
            fills[place] = open[place];
        }
        for &place in &self.asks.places[..self.asks.at(key).start] {
            fills[place] = open[place];
        }
        let places = if bids.is_empty() { asks } else { bids };
        let asked: Vec<u64> = places.iter().map(|&place| open[place]).collect();
        let given = if is_bid(key) { asked.iter().sum::<u64>() - share } else { share };
        for (&place, part) in places.iter().zip(pro_rata(given, &asked)) {
            fills[place] = part;
        }
    }
}

/// Whether what steps at this key are bids.
fn is_bid(key: i128) -> bool {
    key % 2 != 0
}

/// The staircases of a tree.
struct Curves<'a> {
    tree: &'a Tree,
    own: Vec<Own>,
    /// Of each area, the first keys at which its subtree does not import, and at which it exports.
    still: Vec<(i128, i128)>,
    /// From here on all asks are in and no bid is, in every area.
    highest: i128,
}

impl<'a> Curves<'a> {
    fn new(tree: &'a Tree, quotes: &[Quote], open: &[u64]) -> Result<Curves<'a>, Overflow> {
        let mut places = vec![(Vec::new(), Vec::new()); tree.areas.len()];
        let mut sums = [0_u64; 2];
        let mut dearest = 0;
        for (place, quote) in quotes.iter().enumerate() {
            let (bids, asks) = &mut places[quote.area];
            let (side, sum) = match quote.side {
                Side::Buy => (bids, &mut sums[0]),
                Side::Sell => (asks, &mut sums[1]),
            };
            *sum = sum.checked_add(open[place]).ok_or(Overflow)?;
            // Nobody can serve a bid below zero, and what has met its own is not there.
            if open[place] > 0 && quote.value >= 0 {
                side.push(place);
                dearest = dearest.max(quote.value);
            }
        }
        let own = places.into_iter().map(|(bids, asks)| {
            let bids = Steps::new(quotes, open, bids)?;
            Ok(Own { bids, asks: Steps::new(quotes, open, asks)? })
        });
        let fees: i128 = tree.areas.iter().map(|area| area.up.fee).sum();
        let mut curves = Curves {
            tree,
            own: own.collect::<Result<_, Overflow>>()?,
            still: vec![(0, 0); tree.areas.len()],
            highest: 2 * (dearest + fees) + 1,
        };
        for &area in &tree.bottom_up {
            let imports_no_more = curves.first(|key| curves.inner(area, key) >= 0);
            let exports = curves.first(|key| curves.inner(area, key) > 0);
            curves.still[area] = (imports_no_more, exports);
        }
        Ok(curves)
    }

    /// The net export of an area and all below it, at its own price.
    fn inner(&self, area: usize, key: i128) -> i128 {
        let children = self.tree.areas[area].children.iter();
        self.own[area].export(key) + children.map(|&child| self.outer(child, key)).sum::<i128>()
    }

    /// What comes up a child's link at a key of its parent.
    fn outer(&self, child: usize, key: i128) -> i128 {
        let area = &self.tree.areas[child];
        let (imports_no_more, exports) = self.still[child];
        let (when_up, when_down) = (key - 2 * area.up.fee, key + 2 * area.step_down);
        if when_up >= exports {
            self.inner(child, when_up).min(area.up.capacity)
        } else if when_down < imports_no_more {
            self.inner(child, when_down).max(-area.down.capacity)
        } else {
            0
        }
    }

    /// The first key at which a staircase has come to something; one past the highest if it never
    /// does.
    fn first(&self, reached: impl Fn(i128) -> bool) -> i128 {
        let (mut low, mut high) = (LOWEST, self.highest + 1);
        while low < high {
            let middle = (low + high).div_euclid(2);
            if reached(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    /// How much of the step at a key comes into an area's export: of its own orders, then of each
    /// child. What is short is shared in proportion, be it what asks give or what bids get.
    fn shares(&self, area: usize, key: i128, export: i128) -> Vec<u64> {
        let own = &self.own[area];
        let whole = |energy: i128| u64::try_from(energy).expect("a step is one side's energy");
        let mut steps = vec![whole(own.export(key) - own.export(key - 1))];
        let children = self.tree.areas[area].children.iter();
        steps.extend(
            children.map(|&child| whole(self.outer(child, key) - self.outer(child, key - 1))),
        );
        let through = self.inner(area, key);
        let step: u64 = steps.iter().sum();
        // Nothing is short where the export ends with the step.
        let left_out = whole(through - export);
        if is_bid(key) {
            let kept = pro_rata(left_out, &steps);
            return steps.iter().zip(kept).map(|(&step, kept)| step - kept).collect();
        }
        pro_rata(step - left_out, &steps)
    }
}

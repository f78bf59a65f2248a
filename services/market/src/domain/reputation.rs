//! How much of what an account sold it delivered, and what follows where that is little.
//!
//! ```text
//! billing's runs --Entry::Reconciled--> outcome of each trade --> sold and delivered, by day
//!
//! rho = sum w(age) delivered / sum w(age) sold        w = 1, then 29/31 of it for each day before
//!
//! more than undelivered_collateral_percent missing    it holds all that its buyers would be short
//! more than undelivered_percent missing               it sells no more, until two lift that
//! ```
//!
//! The weights are those of an exponential mean of thirty days, days without sales included; what
//! lies further back than [`REPUTATION_DAYS`] is forgotten. What neither side moved is in neither
//! sum: nobody knows whether it would have been delivered.
//!
//! Invariant: of a trade the highest run counts, in whatever order runs come, and how often; only
//! as long as the market remembers its slot. When a suspension from selling is lifted this
//! begins anew: slots that started before then do not count any more.
//! Deliberately absent: verdicts of challenges on chain, and what an account did in other markets.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::B256;
use calendar::Timestamp;
use ids::AccountId;
use serde::{Deserialize, Serialize};
use units::Energy;

use super::guard::{Trigger, Trip};
use super::{Entry, Exchange, Trader};

/// How many days back sales count.
pub const REPUTATION_DAYS: i64 = 90;
/// The fewest slots that were told of an account before what it did not deliver counts.
pub const REPUTATION_SLOTS_MIN: u32 = 16;
/// What a day counts, in parts of the one after it: as in an exponential mean of thirty days.
const DECAY: (u128, u128) = (29, 31);
/// What the newest day counts. The sums of a day are below 2^73 (288 slots of 2^64 Wh), so that
/// with 90 days, this, and parts per million a product is below 2^128.
const NEWEST: u128 = 1 << 20;
/// All of it, in parts per million.
const WHOLE: u128 = 1_000_000;
const DAY: i64 = 86_400;

/// What a trade's seller was short of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortfall {
    /// The trade's name on chain.
    pub trade: B256,
    /// What its seller did not deliver though the buyer took it.
    pub short: Energy,
    /// What neither side moved.
    #[serde(default)]
    pub idle: Energy,
}

/// What became of a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Which run says so.
    run: u8,
    short: Energy,
    /// What neither side moved.
    #[serde(default)]
    idle: Energy,
}

impl Outcome {
    /// What counts as sold of a trade, and as delivered of that, in Wh.
    fn sums(self, quantity: Energy) -> (u128, u128) {
        let sold = quantity.less(self.idle);
        (sold.wh().into(), sold.less(self.short).wh().into())
    }
}

/// What accounts have delivered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Deliveries(BTreeMap<AccountId, Sold>);

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Sold {
    /// Slots that started before then do not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    /// By UTC day, counted from 1970.
    days: BTreeMap<i64, Sales>,
}

/// What an account sold and delivered in a day, in Wh; wide, so that no sum overflows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Sales {
    sold: u128,
    delivered: u128,
    /// In how many slots.
    slots: u32,
}

/// How much of what it sold an account delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reputation {
    /// Whose.
    pub account: AccountId,
    /// What it sold, in Wh.
    pub sold: u128,
    /// What it delivered of that, in Wh.
    pub delivered: u128,
    /// In how many slots.
    pub slots: u32,
    /// The part that it delivered, in parts per million, where newer days count more.
    pub delivered_ppm: u32,
    /// Whether so much is missing that it holds all that its buyers would be short.
    pub covers_all: bool,
}

impl Deliveries {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A suspension was lifted: where it was one from selling, it begins anew.
    pub(super) fn resumed(&mut self, trader: Trader, at: Timestamp) {
        let Trader::Seller(account) = trader else { return };
        if let Some(sold) = self.0.get_mut(&account) {
            *sold = Sold { since: Some(at), days: BTreeMap::new() };
        }
    }
}

impl Sold {
    /// A trade of `quantity` in `slot` had an outcome, or another one than `before`.
    fn tell(
        &mut self,
        (slot, first): (Timestamp, bool),
        quantity: Energy,
        (before, outcome): (Option<Outcome>, Outcome),
    ) {
        if self.since.is_some_and(|since| slot < since) {
            return;
        }
        let day = self.days.entry(slot.seconds().div_euclid(DAY)).or_default();
        day.slots = day.slots.saturating_add(u32::from(first));
        let (sold, delivered) = outcome.sums(quantity);
        let before = before.map_or((0, 0), |before| before.sums(quantity));
        day.sold = (day.sold + sold).saturating_sub(before.0);
        day.delivered = (day.delivered + delivered).saturating_sub(before.1);
        let newest = self.days.keys().next_back().copied().unwrap_or_default();
        self.days = self.days.split_off(&(newest - REPUTATION_DAYS + 1));
    }

    /// What was sold and delivered, where newer days count more, and in how many slots.
    fn weighted(&self) -> Sales {
        let (mut sums, mut weight) = (Sales::default(), NEWEST);
        let Some(mut at) = self.days.keys().next_back().copied() else { return sums };
        for (day, sales) in self.days.iter().rev() {
            while at > *day {
                weight = weight * DECAY.0 / DECAY.1;
                at -= 1;
            }
            sums.sold += weight * sales.sold;
            sums.delivered += weight * sales.delivered;
            sums.slots = sums.slots.saturating_add(sales.slots);
        }
        sums
    }

    /// Whether more than so many percent are missing.
    fn is_short(&self, percent: Option<u32>) -> bool {
        let Some(most) = percent.map(u128::from) else { return false };
        let Sales { sold, delivered, slots } = self.weighted();
        slots >= REPUTATION_SLOTS_MIN && delivered * 100 < sold * (100 - most.min(100))
    }

    fn reputation(&self, account: AccountId, covers: Option<u32>) -> Option<Reputation> {
        let Sales { sold, delivered, slots } = self.weighted();
        let ppm = (delivered * WHOLE).checked_div(sold)?;
        let sum = |of: fn(&Sales) -> u128| -> u128 { self.days.values().map(of).sum() };
        Some(Reputation {
            account,
            sold: sum(|day| day.sold),
            delivered: sum(|day| day.delivered),
            slots,
            delivered_ppm: u32::try_from(ppm).expect("no more is delivered than was sold"),
            covers_all: self.is_short(covers),
        })
    }
}

impl Exchange {
    /// What a run says of trades of the slot that starts at `slot`. Trades that this market does
    /// not know, or has forgotten, are passed over.
    pub(super) fn reconciled(&mut self, slot: Timestamp, run: u8, trades: &[Shortfall]) {
        let Some(book) = self.slots.get_mut(&slot) else { return };
        let Some(cleared) = &book.cleared else { return };
        let told: BTreeMap<B256, &Shortfall> = trades.iter().map(|one| (one.trade, one)).collect();
        let seller = |fill: usize| self.orders[&cleared.trades[fill].sell].account;
        let known = book.outcomes.keys().map(|fill| seller(*fill as usize));
        let mut known: BTreeSet<AccountId> = known.collect();
        for (index, (fill, trade)) in (0..).zip(&cleared.trades).enumerate() {
            let Some(one) = told.get(&trade.trade) else { continue };
            let outcome = Outcome { run, short: one.short, idle: one.idle };
            let before = book.outcomes.get(&fill).copied();
            if before.is_some_and(|before| before.run >= run) {
                continue;
            }
            let account = seller(index);
            let sold = self.deliveries.0.entry(account).or_default();
            let first = known.insert(account);
            sold.tell((slot, first), trade.quantity, (before, outcome));
            book.outcomes.insert(fill, outcome);
        }
    }

    /// How much of what it sold an account delivered; `None` while nothing is known.
    pub fn reputation(&self, account: AccountId) -> Option<Reputation> {
        let covers = self.risk_limits().undelivered_collateral_percent;
        self.deliveries.0.get(&account)?.reputation(account, covers)
    }

    /// The same of all accounts of which something is known.
    pub fn reputations(&self) -> impl Iterator<Item = Reputation> {
        let covers = self.risk_limits().undelivered_collateral_percent;
        let all = self.deliveries.0.iter();
        all.filter_map(move |(account, sold)| sold.reputation(*account, covers))
    }

    /// Whether an account has to hold all that its buyers would be short.
    pub(super) fn covers_all(&self, account: AccountId) -> bool {
        let most = self.risk_limits().undelivered_collateral_percent;
        self.deliveries.0.get(&account).is_some_and(|sold| sold.is_short(most))
    }

    /// The sellers of a run that was just applied who have delivered too little.
    pub fn unreliable_sellers(&self, entry: &Entry) -> Vec<Trip> {
        let Entry::Reconciled { slot, trades, .. } = entry else { return Vec::new() };
        let limits = self.risk_limits();
        let Some(most) = limits.undelivered_percent else { return Vec::new() };
        let cleared = self.slots.get(slot).and_then(|book| book.cleared.as_ref());
        let told: BTreeSet<B256> = trades.iter().map(|one| one.trade).collect();
        let concerned = cleared.into_iter().flat_map(|cleared| &cleared.trades);
        let concerned = concerned.filter(|trade| told.contains(&trade.trade));
        let sellers: BTreeSet<AccountId> =
            concerned.map(|trade| self.orders[&trade.sell].account).collect();
        let short = sellers.into_iter().filter_map(|account| {
            let sold = self.deliveries.0.get(&account).filter(|one| one.is_short(Some(most)))?;
            let reputation = sold.reputation(account, None)?;
            let (first, _) = sold.days.first_key_value()?;
            Some(reputation.trip(most, (Timestamp::from_seconds(first * DAY), *slot)))
        });
        short.collect()
    }
}

impl Reputation {
    fn trip(&self, most: u32, span: (Timestamp, Timestamp)) -> Trip {
        let Reputation { sold, delivered, slots, delivered_ppm: ppm, .. } = *self;
        let evidence = vec![
            format!("{delivered} of {sold} Wh were delivered, in {slots} slots"),
            format!("{ppm} of 1000000 where newer days count more"),
        ];
        Trip {
            trigger: Trigger::Undelivered,
            trader: Some(Trader::Seller(self.account)),
            measured: 100 - u64::from(ppm) / 10_000,
            most: u64::from(most),
            span,
            evidence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(day: i64, place: i64) -> Timestamp {
        Timestamp::from_seconds(day * DAY + 900 * place)
    }

    /// What was sold on days: `day, slots, sold, short`, of each slot.
    fn sales(days: &[(i64, i64, u64, u64)]) -> Sold {
        let mut all = Sold::default();
        for (day, slots, sold, short) in days {
            for place in 0..*slots {
                let (sold, short) = (Energy::from_wh(*sold), Energy::from_wh(*short));
                let outcome = Outcome { run: 0, short, idle: Energy::ZERO };
                all.tell((slot(*day, place), true), sold, (None, outcome));
            }
        }
        all
    }

    fn check(days: &[(i64, i64, u64, u64)], expected: u32) {
        let reputation = sales(days).reputation(AccountId::derived("s"), None).unwrap();
        assert!(reputation.delivered_ppm.abs_diff(expected) <= 1, "{reputation:?}, {expected}");
    }

    #[test]
    fn a_day_counts_twenty_nine_of_thirty_one_parts_of_the_next_one() {
        check(&[(0, 1, 1_000, 0)], 1_000_000);
        check(&[(0, 1, 1_000, 1_000)], 0);
        check(&[(0, 4, 1_000, 250)], 750_000);
        // (31 x 1000 + 29 x 500) of 60 x 1000.
        check(&[(0, 1, 1_000, 500), (1, 1, 1_000, 0)], 758_333);
        // Two days between: 29^2 of 31^2 parts.
        check(&[(0, 1, 1_000, 1_000), (2, 1, 1_000, 0)], 961 * 1_000_000 / (961 + 841));
        // By energy, not by slots.
        check(&[(0, 1, 3_000, 3_000), (0, 1, 1_000, 0)], 250_000);
        let long_ago = [(0, 10, 1_000, 1_000), (REPUTATION_DAYS, 1, 1_000, 0)];
        check(&long_ago, 1_000_000);
    }

    #[test]
    fn what_neither_side_moved_is_in_neither_sum() {
        let wh = Energy::from_wh;
        let outcome = |run, short, idle| Outcome { run, short: wh(short), idle: wh(idle) };
        let mut sold = sales(&[]);
        let told = |sold: &mut Sold, before, now| {
            sold.tell((slot(0, 0), true), wh(1_000), (before, now));
            let Sales { sold, delivered, .. } = sold.days[&0];
            (sold, delivered)
        };
        let all = outcome(0, 0, 1_000);
        assert_eq!(told(&mut sold, None, all), (0, 0));
        assert_eq!(sold.reputation(AccountId::derived("s"), None), None, "it says nothing");
        let some = outcome(1, 100, 600);
        assert_eq!(told(&mut sold, Some(all), some), (400, 300));
        assert_eq!(told(&mut sold, Some(some), outcome(2, 0, 0)), (1_000, 1_000));
    }

    #[test]
    fn a_long_record_ends_where_all_its_days_are_alike() {
        let days: Vec<_> = (0..200).map(|day: i64| (day, 3, 700 + day.unsigned_abs(), 0)).collect();
        check(&days, 1_000_000);
        let half: Vec<_> = (0..200).map(|day| (day, 3, 1_000, 500)).collect();
        check(&half, 500_000);
    }

    #[test]
    fn little_is_known_of_a_few_slots_and_a_limit_is_passed_beyond_it() {
        let few = i64::from(REPUTATION_SLOTS_MIN) - 1;
        assert!(!sales(&[(0, few, 1_000, 1_000)]).is_short(Some(50)));
        let check = |short: u64, percent: Option<u32>, expected: bool| {
            let sold = sales(&[(0, few + 1, 1_000, short)]);
            assert_eq!(sold.is_short(percent), expected, "{short} {percent:?}");
        };
        check(500, Some(50), false);
        check(501, Some(50), true);
        check(200, Some(20), false);
        check(201, Some(20), true);
        check(1_000, Some(100), false);
        check(1_000, None, false);
    }

    #[test]
    fn the_most_energy_there_can_be_does_not_overflow() {
        let most = u64::MAX;
        let days: Vec<_> = (0..REPUTATION_DAYS).map(|day| (day, 288, most, 0)).collect();
        let sold = sales(&days);
        assert!(!sold.is_short(Some(50)));
        check(&days, 1_000_000);
    }
}

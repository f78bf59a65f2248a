//! With whom an account traded in a day: the part of the largest counterparty, and how concentrated
//! all are.
//!
//! Judged after the fact, because nobody can know it before: in a batch no order chooses its
//! counterparty, who meets whom comes of the clearing and of lots, and a limit on it would refuse
//! orders for what others do. What it tells is how much an account depends on one neighbour.

use std::collections::{BTreeMap, BTreeSet};

use calendar::LocalDay;
use contracts::Side;
use ids::AccountId;
use units::Energy;

use super::{Exchange, Parameters, Status};

/// From how many counterparties that offered on a large part is one to look at.
pub const COUNTERPARTIES_MIN: u32 = 5;

/// With whom an account traded in a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concentration {
    /// Whose.
    pub account: AccountId,
    /// What it bought and sold.
    pub energy: Energy,
    /// With how many other accounts.
    pub counterparties: u32,
    /// How many other accounts had orders on the other side in the slots in which it traded.
    pub offered: u32,
    /// The part of its energy that the largest one had, in percent, rounded down.
    pub largest_percent: u32,
    /// The sum of the squares of all parts (Herfindahl-Hirschman), 10000 with one counterparty.
    pub hhi: u32,
    /// Whether the largest part is more than it should be, with enough others to trade with.
    pub beyond: bool,
}

#[derive(Default)]
struct Day {
    energy: u128,
    with: BTreeMap<AccountId, u128>,
    offered: BTreeSet<AccountId>,
}

impl Exchange {
    /// How concentrated the trades of each account were on `day`, by account; as long as the market
    /// remembers it.
    pub fn concentration(&self, day: LocalDay, parameters: &Parameters) -> Vec<Concentration> {
        let mut days: BTreeMap<AccountId, Day> = BTreeMap::new();
        for slot in parameters.timezone.slots_of(day, parameters.slot_length) {
            let Some(book) = self.slots.get(&slot.start) else { continue };
            let Some(cleared) = &book.cleared else { continue };
            let standing = book.orders.values().map(|id| &self.orders[id]);
            let standing = standing.filter(|order| order.status == Status::Cleared);
            let mut sides: BTreeMap<Side, BTreeSet<AccountId>> = BTreeMap::new();
            for order in standing {
                sides.entry(order.terms.side).or_default().insert(order.account);
            }
            for trade in &cleared.trades {
                let [buyer, seller] = [trade.buy, trade.sell].map(|id| self.orders[&id].account);
                let met = [(buyer, seller, Side::Sell), (seller, buyer, Side::Buy)];
                for (own, other, side) in met {
                    let day = days.entry(own).or_default();
                    let energy = u128::from(trade.quantity.wh());
                    day.energy += energy;
                    *day.with.entry(other).or_default() += energy;
                    let others = sides.get(&side).into_iter().flatten();
                    day.offered.extend(others.filter(|other| **other != own));
                }
            }
        }
        let most = self.risk_limits().counterparty_percent;
        days.into_iter().map(|(account, day)| day.told(account, most)).collect()
    }
}

impl Day {
    fn told(&self, account: AccountId, most: Option<u32>) -> Concentration {
        let count = |many: usize| u32::try_from(many).unwrap_or(u32::MAX);
        let narrow = |value: u128| u32::try_from(value).unwrap_or(u32::MAX);
        let energy = self.energy.max(1);
        let largest = self.with.values().max().copied().unwrap_or_default();
        let squares: u128 = self.with.values().map(|wh| wh * wh).sum();
        let offered = count(self.offered.len());
        let beyond = most.is_some_and(|most| largest * 100 > energy * u128::from(most));
        Concentration {
            account,
            energy: Energy::from_wh(u64::try_from(self.energy).unwrap_or(u64::MAX)),
            counterparties: count(self.with.len()),
            offered,
            largest_percent: narrow(largest * 100 / energy),
            hhi: narrow(squares * 10_000 / (energy * energy)),
            beyond: beyond && offered >= COUNTERPARTIES_MIN,
        }
    }
}

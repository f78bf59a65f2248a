//! P1, pumping: the price of a time of day is driven up while it makes the price that later ones
//! are measured by.
//!
//! The reference price of a slot is made of the seven days before, at the same time. Who buys most
//! of that slot far above the reference pays for it; doing so on several of these days pays only
//! for who wants the reference to rise: it bounds what may be asked later.

use std::collections::{BTreeMap, BTreeSet};

use ids::{AccountId, ConnectionPointId};
use serde::Serialize;

use crate::case::{Finding, Incident};
use crate::machine::energy;
use crate::thresholds::is_above;
use crate::window::{REFERENCE_DAYS, Reference, Traded, day_of, second_of};
use crate::{Cleared, Evidence, Figure, Kind, Owner, Subject, Surveillance};

/// The slots in which one owner bought most, far above the reference: by second of the day, owner
/// and day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Spikes {
    times: BTreeMap<i64, BTreeMap<Owner, BTreeMap<i64, Incident>>>,
}

impl Spikes {
    /// Forgets what was before `day`.
    pub(crate) fn forget(&mut self, day: i64) {
        for owners in self.times.values_mut() {
            owners.values_mut().for_each(|days| *days = days.split_off(&day));
            owners.retain(|_, days| !days.is_empty());
        }
        self.times.retain(|_, owners| !owners.is_empty());
    }
}

/// What an owner bought in a slot.
#[derive(Default)]
struct Bought {
    wh: u128,
    accounts: BTreeSet<AccountId>,
    points: BTreeSet<ConnectionPointId>,
    trades: Vec<Evidence>,
}

impl Surveillance {
    /// The days on which the buyer of most of a slot drove its price up, if they are too many.
    pub(crate) fn pumping(
        &mut self,
        cleared: &Cleared,
        trades: &[Traded],
        reference: &Reference,
    ) -> Vec<Finding> {
        let (spike, days) =
            (self.thresholds.pump_spike_percent, self.thresholds.pump_reference_days);
        let high = cleared.price.is_some_and(|price| reference.is_exceeded(price, spike));
        if !high || reference.days < days {
            return Vec::new();
        }
        let Some((owner, bought)) = self.most(cleared, trades) else { return Vec::new() };
        let incident = self.pumped(cleared, reference, bought);
        let (day, second) = (day_of(cleared.slot), second_of(cleared.slot));
        let known = self.spikes.times.entry(second).or_default().entry(owner).or_default();
        known.insert(day, incident);
        let near = known.range(day - REFERENCE_DAYS + 1..=day);
        if near.clone().count() < self.thresholds.pump_days as usize {
            return Vec::new();
        }
        let found = near.map(|(_, incident)| Finding {
            kind: Kind::P1,
            subject: Subject::Owners(BTreeSet::from([owner])),
            name: format!("{}/{owner}", incident.at),
            incident: incident.clone(),
        });
        found.collect()
    }

    /// The owner who bought most of a slot, if that is much; from itself counts as well.
    fn most(&self, cleared: &Cleared, trades: &[Traded]) -> Option<(Owner, Bought)> {
        let mut owners: BTreeMap<Owner, Bought> = BTreeMap::new();
        for trade in trades {
            let bought = owners.entry(self.owners.of(trade.buyer)).or_default();
            bought.wh += u128::from(trade.quantity.wh());
            bought.accounts.insert(trade.buyer);
            bought.points.insert(trade.buyer_point);
            bought.trades.push(Evidence::Trade { trade: trade.trade, slot: cleared.slot });
        }
        let all: u128 = owners.values().map(|bought| bought.wh).sum();
        let share = self.thresholds.pump_share_percent;
        owners
            .into_iter()
            .filter(|(_, bought)| is_above(bought.wh, share, all))
            .max_by_key(|(_, bought)| bought.wh)
    }

    fn pumped(&self, cleared: &Cleared, reference: &Reference, bought: Bought) -> Incident {
        let mut incident = self.incident(cleared.slot, bought.accounts);
        incident.connection_points = bought.points;
        incident.energy = energy(bought.wh);
        incident.figures = vec![
            Figure::wh("bought", bought.wh),
            Figure::percent("of what was traded", bought.wh, cleared.volume.wh().into()),
            Figure::price("price", cleared.price.unwrap_or_default().n_per_wh()),
            Figure::price("reference price", reference.price.n_per_wh()),
        ];
        incident.prove(self.window.evidence(cleared.slot));
        incident.prove(reference.evidence.iter().copied());
        incident.prove(bought.trades);
        incident.slots = BTreeSet::from([cleared.slot]);
        incident
    }
}

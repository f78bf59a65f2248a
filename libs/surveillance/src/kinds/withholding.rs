//! H1, withholding: little of what is available is offered, and the price is high for it.
//!
//! `available = likely x min(1, median of offered / likely of the others who offer)`: on a cloudy
//! day everybody offers less than what is likely, and nobody withholds anything. By owner, so that
//! nobody hides behind a second connection point that offers all it has.

use std::collections::{BTreeMap, BTreeSet};

use ids::{AccountId, ConnectionPointId};
use matching::Side;

use crate::book::Book;
use crate::case::Finding;
use crate::machine::energy;
use crate::thresholds::is_below;
use crate::window::Reference;
use crate::{Cleared, Figure, Kind, Owner, Subject, Surveillance};

/// What an owner could offer, and did, in Wh.
#[derive(Default)]
struct Supply {
    likely: u128,
    offered: u128,
    accounts: BTreeSet<AccountId>,
    points: BTreeSet<ConnectionPointId>,
}

impl Supply {
    /// What part of what was likely is offered, in percent; `None` for who offers nothing, or of
    /// whom nothing is known.
    fn part(&self) -> Option<u128> {
        let part = (self.offered * 100).checked_div(self.likely)?;
        (self.offered > 0).then_some(part.min(100))
    }
}

impl Surveillance {
    /// The owners who offered too little in a slot with a high price.
    pub(crate) fn withholding(
        &self,
        cleared: &Cleared,
        book: &Book,
        reference: &Reference,
    ) -> Vec<Finding> {
        let spike = self.thresholds.withheld_spike_percent;
        let price = cleared.price.filter(|price| reference.is_exceeded(*price, spike));
        if price.is_none() {
            return Vec::new();
        }
        let supplies = self.supplies(cleared, book);
        let mut parts: Vec<u128> = supplies.values().filter_map(Supply::part).collect();
        parts.sort_unstable();
        let mut found = Vec::new();
        for (owner, supply) in &supplies {
            let left = self.weather(&parts, supply);
            let available = supply.likely * left / 100;
            let withheld = available.saturating_sub(supply.offered);
            let volume = u128::from(cleared.volume.wh());
            let little =
                is_below(supply.offered, self.thresholds.withheld_offered_percent, available);
            let matters = !is_below(withheld, self.thresholds.withheld_power_percent, volume);
            if little && matters && volume > 0 {
                let measured = [available, withheld, left];
                found.push(self.withheld((cleared, reference), *owner, supply, measured));
            }
        }
        found
    }

    /// What owners could offer in a slot, and did.
    fn supplies(&self, cleared: &Cleared, book: &Book) -> BTreeMap<Owner, Supply> {
        let mut supplies: BTreeMap<Owner, Supply> = BTreeMap::new();
        for likely in &cleared.likely {
            let Some(site) = self.owners.at(likely.connection_point) else { continue };
            let supply = supplies.entry(self.owners.of(site.account)).or_default();
            supply.likely += u128::from(likely.quantity.wh());
            supply.accounts.insert(site.account);
            supply.points.insert(likely.connection_point);
        }
        for order in book.standing().filter(|order| order.side == Side::Sell) {
            let supply = supplies.entry(self.owners.of(order.account)).or_default();
            supply.offered += u128::from(order.quantity.wh());
        }
        supplies
    }

    /// What part of what is likely the weather leaves, in percent, by the other owners who offer;
    /// all of it where they are too few. `parts` are those of all owners, in order.
    fn weather(&self, parts: &[u128], supply: &Supply) -> u128 {
        let own = supply.part().and_then(|part| parts.binary_search(&part).ok());
        let others = parts.len() - usize::from(own.is_some());
        if others < self.thresholds.withheld_peers_min as usize || others == 0 {
            return 100;
        }
        let middle = (others - 1) / 2;
        // Without the own one, what comes after it moves up by a place.
        let moved = own.is_some_and(|own| own <= middle);
        parts[middle + usize::from(moved)]
    }

    fn withheld(
        &self,
        (cleared, reference): (&Cleared, &Reference),
        owner: Owner,
        supply: &Supply,
        [available, withheld, left]: [u128; 3],
    ) -> Finding {
        let slot = cleared.slot;
        let mut incident = self.incident(slot, supply.accounts.iter().copied());
        incident.connection_points = supply.points.clone();
        incident.energy = energy(withheld);
        incident.figures = vec![
            Figure::wh("likely", supply.likely),
            Figure::percent("left by the weather", left, 100),
            Figure::wh("available", available),
            Figure::wh("offered", supply.offered),
            Figure::wh("traded in the slot", cleared.volume.wh().into()),
            Figure::price("price", cleared.price.unwrap_or_default().n_per_wh()),
            Figure::price("reference price", reference.price.n_per_wh()),
        ];
        incident.prove(self.window.evidence(slot));
        incident.prove(reference.evidence.iter().copied());
        incident.slots = BTreeSet::from([slot]);
        let subject = Subject::Owners(BTreeSet::from([owner]));
        let name = format!("{slot}/{subject}");
        Finding { kind: Kind::H1, subject, name, incident }
    }
}

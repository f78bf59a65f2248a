//! The same facts give the same cases; the order of facts about an open slot does not matter.

use calendar::Timestamp;
use matching::Side;
use proptest::prelude::*;
use surveillance::{Fact, Surveillance, Thresholds};

use crate::town::*;

/// Thresholds so low that nearly everything is found: what is compared is rich.
fn nervous() -> Thresholds {
    Thresholds {
        circle_net_percent: 60,
        circle_quantity_min: units::Energy::from_wh(1),
        layer_cancelled_percent: 20,
        layer_large_percent: 1,
        layer_orders_min: 1,
        withheld_offered_percent: 100,
        withheld_spike_percent: 1,
        withheld_power_percent: 1,
        unmetered_slots: 0,
        resold_quantity_min: units::Energy::from_wh(1),
        alike_owners: 2,
        alike_slots: 2,
        alike_prices: 1,
        pump_spike_percent: 1,
        pump_share_percent: 10,
        pump_days: 1,
        pump_reference_days: 1,
        ..Thresholds::default()
    }
}

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// Three days of a few slots with random orders, meters and owners, who may change.
fn random_days(seed: u64) -> Vec<Fact> {
    let mut town = random_town(seed);
    let mut dice = Dice(!seed);
    for _ in 0..3 {
        let (one, other) = (NAMES[dice.place(6)], NAMES[dice.place(6)]);
        let place = dice.place(town.facts.len());
        town.facts.insert(place, Fact::Owned { account: account(one), party: party(other) });
    }
    town.facts
}

/// The same with owners who were it from the beginning.
fn random_town(seed: u64) -> Town {
    let (mut dice, mut town) = (Dice(seed), Town::default());
    for day in 1..=3 {
        for time in ["02:00", "02:15", "02:30", "12:00", "12:15", "23:00", "23:15"] {
            let slot = slot(day, time);
            for name in NAMES {
                town.likely(name, dice.below(2_000));
                if dice.below(4) == 0 {
                    continue;
                }
                let side = if dice.below(2) == 0 { Side::Buy } else { Side::Sell };
                let limit = i64::try_from(9 + dice.below(12)).unwrap() * CENT;
                let seconds = i64::try_from(dice.below(120)).unwrap();
                let wh = 10 + dice.below(2_000);
                let order = town.order((name, side), slot, (wh, limit), 60 + seconds);
                if dice.below(3) == 0 {
                    let back = i64::try_from(1 + dice.below(59)).unwrap();
                    town.cancel(slot, order, back);
                    if dice.below(3) == 0 {
                        town.order((name, side), slot, (wh, limit), back);
                    }
                }
            }
            town.clear(slot);
            for name in NAMES {
                let (import, export) = (dice.below(1_000), dice.below(3) * dice.below(1_000));
                town.meter(name, slot, import, export);
            }
        }
    }
    if dice.below(2) == 0 {
        town.give("a", "b");
    }
    town
}

/// The slot of a fact that comes before the clearing.
fn open_slot(fact: &Fact) -> Option<Timestamp> {
    match fact {
        Fact::Accepted(order) => Some(order.slot),
        Fact::Cancelled { slot, .. } => Some(*slot),
        _ => None,
    }
}

/// The same facts, those about one open slot in another order.
fn shuffled(facts: &[Fact], seed: u64) -> Vec<Fact> {
    let (mut dice, mut facts) = (Dice(seed), facts.to_vec());
    for place in (1..facts.len()).rev() {
        let Some(slot) = open_slot(&facts[place]) else { continue };
        let other = dice.place(place + 1);
        // All between them are of the slot as well, so neither passes its clearing.
        if facts[other..=place].iter().all(|fact| open_slot(fact) == Some(slot)) {
            facts.swap(other, place);
        }
    }
    facts
}

/// All that a machine has found.
fn found(facts: &[Fact]) -> (String, usize) {
    let mut machine = Surveillance::new("town", nervous());
    for fact in facts {
        machine.note(fact).unwrap();
    }
    machine.finish();
    let cases: Vec<_> = machine.cases().collect();
    (serde_json::to_string(&cases).unwrap(), cases.len())
}

#[test]
fn random_days_are_rich_enough_to_be_compared() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..30 {
        let machine = watch_with(&random_days(seed), nervous());
        seen.extend(machine.cases().map(|case| case.kind));
    }
    assert_eq!(seen.len(), surveillance::Kind::ALL.len(), "{seen:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_inside_an_open_slot_does_not_matter(seed: u64, shuffle: u64) {
        let facts = random_days(seed);
        prop_assert_eq!(found(&facts), found(&shuffled(&facts, shuffle)));
    }

    #[test]
    fn facts_that_come_again_change_nothing(seed: u64) {
        let facts = random_days(seed);
        let mut machine = watch_with(&facts, nervous());
        let before = serde_json::to_string(&machine.cases().collect::<Vec<_>>()).unwrap();
        let told = |fact: &&Fact| !matches!(fact, Fact::Owned { .. });
        for fact in facts.iter().filter(told) {
            let changed = machine.note(fact);
            prop_assert!(changed.is_err() || changed == Ok(Vec::new()), "{:?}", fact);
        }
        machine.finish();
        let after = serde_json::to_string(&machine.cases().collect::<Vec<_>>()).unwrap();
        prop_assert_eq!(before, after);
    }

    #[test]
    fn every_case_follows_from_the_facts_that_it_names(seed: u64) {
        // Owners do not change: a case is reckoned with those of its time.
        let facts = random_town(seed).facts;
        let machine = watch_with(&facts, nervous());
        for case in machine.cases() {
            let again = surveillance::recompute(case, &facts, nervous());
            prop_assert_eq!(again, Ok(()), "{}: {:?}", case.kind, case);
        }
    }
}

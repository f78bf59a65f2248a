//! M1 and M2: sold and not made, taken and sold again.

use calendar::Timestamp;
use surveillance::{Fact, Kind, Metered};
use units::Energy;

use crate::town::*;

/// `s` sells so much in so many slots, one a day from `every` days on, and feeds so much in.
fn sales(count: i64, every: i64, sold: u64, fed_in: u64) -> Town {
    let mut town = Town::default();
    for place in 0..count {
        let start = slot(1 + place * every / 10, "10:00").plus_seconds(place * 900);
        town.sell("s", start, sold, 10);
        town.buy("b", start, sold, 20);
        town.clear(start);
        town.meter("s", start, 0, fed_in);
        town.meter("b", start, sold, 0);
    }
    town
}

#[test]
fn more_than_three_slots_sold_and_not_fed_in_are_a_case() {
    check(&sales(4, 0, 1_000, 0), Kind::M1, true, "four slots");
    check(&sales(3, 0, 1_000, 0), Kind::M1, false, "three slots");
    check(&sales(4, 0, 1_000, 9), Kind::M1, true, "less than a percent");
    check(&sales(4, 0, 1_000, 10), Kind::M1, false, "a percent");
    check(&sales(4, 0, 50, 0), Kind::M1, false, "within the tolerance");
    check(&sales(4, 0, 51, 0), Kind::M1, true, "above the tolerance");
    check(&sales(4, 20, 1_000, 0), Kind::M1, true, "in seven days");
    check(&sales(4, 30, 1_000, 0), Kind::M1, false, "in ten days");
    let case = only(&watch(&sales(6, 0, 1_000, 0).facts));
    assert_eq!((case.incidents.len(), case.energy_wh()), (6, 6_000));
    assert_eq!(case.connection_points(), [point("s")].into());
}

#[test]
fn the_highest_version_counts_and_an_interval_may_come_before_its_clearing() {
    let mut town = sales(3, 0, 1_000, 0);
    let fourth = slot(1, "12:00");
    town.sell("s", fourth, 1_000, 10);
    town.buy("b", fourth, 1_000, 20);
    let metered = |version, export| {
        Fact::Metered(Metered {
            slot: fourth,
            connection_point: point("s"),
            version,
            import: None,
            export: Some(Energy::from_wh(export)),
            dark: false,
        })
    };
    town.facts.extend([metered(2, 1_000), metered(1, 0)]);
    town.clear(fourth);
    check(&town, Kind::M1, false, "version 2 says that it was fed in");
    town.facts.push(metered(3, 0));
    check(&town, Kind::M1, true, "version 3 says that it was not");
}

#[test]
fn an_interval_that_nobody_measured_is_no_evidence() {
    let mut town = sales(4, 0, 1_000, 0);
    for fact in &mut town.facts {
        if let Fact::Metered(metered) = fact {
            metered.export = None;
        }
    }
    check(&town, Kind::M1, false, "nothing is known");
}

/// One night, from 22:00 on, a slot each: what is taken, sold and fed in, bought.
fn night(slots: &[(u64, u64, u64)]) -> Town {
    let mut town = Town::default();
    for (place, (taken, sold, bought)) in (0..).zip(slots) {
        let start = Timestamp::from_seconds(slot(1, "22:00").seconds() + place * 900);
        if *sold > 0 {
            town.sell("battery", start, *sold, 10);
            town.buy("b", start, *sold, 20);
        }
        if *bought > 0 {
            town.buy("battery", start, *bought, 20);
            town.sell("n", start, *bought, 10);
        }
        town.clear(start);
        town.meter("battery", start, *taken, *sold);
    }
    town
}

#[test]
fn what_is_taken_after_dark_and_sold_in_the_same_night_is_resold() {
    let charge = (500, 0, 0);
    check(&night(&[charge, charge, (0, 1_000, 0)]), Kind::M2, true, "1 kWh");
    check(&night(&[charge, charge, (0, 999, 0)]), Kind::M2, false, "below 1 kWh");
    check(&night(&[(999, 0, 0), (0, 2_000, 0)]), Kind::M2, false, "999 Wh were taken");
    check(&night(&[(0, 2_000, 0), charge, charge]), Kind::M2, false, "sold first");
    let fifteen = [(0, 1_000, 0), charge, (0, 500, 0), charge, (0, 500, 0)];
    check(&night(&fifteen), Kind::M2, true, "1 kWh of 2 kWh");
    let from_a_neighbour = [(500, 0, 500), (500, 0, 500), (0, 1_000, 0)];
    check(&night(&from_a_neighbour), Kind::M2, false, "bought from a neighbour");
    let case = only(&watch(&night(&fifteen).facts));
    assert_eq!((case.energy_wh(), case.slots().len()), (1_000, 2));
}

#[test]
fn a_battery_of_no_panels_may_and_daylight_ends_a_night() {
    let mut town = night(&[(1_000, 0, 0), (0, 1_000, 0)]);
    for fact in &mut town.facts {
        if let Fact::Sited { solar, .. } = fact {
            *solar = false;
        }
    }
    check(&town, Kind::M2, false, "not sold as solar");
    let mut town = night(&[(1_000, 0, 0)]);
    let next = slot(2, "22:00");
    town.sell("battery", next, 1_000, 10);
    town.buy("b", next, 1_000, 20);
    town.clear(next);
    town.meter("battery", next, 0, 1_000);
    check(&town, Kind::M2, false, "the night after");
}

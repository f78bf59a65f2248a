//! The same energy is not certified twice.

use std::collections::BTreeMap;

use super::*;

#[test]
fn more_is_not_certified_than_a_meter_exported() {
    let (_, entries) = s1();
    let slot = Timestamp::from_seconds(SLOT);
    let check = |name: &str, wh: u64| {
        let certified = BTreeMap::from([(ConnectionPointId::derived(name), wh)]);
        check_certified(slot, &entries, &certified)
    };
    assert_eq!((check("S", 4200), check("B", 0)), (Ok(()), Ok(())));
    // The same energy certified again, say in another zone.
    let twice = check("S", 8400).unwrap_err();
    let point = ConnectionPointId::derived("S");
    let expected = Violation::I7Certified { point, slot, certified: 8400, exported: 4200 };
    assert_eq!((&twice, twice.rule(), twice.halts()), (&expected, "I7", false));
    assert!(check("S", 4201).is_err() && check("B", 1).is_err(), "and of who fed nothing in");
}

//! Days on measured homes, where the data is on this machine.
//! What holds of any data is tested on generated folders, everywhere.

use std::fs;

use billing::domain::verify::{Verdict, verify};

use crate::days::{check_identities, count};
use crate::program::{Place, text};

fn check(name: &str, arguments: &[&str], homes: u64, currency: &str) {
    let Some(folder) = testkit::data(name) else { return };
    let place = Place::new();
    let figures = place.days(&[&["--data", text(&folder)], arguments].concat());
    check_identities(&figures);
    assert_eq!((count(&figures, "homes"), count(&figures, "slots")), (homes, 96));
    assert_eq!(figures["currency"], currency);
    assert_eq!(count(&figures, "bills_verified"), homes);
    assert!(count(&figures, "import_wh") > 0 && count(&figures, "trades") > 0);
    every_bill_holds(&place);
}

/// Every bill that a demo wrote holds against the block that it wrote beside them.
pub fn every_bill_holds(place: &Place) {
    let (trust, bills) = (place.trust(), place.bills());
    assert!(!bills.is_empty());
    for bill in bills {
        let report = verify(&fs::read_to_string(&bill).unwrap(), Some(&trust));
        assert_eq!(report.verdict, Verdict::Holds, "{report}");
    }
}

#[test]
fn homes_measured_by_the_hour_trade_a_day() {
    check("load_citylearn17", &["--homes", "5", "--days", "1", "--pv-every", "2"], 5, "USD");
}

#[test]
fn a_community_measured_by_the_quarter_hour_trades_a_day() {
    check("load_gecad_ec250", &["--homes", "20"], 20, "EUR");
}

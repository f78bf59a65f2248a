//! Days on measured homes, where the data is there; where `WATTEX_SHARED` says so it has to be.
//! What holds of any data is tested on generated folders, everywhere.

use std::fs;
use std::path::PathBuf;

use billing::domain::verify::{Verdict, verify};

use crate::days::{check_identities, count};
use crate::program::{Place, tell, text};

/// The folder with this name among the measured data.
fn data(name: &str) -> Option<PathBuf> {
    let folder = testkit::shared().map(|shared| shared.join("data").join(name));
    let found = folder.filter(|folder| folder.is_dir());
    if found.is_none() {
        assert!(std::env::var_os("WATTEX_SHARED").is_none(), "{name} has to be there");
        tell(&format!("NOT CHECKED: no measured homes of {name} on this machine"));
    }
    found
}

fn check(name: &str, arguments: &[&str], homes: u64, currency: &str) {
    let Some(folder) = data(name) else { return };
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

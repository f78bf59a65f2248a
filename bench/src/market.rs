//! The market: the call auction against numpy and Polars, the continuous book against its peers,
//! zones with tight links, what mechanisms make of what books are worth, and orders through REST.

mod book;
mod efficiency;
mod entry;
mod orders;
mod uniform;
mod zonal;

use crate::report::{self, Part, Row};
use anyhow::Result;

const PARTS: [Part; 5] = [
    ("uniform", uniform::rows),
    ("book", book::rows),
    ("zonal", zonal::rows),
    ("efficiency", efficiency::rows),
    ("entry", entry::rows),
];

/// The rows of the parts whose name has `only` in it.
pub(crate) fn rows(only: &str) -> Result<Vec<Row>> {
    report::parts(&PARTS, only)
}

/// A small generator: the same seed gives the same book.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// A price between two, in n/Wh.
    fn price(&mut self, low: u64, high: u64) -> units::Price {
        let n = i64::try_from(low + self.below(high - low)).expect("prices of a bench fit");
        units::Price::from_n_per_wh(n)
    }
}

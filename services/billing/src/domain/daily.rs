//! A day of a community, held together: what meters said, what was settled, what was posted and
//! invoiced.
//!
//! ```text
//! meters ──────> intervals ─┐
//! contract ────> last runs ─┼── the journal's entries of the same slots and trades
//! invoices ────> dues ──────┘          9000 Suspense is to be empty
//! ```
//!
//! Invariant: where two of them differ and nothing is known to be on its way, the record says so.
//! Deliberately absent: which of them is right.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::B256;
use calendar::LocalDay;
use ids::ConnectionPointId;
use serde::{Deserialize, Serialize};
use units::Energy;
use utoipa::ToSchema;

use super::journal::{Book, PostedEnergy};
use super::reconcile::Metered;

/// What a UTC day of a community came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DayRecord {
    /// The UTC day.
    #[schema(value_type = String, format = "date")]
    pub day: LocalDay,
    /// Whether everything below adds up.
    pub in_order: bool,
    /// Intervals that meters reported, one of a connection point and slot.
    pub intervals: u64,
    /// What meters took from the grid, in Wh, by the newest version of each interval.
    pub metered_import_wh: u64,
    /// What meters fed in, in Wh.
    pub metered_export_wh: u64,
    /// What the journal has of the same connection points and slots, taken from the grid, in Wh.
    pub posted_import_wh: u64,
    /// The same, fed in.
    pub posted_export_wh: u64,
    /// Intervals that differ from the journal because a version waits for its runs, or came after
    /// the corrections.
    pub intervals_waiting: u64,
    /// Intervals that differ from the journal, and nobody knows why.
    pub intervals_apart: u64,
    /// Trades of the day that the contract has reconciled.
    pub trades: u64,
    /// What the contract says was delivered, by the last run of each, in Wh.
    pub delivered_wh: u64,
    /// What the journal's trades say was delivered, in Wh.
    pub posted_wh: u64,
    /// What the journal's energy accounts say was sold by the community's connection points, in Wh.
    pub sold_wh: u64,
    /// Trades of which the journal says something else than the contract.
    pub trades_apart: u64,
    /// Invoices that were held against the journal, the newest of the community, of any day.
    pub invoices: u64,
    /// Those of them whose posting, or correction, is to come.
    pub invoices_open: u64,
    /// What the others leave to be paid, in major units.
    pub invoiced: String,
    /// What the journal has of it, in major units.
    pub invoiced_posted: String,
    /// What nobody can explain, in major units, by currency; only currencies with any.
    pub suspense: BTreeMap<String, String>,
    /// Rules of the books that do not hold, and what of the day does not add up.
    pub violations: Vec<String>,
}

impl DayRecord {
    /// A day of which nothing is known yet.
    pub fn new(day: LocalDay) -> DayRecord {
        DayRecord {
            day,
            in_order: false,
            intervals: 0,
            metered_import_wh: 0,
            metered_export_wh: 0,
            posted_import_wh: 0,
            posted_export_wh: 0,
            intervals_waiting: 0,
            intervals_apart: 0,
            trades: 0,
            delivered_wh: 0,
            posted_wh: 0,
            sold_wh: 0,
            trades_apart: 0,
            invoices: 0,
            invoices_open: 0,
            invoiced: "0".to_owned(),
            invoiced_posted: "0".to_owned(),
            suspense: BTreeMap::new(),
            violations: Vec::new(),
        }
    }

    /// Adds what meters said of a slot, and what is posted of it. `waiting`: connection points of
    /// which a version is known to be kept apart.
    pub fn add_slot(
        &mut self,
        metered: &BTreeMap<ConnectionPointId, Metered>,
        posted: &BTreeMap<ConnectionPointId, PostedEnergy>,
        waiting: &BTreeSet<ConnectionPointId>,
    ) {
        for (point, said) in metered {
            let known = posted.get(point).copied().unwrap_or_default();
            self.intervals += 1;
            add(&mut self.metered_import_wh, said.import);
            add(&mut self.metered_export_wh, said.export);
            add(&mut self.posted_import_wh, known.import);
            add(&mut self.posted_export_wh, known.export);
            add(&mut self.sold_wh, known.sold);
            if (said.import, said.export) != (known.import, known.export) {
                match waiting.contains(point) {
                    true => self.intervals_waiting += 1,
                    false => self.intervals_apart += 1,
                }
            }
        }
    }

    /// Adds trades with what the contract's last runs say was delivered of them.
    pub fn add_runs(&mut self, runs: &BTreeMap<B256, Energy>, book: &Book) {
        for (trade, delivered) in runs {
            let posted = book.trade(trade).and_then(|trade| trade.runs.last());
            let posted = posted.map(|totals| totals.delivered);
            self.trades += 1;
            add(&mut self.delivered_wh, *delivered);
            add(&mut self.posted_wh, posted.unwrap_or_default());
            self.trades_apart += u64::from(posted != Some(*delivered));
        }
    }

    /// What of the day does not add up, in words that begin with `day`.
    pub fn questions(&self) -> Vec<String> {
        let day = self.day;
        let mut all = Vec::new();
        if self.intervals_apart > 0 {
            let count = self.intervals_apart;
            all.push(format!("day {day}: {count} intervals differ from the journal"));
        }
        if self.trades_apart > 0 {
            let count = self.trades_apart;
            all.push(format!("day {day}: {count} trades differ from the contract's last runs"));
        }
        if self.invoiced != self.invoiced_posted {
            let (said, posted) = (&self.invoiced, &self.invoiced_posted);
            all.push(format!("day {day}: invoices leave {said} to be paid, the journal {posted}"));
        }
        all
    }
}

fn add(sum: &mut u64, energy: Energy) {
    *sum = sum.saturating_add(energy.wh());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wh(import: u64, export: u64) -> Metered {
        Metered { import: Energy::from_wh(import), export: Energy::from_wh(export) }
    }

    fn posted(import: u64, export: u64) -> PostedEnergy {
        let [import, export] = [import, export].map(Energy::from_wh);
        PostedEnergy { import, export, sold: export }
    }

    #[test]
    fn intervals_that_differ_are_waited_for_or_asked_about() {
        let [same, late, lost, new] =
            ["same", "late", "lost", "new"].map(ConnectionPointId::derived);
        let metered = [(same, wh(5, 1)), (late, wh(7, 0)), (lost, wh(9, 0)), (new, wh(2, 0))];
        let known = [(same, posted(5, 1)), (late, posted(6, 0)), (lost, posted(8, 0))];
        let mut record = DayRecord::new("2026-06-01".parse().unwrap());
        record.add_slot(&metered.into(), &known.into(), &[late].into());
        assert_eq!((record.intervals, record.intervals_waiting, record.intervals_apart), (4, 1, 2));
        assert_eq!((record.metered_import_wh, record.posted_import_wh), (23, 19));
        assert_eq!((record.metered_export_wh, record.posted_export_wh, record.sold_wh), (1, 1, 1));
        assert_eq!(record.questions(), ["day 2026-06-01: 2 intervals differ from the journal"]);
    }

    #[test]
    fn a_run_that_is_not_in_the_journal_is_asked_about() {
        let mut record = DayRecord::new("2026-06-01".parse().unwrap());
        let runs = [(B256::repeat_byte(1), Energy::from_wh(7))].into();
        record.add_runs(&runs, &Book::default());
        assert_eq!((record.delivered_wh, record.posted_wh, record.trades_apart), (7, 0, 1));
        let asked = record.questions();
        assert_eq!(asked, ["day 2026-06-01: 1 trades differ from the contract's last runs"]);
    }
}

//! Proves a bill, offline, from what the customer holds and one block that the customer trusts.
//!
//! ```text
//! trusted block ── state root ──┬─ MeterRegistry ── meter key ──── signatures of the readings
//!                               ├─ ReadingAnchor ── day root ───── the readings of each day
//!                               ├─ EnergyMarket ─── day digest ─── trades, prices, deliveries
//!                               └─ RecordAnchor ─┬─ tariff, the version in force all the period
//!                                                ├─ invoice, the only one of these days
//!                                                └─ the one before, which carried something on
//! readings -> intervals ─┐
//! trades -> deliveries ──┼─ bill::rate ── every line again ── compared with the invoice
//! tariff ────────────────┘
//! ```
//!
//! Invariants: nothing in a file is believed that is not proved, bound by the invoice's hash, or
//! recomputed; a file has one form only (unknown fields, spare proof nodes and other spellings are
//! refused), so a changed digit anywhere makes the verification fail and names what it supports.
//! Without a trusted block the answer is *unanchored*, never *holds*.
//! What the contract settled is held against the account's own meter in both directions.
//! Not proved, and said so: the neighbour's meter (the contract attests it), slots whose energy was
//! shared out of a longer span, and that the grid was curtailed (the operator's word).

mod anchors;
mod corrected;
mod curtailed;
mod export;
mod file;
mod late;
mod locate;
mod meter;
mod records;
mod report;
mod state;
mod trades;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use alloy_primitives::{Address, B256};
use calendar::{LocalDay, Timestamp};
use chain::Header;
use chain::light::verify_ancestor;
use chain::mmr::Path;
use events::identity::Custody;
use reading::Reading;

pub use anchors::{
    ANCHORS_FORMAT, AnchorsFile, BATCH_ENTRIES_MAX, BATCH_NUMBER_MAX, EntryProof, JournalBatch,
    entries_tree, journal_subject,
};
pub use corrected::{CORRECTION_FORMAT, CorrectionFile, evidence_in};
pub use export::{Alone, DigestEntry, IssueError, alone, day_trades, issue, traded};
pub use file::{
    Before, BillFile, ChainRef, CompactReading, DayEvidence, DayTrades, Entries, Evidence, FORMAT,
    Later, TariffRef, Trust, TrustedBlock, tariff_key,
};
pub use report::{About, Finding, LineReport, Report, Status, Verdict};
pub use state::{Need, needs};
pub use trades::utc_days;

use super::bill::{self, Facts, Line, Period, Traded, Used};
use super::correction;
use late::{Anchored, Metered};
use report::{Doubtful, Supports};
use state::State;

/// Verifies a bill file, or that of a correction. `trust` pins the chain and one block; without it
/// nothing is anchored.
pub fn verify(text: &str, trust: Option<&Trust>) -> Report {
    if corrected::is_one(text) {
        return corrected::verify(text, trust);
    }
    match file::read(text) {
        Ok(bill) => Verifier::new(&bill, trust).run(),
        Err(unreadable) => Report::unreadable(text, unreadable.part, unreadable.reason),
    }
}

/// What was learnt on the way, and what was wrong.
struct Verifier<'a> {
    bill: &'a BillFile,
    trust: Option<&'a Trust>,
    /// What the bill is the right one of, where it is verified for a correction.
    corrected: Option<&'a CorrectionFile>,
    state: State,
    /// When the last trade of the period can be corrected no more.
    open_until: Timestamp,
    /// The same, slot by slot.
    closing: BTreeMap<Timestamp, Timestamp>,
    /// Slots of trades that were cut after the invoice was rated.
    cut: BTreeSet<Timestamp>,
    /// When each page was put on chain.
    anchored: BTreeMap<u32, Anchored>,
    /// The first day of the account that was not billed before; zero where none was.
    unbilled_since: u32,
    /// When the invoice that is corrected was anchored: a tariff that came later was not in force.
    /// Of a bill, none came later.
    invoiced_at: u64,
    /// Whether what the invoice before carries over is the chain's.
    previous_holds: bool,
    /// Whether the reading that the period begins with is of the meter's owner before.
    was_anothers: bool,
    findings: Vec<Finding>,
}

impl<'a> Verifier<'a> {
    fn new(bill: &'a BillFile, trust: Option<&'a Trust>) -> Self {
        let header = header(&bill.evidence.header);
        let root = header.map_or(B256::ZERO, |header| header.state_root);
        let state = State::new(root, &bill.evidence.nodes);
        Verifier {
            bill,
            trust,
            corrected: None,
            state,
            open_until: Timestamp::from_seconds(0),
            closing: BTreeMap::new(),
            cut: BTreeSet::new(),
            anchored: BTreeMap::new(),
            unbilled_since: 0,
            invoiced_at: u64::MAX,
            previous_holds: false,
            was_anothers: false,
            findings: Vec::new(),
        }
    }

    /// Every word of state that the verification reads, whatever it finds.
    fn asked(mut self) -> Vec<(Address, B256)> {
        self.check_state();
        self.state.into_asked()
    }

    /// Whether the invoice is of days that one can be of. Beyond them every check would go on for
    /// as long as whoever wrote the file likes.
    fn has_days(&self) -> bool {
        let Period { from, to } = self.bill.invoice.period;
        let days = to.next().number().saturating_sub(from.number());
        from.number() > 0 && from <= to && days <= tariff::DAYS_MAX
    }

    /// The checks that read the state.
    fn check_state(&mut self) -> Option<Vec<Traded>> {
        if !self.has_days() {
            return None;
        }
        match self.corrected {
            None => self.check_record_of_invoice(),
            Some(file) => self.check_records_of_correction(file),
        }
        self.check_previous();
        self.check_previous_corrected();
        self.check_tariff();
        self.check_meter();
        let trades = self.check_trades();
        self.check_final();
        trades
    }

    /// The block is one after which no trade of the period can be settled or corrected.
    fn check_final(&mut self) {
        let Some(header) = header(&self.bill.evidence.header) else { return };
        let last = self.open_until.max(self.within().end);
        if header.timestamp < last.unsigned() {
            let at = Timestamp::from_seconds(header.timestamp.cast_signed());
            let reason = format!("it is of {at}; until {last} trades of the period can change");
            self.fail("evidence.header", Supports::All, reason);
        }
    }

    /// The invoice's period, in the tariff's time zone.
    fn within(&self) -> Range<Timestamp> {
        let zone = &self.bill.evidence.tariff.head().timezone;
        let period = self.bill.invoice.period;
        zone.start_of(period.from)..zone.start_of(period.to.next())
    }

    fn run(mut self) -> Report {
        self.check_format();
        if !self.has_days() {
            let reason = "no invoice is of these days";
            self.fail("invoice.period", Supports::All, reason);
            let unknown = vec![report::Signed::default(); self.bill.invoice.lines.len()];
            let trusted = self.trust.is_some();
            return Report::new(self.bill, self.findings, Vec::new(), trusted, &unknown);
        }
        self.check_chain();
        let mut trades = self.check_state();
        self.check_curtailed(trades.as_deref_mut().unwrap_or_default());
        let metered = self.metered(trades.as_deref().unwrap_or_default());
        let mut late = BTreeSet::new();
        if let (Some(metered), Some(trades)) = (&metered, &trades) {
            late = self.check_settled(metered, trades);
            self.check_lines(metered, trades);
        }
        self.check_leftovers();
        let quality = self.quality(metered.as_ref(), trades.as_deref(), late);
        let notes = self.notes();
        Report::new(self.bill, self.findings, notes, self.trust.is_some(), &quality)
    }

    fn fail(&mut self, part: impl Into<String>, supports: Supports, reason: impl Into<String>) {
        let lines = supports.lines(&self.bill.invoice);
        let (part, reason) = (part.into(), reason.into());
        self.findings.push(Finding { part, lines, reason, about: About::File });
    }

    /// What the contract settled is wrong, by the account's own meter: the file proves it.
    fn fail_settled(&mut self, reason: String) {
        let lines = Supports::Metered.lines(&self.bill.invoice);
        let part = "evidence.trades".to_owned();
        self.findings.push(Finding { part, lines, reason, about: About::Settlement });
    }

    fn check_format(&mut self) {
        if self.bill.format != FORMAT {
            self.fail("format", Supports::All, format!("this is not a {FORMAT} file"));
        }
    }

    /// The header of the state, and the block that is trusted.
    fn check_chain(&mut self) {
        let evidence = &self.bill.evidence;
        let Some(header) = header(&evidence.header) else {
            return self.fail("evidence.header", Supports::All, "this is not a block header");
        };
        let path = Path { index: 0, count: header.number, siblings: evidence.genesis.clone() };
        if !verify_ancestor(&header, evidence.chain.genesis, &path) {
            let reason = "the block does not descend from the genesis block";
            self.fail("evidence.genesis", Supports::All, reason);
        }
        let Some(trust) = self.trust else { return };
        if evidence.chain != trust.chain {
            let reason = "this is another chain, or other contracts, than the trusted ones";
            self.fail("evidence.chain", Supports::All, reason);
        }
        if let Err((part, reason)) = anchored(&header, evidence.later.as_ref(), &trust.block) {
            self.fail(part, Supports::All, reason);
        }
    }

    /// Every line again, from what was proved.
    fn check_lines(&mut self, metered: &Metered, trades: &[Traded]) {
        let invoice = &self.bill.invoice;
        if self.is_cancelled() {
            if *invoice != correction::cancelled(invoice) {
                let reason = "an invoice that is taken back has no lines, and comes to nothing";
                self.fail("correction.right", Supports::All, reason);
            }
            return;
        }
        let facts = Facts {
            period: invoice.period,
            tariff: &self.bill.evidence.tariff,
            slot_length: invoice.slot_minutes,
            used: &metered.billed,
            trades,
            // What is not the chain's is nothing to rate from.
            before: self.bill.evidence.carried().filter(|_| self.previous_holds),
        };
        let rated = match bill::rate(&facts) {
            Ok(rated) => rated,
            Err(error) => {
                return self.fail("evidence.trades", Supports::Metered, error.to_string());
            }
        };
        for place in 0..invoice.lines.len().max(rated.lines.len()) {
            let (shown, right) = (invoice.lines.get(place), rated.lines.get(place));
            if let Some(reason) = difference(shown, right) {
                self.fail(format!("invoice.lines[{place}]"), Supports::Line(place), reason);
            }
        }
        for (field, shown, right) in [
            ("total", invoice.total, rated.total),
            ("paid", invoice.paid, rated.paid),
            ("due", invoice.due, rated.due),
        ] {
            if shown != right {
                let reason = format!("it says {shown}, recomputed it is {right}");
                self.fail(format!("invoice.{field}"), Supports::All, reason);
            }
        }
        if invoice.carried != rated.carried {
            let reason = "what goes on to the next invoice is not what was recomputed";
            self.fail("invoice.carried", Supports::Rated, reason);
        }
        let right = metered.of_readings(trades);
        for (field, shown, right) in [
            ("late_readings", invoice.late_readings, right.late),
            ("relayed_readings", invoice.relayed_readings, right.relayed),
        ] {
            if shown != right {
                let reason = format!("it says {shown}, recomputed it is {right}");
                self.fail(format!("invoice.{field}"), Supports::All, reason);
            }
        }
        let terms = self.bill.evidence.tariff.head();
        let same =
            terms.currency == invoice.currency && terms.currency_digits == invoice.currency_digits;
        if !same {
            self.fail("invoice.currency", Supports::All, "it is not the tariff's currency");
        }
    }

    fn check_leftovers(&mut self) {
        for place in self.state.unused() {
            let part = format!("evidence.nodes[{place}]");
            self.fail(part, Supports::All, "this proof node proves nothing that the bill needs");
        }
    }

    /// What nothing here can prove, in words for the customer.
    fn notes(&self) -> Vec<String> {
        let (invoice, evidence) = (&self.bill.invoice, &self.bill.evidence);
        let mut notes = Vec::new();
        if invoice.custody == Custody::Held {
            let note = "the operator holds this account's key: what is proved holds against errors \
                        and against others, not against the operator";
            notes.push(note.to_owned());
        }
        if let Some(version) = evidence.key_versions.iter().find(|version| **version > 1) {
            notes.push(format!("the meter was registered anew: key {version} signed readings"));
        }
        let anew = self.was_anothers || evidence.key_versions.first() > Some(&1);
        let is_first = self.unbilled_since == 0 && evidence.previous.is_none();
        if anew && is_first && evidence.tariff.carries() {
            let note = "the meter was registered before, perhaps for another address: what a bill \
                        there carried over is not shown, and not counted";
            notes.push(note.to_owned());
        }
        if (1..invoice.period.from.number()).contains(&self.unbilled_since) {
            let since = LocalDay::from_number(self.unbilled_since);
            notes.push(format!("the days from {since} to before this bill were never billed"));
        }
        if invoice.late_readings > 0 {
            notes.push(format!(
                "{} readings of the meter were put on chain after the trades that they contradict \
                 could be corrected no more: they are in this file, what was paid stands",
                invoice.late_readings
            ));
        }
        if invoice.relayed_readings > 0 {
            notes.push(format!(
                "the meter does not sign: a gateway signed {} readings for it, and that it showed \
                 them is the gateway's own word",
                invoice.relayed_readings
            ));
        }
        if !invoice.curtailed.is_empty() {
            notes.push(format!(
                "in {} slots nobody owes for what was missing of trades, because the grid was \
                 curtailed: that it was is the operator's word, which no meter shows",
                invoice.curtailed.len()
            ));
        }
        if self.is_retariffed() {
            let note = "the invoice was cancelled and is issued anew with another tariff, by the \
                        word of two of the staff: it may have been put on chain after the period \
                        had begun, and trades were settled with the prices of the one before";
            notes.push(note.to_owned());
        }
        if !self.cut.is_empty() {
            notes.push(format!(
                "in {} slots a challenge cut trades after the invoice was rated: a correction says \
                 what that changes",
                self.cut.len()
            ));
        }
        if self.trust.is_some_and(|trust| trust.tariff.is_none()) {
            let id = &evidence.tariff.head().id;
            notes.push(format!("that tariff {id} is yours is the bill's own word"));
        }
        notes
    }

    /// Slots that rest on less than two signed readings, for each line. `late`: those that a late
    /// reading concerns.
    fn quality(
        &self,
        metered: Option<&Metered>,
        trades: Option<&[Traded]>,
        late: BTreeSet<Timestamp>,
    ) -> Vec<report::Signed> {
        let (invoice, evidence) = (&self.bill.invoice, &self.bill.evidence);
        let none: BTreeMap<Timestamp, Used> = BTreeMap::new();
        let facts = Facts {
            period: invoice.period,
            tariff: &evidence.tariff,
            slot_length: invoice.slot_minutes,
            used: metered.map_or(&none, |metered| &metered.billed),
            trades: trades.unwrap_or_default(),
            before: None,
        };
        let doubtful = Doubtful { late, ..self.doubtful() };
        invoice.lines.iter().map(|line| report::signed(line, &facts, &doubtful)).collect()
    }

    /// Where the meter's own readings leave a doubt.
    fn doubtful(&self) -> Doubtful {
        let readings: Vec<Reading> = self.readings().iter().map(|signed| signed.reading).collect();
        let flagged = readings.iter().filter(|reading| reading.status.is_doubtful());
        // Where a page between two readings was kept back, a slot is longer than it says.
        let next = |pair: &&[Reading]| pair[0].page.checked_add(1) == Some(pair[1].page);
        let skipped = readings.windows(2).filter(|pair| !next(pair));
        Doubtful {
            flagged: flagged.map(|reading| reading.time).collect(),
            skipped: skipped.map(|pair| pair[1].time).collect(),
            late: BTreeSet::new(),
            curtailed: self.bill.invoice.curtailed.iter().map(|one| one.slot).collect(),
        }
    }
}

fn header(rlp: &[u8]) -> Option<Header> {
    alloy_rlp::decode_exact(rlp).ok()
}

type Part = (&'static str, &'static str);

/// The header is the trusted block's, or that of an earlier block on its branch.
fn anchored(header: &Header, later: Option<&Later>, block: &TrustedBlock) -> Result<(), Part> {
    let hash = header.hash();
    let Some(later) = later else {
        let same = hash == block.hash && header.number == block.number;
        return if same { Ok(()) } else { Err(("evidence.header", "it is not the trusted block")) };
    };
    let Some(trusted) = self::header(&later.header) else {
        return Err(("evidence.later.header", "this is not a block header"));
    };
    if trusted.hash() != block.hash || trusted.number != block.number {
        return Err(("evidence.later.header", "it is not the trusted block"));
    }
    let path = Path { index: header.number, count: trusted.number, siblings: later.path.clone() };
    if verify_ancestor(&trusted, hash, &path) {
        Ok(())
    } else {
        Err(("evidence.later.path", "the trusted block does not descend from the bill's block"))
    }
}

/// In what a shown line differs from the right one.
fn difference(shown: Option<&Line>, right: Option<&Line>) -> Option<String> {
    let (shown, right) = match (shown, right) {
        (Some(shown), Some(right)) => (shown, right),
        (Some(_), None) => return Some("recomputed, there is no such line".to_owned()),
        (None, Some(right)) => return Some(format!("recomputed, there is a line {}", right.label)),
        (None, None) => return None,
    };
    let says = |field: &str, shown: &dyn ToString, right: &dyn ToString| {
        let (shown, right) = (shown.to_string(), right.to_string());
        Some(format!("its {field} is {shown}, recomputed it is {right}"))
    };
    if shown == right {
        None
    } else if shown.class != right.class || shown.label != right.label {
        says("subject", &shown.label, &right.label)
    } else if shown.amount != right.amount {
        says("amount", &shown.amount, &right.amount)
    } else if shown.exact != right.exact {
        says("exact amount", &shown.exact, &right.exact)
    } else {
        Some("its formula or inputs are not those it was computed from".to_owned())
    }
}

#[cfg(test)]
mod tests;

//! Proves a correction: what the invoice should have been follows from facts that the chain has
//! now, what was billed is bound by hashes on chain, and the correction is the difference.

use std::collections::BTreeSet;

use alloy_primitives::{B256, Bytes};
use serde::{Deserialize, Serialize};

use super::report::Supports;
use super::state::Need;
use super::{BillFile, Evidence, LineReport, Report, Status, Trust, Verifier, file, state};
use crate::domain::bill::Invoice;
use crate::domain::correction::{Cause, Correction, differences, standing, subject};

/// What the file of a correction calls its own form.
pub const CORRECTION_FORMAT: &str = "wattex-correction/1";

/// A correction with all that proves it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorrectionFile {
    /// [`CORRECTION_FORMAT`].
    pub format: String,
    /// The correction as it was issued.
    pub correction: Correction,
    /// The invoice that it corrects, as it was issued.
    pub invoice: Invoice,
    /// The correction before, where there is one. Left out else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Box<Correction>>,
    /// What the invoice should have rested on.
    pub evidence: Evidence,
}

impl CorrectionFile {
    /// A file that lacks its proof nodes.
    pub fn new(
        correction: Correction,
        invoice: Invoice,
        last: Option<Correction>,
        evidence: Evidence,
    ) -> CorrectionFile {
        let (format, last) = (CORRECTION_FORMAT.to_owned(), last.map(Box::new));
        CorrectionFile { format, correction, invoice, last, evidence }
    }

    /// The one text of this file.
    pub fn canonical_json(&self) -> String {
        serde_json::to_string(self).expect("the file of a correction is plain data")
    }

    /// Every word of state that its verification reads, as [`super::needs`] of a bill.
    pub fn needs(&self) -> Vec<Need> {
        state::needed(Verifier::of_correction(self, &self.bill(), None).asked())
    }

    /// The file with these proof nodes, each once.
    #[must_use]
    pub fn with_nodes(mut self, nodes: impl IntoIterator<Item = Bytes>) -> CorrectionFile {
        self.evidence = self.bill().with_nodes(nodes).evidence;
        self
    }

    /// The bill that should have been issued.
    fn bill(&self) -> BillFile {
        BillFile::new(self.correction.right.clone(), self.evidence.clone())
    }
}

/// Whether a text says that it is the file of a correction.
pub(super) fn is_one(text: &str) -> bool {
    text.starts_with(&format!("{{\"format\":\"{CORRECTION_FORMAT}\""))
}

/// What a bill file, or that of a correction, says that it rests on.
///
/// # Errors
/// Where the text is neither.
pub fn evidence_in(text: &str) -> serde_json::Result<Evidence> {
    if is_one(text) {
        return serde_json::from_str(text).map(|file: CorrectionFile| file.evidence);
    }
    serde_json::from_str(text).map(|bill: BillFile| bill.evidence)
}

/// Verifies the file of a correction.
pub(super) fn verify(text: &str, trust: Option<&Trust>) -> Report {
    let canonical = CorrectionFile::canonical_json;
    let file: CorrectionFile = match file::spelt(text, canonical) {
        Ok(file) => file,
        Err(unreadable) => return Report::unreadable(text, unreadable.part, unreadable.reason),
    };
    let bill = file.bill();
    let report = Verifier::of_correction(&file, &bill, trust).run();
    shown(&file, report)
}

impl<'a> Verifier<'a> {
    fn of_correction(
        file: &'a CorrectionFile,
        bill: &'a BillFile,
        trust: Option<&'a Trust>,
    ) -> Verifier<'a> {
        Verifier { corrected: Some(file), ..Verifier::new(bill, trust) }
    }

    /// The invoice, the correction and the one before are those on chain, and follow each other.
    pub(super) fn check_records_of_correction(&mut self, file: &CorrectionFile) {
        let CorrectionFile { correction, invoice, last, .. } = file;
        let records = self.bill.evidence.chain.contracts.records;
        let from = invoice.period.from.number();
        match self.state.invoice(records, (invoice.address, invoice.meter), from) {
            Ok(record) if record.hash != invoice.hash() => {
                self.fail("invoice", Supports::All, "its hash is not the one the chain holds");
            }
            Ok(record) => {
                (self.unbilled_since, self.invoiced_at) = (record.since, record.time);
            }
            Err(error) => {
                self.fail("invoice", Supports::All, format!("its record is not proved: {error}"));
            }
        }
        self.check_place("correction", (correction.place, correction.hash()), invoice);
        if let Some(last) = last {
            self.check_place("last", (last.place, last.hash()), invoice);
        }
        let (hash, number) = (invoice.hash(), &invoice.number);
        let ours = |of: &Correction| of.corrects.hash == hash && of.corrects.number == *number;
        if !ours(correction) || last.as_ref().is_some_and(|last| !ours(last)) {
            self.fail("correction.corrects", Supports::All, "it corrects another invoice");
        }
        let before = last.as_ref().map_or((0, hash), |last| (last.place, last.hash()));
        if (before.0.saturating_add(1), before.1) != (correction.place, correction.previous) {
            let reason = "it does not follow the document before it";
            self.fail("correction.previous", Supports::All, reason);
        }
        self.check_differences(file);
    }

    /// A document is the correction of the invoice that the chain holds in this place.
    fn check_place(&mut self, part: &str, (place, hash): (u32, B256), invoice: &Invoice) {
        let records = self.bill.evidence.chain.contracts.records;
        match self.state.invoice(records, subject(invoice), place) {
            Ok(record) if record.hash != hash || record.to != place => {
                self.fail(part, Supports::All, "its hash is not the one the chain holds");
            }
            Ok(_) => {}
            Err(error) => {
                self.fail(part, Supports::All, format!("its record is not proved: {error}"));
            }
        }
    }

    /// The correction is the difference of what was billed and what is right.
    fn check_differences(&mut self, file: &CorrectionFile) {
        let CorrectionFile { correction, invoice, last, .. } = file;
        let (before, right) = (standing(invoice, last.as_deref()), &correction.right);
        if !is_of(invoice, right) {
            let reason = "it is of another account, meter or period than the invoice";
            self.fail("correction.right", Supports::All, reason);
        }
        if correction.cause == Cause::Facts && right.tariff != before.tariff {
            let reason = "a tariff is changed only where the invoice is cancelled";
            self.fail("correction.right", Supports::Rated, reason);
        }
        let expected = differences(&before.lines, &right.lines).ok();
        if expected.as_ref() != Some(&correction.lines) {
            let reason = "they are not the differences of what was billed and what is right";
            self.fail("correction.lines", Supports::All, reason);
        }
        for (field, shown, parts) in [
            ("total", correction.total, (right.total, before.total)),
            ("paid", correction.paid, (right.paid, before.paid)),
            ("due", correction.due, (right.due, before.due)),
        ] {
            if parts.0.minus(parts.1) != Ok(shown) {
                let reason = format!("it says {shown}, from {} to {}", parts.1, parts.0);
                self.fail(format!("correction.{field}"), Supports::All, reason);
            }
        }
    }

    /// Whether it is of an invoice that is taken back.
    pub(super) fn is_cancelled(&self) -> bool {
        self.corrected.is_some_and(|file| file.correction.cause == Cause::Cancelled)
    }

    /// Whether it is rated with another tariff than the invoice was: one that two of the staff put
    /// in its place later.
    pub(super) fn is_retariffed(&self) -> bool {
        self.corrected.is_some_and(|file| file.correction.right.tariff != file.invoice.tariff)
    }
}

/// Whether `right` is of the invoice's account and days: all but what follows from facts is the
/// invoice's.
fn is_of(invoice: &Invoice, right: &Invoice) -> bool {
    let moved = Invoice {
        tariff: right.tariff,
        currency: right.currency.clone(),
        currency_digits: right.currency_digits,
        lines: right.lines.clone(),
        total: right.total,
        paid: right.paid,
        due: right.due,
        late_readings: right.late_readings,
        relayed_readings: right.relayed_readings,
        curtailed: right.curtailed.clone(),
        carried: right.carried.clone(),
        ..invoice.clone()
    };
    moved == *right
}

/// The report of what is right, as one of the correction: each of its lines is as well known as
/// the line that is right.
fn shown(file: &CorrectionFile, report: Report) -> Report {
    let correction = &file.correction;
    let right = &correction.right.lines;
    let mut taken = BTreeSet::new();
    let mut numbers = vec![Vec::new(); report.lines.len()];
    let mut lines = Vec::with_capacity(correction.lines.len());
    for (place, line) in correction.lines.iter().enumerate() {
        let same = |at: &usize| {
            right[*at].class == line.class && right[*at].label == line.label && !taken.contains(at)
        };
        let of = (0..right.len().min(numbers.len())).find(same);
        if let Some(of) = of {
            taken.insert(of);
            numbers[of].push(place + 1);
        }
        let known = of.and_then(|of| report.lines.get(of));
        let (status, reason) = match known {
            Some(known) => (known.status, known.reason.clone()),
            None => gone(&report),
        };
        let reason = format!("{} becomes {}: {reason}", line.before, line.right);
        let (label, amount) = (line.label.clone(), line.amount);
        lines.push(LineReport { number: place + 1, label, amount, status, reason });
    }
    let mut findings = report.findings;
    for finding in &mut findings {
        let of = finding.lines.iter().filter_map(|number| numbers.get(number.wrapping_sub(1)));
        finding.lines = of.flatten().copied().collect();
    }
    let corrects = &correction.corrects.number;
    let mut notes = vec![format!(
        "it corrects invoice {corrects}, whose total becomes {}; what {corrects} rested on is \
         proved by its own bill file",
        correction.right.total
    )];
    notes.extend(report.notes);
    Report {
        number: correction.number.clone(),
        hash: correction.hash(),
        due: correction.due,
        lines,
        findings,
        notes,
        ..report
    }
}

/// How well it is known that a line is not there.
fn gone(report: &Report) -> (Status, String) {
    let words = |text: &str| text.to_owned();
    match report.verdict {
        super::Verdict::Holds => (Status::Proved, words("recomputed, there is no such line")),
        super::Verdict::Unanchored => (Status::Unanchored, words("no trusted block was given")),
        _ => (Status::Failed, words("what it rests on is wrong")),
    }
}

//! What an invoice should have been, as a document of its own: nothing that was issued is changed.
//!
//! ```text
//! invoice ─────> right of 1 ─────> right of 2 ...   the period rated again, by the same code
//!    └─ correction 1 ─┘└─ correction 2 ─┘           the difference of each line
//! ```
//!
//! Invariants: an invoice and its corrections come to what a fresh run over the facts of the last
//! one gives, to the last unit; each correction names the hash of the document before it, so that
//! none can be left out or put in between. Absent: when one is made, and of which facts.

use alloy_primitives::{Address, B256, keccak256};
use ids::{DisputeId, MeterId};
use serde::{Deserialize, Serialize};
use units::{Money, Overflow};
use uuid::Uuid;

use super::bill::{Class, Invoice, Line};

/// What changes within this time after the first change is corrected at once.
pub const GATHER_SECONDS: i64 = 24 * 3_600;
/// What has changed is corrected within this time, or the audit says so.
pub const DEADLINE_SECONDS: i64 = 14 * 86_400;
/// How long a correction waits that cannot be made yet.
pub const RETRY_SECONDS: i64 = 600;
/// Corrections of one tick, at most.
pub const PER_TICK_MAX: u32 = 50;
/// How a correction's number begins.
pub const NUMBER_PREFIX: &str = "COR-";

/// Why a correction was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Readings came or changed, a trade was cut, or what the period before carries on changed.
    Facts,
    /// The invoice is taken back as a whole; what it should have been follows.
    Cancelled,
    /// What a cancelled invoice should have been.
    Anew,
}

impl Cause {
    /// The name in events and answers.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Facts => "facts",
            Cause::Cancelled => "cancelled",
            Cause::Anew => "anew",
        }
    }
}

/// What a correction is to who receives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The total falls (381).
    CreditNote,
    /// The total rises (380).
    Invoice,
    /// Lines differ, the total does not (384).
    Corrected,
}

impl Kind {
    /// The name in events and answers.
    pub fn name(self) -> &'static str {
        match self {
            Kind::CreditNote => "credit_note",
            Kind::Invoice => "invoice",
            Kind::Corrected => "corrected",
        }
    }
}

/// A document that is corrected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Corrects {
    /// Its number.
    pub number: String,
    /// Its hash, as anchored.
    pub hash: B256,
}

/// By how much a line changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// What for.
    pub class: Class,
    /// What the customer reads.
    pub label: String,
    /// The amount before; zero where there was no such line.
    pub before: Money,
    /// The amount that is right; zero where there is no such line.
    pub right: Money,
    /// The difference of the exact amounts.
    pub exact: Money,
    /// The difference of the amounts.
    pub amount: Money,
}

impl Difference {
    fn of(before: Option<&Line>, right: Option<&Line>) -> Result<Difference, Overflow> {
        let exact = |line: Option<&Line>| line.map_or(Money::ZERO, |line| line.exact);
        let amount = |line: Option<&Line>| line.map_or(Money::ZERO, |line| line.amount);
        let (class, label) = right
            .or(before)
            .map_or((Class::Fixed, String::new()), |line| (line.class, line.label.clone()));
        Ok(Difference {
            class,
            label,
            before: amount(before),
            right: amount(right),
            exact: exact(right).minus(exact(before))?,
            amount: amount(right).minus(amount(before))?,
        })
    }
}

/// Where a correction belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// `COR-<year>-<n>`.
    pub number: String,
    /// 32 random bytes.
    pub salt: B256,
    /// Why.
    pub cause: Cause,
    /// The dispute that it follows from.
    pub dispute: Option<DisputeId>,
}

/// A correction as it was issued. Its hash is what the chain holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// `COR-<year>-<n>`, gap-free within a year.
    pub number: String,
    /// What hides the correction behind its hash from who guesses.
    pub salt: B256,
    /// The invoice.
    pub corrects: Corrects,
    /// Its place among the corrections of the invoice, from 1.
    pub place: u32,
    /// The hash of the document before: the invoice, or the correction in the place before.
    pub previous: B256,
    /// Why.
    pub cause: Cause,
    /// The dispute that it follows from. Left out where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<DisputeId>,
    /// What differs from the document before, in the order of a bill.
    pub lines: Vec<Difference>,
    /// By how much the total changes.
    pub total: Money,
    /// By how much what the chain has moved changes, rounded.
    pub paid: Money,
    /// By how much what is to be paid changes; a credit is negative.
    pub due: Money,
    /// What the invoice should have been, under the invoice's own number and salt.
    pub right: Invoice,
}

impl Correction {
    /// What makes `right` of `invoice` and of `last`, its correction before.
    ///
    /// # Errors
    /// When an amount does not fit.
    pub fn of(
        heading: Heading,
        invoice: &Invoice,
        last: Option<&Correction>,
        right: Invoice,
    ) -> Result<Correction, Overflow> {
        let before = standing(invoice, last);
        Ok(Correction {
            number: heading.number,
            salt: heading.salt,
            corrects: Corrects { number: invoice.number.clone(), hash: invoice.hash() },
            place: last.map_or(0, |last| last.place).checked_add(1).ok_or(Overflow)?,
            previous: last.map_or_else(|| invoice.hash(), Correction::hash),
            cause: heading.cause,
            dispute: heading.dispute,
            lines: differences(&before.lines, &right.lines)?,
            total: right.total.minus(before.total)?,
            paid: right.paid.minus(before.paid)?,
            due: right.due.minus(before.due)?,
            right,
        })
    }

    /// What it is to who receives it.
    pub fn kind(&self) -> Kind {
        match self.total.cmp(&Money::ZERO) {
            std::cmp::Ordering::Less => Kind::CreditNote,
            std::cmp::Ordering::Greater => Kind::Invoice,
            std::cmp::Ordering::Equal => Kind::Corrected,
        }
    }

    /// The one text of this correction: its fields in order, no spaces.
    pub fn canonical_json(&self) -> String {
        serde_json::to_string(self).expect("a correction is plain data")
    }

    /// What the chain holds: keccak-256 of [`Correction::canonical_json`].
    pub fn hash(&self) -> B256 {
        keccak256(self.canonical_json())
    }
}

/// What an invoice is after its last correction.
pub fn standing<'a>(invoice: &'a Invoice, last: Option<&'a Correction>) -> &'a Invoice {
    last.map_or(invoice, |last| &last.right)
}

/// Whether `right` comes to something else than `before`, or leaves something else to the next
/// invoice.
pub fn is_changed(before: &Invoice, right: &Invoice) -> bool {
    let lines = differences(&before.lines, &right.lines);
    let carried = before.carried != right.carried;
    carried || before.tariff != right.tariff || lines.map_or(true, |lines| !lines.is_empty())
}

/// An invoice that is taken back: nothing is left of its lines.
pub fn cancelled(invoice: &Invoice) -> Invoice {
    Invoice {
        lines: Vec::new(),
        total: Money::ZERO,
        paid: Money::ZERO,
        due: Money::ZERO,
        late_readings: 0,
        relayed_readings: 0,
        carried: None,
        ..invoice.clone()
    }
}

/// Under which account and meter the chain holds the corrections of an invoice, each as the invoice
/// of the day that its place numbers. Nobody sees in them whose they are who does not know the
/// invoice.
pub fn subject(invoice: &Invoice) -> (Address, MeterId) {
    let name = keccak256([&b"WCR1"[..], &invoice.hash().0, &invoice.salt.0].concat());
    let mut meter = [0; 16];
    meter.copy_from_slice(&name[..16]);
    (Address::from_word(name), MeterId::from_uuid(Uuid::from_bytes(meter)))
}

/// By how much lines differ; those that do not are left out. Lines of one class and label are
/// compared in their order.
///
/// # Errors
/// When an amount does not fit.
pub fn differences(before: &[Line], right: &[Line]) -> Result<Vec<Difference>, Overflow> {
    let mut left: Vec<Option<&Line>> = before.iter().map(Some).collect();
    let mut all = Vec::with_capacity(right.len());
    for line in right {
        let same = |known: &Line| known.class == line.class && known.label == line.label;
        let place = left.iter_mut().find(|place| place.is_some_and(same));
        all.push(Difference::of(place.and_then(Option::take), Some(line))?);
    }
    for gone in left.into_iter().flatten() {
        all.push(Difference::of(Some(gone), None)?);
    }
    all.retain(|one| one.exact != Money::ZERO || one.amount != Money::ZERO);
    all.sort_by_key(|one| one.class);
    Ok(all)
}

//! What a verification found, line by line.

use std::collections::BTreeSet;
use std::fmt;

use alloy_primitives::{Address, B256};
use calendar::{Slot, Timestamp};
use reading::Quality;
use serde::Serialize;
use units::Money;

use super::BillFile;
use crate::domain::bill::{Class, Facts, Invoice, Line, Settled, Side, rests_on};

/// The answer as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every line is proved or attested, or says that it was estimated.
    Holds,
    /// Something is wrong.
    Failed,
    /// Nothing is wrong in itself, but no trusted block says that it is true.
    Unanchored,
    /// The file is not a bill file.
    Unreadable,
}

/// How well a line is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// From the customer's own signed registers, or from the tariff alone.
    Proved,
    /// As the contract settled it: the own side is proved, the neighbour's meter, or that the grid
    /// was curtailed, is attested.
    Attested,
    /// Some slots rest on no signed reading of their own.
    NotSigned,
    /// No trusted block was given.
    Unanchored,
    /// Something that it rests on is wrong.
    Failed,
}

/// One line of the invoice, judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LineReport {
    /// Place in the invoice, from 1.
    pub number: usize,
    /// What the customer reads.
    pub label: String,
    /// The amount on the bill.
    pub amount: Money,
    /// How well it is known.
    pub status: Status,
    /// Why.
    pub reason: String,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where in the file: `evidence.readings[17]`.
    pub part: String,
    /// Numbers of the lines that rest on it, from 1.
    pub lines: Vec<usize>,
    /// What is wrong with it.
    pub reason: String,
    /// What is at fault.
    pub about: About,
}

/// What a finding says is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// The file: it does not prove what it says.
    File,
    /// What the contract settled: the file proves that it does not follow from the own meter.
    Settlement,
}

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The answer.
    pub verdict: Verdict,
    /// Number of the invoice; empty where the file cannot be read.
    pub number: String,
    /// Hash of the invoice.
    pub hash: B256,
    /// Whose bill it is: the customer compares it with the own address.
    pub account: Address,
    /// Of which meter: the customer compares it with the meter's label.
    pub meter: String,
    /// What is to be paid.
    pub due: Money,
    /// Every line, judged.
    pub lines: Vec<LineReport>,
    /// Everything that is wrong, in the order of the checks.
    pub findings: Vec<Finding>,
    /// What the verification had to take on the bill's word, or a customer should know.
    pub notes: Vec<String>,
}

/// Which lines rest on a part of the file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Supports {
    All,
    /// Those that follow from the customer's meter.
    Metered,
    /// Those that follow from trades.
    Traded,
    /// Those that follow from the tariff.
    Rated,
    /// One, by its place from 0.
    Line(usize),
}

impl Supports {
    /// Which lines rest on the part of a file with this path.
    pub(super) fn of(part: &str) -> Supports {
        let within = |list: &str| part.strip_prefix(list);
        if let Some(place) = within("invoice.lines[").and_then(|rest| rest.split(']').next()) {
            return place.parse().map_or(Supports::All, Supports::Line);
        }
        let metered = ["evidence.readings", "evidence.days", "evidence.key_versions"];
        let traded = ["evidence.trades", "evidence.policies"];
        let begins = |parts: &[&str]| parts.iter().any(|begin| part.starts_with(begin));
        match () {
            () if begins(&metered) => Supports::Metered,
            () if begins(&traded) => Supports::Traded,
            () if begins(&["evidence.tariff", "evidence.previous"]) => Supports::Rated,
            () => Supports::All,
        }
    }

    pub(super) fn lines(self, invoice: &Invoice) -> Vec<usize> {
        let rests = |place: usize, line: &Line| match self {
            Supports::All => true,
            Supports::Metered => line.class.metered(),
            // What neighbours delivered is taken out of what the supplier is paid for.
            Supports::Traded => line.class.metered(),
            Supports::Rated => line.class.rated(),
            Supports::Line(number) => place == number,
        };
        let lines = invoice.lines.iter().enumerate();
        let resting = lines.filter(|(place, line)| rests(*place, line));
        resting.map(|(place, _)| place + 1).collect()
    }
}

/// How many slots a line rests on, and how many of them have no signed reading of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Signed {
    slots: usize,
    shared: usize,
    missing: usize,
    /// Slots that begin or end with a reading whose status is not clear, or after a missing page.
    flagged: usize,
    /// Slots of which less was delivered than agreed.
    short: usize,
    /// Slots that were settled for less than the own meter shows.
    unsettled: usize,
    /// Slots that a reading contradicts that came after their corrections.
    late: usize,
    /// Of those that were settled for less, slots that the operator says were curtailed.
    curtailed: usize,
}

/// Times of readings that prove less than they say.
#[derive(Debug, Default)]
pub(super) struct Doubtful {
    /// At which the meter reported an error or a clock not in time.
    pub(super) flagged: BTreeSet<Timestamp>,
    /// Before which a page is missing.
    pub(super) skipped: BTreeSet<Timestamp>,
    /// Starts of slots that a late reading contradicts.
    pub(super) late: BTreeSet<Timestamp>,
    /// Starts of slots that the operator says were curtailed.
    pub(super) curtailed: BTreeSet<Timestamp>,
}

impl Doubtful {
    /// Whether a doubt concerns the slot from `start` to `end`.
    pub(super) fn concerns(&self, start: Timestamp, end: Timestamp) -> bool {
        let flagged = [start, end].iter().any(|moment| self.flagged.contains(moment));
        flagged || self.skipped.contains(&end)
    }
}

/// The slots that `line` rests on.
pub(super) fn signed(line: &Line, facts: &Facts<'_>, doubtful: &Doubtful) -> Signed {
    let settled = Settled::by_slot(facts.trades);
    let mut count = Signed::default();
    for slot in facts.slots().filter(|slot| touches(line, facts, *slot)) {
        count.slots += 1;
        count.flagged += usize::from(doubtful.concerns(slot.start, slot.end()));
        count.late += usize::from(doubtful.late.contains(&slot.start));
        let used = facts.used.get(&slot.start);
        let of_slot = settled.range((slot.start, Side::Buyer)..=(slot.start, Side::Seller));
        let (mut short, mut unsettled) = (false, false);
        for ((_, side), of) in of_slot {
            short |= of.is_short();
            unsettled |= of.is_less(*side, used);
        }
        count.short += usize::from(short);
        match doubtful.curtailed.contains(&slot.start) {
            true => count.curtailed += usize::from(unsettled),
            false => count.unsettled += usize::from(unsettled),
        }
        match facts.used.get(&slot.start).map(|used| used.quality) {
            Some(Quality::Measured) => {}
            Some(Quality::Substituted) => count.shared += 1,
            None => count.missing += 1,
        }
    }
    count
}

fn touches(line: &Line, facts: &Facts<'_>, slot: Slot) -> bool {
    let side = match line.class {
        Class::Fixed => return false,
        Class::Imbalance => {
            return facts.trades.iter().any(|trade| trade.slot == slot.start);
        }
        Class::Retail | Class::Network | Class::Levy => return rests_on(line, facts, slot),
        Class::Demand | Class::Minimum | Class::FeedIn | Class::Banked | Class::Vat => return true,
        Class::P2pSold | Class::PlatformSold | Class::Compensation | Class::SellerPenalty => {
            Side::Seller
        }
        Class::P2pBought
        | Class::NetworkLocal
        | Class::PlatformBought
        | Class::MakeWhole
        | Class::BuyerPenalty => Side::Buyer,
    };
    facts.trades.iter().any(|trade| trade.side == side && trade.slot == slot.start)
}

impl Report {
    pub(super) fn new(
        bill: &BillFile,
        findings: Vec<Finding>,
        notes: Vec<String>,
        trusted: bool,
        signed: &[Signed],
    ) -> Report {
        let invoice = &bill.invoice;
        let judged = invoice.lines.iter().enumerate().zip(signed);
        let lines = judged.map(|((place, line), signed)| {
            let (status, reason) = judge(place + 1, line, &findings, trusted, *signed);
            let (label, amount) = (line.label.clone(), line.amount);
            LineReport { number: place + 1, label, amount, status, reason }
        });
        let verdict = match (findings.is_empty(), trusted) {
            (false, _) => Verdict::Failed,
            (true, false) => Verdict::Unanchored,
            (true, true) => Verdict::Holds,
        };
        Report {
            verdict,
            number: invoice.number.clone(),
            hash: invoice.hash(),
            account: invoice.address,
            meter: invoice.meter.to_string(),
            due: invoice.due,
            lines: lines.collect(),
            findings,
            notes,
        }
    }

    /// `text` is no bill file; where its invoice can be read, lines that rest on `part` are named.
    pub(super) fn unreadable(text: &str, part: String, reason: String) -> Report {
        // The invoice stands in front of what proves it, whatever became of that.
        let invoice = text.split_once("\"invoice\":").map(|(_, rest)| rest);
        let invoice = invoice.and_then(|rest| rest.split_once(",\"evidence\":"));
        let invoice: Option<Invoice> =
            invoice.and_then(|(invoice, _)| serde_json::from_str(invoice).ok());
        let lines = invoice.map(|invoice| Supports::of(&part).lines(&invoice)).unwrap_or_default();
        Report {
            verdict: Verdict::Unreadable,
            number: String::new(),
            hash: B256::ZERO,
            account: Address::ZERO,
            meter: String::new(),
            due: Money::ZERO,
            lines: Vec::new(),
            findings: vec![Finding { part, lines, reason, about: About::File }],
            notes: Vec::new(),
        }
    }

    /// 0 where the bill holds; 10 failed, 11 unanchored, 12 unreadable.
    pub fn exit_code(&self) -> u8 {
        match self.verdict {
            Verdict::Holds => 0,
            Verdict::Failed => 10,
            Verdict::Unanchored => 11,
            Verdict::Unreadable => 12,
        }
    }
}

fn judge(
    number: usize,
    line: &Line,
    findings: &[Finding],
    trusted: bool,
    signed: Signed,
) -> (Status, String) {
    let Signed { slots, shared, missing, flagged, short, unsettled, late, curtailed } = signed;
    if let Some(finding) = findings.iter().find(|finding| finding.lines.contains(&number)) {
        return (Status::Failed, format!("{}: {}", finding.part, finding.reason));
    }
    if !trusted {
        return (Status::Unanchored, "no trusted block was given".to_owned());
    }
    if late > 0 {
        let reason = format!(
            "in {late} of {slots} slots a reading came after the corrections that contradicts what \
             was settled: what was paid stands"
        );
        return (Status::NotSigned, reason);
    }
    if shared + missing + flagged > 0 {
        let reason = format!(
            "of {slots} slots {shared} were shared out of a longer span between two signed \
             readings, {missing} have no signed reading, and in {flagged} the meter itself \
             reported an error or a page is missing"
        );
        return (Status::NotSigned, reason);
    }
    if unsettled > 0 {
        let reason = format!(
            "in {unsettled} of {slots} slots less was settled than your own meter shows: ask why"
        );
        return (Status::NotSigned, reason);
    }
    if curtailed > 0 {
        let reason = format!(
            "in {curtailed} of {slots} slots less was settled than your own meter shows, because \
             the grid was curtailed by the operator's word"
        );
        return (Status::Attested, reason);
    }
    if line.class.on_chain() {
        let reason =
            "your meter and the contract agree; the neighbour's meter is attested on chain";
        return (Status::Attested, reason.to_owned());
    }
    if short > 0 {
        let reason = format!(
            "recomputed from your signed readings and the anchored tariff; that neighbours \
             delivered or took less than agreed in {short} of {slots} slots is attested on chain"
        );
        return (Status::Attested, reason);
    }
    (Status::Proved, "recomputed from your signed readings and the anchored tariff".to_owned())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            let status = match line.status {
                Status::Proved => "proved",
                Status::Attested => "attested",
                Status::NotSigned => "not signed (estimated)",
                Status::Unanchored => "unanchored",
                Status::Failed => "FAILED",
            };
            let LineReport { number, label, amount, reason, .. } = line;
            writeln!(f, "{number:>3}. {label}: {amount}  [{status}] {reason}")?;
        }
        for finding in &self.findings {
            let lines: Vec<String> = finding.lines.iter().map(ToString::to_string).collect();
            let supports = match lines.is_empty() {
                true => String::new(),
                false => format!(" (supports line {})", lines.join(", ")),
            };
            writeln!(f, "  ! {}{supports}: {}", finding.part, finding.reason)?;
        }
        match self.verdict {
            Verdict::Holds => write!(f, "HOLDS: invoice {}, due {}", self.number, self.due),
            Verdict::Failed => write!(f, "FAILED: invoice {} does not hold", self.number),
            Verdict::Unanchored => {
                write!(
                    f,
                    "UNANCHORED: invoice {} is consistent, but no block is trusted",
                    self.number
                )
            }
            Verdict::Unreadable => write!(f, "UNREADABLE: this is not a bill file"),
        }
    }
}

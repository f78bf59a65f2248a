//! The way to a bill file: evidence first, then the invoice that follows from it, then the proofs.

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

use alloy_primitives::{B256, Bytes, keccak256};
use calendar::{LocalDay, SlotLength, TimeZone, Timestamp};
use contracts::{Policy, Reconciled, Settled};
use reading::{Inconsistent, Quality, SignedReading};
use units::{Energy, Money};

use super::late::Metered;
use super::{BillFile, CompactReading, DayTrades, Entries, Evidence, FORMAT, trades};
use crate::domain::bill::{
    BillError, Curtailed, Day, Facts, Heading, Invoice, Period, Traded, daily, excuse, explaining,
    rate,
};

/// One entry of an account's day on chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigestEntry {
    /// A trade was settled.
    Settled(Settled),
    /// A trade was reconciled.
    Reconciled(Reconciled),
}

/// Why evidence makes no invoice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The readings are not those of one meter in page order.
    #[error("the readings contradict each other: {0}")]
    Readings(#[from] Inconsistent),
    /// The trades of a day do not fit each other.
    #[error("trades of {0}: {1}")]
    Trades(LocalDay, String),
    /// The lines do not follow.
    #[error(transparent)]
    Bill(#[from] BillError),
}

/// The invoice that follows from `evidence`, and the energy of its days for the drawing. Proof
/// nodes, headers and places in roots play no part in it. What was settled stands in it as it is,
/// also where the meter contradicts it. `curtailed` are slots that the operator says were, rising.
///
/// # Errors
/// [`IssueError`] when readings or trades contradict each other, or a trade is not reconciled yet.
pub fn issue(
    heading: Heading,
    period: Period,
    slot_length: SlotLength,
    evidence: &Evidence,
    curtailed: &[Curtailed],
) -> Result<(Invoice, Vec<Day>), IssueError> {
    let signed = |compact: &CompactReading| compact.signed(heading.meter);
    let readings: Vec<SignedReading> = evidence.readings.iter().map(signed).collect();
    let zone = &evidence.tariff.head().timezone;
    let within = zone.start_of(period.from)..zone.start_of(period.to.next());
    let mut traded = traded(&evidence.trades, &evidence.policies, &within, zone)?;
    let curtailed = explaining(curtailed, &traded);
    excuse(&mut traded, &curtailed);
    let metered = Metered::new(&readings, &evidence.late(), slot_length, &traded)?;
    let facts = Facts {
        period,
        tariff: &evidence.tariff,
        slot_length,
        used: &metered.billed,
        trades: &traded,
        before: evidence.carried(),
    };
    let days = daily(&facts).map_err(BillError::from)?;
    let invoice = Invoice::issue(heading, &facts, metered.of_readings(&traded))?;
    Ok((Invoice { curtailed, ..invoice }, days))
}

/// What came of an account's trades with a slot in `within`, by what the contract did on some days.
///
/// # Errors
/// [`IssueError::Trades`] where the entries of a day do not fit each other.
pub fn traded(
    days: &[DayTrades],
    policies: &[Policy],
    within: &Range<Timestamp>,
    zone: &TimeZone,
) -> Result<Vec<Traded>, IssueError> {
    let hashes: Vec<B256> = policies.iter().map(Policy::id).collect();
    let mut traded = Vec::new();
    for day in days {
        let replayed = trades::replay(day, (policies, &hashes), within, zone)
            .map_err(|reason| IssueError::Trades(day.day, reason))?;
        traded.extend(replayed.traded);
    }
    Ok(traded)
}

/// What the energy of an invoice costs without neighbours, and how well it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alone {
    /// The sum of the lines, with tax.
    pub total: Money,
    /// Energy of slots that share what two readings say, both directions.
    pub estimated: Energy,
    /// Slots that no two readings span.
    pub missing_slots: u32,
}

/// What the energy of an invoice that rests on `evidence` costs at the tariff alone.
///
/// # Errors
/// [`IssueError`] when readings contradict each other or an amount does not fit.
pub fn alone(invoice: &Invoice, evidence: &Evidence) -> Result<Alone, IssueError> {
    let signed = |compact: &CompactReading| compact.signed(invoice.meter);
    let readings: Vec<SignedReading> = evidence.readings.iter().map(signed).collect();
    let metered = Metered::new(&readings, &BTreeSet::new(), invoice.slot_minutes, &[])?;
    let facts = Facts {
        period: invoice.period,
        tariff: &evidence.tariff,
        slot_length: invoice.slot_minutes,
        used: &metered.billed,
        trades: &[],
        before: evidence.carried(),
    };
    let rated = rate(&facts)?;
    let (mut estimated, mut missing_slots) = (Energy::ZERO, 0);
    for slot in facts.slots() {
        match metered.billed.get(&slot.start) {
            None => missing_slots += 1,
            Some(used) if used.quality == Quality::Substituted => {
                let energy = used.import.plus(used.export).map_err(BillError::from)?;
                estimated = estimated.plus(energy).map_err(BillError::from)?;
            }
            Some(_) => {}
        }
    }
    Ok(Alone { total: rated.total, estimated, missing_slots })
}

/// A day's entries as a bill file writes them; `None` where one names no policy of `policies`, or
/// a run no trade that the day settled before.
pub fn day_trades(day: LocalDay, entries: &[DigestEntry], policies: &[B256]) -> Option<DayTrades> {
    let mut grouped: Vec<Entries> = Vec::new();
    let mut settled: Vec<B256> = Vec::new();
    for entry in entries {
        let next = match entry {
            DigestEntry::Settled(entry) => {
                settled.push(entry.trade);
                let policy = policies.iter().position(|policy| *policy == entry.policy)?;
                Entries::Settled {
                    side: entry.side,
                    slot: entry.slot,
                    prices: (entry.prices.buyer, entry.prices.seller),
                    retail: entry.retail_price,
                    feed_in: entry.feed_in_price,
                    policy: u32::try_from(policy).ok()?,
                    trades: vec![(entry.trade, entry.quantity.wh())],
                }
            }
            DigestEntry::Reconciled(entry) => {
                let place = settled.iter().position(|trade| *trade == entry.trade)?;
                let short = (entry.seller_short.wh(), entry.buyer_short.wh());
                let place = u32::try_from(place).ok()?;
                let trades = vec![(place, entry.delivered.wh(), short.0, short.1)];
                Entries::Reconciled { run: entry.run, trades }
            }
        };
        match grouped.last_mut() {
            Some(last) if last.same_group(&next) => last.join(next),
            _ => grouped.push(next),
        }
    }
    Some(DayTrades { day, entries: grouped, later: 0 })
}

impl DayTrades {
    /// How many runs of trades it has.
    pub fn runs(&self) -> usize {
        let runs = |entries: &Entries| match entries {
            Entries::Settled { .. } => 0,
            Entries::Reconciled { trades, .. } => trades.len(),
        };
        self.entries.iter().map(runs).sum()
    }
}

impl Entries {
    /// Whether two neighbours have everything in common but their trades.
    pub(super) fn same_group(&self, other: &Entries) -> bool {
        self.head() == other.head()
    }

    fn head(&self) -> Entries {
        let mut head = self.clone();
        match &mut head {
            Entries::Settled { trades, .. } => trades.clear(),
            Entries::Reconciled { trades, .. } => trades.clear(),
        }
        head
    }

    fn join(&mut self, next: Entries) {
        match (self, next) {
            (Entries::Settled { trades, .. }, Entries::Settled { trades: more, .. }) => {
                trades.extend(more);
            }
            (Entries::Reconciled { trades, .. }, Entries::Reconciled { trades: more, .. }) => {
                trades.extend(more);
            }
            _ => {}
        }
    }
}

impl BillFile {
    /// A bill file that lacks its proof nodes.
    pub fn new(invoice: Invoice, evidence: Evidence) -> BillFile {
        BillFile { format: FORMAT.to_owned(), invoice, evidence }
    }

    /// The file with these proof nodes, each once. They prove what [`super::needs`] lists.
    #[must_use]
    pub fn with_nodes(mut self, nodes: impl IntoIterator<Item = Bytes>) -> BillFile {
        let mut seen = HashSet::new();
        let fresh = nodes.into_iter().filter(|node| seen.insert(keccak256(node)));
        self.evidence.nodes = fresh.collect();
        self
    }
}

//! The journals as rows for auditors, in CSV and in Parquet.
//!
//! A row is one transfer. The first row of an entry has in `entry` the text whose Keccak-256 is
//! `hash`, which contains `previous`: whoever has the rows checks the chain without us, from the
//! first entry to the head that `GET /v1/audit` names. `source` and `block` say which log of which
//! block an entry follows from. `proof` leads from the hash to the root of a batch that is on
//! chain, so that the entries of one account or month are proved without the others.
//!
//! Invariant: an entry without transfers has one row, so no entry is missing.

mod parquet;

use std::collections::BTreeSet;

use alloy_primitives::Address;
use calendar::Timestamp;
use ids::{AccountId, ConnectionPointId};

use super::journal::{Account, EnergyAccount, Entry, Fact};
pub use parquet::{Column, Parquet, ParquetError};

/// The names of the columns, in their order.
pub const COLUMNS: [&str; 14] = [
    "sequence", "at", "currency", "source", "block", "fact", "reversal", "ledger", "debit",
    "credit", "amount", "hash", "entry", "proof",
];

/// One transfer of one entry, or an entry without any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Place of the entry in its journal, from 0.
    pub sequence: u64,
    /// When it was posted.
    pub at: Timestamp,
    /// The log or interval that the entry follows from.
    pub source: String,
    /// The block of the log, as text; empty where the entry is of a meter or of our own.
    pub block: String,
    /// What kind of fact it is.
    pub fact: &'static str,
    /// Whether the entry takes a fact back.
    pub reversal: bool,
    /// `money`, `energy`, or empty for an entry without transfers.
    pub ledger: &'static str,
    /// The account whose debit side grows.
    pub debit: String,
    /// The account whose credit side grows.
    pub credit: String,
    /// 1e-9 of the currency, or Wh.
    pub amount: u64,
    /// The entry's hash.
    pub hash: String,
    /// In the first row of an entry, what the hash is of; empty in the others.
    pub entry: String,
    /// Beside it, the way to the root of its batch as JSON; empty while it is in none.
    pub proof: String,
}

/// What is wanted of a journal: the entries of one account. Those of its statement are, and what
/// [`Wanted::concerns`] besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Whose.
    pub account: AccountId,
    /// The account's addresses.
    pub addresses: BTreeSet<Address>,
    /// Its connection points.
    pub points: BTreeSet<ConnectionPointId>,
}

impl Wanted {
    /// Whether an entry moves something of the account's, or says something of it.
    pub fn concerns(&self, entry: &Entry) -> bool {
        let ours = |address: &Address| self.addresses.contains(address);
        let sides = entry.money.iter().flat_map(|transfer| [&transfer.debit, &transfer.credit]);
        let moves = |account: &Account| match account {
            Account::Receivable(owner) => ours(owner),
            other => other.owner().is_some_and(|owner| ours(&owner)),
        };
        let said = match &entry.fact {
            Fact::Settled(settled) => ours(&settled.buyer) || ours(&settled.seller),
            Fact::Invoiced(invoiced) => ours(&invoiced.account),
            Fact::Corrected(corrected) => ours(&corrected.standing.account),
            Fact::Metered { intervals, .. } => {
                intervals.iter().any(|interval| self.points.contains(&interval.point))
            }
            _ => false,
        };
        let flows = entry.energy.iter().flat_map(|transfer| [&transfer.debit, &transfer.credit]);
        let mut flows = flows.map(|account| account.point);
        said || sides.into_iter().any(moves) || flows.any(|point| self.points.contains(&point))
    }
}

/// The rows of an entry.
pub fn rows(entry: &Entry, at: Timestamp, block: &str, proof: &str) -> Vec<Row> {
    let money = entry.money.iter().map(|transfer| {
        let (debit, credit) = (transfer.debit.to_string(), transfer.credit.to_string());
        ("money", debit, credit, transfer.amount)
    });
    let energy = entry.energy.iter().map(|transfer| {
        let (debit, credit) = (energy_account(&transfer.debit), energy_account(&transfer.credit));
        ("energy", debit, credit, transfer.amount)
    });
    let mut transfers: Vec<_> = money.chain(energy).collect();
    if transfers.is_empty() {
        transfers.push(("", String::new(), String::new(), 0));
    }
    let mut first = Some((entry.preimage(), proof.to_owned()));
    let row = |(ledger, debit, credit, amount)| {
        let (text, proof) = first.take().unwrap_or_default();
        Row {
            sequence: entry.sequence,
            at,
            source: entry.source.clone(),
            block: block.to_owned(),
            fact: name(&entry.fact),
            reversal: entry.reversal,
            ledger,
            debit,
            credit,
            amount,
            hash: entry.hash.to_string(),
            entry: text,
            proof,
        }
    };
    transfers.into_iter().map(row).collect()
}

/// Rows as lines of CSV (RFC 4180), without the heading.
///
/// # Errors
/// Never for rows that fit into memory.
pub fn csv_lines(rows: &[Row], currency: &str) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record([
            row.sequence.to_string().as_str(),
            &row.at.to_string(),
            currency,
            &row.source,
            &row.block,
            row.fact,
            if row.reversal { "true" } else { "false" },
            row.ledger,
            &row.debit,
            &row.credit,
            &row.amount.to_string(),
            &row.hash,
            &row.entry,
            &row.proof,
        ])?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// The heading of the CSV.
pub fn csv_heading() -> Vec<u8> {
    (COLUMNS.join(",") + "\n").into_bytes()
}

/// Rows as the columns of a group of a Parquet file.
///
/// # Errors
/// For a number that Parquet's signed integers do not hold.
pub fn columns(rows: &[Row], currency: &str) -> Result<Vec<Column>, ParquetError> {
    let text = |of: fn(&Row) -> &str| Column::Text(rows.iter().map(|row| of(row).into()).collect());
    let number = |of: fn(&Row) -> u64| {
        let numbers: Result<Vec<i64>, _> = rows.iter().map(|row| i64::try_from(of(row))).collect();
        numbers.map(Column::Number).map_err(|_| ParquetError::Number)
    };
    Ok(vec![
        number(|row| row.sequence)?,
        Column::Moment(rows.iter().map(|row| row.at.seconds()).collect()),
        Column::Text(rows.iter().map(|_| currency.to_owned()).collect()),
        text(|row| &row.source),
        text(|row| &row.block),
        text(|row| row.fact),
        Column::Truth(rows.iter().map(|row| row.reversal).collect()),
        text(|row| row.ledger),
        text(|row| &row.debit),
        text(|row| &row.credit),
        number(|row| row.amount)?,
        text(|row| &row.hash),
        text(|row| &row.entry),
        text(|row| &row.proof),
    ])
}

/// `P2P_BOUGHT:<connection point>:<start of the slot>`.
fn energy_account(account: &EnergyAccount) -> String {
    let flow = serde_json::to_value(account.flow).expect("a flow has a name");
    let flow = flow.as_str().expect("which is text");
    format!("{flow}:{}:{}", account.point, account.slot)
}

/// What kind of fact it is.
const fn name(fact: &Fact) -> &'static str {
    match fact {
        Fact::Minted { .. } => "minted",
        Fact::Deposited { .. } => "deposited",
        Fact::Settled(_) => "settled",
        Fact::Reconciled { .. } => "reconciled",
        Fact::Released { .. } => "released",
        Fact::Transferred { .. } => "transferred",
        Fact::Withdrawn { .. } => "withdrawn",
        Fact::Redeemed { .. } => "redeemed",
        Fact::PaidOut { .. } => "paid-out",
        Fact::Reissued { .. } => "reissued",
        Fact::Metered { .. } => "metered",
        Fact::Invoiced(_) => "invoiced",
        Fact::Corrected(_) => "corrected",
        Fact::ReminderFee { .. } => "reminder-fee",
        Fact::InvoicePaid { .. } => "invoice-paid",
        Fact::PaidFromWallet { .. } => "paid-from-wallet",
    }
}

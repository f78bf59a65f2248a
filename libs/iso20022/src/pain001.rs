//! Orders to a bank to pay (pain.001.001.09).
//!
//! ```text
//! GrpHdr                who asks, how many payments, their sum
//! PmtInf                one for each account that pays
//!   CdtTrfTxInf         one for each payment: its end-to-end id, amount, payee, what it is for
//! ```
//!
//! Invariants: the same payments give the same bytes; count and sums are those of what is written;
//! no two payments of a file have one end-to-end id.
//! Deliberately absent: addresses, charges other than shared by the scheme's rules, the bank's
//! directory: a bank that is not named is found by the account number.

mod writer;

use std::collections::BTreeSet;

use calendar::{LocalDay, Timestamp};
use units::Money;

use self::writer::Writer;
use crate::{Currency, Iban, Reference};

/// The most payments of a file.
pub const TRANSFERS_MAX: usize = 10_000;
/// The longest identifier, name and text, in characters.
pub const ID_CHARS_MAX: usize = 35;
/// See [`ID_CHARS_MAX`].
pub const NAME_CHARS_MAX: usize = 70;
/// See [`ID_CHARS_MAX`].
pub const TEXT_CHARS_MAX: usize = 140;

const NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09";

/// What a bank is asked to pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payments {
    /// Names the file; a bank takes a name once.
    pub id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who asks.
    pub initiator: String,
    /// One for each account that pays.
    pub batches: Vec<Batch>,
}

/// What one account pays on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Names it within the file.
    pub id: String,
    /// When the bank shall do it.
    pub execute_on: LocalDay,
    /// Whose account it is.
    pub debtor: String,
    /// The account.
    pub debtor_account: Iban,
    /// What the account and its payments are in.
    pub currency: Currency,
    /// The payments.
    pub transfers: Vec<Transfer>,
}

/// One payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// What it is called until it arrives, and in the statement after.
    pub end_to_end_id: String,
    /// How much: more than nothing, whole in the currency's minor unit.
    pub amount: Money,
    /// Who gets it.
    pub creditor: String,
    /// Where.
    pub creditor_account: Iban,
    /// What it is for.
    pub remittance: Remittance,
}

/// What a payment is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remittance {
    /// In words.
    Text(String),
    /// By the creditor's reference.
    Reference(Reference),
}

/// Why payments cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPayments {
    /// Nothing is paid.
    #[error("a file has a payment in every batch")]
    Nothing,
    /// Over [`TRANSFERS_MAX`].
    #[error("{0} payments are too many for a file")]
    TooMany(usize),
    /// An identifier that banks do not take.
    #[error("{0:?} is no identifier: 1 to 35 letters, digits and /-?:().,'+ or spaces within")]
    Id(String),
    /// Two payments with one name.
    #[error("{0:?} names two payments")]
    SameId(String),
    /// Empty, too long, or with characters that XML cannot have.
    #[error("{0:?} is no text of 1 to {1} characters")]
    Text(String, usize),
    /// Nothing, less, or parts of the minor unit.
    #[error("{0} {1} cannot be paid")]
    Amount(Money, Currency),
    /// The sum does not fit.
    #[error("the sum is too large")]
    Sum,
}

/// The file with `payments`.
///
/// # Errors
/// [`BadPayments`] where a bank could not do what the file would say.
pub fn write(payments: &Payments) -> Result<String, BadPayments> {
    check(payments)?;
    let all = || payments.batches.iter().flat_map(|batch| &batch.transfers);
    let digits = payments.batches.iter().map(|batch| batch.currency.digits()).max().unwrap_or(0);
    let mut xml = Writer::new(NAMESPACE);
    xml.open("CstmrCdtTrfInitn");
    xml.open("GrpHdr");
    xml.leaf("MsgId", &payments.id);
    xml.leaf("CreDtTm", &payments.created_at.to_string());
    xml.leaf("NbOfTxs", &all().count().to_string());
    xml.leaf("CtrlSum", &sum(all(), digits)?);
    xml.open("InitgPty");
    xml.leaf("Nm", &payments.initiator);
    xml.close("InitgPty");
    xml.close("GrpHdr");
    for batch in &payments.batches {
        write_batch(&mut xml, batch)?;
    }
    xml.close("CstmrCdtTrfInitn");
    Ok(xml.done())
}

fn write_batch(xml: &mut Writer, batch: &Batch) -> Result<(), BadPayments> {
    xml.open("PmtInf");
    xml.leaf("PmtInfId", &batch.id);
    xml.leaf("PmtMtd", "TRF");
    xml.leaf("NbOfTxs", &batch.transfers.len().to_string());
    xml.leaf("CtrlSum", &sum(batch.transfers.iter(), batch.currency.digits())?);
    if batch.currency.code() == "EUR" {
        xml.nested(&["PmtTpInf", "SvcLvl", "Cd"], "SEPA");
    }
    xml.nested(&["ReqdExctnDt", "Dt"], &batch.execute_on.to_string());
    xml.nested(&["Dbtr", "Nm"], &batch.debtor);
    xml.open("DbtrAcct");
    xml.nested(&["Id", "IBAN"], batch.debtor_account.as_str());
    xml.leaf("Ccy", batch.currency.code());
    xml.close("DbtrAcct");
    // The schema wants a bank; the account number says which.
    xml.nested(&["DbtrAgt", "FinInstnId", "Othr", "Id"], "NOTPROVIDED");
    xml.leaf("ChrgBr", "SLEV");
    for transfer in &batch.transfers {
        write_transfer(xml, transfer, batch.currency)?;
    }
    xml.close("PmtInf");
    Ok(())
}

fn write_transfer(
    xml: &mut Writer,
    transfer: &Transfer,
    currency: Currency,
) -> Result<(), BadPayments> {
    xml.open("CdtTrfTxInf");
    xml.nested(&["PmtId", "EndToEndId"], &transfer.end_to_end_id);
    xml.open("Amt");
    xml.amount("InstdAmt", currency, &amount(transfer.amount, currency)?);
    xml.close("Amt");
    xml.nested(&["Cdtr", "Nm"], &transfer.creditor);
    xml.nested(&["CdtrAcct", "Id", "IBAN"], transfer.creditor_account.as_str());
    xml.open("RmtInf");
    match &transfer.remittance {
        Remittance::Text(text) => xml.leaf("Ustrd", text),
        Remittance::Reference(reference) => {
            xml.open("Strd");
            xml.open("CdtrRefInf");
            xml.open("Tp");
            xml.nested(&["CdOrPrtry", "Cd"], "SCOR");
            xml.leaf("Issr", "ISO");
            xml.close("Tp");
            xml.leaf("Ref", reference.as_str());
            xml.close("CdtrRefInf");
            xml.close("Strd");
        }
    }
    xml.close("RmtInf");
    xml.close("CdtTrfTxInf");
    Ok(())
}

fn check(payments: &Payments) -> Result<(), BadPayments> {
    check_id(&payments.id)?;
    check_text(&payments.initiator, NAME_CHARS_MAX)?;
    let nothing = payments.batches.iter().any(|batch| batch.transfers.is_empty());
    if nothing || payments.batches.is_empty() {
        return Err(BadPayments::Nothing);
    }
    let count = payments.batches.iter().map(|batch| batch.transfers.len()).sum();
    if count > TRANSFERS_MAX {
        return Err(BadPayments::TooMany(count));
    }
    let (mut batches, mut transfers) = (BTreeSet::new(), BTreeSet::new());
    for batch in &payments.batches {
        check_id(&batch.id)?;
        check_text(&batch.debtor, NAME_CHARS_MAX)?;
        if !batches.insert(&batch.id) {
            return Err(BadPayments::SameId(batch.id.clone()));
        }
        for transfer in &batch.transfers {
            check_id(&transfer.end_to_end_id)?;
            check_text(&transfer.creditor, NAME_CHARS_MAX)?;
            amount(transfer.amount, batch.currency)?;
            if let Remittance::Text(text) = &transfer.remittance {
                check_text(text, TEXT_CHARS_MAX)?;
            }
            if !transfers.insert(&transfer.end_to_end_id) {
                return Err(BadPayments::SameId(transfer.end_to_end_id.clone()));
            }
        }
    }
    Ok(())
}

/// Whether `text` can name who pays or gets paid: 1 to [`NAME_CHARS_MAX`] characters.
pub fn takes_name(text: &str) -> bool {
    check_text(text, NAME_CHARS_MAX).is_ok()
}

/// What the European Payments Council lets an identifier be.
fn check_id(id: &str) -> Result<(), BadPayments> {
    let plain = |char: char| char.is_ascii_alphanumeric() || "/-?:().,'+ ".contains(char);
    let slashes = id.starts_with('/') || id.ends_with('/') || id.contains("//");
    let fits = !id.trim().is_empty() && id.trim() == id && id.len() <= ID_CHARS_MAX;
    if fits && !slashes && id.chars().all(plain) {
        return Ok(());
    }
    Err(BadPayments::Id(id.to_owned()))
}

fn check_text(text: &str, chars_max: usize) -> Result<(), BadPayments> {
    let fits = !text.trim().is_empty() && text.chars().count() <= chars_max;
    let printed = |char: char| !char.is_control() && !matches!(char, '\u{fffe}' | '\u{ffff}');
    if fits && text.chars().all(printed) {
        return Ok(());
    }
    Err(BadPayments::Text(text.to_owned(), chars_max))
}

fn amount(amount: Money, currency: Currency) -> Result<String, BadPayments> {
    let text = crate::amount::text(amount, currency.digits()).filter(|_| amount > Money::ZERO);
    text.ok_or(BadPayments::Amount(amount, currency))
}

fn sum<'t>(
    transfers: impl Iterator<Item = &'t Transfer>,
    digits: u32,
) -> Result<String, BadPayments> {
    let sum = Money::sum(transfers.map(|transfer| transfer.amount));
    let sum = sum.map_err(|_| BadPayments::Sum)?;
    crate::amount::text(sum, digits).ok_or(BadPayments::Sum)
}

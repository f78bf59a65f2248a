//! Entries and the payments in them.

use calendar::LocalDay;
use units::Money;

use super::{Element, Entry, Found, PAYMENTS_MAX, Payment, Rejection, amount, side};
use crate::Currency;

/// Letters of a day as `2026-06-01`, before a time or a zone.
const DAY_CHARS: usize = 10;
/// What stands where the payer's side gave no name.
const NO_NAME: &str = "NOTPROVIDED";

/// The entries of a statement, in order.
pub(super) fn read(statement: &Element, currency: Currency) -> Found<Vec<Entry>> {
    let (mut entries, mut payments) = (Vec::new(), 0);
    for element in statement.all("Ntry") {
        let entry = entry(element, currency)?;
        payments += entry.payments.len();
        if payments > PAYMENTS_MAX {
            let (got, max) = (payments, PAYMENTS_MAX);
            return Err(element.refused(Rejection::Size { what: "payments", got, max }));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn entry(element: &Element, currency: Currency) -> Found<Entry> {
    let status = element.need("Sts")?;
    // Version 08 has the code in an element of its own.
    let status = status.find("Cd")?.unwrap_or(status);
    let mut entry = Entry {
        amount: amount(element.need("Amt")?, currency)?,
        side: side(element)?,
        reversal: reversal(element)?,
        booked: status.text() == "BOOK",
        booked_on: day(element)?,
        payments: Vec::new(),
    };
    if entry.booked && entry.booked_on.is_none() {
        return Err(element.refused(Rejection::Missing("BookgDt".to_owned())));
    }
    entry.payments = payments(element, &entry, currency)?;
    Ok(entry)
}

fn reversal(entry: &Element) -> Found<bool> {
    let Some(indicator) = entry.find("RvslInd")? else { return Ok(false) };
    match indicator.text() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(indicator.refused(Rejection::Value("true or false"))),
    }
}

fn day(entry: &Element) -> Found<Option<LocalDay>> {
    let Some(booked) = entry.find("BookgDt")? else { return Ok(None) };
    let day = match booked.find("Dt")? {
        Some(day) => day,
        None => booked.need("DtTm")?,
    };
    let parsed = day.text().get(..DAY_CHARS).and_then(|text| text.parse().ok());
    parsed.map(Some).ok_or_else(|| day.refused(Rejection::Value("a day")))
}

fn payments(element: &Element, entry: &Entry, currency: Currency) -> Found<Vec<Payment>> {
    let all = element.all("NtryDtls").flat_map(|details| details.all("TxDtls"));
    let all: Vec<&Element> = all.collect();
    let own = element.words("AcctSvcrRef")?;
    match all[..] {
        [] => {
            let remittance = element.words("AddtlNtryInf")?.into_iter().collect();
            Ok(vec![Payment { remittance, ..bare(entry, own) }])
        }
        // Its own amount may be what was ordered, in the payer's currency and before charges.
        [single] => Ok(vec![payment(single, bare(entry, own))?]),
        _ => batch(element, &all, entry, own, currency),
    }
}

fn batch(
    element: &Element,
    all: &[&Element],
    entry: &Entry,
    own: Option<String>,
    currency: Currency,
) -> Found<Vec<Payment>> {
    let (mut payments, mut sum) = (Vec::with_capacity(all.len()), 0_i128);
    for (place, details) in all.iter().enumerate() {
        let amount = part_amount(details, currency)?;
        let side = match details.find("CdtDbtInd")? {
            Some(_) => side(details)?,
            None => entry.side,
        };
        let sign = if side == entry.side { 1 } else { -1 };
        sum += sign * i128::from(amount.n());
        let name = own.as_ref().map(|own| format!("{own}/{}", place + 1));
        payments.push(payment(details, Payment { amount, side, ..bare(entry, name) })?);
    }
    if sum == i128::from(entry.amount.n()) {
        return Ok(payments);
    }
    let got = i64::try_from(sum).map(Money::from_n);
    let got = got.map_err(|_| element.refused(Rejection::Amount))?;
    Err(element.refused(Rejection::Sum { got, expected: entry.amount }))
}

/// A payment of which nothing is known but the entry.
fn bare(entry: &Entry, bank_reference: Option<String>) -> Payment {
    Payment {
        amount: entry.amount,
        side: entry.side,
        bank_reference,
        end_to_end_id: None,
        remittance: Vec::new(),
        creditor_references: Vec::new(),
        debtor: None,
        debtor_account: None,
        return_reason: None,
    }
}

/// The amount of a part: version 08 has it beside the details, both have it in them.
fn part_amount(details: &Element, currency: Currency) -> Found<Money> {
    let own = match details.find("Amt")? {
        Some(own) => Some(own),
        None => details.find("AmtDtls/TxAmt/Amt")?,
    };
    let own = own.ok_or_else(|| details.refused(Rejection::Missing("Amt".to_owned())))?;
    amount(own, currency)
}

/// `bare`, with what its details say.
fn payment(details: &Element, bare: Payment) -> Found<Payment> {
    let mut remittance = Vec::new();
    let mut creditor_references = Vec::new();
    if let Some(said) = details.find("RmtInf")? {
        remittance.extend(said.all("Ustrd").map(|line| line.text().to_owned()));
        for structured in said.all("Strd") {
            creditor_references.extend(structured.words("CdtrRefInf/Ref")?);
        }
    }
    let debtor = match details.words("RltdPties/Dbtr/Nm")? {
        None => details.words("RltdPties/Dbtr/Pty/Nm")?,
        named => named,
    };
    let number = details.words("RltdPties/DbtrAcct/Id/IBAN")?;
    Ok(Payment {
        bank_reference: match bare.bank_reference {
            None => match details.words("Refs/AcctSvcrRef")? {
                None => details.words("Refs/TxId")?,
                named => named,
            },
            named => named,
        },
        end_to_end_id: details.words("Refs/EndToEndId")?.filter(|name| name != NO_NAME),
        remittance,
        creditor_references,
        debtor,
        debtor_account: number.and_then(|number| number.parse().ok()),
        return_reason: match details.words("RtrInf/Rsn/Cd")? {
            None => details.words("RtrInf/Rsn/Prtry")?,
            named => named,
        },
        ..bare
    })
}

//! The statement of a bank account (camt.053, versions 02 and 08).
//!
//! ```text
//! Document > BkToCstmrStmt > Stmt      one; with an account, an opening and a closing balance
//!   Ntry                               what was booked, in or out
//!     NtryDtls > TxDtls                the payments it was booked for, if the bank says
//! ```
//!
//! Invariants: opening + credits - debits = closing, over what is booked; the payments of an entry
//! make up its amount; all of it is in one currency.
//! Known limits: a file has one statement. An entry that is booked less the bank's charges than its
//! payments say is refused. A creditor reference or text is taken as it stands, also a wrong one.

mod entries;
mod rejection;
mod tree;

use calendar::LocalDay;
use units::Money;

pub use rejection::{Rejected, Rejection};

use crate::camt053::tree::{Element, Found};
use crate::{Currency, Iban};

/// The largest file, in bytes.
pub const BYTES_MAX: usize = 1 << 20;
/// How deep elements may lie in each other.
pub const DEPTH_MAX: usize = 32;
/// The most elements of a file.
pub const ELEMENTS_MAX: usize = 100_000;
/// The most attributes of an element.
pub const ATTRIBUTES_MAX: usize = 16;
/// The longest text of an element, in bytes.
pub const TEXT_BYTES_MAX: usize = 2_000;
/// The most payments of a statement; an entry is at least one.
pub const PAYMENTS_MAX: usize = 2_000;

/// The namespaces that are read.
const NAMESPACES: [&str; 2] = [
    "urn:iso:std:iso:20022:tech:xsd:camt.053.001.02",
    "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08",
];
/// The balance a statement begins with: what it opened with, or what the one before closed with.
const OPENING: [&str; 2] = ["OPBD", "PRCD"];
/// The balance a statement ends with.
const CLOSING: [&str; 1] = ["CLBD"];

/// What was booked on an account between two balances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What the bank calls it.
    pub id: String,
    /// Whose it is.
    pub account: Iban,
    /// What all amounts are in.
    pub currency: Currency,
    /// Booked before; negative where the account was overdrawn.
    pub opening: Money,
    /// Booked at the end.
    pub closing: Money,
    /// In the order of the file.
    pub entries: Vec<Entry>,
}

/// Into the account, or out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// In.
    Credit,
    /// Out.
    Debit,
}

/// One line of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Never negative.
    pub amount: Money,
    /// Which way.
    pub side: Side,
    /// Whether it takes back an entry of the other side.
    pub reversal: bool,
    /// Whether it is part of the balances; other entries are news.
    pub booked: bool,
    /// The bank's day of booking; every booked entry has one.
    pub booked_on: Option<LocalDay>,
    /// At least one. They make up the amount, but for a single one, which may lack details.
    pub payments: Vec<Payment>,
}

/// One payment of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Never negative.
    pub amount: Money,
    /// Which way.
    pub side: Side,
    /// The bank's own name for it, the same in every statement that has it. In a batch it is the
    /// entry's, with the payment's place in it.
    pub bank_reference: Option<String>,
    /// What the payer's side called it from end to end.
    pub end_to_end_id: Option<String>,
    /// What it is for, in words.
    pub remittance: Vec<String>,
    /// What it is for, as references of the creditor.
    pub creditor_references: Vec<String>,
    /// Who pays.
    pub debtor: Option<String>,
    /// From where, if it is a valid account number.
    pub debtor_account: Option<Iban>,
    /// Why it came back, where it is a payment that did: a code, or words.
    pub return_reason: Option<String>,
}

/// The statement in a file.
///
/// # Errors
/// [`Rejected`] where the file is no such statement, does not add up or is over a limit: why, and
/// where in the file.
pub fn read(bytes: &[u8]) -> Result<Statement, Rejected> {
    if bytes.len() > BYTES_MAX {
        let (got, max) = (bytes.len(), BYTES_MAX);
        return Err(Rejected::whole(Rejection::Size { what: "bytes", got, max }));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Rejected::whole(Rejection::Xml("the file is not in UTF-8".to_owned())))?;
    let document = tree::read(text, &NAMESPACES)?;
    statement(&document).map_err(|misplaced| misplaced.in_tree(&document, text))
}

fn statement(document: &Element) -> Found<Statement> {
    let message = document.need("BkToCstmrStmt")?;
    let statements: Vec<&Element> = message.all("Stmt").collect();
    let [whole] = statements[..] else {
        return Err(message.refused(Rejection::Statements(statements.len())));
    };
    let number = whole.need("Acct/Id/IBAN")?;
    let account = number.text().parse().map_err(|_| number.refused(Rejection::Value("an IBAN")))?;
    let closing = balance(whole, &CLOSING)?;
    let currency = match whole.find("Acct/Ccy")? {
        Some(named) => {
            named.text().parse().map_err(|_| named.refused(Rejection::Value("a currency")))?
        }
        None => currency_of(closing.need("Amt")?)?,
    };
    let opening = signed(balance(whole, &OPENING)?, currency)?;
    let entries = entries::read(whole, currency)?;
    let expected = signed(closing, currency)?;
    let got = booked(opening, &entries).ok_or_else(|| whole.refused(Rejection::Amount))?;
    if got != expected {
        return Err(closing.refused(Rejection::Sum { got, expected }));
    }
    Ok(Statement {
        id: whole.need("Id")?.text().to_owned(),
        account,
        currency,
        opening,
        closing: expected,
        entries,
    })
}

/// The balance with the first of `codes` that there is.
fn balance<'e>(statement: &'e Element, codes: &[&'static str]) -> Found<&'e Element> {
    for code in codes {
        let mut found = Vec::new();
        for balance in statement.all("Bal") {
            let named = balance.find("Tp/CdOrPrtry/Cd")?;
            found.extend(named.filter(|named| named.text() == *code).map(|_| balance));
        }
        match found[..] {
            [] => {}
            [balance] => return Ok(balance),
            [_, second, ..] => return Err(second.refused(Rejection::Repeated((*code).to_owned()))),
        }
    }
    Err(statement.refused(Rejection::Missing(format!("Bal {}", codes.join(" or ")))))
}

fn signed(balance: &Element, currency: Currency) -> Found<Money> {
    let amount = amount(balance.need("Amt")?, currency)?;
    match side(balance)? {
        Side::Credit => Ok(amount),
        Side::Debit => amount.negated().map_err(|_| balance.refused(Rejection::Amount)),
    }
}

/// What is booked after `entries`; `None` where it does not fit.
fn booked(opening: Money, entries: &[Entry]) -> Option<Money> {
    let mut sum = i128::from(opening.n());
    for entry in entries.iter().filter(|entry| entry.booked) {
        match entry.side {
            Side::Credit => sum += i128::from(entry.amount.n()),
            Side::Debit => sum -= i128::from(entry.amount.n()),
        }
    }
    i64::try_from(sum).ok().map(Money::from_n)
}

fn side(of: &Element) -> Found<Side> {
    let indicator = of.need("CdtDbtInd")?;
    match indicator.text() {
        "CRDT" => Ok(Side::Credit),
        "DBIT" => Ok(Side::Debit),
        _ => Err(indicator.refused(Rejection::Value("CRDT or DBIT"))),
    }
}

fn amount(element: &Element, currency: Currency) -> Found<Money> {
    if currency_of(element)? != currency {
        return Err(element.refused(Rejection::Currency(currency)));
    }
    crate::amount::parse(element.text()).ok_or_else(|| element.refused(Rejection::Amount))
}

fn currency_of(amount: &Element) -> Found<Currency> {
    let code = amount.currency().unwrap_or_default();
    code.parse().map_err(|_| amount.refused(Rejection::Value("a currency in Ccy")))
}

//! Payments on a bank account: which account each is for, or why that cannot be said.
//!
//! Every account has a reference, which its owner writes into a transfer. A payment that says one,
//! and one only, is the account's. Everything else that came in waits for somebody to look.
//!
//! A payment that says the reference or the number of an invoice, and of nothing else, is for that.
//!
//! A payment that has the end-to-end id of a payout is the payout's, whatever else it says: one
//! that went out paid it, one that came in brought it back.
//!
//! Invariants: the same payment has the same key in every statement; nothing is credited by itself
//! that cannot be told from a repeat, takes another payment back, or is in another currency.

use std::collections::{BTreeSet, HashMap};

use alloy_primitives::{B256, keccak256};
use ids::{AccountId, InvoiceId, PayoutId};
use iso20022::camt053::{Entry, Payment, Side, Statement};
use iso20022::{Currency, Reference};
use units::Money;

use crate::domain::payout::payout_named;

/// How the numbers of invoices begin.
pub const NUMBER_PREFIX: &str = "INV-";
/// Digits of a reference after its prefix and check digits.
const DIGITS: usize = 16;
/// Characters of a reference: `RF`, two check digits, sixteen digits.
const REFERENCE_CHARS: usize = 4 + DIGITS;

/// What the owner of `account` writes into a transfer: sixteen digits of
/// `keccak("WPR1" || account)` as a creditor reference.
pub fn reference(account: AccountId) -> Reference {
    of_hash(keccak256([b"WPR1".as_slice(), account.uuid().as_bytes()].concat()))
}

/// What a payment for `invoice` says: as [`reference`], of `keccak("WPI1" || invoice)`.
pub fn invoice_reference(invoice: InvoiceId) -> Reference {
    of_hash(keccak256([b"WPI1".as_slice(), invoice.uuid().as_bytes()].concat()))
}

fn of_hash(hash: B256) -> Reference {
    let (_, low) = hash.split_at(24);
    let number = low.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    let digits = format!("{:016}", number % 10_u64.pow(16));
    Reference::of(&digits).expect("sixteen digits are the body of a reference")
}

/// The references of many accounts and invoices, and the payouts that a payment can be of.
pub struct References {
    accounts: HashMap<Reference, Option<AccountId>>,
    invoices: HashMap<String, InvoiceId>,
    payouts: BTreeSet<PayoutId>,
}

/// What a payment that came in is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The wallet of an account.
    Wallet(AccountId),
    /// An invoice.
    Invoice(InvoiceId),
}

impl References {
    /// Those of `accounts`. One that two of them have is neither's.
    pub fn of(accounts: impl IntoIterator<Item = AccountId>) -> References {
        let mut known = HashMap::new();
        for account in accounts {
            let owner = known.entry(reference(account)).or_insert(Some(account));
            *owner = owner.filter(|owner| *owner == account);
        }
        References { accounts: known, invoices: HashMap::new(), payouts: BTreeSet::new() }
    }

    /// With the invoices that a payment can be for, by what it says: as [`said_in`] gives it.
    pub fn with_invoices(self, invoices: HashMap<String, InvoiceId>) -> References {
        References { invoices, ..self }
    }

    /// With the payouts that a payment can be of.
    pub fn with_payouts(self, payouts: impl IntoIterator<Item = PayoutId>) -> References {
        References { payouts: payouts.into_iter().collect(), ..self }
    }

    /// The payout whose end-to-end id a payment has.
    fn payout(&self, payment: &Payment) -> Option<PayoutId> {
        let named = payment.end_to_end_id.as_deref().and_then(payout_named);
        named.filter(|payout| self.payouts.contains(payout))
    }

    /// What a payment that says this is for.
    fn purpose(&self, payment: &Payment) -> Result<Purpose, Reason> {
        let said = references_in(payment);
        let wallets = said.iter().filter_map(|said| self.accounts.get(said));
        let wallets = wallets.map(|account| account.map(Purpose::Wallet));
        let invoices = said_in(payment).into_iter().filter_map(|said| self.invoices.get(&said));
        let invoices = invoices.map(|invoice| Some(Purpose::Invoice(*invoice)));
        let purposes: BTreeSet<Option<Purpose>> = wallets.chain(invoices).collect();
        match (purposes.len(), purposes.first()) {
            (0, _) => Err(Reason::NoReference),
            (1, Some(Some(purpose))) => Ok(*purpose),
            _ => Err(Reason::Ambiguous),
        }
    }
}

/// The creditor references that a payment says.
fn references_in(payment: &Payment) -> BTreeSet<Reference> {
    let structured = payment.creditor_references.iter().filter_map(|text| text.parse().ok());
    // A bank breaks lines where it likes, also within a reference.
    let typed = Reference::all_in(&payment.remittance.concat(), REFERENCE_CHARS);
    structured.chain(typed).collect()
}

/// What of a payment can name an invoice: creditor references, and words shaped like an invoice's
/// number, in capitals. A number may be broken at the end of a line, or end there: both readings
/// count, so that one of them alone is never believed where both name an invoice.
pub fn said_in(payment: &Payment) -> BTreeSet<String> {
    let references = references_in(payment).into_iter().map(|said| said.to_string());
    let joined = payment.remittance.concat();
    let texts = payment.creditor_references.iter().chain(&payment.remittance);
    let words = texts.chain([&joined]).flat_map(|text| {
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').map(str::to_ascii_uppercase)
    });
    references.chain(words.filter(|word| word.starts_with(NUMBER_PREFIX))).collect()
}

/// A payment of a statement, and what is to be done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged<'s> {
    /// Place of its entry in the statement, from one on.
    pub entry: usize,
    /// When it was booked, as the bank says it; empty where it is not.
    pub booked_on: String,
    /// The payment.
    pub payment: &'s Payment,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// What becomes of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It went out, is not booked, or is of nothing.
    Ignored,
    /// It came in.
    Came {
        /// Names it, in every statement.
        key: String,
        /// What it is for, or why that cannot be said.
        purpose: Result<Purpose, Reason>,
    },
    /// A payout went out.
    Paid {
        /// Names the payment, in every statement.
        key: String,
        /// Which.
        payout: PayoutId,
    },
    /// A payout came back.
    Returned {
        /// Names the payment, in every statement.
        key: String,
        /// Which.
        payout: PayoutId,
    },
}

/// Why a payment is credited to nobody, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The bank account is kept in another currency.
    Currency,
    /// It takes back what went out.
    Reversal,
    /// The bank gave it no name: it cannot be told from a repeat.
    NoBankReference,
    /// The bank gave two payments of the day one name.
    Repeated,
    /// It says no reference that is known.
    NoReference,
    /// It says references of several accounts or invoices.
    Ambiguous,
}

impl Reason {
    /// A name that never changes.
    pub fn code(self) -> &'static str {
        match self {
            Reason::Currency => "CURRENCY",
            Reason::Reversal => "REVERSAL",
            Reason::NoBankReference => "NO_BANK_REFERENCE",
            Reason::Repeated => "REPEATED",
            Reason::NoReference => "NO_REFERENCE",
            Reason::Ambiguous => "AMBIGUOUS",
        }
    }
}

/// What becomes of each payment of `statement`, for a bank account kept in `currency`.
pub fn judge<'s>(
    statement: &'s Statement,
    currency: Currency,
    references: &References,
) -> Vec<Judged<'s>> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut judged = Vec::new();
    for (place, entry) in statement.entries.iter().enumerate() {
        let booked_on = entry.booked_on.map(|day| day.to_string()).unwrap_or_default();
        for payment in &entry.payments {
            let booked = entry.booked && payment.amount > Money::ZERO;
            let payout = references.payout(payment).filter(|_| booked);
            let verdict = if payout.is_some() || booked && payment.side == Side::Credit {
                let name = name(statement, &booked_on, payment);
                let times = seen.entry(name.clone()).and_modify(|times| *times += 1).or_insert(1);
                let key = if *times == 1 { name } else { format!("{name}#{times}") };
                match (payout, payment.side) {
                    (Some(payout), Side::Debit) => Verdict::Paid { key, payout },
                    (Some(payout), Side::Credit) => Verdict::Returned { key, payout },
                    (None, _) => {
                        let of = (entry, payment);
                        let purpose = purpose(statement, currency, references, of, *times);
                        Verdict::Came { key, purpose }
                    }
                }
            } else {
                Verdict::Ignored
            };
            let booked_on = booked_on.clone();
            judged.push(Judged { entry: place + 1, booked_on, payment, verdict });
        }
    }
    judged
}

fn purpose(
    statement: &Statement,
    currency: Currency,
    references: &References,
    (entry, payment): (&Entry, &Payment),
    times: usize,
) -> Result<Purpose, Reason> {
    if statement.currency != currency {
        return Err(Reason::Currency);
    }
    if entry.reversal {
        return Err(Reason::Reversal);
    }
    if payment.bank_reference.is_none() {
        return Err(Reason::NoBankReference);
    }
    if times > 1 {
        return Err(Reason::Repeated);
    }
    references.purpose(payment)
}

/// What a payment is called in every statement: by account, day and the bank's reference, or by
/// what it says where the bank gave none.
fn name(statement: &Statement, booked_on: &str, payment: &Payment) -> String {
    let account = &statement.account;
    if let Some(reference) = &payment.bank_reference {
        return format!("bank/{account}/{booked_on}/{reference}");
    }
    let debtor_account = payment.debtor_account.as_ref().map(ToString::to_string);
    let said = format!(
        "{}|{}|{:?}|{:?}|{:?}|{:?}",
        payment.amount,
        statement.currency,
        payment.end_to_end_id,
        payment.remittance,
        payment.creditor_references,
        debtor_account
    );
    format!("bank/{account}/{booked_on}/-{:x}", keccak256(said))
}

#[cfg(test)]
mod tests;

//! Bank statements become deposits, and say what became of payouts; what nobody can be credited
//! with waits for somebody to look.
//!
//! A statement is taken whole or not at all. The same statement again, or another one that has the
//! same payments, credits nothing twice. This is where a payment provider comes in: a bank's file
//! is read here and nowhere else, and everything after it takes a [`Statement`].

use alloy_primitives::B256;
use anyhow::{Context, Error, Result};
use calendar::Timestamp;
use client::Sender;
use db::Tx;
use ids::{AccountId, CommunityId, PayoutId};
use iso20022::camt053::{self, Side, Statement};
use service::Problem;
use units::Money;

use super::deposit::{Credit, DEPOSIT_MAX};
use super::dues::{Owed, Received, keep_for_invoice};
use super::payouts_paid::keep_of_payout;
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::bank::{self, BankAccount, BankPayment, Kept};
use crate::db::dues;
use crate::db::members::{self, Account};
use crate::domain::bank::{Judged, Purpose, Reason, References, Verdict, judge};

/// The most letters of what a payment is for that are kept.
const REMITTANCE_CHARS_MAX: usize = 1_000;

/// What became of a statement.
pub(crate) struct Imported {
    pub(crate) statement: Statement,
    /// In the order of the file.
    pub(crate) payments: Vec<ImportedPayment>,
}

/// What became of a payment.
pub(crate) struct ImportedPayment {
    /// Place of its entry in the statement, from one on.
    pub(crate) entry: usize,
    pub(crate) booked_on: String,
    pub(crate) bank_reference: Option<String>,
    pub(crate) amount: Money,
    pub(crate) side: Side,
    pub(crate) fate: Fate,
}

/// What became of a payment of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Went out, is not booked, or is of nothing.
    Ignored,
    /// Is credited now; its name on chain.
    Credited(AccountId, B256),
    /// Is for an invoice now.
    Received(Received),
    /// Was credited, or was its payout's or its invoice's, before.
    Known(AccountId),
    /// Paid a payout now.
    Paid(PayoutId),
    /// Brought a payout back now.
    Returned(PayoutId),
    /// Is kept under a number until somebody says whose it is.
    Unmatched(i64, String),
}

/// A payment that came in or is of a payout, ready to be kept.
struct Incoming {
    payment: BankPayment,
    credit: Option<Credit>,
    /// The invoice that it is for.
    owed: Option<Owed>,
    /// Why it came back, if it did.
    return_reason: String,
}

/// What a bank's file (camt.053) says.
///
/// # Errors
/// A [`Problem`] where it cannot be believed.
pub(crate) fn statement_of_file(bytes: &[u8]) -> Result<Statement, Problem> {
    camt053::read(bytes).map_err(|rejected| {
        let title = "The statement cannot be believed";
        Problem::refused(rejected.rejection.code(), title).with_detail(rejected.to_string())
    })
}

impl Billing {
    /// Says where the members of a community pay to, in one of the currencies.
    ///
    /// # Errors
    /// A [`Problem`] where it is another community's account, or the one of another currency.
    pub(crate) async fn set_bank_account(
        &self,
        community: CommunityId,
        account: BankAccount,
    ) -> Result<()> {
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if bank::put_account(tx, community, &account).await? {
                        return Ok(());
                    }
                    let title = "The bank account is another community's or currency's";
                    Err(Error::from(Problem::refused("BANK_ACCOUNT_TAKEN", title)))
                })
            })
            .await
    }

    /// Credits the payments of a statement whose references are known, and keeps the others. Which
    /// provider said it, and how, makes no difference here.
    ///
    /// # Errors
    /// A [`Problem`] for a statement that is of another bank account, has a payment over
    /// [`DEPOSIT_MAX`] or contradicts an earlier one; nothing of it is taken then.
    pub(crate) async fn take_statement(
        &self,
        community: CommunityId,
        statement: Statement,
        now: Timestamp,
    ) -> Result<Imported> {
        let _turn = self.paying.lock().await;
        let accounts = bank::accounts(&self.db, community).await?;
        if accounts.is_empty() {
            return Err(no_bank_account().into());
        }
        let account = accounts.into_iter().find(|account| account.iban == statement.account);
        let title = "The statement is of another bank account";
        let account = account.ok_or_else(|| Problem::refused("OTHER_BANK_ACCOUNT", title))?;
        let mut members = members::accounts(&self.db, now).await?;
        members.retain(|member| member.community == community);
        let references = References::of(members.iter().map(|member| member.account))
            .with_payouts(self.payouts_in(community, &statement).await?)
            .with_invoices(self.invoices_in(community, (&account, &statement)).await?);
        let mut payments = Vec::new();
        let mut incoming = Vec::new();
        for judged in judge(&statement, account.currency, &references) {
            incoming.push(self.incoming((&account, &statement), &judged, &members, now).await?);
            payments.push(ImportedPayment {
                entry: judged.entry,
                booked_on: judged.booked_on,
                bank_reference: judged.payment.bank_reference.clone(),
                amount: judged.payment.amount,
                side: judged.payment.side,
                fate: Fate::Ignored,
            });
        }
        let fates = self.keep_payments(community, account, incoming).await?;
        for (payment, fate) in payments.iter_mut().zip(fates) {
            payment.fate = fate;
        }
        Ok(Imported { statement, payments })
    }

    /// Credits the payment of this number to `account`, unless that was done before; its name on
    /// chain and how much it is.
    ///
    /// # Errors
    /// A [`Problem`] for an unknown payment, one that another account got, or one in another
    /// currency.
    pub(crate) async fn assign_payment(
        &self,
        number: i64,
        account: Account,
        now: Timestamp,
    ) -> Result<(B256, Money)> {
        let community = account.community;
        let _turn = self.paying.lock().await;
        let payment = self.payment(community, number).await?;
        self.check_received(community, &payment).await?;
        let to = (&account, payment.key.as_str());
        let credit = self.credit(payment.book, to, payment.amount, now)?;
        let (operator, owner) = (self.operator.clone(), account.account);
        let payment = self
            .db
            .transact(move |tx| {
                Box::pin(async move {
                    let kept = bank::payment(tx, community, number).await?;
                    let kept = kept.context("a payment that is kept")?;
                    if kept.account.is_some_and(|other| other != owner) {
                        let problem = Problem::conflict("another account got the payment");
                        return Err(Error::from(problem));
                    }
                    if dues::is_received(tx, community, &kept.key).await? {
                        return Err(Problem::conflict("an invoice got the payment").into());
                    }
                    bank::assign(tx, number, owner).await?;
                    Ok((credit.put(tx, &operator).await?, payment.amount))
                })
            })
            .await?;
        Ok(payment)
    }

    /// Where a community is paid in a currency.
    pub(super) async fn bank_account(
        &self,
        community: CommunityId,
        book: CurrencyId,
    ) -> Result<BankAccount> {
        let account = bank::account(&self.db, community, book).await?;
        Ok(account.ok_or_else(no_bank_account)?)
    }

    /// Refuses a payment that went out, or is in another currency than its bank account.
    pub(super) async fn check_received(
        &self,
        community: CommunityId,
        payment: &BankPayment,
    ) -> Result<()> {
        let currency = self.bank_account(community, payment.book).await?.currency;
        if payment.side == Side::Debit {
            let title = "The payment went out: nobody can be credited with it";
            return Err(Problem::refused("NOT_RECEIVED", title).into());
        }
        if payment.currency != currency {
            let title = format!("The payment is in {}, not in {currency}", payment.currency);
            return Err(Problem::refused("CURRENCY", title).into());
        }
        Ok(())
    }

    pub(super) async fn payment(&self, community: CommunityId, number: i64) -> Result<BankPayment> {
        let found = self
            .db
            .transact(move |tx| Box::pin(async move { bank::payment(tx, community, number).await }))
            .await?;
        found.ok_or_else(|| Problem::not_found("payment").into())
    }

    /// What is kept of a payment that came in; nothing of one that did not.
    async fn incoming(
        &self,
        (bank, statement): (&BankAccount, &Statement),
        judged: &Judged<'_>,
        members: &[Account],
        now: Timestamp,
    ) -> Result<Option<Incoming>> {
        let (key, purpose, payout) = match &judged.verdict {
            Verdict::Ignored => return Ok(None),
            Verdict::Came { key, purpose } => (key, *purpose, None),
            Verdict::Paid { key, payout } | Verdict::Returned { key, payout } => {
                (key, Err(Reason::NoReference), Some(*payout))
            }
        };
        let said = judged.payment;
        if said.amount > DEPOSIT_MAX {
            let detail = format!("entry {} is over {DEPOSIT_MAX}", judged.entry);
            let problem = Problem::refused("PAYMENT_TOO_LARGE", "A payment is too large");
            return Err(problem.with_detail(detail).into());
        }
        let member = |account| members.iter().find(|member| member.account == account);
        let (credit, owed) = match purpose {
            Err(_) => (None, None),
            Ok(Purpose::Wallet(account)) => {
                let credit = |to| self.credit(bank.book, (to, key.as_str()), said.amount, now);
                (member(account).map(credit).transpose()?, None)
            }
            Ok(Purpose::Invoice(invoice)) => (None, Some(self.owed(invoice, members).await?)),
        };
        let owner = match (purpose, &owed) {
            (Ok(Purpose::Wallet(account)), _) => Some(account),
            (_, owed) => owed.as_ref().map(|owed| owed.account.account),
        };
        let remittance = [&said.creditor_references[..], &said.remittance[..]].concat().join(" ");
        let account = said.debtor_account.as_ref();
        let payment = BankPayment {
            book: bank.book,
            key: key.clone(),
            side: said.side,
            payout,
            statement: statement.id.clone(),
            booked_on: judged.booked_on.clone(),
            amount: said.amount,
            currency: statement.currency,
            remittance: remittance.chars().take(REMITTANCE_CHARS_MAX).collect(),
            debtor: said.debtor.clone().unwrap_or_default(),
            debtor_account: account.map(ToString::to_string).unwrap_or_default(),
            reason: purpose.err().map(|reason| reason.code().to_owned()).unwrap_or_default(),
            account: owner,
            at: now,
        };
        let return_reason = said.return_reason.clone().unwrap_or_default();
        Ok(Some(Incoming { payment, credit, owed, return_reason }))
    }

    /// Keeps what came in or is of a payout, and credits what can be, all of it or nothing.
    async fn keep_payments(
        &self,
        community: CommunityId,
        bank: BankAccount,
        incoming: Vec<Option<Incoming>>,
    ) -> Result<Vec<Fate>> {
        let (operator, minter) = (self.operator.clone(), self.minter(bank.book));
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    let mut fates = vec![Fate::Ignored; incoming.len()];
                    let mut incoming: Vec<(usize, Incoming)> = (0..)
                        .zip(incoming)
                        .filter_map(|(place, one)| Some((place, one?)))
                        .collect();
                    // A payout goes out before it comes back, in whatever order a bank tells it.
                    incoming.sort_by_key(|(_, one)| one.payment.side == Side::Credit);
                    for (place, one) in incoming {
                        let Incoming { payment, credit, owed, return_reason } = one;
                        fates[place] = match (payment.payout, owed) {
                            (Some(payout), _) => {
                                let of = (payout, bank.currency, return_reason.as_str());
                                keep_of_payout(tx, community, payment, of).await?
                            }
                            (None, Some(owed)) => {
                                let by = (&minter, operator.as_ref());
                                keep_for_invoice(tx, community, (&payment, &owed), by).await?
                            }
                            (None, None) => {
                                keep(tx, community, (&payment, credit), &operator).await?
                            }
                        };
                    }
                    Ok(fates)
                })
            })
            .await
    }
}

fn no_bank_account() -> Problem {
    Problem::refused("NO_BANK_ACCOUNT", "The community has said no bank account")
}

async fn keep(
    tx: &mut Tx,
    community: CommunityId,
    (payment, credit): (&BankPayment, Option<Credit>),
    operator: &Sender,
) -> Result<Fate> {
    let (fresh, kept) = bank::put_payment(tx, community, payment).await?;
    check_same(&kept, payment)?;
    Ok(match (kept.payment.account, credit) {
        (Some(account), Some(credit)) if fresh => {
            Fate::Credited(account, credit.put(tx, operator).await?)
        }
        (Some(account), _) => Fate::Known(account),
        (None, _) => Fate::Unmatched(kept.number, kept.payment.reason),
    })
}

/// A payment that was booked never changes.
pub(super) fn check_same(kept: &Kept, payment: &BankPayment) -> Result<()> {
    let known = &kept.payment;
    if (known.amount, known.currency) == (payment.amount, payment.currency) {
        return Ok(());
    }
    let detail = format!(
        "{} was {} {} in statement {}, and is {} {} now",
        known.key, known.amount, known.currency, known.statement, payment.amount, payment.currency
    );
    let title = "The statement contradicts an earlier one";
    Err(Problem::refused("STATEMENT_CONTRADICTS", title).with_detail(detail).into())
}

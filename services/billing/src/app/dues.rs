//! What came in for invoices.

use std::collections::HashMap;

use alloy_primitives::B256;
use anyhow::{Context, Error, Result};
use calendar::{LocalDay, TimeZone, Timestamp};
use client::Sender;
use db::Tx;
use events::Envelope;
use events::billing::InvoicePaid;
use ids::{AccountId, CommunityId, InvoiceId};
use iso20022::camt053::Statement;
use service::Problem;
use units::Money;

use super::bank::{Fate, check_same};
use super::deposit::Minter;
use super::state::State;
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::bank::{self, BankAccount, BankPayment};
use crate::db::dues::{self, InvoicePayment};
use crate::db::invoices;
use crate::db::journal::{self, Posted};
use crate::db::members::{self, Account};
use crate::domain::bank::said_in;
use crate::domain::journal::Fact;

/// Days to pay where nobody has said who issues documents, and so how many.
pub(super) const PAYMENT_DAYS: u16 = 14;

/// An invoice that is paid for, and whose it is.
pub(super) struct Owed {
    pub(super) invoice: InvoiceId,
    pub(super) account: Account,
}

/// What an invoice got of a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) invoice: InvoiceId,
    pub(crate) account: AccountId,
    pub(crate) amount: Money,
    /// The name on chain of what was more than that.
    pub(crate) rest: Option<B256>,
}

impl Billing {
    /// The invoices of a community that payments of a statement name, by what they say; none where
    /// the bank account is of another currency than invoices are in.
    pub(super) async fn invoices_in(
        &self,
        community: CommunityId,
        (account, statement): (&BankAccount, &Statement),
    ) -> Result<HashMap<String, InvoiceId>> {
        let mut known = HashMap::new();
        if account.book != CurrencyId::FIRST {
            return Ok(known);
        }
        let payments = statement.entries.iter().flat_map(|entry| &entry.payments);
        for said in payments.flat_map(said_in) {
            if known.contains_key(&said) {
                continue;
            }
            if let Some(invoice) = dues::named(&self.db, community, &said).await? {
                known.insert(said, invoice);
            }
        }
        Ok(known)
    }

    /// Whose an invoice is.
    pub(super) async fn owed(&self, invoice: InvoiceId, members: &[Account]) -> Result<Owed> {
        let issued = invoices::find(&self.db, invoice).await?.context("an invoice that is kept")?;
        let account = members.iter().find(|member| member.account == issued.account);
        Ok(Owed { invoice, account: account.context("the account of an invoice")?.clone() })
    }

    /// Gives the payment of this number, which nobody got, to an invoice.
    ///
    /// # Errors
    /// A [`Problem`] for an unknown payment, one that somebody got, that went out, or that is in
    /// another currency than invoices are in.
    pub(crate) async fn assign_to_invoice(
        &self,
        number: i64,
        community: CommunityId,
        invoice: InvoiceId,
    ) -> Result<Received> {
        let _turn = self.paying.lock().await;
        let payment = self.payment(community, number).await?;
        self.check_received(community, &payment).await?;
        if payment.book != CurrencyId::FIRST {
            let title = "Invoices are in another currency than the payment";
            return Err(Problem::refused("CURRENCY", title).into());
        }
        let members = members::accounts(&self.db, self.now()).await?;
        let owed = self.owed(invoice, &members).await?;
        let (operator, minter) = (self.operator.clone(), self.minter(payment.book));
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    let kept = bank::payment(tx, community, number).await?;
                    let kept = kept.context("a payment that is kept")?;
                    if kept.account.is_some() {
                        return Err(Error::from(Problem::conflict("somebody got the payment")));
                    }
                    bank::assign(tx, number, owed.account.account).await?;
                    pay(tx, &kept, &owed, (&minter, operator.as_ref())).await
                })
            })
            .await
    }

    /// Posts the payments for invoices that are not in the journal yet; whether there was any.
    pub(crate) async fn post_dues(&self) -> Result<bool> {
        let waiting = dues::unposted(&self.db).await?;
        if waiting.is_empty() {
            return Ok(false);
        }
        let mut state = self.state.lock().await;
        let stored = self.store_dues(&mut state, &waiting).await;
        self.settle_state(&mut state, stored).await?;
        Ok(true)
    }

    async fn store_dues(&self, state: &mut State, waiting: &[dues::Unposted]) -> Result<()> {
        let mut posted = Vec::new();
        for payment in waiting {
            let (number, amount) = (payment.number.clone(), payment.amount);
            let fact = match payment.by_wallet {
                true => Fact::PaidFromWallet { number, amount },
                false => Fact::InvoicePaid { number, amount },
            };
            let source = format!("invoice:{}:{}", payment.number, payment.row);
            posted.push(Posted {
                currency: CurrencyId::FIRST,
                entry: state.book.post(&source, fact)?,
                at: payment.at,
                block: B256::ZERO,
                owners: Vec::new(),
            });
        }
        let rows: Vec<i64> = waiting.iter().map(|payment| payment.row).collect();
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    journal::append(tx, posted).await?;
                    dues::set_posted(tx, &rows).await
                })
            })
            .await
    }

    /// The last local day on which paying an invoice that is issued now is in time.
    pub(super) async fn due_day(
        &self,
        community: CommunityId,
        zone: &TimeZone,
        now: Timestamp,
    ) -> Result<LocalDay> {
        let issuer = crate::db::parties::issuer(&self.db, community).await?;
        let days = issuer.map_or(PAYMENT_DAYS, |issuer| issuer.payment_days);
        Ok(zone.day_of(now).later(i32::from(days)))
    }
}

/// Keeps a payment that names an invoice, and gives the invoice what it still leaves; what is more
/// than that is credited to the wallet.
pub(super) async fn keep_for_invoice(
    tx: &mut Tx,
    community: CommunityId,
    (payment, owed): (&BankPayment, &Owed),
    by: (&Minter, &Sender),
) -> Result<Fate> {
    let (fresh, kept) = bank::put_payment(tx, community, payment).await?;
    check_same(&kept, payment)?;
    match kept.payment.account {
        None => Ok(Fate::Unmatched(kept.number, kept.payment.reason)),
        Some(account) if !fresh => Ok(Fate::Known(account)),
        Some(_) => Ok(Fate::Received(pay(tx, payment, owed, by).await?)),
    }
}

/// Gives a payment that is kept to an invoice.
pub(super) async fn pay(
    tx: &mut Tx,
    payment: &BankPayment,
    owed: &Owed,
    (minter, operator): (&Minter, &Sender),
) -> Result<Received> {
    let owing = dues::load(tx, owed.invoice).await?;
    let (amount, rest) = owing.dues.split(payment.amount)?;
    if amount > Money::ZERO {
        let part = InvoicePayment {
            invoice: owed.invoice,
            key: payment.key.clone(),
            booked_on: payment.booked_on.clone(),
            amount,
            at: payment.at,
        };
        dues::put_payment(tx, &owing, &part).await?;
        let event = InvoicePaid {
            invoice: owed.invoice,
            number: owing.number,
            community: owing.community,
            account: owing.account,
            amount,
            left: owing.dues.left()?.minus(amount)?,
        };
        bus::append(tx, &Envelope::of(&event, &payment.key, payment.at)).await?;
    }
    let rest = if rest > Money::ZERO {
        let credit = minter.credit((&owed.account, &payment.key), rest, payment.at)?;
        Some(credit.put(tx, operator).await?)
    } else {
        None
    };
    Ok(Received { invoice: owed.invoice, account: owed.account.account, amount, rest })
}

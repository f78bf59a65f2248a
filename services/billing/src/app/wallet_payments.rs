//! An invoice is paid out of a wallet, and what it gives back is paid into one.
//!
//! ```text
//! customer ──signs a transfer──> collecting account   left to be paid: at most that
//! collecting account ──signs──> customer              a credit, or what came in too much
//! block final ──> the invoice has it ──> 2120 Retailer <- 1200 Receivable
//! ```
//!
//! Both are transfers of free cash as any other: signed by whose it is, with its own wallet or by
//! identity, inside its limits. No token is made or destroyed, so what stands behind the tokens
//! stays what it is; the retailer has in its wallet what the invoice no longer asks for. Cash that
//! is locked, bound by an order or on its way to a bank is not free, and not paid with. An invoice
//! counts a payment when its block is final, since what was counted is not taken back.
//!
//! What is prepared for an invoice is for that invoice, whichever way it is sent: a large transfer
//! that waits for a second person is sent later, from the wallet. A transfer for something else
//! never becomes a payment.
//!
//! Deliberately absent: whose turn it is when a bank pays at the same time (what is too much is
//! given back as a credit is).

use alloy_primitives::Address;
use anyhow::{Context, Result};
use calendar::Timestamp;
use contracts::AccountRequest;
use events::Envelope;
use events::billing::InvoicePaid;
use ids::{AccountId, CommunityId, PartyId, RequestId};
use keys::SignatureBytes;
use service::Problem;
use units::Money;

use super::requests::REQUEST_SECONDS;
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::dues::{self, BY_WALLET, InvoicePayment};
use crate::db::invoices::Issued;
use crate::db::members::{self, Account};
use crate::db::wallet_payments::{self, WalletPayment};

/// How an account and an invoice are to each other.
struct Wish {
    /// Who gets it.
    to: Address,
    /// The most that is transferred.
    most: Money,
    /// Whether the invoice gives it back.
    back: bool,
}

impl Billing {
    /// The account of a community to which invoices are paid out of wallets.
    pub(crate) async fn collector(&self, community: CommunityId) -> Result<Option<Account>> {
        match wallet_payments::collector(&self.db, community).await? {
            Some(id) => members::account(&self.db, id, self.now()).await,
            None => Ok(None),
        }
    }

    /// Says to which account of a community invoices are paid from now on.
    pub(crate) async fn set_collector(&self, account: &Account, by: PartyId) -> Result<()> {
        let (community, id, now) = (account.community, account.account, self.now());
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    wallet_payments::set_collector(tx, community, id, (by, now)).await
                })
            })
            .await
    }

    /// What `account` signs to pay for an invoice, or to give back what it gives back; all of it
    /// where no amount is said.
    ///
    /// # Errors
    /// A [`Problem`] `NO_COLLECTING_ACCOUNT`, `NOTHING_DUE` or `AMOUNT`, and where the account is
    /// neither the invoice's nor the collecting one.
    pub(crate) async fn prepare_wallet_payment(
        &self,
        account: &Account,
        issued: &Issued,
        amount: Option<Money>,
        now: Timestamp,
    ) -> Result<AccountRequest> {
        let wish = self.wish(account, issued).await?;
        let amount = amount.unwrap_or(wish.most);
        check(&wish, amount)?;
        let of = (CurrencyId::FIRST, amount);
        let terms = self.prepare_transfer(account, wish.to, of, now).await?;
        let request = self.request_of(&terms)?;
        let signed = if wish.back { Money::ZERO.minus(amount)? } else { amount };
        let (community, invoice) = (issued.community, issued.id);
        let old = now.plus_seconds(-2 * REQUEST_SECONDS);
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    wallet_payments::forget_unsent(tx, old).await?;
                    let of = (request, invoice);
                    wallet_payments::put(tx, community, of, (signed, now)).await
                })
            })
            .await?;
        Ok(terms)
    }

    fn request_of(&self, terms: &AccountRequest) -> Result<RequestId> {
        let hash = terms.hash(self.chain_id, &self.deployment)?;
        Ok(RequestId::derived(&hash.to_string()))
    }

    /// Sends a signed transfer for an invoice, once; the same `key` with the same content again
    /// answers as before.
    ///
    /// # Errors
    /// A [`Problem`] `NOT_PREPARED` for a transfer that is for something else, and as where it is
    /// prepared, and for any transfer.
    pub(crate) async fn pay_from_wallet(
        &self,
        account: &Account,
        issued: &Issued,
        (key, terms, signature): (&str, AccountRequest, SignatureBytes),
        now: Timestamp,
    ) -> Result<WalletPayment> {
        let _turn = self.paying.lock().await;
        let id = self.request_of(&terms)?;
        if wallet_payments::prepared(&self.db, id).await? != Some(issued.id) {
            let title = "The transfer was not prepared for this invoice";
            return Err(Problem::refused("NOT_PREPARED", title).into());
        }
        let sent = wallet_payments::of(&self.db, issued.id).await?;
        if !sent.iter().any(|payment| payment.request == id) {
            let AccountRequest::Transfer(transfer) = &terms else {
                let detail = "terms: a transfer, of the currency of invoices";
                return Err(Problem::malformed(detail).into());
            };
            check(&self.wish(account, issued).await?, transfer.amount)?;
        }
        self.submit_request(account, key, (terms, signature), now).await?;
        let sent = wallet_payments::of(&self.db, issued.id).await?;
        sent.into_iter().find(|payment| payment.request == id).context("what was sent just now")
    }

    /// Who pays whom for an invoice, and how much at most beside what is on its way.
    async fn wish(&self, account: &Account, issued: &Issued) -> Result<Wish> {
        let collector = self.collector(issued.community).await?.ok_or_else(|| {
            let title = "Nobody has said to whose wallet invoices are paid";
            Problem::refused("NO_COLLECTING_ACCOUNT", title)
        })?;
        let owing = dues::of(&self.db, issued.id).await?.context("an invoice that is kept")?;
        let sent = wallet_payments::of(&self.db, issued.id).await?;
        // What is on its way to the invoice, or back.
        let open = |back: bool| {
            let open = sent.iter().filter(|payment| payment.is_open());
            let amounts = open.map(|payment| payment.amount);
            Money::sum(amounts.filter(|amount| (*amount < Money::ZERO) == back))
        };
        let is = |id: AccountId| account.account == id;
        if is(issued.account) && !is(collector.account) {
            let most = owing.dues.left()?.minus(open(false)?)?.max(Money::ZERO);
            return Ok(Wish { to: collector.address, most, back: false });
        }
        if is(collector.account) && !is(issued.account) {
            // Whatever address the invoice names: what is given back is to be used.
            let customer = members::account(&self.db, issued.account, self.now()).await?;
            let to = customer.context("the account of an invoice")?.address;
            let most = owing.dues.credit()?.plus(open(true)?)?.max(Money::ZERO);
            return Ok(Wish { to, most, back: true });
        }
        Err(Problem::forbidden().into())
    }

    /// Gives invoices the payments whose blocks are final; whether there was any.
    pub(crate) async fn take_wallet_payments(&self, now: Timestamp) -> Result<bool> {
        let mut any = false;
        for payment in wallet_payments::untaken(&self.db).await? {
            any |= self.take_wallet_payment(payment, now).await?;
        }
        Ok(any)
    }

    async fn take_wallet_payment(&self, of: WalletPayment, now: Timestamp) -> Result<bool> {
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if !wallet_payments::set_taken(tx, of.request).await? {
                        return Ok(false);
                    }
                    let owing = dues::load(tx, of.invoice).await?;
                    let left = owing.dues.left()?;
                    let payment = InvoicePayment {
                        invoice: of.invoice,
                        key: format!("{BY_WALLET}{}", of.request),
                        booked_on: String::new(),
                        amount: of.amount,
                        at: now,
                    };
                    dues::put_payment(tx, &owing, &payment).await?;
                    if of.amount > Money::ZERO {
                        let event = InvoicePaid {
                            invoice: of.invoice,
                            number: owing.number,
                            community: owing.community,
                            account: owing.account,
                            amount: of.amount,
                            left: left.minus(of.amount)?.max(Money::ZERO),
                        };
                        bus::append(tx, &Envelope::of(&event, &payment.key, now)).await?;
                    }
                    Ok(true)
                })
            })
            .await
    }
}

/// An amount is more than nothing, and no more than there is to pay.
fn check(wish: &Wish, amount: Money) -> Result<(), Problem> {
    if wish.most <= Money::ZERO {
        let title = match wish.back {
            true => "The invoice gives nothing back that is not on its way",
            false => "The invoice leaves nothing to be paid that is not on its way",
        };
        return Err(Problem::refused("NOTHING_DUE", title));
    }
    if amount <= Money::ZERO || amount > wish.most {
        let title = format!("More than 0 and at most {} is transferred", wish.most);
        return Err(Problem::refused("AMOUNT", title));
    }
    Ok(())
}

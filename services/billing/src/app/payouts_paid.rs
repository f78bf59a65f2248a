//! What bank statements say of payouts: paid, or come back. The journal follows.

use std::collections::BTreeSet;

use alloy_primitives::B256;
use anyhow::{Context, Result};
use calendar::Timestamp;
use db::Tx;
use ids::{CommunityId, PayoutId};
use iso20022::Currency;
use iso20022::camt053::{Side, Statement};

use super::bank::{Fate, check_same};
use super::state::State;
use crate::Billing;
use crate::db::bank::{self, BankPayment, Kept};
use crate::db::journal::{self, Posted};
use crate::db::payouts::{self, Payout};
use crate::domain::journal::Fact;
use crate::domain::payout::{PayoutState, payout_named};

/// Why a payment with a payout's end-to-end id is not the payout's.
mod reason {
    /// It is in another currency than the community's bank account, or the payout is.
    pub(super) const CURRENCY: &str = "CURRENCY";
    /// It is of another amount.
    pub(super) const AMOUNT: &str = "PAYOUT_AMOUNT";
    /// The payout was not ordered, or it did not go out.
    pub(super) const STATE: &str = "PAYOUT_STATE";
}

/// What a payout that came back without a reason says.
const RETURNED: &str = "returned by the bank";
/// The most letters of a bank's reason that are kept.
const REASON_CHARS_MAX: usize = 140;

impl Billing {
    /// The payouts of a community that payments of a statement name.
    pub(super) async fn payouts_in(
        &self,
        community: CommunityId,
        statement: &Statement,
    ) -> Result<BTreeSet<PayoutId>> {
        let payments = statement.entries.iter().flat_map(|entry| &entry.payments);
        let names = payments.filter_map(|payment| payment.end_to_end_id.as_deref());
        let named: BTreeSet<PayoutId> = names.filter_map(payout_named).collect();
        let mut known = BTreeSet::new();
        for id in named {
            known.extend(payouts::find(&self.db, community, id).await?.map(|payout| payout.id));
        }
        Ok(known)
    }

    /// Posts what bank statements said of payouts; whether there was any.
    pub(crate) async fn post_payouts(&self, now: Timestamp) -> Result<bool> {
        let mut any = false;
        while let Some(kept) = bank::unposted(&self.db).await? {
            let mut state = self.state.lock().await;
            let stored = self.store_payout(&mut state, &kept, now).await;
            self.settle_state(&mut state, stored).await?;
            any = true;
        }
        Ok(any)
    }

    async fn store_payout(&self, state: &mut State, kept: &Kept, now: Timestamp) -> Result<()> {
        let (number, payment) = (kept.number, &kept.payment);
        let id = payment.payout.context("a payment of a payout")?;
        let currency = payment.book;
        let book = state.book_of_mut(currency);
        let entry = match payment.side {
            Side::Debit => {
                let payout = payouts::of_id(&self.db, id).await?;
                let fact = Fact::PaidOut { account: payout.address, amount: payment.amount };
                book.post(&format!("payout:{id}:{number}"), fact)?
            }
            Side::Credit => {
                let paid = bank::entry_of(&self.db, id).await?;
                let entries = journal::following(&self.db, currency, paid, paid + 1).await?;
                book.revert(entries.first().context("the entry of a payout")?)?
            }
        };
        let (owners, sequence) = (state.owners(&entry), entry.sequence);
        let posted = vec![Posted { currency, entry, at: now, block: B256::ZERO, owners }];
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    journal::append(tx, posted).await?;
                    bank::set_posted(tx, number, id, sequence).await
                })
            })
            .await
    }
}

/// Keeps a payment that has a payout's end-to-end id, and moves the payout on where both agree;
/// `currency` is the bank account's, `why` what the bank says of one that came back.
pub(super) async fn keep_of_payout(
    tx: &mut Tx,
    community: CommunityId,
    payment: BankPayment,
    (id, currency, why): (PayoutId, Currency, &str),
) -> Result<Fate> {
    let payout = payouts::load(tx, id).await?.context("a payout that is kept")?;
    let reason = unlike(&payment, &payout, currency).unwrap_or_default();
    let account = reason.is_empty().then_some(payout.account);
    let payment = BankPayment { reason: reason.to_owned(), account, ..payment };
    let (fresh, kept) = bank::put_payment(tx, community, &payment).await?;
    check_same(&kept, &payment)?;
    match kept.payment.account {
        None => return Ok(Fate::Unmatched(kept.number, kept.payment.reason)),
        Some(account) if !fresh => return Ok(Fate::Known(account)),
        Some(_) => {}
    }
    let why = if why.is_empty() { RETURNED } else { why };
    let (to, why, fate) = match payment.side {
        Side::Debit => (PayoutState::Paid, "", Fate::Paid(id)),
        Side::Credit => (PayoutState::Returned, why, Fate::Returned(id)),
    };
    let why: String = why.chars().take(REASON_CHARS_MAX).collect();
    let moved = payouts::move_on(tx, id, (payout.state, to), &why).await?;
    anyhow::ensure!(moved, "payout {id} moved while it was looked at");
    Ok(fate)
}

/// Why a payment is not the payout's, if it is not.
fn unlike(payment: &BankPayment, payout: &Payout, currency: Currency) -> Option<&'static str> {
    let fits = match payment.side {
        // Somebody may have paid by hand what no file ordered yet.
        Side::Debit => matches!(payout.state, PayoutState::Ordered | PayoutState::Redeemed),
        Side::Credit => payout.state == PayoutState::Paid,
    };
    if payment.currency != currency || payment.book != payout.currency {
        Some(reason::CURRENCY)
    } else if payment.amount != payout.amount {
        Some(reason::AMOUNT)
    } else {
        (!fits || payout.watched || payout.iban.is_none()).then_some(reason::STATE)
    }
}

//! What was redeemed becomes an order to the community's bank (pain.001).
//!
//! An order is made once and kept as it was made: who asks again with the same key gets the same
//! bytes. This is where a payment provider is asked to pay: what is to be paid is a [`Payments`],
//! and how a bank wants it written is decided here alone. Deliberately absent: the way of the file
//! to the bank, and a second person's consent before it is made: the bank asks for it.

use alloy_primitives::keccak256;
use anyhow::{Context, Error, Result};
use calendar::{TimeZone, Timestamp};
use ids::{CommunityId, PartyId, PayoutId, Uuid};
use iso20022::pain001::{Batch, Payments, Remittance, Transfer, write};
use service::Problem;
use units::Money;

use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::bank::BankAccount;
use crate::db::payout_files::{self, PayoutFile};
use crate::db::payouts::{self, Payout};
use crate::domain::payout::end_to_end_id;

/// The most payouts of a file; their sum fits because each is bounded.
const FILE_PAYOUTS_MAX: i64 = 1_000;

impl Billing {
    /// Makes the order to pay what was redeemed of a currency in blocks that are final, at most
    /// [`FILE_PAYOUTS_MAX`] of it, or gives the one that was made under `key`.
    ///
    /// # Errors
    /// A [`Problem`] where nothing is due, where the community has said no bank account, and for a
    /// key that came with another currency.
    pub(crate) async fn make_payout_file(
        &self,
        (community, currency): (CommunityId, CurrencyId),
        key: &str,
        by: PartyId,
        now: Timestamp,
    ) -> Result<PayoutFile> {
        let bank = self.bank_account(community, currency).await?;
        let key = key.to_owned();
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if let Some(kept) = payout_files::of_key(tx, community, &key).await? {
                        if kept.currency == bank.currency.to_string() {
                            return Ok(kept);
                        }
                        let problem = Problem::conflict("another order has this key");
                        return Err(Error::from(problem));
                    }
                    let of = (community, currency);
                    let due = payout_files::due(tx, of, FILE_PAYOUTS_MAX).await?;
                    if due.is_empty() {
                        let title = "No payout waits for an order";
                        return Err(Error::from(Problem::refused("NOTHING_TO_PAY", title)));
                    }
                    let name = keccak256(format!("{community}/{key}"));
                    let id = Uuid::from_slice(&name[..16])?.simple().to_string();
                    let total = Money::sum(due.iter().map(|payout| payout.amount))?;
                    let document = order(&id, &bank, &due, now)?;
                    let file = PayoutFile {
                        id,
                        community,
                        requested_by: by,
                        payments: due.len() as u64,
                        total,
                        currency: bank.currency.to_string(),
                        hash: keccak256(&document),
                        at: now,
                    };
                    payout_files::put(tx, &key, &file, &document, &due).await?;
                    Ok(file)
                })
            })
            .await
    }

    /// Opens a payout that came back for another order.
    ///
    /// # Errors
    /// A [`Problem`] where there is no such payout, or it did not come back.
    pub(crate) async fn order_payout_again(
        &self,
        community: CommunityId,
        id: PayoutId,
    ) -> Result<Payout> {
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    let ours = payouts::load(tx, id).await?;
                    let ours = ours.filter(|payout| payout.community == community);
                    if ours.is_none() {
                        return Err(Error::from(Problem::not_found("payout")));
                    }
                    if !payouts::order_again(tx, id).await? {
                        let problem = Problem::conflict("the payout did not come back");
                        return Err(problem.into());
                    }
                    payouts::load(tx, id).await?.context("a payout that is kept")
                })
            })
            .await
    }
}

fn order(id: &str, bank: &BankAccount, due: &[Payout], now: Timestamp) -> Result<String> {
    let transfer = |payout: &Payout| {
        Some(Transfer {
            end_to_end_id: end_to_end_id(payout.id, payout.attempt),
            amount: payout.amount,
            creditor: payout.creditor.clone(),
            creditor_account: payout.iban.clone()?,
            remittance: Remittance::Text(format!("Payout from {}", bank.holder)),
        })
    };
    let batch = Batch {
        id: id.to_owned(),
        execute_on: TimeZone::utc().day_of(now),
        debtor: bank.holder.clone(),
        debtor_account: bank.iban.clone(),
        currency: bank.currency,
        transfers: due.iter().filter_map(transfer).collect(),
    };
    let payments = Payments {
        id: id.to_owned(),
        created_at: now,
        initiator: bank.holder.clone(),
        batches: vec![batch],
    };
    write(&payments).context("writing an order")
}

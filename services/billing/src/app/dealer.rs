//! The dealer's cash goes to an account of the community: one of the staff asks, another one
//! decides.
//!
//! ```text
//! open ──> approved ──> a transfer that the dealer's key signs, sent once, as any account's
//!   └────> refused
//! ```
//!
//! There it is cash as everybody's, and is paid out as such. What a quote may still take stays.

use alloy_primitives::{Address, B256, keccak256};
use anyhow::{Error, Result};
use calendar::Timestamp;
use contracts::requests::CashTransfer;
use contracts::{AccountRequest, Cash};
use ids::{AccountId, CommunityId, PartyId, RequestId};
use service::Problem;
use units::Money;

use super::decisions::Decision;
use super::requests::{REQUEST_SECONDS, not_enough_free};
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::dealer_transfers::{self, DealerTransfer};
use crate::db::requests::{self, Request};

/// Requests of a community that may wait for a decision at the same time.
const OPEN_MAX: i64 = 20;

impl Billing {
    /// Asks for cash of the dealer to be given to an account.
    ///
    /// # Errors
    /// A [`Problem`]: `AMOUNT` for nothing or less, `RECIPIENT` for the dealer itself,
    /// `NOT_ENOUGH_FREE` for more than it has that nothing binds, `TRANSFERS_OPEN` where too many
    /// wait.
    pub(crate) async fn ask_dealer_transfer(&self, wanted: DealerTransfer) -> Result<()> {
        if wanted.amount <= Money::ZERO {
            let title = "A transfer is of more than nothing";
            return Err(Problem::refused("AMOUNT", title).into());
        }
        let dealer = self.dealer(wanted.community)?;
        if dealer.account == wanted.account {
            let title = "The dealer has it already";
            return Err(Problem::refused("RECIPIENT", title).into());
        }
        let of = (wanted.community, wanted.currency);
        self.check_dealer_has(of, wanted.amount, wanted.at).await?;
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if dealer_transfers::open(tx, wanted.community).await? >= OPEN_MAX {
                        let title = format!("{OPEN_MAX} transfers wait for a decision");
                        return Err(Error::from(Problem::refused("TRANSFERS_OPEN", title)));
                    }
                    dealer_transfers::ask(tx, &wanted).await
                })
            })
            .await
    }

    /// Decides what another person asked for. An approved transfer is sent once; who approved it
    /// may say so again, and it is sent where it was not.
    ///
    /// # Errors
    /// A [`Problem`]: `FOUR_EYES` for who asked and for whom it goes to, `DECIDED` where somebody
    /// has decided otherwise, `RECIPIENT_OVER` where the account settles elsewhere by now,
    /// `NOT_ENOUGH_FREE` where the dealer has not so much any more that nothing binds.
    pub(crate) async fn decide_dealer_transfer(
        &self,
        wanted: &DealerTransfer,
        (by, account, approved): (PartyId, Option<AccountId>, bool),
        now: Timestamp,
    ) -> Result<()> {
        let by = by.to_string();
        if wanted.asked_by == by || account == Some(wanted.account) {
            let title = "Another person than who asked and who gets it must decide";
            return Err(Problem::refused("FOUR_EYES", title).into());
        }
        // No quote may bind the cash meanwhile.
        let _one_at_a_time = self.quoting.lock().await;
        let again = approved && wanted.state == "approved" && wanted.decided_by == by;
        let at = if again { wanted.decided_at.unwrap_or(now) } else { now };
        if approved && self.sent_for(wanted).await?.is_none() {
            let (dealer, of) =
                (self.dealer(wanted.community)?, (wanted.community, wanted.currency));
            self.check_recipient(&dealer, wanted.to, now).await?;
            self.check_dealer_has(of, wanted.amount, now).await?;
        }
        if !again {
            let of = (dealer_transfers::REQUESTS, wanted.id.clone());
            let decision = Decision { of, by, approved, at: now };
            self.db.transact(move |tx| Box::pin(async move { decision.keep(tx).await })).await?;
        }
        if approved {
            self.send_dealer_transfer(wanted, at, now).await?;
        }
        Ok(())
    }

    /// Sends what was approved at `at`, under a key of its own, so that it is sent once.
    async fn send_dealer_transfer(
        &self,
        wanted: &DealerTransfer,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        let (dealer, terms) = (self.dealer(wanted.community)?, self.transfer_of(wanted, at)?);
        let hash = terms.hash(self.chain_id, &self.deployment)?;
        let signature = self.dealer_key(wanted.community)?.sign(hash).into();
        let id = RequestId::derived(&hash.to_string());
        let key = format!("dealer-transfer/{}", wanted.id);
        self.send_request(&dealer, &key, (id, terms, signature), now).await?;
        Ok(())
    }

    /// The transfer of a dealer that was approved, as far as it has come.
    pub(crate) async fn sent_for(&self, wanted: &DealerTransfer) -> Result<Option<Request>> {
        let Some(at) = wanted.decided_at.filter(|_| wanted.state == "approved") else {
            return Ok(None);
        };
        let hash = self.transfer_of(wanted, at)?.hash(self.chain_id, &self.deployment)?;
        let id = RequestId::derived(&hash.to_string());
        requests::find(&self.db, wanted.community, id).await
    }

    /// What the dealer signs. Everything follows from what was asked for and when it was decided.
    fn transfer_of(&self, wanted: &DealerTransfer, at: Timestamp) -> Result<AccountRequest> {
        let transfer = CashTransfer {
            account: self.dealer(wanted.community)?.address,
            to: wanted.to,
            amount: wanted.amount,
            nonce: keccak256(&wanted.id).into(),
            expiry: at.plus_seconds(REQUEST_SECONDS).unsigned(),
            sender: Address::ZERO,
            link: B256::ZERO,
        };
        Ok(match self.currencies.named_cash(wanted.currency) {
            None => AccountRequest::Transfer(transfer),
            Some(Cash { market, .. }) => AccountRequest::CurrencyTransfer { market, transfer },
        })
    }

    async fn check_dealer_has(
        &self,
        of: (CommunityId, CurrencyId),
        amount: Money,
        now: Timestamp,
    ) -> Result<()> {
        let left = self.dealer_cash(of, now).await?;
        if amount <= left {
            return Ok(());
        }
        let detail = format!("{left} {} is left", self.currencies.code(of.1));
        Err(not_enough_free().with_detail(detail).into())
    }
}

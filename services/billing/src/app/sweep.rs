//! What is left at an address whose time is over goes to the account's next one.
//!
//! ```text
//! until      + settling + margin                     free again, day by day
//! ──┼──────────────┼────────────────────────────────────┼───────>
//!   │ nothing of before is settled any more             │
//!   └ the next address settles      free ── CashLeftBehind ── identity signs ── SweepSigned ─┐
//!                                                            to the chain, once, as a request ┘
//! ```
//!
//! A transfer has a nonce and an id of its own, and is asked for anew when the one before is final,
//! or over: so nothing moves twice, and what a crash leaves undone is asked for again. What is
//! locked or in escrow moves when it has become free. Whose key is not held moves it alone.

use alloy_primitives::{Address, B256};
use anyhow::Result;
use calendar::Timestamp;
use contracts::{AccountRequest, Cash, Policy};
use events::Envelope;
use events::billing::CashLeftBehind;
use events::identity::SweepSigned;
use ids::{AccountId, RequestId};
use service::Problem;
use units::Money;

use super::requests::{REQUEST_SECONDS, given, random_nonce};
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::addresses::{self, Sweep};
use crate::db::{address, members, payouts, requests};

/// Seconds by which the chain's time may be behind ours.
const MARGIN: i64 = 60;
/// Seconds between two looks.
const LOOK_SECONDS: i64 = 300;
/// Addresses that one tick looks at; the next tick goes on.
const LOOKED_MAX: i64 = 200;

impl Billing {
    /// Asks for the transfer of what is free at some addresses that settle nothing any more: those
    /// after the ones of the tick before.
    pub(crate) async fn sweep_due(&self, now: Timestamp) -> Result<bool> {
        let mut sweeping = self.sweeping.lock().await;
        let (looks_at, after) = sweeping.clone();
        if now < looks_at {
            return Ok(false);
        }
        let settling = {
            let state = self.state.lock().await;
            let open =
                |policy: &Policy| i64::from(policy.slot_seconds) + i64::from(policy.settle_seconds);
            state.policies.values().map(open).max()
        };
        let by = now.plus_seconds(-(settling.unwrap_or_default() + MARGIN));
        let over = addresses::over(&self.db, by, (&after, LOOKED_MAX)).await?;
        *sweeping = match over.last() {
            Some((_, last)) if i64::try_from(over.len())? == LOOKED_MAX => (now, address(*last)),
            _ => (now.plus_seconds(LOOK_SECONDS), String::new()),
        };
        drop(sweeping);
        let mut any = false;
        for (account, address) in over {
            for currency in self.currencies.ids() {
                any |= self.sweep(account, (address, currency), now).await?;
            }
        }
        Ok(any)
    }

    async fn sweep(
        &self,
        account: AccountId,
        (from, currency): (Address, CurrencyId),
        now: Timestamp,
    ) -> Result<bool> {
        let free = self.state.lock().await.free(currency, from);
        if free <= 0 {
            return Ok(false);
        }
        let Some(next) = members::account(&self.db, account, now).await? else { return Ok(false) };
        let market = self.currencies.named_cash(currency).map(|Cash { market, .. }| market);
        let nonce = B256::from(random_nonce()?);
        let expiry = now.plus_seconds(REQUEST_SECONDS);
        let (chain_id, deployment) = (self.chain_id, self.deployment);
        let (community, to) = (next.community, next.address);
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if addresses::is_swept(tx, from, currency, now).await? {
                        return Ok(false);
                    }
                    let (_, asked) = payouts::open(tx, account, currency).await?;
                    let open = requests::open(tx, account).await?;
                    let left = free - i128::from(asked.n()) - given(&open, currency);
                    let amount = Money::from_n(i64::try_from(left).unwrap_or(i64::MAX));
                    if left <= 0 {
                        return Ok(false);
                    }
                    let cash = CashLeftBehind {
                        account,
                        community,
                        market,
                        from,
                        to,
                        amount,
                        nonce,
                        expiry,
                    };
                    let hash = terms(&cash).hash(chain_id, &deployment)?;
                    let id = RequestId::derived(&hash.to_string());
                    let event = Envelope::of(&cash, &nonce.to_string(), now);
                    addresses::put_sweep(tx, &Sweep { id, currency, cash }, now).await?;
                    bus::append(tx, &event).await?;
                    anyhow::Ok(true)
                })
            })
            .await
    }

    /// Sends a transfer that was asked for here and is signed now, once.
    pub(crate) async fn swept(&self, event: SweepSigned, now: Timestamp) -> Result<()> {
        let SweepSigned { cash, signature } = event;
        let terms = terms(&cash);
        let id = RequestId::derived(&terms.hash(self.chain_id, &self.deployment)?.to_string());
        let account = members::account_at(&self.db, cash.from).await?;
        let account = account.filter(|account| account.account == cash.account);
        let known = addresses::is_sweep(&self.db, id).await?;
        let Some(account) = account.filter(|_| known && now < cash.expiry) else { return Ok(()) };
        let key = format!("sweep/{}", cash.nonce);
        let sent = self.send_request(&account, &key, (id, terms, signature.into()), now).await;
        match sent {
            Err(error) if error.is::<Problem>() => {
                // Something else took the money meanwhile: what is left is asked for anew.
                tracing::warn!(account = %cash.account, %error, "cash is not swept");
                Ok(())
            }
            sent => sent.map(|_| ()),
        }
    }
}

/// What is signed.
fn terms(of: &CashLeftBehind) -> AccountRequest {
    let (nonce, expiry) = (of.nonce, of.expiry.unsigned());
    AccountRequest::moved(of.market, (of.from, of.to), of.amount, (nonce, expiry))
}

//! Payouts follow the chain, and their next transactions are sent.
//!
//! ```text
//! request ──(delay)──> withdraw ──> redeem ──> final      each once, through the relay
//! ```
//!
//! Where a payout is follows from the facts of the best branch each time (`domain::payout`): a
//! block that leaves takes it back, and a restart forgets nothing.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256};
use anyhow::Result;
use calendar::Timestamp;
use client::Transaction;
use contracts::bindings::EnergyMarket;
use contracts::{CONTRACT_GAS_MAX, Call, SolCall};
use ids::PayoutId;
use units::Money;

use super::logs::{RedeemedFact, WithdrawalFact, cash_key};
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::chain::{self, Head, kind};
use crate::db::payouts::{self, Payout};
use crate::db::{address, hash};
use crate::domain::payout::{
    PayoutState, Progress, REDEEM_TRIES_MAX, Refusal, Requested, Seen, Sent, Step, Watched,
    progress,
};

/// Accounts that are read at a time.
const ACCOUNTS_READ_MAX: i64 = 200;
const WITHDRAW_GAS: u64 = 200_000;
const REDEEM_GAS: u64 = 200_000 + CONTRACT_GAS_MAX;

impl Billing {
    /// Notes how far payouts are at `now` and sends what is next; whether anything changed.
    pub(crate) async fn follow_payouts(&self, now: Timestamp) -> Result<bool> {
        let Some(head) = self.state.lock().await.head else { return Ok(false) };
        let (mut any, mut after) = (false, String::new());
        loop {
            let accounts = payouts::watched_accounts(&self.db, &after, ACCOUNTS_READ_MAX).await?;
            let Some(last) = accounts.last() else { return Ok(any) };
            after.clone_from(last);
            for account in &accounts {
                any |= self.follow_account(account, head, now).await?;
            }
        }
    }

    async fn follow_account(&self, account: &str, head: Head, now: Timestamp) -> Result<bool> {
        let mut any = false;
        let mut watched: BTreeMap<(CurrencyId, Address), Vec<Payout>> = BTreeMap::new();
        for payout in payouts::watched(&self.db, account).await? {
            watched.entry((payout.currency, payout.address)).or_default().push(payout);
        }
        for (of, open) in watched {
            any |= self.follow_address(account, (of, &open), head, now).await?;
        }
        Ok(any)
    }

    /// Follows the payouts of an account that are of one currency and from one of its addresses.
    async fn follow_address(
        &self,
        account: &str,
        ((currency, of), open): ((CurrencyId, Address), &[Payout]),
        head: Head,
        now: Timestamp,
    ) -> Result<bool> {
        let mut seen = self.seen(&cash_key(currency, address(of)), head).await?;
        if open.iter().any(|payout| payout.expiry < now.unsigned()) {
            seen.time = self.header(head.finalized).await?.timestamp;
        }
        let ours: BTreeSet<B256> =
            payouts::requests(&self.db, account).await?.into_iter().collect();
        let (mut any, mut withdrawn) = (false, false);
        for payout in open {
            let found = self.progress(payout, &seen, &ours, now).await?;
            any |= self.note_progress(payout, &found).await?;
            any |= match found.next {
                // The market pays all of an address at once.
                Some(Step::Withdraw) if std::mem::replace(&mut withdrawn, true) => false,
                Some(Step::Withdraw) => self.send_until_done(self.withdrawal(payout), now).await?,
                Some(Step::Redeem(tries)) => {
                    self.send_once(self.redemption(payout, tries)?).await?
                }
                None => false,
            };
        }
        Ok(any)
    }

    /// What the best branch says of an address and a currency.
    async fn seen(&self, key: &str, head: Head) -> Result<Seen> {
        let requests: Vec<(_, WithdrawalFact)> =
            chain::placed(&self.db, kind::WITHDRAWAL_REQUESTED, key.to_owned()).await?;
        let withdrawals: Vec<(_, Money)> =
            chain::placed(&self.db, kind::WITHDRAWN, key.to_owned()).await?;
        let request = |(place, fact): ((u64, u32), WithdrawalFact)| Requested {
            place,
            transaction: fact.transaction,
            amount: fact.amount,
            available: fact.available,
        };
        Ok(Seen {
            requests: requests.into_iter().map(request).collect(),
            withdrawals: withdrawals.into_iter().map(|(place, _)| place).collect(),
            finalized: head.finalized,
            time: 0,
        })
    }

    async fn progress(
        &self,
        payout: &Payout,
        seen: &Seen,
        ours: &BTreeSet<B256>,
        now: Timestamp,
    ) -> Result<Progress> {
        let key = cash_key(payout.currency, hash(payout.destination));
        let redeemed: Vec<(u64, RedeemedFact)> = chain::all(&self.db, kind::REDEEMED, key).await?;
        // Anybody can destroy tokens of his own and name this destination.
        let own =
            |fact: &RedeemedFact| (fact.account, fact.amount) == (payout.address, payout.amount);
        let redeemed = redeemed.into_iter().find(|(_, fact)| own(fact)).map(|(block, _)| block);
        let request = payouts::sent(&self.db, &payouts::request_cause(payout.id)).await?;
        let sent = request.unwrap_or(Sent::UnderWay);
        let brought = sent != Sent::UnderWay && self.nonce_used(payout).await?;
        let own = payouts::requests_of(&self.db, payout.id).await?;
        let mut redemptions = Vec::new();
        for tries in 0..REDEEM_TRIES_MAX {
            let sent = payouts::sent(&self.db, &redeem_cause(payout.id, tries)).await?;
            let Some(sent) = sent else { break };
            redemptions.push(sent);
        }
        let watched = Watched {
            amount: payout.amount,
            outside: payout.is_outside(),
            requests: &own,
            since: payout.since,
            sent,
            brought,
            expiry: payout.expiry,
            redeemed,
            redemptions: &redemptions,
        };
        Ok(progress(&watched, seen, ours, now))
    }

    /// Whether the market has had the withdrawal of a payout, by whoever brought it.
    async fn nonce_used(&self, payout: &Payout) -> Result<bool> {
        let (account, nonce) = (payout.address, payout.terms().nonce());
        let question = EnergyMarket::nonceUsedCall { account, nonce }.abi_encode();
        let market = self.currencies.at(payout.currency).market;
        let answer = client::call(&*self.node, market, question.into(), "latest").await?;
        Ok(EnergyMarket::nonceUsedCall::abi_decode_returns(&answer)?)
    }

    /// Notes where a payout is, where that is not where it was.
    async fn note_progress(&self, payout: &Payout, found: &Progress) -> Result<bool> {
        let mut next = payout.clone();
        next.state = found.state;
        next.watched = found.open;
        next.available = found.available.unwrap_or(payout.available);
        if next == *payout {
            return Ok(false);
        }
        if !matches!(found.state, PayoutState::Failed | PayoutState::Expired) {
            next.reason.clear();
        }
        if let Some(refused) = found.refused {
            let call = self.refused_call(payout, refused)?;
            next.reason = self.reason(call).await;
            tracing::error!(payout = %payout.id, reason = next.reason, "a payout is refused");
        }
        self.db.transact(move |tx| Box::pin(async move { payouts::note(tx, &next).await })).await?;
        Ok(true)
    }

    fn refused_call(&self, payout: &Payout, refused: Refusal) -> Result<Call> {
        Ok(match refused {
            Refusal::Request => self.withdrawal_request(payout)?,
            Refusal::Redemption => {
                let Transaction { to, data, .. } = self.redemption(payout, 0)?;
                Call { to, data }
            }
        })
    }

    fn withdrawal(&self, payout: &Payout) -> Transaction {
        let call = self.currencies.at(payout.currency).withdraw(payout.address);
        self.transaction(format!("payout/{}/withdraw", payout.id), call, WITHDRAW_GAS)
    }

    fn redemption(&self, payout: &Payout, tries: u32) -> Result<Transaction> {
        let signature = payout.redemption.as_bytes().to_vec().into();
        let at = self.currencies.at(payout.currency);
        let call = at.redeem_for(&payout.terms().redemption(), signature)?;
        Ok(self.transaction(redeem_cause(payout.id, tries), call, REDEEM_GAS))
    }
}

fn redeem_cause(payout: PayoutId, tries: u32) -> String {
    match tries {
        0 => format!("payout/{payout}/redeem"),
        _ => format!("payout/{payout}/redeem/again/{tries}"),
    }
}

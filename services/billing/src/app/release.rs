//! Proceeds whose challenge window is over go free.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, keccak256};
use anyhow::Result;
use calendar::Timestamp;
use client::Transaction;

use crate::Billing;
use crate::domain::journal::Account;

/// The most accounts of one transaction.
const ACCOUNTS_MAX: usize = 100;
const CALL_GAS: u64 = 100_000;
const ACCOUNT_GAS: u64 = 80_000;
/// Seconds by which the chain's time may be behind ours.
const MARGIN: u64 = 60;
/// How long after its end a day of which nothing is locked is still looked at, in seconds.
const KEPT: u64 = 7 * 86_400;

impl Billing {
    /// Frees what is locked of days whose corrections and challenges are over at `now`.
    pub(crate) async fn release_due(&self, now: Timestamp) -> Result<bool> {
        let mut transactions = Vec::new();
        for ((policy, day), locked) in self.locked_until(now).await {
            for chunk in locked.chunks(ACCOUNTS_MAX) {
                let addresses: Vec<Address> = chunk.iter().map(|(address, _)| *address).collect();
                let call = self.deployment.release(policy, day, addresses);
                // The amounts are part of the name: what is locked anew is released anew.
                let name = keccak256(serde_json::to_vec(&(policy, day, chunk))?);
                transactions.push(Transaction {
                    cause: format!("release/{name}"),
                    to: call.to,
                    data: call.data,
                    gas: CALL_GAS + ACCOUNT_GAS * u64::try_from(chunk.len())?,
                });
            }
        }
        let mut any = false;
        for transaction in transactions {
            any |= self.send_until_done(transaction, now).await?;
        }
        Ok(any)
    }

    /// Keeps a transaction for the relay; one that was reverted is sent anew, once an hour: a block
    /// of another miner may be a little too early for what was due by our clock.
    pub(super) async fn send_until_done(
        &self,
        mut transaction: Transaction,
        now: Timestamp,
    ) -> Result<bool> {
        let ended = client::outcome_of(&self.db, &transaction.cause).await?;
        if ended == Some(client::Outcome::Reverted) {
            let hour = now.unsigned() / 3600;
            transaction.cause = format!("{}/again/{hour}", transaction.cause);
        }
        self.send_once(transaction).await
    }

    /// What is still locked of each policy's day that is over, by account. Where an account traded
    /// under two policies on a day, the journal has one sum of both.
    async fn locked_until(&self, now: Timestamp) -> BTreeMap<(B256, u32), Vec<(Address, i128)>> {
        let mut state = self.state.lock().await;
        let mut locked: BTreeMap<(u32, Address), i128> = BTreeMap::new();
        for (account, balance) in state.book.balances() {
            let (Account::Locked(address, day)
            | Account::Dso(address, day)
            | Account::Pot(address, day)
            | Account::Imbalance(address, day)
            | Account::PlatformFee(address, day)) = account
            else {
                continue;
            };
            if balance != 0 {
                *locked.entry((*day, *address)).or_default() += balance;
            }
        }
        let mut due = BTreeMap::new();
        state.terms.retain(|&(policy, day), term| {
            if term.until.saturating_add(MARGIN) > now.unsigned() {
                return true;
            }
            let owed = |address: &Address| {
                locked.get(&(day, *address)).map(|balance| (*address, *balance))
            };
            let accounts: Vec<_> = term.accounts.iter().filter_map(owed).collect();
            let any = !accounts.is_empty();
            if any {
                due.insert((policy, day), accounts);
            }
            // A block that leaves the best branch may lock it again, but not of so long ago.
            any || term.until.saturating_add(KEPT) > now.unsigned()
        });
        due
    }

    /// Keeps a transaction for the relay; `false` where it was kept before.
    pub(crate) async fn send_once(&self, transaction: Transaction) -> Result<bool> {
        if client::outcome_of(&self.db, &transaction.cause).await?.is_some() {
            return Ok(false);
        }
        let operator = self.operator.clone();
        self.db
            .transact(move |tx| {
                Box::pin(async move { operator.enqueue(tx, &transaction).await.map(|_| true) })
            })
            .await
    }
}

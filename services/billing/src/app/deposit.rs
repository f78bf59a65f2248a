//! A payment from outside becomes free cash of an account.

use alloy_primitives::{B256, U256, keccak256};
use anyhow::{Context, Result};
use calendar::Timestamp;
use client::Transaction;
use ids::{AccountId, CommunityId};
use service::Problem;
use units::Money;

use crate::Billing;
use crate::db::slots::{self, Deposit};

/// The most one payment may bring: ten million of the currency.
pub const DEPOSIT_MAX: Money = Money::from_n(10_000_000_000_000_000);
const MINT_GAS: u64 = 200_000;
const DEPOSIT_GAS: u64 = 200_000;
const APPROVE_GAS: u64 = 100_000;

impl Billing {
    /// Credits `amount` to `account`: tokens are minted for the payment and deposited. The same
    /// `key` with the same content is credited once.
    ///
    /// # Errors
    /// A [`Problem`] for an unknown account, an amount outside its limits, or a key that came
    /// with other content; any other error is a fault.
    pub async fn deposit(
        &self,
        community: CommunityId,
        key: &str,
        account: AccountId,
        amount: Money,
        now: Timestamp,
    ) -> Result<B256> {
        if amount <= Money::ZERO || amount > DEPOSIT_MAX {
            let problem = Problem::refused("AMOUNT", "The amount is outside its limits");
            return Err(problem.into());
        }
        let known = crate::db::members::account(&self.db, account).await?;
        let known = known.filter(|known| known.community == community);
        let Some(known) = known else { return Err(Problem::not_found("account").into()) };
        let payment = keccak256(format!("{community}/{key}"));
        let transactions = [
            self.transaction(
                format!("mint/{payment}"),
                self.deployment.mint(self.operator.address(), amount, payment)?,
                MINT_GAS,
            ),
            self.transaction(
                format!("deposit/{payment}"),
                self.deployment.deposit_for(known.address, amount, payment)?,
                DEPOSIT_GAS,
            ),
        ];
        let wanted = Deposit { payment, account, amount, at: now };
        let (operator, key) = (self.operator.clone(), key.to_owned());
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    let (fresh, kept) = slots::put_deposit(tx, community, &key, &wanted).await?;
                    if (kept.account, kept.amount) != (wanted.account, wanted.amount) {
                        let problem = Problem::conflict("another payment has this key");
                        return Err(anyhow::Error::from(problem));
                    }
                    if fresh {
                        for transaction in &transactions {
                            operator.enqueue(tx, transaction).await?;
                        }
                    }
                    Ok(kept.payment)
                })
            })
            .await
            .context("a deposit")
            .map_err(unwrapped)
    }

    /// Lets the market take the tokens that are minted here; sent once.
    pub(crate) async fn approve_market(&self) -> Result<()> {
        let call = self.deployment.approve_market(U256::MAX);
        let transaction = self.transaction("approve-market".to_owned(), call, APPROVE_GAS);
        self.send_once(transaction).await.map(|_| ())
    }

    pub(crate) fn transaction(
        &self,
        cause: String,
        call: contracts::Call,
        gas: u64,
    ) -> Transaction {
        Transaction { cause, to: call.to, data: call.data, gas }
    }
}

/// A refusal stays one under what was added to it on its way.
fn unwrapped(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<Problem>() {
        Some(problem) => problem.clone().into(),
        None => error,
    }
}

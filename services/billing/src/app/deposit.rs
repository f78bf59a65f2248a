//! A payment from outside becomes free cash of an account.

use alloy_primitives::{Address, B256, U256, keccak256};
use anyhow::{Context, Result};
use calendar::Timestamp;
use client::{Sender, Transaction};
use contracts::Deployment;
use db::Tx;
use ids::{AccountId, CommunityId};
use service::Problem;
use units::Money;

use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::members::Account;
use crate::db::slots::{self, Deposit};

/// The most one payment may bring: ten million of the currency.
pub const DEPOSIT_MAX: Money = Money::from_n(10_000_000_000_000_000);
const MINT_GAS: u64 = 200_000;
const DEPOSIT_GAS: u64 = 200_000;
const APPROVE_GAS: u64 = 100_000;

/// A payment that is credited, with the transactions that bring it on chain.
pub(crate) struct Credit {
    community: CommunityId,
    key: String,
    deposit: Deposit,
    transactions: [Transaction; 2],
}

impl Credit {
    /// Credits it, unless it was before; its name on chain.
    pub(crate) async fn put(self, tx: &mut Tx, operator: &Sender) -> Result<B256> {
        let payment = self.payment();
        self.put_new(tx, operator).await?;
        Ok(payment)
    }

    /// Credits it, unless it was before; whether it is now.
    pub(crate) async fn put_new(self, tx: &mut Tx, operator: &Sender) -> Result<bool> {
        let (fresh, kept) =
            slots::put_deposit(tx, self.community, &self.key, &self.deposit).await?;
        let same = |one: &Deposit| (one.currency, one.account, one.amount);
        if same(&kept) != same(&self.deposit) {
            let problem = Problem::conflict("another payment has this key");
            return Err(anyhow::Error::from(problem));
        }
        if fresh {
            for transaction in &self.transactions {
                operator.enqueue(tx, transaction).await?;
            }
        }
        Ok(fresh)
    }

    /// Its name on chain.
    pub(crate) fn payment(&self) -> B256 {
        self.deposit.payment
    }
}

/// What crediting payments in a currency takes besides the payment.
#[derive(Clone, Copy)]
pub(super) struct Minter {
    currency: CurrencyId,
    at: Deployment,
    operator: Address,
}

impl Minter {
    /// What crediting `amount` to `account` comes to.
    pub(super) fn credit(
        &self,
        (account, key): (&Account, &str),
        amount: Money,
        now: Timestamp,
    ) -> Result<Credit> {
        let payment = keccak256(format!("{}/{key}", account.community));
        let mint = self.at.mint(self.operator, amount, payment)?;
        let deposit = self.at.deposit_for(account.address, amount, payment)?;
        let currency = self.currency;
        Ok(Credit {
            community: account.community,
            key: key.to_owned(),
            deposit: Deposit { currency, payment, account: account.account, amount, at: now },
            transactions: [
                transaction(format!("mint/{payment}"), mint, MINT_GAS),
                transaction(format!("deposit/{payment}"), deposit, DEPOSIT_GAS),
            ],
        })
    }
}

impl Billing {
    /// Credits `amount` of the first currency to `account`: tokens are minted for the payment and
    /// deposited. The same `key` with the same content is credited once.
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
        self.deposit_of(CurrencyId::FIRST, (community, key), account, amount, now).await
    }

    /// As [`Billing::deposit`], of any currency.
    pub(crate) async fn deposit_of(
        &self,
        currency: CurrencyId,
        (community, key): (CommunityId, &str),
        account: AccountId,
        amount: Money,
        now: Timestamp,
    ) -> Result<B256> {
        if amount <= Money::ZERO || amount > DEPOSIT_MAX {
            let problem = Problem::refused("AMOUNT", "The amount is outside its limits");
            return Err(problem.into());
        }
        let known = crate::db::members::account(&self.db, account, now).await?;
        let known = known.filter(|known| known.community == community);
        let Some(known) = known else { return Err(Problem::not_found("account").into()) };
        let credit = self.credit(currency, (&known, key), amount, now)?;
        let operator = self.operator.clone();
        self.db
            .transact(move |tx| Box::pin(async move { credit.put(tx, &operator).await }))
            .await
            .context("a deposit")
            .map_err(unwrapped)
    }

    /// What crediting `amount` to `account` comes to.
    pub(crate) fn credit(
        &self,
        currency: CurrencyId,
        (account, key): (&Account, &str),
        amount: Money,
        now: Timestamp,
    ) -> Result<Credit> {
        let by = self.minter(currency);
        by.credit((account, key), amount, now)
    }

    /// Who credits payments in a currency.
    pub(super) fn minter(&self, currency: CurrencyId) -> Minter {
        Minter { currency, at: *self.currencies.at(currency), operator: self.operator.address() }
    }

    /// Lets each currency's market take the tokens that are minted here; sent once.
    pub(crate) async fn approve_markets(&self) -> Result<()> {
        for currency in self.currencies.ids() {
            let call = self.currencies.at(currency).approve_market(U256::MAX);
            let cause = match currency {
                CurrencyId::FIRST => "approve-market".to_owned(),
                _ => format!("approve-market/{}", currency.column()),
            };
            self.send_once(self.transaction(cause, call, APPROVE_GAS)).await?;
        }
        Ok(())
    }

    pub(crate) fn transaction(
        &self,
        cause: String,
        call: contracts::Call,
        gas: u64,
    ) -> Transaction {
        transaction(cause, call, gas)
    }
}

fn transaction(cause: String, call: contracts::Call, gas: u64) -> Transaction {
    Transaction { cause, to: call.to, data: call.data, gas }
}

/// A refusal stays one under what was added to it on its way.
fn unwrapped(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<Problem>() {
        Some(problem) => problem.clone().into(),
        None => error,
    }
}

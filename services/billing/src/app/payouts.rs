//! An account asks to be paid out at its bank.
//!
//! What is asked for is signed by the account: by its owner's wallet, or by identity where the key
//! is held there. Only the hash of where to goes to the chain (`contracts::PayoutTerms`).

use alloy_primitives::{Address, B256};
use anyhow::{Error, Result};
use calendar::Timestamp;
use contracts::bindings::EnergyMarket;
use contracts::{Call, PayoutTerms, REDEMPTION_SECONDS, SolCall, WITHDRAWAL_SECONDS};
use ids::PayoutId;
use iso20022::{Currency, Iban, pain001};
use keys::{Signature, recover};
use rand::TryRngCore;
use rand::rngs::OsRng;
use service::Problem;
use units::Money;

use super::requests::given;
use crate::Billing;
use crate::db::members::Account;
use crate::db::payouts::{self, Payout};
use crate::db::requests;
use crate::domain::journal;
use crate::domain::payout::{PAYOUT_MAX, PAYOUT_MIN, PAYOUTS_OPEN_MAX, PayoutState};

const REQUEST_GAS: u64 = 200_000;
/// Seconds that a withdrawal has to have left when it is asked for: until it is in a block.
const LEFT_SECONDS_MIN: u64 = 15 * 60;

/// Where money goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    /// Whose bank account.
    pub(crate) creditor: String,
    pub(crate) iban: Iban,
}

/// What an account signs to be paid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prepared {
    pub(crate) terms: PayoutTerms,
    pub(crate) currency: Currency,
    /// Seconds from the request's block to the withdrawal.
    pub(crate) delay: u64,
}

/// A payout that is asked for, with the account's signatures.
pub(crate) struct Wanted {
    pub(crate) terms: PayoutTerms,
    pub(crate) iban: Iban,
    /// For the market: out of trading.
    pub(crate) withdrawal: Signature,
    /// For the token: destroyed.
    pub(crate) redemption: Signature,
}

impl Billing {
    /// What `account` signs at `now` to be paid out `amount`, with a salt of its own.
    ///
    /// # Errors
    /// A [`Problem`] for an amount or a name that a bank does not take, where the community has
    /// said no bank account, and where the market's delay is longer than signatures last.
    pub(crate) async fn prepare_payout(
        &self,
        account: &Account,
        amount: Money,
        to: Destination,
        now: Timestamp,
    ) -> Result<Prepared> {
        let currency = self.bank_account(account.community).await?.currency;
        check_amount(amount, currency)?;
        check_name(&to.creditor)?;
        let mut salt = B256::ZERO;
        OsRng.try_fill_bytes(&mut salt.0)?;
        let Destination { creditor, iban } = to;
        let iban = iban.to_string();
        let expiry = now.unsigned() + WITHDRAWAL_SECONDS;
        let terms = PayoutTerms { account: account.address, amount, creditor, iban, salt, expiry };
        let question = EnergyMarket::withdrawalDelayCall {}.abi_encode();
        let market = self.deployment.market;
        let answer = client::call(&*self.node, market, question.into(), "latest").await;
        let unknown = |_| Problem::unavailable("no node says how long a withdrawal takes");
        let answer = answer.map_err(unknown)?;
        let delay = u64::from(EnergyMarket::withdrawalDelayCall::abi_decode_returns(&answer)?);
        if delay >= REDEMPTION_SECONDS {
            let title = "The market's delay is longer than a payout's signatures last";
            return Err(Problem::refused("WITHDRAWAL_DELAY", title).into());
        }
        Ok(Prepared { terms, currency, delay })
    }

    /// Takes a payout: its request goes to the chain, what follows is `payouts_sent`'s. The same
    /// `key` with the same content is taken once.
    ///
    /// # Errors
    /// A [`Problem`] as [`Billing::prepare_payout`], where a signature is not the account's or does
    /// not last as it was prepared, for more than it has, for too many at the same time, and for a
    /// key that came with other content.
    pub(crate) async fn request_payout(
        &self,
        account: &Account,
        key: &str,
        wanted: Wanted,
        now: Timestamp,
    ) -> Result<Payout> {
        let currency = self.bank_account(account.community).await?.currency;
        let terms = &wanted.terms;
        check_amount(terms.amount, currency)?;
        check_name(&terms.creditor)?;
        let withdrawal = terms.withdrawal_hash(self.chain_id, self.deployment.market)?;
        let redemption = terms.redemption_hash(self.chain_id, self.deployment.token)?;
        check_signed(account.address, withdrawal, &wanted.withdrawal, "withdrawal")?;
        check_signed(account.address, redemption, &wanted.redemption, "redemption")?;
        let (free, since) = {
            let state = self.state.lock().await;
            let free = -state.book.balance(&journal::Account::Wallet(account.address));
            (free, state.head.map_or(0, |head| head.number))
        };
        let payout = new_payout(account, &wanted, since, now);
        let call = self.withdrawal_request(&payout)?;
        let transaction = self.transaction(payouts::request_cause(payout.id), call, REQUEST_GAS);
        let (operator, key) = (self.operator.clone(), key.to_owned());
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if let Some(kept) = payouts::of_key(tx, payout.account, &key).await? {
                        return same(kept, &payout);
                    }
                    check_expiry(payout.expiry, now)?;
                    if payouts::of_destination(tx, payout.destination).await?.is_some() {
                        let problem = Problem::conflict("another payout has this salt");
                        return Err(Error::from(problem));
                    }
                    let (count, asked) = payouts::open(tx, payout.account).await?;
                    if count >= PAYOUTS_OPEN_MAX {
                        let title = format!("{PAYOUTS_OPEN_MAX} payouts are under way");
                        return Err(Problem::refused("PAYOUTS_OPEN", title).into());
                    }
                    let given = given(&requests::open(tx, payout.account).await?);
                    let left = free - i128::from(asked.n()) - given;
                    if left < i128::from(payout.amount.n()) {
                        let title = "The account has not so much free money";
                        return Err(Problem::refused("NOT_ENOUGH_FREE", title).into());
                    }
                    operator.enqueue(tx, &transaction).await?;
                    payouts::put(tx, &key, &payout).await?;
                    Ok(payout)
                })
            })
            .await
    }

    /// The call that takes a payout out of trading.
    pub(super) fn withdrawal_request(&self, payout: &Payout) -> Result<Call> {
        let signature = payout.withdrawal.as_bytes().to_vec().into();
        Ok(self.deployment.request_withdrawal_for(&payout.terms().withdrawal(), signature)?)
    }
}

impl Payout {
    /// What was signed.
    pub(crate) fn terms(&self) -> PayoutTerms {
        PayoutTerms {
            account: self.address,
            amount: self.amount,
            creditor: self.creditor.clone(),
            iban: self.iban.to_string(),
            salt: self.salt,
            expiry: self.expiry,
        }
    }
}

fn new_payout(account: &Account, wanted: &Wanted, since: u64, now: Timestamp) -> Payout {
    let terms = &wanted.terms;
    let destination = terms.destination();
    Payout {
        id: PayoutId::derived(&destination.to_string()),
        community: account.community,
        account: account.account,
        address: account.address,
        amount: terms.amount,
        creditor: terms.creditor.clone(),
        iban: wanted.iban.clone(),
        salt: terms.salt,
        expiry: terms.expiry,
        destination,
        withdrawal: wanted.withdrawal,
        redemption: wanted.redemption,
        since,
        state: PayoutState::Requested,
        reason: String::new(),
        available: 0,
        watched: true,
        attempt: 1,
        file: String::new(),
        at: now,
    }
}

/// The answer to a request that was taken before.
fn same(kept: Payout, payout: &Payout) -> Result<Payout> {
    if (kept.id, kept.amount) == (payout.id, payout.amount) {
        return Ok(kept);
    }
    Err(Problem::conflict("another payout has this key").into())
}

fn check_amount(amount: Money, currency: Currency) -> Result<(), Problem> {
    if amount < PAYOUT_MIN || amount > PAYOUT_MAX {
        let title = format!("A payout is between {PAYOUT_MIN} and {PAYOUT_MAX}");
        return Err(Problem::refused("AMOUNT", title));
    }
    if amount.decimal().to_scale(currency.digits()).is_none() {
        let title = format!("A bank pays whole amounts of {} decimals", currency.digits());
        return Err(Problem::refused("AMOUNT", title));
    }
    Ok(())
}

/// Whether a withdrawal lasts until it can be in a block, and no longer than it was prepared for.
fn check_expiry(expiry: u64, now: Timestamp) -> Result<(), Problem> {
    let now = now.unsigned();
    if expiry < now + LEFT_SECONDS_MIN {
        let title = "The payout was signed too long ago: prepare it anew";
        return Err(Problem::refused("EXPIRED", title));
    }
    if expiry > now + WITHDRAWAL_SECONDS {
        let title = format!("A payout is signed for {WITHDRAWAL_SECONDS} seconds at most");
        return Err(Problem::refused("EXPIRY", title));
    }
    Ok(())
}

fn check_name(creditor: &str) -> Result<(), Problem> {
    if creditor.trim() == creditor && pain001::takes_name(creditor) {
        return Ok(());
    }
    Err(Problem::malformed("creditor: not a name of 1 to 70 characters"))
}

pub(super) fn check_signed(
    account: Address,
    hash: B256,
    signature: &Signature,
    what: &str,
) -> Result<(), Problem> {
    if recover(hash, signature) == Some(account) {
        return Ok(());
    }
    let title = format!("The {what} is not signed with the key of the account");
    Err(Problem::refused("NOT_SIGNED", title))
}

//! An account asks to be paid out at its bank.
//!
//! What is asked for is signed by the account: by its owner's wallet, as its contract takes it, or
//! by identity where the key is held there. Only the hash of where to goes to the chain
//! (`contracts::PayoutTerms`).

use alloy_primitives::B256;
use anyhow::{Error, Result};
use calendar::Timestamp;
use contracts::bindings::EnergyMarket;
use contracts::{
    CONTRACT_GAS_MAX, Call, PayoutTerms, REDEMPTION_SECONDS, SolCall, WITHDRAWAL_SECONDS,
};
use ids::PayoutId;
use iso20022::{Currency, Iban, pain001};
use keys::SignatureBytes;
use rand::TryRngCore;
use rand::rngs::OsRng;
use service::Problem;
use units::Money;

use super::requests::given;
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::members::{self, Account};
use crate::db::payouts::{self, Payout};
use crate::db::{addresses, requests};
use crate::domain::payout::{PAYOUT_MAX, PAYOUT_MIN, PAYOUTS_OPEN_MAX, PayoutState};

const REQUEST_GAS: u64 = 200_000 + CONTRACT_GAS_MAX;
/// The newest addresses of an account of which one may have signed a payout that names none.
const SIGNERS_MAX: usize = 24;
/// Seconds that a withdrawal has to have left when it is asked for: until it is in a block.
const LEFT_SECONDS_MIN: u64 = 15 * 60;

/// Where money goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    /// Whose bank account.
    pub(crate) creditor: String,
    /// None where it goes back into the wallet, with [`contracts::TO_WALLET`] as the creditor.
    pub(crate) iban: Option<Iban>,
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
    pub(crate) currency: CurrencyId,
    pub(crate) terms: PayoutTerms,
    pub(crate) iban: Option<Iban>,
    /// For the market: out of trading. Empty where the tokens are outside of it.
    pub(crate) withdrawal: SignatureBytes,
    /// For the token: destroyed.
    pub(crate) redemption: SignatureBytes,
}

impl Billing {
    /// What `account` signs at `now` to be paid out `amount` of a currency, with a salt of its own.
    ///
    /// # Errors
    /// A [`Problem`] for an amount or a name that a bank does not take, where the community has
    /// said no bank account, and where the market's delay is longer than signatures last.
    pub(crate) async fn prepare_payout(
        &self,
        account: &Account,
        (of, amount): (CurrencyId, Money),
        to: Destination,
        now: Timestamp,
    ) -> Result<Prepared> {
        let currency = self.bank_account(account.community, of).await?.currency;
        let mut salt = B256::ZERO;
        OsRng.try_fill_bytes(&mut salt.0)?;
        let Destination { creditor, iban } = to;
        let iban = iban.as_ref().map(Iban::to_string).unwrap_or_default();
        let expiry = now.unsigned() + WITHDRAWAL_SECONDS;
        let (account, cash) = (account.address, self.currencies.named_cash(of));
        let terms = PayoutTerms { account, amount, creditor, iban, salt, expiry, cash };
        check_terms(&terms, currency)?;
        let question = EnergyMarket::withdrawalDelayCall {}.abi_encode();
        let market = self.currencies.at(of).market;
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
        let currency = self.bank_account(account.community, wanted.currency).await?.currency;
        check_terms(&wanted.terms, currency)?;
        let wanted = self.checked(account, wanted).await?;
        let (free, since) = {
            let state = self.state.lock().await;
            let free = state.free(wanted.currency, account.address);
            (free, state.head.map_or(0, |head| head.number))
        };
        let payout = new_payout(account, &wanted, since, now);
        let (outside, request) = if payout.is_outside() {
            (self.tokens_of(payout.currency, account.address).await?, None)
        } else {
            let (cause, call) =
                (payouts::request_cause(payout.id), self.withdrawal_request(&payout)?);
            (Money::ZERO, Some(self.transaction(cause, call, REQUEST_GAS)))
        };
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
                    let of = payout.currency;
                    let (count, asked) = payouts::open(tx, payout.account, of).await?;
                    if count >= PAYOUTS_OPEN_MAX {
                        let title = format!("{PAYOUTS_OPEN_MAX} payouts are under way");
                        return Err(Problem::refused("PAYOUTS_OPEN", title).into());
                    }
                    match request {
                        Some(request) => {
                            let given = given(&requests::open(tx, payout.account).await?, of);
                            let left = free - i128::from(asked.n()) - given;
                            check_left(left, payout.amount, NOT_ENOUGH_FREE)?;
                            operator.enqueue(tx, &request).await?;
                        }
                        None => {
                            let leaving = payouts::outside(tx, (payout.address, of), now).await?;
                            let left = i128::from(outside.n()) - i128::from(leaving.n());
                            check_left(left, payout.amount, NOT_ENOUGH_OUTSIDE)?;
                        }
                    }
                    payouts::put(tx, &key, &payout).await?;
                    Ok(payout)
                })
            })
            .await
    }

    /// The account at the address of its own whose key signed `redemption` of such terms: one of
    /// before where it was prepared before a midnight. As it is where none did, which is what a
    /// contract account's signature looks like.
    pub(crate) async fn signing_payout(
        &self,
        account: Account,
        (currency, terms): (CurrencyId, &PayoutTerms),
        redemption: &SignatureBytes,
    ) -> Result<Account> {
        let token = self.currencies.at(currency).token;
        let spans = addresses::of_account(&self.db, account.account).await?;
        for span in spans.iter().rev().take(SIGNERS_MAX) {
            let terms = PayoutTerms { account: span.address, ..terms.clone() };
            let hash = terms.redemption_hash(self.chain_id, token)?;
            if redemption.by_key(hash, span.address).is_some() {
                let found = members::account_at(&self.db, span.address).await?;
                return Ok(found.unwrap_or(account));
            }
        }
        Ok(account)
    }

    /// A payout with its signatures as they are sent.
    async fn checked(&self, account: &Account, wanted: Wanted) -> Result<Wanted> {
        let Wanted { currency, terms, iban, mut withdrawal, redemption } = wanted;
        let (chain_id, at) = (self.chain_id, self.currencies.at(currency));
        if withdrawal != SignatureBytes::default() {
            let hash = terms.withdrawal_hash(chain_id, at.market)?;
            withdrawal = self.check_signed(account.address, hash, withdrawal, "withdrawal").await?;
        }
        let hash = terms.redemption_hash(chain_id, at.token)?;
        let redemption = self.check_signed(account.address, hash, redemption, "redemption").await?;
        Ok(Wanted { currency, terms, iban, withdrawal, redemption })
    }

    /// The call that takes a payout out of trading.
    pub(super) fn withdrawal_request(&self, payout: &Payout) -> Result<Call> {
        let signature = payout.withdrawal.as_bytes().to_vec().into();
        let at = self.currencies.at(payout.currency);
        Ok(at.request_withdrawal_for(&payout.terms().withdrawal(), signature)?)
    }
}

impl Payout {
    /// What was signed, but for the contracts, which the currency says.
    pub(crate) fn terms(&self) -> PayoutTerms {
        PayoutTerms {
            account: self.address,
            amount: self.amount,
            creditor: self.creditor.clone(),
            iban: self.iban.as_ref().map(Iban::to_string).unwrap_or_default(),
            salt: self.salt,
            expiry: self.expiry,
            cash: None,
        }
    }

    /// Whether its tokens are outside of trading from the beginning.
    pub(crate) fn is_outside(&self) -> bool {
        self.withdrawal == SignatureBytes::default()
    }
}

fn new_payout(account: &Account, wanted: &Wanted, since: u64, now: Timestamp) -> Payout {
    let terms = &wanted.terms;
    let destination = terms.destination();
    let outside = wanted.withdrawal == SignatureBytes::default();
    Payout {
        currency: wanted.currency,
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
        withdrawal: wanted.withdrawal.clone(),
        redemption: wanted.redemption.clone(),
        since,
        state: if outside { PayoutState::Withdrawn } else { PayoutState::Requested },
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
    let content = |of: &Payout| (of.id, of.amount, of.currency);
    if content(&kept) == content(payout) {
        return Ok(kept);
    }
    Err(Problem::conflict("another payout has this key").into())
}

/// Code and title where an account asks for more than it has, in trading and outside of it.
const NOT_ENOUGH_FREE: (&str, &str) = ("NOT_ENOUGH_FREE", "The account has not so much free money");
const NOT_ENOUGH_OUTSIDE: (&str, &str) =
    ("NOT_ENOUGH_OUTSIDE", "The account has not so much outside of trading");

fn check_left(left: i128, amount: Money, (code, title): (&str, &str)) -> Result<(), Problem> {
    if left >= i128::from(amount.n()) { Ok(()) } else { Err(Problem::refused(code, title)) }
}

/// Whether a bank takes the payout, or the wallet that it came from.
fn check_terms(terms: &PayoutTerms, currency: Currency) -> Result<(), Problem> {
    if !terms.is_to_wallet() {
        check_amount(terms.amount, currency)?;
        return check_name(&terms.creditor);
    }
    if Money::ZERO < terms.amount && terms.amount <= PAYOUT_MAX {
        return Ok(());
    }
    let title = format!("What goes back is more than nothing, and {PAYOUT_MAX} at most");
    Err(Problem::refused("AMOUNT", title))
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

//! An account gives cash or certified energy to another one, uses certified energy up, lets a
//! delegate sign orders, or ends orders that it has signed.
//!
//! What is asked for is signed by the account: by its owner's wallet, as its contract takes it, or
//! by identity where the key is held there. Here it is checked, kept and sent once; the contracts
//! check it again.

use alloy_primitives::{Address, B256, U256};
use anyhow::Result;
use calendar::Timestamp;
use contracts::bindings::TradingMandate;
use contracts::requests::{CashTransfer, Mandate};
use contracts::{AccountRequest, CONTRACT_GAS_MAX, Cash, SolCall};
use ids::RequestId;
use keys::SignatureBytes;
use rand::TryRngCore;
use rand::rngs::OsRng;
use service::Problem;
use units::{Energy, Money};

use super::cancellation_requests::{
    Attempt, CANCEL_GAS, another_attempt, check_nonces, check_room,
};
use super::certificate_requests::{check_beneficiary, check_certified, check_wh};
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::members::{self, Account};
use crate::db::requests::{self, Request, RequestState};
use crate::db::{addresses, payouts};

/// Requests of an account that may be on their way at the same time, and beside them as many that
/// end orders: neither is in the way of the other.
pub(super) const REQUESTS_OPEN_MAX: usize = 16;
/// Seconds from preparing a request to its expiry: a day for a second person's consent, a day to be
/// sent.
pub(super) const REQUEST_SECONDS: i64 = 2 * 24 * 3600;
/// The longest that a mandate may last, in seconds: five years.
pub(crate) const MANDATE_SECONDS_MAX: i64 = 5 * 366 * 24 * 3600;
const REQUEST_GAS: u64 = 250_000 + CONTRACT_GAS_MAX;
const EXCHANGE_GAS: u64 = 400_000 + CONTRACT_GAS_MAX;

/// What a delegate may do, as an account wishes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MandateWish {
    pub(crate) delegate: Address,
    /// The community's only one where it is not said.
    pub(crate) policy: Option<B256>,
    /// `None` ends the mandate.
    pub(crate) until: Option<Timestamp>,
    /// In 1e-9 currency per Wh.
    pub(crate) buy_price_max: u64,
    /// In 1e-9 currency per Wh.
    pub(crate) sell_price_min: u64,
    pub(crate) quantity_per_slot: Energy,
    pub(crate) quantity_per_day: Energy,
}

impl Billing {
    /// What `account` signs to give `amount` of a currency to `to`.
    ///
    /// # Errors
    /// A [`Problem`] for nothing or less, and where nobody of the community has that address.
    pub(crate) async fn prepare_transfer(
        &self,
        account: &Account,
        to: Address,
        (currency, amount): (CurrencyId, Money),
        now: Timestamp,
    ) -> Result<AccountRequest> {
        self.check_transfer(account, to, (amount, now)).await?;
        let transfer = CashTransfer {
            account: account.address,
            to,
            amount,
            nonce: random_nonce()?,
            expiry: now.plus_seconds(REQUEST_SECONDS).unsigned(),
            sender: Address::ZERO,
            link: B256::ZERO,
        };
        Ok(match self.currencies.named_cash(currency) {
            None => AccountRequest::Transfer(transfer),
            Some(Cash { market, .. }) => AccountRequest::CurrencyTransfer { market, transfer },
        })
    }

    /// What `account` signs to let a delegate sign orders under its community's policy.
    ///
    /// # Errors
    /// A [`Problem`] for limits that nothing fits in, and for a time that is over or too far away.
    pub(crate) async fn prepare_mandate(
        &self,
        account: &Account,
        wish: MandateWish,
        now: Timestamp,
    ) -> Result<AccountRequest> {
        check_until(wish.until, now)?;
        let policy = self.policy_of(account, wish.policy).await?;
        let granted = self.mandate(account.address, wish.delegate).await?;
        let mandate = Mandate {
            account: account.address,
            delegate: wish.delegate,
            policy,
            until: wish.until.map_or(0, Timestamp::unsigned),
            buy_price_max: wish.buy_price_max,
            sell_price_min: wish.sell_price_min,
            quantity_per_slot: wish.quantity_per_slot,
            quantity_per_day: wish.quantity_per_day,
            // Not one that is signed and on its way: later wishes are later versions.
            version: granted.version.saturating_add(1).max(now.unsigned()),
        };
        check_mandate(&mandate)?;
        let expiry = now.plus_seconds(REQUEST_SECONDS).unsigned();
        Ok(AccountRequest::Mandate { mandate, expiry })
    }

    /// The policy of an account's community that is named, or its only one.
    async fn policy_of(&self, account: &Account, named: Option<B256>) -> Result<B256, Problem> {
        let state = self.state.lock().await;
        let mut own = state.policies.iter().filter(|(id, policy)| {
            policy.community == account.community && named.is_none_or(|named| named == **id)
        });
        match (own.next(), own.next()) {
            (None, _) => Err(Problem::not_found("policy")),
            (Some((id, _)), None) => Ok(*id),
            (Some(_), Some(_)) => Err(Problem::malformed("policy: the community has several")),
        }
    }

    /// What an account lets a delegate sign, by the newest block.
    pub(crate) async fn mandate(
        &self,
        account: Address,
        delegate: Address,
    ) -> Result<TradingMandate::Mandate> {
        let question = TradingMandate::mandateOfCall { account, delegate }.abi_encode();
        let mandates = self.deployment.mandates;
        let answer = client::call(&*self.node, mandates, question.into(), "latest").await;
        let unknown = |_| Problem::unavailable("no node says what the account has granted");
        let answer = answer.map_err(unknown)?;
        Ok(TradingMandate::mandateOfCall::abi_decode_returns(&answer)?)
    }

    /// Takes a signed request and sends it. The same `key` with the same content is taken once. An
    /// exchange is an order of its quote. The end of orders that a contract refused is sent again
    /// under another key; before that it stands as it is, whatever its key.
    ///
    /// # Errors
    /// A [`Problem`] as where it is prepared, where the signature is not the account's, for more
    /// than it has, for one that only somebody else may send or that expires, for too many at the
    /// same time, and for a key that came with other content.
    pub(crate) async fn submit_request(
        &self,
        account: &Account,
        key: &str,
        (terms, signature): (AccountRequest, SignatureBytes),
        now: Timestamp,
    ) -> Result<Request> {
        if let AccountRequest::Exchange { quote, .. } = &terms {
            return self.order_exchange(account, key, (quote.id()?, signature), now).await;
        }
        self.check_request(account, &terms, now).await?;
        let hash = terms.hash(self.chain_id, &self.deployment)?;
        let id = RequestId::derived(&hash.to_string());
        self.send_request(account, key, (id, terms, signature), now).await
    }

    /// Keeps what was checked under its id, and sends it, once.
    pub(super) async fn send_request(
        &self,
        account: &Account,
        key: &str,
        (id, terms, signature): (RequestId, AccountRequest, SignatureBytes),
        now: Timestamp,
    ) -> Result<Request> {
        let hash = terms.hash(self.chain_id, &self.deployment)?;
        let signature = self.check_signed(account.address, hash, signature, terms.kind()).await?;
        let currency = self.currency_of(&terms)?;
        let free = self.state.lock().await.free(currency, account.address);
        let certified = self.certified_of(&terms).await?;
        let mut request = Request {
            id,
            community: account.community,
            account: account.account,
            currency,
            terms,
            signature,
            at: now,
            state: RequestState::Sent,
        };
        let (call, gas) = (self.call_of(&request)?, gas_of(&request.terms));
        let mut transaction = self.transaction(requests::cause(request.id), call, gas);
        let (operator, key) = (self.operator.clone(), key.to_owned());
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if let Some(kept) = requests::of_key(tx, request.account, &key).await? {
                        return same(kept, &request);
                    }
                    match another_attempt(tx, (request.id, hash), &request.terms).await? {
                        Attempt::Of(id) => request.id = id,
                        Attempt::Stands(kept) => return Ok(*kept),
                    }
                    transaction.cause = requests::cause(request.id);
                    let open = requests::open(tx, request.account).await?;
                    check_room(tx, &request, &open).await?;
                    let (of, gives) = (request.currency, request.gives());
                    if gives > Money::ZERO {
                        let (_, asked) = payouts::open(tx, request.account, of).await?;
                        let left = free - i128::from(asked.n()) - given(&open, of);
                        if left < i128::from(gives.n()) {
                            return Err(not_enough_free().into());
                        }
                    }
                    check_certified(&request.terms, certified, &open)?;
                    requests::put(tx, &key, &request).await?;
                    operator.enqueue(tx, &transaction).await?;
                    Ok(request)
                })
            })
            .await
    }

    /// The call that makes a request.
    pub(crate) fn call_of(&self, request: &Request) -> Result<contracts::Call> {
        let signature = request.signature.as_bytes().to_vec().into();
        Ok(request.terms.call(&self.deployment, signature)?)
    }

    /// Why a request failed, as the contract says now.
    pub(crate) async fn reason_of(&self, request: &Request) -> Result<Option<String>> {
        match request.state {
            RequestState::Failed => Ok(Some(self.reason(self.call_of(request)?).await)),
            RequestState::Sent | RequestState::Done => Ok(None),
        }
    }

    /// What a request is in.
    fn currency_of(&self, terms: &AccountRequest) -> Result<CurrencyId, Problem> {
        let market = match terms {
            AccountRequest::Transfer(_)
            | AccountRequest::Mandate { .. }
            | AccountRequest::CertificateTransfer(_)
            | AccountRequest::CertificateRetirement(_)
            | AccountRequest::Cancellation(_) => return Ok(CurrencyId::FIRST),
            AccountRequest::CurrencyTransfer { market, .. } => *market,
            AccountRequest::Exchange { quote, .. } => quote.from,
        };
        let known = self.currencies.of_market(market);
        known.ok_or_else(|| Problem::malformed("market: of no currency"))
    }

    async fn check_request(
        &self,
        account: &Account,
        terms: &AccountRequest,
        now: Timestamp,
    ) -> Result<()> {
        if terms.account() != account.address {
            return Err(Problem::malformed("account: the caller's own").into());
        }
        if terms.expiry() <= now.unsigned() {
            return Err(Problem::refused("EXPIRED", "No contract takes this any more").into());
        }
        match terms {
            AccountRequest::Transfer(of)
            | AccountRequest::CurrencyTransfer { transfer: of, .. } => {
                let sender = of.sender == Address::ZERO || of.sender == self.operator();
                if !sender {
                    return Err(Problem::malformed("sender: somebody else may send it").into());
                }
                self.check_transfer(account, of.to, (of.amount, now)).await
            }
            AccountRequest::Mandate { mandate: of, .. } => {
                let until = i64::try_from(of.until).unwrap_or(i64::MAX);
                let until = (until > 0).then(|| Timestamp::from_seconds(until));
                check_until(until, now)?;
                Ok(check_mandate(of)?)
            }
            // Held against what was offered, where it is ordered.
            AccountRequest::Exchange { .. } => Ok(()),
            AccountRequest::CertificateTransfer(of) => {
                check_wh(of.amount)?;
                self.check_recipient(account, of.to, now).await
            }
            AccountRequest::CertificateRetirement(of) => {
                check_wh(of.amount)?;
                Ok(check_beneficiary(of)?)
            }
            AccountRequest::Cancellation(of) => Ok(check_nonces(&of.nonces)?),
        }
    }

    async fn check_transfer(
        &self,
        account: &Account,
        to: Address,
        (amount, now): (Money, Timestamp),
    ) -> Result<()> {
        if amount <= Money::ZERO {
            let title = "A transfer is of more than nothing";
            return Err(Problem::refused("AMOUNT", title).into());
        }
        self.check_recipient(account, to, now).await
    }

    /// Somebody of the account's community has the address, or the account itself as another one.
    /// What comes to another's address whose time is over, its account may not be able to use.
    pub(super) async fn check_recipient(
        &self,
        account: &Account,
        to: Address,
        now: Timestamp,
    ) -> Result<()> {
        let of = members::account_at(&self.db, to).await?;
        let of = of.filter(|of| of.community == account.community && to != account.address);
        let Some(of) = of else {
            let title = "Nobody else of the community has this address";
            return Err(Problem::refused("RECIPIENT", title).into());
        };
        if of.account != account.account && addresses::is_over(&self.db, to, now).await? {
            let title = "The account does not settle at this address any more";
            return Err(Problem::refused("RECIPIENT_OVER", title).into());
        }
        Ok(())
    }
}

/// A nonce that no other signature of the account has.
pub(super) fn random_nonce() -> Result<U256> {
    let mut nonce = [0; 32];
    OsRng.try_fill_bytes(&mut nonce)?;
    Ok(U256::from_be_bytes(nonce))
}

pub(super) fn not_enough_free() -> Problem {
    Problem::refused("NOT_ENOUGH_FREE", "The account has not so much free money")
}

/// How much of a currency is being given away.
pub(super) fn given(open: &[Request], currency: CurrencyId) -> i128 {
    let of = open.iter().filter(|request| request.currency == currency);
    of.map(|request| i128::from(request.gives().n())).sum()
}

fn gas_of(terms: &AccountRequest) -> u64 {
    match terms {
        AccountRequest::Exchange { .. } => EXCHANGE_GAS,
        AccountRequest::Cancellation(of) => {
            // At most CANCELLED_MAX.
            REQUEST_GAS + CANCEL_GAS * of.nonces.len() as u64
        }
        _ => REQUEST_GAS,
    }
}

/// The answer to a request that was taken before.
fn same(kept: Request, request: &Request) -> Result<Request> {
    // The end of orders has no number of its own: only its terms.
    let ends = matches!(request.terms, AccountRequest::Cancellation(_));
    if kept.id == request.id || (ends && kept.terms == request.terms) {
        return Ok(kept);
    }
    Err(Problem::conflict("another request has this key").into())
}

/// A mandate ends, and not before it began.
fn check_until(until: Option<Timestamp>, now: Timestamp) -> Result<(), Problem> {
    let last = now.plus_seconds(MANDATE_SECONDS_MAX);
    if until.is_none_or(|until| now < until && until <= last) {
        return Ok(());
    }
    Err(Problem::malformed("until: later than now, and at most five years"))
}

/// An order fits into it, unless it only ends another one.
fn check_mandate(of: &Mandate) -> Result<(), Problem> {
    if of.delegate == Address::ZERO || of.delegate == of.account {
        return Err(Problem::malformed("delegate: another address"));
    }
    let fits = of.quantity_per_slot > Energy::ZERO && of.quantity_per_day >= of.quantity_per_slot;
    if of.until > 0 && !fits {
        let detail = "quantity_per_slot: more than 0; quantity_per_day: at least as much";
        return Err(Problem::malformed(detail));
    }
    Ok(())
}

//! Cash of one currency for cash of another, from the community's dealer, at a rate that staff set.
//!
//! ```text
//! staff ──> rate ──> quote, which the dealer signs ──> order, which the account signs ──> chain
//!                    stands QUOTE_SECONDS                sent once: both transfers or none
//! ```
//!
//! The dealer is an account of the community: its cash comes in as everybody's does, by a bank or
//! as a deposit. Its key follows from the installation's secret and signs quotes, nothing else.
//! What it can lose is bounded: a rate has a limit over all accounts until it is set anew, a quote
//! is offered only where the dealer has the cash that no other quote may still take, and expires.
//! Whoever has both signatures can send a quote: it is followed by what the chain says of it.
//!
//! Its cash leaves it by a transfer that two of the staff want ([`super::dealer`]).
//!
//! Deliberately absent: where rates come from.

use alloy_primitives::{B256, keccak256};
use anyhow::{Context, Result};
use calendar::Timestamp;
use contracts::{AccountRequest, Quote};
use events::identity::Custody;
use ids::{AccountId, CommunityId, PartyId, RequestId};
use keys::{SecretKey, SignatureBytes};
use service::Problem;
use units::Money;

use super::deposit::DEPOSIT_MAX;
use super::requests::{not_enough_free, random_nonce};
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::chain::{self, kind};
use crate::db::exchange::{self, Offer, Pair, SetRate};
use crate::db::hash;
use crate::db::members::Account;
use crate::db::requests::{self, Request, RequestState};
use crate::domain::exchange::{EXCHANGE_MAX, RATE_MAX, Rate, SPREAD_BPS_MAX};

/// How long a quote stands, in seconds: to be looked at, signed and put in a block.
pub(crate) const QUOTE_SECONDS: i64 = 120;
/// Seconds that a quote has to have left when it is ordered: until it is in a block.
const LEFT_SECONDS_MIN: i64 = 15;
/// Seconds by which the chain's time may be behind ours: so long after its expiry a quote still
/// binds the dealer's cash.
const MARGIN: i64 = 60;
/// Quotes of an account that stand at the same time, without those that it ordered.
const QUOTES_OPEN_MAX: i64 = 3;
/// How long a quote that came to nothing is kept, in seconds.
const KEPT_SECONDS: i64 = 24 * 3600;

/// What is left of an amount; nothing where all of it is gone.
fn less<const N: usize>(of: i128, gone: [Money; N]) -> Money {
    let gone: i128 = gone.iter().map(|gone| i128::from(gone.n())).sum();
    Money::from_n(i64::try_from((of - gone).max(0)).unwrap_or(i64::MAX))
}

/// A rate with what can still be exchanged at it, in the target currency.
pub(crate) struct Open {
    pub(crate) rate: SetRate,
    pub(crate) left: Money,
}

impl Billing {
    /// The account that gives and takes in a community, as it is once a rate is set.
    pub(crate) fn dealer(&self, community: CommunityId) -> Result<Account> {
        let account = AccountId::derived(&format!("dealer/{community}"));
        let address = self.dealer_key(community)?.address();
        let pseudonym = "dealer".to_owned();
        Ok(Account { account, community, pseudonym, address, custody: Custody::Held })
    }

    pub(super) fn dealer_key(&self, community: CommunityId) -> Result<SecretKey> {
        let community = community.to_string();
        let secret = keccak256([self.dealers.as_slice(), community.as_bytes()].concat());
        SecretKey::from_bytes(&secret.0).context("the key of a dealer")
    }

    /// Says at which rate a community's dealer exchanges from now on; a limit of zero ends it.
    ///
    /// # Errors
    /// A [`Problem`] for figures outside of their limits.
    pub(crate) async fn set_rate(
        &self,
        community: CommunityId,
        pair: Pair,
        rate: Rate,
        (by, now): (PartyId, Timestamp),
    ) -> Result<()> {
        if rate.rate == 0 || rate.rate > RATE_MAX {
            return Err(Problem::malformed(format!("rate: 1 to {RATE_MAX}")).into());
        }
        if rate.spread_bps > SPREAD_BPS_MAX {
            return Err(Problem::malformed(format!("spread_bps: 0 to {SPREAD_BPS_MAX}")).into());
        }
        if rate.limit < Money::ZERO || rate.limit > DEPOSIT_MAX {
            return Err(Problem::malformed(format!("limit: 0 to {DEPOSIT_MAX}")).into());
        }
        let dealer = self.dealer(community)?;
        self.db
            .transact(move |tx| {
                Box::pin(
                    async move { exchange::put_rate(tx, &dealer, pair, &rate, (by, now)).await },
                )
            })
            .await
    }

    /// The rates of a community that hold, with what can be exchanged at each at `now`.
    pub(crate) async fn open_rates(
        &self,
        community: CommunityId,
        now: Timestamp,
    ) -> Result<Vec<Open>> {
        let mut open = Vec::new();
        for rate in exchange::rates(&self.db, community).await? {
            let [of_rate, of_cash] = self.left(community, &rate, now).await?;
            open.push(Open { rate, left: of_rate.min(of_cash) });
        }
        Ok(open)
    }

    /// What the limit of a rate leaves, and what the dealer has that nothing binds.
    async fn left(
        &self,
        community: CommunityId,
        rate: &SetRate,
        now: Timestamp,
    ) -> Result<[Money; 2]> {
        let over = now.plus_seconds(-MARGIN);
        let given = exchange::given_at(&self.db, rate.number, over).await?;
        let of_rate = less(i128::from(rate.rate.limit.n()), [given]);
        Ok([of_rate, self.dealer_cash((community, rate.pair.to), now).await?])
    }

    /// What the dealer of a community has of a currency that no quote and no transfer on its way
    /// may still take.
    pub(super) async fn dealer_cash(
        &self,
        (community, currency): (CommunityId, CurrencyId),
        now: Timestamp,
    ) -> Result<Money> {
        let dealer = self.dealer(community)?;
        // Cash before what binds it: what is made in between is then taken off twice, not never.
        let free = self.state.lock().await.free(currency, dealer.address);
        let over = now.plus_seconds(-MARGIN);
        let bound = exchange::bound(&self.db, (community, currency), over).await?;
        let leaving = requests::leaving(&self.db, (dealer.account, currency)).await?;
        Ok(less(free, [bound, leaving]))
    }

    /// Offers `given` of one currency for what the rate makes of it in the other.
    ///
    /// # Errors
    /// A [`Problem`] for an amount that nothing comes of, that the account does not have, or that
    /// is more than the dealer gives; where there is no rate; for too many quotes at the same time.
    pub(crate) async fn quote(
        &self,
        account: &Account,
        pair: Pair,
        given: Money,
        now: Timestamp,
    ) -> Result<(Offer, Rate)> {
        if given <= Money::ZERO || given > EXCHANGE_MAX {
            let title = format!("More than 0 and at most {EXCHANGE_MAX} is exchanged at once");
            return Err(Problem::refused("AMOUNT", title).into());
        }
        let _one_at_a_time = self.quoting.lock().await;
        let rates = exchange::rates(&self.db, account.community).await?;
        let rate = rates.into_iter().find(|rate| rate.pair == pair);
        let rate = rate.filter(|rate| rate.rate.limit > Money::ZERO);
        let rate = rate.ok_or_else(|| {
            Problem::refused("NO_RATE", "Nobody exchanges these currencies at present")
        })?;
        let taken = rate.rate.taken(given).ok_or_else(|| {
            Problem::refused("AMOUNT", "Nothing, or more than there can be, comes of this amount")
        })?;
        let free = self.state.lock().await.free(pair.from, account.address);
        if free < i128::from(given.n()) {
            return Err(not_enough_free().into());
        }
        if exchange::standing(&self.db, account.account, now).await? >= QUOTES_OPEN_MAX {
            let title = format!("{QUOTES_OPEN_MAX} quotes stand: order one, or let them expire");
            return Err(Problem::refused("QUOTES_OPEN", title).into());
        }
        let [of_rate, of_cash] = self.left(account.community, &rate, now).await?;
        for (left, code, title) in [
            (of_rate, "EXCHANGE_LIMIT", "This is more than is exchanged at this rate"),
            (of_cash, "DEALER_CASH", "The dealer has not so much of the currency"),
        ] {
            if taken > left {
                let detail = format!("{left} {} is left", self.currencies.code(pair.to));
                return Err(Problem::refused(code, title).with_detail(detail).into());
            }
        }
        let offer = self.offer(account, (&rate, given, taken), now)?;
        let (kept, forget) = (offer.clone(), now.plus_seconds(-KEPT_SECONDS));
        self.db
            .transact(move |tx| {
                Box::pin(async move { exchange::put_offer(tx, &kept, forget).await })
            })
            .await?;
        Ok((offer, rate.rate))
    }

    /// A quote that the dealer has signed.
    fn offer(
        &self,
        account: &Account,
        (rate, given, taken): (&SetRate, Money, Money),
        now: Timestamp,
    ) -> Result<Offer> {
        let key = self.dealer_key(account.community)?;
        let market = |of: CurrencyId| self.currencies.at(of).market;
        let expiry = now.plus_seconds(QUOTE_SECONDS);
        let quote = Quote {
            from: market(rate.pair.from),
            to: market(rate.pair.to),
            account: account.address,
            dealer: key.address(),
            given,
            taken,
            expiry: expiry.unsigned(),
            account_nonce: random_nonce()?,
            dealer_nonce: random_nonce()?,
        };
        let (id, hash) = (quote.id()?, quote.dealer_hash(self.chain_id, &self.deployment)?);
        let dealer_signature = key.sign(hash).as_bytes().to_vec().into();
        Ok(Offer {
            id,
            request: RequestId::derived(&id.to_string()),
            community: account.community,
            account: account.account,
            rate: rate.number,
            pair: rate.pair,
            given,
            taken,
            terms: AccountRequest::Exchange { quote, dealer_signature },
            expiry,
            at: now,
        })
    }

    /// Sends a quote that the account has signed, once. The same `key` with the same quote is taken
    /// once.
    ///
    /// # Errors
    /// A [`Problem`] for a quote that the account was not given, that is over or was ordered under
    /// another key; where the signature is not the account's; for more than it has.
    pub(crate) async fn order_exchange(
        &self,
        account: &Account,
        key: &str,
        (id, signature): (B256, SignatureBytes),
        now: Timestamp,
    ) -> Result<Request> {
        let offer = exchange::offer(&self.db, account.account, id).await?;
        let offer = offer.ok_or_else(|| Problem::not_found("quote"))?;
        let ordered = self.was_ordered(&offer).await?;
        if !ordered && offer.expiry < now.plus_seconds(LEFT_SECONDS_MIN) {
            let title = "The quote is over: ask for another one";
            return Err(Problem::refused("EXPIRED", title).into());
        }
        let request = (offer.request, offer.terms, signature);
        let request = self.send_request(account, key, request, now).await?;
        self.stands(request).await
    }

    async fn was_ordered(&self, offer: &Offer) -> Result<bool> {
        let (community, request) = (offer.community, offer.request);
        Ok(requests::find(&self.db, community, request).await?.is_some())
    }

    /// An order as it stands: what the account sent itself is done as well.
    pub(crate) async fn stands(&self, mut request: Request) -> Result<Request> {
        let AccountRequest::Exchange { quote, .. } = &request.terms else { return Ok(request) };
        if request.state != RequestState::Done {
            let made = chain::is_known(&self.db, kind::EXCHANGED, hash(quote.id()?)).await?;
            request.state = if made { RequestState::Done } else { request.state };
        }
        Ok(request)
    }
}

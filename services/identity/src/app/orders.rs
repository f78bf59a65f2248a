//! Signing orders and payouts with held keys.

use access::Action;
use alloy_primitives::{Address, B256};
use anyhow::{Context, Result, ensure};
use calendar::Timestamp;
use contracts::{OrderTerms, PayoutTerms, Side, WITHDRAWAL_SECONDS};
use ids::AccountId;
use keys::{SecretKey, Signature};
use serde::Serialize;
use service::{Principal, Problem};
use units::Money;
use utoipa::ToSchema;

use super::approvals::ToSign;
use super::limits::beyond_limit;
use super::people::purpose;
use crate::Identity;
use crate::db::people::Holder;
use crate::db::{grid, people};
use crate::domain::approvals::{Approval, ApprovalKind};
use crate::domain::limits::amount_of;

/// A signature of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct SignedOrder {
    /// The order's hash, which is its name everywhere.
    #[schema(value_type = String)]
    pub hash: B256,
    /// Over the hash, 64 bytes (EIP-2098).
    #[schema(value_type = String)]
    pub signature: Signature,
}

/// The signatures of a payout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct SignedPayout {
    /// For the market: out of trading. 64 bytes (EIP-2098).
    #[schema(value_type = String)]
    pub withdrawal: Signature,
    /// For the token: destroyed, to be paid out. 64 bytes (EIP-2098).
    #[schema(value_type = String)]
    pub redemption: Signature,
}

/// The signature of what becomes of tokens outside of trading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct SignedRedemption {
    /// For the token: destroyed, to be paid out. 64 bytes (EIP-2098).
    #[schema(value_type = String)]
    pub redemption: Signature,
}

/// What became of the wish to have something signed.
pub enum Signing<S> {
    /// It is signed.
    Signed(S),
    /// It is large: a member of staff has to consent, then it is asked for again.
    Waits(Approval),
}

impl Identity {
    /// Signs `terms` with the held key of the caller's account.
    ///
    /// Refused with 403 for another's account, `OWN_KEY` when only the owner has the key,
    /// `COMMUNITY` and `CONNECTION_POINT` when the order is for a place that is not the account's,
    /// `ADDRESS` when its slot settles at another address of the account,
    /// `SIGNING_LIMIT` when it is more than is signed in a day; a large one with
    /// `APPROVAL_REFUSED`, with `EXPIRED` when its slot has begun, and with `APPROVALS_OPEN` when
    /// too many requests of the account wait.
    pub async fn sign_order(
        &self,
        who: &Principal,
        terms: &OrderTerms,
    ) -> Result<Signing<SignedOrder>, Problem> {
        let mut conn = self.db.read().acquire().await.context("looking for an account")?;
        let holder = people::holder_of_address(&mut conn, terms.account).await?;
        let point = grid::connection_point(&mut conn, terms.connection_point).await?;
        drop(conn);
        let holder = holder.ok_or_else(|| Problem::not_found("account"))?;
        let (thing, about) = (self.thing_of(holder.account), holder.account.to_string());
        let side = match terms.side {
            Side::Buy => Action::PlaceBuyOrder,
            Side::Sell => Action::PlaceSellOrder,
        };
        for action in [Action::SignOrder, side] {
            self.require(who, action, thing, &about).await?;
        }
        if terms.community != holder.community {
            return Err(Problem::refused("COMMUNITY", "The account trades elsewhere"));
        }
        if point.is_none_or(|point| point.account != holder.account) {
            let title = "The connection point is not the account's";
            return Err(Problem::refused("CONNECTION_POINT", title));
        }
        let begin = Timestamp::from_seconds(i64::try_from(terms.slot).unwrap_or(i64::MAX));
        if !holder.is_valid_at(begin) {
            let title = "The account settles the slot at another of its addresses";
            return Err(Problem::refused("ADDRESS", title));
        }
        let key = self.held_key(&holder)?.ok_or_else(own_key)?;
        let hash = terms.hash(self.place.chain_id, self.place.at.market);
        let what = ToSign {
            kind: ApprovalKind::Order,
            hash,
            amount: self.first_unit().of(amount_of(terms).map_err(|_| beyond_limit())?.n()),
            order: Some(Box::new(terms.clone())),
            payout: None,
            request: None,
            until: Some(begin),
        };
        Ok(match self.let_sign(who, holder.account, (Action::SignOrder, what)).await? {
            None => Signing::Signed(SignedOrder { hash, signature: key.sign(hash) }),
            Some(approval) => Signing::Waits(approval),
        })
    }

    /// Signs both requests of a payout with the held key of the caller's account.
    ///
    /// Refused with 403 for another's account, `OWN_KEY` when only the owner has the key, `AMOUNT`
    /// for nothing or less, `EXPIRED` when it can be withdrawn no more and `EXPIRY` when it could
    /// be for longer than payouts are prepared for, `SIGNING_LIMIT` when it is more than is signed
    /// in a day; a large one with `APPROVAL_REFUSED`, and with `APPROVALS_OPEN` when too many
    /// requests of the account wait.
    pub async fn sign_payout(
        &self,
        who: &Principal,
        terms: &PayoutTerms,
    ) -> Result<Signing<SignedPayout>, Problem> {
        if terms.iban.is_empty() {
            let detail = "iban: what leaves trading goes to a bank";
            return Err(Problem::malformed(detail));
        }
        let (holder, until, key) = self.payer(who, terms).await?;
        let place = self.place;
        let withdrawal = terms.withdrawal_hash(place.chain_id, terms.cash(&place.at).market);
        let (withdrawal, what) =
            (withdrawal.map_err(|_| beyond_limit())?, self.to_pay(terms, until)?);
        let redemption = what.hash;
        Ok(match self.let_sign(who, holder.account, (Action::WithdrawCash, what)).await? {
            None => Signing::Signed(SignedPayout {
                withdrawal: key.sign(withdrawal),
                redemption: key.sign(redemption),
            }),
            Some(approval) => Signing::Waits(approval),
        })
    }

    /// Signs with the held key of the caller's account what becomes of its tokens outside of
    /// trading: a payout to a bank, or back into the wallet. Nothing leaves trading by it.
    ///
    /// Refused as [`Identity::sign_payout`].
    pub async fn sign_redemption(
        &self,
        who: &Principal,
        terms: &PayoutTerms,
    ) -> Result<Signing<SignedRedemption>, Problem> {
        let (holder, until, key) = self.payer(who, terms).await?;
        let what = ToSign { kind: ApprovalKind::Redemption, ..self.to_pay(terms, until)? };
        let redemption = what.hash;
        Ok(match self.let_sign(who, holder.account, (Action::WithdrawCash, what)).await? {
            None => Signing::Signed(SignedRedemption { redemption: key.sign(redemption) }),
            Some(approval) => Signing::Waits(approval),
        })
    }

    /// Whose payout it is, until when it is signed, and the key, where all of it may be.
    async fn payer(
        &self,
        who: &Principal,
        terms: &PayoutTerms,
    ) -> Result<(Holder, Timestamp, SecretKey), Problem> {
        let mut conn = self.db.read().acquire().await.context("looking for an account")?;
        let holder = people::holder_of_address(&mut conn, terms.account).await?;
        drop(conn);
        let holder = holder.ok_or_else(|| Problem::not_found("account"))?;
        let (thing, about) = (self.thing_of(holder.account), holder.account.to_string());
        self.require(who, Action::WithdrawCash, thing, &about).await?;
        if !destination_is_plain(terms) {
            let detail = "creditor and iban: as they were prepared";
            return Err(Problem::malformed(detail));
        }
        if terms.amount <= Money::ZERO {
            return Err(Problem::refused("AMOUNT", "A payout is of more than nothing"));
        }
        let until = expiry_of(terms, self.clock.now())?;
        let key = self.held_key(&holder)?.ok_or_else(own_key)?;
        Ok((holder, until, key))
    }

    fn to_pay(&self, terms: &PayoutTerms, until: Timestamp) -> Result<ToSign, Problem> {
        let cash = terms.cash(&self.place.at);
        let unit = self.unit_of_cash(cash)?;
        let redemption = terms.redemption_hash(self.place.chain_id, cash.token);
        Ok(ToSign {
            kind: ApprovalKind::Payout,
            hash: redemption.map_err(|_| beyond_limit())?,
            amount: unit.of(terms.amount.n()),
            order: None,
            payout: Some(Box::new(terms.clone())),
            request: None,
            until: Some(until),
        })
    }

    /// The key of `holder`, if it is held here.
    pub(super) fn held_key(&self, holder: &Holder) -> Result<Option<SecretKey>> {
        let Some(wrapped) = &holder.wrapped_key else { return Ok(None) };
        self.unwrapped(holder.account, holder.address, wrapped).map(Some)
    }
}

impl Identity {
    /// The key of an account's address that is held here.
    pub(super) fn unwrapped(
        &self,
        account: AccountId,
        address: Address,
        wrapped: &[u8],
    ) -> Result<SecretKey> {
        let secret = self.master_key.unwrap(&purpose(account), wrapped)?;
        let bytes = <&[u8; 32]>::try_from(&secret[..]).context("a key has 32 bytes")?;
        let key = SecretKey::from_bytes(bytes)?;
        // An account has several: none may stand in for another.
        ensure!(key.address() == address, "the wrapped key is of another address");
        Ok(key)
    }
}

/// When a payout can be withdrawn no more: not yet, and no later than payouts are prepared for.
fn expiry_of(terms: &PayoutTerms, now: Timestamp) -> Result<Timestamp, Problem> {
    let last = now.unsigned().saturating_add(WITHDRAWAL_SECONDS);
    if terms.expiry > last {
        let title = format!("A payout is signed for {WITHDRAWAL_SECONDS} seconds at most");
        return Err(Problem::refused("EXPIRY", title));
    }
    if terms.expiry <= now.unsigned() {
        let title = "The payout was prepared too long ago: prepare it anew";
        return Err(Problem::refused("EXPIRED", title));
    }
    Ok(Timestamp::from_seconds(terms.expiry.cast_signed()))
}

/// The most characters of a name and of an account number.
const CREDITOR_CHARS_MAX: usize = 70;
const IBAN_CHARS_MAX: usize = 34;

/// Whether who decides sees where the money goes as it is hashed: nothing that is not shown.
fn destination_is_plain(terms: &PayoutTerms) -> bool {
    let PayoutTerms { creditor, iban, .. } = terms;
    if iban.is_empty() {
        return terms.is_to_wallet();
    }
    let named = !creditor.is_empty() && creditor.trim() == creditor;
    let short = creditor.chars().count() <= CREDITOR_CHARS_MAX && iban.len() <= IBAN_CHARS_MAX;
    let number = |char: char| char.is_ascii_uppercase() || char.is_ascii_digit();
    named && short && !creditor.chars().any(char::is_control) && iban.chars().all(number)
}

pub(super) fn own_key() -> Problem {
    Problem::refused("OWN_KEY", "Only the account's owner has its key: sign with the wallet")
}

//! Signing transfers, mandates, exchanges, ends of orders and what is done with certificates with
//! held keys.

use access::Action;
use alloy_primitives::{Address, B256, U256};
use anyhow::Context;
use calendar::Timestamp;
use contracts::AccountRequest;
use keys::Signature;
use serde::Serialize;
use service::{Principal, Problem};
use units::Money;
use utoipa::ToSchema;

use super::approvals::ToSign;
use super::limits::beyond_limit;
use super::orders::{Signing, own_key};
use crate::Identity;
use crate::db::people;
use crate::domain::approvals::ApprovalKind;
use crate::domain::limits::{Amount, Unit};

/// A signature of a request to a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct SignedRequest {
    /// What was signed.
    #[schema(value_type = String)]
    pub hash: B256,
    /// Over the hash, 64 bytes (EIP-2098).
    #[schema(value_type = String)]
    pub signature: Signature,
}

impl Identity {
    /// Signs a request to a contract with the held key of the caller's account.
    ///
    /// Refused with 403 for another's account, `OWN_KEY` when only the owner has the key, `AMOUNT`
    /// for nothing, `BENEFICIARY` for a name that no statement can show, `EXPIRED` when no contract
    /// takes it any more, `SIGNING_LIMIT` when it is more than is signed in a day; a large one with
    /// `APPROVAL_REFUSED`, and with `APPROVALS_OPEN` when too many requests of the account wait. A
    /// large exchange is consented to once and signed for any one quote that is no worse than the
    /// one that consent was asked for.
    pub async fn sign_request(
        &self,
        who: &Principal,
        request: &AccountRequest,
    ) -> Result<Signing<SignedRequest>, Problem> {
        let mut conn = self.db.read().acquire().await.context("looking for an account")?;
        let holder = people::holder_of_address(&mut conn, request.account()).await?;
        drop(conn);
        let holder = holder.ok_or_else(|| Problem::not_found("account"))?;
        let (thing, about) = (self.thing_of(holder.account), holder.account.to_string());
        let action = match request {
            AccountRequest::Transfer(_)
            | AccountRequest::CurrencyTransfer { .. }
            | AccountRequest::Exchange { .. } => Action::TransferCash,
            AccountRequest::Mandate { .. } => Action::GrantMandate,
            AccountRequest::CertificateTransfer(_) => Action::TransferCertificate,
            AccountRequest::CertificateRetirement(_) => Action::RetireCertificate,
            // Not what staff may do with others' orders: it is their key.
            AccountRequest::Cancellation(_) => Action::SignOrder,
        };
        self.require(who, action, thing, &about).await?;
        check_sense(request)?;
        let expiry = i64::try_from(request.expiry()).unwrap_or(i64::MAX);
        let expires = Timestamp::from_seconds(expiry);
        let lasts = matches!(request, AccountRequest::Cancellation(_));
        if expires <= self.clock.now() {
            return Err(Problem::refused("EXPIRED", "No contract takes this any more"));
        }
        let key = self.held_key(&holder)?.ok_or_else(own_key)?;
        let hash = request.hash(self.place.chain_id, &self.place.at);
        let Ok(hash) = hash else { return Err(beyond_limit()) };
        let is_exchange = matches!(request, AccountRequest::Exchange { .. });
        let what = ToSign {
            kind: ApprovalKind::Request,
            hash,
            amount: self.amount_of(request)?,
            order: None,
            payout: None,
            request: Some(Box::new(request.clone())),
            until: (!is_exchange && !lasts).then_some(expires),
        };
        Ok(match self.let_sign(who, holder.account, (action, what)).await? {
            None => Signing::Signed(SignedRequest { hash, signature: key.sign(hash) }),
            Some(approval) => Signing::Waits(approval),
        })
    }

    /// What a request counts, in its currency or in Wh. What cannot be counted is beyond every
    /// limit; what is of no currency of ours is refused.
    fn amount_of(&self, request: &AccountRequest) -> Result<Amount, Problem> {
        let wh = |amount: U256| i64::try_from(amount).map_err(|_| beyond_limit());
        let unit = match request {
            AccountRequest::Transfer(_)
            | AccountRequest::Mandate { .. }
            | AccountRequest::Cancellation(_) => self.first_unit(),
            AccountRequest::CurrencyTransfer { market, .. } => self.unit_of(*market)?,
            AccountRequest::Exchange { quote, .. } => {
                self.unit_of(quote.to)?;
                self.unit_of(quote.from)?
            }
            AccountRequest::CertificateTransfer(of) => {
                return Ok(Unit::Certified.of(wh(of.amount)?));
            }
            AccountRequest::CertificateRetirement(of) => {
                return Ok(Unit::Certified.of(wh(of.amount)?));
            }
        };
        Ok(unit.of(request.amount().map_err(|_| beyond_limit())?.n()))
    }
}

/// Refuses what cannot be meant.
fn check_sense(request: &AccountRequest) -> Result<(), Problem> {
    let another = |name: &str, address: Address, account: Address| {
        let sensible = address != Address::ZERO && address != account;
        let malformed = || Problem::malformed(format!("{name}: another account"));
        sensible.then_some(()).ok_or_else(malformed)
    };
    let something = |is_some: bool| {
        let nothing = || Problem::refused("AMOUNT", "A request is of more than nothing");
        is_some.then_some(()).ok_or_else(nothing)
    };
    match request {
        AccountRequest::Transfer(of) | AccountRequest::CurrencyTransfer { transfer: of, .. } => {
            something(of.amount > Money::ZERO)?;
            another("to", of.to, of.account)
        }
        AccountRequest::Exchange { quote: of, .. } => {
            something(of.given > Money::ZERO && of.taken > Money::ZERO)?;
            if of.from == of.to {
                return Err(Problem::malformed("to: another currency"));
            }
            another("dealer", of.dealer, of.account)
        }
        AccountRequest::Mandate { mandate: of, .. } => another("delegate", of.delegate, of.account),
        AccountRequest::CertificateTransfer(of) => {
            something(of.amount > U256::ZERO)?;
            another("to", of.to, of.account)
        }
        AccountRequest::CertificateRetirement(of) => {
            something(of.amount > U256::ZERO)?;
            let unfit = || Problem::refused("BENEFICIARY", "A beneficiary has 1 to 200 bytes");
            of.is_for_somebody().then_some(()).ok_or_else(unfit)
        }
        AccountRequest::Cancellation(of) => something(!of.nonces.is_empty()),
    }
}

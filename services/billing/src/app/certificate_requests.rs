//! An account gives certified energy to another one, or uses it up for somebody: what it signs, and
//! whether it can.
//!
//! What is on its way counts as gone: of a certificate no more is signed away than is held.

use alloy_primitives::{Address, U256};
use anyhow::Result;
use calendar::Timestamp;
use contracts::AccountRequest;
use contracts::requests::{CertificateRetirement, CertificateTransfer};
use service::Problem;

use super::requests::{REQUEST_SECONDS, random_nonce};
use crate::Billing;
use crate::db::certificates;
use crate::db::members::Account;
use crate::db::requests::Request;

impl Billing {
    /// What `account` signs to give `wh` of a certificate to `to`.
    ///
    /// # Errors
    /// A [`Problem`] for nothing, and where nobody else of the community has that address.
    pub(crate) async fn prepare_certificate_transfer(
        &self,
        account: &Account,
        to: Address,
        (certificate, wh): (U256, u64),
        now: Timestamp,
    ) -> Result<AccountRequest> {
        check_wh(U256::from(wh))?;
        self.check_recipient(account, to, now).await?;
        Ok(AccountRequest::CertificateTransfer(CertificateTransfer {
            account: account.address,
            to,
            certificate,
            amount: U256::from(wh),
            nonce: random_nonce()?,
            expiry: now.plus_seconds(REQUEST_SECONDS).unsigned(),
        }))
    }

    /// What `account` signs to use `wh` of a certificate up for `beneficiary`.
    ///
    /// # Errors
    /// A [`Problem`] for nothing, and for a name that a statement cannot show.
    pub(crate) fn prepare_retirement(
        &self,
        account: &Account,
        beneficiary: &str,
        (certificate, wh): (U256, u64),
        now: Timestamp,
    ) -> Result<AccountRequest> {
        check_wh(U256::from(wh))?;
        let terms = CertificateRetirement {
            account: account.address,
            certificate,
            amount: U256::from(wh),
            beneficiary: beneficiary.trim().to_owned(),
            nonce: random_nonce()?,
            expiry: now.plus_seconds(REQUEST_SECONDS).unsigned(),
        };
        check_beneficiary(&terms)?;
        Ok(AccountRequest::CertificateRetirement(terms))
    }

    /// How many Wh its account has of the certificate that a request is about; nothing where it is
    /// about none.
    pub(super) async fn certified_of(&self, terms: &AccountRequest) -> Result<u64> {
        match about(terms) {
            None => Ok(0),
            Some((certificate, _)) => {
                certificates::held(&self.db, terms.account(), certificate).await
            }
        }
    }
}

/// The certificate that a request is about, and how many Wh of it.
fn about(terms: &AccountRequest) -> Option<(U256, U256)> {
    match terms {
        AccountRequest::CertificateTransfer(of) => Some((of.certificate, of.amount)),
        AccountRequest::CertificateRetirement(of) => Some((of.certificate, of.amount)),
        AccountRequest::Transfer(_)
        | AccountRequest::Mandate { .. }
        | AccountRequest::CurrencyTransfer { .. }
        | AccountRequest::Exchange { .. }
        | AccountRequest::Cancellation(_) => None,
    }
}

/// A request is about something.
pub(super) fn check_wh(amount: U256) -> Result<(), Problem> {
    let nothing = || Problem::refused("AMOUNT", "A request is about more than nothing");
    (amount > U256::ZERO).then_some(()).ok_or_else(nothing)
}

/// A beneficiary's name can be shown.
pub(super) fn check_beneficiary(of: &CertificateRetirement) -> Result<(), Problem> {
    let title = "A beneficiary has 1 to 200 bytes, and no control characters";
    of.is_for_somebody().then_some(()).ok_or_else(|| Problem::refused("BENEFICIARY", title))
}

/// The account has what it gives or uses, `held` Wh of the certificate less what is on its way.
pub(super) fn check_certified(
    terms: &AccountRequest,
    held: u64,
    open: &[Request],
) -> Result<(), Problem> {
    let Some((certificate, amount)) = about(terms) else { return Ok(()) };
    let going = open.iter().filter_map(|request| about(&request.terms));
    let same = going.filter(|(of, _)| *of == certificate);
    let going = same.fold(amount, |sum, (_, amount)| sum.saturating_add(amount));
    let title = "The account has not so much of the certificate";
    let enough = going <= U256::from(held);
    enough.then_some(()).ok_or_else(|| Problem::refused("NOT_ENOUGH_HELD", title))
}

//! An account ends orders that it has signed. What it signs has no number of its own and does not
//! expire, so the same terms may come again: while they are on their way or done they stand, and
//! where the contracts refused them they are sent anew, each attempt under an id of its own.

use std::collections::BTreeSet;

use alloy_primitives::{B256, U256};
use anyhow::Result;
use contracts::AccountRequest;
use contracts::requests::Cancellation;
use db::Tx;
use ids::RequestId;
use service::Problem;

use super::requests::REQUESTS_OPEN_MAX;
use crate::Billing;
use crate::db::members::Account;
use crate::db::requests::{self, Request, RequestState};

/// The most orders that one request ends.
pub(crate) const CANCELLED_MAX: usize = 256;
/// The most orders that requests of an account end in [`DAY_SECONDS`]: the operator pays for them.
const CANCELLED_PER_DAY_MAX: usize = 16 * CANCELLED_MAX;
const DAY_SECONDS: i64 = 24 * 3600;
/// Gas that ending one of them may use: a storage word of its own and a log.
pub(super) const CANCEL_GAS: u64 = 30_000;

/// What becomes of a request that may have come before.
pub(super) enum Attempt {
    /// It is to be kept under this id.
    Of(RequestId),
    /// It is on its way or done.
    Stands(Box<Request>),
}

impl Billing {
    /// What `account` signs to end orders by their nonces, those on their way to the chain too.
    ///
    /// # Errors
    /// A [`Problem`] for none, too many, and one that is named twice.
    pub(crate) fn prepare_cancellation(
        &self,
        account: &Account,
        nonces: Vec<U256>,
    ) -> Result<AccountRequest, Problem> {
        check_nonces(&nonces)?;
        Ok(AccountRequest::Cancellation(Cancellation { account: account.address, nonces }))
    }
}

/// The id that a request with this id and hash is kept under now.
///
/// # Errors
/// A [`Problem`] where it is known, unless it ends orders.
pub(super) async fn another_attempt(
    tx: &mut Tx,
    (mut id, hash): (RequestId, B256),
    terms: &AccountRequest,
) -> Result<Attempt> {
    let ends = matches!(terms, AccountRequest::Cancellation(_));
    // So many a day at most: each attempt counts towards CANCELLED_PER_DAY_MAX.
    for attempt in 1_u32.. {
        match requests::of_id(tx, id).await? {
            None => break,
            Some(_) if !ends => {
                return Err(Problem::conflict("this request came with another key").into());
            }
            Some(kept) if kept.state == RequestState::Failed => {
                id = RequestId::derived(&format!("{hash}/{attempt}"));
            }
            Some(kept) => return Ok(Attempt::Stands(Box::new(kept))),
        }
    }
    Ok(Attempt::Of(id))
}

/// Whether an account whose requests are `open` may have one more on its way. Those that end orders
/// have room of their own, so that nothing keeps an account from them.
pub(super) async fn check_room(tx: &mut Tx, request: &Request, open: &[Request]) -> Result<()> {
    let ends = |terms: &AccountRequest| matches!(terms, AccountRequest::Cancellation(_));
    let like = open.iter().filter(|open| ends(&open.terms) == ends(&request.terms));
    if like.count() >= REQUESTS_OPEN_MAX {
        let title = format!("{REQUESTS_OPEN_MAX} requests are under way");
        return Err(Problem::refused("REQUESTS_OPEN", title).into());
    }
    if let AccountRequest::Cancellation(of) = &request.terms {
        let since = request.at.plus_seconds(-DAY_SECONDS);
        let ended = requests::ended(tx, (request.community, request.account), since).await?;
        if ended + of.nonces.len() > CANCELLED_PER_DAY_MAX {
            let title = format!("An account ends {CANCELLED_PER_DAY_MAX} orders in a day at most");
            return Err(Problem::refused("CANCELLED_DAY", title).into());
        }
    }
    Ok(())
}

/// Some orders end, each once.
pub(super) fn check_nonces(nonces: &[U256]) -> Result<(), Problem> {
    if nonces.is_empty() {
        return Err(Problem::refused("AMOUNT", "A request is about more than nothing"));
    }
    if nonces.len() > CANCELLED_MAX {
        let title = format!("One request ends {CANCELLED_MAX} orders at most");
        return Err(Problem::refused("TOO_MANY", title));
    }
    let once: BTreeSet<&U256> = nonces.iter().collect();
    let twice = || Problem::malformed("nonces: one is named twice");
    (once.len() == nonces.len()).then_some(()).ok_or_else(twice)
}

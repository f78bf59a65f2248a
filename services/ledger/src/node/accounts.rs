//! Accounts as of the head, so that who submits many transactions reads each sender once.

use super::{SubmitError, state_at_head};
use crate::store::{Snapshot, StoreError};
use alloy_primitives::Address;
use chain::state::Account;
use std::collections::HashMap;
use std::sync::Arc;

/// Accounts that are remembered from one call to the next.
const ACCOUNTS_MAX: usize = 16_384;

/// Accounts as of the head; an account that does not exist is an empty one.
#[derive(Default)]
pub(super) struct HeadAccounts {
    known: HashMap<Address, Account>,
}

impl HeadAccounts {
    /// An account; the head is looked at only if it is not known.
    pub(super) fn get(
        &mut self,
        address: Address,
        head: impl FnOnce() -> Result<Arc<Snapshot>, StoreError>,
    ) -> Result<Account, SubmitError> {
        if let Some(account) = self.known.get(&address) {
            return Ok(account.clone());
        }
        if self.known.len() >= ACCOUNTS_MAX {
            self.known.clear();
        }
        let head = head()?;
        let account = state_at_head(&head)?.account(address)?.unwrap_or_default();
        self.known.insert(address, account.clone());
        Ok(account)
    }

    /// The head has moved: what is known of the new one takes the place of the old.
    pub(super) fn replace(&mut self, known: HashMap<Address, Account>) {
        self.known = known;
    }
}

//! Whether an account signed what is asked in its name: with its key, or as its contract takes it.

use alloy_primitives::{Address, B256};
use client::erc1271;
use contracts::CONTRACT_GAS_MAX;
use keys::SignatureBytes;
use service::Problem;

use crate::Billing;

impl Billing {
    /// The signature as it is sent, if it is `account`'s over `hash`: of its key, or taken by the
    /// contract there (ERC-1271) by the newest block. The contracts check it again.
    ///
    /// # Errors
    /// `NOT_SIGNED`, and a [`Problem`] where a contract would have to be asked and no node answers.
    pub(super) async fn check_signed(
        &self,
        account: Address,
        hash: B256,
        signature: SignatureBytes,
        what: &str,
    ) -> Result<SignatureBytes, Problem> {
        if let Some(of_key) = signature.by_key(hash, account) {
            return Ok(of_key.into());
        }
        let bytes = signature.as_bytes();
        let taken = erc1271::is_accepted(&*self.node, account, hash, bytes, CONTRACT_GAS_MAX).await;
        match taken {
            Ok(true) => Ok(signature),
            Ok(false) => {
                let title = format!("The {what} is not signed with the key of the account");
                Err(Problem::refused("NOT_SIGNED", title))
            }
            Err(error) => {
                tracing::warn!(%error, "a contract account could not be asked");
                let title = "no node says whether the contract account takes the signature";
                Err(Problem::unavailable(title))
            }
        }
    }
}

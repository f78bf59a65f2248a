//! Orders of contract accounts: the contract is asked whether it takes what came with the order as
//! signed (ERC-1271), with the gas that it will have when the order is settled.
//!
//! A contract can change its mind, as an account can end its nonce: then the chain skips its fill.
//! Deliberately absent: contracts as delegates. Of those only the delegate is asked on chain, and
//! whether it is depends on the mandate at that time.

use calendar::Timestamp;
use client::erc1271;
use contracts::SETTLE_GAS_MAX;
use keys::SignatureBytes;
use service::Problem;

use crate::domain::{NewOrder, OrderSignature};
use crate::market::Market;

impl Market {
    /// The order as its account's, if that is a contract, has placed it itself, and takes
    /// `signature` by the newest block; else as it is.
    ///
    /// # Errors
    /// A [`Problem`] where no node answers.
    pub(crate) async fn asked(
        &self,
        order: NewOrder,
        signature: SignatureBytes,
    ) -> Result<NewOrder, Problem> {
        let terms = &order.terms;
        if order.signer == Some(terms.account) || !terms.delegate.is_zero() {
            return Ok(order);
        }
        let Some(desk) = self.desk(terms.community, terms.zone) else { return Ok(order) };
        // Nobody has others' contracts asked.
        let slot = Timestamp::from_seconds(i64::try_from(terms.slot).unwrap_or(i64::MAX));
        let own = desk.book().await.address_at(order.account, slot);
        if own != Some(terms.account) {
            return Ok(order);
        }
        let (account, hash, bytes) = (terms.account, order.hash, signature.as_bytes());
        let taken = erc1271::is_accepted(self.node(), account, hash, bytes, SETTLE_GAS_MAX).await;
        let taken = taken.map_err(|error| {
            tracing::warn!(%error, "a contract account could not be asked");
            Problem::unavailable("no node says whether the contract account takes the signature")
        })?;
        if !taken {
            return Ok(order);
        }
        let signature = OrderSignature::Contract { contract: signature };
        Ok(NewOrder { signer: Some(account), signature, ..order })
    }
}

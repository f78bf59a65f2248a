//! Tokens of an account outside of trading: what an expired payout left there, or what its owner
//! took out itself. They are the account's, and nobody here can move them without its signature.
//!
//! ```text
//! balanceOf(account), at the block that was followed
//!     less what payouts are about to destroy          = waiting outside of trading
//!     ── a redemption that the account signs ──> redeemed ──> paid by the bank
//!                                                        └──> credited to the wallet
//! ```
//!
//! There is no way back into the market but through a redemption: the token takes no signed
//! approval, and `depositFor` takes from its sender. So what goes back is destroyed and made again,
//! in the amount and for the account that signed; the journal has both.

use alloy_primitives::{Address, Bytes, U256};
use anyhow::Result;
use calendar::Timestamp;
use contracts::SolCall;
use contracts::bindings::SettlementToken;
use serde_json::json;
use service::Problem;
use units::Money;

use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::payouts;

/// Payouts that are credited at a time.
const PUT_BACK_MAX: i64 = 200;

impl Billing {
    /// What waits outside of trading at each of `addresses` for their account to say where to;
    /// `None` where no node says what it has.
    pub(crate) async fn outside(
        &self,
        addresses: &[Address],
        currency: CurrencyId,
        now: Timestamp,
    ) -> Result<Option<Vec<(Address, Money)>>> {
        let mut tokens = Vec::with_capacity(addresses.len());
        for address in addresses {
            let Ok(here) = self.tokens_of(currency, *address).await else { return Ok(None) };
            if here > Money::ZERO {
                tokens.push((*address, here));
            }
        }
        let waiting = self.db.transact(move |tx| {
            Box::pin(async move {
                let mut waiting = Vec::new();
                for (address, here) in tokens {
                    let leaving = payouts::outside(tx, (address, currency), now).await?;
                    let left = here.minus(leaving)?;
                    if left > Money::ZERO {
                        waiting.push((address, left));
                    }
                }
                anyhow::Ok(waiting)
            })
        });
        Ok(Some(waiting.await?))
    }

    /// The tokens of a currency that an address has by itself, at the block that the books have
    /// followed.
    pub(crate) async fn tokens_of(
        &self,
        currency: CurrencyId,
        account: Address,
    ) -> Result<Money, Problem> {
        let head = self.state.lock().await.head;
        let Some(head) = head else { return Ok(Money::ZERO) };
        let data = Bytes::from(SettlementToken::balanceOfCall { account }.abi_encode());
        let call = json!({ "to": self.currencies.at(currency).token, "data": data });
        let asked = json!([call, { "blockHash": head.hash }]);
        let answer = self.node.request("eth_call", asked).await;
        let unknown = || Problem::unavailable("no node says what the account has outside");
        let answer: Bytes = answer
            .ok()
            .and_then(|answer| serde_json::from_value(answer).ok())
            .ok_or_else(unknown)?;
        let tokens: U256 =
            SettlementToken::balanceOfCall::abi_decode_returns(&answer).map_err(|_| unknown())?;
        Ok(Money::from_n(i64::try_from(tokens).unwrap_or(i64::MAX)))
    }

    /// Credits what was redeemed to go back into wallets; whether there was any.
    pub(crate) async fn put_back(&self, now: Timestamp) -> Result<bool> {
        let due = payouts::put_back(&self.db, PUT_BACK_MAX).await?;
        let mut any = false;
        for payout in &due {
            match self.credit_payout(payout.community, payout.id, now).await {
                Ok(_) => any = true,
                // Somebody took its name for another payment: no other work waits for that.
                Err(error) if error.is::<Problem>() => {
                    tracing::error!(payout = %payout.id, %error, "a payout is not put back");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(any)
    }
}

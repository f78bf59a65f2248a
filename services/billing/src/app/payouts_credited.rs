//! A payout that came back is credited to the wallet that it came from, instead of ordered again;
//! so is what was redeemed to go back there.
//!
//! ```text
//! returned, redeemed ──> credited   mint and depositFor, for the payment `return/<end-to-end id>`
//!                                   2050 Payouts -> 2040 Tokens -> 2000 Wallet, as the blocks say
//! ```
//!
//! The money never left the community's bank account again, so that nothing comes in at 1000: what
//! was owed to the bank of the account becomes tokens. The state, the payment and both transactions
//! are one commit, and the token mints a payment once.

use anyhow::{Context, Error, Result};
use calendar::Timestamp;
use ids::{CommunityId, PayoutId};
use service::Problem;

use crate::Billing;
use crate::db::payouts::{self, Payout};
use crate::db::{bank, members};
use crate::domain::payout::{PayoutState, credit_key};

impl Billing {
    /// Credits a payout that came back, or goes there, to the wallet that it came from. One that
    /// was credited before is answered as it is.
    ///
    /// # Errors
    /// A [`Problem`] where there is no such payout, it did not come back, or the journal does not
    /// have that yet.
    pub(crate) async fn credit_payout(
        &self,
        community: CommunityId,
        id: PayoutId,
        now: Timestamp,
    ) -> Result<Payout> {
        let payout = payouts::find(&self.db, community, id).await?;
        let payout = payout.ok_or_else(|| Problem::not_found("payout"))?;
        // Back to the address that it came from.
        let account = members::account_at(&self.db, payout.address).await?;
        let account = account.context("the account of a payout")?;
        let key = credit_key(id, payout.attempt);
        let credit = self.credit(payout.currency, (&account, &key), payout.amount, now)?;
        let (payment, operator) = (credit.payment(), self.operator.clone());
        // Whose payment it is has to be known before a block can have it.
        let mut state = self.state.lock().await;
        let credited = self
            .db
            .transact(move |tx| {
                Box::pin(async move {
                    let kept = payouts::load(tx, id).await?.context("a payout that is kept")?;
                    if kept.state == PayoutState::Credited {
                        return Ok(kept);
                    }
                    if !bank::is_posted(tx, id).await? {
                        let problem = Problem::unavailable("what the bank said is being posted");
                        return Err(Error::from(problem));
                    }
                    let same = kept.attempt == payout.attempt;
                    if !same || !payouts::credit(tx, id, payment).await? {
                        let problem = Problem::conflict("the payout did not come back");
                        return Err(problem.into());
                    }
                    if !credit.put_new(tx, &operator).await? {
                        let problem = Problem::conflict("another payment has this key");
                        return Err(problem.into());
                    }
                    payouts::load(tx, id).await?.context("a payout that is kept")
                })
            })
            .await?;
        state.credited.insert(payment, credited.address);
        Ok(credited)
    }
}

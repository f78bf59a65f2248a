//! What is left at an address of an account whose time is over, on its way to the next one.

use std::sync::Arc;

use anyhow::Result;
use contracts::AccountRequest;
use events::Envelope;
use events::billing::CashLeftBehind;
use events::identity::SweepSigned;

use crate::Identity;
use crate::consume::CONSUMER;
use crate::db::{audit, people};
use crate::domain::audit::Outcome;

/// What the act is called in the audit log.
const SWEEP: &str = "sweep_cash";

impl Identity {
    /// Signs a transfer between two addresses of an account, from one whose time is over: whatever
    /// is asked for, cash stays the account's.
    pub(crate) async fn sweep(
        self: &Arc<Self>,
        envelope: &Envelope,
        cash: CashLeftBehind,
    ) -> Result<()> {
        let (identity, id, now) = (self.clone(), envelope.id, self.clock.now());
        let about = cash.account.to_string();
        let act = self.act("system", SWEEP, &about, Outcome::Done);
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if !bus::first_time(tx, CONSUMER, id).await? {
                        return Ok(());
                    }
                    let [from, to] = [
                        people::holder_of_address(tx.conn(), cash.from).await?,
                        people::holder_of_address(tx.conn(), cash.to).await?,
                    ];
                    let (Some(from), Some(to)) = (from, to) else { return Ok(()) };
                    let ours = |account| account == cash.account;
                    let over = from.until.is_some_and(|until| until <= now);
                    if !(ours(from.account) && ours(to.account) && over) {
                        tracing::warn!(account = %cash.account, "cash is not moved between these");
                        return Ok(());
                    }
                    let Some(key) = identity.held_key(&from)? else { return Ok(()) };
                    let place = identity.place;
                    let hash = terms(&cash).hash(place.chain_id, &place.at)?;
                    let cause = cash.nonce.to_string();
                    let event = SweepSigned { cash, signature: key.sign(hash) };
                    bus::append(tx, &Envelope::of(&event, &cause, now)).await?;
                    audit::append(tx, act).await
                })
            })
            .await
    }
}

/// What is signed.
fn terms(of: &CashLeftBehind) -> AccountRequest {
    let (nonce, expiry) = (of.nonce, of.expiry.unsigned());
    AccountRequest::moved(of.market, (of.from, of.to), of.amount, (nonce, expiry))
}

//! An invoice is disputed; people say things, and somebody ends it.

use anyhow::{Error, Result};
use events::Envelope;
use events::billing::InvoiceDisputed;
use service::Problem;

use crate::Billing;
use crate::db::corrections::{self, Heard};
use crate::db::disputes::{self, Dispute, Said};
use crate::db::dunning;
use crate::domain::dispute::{DisputeState, Ground};

/// The most that is said in one dispute.
const SAID_MAX: i64 = 100;

impl Billing {
    /// Opens a dispute with the first thing that is said in it.
    ///
    /// # Errors
    /// A [`Problem`] `ALREADY_DISPUTED` where the invoice has an open one.
    pub(crate) async fn open_dispute(&self, dispute: Dispute, said: Said) -> Result<()> {
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if !disputes::open(tx, &dispute).await? {
                        let title = "The invoice is disputed already";
                        return Err(Error::from(Problem::refused("ALREADY_DISPUTED", title)));
                    }
                    disputes::say(tx, dispute.id, &said, SAID_MAX).await?;
                    let event = told(&dispute);
                    let name = format!("{}/open", dispute.id);
                    bus::append(tx, &Envelope::of(&event, &name, said.at)).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Says something in a dispute, and ends it where a decision is said. Where it is upheld, the
    /// invoice is rated again: a correction that comes of it names the dispute; where it is about
    /// fees, those are taken back instead.
    ///
    /// # Errors
    /// A [`Problem`]: `DISPUTE_ENDED`, or `DISPUTE_LENGTH` where too much was said before.
    pub(crate) async fn say_in_dispute(&self, dispute: Dispute, said: Said) -> Result<()> {
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    let ended = Problem::refused("DISPUTE_ENDED", "The dispute has ended");
                    if let Some(decision) = said.decision {
                        if !disputes::end(tx, dispute.id, decision, said.at).await? {
                            return Err(Error::from(ended));
                        }
                        let upheld = decision == DisputeState::Upheld;
                        if upheld && dispute.ground == Ground::Fee {
                            // The invoice itself is right.
                            dunning::waive(tx, dispute.invoice, said.at).await?;
                        } else if upheld {
                            let heard = Heard { at: said.at, block: 0, due: said.at };
                            let (invoice, of) = (dispute.invoice, Some(dispute.id));
                            corrections::mark(tx, invoice, of, heard).await?;
                        }
                        let event = told(&Dispute { state: decision, ..dispute.clone() });
                        let name = format!("{}/{}", dispute.id, decision.name());
                        bus::append(tx, &Envelope::of(&event, &name, said.at)).await?;
                    } else if !disputes::is_open(tx, dispute.id).await? {
                        return Err(ended.into());
                    }
                    let most = if said.decision.is_some() { SAID_MAX + 1 } else { SAID_MAX };
                    match disputes::say(tx, dispute.id, &said, most).await? {
                        Some(()) => Ok(()),
                        None => {
                            let title = "Too much was said in the dispute: it waits for its end";
                            Err(Problem::refused("DISPUTE_LENGTH", title).into())
                        }
                    }
                })
            })
            .await
    }
}

fn told(dispute: &Dispute) -> InvoiceDisputed {
    InvoiceDisputed {
        dispute: dispute.id,
        invoice: dispute.invoice,
        community: dispute.community,
        account: dispute.account,
        state: dispute.state.name().to_owned(),
    }
}

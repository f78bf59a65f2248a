//! An invoice is taken back and issued anew: one of the staff asks, another one decides.

use anyhow::{Error, Result};
use calendar::Timestamp;
use ids::{CorrectionId, PartyId};
use service::Problem;

use super::decisions::Decision;
use crate::Billing;
use crate::db::cancellations::{self, Cancellation};
use crate::db::invoices;

impl Billing {
    /// Asks for an invoice to be taken back.
    ///
    /// # Errors
    /// A [`Problem`] `ALREADY_ASKED` where somebody did before and nobody has decided.
    pub(crate) async fn ask_cancellation(&self, wanted: Cancellation) -> Result<()> {
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if cancellations::ask(tx, &wanted).await? {
                        return Ok(());
                    }
                    let title = "Somebody has asked for it, and nobody has decided yet";
                    Err(Error::from(Problem::refused("ALREADY_ASKED", title)))
                })
            })
            .await
    }

    /// Decides what another person asked for; the two corrections where `approved`. The decision is
    /// theirs: it stands in the transaction that issues them.
    ///
    /// # Errors
    /// A [`Problem`]: `FOUR_EYES` for who asked, `DECIDED` where somebody has decided, or what is
    /// missing for the invoice to be issued anew.
    pub(crate) async fn decide_cancellation(
        &self,
        wanted: &Cancellation,
        (by, approved): (PartyId, bool),
        now: Timestamp,
    ) -> Result<Vec<CorrectionId>> {
        if wanted.asked_by == by.to_string() {
            let title = "Another person than the one who asked must decide";
            return Err(Problem::refused("FOUR_EYES", title).into());
        }
        let of = (cancellations::REQUESTS, wanted.id.clone());
        let decision = Decision { of, by: by.to_string(), approved, at: now };
        if !approved {
            self.db.transact(move |tx| Box::pin(async move { decision.keep(tx).await })).await?;
            return Ok(Vec::new());
        }
        let issued = invoices::find(&self.db, wanted.invoice).await?;
        let issued = issued.ok_or_else(|| Problem::not_found("invoice"))?;
        self.issue_anew(&issued, wanted.dispute, decision).await
    }
}

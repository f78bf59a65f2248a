//! The document of a correction.

use anyhow::{Context, Result};
use documents::{Document, Locale, Preceding, Proof};
use service::Problem;

use super::documents::{Shown, unnamed};
use crate::Billing;
use crate::db::corrections::{self, IssuedCorrection};
use crate::db::{invoices, parties};
use crate::domain::bill::{Around, Day, DocumentError, Vat, corrected};
use crate::domain::correction::Cause;
use crate::domain::verify::Evidence;

impl Billing {
    /// The document of a correction in the words of `locale`.
    ///
    /// # Errors
    /// A [`Problem`] `NO_ISSUER` where nobody has said who issues documents, `NOT_A_DOCUMENT` where
    /// none can say it; any other error is a fault.
    pub(crate) async fn correction_document(
        &self,
        kept: &IssuedCorrection,
        locale: &Locale,
    ) -> Result<Document> {
        let issuer = parties::issuer(&self.db, kept.community).await?;
        let title = "Nobody has said yet who issues this community's documents";
        let issuer = issuer.ok_or_else(|| Problem::refused("NO_ISSUER", title))?;
        let issued = invoices::find(&self.db, kept.invoice).await?;
        let issued = issued.context("the invoice of a correction")?;
        let customer = parties::customer(&self.db, kept.account).await?;
        let customer = customer.unwrap_or_else(|| unnamed(&issued, &issuer));
        let (evidence, days) = corrections::substance(&self.db, kept.id).await?;
        let right = kept.correction.right.clone();
        // An invoice that is taken back is of no energy any more.
        let gone = kept.correction.cause == Cause::Cancelled;
        // A month of readings is rated anew.
        let read = tokio::task::spawn_blocking(move || {
            let evidence: Evidence = serde_json::from_str(&evidence).context("kept evidence")?;
            let days: Vec<Day> = serde_json::from_str(&days).context("kept days")?;
            let shown = if gone { Shown::default() } else { Shown::of(&right, &evidence, days)? };
            anyhow::Ok((evidence, shown))
        });
        let (evidence, shown) = read.await??;
        let (head, chain) = (evidence.tariff.head(), &evidence.chain);
        let day = |at| head.timezone.day_of(at);
        let correction = &kept.correction;
        let mut preceding =
            vec![Preceding { number: issued.invoice.number.clone(), issued_on: day(issued.at) }];
        for before in corrections::of_invoice(&self.db, kept.invoice).await? {
            if before.correction.place < correction.place {
                let number = before.correction.number;
                preceding.push(Preceding { number, issued_on: day(before.at) });
            }
        }
        let around = Around {
            issuer,
            customer,
            issued_on: day(kept.at),
            due_on: kept.due_on,
            tariff: (head.name.clone(), head.version),
            vat: Vat::of(&evidence.tariff),
            language: locale.name().to_owned(),
            payment: self.paid_to(&issued).await?,
            proof: Proof {
                hash: kept.hash,
                salt: Some(correction.salt),
                chain: Some(chain.chain_id),
                contract: Some(chain.contracts.records),
                transaction: None,
                block: corrections::anchored_in(&self.db, kept.id).await?,
                command: format!("wattex verify {}.json", correction.number),
            },
            days: shown.days,
            quality: shown.quality,
            comparison: shown.comparison,
            last_year: None,
        };
        corrected(correction, preceding, around).map_err(|error| match error {
            DocumentError::Rejected(rejected) => {
                let title = format!("A document cannot say it: {rejected}");
                Problem::refused("NOT_A_DOCUMENT", title).into()
            }
            fault => fault.into(),
        })
    }
}

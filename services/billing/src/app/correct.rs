//! What an invoice should have been is rated again, and the difference issued as a correction.
//!
//! ```text
//! interval, run, dispute ─> invoice_change ─ GATHER_SECONDS ─> rated again ─┬─ same: forgotten
//!                                               RETRY_SECONDS <─ not yet ───┤
//!                                                                           └─ correction
//! ```

use std::sync::Arc;

use alloy_primitives::keccak256;
use anyhow::{Context, Result};
use calendar::{LocalDay, Timestamp};
use client::Sender;
use contracts::Deployment;
use db::Tx;
use events::Envelope;
use events::billing::InvoiceCorrected;
use ids::{CorrectionId, DisputeId};
use service::Problem;
use tariff::Tariff;
use uuid::Uuid;

use super::decisions::Decision;
use super::invoice::within;
use crate::Billing;
use crate::db::corrections::{self, Change, Heard, IssuedCorrection};
use crate::db::invoices::{self, Issued};
use crate::db::members::{self, Account, Place};
use crate::domain::bill::{Day, Heading as BillHeading, Invoice};
use crate::domain::correction::{
    Cause, Correction, Heading, PER_TICK_MAX, RETRY_SECONDS, cancelled, is_changed, standing,
    subject,
};
use crate::domain::verify::{Evidence, IssueError, issue};

const ANCHOR_GAS: u64 = 200_000;

/// What an invoice should have been, and what that rests on.
pub(super) struct Right {
    invoice: Invoice,
    days: Vec<Day>,
    evidence: Evidence,
}

/// An invoice, its last correction, and what is issued next.
struct Next<'a> {
    issued: &'a Issued,
    last: Option<IssuedCorrection>,
    right: Invoice,
    /// Evidence and days, as JSON.
    substance: (String, String),
}

/// What corrections are issued for: settled in the transaction that issues them.
enum Because {
    Changed(Change),
    Decided(Decision),
}

/// What all corrections of one transaction have in common.
struct Issuing {
    dispute: Option<DisputeId>,
    due_on: LocalDay,
    /// Whose series the numbers are of.
    year: i16,
    now: Timestamp,
    deployment: Deployment,
    operator: Arc<Sender>,
}

impl Billing {
    /// Issues the corrections that are due; whether there was any.
    pub(crate) async fn correct_due(&self, now: Timestamp) -> Result<bool> {
        let finalized = self.finalized().await;
        let mut any = false;
        for change in corrections::due(&self.db, now, finalized, PER_TICK_MAX).await? {
            let failed = match self.correct(&change, now).await {
                Ok(issued) => {
                    any |= issued;
                    continue;
                }
                Err(error) => error,
            };
            let invoice = change.invoice;
            // One invoice's trouble is not the others'.
            let reason = match failed.downcast_ref::<Problem>() {
                Some(wait) => wait.to_string(),
                None => {
                    let error = format!("{failed:#}");
                    tracing::error!(%invoice, error, "no correction");
                    "it could not be rated again".to_owned()
                }
            };
            let due = now.plus_seconds(RETRY_SECONDS);
            self.db
                .transact(move |tx| {
                    Box::pin(async move { corrections::wait(tx, &change, &reason, due).await })
                })
                .await?;
        }
        Ok(any)
    }

    /// Rates a changed invoice again and issues the difference; whether there was any.
    async fn correct(&self, change: &Change, now: Timestamp) -> Result<bool> {
        let _turn = self.issuing.lock().await;
        let issued = invoices::find(&self.db, change.invoice).await?;
        let issued = issued.context("an invoice that is kept")?;
        let last = corrections::last(&self.db, issued.id).await?;
        let tariff = self.tariff_used(&issued, last.as_ref()).await?;
        let right = self.rated_again(&issued, tariff).await?;
        let before = standing(&issued.invoice, last.as_ref().map(|last| &last.correction));
        if !is_changed(before, &right.invoice) {
            let change = change.clone();
            self.db
                .transact(move |tx| Box::pin(async move { corrections::settle(tx, &change).await }))
                .await?;
            return Ok(false);
        }
        let issuing = self.issuing_of(&issued, (change.dispute, &right.evidence), now).await?;
        let next = vec![(Cause::Facts, right.into_parts()?)];
        self.keep_corrections((&issued, last), next, issuing, Because::Changed(change.clone()))
            .await?;
        Ok(true)
    }

    /// Takes an invoice back and issues it anew under the tariff that is published for its days by
    /// now; the two corrections.
    ///
    /// # Errors
    /// A [`Problem`] that says what is missing, as for an invoice.
    pub(super) async fn issue_anew(
        &self,
        issued: &Issued,
        dispute: Option<DisputeId>,
        decision: Decision,
    ) -> Result<Vec<CorrectionId>> {
        let _turn = self.issuing.lock().await;
        let last = corrections::last(&self.db, issued.id).await?;
        let account = self.billed_as(issued).await?;
        let period = issued.invoice.period;
        let tariff = self.tariff_published(&account, period, self.finalized().await).await?;
        let (version, tariff, _) = tariff;
        let right = self.rated_again(issued, (version, tariff)).await?;
        let issuing = self.issuing_of(issued, (dispute, &right.evidence), decision.at).await?;
        let before = match &last {
            Some(last) => corrections::substance(&self.db, last.id).await?,
            None => invoices::substance(&self.db, issued.id).await?,
        };
        let before_it = last.as_ref().map(|last| &last.correction);
        let nothing = cancelled(standing(&issued.invoice, before_it));
        let next = vec![(Cause::Cancelled, (nothing, before)), (Cause::Anew, right.into_parts()?)];
        self.keep_corrections((issued, last), next, issuing, Because::Decided(decision)).await
    }

    /// The tariff that an invoice, or its last correction, was rated with.
    async fn tariff_used(
        &self,
        issued: &Issued,
        last: Option<&IssuedCorrection>,
    ) -> Result<(u32, Tariff)> {
        let (evidence, _) = match last {
            Some(last) => corrections::substance(&self.db, last.id).await?,
            None => invoices::substance(&self.db, issued.id).await?,
        };
        let evidence: Evidence = serde_json::from_str(&evidence).context("kept evidence")?;
        Ok((evidence.tariff_version, evidence.tariff))
    }

    /// Whose an invoice is, under the address that it names.
    pub(super) async fn billed_as(&self, issued: &Issued) -> Result<Account> {
        let account = members::account(&self.db, issued.account, self.now()).await?;
        let account = account.context("the account of an invoice")?;
        Ok(Account { address: issued.invoice.address, ..account })
    }

    /// What an invoice should have been, by the facts of blocks that are final.
    async fn rated_again(&self, issued: &Issued, tariff: (u32, Tariff)) -> Result<Right> {
        let Issued { invoice, .. } = issued;
        let account = self.billed_as(issued).await?;
        let place = Place { point: invoice.connection_point, meter: invoice.meter };
        let (period, finalized) = (invoice.period, self.finalized().await);
        let closed = self.closed_at(&account, &tariff.1.head().timezone, period).await;
        self.check_final(finalized, closed).await?;
        let evidence = self.evidence(&account, &place, tariff, (period, finalized)).await?;
        let within = within(&evidence.tariff.head().timezone, period);
        let curtailed = self.curtailed_slots(&evidence.policies, within).await?;
        let (heading, slot) = (heading(invoice), invoice.slot_minutes);
        let rated = tokio::task::spawn_blocking(move || {
            let (invoice, days) = issue(heading, period, slot, &evidence, &curtailed)?;
            Ok::<_, IssueError>(Right { invoice, days, evidence })
        });
        rated.await?.context("the evidence makes no invoice")
    }

    async fn issuing_of(
        &self,
        issued: &Issued,
        (dispute, evidence): (Option<DisputeId>, &Evidence),
        now: Timestamp,
    ) -> Result<Issuing> {
        let zone = &evidence.tariff.head().timezone;
        let due_on = self.due_day(issued.community, zone, now).await?;
        let (deployment, operator) = (self.deployment, self.operator.clone());
        let year = zone.day_of(now).year();
        Ok(Issuing { dispute, due_on, year, now, deployment, operator })
    }

    /// Numbers, anchors, events and rows of corrections that follow each other: all or none.
    async fn keep_corrections(
        &self,
        (issued, last): (&Issued, Option<IssuedCorrection>),
        next: Vec<(Cause, (Invoice, (String, String)))>,
        issuing: Issuing,
        because: Because,
    ) -> Result<Vec<CorrectionId>> {
        let (issued, issuing) = (issued.clone(), Arc::new(issuing));
        let after = invoices::after(&self.db, issued.account, issued.invoice.period.to).await?;
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    let (mut last, mut ids) = (last, Vec::new());
                    let begun = standing(&issued.invoice, last.as_ref().map(|l| &l.correction));
                    let begun = begun.carried.clone();
                    for (cause, (right, substance)) in next {
                        let of = Next { issued: &issued, last, right, substance };
                        let kept = put(tx, cause, of, &issuing).await?;
                        ids.push(kept.id);
                        last = Some(kept);
                    }
                    let now = issuing.now;
                    let ended = last.as_ref().and_then(|l| l.correction.right.carried.clone());
                    // What goes on to the next invoice is another.
                    if let Some(after) = after.filter(|_| begun != ended) {
                        let heard = Heard { at: now, block: 0, due: now };
                        corrections::mark(tx, after, None, heard).await?;
                    }
                    match because {
                        Because::Changed(change) => corrections::settle(tx, &change).await?,
                        Because::Decided(decision) => decision.keep(tx).await?,
                    }
                    Ok(ids)
                })
            })
            .await
    }
}

impl Right {
    /// The invoice, and evidence and days as JSON.
    fn into_parts(self) -> Result<(Invoice, (String, String))> {
        let Right { invoice, days, evidence } = self;
        Ok((invoice, (serde_json::to_string(&evidence)?, serde_json::to_string(&days)?)))
    }
}

/// Keeps one correction.
async fn put(
    tx: &mut Tx,
    cause: Cause,
    of: Next<'_>,
    issuing: &Issuing,
) -> Result<IssuedCorrection> {
    let Next { issued, last, right, substance } = of;
    let Issuing { dispute, due_on, year, now, .. } = *issuing;
    let random = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    let number = corrections::next_number(tx, year).await?;
    let heading = Heading { number, salt: keccak256(random), cause, dispute };
    let last = last.as_ref().map(|last| &last.correction);
    let correction = Correction::of(heading, &issued.invoice, last, right)?;
    let id = CorrectionId::derived(&format!("{}/{}", issued.id, correction.place));
    let (owner, meter) = subject(&issued.invoice);
    let (place, hash) = (correction.place, correction.hash());
    let call = issuing.deployment.anchor_invoice(owner, meter, (place, place), hash);
    let transaction = client::Transaction {
        cause: corrections::cause(id),
        to: call.to,
        data: call.data,
        gas: ANCHOR_GAS,
    };
    issuing.operator.enqueue(tx, &transaction).await?;
    let event = InvoiceCorrected {
        correction: id,
        number: correction.number.clone(),
        kind: correction.kind().name().to_owned(),
        cause: cause.name().to_owned(),
        invoice: issued.id,
        invoice_number: issued.invoice.number.clone(),
        dispute,
        community: issued.community,
        account: issued.account,
        total: correction.total,
        due: correction.due,
        hash,
    };
    bus::append(tx, &Envelope::of(&event, &id.to_string(), now)).await?;
    let (community, account, invoice) = (issued.community, issued.account, issued.id);
    let kept =
        IssuedCorrection { id, community, account, invoice, at: now, hash, due_on, correction };
    corrections::put(tx, &kept, substance).await?;
    Ok(kept)
}

/// The invoice's own heading: what is right has its number and salt.
fn heading(invoice: &Invoice) -> BillHeading {
    BillHeading {
        number: invoice.number.clone(),
        salt: invoice.salt,
        account: invoice.account,
        pseudonym: invoice.pseudonym.clone(),
        address: invoice.address,
        custody: invoice.custody,
        community: invoice.community,
        connection_point: invoice.connection_point,
        meter: invoice.meter,
        is_final: invoice.is_final,
    }
}

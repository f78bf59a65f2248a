//! An invoice is issued: evidence is gathered, lines follow, number and anchor in one transaction.

use std::ops::Range;

use alloy_primitives::keccak256;
use anyhow::{Context, Result};
use calendar::{LocalDay, TimeZone, Timestamp};
use events::Envelope;
use events::billing::InvoiceIssued;
use ids::{AccountId, InvoiceId};
use service::Problem;
use tariff::{Head, Tariff};
use uuid::Uuid;

use super::logs::TariffFact;
use crate::Billing;
use crate::db::addresses;
use crate::db::chain::{self, kind};
use crate::db::invoices::{self, Issued};
use crate::db::members::{self, Account, Place};
use crate::db::occupants::{self, Occupancy, Stay};
use crate::db::{energy, hash, slots};
use crate::domain::bill::{Heading, Invoice, Period};
use crate::domain::verify::{issue, tariff_key, utc_days};

const ANCHOR_GAS: u64 = 200_000;
/// Seconds by which the chain's time may be behind ours.
const MARGIN_SECONDS: i64 = 60;
/// Minute of the local day at which invoices of a month are issued, on the day of its last run.
const ISSUE_MINUTE: u16 = 7 * 60;

/// A version of a tariff, and the first day that it counts for.
struct InForce {
    from: LocalDay,
    /// On chain.
    version: u32,
    tariff: Tariff,
}

impl Billing {
    /// Issues the invoice of `account` for `period` (local days, both included).
    ///
    /// # Errors
    /// A [`Problem`] that says what is missing: `PERIOD_OPEN`, `CORRECTIONS_OPEN`,
    /// `ALREADY_BILLED`, `LATER_BILLED`, `NOT_RECONCILED`, `NOT_FINAL`, `NOT_ANCHORED`,
    /// `NO_TARIFF`, `TARIFF_CHANGES`, `TARIFF_LATE`, `ADDRESS_CHANGES`, `OCCUPANT_CHANGES`,
    /// `OCCUPANT_UNBILLED`, `DAYS_UNBILLED`, `PERIOD_MONTHS`, `NO_METER`; any other error is a
    /// fault.
    pub async fn issue_invoice(
        &self,
        account: AccountId,
        period: Period,
        now: Timestamp,
    ) -> Result<InvoiceId> {
        let _turn = self.issuing.lock().await;
        let known = members::account(&self.db, account, now).await?;
        let account = known.ok_or_else(|| Problem::not_found("account"))?;
        let finalized = self.finalized().await;
        let occupancy = self.occupancy(&account, period).await?;
        let tariff = self.tariff_of(&account, period, finalized).await?;
        let zone = &tariff.1.head().timezone;
        self.check_occupant(&account, &occupancy.stay, within(zone, period)).await?;
        let is_final = occupancy.stay.until == Some(within(zone, period).end);
        let place = occupancy.place();
        let account = self.settling(&account, zone, period).await?;
        self.check_period(&account, &place, &tariff, period, now).await?;
        let closed = self.closed_at(&account, &tariff.1.head().timezone, period).await;
        self.check_final(finalized, closed).await?;
        let evidence = self.evidence(&account, &place, tariff, (period, finalized)).await?;
        let heading = Heading { is_final, ..heading(&account, &place) };
        let within = within(&evidence.tariff.head().timezone, period);
        let curtailed = self.curtailed_slots(&evidence.policies, within).await?;
        let slot = self.slot;
        let issued = tokio::task::spawn_blocking(move || {
            let issued = issue(heading, period, slot, &evidence, &curtailed);
            issued.map(|(invoice, days)| (invoice, days, evidence))
        });
        let (invoice, days, evidence) = issued.await?.context("the evidence makes no invoice")?;
        let days = serde_json::to_string(&days)?;
        let zone = &evidence.tariff.head().timezone;
        let due_on = self.due_day(account.community, zone, now).await?;
        let substance = (serde_json::to_string(&evidence)?, days);
        self.keep(&account, (invoice, due_on), substance, now).await
    }

    /// Issues the invoices of months that are over and reconciled.
    pub(crate) async fn issue_due(&self, now: Timestamp) -> Result<bool> {
        let mut any = false;
        for account in members::accounts(&self.db, now).await? {
            let Some(period) = self.month_due(&account, now).await? else { continue };
            match self.issue_invoice(account.account, period, now).await {
                Ok(_) => any = true,
                Err(error) => match error.downcast_ref::<Problem>() {
                    Some(wait) => {
                        tracing::debug!(account = %account.account, %wait, "no invoice yet")
                    }
                    // One account's trouble is not the others'.
                    None => tracing::error!(
                        account = %account.account, error = format!("{error:#}"), "no invoice"
                    ),
                },
            }
        }
        Ok(any)
    }

    /// The first month that is over for an account and was not billed. Who moves in waits for the
    /// last bill of who was there before.
    async fn month_due(&self, account: &Account, now: Timestamp) -> Result<Option<Period>> {
        let Some(zone) = members::timezone(&self.db, account.community).await? else {
            return Ok(None);
        };
        for place in occupants::places(&self.db, account.account).await? {
            let next = self.next_period(account, &place, (&zone, now)).await?;
            let Some(period) = next else {
                continue;
            };
            let closed = self.closed_at(account, &zone, period).await;
            let due = zone.moment(period.to.plus_working_days(5), ISSUE_MINUTE).max(closed);
            if due > now || self.unbilled_before(&place.stay, (&zone, now)).await?.is_some() {
                return Ok(None);
            }
            return Ok(Some(period));
        }
        Ok(None)
    }

    /// The first days of an account at a place that were not billed, up to the end of their month
    /// at most, whether they are over or not; `None` where none is left.
    async fn next_period(
        &self,
        account: &Account,
        &Occupancy { meter, stay }: &Occupancy,
        (zone, now): (&TimeZone, Timestamp),
    ) -> Result<Option<Period>> {
        let billed = invoices::billed_until(&self.db, account.account, meter).await?;
        let moved_in = zone.day_of(stay.from);
        let mut from = match billed {
            Some(day) => day.next().max(moved_in),
            None => match energy::first_reading(&self.db, meter).await? {
                Some(first) => zone.day_of(first).max(moved_in),
                None => return Ok(None),
            },
        };
        let moved_out = stay.until.map(|until| zone.day_of(until));
        if moved_out.is_some_and(|day| day <= from) {
            return Ok(None);
        }
        // A tariff or an address that changes within the month ends an invoice.
        let finalized = self.finalized().await;
        let in_force = loop {
            let known = self.in_force(account, from.next_month_start(), finalized).await?;
            let Some(known) = known else { return Ok(None) };
            let first = known.iter().map(|known| known.from).min();
            if billed.is_some() || first.is_some_and(|first| first <= from) {
                break known;
            }
            // Days before the very first tariff are billed to nobody: bills begin with it.
            from = first.unwrap_or_else(|| from.next_month_start());
            if from > zone.day_of(now) {
                return Ok(None);
            }
        };
        let spans = addresses::of_account(&self.db, account.account).await?;
        let changes = in_force.iter().map(|known| known.from);
        let changes = changes.chain(spans.iter().map(|span| zone.day_of(span.from)));
        let changes = changes.chain(moved_out).filter(|day| *day > from);
        let next = changes.chain([from.next_month_start()]).min();
        let to = next.map_or(from, |next| next.later(-1));
        let gone = moved_out.is_some_and(|day| day <= from);
        Ok((!gone).then_some(Period { from, to }))
    }

    /// Days of who was at a place before that are still to be billed: the chain takes the bills of
    /// a meter in the order of their days only.
    async fn unbilled_before(
        &self,
        stay: &Stay,
        at: (&TimeZone, Timestamp),
    ) -> Result<Option<Period>> {
        let Some(former) = occupants::before(&self.db, stay.point, stay.from).await? else {
            return Ok(None);
        };
        let Some(account) = members::account(&self.db, former, stay.from).await? else {
            return Ok(None);
        };
        let places = occupants::places(&self.db, former).await?.into_iter();
        let theirs = places.filter(|it| it.stay.point == stay.point && it.stay.from < stay.from);
        match theirs.last() {
            Some(place) => self.next_period(&account, &place, at).await,
            None => Ok(None),
        }
    }

    /// Where an account is when a period begins.
    async fn occupancy(&self, account: &Account, period: Period) -> Result<Occupancy> {
        let zone = members::timezone(&self.db, account.community).await?;
        let begin = zone.unwrap_or_else(TimeZone::utc).start_of(period.from);
        let occupancy = occupants::place_at(&self.db, account.account, begin).await?;
        occupancy.ok_or_else(|| refused("NO_METER", "The account has no meter", false))
    }

    /// Refuses days of somebody else at the account's connection point, and those after days that
    /// somebody else is still to be billed for.
    async fn check_occupant(
        &self,
        account: &Account,
        stay: &Stay,
        within: Range<Timestamp>,
    ) -> Result<()> {
        let zone = members::timezone(&self.db, account.community).await?;
        let zone = zone.unwrap_or_else(TimeZone::utc);
        if within.start < stay.from {
            let day = zone.day_of(stay.from);
            let title = format!("The connection point is the account's from {day} on");
            return Err(refused("OCCUPANT_CHANGES", &title, false));
        }
        if let Some(until) = stay.until.filter(|until| *until < within.end) {
            let day = zone.day_of(until);
            let title = format!("The connection point is not the account's any more from {day} on");
            return Err(refused("OCCUPANT_CHANGES", &title, false));
        }
        if let Some(period) = self.unbilled_before(stay, (&zone, within.start)).await? {
            let title = format!("Who was there before is to be billed first, from {}", period.from);
            return Err(refused("OCCUPANT_UNBILLED", &title, true));
        }
        Ok(())
    }

    /// The account at the address at which it settles the whole of a period.
    async fn settling(
        &self,
        account: &Account,
        zone: &TimeZone,
        period: Period,
    ) -> Result<Account> {
        let Range { start, end } = within(zone, period);
        let spans = addresses::of_account(&self.db, account.account).await?;
        let change = spans.iter().find(|span| start < span.from && span.from < end);
        if let Some(change) = change {
            let day = zone.day_of(change.from);
            let title = format!("The address changes on {day}: bill until the day before");
            return Err(refused("ADDRESS_CHANGES", &title, false));
        }
        let settling = members::account(&self.db, account.account, start).await?;
        settling.context("an account settles at some address")
    }

    /// When no trade under the contract's days of a period can be corrected any more: from then on
    /// the account's digests stay what they are.
    pub(super) async fn closed_at(
        &self,
        account: &Account,
        zone: &TimeZone,
        period: Period,
    ) -> Timestamp {
        let days = utc_days(&within(zone, period));
        let over = TimeZone::utc().start_of(LocalDay::from_number(*days.end()).next());
        over.plus_seconds(self.state.lock().await.corrections(account.community))
    }

    async fn tariff_of(
        &self,
        account: &Account,
        period: Period,
        finalized: u64,
    ) -> Result<(u32, Tariff)> {
        let in_force = self.in_force(account, period.to, finalized).await?;
        let in_force = in_force.ok_or_else(not_on_chain)?;
        let changes = in_force.iter().map(|known| known.from);
        if let Some(day) = changes.filter(|day| *day > period.from && *day <= period.to).min() {
            let title = format!("The tariff changes on {day}: bill until the day before");
            return Err(refused("TARIFF_CHANGES", &title, false));
        }
        if let Some(known) = in_force.into_iter().find(|known| known.from <= period.from) {
            return Ok((known.version, known.tariff));
        }
        self.tariff_published(account, period, finalized).await?;
        let title = "The first tariff was put on chain after the period had begun";
        Err(refused("TARIFF_LATE", title, false))
    }

    /// The tariffs that were published for days up to `until`, the newest first, each with the day
    /// from which it counts; `None` while one that may count by then is not on chain. Nobody can
    /// know of a version before it is there, so days that had begun keep the one before it: what
    /// that changes is for a correction to say. So one that is not there by the newest final block
    /// concerns no day that had begun then.
    async fn in_force(
        &self,
        account: &Account,
        until: LocalDay,
        finalized: u64,
    ) -> Result<Option<Vec<InForce>>> {
        let (mut in_force, mut last_block) = (Vec::new(), None);
        for known in members::tariffs(&self.db, account.community).await? {
            let tariff = known.tariff;
            let head = tariff.head();
            if head.valid_from > until {
                continue;
            }
            let record = self.tariff_record(account, &tariff, finalized).await?;
            let known_at = match (&record, last_block) {
                (Some(record), _) => record.time,
                (None, Some(time)) => time,
                // What is in no final block comes after the newest.
                (None, None) => self.header(finalized).await?.timestamp,
            };
            let from = head.valid_from.max(day_after(&head.timezone, known_at));
            let Some(record) = record else {
                last_block = Some(known_at);
                if from > until {
                    continue;
                }
                return Ok(None);
            };
            in_force.push(InForce { from, version: record.version, tariff });
        }
        Ok(Some(in_force))
    }

    async fn tariff_record(
        &self,
        account: &Account,
        tariff: &Tariff,
        finalized: u64,
    ) -> Result<Option<TariffFact>> {
        let hash = hash(tariff.hash());
        let records: Vec<TariffFact> =
            chain::finals(&self.db, kind::TARIFF, hash, finalized).await?;
        let key = tariff_key(account.community, &tariff.head().id);
        Ok(records.into_iter().find(|record| record.key == key))
    }

    /// The version on chain of the tariff that is published for a period, and whether it was put
    /// there after the period had begun.
    pub(super) async fn tariff_published(
        &self,
        account: &Account,
        period: Period,
        finalized: u64,
    ) -> Result<(u32, Tariff, bool)> {
        let published = members::tariffs(&self.db, account.community).await?;
        let valid = |tariff: &Tariff| tariff.head().valid_from <= period.from;
        let newest = published.iter().find(|known| valid(&known.tariff));
        let later = |head: &&Head| head.valid_from > period.from && head.valid_from <= period.to;
        let change = published.iter().map(|known| known.tariff.head()).find(later);
        if let Some(terms) = change {
            let title =
                format!("The tariff changes on {}: bill until the day before", terms.valid_from);
            return Err(refused("TARIFF_CHANGES", &title, false));
        }
        let tariff = newest
            .ok_or_else(|| {
                refused("NO_TARIFF", "No tariff was valid when the period began", false)
            })?
            .tariff
            .clone();
        let record = self.tariff_record(account, &tariff, finalized).await?;
        let record = record.ok_or_else(not_on_chain)?;
        let begin = tariff.head().timezone.start_of(period.from);
        Ok((record.version, tariff, record.time > begin.unsigned()))
    }

    async fn check_period(
        &self,
        account: &Account,
        place: &Place,
        (_, tariff): &(u32, Tariff),
        period: Period,
        now: Timestamp,
    ) -> Result<()> {
        let zone = &tariff.head().timezone;
        let Range { start: from, end: to } = within(zone, period);
        if period.to < period.from || to > now {
            return Err(refused("PERIOD_OPEN", "The period is not over", true));
        }
        if tariff.is_monthly() && period.from.month_start() != period.to.month_start() {
            let title = "The tariff charges by the calendar month: bill each for itself";
            return Err(refused("PERIOD_MONTHS", title, false));
        }
        if invoices::overlapping(&self.db, account.account, period).await? {
            return Err(refused("ALREADY_BILLED", "A day of the period was billed before", false));
        }
        // The chain takes invoices of an account, and of a meter, in the order of their days only.
        let billed = invoices::billed_until(&self.db, account.account, place.meter).await?;
        if billed.is_some_and(|last| period.from <= last) {
            return Err(refused("LATER_BILLED", "A later day was billed before", false));
        }
        if slots::open(&self.db, account.community, from, to).await? > 0 {
            return Err(refused("NOT_RECONCILED", "The last run of a slot is still to come", true));
        }
        let closed = self.closed_at(account, zone, period).await;
        if closed.plus_seconds(MARGIN_SECONDS) > now {
            let title = format!("Trades of the period can be corrected until {closed}");
            return Err(refused("CORRECTIONS_OPEN", &title, true));
        }
        Ok(())
    }

    /// Number, anchor, event and row: all or none.
    async fn keep(
        &self,
        account: &Account,
        (mut invoice, due_on): (Invoice, LocalDay),
        (evidence, days): (String, String),
        now: Timestamp,
    ) -> Result<InvoiceId> {
        let Invoice { period, .. } = invoice;
        let id = InvoiceId::derived(&format!("{}/{}/{}", account.account, period.from, period.to));
        let (account, operator, deployment) =
            (account.clone(), self.operator.clone(), self.deployment);
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    invoice.number = invoices::next_number(tx, period.to.year()).await?;
                    let hash = invoice.hash();
                    let of_days = (period.from.number(), period.to.number());
                    let (owner, meter) = (invoice.address, invoice.meter);
                    let call = deployment.anchor_invoice(owner, meter, of_days, hash);
                    let transaction = client::Transaction {
                        cause: invoices::cause(id),
                        to: call.to,
                        data: call.data,
                        gas: ANCHOR_GAS,
                    };
                    operator.enqueue(tx, &transaction).await?;
                    let event = InvoiceIssued {
                        invoice: id,
                        number: invoice.number.clone(),
                        account: account.account,
                        from: period.from,
                        to: period.to,
                        total: invoice.total,
                        hash,
                    };
                    bus::append(tx, &Envelope::of(&event, &id.to_string(), now)).await?;
                    let (community, account) = (account.community, account.account);
                    let issued = Issued { id, community, account, at: now, hash, due_on, invoice };
                    invoices::put(tx, &issued, evidence, days).await?;
                    Ok(id)
                })
            })
            .await
    }
}

fn heading(account: &Account, place: &Place) -> Heading {
    let random = [Uuid::new_v4().into_bytes(), Uuid::new_v4().into_bytes()].concat();
    Heading {
        number: String::new(),
        salt: keccak256(random),
        account: account.account,
        pseudonym: account.pseudonym.clone(),
        address: account.address,
        custody: account.custody,
        community: account.community,
        connection_point: place.point,
        meter: place.meter,
        is_final: false,
    }
}

/// The first local day that begins at a moment, in epoch seconds, or after it.
fn day_after(zone: &TimeZone, moment: u64) -> LocalDay {
    let moment = Timestamp::from_seconds(moment.cast_signed());
    let day = zone.day_of(moment);
    if zone.start_of(day) < moment { day.next() } else { day }
}

fn not_on_chain() -> anyhow::Error {
    refused("NOT_ANCHORED", "The tariff is not on chain yet", true)
}

/// The moments of a period of local days.
pub(super) fn within(zone: &TimeZone, period: Period) -> Range<Timestamp> {
    zone.start_of(period.from)..zone.start_of(period.to.next())
}

pub(super) fn refused(code: &str, title: &str, retry_may_help: bool) -> anyhow::Error {
    Problem { retry_may_help, ..Problem::refused(code, title) }.into()
}

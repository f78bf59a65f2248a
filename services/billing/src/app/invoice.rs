//! An invoice is issued: evidence is gathered, lines follow, number and anchor in one transaction.

use std::collections::BTreeSet;
use std::ops::Range;

use alloy_primitives::{B256, Bytes, keccak256};
use anyhow::{Context, Result};
use calendar::{LocalDay, TimeZone, Timestamp};
use contracts::{Policy, Reconciled, Settled};
use events::Envelope;
use events::billing::InvoiceIssued;
use ids::{AccountId, InvoiceId};
use reading::{SignedReading, day_leaf};
use service::Problem;
use tariff::Tariff;
use units::Energy;
use uuid::Uuid;

use super::logs::{BatchFact, MeterKeyFact, SettledFact, TariffFact};
use crate::Billing;
use crate::db::chain::{self, kind};
use crate::db::invoices::{self, Issued};
use crate::db::members::{self, Account, Place};
use crate::db::{energy, hash, slots};
use crate::domain::bill::{Heading, Invoice, Period};
use crate::domain::verify::{
    ChainRef, CompactReading, DayEvidence, DayTrades, DigestEntry, Evidence, day_trades, issue,
    tariff_key, utc_days,
};

const ANCHOR_GAS: u64 = 200_000;
/// Seconds by which the chain's time may be behind ours.
const MARGIN_SECONDS: i64 = 60;
/// Minute of the local day at which invoices of a month are issued, on the day of its last run.
const ISSUE_MINUTE: u16 = 7 * 60;

impl Billing {
    /// Issues the invoice of `account` for `period` (local days, both included).
    ///
    /// # Errors
    /// A [`Problem`] that says what is missing: `PERIOD_OPEN`, `CORRECTIONS_OPEN`,
    /// `ALREADY_BILLED`, `LATER_BILLED`, `NOT_RECONCILED`, `NOT_ANCHORED`, `NO_TARIFF`,
    /// `TARIFF_CHANGES`, `TARIFF_LATE`,
    /// `NO_METER`; any other error is a fault.
    pub async fn issue_invoice(
        &self,
        account: AccountId,
        period: Period,
        now: Timestamp,
    ) -> Result<InvoiceId> {
        let _turn = self.issuing.lock().await;
        let known = members::account(&self.db, account).await?;
        let account = known.ok_or_else(|| Problem::not_found("account"))?;
        let place = members::place(&self.db, account.account).await?;
        let place = place.ok_or_else(|| refused("NO_METER", "The account has no meter", false))?;
        let tariff = self.tariff_of(&account, period).await?;
        self.check_period(&account, &place, &tariff, period, now).await?;
        let evidence = self.evidence(&account, &place, tariff, period).await?;
        let heading = heading(&account, &place);
        let slot = self.slot;
        let issued = tokio::task::spawn_blocking(move || {
            let issued = issue(heading, period, slot, &evidence);
            issued.map(|(invoice, days)| (invoice, days, evidence))
        });
        let (invoice, days, evidence) = issued.await?.context("the evidence makes no invoice")?;
        let days = serde_json::to_string(&days)?;
        self.keep(&account, invoice, serde_json::to_string(&evidence)?, days, now).await
    }

    /// Issues the invoices of months that are over and reconciled.
    pub(crate) async fn issue_due(&self, now: Timestamp) -> Result<bool> {
        let mut any = false;
        for account in members::accounts(&self.db).await? {
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

    /// The first month that is over for an account and was not billed.
    async fn month_due(&self, account: &Account, now: Timestamp) -> Result<Option<Period>> {
        let Some(place) = members::place(&self.db, account.account).await? else { return Ok(None) };
        let Some(zone) = members::timezone(&self.db, account.community).await? else {
            return Ok(None);
        };
        let from = match invoices::billed_until(&self.db, account.account, place.meter).await? {
            Some(day) => day.next(),
            None => match energy::first_reading(&self.db, place.meter).await? {
                Some(first) => zone.day_of(first),
                None => return Ok(None),
            },
        };
        // A tariff that changes within the month ends an invoice.
        let published = members::tariffs(&self.db, account.community).await?;
        let changes = published.iter().map(|known| known.tariff.terms().valid_from);
        let next = changes.filter(|day| *day > from).chain([from.next_month_start()]).min();
        let to = next.map_or(from, |next| next.later(-1));
        let period = Period { from, to };
        let closed = self.closed_at(account, &zone, period).await;
        let due = zone.moment(to.plus_working_days(5), ISSUE_MINUTE).max(closed);
        Ok((due <= now).then_some(period))
    }

    /// When no trade under the contract's days of a period can be corrected any more: from then on
    /// the account's digests stay what they are.
    async fn closed_at(&self, account: &Account, zone: &TimeZone, period: Period) -> Timestamp {
        let days = utc_days(&within(zone, period));
        let over = TimeZone::utc().start_of(LocalDay::from_number(*days.end()).next());
        over.plus_seconds(self.state.lock().await.corrections(account.community))
    }

    async fn tariff_of(&self, account: &Account, period: Period) -> Result<(u32, Tariff)> {
        let published = members::tariffs(&self.db, account.community).await?;
        let valid = |tariff: &Tariff| tariff.terms().valid_from <= period.from;
        let newest = published.iter().find(|known| valid(&known.tariff));
        let change = published.iter().map(|known| known.tariff.terms()).find(|terms| {
            terms.valid_from > period.from
                && terms.valid_from <= period.to
                && newest.is_some_and(|newest| newest.tariff.terms().id == terms.id)
        });
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
        let records: Vec<(u64, TariffFact)> =
            chain::all(&self.db, kind::TARIFF, hash(tariff.hash())).await?;
        let key = tariff_key(account.community, &tariff.terms().id);
        let record = records.iter().map(|(_, record)| record).find(|record| record.key == key);
        let record = record
            .ok_or_else(|| refused("NOT_ANCHORED", "The tariff is not on chain yet", true))?;
        let begin = tariff.terms().timezone.start_of(period.from);
        if record.time > begin.unsigned() {
            let title = "The tariff was put on chain after the period had begun";
            return Err(refused("TARIFF_LATE", title, false));
        }
        Ok((record.version, tariff))
    }

    async fn check_period(
        &self,
        account: &Account,
        place: &Place,
        (_, tariff): &(u32, Tariff),
        period: Period,
        now: Timestamp,
    ) -> Result<()> {
        let zone = &tariff.terms().timezone;
        let Range { start: from, end: to } = within(zone, period);
        if period.to < period.from || to > now {
            return Err(refused("PERIOD_OPEN", "The period is not over", true));
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

    /// Everything that the invoice rests on, but headers and proofs.
    async fn evidence(
        &self,
        account: &Account,
        place: &Place,
        (tariff_version, tariff): (u32, Tariff),
        period: Period,
    ) -> Result<Evidence> {
        let zone = tariff.terms().timezone.clone();
        let (readings, days) = self.readings(account, place, &zone, period).await?;
        let (policies, trades) = self.trades_of(account, &within(&zone, period)).await?;
        let key_versions = self.key_versions(place, &readings).await?;
        Ok(Evidence {
            chain: ChainRef {
                chain_id: self.chain_id,
                genesis: B256::ZERO,
                contracts: self.deployment,
            },
            header: Bytes::new(),
            genesis: Vec::new(),
            later: None,
            tariff,
            tariff_version,
            policies,
            key_versions,
            readings: readings.iter().map(CompactReading::new).collect(),
            days,
            trades,
            nodes: Vec::new(),
        })
    }

    /// The readings that span the period, in whole local days, and where those days are anchored.
    async fn readings(
        &self,
        account: &Account,
        place: &Place,
        zone: &TimeZone,
        period: Period,
    ) -> Result<(Vec<SignedReading>, Vec<DayEvidence>)> {
        let (from, to) = (zone.start_of(period.from), zone.start_of(period.to.next()));
        let (first, last) = energy::edges(&self.db, place.meter, from, to).await?;
        // Where the period begins or ends between two readings, the whole day of the outer one is
        // needed: days are anchored as a whole.
        let from =
            first.map_or(from, |first| if first < from { day_start(zone, first) } else { from });
        let to = last.map_or(to, |last| if last > to { day_end(zone, last) } else { to });
        let readings = energy::readings(&self.db, place.meter, from, to).await?;
        let mut days = Vec::new();
        let mut day = zone.day_of(from);
        while zone.start_of(day) < to {
            let within = zone.start_of(day)..=zone.start_of(day.next());
            let of_day = readings.iter().filter(|signed| within.contains(&signed.reading.time));
            let of_day: Vec<SignedReading> = of_day.copied().collect();
            if !of_day.is_empty() {
                days.push(self.day_evidence(account, place, day, &of_day).await?);
            }
            day = day.next();
        }
        Ok((readings, days))
    }

    /// The newest batch on chain that holds exactly these readings of the day.
    async fn day_evidence(
        &self,
        account: &Account,
        place: &Place,
        day: LocalDay,
        readings: &[SignedReading],
    ) -> Result<DayEvidence> {
        let community = B256::from(account.community.to_bytes32());
        for (root, leaf) in energy::leaves(&self.db, place.meter, day).await? {
            let hash_of = day_leaf(leaf.salt, place.meter, day, readings);
            let (index, count) = (usize::try_from(leaf.index)?, usize::try_from(leaf.count)?);
            if !hash_of.is_some_and(|of| merkle::verify(root, of, index, count, &leaf.path)) {
                continue;
            }
            let batches: Vec<(u64, BatchFact)> =
                chain::all(&self.db, kind::BATCH, hash(root)).await?;
            let number = u64::from(day.number());
            let mut ours = batches.iter().map(|(_, batch)| batch);
            let batch = ours.find(|batch| batch.community == community && batch.day == number);
            if let Some(batch) = batch {
                let energy::Leaf { salt, index, count, path } = leaf;
                return Ok(DayEvidence { day, batch: batch.batch, salt, index, count, path });
            }
        }
        let title = format!("The readings of {day} are not on chain yet");
        Err(refused("NOT_ANCHORED", &title, true))
    }

    /// The account's trades as the contract has them, UTC day by UTC day, and their policies.
    async fn trades_of(
        &self,
        account: &Account,
        within: &Range<Timestamp>,
    ) -> Result<(Vec<Policy>, Vec<DayTrades>)> {
        let mut days: Vec<(LocalDay, Vec<DigestEntry>)> = Vec::new();
        let mut ids: Vec<B256> = Vec::new();
        for day in utc_days(within).map(LocalDay::from_number) {
            let entries = self.entries(account, day).await?;
            for entry in &entries {
                if let DigestEntry::Settled(entry) = entry
                    && !ids.contains(&entry.policy)
                {
                    ids.push(entry.policy);
                }
            }
            if !entries.is_empty() {
                self.check_runs(&entries).await?;
                days.push((day, entries));
            }
        }
        let state = self.state.lock().await;
        let policy = |id| state.policies.get(id).cloned().context("a trade's policy");
        let policies = ids.iter().map(policy).collect::<Result<Vec<_>>>()?;
        let grouped = days.iter().map(|(day, entries)| {
            day_trades(*day, entries, &ids).context("entries of a day that do not follow")
        });
        Ok((policies, grouped.collect::<Result<_>>()?))
    }

    async fn entries(&self, account: &Account, day: LocalDay) -> Result<Vec<DigestEntry>> {
        let mut entries = Vec::new();
        let mut ours = BTreeSet::new();
        for (kind_of, body) in chain::of_day(&self.db, day.number()).await? {
            if kind_of == kind::SETTLED {
                let fact: SettledFact = serde_json::from_str(&body)?;
                let side = match account.address {
                    address if address == fact.buyer => contracts::Side::Buy,
                    address if address == fact.seller => contracts::Side::Sell,
                    _ => continue,
                };
                ours.insert(fact.trade);
                entries.push(DigestEntry::Settled(Settled {
                    trade: fact.trade,
                    side,
                    slot: fact.slot,
                    quantity: Energy::from_wh(fact.quantity),
                    price: fact.price,
                    retail_price: fact.retail,
                    feed_in_price: fact.feed_in,
                    policy: fact.policy,
                }));
            } else {
                let entry: Reconciled = serde_json::from_str(&body)?;
                if ours.contains(&entry.trade) {
                    entries.push(DigestEntry::Reconciled(entry));
                }
            }
        }
        Ok(entries)
    }

    /// What was handed over last is what the chain has, also of the trades of neighbouring periods:
    /// they are in the same digests.
    async fn check_runs(&self, entries: &[DigestEntry]) -> Result<()> {
        let trades: Vec<B256> = entries
            .iter()
            .filter_map(|entry| match entry {
                DigestEntry::Settled(entry) => Some(entry.trade),
                DigestEntry::Reconciled(_) => None,
            })
            .collect();
        let handed = slots::deliveries(&self.db, &trades).await?;
        for trade in trades {
            let mut runs = entries.iter().rev().filter_map(|entry| match entry {
                DigestEntry::Reconciled(entry) if entry.trade == trade => Some(entry.run),
                _ => None,
            });
            let last = runs.next();
            if last.is_none() || handed.get(&trade).map(|(run, _)| *run) > last {
                return Err(refused("NOT_RECONCILED", "A run is on its way to the chain", true));
            }
        }
        Ok(())
    }

    async fn key_versions(&self, place: &Place, readings: &[SignedReading]) -> Result<Vec<u32>> {
        let keys: Vec<(u64, MeterKeyFact)> =
            chain::all(&self.db, kind::METER_KEY, place.meter.to_string()).await?;
        let readings = readings.to_vec();
        let signers = tokio::task::spawn_blocking(move || {
            readings.iter().filter_map(SignedReading::signer).collect::<BTreeSet<_>>()
        });
        let signers = signers.await?;
        let signed = keys.iter().filter(|(_, fact)| signers.contains(&fact.key));
        let versions: BTreeSet<u32> = signed.map(|(_, fact)| fact.version).collect();
        if versions.len() < signers.len() {
            return Err(refused("NOT_ANCHORED", "The meter's key is not on chain yet", true));
        }
        Ok(versions.into_iter().collect())
    }

    /// Number, anchor, event and row: all or none.
    async fn keep(
        &self,
        account: &Account,
        mut invoice: Invoice,
        evidence: String,
        days: String,
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
                    let issued = Issued { id, community, account, at: now, hash, invoice };
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
    }
}

/// The moments of a period of local days.
fn within(zone: &TimeZone, period: Period) -> Range<Timestamp> {
    zone.start_of(period.from)..zone.start_of(period.to.next())
}

fn day_start(zone: &TimeZone, moment: Timestamp) -> Timestamp {
    zone.start_of(zone.day_of(moment))
}

/// The midnight that ends the day of `moment`, or `moment` itself where it is one.
fn day_end(zone: &TimeZone, moment: Timestamp) -> Timestamp {
    let start = day_start(zone, moment);
    if start == moment { moment } else { zone.start_of(zone.day_of(moment).next()) }
}

fn refused(code: &str, title: &str, retry_may_help: bool) -> anyhow::Error {
    Problem { retry_may_help, ..Problem::refused(code, title) }.into()
}

//! What an invoice rests on: readings and where they are anchored, trades, policies, keys.
//!
//! Invariant: all of it is of final blocks, but for the invoice before: the chain takes invoices of
//! an account in their order. What is not there yet is waited for.

use std::collections::BTreeSet;
use std::ops::Range;

use alloy_primitives::{B256, Bytes};
use anyhow::{Context, Result};
use calendar::{LocalDay, TimeZone, Timestamp};
use contracts::{Policy, Reconciled, Settled};
use ids::MeterId;
use reading::{SignedReading, day_leaf};
use tariff::Tariff;
use units::Energy;

use super::invoice::{refused, within};
use super::logs::{BatchFact, MeterKeyFact, SettledFact};
use crate::Billing;
use crate::db::chain::{self, kind};
use crate::db::energy::{self, Heard, Leaf};
use crate::db::members::{Account, Place};
use crate::db::{corrections, hash, invoices, slots};
use crate::domain::bill::Period;
use crate::domain::verify::{
    Before, ChainRef, CompactReading, DayEvidence, DayTrades, DigestEntry, Evidence, day_trades,
    utc_days,
};

/// A day's batch on chain, and the meter's leaf in it.
struct Batch {
    root: B256,
    leaf: Leaf,
    fact: BatchFact,
}

impl Batch {
    /// Whether the leaf is over exactly these readings.
    fn holds(&self, meter: MeterId, day: LocalDay, readings: &[SignedReading]) -> bool {
        let Leaf { salt, index, count, ref path } = self.leaf;
        let place = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let leaf = day_leaf(salt, meter, day, readings);
        leaf.is_some_and(|of| merkle::verify(self.root, of, place(index), place(count), path))
    }
}

impl Billing {
    /// How far blocks are final that were followed: nothing up to there is ever taken back.
    pub(crate) async fn finalized(&self) -> u64 {
        self.state.lock().await.head.map_or(0, |head| head.finalized)
    }

    /// Blocks up to `finalized` have all that is ever said of trades whose corrections end at
    /// `closed`: the last of them is of a later time, or the chain is at rest there.
    pub(super) async fn check_final(&self, finalized: u64, closed: Timestamp) -> Result<()> {
        if self.header(finalized).await?.timestamp >= closed.unsigned() {
            return Ok(());
        }
        let head = self.state.lock().await.head.map_or(0, |head| head.number);
        let at_rest = head == finalized && client::block_number(&*self.node).await? == head;
        let title = "Blocks of the time of the corrections are not final yet";
        if at_rest { Ok(()) } else { Err(refused("NOT_FINAL", title, true)) }
    }

    /// Everything that the invoice rests on, but headers and proofs.
    pub(super) async fn evidence(
        &self,
        account: &Account,
        place: &Place,
        (tariff_version, tariff): (u32, Tariff),
        (period, finalized): (Period, u64),
    ) -> Result<Evidence> {
        let zone = tariff.head().timezone.clone();
        let (readings, days) = self.readings(account, place, &zone, (period, finalized)).await?;
        let within = within(&zone, period);
        let (policies, trades) = self.trades_of(account, &within, finalized).await?;
        let key_versions = self.key_versions(place, &readings, finalized).await?;
        let previous = match tariff.carries() {
            true => invoices::before(&self.db, account.account, period.from).await?,
            false => None,
        };
        let before = previous.as_ref().map(|issued| &issued.invoice);
        if before.is_some_and(|last| {
            last.address != account.address && last.period.to.next() != period.from
        }) {
            // The chain says of an address alone which invoice was its last.
            let title = "The tariff carries something over: bill the days before first";
            return Err(refused("DAYS_UNBILLED", title, false));
        }
        let corrected = match &previous {
            Some(previous) => corrections::last(&self.db, previous.id).await?,
            None => None,
        };
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
            previous: previous.map(|issued| Box::new(issued.invoice)),
            previous_corrected: corrected.map(|issued| Box::new(issued.correction)),
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
        (period, finalized): (Period, u64),
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
            let of_day = readings.iter().filter(|one| within.contains(&one.signed.reading.time));
            let of_day: Vec<Heard> = of_day.copied().collect();
            if !of_day.is_empty() {
                let batches = self.batches(account, place, day, finalized).await?;
                let corrections = self.state.lock().await.corrections(account.community);
                let seconds = self.slot.seconds() + corrections;
                let closes = zone.start_of(day).plus_seconds(seconds);
                let evidence = day_evidence(place.meter, day, &of_day, &batches, closes);
                let title = format!("The readings of {day} are not on chain yet");
                days.push(evidence.ok_or_else(|| refused("NOT_ANCHORED", &title, true))?);
            }
            day = day.next();
        }
        Ok((readings.into_iter().map(|one| one.signed).collect(), days))
    }

    /// The batches of a day that hold a leaf of the meter, in blocks that are final, newest first.
    async fn batches(
        &self,
        account: &Account,
        place: &Place,
        day: LocalDay,
        finalized: u64,
    ) -> Result<Vec<Batch>> {
        let community = B256::from(account.community.to_bytes32());
        let number = u64::from(day.number());
        let mut batches = Vec::new();
        for (root, leaf) in energy::leaves(&self.db, place.meter, day).await? {
            let facts: Vec<BatchFact> =
                chain::finals(&self.db, kind::BATCH, hash(root), finalized).await?;
            let mut ours = facts.into_iter();
            let fact = ours.find(|fact| fact.community == community && fact.day == number);
            batches.extend(fact.map(|fact| Batch { root, leaf, fact }));
        }
        Ok(batches)
    }

    /// The account's trades as the contract has them, UTC day by UTC day, and their policies.
    async fn trades_of(
        &self,
        account: &Account,
        within: &Range<Timestamp>,
        finalized: u64,
    ) -> Result<(Vec<Policy>, Vec<DayTrades>)> {
        let mut days: Vec<(LocalDay, Vec<DigestEntry>)> = Vec::new();
        let mut ids: Vec<B256> = Vec::new();
        for day in utc_days(within).map(LocalDay::from_number) {
            let entries = self.entries(account, day, finalized).await?;
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

    /// The same trades with the runs of blocks up to `block` that came after those which an invoice
    /// was rated with: challenges.
    pub(super) async fn with_cuts(
        &self,
        account: &Account,
        evidence: &mut Evidence,
        block: u64,
    ) -> Result<()> {
        let ids: Vec<B256> = evidence.policies.iter().map(Policy::id).collect();
        for day in &mut evidence.trades {
            let entries = self.entries(account, day.day, block).await?;
            let all = day_trades(day.day, &entries, &ids);
            let all = all.context("entries of a day that do not follow")?;
            let later = all.runs().checked_sub(day.runs()).context("runs that are gone")?;
            *day = DayTrades { later: u32::try_from(later)?, ..all };
        }
        Ok(())
    }

    pub(super) async fn entries(
        &self,
        account: &Account,
        day: LocalDay,
        finalized: u64,
    ) -> Result<Vec<DigestEntry>> {
        let mut entries = Vec::new();
        let mut ours = BTreeSet::new();
        let of_day = chain::of_party(&self.db, account.address, day.number(), finalized);
        for (kind_of, body) in of_day.await? {
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
                    prices: fact.prices,
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

    async fn key_versions(
        &self,
        place: &Place,
        readings: &[SignedReading],
        finalized: u64,
    ) -> Result<Vec<u32>> {
        let meter = place.meter.to_string();
        let keys: Vec<MeterKeyFact> =
            chain::finals(&self.db, kind::METER_KEY, meter, finalized).await?;
        let readings = readings.to_vec();
        let versions = tokio::task::spawn_blocking(move || signing_versions(&readings, &keys));
        let versions = versions.await?;
        versions.ok_or_else(|| refused("NOT_ANCHORED", "The meter's key is not on chain yet", true))
    }
}

/// The versions of a meter's keys that signed readings; `None` where one is of no known key. A key
/// that was enrolled again has several versions: the newest of before a reading has signed it.
fn signing_versions(readings: &[SignedReading], keys: &[MeterKeyFact]) -> Option<Vec<u32>> {
    let mut versions = BTreeSet::new();
    for signed in readings {
        let Some(signer) = signed.signer() else { continue };
        let time = signed.reading.time.unsigned();
        let of_key = keys.iter().filter(|fact| fact.key == signer);
        let begun = of_key.clone().filter(|fact| fact.time <= time);
        // Of one that begins later the verifier says that it does not fit.
        let newest = begun.max_by_key(|fact| fact.version);
        versions.insert(newest.or_else(|| of_key.min_by_key(|fact| fact.version))?.version);
    }
    Some(versions.into_iter().collect())
}

/// The newest batch that holds exactly these readings of the day; where they were complete after
/// `closes` only, the newest before that as well.
fn day_evidence(
    meter: MeterId,
    day: LocalDay,
    readings: &[Heard],
    batches: &[Batch],
    closes: Timestamp,
) -> Option<DayEvidence> {
    let all: Vec<SignedReading> = readings.iter().map(|one| one.signed).collect();
    let newest = batches.iter().find(|batch| batch.holds(meter, day, &all))?;
    let closes = closes.unsigned();
    let Leaf { salt, index, count, path } = newest.leaf.clone();
    let in_time =
        |batch: &&Batch| (1..closes).contains(&batch.fact.time) && batch.leaf.salt == salt;
    let before = match newest.fact.time >= closes {
        true => {
            batches.iter().filter(in_time).find_map(|batch| before(meter, day, readings, batch))
        }
        false => None,
    };
    Some(DayEvidence { day, batch: newest.fact.batch, salt, index, count, path, before })
}

/// A batch that holds the readings of the day that were heard of first, and lacks the others.
fn before(meter: MeterId, day: LocalDay, readings: &[Heard], batch: &Batch) -> Option<Before> {
    let mut heard = readings.to_vec();
    heard.sort_by_key(|one| (one.at, one.signed.reading.page));
    for known in (1..heard.len()).rev() {
        let mut first: Vec<SignedReading> = heard[..known].iter().map(|one| one.signed).collect();
        first.sort_by_key(|signed| signed.reading.page);
        if batch.holds(meter, day, &first) {
            let late = heard[known..].iter().map(|one| one.signed.reading.page);
            let mut late: Vec<u32> = late.collect();
            late.sort_unstable();
            let Leaf { index, count, path, .. } = batch.leaf.clone();
            return Some(Before { late, batch: batch.fact.batch, index, count, path });
        }
    }
    None
}

fn day_start(zone: &TimeZone, moment: Timestamp) -> Timestamp {
    zone.start_of(zone.day_of(moment))
}

/// The midnight that ends the day of `moment`, or `moment` itself where it is one.
fn day_end(zone: &TimeZone, moment: Timestamp) -> Timestamp {
    let start = day_start(zone, moment);
    if start == moment { moment } else { zone.start_of(zone.day_of(moment).next()) }
}

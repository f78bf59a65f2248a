//! What a draft of a tariff would have cost each member, beside what their tariff did.
//!
//! Both sides are rated from the same intervals and trades by the function that invoices are made
//! with, month by month, each going on from the one before. Nothing is carried into the first
//! month: banks and peaks begin there on both sides. A trade without a run counts as energy from
//! the retailer.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::B256;
use anyhow::{Context, Result};
use calendar::{LocalDay, SlotLength, Timestamp};
use contracts::Policy;
use ids::{AccountId, CommunityId};
use reading::Quality;
use service::Problem;
use tariff::Tariff;
use units::{Money, Overflow};

use super::invoice::within;
use crate::Billing;
use crate::db::members::{self, Account};
use crate::db::{energy, occupants};
use crate::domain::bill::{BillError, CarriedOver, Facts, Period, Traded, Used, rate};
use crate::domain::verify::{DayTrades, DigestEntry, day_trades, traded, utc_days};

/// The most days of a simulation.
pub(crate) const SIMULATED_DAYS_MAX: u32 = 366;
/// The most members of a simulation.
const SIMULATED_MEMBERS_MAX: usize = 2_000;

/// One member's bills of the days.
#[derive(Debug, Clone)]
pub(crate) struct Compared {
    pub(crate) account: AccountId,
    pub(crate) pseudonym: String,
    /// Slots with a reading.
    pub(crate) slots: usize,
    /// By the tariff that held.
    pub(crate) now: Money,
    /// By the draft.
    pub(crate) draft: Money,
}

impl Compared {
    /// What the draft costs more; below zero where it costs less.
    pub(crate) fn difference(&self) -> Result<Money, Overflow> {
        self.draft.minus(self.now)
    }
}

/// What was compared, the dearest change first.
#[derive(Debug, Clone)]
pub(crate) struct Simulation {
    pub(crate) period: Period,
    pub(crate) members: Vec<Compared>,
}

/// What a member's bills of a month follow from.
pub(super) struct Month {
    pub(super) period: Period,
    pub(super) used: BTreeMap<Timestamp, Used>,
    pub(super) trades: Vec<Traded>,
}

impl Billing {
    /// Rates the last `days` whole local days of every member of a community on a draft.
    ///
    /// # Errors
    /// A [`Problem`] `NO_TARIFF`, `TARIFF_TIMEZONE`, `TARIFF_CURRENCY`, `TOO_MANY_MEMBERS` or
    /// `TARIFF_UNRATED`; any other error is a fault.
    pub(crate) async fn simulate_tariff(
        &self,
        community: CommunityId,
        draft: Tariff,
        days: u32,
        now: Timestamp,
    ) -> Result<Simulation> {
        let published = members::tariffs(&self.db, community).await?;
        let tariffs: Vec<Tariff> = published.into_iter().map(|known| known.tariff).collect();
        let newest = tariffs.first();
        let newest = newest.ok_or_else(|| {
            Problem::refused("NO_TARIFF", "There is no tariff yet to compare with")
        })?;
        let (zone, currency) = (&newest.head().timezone, &newest.head().currency);
        if draft.head().timezone.name() != zone.name() {
            let title = "The draft has another time zone than the tariff";
            return Err(Problem::refused("TARIFF_TIMEZONE", title).into());
        }
        if draft.head().currency != *currency {
            let title = "The draft has another currency than the tariff";
            return Err(Problem::refused("TARIFF_CURRENCY", title).into());
        }
        let to = zone.day_of(now).later(-1);
        let back = i32::try_from(days.clamp(1, SIMULATED_DAYS_MAX)).unwrap_or(1) - 1;
        let period = Period { from: to.later(-back), to };
        let accounts = members::accounts(&self.db, now).await?;
        let ours: Vec<Account> =
            accounts.into_iter().filter(|account| account.community == community).collect();
        if ours.len() > SIMULATED_MEMBERS_MAX {
            let title = format!("At most {SIMULATED_MEMBERS_MAX} members are simulated at once");
            return Err(Problem::refused("TOO_MANY_MEMBERS", title).into());
        }
        let mut all = Vec::new();
        for account in ours {
            let months = self.months_of(&account, period, newest).await?;
            let (tariffs, draft, slot) = (tariffs.clone(), draft.clone(), self.slot);
            let compared = tokio::task::spawn_blocking(move || {
                compared(&account, &months, &tariffs, (&draft, slot))
            });
            all.push(compared.await?.map_err(unrated)?);
        }
        all.sort_by_key(|one| {
            let more = i128::from(one.draft.n()) - i128::from(one.now.n());
            (std::cmp::Reverse(more), one.account)
        });
        Ok(Simulation { period, members: all })
    }

    /// A member's intervals and trades, by calendar month.
    pub(super) async fn months_of(
        &self,
        account: &Account,
        period: Period,
        tariff: &Tariff,
    ) -> Result<Vec<Month>> {
        let zone = &tariff.head().timezone;
        let mut months = Vec::new();
        let stays = occupants::places(&self.db, account.account).await?;
        let mut from = period.from;
        while from <= period.to {
            let to = from.next_month_start().later(-1).min(period.to);
            let part = Period { from, to };
            let span = within(zone, part);
            let mut used = BTreeMap::new();
            for stay in stays.iter().map(|one| one.stay) {
                let until = stay.until.unwrap_or(span.end).min(span.end);
                let within = (stay.from.max(span.start), until);
                let flowed = energy::flowed(&self.db, stay.point, within).await?;
                used.extend(flowed.into_iter().map(|(slot, (it, estimated))| {
                    let (import, export) = (it.import, it.export);
                    let quality = if estimated { Quality::Substituted } else { Quality::Measured };
                    (slot, Used { import, export, quality })
                }));
            }
            let settling = members::account(&self.db, account.account, span.start).await?;
            let settling = settling.as_ref().unwrap_or(account);
            let (policies, entries) = self.reconciled(settling, &span).await?;
            let trades = traded(&entries, &policies, &span, zone).context("trades of a member")?;
            months.push(Month { period: part, used, trades });
            from = to.next();
        }
        Ok(months)
    }

    /// The account's trades that have a run, as the contract did them.
    async fn reconciled(
        &self,
        account: &Account,
        span: &std::ops::Range<Timestamp>,
    ) -> Result<(Vec<Policy>, Vec<DayTrades>)> {
        let finalized = self.finalized().await;
        let (mut days, mut ids) = (Vec::new(), Vec::<B256>::new());
        for day in utc_days(span).map(LocalDay::from_number) {
            let mut entries = self.entries(account, day, finalized).await?;
            let run: BTreeSet<B256> = entries
                .iter()
                .filter_map(|entry| match entry {
                    DigestEntry::Reconciled(entry) => Some(entry.trade),
                    DigestEntry::Settled(_) => None,
                })
                .collect();
            entries.retain(|entry| match entry {
                DigestEntry::Settled(entry) => run.contains(&entry.trade),
                DigestEntry::Reconciled(_) => true,
            });
            for entry in &entries {
                if let DigestEntry::Settled(entry) = entry
                    && !ids.contains(&entry.policy)
                {
                    ids.push(entry.policy);
                }
            }
            days.push((day, entries));
        }
        let state = self.state.lock().await;
        let policy = |id| state.policies.get(id).cloned().context("a trade's policy");
        let policies = ids.iter().map(policy).collect::<Result<Vec<_>>>()?;
        let grouped = days.iter().map(|(day, entries)| {
            day_trades(*day, entries, &ids).context("entries of a day that do not follow")
        });
        Ok((policies, grouped.collect::<Result<_>>()?))
    }
}

fn unrated(error: BillError) -> Problem {
    Problem::refused("TARIFF_UNRATED", format!("The days cannot be rated on it: {error}"))
}

fn compared(
    account: &Account,
    months: &[Month],
    tariffs: &[Tariff],
    (draft, slot_length): (&Tariff, SlotLength),
) -> Result<Compared, BillError> {
    let mut sums = [Money::ZERO; 2];
    let mut carried: [Option<CarriedOver>; 2] = [None, None];
    for month in months {
        let held = tariffs.iter().find(|it| it.head().valid_from <= month.period.from);
        let Some(held) = held.or(tariffs.last()) else { continue };
        for (side, tariff) in [held, draft].into_iter().enumerate() {
            let facts = Facts {
                period: month.period,
                tariff,
                slot_length,
                used: &month.used,
                trades: &month.trades,
                before: carried[side].as_ref(),
            };
            let rated = rate(&facts)?;
            sums[side] = sums[side].plus(rated.total)?;
            carried[side] = rated.carried;
        }
    }
    let [now, draft] = sums;
    Ok(Compared {
        account: account.account,
        pseudonym: account.pseudonym.clone(),
        slots: months.iter().map(|month| month.used.len()).sum(),
        now,
        draft,
    })
}

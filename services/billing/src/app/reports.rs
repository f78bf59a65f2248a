//! Reports of a community's days, for its utility and its auditor.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::Address;
use anyhow::Result;
use calendar::{LocalDay, TimeZone, Timestamp};
use ids::CommunityId;
use service::Problem;
use units::{Energy, Overflow};

use super::logs::SettledFact;
use crate::Billing;
use crate::db::reports::{self, BilledPoint, MeteredSlot};
use crate::db::{members, parties};
use crate::domain::bill::{Class, Period};
use crate::domain::report::{
    Charged, EstimatedSpan, Of, SlotSettlement, charges, settlements, spans,
};

/// The most slots of a list of estimated energy: a week of 100 connection points that say nothing.
const ESTIMATED_MAX: u32 = 70_000;

/// What the retailer is left with in a slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Residual {
    pub(crate) metered: MeteredSlot,
    /// Delivered from neighbour to neighbour.
    pub(crate) traded: Energy,
    pub(crate) import: Energy,
    pub(crate) export: Energy,
}

/// What of a connection point is not billed.
#[derive(Debug, Clone)]
pub(crate) struct Unbilled {
    pub(crate) point: BilledPoint,
    /// The first day that is not billed and has readings.
    pub(crate) from: Option<LocalDay>,
    /// Days from then that are over.
    pub(crate) days: u32,
    /// Slots from then that miss their interval.
    pub(crate) missing: u64,
}

impl Billing {
    /// The trades of a period's slots in each zone, added up for each grid operator.
    ///
    /// # Errors
    /// When a sum does not fit.
    pub(crate) async fn settlement_report(
        &self,
        community: CommunityId,
        period: Period,
    ) -> Result<BTreeMap<Of, SlotSettlement>> {
        let within = self.within(community, period).await?;
        let settled: Vec<SettledFact> = reports::settled(&self.db, community, within).await?;
        let state = self.state.lock().await;
        let known = settled.iter().filter_map(|fact| {
            let policy = state.policies.get(&fact.policy)?;
            Some((policy.zone, policy.network_account, state.book.trade(&fact.trade)?))
        });
        settlements(known).map_err(too_large)
    }

    /// What the retailer is left with, slot by slot.
    ///
    /// # Errors
    /// When a sum does not fit.
    pub(crate) async fn residual_report(
        &self,
        community: CommunityId,
        period: Period,
    ) -> Result<Vec<Residual>> {
        let within = self.within(community, period).await?;
        let metered = reports::metered(&self.db, community, within).await?;
        let mut traded: BTreeMap<Timestamp, Energy> = BTreeMap::new();
        for (of, sum) in self.settlement_report(community, period).await? {
            let delivered = traded.entry(of.slot).or_default();
            *delivered = delivered.plus(sum.delivered).map_err(too_large)?;
        }
        let residual = metered.into_iter().map(|metered| {
            let traded = traded.get(&metered.slot).copied().unwrap_or_default();
            // What is delivered was metered; a version that waits for its run may be less.
            let left = |all: Energy| all.minus(traded).unwrap_or_default();
            Residual { metered, traded, import: left(metered.import), export: left(metered.export) }
        });
        Ok(residual.collect())
    }

    /// Who supplies a community's members and bills them, by its name: who issues its documents.
    pub(crate) async fn retailer(&self, community: CommunityId) -> Result<Option<String>> {
        let issuer = parties::issuer(&self.db, community).await?;
        Ok(issuer.map(|issuer| issuer.party.name))
    }

    /// Who runs the grid of all of a community, where its policies name one account only.
    pub(crate) async fn grid_operator(&self, community: CommunityId) -> Option<Address> {
        let state = self.state.lock().await;
        let ours = state.policies.values().filter(|policy| policy.community == community);
        let all: BTreeSet<Address> = ours.map(|policy| policy.network_account).collect();
        all.first().copied().filter(|_| all.len() == 1)
    }

    /// What was estimated of a period's energy, by connection point.
    ///
    /// # Errors
    /// `REPORT_LENGTH` when there are too many slots, or a sum does not fit.
    pub(crate) async fn estimated_report(
        &self,
        community: CommunityId,
        period: Period,
    ) -> Result<Vec<EstimatedSpan>> {
        let within = self.within(community, period).await?;
        let limit = ESTIMATED_MAX + 1;
        let slots = reports::estimated(&self.db, community, within, limit).await?;
        if slots.len() > ESTIMATED_MAX as usize {
            let title =
                format!("More than {ESTIMATED_MAX} slots were estimated: ask for fewer days");
            return Err(Problem::refused("REPORT_LENGTH", title).into());
        }
        spans(slots, self.slot).map_err(too_large)
    }

    /// What the invoices charge whose last day is in a period, with their corrections so far.
    ///
    /// # Errors
    /// When a sum does not fit.
    pub(crate) async fn charges_report(
        &self,
        community: CommunityId,
        period: Period,
    ) -> Result<BTreeMap<(String, Class), Charged>> {
        let days = (period.from, period.to);
        let invoices = reports::invoices(&self.db, community, days).await?;
        let corrections = reports::corrections(&self.db, community, days).await?;
        charges(&invoices, &corrections).map_err(too_large)
    }

    /// What of each connection point is not billed, and how old its last reading is. Who moved out
    /// is in it until the last bill.
    pub(crate) async fn unbilled_report(
        &self,
        community: CommunityId,
        now: Timestamp,
    ) -> Result<Vec<Unbilled>> {
        let zone = self.zone(community).await?;
        let today = zone.day_of(now);
        let mut unbilled = Vec::new();
        for point in reports::billed_points(&self.db, community).await? {
            let from = match point.billed_until {
                Some(day) => Some(day.next()),
                None => point.first_reading.map(|first| zone.day_of(first)),
            };
            let from = from.map(|from| from.max(zone.day_of(point.moved_in)));
            let gone = point.moved_out.map(|until| zone.day_of(until));
            if gone.is_some_and(|gone| from.is_none_or(|from| from >= gone)) {
                continue;
            }
            let end = gone.map_or(today, |gone| gone.min(today));
            let days = from.map_or(0, |from| end.number().saturating_sub(from.number()));
            let missing = match from {
                Some(from) => {
                    let within = (zone.start_of(from), point.moved_out);
                    reports::missing(&self.db, point.point, within).await?
                }
                None => 0,
            };
            unbilled.push(Unbilled { point, from, days, missing });
        }
        Ok(unbilled)
    }

    async fn zone(&self, community: CommunityId) -> Result<TimeZone> {
        Ok(members::timezone(&self.db, community).await?.unwrap_or_else(TimeZone::utc))
    }

    async fn within(
        &self,
        community: CommunityId,
        period: Period,
    ) -> Result<(Timestamp, Timestamp)> {
        let zone = self.zone(community).await?;
        Ok((zone.start_of(period.from), zone.start_of(period.to.next())))
    }
}

fn too_large(_: Overflow) -> anyhow::Error {
    Problem::refused("AMOUNT", "A sum of the report does not fit").into()
}

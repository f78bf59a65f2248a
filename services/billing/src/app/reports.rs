//! Reports of a community's days, for its utility and its auditor.

use std::collections::BTreeMap;

use anyhow::Result;
use calendar::{LocalDay, TimeZone, Timestamp};
use ids::{CommunityId, ZoneId};
use service::Problem;
use units::{Energy, Overflow};

use super::logs::SettledFact;
use crate::Billing;
use crate::db::members;
use crate::db::reports::{self, BilledPoint, MeteredSlot};
use crate::domain::bill::{Class, Period};
use crate::domain::report::{Charged, SlotSettlement, charges, settlements};

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
    /// The trades of a period's slots in each zone, added up.
    ///
    /// # Errors
    /// When a sum does not fit.
    pub(crate) async fn settlement_report(
        &self,
        community: CommunityId,
        period: Period,
    ) -> Result<BTreeMap<(Timestamp, ZoneId), SlotSettlement>> {
        let within = self.within(community, period).await?;
        let settled: Vec<SettledFact> = reports::settled(&self.db, community, within).await?;
        let state = self.state.lock().await;
        let known = settled.iter().filter_map(|fact| {
            let zone = state.policies.get(&fact.policy)?.zone;
            Some((zone, state.book.trade(&fact.trade)?))
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
        for ((slot, _), sum) in self.settlement_report(community, period).await? {
            let delivered = traded.entry(slot).or_default();
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

    /// What the invoices charged whose last day is in a period.
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
        charges(&invoices).map_err(too_large)
    }

    /// What of each connection point is not billed, and how old its last reading is.
    pub(crate) async fn unbilled_report(
        &self,
        community: CommunityId,
        now: Timestamp,
    ) -> Result<Vec<Unbilled>> {
        let zone = self.zone(community).await?;
        let today = zone.day_of(now);
        let points = reports::billed_points(&self.db, community).await?;
        let from = |point: &BilledPoint| match point.billed_until {
            Some(day) => Some(day.next()),
            None => point.first_reading.map(|first| zone.day_of(first)),
        };
        let since: Vec<_> = points
            .iter()
            .filter_map(|point| Some((point.point, zone.start_of(from(point)?))))
            .collect();
        let missing = reports::missing_since(&self.db, community, &since).await?;
        let unbilled = points.into_iter().map(|point| {
            let from = from(&point);
            let days = from.map_or(0, |from| today.number().saturating_sub(from.number()));
            let missing = missing.get(&point.point).copied().unwrap_or_default();
            Unbilled { point, from, days, missing }
        });
        Ok(unbilled.collect())
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

//! The figures by which a market judges risk: what it refuses, and what makes it stop somebody, or
//! everybody, by itself. Staff set them; who set which, and when, is kept.
//!
//! Stricter figures hold at once, looser ones need a second person (`consents.rs`).
//! Deliberately absent: what is measured (`exposure.rs` before an order is accepted; `guard.rs`
//! counts what is sent, `feeds.rs` looks at what is known), and limits that are a market's own
//! (`Parameters`).

use std::collections::BTreeMap;

use calendar::Timestamp;
use ids::{ConnectionPointId, PartyId};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::consents::Consents;
use super::{Entry, Exchange};

/// The most changes of the figures that a market remembers; its journal keeps all.
pub const RISK_CHANGES_MAX: usize = 200;

/// Declares the figures: the struct, and their names with bounds in one order.
macro_rules! figures {
    ($($(#[$doc:meta])* $name:ident: $least:tt to $most:tt, $default:expr;)*) => {
        /// The figures. One that is `null` is no limit; one that is left out has its default.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields, default)]
        pub struct RiskLimits {
            $($(#[$doc])* #[schema(minimum = $least, maximum = $most)] pub $name: Option<u32>,)*
        }

        impl Default for RiskLimits {
            fn default() -> RiskLimits {
                RiskLimits { $($name: $default,)* }
            }
        }

        impl RiskLimits {
            /// Each figure with its name and bounds.
            fn figures(&self) -> Vec<(&'static str, Option<u32>, u32, u32)> {
                vec![$((stringify!($name), self.$name, $least, $most)),*]
            }
        }
    };
}

figures! {
    /// The highest limit of an order, in percent of the retail price; above it is refused.
    collar_percent: 100 to 10_000, Some(200);
    /// How far an order's price may be from the usual one at that time of day, in percent; a buyer
    /// beyond it or a seller below is refused unless the order says that it is meant.
    reference_percent: 1 to 1_000, None;
    /// What an account may owe for open orders, and for trades of slots that are not over, in whole
    /// units of the currency; an order beyond it is refused.
    exposure: 1 to 1_000_000_000, None;
    /// The part of its day's energy that an account should trade with one other, in percent, where
    /// five or more offered. Nobody can know it before the clearing: it is judged after it.
    counterparty_percent: 1 to 100, Some(40);
    /// Orders that an account may send within a minute, refused ones too; beyond it the account is
    /// suspended.
    orders_per_minute: 1 to 1_000_000, Some(6_000);
    /// Orders of an account that may be refused within an hour; beyond it the account is suspended.
    refusals_per_hour: 1 to 1_000_000, Some(1_000);
    /// Orders of three accounts or more that may be refused within an hour because of their price;
    /// beyond it the zone is stopped: then not the orders are wrong, but what they are measured by.
    collar_hits_per_hour: 1 to 1_000_000, Some(500);
    /// Slots that may have ended without a metered interval where there were some before: beyond it
    /// the connection point is suspended, or the zone is stopped if it has none at all.
    stale_slots: 1 to 1_000, None;
    /// Seconds that the newest block may be old; beyond it the zone is stopped. Ten times what a
    /// block takes.
    chain_silent_seconds: 10 to 86_400, None;
    /// Standard deviations that metered energy may be off what a standing rule ordered by; where it
    /// is off by more in four slots in a row, the rule is suspended.
    forecast_sigmas: 1 to 100, Some(3);
    /// Percent that the trades of a standing rule may lose against the tariff within 24 hours, of
    /// what the same energy would have come to there; beyond it the rule is suspended.
    loss_percent: 1 to 100, Some(10);
    /// Percent that what a standing rule has by the tariff and its gains may be below the highest
    /// of 24 hours; beyond it the rule is suspended.
    drawdown_percent: 1 to 100, Some(5);
    /// Percent of what an account sold that it may not deliver, newer days counting more, before it
    /// has to hold all that its buyers would be short, whatever the policy takes.
    undelivered_collateral_percent: 1 to 100, Some(20);
    /// The same before the account is suspended from selling.
    undelivered_percent: 1 to 100, Some(50);
    /// What an account's open orders and trades of a local day may come to, in whole units of the
    /// currency; an order beyond it is refused.
    daily_notional: 1 to 1_000_000_000, None;
    /// Orders that an account may have open at a time, of all slots; one beyond it is refused.
    open_orders: 1 to 1_000_000, None;
    /// Clearings of the last days that may come out otherwise for another one who computes them;
    /// beyond it the zone is stopped.
    differing_clearings: 0 to 1_000, Some(0);
    /// Rules that must always hold of the books, I1 to I8, of which so many may not; beyond it all
    /// zones are stopped.
    violated_invariants: 0 to 8, Some(0);
}

/// Figures that markets had not when older changes were journaled: those set no limit by them.
const LATER: [&str; 7] = [
    "drawdown_percent",
    "undelivered_collateral_percent",
    "undelivered_percent",
    "daily_notional",
    "open_orders",
    "differing_clearings",
    "violated_invariants",
];

/// Figures as a journal has them: what one of before does not name has no default.
pub(super) fn journaled<'de, D: Deserializer<'de>>(from: D) -> Result<RiskLimits, D::Error> {
    let mut figures = serde_json::Map::deserialize(from)?;
    for name in LATER {
        figures.entry(name).or_insert(serde_json::Value::Null);
    }
    serde_json::from_value(figures.into()).map_err(D::Error::custom)
}

/// A figure out of its bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {least} to {most}, or null")]
pub struct NotALimit {
    name: &'static str,
    least: u32,
    most: u32,
}

impl RiskLimits {
    /// Refuses a figure out of its bounds.
    ///
    /// # Errors
    /// The first such figure.
    pub fn check(&self) -> Result<(), NotALimit> {
        let out = |(_, figure, least, most): &(_, Option<u32>, u32, u32)| {
            figure.is_some_and(|figure| !(*least..=*most).contains(&figure))
        };
        let found = self.figures().into_iter().find(out);
        found.map_or(Ok(()), |(name, _, least, most)| Err(NotALimit { name, least, most }))
    }

    /// Whether any figure allows more than that of `other`.
    pub fn is_looser_than(&self, other: &RiskLimits) -> bool {
        let figures = self.figures().into_iter().zip(other.figures());
        figures.into_iter().any(|((_, own, ..), (_, other, ..))| match (own, other) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(own), Some(other)) => own > other,
        })
    }
}

/// A change of the figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RiskChange {
    /// All figures, as they hold from then on.
    #[serde(deserialize_with = "journaled")]
    pub limits: RiskLimits,
    /// Who wanted it.
    pub by: PartyId,
    /// Who agreed to it; `None` where no figure became looser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreed_by: Option<PartyId>,
    /// When.
    pub at: Timestamp,
}

/// What risk is judged by, and what waits for a second person.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Risk {
    changes: Vec<RiskChange>,
    pub(super) consents: Consents,
    pub(super) feeds: Feeds,
}

/// The newest that is known of what comes from outside.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Feeds {
    /// The newest slot with a metered interval of each connection point.
    pub(super) metered: BTreeMap<ConnectionPointId, Timestamp>,
    /// The time of the newest block.
    pub(super) block: Option<Timestamp>,
}

impl Risk {
    /// Applies what an entry says about risk; called for every entry, before it is applied to the
    /// book.
    pub(super) fn apply(&mut self, entry: &Entry) {
        match entry {
            Entry::RiskLimitsSet(change) => {
                self.changes.push(change.clone());
                if self.changes.len() > RISK_CHANGES_MAX {
                    self.changes.remove(0);
                }
            }
            Entry::Exported { slot, exports, imports } => {
                for export in exports.iter().chain(imports) {
                    let newest = self.feeds.metered.entry(export.connection_point).or_insert(*slot);
                    *newest = (*slot).max(*newest);
                }
            }
            Entry::Connected { timestamp, .. } => self.feeds.block = Some(*timestamp),
            _ => {}
        }
        self.consents.apply(entry);
    }
}

impl Exchange {
    /// The figures that hold.
    pub fn risk_limits(&self) -> RiskLimits {
        self.risk.changes.last().map_or_else(RiskLimits::default, |change| change.limits)
    }

    /// How the figures came about, oldest first.
    pub fn risk_changes(&self) -> &[RiskChange] {
        &self.risk.changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_looser_where_it_allows_more_or_is_no_limit() {
        let limits = RiskLimits::default();
        let check = |changed: RiskLimits, looser: bool| {
            assert_eq!(changed.is_looser_than(&limits), looser, "{changed:?}");
        };
        check(limits, false);
        check(RiskLimits { orders_per_minute: Some(10), ..limits }, false);
        check(RiskLimits { orders_per_minute: Some(6_001), ..limits }, true);
        check(RiskLimits { loss_percent: None, ..limits }, true);
        check(RiskLimits { stale_slots: Some(3), ..limits }, false);
        let both = RiskLimits { stale_slots: Some(3), loss_percent: Some(11), ..limits };
        check(both, true);
    }

    #[test]
    fn a_figure_out_of_its_bounds_is_named() {
        let zero = RiskLimits { forecast_sigmas: Some(0), ..RiskLimits::default() };
        assert_eq!(zero.check().unwrap_err().to_string(), "forecast_sigmas: 1 to 100, or null");
        assert_eq!(RiskLimits::default().check(), Ok(()));
    }
}

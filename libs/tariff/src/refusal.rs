//! Why a load cannot be rated.

use calendar::{LocalDay, Timestamp};
use units::Overflow;

/// Why a plan cannot be made or a load cannot be rated, each with a stable code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The span is empty, before 1970, or too long.
    #[error("from {from} to {to} is no span of 1 to {} days", crate::plan::DAYS_MAX)]
    Span {
        /// The first day.
        from: LocalDay,
        /// The day after the last.
        to: LocalDay,
    },
    /// An interval that does not divide a day into whole minutes.
    #[error("an interval of {0} minutes does not divide a day evenly")]
    Interval(u32),
    /// Clocks change by less than an interval.
    #[error("the local day {day} is no whole number of intervals of {minutes} minutes")]
    UnevenDay {
        /// The day.
        day: LocalDay,
        /// The interval.
        minutes: u32,
    },
    /// No version of the tariff holds on a day.
    #[error("no version of the tariff holds on {0}")]
    NoTariff(LocalDay),
    /// Versions in different currencies, or with different minor units.
    #[error("the versions of the tariff are in {0} and in {1}")]
    Currencies(String, String),
    /// Prices of a series that do not fit.
    #[error("a price series has more digits than can be counted with")]
    Digits,
    /// A series without a price where there is energy.
    #[error("the price series has no price at {0}, where there is energy")]
    NoPrice(Timestamp),
    /// The load has another number of intervals than the plan.
    #[error("the span has {expected} intervals, the load {got}")]
    Intervals {
        /// In the span.
        expected: usize,
        /// In the load.
        got: usize,
    },
    /// An interval with energy below zero or above the limit, or neighbours' energy above the
    /// import.
    #[error("interval {place}: {reason}")]
    Energy {
        /// Its place, from 0.
        place: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// What no bill of ours leaves to the next one.
    #[error("what is carried over is nothing that a bill leaves")]
    Carried,
    /// A sum does not fit.
    #[error("an amount does not fit")]
    Overflow,
}

impl Refusal {
    /// The code as machines read it.
    pub fn code(&self) -> &'static str {
        match self {
            Refusal::Span { .. } => "bad_span",
            Refusal::Interval(_) => "bad_interval",
            Refusal::UnevenDay { .. } => "uneven_day",
            Refusal::NoTariff(_) => "no_tariff",
            Refusal::Currencies(..) => "mixed_currencies",
            Refusal::Digits => "too_many_digits",
            Refusal::NoPrice(_) => "no_price",
            Refusal::Intervals { .. } => "wrong_intervals",
            Refusal::Energy { .. } => "bad_energy",
            Refusal::Carried => "bad_carried",
            Refusal::Overflow => "overflow",
        }
    }
}

impl From<Overflow> for Refusal {
    fn from(_: Overflow) -> Refusal {
        Refusal::Overflow
    }
}

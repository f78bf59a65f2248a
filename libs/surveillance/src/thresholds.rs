//! From where on something is suspicious: data, with defaults and bounds.
//!
//! Each rule's thresholds stand in its own file. "Limits" there means the risk limits of this
//! market: 30 % around the reference price as the soft collar, 25 % of a zone's volume as the mark
//! of market power, a tolerance of 10 % or 50 Wh in deliveries, 90 % and 60 seconds for orders that
//! are taken back, 50 % of what is available for withholding, 1 % for circles, "more than three
//! slots", "three accounts". What is marked "ours" was set so that honest villages of 5 to 200
//! accounts give no cases, which the tests of this crate show.

use serde::{Deserialize, Serialize};

use crate::rules::{
    Circles, Copies, Dominance, Layering, Marking, Outliers, Undelivered, Wash, Withholding,
};

/// A threshold that would find everything, or nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}, not {low} to {high}")]
pub struct NotAThreshold {
    /// Which.
    pub field: &'static str,
    /// What it is.
    pub value: u64,
    /// The least that it can be.
    pub low: u64,
    /// The most that it can be.
    pub high: u64,
}

/// A rule's thresholds: fields with a default and bounds.
macro_rules! thresholds {
    ($(#[$doc:meta])* $name:ident {
        $($(#[$about:meta])* $field:ident = $default:literal in $low:literal..=$high:literal;)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$about])* pub $field: u64,)*
        }

        impl Default for $name {
            fn default() -> $name {
                $name { $($field: $default,)* }
            }
        }

        impl $name {
            /// Refuses what nobody can mean.
            pub(crate) fn check(&self) -> Result<(), crate::NotAThreshold> {
                $(if !($low..=$high).contains(&self.$field) {
                    let (field, value) = (stringify!($field), self.$field);
                    return Err(crate::NotAThreshold { field, value, low: $low, high: $high });
                })*
                Ok(())
            }
        }
    };
}
pub(crate) use thresholds;

/// The thresholds of every rule, by its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    /// Of C1.
    pub c1: Dominance,
    /// Of H1.
    pub h1: Withholding,
    /// Of L1.
    pub l1: Layering,
    /// Of M1.
    pub m1: Undelivered,
    /// Of O1.
    pub o1: Outliers,
    /// Of P1.
    pub p1: Marking,
    /// Of S1.
    pub s1: Copies,
    /// Of W1.
    pub w1: Wash,
    /// Of W2.
    pub w2: Circles,
}

impl Thresholds {
    /// Refuses what nobody can mean.
    ///
    /// # Errors
    /// The first field that is out of its bounds.
    pub fn check(&self) -> Result<(), NotAThreshold> {
        let Thresholds { c1, h1, l1, m1, o1, p1, s1, w1, w2 } = self;
        c1.check()?;
        h1.check()?;
        l1.check()?;
        m1.check()?;
        o1.check()?;
        p1.check()?;
        s1.check()?;
        w1.check()?;
        w2.check()
    }
}

//! What is judged once a UTC day is over.

use std::collections::{BTreeMap, BTreeSet};

use calendar::Timestamp;
use ids::{AccountId, ConnectionPointId};
use serde::Serialize;

use crate::{Evidence, Owner};

/// Large orders of one side that an owner took back just before the gate of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Removal {
    pub(crate) slot: Timestamp,
    /// How much of its side of the book, in Wh.
    pub(crate) removed: u128,
    /// What stood on that side then, in Wh.
    pub(crate) stood: u128,
    pub(crate) accounts: BTreeSet<AccountId>,
    pub(crate) points: BTreeSet<ConnectionPointId>,
    pub(crate) orders: Vec<Evidence>,
}

/// What an owner did with orders in a day; those that another one took the place of not counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Activity {
    pub(crate) orders: u32,
    /// In Wh.
    pub(crate) accepted: u128,
    /// In Wh.
    pub(crate) cancelled: u128,
    pub(crate) slots: BTreeSet<Timestamp>,
    pub(crate) removals: Vec<Removal>,
}

/// A UTC day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Day {
    pub(crate) judged: bool,
    pub(crate) activity: BTreeMap<Owner, Activity>,
}

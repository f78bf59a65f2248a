//! A connection: what it may still ask for, and what it wants to be told.

use super::limits::{Budget, RpcLimits};
use super::subscriptions::Subscriptions;
use crate::node::locked;
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

/// A connection of a caller.
pub(crate) struct Session {
    budget: Mutex<Budget>,
    /// None if it cannot be told anything: HTTP.
    subscriptions: Option<Mutex<Subscriptions>>,
}

impl Session {
    /// One that only asks.
    pub(crate) fn asking(limits: &RpcLimits) -> Self {
        Self { budget: Mutex::new(Budget::full(limits, Instant::now())), subscriptions: None }
    }

    /// One that is told what is new.
    pub(crate) fn listening(limits: &RpcLimits) -> Self {
        Self { subscriptions: Some(Mutex::default()), ..Self::asking(limits) }
    }

    pub(super) fn subscriptions(&self) -> Option<MutexGuard<'_, Subscriptions>> {
        self.subscriptions.as_ref().map(locked)
    }

    pub(super) fn spend(&self, weight: u64, limits: &RpcLimits) -> bool {
        locked(&self.budget).take(weight, limits, Instant::now())
    }
}

//! Which address an account settles at, and from when another one may.
//!
//! ```text
//!  assigned          from: a local midnight          the slots before are reconciled
//! ─────┼────── LEAD ──────┼──────────────────────────────────────────────────────────>
//!      old address        │ successor
//!      orders of before   │ orders of then and later
//! ```
//!
//! Invariant: no order for a slot at or after `from` was accepted when the successor is assigned,
//! for the lead is longer than orders may be placed ahead. So an order settles at the address of
//! its slot, and no trade has to be moved.

use alloy_primitives::Address;
use calendar::{Slot, SlotLength, TimeZone, Timestamp};
use events::identity::Custody;
use serde::Serialize;
use service::Problem;
use utoipa::ToSchema;

/// The longest before a slot that a market takes orders for it, in seconds.
pub const HORIZON_SECONDS_MAX: u32 = 7 * 86_400;
/// Seconds before its first reading that a meter's next key is announced, at most.
pub(crate) const ROTATION_SECONDS_MAX: i64 = 86_400;
/// Seconds for the news of an address to reach the market, beyond how far ahead orders are placed.
const NEWS_SECONDS: i64 = 12 * 3600;
/// Seconds before its first slot that an address is assigned, at most.
const AHEAD_SECONDS_MAX: i64 = 100 * 86_400;
/// Seconds in which the job gives held accounts the address of a month: an outage of days misses
/// none.
const JOB_SECONDS: i64 = 5 * 86_400;

/// Seconds before its first slot that an address is assigned, at least, where orders are placed so
/// many seconds ahead. A meter's next key that was announced before is in force by then.
pub(crate) fn lead(horizon_seconds: u32) -> i64 {
    i64::from(horizon_seconds).max(ROTATION_SECONDS_MAX) + NEWS_SECONDS
}

/// Whether addresses change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rotation {
    /// An account has the address that it was opened with, unless its owner changes it.
    #[default]
    Fixed,
    /// An account whose key is held gets another one for each calendar month of its days.
    Monthly,
}

/// An address of an account, and when orders are signed by it and settle at it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AccountAddress {
    /// The address.
    #[schema(value_type = String)]
    pub address: Address,
    /// Start of the first slot that settles at it; absent for the one that the account was opened
    /// with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Start of the first slot that does not any more; absent while none is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// `held`: identity signs for the owner. `own`: only the owner can.
    #[schema(value_type = String, example = "held")]
    pub custody: Custody,
}

impl AccountAddress {
    /// Whether slots that start at `moment` settle at it.
    pub fn is_valid_at(&self, moment: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= moment) && self.until.is_none_or(|until| moment < until)
    }
}

/// Refuses a moment from which an account cannot settle at another address: days are billed as a
/// whole, a slot is of one address, and orders may be placed for what is near.
pub(crate) fn check_from(
    from: Timestamp,
    (zone, slot): (&TimeZone, SlotLength),
    (now, lead): (Timestamp, i64),
) -> Result<(), Problem> {
    if zone.start_of(zone.day_of(from)) != from || Slot::starting(from, slot).is_none() {
        let title = format!("An address is valid from a slot at midnight in {}", zone.name());
        return Err(Problem::refused("FROM", title));
    }
    let ahead = from.seconds_since(now);
    if !(lead..=AHEAD_SECONDS_MAX).contains(&ahead) {
        let title = format!("An address is assigned {} hours to 100 days ahead", lead / 3600);
        return Err(Problem::refused("FROM", title));
    }
    Ok(())
}

/// The first moment from which an account can settle at an address that is assigned at `now`.
pub(crate) fn earliest_from(
    (zone, slot): (&TimeZone, SlotLength),
    (now, lead): (Timestamp, i64),
) -> Result<Timestamp, Problem> {
    let mut day = zone.day_of(now.plus_seconds(lead));
    // The midnight of that day has passed by then, or is the moment itself.
    while zone.start_of(day).seconds_since(now) < lead {
        day = day.next();
    }
    let from = zone.start_of(day);
    check_from(from, (zone, slot), (now, lead)).map(|()| from)
}

/// The beginning of the month for which the job makes a key at `now`; `None` while it is too early
/// or too late, and where days do not begin with a slot.
pub(crate) fn month_due(
    (zone, slot): (&TimeZone, SlotLength),
    now: Timestamp,
    lead: i64,
) -> Option<Timestamp> {
    let next = zone.start_of(zone.day_of(now).next_month_start());
    let ahead = next.seconds_since(now);
    let is_due = (lead..=lead + JOB_SECONDS).contains(&ahead);
    (is_due && Slot::starting(next, slot).is_some()).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_begins_at_a_local_midnight_before_which_no_order_of_its_slots_was_placed() {
        let (zone, now) = ("Europe/Berlin".parse().unwrap(), at("2026-06-28T22:00:00Z"));
        let days = (&zone, SlotLength::QUARTER_HOUR);
        for (from, code) in [
            ("2026-06-30T22:00:00Z", None),
            ("2026-06-30T22:15:00Z", Some("FROM")),
            ("2026-07-01T00:00:00Z", Some("FROM")),
            ("2026-06-29T22:00:00Z", Some("FROM")),
            ("2026-10-06T22:00:00Z", None),
            ("2026-10-07T22:00:00Z", Some("FROM")),
        ] {
            let refused = check_from(at(from), days, (now, lead(36 * 3600))).err();
            assert_eq!(refused.map(|problem| problem.code).as_deref(), code, "{from}");
        }
        assert_eq!(lead(900), 36 * 3600, "a meter's next key is in force before");
        let latest = lead(HORIZON_SECONDS_MAX);
        assert!(check_from(at("2026-07-06T22:00:00Z"), days, (now, latest)).is_ok());
        assert!(check_from(at("2026-07-05T22:00:00Z"), days, (now, latest)).is_err());
        let (india, midnight) = ("Asia/Kolkata".parse().unwrap(), at("2026-07-06T18:30:00Z"));
        for (minutes, is_good) in [(30, true), (60, false)] {
            let days = (&india, SlotLength::from_minutes(minutes).unwrap());
            assert_eq!(check_from(midnight, days, (now, latest)).is_ok(), is_good, "{minutes}");
        }
    }

    #[test]
    fn the_earliest_midnight_is_the_first_that_is_far_enough_ahead() {
        let zone = "Europe/Berlin".parse().unwrap();
        let days = (&zone, SlotLength::QUARTER_HOUR);
        for (now, from) in [
            ("2026-06-28T22:00:00Z", "2026-06-30T22:00:00Z"),
            ("2026-06-28T22:00:01Z", "2026-07-01T22:00:00Z"),
            ("2026-06-28T21:59:59Z", "2026-06-30T22:00:00Z"),
        ] {
            let earliest = earliest_from(days, (at(now), lead(36 * 3600)));
            assert_eq!(earliest.unwrap(), at(from), "{now}");
        }
        let india = "Asia/Kolkata".parse().unwrap();
        let hours = (&india, SlotLength::from_minutes(60).unwrap());
        assert!(earliest_from(hours, (at("2026-06-28T22:00:00Z"), 0)).is_err(), "no slot begins");
    }

    #[test]
    fn the_job_makes_the_key_of_a_month_in_the_days_before_orders_may_need_it() {
        let zone = "Europe/Berlin".parse().unwrap();
        let days = (&zone, SlotLength::QUARTER_HOUR);
        let july = Some(at("2026-06-30T22:00:00Z"));
        for (now, due) in [
            ("2026-06-23T21:59:59Z", None),
            ("2026-06-23T22:00:00Z", july),
            ("2026-06-28T22:00:00Z", july),
            ("2026-06-28T22:00:01Z", None),
            ("2026-06-30T22:00:00Z", None),
        ] {
            assert_eq!(month_due(days, at(now), lead(36 * 3600)), due, "{now}");
        }
        let longest = lead(HORIZON_SECONDS_MAX);
        assert_eq!(month_due(days, at("2026-06-23T10:00:00Z"), longest), july);
        assert_eq!(month_due(days, at("2026-06-23T10:00:01Z"), longest), None);
    }
}

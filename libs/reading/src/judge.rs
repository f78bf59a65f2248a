//! Whether to believe a reading: the rules V1 (signature and sequence), V2 (slot boundary),
//! V3 (time) and V6 (physical maximum).

use alloy_primitives::Address;
use calendar::{SlotLength, Timestamp};
use serde::{Deserialize, Serialize};
use units::{Energy, Power};

use crate::{Reading, SignedReading};

/// How far a meter's clock may be ahead of ours, in seconds (V3).
pub const TIME_AHEAD_SECONDS_MAX: i64 = 60;

/// How old a reading may be, in seconds: what corrections can still change (14 months).
pub const READING_AGE_SECONDS_MAX: i64 = 430 * 86_400;

/// The tolerance of V6: twenty-one twentieths.
const PHYSICAL_TOLERANCE: (u128, u128) = (21, 20);

/// Whose signature counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    /// No such meter is enrolled.
    Unknown,
    /// The meter was revoked: nothing it says counts any more.
    Revoked,
    /// No key signs this page at this time: one of them is the old key's and the other the next's.
    Between,
    /// The key that signs this page at this time.
    Key(Address),
}

/// What the connection point can carry in each direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhysicalLimit {
    /// From the grid.
    pub import: Power,
    /// Into the grid.
    pub export: Power,
}

/// What a reading is held against besides its neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Whose signature counts.
    pub signer: Signer,
    /// The community's slot length.
    pub slot: SlotLength,
    /// What the connection point can carry.
    pub limit: PhysicalLimit,
}

/// The accepted readings of the same meter next to a page. For a new page `after` is empty and
/// `before` is the last accepted reading; a late page has both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Neighbours {
    /// The accepted reading of the same page.
    pub same: Option<Reading>,
    /// The accepted reading of the nearest lower page.
    pub before: Option<Reading>,
    /// The accepted reading of the nearest higher page.
    pub after: Option<Reading>,
}

/// What becomes of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is stored and counts.
    Accept,
    /// It is stored already; it is acknowledged again and changes nothing.
    Duplicate,
    /// It is kept apart, shown, and does not count.
    Quarantine(Reason),
}

/// Why a reading is kept apart, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Reason {
    /// The bytes are not a reading.
    Malformed,
    /// The message came on another meter's topic.
    WrongTopic,
    /// The meter is not enrolled.
    UnknownMeter,
    /// The meter was revoked.
    Revoked,
    /// The meter's key did not sign it.
    Signature,
    /// The page was accepted before with other content.
    PageConflict,
    /// The time is not a slot boundary.
    NotASlotBoundary,
    /// The time lies more than a minute ahead.
    TimeAhead,
    /// The time is older than anything that can be corrected.
    TooOld,
    /// Pages and times are not in the same order.
    PageOrder,
    /// A register ran backwards.
    RegisterBackwards,
    /// More energy than the connection point can carry.
    TooFast,
}

impl Reason {
    /// Every reason, in order of precedence.
    pub const ALL: [Reason; 12] = [
        Reason::Malformed,
        Reason::WrongTopic,
        Reason::UnknownMeter,
        Reason::Revoked,
        Reason::Signature,
        Reason::PageConflict,
        Reason::NotASlotBoundary,
        Reason::TimeAhead,
        Reason::TooOld,
        Reason::PageOrder,
        Reason::RegisterBackwards,
        Reason::TooFast,
    ];

    /// The stable code, as stored and shown.
    pub const fn code(self) -> &'static str {
        match self {
            Reason::Malformed => "MALFORMED",
            Reason::WrongTopic => "WRONG_TOPIC",
            Reason::UnknownMeter => "UNKNOWN_METER",
            Reason::Revoked => "REVOKED",
            Reason::Signature => "SIGNATURE",
            Reason::PageConflict => "PAGE_CONFLICT",
            Reason::NotASlotBoundary => "NOT_A_SLOT_BOUNDARY",
            Reason::TimeAhead => "TIME_AHEAD",
            Reason::TooOld => "TOO_OLD",
            Reason::PageOrder => "PAGE_ORDER",
            Reason::RegisterBackwards => "REGISTER_BACKWARDS",
            Reason::TooFast => "TOO_FAST",
        }
    }
}

/// Judges one reading.
///
/// The same page with the same content is a duplicate whatever its signature's bytes, as long as
/// the meter's key made it. A page lower than the last that was never accepted is a late page: it
/// counts where time and registers fit between its neighbours.
pub fn judge(
    signed: &SignedReading,
    neighbours: &Neighbours,
    rules: &Rules,
    now: Timestamp,
) -> Verdict {
    let known = matches!(rules.signer, Signer::Key(_));
    let signed_by = if known { signed.signer() } else { None };
    judge_signed_by(&signed.reading, signed_by, neighbours, rules, now)
}

/// The same of a reading whose signature was looked at before: it is that of `signed_by`, see
/// [`SignedReading::signer`].
pub fn judge_signed_by(
    reading: &Reading,
    signed_by: Option<Address>,
    neighbours: &Neighbours,
    rules: &Rules,
    now: Timestamp,
) -> Verdict {
    let address = match rules.signer {
        Signer::Unknown => return Verdict::Quarantine(Reason::UnknownMeter),
        Signer::Revoked => return Verdict::Quarantine(Reason::Revoked),
        Signer::Between => return Verdict::Quarantine(Reason::Signature),
        Signer::Key(address) => address,
    };
    if signed_by != Some(address) {
        return Verdict::Quarantine(Reason::Signature);
    }
    if let Some(same) = &neighbours.same {
        let repeated = same == reading;
        return if repeated {
            Verdict::Duplicate
        } else {
            Verdict::Quarantine(Reason::PageConflict)
        };
    }
    let fits = check_time(reading, rules.slot, now).and_then(|()| {
        let before = neighbours.before.iter().map(|before| (before, reading));
        let after = neighbours.after.iter().map(|after| (reading, after));
        before.chain(after).try_for_each(|(earlier, later)| check_advance(earlier, later, rules))
    });
    fits.map_or_else(Verdict::Quarantine, |()| Verdict::Accept)
}

fn check_time(reading: &Reading, slot: SlotLength, now: Timestamp) -> Result<(), Reason> {
    let ahead = reading.time.seconds_since(now);
    if reading.time.seconds() % slot.seconds() != 0 {
        return Err(Reason::NotASlotBoundary);
    }
    if ahead > TIME_AHEAD_SECONDS_MAX {
        return Err(Reason::TimeAhead);
    }
    if -ahead > READING_AGE_SECONDS_MAX { Err(Reason::TooOld) } else { Ok(()) }
}

/// Could one meter have shown `earlier` and then `later`, a higher page?
fn check_advance(earlier: &Reading, later: &Reading, rules: &Rules) -> Result<(), Reason> {
    if later.time <= earlier.time {
        return Err(Reason::PageOrder);
    }
    let import = later.import.since(earlier.import).ok_or(Reason::RegisterBackwards)?;
    let export = later.export.since(earlier.export).ok_or(Reason::RegisterBackwards)?;
    let seconds = later.time.seconds_since(earlier.time).unsigned_abs();
    let possible = |energy: Energy, limit: Power| {
        // energy <= power x time x 1.05, in watt-seconds x 20 so that nothing is rounded.
        let (over, under) = PHYSICAL_TOLERANCE;
        let asked = u128::from(energy.wh()) * 3600 * under;
        asked <= u128::from(limit.w()).saturating_mul(u128::from(seconds) * over)
    };
    let carried = possible(import, rules.limit.import) && possible(export, rules.limit.export);
    if carried { Ok(()) } else { Err(Reason::TooFast) }
}

#[cfg(test)]
mod tests {
    use ids::MeterId;
    use keys::SecretKey;
    use units::Register;

    use super::*;
    use crate::Status;

    const SLOT: i64 = 900;
    const EPOCH: i64 = 1_780_272_000;

    fn key(byte: u8) -> SecretKey {
        SecretKey::from_bytes(&[byte; 32]).unwrap()
    }

    /// Page and registers as given, at `slot` quarter-hours after the epoch of these tests.
    fn page(page: u32, slot: i64, import: u64, export: u64) -> Reading {
        Reading {
            meter: MeterId::derived("H01"),
            page,
            time: Timestamp::from_seconds(EPOCH + slot * SLOT),
            import: Register::from_wh(import),
            export: Register::from_wh(export),
            status: Status::default(),
            firmware: 1,
        }
    }

    fn rules() -> Rules {
        Rules {
            signer: Signer::Key(key(1).address()),
            slot: SlotLength::QUARTER_HOUR,
            limit: PhysicalLimit { import: Power::from_w(4000), export: Power::from_w(2000) },
        }
    }

    fn now() -> Timestamp {
        Timestamp::from_seconds(EPOCH + 10 * SLOT)
    }

    /// `reading` against stored `(before, same, after)`, a hundred watt-hours a slot being usual.
    fn check(reading: Reading, stored: [Option<Reading>; 3], expected: Verdict) {
        let [before, same, after] = stored;
        let neighbours = Neighbours { same, before, after };
        let verdict = judge(&reading.sign(&key(1)), &neighbours, &rules(), now());
        assert_eq!(verdict, expected, "{reading:?} against {neighbours:?}");
    }

    fn refused(reason: Reason) -> Verdict {
        Verdict::Quarantine(reason)
    }

    #[test]
    fn the_first_page_and_the_next_are_accepted() {
        check(page(1, 1, 100, 0), [None; 3], Verdict::Accept);
        check(page(2, 2, 200, 50), [Some(page(1, 1, 100, 0)), None, None], Verdict::Accept);
        check(page(9, 9, 900, 50), [Some(page(1, 1, 100, 0)), None, None], Verdict::Accept);
    }

    #[test]
    fn a_repeated_page_is_a_duplicate_and_a_changed_one_a_conflict() {
        let stored = page(2, 2, 200, 0);
        check(stored, [None, Some(stored), None], Verdict::Duplicate);
        for other in [page(2, 3, 200, 0), page(2, 2, 201, 0), page(2, 2, 200, 1)] {
            check(other, [None, Some(stored), None], refused(Reason::PageConflict));
        }
    }

    #[test]
    fn a_late_page_is_accepted_where_it_fits_between_its_neighbours() {
        let between = |late| [Some(page(2, 2, 200, 0)), None, Some(late)];
        let after = page(5, 6, 600, 40);
        check(page(3, 3, 300, 10), between(after), Verdict::Accept);
        check(page(4, 5, 600, 40), between(after), Verdict::Accept);
        check(page(3, 2, 300, 10), between(after), refused(Reason::PageOrder));
        check(page(3, 6, 300, 10), between(after), refused(Reason::PageOrder));
        check(page(3, 3, 199, 10), between(after), refused(Reason::RegisterBackwards));
        check(page(3, 3, 601, 10), between(after), refused(Reason::RegisterBackwards));
        check(page(3, 3, 300, 41), between(after), refused(Reason::RegisterBackwards));
        check(page(1, 1, 100, 0), [None, None, Some(after)], Verdict::Accept);
        check(page(1, 7, 100, 0), [None, None, Some(after)], refused(Reason::PageOrder));
    }

    #[test]
    fn a_meter_cannot_exceed_its_connection_by_more_than_a_twentieth() {
        let before = [Some(page(1, 1, 0, 0)), None, None];
        // 4 kW for a quarter-hour is 1000 Wh, 2 kW is 500 Wh.
        check(page(2, 2, 1050, 525), before, Verdict::Accept);
        check(page(2, 2, 1051, 0), before, refused(Reason::TooFast));
        check(page(2, 2, 0, 526), before, refused(Reason::TooFast));
        check(page(2, 3, 2100, 1050), before, Verdict::Accept);
        check(page(2, 3, 2101, 0), before, refused(Reason::TooFast));
    }

    #[test]
    fn time_is_a_slot_boundary_neither_far_ahead_nor_forgotten() {
        let at = |seconds: i64| Reading { time: now().plus_seconds(seconds), ..page(1, 0, 0, 0) };
        check(at(0), [None; 3], Verdict::Accept);
        check(at(1), [None; 3], refused(Reason::NotASlotBoundary));
        check(at(SLOT), [None; 3], refused(Reason::TimeAhead));
        let signed = at(SLOT).sign(&key(1));
        let judged = |ahead: i64| {
            judge(&signed, &Neighbours::default(), &rules(), now().plus_seconds(SLOT - ahead))
        };
        assert_eq!(judged(60), Verdict::Accept);
        assert_eq!(judged(61), refused(Reason::TimeAhead));
        check(at(-READING_AGE_SECONDS_MAX), [None; 3], Verdict::Accept);
        check(at(-READING_AGE_SECONDS_MAX - SLOT), [None; 3], refused(Reason::TooOld));
    }

    #[test]
    fn only_the_enrolled_key_counts() {
        let stored = Neighbours { same: Some(page(1, 1, 100, 0)), ..Neighbours::default() };
        let judged = |signer, by| {
            let rules = Rules { signer, ..rules() };
            judge(&page(1, 1, 100, 0).sign(&key(by)), &stored, &rules, now())
        };
        let enrolled = Signer::Key(key(1).address());
        assert_eq!(judged(enrolled, 1), Verdict::Duplicate);
        assert_eq!(judged(enrolled, 2), refused(Reason::Signature));
        assert_eq!(judged(Signer::Revoked, 1), refused(Reason::Revoked));
        assert_eq!(judged(Signer::Unknown, 1), refused(Reason::UnknownMeter));
        assert_eq!(judged(Signer::Between, 1), refused(Reason::Signature));
    }

    #[test]
    fn a_reason_is_written_as_its_code() {
        for reason in Reason::ALL {
            let json = serde_json::to_value(reason).unwrap();
            assert_eq!(json, reason.code());
        }
    }
}

//! How a world runs: how long, how fast, and how much may go wrong in it.

use std::ops::{Range, RangeInclusive};

use calendar::SlotLength;

use super::scene::{HOMES_MAX, RULES, Scene, scene};

/// Days of a month.
pub const MONTH_DAYS: u32 = 30;

pub(super) struct Course {
    pub(super) scene: &'static Scene,
    pub(super) homes: RangeInclusive<usize>,
    /// How many slots after the first block's time the first slot starts.
    pub(super) first: Range<i64>,
    /// How many slots there are.
    pub(super) slots: RangeInclusive<i64>,
    /// Seconds from one step to the next.
    pub(super) step_seconds: Range<i64>,
    pub(super) steps_max: u64,
    /// Every invariant is checked after every so many steps, the books also when a day begins and
    /// when a block was taken back.
    pub(super) check_every: u64,
    /// One in so many crashes that chaos wants comes.
    pub(super) crashes: u32,
    /// Whether the reconciler may stay away, or have somebody in its way.
    pub(super) misfortunes: bool,
}

impl Course {
    /// A few quarter-hours with every fault there is; seeds take the sets of rules in turn.
    pub(super) fn hours(seed: u64) -> Course {
        let rules = usize::try_from(seed % RULES as u64).expect("there are few sets of rules");
        Course {
            scene: scene(SlotLength::QUARTER_HOUR, rules),
            homes: 3..=HOMES_MAX,
            first: 8..7 * 96,
            slots: 4..=8,
            step_seconds: 60..300,
            steps_max: 3_000,
            check_every: 1,
            crashes: 1,
            misfortunes: true,
        }
    }

    /// Seconds within which what meters say is handed over, also where the batch has to wait for a
    /// transaction to be final.
    pub(super) fn handed_over_within(&self) -> i64 {
        20 * self.step_seconds.end
    }

    /// All hours of thirty days, by a set of rules.
    pub(super) fn month(rules: usize) -> Course {
        let hour = SlotLength::from_minutes(60).expect("a slot lasts an hour");
        let slots = i64::from(MONTH_DAYS) * 24;
        Course {
            scene: scene(hour, rules),
            homes: 4..=4,
            first: 2..24,
            slots: slots..=slots,
            step_seconds: 200..800,
            steps_max: 12_000,
            check_every: 48,
            crashes: 20,
            misfortunes: false,
        }
    }
}

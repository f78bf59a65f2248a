//! What was known when: every version of every slot, on two axes of time.
//!
//! ```text
//!              known at  01:20   D+1 06:00   D+6
//! slot 01:00  v1 missing   |         |        |        what was known then: v1, v2, v2
//!             v2 measured      ^ 02:10        |
//! slot 01:15  v1 E1        |         |        |        v1, v1, v2
//!             v2 measured                ^ D+3
//! ```
//!
//! Versions are only added. A settlement run asks what was known at its moment; the next run asks
//! what changed since ([`Versions::deltas`]), so every run posts differences only.

use std::collections::BTreeMap;

use calendar::Timestamp;

/// A version of what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version<T> {
    /// 1, then one more with every change.
    pub number: u32,
    /// Since when it is known.
    pub known_at: Timestamp,
    /// What is known.
    pub value: T,
}

/// A version that would change the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotLater {
    /// Known earlier than the version before it.
    #[error("slot {slot}: known at {known_at}, but version {number} at {last}")]
    Time {
        /// The start of the slot.
        slot: Timestamp,
        /// When the new version is said to be known.
        known_at: Timestamp,
        /// The version that counts.
        number: u32,
        /// Since when.
        last: Timestamp,
    },
    /// Versions that were kept do not count up by one.
    #[error("slot {slot}: version {number} does not follow {last}")]
    Number {
        /// The start of the slot.
        slot: Timestamp,
        /// The number of the version.
        number: u32,
        /// The number before it; 0 before the first.
        last: u32,
    },
}

/// What two moments of knowledge say differently of one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delta<'a, T> {
    /// The start of the slot.
    pub slot: Timestamp,
    /// What was known at the earlier moment, if anything was.
    pub before: Option<&'a Version<T>>,
    /// What was known at the later one.
    pub after: &'a Version<T>,
}

/// All versions of the slots of one connection point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions<T> {
    slots: BTreeMap<Timestamp, Vec<Version<T>>>,
}

impl<T> Default for Versions<T> {
    fn default() -> Versions<T> {
        Versions { slots: BTreeMap::new() }
    }
}

impl<T: PartialEq> Versions<T> {
    /// From `known_at` on, `value` is what is known of the slot that starts at `slot`. The number
    /// of the new version; `None` where the same was known before, so nothing is added.
    ///
    /// # Errors
    /// [`NotLater::Time`] when the version that counts was known only later.
    pub fn record(
        &mut self,
        slot: Timestamp,
        value: T,
        known_at: Timestamp,
    ) -> Result<Option<u32>, NotLater> {
        let versions = self.slots.entry(slot).or_default();
        let Some(last) = versions.last() else {
            versions.push(Version { number: 1, known_at, value });
            return Ok(Some(1));
        };
        if known_at < last.known_at {
            let (number, last) = (last.number, last.known_at);
            return Err(NotLater::Time { slot, known_at, number, last });
        }
        if last.value == value {
            return Ok(None);
        }
        let number = last.number.saturating_add(1);
        versions.push(Version { number, known_at, value });
        Ok(Some(number))
    }

    /// A version as it was kept: versions of a slot come in order of their numbers.
    ///
    /// # Errors
    /// [`NotLater`] when number or time do not follow the one before.
    pub fn restore(&mut self, slot: Timestamp, version: Version<T>) -> Result<(), NotLater> {
        let versions = self.slots.entry(slot).or_default();
        let (last, since) =
            versions.last().map_or((0, Timestamp::default()), |last| (last.number, last.known_at));
        let (number, known_at) = (version.number, version.known_at);
        if last.checked_add(1) != Some(number) {
            return Err(NotLater::Number { slot, number, last });
        }
        if known_at < since {
            return Err(NotLater::Time { slot, known_at, number: last, last: since });
        }
        versions.push(version);
        Ok(())
    }

    /// What was known at `at` of the slot that starts at `slot`. Of versions of one moment the last
    /// counts.
    pub fn known_at(&self, slot: Timestamp, at: Timestamp) -> Option<&Version<T>> {
        find(self.slots.get(&slot)?, at)
    }

    /// What counts now.
    pub fn current(&self, slot: Timestamp) -> Option<&Version<T>> {
        self.slots.get(&slot)?.last()
    }

    /// Every version of a slot, in order.
    pub fn history(&self, slot: Timestamp) -> &[Version<T>] {
        self.slots.get(&slot).map_or(&[], Vec::as_slice)
    }

    /// What `until` says differently from `since` (from nothing, where that is `None`), slot by
    /// slot. What changed and changed back is no difference.
    pub fn deltas(
        &self,
        since: Option<Timestamp>,
        until: Timestamp,
    ) -> impl Iterator<Item = Delta<'_, T>> {
        self.slots.iter().filter_map(move |(slot, versions)| {
            let after = find(versions, until)?;
            let before = since.and_then(|since| find(versions, since));
            let differs = before.is_none_or(|before| before.value != after.value);
            differs.then_some(Delta { slot: *slot, before, after })
        })
    }

    /// The deltas of consecutive settlement runs at `moments`, the first from nothing.
    pub fn runs(&self, moments: &[Timestamp]) -> Vec<Vec<Delta<'_, T>>> {
        let since = std::iter::once(None).chain(moments.iter().copied().map(Some));
        since.zip(moments).map(|(since, until)| self.deltas(since, *until).collect()).collect()
    }
}

fn find<T>(versions: &[Version<T>], at: Timestamp) -> Option<&Version<T>> {
    let count = versions.partition_point(|version| version.known_at <= at);
    versions[..count].last()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn a_later_value_is_a_new_version_and_a_repeat_is_none() {
        let mut versions = Versions::default();
        assert_eq!(versions.record(at(0), 5, at(100)), Ok(Some(1)));
        assert_eq!(versions.record(at(0), 5, at(150)), Ok(None));
        assert_eq!(versions.record(at(0), 7, at(200)), Ok(Some(2)));
        let known = |moment| versions.known_at(at(0), at(moment)).map(|it| it.value);
        assert_eq!(known(99), None);
        assert_eq!([known(100), known(199), known(200)], [Some(5), Some(5), Some(7)]);
        assert_eq!(versions.current(at(0)).unwrap().number, 2);
        assert_eq!(versions.known_at(at(900), at(999)), None);
    }

    #[test]
    fn the_past_of_what_was_known_does_not_change() {
        let mut versions = Versions::default();
        versions.record(at(0), 5, at(100)).unwrap();
        let refused = versions.record(at(0), 7, at(99)).unwrap_err();
        let (slot, known_at, number, last) = (at(0), at(99), 1, at(100));
        assert_eq!(refused, NotLater::Time { slot, known_at, number, last });
        assert_eq!(versions.history(at(0)).len(), 1);
    }

    #[test]
    fn versions_that_were_kept_come_back_in_order_only() {
        let mut versions = Versions::default();
        let version = |number, known_at, value| Version { number, known_at: at(known_at), value };
        assert_eq!(versions.restore(at(0), version(1, 10, 'a')), Ok(()));
        let skipped = versions.restore(at(0), version(3, 20, 'b'));
        assert_eq!(skipped, Err(NotLater::Number { slot: at(0), number: 3, last: 1 }));
        assert!(versions.restore(at(0), version(2, 9, 'b')).is_err());
        assert_eq!(versions.restore(at(0), version(2, 10, 'b')), Ok(()));
        assert_eq!(versions.known_at(at(0), at(10)).unwrap().value, 'b');
    }

    #[test]
    fn runs_post_differences_only() {
        let mut versions = Versions::default();
        versions.record(at(0), 1, at(100)).unwrap();
        versions.record(at(900), 2, at(100)).unwrap();
        versions.record(at(900), 3, at(200)).unwrap();
        versions.record(at(1800), 4, at(250)).unwrap();
        versions.record(at(0), 9, at(300)).unwrap();
        versions.record(at(0), 1, at(310)).unwrap();
        let shown = |deltas: &[Delta<'_, i32>]| -> Vec<(i64, Option<i32>, i32)> {
            let line = |delta: &Delta<'_, i32>| {
                (delta.slot.seconds(), delta.before.map(|it| it.value), delta.after.value)
            };
            deltas.iter().map(line).collect()
        };
        let runs = versions.runs(&[at(100), at(299), at(400)]);
        assert_eq!(shown(&runs[0]), [(0, None, 1), (900, None, 2)]);
        assert_eq!(shown(&runs[1]), [(900, Some(2), 3), (1800, None, 4)]);
        assert_eq!(shown(&runs[2]), []);
    }

    proptest! {
        #[test]
        fn the_deltas_of_all_runs_add_up_to_what_is_known_in_the_end(
            changes in prop::collection::vec((0..6_i64, 0..4_i64, 0..50_i64), 1..60),
            mut moments in prop::collection::vec(0..1500_i64, 1..6),
        ) {
            let mut versions = Versions::default();
            let mut now = 0;
            for (slot, value, passed) in changes {
                now += passed;
                versions.record(at(slot * 900), value, at(now)).unwrap();
            }
            moments.sort_unstable();
            let moments: Vec<_> = moments.into_iter().map(at).collect();
            let mut sums = BTreeMap::<Timestamp, i64>::new();
            for delta in versions.runs(&moments).into_iter().flatten() {
                let before = delta.before.map_or(0, |version| version.value);
                *sums.entry(delta.slot).or_default() += delta.after.value - before;
            }
            let last = *moments.last().unwrap();
            for slot in (0..6).map(|slot| at(slot * 900)) {
                let known = versions.known_at(slot, last).map_or(0, |version| version.value);
                prop_assert_eq!(sums.get(&slot).copied().unwrap_or(0), known);
                // The naive twin: the last version in the list that was known by then.
                let naive = versions.history(slot).iter().rfind(|it| it.known_at <= last);
                prop_assert_eq!(versions.known_at(slot, last), naive);
            }
        }
    }
}

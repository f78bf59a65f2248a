//! Slots in which the grid could not carry what was agreed, by the word of who runs it.
//!
//! ```text
//! told: curtailed [10:00, 12:00) ──┐
//! told: curtailed [11:00, 14:00) ──┼─ 11:30 is curtailed, since the first of them was told
//! told: lifted    [10:00, 12:00) ──┴─ 11:30 still is, by the second; 10:30 is not any more
//! ```
//!
//! What was told stays, so that it can be said what was in force at any moment: after the
//! corrections of a slot nothing that is told changes it. Absent: what became of the energy, which
//! meters say, and whether it is true.

use std::collections::BTreeMap;

use calendar::Timestamp;

/// What was told of the slots of `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Start of the first slot.
    pub from: Timestamp,
    /// End of the last slot.
    pub to: Timestamp,
    /// Whether they are curtailed from now on; else a curtailment of exactly these is lifted.
    pub curtailed: bool,
    /// When it was decided.
    pub at: Timestamp,
}

/// Since when the slot that starts at `slot` is known to be curtailed, by what was told before
/// `until`; `None` where it is not. `told` in the order in which it was.
pub fn since(told: &[Told], slot: Timestamp, until: Timestamp) -> Option<Timestamp> {
    let mut in_force = BTreeMap::new();
    let of_slot = |one: &&Told| one.at < until && one.from <= slot && slot < one.to;
    for one in told.iter().filter(of_slot) {
        let span = (one.from, one.to);
        if one.curtailed {
            in_force.entry(span).or_insert(one.at);
        } else {
            in_force.remove(&span);
        }
    }
    in_force.into_values().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: i64 = 1_000;

    /// What is in force at `slot` before `until`, of `(at, from, to, curtailed)`.
    fn check(told: &[(i64, i64, i64, bool)], (slot, until): (i64, i64), since_: Option<i64>) {
        let moment = Timestamp::from_seconds;
        let told: Vec<Told> = told
            .iter()
            .map(|&(at, from, to, curtailed)| Told {
                from: moment(from),
                to: moment(to),
                curtailed,
                at: moment(at),
            })
            .collect();
        let got = since(&told, moment(slot), moment(until));
        assert_eq!(got, since_.map(moment), "{told:?} {slot} {until}");
    }

    #[test]
    fn a_slot_is_curtailed_until_every_span_that_covers_it_is_lifted() {
        let two = [(1, 10, 20, true), (2, 15, 30, true), (5, 10, 20, false)];
        check(&two, (9, NEVER), None);
        check(&two, (10, NEVER), None);
        check(&two, (15, NEVER), Some(2));
        check(&two, (29, NEVER), Some(2));
        check(&two, (30, NEVER), None);
        check(&two, (15, 5), Some(1));
        check(&two, (15, 1), None);
        // Only the same span is lifted, and telling it again for another reason is no news.
        check(&[(1, 10, 20, true), (2, 10, 15, false)], (10, NEVER), Some(1));
        check(&[(1, 10, 20, true), (2, 10, 20, true)], (10, NEVER), Some(1));
        let again = [(1, 10, 20, true), (2, 10, 20, false), (3, 10, 20, true)];
        check(&again, (10, NEVER), Some(3));
    }
}

//! What follows, and when, where an invoice is not paid: a ladder of steps with an action each.
//!
//! ```text
//! due_on ── 7 ── remind ── 14 ── fee ── 28 ── suspend trading ── 42 ── hand over     by default
//!            └─ a dispute that is open: no day of it counts, no step is taken ─┘
//! ```
//!
//! Invariants: one step after the other, none left out, and between two at least the days that lie
//! between them in the ladder; nobody who owes nothing, or less than the least, climbs. No step
//! cuts anybody's supply.
//! Deliberately absent: what a step does (`app/dunning.rs`).

use calendar::LocalDay;
use serde::{Deserialize, Serialize};
use units::Money;
use utoipa::ToSchema;

/// The most steps of a ladder.
pub const STEPS_MAX: usize = 8;
/// The last day of a ladder, counted from the day by which an invoice is to be paid.
pub const STEP_DAYS_MAX: u16 = 730;
/// The most that one step may add to what is owed, in 1e-9 currency: 1000 of it.
pub const FEE_MAX: Money = Money::from_n(1_000_000_000_000);

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepAction {
    /// Says that the invoice is not paid.
    Remind,
    /// Says so, and adds a fee to what is owed.
    Fee,
    /// The account buys nothing from neighbours until it has paid. Its retailer goes on.
    SuspendTrading,
    /// The claim is handed over to who collects it.
    HandOver,
}

impl StepAction {
    /// The name in rows, events and answers.
    pub fn name(self) -> &'static str {
        match self {
            StepAction::Remind => "remind",
            StepAction::Fee => "fee",
            StepAction::SuspendTrading => "suspend_trading",
            StepAction::HandOver => "hand_over",
        }
    }

    /// What has this name.
    pub fn named(name: &str) -> Option<StepAction> {
        let all =
            [StepAction::Remind, StepAction::Fee, StepAction::SuspendTrading, StepAction::HandOver];
        all.into_iter().find(|action| action.name() == name)
    }
}

/// One step of a ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StepForm")]
pub struct Step {
    /// Days after the last one in time.
    pub days: u16,
    /// What it does.
    pub action: StepAction,
    /// What it adds to what is owed; zero unless that is what it does.
    pub fee: Money,
}

/// Ladders from before there was anything but reminders have the days alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum StepForm {
    Days(u16),
    Whole { days: u16, action: StepAction, fee: Money },
}

impl From<StepForm> for Step {
    fn from(form: StepForm) -> Step {
        match form {
            StepForm::Days(days) => Step::of(days, StepAction::Remind),
            StepForm::Whole { days, action, fee } => Step { days, action, fee },
        }
    }
}

impl Step {
    /// A step that adds nothing to what is owed.
    pub const fn of(days: u16, action: StepAction) -> Step {
        Step { days, action, fee: Money::ZERO }
    }
}

/// How far an invoice has climbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Climbed {
    /// The last step that was taken, from one on; 0 for none.
    pub step: usize,
    /// Days since then on which it was not disputed.
    pub days: u32,
}

/// The days after `from` up to `to` on which nothing was disputed. `disputes` are from their first
/// day to the day on which they ended, and do not overlap.
pub fn undisputed(from: LocalDay, to: LocalDay, disputes: &[(LocalDay, LocalDay)]) -> u32 {
    let (first, end) = (from.number() + 1, to.number() + 1);
    let disputed = disputes
        .iter()
        .map(|(begun, ended)| ended.number().min(end).saturating_sub(begun.number().max(first)));
    end.saturating_sub(first).saturating_sub(disputed.sum())
}

/// What follows where an invoice is not paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// In rising order of their days.
    steps: Vec<Step>,
    /// Who owes less than this, in 1e-9 of the currency, is left alone.
    least: Money,
}

/// What is wrong with a ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLadder {
    /// Too many steps.
    #[error("a ladder has at most {STEPS_MAX} steps")]
    Steps,
    /// A step at or before the one before, or too late.
    #[error("steps rise, from 1 to {STEP_DAYS_MAX} days")]
    Days,
    /// Below nothing.
    #[error("the least amount that is reminded of is not negative")]
    Least,
    /// Where nothing is added, below nothing, or too much.
    #[error("a fee is 0 to {FEE_MAX}, and of a step that adds one")]
    Fee,
    /// Whoever is handed over, or trades no more, hears of it first.
    #[error("the first step is a reminder or a fee")]
    First,
}

impl Ladder {
    /// A ladder of `steps`, none below `least`.
    ///
    /// # Errors
    /// [`BadLadder`]: what is wrong with it.
    pub fn new(steps: Vec<Step>, least: Money) -> Result<Ladder, BadLadder> {
        if steps.len() > STEPS_MAX {
            return Err(BadLadder::Steps);
        }
        let rises = steps.windows(2).all(|pair| pair[0].days < pair[1].days);
        let first = steps.first().is_none_or(|first| first.days > 0);
        if !rises || !first || steps.last().is_some_and(|last| last.days > STEP_DAYS_MAX) {
            return Err(BadLadder::Days);
        }
        if least < Money::ZERO {
            return Err(BadLadder::Least);
        }
        let fits = |step: &Step| match step.action {
            StepAction::Fee => step.fee >= Money::ZERO && step.fee <= FEE_MAX,
            _ => step.fee == Money::ZERO,
        };
        if !steps.iter().all(fits) {
            return Err(BadLadder::Fee);
        }
        let tells = |step: &Step| matches!(step.action, StepAction::Remind | StepAction::Fee);
        if !steps.first().is_none_or(tells) {
            return Err(BadLadder::First);
        }
        Ok(Ladder { steps, least })
    }

    /// The steps, in rising order of their days.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The least that is reminded of.
    pub fn least(&self) -> Money {
        self.least
    }

    /// How many steps an invoice has behind it that took `taken`, whatever ladder they were of, in
    /// their order: no reminder stands for a step that does more.
    pub fn behind(&self, taken: &[StepAction]) -> usize {
        let more = |step: &Step| {
            let more = matches!(step.action, StepAction::SuspendTrading | StepAction::HandOver);
            more && !taken.contains(&step.action)
        };
        let open = self.steps.iter().position(more).unwrap_or(usize::MAX);
        open.min(taken.len())
    }

    /// The step after the last one that was taken, with its number, and in how many undisputed days
    /// it can be taken; `None` at the top, and for who owes less than the least. `overdue` are the
    /// undisputed days after the last one in time.
    pub fn following(&self, overdue: u32, left: Money, climbed: Climbed) -> Option<(Step, u32)> {
        if left <= Money::ZERO || left < self.least {
            return None;
        }
        let next = *self.steps.get(climbed.step)?;
        let days = u32::from(next.days);
        // Not the days of the one before alone: nobody is to hear of two steps at once.
        let apart = match climbed.step.checked_sub(1).and_then(|at| self.steps.get(at)) {
            Some(last) => days - u32::from(last.days),
            None => 0,
        };
        let waits = days.saturating_sub(overdue).max(apart.saturating_sub(climbed.days));
        Some((next, waits))
    }

    /// The step that is to be taken now.
    pub fn due(&self, overdue: u32, left: Money, climbed: Climbed) -> Option<Step> {
        let (step, waits) = self.following(overdue, left, climbed)?;
        (waits == 0).then_some(step)
    }
}

impl Default for Ladder {
    /// A reminder after a week and after two, no trading after four, handed over after six; of
    /// anything. The second reminder has a fee of nothing: how much, only the operator can say.
    fn default() -> Ladder {
        let steps = vec![
            Step::of(7, StepAction::Remind),
            Step::of(14, StepAction::Fee),
            Step::of(28, StepAction::SuspendTrading),
            Step::of(42, StepAction::HandOver),
        ];
        Ladder { steps, least: Money::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn euros(euros: i64) -> Money {
        Money::from_n(euros * 1_000_000_000)
    }

    fn remind(days: &[u16]) -> Vec<Step> {
        days.iter().map(|days| Step::of(*days, StepAction::Remind)).collect()
    }

    fn at(step: usize, days: u32) -> Climbed {
        Climbed { step, days }
    }

    #[test]
    fn days_in_a_dispute_do_not_count() {
        let day = |number: u32| LocalDay::from_number(20_000 + number);
        let count = |from, to, disputes: &[(u32, u32)]| {
            let disputes: Vec<_> = disputes.iter().map(|(a, b)| (day(*a), day(*b))).collect();
            undisputed(day(from), day(to), &disputes)
        };
        assert_eq!([count(10, 10, &[]), count(10, 9, &[]), count(10, 17, &[])], [0, 0, 7]);
        // Before, over the beginning, inside, begun and ended on one day, over the end, after.
        assert_eq!(count(10, 17, &[(2, 9)]), 7);
        assert_eq!(count(10, 17, &[(5, 13)]), 5);
        assert_eq!(count(10, 17, &[(12, 15)]), 4);
        assert_eq!(count(10, 17, &[(12, 12)]), 7);
        assert_eq!(count(10, 17, &[(15, 30)]), 4);
        assert_eq!(count(10, 17, &[(18, 30)]), 7);
        assert_eq!(count(10, 17, &[(11, 12), (12, 14), (16, 18)]), 2);
        assert_eq!(count(10, 17, &[(1, 99)]), 0);
    }

    #[test]
    fn the_default_ladder_reminds_twice_stops_trading_and_hands_over() {
        let ladder = Ladder::default();
        let days: Vec<u16> = ladder.steps().iter().map(|step| step.days).collect();
        let actions: Vec<_> = ladder.steps().iter().map(|step| step.action.name()).collect();
        assert_eq!(days, [7, 14, 28, 42]);
        assert_eq!(actions, ["remind", "fee", "suspend_trading", "hand_over"]);
        assert_eq!(Ladder::new(ladder.steps().to_vec(), Money::ZERO), Ok(ladder));
    }

    #[test]
    fn a_step_is_taken_on_its_day_and_after_the_one_before() {
        let ladder = Ladder::new(remind(&[7, 21]), euros(5)).unwrap();
        let due = |overdue, left, climbed| {
            ladder.due(overdue, euros(left), climbed).map(|step| step.days)
        };
        assert_eq!([due(6, 9, at(0, 0)), due(7, 9, at(0, 0))], [None, Some(7)]);
        // Long overdue when it is first looked at: the first step all the same.
        assert_eq!(due(99, 9, at(0, 0)), Some(7));
        assert_eq!([due(99, 9, at(1, 13)), due(99, 9, at(1, 14))], [None, Some(21)]);
        assert_eq!(due(20, 9, at(1, 14)), None, "days in a dispute do not count");
        assert_eq!(due(99, 9, at(2, 99)), None, "there is no further one");
        assert_eq!([due(99, 5, at(0, 0)), due(99, 4, at(0, 0))], [Some(7), None]);
        assert_eq!(Ladder::default().due(99, Money::ZERO, at(0, 0)), None);
        assert_eq!(ladder.following(3, euros(9), at(0, 0)).map(|(_, waits)| waits), Some(4));
        assert_eq!(ladder.following(21, euros(9), at(1, 2)).map(|(_, waits)| waits), Some(12));
    }

    #[test]
    fn reminders_of_another_ladder_stand_for_no_step_that_does_more() {
        use StepAction::{Fee, HandOver, Remind, SuspendTrading};
        let ladder = Ladder::default();
        for (taken, behind) in [
            (vec![], 0),
            (vec![Remind], 1),
            (vec![Remind, Remind, Remind], 2),
            (vec![Remind, Fee, SuspendTrading], 3),
            (vec![Remind, Remind, Remind, SuspendTrading], 3),
            (vec![Remind, Fee, SuspendTrading, HandOver], 4),
        ] {
            assert_eq!(ladder.behind(&taken), behind, "{taken:?}");
        }
    }

    #[test]
    fn whatever_days_count_no_step_is_left_out_and_none_comes_early() {
        for seed in 0..2_000_u64 {
            let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut below = |end: u64| {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (dice >> 33) % end
            };
            let mut day = 0;
            let count = usize::try_from(1 + below(8)).unwrap();
            let days: Vec<u16> = (0..count)
                .map(|_| {
                    day += u16::try_from(1 + below(30)).unwrap();
                    day
                })
                .collect();
            let ladder = Ladder::new(remind(&days), euros(1)).unwrap();
            let (mut climbed, mut overdue, mut taken) = (at(0, 0), 0, Vec::new());
            for _ in 0..400 {
                // Some days it is disputed, and on some nobody looks.
                if below(4) > 0 {
                    overdue += 1;
                    climbed.days += 1;
                }
                if below(3) == 0 {
                    continue;
                }
                if let Some(step) = ladder.due(overdue, euros(2), climbed) {
                    assert!(overdue >= u32::from(step.days), "seed {seed}");
                    taken.push((step.days, overdue));
                    climbed = at(climbed.step + 1, 0);
                    assert_eq!(ladder.due(overdue, euros(2), climbed), None, "seed {seed}");
                }
            }
            let order: Vec<u16> = taken.iter().map(|(days, _)| *days).collect();
            assert_eq!(order, days[..order.len()], "seed {seed}");
            for pair in taken.windows(2) {
                let apart = u32::from(pair[1].0 - pair[0].0);
                assert!(pair[1].1 - pair[0].1 >= apart, "seed {seed}: {taken:?}");
            }
        }
    }

    #[test]
    fn a_ladder_that_makes_no_sense_is_refused() {
        let fee = |fee| Step { fee, ..Step::of(7, StepAction::Fee) };
        for (steps, bad) in [
            (remind(&[1; 9]), BadLadder::Steps),
            (remind(&[0]), BadLadder::Days),
            (remind(&[7, 7]), BadLadder::Days),
            (remind(&[731]), BadLadder::Days),
            (vec![fee(euros(-1))], BadLadder::Fee),
            (vec![fee(euros(1_001))], BadLadder::Fee),
            (vec![Step { action: StepAction::Remind, ..fee(euros(1)) }], BadLadder::Fee),
            (vec![Step::of(7, StepAction::SuspendTrading)], BadLadder::First),
            (vec![Step::of(7, StepAction::HandOver)], BadLadder::First),
        ] {
            assert_eq!(Ladder::new(steps, Money::ZERO), Err(bad));
        }
        assert_eq!(Ladder::new(vec![], euros(-1)), Err(BadLadder::Least));
        assert!(Ladder::new(vec![], Money::ZERO).is_ok());
        assert!(Ladder::new(vec![fee(FEE_MAX)], Money::ZERO).is_ok());
    }

    #[test]
    fn ladders_of_days_alone_are_read_as_reminders() {
        let read: Ladder = serde_json::from_str(r#"{"steps":[5,10],"least":"0"}"#).unwrap();
        assert_eq!(read, Ladder::new(remind(&[5, 10]), Money::ZERO).unwrap());
        let text = serde_json::to_string(&Ladder::default()).unwrap();
        assert_eq!(serde_json::from_str::<Ladder>(&text).unwrap(), Ladder::default());
        for action in ["remind", "fee", "suspend_trading", "hand_over"] {
            assert_eq!(StepAction::named(action).unwrap().name(), action);
        }
        assert_eq!(StepAction::named("cut"), None);
    }
}

//! What an invoice leaves to be paid, as days pass and payments come in.
//!
//! ```text
//! due <= 0 ──────────────> nothing, or a credit
//! due > 0   open ──due_on──> overdue ──payments──> paid
//! ```
//!
//! A correction changes what is due; what came in above that is a credit.
//!
//! Invariants: an invoice gets no more than it is of; what is more is its payer's. Reminders change
//! nothing that is owed, and no supply.

use calendar::LocalDay;
use serde::{Deserialize, Serialize};
use units::{Money, Overflow};

/// The most steps of a ladder.
pub const STEPS_MAX: usize = 8;
/// The last day of a ladder, counted from the day by which an invoice is to be paid.
pub const STEP_DAYS_MAX: u16 = 730;

/// How an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// The account gets money back.
    Credit,
    /// There is nothing to pay.
    Nothing,
    /// All of it is paid.
    Paid,
    /// It is to be paid, and there is time.
    Open,
    /// It was to be paid by a day that is over.
    Overdue,
}

impl Standing {
    /// The name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Standing::Credit => "credit",
            Standing::Nothing => "nothing",
            Standing::Paid => "paid",
            Standing::Open => "open",
            Standing::Overdue => "overdue",
        }
    }
}

/// What an invoice is of, what of it came in, and until when it is to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dues {
    /// What is to be paid of it and its corrections; below zero the account gets that.
    pub due: Money,
    /// What came in for it, less what was given back.
    pub paid: Money,
    /// The last local day on which paying it is in time.
    pub due_on: LocalDay,
}

impl Dues {
    /// What is left to be paid; never below zero.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn left(&self) -> Result<Money, Overflow> {
        Ok(self.due.minus(self.paid)?.max(Money::ZERO))
    }

    /// What the account gets back: a credit, or what came in for more than is due by now; never
    /// below zero.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn credit(&self) -> Result<Money, Overflow> {
        Ok(self.paid.minus(self.due)?.max(Money::ZERO))
    }

    /// What of `amount` is for the invoice, and what is more than that.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn split(&self, amount: Money) -> Result<(Money, Money), Overflow> {
        let part = amount.min(self.left()?);
        Ok((part, amount.minus(part)?))
    }

    /// How it stands on a local day.
    ///
    /// # Errors
    /// When it does not fit.
    pub fn standing(&self, today: LocalDay) -> Result<Standing, Overflow> {
        Ok(if self.due < self.paid {
            Standing::Credit
        } else if self.due == Money::ZERO {
            Standing::Nothing
        } else if self.left()? == Money::ZERO {
            Standing::Paid
        } else if today <= self.due_on {
            Standing::Open
        } else {
            Standing::Overdue
        })
    }

    /// Days that are over since the last on which paying it was in time.
    pub fn days_overdue(&self, today: LocalDay) -> u32 {
        today.number().saturating_sub(self.due_on.number())
    }
}

/// When an invoice that is not paid is reminded of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// Days after the last one in time; rising.
    steps: Vec<u16>,
    /// Who owes less than this, in 1e-9 of the currency, is not reminded.
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
}

impl Ladder {
    /// A ladder of `steps`, none below `least`.
    ///
    /// # Errors
    /// [`BadLadder`]: what is wrong with it.
    pub fn new(steps: Vec<u16>, least: Money) -> Result<Ladder, BadLadder> {
        if steps.len() > STEPS_MAX {
            return Err(BadLadder::Steps);
        }
        let rises = steps.windows(2).all(|pair| pair[0] < pair[1]);
        let first = steps.first().is_none_or(|first| *first > 0);
        if !rises || !first || steps.last().is_some_and(|last| *last > STEP_DAYS_MAX) {
            return Err(BadLadder::Days);
        }
        if least < Money::ZERO {
            return Err(BadLadder::Least);
        }
        Ok(Ladder { steps, least })
    }

    /// Days after the last one in time, rising.
    pub fn steps(&self) -> &[u16] {
        &self.steps
    }

    /// The least that is reminded of.
    pub fn least(&self) -> Money {
        self.least
    }

    /// How many steps an invoice has reached that is so many days overdue and leaves `left`.
    pub fn reached(&self, days_overdue: u32, left: Money) -> usize {
        if left == Money::ZERO || left < self.least {
            return 0;
        }
        self.steps.iter().filter(|days| u32::from(**days) <= days_overdue).count()
    }
}

impl Default for Ladder {
    /// A week, three weeks, five weeks; of anything.
    fn default() -> Ladder {
        Ladder { steps: vec![7, 21, 35], least: Money::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn euros(euros: i64) -> Money {
        Money::from_n(euros * 1_000_000_000)
    }

    fn day(text: &str) -> LocalDay {
        text.parse().unwrap()
    }

    fn dues(due: i64, paid: i64) -> Dues {
        Dues { due: euros(due), paid: euros(paid), due_on: day("2026-07-14") }
    }

    #[test]
    fn an_invoice_gets_what_it_is_of_and_no_more() {
        for (due, paid, amount, part, rest) in
            [(30, 0, 10, 10, 0), (30, 0, 30, 30, 0), (30, 25, 10, 5, 5), (30, 30, 4, 0, 4)]
        {
            let split = dues(due, paid).split(euros(amount)).unwrap();
            assert_eq!(split, (euros(part), euros(rest)), "{due} {paid} {amount}");
        }
        assert_eq!(dues(-8, 0).split(euros(3)).unwrap(), (Money::ZERO, euros(3)));
        for (due, paid, back) in [(30, 30, 0), (30, 34, 4), (-8, 0, 8), (-8, -5, 3), (-8, -8, 0)] {
            let dues = dues(due, paid);
            assert_eq!(dues.credit().unwrap(), euros(back), "{due} {paid}");
            assert_eq!(dues.left().unwrap(), Money::ZERO, "{due} {paid}");
        }
        let most = Dues { paid: Money::from_n(i64::MIN), ..dues(1, 0) };
        assert_eq!(most.left(), Err(Overflow));
    }

    #[test]
    fn it_is_overdue_from_the_day_after() {
        let stands = |due, paid, today| dues(due, paid).standing(day(today)).unwrap().name();
        assert_eq!(stands(30, 29, "2026-07-14"), "open");
        assert_eq!(stands(30, 29, "2026-07-15"), "overdue");
        assert_eq!(stands(30, 30, "2026-07-15"), "paid");
        assert_eq!(stands(0, 0, "2026-07-15"), "nothing");
        assert_eq!(stands(-3, 0, "2026-07-15"), "credit");
        // It was paid, and corrected to less.
        assert_eq!(stands(28, 30, "2026-07-15"), "credit");
        assert_eq!(stands(0, 30, "2026-07-15"), "credit");
        assert_eq!(dues(28, 30).credit(), Ok(euros(2)));
        assert_eq!(dues(30, 28).credit(), Ok(euros(0)));
        assert_eq!(dues(30, 0).days_overdue(day("2026-07-14")), 0);
        assert_eq!(dues(30, 0).days_overdue(day("2026-08-01")), 18);
    }

    #[test]
    fn a_ladder_counts_the_steps_that_are_reached() {
        let ladder = Ladder::new(vec![7, 21], euros(5)).unwrap();
        let reached = |days, left| ladder.reached(days, euros(left));
        assert_eq!([reached(6, 9), reached(7, 9), reached(20, 9), reached(21, 9)], [0, 1, 1, 2]);
        assert_eq!(
            [reached(99, 5), reached(99, 4), Ladder::default().reached(99, euros(0))],
            [2, 0, 0]
        );
    }

    #[test]
    fn a_ladder_that_does_not_rise_is_refused() {
        for (steps, bad) in [
            (vec![1; 9], BadLadder::Steps),
            (vec![0], BadLadder::Days),
            (vec![7, 7], BadLadder::Days),
            (vec![731], BadLadder::Days),
        ] {
            assert_eq!(Ladder::new(steps, Money::ZERO), Err(bad));
        }
        assert_eq!(Ladder::new(vec![], euros(-1)), Err(BadLadder::Least));
        assert!(Ladder::new(vec![], Money::ZERO).is_ok());
    }
}

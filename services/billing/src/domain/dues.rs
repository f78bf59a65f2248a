//! What an invoice leaves to be paid, as days pass and payments come in.
//!
//! ```text
//! due <= 0 ──────────────> nothing, or a credit
//! due > 0   open ──due_on──> overdue ──payments──> paid
//! ```
//!
//! Corrections and the fees of reminders change what is due; what came in above that is a credit.
//!
//! Invariant: an invoice gets no more than it is of; what is more is its payer's.
//! Deliberately absent: what follows where it is not paid (`ladder.rs`).

use calendar::LocalDay;
use serde::{Deserialize, Serialize};
use units::{Money, Overflow};

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
    /// What is to be paid of it, its corrections and fees; below zero the account gets that.
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
}

//! What a customer is due for an outage, by its length.

use units::{Money, Overflow};

/// A standard of supply: so much after so long, and more for each further stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutageStandard {
    /// Minutes without supply from which something is due.
    pub after_minutes: u32,
    /// What is due then.
    pub first: Money,
    /// Each further stretch of so many minutes, once it is complete.
    pub every_minutes: u32,
    /// What is due for it.
    pub further: Money,
    /// At most.
    pub cap: Option<Money>,
}

impl OutageStandard {
    /// Great Britain's guaranteed standard for homes in normal weather: 95 after 12 hours, 45 for
    /// each further 12 (Electricity (Standards of Performance) Regulations).
    pub const GB_DOMESTIC: OutageStandard = OutageStandard {
        after_minutes: 720,
        first: Money::from_n(95_000_000_000),
        every_minutes: 720,
        further: Money::from_n(45_000_000_000),
        cap: None,
    };
    /// The same for others: 190 after 12 hours, 45 for each further 12.
    pub const GB_BUSINESS: OutageStandard =
        OutageStandard { first: Money::from_n(190_000_000_000), ..OutageStandard::GB_DOMESTIC };

    /// What is due for an outage of `minutes`.
    ///
    /// # Errors
    /// [`Overflow`] when it does not fit.
    pub fn compensation(&self, minutes: u32) -> Result<Money, Overflow> {
        if minutes < self.after_minutes {
            return Ok(Money::ZERO);
        }
        let stretches = (minutes - self.after_minutes) / self.every_minutes.max(1);
        let due = self.first.plus(self.further.times(u64::from(stretches))?)?;
        Ok(self.cap.map_or(due, |cap| due.min(cap)))
    }
}

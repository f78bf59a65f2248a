//! From what a clock shows to moments, and back.

use calendar::{LocalDay, Moments, TimeZone, Timestamp};

use super::pattern::{Written, offset};
use crate::rejection::{Code, Fault, quote};

const DAY_SECONDS: i64 = 86_400;

/// Whose clock it is.
#[derive(Debug, Clone)]
pub(super) enum Clock {
    /// Always so many seconds ahead of UTC.
    Fixed(i32),
    /// As the IANA database has it.
    Zone(TimeZone),
}

/// What a clock shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    pub(super) day: LocalDay,
    pub(super) second: u32,
    pub(super) offset: i32,
}

impl Clock {
    /// The clock that `zone` names.
    pub(super) fn parse(zone: &str, epoch: bool) -> Result<Clock, String> {
        if let Some(offset) = offset(zone) {
            return Ok(Clock::Fixed(offset));
        }
        if zone == "UTC" {
            return Ok(Clock::Fixed(0));
        }
        if epoch {
            return Err("with %s times are UTC".to_owned());
        }
        zone.parse().map(Clock::Zone).map_err(|error: calendar::UnknownTimeZone| error.to_string())
    }

    /// The moment that `written` means; where it is one of two, the first that is after `last`.
    pub(super) fn moment(
        &self,
        written: Written,
        last: Option<Timestamp>,
        text: &str,
    ) -> Result<Timestamp, Fault> {
        let seconds = |seconds: i64| {
            let moment = Timestamp::from_seconds(seconds);
            let fault = || {
                let why = format!("{} is not in the years 1970 to 9999", quote(text));
                Fault::new(Code::Time, "time", why)
            };
            if moment.seconds() == seconds { Ok(moment) } else { Err(fault()) }
        };
        let fixed = |day: LocalDay, second: u32, offset: i32| {
            let whole = i64::from(day.number()) * DAY_SECONDS;
            seconds(whole + i64::from(second) - i64::from(offset))
        };
        match (written, self) {
            (Written::Epoch(moment), _) => seconds(moment),
            (Written::Local { day, .. }, _) if !(1970..=9998).contains(&day.year()) => seconds(-1),
            (Written::Local { day, second, offset: Some(offset) }, _) => fixed(day, second, offset),
            (Written::Local { day, second, .. }, Clock::Fixed(offset)) => {
                fixed(day, second, *offset)
            }
            (Written::Local { day, second, .. }, Clock::Zone(zone)) => {
                match zone.moments(day, second) {
                    Moments::Once(moment) => Ok(moment),
                    Moments::Twice(first, second) => {
                        Ok(if last.is_none_or(|last| first > last) { first } else { second })
                    }
                    Moments::Skipped => {
                        let why = format!("the clocks of {} skip {}", zone.name(), quote(text));
                        Err(Fault::new(Code::TimeSkipped, "time", why))
                    }
                }
            }
        }
    }

    /// What it shows at `moment`, a whole minute.
    pub(super) fn show(&self, moment: Timestamp) -> Shown {
        match self {
            Clock::Fixed(offset) => {
                let wall = moment.seconds() + i64::from(*offset);
                let day = u32::try_from(wall.div_euclid(DAY_SECONDS)).unwrap_or_default();
                let second = u32::try_from(wall.rem_euclid(DAY_SECONDS)).unwrap_or_default();
                Shown { day: LocalDay::from_number(day), second, offset: *offset }
            }
            Clock::Zone(zone) => {
                let local = zone.local(moment);
                let wall = i64::from(local.day.number()) * DAY_SECONDS;
                let wall = wall + i64::from(local.minute) * 60;
                let offset = i32::try_from(wall - moment.seconds()).unwrap_or_default();
                Shown { day: local.day, second: u32::from(local.minute) * 60, offset }
            }
        }
    }
}

//! Moments as payloads write them.

use calendar::{LocalDay, TimeZone, Timestamp};

use crate::Reason;
use crate::canonical::When;
use crate::number::Number;

/// RFC 3339 or ISO 8601 with an offset. A local time without one is no moment, and one before 1970
/// is that of a clock which was never set: `OnReceipt`.
///
/// # Errors
/// The text is no time.
pub(crate) fn iso(text: &str) -> Result<When, Reason> {
    let text = text.trim().replacen(',', ".", 1);
    let year = text.get(..4).and_then(|year| year.parse::<u16>().ok());
    let malformed = Reason::Type("a time");
    let year = year.ok_or_else(|| malformed.clone())?;
    let clock = text.get(10..).unwrap_or_default();
    if !clock.contains(['Z', 'z', '+', '-']) {
        return local(&text).map(|()| When::OnReceipt).ok_or(malformed);
    }
    let moment = text.parse().map_err(|_| malformed)?;
    Ok(if year < 1970 { When::OnReceipt } else { When::At(moment) })
}

/// Is this a local time, such as `2020-09-25T12:47:15`, or `2018.02.04 23:17:01` of old firmware?
fn local(text: &str) -> Option<()> {
    let parts: Vec<&str> = text.split(['-', '.', ':', 'T', ' ']).collect();
    let [year, month, day, rest @ ..] = parts.as_slice() else { return None };
    LocalDay::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)?;
    let fits = |part: &&str, below: u32| part.parse::<u32>().is_ok_and(|number| number < below);
    let is_clock = rest.first().is_none_or(|hour| fits(hour, 24))
        && rest.get(1).is_none_or(|minute| fits(minute, 60))
        && rest.get(2).is_none_or(|second| fits(second, 60));
    (is_clock && rest.len() <= 4).then_some(())
}

/// Seconds since 1970, perhaps with a fraction, which is cut off.
pub(crate) fn unix(number: &Number) -> Result<When, Reason> {
    number.floor().ok_or(Reason::Range).and_then(seconds)
}

/// Milliseconds since 1970.
pub(crate) fn unix_ms(number: &Number) -> Result<When, Reason> {
    let ms = number.floor().ok_or(Reason::Range)?;
    seconds(ms.div_euclid(1000))
}

/// This many seconds since 1970; zero is what a clock shows that was never set.
pub(crate) fn seconds(seconds: i64) -> Result<When, Reason> {
    let time = Timestamp::from_seconds(seconds);
    match seconds {
        0 => Ok(When::OnReceipt),
        _ if time.seconds() != seconds => Err(Reason::Range),
        _ => Ok(When::At(time)),
    }
}

/// A date and a time of day without a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub(crate) day: LocalDay,
    pub(crate) second: i64,
}

impl Civil {
    /// The clock shows this; `None` when no clock can.
    pub(crate) fn new(date: [u16; 3], clock: [u8; 3]) -> Option<Civil> {
        let [year, month, day] = date.map(i16::try_from);
        let [month, day] = [month, day].map(|part| part.ok().and_then(|part| part.try_into().ok()));
        let day = LocalDay::new(year.ok()?, month?, day?)?;
        let [hour, minute, second] = clock.map(i64::from);
        let fits = hour < 24 && minute < 60 && second < 60 && day.year() >= 1970;
        fits.then_some(Civil { day, second: hour * 3600 + minute * 60 + second })
    }

    /// The moment, where the clock is `offset` seconds ahead of UTC.
    pub(crate) fn at_offset(self, offset: i64) -> Timestamp {
        TimeZone::utc().start_of(self.day).plus_seconds(self.second - offset)
    }

    /// The moment in a zone; `None` in an hour that the clock there shows twice.
    pub(crate) fn in_zone(self, zone: &TimeZone) -> Option<Timestamp> {
        let minute = u16::try_from(self.second / 60).ok()?;
        let first = zone.moment(self.day, minute);
        let again = zone.local(first.plus_seconds(3600));
        let is_twice = again.day == self.day && again.minute == minute;
        (!is_twice).then(|| first.plus_seconds(self.second % 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_with_its_offset_is_a_moment() {
        let at = |text: &str| iso(text).map(|when| when.said().map(|time| time.to_string()));
        let utc = Ok(Some("2018-07-24T11:22:04Z".to_owned()));
        assert_eq!(at("2018-07-24T13:22:04,000+0200"), utc);
        assert_eq!(at("2018-07-24T13:22:04+02:00"), utc);
        assert_eq!(at("2018-07-24T11:22:04.999Z"), utc);
        assert_eq!(at("2020-09-25T12:47:15"), Ok(None));
        assert_eq!(at("2018.02.04 23:17:01"), Ok(None));
        assert_eq!(at("2018.02.04 25:17:01"), Err(Reason::Type("a time")));
        assert_eq!(at("1111-11-11T11:11:11Z"), Ok(None));
        assert_eq!(at("yesterday"), Err(Reason::Type("a time")));
        assert_eq!(at("2018-13-01T00:00:00Z"), Err(Reason::Type("a time")));
    }

    #[test]
    fn the_hour_that_comes_twice_is_no_moment() {
        let zone: TimeZone = "Europe/Oslo".parse().unwrap();
        let at = |month, day, hour| {
            let civil = Civil::new([2026, month, day], [hour, 30, 5]).unwrap();
            civil.in_zone(&zone).map(|time| time.to_string())
        };
        assert_eq!(at(6, 1, 12).as_deref(), Some("2026-06-01T10:30:05Z"));
        assert_eq!(at(10, 25, 2), None);
        assert_eq!(at(10, 25, 3).as_deref(), Some("2026-10-25T02:30:05Z"));
        assert_eq!(Civil::new([2026, 2, 30], [0, 0, 0]), None);
        assert_eq!(Civil::new([2026, 2, 3], [24, 0, 0]), None);
    }
}

//! Stamps of a file of intervals, as moments.

use calendar::{LocalDay, TimeZone, Timestamp};

/// By how much clocks go back, in seconds, where the same time comes twice.
const CHANGES: [i64; 3] = [3_600, 1_800, 7_200];

/// Reads stamps one after the other: where clocks go back, the second of two equal ones is the
/// later.
pub struct Stamps<'a> {
    zone: &'a TimeZone,
    last: Option<Timestamp>,
    /// Stamps that could have been either of two moments.
    pub twice: u64,
}

impl<'a> Stamps<'a> {
    /// Local stamps are of `zone`.
    pub fn new(zone: &'a TimeZone) -> Stamps<'a> {
        Stamps { zone, last: None, twice: 0 }
    }

    /// The moment that `text` names.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn read(&mut self, text: &str) -> Result<Timestamp, String> {
        let moment = match local(text) {
            Some((day, minute)) => self.local(day, minute, text)?,
            None => absolute(text)?,
        };
        if moment.seconds() % 60 != 0 {
            return Err(format!("{text:?} is no whole minute"));
        }
        self.last = Some(moment);
        Ok(moment)
    }

    fn local(&mut self, day: LocalDay, minute: u16, text: &str) -> Result<Timestamp, String> {
        let (day, minute) = if minute == 1440 { (day.next(), 0) } else { (day, minute) };
        let first = self.zone.moment(day, minute);
        let shows = |moment: Timestamp| {
            let local = self.zone.local(moment);
            (local.day, local.minute) == (day, minute)
        };
        if !shows(first) {
            let zone = self.zone.name();
            return Err(format!("{text:?} does not exist in {zone}: clocks go forward over it"));
        }
        let second = CHANGES.iter().map(|by| first.plus_seconds(*by)).find(|at| shows(*at));
        let Some(second) = second else { return Ok(first) };
        self.twice += 1;
        Ok(if self.last.is_some_and(|last| first <= last) { second } else { first })
    }
}

/// A stamp with an offset.
fn absolute(text: &str) -> Result<Timestamp, String> {
    let moment = text.parse::<Timestamp>();
    moment.map_err(|_| {
        format!(
            "{text:?} is no time: 2026-06-01T00:15:00Z, 2026-06-01T02:15+02:00 or 2026-06-01 02:15"
        )
    })
}

/// A day and a minute in it, if the stamp has no offset: `2026-06-01`, `2026-06-01 24:00`,
/// `2026-06-01T00:15:00`.
fn local(text: &str) -> Option<(LocalDay, u16)> {
    let (day, time) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let day = day.parse().ok()?;
    let mut parts = time.split(':');
    let two = |part: &str| {
        let plain = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<u16>().ok().filter(|_| plain)
    };
    let (hour, minute) = (two(parts.next()?)?, two(parts.next()?)?);
    let seconds = parts.next();
    let whole = seconds.is_none_or(|it| it.bytes().all(|byte| matches!(byte, b'0' | b'.')));
    let known = hour < 24 && minute < 60 || (hour, minute) == (24, 0);
    (whole && known && parts.next().is_none()).then_some((day, hour * 60 + minute))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(zone: &str, stamps: &[&str]) -> Vec<Result<String, String>> {
        let zone: TimeZone = zone.parse().unwrap();
        let mut reader = Stamps::new(&zone);
        stamps.iter().map(|text| reader.read(text).map(|moment| moment.to_string())).collect()
    }

    #[test]
    fn local_stamps_follow_the_clock_back_and_forward() {
        let stamps =
            ["2026-10-25 02:00", "2026-10-25 02:30", "2026-10-25 02:00", "2026-10-25 03:00"];
        let moments: Vec<String> =
            all("Europe/Berlin", &stamps).into_iter().map(Result::unwrap).collect();
        assert_eq!(
            moments,
            [
                "2026-10-25T00:00:00Z",
                "2026-10-25T00:30:00Z",
                "2026-10-25T01:00:00Z",
                "2026-10-25T02:00:00Z",
            ]
        );
        let skipped = all("Europe/Berlin", &["2026-03-29T02:30:00"]);
        assert!(skipped[0].as_ref().unwrap_err().contains("clocks go forward"));
    }

    #[test]
    fn stamps_with_an_offset_and_ends_of_days_are_read() {
        let read = |text: &str| all("America/New_York", &[text]).remove(0);
        assert_eq!(read("2026-06-01T00:15:00+02:00").unwrap(), "2026-05-31T22:15:00Z");
        assert_eq!(read("2026-06-01T00:15Z").unwrap(), "2026-06-01T00:15:00Z");
        assert_eq!(read("2026-06-01 24:00").unwrap(), "2026-06-02T04:00:00Z");
        assert_eq!(read("2026-06-01").unwrap(), "2026-06-01T04:00:00Z");
        assert!(read("2026-06-01T00:15:30Z").unwrap_err().contains("whole minute"));
        assert!(read("06/01/2026").is_err() && read("2026-06-01 25:00").is_err());
    }
}

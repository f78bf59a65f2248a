//! When a line was measured.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::strtime;
use jiff::fmt::temporal::{Pieces, PiecesOffset};
use jiff::tz::Offset;

use crate::table::{Line, Malformed};

/// Forms of a date besides ISO 8601, as files have them; the first that fits is taken.
const DATES: [&str; 4] = ["%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%Y%m%d"];
/// Forms of a time besides ISO 8601.
const TIMES: [&str; 2] = ["%H:%M", "%H:%M:%S"];

/// How a table tells time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// The column of dates, where they have their own.
    pub date: Option<usize>,
    /// The column of times.
    pub time: usize,
    /// Of stamps without one, in seconds east of UTC.
    pub offset: i32,
}

impl Clock {
    /// The moment of a line, in seconds since 1970 UTC, and its offset.
    pub(super) fn read(&self, line: &Line) -> Result<(i64, i32), Malformed> {
        let text = match self.date {
            Some(date) => {
                let day = date_of(line.text(date)).ok_or_else(|| {
                    line.refused_at(date, "a date such as 2026-06-01 or 06/01/2026")
                })?;
                format!("{day}T{}", padded(line.text(self.time)))
            }
            None => line.text(self.time).to_owned(),
        };
        let rule = "a time such as 2026-06-01 12:00:00+02:00";
        self.moment(&text).ok_or_else(|| line.refused_at(self.time, rule))
    }

    fn moment(&self, text: &str) -> Option<(i64, i32)> {
        let (civil, told) = match Pieces::parse(text) {
            Ok(pieces) => (pieces.date().to_datetime(pieces.time()?), offset(&pieces)),
            Err(_) => (apart(text)?, None),
        };
        let seconds = told.unwrap_or(self.offset);
        let offset = Offset::from_seconds(seconds).ok()?;
        Some((offset.to_timestamp(civil).ok()?.as_second(), seconds))
    }
}

fn offset(pieces: &Pieces) -> Option<i32> {
    match pieces.offset()? {
        PiecesOffset::Numeric(offset) => Some(offset.offset().seconds()),
        _ => Some(0),
    }
}

/// `9:05` is written `09:05`.
fn padded(time: &str) -> String {
    let is_short = time.find(':') == Some(1);
    if is_short { format!("0{time}") } else { time.to_owned() }
}

/// A date in any of the forms.
fn date_of(text: &str) -> Option<Date> {
    let form = |form: &&str| strtime::parse(*form, text).ok()?.to_date().ok();
    text.parse().ok().or_else(|| DATES.iter().find_map(form))
}

/// A date and a time with a blank between them, as spreadsheets write them.
fn apart(text: &str) -> Option<DateTime> {
    let (date, time) = text.split_once([' ', 'T'])?;
    let time = padded(time);
    let form = |form: &&str| strtime::parse(*form, &time).ok()?.to_time().ok();
    let time: Time = time.parse().ok().or_else(|| TIMES.iter().find_map(form))?;
    Some(date_of(date)?.to_datetime(time))
}

/// The offset of a zone's name as stations use it for their standard time, in seconds.
pub(super) fn offset_of_zone(header: &str) -> Option<i32> {
    const ZONES: [(&str, i32); 9] = [
        ("utc", 0),
        ("gmt", 0),
        ("ast", -4),
        ("est", -5),
        ("cst", -6),
        ("mst", -7),
        ("pst", -8),
        ("hst", -10),
        ("cet", 1),
    ];
    let header = header.to_lowercase();
    let mut words = header.split(|sign: char| !sign.is_alphanumeric());
    words.find_map(|word| ZONES.iter().find(|zone| zone.0 == word)).map(|zone| zone.1 * 3_600)
}

//! How a time is written: a pattern in the manner of `strftime`.

use calendar::LocalDay;

/// English names of months.
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// The most bytes of a pattern.
const PATTERN_BYTES_MAX: usize = 64;
const DAY_SECONDS: u32 = 86_400;

/// A pattern that was checked.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Literal(char),
    Year,
    ShortYear,
    Month,
    MonthName,
    Day,
    Hour,
    Hour12,
    Half,
    Minute,
    Second,
    Offset,
    Epoch,
}

/// What a text said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// A time on a wall.
    Local {
        /// The day.
        day: LocalDay,
        /// Seconds since its midnight, as the clock shows them.
        second: u32,
        /// Seconds ahead of UTC, where it says so.
        offset: Option<i32>,
    },
    /// Seconds since 1970.
    Epoch(i64),
}

/// A text that is being read.
struct Text<'t> {
    rest: &'t str,
}

impl Pattern {
    /// Reads a pattern, or says what is wrong with it.
    pub(super) fn parse(pattern: &str) -> Result<Pattern, String> {
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(format!("at most {PATTERN_BYTES_MAX} bytes"));
        }
        let mut parts = Vec::new();
        let mut chars = pattern.chars();
        while let Some(char) = chars.next() {
            parts.push(if char == '%' {
                Pattern::part(chars.next())?
            } else {
                Part::Literal(char)
            });
        }
        let count = |wanted: Part| parts.iter().filter(|part| **part == wanted).count();
        let numbers = |part: &&Part| !matches!(part, Part::Literal(_));
        if parts.iter().filter(numbers).any(|part| count(*part) > 1) {
            return Err("a part is there twice".to_owned());
        }
        let has = |part| count(part) == 1;
        let one = |one, other| has(one) != has(other);
        let epoch = has(Part::Epoch) && parts.iter().filter(numbers).count() == 1;
        let local = !has(Part::Epoch)
            && one(Part::Year, Part::ShortYear)
            && one(Part::Month, Part::MonthName)
            && has(Part::Day)
            && one(Part::Hour, Part::Hour12)
            && has(Part::Hour12) == has(Part::Half);
        if parts.iter().any(|part| matches!(part, Part::Literal(char) if char.is_control())) {
            return Err("it has a control character".to_owned());
        }
        if epoch || local {
            Ok(Pattern { parts })
        } else {
            Err("it needs a year, a month, a day and an hour (%I with %p), or %s alone".to_owned())
        }
    }

    fn part(letter: Option<char>) -> Result<Part, String> {
        Ok(match letter {
            Some('Y') => Part::Year,
            Some('y') => Part::ShortYear,
            Some('m') => Part::Month,
            Some('b') => Part::MonthName,
            Some('d') => Part::Day,
            Some('H') => Part::Hour,
            Some('I') => Part::Hour12,
            Some('p') => Part::Half,
            Some('M') => Part::Minute,
            Some('S') => Part::Second,
            Some('z') => Part::Offset,
            Some('s') => Part::Epoch,
            Some('%') => Part::Literal('%'),
            Some(other) => return Err(format!("%{other} is not known")),
            None => return Err("a single % stands at its end".to_owned()),
        })
    }

    /// Whether it is `%s`.
    pub(super) fn is_epoch(&self) -> bool {
        self.parts.contains(&Part::Epoch)
    }

    /// Whether it says the offset.
    pub(super) fn has_offset(&self) -> bool {
        self.parts.contains(&Part::Offset)
    }

    /// What `text` says; `None` where it is not of this pattern, or no such time is.
    pub(super) fn read(&self, text: &str) -> Option<Written> {
        let mut text = Text { rest: text };
        let (mut year, mut month, mut day) = (0_u32, 0_u32, 0_u32);
        let (mut hour, mut minute, mut second) = (0_u32, 0_u32, 0_u32);
        let (mut afternoon, mut offset) = (None, None);
        for part in &self.parts {
            match part {
                Part::Literal(char) => text.rest = text.rest.strip_prefix(*char)?,
                Part::Year => year = text.number(4, 4)?,
                Part::ShortYear => year = 2_000 + text.number(2, 2)?,
                Part::Month => month = text.number(1, 2)?,
                Part::MonthName => month = text.month()?,
                Part::Day => day = text.number(1, 2)?,
                Part::Hour => hour = text.number(1, 2)?,
                Part::Hour12 => hour = text.number(1, 2).filter(|hour| (1..=12).contains(hour))?,
                Part::Half => afternoon = Some(text.half()?),
                Part::Minute => minute = text.number(1, 2).filter(|minute| *minute < 60)?,
                Part::Second => second = text.number(1, 2).filter(|second| *second < 60)?,
                Part::Offset => offset = Some(text.offset()?),
                Part::Epoch => return text.epoch(),
            }
        }
        if !text.rest.is_empty() {
            return None;
        }
        if let Some(afternoon) = afternoon {
            hour = hour % 12 + if afternoon { 12 } else { 0 };
        }
        let day = LocalDay::new(
            i16::try_from(year).ok()?,
            i8::try_from(month).ok()?,
            i8::try_from(day).ok()?,
        )?;
        let second = hour * 3_600 + minute * 60 + second;
        match second {
            ..DAY_SECONDS => Some(Written::Local { day, second, offset }),
            // The end of a day is the beginning of the next.
            DAY_SECONDS => Some(Written::Local { day: day.next(), second: 0, offset }),
            _ => None,
        }
    }

    /// Writes a time of a clock that is `offset` seconds ahead of UTC.
    pub(super) fn write(&self, day: LocalDay, second: u32, offset: i32, epoch: i64) -> String {
        let date = day.to_string();
        let mut parts = date.split('-');
        let mut next = || parts.next().unwrap_or_default();
        let (year, month, of_month) = (next(), next(), next());
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        let mut text = String::new();
        for part in &self.parts {
            let part = match part {
                Part::Literal(char) => char.to_string(),
                Part::Year => year.to_owned(),
                Part::ShortYear => year.chars().skip(2).collect(),
                Part::Month => month.to_owned(),
                Part::MonthName => MONTHS[usize::from(day.month()) - 1].to_owned(),
                Part::Day => of_month.to_owned(),
                Part::Hour => format!("{hour:02}"),
                Part::Hour12 => format!("{:02}", (hour + 11) % 12 + 1),
                Part::Half => if hour < 12 { "AM" } else { "PM" }.to_owned(),
                Part::Minute => format!("{minute:02}"),
                Part::Second => format!("{second:02}"),
                Part::Offset => {
                    let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
                    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
                }
                Part::Epoch => epoch.to_string(),
            };
            text.push_str(&part);
        }
        text
    }
}

impl<'t> Text<'t> {
    /// A number of so many digits.
    fn number(&mut self, min: usize, max: usize) -> Option<u32> {
        let digits = self.rest.bytes().take(max).take_while(u8::is_ascii_digit).count();
        if digits < min {
            return None;
        }
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        number.parse().ok()
    }

    /// As many letters.
    fn letters(&mut self, count: usize) -> Option<&'t str> {
        let (letters, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(letters)
    }

    fn month(&mut self) -> Option<u32> {
        let name = self.letters(3)?;
        let place = MONTHS.iter().position(|month| month.eq_ignore_ascii_case(name))?;
        u32::try_from(place + 1).ok()
    }

    /// Whether it is after noon.
    fn half(&mut self) -> Option<bool> {
        match self.letters(2)? {
            half if half.eq_ignore_ascii_case("AM") => Some(false),
            half if half.eq_ignore_ascii_case("PM") => Some(true),
            _ => None,
        }
    }

    fn offset(&mut self) -> Option<i32> {
        if let Some(rest) = self.rest.strip_prefix(['Z', 'z']) {
            self.rest = rest;
            return Some(0);
        }
        let sign = match self.letters(1)? {
            "+" => 1,
            "-" => -1,
            _ => return None,
        };
        let hours = self.number(2, 2).filter(|hours| *hours < 24)?;
        self.rest = self.rest.strip_prefix(':').unwrap_or(self.rest);
        let minutes = self.number(2, 2).filter(|minutes| *minutes < 60)?;
        i32::try_from(hours * 3_600 + minutes * 60).ok().map(|seconds| seconds * sign)
    }

    /// A whole number to the end.
    fn epoch(&mut self) -> Option<Written> {
        let digits = self.rest.bytes().take(12).take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at(digits);
        self.rest = rest;
        rest.is_empty().then_some(())?;
        number.parse().ok().map(Written::Epoch)
    }
}

/// An offset such as `+10:00`, in seconds.
pub(super) fn offset(text: &str) -> Option<i32> {
    let mut text = Text { rest: text };
    text.offset().filter(|_| text.rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pattern: &str, text: &str) -> Option<(String, u32, Option<i32>)> {
        match Pattern::parse(pattern).unwrap().read(text)? {
            Written::Local { day, second, offset } => Some((day.to_string(), second, offset)),
            Written::Epoch(second) => Some((second.to_string(), 0, None)),
        }
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        let at = |day: &str, second, offset| Some((day.to_owned(), second, offset));
        assert_eq!(read("%d.%m.%Y %H:%M", "29.02.2024 00:15"), at("2024-02-29", 900, None));
        assert_eq!(read("%m/%d/%Y %I:%M %p", "2/9/2024 12:05 am"), at("2024-02-09", 300, None));
        assert_eq!(read("%d-%b-%y %H%M", "09-feb-24 1300"), at("2024-02-09", 46_800, None));
        assert_eq!(read("%Y-%m-%d %H:%M", "2024-12-31 24:00"), at("2025-01-01", 0, None));
        let iso = "%Y-%m-%dT%H:%M:%S%z";
        assert_eq!(read(iso, "2024-02-09T01:00:05+10:00"), at("2024-02-09", 3_605, Some(36_000)));
        assert_eq!(read(iso, "2024-02-09T01:00:05Z"), at("2024-02-09", 3_605, Some(0)));
        assert_eq!(read("%s", "1330578000"), at("1330578000", 0, None));
        assert_eq!(read("%Y%%%m%d%H", "2024%020901"), at("2024-02-09", 3_600, None));
        for (pattern, text) in [
            ("%Y-%m-%d %H:%M", "2023-02-29 00:00"),
            ("%Y-%m-%d %H:%M", "2023-02-28 24:01"),
            ("%Y-%m-%d %H:%M", "2023-02-28 00:60"),
            ("%Y-%m-%d %H:%M", "2023-02-28 00:00 "),
            ("%Y-%m-%d %H:%M", "2023-02-28"),
            ("%Y-%m-%d %I%p", "2023-02-28 13PM"),
            ("%s", "-5"),
            ("%s", "5.5"),
            ("%d%b%Y%H", "01äx202301"),
        ] {
            assert_eq!(read(pattern, text), None, "{pattern} {text}");
        }
    }

    #[test]
    fn patterns_that_say_too_little_or_too_much_are_refused() {
        for bad in ["", "%Y-%m-%d", "%Y%m%d%I", "%Y%y%m%d%H", "%s%H", "%Q", "%", "%Y%Y%m%d%H"] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }
}

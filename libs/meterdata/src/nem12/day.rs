//! The 300 and its 400s: a day's values and how they are known.

use std::collections::VecDeque;

use calendar::{LocalDay, TimeZone, Timestamp};

use super::DAY_SECONDS;
use super::quality::{self, Flag, Said};
use super::stream::Stream;
use crate::amount::{Amount, Carry};
use crate::import::Item;
use crate::record::{IntervalRecord, Quality};
use crate::rejection::{Code, Fault, quote};

/// Fields of a 300 besides its values: the indicator and the date before them, the quality and four
/// more after them.
const FIELDS_BEFORE: usize = 2;
const FIELDS_AFTER: usize = 5;
/// The most 400s of a day: one per interval of five minutes.
const RANGES_MAX: usize = 288;

/// A fault and the number of the field that has it.
type Misplaced = (usize, Fault);

/// A day of a stream.
#[derive(Debug)]
pub(super) struct Day {
    line: u64,
    start: Timestamp,
    /// `None` where nothing stands.
    amounts: Vec<Option<Amount>>,
    /// Of the intervals from the first on, each with the number of the last it is of.
    flags: Vec<(usize, Flag)>,
    varies: bool,
    /// Whether a 400 was at fault.
    broken: bool,
}

/// Reads a 300.
pub(super) fn read(
    line: u64,
    text: &str,
    stream: &Stream,
    zone: &TimeZone,
) -> Result<Day, (Option<usize>, Fault)> {
    let mut fields = text.split(',').map(str::trim);
    let date = fields.by_ref().nth(1).unwrap_or_default();
    let start = midnight(date, zone).map_err(|fault| (Some(2), fault))?;
    let count = stream.per_day();
    let mut amounts = Vec::with_capacity(count);
    for place in 0..count {
        let field = fields.next().unwrap_or_default();
        let amount = match field {
            "" => None,
            _ => match Amount::parse(field, b'.', stream.exponent) {
                Ok(amount) => Some(amount),
                Err(_) if quality::read(field).is_some() => {
                    return Err((Some(place + 3), miscounted(place, count)));
                }
                Err(bad) => {
                    let name = format!("IntervalValue{}", place + 1);
                    return Err((Some(place + 3), bad.fault(name, field)));
                }
            },
        };
        amounts.push(amount);
    }
    let column = FIELDS_BEFORE + count + 1;
    let said = flag(text, fields.next().unwrap_or_default(), count);
    let said = said.map_err(|fault| (Some(column), fault))?;
    if fields.skip(FIELDS_AFTER - 1).any(|field| !field.is_empty()) {
        let why = format!("there is more than {FIELDS_AFTER} fields after the values");
        return Err((Some(column + FIELDS_AFTER), Fault::new(Code::FieldCount, "line", why)));
    }
    let (flags, varies) = match said {
        Said::All(flag) => (vec![(count, flag)], false),
        Said::Varies => (Vec::new(), true),
    };
    Ok(Day { line, start, amounts, flags, varies, broken: false })
}

fn miscounted(got: usize, count: usize) -> Fault {
    let why = format!("the day has {got} values, not {count}");
    Fault::new(Code::IntervalCount, "IntervalValue", why)
}

/// The flag behind the values, or what stands there instead.
fn flag(text: &str, field: &str, count: usize) -> Result<Said, Fault> {
    if let Some(said) = quality::read(field) {
        return Ok(said);
    }
    let short = text.split(',').count() <= FIELDS_BEFORE + count;
    if short || field.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        let number = |field: &&str| Amount::parse(field.trim(), b'.', 0).is_ok();
        let values = text.split(',').skip(FIELDS_BEFORE).take_while(number).count();
        return Err(miscounted(values, count));
    }
    let why = format!("{} is none of A, N, V and E, F, S with a method", quote(field));
    Err(Fault::new(Code::Quality, "QualityMethod", why))
}

/// The first moment of a day that has 24 hours.
fn midnight(date: &str, zone: &TimeZone) -> Result<Timestamp, Fault> {
    let bad = |why: String| Fault::new(Code::Time, "IntervalDate", why);
    let digits = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
    let day = digits.then(|| {
        let (year, month, day) = (date[..4].parse().ok()?, &date[4..6], &date[6..]);
        LocalDay::new(year, month.parse().ok()?, day.parse().ok()?)
    });
    let day = day.flatten().filter(|day| (1970..9999).contains(&day.year()));
    let day = day.ok_or_else(|| bad(format!("{} is not a date such as 20240229", quote(date))))?;
    let (start, end) = (zone.start_of(day), zone.start_of(day.next()));
    if end.seconds_since(start) != DAY_SECONDS {
        let why = format!("{day} does not have 24 hours in {}: NEM12 has no such day", zone.name());
        return Err(bad(why));
    }
    Ok(start)
}

impl Day {
    /// The line of its 300.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Whether 400s say how its values are known.
    pub(super) fn varies(&self) -> bool {
        self.varies
    }

    /// Takes a 400.
    pub(super) fn qualify(&mut self, text: &str) -> Result<(), Misplaced> {
        match self.range(text) {
            Ok(range) => self.flags.push(range),
            Err(misplaced) => {
                self.broken = true;
                return Err(misplaced);
            }
        }
        Ok(())
    }

    fn range(&self, text: &str) -> Result<(usize, Flag), Misplaced> {
        let mut fields = text.split(',').map(str::trim).skip(1);
        let mut next = || fields.next().unwrap_or_default();
        let (from, to, flag) = (next(), next(), next());
        let first = self.flags.last().map_or(0, |(last, _)| *last) + 1;
        let bad = |column, name: &'static str, why: String| {
            Err((column, Fault::new(Code::QualityRanges, name, why)))
        };
        if self.flags.len() == RANGES_MAX {
            return bad(1, "RecordIndicator", "a day has no more 400s than intervals".to_owned());
        }
        if from.parse() != Ok(first) {
            let why = format!("{} where the next interval is {first}", quote(from));
            return bad(2, "StartInterval", why);
        }
        let last = to.parse().ok().filter(|last| (first..=self.amounts.len()).contains(last));
        let Some(last) = last else {
            let why = format!("{} is not in {first} to {}", quote(to), self.amounts.len());
            return bad(3, "EndInterval", why);
        };
        match quality::read(flag) {
            Some(Said::All(flag)) => Ok((last, flag)),
            _ => {
                let why = format!("{} is none of A, N and E, F, S with a method", quote(flag));
                Err((4, Fault::new(Code::Quality, "QualityMethod", why)))
            }
        }
    }

    /// Whether every interval has a flag.
    pub(super) fn covered(&self) -> Result<(), Fault> {
        let count = self.amounts.len();
        let last = self.flags.last().map_or(0, |(last, _)| *last);
        if last == count && !self.broken {
            return Ok(());
        }
        let why = format!("its quality is V, and its 400s cover {last} of {count} intervals");
        Err(Fault::new(Code::QualityRanges, "QualityMethod", why))
    }

    /// Appends the day's records: all, or none.
    pub(super) fn records(
        &self,
        stream: &Stream,
        ready: &mut VecDeque<Item>,
    ) -> Result<(), Misplaced> {
        let before = ready.len();
        let mut carry = Carry::default();
        let mut place = 0;
        for (last, flag) in &self.flags {
            while place < *last {
                match self.record(place, flag, stream, &mut carry) {
                    Ok(record) => ready.push_back(Item::Record(record)),
                    Err(misplaced) => {
                        ready.truncate(before);
                        return Err(misplaced);
                    }
                }
                place += 1;
            }
        }
        Ok(())
    }

    fn record(
        &self,
        place: usize,
        flag: &Flag,
        stream: &Stream,
        carry: &mut Carry,
    ) -> Result<IntervalRecord, Misplaced> {
        let column = FIELDS_BEFORE + place + 1;
        let name = || format!("IntervalValue{}", place + 1);
        let amount = self.amounts[place].unwrap_or(Amount::ZERO);
        if self.amounts[place].is_none() && flag.quality != Quality::Missing {
            let why = format!("nothing stands here, but its quality is {}", flag.code);
            return Err((column, Fault::new(Code::Value, name(), why)));
        }
        let energy = carry.take(amount).map_err(|bad| (column, bad.fault(name(), "the sum")))?;
        let offset = i64::try_from(place).unwrap_or_default() * stream.length.seconds();
        Ok(IntervalRecord {
            meter: stream.meter.clone(),
            channel: stream.channel.clone(),
            direction: stream.direction,
            start: self.start.plus_seconds(offset),
            length: stream.length,
            energy,
            quality: flag.quality,
            code: Some(flag.code.clone()),
        })
    }
}

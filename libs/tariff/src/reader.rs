//! Reads fields out of a document and keeps account of all that is wrong.

use std::fmt;

use calendar::{LocalDay, Timestamp};
use units::Decimal;

use crate::UnitPrice;
use crate::json::{Node, Value, place};
use crate::problem::{Code, PROBLEMS_MAX, Problem, Problems};

/// The highest price of a unit: a million currency units.
const UNIT_PRICE_MAX: i64 = 1_000_000;
/// The most bytes of a name.
const TEXT_LEN_MAX: usize = 400;

/// A value with the path that leads to it.
#[derive(Debug, Clone)]
pub(crate) struct Field<'a> {
    pub(crate) node: &'a Node,
    pub(crate) path: String,
}

/// The document and what was found wrong, or worth saying, so far.
pub(crate) struct Reader<'a> {
    text: &'a str,
    problems: Problems,
    notes: Vec<String>,
}

impl<'a> Field<'a> {
    /// The whole document.
    pub(crate) fn root(node: &'a Node) -> Field<'a> {
        Field { node, path: String::new() }
    }

    /// The member `key`, unless it is absent or null.
    pub(crate) fn get(&self, key: &str) -> Option<Field<'a>> {
        let node = self.node.get(key).filter(|node| node.value != Value::Null)?;
        Some(self.member(key, node))
    }

    /// The member whose key is `key` in any case, as old and new versions of a format spell it.
    pub(crate) fn find(&self, key: &str) -> Option<Field<'a>> {
        self.members().into_iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|it| it.1)
    }

    /// All members that are not null.
    pub(crate) fn members(&self) -> Vec<(&'a str, Field<'a>)> {
        let Value::Object(members) = &self.node.value else { return Vec::new() };
        let present = members.iter().filter(|(_, node)| node.value != Value::Null);
        present.map(|(key, node)| (key.as_str(), self.member(key, node))).collect()
    }

    fn member(&self, key: &str, node: &'a Node) -> Field<'a> {
        let dot = if self.path.is_empty() { "" } else { "." };
        Field { node, path: format!("{}{dot}{key}", self.path) }
    }

    /// The items, if it is a list.
    pub(crate) fn items(&self) -> Option<Vec<Field<'a>>> {
        let Value::List(nodes) = &self.node.value else { return None };
        let item = |(place, node)| Field { node, path: format!("{}[{place}]", self.path) };
        Some(nodes.iter().enumerate().map(item).collect())
    }

    /// The path as people read it.
    pub(crate) fn shown(&self) -> &str {
        if self.path.is_empty() { "." } else { &self.path }
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Reader<'a> {
        let problems = Problems { list: Vec::new(), more: 0 };
        Reader { text, problems, notes: Vec::new() }
    }

    /// What was read, unless something was wrong.
    pub(crate) fn finish<T>(self, read: Option<T>) -> Result<(T, Vec<String>), Problems> {
        match read {
            Some(read) if self.problems.list.is_empty() => Ok((read, self.notes)),
            _ => Err(self.problems),
        }
    }

    /// Whether nothing was wrong so far.
    pub(crate) fn is_clean(&self) -> bool {
        self.problems.list.is_empty()
    }

    /// Something that the reader of a bill should know.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) && self.notes.len() < PROBLEMS_MAX {
            self.notes.push(note);
        }
    }

    /// A fault of `field`.
    pub(crate) fn wrong(&mut self, field: &Field<'_>, code: Code, reason: impl fmt::Display) {
        if self.problems.list.len() >= PROBLEMS_MAX {
            self.problems.more += 1;
            return;
        }
        let (line, column) = place(self.text, field.node.byte);
        let (path, reason) = (field.shown().to_owned(), reason.to_string());
        self.problems.list.push(Problem { code, path, line, column, reason });
    }

    /// A fault unless `condition` holds.
    pub(crate) fn holds(&mut self, condition: bool, field: &Field<'_>, reason: &str) {
        if !condition {
            self.wrong(field, Code::OutOfRange, reason);
        }
    }

    /// The member `key`, or a fault of the object that lacks it.
    pub(crate) fn need(&mut self, field: &Field<'a>, key: &str) -> Option<Field<'a>> {
        let found = field.get(key);
        if found.is_none() {
            self.wrong(field, Code::Missing, format!("{key} is missing"));
        }
        found
    }

    /// A fault for every member whose key is not in `keys`.
    pub(crate) fn known(&mut self, field: &Field<'a>, keys: &[&str]) {
        if !matches!(field.node.value, Value::Object(_)) {
            return self.kind(field, "an object");
        }
        for (key, member) in field.members() {
            if !keys.contains(&key) {
                let reason = format!("there is no such field; known are {}", keys.join(", "));
                self.wrong(&member, Code::UnknownField, reason);
            }
        }
    }

    fn kind(&mut self, field: &Field<'_>, expected: &str) {
        let reason = format!("{expected} should be here, not {}", field.node.kind());
        self.wrong(field, Code::WrongKind, reason);
    }

    /// A plain text of limited length.
    pub(crate) fn text(&mut self, field: &Field<'_>) -> Option<String> {
        let Value::Text(text) = &field.node.value else {
            self.kind(field, "a text");
            return None;
        };
        let plain = !text.trim().is_empty() && !text.chars().any(char::is_control);
        if !plain || text.len() > TEXT_LEN_MAX {
            let reason = format!("between 1 and {TEXT_LEN_MAX} bytes of plain text");
            self.wrong(field, Code::OutOfRange, reason);
            return None;
        }
        Some(text.clone())
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&mut self, field: &Field<'_>, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(field)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let reason = format!("one of {}, not {text:?}", words.join(", "));
            self.wrong(field, Code::OutOfRange, reason);
        }
        found
    }

    pub(crate) fn bool(&mut self, field: &Field<'_>) -> Option<bool> {
        match field.node.value {
            Value::Bool(bool) => Some(bool),
            _ => {
                self.kind(field, "true or false");
                None
            }
        }
    }

    /// The items of a list of at most `most`.
    pub(crate) fn list(&mut self, field: &Field<'a>, most: usize) -> Vec<Field<'a>> {
        let Some(items) = field.items() else {
            self.kind(field, "a list");
            return Vec::new();
        };
        if items.len() > most {
            let reason = format!("at most {most} items, not {}", items.len());
            self.wrong(field, Code::OutOfRange, reason);
            return Vec::new();
        }
        items
    }

    /// A decimal: a number, or a text that is one.
    pub(crate) fn decimal(&mut self, field: &Field<'_>) -> Option<Decimal> {
        let (Value::Number(text) | Value::Text(text)) = &field.node.value else {
            self.kind(field, "a number");
            return None;
        };
        match text.parse::<Decimal>() {
            Ok(decimal) => Some(decimal),
            Err(error) => {
                self.wrong(field, Code::WrongKind, error);
                None
            }
        }
    }

    /// A price or an amount per unit, negative or not.
    pub(crate) fn price(&mut self, field: &Field<'_>) -> Option<UnitPrice> {
        let decimal = self.decimal(field)?;
        let Some(price) = UnitPrice::of(decimal) else {
            let reason = "a price has at most 18 digits and 24 decimals";
            self.wrong(field, Code::OutOfRange, reason);
            return None;
        };
        let limit = i128::from(UNIT_PRICE_MAX) * 10_i128.pow(price.scale());
        let within = price.at_scale(price.scale()).is_ok_and(|digits| digits.abs() <= limit);
        self.holds(within, field, "between -1000000 and 1000000 currency per unit");
        within.then_some(price)
    }

    /// An amount that is not negative.
    pub(crate) fn amount(&mut self, field: &Field<'_>) -> Option<UnitPrice> {
        let price = self.price(field)?;
        self.holds(!price.is_negative(), field, "not below zero");
        Some(price)
    }

    /// A whole number in `[low, high]`; `3.0` is one.
    pub(crate) fn integer(&mut self, field: &Field<'_>, low: i64, high: i64) -> Option<i64> {
        let decimal = self.decimal(field)?;
        let whole = decimal.to_scale(0).and_then(|whole| i64::try_from(whole).ok());
        match whole.filter(|whole| (low..=high).contains(whole)) {
            Some(whole) => Some(whole),
            None => {
                let reason = format!("a whole number from {low} to {high}, not {decimal}");
                self.wrong(field, Code::OutOfRange, reason);
                None
            }
        }
    }

    /// A quantity in 10^-9 of its unit, not negative.
    pub(crate) fn quantity(&mut self, field: &Field<'_>) -> Option<i64> {
        let decimal = self.decimal(field)?;
        let nano = decimal.rounded_to_scale(9).and_then(|nano| i64::try_from(nano).ok());
        match nano.filter(|nano| *nano >= 0) {
            Some(nano) => Some(nano),
            None => {
                let reason = format!("between 0 and 9 billion, not {decimal}");
                self.wrong(field, Code::OutOfRange, reason);
                None
            }
        }
    }

    /// A day, `2026-06-01`.
    pub(crate) fn day(&mut self, field: &Field<'_>) -> Option<LocalDay> {
        let text = self.text(field)?;
        let day = text.parse().ok();
        if day.is_none() {
            self.wrong(field, Code::OutOfRange, format!("a day such as 2026-06-01, not {text:?}"));
        }
        day
    }

    /// A moment with an offset, `2026-06-01T00:30:00Z`.
    pub(crate) fn moment(&mut self, field: &Field<'_>) -> Option<Timestamp> {
        let text = self.text(field)?;
        let moment = text.parse().ok();
        if moment.is_none() {
            let reason = format!("a moment such as 2026-06-01T00:30:00Z, not {text:?}");
            self.wrong(field, Code::OutOfRange, reason);
        }
        moment
    }

    /// Minutes since midnight, `16:30`; `24:00` is the end of the day.
    pub(crate) fn clock(&mut self, field: &Field<'_>) -> Option<u16> {
        let text = self.text(field)?;
        let minute = text.split_once(':').and_then(|(hour, minute)| {
            // Blanks occur in files of others.
            let (hour, minute) = (hour.trim(), minute.trim());
            let two = |part: &str| part.len() <= 2 && part.bytes().all(|b| b.is_ascii_digit());
            let hour = hour.parse::<u16>().ok().filter(|_| two(hour))?;
            let minute = minute.parse::<u16>().ok().filter(|_| two(minute))?;
            (hour < 24 && minute < 60 || (hour, minute) == (24, 0)).then_some(hour * 60 + minute)
        });
        if minute.is_none() {
            self.wrong(field, Code::OutOfRange, format!("a time such as 16:30, not {text:?}"));
        }
        minute
    }
}

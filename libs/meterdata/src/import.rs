//! Reading a file item by item, and going on where an earlier reading stopped.

use std::fmt;
use std::str::FromStr;

use crate::record::IntervalRecord;
use crate::rejection::{Code, Refusal, Rejection};

/// What comes out of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An interval.
    Record(IntervalRecord),
    /// A row that is not taken.
    Rejected(Rejection),
}

/// A file of some format that is being read.
pub trait Items {
    /// The next item; `None` at the file's end. After a refusal there is nothing more.
    fn next_item(&mut self) -> Result<Option<Item>, Refusal>;

    /// How many bytes were read.
    fn byte(&self) -> u64;

    /// The line that was read last, from 1.
    fn line(&self) -> u64;
}

impl<I: Items + ?Sized> Items for Box<I> {
    fn next_item(&mut self) -> Result<Option<Item>, Refusal> {
        (**self).next_item()
    }

    fn byte(&self) -> u64 {
        (**self).byte()
    }

    fn line(&self) -> u64 {
        (**self).line()
    }
}

/// A place in a file, between two items: how many records and rejections came before it, and a
/// hash of those records.
///
/// Written as `1440-2-9f86d081884c7d65`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    records: u64,
    rejected: u64,
    check: u64,
}

/// A text that is no [`Position`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a position such as 1440-2-9f86d081884c7d65")]
pub struct BadPosition(String);

/// Offset basis and prime of FNV-1a with 64 bits (RFC 9923), applied to words instead of bytes: it
/// tells files apart by chance, not against intent.
const FNV: (u64, u64) = (0xcbf2_9ce4_8422_2325, 0x0000_0100_0000_01b3);

impl Position {
    /// Before the first item.
    pub const START: Position = Position { records: 0, rejected: 0, check: FNV.0 };

    /// Records before it.
    pub const fn records(self) -> u64 {
        self.records
    }

    /// Rejections before it.
    pub const fn rejected(self) -> u64 {
        self.rejected
    }

    fn after(self, item: &Item) -> Position {
        let Item::Record(record) = item else {
            return Position { rejected: self.rejected + 1, ..self };
        };
        let words = [record.start.unsigned(), record.energy.wh(), record.direction as u64];
        let mix = |check: u64, word: u64| (check ^ word).wrapping_mul(FNV.1);
        let check = words.into_iter().fold(self.check, mix);
        Position { records: self.records + 1, check, ..self }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{:016x}", self.records, self.rejected, self.check)
    }
}

impl FromStr for Position {
    type Err = BadPosition;
    fn from_str(text: &str) -> Result<Position, BadPosition> {
        let parse = || {
            let (records, rest) = text.split_once('-')?;
            let (rejected, check) = rest.split_once('-')?;
            let [records, rejected] = [records, rejected].map(|count| count.parse().ok());
            let check = u64::from_str_radix(check, 16).ok()?;
            Some(Position { records: records?, rejected: rejected?, check })
        };
        parse().ok_or_else(|| BadPosition(text.to_owned()))
    }
}

/// A file that is being read, and how far.
///
/// Going on means reading again what was read before, without giving it out: so it works on what
/// cannot be sought in, such as a pipe, and everything that later rows depend on is there.
#[derive(Debug)]
pub struct Import<I> {
    items: I,
    position: Position,
}

impl<I: Items> Import<I> {
    /// Reads from the beginning.
    pub fn new(items: I) -> Import<I> {
        Import { items, position: Position::START }
    }

    /// Goes on at `position`: what [`Import::next_item`] gives is what it would have given there.
    ///
    /// `Err` where the file ends before, or has other items before it than the one that the
    /// position was taken of.
    pub fn resume(items: I, position: Position) -> Result<Import<I>, Refusal> {
        let mut import = Import::new(items);
        let reached =
            |now: Position| now.records == position.records && now.rejected == position.rejected;
        while !reached(import.position) {
            let over = import.position.records > position.records
                || import.position.rejected > position.rejected;
            if over || import.next_item()?.is_none() {
                return Err(import.elsewhere(position));
            }
        }
        if import.position == position { Ok(import) } else { Err(import.elsewhere(position)) }
    }

    fn elsewhere(&self, position: Position) -> Refusal {
        let text = format!("the file is not the one that position {position} was taken of");
        Refusal::new(self.items.line(), Code::Position, text)
    }

    /// The next item; `None` at the file's end.
    pub fn next_item(&mut self) -> Result<Option<Item>, Refusal> {
        let item = self.items.next_item()?;
        if let Some(item) = &item {
            self.position = self.position.after(item);
        }
        Ok(item)
    }

    /// Where reading can go on later.
    pub fn position(&self) -> Position {
        self.position
    }

    /// How many bytes were read.
    pub fn byte(&self) -> u64 {
        self.items.byte()
    }

    /// The line that was read last, from 1.
    pub fn line(&self) -> u64 {
        self.items.line()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_written_and_read() {
        let position = Position { records: 1_440, rejected: 2, check: 0xff };
        assert_eq!(position.to_string(), "1440-2-00000000000000ff");
        assert_eq!(position.to_string().parse(), Ok(position));
        for text in ["", "1", "1-2", "a-2-ff", "1-2-xyz", "1-2-ff-3"] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }
}

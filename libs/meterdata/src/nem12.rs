//! NEM12: interval data of the Australian market, as AEMO's *Meter Data File Format Specification
//! NEM12 & NEM13* describes it.
//!
//! ```text
//! 100  header
//! 200  a stream: NMI, suffix, unit, interval length
//! 300    a day of it: one value per interval, and its quality
//! 400      where the day's quality is V: intervals from..to, and their quality
//! 500      about the reading; not used
//! 900  end
//! ```
//!
//! A day is one of 24 hours of market time, UTC+10 without daylight saving, whatever the clocks of
//! the meter's place show; another clock without changes can be given, as Western Australia has
//! one. Values are named by their place: the first begins at midnight. Flows are named as the
//! market sees them: `E1` leaves the market, so it is the customer's import, `B1` is its export.
//!
//! A day's 300 is the run whose watt-hours are rounded together (half a watt-hour at most).
//! Values that are blank or of quality N are missing: a record with no energy.
//!
//! Taken are active energy of suffixes A, B, D and E in Wh, kWh, MWh or GWh, of 5, 15 or 30
//! minutes. Streams of other quantities and of check meters are left out, row by row.

mod day;
mod nmi;
mod quality;
mod stream;
mod write;

use std::collections::VecDeque;
use std::io::BufRead;

use calendar::TimeZone;

use crate::import::{Item, Items};
use crate::lines::Lines;
use crate::rejection::{Code, Fault, Refusal, Rejection, quote};
use day::Day;
use stream::Stream;

pub use nmi::checksum;
pub use write::{DAYS_OPEN_MAX, Writer};

/// The IANA name of the market's clock, UTC+10.
pub const MARKET_ZONE: &str = "Etc/GMT-10";
/// Seconds of a day.
const DAY_SECONDS: i64 = 86_400;

/// The market's clock.
pub fn market_zone() -> TimeZone {
    MARKET_ZONE.parse().expect("the database has fixed offsets")
}

/// Reads a file.
#[derive(Debug)]
pub struct Reader<R> {
    lines: Lines<R>,
    rows: Rows,
    done: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads from `source`, whose days are those of `zone`; see [`market_zone`].
    pub fn new(source: R, zone: TimeZone) -> Reader<R> {
        let rows = Rows {
            zone,
            place: Place::Start,
            stream: None,
            day: None,
            unmet: false,
            ready: VecDeque::new(),
        };
        Reader { lines: Lines::new(source), rows, done: false }
    }

    fn row(&mut self) -> Result<(), Refusal> {
        let line = self.lines.number();
        let text = match self.lines.text() {
            Ok(text) => text,
            Err(why) => {
                self.rows.close_day();
                self.rows.unmet = true;
                self.rows.reject(line, None, Fault::new(Code::Encoding, "line", why));
                return Ok(());
            }
        };
        if text.trim_matches([',', ' ', '\t']).is_empty() {
            return Ok(());
        }
        self.rows.row(line, text, self.lines.ended())
    }
}

impl<R: BufRead> Items for Reader<R> {
    fn next_item(&mut self) -> Result<Option<Item>, Refusal> {
        loop {
            if let Some(item) = self.rows.ready.pop_front() {
                return Ok(Some(item));
            }
            if self.done {
                return self.rows.end(self.lines.number()).map(|()| None);
            }
            if self.lines.advance()? {
                self.row()?;
            } else {
                self.done = true;
                self.rows.close_day();
            }
        }
    }

    fn byte(&self) -> u64 {
        self.lines.byte()
    }

    fn line(&self) -> u64 {
        self.lines.number()
    }
}

/// Where in the file a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Within,
    End,
}

/// What rows mean after those before them.
#[derive(Debug)]
struct Rows {
    zone: TimeZone,
    place: Place,
    /// The stream of the last 200, or why its days are not taken.
    stream: Option<Result<Stream, Fault>>,
    /// A day that waits for its 400s.
    day: Option<Day>,
    /// Whether the last row but 400s was rejected: they were its.
    unmet: bool,
    ready: VecDeque<Item>,
}

impl Rows {
    /// Takes a row; `ended` is whether its line does.
    fn row(&mut self, line: u64, text: &str, ended: bool) -> Result<(), Refusal> {
        let indicator = text.split(',').next().unwrap_or_default().trim();
        if self.place == Place::Start {
            return self.header(line, indicator, text);
        }
        if indicator != "400" {
            self.close_day();
            self.unmet = false;
        }
        if self.place == Place::End {
            let why = "a row after the 900 that ends the file";
            self.reject(line, Some(1), Fault::new(Code::AfterEnd, "RecordIndicator", why));
            return Ok(());
        }
        if !ended && indicator != "900" {
            let why = "the file ends within this row";
            self.reject(line, None, Fault::new(Code::Truncated, "line", why));
            return Ok(());
        }
        match indicator {
            "200" => self.open_stream(line, text),
            "300" => self.open_day(line, text),
            "400" => self.quality(line, text),
            "500" if self.stream.is_some() => {}
            "900" => self.place = Place::End,
            "100" | "500" => self.out_of_order(line, indicator),
            other => {
                let why = format!("{} is none of 200, 300, 400, 500 and 900", quote(other));
                self.reject(line, Some(1), Fault::new(Code::RecordType, "RecordIndicator", why));
            }
        }
        Ok(())
    }

    fn header(&mut self, line: u64, indicator: &str, text: &str) -> Result<(), Refusal> {
        let kind = text.split(',').nth(1).unwrap_or_default().trim();
        if indicator == "100" && kind.eq_ignore_ascii_case("NEM12") {
            self.place = Place::Within;
            return Ok(());
        }
        let why = match kind {
            "NEM13" if indicator == "100" => {
                "the file is NEM13: registers that are read now and then, not intervals".to_owned()
            }
            _ => format!("a NEM12 file begins with 100,NEM12, not with {}", quote(text)),
        };
        Err(Refusal::new(line, Code::Kind, why))
    }

    fn open_stream(&mut self, line: u64, text: &str) {
        self.stream = Some(match stream::read(text) {
            Ok(stream) => Ok(stream),
            Err((column, fault)) => {
                self.reject(line, Some(column), fault.clone());
                Err(fault)
            }
        });
    }

    fn open_day(&mut self, line: u64, text: &str) {
        let stream = match &self.stream {
            None => return self.out_of_order(line, "300"),
            Some(Err(fault)) => {
                let why = format!("its 200 is not taken: {}", fault.text);
                let fault = Fault { text: why, ..fault.clone() };
                self.unmet = true;
                return self.reject(line, None, fault);
            }
            Some(Ok(stream)) => stream,
        };
        match day::read(line, text, stream, &self.zone) {
            Ok(day) if day.varies() => self.day = Some(day),
            Ok(day) => self.emit(&day),
            Err((column, fault)) => {
                self.unmet = true;
                self.reject(line, column, fault);
            }
        }
    }

    fn quality(&mut self, line: u64, text: &str) {
        // The 400s of a day that was rejected were rejected with it.
        if self.unmet {
            return;
        }
        let Some(day) = &mut self.day else { return self.out_of_order(line, "400") };
        if let Err((column, fault)) = day.qualify(text) {
            self.reject(line, Some(column), fault);
        }
    }

    /// Gives out the day that waits, if one does: no more 400s come.
    fn close_day(&mut self) {
        let Some(day) = self.day.take() else { return };
        match day.covered() {
            Ok(()) => self.emit(&day),
            Err(fault) => self.reject(day.line(), None, fault),
        }
    }

    fn emit(&mut self, day: &Day) {
        let Some(Ok(stream)) = &self.stream else { return };
        if let Err((column, fault)) = day.records(stream, &mut self.ready) {
            let line = day.line();
            self.reject(line, Some(column), fault);
        }
    }

    fn out_of_order(&mut self, line: u64, indicator: &str) {
        let why = match indicator {
            "100" => "a second 100: one file has one",
            "300" => "a 300 without a 200 before it",
            "400" => "a 400 without a 300 of quality V before it",
            _ => "a row without a 200 before it",
        };
        self.reject(line, Some(1), Fault::new(Code::RecordOrder, "RecordIndicator", why));
    }

    fn reject(&mut self, line: u64, column: Option<usize>, fault: Fault) {
        self.ready.push_back(Item::Rejected(Rejection { line, column, fault }));
    }

    /// Whether the file may end here.
    fn end(&self, line: u64) -> Result<(), Refusal> {
        match self.place {
            Place::End => Ok(()),
            Place::Start => Err(Refusal::new(1, Code::Empty, "the file is empty")),
            Place::Within => {
                let why = "the file ends without a 900: something is missing";
                Err(Refusal::new(line, Code::Truncated, why))
            }
        }
    }
}

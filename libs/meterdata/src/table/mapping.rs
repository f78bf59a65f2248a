//! Which column is what.

use std::collections::BTreeMap;

use calendar::SlotLength;
use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::pattern::Pattern;
use crate::amount::Unit;
use crate::record::{self, Direction, Quality};

/// The most columns of a file.
pub const COLUMNS_MAX: usize = 256;
/// The most codes of quality.
pub const CODES_MAX: usize = 64;
/// The most columns of energy, and the most lines above the header.
const ENERGY_MAX: usize = 16;
const SKIP_LINES_MAX: usize = 1_000;

/// How a file is laid out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// What is between columns, an ASCII character; a comma where it is not said.
    #[serde(default = "comma")]
    pub separator: char,
    /// What is before decimals, a point or a comma; a point where it is not said.
    #[serde(default = "point")]
    pub decimal: char,
    /// Lines above the header, or above the first row.
    #[serde(default)]
    pub skip_lines: usize,
    /// Whether columns have names, in a line above the first row; they have where it is not said.
    #[serde(default = "yes")]
    pub header: bool,
    /// When.
    pub time: TimeColumns,
    /// How long an interval lasts, in minutes.
    pub minutes: SlotLength,
    /// Whose.
    pub meter: Meter,
    /// How much.
    pub energy: Vec<EnergyColumn>,
    /// How it is known; all is measured where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<QualityColumn>,
}

/// A column, by its name in the header or its number from 1. All of a mapping are of one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Column {
    /// Its number.
    Number(usize),
    /// Its name.
    Name(String),
}

/// Where the time of a row stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeColumns {
    /// One column, or two: what stands in them is read with a space between.
    pub columns: Vec<Column>,
    /// `%Y` year, `%y` its last two digits (of 20..), `%m` month, `%b` its English name in three
    /// letters, `%d` day, `%H` hour to 24, `%I` hour to 12 with `%p` AM or PM, `%M` minute, `%S`
    /// second, `%z` offset (`Z`, `+1000`, `+10:00`), or `%s` alone: seconds of UTC since 1970. `%%`
    /// is a percent sign; all else stands for itself.
    pub pattern: String,
    /// Whose clock it is: an IANA name, or an offset such as `+10:00`. With `%z` it is what a
    /// writer writes in; with `%s` it is UTC.
    #[serde(default = "utc")]
    pub zone: String,
    /// Which end of an interval the time is.
    pub label: Label,
}

/// Which end of an interval a time names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Label {
    /// Its first moment.
    Start,
    /// The first moment after it.
    End,
}

/// Whose energy it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Meter {
    /// Every row says.
    Column {
        /// Where.
        column: Column,
    },
    /// The same of all.
    Fixed {
        /// Whose.
        fixed: record::Label,
    },
}

/// A column of energy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnergyColumn {
    /// Where.
    pub column: Column,
    /// In what unit.
    pub unit: Unit,
    /// Which way.
    pub direction: Direction,
    /// Its channel; the direction's name where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<record::Label>,
}

/// The column of quality.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QualityColumn {
    /// Where.
    pub column: Column,
    /// What its codes mean; `""` is where nothing stands.
    pub codes: BTreeMap<String, Quality>,
}

/// Why a text is no mapping.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {text}")]
pub struct BadMapping {
    /// Where in it.
    pub path: String,
    /// What is wrong.
    pub text: String,
}

fn comma() -> char {
    ','
}

fn point() -> char {
    '.'
}

fn yes() -> bool {
    true
}

fn utc() -> String {
    "UTC".to_owned()
}

fn bad(path: &str, text: impl Into<String>) -> BadMapping {
    BadMapping { path: path.to_owned(), text: text.into() }
}

/// A mapping that was checked, with what its texts mean.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) mapping: Mapping,
    pub(super) separator: u8,
    pub(super) decimal: u8,
    pub(super) pattern: Pattern,
    pub(super) clock: Clock,
    /// Of every column of energy.
    pub(super) channels: Vec<record::Label>,
    /// The labels of the codes; `None` where nothing stands.
    pub(super) codes: BTreeMap<String, (Quality, Option<record::Label>)>,
}

impl Mapping {
    /// Reads a mapping from JSON.
    pub fn parse(json: &str) -> Result<Mapping, BadMapping> {
        let mut reader = serde_json::Deserializer::from_str(json);
        let mapping: Mapping = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            BadMapping { path, text: error.inner().to_string() }
        })?;
        reader.end().map_err(|error| bad("the mapping", error.to_string()))?;
        mapping.layout().map(|_| ())?;
        Ok(mapping)
    }

    /// All columns that it names, in the order in which they are written.
    pub(super) fn columns(&self) -> Vec<&Column> {
        let mut columns: Vec<&Column> = self.time.columns.iter().collect();
        if let Meter::Column { column } = &self.meter {
            columns.push(column);
        }
        columns.extend(self.energy.iter().map(|energy| &energy.column));
        columns.extend(self.quality.iter().map(|quality| &quality.column));
        columns
    }

    /// Checks it.
    pub(super) fn layout(&self) -> Result<Layout, BadMapping> {
        let separator = ascii("separator", self.separator)?;
        let decimal = ascii("decimal", self.decimal)?;
        let plain = separator.is_ascii_punctuation() || separator == b'\t';
        if !plain || matches!(separator, b'"' | b'.' | b'-' | b'+') || separator == decimal {
            return Err(bad("separator", format!("{:?} cannot separate columns", self.separator)));
        }
        if !matches!(decimal, b'.' | b',') {
            return Err(bad("decimal", "it is a point or a comma"));
        }
        if self.skip_lines > SKIP_LINES_MAX {
            return Err(bad("skip_lines", format!("at most {SKIP_LINES_MAX}")));
        }
        self.check_columns()?;
        let pattern = Pattern::parse(&self.time.pattern).map_err(|why| bad("time.pattern", why))?;
        let clock = Clock::parse(&self.time.zone, pattern.is_epoch())
            .map_err(|why| bad("time.zone", why))?;
        if self.time.pattern.matches(' ').count() + 1 < self.time.columns.len() {
            return Err(bad("time.columns", "two columns need a space in the pattern"));
        }
        let channels = self.channels()?;
        let codes = self.codes()?;
        let mapping = self.clone();
        Ok(Layout { mapping, separator, decimal, pattern, clock, channels, codes })
    }

    fn check_columns(&self) -> Result<(), BadMapping> {
        if !(1..=2).contains(&self.time.columns.len()) {
            return Err(bad("time.columns", "one or two columns"));
        }
        if !(1..=ENERGY_MAX).contains(&self.energy.len()) {
            return Err(bad("energy", format!("1 to {ENERGY_MAX} columns")));
        }
        let mut columns = self.columns();
        let named = |column: &&&Column| matches!(column, Column::Name(_));
        let names = columns.iter().filter(named).count();
        if names != 0 && names != columns.len() {
            return Err(bad("columns", "all have a name, or all have a number"));
        }
        if names != 0 && !self.header {
            return Err(bad("header", "columns have names, so there is a header"));
        }
        for column in &columns {
            match column {
                Column::Number(number) if !(1..=COLUMNS_MAX).contains(number) => {
                    return Err(bad("columns", format!("{number} is not in 1 to {COLUMNS_MAX}")));
                }
                Column::Name(name) if name.is_empty() || name.trim() != name => {
                    return Err(bad("columns", format!("{name:?} is not a name")));
                }
                Column::Name(name) if name.chars().any(char::is_control) => {
                    return Err(bad("columns", format!("{name:?} is not a name")));
                }
                _ => {}
            }
        }
        columns.sort();
        if columns.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(bad("columns", "a column has one meaning"));
        }
        Ok(())
    }

    fn channels(&self) -> Result<Vec<record::Label>, BadMapping> {
        let mut channels: Vec<record::Label> = Vec::new();
        for energy in &self.energy {
            let name = energy.direction.name();
            let own = || record::Label::new(name).map_err(|error| bad("energy", error.to_string()));
            let channel = energy.channel.clone().map_or_else(own, Ok)?;
            if channels.contains(&channel) {
                return Err(bad("energy", format!("two columns have the channel {channel}")));
            }
            channels.push(channel);
        }
        Ok(channels)
    }

    fn codes(&self) -> Result<BTreeMap<String, (Quality, Option<record::Label>)>, BadMapping> {
        let Some(quality) = &self.quality else { return Ok(BTreeMap::new()) };
        if !(1..=CODES_MAX).contains(&quality.codes.len()) {
            return Err(bad("quality.codes", format!("1 to {CODES_MAX} codes")));
        }
        let label = |code: &String| match code.as_str() {
            "" => Ok(None),
            code => record::Label::new(code).map(Some),
        };
        let entry = |(code, quality): (&String, &Quality)| {
            let label = label(code).map_err(|error| bad("quality.codes", error.to_string()))?;
            Ok((code.clone(), (*quality, label)))
        };
        quality.codes.iter().map(entry).collect()
    }
}

fn ascii(path: &str, char: char) -> Result<u8, BadMapping> {
    u8::try_from(char).ok().filter(u8::is_ascii).ok_or_else(|| bad(path, "one ASCII character"))
}

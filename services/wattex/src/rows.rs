//! Rows of a file, by column; every fault is named by file, line and column.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use calendar::Timestamp;
use matching::Side;
use serde_json::Value;
use units::{Decimal, Energy, Price};

use crate::data::DataError;

/// The columns that a file may have, and those that it must.
pub struct Columns {
    /// All of them.
    pub known: &'static [&'static str],
    /// Those that must be there.
    pub needed: &'static [&'static str],
}

/// A line of the file: its number, and its cells by column.
pub struct Row {
    file: PathBuf,
    line: u64,
    cells: HashMap<&'static str, String>,
}

impl Row {
    /// The fault of a cell.
    pub fn error(&self, column: &str, reason: impl Into<String>) -> DataError {
        DataError::Cell {
            file: self.file.clone(),
            line: self.line,
            column: column.to_owned(),
            reason: reason.into(),
        }
    }

    /// What stands in a column; `None` where nothing does.
    pub fn get(&self, column: &str) -> Option<&str> {
        self.cells.get(column).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
    }

    /// What has to stand in a column.
    pub fn needed(&self, column: &str) -> Result<&str, DataError> {
        self.get(column).ok_or_else(|| self.error(column, "nothing stands here"))
    }

    /// Wh, where any stand in the column.
    pub fn energy(&self, column: &str) -> Result<Option<Energy>, DataError> {
        let Some(text) = self.get(column) else { return Ok(None) };
        let fault = || self.error(column, format!("{text:?} is no number of Wh"));
        text.parse().map(|wh| Some(Energy::from_wh(wh))).map_err(|_| fault())
    }

    /// Wh that have to stand in the column.
    pub fn needed_energy(&self, column: &str) -> Result<Energy, DataError> {
        self.needed(column)?;
        Ok(self.energy(column)?.unwrap_or_default())
    }

    /// A price in currency per kWh.
    pub fn price(&self, column: &str) -> Result<Price, DataError> {
        price(self.needed(column)?).map_err(|why| self.error(column, why))
    }

    /// Buy or sell.
    pub fn side(&self) -> Result<Side, DataError> {
        match self.needed("side")?.to_ascii_lowercase().as_str() {
            "buy" | "bid" => Ok(Side::Buy),
            "sell" | "ask" | "offer" => Ok(Side::Sell),
            other => Err(self.error("side", format!("{other:?} is neither buy nor sell"))),
        }
    }

    /// A number, or the second of a moment, where there is one.
    pub fn number(&self, column: &str) -> Result<Option<i64>, DataError> {
        let Some(text) = self.get(column) else { return Ok(None) };
        let moment = text.parse::<i64>().ok();
        let moment = moment.or_else(|| text.parse::<Timestamp>().ok().map(Timestamp::seconds));
        let fault = || {
            let why = "is neither a number nor a moment such as 2026-06-01T10:00:00Z";
            self.error(column, format!("{text:?} {why}"))
        };
        moment.map(Some).ok_or_else(fault)
    }

    /// A moment, as text or in seconds since 1970, where there is one.
    pub fn moment(&self, column: &str) -> Result<Option<Timestamp>, DataError> {
        Ok(self.number(column)?.map(Timestamp::from_seconds))
    }
}

/// A price in currency per kWh, exact to the unit of 1e-9 currency per Wh.
pub fn price(text: &str) -> Result<Price, String> {
    let fault = |why: &str| format!("{text:?} is no price in currency per kWh: {why}");
    let number: Decimal = text.parse().map_err(|_| fault("not a decimal number"))?;
    let n = number.to_scale(6).ok_or_else(|| fault("more than six decimals"))?;
    i64::try_from(n).map(Price::from_n_per_wh).map_err(|_| fault("too large"))
}

/// Reads a file: a JSON list of objects where its name ends so, else CSV with a header.
pub fn read(path: &Path, columns: &Columns) -> Result<Vec<Row>, DataError> {
    let text = fs::read_to_string(path)
        .map_err(|error| DataError::File { file: path.to_owned(), reason: error.to_string() })?;
    let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if json { json_rows(path, &text, columns) } else { csv_rows(path, &text, columns) }
}

fn csv_rows(path: &Path, text: &str, known: &Columns) -> Result<Vec<Row>, DataError> {
    let fault = |reason: String| DataError::File { file: path.to_owned(), reason };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| fault(error.to_string()))?.clone();
    let mut columns = Vec::new();
    for name in &header {
        let column = known.known.iter().copied().find(|column| *column == name);
        columns.push(column.ok_or_else(|| fault(format!("there is no column {name:?}")))?);
    }
    if let Some(missing) = known.needed.iter().find(|needed| !columns.contains(needed)) {
        return Err(fault(format!("the column {missing} is missing")));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| fault(error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let cells = columns.iter().copied().zip(record.iter().map(str::to_owned)).collect();
        rows.push(Row { file: path.to_owned(), line, cells });
    }
    Ok(rows)
}

/// A list of objects; the line is the place in the list, from 1.
fn json_rows(path: &Path, text: &str, columns: &Columns) -> Result<Vec<Row>, DataError> {
    let fault = |reason: String| DataError::File { file: path.to_owned(), reason };
    let list: Vec<serde_json::Map<String, Value>> =
        serde_json::from_str(text).map_err(|error| fault(error.to_string()))?;
    let mut rows = Vec::new();
    for (line, object) in (1..).zip(list) {
        let mut cells = HashMap::new();
        for (name, value) in &object {
            let known = columns.known.iter().copied().find(|column| column == name);
            let column = known.ok_or_else(|| fault(format!("there is no field {name:?}")))?;
            let cell = match value {
                Value::String(text) => text.clone(),
                Value::Null => String::new(),
                other => other.to_string(),
            };
            cells.insert(column, cell);
        }
        rows.push(Row { file: path.to_owned(), line, cells });
    }
    Ok(rows)
}

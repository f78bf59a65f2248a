//! CSV tables whose every fault is named by file, line and column.

use std::path::{Path, PathBuf};

use calendar::LocalDay;
use units::Decimal;

/// Why homes could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// There is no such folder.
    #[error("{}: there is no such folder", .0.display())]
    Absent(PathBuf),
    /// The folder holds no format that is known.
    #[error(
        "{}: no known data here (looked for load_kwh.csv with column hour_ending_local, \
         or load.csv with one column per player)", .0.display()
    )]
    Unknown(PathBuf),
    /// A file cannot be read.
    #[error("{}: {reason}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// A cell, or a whole line, is wrong.
    #[error("{}:{line}, column {column}: {reason}", file.display())]
    Cell {
        /// Which file.
        file: PathBuf,
        /// Line, from 1.
        line: u64,
        /// The column's name.
        column: String,
        /// What is wrong.
        reason: String,
    },
    /// More homes than there are.
    #[error("{wanted} homes were asked for, the data has {available}")]
    Homes {
        /// Asked for.
        wanted: usize,
        /// There.
        available: usize,
    },
    /// Days outside the data.
    #[error("{days} day(s) from {from} were asked for, the data has {first} to {last}")]
    Days {
        /// First day asked for.
        from: LocalDay,
        /// How many.
        days: u32,
        /// First day there.
        first: LocalDay,
        /// Last day there.
        last: LocalDay,
    },
}

/// A table with a header line.
pub(super) struct Table {
    file: PathBuf,
    /// Column names; the first is the key's.
    pub(super) columns: Vec<String>,
    /// Lines after the header: number in the file, then the cells.
    pub(super) rows: Vec<(u64, Vec<String>)>,
}

impl Table {
    /// Reads `folder/name`; every line must have as many cells as the header.
    pub(super) fn read(folder: &Path, name: &str) -> Result<Table, DataError> {
        let file = folder.join(name);
        let fault = |reason: String| DataError::File { file: file.clone(), reason };
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .from_path(&file)
            .map_err(|error| fault(error.to_string()))?;
        let header = reader.headers().map_err(|error| fault(error.to_string()))?;
        let columns: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
        let mut table = Table { file: file.clone(), columns, rows: Vec::new() };
        for record in reader.records() {
            let record = record.map_err(|error| fault(error.to_string()))?;
            let line = record.position().map_or(0, csv::Position::line);
            let cells: Vec<String> = record.iter().map(|cell| cell.trim().to_owned()).collect();
            if cells.len() != table.columns.len() {
                let (got, expected) = (cells.len(), table.columns.len());
                // The first cell that is missing, or the first without a column.
                let place = got.min(expected);
                let reason = format!("the line has {got} cells, the header {expected}");
                return Err(table.cell_error(line, place, reason));
            }
            table.rows.push((line, cells));
        }
        if table.rows.is_empty() {
            return Err(fault("no lines after the header".to_owned()));
        }
        Ok(table)
    }

    /// The place of the column `name`, if there is one.
    pub(super) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// A cell as a number of `10^-scale` units, not negative. `row` counts the lines after the
    /// header.
    pub(super) fn quantity(&self, row: usize, column: usize, scale: u32) -> Result<u64, DataError> {
        let (line, cells) = &self.rows[row];
        let text = &cells[column];
        if text.is_empty() {
            return Err(self.cell_error(*line, column, "the cell is empty".to_owned()));
        }
        let number: Decimal =
            text.parse().map_err(|error| self.cell_error(*line, column, format!("{error}")))?;
        let value = number
            .rounded_to_scale(scale)
            .ok_or_else(|| self.cell_error(*line, column, format!("{text} is too large")))?;
        u64::try_from(value)
            .map_err(|_| self.cell_error(*line, column, format!("{text} is negative")))
    }

    /// The error that names a cell of `line`.
    pub(super) fn cell_error(&self, line: u64, column: usize, reason: String) -> DataError {
        let column = match self.columns.get(column).map(String::as_str) {
            Some("") | None => (column + 1).to_string(),
            Some(name) => name.to_owned(),
        };
        DataError::Cell { file: self.file.clone(), line, column, reason }
    }
}

//! A book of orders from a file; every fault is named by file, line and column.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use alloy_primitives::keccak256;
use calendar::Timestamp;
use ids::{OrderId, ZoneId};
use matching::{Order, Side};
use serde_json::Value;
use units::{Decimal, Energy, Price};

use crate::data::DataError;

/// The columns there are.
const COLUMNS: [&str; 8] =
    ["order_id", "account", "side", "qty_wh", "price", "zone", "time", "min_fill_wh"];
/// The columns that must be there.
const NEEDED: [&str; 4] = ["order_id", "side", "qty_wh", "price"];

/// Orders, and the names that the file has for them.
pub(super) struct Book {
    pub(super) orders: Vec<Order>,
    names: HashMap<OrderId, (usize, String, String)>,
}

impl Book {
    /// The order.
    pub(super) fn order(&self, order: OrderId) -> &Order {
        &self.orders[self.names[&order].0]
    }

    /// What the file calls it.
    pub(super) fn name(&self, order: OrderId) -> &str {
        &self.names[&order].1
    }

    /// Whose it is.
    pub(super) fn account(&self, order: OrderId) -> &str {
        &self.names[&order].2
    }
}

/// Reads a book: JSON where the file's name ends so, else CSV.
pub(super) fn read(path: &Path) -> Result<Book, DataError> {
    let text = fs::read_to_string(path)
        .map_err(|error| DataError::File { file: path.to_owned(), reason: error.to_string() })?;
    let json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let rows = if json { json_rows(path, &text)? } else { csv_rows(path, &text)? };
    book(rows)
}

/// A line of the file: its number, and its cells by column.
struct Row {
    file: PathBuf,
    line: u64,
    cells: HashMap<&'static str, String>,
}

impl Row {
    fn error(&self, column: &str, reason: impl Into<String>) -> DataError {
        DataError::Cell {
            file: self.file.clone(),
            line: self.line,
            column: column.to_owned(),
            reason: reason.into(),
        }
    }

    /// What stands in a column; `None` where nothing does.
    fn get(&self, column: &str) -> Option<&str> {
        self.cells.get(column).map(|cell| cell.trim()).filter(|cell| !cell.is_empty())
    }

    fn needed(&self, column: &str) -> Result<&str, DataError> {
        self.get(column).ok_or_else(|| self.error(column, "nothing stands here"))
    }

    fn energy(&self, column: &str, text: &str) -> Result<Energy, DataError> {
        let fault = || self.error(column, format!("{text:?} is no number of Wh"));
        text.parse().map(Energy::from_wh).map_err(|_| fault())
    }

    fn side(&self) -> Result<Side, DataError> {
        match self.needed("side")?.to_ascii_lowercase().as_str() {
            "buy" | "bid" => Ok(Side::Buy),
            "sell" | "ask" | "offer" => Ok(Side::Sell),
            other => Err(self.error("side", format!("{other:?} is neither buy nor sell"))),
        }
    }

    /// The second at which it came, or the number that says who came first.
    fn time(&self) -> Result<Option<i64>, DataError> {
        let Some(text) = self.get("time") else { return Ok(None) };
        let moment = text.parse::<i64>().ok();
        let moment = moment.or_else(|| text.parse::<Timestamp>().ok().map(Timestamp::seconds));
        let fault = || {
            self.error(
                "time",
                format!(
                    "{text:?} is neither a number nor a moment such as \
                                        2026-06-01T10:00:00Z"
                ),
            )
        };
        moment.map(Some).ok_or_else(fault)
    }
}

/// A price in currency per kWh, exact to the unit of 1e-9 currency per Wh.
pub(super) fn price(text: &str) -> Result<Price, String> {
    let fault = |why: &str| format!("{text:?} is no price in currency per kWh: {why}");
    let number: Decimal = text.parse().map_err(|_| fault("not a decimal number"))?;
    let n = number.to_scale(6).ok_or_else(|| fault("more than six decimals"))?;
    i64::try_from(n).map(Price::from_n_per_wh).map_err(|_| fault("too large"))
}

fn csv_rows(path: &Path, text: &str) -> Result<Vec<Row>, DataError> {
    let fault = |reason: String| DataError::File { file: path.to_owned(), reason };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| fault(error.to_string()))?.clone();
    let mut columns = Vec::new();
    for name in &header {
        let known = COLUMNS.into_iter().find(|column| *column == name);
        columns.push(known.ok_or_else(|| fault(format!("there is no column {name:?}")))?);
    }
    if let Some(missing) = NEEDED.into_iter().find(|needed| !columns.contains(needed)) {
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
fn json_rows(path: &Path, text: &str) -> Result<Vec<Row>, DataError> {
    let fault = |reason: String| DataError::File { file: path.to_owned(), reason };
    let list: Vec<serde_json::Map<String, Value>> =
        serde_json::from_str(text).map_err(|error| fault(error.to_string()))?;
    let mut rows = Vec::new();
    for (line, object) in (1..).zip(list) {
        let mut cells = HashMap::new();
        for (name, value) in &object {
            let known = COLUMNS.into_iter().find(|column| column == name);
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

fn book(rows: Vec<Row>) -> Result<Book, DataError> {
    let mut book = Book { orders: Vec::new(), names: HashMap::new() };
    let mut times = Vec::new();
    for row in rows {
        let name = row.needed("order_id")?.to_owned();
        let account = row.get("account").unwrap_or(&name).to_owned();
        let id = OrderId::derived(&name);
        let mut owner = [0; 20];
        owner.copy_from_slice(&keccak256(&account)[12..]);
        let quantity = row.energy("qty_wh", row.needed("qty_wh")?)?;
        let min_fill = row.get("min_fill_wh").map(|text| row.energy("min_fill_wh", text));
        let limit = price(row.needed("price")?).map_err(|why| row.error("price", why))?;
        if book.names.insert(id, (book.orders.len(), name.clone(), account)).is_some() {
            return Err(row.error("order_id", format!("{name:?} stands here for the second time")));
        }
        times.push(row.time()?.unwrap_or(i64::MAX));
        book.orders.push(Order {
            id,
            owner,
            side: row.side()?,
            quantity,
            price: limit,
            min_fill: min_fill.transpose()?.unwrap_or_default(),
            hash: keccak256(&name).0,
            sequence: 0,
            zone: ZoneId::derived(row.get("zone").unwrap_or_default()),
        });
    }
    let mut places: Vec<usize> = (0..times.len()).collect();
    places.sort_by_key(|place| (times[*place], *place));
    for (sequence, place) in (1..).zip(places) {
        book.orders[place].sequence = sequence;
    }
    Ok(book)
}

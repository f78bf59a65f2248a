//! A community by the quarter-hour: `load.csv`, `pv.csv`, `buy_price.csv`, `sell_price.csv`, a
//! column a player, a row a quarter-hour, power in kW, prices per kWh. One day, without a date.

use std::path::Path;

use calendar::{LocalDay, TimeZone};

use super::prices::{Prices, Retail};
use super::table::{DataError, Table};
use super::{Dataset, Home};

/// Where the day is laid unless told.
const DAY: (i16, i8, i8) = (2026, 6, 1);
/// Portugal, where the community is.
const ZONE: &str = "Europe/Lisbon";
/// Rows of a day.
const ROWS: usize = 96;

/// Reads the folder; the day becomes `start`.
pub(super) fn read(folder: &Path, start: Option<LocalDay>) -> Result<Dataset, DataError> {
    let load = Table::read(folder, "load.csv")?;
    check_rows(&load)?;
    let pv = Table::read(folder, "pv.csv")?;
    check_rows(&pv)?;
    if pv.columns.len() != load.columns.len() {
        let reason =
            format!("pv.csv has {} columns, load.csv {}", pv.columns.len(), load.columns.len());
        return Err(pv.cell_error(1, pv.columns.len() - 1, reason));
    }
    let homes = (1..load.columns.len())
        .map(|column| {
            let generated = series(&pv, column)?;
            let has_pv = generated.iter().any(|value| *value > 0);
            Ok(Home {
                name: format!("P{}", load.columns[column].trim_end_matches(".0")),
                load: series(&load, column)?,
                pv: if has_pv { generated } else { Vec::new() },
            })
        })
        .collect::<Result<_, DataError>>()?;
    let first = start.or(LocalDay::new(DAY.0, DAY.1, DAY.2)).expect("the default day exists");
    Ok(Dataset {
        name: format!("energy community of {}", folder.display()),
        timezone: ZONE.parse::<TimeZone>().expect("a zone of the bundled database"),
        first,
        days: 1,
        base_minutes: 15,
        homes,
        prices: prices(folder, first)?,
    })
}

fn check_rows(table: &Table) -> Result<(), DataError> {
    for (place, (line, cells)) in table.rows.iter().enumerate() {
        let number = cells[0].trim_end_matches(".0");
        if number != (place + 1).to_string() {
            let reason = format!("{:?} where quarter-hour {} belongs", cells[0], place + 1);
            return Err(table.cell_error(*line, 0, reason));
        }
    }
    if table.rows.len() != ROWS {
        let (line, _) = &table.rows[table.rows.len() - 1];
        let reason = format!("a day has {ROWS} quarter-hours, the file {}", table.rows.len());
        return Err(table.cell_error(*line, 0, reason));
    }
    Ok(())
}

/// A column of kW as mWh a quarter-hour. The file has four decimals, so nothing is lost.
fn series(table: &Table, column: usize) -> Result<Vec<u64>, DataError> {
    (0..table.rows.len()).map(|row| Ok(table.quantity(row, column, 6)? / 4)).collect()
}

/// The price of most players in each hour, and the feed-in price of most.
fn prices(folder: &Path, day: LocalDay) -> Result<Prices, DataError> {
    if !folder.join("buy_price.csv").is_file() || !folder.join("sell_price.csv").is_file() {
        return Ok(Prices::default_community());
    }
    let buy = Table::read(folder, "buy_price.csv")?;
    check_rows(&buy)?;
    let mut retail = Retail::default();
    for row in 0..buy.rows.len() {
        for column in 1..buy.columns.len() {
            let price = buy.quantity(row, column, 6)?;
            retail.saw(day, row / 4, i64::try_from(price).unwrap_or(i64::MAX));
        }
    }
    let sell = Table::read(folder, "sell_price.csv")?;
    check_rows(&sell)?;
    let feed_in = i64::try_from(sell.quantity(0, 1, 6)?).unwrap_or(i64::MAX);
    Ok(Prices::new("EUR", retail, feed_in))
}

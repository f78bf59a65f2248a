//! Homes measured by the hour: `load_kwh.csv` and `pv_kwh.csv`, hour-ending local labels, a column
//! a home.
//!
//! Every day has 24 rows, so the labels are standard time all year. A home whose column is missing
//! in `pv_kwh.csv` has no PV. `price_carbon_weather.csv` gives the retail price where it is there.

use std::path::Path;

use calendar::{LocalDay, TimeZone};

use super::prices::{Prices, Retail};
use super::table::{DataError, Table};
use super::{Dataset, Home};

/// Standard time of the west coast of North America, where these homes are.
const ZONE: &str = "Etc/GMT+8";
/// Decimals of a kWh in a milliwatt-hour.
const KWH_TO_MWH: u32 = 6;
/// The column that names the hour.
const KEY: &str = "hour_ending_local";

/// Reads the folder.
pub(super) fn read(folder: &Path) -> Result<Dataset, DataError> {
    let load = Table::read(folder, "load_kwh.csv")?;
    let hours = Hours::of(&load)?;
    let pv = if folder.join("pv_kwh.csv").is_file() {
        let table = Table::read(folder, "pv_kwh.csv")?;
        hours.must_equal(&table)?;
        Some(table)
    } else {
        None
    };
    let mut homes = Vec::new();
    for (place, name) in load.columns.iter().enumerate().skip(1) {
        let pv_series = match pv.as_ref().and_then(|table| Some((table, table.column(name)?))) {
            Some((table, column)) => hours.series(table, column)?,
            None => Vec::new(),
        };
        homes.push(Home { name: name.clone(), load: hours.series(&load, place)?, pv: pv_series });
    }
    let prices = if folder.join("price_carbon_weather.csv").is_file() {
        retail(folder, &hours)?
    } else {
        Prices::default_community()
    };
    Ok(Dataset {
        name: format!("measured homes of {}", folder.display()),
        timezone: zone(),
        first: hours.first,
        days: hours.days,
        base_minutes: 60,
        homes,
        prices,
    })
}

fn zone() -> TimeZone {
    ZONE.parse().expect("a zone of the bundled database")
}

/// Which rows are whole days: a row labelled 00:00 is the last hour of the day before.
struct Hours {
    first: LocalDay,
    days: u32,
    /// Rows before the first whole day.
    skip: usize,
    keys: Vec<String>,
}

impl Hours {
    fn of(table: &Table) -> Result<Hours, DataError> {
        if table.columns.first().map(String::as_str) != Some(KEY) {
            return Err(table.cell_error(1, 0, format!("the first column must be {KEY}")));
        }
        let mut previous: Option<(LocalDay, u8)> = None;
        for (line, cells) in &table.rows {
            let hour = label(&cells[0])
                .ok_or_else(|| table.cell_error(*line, 0, format!("{:?} is no hour", cells[0])))?;
            if previous.is_some_and(|before| next_hour(before) != hour) {
                let reason = format!("{} does not follow the hour before it", cells[0]);
                return Err(table.cell_error(*line, 0, reason));
            }
            previous = Some(hour);
        }
        let keys: Vec<String> = table.rows.iter().map(|(_, cells)| cells[0].clone()).collect();
        let (day, hour) = label(&keys[0]).expect("checked above");
        // The rows up to and including the one labelled 00:00 end the day before.
        let (first, skip) = match hour {
            0 => (day, 1),
            1 => (day, 0),
            later => (day.next(), 25 - usize::from(later)),
        };
        let whole_days = keys.len().saturating_sub(skip) / 24;
        let days = u32::try_from(whole_days).unwrap_or(u32::MAX);
        Ok(Hours { first, days, skip, keys })
    }

    fn must_equal(&self, table: &Table) -> Result<(), DataError> {
        for (row, key) in self.keys.iter().enumerate() {
            let line = table.rows.get(row).map_or(table.rows.len() as u64 + 2, |(line, _)| *line);
            if table.rows.get(row).map(|(_, cells)| &cells[0]) != Some(key) {
                let reason = format!("load_kwh.csv has {key} here");
                return Err(table.cell_error(line, 0, reason));
            }
        }
        Ok(())
    }

    fn rows(&self) -> std::ops::Range<usize> {
        self.skip..self.skip + self.days as usize * 24
    }

    fn series(&self, table: &Table, column: usize) -> Result<Vec<u64>, DataError> {
        // Every cell is read, so that a fault after the last whole day is named too.
        let all: Vec<u64> = (0..table.rows.len())
            .map(|row| table.quantity(row, column, KWH_TO_MWH))
            .collect::<Result<_, _>>()?;
        Ok(all[self.rows()].to_vec())
    }
}

/// The day and hour (0 to 23) that `2016-08-01 01:00:00` names.
fn label(text: &str) -> Option<(LocalDay, u8)> {
    let (day, time) = text.split_once([' ', 'T'])?;
    let (hour, rest) = time.split_once(':')?;
    let on_the_hour = matches!(rest, "00" | "00:00");
    let hour: u8 = hour.parse().ok().filter(|hour| *hour < 24 && on_the_hour)?;
    Some((day.parse().ok()?, hour))
}

fn next_hour((day, hour): (LocalDay, u8)) -> (LocalDay, u8) {
    if hour == 23 { (day.next(), 0) } else { (day, hour + 1) }
}

/// The retail price by month, kind of day and hour, as most days have it.
fn retail(folder: &Path, hours: &Hours) -> Result<Prices, DataError> {
    let table = Table::read(folder, "price_carbon_weather.csv")?;
    let Some(column) = table.column("price_usd_per_kwh") else {
        return Err(table.cell_error(1, 0, "there is no column price_usd_per_kwh".to_owned()));
    };
    hours.must_equal(&table)?;
    let mut retail = Retail::default();
    for (place, row) in hours.rows().enumerate() {
        let day = hours.first.later(i32::try_from(place / 24).unwrap_or(0));
        // 10^-6 currency per kWh is 10^-9 per Wh.
        let price = table.quantity(row, column, 6)?;
        retail.saw(day, place % 24, i64::try_from(price).unwrap_or(i64::MAX));
    }
    Ok(Prices::new("USD", retail, 75_000))
}

//! Profiles of light over time: the ramps of EN 50530 for dynamic efficiency.
//!
//! The tables are those of EN 50530:2010+A1:2013, annex B. Their total durations are the published
//! 15 939 s (10 % to 50 %), 6 987 s (30 % to 100 %) and 2 320 s (start and stop).

use std::str::FromStr;

use serde::Serialize;

use crate::table::{Malformed, Table};

/// Rows of a table at most.
pub const ROWS_MAX: usize = 1_000;
/// A row lasts no longer than this, in s.
pub const ROW_SECONDS_MAX: f64 = 1e6;

/// A ramp up and down, repeated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Row {
    /// How often.
    pub repetitions: u32,
    /// How steep the table says it is, in W/m2/s.
    pub slope: f64,
    /// In W/m2.
    pub low: f64,
    /// In W/m2.
    pub high: f64,
    /// From low to high, in s.
    pub up: f64,
    /// At high, in s.
    pub dwell_high: f64,
    /// From high to low, in s.
    pub down: f64,
    /// At low, in s.
    pub dwell_low: f64,
    /// At low before the first ramp, in s: not measured.
    pub settling: f64,
}

/// Rows that are run one by one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sequence {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: Vec<Row>,
}

impl Row {
    /// A ramp between two irradiances at a slope, in W/m2 and W/m2/s; dwell and settling in s.
    fn ramp(repetitions: u32, slope: f64, between: (f64, f64), dwell: f64) -> Row {
        let (low, high) = between;
        let up = (high - low) / slope;
        Row {
            repetitions,
            slope,
            low,
            high,
            up,
            dwell_high: dwell,
            down: up,
            dwell_low: dwell,
            settling: 300.0,
        }
    }

    /// One repetition, in s.
    fn round(&self) -> f64 {
        self.up + self.dwell_high + self.down + self.dwell_low
    }

    /// All of it, settling included, in s.
    pub fn seconds(&self) -> f64 {
        self.settling + f64::from(self.repetitions) * self.round()
    }

    /// The irradiance so many s after the beginning, in W/m2.
    pub fn irradiance(&self, seconds: f64) -> f64 {
        let since = seconds - self.settling;
        if since <= 0.0 || seconds >= self.seconds() {
            return self.low;
        }
        let place = since % self.round();
        let rise = self.high - self.low;
        if place < self.up {
            return self.low + rise * place / self.up;
        }
        let place = place - self.up;
        if place < self.dwell_high {
            return self.high;
        }
        let place = place - self.dwell_high;
        if place < self.down { self.high - rise * place / self.down } else { self.low }
    }
}

impl Sequence {
    /// The three of the standard: 10 % to 50 %, 30 % to 100 %, start and stop.
    pub fn standard() -> Vec<Sequence> {
        let gentle = [
            (2, 0.5),
            (2, 1.0),
            (3, 2.0),
            (4, 3.0),
            (6, 5.0),
            (8, 7.0),
            (10, 10.0),
            (10, 14.0),
            (10, 20.0),
            (10, 30.0),
            (10, 50.0),
        ];
        let steep = [10.0, 14.0, 20.0, 30.0, 50.0, 100.0];
        let named = |name: &str, rows| Sequence { name: name.to_owned(), rows };
        let start = Row { up: 980.0, down: 980.0, ..Row::ramp(1, 0.1, (2.0, 100.0), 30.0) };
        vec![
            named(
                "A_10_50",
                gentle.map(|(n, slope)| Row::ramp(n, slope, (100.0, 500.0), 10.0)).to_vec(),
            ),
            named(
                "B_30_100",
                steep.map(|slope| Row::ramp(10, slope, (300.0, 1_000.0), 10.0)).to_vec(),
            ),
            named("C_start_stop", vec![start]),
        ]
    }

    /// All of it, in s.
    pub fn seconds(&self) -> f64 {
        self.rows.iter().map(Row::seconds).sum()
    }

    /// Sequences from a CSV file with the columns `sequence`, `repetitions`, `slope_w_m2_s`,
    /// `g_low_w_m2`, `g_high_w_m2`, `ramp_up_s`, `dwell_high_s`, `ramp_down_s`, `dwell_low_s` and
    /// `initial_settling_s`; rows of one name make a sequence.
    ///
    /// # Errors
    /// [`Malformed`], with line and column.
    pub fn read(bytes: &[u8]) -> Result<Vec<Sequence>, Malformed> {
        let table = Table::read(bytes)?;
        let column = |name| table.column(name);
        let name = column("sequence")?;
        let columns = [
            "repetitions",
            "slope_w_m2_s",
            "g_low_w_m2",
            "g_high_w_m2",
            "ramp_up_s",
            "dwell_high_s",
            "ramp_down_s",
            "dwell_low_s",
            "initial_settling_s",
        ];
        let places = columns.map(column);
        let mut sequences: Vec<Sequence> = Vec::new();
        for line in table.lines() {
            let mut numbers = [0.0; 9];
            for (number, place) in numbers.iter_mut().zip(&places) {
                *number = line.number(place.clone()?)?;
            }
            let [repetitions, slope, low, high, up, dwell_high, down, dwell_low, settling] =
                numbers;
            let repetitions = f64_to_count(repetitions)
                .ok_or_else(|| line.refused("repetitions", "a whole number from 1 to 1000"))?;
            let row =
                Row { repetitions, slope, low, high, up, dwell_high, down, dwell_low, settling };
            if numbers.iter().any(|number| *number < 0.0)
                || high < low
                || row.up <= 0.0
                || row.down <= 0.0
            {
                return Err(
                    line.refused("ramp_up_s", "a ramp from low to high, of positive numbers")
                );
            }
            if row.seconds() > ROW_SECONDS_MAX {
                return Err(line.refused("ramp_up_s", "a row of at most 1 000 000 s"));
            }
            let called = line.text(name);
            match sequences.iter_mut().find(|sequence| sequence.name == called) {
                Some(sequence) if sequence.rows.len() < ROWS_MAX => sequence.rows.push(row),
                Some(_) => return Err(line.refused("sequence", "at most 1000 rows")),
                None => sequences.push(Sequence { name: called.to_owned(), rows: vec![row] }),
            }
        }
        Ok(sequences)
    }
}

/// A number of repetitions.
fn f64_to_count(number: f64) -> Option<u32> {
    let text = format!("{number}");
    u32::from_str(&text).ok().filter(|count| (1..=1_000).contains(count))
}

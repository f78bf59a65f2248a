//! Measurements of a plant from tables of text.
//!
//! A file has one line of headers. Which column holds what is told ([`Columns`]) or recognised by
//! its header; a time is one column of date and time, with or without offset, or one of dates and
//! one of times.

mod recognise;
mod stamp;

use serde::{Deserialize, Serialize};

use crate::table::{Malformed, Table};

/// A moment as text, such as `2026-06-01T10:00:00Z`; empty where no calendar reaches.
pub fn moment(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|moment| moment.to_string()).unwrap_or_default()
}

/// The first second of a date such as `2026-06-01` at UTC, since 1970.
pub fn midnight(date: &str) -> Option<i64> {
    let date: jiff::civil::Date = date.parse().ok()?;
    let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(midnight.timestamp().as_second())
}

/// One moment. What was not measured is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Sample {
    /// Seconds since 1970, UTC.
    pub time: i64,
    /// In W/m2, in the plane of the modules or on the horizontal.
    pub irradiance: Option<f64>,
    /// Of the air, in degrees Celsius.
    pub air: Option<f64>,
    /// Of the cells or the modules' back, in degrees Celsius.
    pub cell: Option<f64>,
    /// From the modules, in V.
    pub voltage: Option<f64>,
    /// From the modules, in A.
    pub current: Option<f64>,
    /// From the modules, in W.
    pub input: Option<f64>,
    /// Behind the inverter, in W.
    pub output: Option<f64>,
}

/// What a column can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Date and time, or a time beside a date.
    Time,
    /// Date alone.
    Date,
    /// W/m2.
    Irradiance,
    /// Degrees Celsius.
    AirTemperature,
    /// Degrees Celsius.
    CellTemperature,
    /// V.
    DcVoltage,
    /// A.
    DcCurrent,
    /// W, or kW where the header says so.
    DcPower,
    /// W, or kW where the header says so.
    AcPower,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 9] = [
        Role::Time,
        Role::Date,
        Role::Irradiance,
        Role::AirTemperature,
        Role::CellTemperature,
        Role::DcVoltage,
        Role::DcCurrent,
        Role::DcPower,
        Role::AcPower,
    ];

    /// As the command line names it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Time => "time",
            Role::Date => "date",
            Role::Irradiance => "irradiance",
            Role::AirTemperature => "air_temperature",
            Role::CellTemperature => "cell_temperature",
            Role::DcVoltage => "dc_voltage",
            Role::DcCurrent => "dc_current",
            Role::DcPower => "dc_power",
            Role::AcPower => "ac_power",
        }
    }
}

/// Which column holds what: a role and the header of its column. What is not told is recognised.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Columns(pub Vec<(Role, String)>);

/// Measurements in the order of time, one for each moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Series {
    /// The samples.
    #[serde(skip)]
    pub samples: Vec<Sample>,
    /// Which column was taken for what.
    pub columns: Vec<(Role, String)>,
    /// Seconds east of UTC by which its days are counted.
    pub offset: i32,
    /// Lines whose moment an earlier line had already, which are left out.
    pub repeated: usize,
}

impl Series {
    /// Reads a table. `offset` is that of stamps without one, in seconds east of UTC.
    ///
    /// # Errors
    /// [`Malformed`] with line and column where there is no time, where a stamp or number cannot be
    /// read, or where a column that was told is not there.
    pub fn read(bytes: &[u8], columns: &Columns, offset: i32) -> Result<Series, Malformed> {
        let table = Table::read(bytes)?;
        let places = recognise::places(&table, columns)?;
        let clock = recognise::clock(&table, &places, offset)?;
        let mut samples = Vec::with_capacity(table.lines().len());
        let mut local = None;
        for line in table.lines() {
            let (time, of_stamp) = clock.read(&line)?;
            local.get_or_insert(of_stamp);
            let mut sample = Sample { time, ..Sample::default() };
            for (role, place, factor) in &places {
                let slot = match role {
                    Role::Time | Role::Date => continue,
                    Role::Irradiance => &mut sample.irradiance,
                    Role::AirTemperature => &mut sample.air,
                    Role::CellTemperature => &mut sample.cell,
                    Role::DcVoltage => &mut sample.voltage,
                    Role::DcCurrent => &mut sample.current,
                    Role::DcPower => &mut sample.input,
                    Role::AcPower => &mut sample.output,
                };
                *slot = line.number_or_gap(*place)?.map(|number| number * factor);
            }
            if let (None, Some(voltage), Some(current)) =
                (sample.input, sample.voltage, sample.current)
            {
                sample.input = Some(voltage * current);
            }
            samples.push(sample);
        }
        samples.sort_by_key(|sample| sample.time);
        let all = samples.len();
        samples.dedup_by_key(|sample| sample.time);
        let name = |place: &usize| table.headers().get(*place).cloned().unwrap_or_default();
        let columns = places.iter().map(|(role, place, _)| (*role, name(place))).collect();
        let repeated = all - samples.len();
        Ok(Series { samples, columns, offset: local.unwrap_or(offset), repeated })
    }

    /// The usual distance of two samples, in s: the median; 60 where there are not two.
    pub fn step(&self) -> i64 {
        let mut steps: Vec<i64> =
            self.samples.windows(2).map(|two| two[1].time - two[0].time).collect();
        steps.sort_unstable();
        steps.get(steps.len() / 2).copied().unwrap_or(60)
    }

    /// The same with what `other` measured nearest to each moment, half a step of its at most,
    /// where nothing was measured here.
    #[must_use]
    pub fn joined(mut self, other: &Series) -> Series {
        let reach = other.step() / 2;
        for sample in &mut self.samples {
            let after = other.samples.partition_point(|known| known.time < sample.time);
            let near = other.samples[after.saturating_sub(1)..].iter().take(2);
            let distance = |known: &&Sample| known.time.abs_diff(sample.time);
            let nearest = near.min_by_key(distance);
            let Some(known) = nearest.filter(|known| distance(known) <= reach.unsigned_abs())
            else {
                continue;
            };
            sample.irradiance = sample.irradiance.or(known.irradiance);
            sample.air = sample.air.or(known.air);
            sample.cell = sample.cell.or(known.cell);
            sample.voltage = sample.voltage.or(known.voltage);
            sample.current = sample.current.or(known.current);
            sample.input = sample.input.or(known.input);
            sample.output = sample.output.or(known.output);
        }
        self.columns.extend(other.columns.iter().cloned());
        self
    }
}

//! Homes to run a community's days on: measured ones from a folder, or our own sample.
//!
//! A home is a load and a PV series in milliwatt-hours per base interval. What the meter sees is
//! the difference within a slot: import where the load is larger, export where the PV is. The meter
//! counts in milliwatt-hours and shows whole watt-hours, so that splitting an hour over its slots
//! changes no sum.

mod community;
mod hourly;
mod prices;
mod sample;
mod table;

use std::path::Path;

use calendar::{LocalDay, Slot, SlotLength, TimeZone};
use units::{Power, Register};

pub use prices::Prices;
pub use table::DataError;

/// Homes and the prices they see outside the local market.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Where it comes from, for people.
    pub name: String,
    /// Whose local days count.
    pub timezone: TimeZone,
    /// The first day with data for all of it.
    pub first: LocalDay,
    /// How many days there are.
    pub days: u32,
    /// Minutes of one base interval.
    pub base_minutes: u16,
    /// The homes.
    pub homes: Vec<Home>,
    /// Retail and feed-in prices.
    pub prices: Prices,
}

/// One home's series, from the first moment of [`Dataset::first`].
#[derive(Debug, Clone)]
pub struct Home {
    /// Its name in the data.
    pub name: String,
    /// Consumption in mWh per base interval.
    pub load: Vec<u64>,
    /// Generation in mWh per base interval; empty without PV.
    pub pv: Vec<u64>,
}

/// What is wanted of a data set.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The first homes only.
    pub homes: Option<usize>,
    /// Only every K-th home keeps its PV.
    pub pv_every: Option<usize>,
    /// The first day; the data's own first where absent.
    pub start: Option<LocalDay>,
    /// How many days.
    pub days: u32,
    /// The slot length.
    pub slot: SlotLength,
}

/// A home's meter over the wanted span: registers at every slot boundary, the first at the start.
#[derive(Debug, Clone)]
pub struct MeterRun {
    /// The home's name.
    pub name: String,
    /// Whether it generates.
    pub has_pv: bool,
    /// Import register at each boundary.
    pub import: Vec<Register>,
    /// Export register at each boundary.
    pub export: Vec<Register>,
    /// What the connection allows to take.
    pub import_max: Power,
    /// What the connection allows to feed in.
    pub export_max: Power,
}

/// The span that a demo runs on.
#[derive(Debug, Clone)]
pub struct Span {
    /// The data's name.
    pub name: String,
    /// Whose local days count.
    pub timezone: TimeZone,
    /// First local day.
    pub first: LocalDay,
    /// Last local day.
    pub last: LocalDay,
    /// The slots, in order.
    pub slots: Vec<Slot>,
    /// One per home.
    pub meters: Vec<MeterRun>,
    /// Retail and feed-in prices.
    pub prices: Prices,
}

/// The least power a connection point is given, in watts.
const CONNECTION_W_MIN: u64 = 17_000;

/// Reads the homes in `folder`, or generates the sample, and cuts out what is `wanted`.
pub fn load(folder: Option<&Path>, wanted: &Wanted, seed: u64) -> Result<Span, DataError> {
    let dataset = match folder {
        None => sample::generate(wanted, seed)?,
        Some(folder) if folder.join("load_kwh.csv").is_file() => hourly::read(folder)?,
        Some(folder) if folder.join("load.csv").is_file() => community::read(folder, wanted.start)?,
        Some(folder) if !folder.is_dir() => return Err(DataError::Absent(folder.to_owned())),
        Some(folder) => return Err(DataError::Unknown(folder.to_owned())),
    };
    cut(dataset, wanted)
}

fn cut(mut dataset: Dataset, wanted: &Wanted) -> Result<Span, DataError> {
    let available = dataset.homes.len();
    let count = wanted.homes.unwrap_or(available);
    if count == 0 || count > available {
        return Err(DataError::Homes { wanted: count, available });
    }
    dataset.homes.truncate(count);
    if let Some(every) = wanted.pv_every {
        for (place, home) in dataset.homes.iter_mut().enumerate() {
            if place % every.max(1) != 0 {
                home.pv.clear();
            }
        }
    }
    let (zone, first) = (&dataset.timezone, wanted.start.unwrap_or(dataset.first));
    let end = first.later(i32::try_from(wanted.days).unwrap_or(i32::MAX));
    let data_end = dataset.first.later(i32::try_from(dataset.days).unwrap_or(i32::MAX));
    if wanted.days == 0 || first < dataset.first || end > data_end {
        return Err(DataError::Days {
            from: first,
            days: wanted.days,
            first: dataset.first,
            last: data_end.later(-1),
        });
    }
    let slots: Vec<Slot> =
        Slot::within(zone.start_of(first), zone.start_of(end), wanted.slot).collect();
    let skipped = zone.start_of(first).seconds_since(zone.start_of(dataset.first));
    let from_minute = u64::try_from(skipped / 60).unwrap_or(0);
    let grid = Grid {
        base_minutes: u64::from(dataset.base_minutes),
        slot_minutes: u64::from(wanted.slot.minutes()),
        from_minute,
        slots: slots.len(),
    };
    let meters = dataset.homes.iter().map(|home| grid.meter(home)).collect();
    Ok(Span {
        name: dataset.name,
        timezone: dataset.timezone.clone(),
        first,
        last: end.later(-1),
        slots,
        meters,
        prices: dataset.prices,
    })
}

/// How base intervals lie under slots.
struct Grid {
    base_minutes: u64,
    slot_minutes: u64,
    from_minute: u64,
    slots: usize,
}

impl Grid {
    /// What the meter of `home` shows at each slot boundary.
    fn meter(&self, home: &Home) -> MeterRun {
        let (load, pv) = (self.cumulative(&home.load), self.cumulative(&home.pv));
        let (mut import, mut export) = (vec![0_u64], vec![0_u64]);
        let (mut import_peak, mut export_peak) = (0, 0);
        for slot in 0..self.slots {
            let used = load[slot + 1] - load[slot];
            let made = pv[slot + 1] - pv[slot];
            let (taken, fed) = (used.saturating_sub(made), made.saturating_sub(used));
            (import_peak, export_peak) = (taken.max(import_peak), fed.max(export_peak));
            import.push(import[slot] + taken);
            export.push(export[slot] + fed);
        }
        let watts = |peak_mwh: u64| peak_mwh * 60 / self.slot_minutes / 1000;
        let registers = |counts: &[u64]| {
            counts.iter().map(|mwh| Register::from_wh(mwh / 1000)).collect::<Vec<_>>()
        };
        MeterRun {
            name: home.name.clone(),
            has_pv: !home.pv.is_empty(),
            import: registers(&import),
            export: registers(&export),
            import_max: Power::from_w(CONNECTION_W_MIN.max(watts(import_peak) * 5 / 4)),
            export_max: Power::from_w(if home.pv.is_empty() {
                0
            } else {
                CONNECTION_W_MIN.max(watts(export_peak) * 5 / 4)
            }),
        }
    }

    /// The running sum of `series` at every slot boundary, from zero: exact, because only whole
    /// base intervals round, and they end on a boundary.
    fn cumulative(&self, series: &[u64]) -> Vec<u64> {
        let mut before = vec![0_u64; series.len() + 1];
        for (place, value) in series.iter().enumerate() {
            before[place + 1] = before[place] + value;
        }
        let at = |minute: u64| {
            let (whole, part) = (minute / self.base_minutes, minute % self.base_minutes);
            let place = usize::try_from(whole).unwrap_or(usize::MAX).min(series.len());
            let within = series.get(place).map_or(0, |value| value * part / self.base_minutes);
            before[place] + within
        };
        let start = at(self.from_minute);
        (0..=self.slots as u64)
            .map(|slot| at(self.from_minute + slot * self.slot_minutes) - start)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(base_minutes: u64, slot_minutes: u64, slots: usize) -> Grid {
        Grid { base_minutes, slot_minutes, from_minute: 0, slots }
    }

    #[test]
    fn an_hour_split_over_its_slots_keeps_its_sum() {
        let series = [1_000_003, 7, 2_500_001];
        for (slot_minutes, slots) in [(5, 36), (15, 12), (30, 6), (60, 3)] {
            let at = grid(60, slot_minutes, slots).cumulative(&series);
            let per_hour = slots / 3;
            for (hour, value) in series.iter().enumerate() {
                assert_eq!(at[(hour + 1) * per_hour] - at[hour * per_hour], *value);
            }
        }
    }

    #[test]
    fn the_meter_shows_what_load_and_pv_do_not_cancel() {
        let home = Home { name: "H".into(), load: vec![2_000_000, 0], pv: vec![500_000, 900_000] };
        let meter = grid(60, 60, 2).meter(&home);
        assert_eq!(meter.import.last(), Some(&Register::from_wh(1500)));
        assert_eq!(meter.export.last(), Some(&Register::from_wh(900)));
    }
}

//! CSV of any shape: a [`Mapping`] says which column is what.
//!
//! ```json
//! {
//!   "separator": ";", "decimal": ",",
//!   "time": { "columns": ["Datum", "Zeit"], "pattern": "%d.%m.%Y %H:%M",
//!             "zone": "Europe/Berlin", "label": "end" },
//!   "minutes": 15,
//!   "meter": { "column": "Zählpunkt" },
//!   "energy": [ { "column": "Bezug", "unit": "kWh", "direction": "import" },
//!               { "column": "Lieferung", "unit": "kWh", "direction": "export" } ],
//!   "quality": { "column": "Status", "codes": { "W": "measured", "E": "substituted" } }
//! }
//! ```
//!
//! A row gives one record per energy column in which something stands; it is taken whole, or not at
//! all. Where clocks are set back a local time comes twice: it is the earlier moment, unless the
//! same meter's column already has that or a later one. A time that clocks skip is rejected.
//!
//! The rows of one column and meter that follow each other within a local day are the run whose
//! watt-hours are rounded together (half a watt-hour at most).

mod clock;
mod mapping;
mod pattern;
mod read;
mod write;

pub use mapping::{
    BadMapping, CODES_MAX, COLUMNS_MAX, Column, EnergyColumn, Label as TimeLabel, Mapping, Meter,
    QualityColumn, TimeColumns,
};
pub use read::Reader;
pub use write::{ROWS_OPEN_MAX, Writer};

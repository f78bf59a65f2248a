//! Which column of a table holds what.

use super::stamp::{Clock, offset_of_zone};
use super::{Columns, Role};
use crate::table::{Malformed, Table};

/// A role, the place of its column, and by what its numbers are multiplied.
pub(super) type Place = (Role, usize, f64);

/// The places of all columns that are told or recognised, at most one for each role.
pub(super) fn places(table: &Table, told: &Columns) -> Result<Vec<Place>, Malformed> {
    let mut places: Vec<Place> = Vec::new();
    for (role, name) in &told.0 {
        let place = table.column(name)?;
        places.push((*role, place, factor(*role, name)));
    }
    for (place, header) in table.headers().iter().enumerate() {
        let Some(role) = role(&header.to_lowercase(), place) else { continue };
        let is_taken = places.iter().any(|known| known.0 == role || known.1 == place);
        if !is_taken {
            places.push((role, place, factor(role, header)));
        }
    }
    Ok(places)
}

/// How the table tells time.
pub(super) fn clock(table: &Table, places: &[Place], offset: i32) -> Result<Clock, Malformed> {
    let place = |wanted| places.iter().find(|known| known.0 == wanted).map(|known| known.1);
    let time = place(Role::Time).ok_or_else(|| Malformed::NoColumn {
        column: Role::Time.name().to_owned(),
        found: crate::table::shown(&table.headers().join(", "), 400),
    })?;
    let zone = table.headers().get(time).and_then(|header| offset_of_zone(header));
    Ok(Clock { date: place(Role::Date), time, offset: zone.unwrap_or(offset) })
}

/// Power in kW is brought to W.
fn factor(role: Role, header: &str) -> f64 {
    let header = header.to_lowercase();
    let is_kilowatt = ["[kw]", "(kw)", "_kw", " kw"].iter().any(|unit| header.contains(unit));
    let is_power = matches!(role, Role::DcPower | Role::AcPower);
    if is_power && is_kilowatt { 1_000.0 } else { 1.0 }
}

/// What a header in small letters means.
fn role(header: &str, place: usize) -> Option<Role> {
    let has = |words: &[&str]| words.iter().any(|word| header.contains(word));
    let words: Vec<&str> = header.split(|sign: char| !sign.is_alphanumeric()).collect();
    let says = |wanted: &[&str]| words.iter().any(|word| wanted.contains(word));
    if has(&["accumulated", "kwhr", "kwh", "cumulative", "energy"]) {
        return None;
    }
    if says(&["temperature", "temp", "tamb", "tcell", "tmod", "tair"]) || has(&["temp_", "_temp"]) {
        let is_cell = says(&["cell", "module", "tcell", "tmod", "panel"]);
        return Some(if is_cell { Role::CellTemperature } else { Role::AirTemperature });
    }
    if says(&["poa", "ghi", "global", "irradiance", "gti", "pyranometer"]) {
        return Some(Role::Irradiance);
    }
    let is_direct = says(&["dc", "pv", "vdc", "idc", "pdc", "mpp"]);
    if is_direct && says(&["v", "voltage", "vdc"]) {
        return Some(Role::DcVoltage);
    }
    if is_direct && says(&["i", "current", "idc", "a"]) {
        return Some(Role::DcCurrent);
    }
    if is_direct && says(&["p", "power", "pdc"]) {
        return Some(Role::DcPower);
    }
    if says(&["pac", "power", "watts"]) || (says(&["ac"]) && says(&["p", "w", "kw"])) {
        return Some(Role::AcPower);
    }
    if says(&["date"]) && !says(&["time"]) {
        return Some(Role::Date);
    }
    let is_time = says(&["time", "timestamp", "datetime", "measured", "stamp"])
        || offset_of_zone(header).is_some();
    // An index that was written without a name stands in front.
    (is_time || (place == 0 && header.is_empty())).then_some(Role::Time)
}

//! What the columns of a file of intervals are, by their names.

use units::Decimal;

/// What flows in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flow {
    /// Taken from the grid.
    Import,
    /// Fed into the grid.
    Export,
    /// All consumption, behind the meter.
    Load,
    /// All generation, behind the meter.
    Generation,
    /// Import above zero, export below.
    Net,
    /// A neighbour's energy, over a path.
    Local(String),
}

/// The unit of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Watt-hours.
    WattHour,
    /// Kilowatt-hours.
    KilowattHour,
    /// Megawatt-hours.
    MegawattHour,
    /// Mean watts of the interval.
    Watt,
    /// Mean kilowatts of the interval.
    Kilowatt,
}

/// Names of the time column.
pub const TIMES: [&str; 12] = [
    "time",
    "timestamp",
    "datetime",
    "date_time",
    "start",
    "interval_start",
    "period_start",
    "ts",
    "date",
    "end",
    "interval_end",
    "period_end",
];

/// Names of the column that says how an interval's energy is known.
pub const QUALITIES: [&str; 2] = ["quality", "quality_flag"];

/// Words of that column for what was measured, or is as good as that.
const MEASURED: [&str; 6] = ["", "a", "actual", "measured", "calculated", "valid"];
/// For what was put in a value's place for good.
const FINAL: [&str; 4] = ["agreed", "final", "substituted_final", "final_substituted"];
/// For what is not known for good.
const ESTIMATED: [&str; 7] = ["e", "s", "n", "estimate", "estimated", "substituted", "substitute"];
/// For what there is no value for, or none to be believed.
const UNKNOWN: [&str; 3] = ["faulty", "missing", "zeroed"];

const UNITS: [(&str, Unit); 5] = [
    ("kwh", Unit::KilowattHour),
    ("mwh", Unit::MegawattHour),
    ("wh", Unit::WattHour),
    ("kw", Unit::Kilowatt),
    ("w", Unit::Watt),
];

const FLOWS: [(&str, Flow); 22] = [
    ("", Flow::Load),
    ("load", Flow::Load),
    ("consumption", Flow::Load),
    ("usage", Flow::Load),
    ("use", Flow::Load),
    ("demand", Flow::Load),
    ("energy", Flow::Load),
    ("import", Flow::Import),
    ("grid_import", Flow::Import),
    ("from_grid", Flow::Import),
    ("imported", Flow::Import),
    ("export", Flow::Export),
    ("grid_export", Flow::Export),
    ("to_grid", Flow::Export),
    ("exported", Flow::Export),
    ("feed_in", Flow::Export),
    ("gen", Flow::Generation),
    ("generation", Flow::Generation),
    ("pv", Flow::Generation),
    ("solar", Flow::Generation),
    ("production", Flow::Generation),
    ("net", Flow::Net),
];

/// A name in small letters, with `_` for whatever is neither a letter nor a digit.
pub fn plain(name: &str) -> String {
    let name = name.trim().trim_start_matches('\u{feff}').to_ascii_lowercase();
    let parts = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("_")
}

/// Whether a word of the column of quality says that the energy sets no peak: it was estimated, and
/// not put there for good. Words are those of records and bills, letters those of NEM12, with or
/// without the number of a method (`E52`, `F14`); `None` for any other.
pub fn is_estimated(word: &str) -> Option<bool> {
    let word = plain(word);
    let number = word.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let letter = &word[..word.len() - number.len()];
    let numbered = number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit());
    match letter {
        "s" | "e" if numbered => return Some(true),
        "f" if numbered || number.is_empty() => return Some(false),
        _ => {}
    }
    let one_of = |words: &[&str]| words.contains(&&*word);
    if one_of(&MEASURED) || one_of(&FINAL) {
        return Some(false);
    }
    (one_of(&ESTIMATED) || one_of(&UNKNOWN)).then_some(true)
}

/// What a column is, if its name is known: `import_wh`, `kwh`, `Load (kW)`, `p2p_street_kwh`.
pub fn meaning(name: &str) -> Option<(Flow, Unit)> {
    let name = plain(name);
    let (base, unit) = UNITS.iter().find_map(|(suffix, unit)| {
        let base = name.strip_suffix(suffix)?;
        (base.is_empty() || base.ends_with('_')).then(|| (base.trim_end_matches('_'), *unit))
    })?;
    for prefix in ["p2p", "local"] {
        if let Some(zone) = base.strip_prefix(prefix)
            && (zone.is_empty() || zone.starts_with('_'))
        {
            return Some((Flow::Local(zone.trim_start_matches('_').to_owned()), unit));
        }
    }
    let flow = FLOWS.iter().find(|(known, _)| *known == base).map(|(_, flow)| flow.clone())?;
    Some((flow, unit))
}

impl Unit {
    /// A cell in 10^-9 kWh, rounded half away from zero; `None` when it does not fit.
    pub fn energy(self, cell: Decimal, minutes: u32) -> Option<i64> {
        let (scale, by_time) = match self {
            Unit::WattHour => (6, false),
            Unit::KilowattHour => (9, false),
            Unit::MegawattHour => (12, false),
            Unit::Watt => (6, true),
            Unit::Kilowatt => (9, true),
        };
        let counted = cell.rounded_to_scale(scale)?;
        let counted = if by_time {
            let product = counted.checked_mul(i128::from(minutes))?;
            (product.abs() + 30) / 60 * product.signum()
        } else {
            counted
        };
        i64::try_from(counted).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_by_their_names() {
        let known = |name| meaning(name).unwrap();
        assert_eq!(known("import_wh"), (Flow::Import, Unit::WattHour));
        assert_eq!(known("kWh"), (Flow::Load, Unit::KilowattHour));
        assert_eq!(known(" Load (kW)"), (Flow::Load, Unit::Kilowatt));
        assert_eq!(known("gen_kwh"), (Flow::Generation, Unit::KilowattHour));
        assert_eq!(known("p2p_wh").0, Flow::Local(String::new()));
        assert_eq!(known("p2p_street_kwh").0, Flow::Local("street".to_owned()));
        assert_eq!(meaning("temperature"), None);
        assert_eq!(meaning("price_per_kwh"), None);
    }

    #[test]
    fn what_is_final_counts_and_what_is_not_does_not() {
        for word in ["", "A", "Measured", "calculated", "F", "F14", "AGREED", "final"] {
            assert_eq!(is_estimated(word), Some(false), "{word}");
        }
        for word in ["E", "E52", "S18", "estimated", "Substituted", "N", "missing", "faulty"] {
            assert_eq!(is_estimated(word), Some(true), "{word}");
        }
        for word in ["V", "good", "A18", "F1", "E523", "1"] {
            assert_eq!(is_estimated(word), None, "{word}");
        }
    }

    #[test]
    fn a_cell_is_counted_in_millionths_of_a_watt_hour() {
        let energy = |unit: Unit, text: &str, minutes| unit.energy(text.parse().unwrap(), minutes);
        assert_eq!(energy(Unit::KilowattHour, "0.408647656", 60), Some(408_647_656));
        assert_eq!(energy(Unit::WattHour, "12.5", 15), Some(12_500_000));
        assert_eq!(energy(Unit::Kilowatt, "2", 15), Some(500_000_000));
        assert_eq!(energy(Unit::Watt, "-1", 60), Some(-1_000_000));
        assert_eq!(energy(Unit::MegawattHour, "1e20", 60), None);
    }
}

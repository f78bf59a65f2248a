//! How well trackers find the maximum power, by the procedures of EN 50530: exact sensors, the
//! crystalline generator of the standard. A model, not a measurement: the same on every machine.

use anyhow::{Context, Result};
use mppt::procedure::{self, EURO, Generator, LEVELS, Setup};
use mppt::sequence::Sequence;
use mppt::tracker::Kind;
use mppt::{Simulator, Technology};

use crate::report::Row;

/// The standard's generator, in W and V, as `wattex mppt` has it.
const RATED: (f64, f64) = (3_000.0, 300.0);

/// Static efficiency, weighted for Europe, and the mean of each sequence of ramps.
pub(crate) fn rows() -> Result<Vec<Row>> {
    let technology = Technology::ALL[0];
    let generator = Generator::Simulator(Simulator::new(technology, RATED.0, RATED.1)?);
    // Exact sensors have no noise.
    let mut dice = || 0.5;
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        let mut levels = Vec::new();
        for level in LEVELS {
            let energy = procedure::level(&Setup::EXACT, &generator, kind, level, &mut dice)?;
            levels.push((level, energy.tracking().context("nothing to track")?));
        }
        let euro = procedure::weighted(&levels, &EURO).context("a level is missing")?;
        let name = |what: &str| format!("{}, {}: {what}", kind.name(), generator.name());
        rows.push(Row::alone(name("static, EUR"), "%", &[100.0 * euro]));
        for sequence in Sequence::standard() {
            let mut sum = 0.0;
            for row in &sequence.rows {
                let energy =
                    procedure::ramp(&Setup::EXACT, &generator, kind, row, &mut dice, &mut |_| ())?;
                sum += energy.tracking().context("nothing to track")?;
            }
            let mean = sum / crate::measure::count(sequence.rows.len());
            rows.push(Row::alone(name(&sequence.name.to_string()), "%", &[100.0 * mean]));
        }
    }
    Ok(rows)
}

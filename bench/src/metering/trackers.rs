//! How well trackers find the maximum power, by the procedures of EN 50530, on the standard's two
//! generators. A model, not a measurement: the same on every machine.

use anyhow::{Context, Result};
use mppt::procedure::{self, EURO, Generator, LEVELS, Setup};
use mppt::sequence::Sequence;
use mppt::tracker::Kind;
use mppt::{Simulator, Technology};

use crate::measure::{Pair, count};
use crate::report::Row;

/// The standard's generator, in W and V, as `wattex mppt` has it.
const RATED: (f64, f64) = (3_000.0, 300.0);

/// What the adaptive trackers aim at: static efficiency with exact sensors and with 12 bits, and
/// every ramp of the standard.
const STATIC: f64 = 99.5;
const STATIC_NOISY: f64 = 99.0;
const RAMP: f64 = 98.5;
/// The seed of the sensors' noise.
const SEED: u64 = 7;

/// Static efficiency, weighted for Europe, and the worst ramp of each sequence.
pub(crate) fn rows() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for technology in Technology::ALL {
        let generator = Generator::Simulator(Simulator::new(technology, RATED.0, RATED.1)?);
        for kind in Kind::ALL {
            let of = |what: &str, found: f64, goal: f64| {
                let name = format!("{}, {}: {what}", kind.name(), generator.name());
                match kind {
                    Kind::Perturb | Kind::Incremental | Kind::Scan => {
                        let pair = Pair { ours: vec![100.0 * found], theirs: vec![goal] };
                        Row::rate(name, "%", &pair).aims_at(1.0)
                    }
                    _ => Row::alone(name, "%", &[100.0 * found]),
                }
            };
            let noisy = Setup { bits: Some(12), ..Setup::EXACT };
            let exact = weighted(&Setup::EXACT, &generator, kind)?;
            rows.push(of("static, EUR", exact, STATIC));
            let found = weighted(&noisy, &generator, kind)?;
            rows.push(of("static, EUR, sensors of 12 bits", found, STATIC_NOISY));
            for sequence in Sequence::standard() {
                let found = worst_ramp(&sequence, &generator, kind)?;
                rows.push(of(&format!("{}, its worst ramp", sequence.name), found, RAMP));
            }
        }
    }
    Ok(rows)
}

fn weighted(setup: &Setup, generator: &Generator, kind: Kind) -> Result<f64> {
    let mut dice = dice();
    let mut levels = Vec::new();
    for level in LEVELS {
        let energy = procedure::level(setup, generator, kind, level, &mut dice)?;
        levels.push((level, energy.tracking().context("nothing to track")?));
    }
    procedure::weighted(&levels, &EURO).context("a level is missing")
}

/// With exact sensors, for which the goal is.
fn worst_ramp(sequence: &Sequence, generator: &Generator, kind: Kind) -> Result<f64> {
    let (setup, mut dice) = (Setup::EXACT, dice());
    let mut worst = f64::INFINITY;
    for row in &sequence.rows {
        let energy = procedure::ramp(&setup, generator, kind, row, &mut dice, &mut |_| ())?;
        worst = worst.min(energy.tracking().context("nothing to track")?);
    }
    Ok(worst)
}

/// Numbers from 0 to 1, the same in every run (SplitMix64).
fn dice() -> impl FnMut() -> f64 {
    let mut state = SEED;
    move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        count((mixed ^ (mixed >> 31)) >> 32) / (count(u32::MAX) + 1.0)
    }
}

//! How many steps a second: trackers alone, and with converter and generator on a ramp.
//!
//! `cargo run --release -p mppt --example steps`
#![expect(clippy::disallowed_types, reason = "rates are statistics")]

use std::hint::black_box;
use std::time::Instant;

use mppt::procedure::{self, Generator, Setup};
use mppt::sequence::Sequence;
use mppt::tracker::{Kind, Limits, Noise};
use mppt::{BadParameter, Conditions, Measurement, Simulator, Source, Technology};

const STEPS: u32 = 2_000_000;

fn main() -> Result<(), BadParameter> {
    let simulator = Simulator::new(Technology::CrystallineSilicon, 3_000.0, 300.0)?;
    let generator = Generator::Simulator(simulator);
    let diode = simulator.diode(Conditions::light(600.0));
    let limits = Limits::guard(diode.open_circuit(), diode.open_circuit());
    println!("{:<18} {:>16} {:>22}", "tracker", "alone, steps/s", "on a ramp, steps/s");
    for kind in Kind::ALL {
        let mut tracker = kind.tracker(300.0, limits, Noise::default());
        let mut voltage = 300.0;
        // The current of a straight line, so that the tracker is all that costs.
        let begun = Instant::now();
        for step in 0..STEPS {
            let current = (20.0 - voltage / 30.0_f64).max(0.0);
            let measured = Measurement { time: f64::from(step) * 0.1, voltage, current };
            voltage = tracker.step(black_box(&measured));
        }
        let alone = f64::from(STEPS) / begun.elapsed().as_secs_f64();
        let sequences = Sequence::standard();
        let row = &sequences[0].rows[6];
        let begun = Instant::now();
        let mut steps = 0.0;
        let mut see = |_: &mppt::bench::Step| steps += 1.0;
        procedure::ramp(&Setup::EXACT, &generator, kind, row, &mut || 0.5, &mut see)?;
        let on_a_ramp = steps / begun.elapsed().as_secs_f64();
        println!("{:<18} {alone:>16.0} {on_a_ramp:>22.0}", kind.name());
    }
    Ok(())
}

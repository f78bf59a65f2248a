//! What holds of every tracker, and the worked figures of those with equal steps.

use mppt::bench::Step;
use mppt::procedure::{self, EURO, Generator, LEVELS, Setup};
use mppt::sequence::Row;
use mppt::tracker::{Fixed, Kind, Limits, Noise, Rule};
use mppt::{Conditions, Measurement, Module, Simulator, Source, Technology, Tracker};
use proptest::prelude::*;

use crate::dice;

fn generator(technology: Technology) -> Generator {
    Generator::Simulator(Simulator::new(technology, 3_000.0, 300.0).unwrap())
}

fn kinds() -> impl Strategy<Value = Kind> {
    (0..Kind::ALL.len()).prop_map(|place| Kind::ALL[place])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_measurement_drives_a_tracker_out_of_its_limits(
        kind in kinds(),
        measured in proptest::collection::vec((any::<f64>(), any::<f64>()), 1..60),
        noise in 0.0..1.0_f64,
    ) {
        let limits = Limits { low: 100.0, high: 400.0 };
        let mut tracker =
            kind.tracker(300.0, limits, Noise { voltage: noise, current: noise / 10.0 });
        for (place, (voltage, current)) in measured.into_iter().enumerate() {
            let time = f64::from(u32::try_from(place).unwrap()) * 0.1;
            let reference = tracker.step(&Measurement { time, voltage, current });
            prop_assert!((limits.low..=limits.high).contains(&reference), "{kind:?}: {reference}");
        }
    }

    #[test]
    fn a_run_draws_no_more_than_there_is_and_repeats_itself(
        kind in kinds(), seed in any::<u64>(), bits in 6u8..16,
        slope in 1.0..100.0_f64, low in 5.0..400.0_f64, more in 10.0..800.0_f64,
    ) {
        let setup = Setup { bits: Some(bits), samples: 4, ..Setup::EXACT };
        let up = more / slope;
        let row = Row {
            repetitions: 1, slope, low, high: low + more, up, dwell_high: 5.0, down: up,
            dwell_low: 5.0, settling: 3.0,
        };
        let walk = |seed| {
            let mut steps: Vec<Step> = Vec::new();
            let mut see = |step: &Step| steps.push(*step);
            let generator = generator(Technology::ThinFilm);
            let energy =
                procedure::ramp(&setup, &generator, kind, &row, &mut dice(seed), &mut see).unwrap();
            (energy, steps)
        };
        let (energy, steps) = walk(seed);
        prop_assert!(energy.drawn <= energy.available * (1.0 + 1e-12));
        prop_assert!(energy.delivered <= energy.drawn && energy.drawn >= 0.0);
        for step in &steps {
            prop_assert!(step.place.power() <= step.maximum.power() * (1.0 + 1e-12));
        }
        let again = walk(seed);
        prop_assert_eq!((energy, steps), again);
    }
}

/// The module of the worked figures, alone.
fn worked() -> Generator {
    let module: Module = serde_json::from_str(
        r#"{"I_L": 8.7, "I_0": 2e-10, "a": 1.56, "R_s": 0.35, "R_sh": 300, "alpha": 0.0035}"#,
    )
    .unwrap();
    Generator::Modules { module, series: 1, parallel: 1 }
}

fn fixed(generator: &Generator, rule: Rule, step: f64) -> mppt::bench::Bench {
    let open = generator.diode(Conditions::STANDARD).open_circuit();
    let tracker = Tracker::Fixed(Fixed::new(rule, step, Limits::guard(open, open)));
    let setup = Setup { settling: 0.0, ..Setup::EXACT };
    setup.bench_of(generator, tracker).unwrap()
}

fn tracked(
    generator: &Generator,
    rule: Rule,
    step: f64,
    seconds: f64,
    irradiance: impl Fn(f64) -> f64,
) -> f64 {
    let mut bench = fixed(generator, rule, step);
    let source = |time| {
        let diode = generator.diode(Conditions::light(irradiance(time)));
        (diode, diode.maximum())
    };
    let energy = procedure::run(&mut bench, seconds, 30.0, source, &mut || 0.5, &mut |_| ());
    100.0 * energy.tracking().unwrap()
}

#[test]
fn equal_steps_reach_the_worked_figures() {
    let generator = worked();
    let rules = [Rule::Power, Rule::Conductance];
    let expected = [(0.2, [99.97, 99.98]), (0.5, [99.87, 99.87]), (1.0, [99.48, 99.48])];
    for (step, expected) in expected {
        for (rule, expected) in rules.into_iter().zip(expected) {
            let level =
                |level: &f64| (*level, tracked(&generator, rule, step, 60.0, |_| 1_000.0 * level));
            let levels: Vec<(f64, f64)> = LEVELS.iter().map(level).collect();
            let found = procedure::weighted(&levels, &EURO).unwrap();
            assert!((found - expected).abs() < 0.1, "{rule:?} {step} V: {found} %");
        }
    }
    // Ramps: steps that are too short lose their way, and what that costs depends on the side on
    // which they are when the ramp begins.
    let ramps = [
        ((100.0, 500.0, 10.0), [99.66, 99.80], [0.1, 0.1]),
        ((100.0, 500.0, 50.0), [91.8, 98.5], [5.5, 0.7]),
        ((300.0, 1_000.0, 100.0), [94.0, 99.3], [3.0, 0.2]),
    ];
    for ((low, high, slope), expected, within) in ramps {
        let up = (high - low) / slope;
        let row = Row {
            repetitions: 10,
            slope,
            low,
            high,
            up,
            dwell_high: 10.0,
            down: up,
            dwell_low: 10.0,
            settling: 30.0,
        };
        for rule in rules {
            let tracked =
                |step| tracked(&generator, rule, step, row.seconds(), |time| row.irradiance(time));
            let found = [tracked(0.2), tracked(0.5)];
            for (place, found) in found.iter().enumerate() {
                let off = (found - expected[place]).abs();
                assert!(off < within[place], "{rule:?} {slope} W/m2/s, {place}: {found} %");
            }
            assert!(found[0] < found[1]);
        }
    }
}

#[test]
fn adaptive_trackers_arrive_within_two_seconds() {
    for technology in Technology::ALL {
        let generator = generator(technology);
        for kind in [Kind::Perturb, Kind::Incremental] {
            for irradiance in [50.0, 100.0, 300.0, 1_000.0] {
                let diode = generator.diode(Conditions::light(irradiance));
                let mut bench = Setup::EXACT.bench(&generator, kind).unwrap();
                let source = |_| (diode, diode.maximum());
                let mut last = 0.0;
                let mut see = |step: &Step| last = step.place.power() / step.maximum.power();
                procedure::run(&mut bench, 2.0, 0.0, source, &mut || 0.5, &mut see);
                assert!(last > 0.99, "{kind:?} {technology:?} {irradiance}: {last}");
            }
        }
    }
}

//! The goals, by the standard's procedures.

use mppt::converter::{Losses, Sensor};
use mppt::procedure::{self, CEC, EURO, Generator, LEVELS, Setup};
use mppt::sequence::Sequence;
use mppt::tracker::Kind;
use mppt::{Simulator, Technology};

use crate::{close, dice, shared};

fn generator(technology: Technology) -> Generator {
    Generator::Simulator(Simulator::new(technology, 3_000.0, 300.0).unwrap())
}

fn weighted(setup: &Setup, generator: &Generator, kind: Kind) -> (f64, f64) {
    let mut dice = dice(7);
    let levels: Vec<(f64, f64)> = LEVELS
        .iter()
        .map(|level| {
            let energy = procedure::level(setup, generator, kind, *level, &mut dice).unwrap();
            (*level, energy.tracking().unwrap())
        })
        .collect();
    let of = |weights| procedure::weighted(&levels, weights).unwrap();
    (of(&EURO), of(&CEC))
}

const GOOD: [Kind; 3] = [Kind::Perturb, Kind::Incremental, Kind::Scan];

#[test]
fn static_efficiency_reaches_its_goal_with_and_without_noise() {
    let noisy = Setup { bits: Some(12), ..Setup::EXACT };
    let single = Setup { samples: 1, ..noisy };
    for technology in Technology::ALL {
        for kind in GOOD {
            for (setup, goal) in [(Setup::EXACT, 0.995), (noisy, 0.990), (single, 0.990)] {
                let (euro, cec) = weighted(&setup, &generator(technology), kind);
                assert!(euro >= goal && cec >= goal, "{kind:?} {technology:?}: {euro} {cec}");
                assert!(euro < 1.0 && cec < 1.0);
            }
        }
    }
}

#[test]
fn every_ramp_of_the_standard_reaches_its_goal() {
    let noisy = Setup { bits: Some(12), ..Setup::EXACT };
    for technology in Technology::ALL {
        let exact = GOOD.map(|kind| (Setup::EXACT, kind));
        for (setup, kind) in exact.into_iter().chain([(noisy, Kind::Scan)]) {
            for sequence in Sequence::standard() {
                for row in &sequence.rows {
                    let (generator, mut dice) = (generator(technology), dice(3));
                    let energy =
                        procedure::ramp(&setup, &generator, kind, row, &mut dice, &mut |_| ())
                            .unwrap();
                    let found = energy.tracking().unwrap();
                    let of = format!("{kind:?} {technology:?} {} {}", sequence.name, row.slope);
                    assert!(found >= 0.985, "{of}: {found}");
                }
            }
        }
    }
}

#[test]
fn a_scan_finds_the_way_out_of_shade_and_others_do_not() {
    for technology in Technology::ALL {
        let tracked = |kind| {
            let generator = generator(technology);
            let walk = procedure::shade(&Setup::EXACT, &generator, kind, &mut || 0.5, &mut |_| ())
                .unwrap();
            walk.tracking().unwrap()
        };
        assert!(tracked(Kind::Scan) > 0.98, "{technology:?}: {}", tracked(Kind::Scan));
        assert!(tracked(Kind::Perturb) < 0.9);
    }
}

#[test]
fn the_standards_ramps_last_as_long_as_published_and_agree_with_the_table() {
    let sequences = Sequence::standard();
    let seconds: Vec<f64> = sequences.iter().map(Sequence::seconds).collect();
    for (found, published) in seconds.iter().zip([15_939.0, 6_987.0, 2_320.0]) {
        assert!((found - published).abs() < 1.0, "{found} s, {published} s");
    }
    let read = Sequence::read(&shared("pv_mppt/en50530_dynamic_sequences_a.csv")).unwrap();
    assert_eq!((read.len(), &read[0].name), (1, &sequences[0].name));
    for (row, of_table) in sequences[0].rows.iter().zip(&read[0].rows) {
        assert!(close(row.up, of_table.up, 1e-5) && close(row.seconds(), of_table.seconds(), 1e-5));
        assert_eq!((row.slope, row.repetitions), (of_table.slope, of_table.repetitions));
    }
    let row = &sequences[0].rows[6];
    let at = |seconds: f64| row.irradiance(seconds);
    assert_eq!((at(0.0), at(300.0), at(320.0), at(345.0)), (100.0, 100.0, 300.0, 500.0));
    assert_eq!((at(370.0), at(395.0), at(400.0), at(410.0)), (300.0, 100.0, 100.0, 200.0));
}

#[test]
fn the_constants_and_weights_are_those_of_the_file() {
    let file: serde_json::Value =
        serde_json::from_slice(&shared("pv_mppt/en50530_pv_model_and_weights.json")).unwrap();
    let weights = |name: &str| &file["efficiency_definitions"][name];
    for (levels, name) in
        [(EURO, "euro_weights_at_fraction_of_rated"), (CEC, "cec_weights_at_fraction_of_rated")]
    {
        assert_eq!(weights(name).as_object().unwrap().len(), levels.len());
        for (level, weight) in levels {
            assert_eq!(weights(name)[format!("{level:.2}")].as_f64().unwrap(), weight);
        }
        assert!(close(levels.iter().map(|(_, weight)| weight).sum(), 1.0, 1e-12));
    }
    let levels: Vec<f64> = serde_json::from_value(weights("static_test_levels").clone()).unwrap();
    assert_eq!(levels, LEVELS);
}

#[test]
fn a_table_of_ramps_that_makes_none_is_refused_with_its_line() {
    let head = "sequence,repetitions,slope_w_m2_s,g_low_w_m2,g_high_w_m2,ramp_up_s,dwell_high_s,\
                ramp_down_s,dwell_low_s,initial_settling_s\n";
    let good = "A,2,1,100,500,400,10,400,10,300\n";
    for bad in [
        "A,2.5,1,100,500,400,10,400,10,300\n",
        "A,2,1,600,500,400,10,400,10,300\n",
        "A,2,1,100,500,400,10,400,10,x\n",
        "A,1000,1,100,500,90000,10,400,10,3\n",
    ] {
        let error = Sequence::read(format!("{head}{good}{bad}").as_bytes()).unwrap_err();
        assert_eq!(error.code(), "mppt.file.value");
        assert!(error.to_string().starts_with("line 3"), "{error}");
    }
    let short = Sequence::read(format!("{head}A,2\n").as_bytes()).unwrap_err();
    assert_eq!(short.code(), "mppt.file.table");
}

#[test]
fn losses_follow_from_measured_points() {
    let text = String::from_utf8(shared("pv_mppt/inverter_fit_snl_meas.csv")).unwrap();
    let points: Vec<(f64, f64)> = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').collect::<Vec<_>>())
        .filter(|cells| cells[1] == "Vnom")
        .map(|cells| (cells[0].parse().unwrap(), cells[4].parse().unwrap()))
        .collect();
    let losses = Losses::fitted(&points).unwrap();
    for (output, efficiency) in points {
        let found = losses.efficiency(output / efficiency);
        assert!((found - efficiency).abs() < 0.005, "{output}: {found}, {efficiency}");
    }
    assert!(Losses::fitted(&[(0.5, 0.9)]).is_none());
}

#[test]
fn a_coarse_sensor_costs_more_than_a_fine_one() {
    let euro = |bits| {
        let setup = Setup { bits: Some(bits), samples: 1, ..Setup::EXACT };
        weighted(&setup, &generator(Technology::CrystallineSilicon), Kind::Perturb).0
    };
    let (coarse, usual, fine) = (euro(8), euro(12), euro(16));
    assert!(coarse < usual && usual < fine, "{coarse} {usual} {fine}");
    let sensor = Sensor::with_bits(12, 375.0, 11.0);
    assert!(close(sensor.resolution().voltage, 375.0 * 1.25 / 4095.0 * 1.0408 / 4.0, 1e-3));
}

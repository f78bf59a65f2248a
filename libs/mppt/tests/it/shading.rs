//! Several maxima.

use mppt::array::Group;
use mppt::procedure::Generator;
use mppt::{Array, Conditions, Diode, Module, Simulator, Source, Technology};
use proptest::prelude::*;

use crate::close;

fn cells(light: f64) -> Diode {
    Diode::new(9.0 * light, 2e-10, 0.01, 100.0, 0.5).unwrap()
}

#[test]
fn an_evenly_lit_array_is_one_large_module() {
    let module: Module = serde_json::from_str(
        r#"{"I_L": 8.7, "I_0": 2e-10, "a": 1.56, "R_s": 0.35, "R_sh": 300, "alpha": 0.0035}"#,
    )
    .unwrap();
    let one = module.diode(Conditions::STANDARD);
    let group = Group { cells: one.scaled(1.0 / 3.0, 1.0), count: 30 };
    let array = Array::new(vec![vec![group]; 4]).unwrap();
    let large = one.scaled(10.0, 4.0);
    assert!(close(array.open_circuit(), large.open_circuit(), 1e-12));
    let (found, expected) = (array.maximum(), large.maximum());
    assert!(close(found.power(), expected.power(), 1e-12) && array.maxima().len() == 1);
    assert!(close(found.power(), 40.0 * module.power(), 1e-12));
    for part in [0.1, 0.5, 0.8, 0.9, 0.99] {
        let voltage = part * large.open_circuit();
        assert!(close(array.current(voltage), large.current(voltage), 1e-9), "{part}");
    }
}

#[test]
fn every_level_of_light_in_a_string_makes_a_maximum() {
    let groups = [1.0, 0.6, 0.3].map(|light| Group { cells: cells(light), count: 10 });
    let array = Array::new(vec![groups.to_vec()]).unwrap();
    let maxima = array.maxima();
    assert_eq!(maxima.len(), 3);
    assert!(maxima.windows(2).all(|two| two[0].voltage < two[1].voltage));
    // One group alone less what two bypass diodes take, a little more than twice, a little less
    // than three times its voltage.
    let one = cells(1.0).scaled(10.0, 1.0).maximum().voltage - 20.0 * 0.5;
    assert!((maxima[0].voltage - one).abs() < 2.0, "{maxima:?}");
    let best = array.maximum();
    assert!(maxima.iter().all(|top| top.power() <= best.power()));
}

#[test]
fn strings_in_parallel_have_the_maxima_of_their_sum() {
    let lit = vec![Group { cells: cells(1.0), count: 30 }];
    let shaded =
        vec![Group { cells: cells(1.0), count: 15 }, Group { cells: cells(0.4), count: 15 }];
    let array = Array::new(vec![lit.clone(), lit, shaded]).unwrap();
    let best = array.maximum();
    let fine: f64 = array.curve(4_000).iter().map(mppt::Point::power).fold(0.0, f64::max);
    assert!(best.power() >= fine && close(best.power(), fine, 1e-5), "{best:?} {fine}");
}

#[test]
fn nothing_in_parallel_is_refused() {
    assert!(Array::new(vec![]).is_err() && Array::new(vec![vec![]]).is_err());
    assert!(Array::new(vec![vec![Group { cells: cells(1.0), count: 1 }]; 257]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_maximum_of_any_shade_is_the_best_of_a_fine_sweep(
        shaded in 0u32..=30, part in 0.0..1.0_f64, irradiance in 50.0..1_200.0_f64
    ) {
        for technology in Technology::ALL {
            let simulator = Simulator::new(technology, 3_000.0, 300.0).unwrap();
            let array = Generator::Simulator(simulator).shaded(irradiance, shaded, part).unwrap();
            let fine = array.curve(800).iter().map(mppt::Point::power).fold(0.0, f64::max);
            let best = array.maximum().power();
            prop_assert!(best >= fine * (1.0 - 1e-9), "{best} {fine}");
            prop_assert!(best <= fine * 1.001, "{best} {fine}");
        }
    }
}

//! Curves against curves computed with arbitrary precision, and against naive twins.

use mppt::{Catalogue, Conditions, Diode, Module, Simulator, Source, Technology};
use proptest::prelude::*;
use serde_json::Value;

use crate::{close, shared};

/// Boltzmann's constant over the electron's charge, in V/K.
const THERMAL: f64 = 1.380_649e-23 / 1.602_176_634e-19;

/// The currents of the oracle have some digits more than a float; at 40 V a float's own last digit
/// moves a current by this much, in A.
const CURRENT_CLOSE: f64 = 2e-13;

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// The parameter sets of the precise curves, by index.
fn sets() -> Vec<(u64, Diode)> {
    let text = String::from_utf8(shared("pv_mppt/precise_iv_curves_parameter_sets1.csv")).unwrap();
    let rows = text.lines().skip(1).map(|line| {
        let n: Vec<f64> = line.split(',').map(|cell| cell.parse().unwrap()).collect();
        let ideality = n[5] * n[6] * THERMAL * 298.15;
        let index = line.split(',').next().unwrap().parse().unwrap();
        (index, Diode::new(n[1], n[2], n[3], n[4], ideality).unwrap())
    });
    rows.collect()
}

#[test]
fn curves_agree_with_arbitrary_precision_at_every_point() {
    let oracle: Value = serde_json::from_slice(&shared("pv_mppt/precise_iv_curves1.json")).unwrap();
    let curves = oracle["IV Curves"].as_array().unwrap();
    assert_eq!(curves.len(), 32);
    let mut points = 0;
    let mut worst: f64 = 0.0;
    for ((index, diode), curve) in sets().iter().zip(curves) {
        assert_eq!(curve["Index"].as_u64().unwrap(), *index);
        let of = |name: &str| number(&curve[name]);
        assert!(close(diode.short_circuit(), of("i_sc"), 1e-14), "i_sc of {index}");
        assert!(close(diode.open_circuit(), of("v_oc"), 1e-14), "v_oc of {index}");
        let best = diode.maximum();
        assert!(close(best.power(), of("p_mp"), 1e-9), "p_mp of {index}");
        assert!(close(best.power(), of("p_mp"), 1e-14), "p_mp of {index} to the last digits");
        assert!(close(best.voltage, of("v_mp"), 1e-11), "v_mp of {index}");
        assert!(close(best.current, of("i_mp"), 1e-11), "i_mp of {index}");
        let half = 0.5 * of("v_oc");
        assert!(close(diode.current(half), of("i_x"), 1e-13), "i_x of {index}");
        let beyond = 0.5 * (of("v_oc") + of("v_mp"));
        assert!(close(diode.current(beyond), of("i_xx"), 1e-12), "i_xx of {index}");
        let voltages = curve["Voltages"].as_array().unwrap();
        for (voltage, current) in voltages.iter().zip(curve["Currents"].as_array().unwrap()) {
            let (voltage, current) = (number(voltage), number(current));
            worst = worst.max((diode.current(voltage) - current).abs());
            let back = diode.voltage(current);
            assert!((back - voltage).abs() <= 1e-9 * of("v_oc"), "{index}: {back} V, {voltage}");
            points += 1;
        }
    }
    assert_eq!(points, 3_200);
    assert!(worst <= CURRENT_CLOSE, "{worst:e} A off");
}

/// The module of the worked numbers.
fn worked() -> Module {
    let text = r#"{"I_L": 8.70, "I_0": 2.0e-10, "a": 1.56, "R_s": 0.35, "R_sh": 300,
                   "alpha": 0.0035}"#;
    serde_json::from_str(text).unwrap()
}

#[test]
fn light_and_heat_move_a_curve_as_de_soto_says() {
    let rows = [
        (1000.0, 25.0, [8.6899, 38.1908, 30.7446, 8.1381, 250.2038]),
        (500.0, 25.0, [4.3475, 37.1102, 30.9962, 4.0831, 126.5614]),
        (200.0, 25.0, [1.7396, 35.6816, 30.4108, 1.6349, 49.7190]),
        (100.0, 25.0, [0.8699, 34.6009, 29.6409, 0.8171, 24.2202]),
        (1000.0, 50.0, [8.7773, 34.8413, 27.3490, 8.1314, 222.3850]),
    ];
    for (irradiance, cell_temperature, expected) in rows {
        let diode = worked().diode(Conditions { irradiance, cell_temperature });
        let best = diode.maximum();
        let found =
            [diode.short_circuit(), diode.open_circuit(), best.voltage, best.current, best.power()];
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= 1e-3, "{irradiance}: {found}, not {expected}");
        }
    }
}

#[test]
fn every_module_of_the_catalogue_has_the_power_that_it_is_sold_by() {
    let bytes = shared("pv_mppt/cec_modules_sample.csv");
    let catalogue = Catalogue::read(&bytes).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let sold: Vec<f64> =
        text.lines().skip(1).map(|line| line.split(',').nth(3).unwrap().parse().unwrap()).collect();
    let modules: Vec<Module> = catalogue.modules().map(Result::unwrap).collect();
    assert_eq!(modules.len(), 268);
    for (module, sold) in modules.iter().zip(sold) {
        // The catalogue rounds its parameters; a few thin films miss by more.
        assert!(close(module.power(), sold, 0.01), "{}: {} W", module.name, module.power());
        let hot = module.diode(Conditions { cell_temperature: 65.0, ..Conditions::STANDARD });
        assert!(hot.maximum().power() < module.power(), "{}", module.name);
        assert_eq!(catalogue.module(&module.name.replace([' ', '-', '/'], "_")).unwrap(), *module);
    }
}

#[test]
fn a_module_that_is_not_there_is_named_and_near_names_are_told() {
    let catalogue = Catalogue::read(&shared("pv_mppt/cec_modules_sample.csv")).unwrap();
    let error = catalogue.module("au optronics pm060").unwrap_err();
    assert_eq!(error.code(), "mppt.module.unknown");
    assert!(error.to_string().contains("did you mean AU Optronics PM060M00_285"), "{error}");
    let bad = Catalogue::read(b"Name,a_ref\nX,1\n").unwrap_err();
    assert_eq!((bad.code(), bad.to_string().contains("alpha_sc")), ("mppt.file.no_column", true));
}

#[test]
fn the_standards_generator_has_the_standards_ratios() {
    for (technology, ratio) in
        [(Technology::CrystallineSilicon, 0.95), (Technology::ThinFilm, 0.98)]
    {
        let simulator = Simulator::new(technology, 3_000.0, 300.0).unwrap();
        let at = |irradiance| simulator.diode(Conditions::light(irradiance));
        let (full, fifth) = (at(1_000.0).maximum(), at(200.0).maximum());
        assert!((fifth.voltage / full.voltage - ratio).abs() < 0.0045, "{technology:?}");
        let open = at(1_000.0).open_circuit() / simulator.open_circuit_catalogue();
        assert!((open - 1.0).abs() < 0.005, "{technology:?}: {open}");
        assert!(close(full.voltage, 300.0, 0.01) && close(full.power(), 3_000.0, 0.01));
    }
}

/// The curve by halving alone.
fn naive_current(p: [f64; 5], voltage: f64) -> f64 {
    let [light, saturation, series, shunt, ideality] = p;
    let excess = |current: f64| {
        let inner = voltage + current * series;
        light - saturation * (inner / ideality).exp_m1() - inner / shunt - current
    };
    let (mut low, mut high) = (0.0, light);
    if excess(low) <= 0.0 {
        return 0.0;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if excess(middle) > 0.0 { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

fn parameters() -> impl Strategy<Value = [f64; 5]> {
    let tenfold = |low: f64, high: f64| (low..high).prop_map(|exponent| 10.0_f64.powf(exponent));
    (
        tenfold(-4.0, 3.0),
        tenfold(-14.0, -5.0),
        tenfold(-4.0, 1.0),
        tenfold(0.0, 5.0),
        tenfold(-1.5, 2.0),
    )
        .prop_map(|(light, saturation, series, shunt, a)| [light, saturation, series, shunt, a])
}

proptest! {
    #[test]
    fn any_curve_agrees_with_its_naive_twin(p in parameters(), part in 0.0..1.2_f64) {
        let diode = Diode::new(p[0], p[1], p[2], p[3], p[4]).unwrap();
        let voltage = part * diode.open_circuit();
        let (found, naive) = (diode.current(voltage), naive_current(p, voltage));
        prop_assert!((found - naive).abs() <= 1e-9 * p[0], "{found} A, {naive} A");
    }

    #[test]
    fn no_place_on_a_curve_has_more_power_than_its_maximum(
        p in parameters(), parts in proptest::collection::vec(0.0..1.0_f64, 20)
    ) {
        let diode = Diode::new(p[0], p[1], p[2], p[3], p[4]).unwrap();
        let best = diode.maximum();
        prop_assert!(best.voltage > 0.0 && best.current > 0.0);
        prop_assert!((diode.current(best.voltage) - best.current).abs() <= 1e-9 * p[0]);
        for part in parts {
            let power = diode.power(part * diode.open_circuit());
            prop_assert!(power <= best.power() * (1.0 + 1e-12));
        }
    }

    #[test]
    fn no_parameters_and_no_voltage_panic(
        p in proptest::array::uniform5(any::<f64>()), voltage in any::<f64>()
    ) {
        if let Ok(diode) = Diode::new(p[0], p[1], p[2], p[3], p[4]) {
            let _ = (diode.current(voltage), diode.maximum(), diode.open_circuit());
        }
    }
}

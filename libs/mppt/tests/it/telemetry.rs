//! Measured light, power that follows from it with faults put in, and what is told of them.

use mppt::analysis::{Finding, Kind, Light, Report, analyse};
use mppt::converter::Losses;
use mppt::plant::{Available, Plant};
use mppt::sun::Site;
use mppt::telemetry::{Columns, Role, Sample, Series};
use mppt::{Conditions, Module, Source};

use crate::{close, shared};

fn plant() -> Plant {
    let module: Module = serde_json::from_str(
        r#"{"I_L": 8.7, "I_0": 2e-10, "a": 1.56, "R_s": 0.35, "R_sh": 300, "alpha": 0.0035}"#,
    )
    .unwrap();
    Plant {
        module,
        series: 10,
        strings: 4,
        output_max: Some(8_000.0),
        losses: Losses::USUAL,
        site: None,
        expected: 1.0,
    }
}

/// The measured light of a day, its offset, and its temperature where that was measured.
fn light(name: &str) -> Series {
    Series::read(&shared(name), &Columns::default(), 0).unwrap()
}

const CLOUDS: &str = "pv_mppt/midc_20181014.txt";
const CLEAR: &str = "pv_mppt/midc_bms_ghi_20220120.csv";

/// Local hour of a sample.
fn hour(series: &Series, sample: &Sample) -> f64 {
    let local = (sample.time + i64::from(series.offset)).rem_euclid(86_400);
    f64::from(u32::try_from(local).unwrap()) / 3_600.0
}

/// The same series with the power that a plant would have; `meddle` gives volts and amperes by the
/// hour, the day from 0 and what is available.
fn powered(
    mut series: Series,
    plant: &Plant,
    meddle: impl Fn(f64, u32, &Available, &mppt::Diode) -> (f64, f64),
) -> Series {
    let first = series.samples[0].time;
    let hours: Vec<f64> = series.samples.iter().map(|sample| hour(&series, sample)).collect();
    for (sample, hour) in series.samples.iter_mut().zip(hours) {
        let irradiance = sample.irradiance.unwrap().max(0.0);
        let cell = plant.module.cell_temperature(sample.air.unwrap_or(15.0), irradiance);
        let there = plant.available(irradiance, cell);
        let diode = plant.diode(Conditions { irradiance, cell_temperature: cell });
        let day = u32::try_from((sample.time - first) / 86_400).unwrap();
        let (voltage, current) = meddle(hour, day, &there, &diode);
        sample.voltage = Some(voltage);
        sample.current = Some(current);
        sample.input = Some(voltage * current);
    }
    series
}

/// The same light on several days.
fn days(series: &Series, days: i64) -> Series {
    let of_day = |day: i64| {
        series
            .samples
            .iter()
            .map(move |sample| Sample { time: sample.time + day * 86_400, ..*sample })
    };
    Series { samples: (0..days).flat_map(of_day).collect(), ..series.clone() }
}

fn kinds(report: &Report) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = report.findings.iter().map(|finding| finding.kind).collect();
    kinds.dedup();
    kinds
}

fn only(report: &Report, kind: Kind) -> &Finding {
    assert_eq!(kinds(report), [kind], "{:#?}", report.findings);
    &report.findings[0]
}

#[test]
fn the_minutes_of_the_stations_are_read_with_their_clocks() {
    let clouds = light(CLOUDS);
    let roles: Vec<Role> = clouds.columns.iter().map(|column| column.0).collect();
    assert_eq!(roles, [Role::Date, Role::Time, Role::Irradiance, Role::AirTemperature]);
    assert_eq!((clouds.samples.len(), clouds.offset, clouds.step()), (1_440, -25_200, 60));
    // 2018-10-14 00:00 MST.
    assert_eq!(clouds.samples[0].time, 1_539_500_400);
    assert_eq!(clouds.samples[0].irradiance, Some(-7.69272));
    let clear = light(CLEAR);
    assert_eq!((clear.samples.len(), clear.offset), (1_440, -25_200));
    assert_eq!(clear.samples[0].time, 1_642_662_000);
    let power = light("pv_mppt/serf_east_1min_ac_power.csv");
    assert_eq!((power.samples.len(), power.columns[1].0), (2_607, Role::AcPower));
}

#[test]
fn a_plant_that_is_well_has_no_findings() {
    for name in [CLOUDS, CLEAR] {
        let plant = plant();
        let series = powered(light(name), &plant, |_, _, there, _| (there.voltage, there.current));
        let report = analyse(&series, &plant).unwrap();
        assert!(report.findings.is_empty(), "{name}: {:#?}", report.findings);
        assert_eq!((report.light, report.days.len(), report.gaps), (Light::Plane, 1, 0));
        let day = &report.days[0];
        assert!((day.yield_ratio.unwrap() - 1.0).abs() < 1e-9);
        assert!((0.85..1.1).contains(&day.performance_ratio.unwrap()), "{day:?}");
        // Night irradiance is below zero and counts as nothing.
        let sun: f64 = series.samples.iter().map(|s| s.irradiance.unwrap().max(0.0) / 60.0).sum();
        assert!(close(day.insolation_wh_m2.unwrap(), sun, 1e-12));
        let energy: f64 = series.samples.iter().map(|s| s.input.unwrap() / 60.0).sum();
        assert!(close(day.energy_wh, energy, 1e-12));
    }
}

#[test]
fn light_alone_tells_what_is_available() {
    let plant = plant();
    let report = analyse(&light(CLEAR), &plant).unwrap();
    let day = &report.days[0];
    let powered = powered(light(CLEAR), &plant, |_, _, there, _| (there.voltage, there.current));
    let measured = analyse(&powered, &plant).unwrap().days[0].energy_wh;
    assert!(close(day.available_wh.unwrap(), measured, 1e-9), "{day:?}");
    assert_eq!((day.energy_wh, day.yield_ratio, report.judged), (0.0, None, 0));
}

#[test]
fn a_string_that_is_out_is_found_with_what_it_cost() {
    let plant = plant();
    let series = powered(light(CLEAR), &plant, |hour, _, there, _| {
        let part = if (10.0..14.0).contains(&hour) { 0.75 } else { 1.0 };
        (there.voltage, there.current * part)
    });
    let report = analyse(&series, &plant).unwrap();
    let found = only(&report, Kind::StringOut);
    assert!((found.to - found.from - 4 * 3_600).abs() <= 120, "{found:?}");
    let lost: f64 = series
        .samples
        .iter()
        .filter(|sample| (10.0..14.0).contains(&hour(&series, sample)))
        .map(|sample| sample.input.unwrap() / 3.0 / 60.0)
        .sum();
    assert!(close(found.lost_wh, lost, 0.01), "{found:?}: {lost}");
    assert!(found.evidence.contains("1 strings missing"), "{found:?}");
}

#[test]
fn energy_that_is_held_back_is_told_from_energy_that_is_not_there() {
    let plant = plant();
    let series = powered(light(CLEAR), &plant, |hour, _, there, diode| {
        if !(11.0..13.0).contains(&hour) {
            return (there.voltage, there.current);
        }
        // Half way from the best voltage to open circuit: less power, more voltage.
        let voltage = 0.5 * (there.voltage + diode.open_circuit());
        (voltage, diode.current(voltage))
    });
    let report = analyse(&series, &plant).unwrap();
    let found = only(&report, Kind::Curtailment);
    assert!(close(found.lost_wh, report.days[0].curtailed_wh, 0.02), "{found:?}");
    assert!(found.lost_wh > 1_000.0);
}

#[test]
fn the_inverters_limit_is_no_fault_of_the_modules() {
    let plant = Plant { output_max: Some(3_000.0), ..plant() };
    let series = powered(light(CLEAR), &plant, |_, _, there, diode| {
        let limit = 3_080.0;
        if there.input <= limit {
            return (there.voltage, there.current);
        }
        let (mut low, mut high) = (there.voltage, diode.open_circuit());
        for _ in 0..50 {
            let middle = 0.5 * (low + high);
            if diode.power(middle) > limit { low = middle } else { high = middle }
        }
        (low, diode.current(low))
    });
    let report = analyse(&series, &plant).unwrap();
    let found = only(&report, Kind::Clipping);
    assert!(found.lost_wh > 500.0 && close(found.lost_wh, report.days[0].clipped_wh, 0.02));
}

#[test]
fn an_outage_and_bypassed_modules_are_found() {
    let plant = plant();
    let outage = powered(light(CLEAR), &plant, |hour, _, there, diode| {
        if (12.0..12.5).contains(&hour) {
            return (diode.open_circuit(), 0.0);
        }
        (there.voltage, there.current)
    });
    only(&analyse(&outage, &plant).unwrap(), Kind::Outage);
    // Four thirds of a module of thirty are bridged.
    let bypassed = powered(light(CLEAR), &plant, |_, _, there, _| {
        (there.voltage * 26.0 / 30.0, there.current)
    });
    let report = analyse(&bypassed, &plant).unwrap();
    assert!(only(&report, Kind::BypassedModules).evidence.contains("4 thirds"));
}

#[test]
fn a_tracker_that_is_stuck_is_found() {
    let plant = plant();
    let series = powered(light(CLOUDS), &plant, |_, _, there, diode| {
        let voltage = 260.0;
        if there.irradiance < 1.0 { (0.0, 0.0) } else { (voltage, diode.current(voltage)) }
    });
    let report = analyse(&series, &plant).unwrap();
    assert!(kinds(&report).contains(&Kind::StuckTracker), "{:#?}", report.findings);
    let stuck = report.findings.iter().find(|one| one.kind == Kind::StuckTracker).unwrap();
    assert!(stuck.evidence.contains("held 260.0 V"), "{stuck:?}");
}

#[test]
fn shade_comes_at_its_time_of_day_and_dirt_every_day_more() {
    let plant = plant();
    let week = days(&light(CLEAR), 9);
    let shaded = powered(week.clone(), &plant, |hour, _, there, _| {
        let part = if (14.0..15.0).contains(&hour) { 0.62 } else { 1.0 };
        (there.voltage * 0.95, there.current * part / 0.95)
    });
    let report = analyse(&shaded, &plant).unwrap();
    let found = only(&report, Kind::Shading);
    assert!(found.evidence.contains("14:00 on 9 of 9 days"), "{found:?}");
    assert!(found.evidence.contains("14:30") && !found.evidence.contains("15:00"), "{found:?}");
    let dirty = powered(week, &plant, |_, day, there, _| {
        (there.voltage, there.current * (1.0 - 0.006 * f64::from(day)))
    });
    let report = analyse(&dirty, &plant).unwrap();
    assert!(only(&report, Kind::Soiling).evidence.contains("0.60 % less every day"));
    let weak = Plant { expected: 0.8, ..plant.clone() };
    let low = powered(days(&light(CLEAR), 8), &weak, |_, _, there, _| {
        (there.voltage * 0.97, there.current)
    });
    let report = analyse(&low, &plant).unwrap();
    assert!(kinds(&report).contains(&Kind::LowRatio), "{:#?}", report.findings);
}

#[test]
fn power_without_light_is_set_against_a_clear_sky() {
    let site = Site { latitude: 39.742, longitude: -105.18, tilt: 45.0, azimuth: 158.0 };
    let plant = Plant { site: Some(site), series: 12, strings: 2, ..plant() };
    let series = light("pv_mppt/serf_east_1min_ac_power.csv");
    let report = analyse(&series, &plant).unwrap();
    assert_eq!((report.light, report.days.len(), report.judged), (Light::ClearSky, 2, 0));
    assert!(report.findings.is_empty());
    let dates: Vec<&str> = report.days.iter().map(|day| day.date.as_str()).collect();
    assert_eq!(dates, ["2022-03-18", "2022-03-19"]);
    for day in &report.days {
        assert!((15_000.0..45_000.0).contains(&day.energy_wh), "{day:?}");
        assert!((0.4..1.1).contains(&day.yield_ratio.unwrap()), "{day:?}");
    }
    let horizontal = Plant { site: Some(site), ..plant.clone() };
    let lit = powered(light(CLEAR), &plant, |_, _, there, _| (there.voltage, there.current));
    let tilted = analyse(&lit, &horizontal).unwrap();
    let sun: f64 = lit.samples.iter().map(|s| s.irradiance.unwrap().max(0.0) / 60.0).sum();
    // In January a plane that stands up and faces south gets much more than the ground.
    let of_plane = tilted.days[0].insolation_wh_m2.unwrap();
    assert!((1.4..2.6).contains(&(of_plane / sun)), "{of_plane} {sun}");
}

#[test]
fn files_join_by_time_and_bad_ones_say_where() {
    let power = b"time,dc_power [kW]\n2026-06-01T10:00:20Z,1.5\n2026-06-01T10:01:20Z,1.6\n";
    let light = b"time,poa\n2026-06-01T10:00:00Z,800\n2026-06-01T10:01:00Z,nan\n";
    let read = |bytes: &[u8]| Series::read(bytes, &Columns::default(), 0);
    let joined = read(power).unwrap().joined(&read(light).unwrap());
    assert_eq!(joined.samples[0].irradiance, Some(800.0));
    assert_eq!((joined.samples[0].input, joined.samples[1].irradiance), (Some(1_500.0), None));
    let code = |text: &str| {
        let error = read(text.as_bytes()).unwrap_err();
        (error.code(), error.to_string())
    };
    assert_eq!(code("a,b\n1,2\n").0, "mppt.file.no_column");
    let (of_stamp, said) = code("time,poa\n2026-06-01T10:00:00Z,1\nyesterday,2\n");
    assert_eq!(of_stamp, "mppt.file.value");
    assert!(said.starts_with("line 3, column \"time\": \"yesterday\""), "{said}");
    let (of_number, said) = code("time,poa\n2026-06-01T10:00:00Z,much\n");
    assert!(of_number == "mppt.file.value" && said.contains("\"poa\""), "{said}");
    assert_eq!(code("time,poa\n2026-06-01T10:00:00Z\n").0, "mppt.file.table");
    let told = Columns(vec![(Role::AcPower, "nothing".to_owned())]);
    assert_eq!(Series::read(light, &told, 0).unwrap_err().code(), "mppt.file.no_column");
    let odd = "Date,Time,GHI\n1.6.2026,9:05,5\n";
    assert_eq!(read(odd.as_bytes()).unwrap().samples[0].time, 1_780_304_700);
}

#[test]
fn no_bytes_panic() {
    use proptest::prelude::*;
    let text = "(time|poa|ac_power|date|mst|,|\n|[0-9:./+-]{1,12}|\"|\u{e9}| ){0,60}";
    let plant = plant();
    proptest!(|(text in text)| {
        if let Ok(series) = Series::read(text.as_bytes(), &Columns::default(), 0) {
            analyse(&series, &plant).unwrap();
        }
    });
    proptest!(|(bytes in proptest::collection::vec(any::<u8>(), 0..200))| {
        let _ = Series::read(&bytes, &Columns::default(), 0);
        let _ = mppt::Catalogue::read(&bytes);
        let _ = mppt::sequence::Sequence::read(&bytes);
    });
}

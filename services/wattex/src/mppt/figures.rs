//! What is drawn: curves of current and power, and a tracker's walk along a ramp.

use std::path::Path;

use anyhow::Result;
use mppt::bench::Step;
use mppt::procedure;
use mppt::sequence::Row;
use mppt::tracker::Kind;
use mppt::{Conditions, Point, Source};

use super::argument;
use super::braille;
use super::chart::{Axis, Chart, HEIGHT, Line, WIDTH, escaped, style};
use super::efficiency::Plan;

/// Points of a curve.
const POINTS: u32 = 240;
/// The irradiances whose curves are drawn, in W/m2.
const LIGHTS: [f64; 3] = [1_000.0, 500.0, 200.0];
/// The shade of one more curve: of 30 substrings so many get so much of the light.
const SHADE: (u32, f64) = (12, 0.4);
/// The numbers of the walk's noise are its own.
const WALK: u64 = u64::MAX;

/// The ramp of the walk: the steepest of the standard's first table, once, with what comes before.
fn ramp() -> Row {
    Row {
        repetitions: 1,
        slope: 50.0,
        low: 100.0,
        high: 500.0,
        up: 8.0,
        dwell_high: 10.0,
        down: 8.0,
        dwell_low: 10.0,
        settling: 10.0,
    }
}

/// The walk of a tracker on the first generator: of the first with adaptive steps among those asked
/// for, else of the first.
fn walk(plan: &Plan) -> Result<(Kind, Vec<Step>)> {
    let is_adaptive = |kind: &Kind| matches!(kind, Kind::Perturb | Kind::Incremental | Kind::Scan);
    let kind = plan.kinds.iter().copied().find(is_adaptive).unwrap_or(plan.kinds[0]);
    let mut steps = Vec::new();
    let mut see = |step: &Step| steps.push(*step);
    let (setup, generator, mut dice) = (&plan.setup, &plan.generators[0], plan.dice(WALK));
    procedure::ramp(setup, generator, kind, &ramp(), &mut dice, &mut see).map_err(argument)?;
    Ok((kind, steps))
}

/// The curves of the first generator: name and points.
fn curves(plan: &Plan) -> Result<Vec<(String, Vec<Point>)>> {
    let generator = &plan.generators[0];
    let lit = |light: &f64| {
        let curve = generator.diode(Conditions::light(*light)).curve(POINTS);
        (format!("{light:.0} W/m\u{b2}"), curve)
    };
    let mut curves: Vec<(String, Vec<Point>)> = LIGHTS.iter().map(lit).collect();
    let shaded = generator.shaded(LIGHTS[0], SHADE.0, SHADE.1).map_err(argument)?;
    let name = format!("{:.0} W/m\u{b2}, shaded", LIGHTS[0]);
    curves.push((name, shaded.curve(POINTS)));
    Ok(curves)
}

fn volts() -> Axis {
    Axis { title: "Voltage", unit: "V" }
}

/// Current and power over voltage.
fn curve_charts(plan: &Plan) -> Result<[Chart; 2]> {
    let name = plan.generators[0].name();
    let curves = curves(plan)?;
    let of = |value: fn(&Point) -> f64| {
        let line = |(name, curve): &(String, Vec<Point>)| Line {
            name: name.clone(),
            points: curve.iter().map(|point| (point.voltage, value(point))).collect(),
            is_marks: false,
        };
        curves.iter().map(line).collect::<Vec<Line>>()
    };
    let best = LIGHTS.map(|light| {
        let best = plan.generators[0].diode(Conditions::light(light)).maximum();
        (best.voltage, best.power())
    });
    let shade = format!("{} of 30 substrings get {:.0} % of it", SHADE.0, 100.0 * SHADE.1);
    let mut power = of(Point::power);
    power.push(Line { name: "maximum".to_owned(), points: best.to_vec(), is_marks: true });
    Ok([
        Chart {
            title: format!("Current over voltage: {name}"),
            description: format!(
                "Current falls from short circuit to open circuit; with less light the curve is \
                 lower. Where {shade}, it has a step."
            ),
            x: volts(),
            y: Axis { title: "Current", unit: "A" },
            from_zero: true,
            lines: of(|point| point.current),
        },
        Chart {
            title: format!("Power over voltage: {name}"),
            description: format!(
                "Power rises to one maximum and falls to zero. Where {shade}, there are two."
            ),
            x: volts(),
            y: Axis { title: "Power", unit: "W" },
            from_zero: true,
            lines: power,
        },
    ])
}

/// Voltage and power along the ramp.
fn walk_charts(plan: &Plan) -> Result<[Chart; 2]> {
    let (kind, steps) = walk(plan)?;
    let name = kind.name();
    let seconds = || Axis { title: "Time", unit: "s" };
    let along = |name: &str, of: fn(&Step) -> f64| Line {
        name: name.to_owned(),
        points: steps.iter().map(|step| (step.time, of(step))).collect(),
        is_marks: false,
    };
    let drawn: f64 = steps.iter().map(|step| step.place.power()).sum();
    let there: f64 = steps.iter().map(|step| step.maximum.power()).sum();
    let part = 100.0 * drawn / there;
    let about = "Light rises from 100 to 500 W/m\u{b2} in 8 s, stays 10 s, falls in 8 s";
    Ok([
        Chart {
            title: format!("Voltage of the tracker \"{name}\" along a ramp of 50 W/m\u{b2} per s"),
            description: format!("{about}. The tracker's voltage and the best one."),
            x: seconds(),
            y: volts(),
            from_zero: false,
            lines: vec![
                along("of maximum power", |step| step.maximum.voltage),
                along("of the tracker", |step| step.place.voltage),
            ],
        },
        Chart {
            title: format!("Power along the same ramp: {part:.2} % of what there is"),
            description: format!("{about}. Power available and power drawn: {part:.2} % of it."),
            x: seconds(),
            y: Axis { title: "Power", unit: "W" },
            from_zero: true,
            lines: vec![
                along("available", |step| step.maximum.power()),
                along("drawn", |step| step.place.power()),
            ],
        },
    ])
}

/// All charts as one SVG, or as a page where the file's name says so.
pub(super) fn page(plan: &Plan, path: &Path) -> Result<String> {
    let [current, power] = curve_charts(plan)?;
    let [voltage, drawn] = walk_charts(plan)?;
    let charts = [current, power, voltage, drawn];
    let is_page = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("html"));
    let count = u32::try_from(charts.len()).map_or(0.0, f64::from);
    let mut top = 0.0;
    let mut drawn = String::new();
    for (id, chart) in charts.iter().enumerate() {
        drawn += &chart.svg(id, if is_page { 0.0 } else { top });
        top += HEIGHT;
    }
    let title = escaped(&format!("Maximum power tracking: {}", plan.generators[0].name()));
    Ok(if is_page {
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
             <style>body{{margin:1rem auto;max-width:{WIDTH}px;font:16px system-ui,sans-serif}}\
             svg{{max-width:100%;height:auto;margin:0 0 1rem}}{}</style>\n</head>\n\
             <body>\n<h1>{title}</h1>\n{drawn}</body>\n</html>\n",
            style()
        )
    } else {
        let height = HEIGHT * count;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" role=\"group\" aria-label=\"{title}\">\n\
             <style>{}</style>\n{drawn}</svg>\n",
            style()
        )
    })
}

/// Power over voltage and the walk, on a terminal.
pub(super) fn draw(plan: &Plan) -> Result<()> {
    let curves = curves(plan)?;
    let power: Vec<Vec<(f64, f64)>> = curves
        .iter()
        .map(|(_, curve)| curve.iter().map(|point| (point.voltage, point.power())).collect())
        .collect();
    println!("\nPower over voltage at 1000, 500 and 200 W/m\u{b2}, and shaded");
    print!("{}", braille::drawn(&power, "V", "W"));
    let (kind, steps) = walk(plan)?;
    let along = |of: fn(&Step) -> f64| steps.iter().map(|step| (step.time, of(step))).collect();
    let lines: [Vec<(f64, f64)>; 2] =
        [along(|step| step.maximum.voltage), along(|step| step.place.voltage)];
    let name = kind.name();
    println!("\nThe voltage of {name:?} and the best one along a ramp of 50 W/m\u{b2}/s");
    print!("{}", braille::drawn(&lines, "s", "V"));
    Ok(())
}

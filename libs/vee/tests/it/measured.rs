//! How often each rule speaks on measured homes: the thresholds are sane if it is seldom, and where
//! the homes are known to be odd. The table is printed with `--nocapture`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use calendar::{Slot, SlotLength, Timestamp};
use units::{Energy, Power};
use vee::{
    Action, Case, Channel, Code, Days, Finding, Irradiance, Known, Meter, Modules, Place, Policy,
    Series, Site, Span, Twin, highest_millidegrees, judge_series,
};

use crate::home::meter;

/// Days that are judged together: a bill's month is cut into weeks, so that V7 and V10 have
/// something to say.
const WEEK_SECONDS: i64 = 7 * 86_400;

/// A column of a table: its name, and its values in kWh or kW as whole Wh or W.
type Column = (String, Vec<u64>);

/// The columns of a CSV file of kilo-units, without the first; empty cells are refused.
fn columns(file: &Path) -> Vec<Column> {
    let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    let mut lines = text.lines();
    let names = lines.next().unwrap().split(',').skip(1);
    let mut columns: Vec<Column> = names.map(|name| (name.to_owned(), Vec::new())).collect();
    for (number, line) in lines.enumerate() {
        let cells = line.split(',').skip(1);
        assert_eq!(cells.clone().count(), columns.len(), "{file:?}, line {}", number + 2);
        for (column, cell) in columns.iter_mut().zip(cells) {
            column.1.push(thousandths(cell).unwrap_or_else(|| panic!("{file:?}: {cell:?}")));
        }
    }
    columns
}

/// A decimal number as thousandths, rounded half up; negative ones as zero.
fn thousandths(cell: &str) -> Option<u64> {
    let (whole, fraction) = cell.split_once('.').unwrap_or((cell, ""));
    if whole.starts_with('-') {
        return Some(0);
    }
    let fraction = format!("{fraction:0<4}");
    let digits: u64 = fraction.get(..4)?.parse().ok()?;
    Some(whole.parse::<u64>().ok()? * 1000 + (digits + 5) / 10)
}

/// Findings by home.
type Found = BTreeMap<String, Vec<Finding>>;

/// A set of homes that were measured together.
struct Homes {
    name: &'static str,
    first: Slot,
    days: Days,
    place: Place,
    load: Vec<Column>,
    pv: Vec<Column>,
    /// Rated power of each home's modules, where it is known.
    modules: BTreeMap<String, Power>,
    /// Are values kilowatts (of a slot) instead of kilowatt-hours?
    power_kw: bool,
}

/// What V10 holds modules against.
#[derive(Clone)]
struct Sun {
    watts: Vec<u32>,
    yield_per_mille: Option<u32>,
}

impl Homes {
    fn series(&self, values: &[u64]) -> Series {
        let minutes = u64::from(self.first.length.minutes());
        // Kilowatts over a slot are so many watt-hours.
        let wh = |value: u64| if self.power_kw { value * minutes / 60 } else { value };
        let known = values.iter().map(|value| Known::measured(Energy::from_wh(wh(*value))));
        Series::new(self.first, known.collect()).unwrap()
    }

    fn site(&self, home: &str, sun: Option<&Sun>) -> Site {
        let yield_per_mille = sun.and_then(|sun| sun.yield_per_mille);
        let modules =
            self.modules.get(home).map(|power| Modules { power: *power, yield_per_mille });
        let (import, export) = (Power::from_w(17_250), Power::from_w(17_250));
        Site { import, export, place: Some(self.place), modules, storage: false }
    }

    /// What is found on a column of each home, week by week; copies over the whole time.
    fn judge(&self, channel: Channel, of: &[Column], sun: Option<&Sun>) -> Found {
        let series: Vec<Series> = of.iter().map(|(_, values)| self.series(values)).collect();
        let meter = meter();
        let meter = Meter { installed: Timestamp::default(), ..meter };
        let irradiance = sun.map(|sun| Irradiance::new(self.first, sun.watts.clone()));
        let mut all = Found::new();
        for (number, (home, _)) in of.iter().enumerate() {
            let others = series.iter().enumerate().filter(|(other, _)| *other != number);
            let twins: Vec<Twin<'_>> = others.map(|(_, other)| Twin::Other(other)).collect();
            let site = self.site(home, sun);
            let case = |twins| Case {
                channel,
                meter: &meter,
                site: &site,
                days: &self.days,
                outages: &[],
                registers: &[],
                irradiance: irradiance.as_ref(),
                twins,
            };
            let ours = &series[number];
            let policy = Policy::default();
            let whole = ours.span();
            let mut findings = Vec::new();
            let mut from = self.days.timezone.start_of(self.days.timezone.day_of(whole.from));
            if from < whole.from {
                from = self.days.timezone.start_of(self.days.timezone.day_of(whole.from).next());
            }
            while from < whole.to {
                let to = from.plus_seconds(WEEK_SECONDS).min(whole.to);
                findings.extend(judge_series(ours, Span { from, to }, &case(&[]), &policy));
                from = to;
            }
            // A flat line over two weeks was found in both.
            let mut seen = BTreeSet::new();
            findings.retain(|it| seen.insert((it.code, it.span)));
            let copies = judge_series(ours, whole, &case(&twins), &policy);
            findings.extend(copies.into_iter().filter(|it| it.code == Code::TwinCopies));
            all.insert(home.clone(), findings);
        }
        all
    }
}

fn citylearn(folder: &Path) -> Homes {
    // Labels are the hour's end, by a clock that never changed: UTC-8.
    let first = Slot::starting(
        "2016-08-01T07:00:00Z".parse().unwrap(),
        SlotLength::from_minutes(60).unwrap(),
    );
    let homes = columns(&folder.join("pv_kwh.csv"));
    let text = std::fs::read_to_string(folder.join("homes.csv")).unwrap();
    let modules = text.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[0].to_owned(), Power::from_w(thousandths(cells[2]).unwrap()))
    });
    let first = first.unwrap();
    let place = Place { latitude: 34_100_000, longitude: -117_430_000 };
    Homes {
        name: "load_citylearn17",
        first,
        days: Days::of("Etc/GMT+8".parse().unwrap()),
        place,
        load: columns(&folder.join("load_kwh.csv")),
        pv: homes,
        modules: modules.collect(),
        power_kw: false,
    }
}

/// The irradiation on the horizontal, from the weather that came with the homes.
fn weather(folder: &Path, homes: &Homes) -> Vec<u32> {
    let weather = columns(&folder.join("price_carbon_weather.csv"));
    let [diffuse, direct] = ["dhi_w_m2", "dni_w_m2"]
        .map(|name| &weather.iter().find(|(column, _)| column == name).unwrap().1);
    let on_the_level = |hour: usize| {
        let slot = homes.first.later(i64::try_from(hour).unwrap());
        let height = sine_per_million(highest_millidegrees(homes.place, slot));
        u32::try_from((diffuse[hour] + direct[hour] * height / 1_000_000) / 1000).unwrap()
    };
    (0..diffuse.len()).map(on_the_level).collect()
}

/// The homes themselves as a sensor of the sun: hour by hour the median of what a kilowatt of
/// modules makes.
fn neighbours(folder: &Path) -> Vec<u32> {
    let columns = columns(&folder.join("pv_w_per_kwp.csv"));
    let median = |hour: usize| {
        let mut all: Vec<u64> = columns.iter().map(|(_, values)| values[hour]).collect();
        all.sort_unstable();
        u32::try_from(all[all.len() / 2] / 1000).unwrap()
    };
    (0..columns[0].1.len()).map(median).collect()
}

/// The sine of an angle of thousandths of a degree, in millionths (Bhaskara's formula, good to a
/// part in six hundred); zero below the horizon.
fn sine_per_million(millidegrees: i32) -> u64 {
    let x = i64::from(millidegrees.clamp(0, 90_000));
    let product = x * (180_000 - x) / 1000;
    u64::try_from(4 * product * 1_000_000 / (40_500_000 - product)).unwrap()
}

fn gse(folder: &Path) -> Homes {
    let first = Slot::starting("2014-10-01T00:00:00Z".parse().unwrap(), SlotLength::QUARTER_HOUR);
    Homes {
        name: "load_gse18",
        first: first.unwrap(),
        days: Days::of("Etc/GMT".parse().unwrap()),
        place: Place { latitude: 37_000_000, longitude: -8_000_000 },
        load: columns(&folder.join("load.csv")),
        pv: columns(&folder.join("pv.csv")),
        modules: BTreeMap::new(),
        power_kw: true,
    }
}

fn table(homes: &Homes, what: &str, found: &Found) {
    let codes: BTreeSet<Code> = found.values().flatten().map(|finding| finding.code).collect();
    println!("\n{} {what}", homes.name);
    print!("{:<6}", "home");
    codes.iter().for_each(|code| print!(" {:>19}", format!("{:?} {}", code.rule(), code.text())));
    println!();
    for home in found.keys() {
        print!("{home:<6}");
        codes.iter().for_each(|code| print!(" {:>19}", count(found, home, *code)));
        println!();
    }
}

fn count(found: &Found, home: &str, code: Code) -> usize {
    found[home].iter().filter(|finding| finding.code == code).count()
}

/// The homes of which `code` is found.
fn homes_of(found: &Found, code: Code) -> Vec<&str> {
    found.keys().map(String::as_str).filter(|home| count(found, home, code) > 0).collect()
}

#[test]
fn measured_homes_are_seldom_doubted() {
    let Some(folder) = testkit::data("load_citylearn17") else { return };
    let homes = citylearn(&folder);
    let days = homes.load[0].1.len() / 24;

    let load = homes.judge(Channel::Import, &homes.load, None);
    table(&homes, "load", &load);
    for (home, findings) in &load {
        assert!(findings.iter().all(|it| it.code.action() != Action::Fail), "{home}");
        assert!(count(&load, home, Code::Spike) * 12 < days, "{home}");
    }
    // The longest hours without any load last 18.
    assert_eq!(homes_of(&load, Code::ZeroLine), [""; 0]);
    assert_eq!(homes_of(&load, Code::TwinCopies), [""; 0]);

    let sun = |watts: &[u32], yield_per_mille| Sun { watts: watts.to_vec(), yield_per_mille };
    let (weather, neighbours) = (weather(&folder, &homes), neighbours(&folder));
    let judge = |what: &str, sun: &Sun| {
        let found = homes.judge(Channel::Generation, &homes.pv, Some(sun));
        table(&homes, what, &found);
        found
    };
    judge("pv, weather of the set, 0.8 of the irradiation expected", &sun(&weather, Some(800)));
    let level = judge("pv, neighbours as sensor, as much expected", &sun(&neighbours, Some(1000)));
    let past = judge("pv, neighbours as sensor, own past expected", &sun(&neighbours, None));
    // Two systems are nearly dead; nothing is made at night or above the modules.
    assert_eq!(homes_of(&level, Code::ZeroLine), ["H07", "H15"]);
    for dead in ["H14", "H15"] {
        assert_eq!(count(&level, dead, Code::YieldLow), days / 7, "{dead}");
    }
    for (home, findings) in &past {
        assert!(findings.iter().all(|it| it.code.action() != Action::Fail), "{home}");
    }
}

#[test]
fn homes_that_were_made_of_others_are_found() {
    let Some(folder) = testkit::data("load_gse18") else { return };
    let homes = gse(&folder);
    let load = homes.judge(Channel::Import, &homes.load, None);
    table(&homes, "load", &load);
    assert_eq!(homes_of(&load, Code::TwinCopies), ["H1", "H14", "H15", "H4", "H5"]);
    let pv = homes.judge(Channel::Generation, &homes.pv, None);
    table(&homes, "pv", &pv);
    // All are one measured roof, scaled.
    assert_eq!(homes_of(&pv, Code::TwinCopies).len(), homes.pv.len());
    for (home, findings) in load.iter().chain(&pv) {
        assert!(findings.iter().all(|it| it.code.action() != Action::Fail), "{home}");
    }
}

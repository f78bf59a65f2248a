//! Strings of cells in series and in parallel, unevenly lit: a curve with several maxima.
//!
//! ```text
//! group:  equal cells under one bypass diode each, in series     V(I) falls
//! string: groups in series, one current                          V(I) = sum of V(I)
//! array:  strings in parallel, each behind a blocking diode      I(V) = sum of I(V)
//! ```
//!
//! A bypass diode is ideal but for its forward voltage. Where one begins to carry current the curve
//! has a kink; between two kinks every string's current is concave in the voltage, and so is the
//! power. So each span between kinks has one maximum, and none is missed.
//! Deliberately absent: breakdown of cells in reverse, which a bypass diode prevents; mismatch of
//! cells under one bypass diode.

use crate::diode::{BadParameter, Diode};
use crate::source::{Point, Source};

/// The forward voltage of a bypass diode, in V: a Schottky diode at its usual current.
pub const BYPASS_DROP: f64 = 0.5;
/// Groups of a string at most.
pub const GROUPS_MAX: usize = 256;
/// Strings of an array at most.
pub const STRINGS_MAX: usize = 256;
/// Halvings of a span of voltage or current: beyond that floats have no middle.
const HALVINGS: usize = 60;
/// A maximum is one if the power falls this far to its sides, as parts of the voltage.
const ASIDE: f64 = 1e-6;

/// Equal cells under one bypass diode each, all in series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// What one bypass diode spans.
    pub cells: Diode,
    /// How many of them.
    pub count: u32,
}

/// Groups in series.
#[derive(Debug, Clone, PartialEq)]
struct Series(Vec<Group>);

/// Strings in parallel.
#[derive(Debug, Clone, PartialEq)]
pub struct Array(Vec<Series>);

impl Array {
    /// An array of strings, each of them a list of groups.
    ///
    /// # Errors
    /// [`BadParameter`] where there is no string or group, or more than [`STRINGS_MAX`] or
    /// [`GROUPS_MAX`] of them.
    pub fn new(strings: Vec<Vec<Group>>) -> Result<Array, BadParameter> {
        check("strings", strings.len(), STRINGS_MAX)?;
        for groups in &strings {
            check("groups", groups.len(), GROUPS_MAX)?;
        }
        Ok(Array(strings.into_iter().map(Series).collect()))
    }

    /// Every place where the power is higher than on both sides, by voltage.
    pub fn maxima(&self) -> Vec<Point> {
        let mut kinks: Vec<f64> = self.0.iter().flat_map(Series::kinks).collect();
        kinks.push(0.0);
        kinks.sort_by(f64::total_cmp);
        let tops = kinks.windows(2).map(|span| self.top(span[0], span[1]));
        let mut maxima: Vec<Point> = tops.filter(|top| self.is_maximum(*top)).collect();
        maxima.dedup_by(|one, other| one.voltage - other.voltage <= 2.0 * ASIDE * one.voltage);
        maxima
    }

    /// Where the power is highest between two voltages, over which it is concave.
    fn top(&self, mut low: f64, mut high: f64) -> Point {
        for _ in 0..HALVINGS {
            let voltage = 0.5 * (low + high);
            let (current, slope) = self.0.iter().fold((0.0, 0.0), |sum, series| {
                let (current, slope) = series.current_and_slope(voltage);
                (sum.0 + current, sum.1 + slope)
            });
            if current + voltage * slope > 0.0 {
                low = voltage;
            } else {
                high = voltage;
            }
        }
        let voltage = 0.5 * (low + high);
        Point { voltage, current: self.current(voltage) }
    }

    fn is_maximum(&self, top: Point) -> bool {
        let power = top.power();
        let aside = |part: f64| self.power(top.voltage * (1.0 + part));
        power > 0.0 && power >= aside(-ASIDE) && power >= aside(ASIDE)
    }
}

/// A size within its limit.
fn check(name: &'static str, size: usize, most: usize) -> Result<(), BadParameter> {
    if (1..=most).contains(&size) {
        return Ok(());
    }
    let value = u32::try_from(size).map_or(f64::INFINITY, f64::from);
    Err(BadParameter { name, value, rule: "at least 1, at most 256" })
}

impl Series {
    fn voltage(&self, current: f64) -> f64 {
        let group = |group: &Group| group.voltage(current) * f64::from(group.count);
        self.0.iter().map(group).sum()
    }

    /// The voltages at which a bypass diode begins to carry current, and that of open circuit.
    fn kinks(&self) -> Vec<f64> {
        let carried = self.0.iter().map(|group| group.cells.current_at(-BYPASS_DROP));
        let kinks = carried.map(|current| self.voltage(current)).filter(|kink| *kink > 0.0);
        kinks.chain([self.voltage(0.0).max(0.0)]).collect()
    }

    /// The current at a voltage, and how it changes with it: Newton's method on the voltage over
    /// the current, kept in its bracket by halving, as it has kinks.
    fn current_and_slope(&self, voltage: f64) -> (f64, f64) {
        let mut low = 0.0;
        if self.voltage(low) <= voltage {
            return (0.0, 0.0);
        }
        let short = self.0.iter().map(|group| group.cells.current_at(-BYPASS_DROP));
        let mut high = short.fold(0.0, f64::max);
        let mut current = 0.5 * high;
        let mut slope = -1.0;
        for _ in 0..2 * HALVINGS {
            let error = self.voltage(current) - voltage;
            if error > 0.0 {
                low = current;
            } else {
                high = current;
            }
            slope = self.slope(current);
            let next = current - error / slope;
            let next = if next > low && next < high { next } else { 0.5 * (low + high) };
            let step = (next - current).abs();
            current = next;
            if step <= 1e-14 * high {
                break;
            }
        }
        (current, 1.0 / slope)
    }

    fn slope(&self, current: f64) -> f64 {
        let live = self.0.iter().filter(|group| group.cells.voltage(current) > -BYPASS_DROP);
        let slope: f64 =
            live.map(|group| group.cells.voltage_slope(current) * f64::from(group.count)).sum();
        slope.min(-1e-12)
    }
}

impl Group {
    fn voltage(&self, current: f64) -> f64 {
        self.cells.voltage(current).max(-BYPASS_DROP)
    }
}

impl Source for Array {
    fn current(&self, voltage: f64) -> f64 {
        let voltage = voltage.max(0.0);
        self.0.iter().map(|series| series.current_and_slope(voltage).0).sum()
    }

    fn open_circuit(&self) -> f64 {
        self.0.iter().map(|series| series.voltage(0.0)).fold(0.0, f64::max)
    }

    fn maximum(&self) -> Point {
        let by_power = |one: &Point, other: &Point| one.power().total_cmp(&other.power());
        self.maxima().into_iter().max_by(by_power).unwrap_or_default()
    }
}

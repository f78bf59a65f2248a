//! A look at the whole curve, as a shaded generator has several maxima.
//!
//! The scan goes upwards. A generator's current never rises with its voltage, so at a place with
//! current `I` no voltage below `P / I` can give more than the best power `P` so far: the scan goes
//! there at once. On an evenly lit generator that leaves the surroundings of the maximum only.

use super::{Adaptive, Limits, Measurement};

/// When and how finely the curve is scanned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sweep {
    /// At least this often, in s.
    pub every: f64,
    /// When the power fell, or rose, by this part within a second: shade came or went.
    pub change: f64,
    /// Not before this long after the last scan, in s.
    pub pause: f64,
    /// A step, as a part of the highest voltage.
    pub step: f64,
}

impl Sweep {
    /// Every ten minutes, or when power changed by 15 %, by steps of 2 %.
    pub const USUAL: Sweep = Sweep { every: 600.0, change: 0.15, pause: 5.0, step: 0.02 };
}

/// The power is remembered this long, in s, to see it jump.
const MEMORY: f64 = 0.5;
/// Power that changes by less than this part in [`MEMORY`] is steady: before that a scan compares
/// what cannot be compared.
const STEADY: f64 = 0.03;
/// A scan goes this much below the voltage that it could jump to, as measurements are noisy.
const CAUTION: f64 = 0.98;

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    /// The inner tracker is at work.
    Tracking,
    /// The curve is looked at; so far the best place was this.
    Scanning { best: Measurement },
    /// The converter was sent to the best place.
    Returning,
}

/// A tracker that scans.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scan {
    inner: Adaptive,
    sweep: Sweep,
    state: State,
    scanned: Option<f64>,
    /// The power was so at the beginning of this and of the last span of [`MEMORY`].
    marks: [(f64, f64); 2],
    changed: bool,
    reference: f64,
}

impl Scan {
    /// `inner` with scans.
    pub fn new(inner: Adaptive, sweep: Sweep) -> Scan {
        let marks = [(f64::NEG_INFINITY, 0.0); 2];
        let reference = inner.limits.low;
        let state = State::Tracking;
        Scan { inner, sweep, state, scanned: None, marks, changed: false, reference }
    }

    pub(super) fn limits(&self) -> Limits {
        self.inner.limits
    }

    pub(super) fn resume(&mut self, voltage: f64) {
        self.state = State::Tracking;
        self.marks = [(f64::NEG_INFINITY, 0.0); 2];
        self.inner.resume(voltage);
    }

    pub(super) fn step(&mut self, now: &Measurement) -> f64 {
        let is_due = self.state == State::Tracking && self.is_due(now);
        self.reference = match self.state {
            State::Tracking if is_due => {
                self.state = State::Scanning { best: *now };
                self.limits().low
            }
            State::Tracking => self.inner.step(now),
            State::Scanning { best } => self.scan(now, best),
            State::Returning => {
                self.state = State::Tracking;
                self.scanned = Some(now.time);
                self.changed = false;
                self.marks = [(now.time, now.power()); 2];
                self.inner.step(now)
            }
        };
        self.reference
    }

    /// Whether it is time: the period has passed, or power has jumped and come to rest.
    fn is_due(&mut self, now: &Measurement) -> bool {
        let power = now.power();
        let [recent, earlier] = self.marks;
        let is_known = earlier.0.is_finite();
        if is_known && (power - earlier.1).abs() > self.sweep.change * earlier.1 {
            self.changed = true;
        }
        let is_steady = is_known && (power - earlier.1).abs() <= STEADY * earlier.1;
        if now.time - recent.0 >= MEMORY {
            self.marks = [(now.time, power), recent];
        }
        let Some(scanned) = self.scanned else {
            // Where it begins there is nothing to compare with: the first look is after a second.
            self.scanned = Some(now.time - self.sweep.every + 1.0);
            return false;
        };
        let passed = now.time - scanned;
        let wanted = passed >= self.sweep.every || self.changed;
        wanted && is_steady && passed >= self.sweep.pause && now.current > 0.0
    }

    fn scan(&mut self, now: &Measurement, best: Measurement) -> f64 {
        let better = if now.power() > best.power() { *now } else { best };
        let step = self.sweep.step * self.limits().high;
        let promising = CAUTION * better.power() / now.current.max(f64::MIN_POSITIVE);
        let next = (now.voltage.max(self.reference) + step).max(promising);
        if next >= self.limits().high || now.current <= 0.0 {
            self.state = State::Returning;
            self.inner.resume(better.voltage);
            return self.limits().clamp(better.voltage);
        }
        self.state = State::Scanning { best: better };
        self.limits().clamp(next)
    }
}

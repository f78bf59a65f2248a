//! Trackers: from what was measured to the voltage that the converter shall hold next.
//!
//! Each is a plain value that is stepped once a period. It knows volts, amperes and the time, not
//! the light; so it has to tell what its own step did from what the sky did.

mod adaptive;
mod fixed;
mod scan;

use serde::{Deserialize, Serialize};

pub use adaptive::{Adaptive, Rule, Steps};
pub use fixed::{Constant, Fixed};
pub use scan::{Scan, Sweep};

/// What a controller knows of its input at the end of a period.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Since some moment, in s; rising.
    pub time: f64,
    /// In V.
    pub voltage: f64,
    /// In A.
    pub current: f64,
}

impl Measurement {
    fn power(&self) -> f64 {
        self.voltage * self.current
    }
}

/// Between which voltages a reference lies, in V.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

impl Limits {
    /// The usual guard: 0.6 times the lowest open-circuit voltage in which there is power to be
    /// had, 0.98 times the highest.
    pub fn guard(open_lowest: f64, open_highest: f64) -> Limits {
        Limits { low: 0.6 * open_lowest, high: 0.98 * open_highest }
    }

    fn clamp(&self, voltage: f64) -> f64 {
        // Not `f64::clamp`, which panics where the limits are the wrong way round.
        voltage.min(self.high).max(self.low)
    }
}

/// What cannot be told from nothing: the noise of one measurement.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Noise {
    /// Standard deviation, in V.
    pub voltage: f64,
    /// Standard deviation, in A.
    pub current: f64,
}

impl Noise {
    /// Of the power at a place, as a part of it.
    fn relative(&self, m: &Measurement) -> f64 {
        (self.voltage / m.voltage.max(f64::MIN_POSITIVE))
            .hypot(self.current / m.current.max(f64::MIN_POSITIVE))
    }
}

/// A tracker at work.
#[derive(Debug, Clone, PartialEq)]
pub enum Tracker {
    /// Holds a voltage.
    Constant(Constant),
    /// Perturb and observe, or incremental conductance, by equal steps.
    Fixed(Fixed),
    /// The same by steps as long as they have to be, told apart from the sky.
    Adaptive(Adaptive),
    /// The adaptive one, and now and then a look at the whole curve.
    Scan(Scan),
}

impl Tracker {
    /// Takes what was measured and answers with the reference voltage of the next period, in V.
    pub fn step(&mut self, measured: &Measurement) -> f64 {
        match self {
            Tracker::Constant(tracker) => tracker.voltage,
            Tracker::Fixed(tracker) => tracker.step(measured),
            Tracker::Adaptive(tracker) => tracker.step(measured),
            Tracker::Scan(tracker) => tracker.step(measured),
        }
    }

    /// Goes on from a voltage to which somebody else brought the converter.
    pub fn resume(&mut self, voltage: f64) {
        match self {
            Tracker::Constant(_) => {}
            Tracker::Fixed(tracker) => tracker.resume(),
            Tracker::Adaptive(tracker) => tracker.resume(voltage),
            Tracker::Scan(tracker) => tracker.resume(voltage),
        }
    }

    /// Where its reference never leaves.
    pub fn limits(&self) -> Limits {
        match self {
            Tracker::Constant(tracker) => Limits { low: tracker.voltage, high: tracker.voltage },
            Tracker::Fixed(tracker) => tracker.limits,
            Tracker::Adaptive(tracker) => tracker.limits,
            Tracker::Scan(tracker) => tracker.limits(),
        }
    }
}

/// The trackers there are, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The voltage of maximum power at standard conditions, always: what tracking is measured by.
    ConstantVoltage,
    /// Perturb and observe, equal steps.
    PerturbFixed,
    /// Incremental conductance, equal steps.
    IncrementalFixed,
    /// Perturb and observe, adaptive steps, the sky's part taken out.
    Perturb,
    /// Incremental conductance, adaptive steps, the sky's part taken out.
    Incremental,
    /// As `perturb`, with a scan of the whole curve from time to time and when power drops.
    Scan,
}

impl Kind {
    /// All, from the plainest.
    pub const ALL: [Kind; 6] = [
        Kind::ConstantVoltage,
        Kind::PerturbFixed,
        Kind::IncrementalFixed,
        Kind::Perturb,
        Kind::Incremental,
        Kind::Scan,
    ];

    /// As tables and the command line name it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::ConstantVoltage => "constant-voltage",
            Kind::PerturbFixed => "perturb-fixed",
            Kind::IncrementalFixed => "incremental-fixed",
            Kind::Perturb => "perturb",
            Kind::Incremental => "incremental",
            Kind::Scan => "scan",
        }
    }

    /// A tracker of this kind for a generator whose maximum is at `voltage` under standard
    /// conditions. Steps follow from that voltage: the equal ones are 1/60 of it.
    pub fn tracker(self, voltage: f64, limits: Limits, noise: Noise) -> Tracker {
        let adaptive = |rule| Adaptive::new(rule, Steps::usual(noise), limits);
        match self {
            Kind::ConstantVoltage => Tracker::Constant(Constant { voltage: limits.clamp(voltage) }),
            Kind::PerturbFixed => Tracker::Fixed(Fixed::new(Rule::Power, voltage / 60.0, limits)),
            Kind::IncrementalFixed => {
                Tracker::Fixed(Fixed::new(Rule::Conductance, voltage / 60.0, limits))
            }
            Kind::Perturb => Tracker::Adaptive(adaptive(Rule::Power)),
            Kind::Incremental => Tracker::Adaptive(adaptive(Rule::Conductance)),
            Kind::Scan => Tracker::Scan(Scan::new(adaptive(Rule::Power), Sweep::USUAL)),
        }
    }
}

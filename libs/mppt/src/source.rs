//! What a converter draws from.

use serde::{Deserialize, Serialize};

/// A place on a curve of current over voltage.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Point {
    /// In V.
    pub voltage: f64,
    /// In A.
    pub current: f64,
}

impl Point {
    /// In W.
    pub fn power(&self) -> f64 {
        self.voltage * self.current
    }
}

/// A generator at one moment: one curve of current over voltage that falls throughout.
pub trait Source {
    /// The current at a voltage, in A; zero from open circuit on, that of short circuit below 0 V.
    fn current(&self, voltage: f64) -> f64;

    /// The voltage from which on there is no current, in V.
    fn open_circuit(&self) -> f64;

    /// Where the power is highest of all.
    fn maximum(&self) -> Point;

    /// The power at a voltage, in W.
    fn power(&self, voltage: f64) -> f64 {
        voltage.max(0.0) * self.current(voltage)
    }

    /// `points` places from short to open circuit, at equal distances; two at least.
    fn curve(&self, points: u32) -> Vec<Point> {
        let last = points.max(2) - 1;
        let open = self.open_circuit();
        let place = |n: u32| {
            let voltage = open * f64::from(n) / f64::from(last);
            Point { voltage, current: self.current(voltage) }
        };
        (0..=last).map(place).collect()
    }
}

impl<S: Source> Source for &S {
    fn current(&self, voltage: f64) -> f64 {
        (**self).current(voltage)
    }

    fn open_circuit(&self) -> f64 {
        (**self).open_circuit()
    }

    fn maximum(&self) -> Point {
        (**self).maximum()
    }
}

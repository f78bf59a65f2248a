//! A tracker, a converter and a generator run together over time.

use serde::Serialize;

use crate::converter::{Converter, Dice};
use crate::source::{Point, Source};
use crate::tracker::Tracker;

/// The period of a tracker, in s.
pub const PERIOD: f64 = 0.1;
/// Into how many parts a period is divided to add up energy.
pub const PARTS: u32 = 5;

/// Energy of a run, in Ws.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Energy {
    /// What was there: the maximum power over time.
    pub available: f64,
    /// What was drawn from the generator.
    pub drawn: f64,
    /// What left the converter.
    pub delivered: f64,
}

impl Energy {
    /// What was drawn of what was there; `None` in the dark.
    pub fn tracking(&self) -> Option<f64> {
        (self.available > 0.0).then(|| self.drawn / self.available)
    }

    /// What left the converter of what it drew.
    pub fn conversion(&self) -> Option<f64> {
        (self.drawn > 0.0).then(|| self.delivered / self.drawn)
    }

    /// Adds another run's.
    pub fn add(&mut self, other: &Energy) {
        self.available += other.available;
        self.drawn += other.drawn;
        self.delivered += other.delivered;
    }
}

/// One moment of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Step {
    /// Since the beginning, in s.
    pub time: f64,
    /// Where the converter is.
    pub place: Point,
    /// Where it should be.
    pub maximum: Point,
}

/// A tracker on its converter.
#[derive(Debug, Clone)]
pub struct Bench {
    tracker: Tracker,
    converter: Converter,
    reference: f64,
    periods: u32,
}

impl Bench {
    /// The converter begins where it is.
    pub fn new(tracker: Tracker, converter: Converter) -> Bench {
        let reference = converter.voltage();
        Bench { tracker, converter, reference, periods: 0 }
    }

    /// The same with another tracker.
    #[must_use]
    pub fn with(self, tracker: Tracker) -> Bench {
        Bench { tracker, ..self }
    }

    /// Since it began, in s.
    pub fn time(&self) -> f64 {
        f64::from(self.periods) * PERIOD
    }

    /// The tracker as it is.
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// Runs one period. `source` gives the generator and its maximum at a part of the period, in s
    /// since the bench began.
    pub fn period<S: Source>(
        &mut self,
        mut source: impl FnMut(f64) -> (S, Point),
        dice: Dice,
    ) -> (Energy, Step) {
        let seconds = PERIOD / f64::from(PARTS);
        let begun = self.time();
        let mut energy = Energy::default();
        for part in 0..PARTS {
            let (generator, maximum) = source(begun + (f64::from(part) + 0.5) * seconds);
            let voltage = self.converter.pass(self.reference, seconds);
            let drawn = generator.power(voltage);
            energy.available += maximum.power() * seconds;
            energy.drawn += drawn * seconds;
            energy.delivered += self.converter.output(drawn) * seconds;
        }
        self.periods += 1;
        let (generator, maximum) = source(self.time());
        let measured = self.converter.measure(&generator, self.time(), dice);
        let voltage = self.converter.voltage();
        self.reference = self.tracker.step(&measured);
        let place = Point { voltage, current: generator.current(voltage) };
        (energy, Step { time: self.time(), place, maximum })
    }
}

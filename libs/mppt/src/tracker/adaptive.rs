//! Steps in proportion to how far the maximum is, with the sky's part in the change taken out.
//!
//! ```text
//! period    n            n+1             n+2 = n
//! measured  before       after           held            the reference stays from n+1 to n+2
//! change         step + sky       sky
//! ```
//!
//! The step's own effect is `(after - before) - (held - after)`, as long as the sky moves evenly
//! over two periods (Sera et al., "Improved MPPT method for rapidly changing environmental
//! conditions", IEEE ISIE 2006). From it follows the relative slope `(dP/dV) (V/P)`, which is 1 far
//! below the maximum, 0 at it and steeply negative above; the next step is that times a gain,
//! within bounds.

use super::{Limits, Measurement, Noise};

/// How a step's effect is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// By the change of power: perturb and observe.
    Power,
    /// By the change of current against `-I/V`: incremental conductance, which rests at the
    /// maximum.
    Conductance,
}

/// How long steps are, as parts of the voltage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Steps {
    /// The shortest.
    pub least: f64,
    /// The longest.
    pub most: f64,
    /// Part of the voltage per unit of relative slope.
    pub gain: f64,
    /// What a measurement cannot tell.
    pub noise: Noise,
}

/// The relative slope changes by about so much per relative change of voltage (crystalline silicon
/// 11, thin film 6): how far a step has to go until its effect is above the noise.
const BEND: f64 = 8.0;
/// Effects below so many standard deviations are not believed.
const DEVIATIONS: f64 = 2.0;
/// Incremental conductance rests while the relative slope is below this.
const REST: f64 = 0.02;
/// It rests no longer than this, in s, and not beyond this relative change of current.
const REST_MAX: f64 = 2.0;
const REST_CHANGE: f64 = 0.01;

impl Steps {
    /// Steps that keep up with the ramps of EN 50530 at ten periods per second.
    pub fn usual(noise: Noise) -> Steps {
        Steps { least: 0.003, most: 0.04, gain: 0.06, noise }
    }

    /// The shortest step whose effect can be told from noise at a place: at a distance of one step
    /// from the maximum the power changes by `BEND * step * step`.
    fn floor(&self, place: &Measurement) -> f64 {
        let told = (DEVIATIONS * self.noise.relative(place) / BEND).sqrt();
        told.max(self.least).min(self.most)
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// Nothing known yet.
    Begun,
    /// The reference was moved; before that it was so.
    Moved { before: Measurement },
    /// It was moved and held.
    Held { before: Measurement, after: Measurement },
    /// It rests since then.
    Resting { since: Measurement },
}

/// Adaptive steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adaptive {
    pub(super) limits: Limits,
    rule: Rule,
    steps: Steps,
    phase: Phase,
    rising: bool,
    reference: f64,
}

impl Adaptive {
    /// A tracker by this rule within limits.
    pub fn new(rule: Rule, steps: Steps, limits: Limits) -> Adaptive {
        let (phase, reference) = (Phase::Begun, limits.low);
        Adaptive { limits, rule, steps, phase, rising: false, reference }
    }

    /// Goes on from where the converter is put by somebody else.
    pub(super) fn resume(&mut self, reference: f64) {
        self.reference = self.limits.clamp(reference);
        self.phase = Phase::Begun;
    }

    pub(super) fn step(&mut self, now: &Measurement) -> f64 {
        if matches!(self.phase, Phase::Begun) {
            self.reference = self.limits.clamp(now.voltage);
        }
        if now.current <= self.steps.noise.current {
            // Above open circuit, or night: there is nothing to compare, and the maximum is below.
            self.rising = false;
            return self.moved(now, self.steps.most);
        }
        match self.phase {
            Phase::Begun => self.moved(now, self.steps.floor(now)),
            Phase::Moved { before } => {
                self.phase = Phase::Held { before, after: *now };
                self.reference
            }
            Phase::Held { before, after } => self.judge(now, &before, &after),
            Phase::Resting { since } => self.rest(now, &since),
        }
    }

    /// Moves by a part of the voltage, away from a limit that it would pass.
    fn moved(&mut self, now: &Measurement, part: f64) -> f64 {
        let way = if self.rising { part } else { -part };
        let wanted = self.reference + way * self.reference.max(now.voltage);
        self.reference = self.limits.clamp(wanted);
        if self.reference != wanted {
            self.rising = !self.rising;
        }
        self.phase = Phase::Moved { before: *now };
        self.reference
    }

    fn judge(&mut self, now: &Measurement, before: &Measurement, after: &Measurement) -> f64 {
        let floor = self.steps.floor(now);
        let part = (after.voltage - before.voltage) / after.voltage.max(f64::MIN_POSITIVE);
        if part.abs() < 0.25 * floor {
            // The converter did not follow, as at a limit.
            return self.moved(now, floor);
        }
        let slope = self.slope(now, before, after, part);
        let doubt = DEVIATIONS * self.steps.noise.relative(now) / part.abs();
        if slope.abs() > doubt {
            self.rising = slope > 0.0;
        }
        if self.rule == Rule::Conductance && slope.abs() <= REST.max(doubt) {
            self.phase = Phase::Resting { since: *now };
            return self.reference;
        }
        let wanted = self.steps.gain * slope.abs();
        self.moved(now, wanted.max(floor).min(self.steps.most))
    }

    /// `(dP/dV) (V/P)` of the step alone. By conductance it is `1 + (dI/dV) (V/I)`, the same thing
    /// at the maximum.
    fn slope(
        &self,
        now: &Measurement,
        before: &Measurement,
        after: &Measurement,
        part: f64,
    ) -> f64 {
        match self.rule {
            Rule::Power => {
                let sky = now.power() - after.power();
                (after.power() - before.power() - sky) / (after.power() * part)
            }
            Rule::Conductance => {
                let sky = now.current - after.current;
                1.0 + (after.current - before.current - sky) / (after.current * part)
            }
        }
    }

    /// At the maximum, until the light changes or some time has passed: more light, higher voltage.
    fn rest(&mut self, now: &Measurement, since: &Measurement) -> f64 {
        let change = now.current - since.current;
        let told = (REST_CHANGE * since.current).max(3.0 * self.steps.noise.current);
        if change.abs() > told {
            self.rising = change > 0.0;
        } else if now.time - since.time < REST_MAX {
            return self.reference;
        }
        self.moved(now, self.steps.floor(now))
    }
}

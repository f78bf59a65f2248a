//! The textbook trackers: a voltage held, or equal steps towards where the power last rose.
//!
//! Both rules are of Femia et al., "Optimization of perturb and observe maximum power point
//! tracking method", IEEE Trans. Power Electronics 20 (2005), and of Hussein et al., "Maximum
//! photovoltaic power tracking: an algorithm for rapidly changing atmospheric conditions", IEE
//! Proc. 142 (1995).

use super::{Limits, Measurement, Rule};

/// Holds one voltage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constant {
    /// In V.
    pub voltage: f64,
}

/// Equal steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fixed {
    pub(super) limits: Limits,
    rule: Rule,
    step: f64,
    rising: bool,
    last: Option<Measurement>,
    reference: f64,
}

impl Fixed {
    /// Steps of so many V within limits.
    pub fn new(rule: Rule, step: f64, limits: Limits) -> Fixed {
        Fixed { limits, rule, step, rising: true, last: None, reference: limits.low }
    }

    pub(super) fn resume(&mut self) {
        self.last = None;
    }

    pub(super) fn step(&mut self, now: &Measurement) -> f64 {
        let way = match (self.last, self.rule) {
            // The first step is from where the converter is.
            (None, _) => {
                self.reference = now.voltage;
                1.0
            }
            // Above open circuit there is nothing to compare.
            _ if now.current <= 0.0 => -1.0,
            (Some(last), Rule::Power) => self.towards_power(now, &last),
            (Some(last), Rule::Conductance) => towards_balance(now, &last),
        };
        if way != 0.0 {
            self.rising = way > 0.0;
        }
        self.last = Some(*now);
        let wanted = self.reference + way * self.step;
        self.reference = self.limits.clamp(wanted);
        if self.reference != wanted {
            // At a limit nothing moves, so nothing would ever turn it round.
            self.rising = !self.rising;
        }
        self.reference
    }

    /// Further, where the power rose with the last step; else back. No change keeps the way.
    fn towards_power(&self, now: &Measurement, last: &Measurement) -> f64 {
        let (gained, moved) = (now.power() - last.power(), now.voltage - last.voltage);
        let product = gained * moved;
        let keep = if self.rising { 1.0 } else { -1.0 };
        if product == 0.0 { keep } else { product.signum() }
    }
}

/// At the maximum `dI/dV = -I/V`: up while it is above, down while it is below. Where the voltage
/// did not move, the current tells of the light.
fn towards_balance(now: &Measurement, last: &Measurement) -> f64 {
    let (more, moved) = (now.current - last.current, now.voltage - last.voltage);
    let sign = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
    // A converter comes close to its reference and never quite there.
    if moved.abs() <= 1e-9 * now.voltage {
        let still = more.abs() <= 1e-9 * now.current;
        return if still { 0.0 } else { sign(more) };
    }
    sign(more / moved + now.current / now.voltage)
}

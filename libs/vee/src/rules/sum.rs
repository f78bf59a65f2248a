//! V4: intervals sum to what the registers say.

use super::Case;
use crate::verdict::{Code, Finding};
use crate::{Policy, Series, Span};

/// Off by more than two steps of the register, or a thousandth of its advance, whichever is more.
/// A time with open slots is not looked at.
pub(super) fn check(
    series: &Series,
    span: Span,
    case: &Case<'_>,
    policy: &Policy,
    findings: &mut Vec<Finding>,
) {
    for registers in case.registers.iter().filter(|registers| registers.span.meets(&span)) {
        let places = series.places(registers.span);
        let slots = registers.span.seconds() / series.length().seconds().unsigned_abs();
        let open = series.known()[places.clone()].iter().any(|known| known.quality.is_open());
        if open || places.len() as u64 != slots {
            continue;
        }
        let Ok(sum) = series.sum(registers.span) else { continue };
        let off = sum.wh().abs_diff(registers.advance.wh());
        let steps = case.meter.dial.step().wh().saturating_mul(u64::from(policy.sum_steps));
        let part = u128::from(registers.advance.wh()) * u128::from(policy.sum_per_mille);
        // off <= steps, or off <= advance x per mille / 1000, without rounding.
        if off <= steps || u128::from(off) * 1000 <= part {
            continue;
        }
        let finding = Finding::new(Code::SumMismatch, registers.span).with("sum_wh", sum.wh());
        let finding = finding.with("advance_wh", registers.advance.wh());
        let limit = u64::try_from(part / 1000).unwrap_or(u64::MAX).max(steps);
        findings.push(finding.with("limit_wh", limit));
    }
}

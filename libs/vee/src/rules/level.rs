//! V7 and V12: how much is used, against how much was used.

use super::Case;
use crate::verdict::{Code, Finding};
use crate::{Policy, Series, Span};

/// A year in whole weeks, so that a weekday is held against the same weekday.
const YEAR_SECONDS: i64 = 364 * 86_400;

/// Factors that a mistake in units or decimal places brings.
const UNITS: [u32; 3] = [10, 100, 1000];

/// What was read in a time.
#[derive(Clone, Copy)]
struct Usage {
    energy: u128,
    slots: u128,
}

/// V7 holds the mean day of `span` against that of the same time a year before; where less than
/// the needed share of it was read, against the days before `span`. V12 asks whether the change is
/// one that a wrong factor makes.
pub(super) fn check(
    series: &Series,
    span: Span,
    case: &Case<'_>,
    policy: &Policy,
    findings: &mut Vec<Finding>,
) {
    let days = i64::from(policy.level_days) * 86_400;
    let year = Span {
        from: span.from.plus_seconds(-YEAR_SECONDS),
        to: span.to.plus_seconds(-YEAR_SECONDS),
    };
    let before = Span { from: span.from.plus_seconds(-days), to: span.from };
    if span.seconds() < 86_400 {
        return;
    }
    let history = usage(series, year, policy).or_else(|| usage(series, before, policy));
    let (Some(now), Some(then)) = (usage(series, span, policy), history) else { return };
    if then.energy == 0 {
        return;
    }
    // now.energy / now.slots against then.energy / then.slots
    let ours = now.energy * then.slots;
    let theirs = then.energy * now.slots;
    let day = 86_400 / u128::from(series.length().seconds().unsigned_abs());
    let finding = |code| {
        let finding = Finding::new(code, span);
        let finding = finding.with("usage_wh_per_day", now.energy * day / now.slots);
        finding.with("usage_before_wh_per_day", then.energy * day / then.slots)
    };
    let (low, high) = (policy.level_low_per_mille, policy.level_high_per_mille);
    if ours * 1000 > theirs.saturating_mul(u128::from(high)) {
        findings.push(finding(Code::UsageHigh).with("limit_per_mille", high));
    }
    if ours * 1000 < theirs.saturating_mul(u128::from(low)) {
        findings.push(finding(Code::UsageLow).with("limit_per_mille", low));
    }
    let factors = std::iter::once(case.meter.dial.multiplier()).chain(UNITS);
    let found = factors.filter(|factor| *factor > 1).find(|factor| {
        let tolerance = u128::from(policy.multiplier_per_mille);
        let near = |larger: u128, smaller: u128| {
            let scaled = smaller.saturating_mul(u128::from(*factor));
            let off = larger.abs_diff(scaled).saturating_mul(1000);
            off <= scaled.saturating_mul(tolerance)
        };
        near(ours, theirs) || near(theirs, ours)
    });
    if let Some(factor) = found.filter(|_| ours > 0) {
        findings.push(finding(Code::MultiplierSuspected).with("multiplier", factor));
    }
}

/// What was read in `span`, where that is enough of it.
fn usage(series: &Series, span: Span, policy: &Policy) -> Option<Usage> {
    let slots = span.seconds() / series.length().seconds().unsigned_abs();
    let (mut energy, mut count) = (0_u128, 0_u128);
    for (_, known) in series.within(span).filter(|(_, known)| known.quality.is_read()) {
        // Energies below 2^64 times slots below 2^21, and that times slots again, fit.
        energy += u128::from(known.energy.wh());
        count += 1;
    }
    let needed = u128::from(slots) * u128::from(policy.level_known_percent);
    (count > 0 && count * 100 >= needed).then_some(Usage { energy, slots: count })
}

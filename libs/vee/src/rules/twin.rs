//! V11: two meters of one place say the same, two of different places do not.

use super::{Case, Twin};
use crate::verdict::{Code, Finding};
use crate::{Channel, Policy, Series, Span};

pub(super) fn check(
    series: &Series,
    span: Span,
    case: &Case<'_>,
    policy: &Policy,
    findings: &mut Vec<Finding>,
) {
    for (number, twin) in case.twins.iter().enumerate() {
        let found = match twin {
            Twin::Check(other) => differs(&both(series, other, span), span, policy),
            Twin::Other(other) => copies(&both(series, other, span), span, case, policy),
        };
        findings.extend(found.map(|finding| finding.with("twin", number)));
    }
}

/// The energies of the slots of `span` that both meters read.
fn both(one: &Series, other: &Series, span: Span) -> Vec<(u64, u64)> {
    let slots = one.within(span).filter(|(_, known)| known.quality.is_read());
    let pairs = slots.map(|(slot, known)| (known, other.at(slot.start)));
    pairs
        .filter(|(_, other)| other.quality.is_read())
        .map(|(known, other)| (known.energy.wh(), other.energy.wh()))
        .collect()
}

fn sums(pairs: &[(u64, u64)]) -> (u128, u128) {
    let one = pairs.iter().map(|(one, _)| u128::from(*one)).sum();
    (one, pairs.iter().map(|(_, other)| u128::from(*other)).sum())
}

/// The sums differ by more than the policy's part of their mean, and by more than a watt-hour a
/// slot, which may be rounding.
fn differs(pairs: &[(u64, u64)], span: Span, policy: &Policy) -> Option<Finding> {
    let (one, other) = sums(pairs);
    let off = one.abs_diff(other);
    let limit = (one + other) * u128::from(policy.twin_per_mille);
    if off <= pairs.len() as u128 || off * 2000 <= limit {
        return None;
    }
    let finding = Finding::new(Code::TwinDiffers, span).with("energy_wh", one);
    Some(finding.with("twin_wh", other).with("limit_per_mille", policy.twin_per_mille))
}

/// Two lines that follow each other so closely that they have one source: what two homes use, or
/// make of one sun, differs more. A factor between them does not matter (Pearson's correlation).
/// Only slots in which one of them has energy count, so that nights make nobody alike.
fn copies(pairs: &[(u64, u64)], span: Span, case: &Case<'_>, policy: &Policy) -> Option<Finding> {
    let lit: Vec<_> = pairs.iter().filter(|(a, b)| *a > 0 || *b > 0).copied().collect();
    if lit.len() < usize::try_from(policy.copy_slots_min).unwrap_or(usize::MAX) {
        return None;
    }
    let correlation = correlation_per_million(&lit)?;
    let limit = match case.channel {
        Channel::Import => policy.copy_import_per_million,
        Channel::Export | Channel::Generation => policy.copy_export_per_million,
    };
    if correlation < limit {
        return None;
    }
    let (one, other) = sums(pairs);
    let finding = Finding::new(Code::TwinCopies, span).with("slots", lit.len());
    let finding = finding.with("energy_wh", one).with("twin_wh", other);
    let finding = finding.with("correlation_per_million", correlation);
    Some(finding.with("limit_per_million", limit))
}

/// The correlation of pairs, in millionths, rounded down; `None` where it is negative, one of the
/// two never changes, or the energies are too large to say.
fn correlation_per_million(pairs: &[(u64, u64)]) -> Option<u32> {
    let count = i128::try_from(pairs.len()).ok()?;
    let (mut a1, mut b1, mut aa, mut bb, mut ab) = (0_i128, 0_i128, 0_i128, 0_i128, 0_i128);
    for (a, b) in pairs {
        let (a, b) = (i128::from(*a), i128::from(*b));
        (a1, b1) = (a1 + a, b1 + b);
        aa = aa.checked_add(a.checked_mul(a)?)?;
        bb = bb.checked_add(b.checked_mul(b)?)?;
        ab = ab.checked_add(a.checked_mul(b)?)?;
    }
    let spread = |xy: i128, x: i128, y: i128| {
        u128::try_from(count.checked_mul(xy)?.checked_sub(x.checked_mul(y)?)?).ok()
    };
    let (mut ab, mut aa, mut bb) = (spread(ab, a1, b1)?, spread(aa, a1, a1)?, spread(bb, b1, b1)?);
    // Only ratios count: all three gain or lose the same bits until their products just fit.
    let bits = 128 - aa.max(bb).max(ab).leading_zeros();
    let scaled = |value: u128| match bits.checked_sub(60) {
        Some(down) => value >> down,
        None => value << (60 - bits),
    };
    (aa, bb, ab) = (scaled(aa), scaled(bb), scaled(ab));
    // correlation = ab / sqrt(aa x bb)
    let root = (aa * bb).isqrt();
    let per_million = (ab * 1_000_000).checked_div(root)?;
    u32::try_from(per_million.min(1_000_000)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correlation_does_not_depend_on_scale_and_never_overflows() {
        let of = |pairs: &[(u64, u64)]| correlation_per_million(pairs);
        assert_eq!(of(&[(1, 10), (2, 20), (3, 30)]), Some(1_000_000));
        assert_eq!(of(&[(1, 10), (2, 20), (3, 20)]), Some(866_025));
        assert_eq!(of(&[(1 << 40, 10 << 40), (2 << 40, 20 << 40), (3 << 40, 20 << 40)]), {
            Some(866_025)
        });
        assert_eq!(of(&[(1, 3), (2, 2), (3, 1)]), None);
        assert_eq!(of(&[(1, 5), (2, 5), (3, 5)]), None);
        assert_eq!(of(&[(u64::MAX, 0), (0, u64::MAX)]), None);
        assert_eq!(of(&[]), None);
    }
}

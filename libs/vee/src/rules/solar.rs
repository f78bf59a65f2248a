//! V9 and V10: feeding in, against the sun.

use units::Power;

use super::Case;
use crate::verdict::{Code, Finding};
use crate::{Channel, Policy, Series, Span, highest_millidegrees};

/// V9: fed in while the sun was down, or more than the modules can make. Where storage is
/// registered, both can be; where no modules are, nothing is known of what may feed in.
pub(super) fn dark_or_too_much(
    series: &Series,
    span: Span,
    case: &Case<'_>,
    policy: &Policy,
    findings: &mut Vec<Finding>,
) {
    if case.channel == Channel::Import || case.site.storage {
        return;
    }
    let Some(modules) = case.site.modules else { return };
    let seconds = u128::from(series.length().seconds().unsigned_abs());
    let limit = |power: Power| {
        // W x s / 3600 x percent / 100
        u128::from(power.w()) * seconds * u128::from(policy.pv_percent)
    };
    let read = series.within(span).filter(|(_, known)| known.quality.is_read());
    for (slot, known) in read.filter(|(_, known)| known.energy.wh() > 0) {
        let wh = known.energy.wh();
        let highest = case.site.place.map(|place| highest_millidegrees(place, slot));
        if let Some(highest) = highest.filter(|highest| *highest < policy.night_millidegrees) {
            let finding = Finding::new(Code::ExportAtNight, slot).with("energy_wh", wh);
            let finding = finding.with("elevation_millidegrees", highest);
            findings.push(finding.with("limit_millidegrees", policy.night_millidegrees));
        }
        if u128::from(wh) * 360_000 > limit(modules.power) {
            let finding = Finding::new(Code::ExportAbovePv, slot).with("energy_wh", wh);
            findings.push(finding.with("limit_wh", limit(modules.power) / 360_000));
        }
    }
}

/// V10: what the modules made of the sun in some days together, against what they should.
///
/// Of what is fed in only too much tells something: what is missing was used at home.
pub(super) fn yields(
    series: &Series,
    span: Span,
    case: &Case<'_>,
    policy: &Policy,
    findings: &mut Vec<Finding>,
) {
    if case.channel == Channel::Import || policy.yield_days == 0 {
        return;
    }
    let zone = &case.days.timezone;
    let mut day = zone.day_of(span.from);
    if zone.start_of(day) < span.from {
        day = day.next();
    }
    loop {
        let next = day.later(i32::from(policy.yield_days));
        let window = Span { from: zone.start_of(day), to: zone.start_of(next) };
        if window.to > span.to || window.to <= window.from {
            return;
        }
        findings.extend(window_yield(series, window, case, policy));
        day = next;
    }
}

fn window_yield(
    series: &Series,
    window: Span,
    case: &Case<'_>,
    policy: &Policy,
) -> Option<Finding> {
    let modules = case.site.modules?;
    let now = Sunlit::of(series, window, case, policy)?;
    // made x 1000 x 1000 / expected, where expected is what modules of 1000 per mille make, in mWh,
    // times the yield that they should have.
    let yield_per_mille = match modules.yield_per_mille {
        Some(expected) => {
            let expected = now.ideal_mwh.saturating_mul(u128::from(expected));
            (now.made.saturating_mul(1_000_000_000)).checked_div(expected)?
        }
        None => {
            let back = i64::from(policy.level_days) * 86_400;
            let before = Span { from: window.from.plus_seconds(-back), to: window.from };
            let known = series.places(before).len() as u64;
            let slots = before.seconds() / series.length().seconds().unsigned_abs();
            if known * 100 < slots * u64::from(policy.level_known_percent) {
                return None;
            }
            let then = Sunlit::of(series, before, case, policy)?;
            let ours = now.made.saturating_mul(then.ideal_mwh).saturating_mul(1000);
            ours.checked_div(then.made.saturating_mul(now.ideal_mwh))?
        }
    };
    let (low, high) = (policy.yield_low_per_mille, policy.yield_high_per_mille);
    let (code, limit) = match yield_per_mille {
        over if over > u128::from(high) => (Code::YieldHigh, high),
        under if under < u128::from(low) && case.channel == Channel::Generation => {
            (Code::YieldLow, low)
        }
        _ => return None,
    };
    let finding = Finding::new(code, window).with("energy_wh", now.made);
    let finding = finding.with("irradiation_wh_per_m2", now.sent);
    Some(finding.with("yield_per_mille", yield_per_mille).with("limit_per_mille", limit))
}

/// What was made in the slots of which both energy and irradiance are known.
struct Sunlit {
    /// In Wh.
    made: u128,
    /// What the modules make without any loss, in thousandths of Wh.
    ideal_mwh: u128,
    /// The irradiation on the horizontal, in Wh per square metre.
    sent: u128,
}

impl Sunlit {
    /// `None` where the sun sent too little to tell.
    fn of(series: &Series, span: Span, case: &Case<'_>, policy: &Policy) -> Option<Sunlit> {
        let (irradiance, modules) = (case.irradiance?, case.site.modules?);
        let seconds = u128::from(series.length().seconds().unsigned_abs());
        let mut all = Sunlit { made: 0, ideal_mwh: 0, sent: 0 };
        for (slot, known) in series.within(span).filter(|(_, known)| known.quality.is_read()) {
            let Some(ideal) = irradiance.made_mwh(slot, modules.power, 1000) else { continue };
            let Some(watts) = irradiance.at(slot.start) else { continue };
            all.made += u128::from(known.energy.wh());
            all.ideal_mwh = all.ideal_mwh.saturating_add(ideal);
            all.sent += u128::from(watts) * seconds;
        }
        all.sent /= 3600;
        (all.sent >= u128::from(policy.irradiation_wh_min)).then_some(all)
    }
}

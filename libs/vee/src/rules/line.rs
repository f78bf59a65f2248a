//! V5 and V8: the form of a day's line.

use calendar::Slot;

use super::Case;
use crate::verdict::{Code, Finding};
use crate::{Channel, Policy, Series, Span};

/// V5: on a local day, the highest interval is far above the third-highest.
pub(super) fn spikes(
    series: &Series,
    span: Span,
    case: &Case<'_>,
    policy: &Policy,
    findings: &mut Vec<Finding>,
) {
    let zone = &case.days.timezone;
    let mut day = zone.day_of(span.from);
    while zone.start_of(day) < span.to {
        let of_day = Span { from: zone.start_of(day), to: zone.start_of(day.next()) };
        let within = Span { from: of_day.from.max(span.from), to: of_day.to.min(span.to) };
        findings.extend(spike(series, within, policy));
        // The last day that exists is its own next.
        if of_day.to <= of_day.from {
            return;
        }
        day = day.next();
    }
}

fn spike(series: &Series, day: Span, policy: &Policy) -> Option<Finding> {
    let mut highest: [Option<(u64, Slot)>; 3] = [None; 3];
    let mut count = 0;
    for (slot, known) in series.within(day).filter(|(_, known)| known.quality.is_read()) {
        count += 1;
        let mut next = (known.energy.wh(), slot);
        for place in &mut highest {
            match place {
                Some(held) if held.0 >= next.0 => {}
                Some(held) => std::mem::swap(held, &mut next),
                None => {
                    *place = Some(next);
                    break;
                }
            }
        }
    }
    let [Some((first, slot)), Some(_), Some((third, _))] = highest else { return None };
    let seconds = u128::from(series.length().seconds().unsigned_abs());
    let watts = u128::from(first) * 3600 / seconds;
    if count < policy.spike_intervals_min || watts < u128::from(policy.spike_power_w_min) {
        return None;
    }
    let above = u128::from(first - third) * 100;
    if above <= u128::from(third) * u128::from(policy.spike_percent) {
        return None;
    }
    let percent = above.checked_div(u128::from(third)).unwrap_or(u128::MAX);
    let finding = Finding::new(Code::Spike, slot).with("highest_wh", first);
    let finding = finding.with("third_highest_wh", third).with("above_percent", percent);
    Some(finding.with("limit_percent", policy.spike_percent))
}

/// V8: the same energy in all intervals of a day, and no outage explains it. Feeding in is looked
/// at only where something could feed in.
pub(super) fn flat(
    series: &Series,
    span: Span,
    case: &Case<'_>,
    policy: &Policy,
    findings: &mut Vec<Finding>,
) {
    let feeds = case.site.modules.is_some() || case.site.storage;
    if case.channel != Channel::Import && !feeds {
        return;
    }
    let known = series.known();
    let mut from = 0;
    while from < known.len() {
        let energy = known[from].energy;
        let same = known[from..]
            .iter()
            .take_while(|it| it.quality.is_read() && it.energy == energy)
            .count();
        let run = Span { from: series.slot(from).start, to: series.slot(from + same).start };
        from += same.max(1);
        let long = run.seconds() >= u64::from(policy.flat_seconds);
        let explained = case.outages.iter().any(|outage| outage.meets(&run));
        if !long || explained || !run.meets(&span) {
            continue;
        }
        let code = if energy.wh() == 0 { Code::ZeroLine } else { Code::FlatLine };
        let finding = Finding::new(code, run).with("energy_wh", energy.wh());
        findings.push(finding.with("intervals", same).with("limit_seconds", policy.flat_seconds));
    }
}

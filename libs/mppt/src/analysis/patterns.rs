//! What moments tell together: runs of one class, times of day, slow changes.

use super::judge::{Class, Judged};
use super::{DAY, Day, Finding, Kind, day_of};
use crate::plant::Plant;

/// A run is bridged over other moments for so long, in s.
const BRIDGE: i64 = 600;
/// Shorter runs are noise, in s.
const RUN_LEAST: i64 = 900;
/// Without voltage a missing string looks like much else: it has to last, in s.
const RUN_LEAST_BLIND: i64 = 7_200;
/// This part of a run's moments has to be of its class.
const PART_LEAST: f64 = 0.7;
/// A voltage that stays within this part for [`STUCK_LEAST`] while it should move by
/// [`STUCK_MOVED`] is stuck.
const STUCK_WITHIN: f64 = 0.003;
const STUCK_LEAST: i64 = 3_600;
const STUCK_MOVED: f64 = 0.03;
/// A stuck voltage that costs less than this part is luck, not a finding.
const STUCK_COST: f64 = 0.01;
/// Parts of a day by which shade is sought, in s.
const BIN: i64 = 1_800;
/// Less than this part of the day's ratio, on this part of at least so many days, is shade.
const SHADE_RATIO: f64 = 0.88;
const SHADE_DAYS: f64 = 0.6;
const SHADE_DAYS_LEAST: usize = 3;
/// Dirt needs so many days, a loss of so much per day and of so much in all.
const SOIL_DAYS_LEAST: usize = 7;
const SOIL_PER_DAY: f64 = 0.001;
const SOIL_IN_ALL: f64 = 0.02;
/// The alarm: a week's ratio below this part of the expected.
const WEEK: usize = 7;
const WEEK_RATIO: f64 = 0.9;

/// All findings, in the order of time.
pub(super) fn all(judged: &[Judged], days: &[Day], plant: &Plant, offset: i32) -> Vec<Finding> {
    let lit: Vec<&Judged> = judged.iter().filter(|one| one.is_judged()).collect();
    let mut findings = stuck(&lit);
    let of_stuck = findings.clone();
    let free: Vec<&Judged> =
        lit.iter().filter(|one| !of_stuck.iter().any(|known| holds(known, one))).copied().collect();
    findings.extend(runs(&free, Kind::Outage, |class| class == Class::Out));
    findings.extend(runs(&free, Kind::Clipping, |class| class == Class::Clipped));
    findings.extend(runs(&free, Kind::Curtailment, |class| class == Class::Curtailed));
    for out in 1..plant.strings.min(12) {
        findings.extend(runs(&free, Kind::StringOut, |class| class == Class::StringsOut(out)));
    }
    let bypassed = |class| matches!(class, Class::Bypassed(_));
    findings.extend(runs(&free, Kind::BypassedModules, bypassed));
    let by_time = shade_by_time(&free, offset);
    let once = runs(&free, Kind::Shading, |class| class == Class::Low);
    findings.extend(if by_time.is_empty() { once } else { by_time });
    findings.extend(soiling(&free, offset));
    findings.extend(low_weeks(days, plant));
    findings.sort_by_key(|finding| (finding.from, finding.to));
    findings
}

fn holds(finding: &Finding, one: &Judged) -> bool {
    (finding.from..finding.to).contains(&one.time)
}

/// Runs of moments that `is` holds of, with others in between for a short time.
fn runs(lit: &[&Judged], kind: Kind, is: impl Fn(Class) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut begun: Option<usize> = None;
    let mut last = 0;
    for (place, one) in lit.iter().enumerate() {
        if !is(one.class) {
            continue;
        }
        if begun.is_some() && one.time - lit[last].time > BRIDGE {
            findings.extend(begun.and_then(|from| run(&lit[from..=last], kind, &is)));
            begun = None;
        }
        begun = begun.or(Some(place));
        last = place;
    }
    findings.extend(begun.and_then(|from| run(&lit[from..=last], kind, &is)));
    findings
}

/// A run that is long and clear enough.
fn run(moments: &[&Judged], kind: Kind, is: &impl Fn(Class) -> bool) -> Option<Finding> {
    let (first, last) = (moments.first()?, moments.last()?);
    let (from, to) = (first.time, last.time + last.seconds);
    let is_blind = kind == Kind::StringOut && moments.iter().all(|one| one.voltage.is_none());
    let least = if is_blind { RUN_LEAST_BLIND } else { RUN_LEAST };
    let part = mean(moments.iter().map(|one| if is(one.class) { 1.0 } else { 0.0 }));
    if to - from < least || part < PART_LEAST {
        return None;
    }
    let ratio = mean(moments.iter().map(|one| one.ratio()));
    let volts = moments.iter().filter_map(|one| voltage_ratio(one));
    let mut evidence = format!("{:.1} % of available power", 100.0 * ratio);
    if moments.iter().any(|one| one.voltage.is_some()) {
        evidence += &format!(", {:.1} % of the voltage of maximum power", 100.0 * mean(volts));
    }
    match first.class {
        Class::StringsOut(out) => evidence += &format!(": {out} strings missing"),
        Class::Bypassed(thirds) => evidence += &format!(": {thirds} thirds of modules missing"),
        _ => {}
    }
    let lost_wh = moments.iter().map(|one| one.lost_wh()).sum();
    Some(Finding { kind, from, to, lost_wh, evidence })
}

fn voltage_ratio(one: &Judged) -> Option<f64> {
    one.available.and_then(|there| one.voltage.map(|voltage| voltage / there.voltage))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// Spans in which the voltage stays where it is though the best one moves.
fn stuck(lit: &[&Judged]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut from = 0;
    for place in 1..=lit.len() {
        let held = lit[from].voltage.unwrap_or(0.0);
        let stays = lit.get(place).is_some_and(|one| {
            let voltage = one.voltage.unwrap_or(f64::NAN);
            let is_near = (voltage - held).abs() <= STUCK_WITHIN * held;
            is_near && one.time - lit[place - 1].time <= BRIDGE
        });
        if !stays {
            findings.extend(stuck_span(&lit[from..place]));
            from = place;
        }
    }
    findings
}

fn stuck_span(moments: &[&Judged]) -> Option<Finding> {
    let (first, last) = (moments.first()?, moments.last()?);
    first.voltage.filter(|voltage| *voltage > 0.0)?;
    let best = moments.iter().filter_map(|one| one.available).map(|there| there.voltage);
    let (low, high) =
        best.fold((f64::INFINITY, 0.0_f64), |(low, high), v| (low.min(v), high.max(v)));
    let (from, to) = (first.time, last.time + last.seconds);
    let lost_wh: f64 = moments.iter().map(|one| one.lost_wh()).sum();
    let possible: f64 = moments.iter().map(|one| one.possible * one.hours()).sum();
    let is_stuck = to - from >= STUCK_LEAST
        && high - low > STUCK_MOVED * high
        && lost_wh > STUCK_COST * possible;
    let evidence = format!(
        "held {:.1} V while the best was {low:.1} to {high:.1} V",
        first.voltage.unwrap_or(0.0)
    );
    is_stuck.then_some(Finding { kind: Kind::StuckTracker, from, to, lost_wh, evidence })
}

/// Moments that say something of the modules: neither held back nor without anything.
fn is_open(one: &&&Judged) -> bool {
    matches!(one.class, Class::Well | Class::Low | Class::StringsOut(_) | Class::Bypassed(_))
}

/// Half hours of the day that are low on most days.
fn shade_by_time(lit: &[&Judged], offset: i32) -> Vec<Finding> {
    use std::collections::BTreeMap;
    let local = |one: &Judged| one.time + i64::from(offset);
    let mut by_day: BTreeMap<i64, BTreeMap<i64, Vec<&Judged>>> = BTreeMap::new();
    for one in lit.iter().filter(is_open) {
        let bin = local(one).rem_euclid(DAY) / BIN;
        by_day.entry(day_of(one.time, offset)).or_default().entry(bin).or_default().push(one);
    }
    // Of each half hour: on how many days it was seen, on which it was low, and what it cost.
    let mut seen: BTreeMap<i64, (usize, Vec<i64>, f64)> = BTreeMap::new();
    for (day, bins) in &by_day {
        let ratio =
            |moments: &Vec<&Judged>| median(moments.iter().map(|one| one.ratio()).collect());
        let usual = median(bins.values().map(ratio).collect());
        for (bin, moments) in bins {
            let entry = seen.entry(*bin).or_default();
            entry.0 += 1;
            if ratio(moments) < SHADE_RATIO * usual {
                entry.1.push(*day);
                entry.2 += moments.iter().map(|one| one.lost_wh()).sum::<f64>();
            }
        }
    }
    let mut findings: Vec<Finding> = Vec::new();
    let mut last = None;
    for (bin, (days, low, lost_wh)) in seen {
        let part = count(low.len()) / count(days.max(1));
        let (Some(first), Some(end)) = (low.first(), low.last()) else { continue };
        if days < SHADE_DAYS_LEAST || part < SHADE_DAYS {
            continue;
        }
        let clock = |bin: i64| format!("{:02}:{:02}", bin * BIN / 3_600, bin * BIN % 3_600 / 60);
        let moment = |day: i64, bin: i64| day * DAY + bin * BIN - i64::from(offset);
        match findings.last_mut().filter(|_| last == Some(bin - 1)) {
            // The next half hour goes on with it.
            Some(known) => {
                known.to = known.to.max(moment(*end, bin + 1));
                known.lost_wh += lost_wh;
                known.evidence += &format!(", {} on {} of {days} days", clock(bin), low.len());
            }
            None => findings.push(Finding {
                kind: Kind::Shading,
                from: moment(*first, bin),
                to: moment(*end, bin + 1),
                lost_wh,
                evidence: format!("low at {} on {} of {days} days", clock(bin), low.len()),
            }),
        }
        last = Some(bin);
    }
    findings
}

/// Counts here are days and moments, far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn count(n: usize) -> f64 {
    n as f64
}

/// A loss that grows from day to day: the median slope of all pairs of days (Theil and Sen).
fn soiling(lit: &[&Judged], offset: i32) -> Option<Finding> {
    let mut days: Vec<(i64, Vec<f64>)> = Vec::new();
    for one in lit.iter().filter(is_open) {
        let day = day_of(one.time, offset);
        match days.last_mut() {
            Some(last) if last.0 == day => last.1.push(one.ratio()),
            _ => days.push((day, vec![one.ratio()])),
        }
    }
    let days: Vec<(i64, f64)> =
        days.into_iter().map(|(day, ratios)| (day, median(ratios))).collect();
    if days.len() < SOIL_DAYS_LEAST {
        return None;
    }
    let apart = |one: &(i64, f64), other: &(i64, f64)| {
        let days = usize::try_from(other.0 - one.0).map_or(1.0, count);
        (other.1 - one.1) / days
    };
    let pairs = days.iter().enumerate();
    let slopes: Vec<f64> =
        pairs.flat_map(|(n, one)| days[n + 1..].iter().map(|other| apart(one, other))).collect();
    let slope = median(slopes);
    let (first, last) = (days.first()?.0, days.last()?.0);
    let lost = -slope * usize::try_from(last - first).map_or(0.0, count);
    if slope > -SOIL_PER_DAY || lost < SOIL_IN_ALL {
        return None;
    }
    let of_days = lit.iter().filter(is_open);
    let lost_wh = of_days.map(|one| one.lost_wh()).sum();
    let moment = |day: i64| day * DAY - i64::from(offset);
    Some(Finding {
        kind: Kind::Soiling,
        from: moment(first),
        to: moment(last + 1),
        lost_wh,
        evidence: format!("{:.2} % less every day", -100.0 * slope),
    })
}

/// Weeks in which measured energy is below what is expected of the available.
fn low_weeks(days: &[Day], plant: &Plant) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for week in days.windows(WEEK) {
        let energy: f64 = week.iter().map(|day| day.energy_wh).sum();
        let available: f64 = week.iter().filter_map(|day| day.available_wh).sum();
        let Some((first, last)) = week.first().zip(week.last()) else { continue };
        if available <= 0.0 || energy >= WEEK_RATIO * available {
            continue;
        }
        let (from, to) = (first.day * DAY, (last.day + 1) * DAY);
        match findings.last_mut().filter(|known| known.to >= from) {
            Some(known) => known.to = to,
            None => findings.push(Finding {
                kind: Kind::LowRatio,
                from,
                to,
                lost_wh: available - energy,
                evidence: format!(
                    "{:.1} % of the energy expected at a ratio of {:.2}",
                    100.0 * energy / available,
                    plant.expected
                ),
            }),
        }
    }
    findings
}

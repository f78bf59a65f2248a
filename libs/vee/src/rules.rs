//! V4 to V12 on the intervals of one direction of one connection point.

mod level;
mod line;
mod solar;
mod sum;
mod twin;

use units::Energy;

use crate::verdict::{Action, Code, Finding};
use crate::{Channel, Days, Irradiance, Known, Meter, Policy, Quality, Series, Site, Span};
use crate::{energy_max, is_possible, power_max};

/// What registers say of a time, for V4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registers {
    /// Between two readings at slot boundaries.
    pub span: Span,
    /// What the registers advanced.
    pub advance: Energy,
}

/// Another meter's series of the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Twin<'a> {
    /// A second meter of the same place: it should say the same.
    Check(&'a Series),
    /// A meter of another place: it should not say the same.
    Other(&'a Series),
}

/// What intervals are held against besides each other.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// Which register.
    pub channel: Channel,
    /// The device.
    pub meter: &'a Meter,
    /// The connection.
    pub site: &'a Site,
    /// Days and holidays of the place.
    pub days: &'a Days,
    /// When there was no power; V8 is silent then.
    pub outages: &'a [Span],
    /// What registers say, where intervals did not come from them.
    pub registers: &'a [Registers],
    /// What the sun sent; without it V10 is silent.
    pub irradiance: Option<&'a Irradiance>,
    /// Other meters, for V11.
    pub twins: &'a [Twin<'a>],
}

/// What V4 to V12 find in the slots of `span`, in order of time. What lies before `span` in the
/// series is the history that it is held against.
///
/// V4 looks at all that is known; the others look only at what was read. A rule that lacks what it
/// needs (a place, modules, irradiance, a history) is silent.
pub fn judge_series(series: &Series, span: Span, case: &Case<'_>, policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    sum::check(series, span, case, policy, &mut findings);
    physical(series, span, case, policy, &mut findings);
    // Days are counted within the series only, however long the span is.
    let all = series.span();
    let within = Span { from: span.from.max(all.from), to: span.to.min(all.to) };
    line::spikes(series, within, case, policy, &mut findings);
    line::flat(series, span, case, policy, &mut findings);
    level::check(series, span, case, policy, &mut findings);
    solar::dark_or_too_much(series, span, case, policy, &mut findings);
    solar::yields(series, within, case, policy, &mut findings);
    twin::check(series, span, case, policy, &mut findings);
    findings.sort_by_key(|finding| (finding.span, finding.code));
    findings
}

/// What failed is faulty from now on: it keeps what was said, does not count, and is open for the
/// ladder. How many slots were still read.
///
/// V4 fails a whole time: where its registers are believed, [`crate::estimate::rescale`] keeps the
/// form of the intervals instead.
pub fn mark_faulty(series: &mut Series, findings: &[Finding]) -> usize {
    let mut count = 0;
    for finding in findings.iter().filter(|finding| finding.code.action() == Action::Fail) {
        for place in series.places(finding.span) {
            let known = series.known()[place];
            if known.quality.is_read() {
                series.set(place, Known { quality: Quality::Faulty, ..known });
                count += 1;
            }
        }
    }
    count
}

/// V6.
fn physical(
    series: &Series,
    span: Span,
    case: &Case<'_>,
    policy: &Policy,
    findings: &mut Vec<Finding>,
) {
    let Ok(power) = power_max(case.channel, case.meter, case.site) else { return };
    let seconds = series.length().seconds().unsigned_abs();
    let limit = energy_max(power, seconds, policy);
    for (slot, known) in series.within(span).filter(|(_, known)| known.quality.is_read()) {
        if !is_possible(known.energy, power, seconds, policy) {
            let finding = Finding::new(Code::TooMuch, slot).with("energy_wh", known.energy.wh());
            findings.push(finding.with("limit_wh", limit.wh()));
        }
    }
}

//! V1 to V3 and V6 on one reading of the registers: does it count?

use calendar::{SlotLength, Timestamp};
use serde::{Deserialize, Serialize};

use crate::physics::{energy_max, is_possible, power_max};
use crate::policy::Unsigned;
use crate::verdict::{Action, Code, Finding};
use crate::{Cadence, Channel, Kind, Meter, Policy, Site, Span, Verdict};

/// What became of a reading's signature, which others check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signature {
    /// The key of the meter made it.
    Valid,
    /// Somebody else made it.
    Invalid,
    /// There is none.
    Absent,
}

/// The registers of a meter at one moment, as the meter showed them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Read {
    /// Rises by one per reading of this meter.
    pub page: u32,
    /// The moment, by the meter's clock.
    pub time: Timestamp,
    /// When it arrived, by our clock.
    pub received_at: Timestamp,
    /// How many seconds the meter's clock is ahead of ours (negative: behind), where that was
    /// measured (see [`crate::clock`]).
    pub clock_ahead_seconds: Option<i64>,
    /// The position of the import register, in steps.
    pub import: u64,
    /// The position of the export register, in steps; of a generation meter, what was made.
    pub export: u64,
    /// What became of its signature.
    pub signature: Signature,
    /// Does the meter report a fault of its measuring?
    pub energy_error: bool,
    /// The factor of the transformers that the reading came with, if it came with one.
    pub multiplier: Option<u32>,
}

impl Read {
    /// The moment by our clock: where the meter's was found in error, that is taken out.
    pub fn moment(&self, policy: &Policy) -> Timestamp {
        match self.clock_ahead_seconds {
            Some(ahead) if ahead.unsigned_abs() > u64::from(policy.clock_fail_seconds) => {
                self.time.plus_seconds(ahead.saturating_neg())
            }
            _ => self.time,
        }
    }

    /// The position of the register of `channel`.
    pub const fn position(&self, channel: Channel) -> u64 {
        match channel {
            Channel::Import => self.import,
            Channel::Export | Channel::Generation => self.export,
        }
    }

    fn says_the_same_as(&self, other: &Read) -> bool {
        let said = |read: &Read| {
            (read.page, read.time, read.import, read.export, read.energy_error, read.multiplier)
        };
        said(self) == said(other)
    }

    fn span(&self) -> Span {
        Span { from: self.time, to: self.time.plus_seconds(1) }
    }
}

/// The accepted readings of the same device next to a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Neighbours<'a> {
    /// That of the same page.
    pub same: Option<&'a Read>,
    /// That of the nearest lower page.
    pub before: Option<&'a Read>,
    /// That of the nearest higher page.
    pub after: Option<&'a Read>,
}

/// Judges one reading against its neighbours, its meter and its site.
///
/// A smaller position than before is a rollover where the connection can carry what that would
/// mean, and a reset otherwise.
pub fn judge_read(
    read: &Read,
    neighbours: &Neighbours<'_>,
    meter: &Meter,
    site: &Site,
    length: SlotLength,
    policy: &Policy,
) -> Verdict {
    let mut findings = signature(read, policy);
    if failed(&findings) {
        return Verdict::from_findings(findings);
    }
    if let Some(same) = neighbours.same {
        if same.says_the_same_as(read) {
            return Verdict::Duplicate;
        }
        findings.push(Finding::new(Code::PageConflict, read.span()).with("page", read.page));
        return Verdict::from_findings(findings);
    }
    findings.extend(time(read, meter, length, policy));
    findings.extend(device(read, meter));
    if failed(&findings) {
        return Verdict::from_findings(findings);
    }
    if let Some(before) = neighbours.before {
        let lost = i64::from(read.page) - i64::from(before.page) - 1;
        if lost > 0 {
            let gap = Finding::new(Code::PageGap, Span { from: before.time, to: read.time });
            findings.push(gap.with("page", read.page).with("pages_lost", lost));
        }
        findings.extend(step(before, read, meter, site, policy));
    }
    if let Some(after) = neighbours.after {
        findings.extend(step(read, after, meter, site, policy));
    }
    Verdict::from_findings(findings)
}

/// V2 for energies that came as intervals: is it a slot?
pub fn judge_size(span: Span, length: SlotLength) -> Option<Finding> {
    let seconds = span.to.seconds_since(span.from);
    if seconds != length.seconds() {
        let finding = Finding::new(Code::IntervalSize, span).with("seconds", seconds);
        return Some(finding.with("slot_seconds", length.seconds()));
    }
    let off = span.from.seconds() % length.seconds();
    (off != 0).then(|| Finding::new(Code::NotASlotBoundary, span).with("off_seconds", off))
}

fn failed(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.code.action() == Action::Fail)
}

fn signature(read: &Read, policy: &Policy) -> Vec<Finding> {
    let code = match (read.signature, policy.unsigned) {
        (Signature::Valid, _) => return Vec::new(),
        (Signature::Invalid, _) => Code::SignatureInvalid,
        (Signature::Absent, Unsigned::Quarantine) => Code::SignatureAbsent,
        (Signature::Absent, Unsigned::Flag) => Code::Unsigned,
    };
    vec![Finding::new(code, read.span()).with("page", read.page)]
}

/// V2 and V3.
fn time(read: &Read, meter: &Meter, length: SlotLength, policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (warn, fail) = (i64::from(policy.clock_warn_seconds), i64::from(policy.clock_fail_seconds));
    let off = read.time.seconds() % length.seconds();
    if meter.cadence == Cadence::Slots && off != 0 {
        let finding = Finding::new(Code::NotASlotBoundary, read.span());
        findings.push(finding.with("off_seconds", off));
    }
    let ahead = read.moment(policy).seconds_since(read.received_at);
    if ahead > fail {
        let finding = Finding::new(Code::TimeAhead, read.span());
        findings.push(finding.with("ahead_seconds", ahead).with("limit_seconds", fail));
    } else if ahead < -i64::from(policy.age_seconds_max) {
        let finding = Finding::new(Code::TooOld, read.span());
        let limit = policy.age_seconds_max;
        findings.push(finding.with("age_seconds", -ahead).with("limit_seconds", limit));
    }
    // A reading can be late for many reasons, so only a clock that is ahead shows in one alone.
    let wrong = read.clock_ahead_seconds.unwrap_or(ahead.max(0));
    let size = i64::try_from(wrong.unsigned_abs()).unwrap_or(i64::MAX);
    let code = match size {
        _ if size <= warn => return findings,
        _ if size <= fail => Code::ClockWarning,
        _ if read.clock_ahead_seconds.is_some() => Code::ClockCorrected,
        _ => return findings,
    };
    let limit = if code == Code::ClockWarning { warn } else { fail };
    let finding = Finding::new(code, read.span());
    findings.push(finding.with("ahead_seconds", wrong).with("limit_seconds", limit));
    findings
}

/// What the device says of itself, and V12: the factor that a reading comes with.
fn device(read: &Read, meter: &Meter) -> Vec<Finding> {
    let mut findings = Vec::new();
    let removed = meter.removed.is_some_and(|removed| read.time > removed);
    if read.time < meter.installed || removed {
        let finding = Finding::new(Code::NotInstalled, read.span());
        findings.push(finding.with("installed_seconds", meter.installed.seconds()));
    }
    if read.energy_error {
        findings.push(Finding::new(Code::EnergyError, read.span()).with("page", read.page));
    }
    for position in [read.import, read.export] {
        if position >= meter.dial.span() {
            let finding = Finding::new(Code::TooManyDigits, read.span());
            findings.push(finding.with("position", position).with("span", meter.dial.span()));
        }
    }
    if let Some(came_with) = read.multiplier
        && came_with != meter.dial.multiplier()
    {
        let finding = Finding::new(Code::MultiplierDiffers, read.span());
        let finding = finding.with("multiplier", came_with);
        findings.push(finding.with("multiplier_of_meter", meter.dial.multiplier()));
    }
    findings
}

/// Could the meter have shown `earlier` and then `later`, a higher page?
fn step(earlier: &Read, later: &Read, meter: &Meter, site: &Site, policy: &Policy) -> Vec<Finding> {
    let span = Span { from: earlier.moment(policy), to: later.moment(policy) };
    if span.to <= span.from {
        let finding = Finding::new(Code::PageOrder, span).with("page", later.page);
        return vec![finding.with("elapsed_seconds", span.to.seconds_since(span.from))];
    }
    let outward = match meter.kind {
        Kind::Grid => Channel::Export,
        Kind::Generation => Channel::Generation,
    };
    let channels = [Channel::Import, outward].into_iter();
    channels
        .filter_map(|channel| {
            let positions = (earlier.position(channel), later.position(channel));
            advance(channel, positions, span, meter, site, policy)
        })
        .collect()
}

/// Rollover, reset or too much, if it is one of these.
pub(crate) fn advance(
    channel: Channel,
    (earlier, later): (u64, u64),
    span: Span,
    meter: &Meter,
    site: &Site,
    policy: &Policy,
) -> Option<Finding> {
    let evidence = |code| {
        let finding = Finding::new(code, span).with("position_before", earlier);
        finding.with("position", later).with("elapsed_seconds", span.seconds())
    };
    let Some(advance) = meter.dial.advance(earlier, later) else {
        return Some(evidence(Code::TooManyDigits).with("span", meter.dial.span()));
    };
    let Ok(power) = power_max(channel, meter, site) else {
        return Some(evidence(Code::TooMuch).with("energy_wh", advance.energy.wh()));
    };
    let possible = is_possible(advance.energy, power, span.seconds(), policy);
    let code = match (advance.rolled_over, possible) {
        (false, true) => return None,
        (false, false) => Code::TooMuch,
        (true, true) => Code::Rollover,
        (true, false) => Code::MeterReset,
    };
    let limit = energy_max(power, span.seconds(), policy);
    Some(evidence(code).with("energy_wh", advance.energy.wh()).with("limit_wh", limit.wh()))
}

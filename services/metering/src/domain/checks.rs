//! The rules V1 to V12 and the ladder E1 to E5 on one meter's local day.
//!
//! ```text
//! what the door kept apart, what readings say of themselves         V1 V2 V3 V6
//! intervals of the day against those of the weeks before            V4 V5 V6 V7 V8 V9 V11 V12
//! slots that are missing, failed, or shared out evenly              E1 E2 E3
//! ```
//!
//! Nothing here changes an interval: a finding is a remark, an estimate stands beside what is
//! billed. V10 and E4 are silent, since nobody tells the irradiance, and E5, since no outage of a
//! generator is told.

use std::collections::BTreeMap;

use calendar::{LocalDay, Slot, SlotLength, TimeZone, Timestamp};
use ids::MeterId;
use reading::{Reading, Reason};
use units::Power;
use vee::estimate::{estimate_bounded, estimate_open};
use vee::{
    Action, Aids, Cadence, Case, Channel, Days, Dial, Finding, Gap, Kind, Method, Modules, Place,
    Policy, Registers, Series, Shape, Site, Span, Twin, judge_series, mark_faulty, power_max,
};

use super::closing::{Known, Quality};

/// Days before the checked one that it is held against: as far as like days may be.
pub(crate) const HISTORY_DAYS: i32 = 42;
/// Digits of a register of ours, of whole watt-hours.
const DIGITS: u8 = 16;

/// What is known of a meter and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) meter: MeterId,
    pub(crate) installed: Timestamp,
    pub(crate) removed: Option<Timestamp>,
    pub(crate) import_max: Power,
    pub(crate) export_max: Power,
    /// North and east, in millionths of a degree.
    pub(crate) place: Option<(i32, i32)>,
    pub(crate) modules: Option<Power>,
    pub(crate) storage: bool,
    /// The last moment at which its calibration counts.
    pub(crate) calibrated_until: Option<Timestamp>,
}

/// What is known of a meter's slots, by their start.
pub(crate) type Line = BTreeMap<Timestamp, Known>;

/// Messages of a day that were kept apart, with one code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptApart {
    pub(crate) code: String,
    pub(crate) times: u64,
    pub(crate) first_at: Timestamp,
    pub(crate) last_at: Timestamp,
}

/// What a day is judged by.
pub(crate) struct Day<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) day: LocalDay,
    pub(crate) timezone: &'a TimeZone,
    pub(crate) length: SlotLength,
    /// What is known of meters of the community: of this one the day and [`HISTORY_DAYS`] before,
    /// of the others at least the day.
    pub(crate) known: &'a [(MeterId, Line)],
    /// Readings from the midnight that begins the day to the one that ends it, in page order.
    pub(crate) readings: &'a [Reading],
    pub(crate) kept_apart: &'a [KeptApart],
}

/// Something that a rule found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// `V1` to `V12`, or `CALIBRATION`.
    pub(crate) rule: String,
    pub(crate) code: String,
    /// `warn`, `flag` or `fail`.
    pub(crate) action: &'static str,
    /// The register, where it is about one.
    pub(crate) channel: Option<Channel>,
    pub(crate) span: Span,
    /// Values by name, each name with its unit.
    pub(crate) evidence: BTreeMap<String, i64>,
    /// The other meter that it is about.
    pub(crate) other: Option<MeterId>,
}

/// What the ladder takes for a slot that was not measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Estimated {
    pub(crate) slot: Timestamp,
    pub(crate) channel: Channel,
    pub(crate) known: vee::Known,
}

/// What became of a day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Checked {
    pub(crate) slots: u32,
    pub(crate) measured: u32,
    pub(crate) substituted: u32,
    pub(crate) missing: u32,
    pub(crate) found: Vec<Found>,
    pub(crate) estimated: Vec<Estimated>,
}

/// Holds a day against the rules, and what is open in it against the ladder.
pub(crate) fn check(day: &Day<'_>) -> Checked {
    let mut checked = Checked { found: at_the_door(day), ..Checked::default() };
    let meter = day.meter();
    let (own, others): (Vec<_>, Vec<_>) =
        day.known.iter().partition(|(id, _)| *id == day.subject.meter);
    let nothing = Line::new();
    let known = own.first().map_or(&nothing, |(_, known)| known);
    for slot in day.timezone.slots_of(day.day, day.length) {
        if !meter.covers(slot.into()) {
            continue;
        }
        checked.slots += 1;
        match known.get(&slot.start).map(|it| it.quality) {
            Some(Quality::Measured) => checked.measured += 1,
            Some(Quality::Substituted) => checked.substituted += 1,
            Some(Quality::Missing) | None => checked.missing += 1,
        }
    }
    for channel in [Channel::Import, Channel::Export] {
        let (found, estimated) = check_channel(day, (known, &others), &meter, channel);
        checked.found.extend(found);
        checked.estimated.extend(estimated);
    }
    checked
}

/// The same of the intervals of one direction: the meter's own line, and those of others.
fn check_channel(
    day: &Day<'_>,
    (known, others): (&Line, &[&(MeterId, Line)]),
    meter: &vee::Meter,
    channel: Channel,
) -> (Vec<Found>, Vec<Estimated>) {
    let (span, site, policy) = (day.span(), day.site(), Policy::default());
    let days = Days::of(day.timezone.clone());
    let line = series(known, day.history(), day.length, channel);
    let beside = others.iter().map(|(_, known)| series(known, span, day.length, channel));
    let beside: Vec<Series> = beside.collect();
    let twins: Vec<Twin<'_>> = beside.iter().map(Twin::Other).collect();
    let registers = registers(day, channel);
    let case = Case {
        channel,
        meter,
        site: &site,
        days: &days,
        outages: &[],
        registers: &registers,
        irradiance: None,
        twins: &twins,
    };
    let findings = judge_series(&line, span, &case, &policy);
    let aids = Aids {
        channel,
        days: &days,
        power_max: power_max(channel, meter, &site).unwrap_or(site.import),
        profile: None,
        day: None,
        irradiance: None,
        modules: site.modules,
        failed: &[],
        policy: &policy,
    };
    // What was before the meter came, and after it went, is nobody's question.
    let there = Span {
        from: span.from.max(day.subject.installed),
        to: day.subject.removed.map_or(span.to, |removed| removed.min(span.to)),
    };
    let found = findings.iter().map(|finding| found(finding, channel, others)).collect();
    (found, estimated(line, &findings, there, &aids))
}

impl Day<'_> {
    fn span(&self) -> Span {
        let midnight = |day| self.timezone.start_of(day);
        Span { from: midnight(self.day), to: midnight(self.day.next()) }
    }

    fn history(&self) -> Span {
        Span { from: self.timezone.start_of(self.day.later(-HISTORY_DAYS)), ..self.span() }
    }

    fn meter(&self) -> vee::Meter {
        vee::Meter {
            kind: Kind::Grid,
            cadence: Cadence::Slots,
            dial: Dial::wh(DIGITS).expect("sixteen digits of watt-hours are a dial"),
            rating: None,
            installed: self.subject.installed,
            removed: self.subject.removed,
        }
    }

    fn site(&self) -> Site {
        let Subject { import_max, export_max, place, modules, storage, .. } = self.subject;
        Site {
            import: *import_max,
            export: *export_max,
            place: place.map(|(latitude, longitude)| Place { latitude, longitude }),
            modules: modules.map(|power| Modules { power, yield_per_mille: None }),
            storage: *storage,
        }
    }
}

/// The intervals of `span` in one direction; what is not known is missing.
fn series(known: &Line, span: Span, length: SlotLength, channel: Channel) -> Series {
    let first = Slot::containing(span.from, length);
    let slots = span.to.seconds_since(first.start) / length.seconds();
    let slots = usize::try_from(slots).unwrap_or(0);
    let mut series = Series::missing(first, slots).expect("some weeks are within a series");
    for (start, known) in known.range(span.from..span.to) {
        let Some(place) = series.place(*start) else { continue };
        let energy = match channel {
            Channel::Export => known.export,
            Channel::Import | Channel::Generation => known.import,
        };
        let even = Method::Bounded(Shape::Even);
        series.set(
            place,
            match known.quality {
                Quality::Measured => vee::Known::measured(energy),
                Quality::Substituted => vee::Known::substituted(energy, even),
                Quality::Missing => vee::Known::MISSING,
            },
        );
    }
    series
}

/// What the registers of the day say from its first reading to its last, for V4.
fn registers(day: &Day<'_>, channel: Channel) -> Vec<Registers> {
    let ends = day.readings.first().zip(day.readings.last());
    let of = |reading: &Reading| match channel {
        Channel::Export => reading.export,
        Channel::Import | Channel::Generation => reading.import,
    };
    let said = ends.filter(|(first, last)| first.time < last.time).and_then(|(first, last)| {
        let advance = of(last).since(of(first))?;
        Some(Registers { span: Span { from: first.time, to: last.time }, advance })
    });
    said.into_iter().collect()
}

/// What the ladder takes for slots of `span` that are open, that failed, or that were shared out
/// evenly: the last in the form of like days, whatever the registers bound.
fn estimated(
    mut series: Series,
    findings: &[Finding],
    span: Span,
    aids: &Aids<'_>,
) -> Vec<Estimated> {
    mark_faulty(&mut series, findings);
    let mut gaps: Vec<Gap> = Vec::new();
    for place in series.places(span) {
        let known = series.known()[place];
        if known.quality != vee::Quality::Substituted {
            continue;
        }
        let slot = Span::from(series.slot(place));
        match gaps.last_mut() {
            Some(gap) if gap.span.to == slot.from => {
                gap.span.to = slot.to;
                gap.advance = gap.advance.plus(known.energy).unwrap_or(gap.advance);
            }
            _ => gaps.push(Gap { span: slot, advance: known.energy }),
        }
        series.set(place, vee::Known::MISSING);
    }
    let (mut taken, mut contradicted) = (Vec::new(), Vec::new());
    for gap in gaps {
        let bounded = estimate_bounded(&series, gap, aids);
        for slot in &bounded.slots {
            if let Some(place) = series.place(slot.start) {
                series.set(place, slot.known);
            }
        }
        taken.extend(bounded.slots);
        contradicted.extend(bounded.open);
    }
    let open = estimate_open(&series, span, aids).slots.into_iter();
    // What registers contradict stays open: another rung would hide that.
    taken.extend(open.filter(|slot| !contradicted.contains(&slot.start)));
    taken.sort_unstable_by_key(|slot| slot.start);
    taken
        .into_iter()
        .map(|slot| Estimated { slot: slot.start, channel: aids.channel, known: slot.known })
        .collect()
}

fn found(finding: &Finding, channel: Channel, others: &[&(MeterId, Line)]) -> Found {
    let code = finding.code;
    let values = finding.evidence.values().iter();
    let twin = finding.evidence.get("twin").and_then(|twin| usize::try_from(twin).ok());
    Found {
        rule: format!("{:?}", code.rule()),
        code: code.text().to_owned(),
        action: named(code.action()),
        channel: Some(channel),
        span: finding.span,
        // Which of the others it is, is said by its id.
        evidence: values
            .filter(|(name, _)| *name != "twin")
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect(),
        other: twin.and_then(|twin| others.get(twin)).map(|(meter, _)| *meter),
    }
}

const fn named(action: Action) -> &'static str {
    match action {
        Action::Warn => "warn",
        Action::Flag => "flag",
        Action::Fail => "fail",
    }
}

/// What was found when messages came, and what readings say of themselves.
fn at_the_door(day: &Day<'_>) -> Vec<Found> {
    let apart = day.kept_apart.iter().map(|apart| {
        let span = Span { from: apart.first_at, to: apart.last_at };
        let times = i64::try_from(apart.times).unwrap_or(i64::MAX);
        remark(rule_of(&apart.code), &apart.code, "fail", span, &[("messages", times)])
    });
    let mut found: Vec<Found> = apart.collect();
    let at = |reading: &Reading| Span { from: reading.time, to: reading.time };
    for reading in day.readings {
        let page = ("page", i64::from(reading.page));
        if reading.status.energy_error() {
            found.push(remark("V1", "ENERGY_ERROR", "flag", at(reading), &[page]));
        }
        if reading.status.clock_unsynchronised() {
            found.push(remark("V3", "CLOCK_UNSYNCHRONISED", "flag", at(reading), &[page]));
        }
    }
    for pair in day.readings.windows(2) {
        let missing = i64::from(pair[1].page) - i64::from(pair[0].page) - 1;
        if missing > 0 {
            let span = Span { from: pair[0].time, to: pair[1].time };
            found.push(remark("V1", "PAGE_GAP", "flag", span, &[("pages", missing)]));
        }
    }
    let over = |until: &Timestamp| day.readings.iter().filter(|it| it.time > *until).count();
    let readings = day.subject.calibrated_until.as_ref().map_or(0, over);
    if readings > 0 {
        let readings = ("readings", i64::try_from(readings).unwrap_or(i64::MAX));
        found.push(remark("CALIBRATION", "CALIBRATION_EXPIRED", "flag", day.span(), &[readings]));
    }
    found
}

fn remark(
    rule: &str,
    code: &str,
    action: &'static str,
    span: Span,
    evidence: &[(&str, i64)],
) -> Found {
    let evidence = evidence.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let (rule, code) = (rule.to_owned(), code.to_owned());
    Found { rule, code, action, channel: None, span, evidence, other: None }
}

/// The rule by which a message with this code is kept apart.
fn rule_of(code: &str) -> &'static str {
    match Reason::ALL.into_iter().find(|reason| reason.code() == code) {
        Some(Reason::NotASlotBoundary) => "V2",
        Some(Reason::TimeAhead | Reason::TooOld) => "V3",
        Some(Reason::TooFast) => "V6",
        _ => "V1",
    }
}

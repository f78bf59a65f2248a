//! What the rules say: a verdict, its findings, and the values that led to each.

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::Span;

/// A rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Rule {
    /// Signature and sequence.
    V1,
    /// Interval size.
    V2,
    /// Time.
    V3,
    /// Intervals sum to the registers.
    V4,
    /// Spike.
    V5,
    /// Physical maximum.
    V6,
    /// High and low usage.
    V7,
    /// Zero and flat line.
    V8,
    /// Feed-in that no sun explains.
    V9,
    /// Yield against irradiation.
    V10,
    /// Twin meters.
    V11,
    /// Factor of the transformers.
    V12,
}

/// What a finding does to what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It counts; somebody should know.
    Warn,
    /// It counts and is marked.
    Flag,
    /// It does not count: an interval is faulty and has to be estimated, a reading is kept apart.
    Fail,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $text:literal $rule:ident $action:ident)*) => {
        /// What a rule found, with its stable code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[$doc])* $name),*
        }

        impl Code {
            /// Every code, in order of the rules.
            pub const ALL: &[Code] = &[$(Code::$name),*];

            /// The stable code, as stored and shown.
            pub const fn text(self) -> &'static str {
                match self { $(Code::$name => $text),* }
            }

            /// The rule that finds it.
            pub const fn rule(self) -> Rule {
                match self { $(Code::$name => Rule::$rule),* }
            }

            /// What it does.
            pub const fn action(self) -> Action {
                match self { $(Code::$name => Action::$action),* }
            }
        }
    };
}

codes! {
    /// The meter's key did not sign the reading.
    SignatureInvalid "SIGNATURE_INVALID" V1 Fail
    /// Nobody signed the reading, and the policy wants a signature.
    SignatureAbsent "SIGNATURE_ABSENT" V1 Fail
    /// Nobody signed the reading, and the policy takes it nevertheless.
    Unsigned "UNSIGNED" V1 Flag
    /// The page was accepted before with other content.
    PageConflict "PAGE_CONFLICT" V1 Fail
    /// Pages and times are not in the same order.
    PageOrder "PAGE_ORDER" V1 Fail
    /// Pages before this one have not come.
    PageGap "PAGE_GAP" V1 Flag
    /// The meter reports that it does not measure well.
    EnergyError "ENERGY_ERROR" V1 Fail
    /// The device was not installed at that time.
    NotInstalled "NOT_INSTALLED" V1 Fail
    /// The register shows more than its digits can.
    TooManyDigits "TOO_MANY_DIGITS" V1 Fail
    /// The register began again at zero, as it does above its highest value.
    Rollover "ROLLOVER" V1 Flag
    /// The register ran backwards, and no rollover explains it.
    MeterReset "METER_RESET" V1 Fail
    /// The interval is not as long as a slot.
    IntervalSize "INTERVAL_SIZE" V2 Fail
    /// The interval or reading does not begin at a slot boundary.
    NotASlotBoundary "NOT_A_SLOT_BOUNDARY" V2 Fail
    /// The meter's clock is wrong by a little.
    ClockWarning "CLOCK_WARNING" V3 Flag
    /// The meter's clock is wrong by so much that the time of the reading had to be corrected.
    ClockCorrected "CLOCK_CORRECTED" V3 Flag
    /// The reading says to be from the future.
    TimeAhead "TIME_AHEAD" V3 Fail
    /// The reading is older than anything that can be corrected.
    TooOld "TOO_OLD" V3 Fail
    /// The intervals do not sum to the advance of the registers.
    SumMismatch "SUM_MISMATCH" V4 Fail
    /// The highest interval of a day is far above the third-highest.
    Spike "SPIKE" V5 Flag
    /// More energy than the connection can carry.
    TooMuch "TOO_MUCH" V6 Fail
    /// The daily usage is far above the one before.
    UsageHigh "USAGE_HIGH" V7 Warn
    /// The daily usage is far below the one before.
    UsageLow "USAGE_LOW" V7 Warn
    /// Nothing flowed for a day, and no outage is known.
    ZeroLine "ZERO_LINE" V8 Warn
    /// The same energy in every interval of a day.
    FlatLine "FLAT_LINE" V8 Warn
    /// Energy was fed in after dark, and no storage is registered.
    ExportAtNight "EXPORT_AT_NIGHT" V9 Fail
    /// More was fed in than the modules can make.
    ExportAbovePv "EXPORT_ABOVE_PV" V9 Fail
    /// The modules make less than the sun would let them.
    YieldLow "YIELD_LOW" V10 Warn
    /// The modules make more than the sun would let them.
    YieldHigh "YIELD_HIGH" V10 Warn
    /// Two meters of one place differ.
    TwinDiffers "TWIN_DIFFERS" V11 Warn
    /// Two meters of different places say the same, up to a factor.
    TwinCopies "TWIN_COPIES" V11 Warn
    /// The reading comes with another factor than the meter has.
    MultiplierDiffers "MULTIPLIER_DIFFERS" V12 Warn
    /// The usage changed as if a factor had been forgotten or applied twice.
    MultiplierSuspected "MULTIPLIER_SUSPECTED" V12 Warn
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

/// The values that led to a finding: each name ends in its unit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence(Vec<(&'static str, i64)>);

impl Evidence {
    /// The values, by name.
    pub fn values(&self) -> &[(&'static str, i64)] {
        &self.0
    }

    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<i64> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }

    /// This evidence and one value more; one that is too large is brought to the largest.
    #[must_use]
    pub(crate) fn and<T: TryInto<i64>>(mut self, name: &'static str, value: T) -> Evidence {
        self.0.push((name, value.try_into().unwrap_or(i64::MAX)));
        self
    }
}

impl Serialize for Evidence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// What a rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub code: Code,
    /// Of what time.
    pub span: Span,
    /// Why.
    pub evidence: Evidence,
}

impl Finding {
    pub(crate) fn new(code: Code, span: impl Into<Span>) -> Finding {
        Finding { code, span: span.into(), evidence: Evidence::default() }
    }

    #[must_use]
    pub(crate) fn with<T: TryInto<i64>>(mut self, name: &'static str, value: T) -> Finding {
        self.evidence = self.evidence.and(name, value);
        self
    }
}

/// What becomes of a reading or of an interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It counts.
    Accepted,
    /// It is known already; it changes nothing.
    Duplicate,
    /// It counts, with remarks.
    Flagged(Vec<Finding>),
    /// It does not count. What failed comes first.
    Quarantined(Vec<Finding>),
}

impl Verdict {
    /// The verdict that follows from what was found.
    pub fn from_findings(mut findings: Vec<Finding>) -> Verdict {
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.code.action()));
        match findings.first().map(|finding| finding.code.action()) {
            None => Verdict::Accepted,
            Some(Action::Fail) => Verdict::Quarantined(findings),
            Some(Action::Warn | Action::Flag) => Verdict::Flagged(findings),
        }
    }

    /// The verdict on one interval: what was found of a time that meets `span`.
    pub fn of(findings: &[Finding], span: Span) -> Verdict {
        let meets = findings.iter().filter(|finding| finding.span.meets(&span));
        Verdict::from_findings(meets.cloned().collect())
    }

    /// Does it count from now on?
    pub const fn counts(&self) -> bool {
        matches!(self, Verdict::Accepted | Verdict::Flagged(_))
    }

    /// What was found.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Verdict::Accepted | Verdict::Duplicate => &[],
            Verdict::Flagged(findings) | Verdict::Quarantined(findings) => findings,
        }
    }
}

#[cfg(test)]
mod tests {
    use calendar::Timestamp;

    use super::*;

    fn span(from: i64, to: i64) -> Span {
        Span { from: Timestamp::from_seconds(from), to: Timestamp::from_seconds(to) }
    }

    #[test]
    fn codes_are_unique_and_every_rule_has_one() {
        let texts: std::collections::BTreeSet<_> = Code::ALL.iter().map(|it| it.text()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        let rules: std::collections::BTreeSet<_> = Code::ALL.iter().map(|it| it.rule()).collect();
        assert_eq!(rules.len(), 12);
    }

    #[test]
    fn what_failed_decides_and_comes_first() {
        let flag = Finding::new(Code::Spike, span(0, 900));
        let fail = Finding::new(Code::TooMuch, span(900, 1800)).with("energy_wh", 7_u64);
        let all = [flag.clone(), fail.clone()];
        assert_eq!(Verdict::of(&all, span(1800, 2700)), Verdict::Accepted);
        assert_eq!(Verdict::of(&all, span(0, 900)), Verdict::Flagged(vec![flag.clone()]));
        assert_eq!(Verdict::of(&all, span(0, 1800)), Verdict::Quarantined(vec![fail, flag]));
    }

    #[test]
    fn a_finding_shows_its_values_by_name() {
        let finding = Finding::new(Code::TooMuch, span(0, 900)).with("energy_wh", u64::MAX);
        let json = serde_json::to_value(&finding).unwrap();
        assert_eq!(json["code"], "TOO_MUCH");
        assert_eq!(json["span"]["from"], "1970-01-01T00:00:00Z");
        assert_eq!(json["evidence"]["energy_wh"], i64::MAX);
        assert_eq!(finding.evidence.get("energy_wh"), Some(i64::MAX));
    }
}

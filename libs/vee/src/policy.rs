//! The thresholds of the rules and of the ladder, as data.

use serde::{Deserialize, Serialize};

/// What an unsigned reading is worth, such as one from a utility's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unsigned {
    /// It is kept apart.
    Quarantine,
    /// It counts and is marked.
    Flag,
}

/// The thresholds of a community. The defaults are those of the rules' sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// V1: what becomes of a reading without a signature.
    pub unsigned: Unsigned,
    /// V3: a clock that is wrong by more is worth a remark, in seconds. Up to here a reading counts
    /// as taken at the slot boundary beside it.
    pub clock_warn_seconds: u32,
    /// V3: a clock that is wrong by more is in error, in seconds.
    pub clock_fail_seconds: u32,
    /// V3: the oldest reading that can still correct something, in seconds (14 months).
    pub age_seconds_max: u32,
    /// V4: how far intervals may be from the registers, in thousandths of the advance.
    pub sum_per_mille: u32,
    /// V4: ... or in steps of the register, whichever is more.
    pub sum_steps: u32,
    /// V5: how far the highest interval of a day may be above the third-highest, in percent of it.
    pub spike_percent: u32,
    /// V5: intervals that a day needs before it is looked at.
    pub spike_intervals_min: u32,
    /// V5: a highest interval of less mean power is no spike, in watts: what is near zero doubles
    /// by rounding.
    pub spike_power_w_min: u32,
    /// V6: the most energy, in percent of what the connection can carry.
    pub physical_percent: u32,
    /// V7: the lowest daily usage, in thousandths of the usage before.
    pub level_low_per_mille: u32,
    /// V7: the highest daily usage, in thousandths of the usage before.
    pub level_high_per_mille: u32,
    /// V7: how many days before are looked at where the year before has none.
    pub level_days: u16,
    /// V7: the share of the slots that has to be known on both sides, in percent.
    pub level_known_percent: u32,
    /// V8: how long the same value may be repeated, in seconds.
    pub flat_seconds: u32,
    /// V9: the sun has set below this elevation, in thousandths of a degree.
    pub night_millidegrees: i32,
    /// V9: the most that may be fed in, in percent of the modules' rated power.
    pub pv_percent: u32,
    /// V10: how many days are looked at together.
    pub yield_days: u16,
    /// V10: the lowest yield, in thousandths of the yield that is expected.
    pub yield_low_per_mille: u32,
    /// V10: the highest yield, in thousandths of the yield that is expected.
    pub yield_high_per_mille: u32,
    /// V10: less irradiation in those days says nothing, in Wh per square metre.
    pub irradiation_wh_min: u32,
    /// V11: how far two meters of one place may differ, in thousandths of their mean.
    pub twin_per_mille: u32,
    /// V11: two meters of different places whose use correlates as much are copies, in millionths.
    /// Measured homes reach 0.7.
    pub copy_import_per_million: u32,
    /// V11: ... whose generation or feeding in correlates as much. Roofs of one town reach 0.99986
    /// by the hour.
    pub copy_export_per_million: u32,
    /// V11: slots with energy that are needed before two meters are called copies.
    pub copy_slots_min: u32,
    /// V12: how near the usage has to come to a wrong factor, in thousandths.
    pub multiplier_per_mille: u32,
    /// E2: the longest gap over which power is taken as a straight line, in seconds.
    pub interpolate_seconds_max: u32,
    /// E3: like days that are needed.
    pub like_days_min: u16,
    /// E3: like days that are looked at.
    pub like_days_max: u16,
    /// E3: how far back a like day may be, in days: no further than the season.
    pub look_back_days: u16,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            unsigned: Unsigned::Quarantine,
            clock_warn_seconds: 10,
            clock_fail_seconds: 60,
            age_seconds_max: 430 * 86_400,
            sum_per_mille: 1,
            sum_steps: 2,
            spike_percent: 180,
            spike_intervals_min: 20,
            spike_power_w_min: 100,
            physical_percent: 105,
            level_low_per_mille: 300,
            level_high_per_mille: 3000,
            level_days: 28,
            level_known_percent: 50,
            flat_seconds: 86_400,
            night_millidegrees: -3000,
            pv_percent: 110,
            yield_days: 7,
            yield_low_per_mille: 900,
            yield_high_per_mille: 1500,
            irradiation_wh_min: 3500,
            twin_per_mille: 20,
            copy_import_per_million: 990_000,
            copy_export_per_million: 999_900,
            copy_slots_min: 96,
            multiplier_per_mille: 100,
            interpolate_seconds_max: 7200,
            like_days_min: 3,
            like_days_max: 4,
            look_back_days: 42,
        }
    }
}

/// A threshold that no policy may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}, and has to be {bounds}")]
pub struct BadPolicy {
    /// The field.
    pub field: &'static str,
    /// What it is.
    pub value: i64,
    /// What it may be.
    pub bounds: &'static str,
}

impl Policy {
    /// Do the thresholds make sense together?
    ///
    /// # Errors
    /// [`BadPolicy`] names the first field that does not.
    pub fn check(&self) -> Result<(), BadPolicy> {
        let rules: [(&'static str, u32, bool, &'static str); 9] = [
            (
                "clock_fail_seconds",
                self.clock_fail_seconds,
                self.clock_fail_seconds > self.clock_warn_seconds,
                "above clock_warn_seconds",
            ),
            (
                "clock_warn_seconds",
                self.clock_warn_seconds,
                self.clock_warn_seconds < 150,
                "below half of the shortest slot (150)",
            ),
            (
                "spike_intervals_min",
                self.spike_intervals_min,
                self.spike_intervals_min >= 3,
                "at least 3",
            ),
            (
                "physical_percent",
                self.physical_percent,
                self.physical_percent >= 100,
                "at least 100",
            ),
            (
                "level_high_per_mille",
                self.level_high_per_mille,
                self.level_high_per_mille > self.level_low_per_mille,
                "above level_low_per_mille",
            ),
            ("flat_seconds", self.flat_seconds, self.flat_seconds >= 3600, "at least 3600"),
            (
                "yield_high_per_mille",
                self.yield_high_per_mille,
                self.yield_high_per_mille > self.yield_low_per_mille,
                "above yield_low_per_mille",
            ),
            (
                "like_days_max",
                self.like_days_max.into(),
                self.like_days_max >= self.like_days_min,
                "at least like_days_min",
            ),
            ("like_days_min", self.like_days_min.into(), self.like_days_min > 0, "at least 1"),
        ];
        let bad = rules.into_iter().find(|(_, _, holds, _)| !holds);
        bad.map_or(Ok(()), |(field, value, _, bounds)| {
            Err(BadPolicy { field, value: value.into(), bounds })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_make_sense_and_a_file_may_name_only_what_differs() {
        assert_eq!(Policy::default().check(), Ok(()));
        let policy: Policy = serde_json::from_str(r#"{"spike_percent":250}"#).unwrap();
        assert_eq!(policy, Policy { spike_percent: 250, ..Policy::default() });
        assert!(serde_json::from_str::<Policy>(r#"{"spike_percents":250}"#).is_err());
        assert!(serde_json::from_str::<Policy>(r#"{"spike_percent":-1}"#).is_err());
    }

    #[test]
    fn thresholds_that_contradict_each_other_are_named() {
        let refused = |policy: Policy| policy.check().unwrap_err().to_string();
        assert_eq!(
            refused(Policy { clock_fail_seconds: 10, ..Policy::default() }),
            "clock_fail_seconds is 10, and has to be above clock_warn_seconds"
        );
        assert_eq!(
            refused(Policy { like_days_max: 2, ..Policy::default() }),
            "like_days_max is 2, and has to be at least like_days_min"
        );
        assert!(Policy { physical_percent: 99, ..Policy::default() }.check().is_err());
        assert!(Policy { level_low_per_mille: 3000, ..Policy::default() }.check().is_err());
    }
}

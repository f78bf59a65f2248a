//! How an energy is known, and what it may be used for.

use serde::{Deserialize, Serialize};

/// How the energy of an interval is known. One enum for all sources; the source's own code is kept
/// beside it (see [`Coded`]).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Nothing is known.
    #[default]
    Missing,
    /// Something was said that cannot be believed.
    Faulty,
    /// A guess ahead of the registers: nothing after it has been read yet.
    Estimated,
    /// Replaced by a rule, which the method names.
    Substituted,
    /// A sum or a difference of registers that were read, such as across a meter exchange.
    Calculated,
    /// Registers were read at both ends.
    Measured,
}

/// What a quality may be billed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Billable {
    /// An invoice may carry it.
    Yes,
    /// Only an advance payment may rest on it.
    AdvanceOnly,
    /// No.
    No,
}

/// What a quality may settle between neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Settles {
    /// For good.
    Yes,
    /// Until something better is known.
    Provisional,
    /// No: the slot stays open.
    No,
}

impl Quality {
    /// Every quality, from what says nothing to what is certain.
    pub const ALL: [Quality; 6] = [
        Quality::Missing,
        Quality::Faulty,
        Quality::Estimated,
        Quality::Substituted,
        Quality::Calculated,
        Quality::Measured,
    ];

    /// The name, as stored and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Quality::Missing => "missing",
            Quality::Faulty => "faulty",
            Quality::Estimated => "estimated",
            Quality::Substituted => "substituted",
            Quality::Calculated => "calculated",
            Quality::Measured => "measured",
        }
    }

    /// The quality with this [`Quality::name`].
    pub fn named(name: &str) -> Option<Quality> {
        Quality::ALL.into_iter().find(|quality| quality.name() == name)
    }

    /// What may be billed on it.
    pub const fn billable(self) -> Billable {
        match self {
            Quality::Measured | Quality::Calculated | Quality::Substituted => Billable::Yes,
            Quality::Estimated => Billable::AdvanceOnly,
            Quality::Faulty | Quality::Missing => Billable::No,
        }
    }

    /// What may be settled on it.
    pub const fn settles(self) -> Settles {
        match self {
            Quality::Measured | Quality::Calculated => Settles::Yes,
            Quality::Substituted => Settles::Provisional,
            Quality::Estimated | Quality::Faulty | Quality::Missing => Settles::No,
        }
    }

    /// Do registers that were read say it? Then it may stand for other days and none of its
    /// watt-hours are a guess.
    pub const fn is_read(self) -> bool {
        matches!(self, Quality::Measured | Quality::Calculated)
    }

    /// Is there no energy yet that could count?
    pub const fn is_open(self) -> bool {
        matches!(self, Quality::Missing | Quality::Faulty)
    }

    /// What the code of a source means.
    ///
    /// NEM12: a letter, then for substitutes a method of two digits (`S14`). `None` for a code that
    /// the source does not have.
    pub fn of(source: Source, code: &str) -> Option<Coded> {
        let plain = |quality| Some(Coded::One { quality, method: None });
        match (source, code) {
            (Source::Nem12, "V") => Some(Coded::Varies),
            (Source::Nem12, _) => nem12(code),
            (Source::Kraken, "ACTUAL") | (Source::Mscons, "Measured") => plain(Quality::Measured),
            (Source::Kraken, "AGREED") | (Source::Mscons, "Substituted") => {
                plain(Quality::Substituted)
            }
            (Source::Kraken, "ESTIMATE") | (Source::Mscons, "Estimated") => {
                plain(Quality::Estimated)
            }
            (Source::Kraken, "CALCULATED") | (Source::Mscons, "Calculated") => {
                plain(Quality::Calculated)
            }
            (Source::Kraken, "ZEROED") => plain(Quality::Faulty),
            _ => None,
        }
    }
}

fn nem12(code: &str) -> Option<Coded> {
    let (letter, digits) = code.split_at_checked(1)?;
    let quality = match letter {
        "A" => Quality::Measured,
        "S" | "F" => Quality::Substituted,
        "E" => Quality::Estimated,
        "N" => Quality::Missing,
        _ => return None,
    };
    let method = match digits.as_bytes() {
        [] => None,
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] if !matches!(letter, "A" | "N") => {
            Some((tens - b'0') * 10 + (ones - b'0'))
        }
        _ => return None,
    };
    Some(Coded::One { quality, method })
}

/// Whose quality codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// Quality flag and method of a NEM12 file (AEMO, Meter Data File Format).
    Nem12,
    /// Reading types of Octopus' Kraken.
    Kraken,
    /// German MSCONS values, by the names of their kinds.
    Mscons,
}

/// What a source's quality code means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coded {
    /// The same for all intervals it stands for.
    One {
        /// The canonical quality.
        quality: Quality,
        /// The source's number of the method, where it names one.
        method: Option<u8>,
    },
    /// It differs within the day: the file says it interval by interval.
    Varies,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quality_comes_back_from_its_name_and_is_written_as_it() {
        for quality in Quality::ALL {
            assert_eq!(Quality::named(quality.name()), Some(quality));
            assert_eq!(serde_json::to_value(quality).unwrap(), quality.name());
        }
        assert_eq!(Quality::named("guessed"), None);
    }

    #[test]
    fn what_is_not_read_is_billed_and_settled_with_care() {
        let use_of = |quality: Quality| (quality.billable(), quality.settles());
        assert_eq!(use_of(Quality::Measured), (Billable::Yes, Settles::Yes));
        assert_eq!(use_of(Quality::Calculated), (Billable::Yes, Settles::Yes));
        assert_eq!(use_of(Quality::Substituted), (Billable::Yes, Settles::Provisional));
        assert_eq!(use_of(Quality::Estimated), (Billable::AdvanceOnly, Settles::No));
        assert_eq!(use_of(Quality::Faulty), (Billable::No, Settles::No));
        assert_eq!(use_of(Quality::Missing), (Billable::No, Settles::No));
    }

    #[test]
    fn codes_of_other_systems_mean_one_quality_each() {
        let one = |quality, method| Some(Coded::One { quality, method });
        assert_eq!(Quality::of(Source::Nem12, "A"), one(Quality::Measured, None));
        assert_eq!(Quality::of(Source::Nem12, "S14"), one(Quality::Substituted, Some(14)));
        assert_eq!(Quality::of(Source::Nem12, "F52"), one(Quality::Substituted, Some(52)));
        assert_eq!(Quality::of(Source::Nem12, "E68"), one(Quality::Estimated, Some(68)));
        assert_eq!(Quality::of(Source::Nem12, "N"), one(Quality::Missing, None));
        assert_eq!(Quality::of(Source::Nem12, "V"), Some(Coded::Varies));
        for unknown in ["", "X", "A14", "S1", "S123", "Sx1", "\u{e9}"] {
            assert_eq!(Quality::of(Source::Nem12, unknown), None, "{unknown}");
        }
        assert_eq!(Quality::of(Source::Kraken, "ZEROED"), one(Quality::Faulty, None));
        assert_eq!(Quality::of(Source::Kraken, "AGREED"), one(Quality::Substituted, None));
        assert_eq!(Quality::of(Source::Mscons, "Estimated"), one(Quality::Estimated, None));
        assert_eq!(Quality::of(Source::Mscons, "ACTUAL"), None);
    }
}

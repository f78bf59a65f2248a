//! `QualityOfReading`, of which a reading may have several.

use crate::record::{Label, Quality};

/// The codes of the schema (espi.xsd 4.0, `QualityOfReading`) and what each says.
const CODES: [(u8, Quality); 14] = [
    (0, Quality::Measured),    // valid
    (7, Quality::Substituted), // manually edited
    (8, Quality::Substituted), // estimated by a reference day
    (9, Quality::Substituted), // estimated by linear interpolation
    (10, Quality::Faulty),     // questionable: failed a check
    (11, Quality::Calculated), // derived
    (12, Quality::Estimated),  // projected
    (13, Quality::Estimated),  // mixed: nobody knows of what
    (14, Quality::Measured),   // raw: not validated yet
    (15, Quality::Calculated), // normalised for weather
    (16, Quality::Estimated),  // other
    (17, Quality::Measured),   // validated: what was edited on the way has 7, 8 or 9 too
    (18, Quality::Measured),   // verified
    (19, Quality::Measured),   // revenue quality
];

/// A set of codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Qualities(u32);

impl Qualities {
    /// The set with `code` in it too; `None` where there is no such code.
    pub(super) fn with(self, code: u8) -> Option<Qualities> {
        let known = CODES.iter().any(|(known, _)| *known == code);
        known.then(|| Qualities(self.0 | 1 << code))
    }

    /// Whether nothing is said.
    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn codes(self) -> impl Iterator<Item = (u8, Quality)> {
        CODES.into_iter().filter(move |(code, _)| self.0 >> code & 1 == 1)
    }

    /// The worst that is said. Where nothing is, a reading is valid: the schema has a quality where
    /// there is something to say.
    pub(super) fn worst(self) -> Quality {
        self.codes().map(|(_, quality)| quality).max().unwrap_or(Quality::Measured)
    }

    /// The codes in ascending order, as `8+14`.
    pub(super) fn label(self) -> Option<Label> {
        let codes: Vec<String> = self.codes().map(|(code, _)| code.to_string()).collect();
        Label::new(&codes.join("+")).ok()
    }

    /// The codes that a label of [`Qualities::label`] has.
    fn parse(label: &str) -> Option<Qualities> {
        let mut codes = label.split('+').map(|code| code.parse::<u8>().ok());
        let set = codes.try_fold(Qualities::default(), |set, code| set.with(code?))?;
        (set.label()?.as_str() == label).then_some(set)
    }

    /// The codes for a record, and whether they are others than its own. Its own are kept if they
    /// are of ESPI and say the same; else it is the one that says the least. `None` where ESPI has
    /// no code.
    pub(super) fn of(quality: Quality, own: Option<&Label>) -> Option<(Qualities, bool)> {
        let parsed = own.and_then(|own| Qualities::parse(own.as_str()));
        if let Some(kept) = parsed.filter(|kept| kept.worst() == quality) {
            return Some((kept, false));
        }
        let code = match quality {
            Quality::Measured => return Some((Qualities::default(), own.is_some())),
            Quality::Calculated => 11,
            Quality::Substituted => 7,
            Quality::Estimated => 12,
            Quality::Faulty => 10,
            Quality::Missing => return None,
        };
        Some((Qualities::default().with(code)?, true))
    }

    /// The codes, ascending.
    pub(super) fn numbers(self) -> impl Iterator<Item = u8> {
        self.codes().map(|(code, _)| code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_several_counts() {
        let set =
            |codes: &[u8]| codes.iter().try_fold(Qualities::default(), |set, code| set.with(*code));
        let both = set(&[14, 8]).unwrap();
        assert_eq!((both.worst(), both.label().unwrap().as_str()), (Quality::Substituted, "8+14"));
        assert_eq!(Qualities::parse("8+14"), Some(both));
        assert_eq!(Qualities::default().worst(), Quality::Measured);
        assert_eq!(set(&[20]), None);
        for bad in ["", "14+8", "8+8", "x", "1", "08"] {
            assert_eq!(Qualities::parse(bad), None, "{bad}");
        }
    }
}

//! Flags of quality: a letter, and for values that were not measured the number of a method.

use crate::record::{Label, Quality};

/// A flag that a record may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flag {
    pub(super) quality: Quality,
    pub(super) code: Label,
}

/// What a flag says of a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// The same for all its intervals.
    All(Flag),
    /// `V`: 400s follow.
    Varies,
}

/// The flag in `text`; `None` where it is none.
pub(super) fn read(text: &str) -> Option<Said> {
    let (flag, method) = text.split_at_checked(1)?;
    let numbered = method.is_empty()
        || (method.len() == 2 && method.bytes().all(|byte| byte.is_ascii_digit()));
    let quality = match flag {
        "V" if method.is_empty() => return Some(Said::Varies),
        "A" if method.is_empty() => Quality::Measured,
        "N" if method.is_empty() => Quality::Missing,
        "S" | "F" if numbered => Quality::Substituted,
        "E" if numbered => Quality::Estimated,
        _ => return None,
    };
    Some(Said::All(Flag { quality, code: Label::new(text).ok()? }))
}

/// The code for a record, and whether it is another than its own. Its own is kept if it is one of
/// NEM12 and says the same; else it is the one that says the least: method 18 is *alternate*, none
/// of those that have a name. `None` where NEM12 has none.
pub(super) fn code(quality: Quality, own: Option<&Label>) -> Option<(&str, bool)> {
    let kept = own.filter(|code| match read(code.as_str()) {
        Some(Said::All(flag)) => flag.quality == quality,
        _ => false,
    });
    if let Some(code) = kept {
        return Some((code.as_str(), false));
    }
    let code = match quality {
        Quality::Measured => "A",
        Quality::Substituted => "S18",
        Quality::Estimated => "E18",
        Quality::Faulty | Quality::Missing => "N",
        Quality::Calculated => return None,
    };
    Some((code, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_with_their_method() {
        let quality = |text| match read(text) {
            Some(Said::All(flag)) if flag.code.as_str() == text => Some(flag.quality),
            _ => None,
        };
        assert_eq!(quality("A"), Some(Quality::Measured));
        assert_eq!(quality("F14"), Some(Quality::Substituted));
        assert_eq!(quality("S"), Some(Quality::Substituted));
        assert_eq!(quality("E52"), Some(Quality::Estimated));
        assert_eq!(quality("N"), Some(Quality::Missing));
        assert_eq!(read("V"), Some(Said::Varies));
        for bad in ["", "a", "A14", "S1", "S123", "S1x", "V14", "X", "É"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}

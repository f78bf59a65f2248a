//! Creditor references (ISO 11649): what a payment says so that it is known what it is for.

use std::fmt;
use std::str::FromStr;

use crate::checksum;

/// Every reference begins with it.
const PREFIX: &str = "RF";
/// Characters before what the creditor chose: prefix and check digits.
const HEAD_CHARS: usize = 4;
/// The most characters that the creditor chooses.
const BODY_CHARS_MAX: usize = 21;

/// A creditor reference with the right check digits. Written without spaces, `RF18539007547034`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference(String);

/// Why a text is no creditor reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadReference {
    /// Something else than `RF`, two digits, and 1 to 21 digits or letters.
    #[error("a creditor reference is RF, two check digits, then 1 to 21 digits and letters")]
    Shape,
    /// Mistyped.
    #[error("the check digits of the creditor reference are wrong")]
    CheckDigits,
}

impl Reference {
    /// The reference with what a creditor chose as its `body`.
    pub fn of(body: &str) -> Result<Reference, BadReference> {
        let body = checksum::normal(body);
        let digits = checksum::check_digits(&body, PREFIX).ok_or(BadReference::Shape)?;
        format!("{PREFIX}{digits}{body}").parse()
    }

    /// The reference without spaces.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The references of `chars` characters in a text that somebody typed: spaces and small
    /// letters are overlooked, and only what has the right check digits is one.
    pub fn all_in(text: &str, chars: usize) -> Vec<Reference> {
        let text = checksum::normal(text);
        let starts = text.match_indices(PREFIX).map(|(start, _)| start);
        let found = starts.filter_map(|start| text.get(start..start + chars));
        found.filter_map(|found| found.parse().ok()).collect()
    }
}

impl FromStr for Reference {
    type Err = BadReference;

    /// Takes spaces and small letters too, as people write it.
    fn from_str(text: &str) -> Result<Reference, BadReference> {
        let text = checksum::normal(text);
        let body = text.strip_prefix(PREFIX).and_then(|rest| rest.split_at_checked(2));
        let Some((digits, body)) = body else { return Err(BadReference::Shape) };
        let shaped = digits.bytes().all(|byte| byte.is_ascii_digit())
            && body.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !shaped || body.is_empty() || text.len() > HEAD_CHARS + BODY_CHARS_MAX {
            return Err(BadReference::Shape);
        }
        if checksum::holds(&text) { Ok(Reference(text)) } else { Err(BadReference::CheckDigits) }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Result<&str, BadReference>) {
        let read = text.parse().map(|reference: Reference| reference.0);
        assert_eq!(read, expected.map(str::to_owned), "{text:?}");
    }

    #[test]
    fn a_reference_is_valid_or_none() {
        check("RF18 5390 0754 7034", Ok("RF18539007547034"));
        check("rf45g72uur", Ok("RF45G72UUR"));
        check("RF18000000000539007547034", Ok("RF18000000000539007547034"));
        check("RF19539007547034", Err(BadReference::CheckDigits));
        for bad in ["", "RF", "RF1", "RF18", "XX18539007547034", "RF18_", "RFé1539007547034"] {
            check(bad, Err(BadReference::Shape));
        }
        check("RF180000000000539007547034", Err(BadReference::Shape));
    }

    #[test]
    fn references_are_found_in_what_somebody_typed() {
        let found = |text| -> Vec<String> {
            Reference::all_in(text, 16).into_iter().map(|reference| reference.0).collect()
        };
        assert_eq!(found("my bill rf18 5390 0754 7034, thanks"), ["RF18539007547034"]);
        assert_eq!(found("RFRF18539007547034RF"), ["RF18539007547034"]);
        assert!(found("RF19 5390 0754 7034").is_empty());
        assert!(found("RF18 5390").is_empty());
        assert!(found("RF18539007547é34").is_empty());
    }

    proptest! {
        #[test]
        fn check_digits_are_those_that_hold(body in "[0-9A-Z]{1,21}") {
            let reference = Reference::of(&body).unwrap();
            prop_assert_eq!(reference.as_str().parse::<Reference>(), Ok(reference.clone()));
            let found = Reference::all_in(&format!("a{reference}"), reference.as_str().len());
            prop_assert!(found.contains(&reference));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}", chars in 0..30_usize) {
            let _ = text.parse::<Reference>();
            let _ = Reference::all_in(&text, chars);
        }
    }
}

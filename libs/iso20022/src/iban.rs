//! International bank account numbers (ISO 13616).

use std::fmt;
use std::str::FromStr;

use crate::checksum;

/// The fewest and the most characters, in any country.
const CHARS_MIN: usize = 15;
const CHARS_MAX: usize = 34;

/// How long an account number of a country is, by the registry of 2025.
const LENGTHS: &str = "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 \
    CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 \
    HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 \
    ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 \
    SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30";

/// The number of a bank account. Written without spaces, `DE89370400440532013000`.
///
/// Its check digits are right, and so is its length, where the registry has its country; another
/// country's may have any length that the standard allows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iban(String);

/// Why a text is no account number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadIban {
    /// Something else than a country, two digits, and digits or letters.
    #[error("an IBAN is a country, two check digits, then digits and letters")]
    Shape,
    /// Not as long as the country's are.
    #[error("an IBAN of this country has {expected} characters, not {got}")]
    Length {
        /// Characters there are.
        got: usize,
        /// Characters there should be.
        expected: usize,
    },
    /// Mistyped.
    #[error("the check digits of the IBAN are wrong")]
    CheckDigits,
}

impl Iban {
    /// The number of the account that a country calls `basic`, with its check digits.
    pub fn of(country: &str, basic: &str) -> Result<Iban, BadIban> {
        let basic = checksum::normal(basic);
        let digits = checksum::check_digits(&basic, country).ok_or(BadIban::Shape)?;
        format!("{country}{digits}{basic}").parse()
    }

    /// The number without spaces.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The country's code.
    pub fn country(&self) -> &str {
        &self.0[..2]
    }
}

/// The length of a country's account numbers, where the registry has it.
fn length(country: &str) -> Option<usize> {
    let mut countries = LENGTHS.split_whitespace();
    countries.find_map(|entry| entry.strip_prefix(country)).and_then(|digits| digits.parse().ok())
}

impl FromStr for Iban {
    type Err = BadIban;

    /// Takes spaces and small letters too, as people write it.
    fn from_str(text: &str) -> Result<Iban, BadIban> {
        let text = checksum::normal(text);
        let bytes = text.as_bytes();
        let letters = bytes.iter().take(2).all(u8::is_ascii_uppercase);
        let digits = bytes.iter().skip(2).take(2).all(u8::is_ascii_digit);
        let rest = bytes.iter().all(u8::is_ascii_alphanumeric);
        if !letters || !digits || !rest || bytes.len() < CHARS_MIN || bytes.len() > CHARS_MAX {
            return Err(BadIban::Shape);
        }
        if let Some(expected) = length(&text[..2])
            && expected != text.len()
        {
            return Err(BadIban::Length { got: text.len(), expected });
        }
        if checksum::holds(&text) { Ok(Iban(text)) } else { Err(BadIban::CheckDigits) }
    }
}

impl fmt::Display for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Result<&str, BadIban>) {
        assert_eq!(text.parse().map(|iban: Iban| iban.0), expected.map(str::to_owned), "{text:?}");
    }

    #[test]
    fn an_account_number_is_valid_or_none() {
        check("DE89 3704 0044 0532 0130 00", Ok("DE89370400440532013000"));
        check("gb82 west 1234 5698 7654 32", Ok("GB82WEST12345698765432"));
        check("MT84MALT011000012345MTLCAST001S", Ok("MT84MALT011000012345MTLCAST001S"));
        check("NO9386011117947", Ok("NO9386011117947"));
        check("DE88370400440532013000", Err(BadIban::CheckDigits));
        check("DE89370400440532031000", Err(BadIban::CheckDigits));
        let short = BadIban::Length { got: 21, expected: 22 };
        check("DE8937040044053201300", Err(short));
        for bad in ["", "DE", "D189370400440532013000", "DE8937040044053201300é", "DE89-3704-0044"]
        {
            check(bad, Err(BadIban::Shape));
        }
    }

    #[test]
    fn a_country_is_in_the_registry_once() {
        let mut countries: Vec<&str> =
            LENGTHS.split_whitespace().map(|entry| &entry[..2]).collect();
        let count = countries.len();
        countries.dedup();
        assert!(countries.is_sorted());
        assert_eq!(countries.len(), count);
        let fits = |country: &&str| length(country).is_some_and(|chars| chars <= CHARS_MAX);
        assert!(countries.iter().all(fits));
    }

    proptest! {
        #[test]
        fn check_digits_find_what_was_mistyped(
            basic in "[0-9]{18}",
            place in 0..18_usize,
            by in 1..10_u8,
        ) {
            let iban = Iban::of("DE", &basic).unwrap();
            prop_assert_eq!(iban.as_str().parse::<Iban>(), Ok(iban.clone()));
            let mut typed = iban.0.clone().into_bytes();
            typed[place + 4] = b'0' + (typed[place + 4] - b'0' + by) % 10;
            let typed = String::from_utf8(typed).unwrap();
            prop_assert_eq!(typed.parse::<Iban>(), Err(BadIban::CheckDigits));
            let mut swapped = iban.0.clone().into_bytes();
            if place < 17 && swapped[place + 4] != swapped[place + 5] {
                swapped.swap(place + 4, place + 5);
                let swapped = String::from_utf8(swapped).unwrap();
                prop_assert_eq!(swapped.parse::<Iban>(), Err(BadIban::CheckDigits));
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            if let Ok(iban) = text.parse::<Iban>() {
                prop_assert_eq!(iban.as_str().parse::<Iban>(), Ok(iban.clone()));
            }
        }
    }
}

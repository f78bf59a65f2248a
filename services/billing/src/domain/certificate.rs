//! What connection points generate from, and when, so that what they deliver can be certified.
//!
//! ```text
//! SourceRegistered, SourceEnded ... of a connection point --spans--> [from, to) --during--> one
//! ```
//!
//! Codes are energy sources of EECS (Fact Sheet 5 of the Association of Issuing Bodies): `F` and
//! four pairs of digits, from the kind down. Only renewable ones are certified.
//! Deliberately absent: technologies (the codes with `T`), which the contract does not keep.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::B256;
use calendar::Timestamp;
use serde::{Deserialize, Serialize};

/// How long a code is, in bytes.
const CODE_LEN: usize = 9;
/// The longest that a certificate that was refused waits for its next try.
const WAIT_SECONDS_MAX: i64 = 16 * 3600;
/// How often a certificate is tried: then a refusal is for good. That takes two days.
pub const TRIES_MAX: u32 = 7;

/// The codes that have a name here. Below them a code may say more, which is kept and not named.
pub const NAMED: [(&str, &str); 9] = [
    ("F01040100", "Solar"),
    ("F01050100", "Wind"),
    ("F01050200", "Hydro and marine"),
    ("F01010000", "Solid biomass"),
    ("F01020000", "Liquid biomass"),
    ("F01030000", "Biogas"),
    ("F01040000", "Renewable heat"),
    ("F01050000", "Mechanical or other renewable"),
    ("F01000000", "Renewable"),
];

/// A renewable energy source: `F01040100`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SourceCode([u8; CODE_LEN]);

/// Why a text is no renewable energy source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Not `F` and eight digits.
    #[error("a code of an energy source is F and eight digits (EECS)")]
    Shape,
    /// Of fossil, nuclear or unknown origin.
    #[error("only renewable energy is certified: codes that begin with F01")]
    NotRenewable,
    /// A kind that EECS does not have, or one without it that says more all the same.
    #[error("EECS has no such energy source")]
    Unknown,
}

impl SourceCode {
    /// The code as the contract keeps it: ASCII, then zeros.
    pub fn word(&self) -> B256 {
        let mut word = B256::ZERO;
        word[..CODE_LEN].copy_from_slice(&self.0);
        word
    }
}

impl FromStr for SourceCode {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let code: [u8; CODE_LEN] = text.as_bytes().try_into().map_err(|_| SourceError::Shape)?;
        let (letter, digits) = code.split_first().ok_or(SourceError::Shape)?;
        if *letter != b'F' || !digits.iter().all(u8::is_ascii_digit) {
            return Err(SourceError::Shape);
        }
        if !digits.starts_with(b"01") {
            return Err(SourceError::NotRenewable);
        }
        // A pair of zeros is "unspecified": nothing more can be said below it.
        let pairs: Vec<&[u8]> = digits.chunks(2).collect();
        let gap = pairs.windows(2).any(|two| two[0] == b"00" && two[1] != b"00");
        let known = pairs[1] <= b"05".as_slice();
        if gap || !known {
            return Err(SourceError::Unknown);
        }
        Ok(SourceCode(code))
    }
}

impl fmt::Display for SourceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|letter| write!(f, "{}", char::from(*letter)))
    }
}

/// A code that the contract keeps, as text; as hex where it is none.
pub fn text_of(word: B256) -> String {
    let (code, rest) = word.split_at(CODE_LEN);
    let text = std::str::from_utf8(code).ok().filter(|_| rest.iter().all(|byte| *byte == 0));
    text.filter(|text| text.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        .map_or_else(|| word.to_string(), str::to_owned)
}

/// A code in words: the name of the nearest kind that has one.
pub fn name_of(code: &str) -> &'static str {
    let covers = |named: &str| code.starts_with(named.trim_end_matches("00"));
    let nearest = NAMED.iter().filter(|(named, _)| covers(named));
    let nearest = nearest.max_by_key(|(named, _)| named.trim_end_matches("00").len());
    nearest.map_or("Another source", |(_, name)| name)
}

/// A change of what a connection point generates from, as the chain has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceChange {
    /// Which source of the connection point, from 1.
    pub version: u32,
    /// As the contract keeps it; `None` where it ended.
    pub code: Option<B256>,
    /// Of its block, epoch seconds.
    pub at: u64,
}

/// A source of a connection point, for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// As the contract keeps it.
    pub code: B256,
    /// Epoch seconds.
    pub from: u64,
    /// Epoch seconds; `None` while it is in force.
    pub to: Option<u64>,
}

/// The sources of a connection point, from what changed, in the order of the chain.
pub fn spans(changes: &[SourceChange]) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for change in changes {
        match (change.code, spans.last_mut()) {
            (Some(code), _) => spans.push(Span { code, from: change.at, to: None }),
            (None, Some(last)) => last.to = Some(change.at),
            (None, None) => {}
        }
    }
    spans
}

/// The source that was in force during all of a slot, as the contract looks for it.
pub fn during(spans: &[Span], slot: u64, seconds: u32) -> Option<Span> {
    let end = slot.checked_add(u64::from(seconds))?;
    let covers = |span: &&Span| slot >= span.from && span.to.is_none_or(|to| end <= to);
    spans.iter().rev().find(covers).copied()
}

/// When a certificate that was refused for the `tries`th time at `now` is tried again: after 1, 2,
/// 4 ... 16 hours; `None` where it is given up.
pub fn next_try(tries: u32, now: Timestamp) -> Option<Timestamp> {
    if tries >= TRIES_MAX {
        return None;
    }
    let doubled = 3600_i64.checked_shl(tries.saturating_sub(1)).unwrap_or(WAIT_SECONDS_MAX);
    Some(now.plus_seconds(doubled.min(WAIT_SECONDS_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_renewable_code_of_eecs() {
        for (code, name) in NAMED {
            let read: SourceCode = code.parse().unwrap();
            assert_eq!((read.to_string(), text_of(read.word())), (code.into(), code.into()));
            assert_eq!(name_of(code), name);
        }
        assert_eq!(name_of("F01050102"), "Wind");
        assert_eq!(name_of("F01040200"), "Renewable heat");
        assert_eq!(name_of("F02010100"), "Another source");
        for (text, error) in [
            ("", SourceError::Shape),
            ("F0104010", SourceError::Shape),
            ("F010401000", SourceError::Shape),
            ("f01040100", SourceError::Shape),
            ("T01040100", SourceError::Shape),
            ("F0104O100", SourceError::Shape),
            ("F02010100", SourceError::NotRenewable),
            ("F00000000", SourceError::NotRenewable),
            ("F01060000", SourceError::Unknown),
            ("F01000100", SourceError::Unknown),
            ("F01040001", SourceError::Unknown),
        ] {
            assert_eq!(text.parse::<SourceCode>(), Err(error), "{text}");
        }
    }

    #[test]
    fn what_the_contract_keeps_is_shown_even_if_it_is_no_code() {
        assert_eq!(text_of(B256::ZERO), B256::ZERO.to_string());
        let mut long = "F01040100".parse::<SourceCode>().unwrap().word();
        long[9] = b'0';
        assert_eq!(text_of(long), long.to_string());
    }

    #[test]
    fn a_slot_has_the_source_that_was_in_force_during_all_of_it() {
        let code = |name: &str| Some(name.parse::<SourceCode>().unwrap().word());
        let change = |version, code, at| SourceChange { version, code, at };
        let (solar, wind) = (code("F01040100"), code("F01050100"));
        let changes = [
            change(1, solar, 1_000),
            change(1, None, 2_000),
            change(2, wind, 2_000),
            change(2, None, 3_000),
            change(3, solar, 3_500),
        ];
        let spans = spans(&changes);
        let found = |slot| during(&spans, slot, 500).map(|span| Some(span.code));
        for (slot, source) in [
            (999, None),
            (1_000, Some(solar)),
            (1_500, Some(solar)),
            (1_501, None),
            (2_000, Some(wind)),
            (2_501, None),
            (3_200, None),
            (3_500, Some(solar)),
            (u64::MAX - 500, Some(solar)),
            (u64::MAX, None),
        ] {
            assert_eq!(found(slot), source, "{slot}");
        }
        assert_eq!(during(&[], 1_000, 500), None);
        assert!(super::spans(&[change(1, None, 5)]).is_empty());
    }

    #[test]
    fn a_refused_certificate_waits_ever_longer_and_not_for_ever() {
        let now = Timestamp::from_seconds(0);
        let hours = |tries| next_try(tries, now).map(|at| at.seconds() / 3600);
        let waits: Vec<_> = (1..=TRIES_MAX).map(hours).collect();
        assert_eq!(waits, [Some(1), Some(2), Some(4), Some(8), Some(16), Some(16), None]);
    }
}

//! One-time codes that put a meter to work, and what a device signs to show that it has its key.
//!
//! A code names itself in its first eight characters; the other sixteen are its secret of 80 bits.
//! So a wrong secret is counted against the one code that was tried, and never against another.

use alloy_primitives::{Address, B256, keccak256};
use calendar::Timestamp;
use ids::{ConnectionPointId, MeterId};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use vault::random;

/// Seconds that a code counts, at least.
pub(crate) const CODE_SECONDS_MIN: i64 = 60;
/// Seconds that a code counts unless others are asked for.
pub(crate) const CODE_SECONDS_DEFAULT: i64 = 24 * 3600;
/// Seconds that a code counts, at most: an installer's week.
pub(crate) const CODE_SECONDS_MAX: i64 = 7 * 24 * 3600;
/// Wrong secrets after which a code is dead.
pub(crate) const WRONG_TRIES_MAX: u32 = 5;

/// Characters of a code: its name, then its secret.
const CODE_CHARS: usize = 24;
const NAME_CHARS: usize = 8;
/// Base 32 without letters that are taken for digits (Crockford's).
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A code, without the dashes between its groups of four. Never printed.
pub(crate) struct Code(String);

impl Code {
    /// A new code, of 120 random bits.
    pub(crate) fn new() -> Code {
        let letter = |byte: u8| char::from(LETTERS[usize::from(byte % 32)]);
        Code(random::<CODE_CHARS>().into_iter().map(letter).collect())
    }

    /// The code that somebody typed or scanned, in whatever case and grouping; `None` where it
    /// cannot be one.
    pub(crate) fn parse(text: &str) -> Option<Code> {
        if text.len() > 2 * CODE_CHARS {
            return None;
        }
        let typed = text.chars().filter(|letter| !matches!(letter, '-' | ' '));
        let meant = typed.map(|letter| match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        });
        let code: String = meant.collect();
        let known = code.bytes().all(|letter| LETTERS.contains(&letter));
        (known && code.len() == CODE_CHARS).then_some(Code(code))
    }

    /// What names it.
    pub(crate) fn name(&self) -> &str {
        &self.0[..NAME_CHARS]
    }

    /// What is kept of it.
    pub(crate) fn hash(&self) -> String {
        hex::encode(Sha256::digest(&self.0))
    }

    /// As people are shown it.
    pub(crate) fn shown(&self) -> String {
        let groups = (0..CODE_CHARS).step_by(4).map(|from| &self.0[from..from + 4]);
        groups.collect::<Vec<_>>().join("-")
    }
}

/// A code as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// SHA-256 of the code.
    pub(crate) hash: String,
    /// The first moment at which it no longer counts.
    pub(crate) expires_at: Timestamp,
    /// How often its name was shown with another secret.
    pub(crate) wrong_tries: u32,
    /// The meter that it is for: a new one.
    pub(crate) meter: MeterId,
    /// Where that measures.
    pub(crate) connection_point: ConnectionPointId,
    /// Whether it has put it to work.
    pub(crate) used: bool,
}

/// What a code that was shown is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// It puts its meter to work.
    Good,
    /// It has put it to work.
    Used,
    /// It is over. Told to whoever knows the secret only.
    Expired,
    /// Another secret, which counts as a try.
    Wrong,
    /// Too many other secrets were tried: nobody enters by it any more.
    Dead,
}

impl Kept {
    /// What `code` is worth at `now`.
    pub(crate) fn judge(&self, code: &Code, now: Timestamp) -> Shown {
        let same = bool::from(self.hash.as_bytes().ct_eq(code.hash().as_bytes()));
        match () {
            () if self.wrong_tries >= WRONG_TRIES_MAX => Shown::Dead,
            () if !same => Shown::Wrong,
            () if self.used => Shown::Used,
            () if now >= self.expires_at => Shown::Expired,
            () => Shown::Good,
        }
    }
}

/// What a device signs with its key to be put to work:
/// `H("WP1" || H(code) || key[20] || H(serial))`, the code in capitals without dashes.
pub(crate) fn possession(code: &Code, key: Address, serial: &str) -> B256 {
    let [code, serial] = [code.0.as_str(), serial].map(keccak256);
    keccak256([b"WP1".as_slice(), code.as_slice(), key.as_slice(), serial.as_slice()].concat())
}

/// What a meter signs with its next key:
/// `H("WR1" || meter[16] || key[20] || version u32 || first page u32 || from u64)`, big-endian.
pub(crate) fn succession(
    meter: MeterId,
    key: Address,
    version: u32,
    (first_page, from): (u32, Timestamp),
) -> B256 {
    let mut said = b"WR1".to_vec();
    said.extend(meter.uuid().as_bytes());
    said.extend(key.as_slice());
    said.extend(version.to_be_bytes());
    said.extend(first_page.to_be_bytes());
    said.extend(from.unsigned().to_be_bytes());
    keccak256(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = Code::new();
        let shown = code.shown();
        assert_eq!(shown.len(), 29);
        for typed in [shown.to_lowercase(), shown.replace('-', " "), shown.replace('0', "o")] {
            assert_eq!(Code::parse(&typed).unwrap().hash(), code.hash(), "{typed}");
        }
        for none in ["", "ABCD", &shown[1..], &format!("{shown}A"), &"U".repeat(24)] {
            assert!(Code::parse(none).is_none(), "{none}");
        }
        assert_ne!(Code::new().hash(), code.hash());
    }

    #[test]
    fn a_code_counts_once_for_a_time_and_bears_few_wrong_tries() {
        let (code, other) = (Code::new(), Code::new());
        let fresh = Kept {
            hash: code.hash(),
            expires_at: at(100),
            wrong_tries: 0,
            meter: MeterId::derived("H01"),
            connection_point: ConnectionPointId::derived("H01"),
            used: false,
        };
        assert_eq!(fresh.judge(&code, at(99)), Shown::Good);
        assert_eq!(fresh.judge(&code, at(100)), Shown::Expired);
        assert_eq!(fresh.judge(&other, at(100)), Shown::Wrong);
        let used = Kept { used: true, ..fresh.clone() };
        assert_eq!(used.judge(&code, at(200)), Shown::Used);
        assert_eq!(used.judge(&other, at(0)), Shown::Wrong);
        let tried = Kept { wrong_tries: WRONG_TRIES_MAX - 1, ..fresh.clone() };
        assert_eq!(tried.judge(&code, at(0)), Shown::Good);
        let dead = Kept { wrong_tries: WRONG_TRIES_MAX, ..fresh };
        assert_eq!(dead.judge(&code, at(0)), Shown::Dead);
    }

    #[test]
    fn what_is_signed_depends_on_all_that_it_is_about() {
        let (code, key) = (Code::new(), Address::repeat_byte(1));
        let signed = possession(&code, key, "SN-1");
        assert_ne!(signed, possession(&Code::new(), key, "SN-1"));
        assert_ne!(signed, possession(&code, Address::repeat_byte(2), "SN-1"));
        assert_ne!(signed, possession(&code, key, "SN-2"));
        let meter = MeterId::derived("H01");
        let next = succession(meter, key, 2, (7, at(900)));
        for other in [
            succession(MeterId::derived("H02"), key, 2, (7, at(900))),
            succession(meter, key, 3, (7, at(900))),
            succession(meter, key, 2, (8, at(900))),
            succession(meter, key, 2, (7, at(1800))),
        ] {
            assert_ne!(next, other);
        }
    }
}

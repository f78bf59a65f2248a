//! The audit log as a chain: each entry's hash covers the one before, so that none can be changed,
//! removed or put in between without changing every hash after it.

use calendar::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

/// The hash before the first entry.
pub(crate) const START: [u8; 32] = [0; 32];

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was not allowed.
    Denied,
}

/// Something that someone did or was denied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Act {
    /// When, by the market's clock.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The party, or `system`, or the name that was tried at the door.
    pub by: String,
    /// What was asked for: `enrol_meter`.
    pub action: String,
    /// What it was about: an id.
    pub about: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// An act in its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Counts from 1 without gaps.
    pub place: i64,
    /// The act.
    #[serde(flatten)]
    pub act: Act,
    /// `hash` of the entry before; zeros before the first.
    pub previous: String,
    /// SHA-256 of `previous` (32 bytes), `place` (u64 big-endian) and, each with its length as u32
    /// big-endian before it, `at`, `by`, `action`, `about` and `outcome`, in UTF-8.
    pub hash: String,
}

impl Act {
    /// The hash of this act in `place`, after an entry whose hash is `previous`.
    pub(crate) fn hash(&self, place: i64, previous: [u8; 32]) -> [u8; 32] {
        let outcome = match self.outcome {
            Outcome::Done => "done",
            Outcome::Denied => "denied",
        };
        let at = self.at.to_string();
        let mut hash = Sha256::new();
        hash.update(previous);
        hash.update(place.to_be_bytes());
        for field in [at.as_str(), &self.by, &self.action, &self.about, outcome] {
            let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
            hash.update(length.to_be_bytes());
            hash.update(field);
        }
        hash.finalize().into()
    }
}

/// The first place at which `entries`, which follow an entry whose hash is `previous`, break the
/// chain.
pub fn broken_at(entries: &[AuditEntry], previous: [u8; 32]) -> Option<i64> {
    let (mut previous, mut place) = (previous, entries.first()?.place);
    for entry in entries {
        let hash = entry.act.hash(entry.place, previous);
        let fits = entry.place == place
            && entry.previous == hex::encode(previous)
            && entry.hash == hex::encode(hash);
        if !fits {
            return Some(entry.place);
        }
        (previous, place) = (hash, place + 1);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(acts: &[(&str, &str)]) -> Vec<AuditEntry> {
        let mut previous = START;
        let entries = (1..).zip(acts).map(|(place, (by, about))| {
            let act = Act {
                at: Timestamp::from_seconds(place * 60),
                by: (*by).to_owned(),
                action: "enrol_meter".to_owned(),
                about: (*about).to_owned(),
                outcome: Outcome::Done,
            };
            let hash = act.hash(place, previous);
            let entry =
                AuditEntry { place, act, previous: hex::encode(previous), hash: hex::encode(hash) };
            previous = hash;
            entry
        });
        entries.collect()
    }

    #[test]
    fn every_change_of_the_past_shows() {
        let entries = chain(&[("a", "1"), ("b", "2"), ("c", "3")]);
        assert_eq!(broken_at(&entries, START), None);
        let check = |change: fn(&mut Vec<AuditEntry>), broken: i64| {
            let mut changed = entries.clone();
            change(&mut changed);
            assert_eq!(broken_at(&changed, START), Some(broken));
        };
        check(|entries| entries[1].act.by = "z".to_owned(), 2);
        check(|entries| entries[1].act.outcome = Outcome::Denied, 2);
        check(|entries| drop(entries.remove(1)), 3);
        check(|entries| entries.swap(0, 1), 2);
        check(|entries| entries[2].place = 4, 4);
        check(|entries| drop(entries.remove(0)), 2);
    }

    #[test]
    fn what_moves_from_one_field_to_the_next_changes_the_hash() {
        let [one, two] = [chain(&[("ab", "c")]), chain(&[("a", "bc")])];
        assert_ne!(one[0].hash, two[0].hash);
    }
}

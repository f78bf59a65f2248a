//! Two readings as metering hands them out, and what of them holds.

use alloy_primitives::{Address, B256, Bytes};
use calendar::Timestamp;
use contracts::{Evidence, Side};
use ids::CommunityId;
use reading::{Reading, SignedReading, slot_leaf};
use serde::{Deserialize, Serialize};
use units::Energy;

use super::Case;

/// The most siblings of a path: a slot has fewer than 2^32 meters.
const PATH_MAX: usize = 32;

/// A reading with the proof that it was anchored, as metering hands it out. Not believed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The bytes of the reading: payload, signature, and its place where it was signed with
    /// others.
    pub message: Bytes,
    /// The salt of its leaf.
    pub salt: B256,
    /// The community as contracts know it.
    pub community: B256,
    /// The period of its root: the start of the slot that ends with the reading, epoch seconds.
    pub period: u64,
    /// The batch of the period, from 1.
    pub batch: u32,
    /// Place of the leaf under the batch's root.
    pub index: u32,
    /// Siblings from the leaf up.
    pub path: Vec<B256>,
}

/// What the chain has anchored as a batch; all zero where it has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Anchored {
    /// The root.
    pub root: B256,
    /// Leaves under it.
    pub count: u32,
    /// When, epoch seconds.
    pub time: u64,
}

/// What the registry says of a meter at a time; all zero where it had no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MeterKey {
    /// Who signed for it.
    pub key: Address,
    /// Whose it was.
    pub owner: Address,
    /// Where it was, as contracts know it.
    pub point: B256,
    /// The version with which it was enrolled there; rotations of the key keep it.
    pub enrolment: u32,
}

/// A reading that holds, and the enrolment of its meter that it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proven {
    /// The reading.
    pub reading: Reading,
    /// The version with which its meter had been enrolled.
    pub enrolment: u32,
}

/// Which end of the slot a reading is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// When it began.
    Begin,
    /// When it ended.
    End,
}

/// Why readings prove nothing, in the order of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The bytes are none of a meter's messages, or a proof is not one.
    #[error("what was handed out is not a reading with its proof")]
    Unreadable,
    /// It is of a moment within the slot.
    #[error("the reading of {0} lies within the slot")]
    WithinSlot(Timestamp),
    /// The registry has the meter at another connection point, or of another owner, or not at all.
    #[error("the reading of {0} is not of the meter at this connection point")]
    OtherMeter(Timestamp),
    /// The key that signed is not the one that the registry had then.
    #[error("the reading of {0} is not signed by the key that its meter had then")]
    NotSigned(Timestamp),
    /// The chain has no such root, or the root does not have the reading.
    #[error("the reading of {0} is under no root on the chain")]
    NotAnchored(Timestamp),
    /// The root came after corrections ended: it counts no more.
    #[error("the reading of {0} was anchored after corrections had ended")]
    AnchoredLate(Timestamp),
    /// The readings are of two meters, or of one that was away in between, or the registers run
    /// backwards.
    #[error("the two readings are not of one meter that counts upwards")]
    NotOneMeter,
}

impl Flaw {
    /// The stable code of the refusal.
    pub const fn code(self) -> &'static str {
        match self {
            Flaw::Unreadable => "READING_UNREADABLE",
            Flaw::WithinSlot(_) => "READING_WITHIN_SLOT",
            Flaw::OtherMeter(_) => "READING_OF_OTHER_METER",
            Flaw::NotSigned(_) => "READING_NOT_SIGNED",
            Flaw::NotAnchored(_) => "READING_NOT_ANCHORED",
            Flaw::AnchoredLate(_) => "READING_ANCHORED_LATE",
            Flaw::NotOneMeter => "READINGS_NOT_OF_ONE_METER",
        }
    }

    /// Whether the reading is sound in itself, and only no root proves it, or none in time.
    pub const fn is_of_the_anchor(self) -> bool {
        matches!(self, Flaw::NotAnchored(_) | Flaw::AnchoredLate(_))
    }
}

impl Proof {
    /// The message, not believed yet.
    ///
    /// # Errors
    /// [`Flaw::Unreadable`] where it is none.
    pub fn signed(&self) -> Result<SignedReading, Flaw> {
        SignedReading::decode(&self.message).map_err(|_| Flaw::Unreadable)
    }

    /// As the contract takes it.
    ///
    /// # Errors
    /// [`Flaw::Unreadable`] where the community is none or the path is too long.
    pub fn evidence(&self) -> Result<Evidence, Flaw> {
        let community = CommunityId::from_bytes32(self.community.0).ok_or(Flaw::Unreadable)?;
        if self.path.len() > PATH_MAX {
            return Err(Flaw::Unreadable);
        }
        Ok(Evidence {
            message: self.message.clone(),
            salt: self.salt,
            community,
            period: self.period,
            batch: self.batch,
            index: self.index,
            path: self.path.clone(),
            point: Bytes::new(),
        })
    }
}

impl Case {
    /// The reading in a proof, once all of it holds by what the chain says of its meter and root.
    ///
    /// # Errors
    /// The first check that fails.
    pub fn proven(
        &self,
        proof: &Proof,
        which: End,
        (key, anchored): (&MeterKey, &Anchored),
    ) -> Result<Proven, Flaw> {
        let signed = proof.signed()?;
        proof.evidence()?;
        let (reading, time) = (signed.reading, signed.reading.time);
        let [begin, end] = self.slot();
        let within = match which {
            End::Begin => time.unsigned() > begin,
            End::End => time.unsigned() < end,
        };
        if within {
            return Err(Flaw::WithinSlot(time));
        }
        let point = B256::from(self.point.to_bytes32());
        if key.key.is_zero() || key.owner != self.account || key.point != point {
            return Err(Flaw::OtherMeter(time));
        }
        if !signed.verify(key.key) {
            return Err(Flaw::NotSigned(time));
        }
        let leaf = slot_leaf(proof.salt, &signed);
        let (index, count) = (place(proof.index), place(anchored.count));
        if !merkle::verify(anchored.root, leaf, index, count, &proof.path) {
            return Err(Flaw::NotAnchored(time));
        }
        if anchored.time >= self.window().opens {
            return Err(Flaw::AnchoredLate(time));
        }
        Ok(Proven { reading, enrolment: key.enrolment })
    }

    /// What the meter registered in the direction of this side between two proven readings.
    ///
    /// # Errors
    /// [`Flaw::NotOneMeter`].
    pub fn registered(&self, begin: &Proven, end: &Proven) -> Result<Energy, Flaw> {
        registered(self.side, begin, end)
    }
}

fn registered(side: Side, begin: &Proven, end: &Proven) -> Result<Energy, Flaw> {
    let (first, last) = (begin.reading, end.reading);
    let import = last.import.since(first.import);
    let export = last.export.since(first.export);
    let (import, export) = import.zip(export).ok_or(Flaw::NotOneMeter)?;
    // A meter that was away in between did not see what another one counted there.
    if first.meter != last.meter || begin.enrolment != end.enrolment {
        return Err(Flaw::NotOneMeter);
    }
    Ok(if side == Side::Sell { export } else { import })
}

fn place(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use reading::Status;
    use units::Register;

    use super::*;

    fn proven(name: &str, enrolment: u32, (import, export): (u64, u64)) -> Proven {
        let reading = Reading {
            meter: ids::MeterId::derived(name),
            page: 1,
            time: Timestamp::from_seconds(0),
            import: Register::from_wh(import),
            export: Register::from_wh(export),
            status: Status::default(),
            firmware: 1,
        };
        Proven { reading, enrolment }
    }

    #[test]
    fn registers_count_for_one_meter_that_stayed() {
        let begin = proven("otter", 1, (100, 7));
        let of = |end: Proven| registered(Side::Sell, &begin, &end).map(Energy::wh);
        assert_eq!(of(proven("otter", 1, (130, 9))), Ok(2));
        assert_eq!(of(proven("otter", 2, (130, 9))), Err(Flaw::NotOneMeter));
        assert_eq!(of(proven("heron", 1, (130, 9))), Err(Flaw::NotOneMeter));
        assert_eq!(of(proven("otter", 1, (99, 9))), Err(Flaw::NotOneMeter));
    }
}

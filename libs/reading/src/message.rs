//! MR1 on the wire: 55 signed bytes and their signature, and where the reading was signed with
//! others, its place among them.

use alloy_primitives::{Address, B256, keccak256};
use calendar::Timestamp;
use ids::{MeterId, Uuid};
use keys::{SecretKey, Signature, SignatureError};
use serde::{Deserialize, Serialize};
use units::Register;

use crate::{Place, Reason};

/// Bytes that the meter signs.
pub const PAYLOAD_BYTES: usize = 55;

/// Bytes of a message: payload, then signature.
pub const MESSAGE_BYTES: usize = PAYLOAD_BYTES + 64;

/// The largest register that a reading may carry, in watt-hours: every JSON reader and every
/// database column holds it exactly.
pub const REGISTER_WH_MAX: u64 = (1 << 53) - 1;

/// The first bytes of every payload: what it is, and the version of its layout.
const TAG: &[u8; 3] = b"MR1";

/// What the meter reports about itself, as bits.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Status(u32);

impl Status {
    /// Bit 0: see [`Status::energy_error`].
    pub const ENERGY_ERROR: u32 = 1;
    /// Bit 1: see [`Status::clock_unsynchronised`].
    pub const CLOCK_UNSYNCHRONISED: u32 = 2;
    /// Bit 2: see [`Status::relayed`].
    pub const RELAYED: u32 = 4;

    /// The status with these bits; bits that have no meaning yet are kept.
    pub const fn from_bits(bits: u32) -> Status {
        Status(bits)
    }

    /// The bits as they are signed.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The meter found a fault in its measuring of energy.
    pub const fn energy_error(self) -> bool {
        self.0 & Self::ENERGY_ERROR != 0
    }

    /// The meter's clock was not synchronised.
    pub const fn clock_unsynchronised(self) -> bool {
        self.0 & Self::CLOCK_UNSYNCHRONISED != 0
    }

    /// The device does not sign: a gateway read its registers and signed for it, with a key of its
    /// own. What the device said, nobody can prove.
    pub const fn relayed(self) -> bool {
        self.0 & Self::RELAYED != 0
    }

    /// A fault in measuring, or a clock that was not set: the numbers are in doubt.
    pub const fn is_doubtful(self) -> bool {
        self.0 & !Self::RELAYED != 0
    }
}

/// The registers of one meter at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reading {
    /// The meter that measured.
    pub meter: MeterId,
    /// Rises by one per reading of this meter.
    pub page: u32,
    /// The moment of the registers: a slot boundary.
    pub time: Timestamp,
    /// Running total of what was taken from the grid.
    pub import: Register,
    /// Running total of what was fed into the grid.
    pub export: Register,
    /// What the meter reports about itself.
    pub status: Status,
    /// The version of the meter's software.
    pub firmware: u32,
}

impl Reading {
    /// The 55 bytes that are signed.
    pub fn encode(&self) -> [u8; PAYLOAD_BYTES] {
        let mut bytes = [0; PAYLOAD_BYTES];
        bytes[..3].copy_from_slice(TAG);
        bytes[3..19].copy_from_slice(self.meter.uuid().as_bytes());
        bytes[19..23].copy_from_slice(&self.page.to_be_bytes());
        bytes[23..31].copy_from_slice(&self.time.unsigned().to_be_bytes());
        bytes[31..39].copy_from_slice(&self.import.wh().to_be_bytes());
        bytes[39..47].copy_from_slice(&self.export.wh().to_be_bytes());
        bytes[47..51].copy_from_slice(&self.status.bits().to_be_bytes());
        bytes[51..].copy_from_slice(&self.firmware.to_be_bytes());
        bytes
    }

    /// The reading in a payload.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are not a payload, or carry a number that cannot be kept
    /// exactly: a time after the year 9999 or a register above [`REGISTER_WH_MAX`].
    pub fn decode(payload: &[u8]) -> Result<Reading, Malformed> {
        let mut input = Input(payload);
        if payload.len() != PAYLOAD_BYTES {
            return Err(Malformed::Length(payload.len()));
        }
        if input.take::<3>() != *TAG {
            return Err(Malformed::Tag);
        }
        let reading = Reading {
            meter: MeterId::from_uuid(Uuid::from_bytes(input.take())),
            page: u32::from_be_bytes(input.take()),
            time: timestamp(u64::from_be_bytes(input.take()))?,
            import: register(u64::from_be_bytes(input.take()))?,
            export: register(u64::from_be_bytes(input.take()))?,
            status: Status(u32::from_be_bytes(input.take())),
            firmware: u32::from_be_bytes(input.take()),
        };
        Ok(reading)
    }

    /// The hash that the meter's key signs.
    pub fn hash(&self) -> B256 {
        keccak256(self.encode())
    }

    /// This reading with the meter's signature.
    pub fn sign(self, key: &SecretKey) -> SignedReading {
        SignedReading { reading: self, signature: key.sign(self.hash()), place: None }
    }
}

/// A reading as the meter signed it. In JSON its fields stand side by side, the signature as hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Document", into = "Document")]
pub struct SignedReading {
    /// What was measured.
    pub reading: Reading,
    /// The signature over [`Reading::hash`], or over the tree in which it has its place.
    pub signature: Signature,
    /// Where it stands among the readings that were signed with it; `None` for one alone.
    pub place: Option<Place>,
}

impl SignedReading {
    /// The reading alone as bytes: payload, signature, and the place if it has one. 119 bytes, or
    /// up to [`crate::PLACED_BYTES_MAX`].
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.reading.encode().to_vec();
        bytes.extend(self.seal());
        bytes
    }

    /// What stands behind the payload: the signature, and the place if it has one.
    pub fn seal(&self) -> Vec<u8> {
        let mut bytes = self.signature.as_bytes().to_vec();
        if let Some(place) = &self.place {
            place.append_to(&mut bytes);
        }
        bytes
    }

    /// The signed reading in these bytes. The signature is not checked here.
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are not one.
    pub fn decode(message: &[u8]) -> Result<SignedReading, Malformed> {
        if message.len() < MESSAGE_BYTES {
            return Err(Malformed::Length(message.len()));
        }
        let (payload, seal) = message.split_at(PAYLOAD_BYTES);
        SignedReading::sealed(Reading::decode(payload)?, seal)
    }

    /// A reading with what stands behind its payload ([`SignedReading::seal`]).
    ///
    /// # Errors
    /// [`Malformed`] when the bytes are no signature with or without a place.
    pub fn sealed(reading: Reading, seal: &[u8]) -> Result<SignedReading, Malformed> {
        let length = Malformed::Length(PAYLOAD_BYTES + seal.len());
        let (signature, place) = seal.split_first_chunk::<64>().ok_or(length)?;
        let place = match place {
            [] => None,
            place => Some(Place::decode(place)?),
        };
        Ok(SignedReading { reading, signature: Signature::from_slice(signature)?, place })
    }

    /// The bytes that the signature is over.
    pub fn signed_text(&self) -> Vec<u8> {
        match &self.place {
            None => self.reading.encode().to_vec(),
            Some(place) => place.signed_text(),
        }
    }

    /// The address of the key that signed, if the signature is one, and the place the reading's.
    pub fn signer(&self) -> Option<Address> {
        let hash = match &self.place {
            None => self.reading.hash(),
            Some(place) => place.hash_of(&self.reading)?,
        };
        keys::recover(hash, &self.signature)
    }

    /// Did the key of `address` sign this reading?
    pub fn verify(&self, address: Address) -> bool {
        self.signer() == Some(address)
    }
}

/// A signed reading in JSON.
#[derive(Serialize, Deserialize)]
struct Document {
    meter: MeterId,
    page: u32,
    time: Timestamp,
    import_wh: u64,
    export_wh: u64,
    status: Status,
    firmware: u32,
    signature: Signature,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
}

impl From<SignedReading> for Document {
    fn from(signed: SignedReading) -> Document {
        let SignedReading { reading, signature, place } = signed;
        Document {
            meter: reading.meter,
            page: reading.page,
            time: reading.time,
            import_wh: reading.import.wh(),
            export_wh: reading.export.wh(),
            status: reading.status,
            firmware: reading.firmware,
            signature,
            place,
        }
    }
}

impl TryFrom<Document> for SignedReading {
    type Error = Malformed;
    fn try_from(document: Document) -> Result<SignedReading, Malformed> {
        let reading = Reading {
            meter: document.meter,
            page: document.page,
            time: document.time,
            import: register(document.import_wh)?,
            export: register(document.export_wh)?,
            status: document.status,
            firmware: document.firmware,
        };
        Ok(SignedReading { reading, signature: document.signature, place: document.place })
    }
}

/// Bytes that are not a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Too short or too long.
    #[error("a reading has 55 signed bytes and 64 of signature; this has {0} bytes")]
    Length(usize),
    /// Another kind of message, or a version this software does not know.
    #[error("the message does not begin with MR1")]
    Tag,
    /// The time lies after the year 9999.
    #[error("the time {0} lies after the year 9999")]
    Time(u64),
    /// A register is larger than [`REGISTER_WH_MAX`].
    #[error("a register of {0} Wh is larger than any meter shows")]
    Register(u64),
    /// Bytes behind the signature that are no place among 2 to 16 readings.
    #[error("what stands behind the signature is no place among 2 to 16 readings")]
    Place,
    /// Not a signature where one should be.
    #[error("the reading carries no signature")]
    Signature(#[from] SignatureError),
}

impl Malformed {
    /// Why a message of these bytes is kept apart.
    pub const fn reason(&self) -> Reason {
        match self {
            Malformed::Signature(_) => Reason::Signature,
            _ => Reason::Malformed,
        }
    }
}

/// What is left of a payload whose length was checked.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.0.split_first_chunk::<N>().expect("the length was checked");
        self.0 = rest;
        *taken
    }
}

fn timestamp(seconds: u64) -> Result<Timestamp, Malformed> {
    let time = i64::try_from(seconds).map(Timestamp::from_seconds).unwrap_or_default();
    if time.unsigned() == seconds { Ok(time) } else { Err(Malformed::Time(seconds)) }
}

fn register(wh: u64) -> Result<Register, Malformed> {
    if wh <= REGISTER_WH_MAX { Ok(Register::from_wh(wh)) } else { Err(Malformed::Register(wh)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading() -> Reading {
        Reading {
            meter: MeterId::from_uuid(Uuid::from_u128(0x0102_0304)),
            page: 7,
            time: "2026-06-01T00:15:00Z".parse().unwrap(),
            import: Register::from_wh(1_000_001),
            export: Register::from_wh(42),
            status: Status::from_bits(2),
            firmware: 0x0001_0203,
        }
    }

    fn key() -> SecretKey {
        SecretKey::from_bytes(&[7; 32]).unwrap()
    }

    #[test]
    fn the_payload_is_laid_out_as_the_format_says() {
        let expected = concat!(
            "4d5231",
            "00000000000000000000000001020304",
            "00000007",
            "000000006a1ccf04",
            "00000000000f4241",
            "000000000000002a",
            "00000002",
            "00010203"
        );
        assert_eq!(alloy_primitives::hex::encode(reading().encode()), expected);
    }

    #[test]
    fn a_message_of_119_bytes_gives_back_what_was_signed() {
        let signed = reading().sign(&key());
        assert_eq!(signed.encode().len(), 119);
        assert_eq!(SignedReading::decode(&signed.encode()), Ok(signed));
        assert!(signed.verify(key().address()));
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let message = reading().sign(&key()).encode();
        for bit in 0..MESSAGE_BYTES * 8 {
            let mut changed = message.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let verified =
                SignedReading::decode(&changed).is_ok_and(|signed| signed.verify(key().address()));
            assert!(!verified, "bit {bit}");
        }
    }

    #[test]
    fn bytes_that_are_no_reading_are_refused() {
        let good = reading().sign(&key()).encode();
        let with = |at: usize, value: &[u8]| {
            let mut bytes = good.clone();
            bytes[at..at + value.len()].copy_from_slice(value);
            SignedReading::decode(&bytes).map(|_| ())
        };
        assert_eq!(SignedReading::decode(&[]), Err(Malformed::Length(0)));
        assert_eq!(SignedReading::decode(&good[..118]), Err(Malformed::Length(118)));
        assert_eq!(SignedReading::decode(&[good.as_slice(), &[0]].concat()), Err(Malformed::Place));
        assert_eq!(with(0, b"MR2"), Err(Malformed::Tag));
        assert_eq!(with(23, &[0xff; 8]), Err(Malformed::Time(u64::MAX)));
        assert_eq!(
            with(23, &253_402_300_800_u64.to_be_bytes()),
            Err(Malformed::Time(253_402_300_800))
        );
        assert_eq!(with(31, &[0xff; 8]), Err(Malformed::Register(u64::MAX)));
        assert_eq!(with(55, &[0; 64]), Err(Malformed::Signature(SignatureError::Zero)));
        assert_eq!(with(87, &[0xff; 32]), Err(Malformed::Signature(SignatureError::HighS)));
        assert_eq!(with(39, &(1_u64 << 53).to_be_bytes()), Err(Malformed::Register(1 << 53)));
    }

    #[test]
    fn json_shows_readable_fields_and_comes_back_whole() {
        let signed = reading().sign(&key());
        let json = serde_json::to_value(signed).unwrap();
        assert_eq!(json["meter"], "00000000-0000-0000-0000-000001020304");
        assert_eq!(json["page"], 7);
        assert_eq!(json["time"], "2026-06-01T00:15:00Z");
        assert_eq!(json["import_wh"], 1_000_001);
        assert_eq!(json["export_wh"], 42);
        assert_eq!(json["status"], 2);
        assert_eq!(json["firmware"], 0x0001_0203);
        assert!(json["signature"].is_string());
        assert_eq!(serde_json::from_value::<SignedReading>(json).unwrap(), signed);
    }
}

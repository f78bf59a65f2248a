//! The leaves of slot roots and day roots.
//!
//! A root is public, a leaf is not: its salt keeps anyone from guessing the registers behind it,
//! and destroying the salt makes a root say nothing about the meter any more.

use alloy_primitives::{B256, Keccak256};
use calendar::LocalDay;
use ids::MeterId;

use crate::SignedReading;

/// The first bytes of a day's leaf: what it is, and the version of its layout.
const DAY_TAG: &[u8; 3] = b"DR1";

/// Thirty-two random bytes that only those who may see the readings know.
pub type Salt = B256;

/// What is hashed into a slot root for one meter: salt, payload, signature, place.
pub fn slot_leaf_data(salt: Salt, signed: &SignedReading) -> Vec<u8> {
    [salt.to_vec(), signed.encode()].concat()
}

/// One meter's leaf in a slot root. The leaves of a slot are in order of meter ids.
pub fn slot_leaf(salt: Salt, signed: &SignedReading) -> B256 {
    merkle::leaf(&slot_leaf_data(salt, signed))
}

/// The hash of all messages of a day, one after the other. Where a message ends follows from its
/// bytes (a place begins with its count, which is no first byte of a message, and count and index
/// tell the number of siblings), so no other readings have the same bytes.
pub fn readings_hash(readings: &[SignedReading]) -> B256 {
    let mut hash = Keccak256::new();
    for signed in readings {
        hash.update(signed.encode());
    }
    hash.finalize()
}

/// What is hashed into a day root for one meter.
///
/// `readings` are those with a time from the local midnight that begins `day` to the one that ends
/// it, both included, in page order; there are at most 65 535 of them.
///
/// `None` when there are more.
pub fn day_leaf_data(
    salt: Salt,
    meter: MeterId,
    day: LocalDay,
    readings: &[SignedReading],
) -> Option<Vec<u8>> {
    let count = u16::try_from(readings.len()).ok()?;
    let mut data = Vec::with_capacity(3 + 32 + 16 + 4 + 2 + 32);
    data.extend_from_slice(DAY_TAG);
    data.extend_from_slice(salt.as_slice());
    data.extend_from_slice(meter.uuid().as_bytes());
    data.extend_from_slice(&day.number().to_be_bytes());
    data.extend_from_slice(&count.to_be_bytes());
    data.extend_from_slice(readings_hash(readings).as_slice());
    Some(data)
}

/// One meter's leaf in a day root; see [`day_leaf_data`]. The leaves of a day are in order of
/// meter ids.
pub fn day_leaf(
    salt: Salt,
    meter: MeterId,
    day: LocalDay,
    readings: &[SignedReading],
) -> Option<B256> {
    day_leaf_data(salt, meter, day, readings).map(|data| merkle::leaf(&data))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::keccak256;
    use calendar::Timestamp;
    use keys::SecretKey;
    use units::Register;

    use super::*;
    use crate::{Reading, Status};

    const SALT: Salt = Salt::repeat_byte(0x5a);

    fn signed(page: u32) -> SignedReading {
        let reading = Reading {
            meter: MeterId::derived("H01"),
            page,
            time: Timestamp::from_seconds(900 * i64::from(page)),
            import: Register::from_wh(u64::from(page)),
            export: Register::from_wh(0),
            status: Status::default(),
            firmware: 1,
        };
        reading.sign(&SecretKey::from_bytes(&[3; 32]).unwrap())
    }

    #[test]
    fn a_slot_leaf_is_the_hash_of_salt_payload_and_signature_under_the_leaf_prefix() {
        let one = signed(1);
        let data =
            [&[0], SALT.as_slice(), &one.reading.encode(), one.signature.as_bytes()].concat();
        assert_eq!(slot_leaf(SALT, &one), keccak256(data));
        assert_ne!(slot_leaf(SALT, &one), slot_leaf(Salt::ZERO, &one));
    }

    #[test]
    fn a_day_leaf_is_laid_out_as_the_format_says() {
        let readings = [signed(1), signed(2)];
        let day = LocalDay::from_number(20_605);
        let meter = MeterId::derived("H01");
        let messages = [readings[0].encode(), readings[1].encode()].concat();
        let data = [
            &[0],
            b"DR1".as_slice(),
            SALT.as_slice(),
            meter.uuid().as_bytes(),
            &20_605_u32.to_be_bytes(),
            &2_u16.to_be_bytes(),
            keccak256(messages).as_slice(),
        ]
        .concat();
        assert_eq!(day_leaf(SALT, meter, day, &readings), Some(keccak256(data)));
    }

    #[test]
    fn a_late_reading_changes_the_days_leaf() {
        let leaf = |readings: &[SignedReading]| {
            day_leaf(SALT, MeterId::derived("H01"), LocalDay::from_number(0), readings)
        };
        assert_ne!(leaf(&[signed(1), signed(3)]), leaf(&[signed(1), signed(2), signed(3)]));
        assert_eq!(leaf(&vec![signed(1); 65_536]), None);
    }
}

//! Readings under one signature: MR2 on the wire, and the place that each keeps of it.
//!
//! ```text
//! "MR2" | count 1 | count x 55 bytes as in MR1 | signature 64      over "MR2" | count | root
//! ```
//!
//! The root is that of the tree ([`merkle`]) whose leaves are the 55 bytes of each. A reading taken
//! out of such a message proves itself by its place: count, index, root and siblings stand behind
//! its signature.

use alloy_primitives::{B256, keccak256};
use keys::{SecretKey, Signature};
use serde::{Deserialize, Serialize};

use crate::message::{MESSAGE_BYTES, PAYLOAD_BYTES};
use crate::{Malformed, Reading, SignedReading};

/// The most readings that one signature is of.
pub const TOGETHER_MAX: usize = 16;

/// The most siblings of a leaf in a tree of [`TOGETHER_MAX`].
const SIBLINGS_MAX: usize = TOGETHER_MAX.ilog2() as usize;

/// Bytes of a place before its siblings: count, index, root.
const HEAD_BYTES: usize = 2 + 32;

/// The most bytes of a reading with its signature and its place.
pub const PLACED_BYTES_MAX: usize = MESSAGE_BYTES + HEAD_BYTES + 32 * SIBLINGS_MAX;

/// The first bytes of a message of several readings, and of what is signed.
const TAG: &[u8; 3] = b"MR2";

/// Where a reading stands among those that were signed with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Document", into = "Document")]
pub struct Place {
    count: u8,
    index: u8,
    root: B256,
    siblings: [B256; SIBLINGS_MAX],
    /// How many of `siblings` there are; the others are zero.
    height: u8,
}

impl Place {
    fn new(count: u8, index: u8, root: B256, path: &[B256]) -> Result<Place, Malformed> {
        let fits = (2..=TOGETHER_MAX).contains(&usize::from(count))
            && index < count
            && path.len() <= SIBLINGS_MAX;
        if !fits {
            return Err(Malformed::Place);
        }
        let mut siblings = [B256::ZERO; SIBLINGS_MAX];
        siblings[..path.len()].copy_from_slice(path);
        let height = path.len().to_le_bytes()[0];
        Ok(Place { count, index, root, siblings, height })
    }

    fn path(&self) -> &[B256] {
        &self.siblings[..usize::from(self.height)]
    }

    /// The hash that was signed, if `reading` has this place in the tree.
    pub(crate) fn hash_of(&self, reading: &Reading) -> Option<B256> {
        let leaf = merkle::leaf(&reading.encode());
        let (index, count) = (usize::from(self.index), usize::from(self.count));
        merkle::verify(self.root, leaf, index, count, self.path())
            .then(|| signed_hash(self.count, self.root))
    }

    /// The bytes behind the signature.
    pub(crate) fn append_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend([self.count, self.index]);
        bytes.extend(self.root);
        bytes.extend(self.path().iter().flatten());
    }

    /// The place in the bytes behind a signature.
    ///
    /// # Errors
    /// [`Malformed::Place`] when they are none. That it is the reading's is not checked.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Place, Malformed> {
        let (head, path) = bytes.split_first_chunk::<HEAD_BYTES>().ok_or(Malformed::Place)?;
        let (siblings, []) = path.as_chunks::<32>() else { return Err(Malformed::Place) };
        let siblings: Vec<B256> = siblings.iter().map(B256::from).collect();
        Place::new(head[0], head[1], B256::from_slice(&head[2..]), &siblings)
    }
}

/// What the meter's key signs for so many readings.
fn signed_hash(count: u8, root: B256) -> B256 {
    keccak256([TAG.as_slice(), &[count], root.as_slice()].concat())
}

/// Signs readings together; one alone is signed alone.
///
/// # Panics
/// For none, and for more than [`TOGETHER_MAX`].
pub fn sign_together(readings: &[Reading], key: &SecretKey) -> Vec<SignedReading> {
    assert!((1..=TOGETHER_MAX).contains(&readings.len()), "{} readings", readings.len());
    match readings {
        [alone] => vec![alone.sign(key)],
        _ => {
            let (count, tree) = tree_over(readings);
            let signature = key.sign(signed_hash(count, tree.root()));
            placed(readings, count, &tree, signature)
        }
    }
}

/// The message of readings that were signed together, at most [`TOGETHER_MAX`]; one reading alone
/// is the message MR1.
pub fn encode_together(readings: &[SignedReading]) -> Vec<u8> {
    match readings {
        [alone] => alone.encode(),
        _ => {
            let mut bytes = TAG.to_vec();
            bytes.push(readings.len().to_le_bytes()[0]);
            bytes.extend(readings.iter().flat_map(|signed| signed.reading.encode()));
            bytes.extend(readings.iter().take(1).flat_map(|signed| *signed.signature.as_bytes()));
            bytes
        }
    }
}

/// Whether bytes begin as a message of readings that were signed together.
pub fn is_together(message: &[u8]) -> bool {
    message.starts_with(TAG)
}

/// How long the message is that these bytes begin with, if it is one.
pub fn message_bytes(bytes: &[u8]) -> usize {
    match bytes.get(3) {
        Some(count) if is_together(bytes) => {
            TAG.len() + 1 + usize::from(*count) * PAYLOAD_BYTES + 64
        }
        _ => MESSAGE_BYTES,
    }
}

/// The readings of a message MR2, each with its place; all have the same signer, which is not
/// looked at here.
///
/// # Errors
/// [`Malformed`] when the bytes are no such message.
pub fn decode_together(message: &[u8]) -> Result<Vec<SignedReading>, Malformed> {
    let (head, rest) = message.split_first_chunk::<4>().ok_or(Malformed::Length(message.len()))?;
    let count = usize::from(head[3]);
    if !is_together(head) {
        return Err(Malformed::Tag);
    }
    if !(2..=TOGETHER_MAX).contains(&count) {
        return Err(Malformed::Place);
    }
    if rest.len() != count * PAYLOAD_BYTES + 64 {
        return Err(Malformed::Length(message.len()));
    }
    let (payloads, signature) = rest.split_at(count * PAYLOAD_BYTES);
    let readings: Vec<Reading> =
        payloads.chunks(PAYLOAD_BYTES).map(Reading::decode).collect::<Result<_, _>>()?;
    let signature = Signature::from_slice(signature)?;
    let (count, tree) = tree_over(&readings);
    Ok(placed(&readings, count, &tree, signature))
}

fn tree_over(readings: &[Reading]) -> (u8, merkle::Tree) {
    let leaves = readings.iter().map(|reading| merkle::leaf(&reading.encode())).collect();
    (readings.len().to_le_bytes()[0], merkle::Tree::new(leaves))
}

fn placed(
    readings: &[Reading],
    count: u8,
    tree: &merkle::Tree,
    signature: Signature,
) -> Vec<SignedReading> {
    let of = |(index, reading): (u8, &Reading)| {
        let path = tree.path(index.into());
        let place = Place::new(count, index, tree.root(), &path);
        let place = place.expect("a tree of so many leaves has such a place");
        SignedReading { reading: *reading, signature, place: Some(place) }
    };
    (0..count).zip(readings).map(of).collect()
}

/// A place in JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    count: u8,
    index: u8,
    root: B256,
    siblings: Vec<B256>,
}

impl From<Place> for Document {
    fn from(place: Place) -> Document {
        let siblings = place.path().to_vec();
        Document { count: place.count, index: place.index, root: place.root, siblings }
    }
}

impl TryFrom<Document> for Place {
    type Error = Malformed;
    fn try_from(document: Document) -> Result<Place, Malformed> {
        Place::new(document.count, document.index, document.root, &document.siblings)
    }
}

#[cfg(test)]
mod tests {
    use calendar::Timestamp;
    use ids::MeterId;
    use units::Register;

    use super::*;
    use crate::Status;

    fn key() -> SecretKey {
        SecretKey::from_bytes(&[9; 32]).unwrap()
    }

    fn readings(count: u32) -> Vec<Reading> {
        let reading = |page| Reading {
            meter: MeterId::derived("H07"),
            page,
            time: Timestamp::from_seconds(900 * i64::from(page)),
            import: Register::from_wh(u64::from(page) * 10),
            export: Register::from_wh(3),
            status: Status::default(),
            firmware: 1,
        };
        (1..=count).map(reading).collect()
    }

    #[test]
    fn the_message_is_laid_out_as_the_format_says() {
        let both = sign_together(&readings(2), &key());
        let [one, two] = [both[0].reading.encode(), both[1].reading.encode()];
        let root = merkle::node(merkle::leaf(&one), merkle::leaf(&two));
        let hash = keccak256([b"MR2\x02".as_slice(), root.as_slice()].concat());
        let signature = key().sign(hash);
        let message = [b"MR2\x02".as_slice(), &one, &two, signature.as_bytes()].concat();
        assert_eq!(encode_together(&both), message);
        let placed = [
            &one,
            signature.as_bytes().as_slice(),
            &[2, 0],
            root.as_slice(),
            merkle::leaf(&two).as_slice(),
        ]
        .concat();
        assert_eq!(both[0].encode(), placed);
    }

    #[test]
    fn each_of_any_number_comes_back_and_proves_itself() {
        for count in 1..=16 {
            let signed = sign_together(&readings(count), &key());
            let message = encode_together(&signed);
            let back = match count {
                1 => vec![SignedReading::decode(&message).unwrap()],
                _ => decode_together(&message).unwrap(),
            };
            assert_eq!(back, signed);
            for one in &signed {
                assert!(one.verify(key().address()), "{count}");
                assert!(one.encode().len() <= PLACED_BYTES_MAX);
                assert_eq!(SignedReading::decode(&one.encode()), Ok(*one));
                let json = serde_json::to_string(one).unwrap();
                assert_eq!(serde_json::from_str::<SignedReading>(&json).unwrap(), *one);
            }
        }
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let signed = sign_together(&readings(5), &key());
        let holds = |all: &[SignedReading]| all.iter().all(|one| one.verify(key().address()));
        let message = encode_together(&signed);
        for bit in 0..message.len() * 8 {
            let mut changed = message.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!decode_together(&changed).is_ok_and(|all| holds(&all)), "bit {bit}");
        }
        let one = signed[4].encode();
        for bit in 0..one.len() * 8 {
            let mut changed = one.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!SignedReading::decode(&changed).is_ok_and(|one| holds(&[one])), "bit {bit}");
        }
    }

    #[test]
    fn a_place_is_of_one_reading_and_one_kind_of_signature() {
        let signed = sign_together(&readings(3), &key());
        let swapped = SignedReading { place: signed[1].place, ..signed[0] };
        assert!(!swapped.verify(key().address()));
        let without = SignedReading { place: None, ..signed[0] };
        assert!(!without.verify(key().address()));
        let alone = readings(3)[0].sign(&key());
        assert!(!SignedReading { place: signed[0].place, ..alone }.verify(key().address()));
    }

    #[test]
    fn bytes_that_are_no_such_message_are_refused() {
        let good = encode_together(&sign_together(&readings(3), &key()));
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            decode_together(&bytes)
        };
        assert_eq!(decode_together(b"MR2"), Err(Malformed::Length(3)));
        assert_eq!(with(2, b'3'), Err(Malformed::Tag));
        assert_eq!(with(3, 1), Err(Malformed::Place));
        assert_eq!(with(3, 17), Err(Malformed::Place));
        assert_eq!(with(3, 4), Err(Malformed::Length(good.len())));
        assert_eq!(with(4, b'X'), Err(Malformed::Tag));
        let placed = sign_together(&readings(3), &key())[0].encode();
        for length in MESSAGE_BYTES + 1..placed.len() {
            let whole = (length - MESSAGE_BYTES) >= HEAD_BYTES
                && (length - MESSAGE_BYTES - HEAD_BYTES) % 32 == 0;
            let cut = SignedReading::decode(&placed[..length]);
            match whole {
                // A shorter path is a place, but of no such leaf.
                true => assert!(!cut.unwrap().verify(key().address())),
                false => assert_eq!(cut, Err(Malformed::Place)),
            }
        }
        let long = [placed.as_slice(), &[0; 32 * 3]].concat();
        assert_eq!(SignedReading::decode(&long), Err(Malformed::Place));
    }
}

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
        let fits = (2..=TOGETHER_MAX).contains(&usize::from(count)) && index < count;
        // The number of siblings follows, so that nobody can show the same reading in two ways.
        if !fits || path.len() != height(index, count) {
            return Err(Malformed::Place);
        }
        let mut siblings = [B256::ZERO; SIBLINGS_MAX];
        siblings[..path.len()].copy_from_slice(path);
        let height = path.len().to_le_bytes()[0];
        Ok(Place { count, index, root, siblings, height })
    }

    /// What was signed for all of the readings.
    pub(crate) fn signed_text(&self) -> Vec<u8> {
        signed_text(self.count, self.root)
    }

    /// How many readings there are.
    pub fn count(&self) -> u8 {
        self.count
    }

    /// The reading's number among them, from 0.
    pub fn index(&self) -> u8 {
        self.index
    }

    /// The root that was signed.
    pub fn root(&self) -> B256 {
        self.root
    }

    /// The siblings from the leaf up.
    pub fn siblings(&self) -> &[B256] {
        &self.siblings[..usize::from(self.height)]
    }

    /// The hash that was signed, if `reading` has this place in the tree.
    pub(crate) fn hash_of(&self, reading: &Reading) -> Option<B256> {
        let leaf = merkle::leaf(&reading.encode());
        let (index, count) = (usize::from(self.index), usize::from(self.count));
        merkle::verify(self.root, leaf, index, count, self.siblings())
            .then(|| signed_hash(self.count, self.root))
    }

    /// The bytes behind the signature.
    pub(crate) fn append_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend([self.count, self.index]);
        bytes.extend(self.root);
        bytes.extend(self.siblings().iter().flatten());
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

/// How many siblings a leaf has in a tree of `count` leaves: one for each level on which it is not
/// the last one without a partner (RFC 9162, 2.1.3.2).
fn height(index: u8, count: u8) -> usize {
    let (mut place, mut last, mut siblings) = (index, count - 1, 0);
    while last != 0 {
        if place % 2 == 1 || place < last {
            siblings += 1;
        }
        place /= 2;
        last /= 2;
    }
    siblings
}

/// What the meter's key signs for so many readings.
fn signed_text(count: u8, root: B256) -> Vec<u8> {
    [TAG.as_slice(), &[count], root.as_slice()].concat()
}

fn signed_hash(count: u8, root: B256) -> B256 {
    keccak256(signed_text(count, root))
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
            let (count, tree) = tree_over(readings.iter().map(|reading| reading.encode()));
            let signature = key.sign(signed_hash(count, tree.root()));
            let place = |index| place(count, index, &tree);
            let placed = (0..count).zip(readings).map(|(index, reading)| SignedReading {
                reading: *reading,
                signature,
                place: Some(place(index)),
            });
            placed.collect()
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

/// How many readings the message has that these bytes begin with, and how long it is; `None` where
/// it says a number of readings that no message has. (Whether it is one is not looked at.)
pub fn message_size(bytes: &[u8]) -> Option<(usize, usize)> {
    match bytes.get(3) {
        Some(count) if is_together(bytes) => {
            let count = usize::from(*count);
            let bytes = TAG.len() + 1 + count * PAYLOAD_BYTES + 64;
            (2..=TOGETHER_MAX).contains(&count).then_some((count, bytes))
        }
        _ => Some((1, MESSAGE_BYTES)),
    }
}

/// The readings of a message MR2, each with its place, and why one is none: it is no reason to
/// refuse the others. All have the same signer, which is not looked at here.
///
/// # Errors
/// [`Malformed`] when the bytes are no such message.
pub fn decode_together(message: &[u8]) -> Result<Vec<Result<SignedReading, Malformed>>, Malformed> {
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
    let signature = Signature::from_slice(signature)?;
    let (count, tree) = tree_over(payloads.chunks(PAYLOAD_BYTES));
    let signed = (0..count).zip(payloads.chunks(PAYLOAD_BYTES)).map(|(index, payload)| {
        let reading = Reading::decode(payload)?;
        Ok(SignedReading { reading, signature, place: Some(place(count, index, &tree)) })
    });
    Ok(signed.collect())
}

fn tree_over(payloads: impl Iterator<Item = impl AsRef<[u8]>>) -> (u8, merkle::Tree) {
    let leaves: Vec<B256> = payloads.map(|payload| merkle::leaf(payload.as_ref())).collect();
    (leaves.len().to_le_bytes()[0], merkle::Tree::new(leaves))
}

fn place(count: u8, index: u8, tree: &merkle::Tree) -> Place {
    let path = tree.path(index.into());
    let place = Place::new(count, index, tree.root(), &path);
    place.expect("a tree of so many leaves has such a place")
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
        let siblings = place.siblings().to_vec();
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
                _ => decode_together(&message)
                    .unwrap()
                    .into_iter()
                    .collect::<Result<_, _>>()
                    .unwrap(),
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
        type Parts = [Result<SignedReading, Malformed>];
        let signed = sign_together(&readings(5), &key());
        // Not one of them counts any more.
        let holds = |all: &Parts| all.iter().flatten().any(|one| one.verify(key().address()));
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
            assert!(
                !SignedReading::decode(&changed).is_ok_and(|one| holds(&[Ok(one)])),
                "bit {bit}"
            );
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
        let placed = sign_together(&readings(3), &key())[0].encode();
        for length in MESSAGE_BYTES + 1..placed.len() {
            assert_eq!(SignedReading::decode(&placed[..length]), Err(Malformed::Place));
        }
        for more in [1, 32, 64] {
            let long = [placed.as_slice(), &vec![0; more]].concat();
            assert_eq!(SignedReading::decode(&long), Err(Malformed::Place));
        }
    }

    #[test]
    fn one_that_is_no_reading_leaves_the_others() {
        let mut bytes = encode_together(&sign_together(&readings(3), &key()));
        let second = 4 + PAYLOAD_BYTES;
        bytes[second..second + 3].copy_from_slice(b"XR1");
        // The meter signed it so.
        let payloads = bytes[4..4 + 3 * PAYLOAD_BYTES].chunks(PAYLOAD_BYTES);
        let (count, tree) = tree_over(payloads);
        let signature = key().sign(signed_hash(count, tree.root()));
        let end = bytes.len() - 64;
        bytes[end..].copy_from_slice(signature.as_bytes());
        let parts = decode_together(&bytes).unwrap();
        assert_eq!(parts[1], Err(Malformed::Tag));
        assert!([0, 2].iter().all(|index| parts[*index].unwrap().verify(key().address())));
    }

    #[test]
    fn a_message_says_how_long_it_is() {
        let three = encode_together(&sign_together(&readings(3), &key()));
        assert_eq!(message_size(&three), Some((3, three.len())));
        assert_eq!(message_size(&readings(1)[0].sign(&key()).encode()), Some((1, MESSAGE_BYTES)));
        for count in [0, 1, 17, 255] {
            assert_eq!(message_size(&[b'M', b'R', b'2', count]), None);
        }
    }

    #[test]
    fn the_number_of_siblings_is_that_of_the_tree() {
        for count in 2..=16 {
            let (_, tree) = tree_over((0..count).map(|leaf: u8| [leaf]));
            for index in 0..count {
                assert_eq!(height(index, count), tree.path(index.into()).len());
            }
        }
    }
}

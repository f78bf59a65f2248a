//! A row of the journal: what a block created and dropped, found by hash without reading the rest.
//!
//! ```text
//! | created: u32 | bytes of the dropped: u32 | hashes of the created, sorted
//! | where each of them ends: u32 | the dropped: length of the place: u8, place
//! | the created, in the order of their hashes: length of the place: u8, place, RLP |
//! ```
//!
//! Numbers are big-endian, ends count from the first of the created. A node that several places got
//! is there once for each. Dropped are places only that got no other node.

use alloy_primitives::map::HashSet;
use chain::{NodePlace, PlacedNode};

/// A row as it lies in the table.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    /// Hashes of the created nodes, sorted.
    pub(super) created: &'a [[u8; 32]],
    ends: &'a [[u8; 4]],
    dropped: &'a [u8],
    nodes: &'a [u8],
}

impl<'a> Row<'a> {
    pub(super) fn encode(created: &[PlacedNode], dropped: &[NodePlace]) -> Vec<u8> {
        let mut sorted: Vec<&PlacedNode> = created.iter().collect();
        sorted.sort_unstable_by_key(|node| (node.hash, node.place));
        let places: HashSet<&NodePlace> = created.iter().map(|node| &node.place).collect();
        let mut gone = Vec::new();
        for place in dropped.iter().filter(|place| !places.contains(place)) {
            write(place, &mut gone);
        }
        let size: usize = created.iter().map(|node| node.rlp.len()).sum();
        let mut bytes =
            Vec::with_capacity(8 + (36 + PLACE_ABOUT) * created.len() + gone.len() + size);
        bytes.extend(number(created.len()));
        bytes.extend(number(gone.len()));
        sorted.iter().for_each(|node| bytes.extend_from_slice(node.hash.as_slice()));
        let ends = bytes.len();
        bytes.resize(ends + 4 * sorted.len(), 0);
        bytes.extend(gone);
        let first = bytes.len();
        for (at, node) in sorted.into_iter().enumerate() {
            write(&node.place, &mut bytes);
            bytes.extend_from_slice(&node.rlp);
            let end = number(bytes.len() - first);
            bytes[ends + 4 * at..][..4].copy_from_slice(&end);
        }
        bytes
    }

    /// `None` if it is none.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let count = |bytes: &[u8; 4]| usize::try_from(u32::from_be_bytes(*bytes)).ok();
        let (counts, rest) = bytes.split_at_checked(8)?;
        let (counts, _) = counts.as_chunks();
        let (count_created, bytes_dropped) = (count(&counts[0])?, count(&counts[1])?);
        let (created, rest) = rest.split_at_checked(count_created.checked_mul(32)?)?;
        let (ends, rest) = rest.split_at_checked(count_created * 4)?;
        let (dropped, nodes) = rest.split_at_checked(bytes_dropped)?;
        let (created, ends) = (created.as_chunks().0, ends.as_chunks().0);
        let row = Self { created, ends, dropped, nodes };
        (row.end(count_created)? == nodes.len()).then_some(row)
    }

    /// Where the first `count` nodes end.
    fn end(&self, count: usize) -> Option<usize> {
        let Some(last) = count.checked_sub(1) else { return Some(0) };
        usize::try_from(u32::from_be_bytes(*self.ends.get(last)?)).ok()
    }

    /// The place and the RLP of a created node by its number among them.
    pub(super) fn placed(&self, at: usize) -> Option<(&'a [u8], &'a [u8])> {
        split(self.nodes.get(self.end(at)?..self.end(at + 1)?)?)
    }

    /// The RLP of a created node.
    pub(super) fn node(&self, at: usize) -> Option<&'a [u8]> {
        Some(self.placed(at)?.1)
    }

    /// The places that have no node any more; `None` if they cannot be read.
    pub(super) fn dropped(&self) -> Option<Vec<&'a [u8]>> {
        let (mut places, mut rest) = (Vec::new(), self.dropped);
        while !rest.is_empty() {
            let (place, after) = split(rest)?;
            places.push(place);
            rest = after;
        }
        Some(places)
    }
}

/// Bytes of a place, about, for a row to begin with.
const PLACE_ABOUT: usize = 8;

fn number(count: usize) -> [u8; 4] {
    u32::try_from(count).expect("a block is bounded").to_be_bytes()
}

fn write(place: &NodePlace, out: &mut Vec<u8>) {
    let length = out.len();
    out.push(0);
    place.write_key(out);
    out[length] = u8::try_from(out.len() - length - 1).expect("a place has at most 65 bytes");
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{B256, Bytes};

    #[test]
    fn a_row_gives_back_what_it_was_made_of_in_order_and_a_cut_one_is_none() {
        let place =
            |byte: u8| NodePlace { owner: Some(B256::repeat_byte(byte)), ..NodePlace::default() };
        let node = |at, byte: u8, length| PlacedNode {
            place: place(at),
            hash: B256::repeat_byte(byte),
            rlp: Bytes::from(vec![byte; length]),
        };
        let created = [node(1, 7, 40), node(2, 2, 0), node(3, 7, 40), node(4, 5, 532)];
        let dropped = [place(9), place(4), NodePlace::default()];
        let bytes = Row::encode(&created, &dropped);
        let row = Row::read(&bytes).unwrap();
        assert_eq!(row.created, [[2; 32], [5; 32], [7; 32], [7; 32]]);
        let keys = [2, 4, 1, 3].map(|byte| place(byte).key());
        let placed: Vec<_> = (0..5).map(|at| row.placed(at)).collect();
        let expected = keys.iter().zip([0, 532, 40, 40]).zip([2, 5, 7, 7]);
        let rlps: Vec<_> = expected.map(|((key, size), byte)| (key, vec![byte; size])).collect();
        for (placed, (key, rlp)) in placed.iter().zip(&rlps) {
            assert_eq!(*placed, Some((&key[..], &rlp[..])));
        }
        assert_eq!(placed[4], None);
        assert_eq!(row.dropped().unwrap(), [&place(9).key()[..], &NodePlace::default().key()[..]]);
        assert!((0..bytes.len()).all(|length| Row::read(&bytes[..length]).is_none()));
        assert!(Row::read(&[&bytes[..], &[0]].concat()).is_none());
        let empty = Row::encode(&[], &[]);
        assert!(Row::read(&empty).unwrap().created.is_empty());
    }
}

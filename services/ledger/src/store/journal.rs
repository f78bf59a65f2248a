//! A row of the journal: what a block created and dropped, found by hash without reading the rest.
//!
//! ```text
//! | created: u32 | dropped: u32 | hashes of the created, sorted | where each of them ends: u32 |
//! | hashes of the dropped | RLP of the created, in the order of their hashes |
//! ```
//!
//! Numbers are big-endian, ends count from the first RLP. A node that several places got is there
//! once for each.

use alloy_primitives::{B256, Bytes};

/// A row as it lies in the table.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    /// Hashes of the created nodes, sorted.
    pub(super) created: &'a [[u8; 32]],
    /// Hashes of the dropped nodes.
    pub(super) dropped: &'a [[u8; 32]],
    ends: &'a [[u8; 4]],
    nodes: &'a [u8],
}

impl<'a> Row<'a> {
    pub(super) fn encode(created: &[(B256, Bytes)], dropped: &[B256]) -> Vec<u8> {
        let number = |count| u32::try_from(count).expect("a block is bounded").to_be_bytes();
        let mut sorted: Vec<&(B256, Bytes)> = created.iter().collect();
        sorted.sort_unstable_by_key(|(hash, _)| *hash);
        let size: usize = created.iter().map(|(_, rlp)| rlp.len()).sum();
        let mut bytes = Vec::with_capacity(8 + 36 * created.len() + 32 * dropped.len() + size);
        bytes.extend(number(created.len()));
        bytes.extend(number(dropped.len()));
        sorted.iter().for_each(|(hash, _)| bytes.extend_from_slice(hash.as_slice()));
        let mut end = 0;
        for (_, rlp) in &sorted {
            end += rlp.len();
            bytes.extend(number(end));
        }
        dropped.iter().for_each(|hash| bytes.extend_from_slice(hash.as_slice()));
        sorted.iter().for_each(|(_, rlp)| bytes.extend_from_slice(rlp));
        bytes
    }

    /// `None` if it is none.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let count = |bytes: &[u8; 4]| usize::try_from(u32::from_be_bytes(*bytes)).ok();
        let (counts, rest) = bytes.split_at_checked(8)?;
        let (counts, _) = counts.as_chunks();
        let (count_created, count_dropped) = (count(&counts[0])?, count(&counts[1])?);
        let (created, rest) = rest.split_at_checked(count_created.checked_mul(32)?)?;
        let (ends, rest) = rest.split_at_checked(count_created * 4)?;
        let (dropped, nodes) = rest.split_at_checked(count_dropped.checked_mul(32)?)?;
        let (ends, _) = ends.as_chunks();
        let (created, dropped) = (created.as_chunks().0, dropped.as_chunks().0);
        let row = Self { created, dropped, ends, nodes };
        (row.end(count_created)? == nodes.len()).then_some(row)
    }

    /// Where the first `count` nodes end.
    fn end(&self, count: usize) -> Option<usize> {
        let Some(last) = count.checked_sub(1) else { return Some(0) };
        usize::try_from(u32::from_be_bytes(*self.ends.get(last)?)).ok()
    }

    /// The RLP of a created node by its place among them.
    pub(super) fn node(&self, place: usize) -> Option<&'a [u8]> {
        self.nodes.get(self.end(place)?..self.end(place + 1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gives_back_what_it_was_made_of_in_order_and_a_cut_one_is_none() {
        let node = |byte: u8, length| (B256::repeat_byte(byte), Bytes::from(vec![byte; length]));
        let created = [node(7, 40), node(2, 0), node(7, 40), node(5, 532)];
        let dropped = [B256::repeat_byte(9), B256::repeat_byte(1)];
        let bytes = Row::encode(&created, &dropped);
        let row = Row::read(&bytes).unwrap();
        assert_eq!(row.created, [[2; 32], [5; 32], [7; 32], [7; 32]]);
        assert_eq!(row.dropped, dropped.map(|hash| hash.0));
        let nodes: Vec<_> = (0..5).map(|place| row.node(place).map(<[u8]>::len)).collect();
        assert_eq!(nodes, [Some(0), Some(532), Some(40), Some(40), None]);
        assert!(row.node(1).unwrap().iter().all(|byte| *byte == 5));
        assert!((0..bytes.len()).all(|length| Row::read(&bytes[..length]).is_none()));
        assert!(Row::read(&[&bytes[..], &[0]].concat()).is_none());
        let empty = Row::encode(&[], &[]);
        assert!(Row::read(&empty).unwrap().created.is_empty());
    }
}

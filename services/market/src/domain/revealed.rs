//! What is published of a sealed slot, and how it is computed anew.
//!
//! The conditions name the root over all commitments, as it was when the gate was closed and as it
//! went on chain then. A leaf's data, integers big-endian:
//! ```text
//! "SC1" commitment (32) address (20) at u64 withdrawn u8        64 bytes
//! ```
//! So whoever computes a clearing anew finds an order that no commitment stands for, and a
//! commitment that came after the root. What no file can show: that somebody's commitment, or what
//! opened it, was left out; its sender has the market's answer, and finds it missing here.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256};
use calendar::Timestamp;
use serde::{Deserialize, Serialize};

use super::sealed::commitment;
use super::{
    Commitment, Conditions, Difference, Exchange, Halted, Parameters, REVEAL_SECONDS, SealState,
    SealedBook, SlotJournal,
};

/// Under what a slot was sealed: a part of its conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedUntil {
    /// The gate: commitments came before it.
    pub gate: Timestamp,
    /// When it was closed, and opening began; absent where no commitment came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Timestamp>,
    /// When opening began anew, where the market was away meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<Timestamp>,
    /// For how long commitments could be opened.
    pub reveal_seconds: u32,
    /// The root over all commitments.
    pub commitments_root: B256,
}

/// A commitment of a published journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedCommitment {
    /// Its name.
    pub commitment: B256,
    /// Who sent it.
    pub account: Address,
    /// When it came.
    pub at: Timestamp,
    /// Whether it was taken back before the gate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
    /// The order that opened it, by its sequence; absent where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<u64>,
    /// What it was hashed with, where it was opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<B256>,
}

/// What came of the commitments of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Revealed {
    /// Commitments, withdrawn ones included.
    pub commitments: usize,
    /// Those that were taken back before the gate.
    pub withdrawn: usize,
    /// Those that were opened: as many as there are orders.
    pub opened: usize,
    /// Those that were neither.
    pub unrevealed: usize,
    /// The root over all of them, as it was to go on chain when the gate was closed.
    pub root: B256,
    /// When they came at the latest, as the market says.
    pub gate: Timestamp,
    /// Until when they could be opened, as the market says; at the latest the end of the slot.
    pub until: Option<Timestamp>,
}

/// The root over the data of the leaves.
pub(super) fn root(leaves: impl Iterator<Item = [u8; 64]>) -> B256 {
    merkle::Tree::new(leaves.map(|data| merkle::leaf(&data)).collect()).root()
}

fn leaf(commitment: B256, address: Address, at: Timestamp, withdrawn: bool) -> [u8; 64] {
    let mut data = [0; 64];
    data[..3].copy_from_slice(b"SC1");
    data[3..35].copy_from_slice(commitment.as_slice());
    data[35..55].copy_from_slice(address.as_slice());
    data[55..63].copy_from_slice(&at.unsigned().to_be_bytes());
    data[63] = u8::from(withdrawn);
    data
}

pub(super) fn leaf_of(known: &Commitment) -> [u8; 64] {
    let withdrawn = matches!(known.state, SealState::Withdrawn { .. });
    leaf(known.hash, known.address, known.at, withdrawn)
}

impl Exchange {
    /// Under what `slot` is sealed, if it is.
    pub(super) fn sealed_until(
        &self,
        slot: Timestamp,
        parameters: &Parameters,
    ) -> Option<SealedUntil> {
        let reveal_seconds = self.reveal_seconds(slot)?;
        let book = self.sealed_book(slot);
        Some(SealedUntil {
            gate: parameters.gate(slot),
            closed: book.and_then(|book| book.closed),
            resumed: book.and_then(|book| book.resumed),
            reveal_seconds,
            commitments_root: book.map_or(B256::ZERO, SealedBook::root),
        })
    }

    /// The commitments of a slot as they are published.
    pub(super) fn published_commitments(&self, slot: Timestamp) -> Vec<PublishedCommitment> {
        let book = self.sealed_book(slot);
        let published = |known: &Commitment| {
            let opened = match known.state {
                SealState::Opened { order } => self.order(order),
                _ => None,
            };
            PublishedCommitment {
                commitment: known.hash,
                account: known.address,
                at: known.at,
                withdrawn: matches!(known.state, SealState::Withdrawn { .. }),
                order: opened.map(|order| order.sequence),
                salt: opened.and_then(|order| order.opens).map(|opening| opening.salt),
            }
        };
        book.into_iter().flat_map(|book| &book.commitments).map(published).collect()
    }
}

/// Every order of a sealed slot opened one commitment of its own, which came before the gate.
pub(super) fn check_commitments(
    journal: &SlotJournal,
    conditions: &Conditions,
) -> Result<Option<Revealed>, Difference> {
    let Some(sealed) = conditions.sealed else {
        let what = "what is said of commitments".to_owned();
        let none = journal.commitments.is_empty();
        return if none { Ok(None) } else { Err(Difference::Rules { what }) };
    };
    let until = opened_until(journal, conditions, &sealed)?;
    let all = &journal.commitments;
    let leaves = all.iter().map(|c| leaf(c.commitment, c.account, c.at, c.withdrawn));
    let (computed, posted) = (root(leaves), sealed.commitments_root);
    if computed != posted {
        return Err(Difference::CommitmentsRoot { computed, posted });
    }
    let mut orders: BTreeMap<u64, _> =
        journal.orders.iter().map(|order| (order.sequence, order)).collect();
    let mut seen = BTreeSet::new();
    for known in all {
        let wrong = |what: &str| Difference::Commitment {
            commitment: known.commitment,
            what: what.to_owned(),
        };
        let late = known.at >= sealed.gate || sealed.closed.is_none_or(|at| at < sealed.gate);
        if late || !seen.insert(known.commitment) {
            return Err(wrong("it came after the gate, or twice"));
        }
        let (Some(sequence), Some(salt)) = (known.order, known.salt) else {
            if known.order.is_some() || known.salt.is_some() {
                return Err(wrong("its order and its salt do not stand together"));
            }
            continue;
        };
        let order = orders.remove(&sequence);
        let order = order.ok_or_else(|| wrong("there is no such order, or it opened another"))?;
        let terms = &order.terms;
        let hash = terms.hash(journal.chain_id, journal.market);
        if known.withdrawn || commitment(hash, salt) != known.commitment {
            return Err(wrong("the order does not open it"));
        }
        if ![terms.account, terms.delegate].contains(&known.account) {
            return Err(wrong("it is another account's than the order"));
        }
    }
    if let Some((sequence, _)) = orders.pop_first() {
        return Err(Difference::Uncommitted { sequence });
    }
    let (withdrawn, opened) = (
        all.iter().filter(|known| known.withdrawn).count(),
        all.iter().filter(|known| known.order.is_some()).count(),
    );
    Ok(Some(Revealed {
        commitments: all.len(),
        withdrawn,
        opened,
        unrevealed: all.len() - withdrawn - opened,
        root: computed,
        gate: sealed.gate,
        until,
    }))
}

/// Until when commitments could be opened. The market says when that began and how long it took, so
/// neither may be more than it could choose: else any block would be in time.
fn opened_until(
    journal: &SlotJournal,
    conditions: &Conditions,
    sealed: &SealedUntil,
) -> Result<Option<Timestamp>, Difference> {
    let wrong = |what: &str| Difference::Rules { what: what.to_owned() };
    if !REVEAL_SECONDS.contains(&sealed.reveal_seconds) {
        return Err(wrong("how long commitments were opened"));
    }
    let clearing = &journal.clearing;
    let ends = clearing.slot.saturating_add(u64::from(journal.policy.slot_seconds));
    let ends = Timestamp::from_seconds(i64::try_from(ends).unwrap_or(i64::MAX));
    let Some(begun) = sealed.resumed.or(sealed.closed) else { return Ok(None) };
    let over = conditions.halted == Some(Halted::Over);
    if sealed.closed.is_none_or(|closed| begun < closed) || begun >= ends && !over {
        return Err(wrong("when commitments were opened"));
    }
    Ok(Some(begun.plus_seconds(i64::from(sealed.reveal_seconds)).min(ends)))
}

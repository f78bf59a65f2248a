//! A branch that is fetched from one peer: headers first, then bodies, then import.
//!
//! Headers are checked as they come, with everything but execution, so work is counted before any
//! body is asked for. Only a branch that is known to weigh more than ours (or that has a certified
//! block) costs more than memory.

use super::Local;
use super::lie::Lie;
use super::message::{BODIES_PER_REQUEST_MAX, Body, Part};
use crate::block::{Block, Transaction};
use crate::blockchain::BlockError;
use crate::header::Header;
use crate::mmr::Mmr;
use crate::rules::BLOCK_BYTES_MAX;
use crate::trie::EMPTY_ROOT;
use crate::view::ChainView;
use alloy_consensus::proofs::calculate_transaction_root;
use alloy_primitives::{B256, U256};
use alloy_rlp::Encodable;
use std::collections::{HashMap, VecDeque};

/// Headers that wait for import or for enough work. A branch that is lighter than ours after so
/// many is given up: with blocks every five seconds that is a day of being cut off.
pub const BRANCH_HEADERS_MAX: usize = 16_384;
/// Blocks that are handed over for import at once.
pub const IMPORTS_MAX: usize = 128;
/// A part of a body has at least this many bytes, unless it is the last.
pub const PART_BYTES_MIN: usize = 16 * 1024;

/// The end of the checked headers.
struct Tip {
    hash: B256,
    header: Header,
    work: U256,
    mmr: Mmr,
}

/// A body that comes in parts.
struct Assembly {
    hash: B256,
    total: usize,
    bytes: Vec<u8>,
}

/// A branch on its way from a peer.
pub(super) struct Branch {
    /// Tells its imports from those of a branch before.
    pub(super) id: u64,
    /// The head that the peer announced.
    pub(super) target: B256,
    /// Whether it began with a known parent, so that no headers had to be asked for.
    pub(super) direct: bool,
    /// When a block of it was imported last, or it began.
    pub(super) progress: u64,
    /// Imports whose outcome is not known yet.
    pub(super) importing: usize,
    claimed: U256,
    tip: Option<Tip>,
    headers: VecDeque<(B256, Header)>,
    bodies: HashMap<B256, Vec<Transaction>>,
    assembly: Option<Assembly>,
    complete: bool,
}

/// What comes next on a branch.
pub(super) enum Next {
    /// Headers after this block, or after what both have.
    Headers(Option<B256>),
    /// The bodies of these blocks.
    Bodies(Vec<B256>),
    /// More of a body.
    Part(B256, u64),
    /// These blocks can be imported.
    Import(Vec<Block>),
    /// There is nothing more.
    Done,
    /// It would undo what is final, from this height on.
    Undoes(u64),
}

impl Branch {
    pub(super) fn new(id: u64, target: B256, claimed: U256, now: u64) -> Self {
        Self {
            id,
            target,
            direct: false,
            progress: now,
            importing: 0,
            claimed,
            tip: None,
            headers: VecDeque::new(),
            bodies: HashMap::new(),
            assembly: None,
            complete: false,
        }
    }

    /// Height of the newest header that was checked.
    pub(super) fn height(&self) -> Option<u64> {
        self.tip.as_ref().map(|tip| tip.header.number)
    }

    /// Whether its headers have the work that was announced, or lead to the announced head.
    pub(super) fn keeps_its_word(&self) -> bool {
        let reached = |tip: &Tip| tip.hash == self.target || tip.work >= self.claimed;
        self.tip.as_ref().is_some_and(reached)
    }

    /// Takes headers, oldest first. An answer without any means that there are no more.
    pub(super) fn extend<V: ChainView>(
        &mut self,
        local: &Local<'_, V>,
        headers: Vec<Header>,
    ) -> Result<(), Lie> {
        if headers.is_empty() {
            self.complete = true;
            return if self.tip.is_some() { Ok(()) } else { Err(Lie::Withheld) };
        }
        for header in headers {
            if self.complete {
                break;
            }
            self.push(local, header)?;
        }
        Ok(())
    }

    fn push<V: ChainView>(&mut self, local: &Local<'_, V>, header: Header) -> Result<(), Lie> {
        let mut tip = match self.tip.take() {
            Some(tip) => tip,
            None => stored_tip(local.view, header.parent_hash).ok_or(Lie::Unlinked)?,
        };
        if header.parent_hash != tip.hash {
            return Err(Lie::Unlinked);
        }
        let hash = header.hash();
        // The answer begins with what both have, as far as a sparse locator could tell.
        if let Some(stored) = stored_tip(local.view, hash) {
            self.complete = hash == self.target;
            self.tip = Some(stored);
            return Ok(());
        }
        local
            .rules
            .check_header(&header, &tip.header, tip.mmr.root(), local.now)
            .map_err(|reason| Lie::Block { hash, reason: Box::new(reason) })?;
        tip.mmr.append(hash, |_, _| {});
        tip.work = tip.work.saturating_add(header.difficulty);
        if hash == self.target {
            self.complete = true;
            if tip.work != self.claimed {
                return Err(Lie::Work);
            }
        }
        self.headers.push_back((hash, header.clone()));
        self.tip = Some(Tip { hash, header, ..tip });
        Ok(())
    }

    /// What to do next; nothing is asked for or imported at the moment.
    pub(super) fn next<V: ChainView>(&mut self, local: &Local<'_, V>) -> Result<Next, Lie> {
        let Some(tip) = &self.tip else { return Ok(Next::Headers(None)) };
        if let Some(height) = self.undoes(local) {
            return Ok(Next::Undoes(height));
        }
        let wanted = local.wanted().is_some_and(|wanted| self.has(wanted.height, wanted.hash));
        if tip.work <= local.work() && !wanted {
            if self.complete {
                return Ok(Next::Done);
            }
            if self.headers.len() >= BRANCH_HEADERS_MAX {
                return Err(Lie::LowWork);
            }
            return Ok(Next::Headers(Some(tip.hash)));
        }
        if let Some(assembly) = &self.assembly {
            return Ok(Next::Part(assembly.hash, assembly.bytes.len() as u64));
        }
        let ready = self.ready(local.view);
        if !ready.is_empty() {
            self.importing = ready.len();
            return Ok(Next::Import(ready));
        }
        let missing = self.missing();
        if !missing.is_empty() {
            return Ok(Next::Bodies(missing));
        }
        Ok(if self.complete {
            Next::Done
        } else {
            Next::Headers(self.tip.as_ref().map(|tip| tip.hash))
        })
    }

    /// The lowest height that it would undo, if that is final here or certified otherwise.
    fn undoes<V: ChainView>(&self, local: &Local<'_, V>) -> Option<u64> {
        let (_, first) = self.headers.front()?;
        let fork = fork_height(local.view, first.parent_hash)?;
        if fork < local.finalized {
            return Some(fork + 1);
        }
        let wanted = local.wanted()?;
        let reaches = self.height()? >= wanted.height;
        (reaches && fork < wanted.height && !self.has(wanted.height, wanted.hash))
            .then_some(wanted.height)
    }

    fn has(&self, height: u64, hash: B256) -> bool {
        self.headers.iter().any(|(own, header)| header.number == height && *own == hash)
    }

    /// The oldest blocks whose bodies are there; those that are stored already are passed over.
    fn ready<V: ChainView>(&mut self, view: &V) -> Vec<Block> {
        let mut ready = Vec::new();
        while ready.len() < IMPORTS_MAX
            && let Some((hash, header)) = self.headers.pop_front()
        {
            if view.header(hash).is_some() {
                continue;
            }
            let empty = header.transactions_root == EMPTY_ROOT;
            match self.bodies.remove(&hash).or(empty.then(Vec::new)) {
                Some(transactions) => ready.push(Block::new(header, transactions)),
                None => {
                    self.headers.push_front((hash, header));
                    break;
                }
            }
        }
        ready
    }

    /// The next blocks whose bodies have to be asked for.
    fn missing(&self) -> Vec<B256> {
        let full = self.headers.iter().filter(|(hash, header)| {
            header.transactions_root != EMPTY_ROOT && !self.bodies.contains_key(hash)
        });
        full.take(BODIES_PER_REQUEST_MAX).map(|(hash, _)| *hash).collect()
    }

    /// Takes the bodies of the blocks that were asked for, in that order.
    pub(super) fn take_bodies(&mut self, asked: &[B256], bodies: Vec<Body>) -> Result<(), Lie> {
        if bodies.is_empty() {
            return Err(Lie::Withheld);
        }
        if bodies.len() > asked.len() {
            return Err(Lie::Oversized);
        }
        asked.iter().zip(bodies).try_for_each(|(hash, body)| self.take_body(*hash, body))
    }

    fn take_body(&mut self, hash: B256, body: Body) -> Result<(), Lie> {
        if body.length() > BLOCK_BYTES_MAX {
            return Err(Lie::Oversized);
        }
        let header = self.headers.iter().find(|(own, _)| *own == hash).map(|(_, header)| header);
        let header = header.ok_or(Lie::Unasked)?;
        if calculate_transaction_root(&body.transactions) != header.transactions_root {
            return Err(Lie::Body(hash));
        }
        self.bodies.insert(hash, body.transactions);
        Ok(())
    }

    /// Takes a part of the body of a block.
    pub(super) fn take_part(&mut self, hash: B256, part: Part) -> Result<(), Lie> {
        let total = usize::try_from(part.total).unwrap_or(usize::MAX);
        if total > BLOCK_BYTES_MAX {
            return Err(Lie::Oversized);
        }
        let begun = Assembly { hash, total, bytes: Vec::new() };
        let mut assembly = self.assembly.take().unwrap_or(begun);
        let left = assembly.total - assembly.bytes.len();
        if assembly.hash != hash || assembly.total != total || part.bytes.len() > left {
            return Err(Lie::Oversized);
        }
        if part.bytes.len() < left.min(PART_BYTES_MIN) {
            return Err(Lie::Withheld);
        }
        assembly.bytes.extend_from_slice(&part.bytes);
        if assembly.bytes.len() < assembly.total {
            self.assembly = Some(assembly);
            return Ok(());
        }
        let body = alloy_rlp::decode_exact(&assembly.bytes).map_err(|_| Lie::Body(hash))?;
        self.take_body(hash, body)
    }
}

fn stored_tip<V: ChainView>(view: &V, hash: B256) -> Option<Tip> {
    let (header, work) = (view.header(hash)?, view.total_difficulty(hash)?);
    Some(Tip { hash, header, work, mmr: view.mmr(hash)? })
}

/// Height of the highest canonical block among a stored block and its ancestors.
pub(super) fn fork_height<V: ChainView>(view: &V, mut hash: B256) -> Option<u64> {
    loop {
        let header = view.header(hash)?;
        if view.canonical_hash(header.number) == Some(hash) {
            return Some(header.number);
        }
        hash = header.parent_hash;
    }
}

/// What a refused import says about who sent the block.
pub(super) fn blame(hash: B256, reason: BlockError) -> Option<Lie> {
    let own = reason.is_fault() || matches!(reason, BlockError::UnknownParent(_));
    (!own).then_some(Lie::Block { hash, reason: Box::new(reason) })
}

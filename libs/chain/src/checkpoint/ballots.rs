//! What was voted for, by whom, and what an operator may vote for next.

use super::{Certificate, Checkpoint, CheckpointError, Domain, Vote, is_due};
use crate::finality::ancestor;
use crate::genesis::Operators;
use crate::view::ChainView;
use alloy_primitives::{Address, B512};
use std::collections::BTreeMap;

/// Votes of one operator that are kept, the highest ones; a chain without finality of sixteen
/// million blocks has fewer.
pub const VOTES_PER_OPERATOR_MAX: usize = 2_048;

/// An operator signed two blocks at one height: a fault that others have to deal with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Equivocation {
    /// Who.
    pub operator: Address,
    /// What counts.
    pub first: Vote,
    /// What does not.
    pub second: Vote,
}

/// What a vote led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Nothing: it was known, or what it is about is final.
    Known,
    /// It counts.
    Counted,
    /// It was the last that was missing.
    Enough(Certificate),
    /// It does not count.
    Equivocation(Equivocation),
}

/// The votes above the last final block.
#[derive(Clone, Debug)]
pub struct Ballots {
    domain: Domain,
    operators: Operators,
    /// By operator and height.
    votes: BTreeMap<Address, BTreeMap<u64, Vote>>,
    certificate: Option<Certificate>,
}

impl Ballots {
    /// No votes yet; `certificate` is the newest that was kept.
    pub fn new(domain: Domain, operators: Operators, certificate: Option<Certificate>) -> Self {
        Self { domain, operators, votes: BTreeMap::new(), certificate }
    }

    /// The newest certificate.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_ref()
    }

    /// Height of the newest certificate.
    pub fn finalized(&self) -> u64 {
        self.certificate.as_ref().map_or(0, |certificate| certificate.checkpoint.height)
    }

    /// The chain that is voted on.
    pub fn domain(&self) -> Domain {
        self.domain
    }

    /// Takes a vote of anyone, once per operator and height.
    pub fn take(&mut self, vote: Vote) -> Result<Taken, CheckpointError> {
        let Checkpoint { height, .. } = vote.checkpoint;
        if height <= self.finalized() || self.knows(&vote) {
            return Ok(Taken::Known);
        }
        let operator = vote.signer(self.domain, &self.operators)?;
        let votes = self.votes.entry(operator).or_default();
        if let Some(first) = votes.get(&height).copied() {
            let same = first.checkpoint == vote.checkpoint;
            let second = Equivocation { operator, first, second: vote };
            return Ok(if same { Taken::Known } else { Taken::Equivocation(second) });
        }
        votes.insert(height, vote);
        if votes.len() > VOTES_PER_OPERATOR_MAX {
            votes.pop_first();
        }
        let signatures = self.signatures(vote.checkpoint);
        if (signatures.len() as u64) < self.operators.threshold {
            return Ok(Taken::Counted);
        }
        let certificate = Certificate { checkpoint: vote.checkpoint, signatures };
        self.settle(certificate.clone());
        Ok(Taken::Enough(certificate))
    }

    /// Takes a certificate of anyone; whether it is newer than the one that was known.
    pub fn take_certificate(&mut self, certificate: &Certificate) -> Result<bool, CheckpointError> {
        if certificate.checkpoint.height <= self.finalized() {
            return Ok(false);
        }
        certificate.verify(self.domain, &self.operators)?;
        self.settle(certificate.clone());
        Ok(true)
    }

    fn knows(&self, vote: &Vote) -> bool {
        let height = vote.checkpoint.height;
        self.votes.values().any(|votes| votes.get(&height) == Some(vote))
    }

    fn signatures(&self, checkpoint: Checkpoint) -> Vec<B512> {
        let votes = self.votes.values().filter_map(|votes| votes.get(&checkpoint.height));
        votes.filter(|vote| vote.checkpoint == checkpoint).map(|vote| vote.signature).collect()
    }

    fn settle(&mut self, certificate: Certificate) {
        let above = certificate.checkpoint.height + 1;
        for votes in self.votes.values_mut() {
            *votes = votes.split_off(&above);
        }
        self.certificate = Some(certificate);
    }

    /// The highest votes of an operator, at most `max`, the highest first.
    pub fn votes_of(&self, operator: Address, max: usize) -> Vec<Vote> {
        let votes = self.votes.get(&operator).into_iter().flat_map(BTreeMap::values);
        votes.rev().take(max).copied().collect()
    }

    /// What the operator `me` should sign now that blocks up to `height` of the best branch are
    /// deep enough: the highest block above its last vote at which votes are due.
    pub fn due<V: ChainView>(&self, view: &V, me: Address, height: u64) -> Option<Checkpoint> {
        let finalized = self.finalized();
        let last = self.votes.get(&me).and_then(|votes| votes.keys().next_back());
        let above = last.copied().unwrap_or_default().max(finalized);
        let height = (above + 1..=height).rev().find(|height| is_due(*height, finalized))?;
        let checkpoint = Checkpoint { height, hash: view.canonical_hash(height)? };
        let settled = self.certificate.as_ref().map(|certificate| certificate.checkpoint);
        let extends = settled.is_none_or(|settled| is_on_branch(view, settled, checkpoint));
        (extends && self.is_free(view, me, checkpoint)).then_some(checkpoint)
    }

    /// Whether the operator `me` may vote for a block above all its votes: it builds on each block
    /// that it voted for, or that block cannot get enough votes any more.
    fn is_free<V: ChainView>(&self, view: &V, me: Address, next: Checkpoint) -> bool {
        let own = self.votes.get(&me).into_iter().flat_map(BTreeMap::values);
        let mut left =
            own.map(|vote| vote.checkpoint).filter(|own| !is_on_branch(view, *own, next));
        left.all(|own| self.cannot_win(view, me, own))
    }

    /// Whether so many others are on branches without this block that the rest are too few.
    fn cannot_win<V: ChainView>(&self, view: &V, me: Address, left: Checkpoint) -> bool {
        let is_elsewhere = |votes: &BTreeMap<u64, Vote>| {
            votes.range(left.height..).rev().any(|(_, vote)| leaves(view, left, vote.checkpoint))
        };
        let others = self.votes.iter().filter(|(operator, _)| **operator != me);
        let elsewhere = others.filter(|(_, votes)| is_elsewhere(votes)).count();
        ((self.operators.keys.len() - elsewhere) as u64) < self.operators.threshold
    }
}

/// Whether a block is `lower` or has it among its ancestors; both are stored.
fn is_on_branch<V: ChainView>(view: &V, lower: Checkpoint, upper: Checkpoint) -> bool {
    ancestor(view, upper.hash, lower.height) == Some(lower.hash)
}

/// Whether a block at least as high is known to be on a branch without `lower`.
fn leaves<V: ChainView>(view: &V, lower: Checkpoint, upper: Checkpoint) -> bool {
    if upper.height == lower.height {
        return upper.hash != lower.hash;
    }
    ancestor(view, upper.hash, lower.height).is_some_and(|hash| hash != lower.hash)
}

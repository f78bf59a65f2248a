//! Checkpoints: this node's votes, those of others, and the head that follows them.

use super::{ImportError, Node, locked};
use crate::store::{Snapshot, Store, StoreError};
use alloy_primitives::{Address, B256, B512};
use chain::checkpoint::{Ballots, Certificate, Checkpoint, CheckpointError, Domain, Taken, Vote};
use chain::sync::Input;
use chain::{BlockError, ChainView, Rules, blockchain, finality};
use std::sync::atomic::Ordering;

/// Why votes or certificates of others are not taken.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointFault {
    /// They are not signed as they have to be.
    #[error(transparent)]
    Refused(#[from] CheckpointError),
    /// They are, but cannot be followed.
    #[error(transparent)]
    Import(#[from] ImportError),
}

/// The votes that are known when the node starts: its own, above its newest certificate. `None`
/// where the genesis names no operators.
pub(super) fn ballots(
    rules: &Rules,
    genesis: B256,
    store: &Store,
) -> Result<Option<Ballots>, StoreError> {
    let Some(operators) = rules.operators.clone() else { return Ok(None) };
    let domain = Domain { chain_id: rules.chain_id, genesis };
    let mut ballots = Ballots::new(domain, operators, store.certificate()?);
    for vote in store.votes()? {
        let damaged = |error| StoreError::Damaged(format!("an own vote: {error}"));
        ballots.take(vote).map_err(damaged)?;
    }
    Ok(Some(ballots))
}

impl Node {
    /// The newest certificate that is known, whether or not its block is.
    pub fn certificate(&self) -> Option<Certificate> {
        locked(self.ballots.as_ref()?).certificate().cloned()
    }

    /// This node's votes above the newest certificate, the lowest first.
    pub fn own_votes(&self) -> Vec<Vote> {
        let (Some(ballots), Some(me)) = (&self.ballots, self.operator()) else { return Vec::new() };
        let mut votes = locked(ballots).votes_of(me, chain::checkpoint::VOTES_PER_OPERATOR_MAX);
        votes.reverse();
        votes
    }

    /// How many reorganisations were refused because they would have undone final blocks.
    pub fn reorganisations_refused(&self) -> u64 {
        self.refused.load(Ordering::Acquire)
    }

    /// Notes that a branch was refused because it undoes final blocks from this height on.
    pub(crate) fn refuse_reorganisation(&self, height: u64) {
        self.refused.fetch_add(1, Ordering::AcqRel);
        tracing::error!(height, "a reorganisation below what is final was refused");
    }

    /// Takes a vote of an operator.
    pub fn take_vote(&self, vote: Vote) -> Result<(), CheckpointFault> {
        let Some(ballots) = &self.ballots else { return Ok(()) };
        let taken = locked(ballots).take(vote)?;
        match taken {
            Taken::Known | Taken::Counted => {}
            Taken::Equivocation(double) => {
                let height = vote.checkpoint.height;
                let (first, second) = (double.first.checkpoint.hash, double.second.checkpoint.hash);
                let operator = double.operator;
                tracing::error!(%operator, height, %first, %second, "an operator voted twice");
            }
            Taken::Enough(_) => {
                let _turn = locked(&self.turn);
                self.settle()?;
            }
        }
        Ok(())
    }

    /// Takes a certificate from anyone.
    pub fn take_certificate(&self, certificate: &Certificate) -> Result<(), CheckpointFault> {
        let Some(ballots) = &self.ballots else { return Ok(()) };
        let is_newer = locked(ballots).take_certificate(certificate)?;
        if is_newer {
            let _turn = locked(&self.turn);
            self.settle()?;
        }
        Ok(())
    }

    /// Makes a stored block the head, if it has the certified block and ours has not, or weighs
    /// more.
    pub fn prefer(&self, hash: B256) -> Result<(), ImportError> {
        let _turn = locked(&self.turn);
        self.change_to(hash)
    }

    /// Follows the newest certificate, if its block is stored. The caller has the turn.
    pub(super) fn settle(&self) -> Result<(), ImportError> {
        self.tell(Input::Certified);
        let Some(certificate) = self.certificate() else { return Ok(()) };
        let Checkpoint { height, hash } = certificate.checkpoint;
        if self.snapshot()?.header(hash).is_none() {
            tracing::warn!(height, %hash, "a checkpoint of an unknown block");
            return Ok(());
        }
        self.change_to(hash)?;
        let snapshot = self.snapshot()?;
        if snapshot.canonical_hash(height) == Some(hash) && snapshot.finalized() < height {
            self.store.finalize(&certificate)?;
            self.news.changed();
            tracing::info!(height, %hash, "a block is final");
        }
        Ok(())
    }

    fn change_to(&self, hash: B256) -> Result<(), ImportError> {
        let snapshot = self.snapshot()?;
        let certified = self.certificate().map(|certificate| certificate.checkpoint);
        if !finality::is_better(&snapshot, hash, certified) {
            return Ok(());
        }
        let change = blockchain::change_to(&snapshot, hash)?;
        let finalized = snapshot.finalized();
        if let Some(undone) = finality::undone(&snapshot, &change, finalized) {
            self.refuse_reorganisation(undone);
            let number = snapshot.header(hash).map_or(undone, |header| header.number);
            return Err(ImportError::BelowFinalized { number, undone, finalized });
        }
        self.store.move_head(&change, self.finality_lag())?;
        self.moved(&change, None);
        Ok(())
    }

    /// After how many blocks depth alone makes a block final: never where operators decide.
    pub(super) fn finality_lag(&self) -> u64 {
        if self.ballots.is_some() { u64::MAX } else { self.config.finality_lag }
    }

    fn operator(&self) -> Option<Address> {
        let me = self.config.operator_key.as_ref()?.address();
        self.rules.operators.as_ref()?.keys.contains(&me).then_some(me)
    }

    /// Votes for what is deep enough, if this node is an operator's. The caller has the turn.
    pub(super) fn vote(&self) -> Result<(), ImportError> {
        let (Some(ballots), Some(me)) = (&self.ballots, self.operator()) else { return Ok(()) };
        let Some(key) = &self.config.operator_key else { return Ok(()) };
        let snapshot = self.snapshot()?;
        let Some(checkpoint) = self.due(&snapshot, me)? else { return Ok(()) };
        let signed = key.sign(checkpoint.signing_hash(locked(ballots).domain()));
        let vote = Vote { checkpoint, signature: B512::from(*signed.as_bytes()) };
        // Durable before anyone can see it: no second vote at this height after a crash.
        self.store.keep_vote(&vote)?;
        let taken = locked(ballots).take(vote);
        self.tell(Input::Voted(vote));
        match taken {
            Ok(Taken::Enough(_)) => self.settle(),
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::error!(%error, "the own vote was refused");
                Ok(())
            }
        }
    }

    fn due(&self, snapshot: &Snapshot, me: Address) -> Result<Option<Checkpoint>, BlockError> {
        let Some(ballots) = &self.ballots else { return Ok(None) };
        let head = snapshot.head();
        let number = snapshot.header(head).ok_or(BlockError::Missing("header", head))?.number;
        let Some(height) = number.checked_sub(self.config.finality_lag) else { return Ok(None) };
        Ok(locked(ballots).due(snapshot, me, height))
    }
}

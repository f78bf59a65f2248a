//! The miner: candidate, nonce search, own import.

use super::{ImportError, Node, locked};
use crate::config::Mining;
use crate::store::{Snapshot, StoreError};
use alloy_consensus::SignableTransaction;
use alloy_primitives::{Address, B64, B256, Signature, U256};
use chain::block::Recovered;
use chain::execute::TransactionError;
use chain::{Block, BlockError, Candidate, ChainView, header};
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Nonces that a thread tries before it looks around: a quarter of a millisecond where the
/// processor has instructions for SHA-256.
const STRIDE: u64 = 1 << 12;
/// How long a continuous miner searches before it looks for new transactions.
const CANDIDATE_AGE_MAX: Duration = Duration::from_secs(1);
/// The least gas of a transaction.
const TRANSACTION_GAS_MIN: u64 = 21_000;

/// Why no block could be mined.
#[derive(Debug, thiserror::Error)]
pub enum MineError {
    /// No candidate could be built.
    #[error(transparent)]
    Candidate(#[from] BlockError),
    /// The own block was not taken in.
    #[error("the own block was refused")]
    Import(#[from] ImportError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Node {
    /// Does what is due at `now` (epoch seconds) and returns how many blocks were mined: blocks
    /// until no waiting transaction can go into one, or the empty block that is due. A continuous
    /// miner searches for one block, for a second at most.
    pub fn mine_due(&self, now: u64) -> Result<u64, MineError> {
        self.pool().pass(now);
        let mut mined = 0;
        while self.config.mode != Mining::Off && self.mine(now, false)?.is_some() {
            mined += 1;
            if self.config.mode == Mining::Continuous {
                break;
            }
        }
        Ok(mined)
    }

    /// Mines a block at `now`, even an empty one. `None` if its time would be too far ahead of
    /// `now`, another block became the head meanwhile, or the node stops.
    pub fn mine_now(&self, now: u64) -> Result<Option<B256>, MineError> {
        self.mine(now, true)
    }

    fn mine(&self, now: u64, even_empty: bool) -> Result<Option<B256>, MineError> {
        let _mining = locked(&self.mining);
        let heads = self.heads.load(Ordering::Acquire);
        let head = self.snapshot()?.head_header()?;
        let next_due = head.timestamp.saturating_add(self.rules.target_block_time.max(1));
        let waiting = self.transactions_wait();
        let continuous = self.config.mode == Mining::Continuous;
        let steady = waiting || self.config.mode == Mining::Steady;
        let empty_due = continuous || steady && now >= next_due;
        if !self.may_mine() || !(waiting || empty_due || even_empty) {
            return Ok(None);
        }
        let candidate = match self.propose(now) {
            Err(BlockError::TimeAhead { .. }) => return Ok(None),
            // Most likely its key cannot pay: the node goes on without mining.
            Err(BlockError::Right(error)) => {
                if self.no_right_at.swap(head.number, Ordering::Relaxed) != head.number {
                    let address = self.config.coinbase;
                    tracing::warn!(%error, %address, "no block is mined: is the key funded?");
                }
                return Ok(None);
            }
            candidate => candidate?,
        };
        self.drop_hopeless(&candidate);
        if candidate.block().transactions.is_empty() && !empty_due && !even_empty {
            return Ok(None);
        }
        let began = Instant::now();
        let abandoned = || {
            self.stopping.load(Ordering::Acquire)
                || self.heads.load(Ordering::Acquire) != heads
                || continuous && began.elapsed() >= CANDIDATE_AGE_MAX
        };
        let Some(nonce) = self.search(&candidate, abandoned) else { return Ok(None) };
        self.adopt(candidate, nonce)
    }

    /// Whether the next block could have transactions: those behind a gap do not count.
    fn transactions_wait(&self) -> bool {
        self.pool().pending_len() > 0
    }

    /// Whether a block of this node would be accepted: where the genesis names miners it needs the
    /// coinbase's key.
    fn may_mine(&self) -> bool {
        let key = self.config.miner_key.as_ref();
        self.rules.miners.is_empty() || key.is_some_and(|key| key.address() == self.config.coinbase)
    }

    /// The right to mine on the head, signed; `None` where anyone may mine.
    fn right_to_mine(&self, snapshot: &Snapshot) -> Result<Option<Recovered>, BlockError> {
        let (head, coinbase) = (snapshot.head(), self.config.coinbase);
        let unsigned = self.rules.right_to_mine(snapshot, head, coinbase)?;
        let Some((unsigned, key)) = unsigned.zip(self.config.miner_key.as_ref()) else {
            return Ok(None);
        };
        let (r, s, odd) = key.sign(unsigned.signature_hash()).parts();
        let signature = Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), odd);
        Ok(Some(Recovered::new_unchecked(unsigned.into_signed(signature).into(), coinbase)))
    }

    /// A candidate on the head, from the pool. Its time is `now`, or one second after the parent.
    pub fn propose(&self, now: u64) -> Result<Candidate, BlockError> {
        let fault = |error: StoreError| {
            tracing::error!(%error, "the store cannot be read");
            BlockError::Missing("snapshot", B256::ZERO)
        };
        let snapshot = self.snapshot().map_err(fault)?;
        let head = snapshot.head_header().map_err(fault)?;
        let count_max = self.rules.gas_limit / TRANSACTION_GAS_MIN;
        let count_max = usize::try_from(count_max).unwrap_or(usize::MAX);
        let pool = self.pool();
        let mut best: Vec<Recovered> = Vec::with_capacity(pool.pending_len().min(count_max));
        let ordered = pool.best(self.rules.next_base_fee(&head)).take(count_max);
        best.extend(ordered.map(|pooled| pooled.transaction.clone()));
        drop(pool);
        let all = self.right_to_mine(&snapshot)?.into_iter().chain(best);
        self.rules.propose(&snapshot, snapshot.head(), all, self.config.coinbase, now)
    }

    /// A candidate on any stored block, from given transactions: how a competing branch begins.
    pub fn propose_on(
        &self,
        parent: B256,
        transactions: Vec<Recovered>,
        coinbase: Address,
        now: u64,
    ) -> Result<Candidate, MineError> {
        let snapshot = self.snapshot()?;
        Ok(self.rules.propose(&snapshot, parent, transactions, coinbase, now)?)
    }

    /// Searches the nonce of a candidate to its end and returns the sealed block.
    pub fn seal(&self, candidate: &Candidate) -> Block {
        let nonce = self.search(candidate, || false).expect("a search without end finds a nonce");
        let mut block = candidate.block().clone();
        block.header.nonce = nonce;
        block
    }

    /// A nonce that any thread finds first; `None` once `abandoned`.
    ///
    /// The first stride is searched before other threads begin: little work is done by then. Each
    /// thread has strides of its own and only reads what the others read, so that none waits for
    /// another's cache line.
    fn search(&self, candidate: &Candidate, abandoned: impl Fn() -> bool + Sync) -> Option<B64> {
        let (work, found) = (candidate.work(), OnceLock::new());
        if abandoned() {
            return None;
        }
        if let Some(nonce) = work.first(0, STRIDE) {
            return Some(header::nonce(nonce));
        }
        let threads = u64::try_from(self.config.threads.get()).unwrap_or(u64::MAX);
        let step = STRIDE.wrapping_mul(threads);
        let search_from = |mut start: u64| {
            while found.get().is_none() && !abandoned() {
                if let Some(nonce) = work.first(start, STRIDE) {
                    // A second find of another thread is dropped.
                    let _second = found.set(nonce);
                }
                start = start.wrapping_add(step);
            }
        };
        std::thread::scope(|scope| {
            for thread in 2..=threads {
                let search_from = &search_from;
                scope.spawn(move || search_from(STRIDE.wrapping_mul(thread)));
            }
            search_from(STRIDE);
        });
        found.into_inner().map(header::nonce)
    }

    /// Takes in an own block, unless the head is no longer its parent.
    fn adopt(&self, candidate: Candidate, nonce: B64) -> Result<Option<B256>, MineError> {
        let parent = candidate.block().header.parent_hash;
        let change = self.take_in(|snapshot| {
            if snapshot.head() != parent {
                return Err(BlockError::UnknownParent(parent).into());
            }
            Ok(self.rules.adopt(snapshot, candidate, nonce)?)
        });
        match change {
            Ok(change) => Ok(change.and_then(|change| change.connected.last().copied())),
            Err(ImportError::Block(BlockError::UnknownParent(_))) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Transactions that no later block can take leave the pool.
    fn drop_hopeless(&self, candidate: &Candidate) {
        let mut pool = self.pool();
        for (hash, reason) in &candidate.skipped {
            let may_fit_later = matches!(
                reason,
                TransactionError::GasLimitReached
                    | TransactionError::NonceTooHigh { .. }
                    | TransactionError::FeeCapTooLow { .. }
            );
            if !may_fit_later {
                tracing::warn!(%hash, %reason, "a transaction left the pool");
                pool.remove(*hash);
            }
        }
    }
}

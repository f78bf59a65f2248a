//! Blocks in: validation from cheap to dear, fork choice. Blocks out: candidates and their seal.
//!
//! ```text
//! size -> known? -> parent -> number -> work -> difficulty -> links -> time -> gas -> miner
//!      -> transactions root -> signatures -> right to mine -> execution -> gas used, roots
//!      -> fork choice
//! ```

mod beside;
mod error;
mod outcome;

pub use error::BlockError;

use crate::block::{Block, Receipt, Recovered, Transaction};
use crate::execute::{Appearance, Executed, Executor, TransactionError, block_env};
use crate::header::{self, Header, Work};
use crate::mining_right::RightError;
use crate::mmr::Mmr;
use crate::rules::{BLOCK_BYTES_MAX, Rules, TIME_AHEAD_MAX};
use crate::signature;
use crate::state::{Changes, State};
use crate::trie::{EMPTY_ROOT, NodePlace, PlacedNode};
use crate::view::{AtBlock, ChainView};
use alloy_consensus::EMPTY_OMMER_ROOT_HASH;
use alloy_consensus::proofs::calculate_transaction_root;
use alloy_primitives::{Address, B64, B256, Bytes, U256};
use alloy_rlp::Encodable;
use beside::beside;
use outcome::{Receipts, check_outcome};

/// Everything about a new block that has to be stored, in one transaction of the store.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The block hash.
    pub hash: B256,
    /// The block.
    pub block: Block,
    /// Sender of each transaction.
    pub senders: Vec<Address>,
    /// Receipt of each transaction.
    pub receipts: Vec<Receipt>,
    /// Per transaction, who took part.
    pub appearances: Vec<Vec<Appearance>>,
    /// New nodes of tries, one for each place that has another than in the parent's state.
    pub nodes: Vec<PlacedNode>,
    /// Places of the nodes of tries that the parent's state had and this one has not, whether or
    /// not there is a new one.
    pub dropped: Vec<NodePlace>,
    /// New nodes of the mountain range: (hash, preimage).
    pub mountains: Vec<(B256, Bytes)>,
    /// New contract code: (hash, code).
    pub code: Vec<(B256, Bytes)>,
    /// Sum of the difficulties from the genesis to this block.
    pub total_difficulty: U256,
    /// The mountains over all blocks up to and including this one.
    pub mmr: Mmr,
    /// Set if the block becomes the head.
    pub head: Option<HeadChange>,
}

/// A part of [`Rules::import`], in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The header, its work and the transactions root are right.
    Checked,
    /// It is known who sent the transactions.
    Recovered,
    /// They are executed.
    Executed,
    /// The root of the state after them is known.
    Rooted,
    /// Everything agrees, and it is decided which block is the head.
    Decided,
}

/// What becomes of the canonical chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadChange {
    /// Blocks that are no longer canonical, newest first.
    pub disconnected: Vec<B256>,
    /// Blocks that now are, oldest first; the last is the new head.
    pub connected: Vec<B256>,
}

/// A block without a nonce, already executed.
#[derive(Clone, Debug)]
pub struct Candidate {
    block: Block,
    senders: Vec<Address>,
    receipts: Vec<Receipt>,
    appearances: Vec<Vec<Appearance>>,
    changes: Changes,
    /// Transactions that were left out, and why. One that only found the block full
    /// ([`TransactionError::GasLimitReached`]) may go into a later block.
    pub skipped: Vec<(B256, TransactionError)>,
}

impl Candidate {
    /// The block; its nonce is zero.
    pub fn block(&self) -> &Block {
        &self.block
    }

    /// What the block changes of the state.
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// What a nonce is searched for.
    pub fn work(&self) -> Work {
        let header = &self.block.header;
        header::work(header.seal_hash(), header.difficulty)
    }

    /// The first of `tries` nonces from `start` on that seals the block.
    pub fn seal(&self, start: u64, tries: u64) -> Option<B64> {
        self.work().first(start, tries).map(header::nonce)
    }
}

/// A block that passed every check and its effects.
struct Verified {
    block: Block,
    senders: Vec<Address>,
    receipts: Vec<Receipt>,
    appearances: Vec<Vec<Appearance>>,
    changes: Changes,
}

impl Rules {
    /// Validates the RLP of a block from a peer and executes it; see [`Rules::import`].
    pub fn import_rlp<V: ChainView>(
        &self,
        view: &V,
        rlp: &[u8],
        now: u64,
    ) -> Result<Imported, BlockError> {
        check_size(rlp.len())?;
        let block = Block::decode_exact(rlp).map_err(BlockError::Malformed)?;
        self.import(view, block, now)
    }

    /// Validates a block against its parent, executes it and decides whether it becomes the head.
    /// `now` is in epoch seconds. Nothing is stored.
    pub fn import<V: ChainView>(
        &self,
        view: &V,
        block: Block,
        now: u64,
    ) -> Result<Imported, BlockError> {
        self.import_by_stages(view, block, now, |_| {})
    }

    /// The same, telling `done` of each stage that is behind it, for those who measure.
    pub fn import_by_stages<V: ChainView>(
        &self,
        view: &V,
        block: Block,
        now: u64,
        mut done: impl FnMut(Stage),
    ) -> Result<Imported, BlockError> {
        check_size(block.length())?;
        let hash = block.hash();
        if view.header(hash).is_some() {
            return Err(BlockError::AlreadyKnown(hash));
        }
        let parent_hash = block.header.parent_hash;
        let parent = view.header(parent_hash).ok_or(BlockError::UnknownParent(parent_hash))?;
        let ancestors = mmr_of(view, parent_hash)?.root();
        self.check_header(&block.header, &parent, ancestors, now)?;
        check_body(&block)?;
        done(Stage::Checked);
        let senders = self.senders(view, &block.transactions)?;
        done(Stage::Recovered);
        self.check_right(&block.header, &block.transactions, &senders)?;
        let (executed, mut state) = self.execute(view, &block, &senders, &parent)?;
        done(Stage::Executed);
        let Executed { outcomes, appearances, gas_used } = executed;
        let count = outcomes.len();
        let (listed, changes) = beside(count, || Receipts::of(outcomes), || state.commit());
        let changes = changes?;
        done(Stage::Rooted);
        check_outcome(&block.header, gas_used, &listed, changes.root)?;
        let receipts = listed.receipts;
        let verified = Verified { block, senders, receipts, appearances, changes };
        let imported = finish(view, hash, verified);
        done(Stage::Decided);
        imported
    }

    /// Checks a header against its parent; `ancestors` is the root over all blocks below it. What
    /// it says of transactions and state is not looked at.
    pub fn check_header(
        &self,
        header: &Header,
        parent: &Header,
        ancestors: B256,
        now: u64,
    ) -> Result<(), BlockError> {
        if header.number != parent.number + 1 {
            let (got, expected) = (header.number, parent.number + 1);
            return Err(BlockError::Number { got, expected });
        }
        if !header.is_sealed() {
            let target = B256::from(header::target(header.difficulty).to_be_bytes());
            return Err(BlockError::Work { pow_hash: header.pow_hash(), target });
        }
        let expected = self.next_difficulty(parent);
        if header.difficulty != expected {
            return Err(BlockError::Difficulty { got: header.difficulty, expected });
        }
        let expected = parent.pow_hash();
        if header.mix_hash != expected {
            return Err(BlockError::MixHash { got: header.mix_hash, expected });
        }
        if header.extra_data != ancestors {
            return Err(BlockError::ExtraData { got: header.extra_data, expected: ancestors });
        }
        check_time(header.timestamp, parent, now)?;
        if header.gas_limit != self.gas_limit {
            let (got, expected) = (header.gas_limit, self.gas_limit);
            return Err(BlockError::GasLimit { got, expected });
        }
        if header.gas_used > header.gas_limit {
            let (got, limit) = (header.gas_used, header.gas_limit);
            return Err(BlockError::GasAboveLimit { got, limit });
        }
        let (got, expected) = (header.base_fee_per_gas, self.next_base_fee(parent));
        if got != expected {
            return Err(BlockError::BaseFee { got, expected });
        }
        if !self.may_mine(header.coinbase) {
            return Err(RightError::NotNamed(header.coinbase).into());
        }
        Ok(())
    }

    fn senders<V: ChainView>(
        &self,
        view: &V,
        transactions: &[Transaction],
    ) -> Result<Vec<Address>, BlockError> {
        for (index, transaction) in transactions.iter().enumerate() {
            crate::execute::check_transaction(transaction, self.chain_id)
                .map_err(|reason| BlockError::Transaction { index, reason })?;
        }
        let known = |transaction: &Transaction| view.sender(*transaction.tx_hash());
        let invalid =
            |index| BlockError::Transaction { index, reason: TransactionError::InvalidSender };
        signature::recover_all(transactions, known)
            .into_iter()
            .enumerate()
            .map(|(index, sender)| sender.ok_or_else(|| invalid(index)))
            .collect()
    }

    fn execute<'a, V: ChainView>(
        &self,
        view: &'a V,
        block: &Block,
        senders: &[Address],
        parent: &Header,
    ) -> Result<(Executed, State<AtBlock<'a, V>>), BlockError> {
        let header = &block.header;
        let mut state = State::at(parent.state_root, AtBlock::new(view, header.parent_hash));
        let mut executor = Executor::new(&mut state, self.chain_id, block_env(header));
        executor.reserve(block.transactions.len());
        for (index, (transaction, sender)) in block.transactions.iter().zip(senders).enumerate() {
            // What needs no state was checked before signers were recovered.
            executor.execute_checked(transaction, *sender).map_err(|reason| match reason {
                TransactionError::State(fault) => BlockError::State(fault),
                reason => BlockError::Transaction { index, reason },
            })?;
        }
        let executed = executor.finish()?;
        state.credit(header.coinbase, self.reward)?;
        Ok((executed, state))
    }

    /// Builds the block after `parent` from those of the transactions that can be executed, in
    /// their order, as far as they fit. Its time is `now`, or one second after the parent.
    ///
    /// Fails if that would be more than [`TIME_AHEAD_MAX`] ahead of `now`, if the store does, or if
    /// the genesis names miners and the first transaction is not the coinbase's
    /// [right](Rules::right_to_mine).
    pub fn propose<V: ChainView>(
        &self,
        view: &V,
        parent: B256,
        transactions: impl IntoIterator<Item = Recovered>,
        coinbase: Address,
        now: u64,
    ) -> Result<Candidate, BlockError> {
        let parent_hash = parent;
        let parent = view.header(parent_hash).ok_or(BlockError::UnknownParent(parent_hash))?;
        let mut header = self.blank_header(view, parent_hash, &parent, coinbase, now)?;
        check_time(header.timestamp, &parent, now)?;
        let mut state = State::at(parent.state_root, AtBlock::new(view, parent_hash));
        let mut executor = Executor::new(&mut state, self.chain_id, block_env(&header));
        let transactions = transactions.into_iter();
        let (expected, _) = transactions.size_hint();
        executor.reserve(expected);
        let mut included = Vec::with_capacity(expected);
        let (mut senders, mut skipped) = (Vec::with_capacity(expected), Vec::new());
        let mut bytes_left = BLOCK_BYTES_MAX - 1024;
        for (transaction, sender) in transactions.map(Recovered::into_parts) {
            let size = transaction.length();
            if size > bytes_left {
                skipped.push((*transaction.tx_hash(), TransactionError::GasLimitReached));
                continue;
            }
            match executor.execute(&transaction, sender) {
                Ok(()) => {
                    bytes_left -= size;
                    included.push(transaction);
                    senders.push(sender);
                }
                Err(TransactionError::State(fault)) => return Err(BlockError::State(fault)),
                Err(reason) => skipped.push((*transaction.tx_hash(), reason)),
            }
        }
        self.check_right(&header, &included, &senders)?;
        let Executed { outcomes, appearances, gas_used } = executor.finish()?;
        state.credit(coinbase, self.reward)?;
        let lists = || (calculate_transaction_root(&included), Receipts::of(outcomes));
        let (lists, changes) = beside(included.len(), lists, || state.commit());
        let changes = changes?;
        header.state_root = changes.root;
        let (transactions_root, Receipts { receipts, root, bloom }) = lists;
        (header.transactions_root, header.receipts_root) = (transactions_root, root);
        (header.logs_bloom, header.gas_used) = (bloom, gas_used);
        let block = Block::new(header, included);
        Ok(Candidate { block, senders, receipts, appearances, changes, skipped })
    }

    fn blank_header<V: ChainView>(
        &self,
        view: &V,
        parent_hash: B256,
        parent: &Header,
        coinbase: Address,
        now: u64,
    ) -> Result<Header, BlockError> {
        Ok(Header {
            parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            coinbase,
            state_root: EMPTY_ROOT,
            transactions_root: EMPTY_ROOT,
            receipts_root: EMPTY_ROOT,
            logs_bloom: Default::default(),
            difficulty: self.next_difficulty(parent),
            number: parent.number + 1,
            gas_limit: self.gas_limit,
            gas_used: 0,
            timestamp: now.max(parent.timestamp + 1),
            extra_data: mmr_of(view, parent_hash)?.root(),
            mix_hash: parent.pow_hash(),
            nonce: B64::ZERO,
            base_fee_per_gas: self.next_base_fee(parent),
        })
    }

    /// Takes over an own candidate that `nonce` seals, without executing it again.
    pub fn adopt<V: ChainView>(
        &self,
        view: &V,
        candidate: Candidate,
        nonce: B64,
    ) -> Result<Imported, BlockError> {
        let Candidate { mut block, senders, receipts, appearances, changes, .. } = candidate;
        block.header.nonce = nonce;
        if !block.header.is_sealed() {
            let target = B256::from(header::target(block.header.difficulty).to_be_bytes());
            return Err(BlockError::Work { pow_hash: block.header.pow_hash(), target });
        }
        let hash = block.hash();
        if view.header(hash).is_some() {
            return Err(BlockError::AlreadyKnown(hash));
        }
        finish(view, hash, Verified { block, senders, receipts, appearances, changes })
    }
}

fn check_size(bytes: usize) -> Result<(), BlockError> {
    if bytes > BLOCK_BYTES_MAX {
        return Err(BlockError::TooLarge { got: bytes, max: BLOCK_BYTES_MAX });
    }
    Ok(())
}

fn check_time(timestamp: u64, parent: &Header, now: u64) -> Result<(), BlockError> {
    if timestamp <= parent.timestamp {
        return Err(BlockError::TimeNotRising { got: timestamp, parent: parent.timestamp });
    }
    let max = now.saturating_add(TIME_AHEAD_MAX);
    if timestamp > max {
        return Err(BlockError::TimeAhead { got: timestamp, max });
    }
    Ok(())
}

fn check_body(block: &Block) -> Result<(), BlockError> {
    let header = &block.header;
    if !block.ommers.is_empty() || header.ommers_hash != EMPTY_OMMER_ROOT_HASH {
        return Err(BlockError::Ommers);
    }
    let expected = calculate_transaction_root(&block.transactions);
    if header.transactions_root != expected {
        return Err(BlockError::TransactionsRoot { got: header.transactions_root, expected });
    }
    Ok(())
}

/// How the head gets from where it is to a stored block of another branch, whatever that weighs.
pub fn change_to<V: ChainView>(view: &V, hash: B256) -> Result<HeadChange, BlockError> {
    let header = view.header(hash).ok_or(BlockError::Missing("header", hash))?;
    head_change(view, view.head(), header.parent_hash, hash)
}

fn mmr_of<V: ChainView>(view: &V, hash: B256) -> Result<Mmr, BlockError> {
    view.mmr(hash).ok_or(BlockError::Missing("mountain range", hash))
}

fn finish<V: ChainView>(view: &V, hash: B256, verified: Verified) -> Result<Imported, BlockError> {
    let Verified { block, senders, receipts, appearances, changes } = verified;
    let Changes { nodes, dropped, code, .. } = changes;
    let parent = block.header.parent_hash;
    let total =
        |hash| view.total_difficulty(hash).ok_or(BlockError::Missing("total difficulty", hash));
    let total_difficulty = total(parent)?.saturating_add(block.header.difficulty);
    let head = view.head();
    let head = if total_difficulty > total(head)? {
        Some(head_change(view, head, parent, hash)?)
    } else {
        None
    };
    let (mut mmr, mut mountains) = (mmr_of(view, parent)?, Vec::new());
    mmr.append(hash, |hash, bytes| mountains.push((hash, bytes)));
    Ok(Imported {
        hash,
        block,
        senders,
        receipts,
        appearances,
        nodes,
        dropped,
        mountains,
        code,
        total_difficulty,
        mmr,
        head,
    })
}

/// The way from the old head down to the common ancestor and up to the new one.
fn head_change<V: ChainView>(
    view: &V,
    head: B256,
    parent: B256,
    hash: B256,
) -> Result<HeadChange, BlockError> {
    let header = |hash| view.header(hash).ok_or(BlockError::Missing("header", hash));
    let (mut old, mut new) = (head, parent);
    let (mut disconnected, mut connected) = (Vec::new(), vec![hash]);
    while old != new {
        let (old_header, new_header) = (header(old)?, header(new)?);
        if new_header.number >= old_header.number {
            connected.push(new);
            new = new_header.parent_hash;
        }
        if old_header.number >= new_header.number {
            disconnected.push(old);
            old = old_header.parent_hash;
        }
    }
    connected.reverse();
    Ok(HeadChange { disconnected, connected })
}

//! The node's synchronous core: store, pool, import and miner.
//!
//! ```text
//! submit ------------> pool --propose--> candidate --nonce search--> adopt --+
//! import_block (elsewhere) --------------------------------------> import --+--> store --> pool
//! ```
//!
//! Invariants: blocks are taken in one at a time; the pool follows every head; nothing at or below
//! the finalized height is ever disconnected. Readers take a [`Snapshot`] and wait for nobody.
//!
//! Everything here may block: asynchronous code calls it on a blocking thread.

mod accounts;
mod finality;
mod miner;

pub use finality::CheckpointFault;
pub use miner::MineError;

use crate::config::{Config, Parts};
use crate::news::News;
use crate::peers::Event;
use crate::store::{Beginning, Snapshot, Store, StoreError};
use accounts::HeadAccounts;
use alloy_consensus::Transaction as _;
use alloy_consensus::transaction::Recovered;
use alloy_primitives::{Address, B256};
use chain::checkpoint::Ballots;
use chain::execute::authorities;
use chain::pool::Added;
use chain::state::StateError;
use chain::sync::{Input, Status};
use chain::{
    AtBlock, Block, BlockError, ChainView, GenesisError, HeadChange, Imported, Pool, PoolError,
    Rules, State, Transaction,
};
use keys::SecretKey;
use service::Clock;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use tokio::sync::watch;

/// Senders that are remembered until their transactions are submitted.
const AHEAD_MAX: usize = 8_192;

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The specification makes no chain.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The directory is refused or cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key is none of those that the genesis names.
    #[error("{address} is not among the {list} of the genesis")]
    Key {
        /// Of the key.
        address: Address,
        /// `operators` or `miners`.
        list: &'static str,
    },
    /// The network cannot be joined.
    #[error("the network of nodes cannot be joined")]
    Network(#[source] anyhow::Error),
}

/// Why a block is not taken in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The block is refused by the rules.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// It would undo, or compete with, a block that is final.
    #[error("block {number} would undo height {undone}, final is {finalized}")]
    BelowFinalized {
        /// Height of the block.
        number: u64,
        /// Lowest height that it would undo.
        undone: u64,
        /// The finalized height.
        finalized: u64,
    },
    /// It builds on a state that is no longer kept.
    #[error("block {number} builds on a state that is not kept, the oldest is of block {oldest}")]
    StateNotKept {
        /// Height of the block.
        number: u64,
        /// Height of the oldest block whose state is kept.
        oldest: u64,
    },
    /// The store failed; nothing was stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a transaction does not get into the pool.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The pool refuses it.
    #[error(transparent)]
    Refused(#[from] PoolError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
}

/// The synchronous core of a node.
pub struct Node {
    rules: Rules,
    genesis: B256,
    config: Config,
    clock: Clock,
    store: Store,
    pool: Mutex<Pool>,
    /// Locked after the pool.
    accounts: Mutex<HeadAccounts>,
    /// Senders of transactions that are about to be submitted, by hash.
    ahead: Mutex<HashMap<B256, Address>>,
    /// Where operators sign checkpoints.
    ballots: Option<Mutex<Ballots>>,
    /// Reorganisations that would have undone final blocks.
    refused: AtomicU64,
    /// Who tells the network what happens here.
    line: OnceLock<SyncSender<Event>>,
    /// How the node stands among its peers; `None` if it is alone.
    network: Mutex<Option<Status>>,
    /// Held while a block is taken in.
    turn: Mutex<()>,
    /// Held while a block is mined.
    mining: Mutex<()>,
    /// Held while a transaction of an account of the node's own gets its nonce.
    pub(crate) signing: Mutex<()>,
    /// Rises when the head moves, so that a nonce search notices.
    heads: AtomicU64,
    /// Height of the head on which there was no right to mine, so that it is said once.
    no_right_at: AtomicU64,
    stopping: AtomicBool,
    pub(crate) filters: Mutex<crate::rpc::Filters>,
    pub(crate) news: News,
    pub(crate) caches: crate::rpc::Caches,
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Node {
    /// Opens or begins the chain.
    pub(crate) fn open(parts: Parts) -> Result<Self, StartError> {
        let Parts { directory, genesis, clock, config, .. } = parts;
        let spec = genesis;
        let genesis = spec.build()?;
        check_keys(&genesis.rules, &config)?;
        let beginning = Beginning { spec: &spec, imported: &genesis.imported };
        let store = Store::open(&directory, beginning, config.history)?;
        let ballots = finality::ballots(&genesis.rules, genesis.imported.hash, &store)?;
        let mut pool = Pool::new(config.pool);
        pool.set_base_fee(genesis.rules.next_base_fee(&store.snapshot()?.head_header()?));
        Ok(Self {
            rules: genesis.rules,
            ballots: ballots.map(Mutex::new),
            refused: AtomicU64::default(),
            line: OnceLock::new(),
            network: Mutex::default(),
            genesis: genesis.imported.hash,
            pool: Mutex::new(pool),
            accounts: Mutex::default(),
            ahead: Mutex::default(),
            config,
            clock,
            store,
            turn: Mutex::default(),
            mining: Mutex::default(),
            signing: Mutex::default(),
            heads: AtomicU64::default(),
            no_right_at: AtomicU64::new(u64::MAX),
            stopping: AtomicBool::default(),
            filters: Mutex::default(),
            news: News::default(),
            caches: crate::rpc::Caches::default(),
        })
    }

    /// The rules of the chain.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Hash of block 0.
    pub fn genesis(&self) -> B256 {
        self.genesis
    }

    /// How it was configured.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The chain as it is now.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        self.store.snapshot()
    }

    /// The same for many readers: one snapshot until the next block.
    pub(crate) fn shared_snapshot(&self) -> Result<Arc<Snapshot>, StoreError> {
        self.store.shared_snapshot()
    }

    /// The pool; nobody else uses it while the guard lives.
    pub fn pool(&self) -> MutexGuard<'_, Pool> {
        locked(&self.pool)
    }

    /// The same, unless somebody uses it.
    pub(crate) fn try_pool(&self) -> Option<MutexGuard<'_, Pool>> {
        match self.pool.try_lock() {
            Ok(pool) => Some(pool),
            Err(TryLockError::Poisoned(pool)) => Some(pool.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Epoch seconds by the node's clock.
    pub(crate) fn now(&self) -> u64 {
        self.clock.now().unsigned()
    }

    /// Ends the nonce search that runs, if one does, and mines nothing from now on.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// From now on the network is told of heads, transactions and votes over `line`.
    pub(crate) fn report_to(&self, line: SyncSender<Event>) {
        if self.line.set(line).is_err() {
            tracing::error!("a node joins one network only");
        }
    }

    /// Tells the network, if there is one. What it does not take now it learns with the next sign
    /// of life.
    fn tell(&self, input: Input) {
        if let Some(line) = self.line.get() {
            let _full = line.try_send(Event::Input(Box::new(input)));
        }
    }

    /// Wakes with every change of head, pool, finality and peers.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.news.listen()
    }

    /// How the node stands among its peers; `None` if it is alone.
    pub fn network(&self) -> Option<Status> {
        locked(&self.network).clone()
    }

    pub(crate) fn set_network(&self, status: Status) {
        let is_news = locked(&self.network).replace(status.clone()) != Some(status);
        if is_news {
            self.news.changed();
        }
    }

    pub(crate) fn set_published(&self, sequence: u64) -> Result<(), StoreError> {
        self.store.set_published(sequence)
    }

    /// Puts a transaction into the pool and returns its hash.
    pub fn submit(&self, transaction: Transaction) -> Result<B256, SubmitError> {
        let hash = *transaction.tx_hash();
        if self.pool().get(&hash).is_some() {
            return Err(PoolError::AlreadyKnown.into());
        }
        let (rules, limits) = (&self.rules, &self.config.pool);
        let known = locked(&self.ahead).remove(&hash);
        let admitted = match known {
            Some(sender) => chain::pool::admit_from(sender, transaction, rules, limits),
            None => chain::pool::admit(transaction, rules, limits),
        }?;
        // The pool is locked before the state is read: a head that moves meanwhile updates the
        // pool afterwards.
        let mut pool = self.pool();
        pool.pass(self.now());
        let account = locked(&self.accounts).get(admitted.signer(), || self.shared_snapshot())?;
        let place = (admitted.signer(), admitted.nonce());
        let added = match account.has_code() && self.is_delegated(admitted.signer())? {
            true => pool.add_delegated(admitted, &account)?,
            false => pool.add(admitted, &account)?,
        };
        for evicted in &added.evicted {
            tracing::debug!(%evicted, by = %hash, "a transaction left the full pool");
        }
        self.news.arrived(now_pending(&pool, place, &added));
        drop(pool);
        self.tell(Input::Pooled(hash));
        Ok(hash)
    }

    /// Whether an account borrows the code of a contract, as of the head.
    fn is_delegated(&self, address: Address) -> Result<bool, SubmitError> {
        Ok(state_at_head(&*self.shared_snapshot()?)?.is_delegated(address)?)
    }

    /// Recovers in parallel who signed transactions that are going to be [submitted](Self::submit)
    /// one by one.
    pub(crate) fn recover_ahead(&self, transactions: Vec<Transaction>) {
        let admitted = chain::pool::admit_all(transactions, &self.rules, &self.config.pool);
        let mut ahead = locked(&self.ahead);
        if ahead.len() + admitted.len() > AHEAD_MAX {
            ahead.clear();
        }
        let sender = |one: Recovered<Transaction>| (*one.inner().tx_hash(), one.signer());
        ahead.extend(admitted.into_iter().flatten().map(sender));
    }

    /// Takes in a block from elsewhere at `now` (epoch seconds). Returns how the head moved, if it
    /// did.
    pub fn import_block(&self, block: Block, now: u64) -> Result<Option<HeadChange>, ImportError> {
        self.take_in(|snapshot| {
            let (number, finalized) = (block.header.number, snapshot.finalized());
            if number <= finalized && snapshot.canonical_hash(number) != Some(block.hash()) {
                return Err(ImportError::BelowFinalized { number, undone: number, finalized });
            }
            let parent = block.header.parent_hash;
            if snapshot.header(parent).is_some() && !snapshot.has_state(parent) {
                let oldest = snapshot.oldest();
                return Err(ImportError::StateNotKept { number, oldest });
            }
            Ok(self.rules.import(snapshot, block, now)?)
        })
    }

    /// One block at a time: judge, store, follow. Then, when everyone knows of the block and the
    /// next one may be judged, old ones leave.
    fn take_in(
        &self,
        judge: impl FnOnce(&Snapshot) -> Result<Imported, ImportError>,
    ) -> Result<Option<HeadChange>, ImportError> {
        let change = self.take_turn(judge)?;
        if let Err(error) = self.store.tidy() {
            // The block is stored; what should have left waits for the next one.
            tracing::error!(%error, "old states do not leave");
        }
        Ok(change)
    }

    fn take_turn(
        &self,
        judge: impl FnOnce(&Snapshot) -> Result<Imported, ImportError>,
    ) -> Result<Option<HeadChange>, ImportError> {
        let _turn = locked(&self.turn);
        let snapshot = self.snapshot()?;
        let imported = judge(&snapshot)
            .and_then(|imported| keeps_finality(&snapshot, &imported).map(|()| imported))
            .inspect_err(|error| {
                if let ImportError::BelowFinalized { undone, .. } = error {
                    self.refuse_reorganisation(*undone);
                }
            })?;
        let (hash, number) = (imported.hash, imported.block.header.number);
        let change = imported.head.clone();
        let delegated = delegated_in(&imported.block.transactions);
        self.store.append(imported, self.finality_lag())?;
        match &change {
            Some(change) => self.moved(change, Some((hash, delegated))),
            None => tracing::info!(number, %hash, "a block of another branch was stored"),
        }
        if self.certificate().is_some_and(|certificate| certificate.checkpoint.hash == hash) {
            self.settle()?;
        }
        Ok(change)
    }

    /// What follows from another head: the pool, the miner and the network learn of it, and an
    /// operator votes. Of the `new` block it is known whom it delegates.
    fn moved(&self, change: &HeadChange, new: Option<(B256, Vec<Address>)>) {
        let (undone, head) = (change.disconnected.len(), change.connected.last());
        tracing::debug!(?head, undone, "the head moved");
        self.heads.fetch_add(1, Ordering::Release);
        if let Err(error) = self.follow(change, new) {
            // The block is stored; candidates sort out what the pool did not learn.
            tracing::error!(%error, "the pool did not follow the head");
        }
        self.news.head_moved();
        self.tell(Input::HeadMoved);
        if let Err(error) = self.vote() {
            tracing::error!(%error, "no vote for a checkpoint");
        }
    }

    /// Brings the pool to the new head: what was included leaves, what was undone returns.
    fn follow(
        &self,
        change: &HeadChange,
        new: Option<(B256, Vec<Address>)>,
    ) -> Result<(), ImportError> {
        let mut pool = self.pool();
        let mut known = locked(&self.accounts);
        known.replace(HashMap::new());
        let snapshot = self.snapshot()?;
        let connected = change.connected.iter();
        let mut addresses: HashSet<Address> =
            connected.flat_map(|hash| snapshot.senders(*hash).unwrap_or_default()).collect();
        let undone = change.disconnected.iter().rev();
        let returned: Vec<_> = undone.flat_map(|hash| transactions(&snapshot, *hash)).collect();
        addresses.extend(returned.iter().map(Recovered::signer));
        addresses.extend(returned.iter().flat_map(|one| authorities(one.inner())));
        for hash in &change.connected {
            match &new {
                Some((new, delegated)) if new == hash => addresses.extend(delegated),
                _ => {
                    let block = snapshot.block(*hash).map(|block| block.transactions);
                    addresses.extend(delegated_in(&block.unwrap_or_default()));
                }
            }
        }
        // What runs in a delegated account changes it without sending.
        let waiting: HashSet<Address> = pool.senders().collect();
        let blocks = change.connected.iter().chain(&change.disconnected);
        let named = blocks.flat_map(|hash| snapshot.named_in(*hash));
        addresses.extend(named.filter(|address| waiting.contains(address)));
        let mut state = state_at_head(&snapshot)?;
        let mut accounts = HashMap::with_capacity(addresses.len());
        for address in addresses {
            let account = state.account(address).map_err(BlockError::from)?;
            accounts.insert(address, account.unwrap_or_default());
        }
        pool.pass(self.now());
        pool.set_base_fee(self.rules.next_base_fee(&snapshot.head_header()?));
        let hashes: Vec<B256> = returned.iter().map(|one| *one.inner().tx_hash()).collect();
        pool.follow(&accounts, returned);
        let back = hashes.into_iter().filter(|hash| pool.get(hash).is_some());
        back.for_each(|hash| self.tell(Input::Pooled(hash)));
        known.replace(accounts);
        Ok(())
    }
}

/// Whom the transactions may delegate.
fn delegated_in(transactions: &[Transaction]) -> Vec<Address> {
    transactions.iter().flat_map(authorities).collect()
}

/// The transactions of a stored block with their senders.
fn transactions(snapshot: &Snapshot, block: B256) -> Vec<Recovered<Transaction>> {
    let senders = snapshot.senders(block).unwrap_or_default();
    let transactions = snapshot.block(block).map(|block| block.transactions).unwrap_or_default();
    let all = transactions.into_iter().zip(senders);
    all.map(|(transaction, sender)| Recovered::new_unchecked(transaction, sender)).collect()
}

/// What can be mined since a transaction was added: it, and those that only waited for its nonce.
fn now_pending(pool: &Pool, (sender, nonce): (Address, u64), added: &Added) -> Vec<B256> {
    if !added.pending {
        return Vec::new();
    }
    let closes_gap =
        added.replaced.is_none() && pool.next_nonce(sender).is_some_and(|next| next > nonce + 1);
    let behind = pool.pending(sender).filter(|one| closes_gap && one.transaction.nonce() > nonce);
    std::iter::once(added.hash).chain(behind.map(|one| one.hash)).collect()
}

/// Refuses keys that could never sign anything.
fn check_keys(rules: &Rules, config: &Config) -> Result<(), StartError> {
    let operators = rules.operators.as_ref().map_or(&[][..], |operators| &operators.keys);
    let lists = [("operators", operators), ("miners", &rules.miners)];
    for ((list, named), key) in lists.into_iter().zip([&config.operator_key, &config.miner_key]) {
        if let Some(address) = key.as_ref().map(SecretKey::address)
            && !named.contains(&address)
        {
            return Err(StartError::Key { address, list });
        }
    }
    Ok(())
}

/// Refuses what would disconnect a final block.
fn keeps_finality(snapshot: &Snapshot, imported: &Imported) -> Result<(), ImportError> {
    let finalized = snapshot.finalized();
    let number = imported.block.header.number;
    let change = imported.head.as_ref();
    match change.and_then(|change| chain::finality::undone(snapshot, change, finalized)) {
        Some(undone) => Err(ImportError::BelowFinalized { number, undone, finalized }),
        None => Ok(()),
    }
}

pub(crate) fn state_at_head(
    snapshot: &Snapshot,
) -> Result<State<AtBlock<'_, Snapshot>>, StoreError> {
    let root = snapshot.head_header()?.state_root;
    Ok(State::at(root, AtBlock::new(snapshot, snapshot.head())))
}

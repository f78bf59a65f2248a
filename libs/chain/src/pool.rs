//! Transactions that wait for a block.
//!
//! A sender's transactions are *pending* from its account nonce on as long as no nonce is missing;
//! those behind a gap are *queued*. The pool is bounded in count, in bytes and per sender; when it
//! is full the lowest fee leaves. Together a sender's transactions never cost more than its balance
//! as last seen.
//!
//! The pool does not read the state: whoever asks passes in accounts as of the head.

mod error;

pub use error::PoolError;

use crate::block::{Recovered, Transaction};
use crate::execute::{self, TransactionError};
use crate::rules::{BASE_FEE_MIN, Rules};
use crate::signature;
use crate::state::Account;
use alloy_consensus::Transaction as _;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, U256};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};

/// Percent by which a replacement has to pay more.
pub const REPLACEMENT_BUMP_PERCENT: u128 = 10;

/// What the pool holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Transactions.
    pub count_max: usize,
    /// Bytes of all transactions.
    pub bytes_max: usize,
    /// Bytes of one transaction.
    pub transaction_bytes_max: usize,
    /// Transactions of one sender; at least 64 are always allowed.
    pub per_sender_max: usize,
    /// Transactions of one sender behind a gap.
    pub queued_per_sender_max: usize,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            count_max: 16_384,
            bytes_max: 64 * 1024 * 1024,
            transaction_bytes_max: 128 * 1024,
            per_sender_max: 4_096,
            queued_per_sender_max: 64,
        }
    }
}

/// A waiting transaction.
#[derive(Clone, Debug)]
pub struct Pooled {
    /// The transaction with its sender.
    pub transaction: Recovered,
    /// Its hash.
    pub hash: B256,
    /// Its bytes.
    pub size: usize,
    /// The most it can cost its sender, in wei.
    pub cost: U256,
    /// Rises with every transaction that comes in.
    order: u64,
}

/// What became of an added transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// Its hash.
    pub hash: B256,
    /// Whether it can go into the next block.
    pub pending: bool,
    /// The transaction with the same nonce that it replaced.
    pub replaced: Option<B256>,
    /// Transactions that had to make room.
    pub evicted: Vec<B256>,
}

#[derive(Clone, Debug, Default)]
struct Sender {
    /// Of the account, as last seen.
    nonce: u64,
    transactions: BTreeMap<u64, Pooled>,
}

impl Sender {
    /// Nonce of the first gap.
    fn next_nonce(&self) -> u64 {
        self.pending().last().map_or(self.nonce, |last| last.transaction.nonce() + 1)
    }

    fn pending(&self) -> impl Iterator<Item = &Pooled> {
        let consecutive = |(at, (nonce, _)): &(usize, (&u64, &Pooled))| {
            u64::try_from(*at).is_ok_and(|at| self.nonce.checked_add(at) == Some(**nonce))
        };
        self.transactions.iter().enumerate().take_while(consecutive).map(|(_, (_, pooled))| pooled)
    }

    fn queued(&self) -> impl Iterator<Item = &Pooled> {
        self.transactions.range(self.next_nonce()..).map(|(_, pooled)| pooled)
    }
}

/// Fee first, then the newest of equals: the order in which transactions leave a full pool.
type Rank = (u128, Reverse<u64>, B256);

/// The transaction pool.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    limits: PoolLimits,
    senders: HashMap<Address, Sender>,
    by_hash: HashMap<B256, (Address, u64)>,
    by_fee: BTreeSet<Rank>,
    bytes: usize,
    order: u64,
}

impl Pooled {
    fn rank(&self) -> Rank {
        (self.transaction.max_fee_per_gas(), Reverse(self.order), self.hash)
    }

    fn is_outbid_by(&self, other: &Recovered) -> bool {
        let outbid = |old: u128, new: u128| {
            let least = old.saturating_mul(100 + REPLACEMENT_BUMP_PERCENT) / 100;
            new > old && new >= least
        };
        outbid(self.transaction.max_fee_per_gas(), other.max_fee_per_gas())
            && outbid(self.transaction.priority_fee_or_price(), other.priority_fee_or_price())
    }
}

/// Checks a transaction from outside without the state, and recovers its sender.
pub fn admit(
    transaction: Transaction,
    rules: &Rules,
    limits: &PoolLimits,
) -> Result<Recovered, PoolError> {
    if transaction.encode_2718_len() > limits.transaction_bytes_max {
        return Err(PoolError::Oversized { max: limits.transaction_bytes_max });
    }
    execute::check_transaction(&transaction, rules.chain_id)?;
    if transaction.gas_limit() > rules.gas_limit {
        return Err(TransactionError::ExceedsBlockGasLimit.into());
    }
    let fee = transaction.max_fee_per_gas();
    if fee < u128::from(BASE_FEE_MIN) {
        return Err(PoolError::Underpriced { got: fee, min: u128::from(BASE_FEE_MIN) });
    }
    let sender = signature::recover(&transaction).ok_or(TransactionError::InvalidSender)?;
    Ok(Recovered::new_unchecked(transaction, sender))
}

impl Pool {
    /// An empty pool.
    pub fn new(limits: PoolLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Its limits.
    pub fn limits(&self) -> &PoolLimits {
        &self.limits
    }

    /// Adds a transaction that was [admitted](admit); `account` is its sender's as of the head.
    pub fn add(&mut self, transaction: Recovered, account: &Account) -> Result<Added, PoolError> {
        let pooled = self.pooled(transaction)?;
        let address = pooled.transaction.signer();
        if account.has_code() {
            return Err(TransactionError::SenderNotEoa(address).into());
        }
        self.update(address, account);
        self.check(&pooled, account)?;
        let nonce = pooled.transaction.nonce();
        let old = self.senders.get(&address).and_then(|sender| sender.transactions.get(&nonce));
        let replaced = old.map(|old| old.hash);
        let evicted = self.make_room(&pooled, replaced)?;
        if let Some(replaced) = replaced {
            self.remove(replaced);
        }
        let hash = pooled.hash;
        self.by_hash.insert(hash, (address, nonce));
        self.by_fee.insert(pooled.rank());
        self.bytes += pooled.size;
        let sender = self.senders.entry(address).or_default();
        sender.nonce = account.nonce;
        sender.transactions.insert(nonce, pooled);
        Ok(Added { hash, pending: nonce < sender.next_nonce(), replaced, evicted })
    }

    fn pooled(&mut self, transaction: Recovered) -> Result<Pooled, PoolError> {
        let hash = *transaction.inner().tx_hash();
        if self.by_hash.contains_key(&hash) {
            return Err(PoolError::AlreadyKnown);
        }
        let gas = U256::from(transaction.gas_limit());
        let cost = gas
            .checked_mul(U256::from(transaction.max_fee_per_gas()))
            .and_then(|fee| fee.checked_add(transaction.value()))
            .ok_or(TransactionError::CostOverflow(transaction.signer()))?;
        self.order += 1;
        let size = transaction.inner().encode_2718_len();
        Ok(Pooled { transaction, hash, size, cost, order: self.order })
    }

    /// What depends on the sender's account and on its other transactions.
    fn check(&self, pooled: &Pooled, account: &Account) -> Result<(), PoolError> {
        let fresh = Sender { nonce: account.nonce, ..Sender::default() };
        let address = pooled.transaction.signer();
        let sender = self.senders.get(&address).unwrap_or(&fresh);
        let nonce = pooled.transaction.nonce();
        if nonce < account.nonce {
            return Err(PoolError::NonceTooLow { next: account.nonce, got: nonce });
        }
        if nonce == u64::MAX {
            return Err(TransactionError::NonceMax.into());
        }
        let old = sender.transactions.get(&nonce);
        let balance = account.balance;
        if pooled.cost > balance {
            return Err(PoolError::InsufficientFunds { balance, cost: pooled.cost });
        }
        let queued: U256 = sender
            .transactions
            .values()
            .filter(|other| other.transaction.nonce() != nonce)
            .fold(U256::ZERO, |sum, other| sum.saturating_add(other.cost));
        if queued.saturating_add(pooled.cost) > balance {
            let cost = pooled.cost;
            return Err(PoolError::InsufficientFundsInAll { balance, queued, cost });
        }
        if let Some(old) = old {
            let outbid = old.is_outbid_by(&pooled.transaction);
            return if outbid { Ok(()) } else { Err(PoolError::ReplacementUnderpriced) };
        }
        let is_queued = nonce > sender.next_nonce();
        if sender.transactions.len() >= self.limits.per_sender_max.max(64)
            || is_queued && sender.queued().count() >= self.limits.queued_per_sender_max
        {
            return Err(PoolError::AccountLimitExceeded);
        }
        Ok(())
    }

    /// Removes the cheapest transactions until another fits, if that one pays more than they do.
    fn make_room(
        &mut self,
        pooled: &Pooled,
        replaced: Option<B256>,
    ) -> Result<Vec<B256>, PoolError> {
        if pooled.size > self.limits.bytes_max || self.limits.count_max == 0 {
            return Err(PoolError::Full);
        }
        let freed = replaced.and_then(|hash| self.get(&hash)).map_or(0, |old| old.size);
        let mut count = self.by_hash.len() + 1 - usize::from(replaced.is_some());
        let mut bytes = self.bytes + pooled.size - freed;
        let mut evicted = Vec::new();
        for (fee, _, hash) in &self.by_fee {
            if count <= self.limits.count_max && bytes <= self.limits.bytes_max {
                break;
            }
            if Some(*hash) == replaced {
                continue;
            }
            let got = pooled.transaction.max_fee_per_gas();
            if got <= *fee {
                return Err(PoolError::Underpriced { got, min: fee.saturating_add(1) });
            }
            count -= 1;
            bytes -= self.get(hash).map_or(0, |old| old.size);
            evicted.push(*hash);
        }
        for hash in &evicted {
            self.remove(*hash);
        }
        Ok(evicted)
    }

    /// Removes a transaction; those of the same sender after it become queued.
    pub fn remove(&mut self, hash: B256) -> Option<Pooled> {
        let (address, nonce) = self.by_hash.remove(&hash)?;
        let sender = self.senders.get_mut(&address)?;
        let pooled = sender.transactions.remove(&nonce)?;
        if sender.transactions.is_empty() {
            self.senders.remove(&address);
        }
        self.by_fee.remove(&pooled.rank());
        self.bytes -= pooled.size;
        Some(pooled)
    }

    /// Takes note of an account as of a new head: used nonces and what the balance does not cover
    /// any more leave the pool. Returns what left.
    pub fn update(&mut self, address: Address, account: &Account) -> Vec<B256> {
        let Some(sender) = self.senders.get_mut(&address) else { return Vec::new() };
        sender.nonce = account.nonce;
        let mut left = account.balance;
        let mut gone = Vec::new();
        for (nonce, pooled) in &sender.transactions {
            if *nonce < account.nonce || pooled.cost > left {
                gone.push(pooled.hash);
            } else {
                left -= pooled.cost;
            }
        }
        for hash in &gone {
            self.remove(*hash);
        }
        gone
    }

    /// Follows a new head: `accounts` are those of all senders in the blocks that were connected
    /// or disconnected, as of the new head; `returned` are the transactions of the disconnected
    /// blocks, which come back unless the new branch has them.
    pub fn follow(
        &mut self,
        accounts: &HashMap<Address, Account>,
        returned: impl IntoIterator<Item = Recovered>,
    ) {
        for (address, account) in accounts {
            self.update(*address, account);
        }
        for transaction in returned {
            if let Some(account) = accounts.get(&transaction.signer()) {
                // Refused means used on the new branch, or no longer payable: then it is gone.
                let _refused = self.add(transaction, account);
            }
        }
    }

    /// The transaction with this hash.
    pub fn get(&self, hash: &B256) -> Option<&Pooled> {
        let (address, nonce) = self.by_hash.get(hash)?;
        self.senders.get(address)?.transactions.get(nonce)
    }

    /// Number of transactions, pending and queued.
    pub fn len(&self) -> usize {
        self.by_hash.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    /// The nonce for a sender's next transaction, if any of it are waiting.
    pub fn next_nonce(&self, address: Address) -> Option<u64> {
        self.senders.get(&address).map(Sender::next_nonce)
    }

    /// Senders that have transactions waiting.
    pub fn senders(&self) -> impl Iterator<Item = Address> {
        self.senders.keys().copied()
    }

    /// A sender's pending transactions by nonce.
    pub fn pending(&self, address: Address) -> impl Iterator<Item = &Pooled> {
        self.senders.get(&address).into_iter().flat_map(Sender::pending)
    }

    /// A sender's queued transactions by nonce.
    pub fn queued(&self, address: Address) -> impl Iterator<Item = &Pooled> {
        self.senders.get(&address).into_iter().flat_map(Sender::queued)
    }

    /// The pending transactions that pay `base_fee`, highest tip first, the earlier of equals
    /// first, each sender's by nonce.
    pub fn best(&self, base_fee: u64) -> Best<'_> {
        let mut best = Best { base_fee, heap: BinaryHeap::new(), rest: HashMap::new() };
        for (address, sender) in &self.senders {
            let pending: Box<dyn Iterator<Item = &Pooled>> = Box::new(sender.pending());
            best.rest.insert(*address, pending);
            best.advance(*address);
        }
        best
    }

    /// Hashes of all transactions.
    pub fn hashes(&self) -> HashSet<B256> {
        self.by_hash.keys().copied().collect()
    }
}

/// See [`Pool::best`].
pub struct Best<'a> {
    base_fee: u64,
    heap: BinaryHeap<(u128, Reverse<u64>, ByOrder<'a>)>,
    rest: HashMap<Address, Box<dyn Iterator<Item = &'a Pooled> + 'a>>,
}

/// A transaction whose place in the heap is decided by what stands before it.
struct ByOrder<'a>(&'a Pooled);

impl PartialEq for ByOrder<'_> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for ByOrder<'_> {}

impl PartialOrd for ByOrder<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByOrder<'_> {
    fn cmp(&self, _: &Self) -> std::cmp::Ordering {
        std::cmp::Ordering::Equal
    }
}

impl Best<'_> {
    fn advance(&mut self, address: Address) {
        let Some(next) = self.rest.get_mut(&address).and_then(Iterator::next) else { return };
        if let Some(tip) = next.transaction.effective_tip_per_gas(self.base_fee) {
            self.heap.push((tip, Reverse(next.order), ByOrder(next)));
        }
    }
}

impl<'a> Iterator for Best<'a> {
    type Item = &'a Pooled;

    fn next(&mut self) -> Option<&'a Pooled> {
        let (_, _, ByOrder(pooled)) = self.heap.pop()?;
        self.advance(pooled.transaction.signer());
        Some(pooled)
    }
}

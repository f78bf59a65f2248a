//! Transactions that wait for a block.
//!
//! A sender's transactions are *pending* from its account nonce on as long as no nonce is missing;
//! those behind a gap are *queued*. Together they never cost more than the sender's balance as last
//! seen. The pool is bounded in count, in memory, in senders, per sender and in what is queued, and
//! nothing stays queued for long.
//!
//! ```text
//! admit (no state) --> add --> pending --best--> candidate block
//!                       |        ^  |
//!                       |  filled|  |a nonce before it left
//!                       |        |  v
//!                       +-----> queued --pass--> too old: gone
//! ```
//!
//! A full pool makes room in this order (`room`): what is queued, because nobody will pay for it;
//! then what senders have above their fair share, the heaviest sender first; then who pays least,
//! for who pays more. A sender always loses its last nonce, so that nothing is left without what
//! has to go before it, and it counts as paying no more than the cheapest of its pending: those
//! after that one cannot be mined without it. So cheap, gapped or unpayable transactions never push
//! out somebody's pending ones.
//!
//! Accounts that are delegated (EIP-7702), or about to be, can lose balance and nonces by what
//! others send: each has one transaction at a time, and one that waits with two keeps others from
//! delegating it, so that a single transaction never voids many. The rules are geth's.
//!
//! What a transaction takes in memory is counted as decoded, with its share of the maps.
//!
//! The pool reads neither state nor clock: whoever asks passes in accounts as of the head and tells
//! the time. It is not kept on disk.

mod admit;
mod best;
mod error;
mod limits;
mod room;
mod sender;
#[cfg(test)]
mod tests;

pub use admit::{admit, admit_all, admit_from};
pub use best::Best;
pub use error::PoolError;
pub use limits::PoolLimits;

use crate::block::{Recovered, Transaction};
use crate::execute::{TransactionError, authorities};
use crate::state::Account;
use alloy_consensus::Transaction as _;
use alloy_eips::eip2718::Encodable2718;
use alloy_eips::eip7702::SignedAuthorization;
use alloy_primitives::{Address, B256, U256};
use room::Order;
use sender::{Fees, Sender};
use std::collections::{HashMap, HashSet};

/// Percent by which a replacement has to pay more.
pub const REPLACEMENT_BUMP_PERCENT: u128 = 10;
/// Pending transactions that every sender may have.
pub const PER_SENDER_MIN: usize = 64;

/// Bytes that the maps hold for a transaction beside itself, at their worst filling.
const ENTRY_BYTES: usize = 256;
/// Bytes for each authority, with its share of the map.
const AUTHORITY_BYTES: usize = 128;

/// A waiting transaction.
#[derive(Clone, Debug)]
pub struct Pooled {
    /// The transaction with its sender.
    pub transaction: Recovered,
    /// Its hash.
    pub hash: B256,
    /// Its bytes as sent.
    pub size: usize,
    /// Its bytes as kept.
    pub memory: usize,
    /// The most it can cost its sender, in wei.
    pub cost: U256,
    /// Rises with every transaction that comes in.
    order: u64,
    /// Since when it waits, in epoch seconds; if it is queued, since when it has been that.
    since: u64,
    /// What it offers.
    fees: Fees,
    /// The least that it and those before it offer.
    floor: Fees,
    /// Whom it may delegate.
    authorities: Box<[Address]>,
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

/// The transaction pool.
#[derive(Clone, Debug)]
pub struct Pool {
    limits: PoolLimits,
    senders: HashMap<Address, Sender>,
    by_hash: HashMap<B256, (Address, u64)>,
    /// How many of the transactions may delegate an account.
    authorities: HashMap<Address, usize>,
    order: Order,
    pending: usize,
    memory: usize,
    /// Number of the transaction that came in last.
    last: u64,
    /// Epoch seconds as last told.
    now: u64,
    /// Of the next block, as last told.
    base_fee: u64,
}

impl Pooled {
    fn nonce(&self) -> u64 {
        self.transaction.nonce()
    }

    fn is_outbid_by(&self, other: &Self) -> bool {
        let outbid = |old: u128, new: u128| {
            let least = old.saturating_mul(100 + REPLACEMENT_BUMP_PERCENT) / 100;
            new > old && new >= least
        };
        outbid(self.fees.cap, other.fees.cap) && outbid(self.fees.tip, other.fees.tip)
    }
}

/// Bytes that a transaction takes in the pool.
fn memory(transaction: &Transaction) -> usize {
    let access_list = transaction.access_list().map_or(0, |list| list.size());
    let authorizations = transaction
        .authorization_list()
        .map_or(0, |list| list.len() * (size_of::<SignedAuthorization>() + AUTHORITY_BYTES));
    let lists = access_list + authorizations;
    size_of::<Pooled>() + ENTRY_BYTES + transaction.input().len() + lists
}

impl Default for Pool {
    fn default() -> Self {
        Self::new(PoolLimits::default())
    }
}

impl Pool {
    /// An empty pool.
    pub fn new(limits: PoolLimits) -> Self {
        Self {
            limits,
            senders: HashMap::new(),
            by_hash: HashMap::new(),
            authorities: HashMap::new(),
            order: Order::new(limits.fair_share),
            pending: 0,
            memory: 0,
            last: 0,
            now: 0,
            base_fee: 0,
        }
    }

    /// Its limits.
    pub fn limits(&self) -> &PoolLimits {
        &self.limits
    }

    /// Adds a transaction that was [admitted](admit); `account` is its sender's as of the head, who
    /// is not delegated.
    pub fn add(&mut self, transaction: Recovered, account: &Account) -> Result<Added, PoolError> {
        let pooled = self.pooled(transaction)?;
        if account.has_code() {
            return Err(TransactionError::SenderNotEoa(pooled.transaction.signer()).into());
        }
        self.add_pooled(pooled, account, false)
    }

    /// The same for one whose sender's code is a delegation.
    pub fn add_delegated(
        &mut self,
        transaction: Recovered,
        account: &Account,
    ) -> Result<Added, PoolError> {
        let pooled = self.pooled(transaction)?;
        self.add_pooled(pooled, account, true)
    }

    fn add_pooled(
        &mut self,
        mut pooled: Pooled,
        account: &Account,
        delegated: bool,
    ) -> Result<Added, PoolError> {
        self.update(pooled.transaction.signer(), account);
        self.check(&pooled, account)?;
        // Recovering hundreds of them takes milliseconds: only for who can pay for it.
        pooled.authorities = authorities(&pooled.transaction).into();
        self.check_delegation(&pooled, account, delegated)?;
        let evicted = self.make_room(&pooled, account.nonce)?;
        Ok(Added { evicted, ..self.insert(pooled, account.nonce) })
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
        self.last += 1;
        let fees = Fees::of(&transaction);
        Ok(Pooled {
            hash,
            size: transaction.inner().encode_2718_len(),
            memory: memory(transaction.inner()),
            cost,
            order: self.last,
            since: self.now,
            fees,
            floor: fees,
            authorities: Vec::new().into(),
            transaction,
        })
    }

    /// Accounts that may change by what others send have one transaction at a time, replacements
    /// apart; those that have more are delegated by nobody meanwhile.
    fn check_delegation(
        &self,
        pooled: &Pooled,
        account: &Account,
        delegated: bool,
    ) -> Result<(), PoolError> {
        let address = pooled.transaction.signer();
        if delegated || self.authorities.contains_key(&address) {
            let (nonce, sender) = (pooled.nonce(), self.senders.get(&address));
            match sender.filter(|sender| !sender.pending.is_empty()) {
                Some(sender) if nonce >= sender.next_nonce() => {
                    return Err(PoolError::DelegatedLimit);
                }
                None if nonce != account.nonce => return Err(PoolError::DelegatedGap),
                _ => {}
            }
        }
        let waiting = |authority| self.senders.get(authority).map_or(0, Sender::len);
        let reserved = pooled.authorities.iter().any(|authority| waiting(authority) > 1);
        if reserved { Err(PoolError::AuthorityReserved) } else { Ok(()) }
    }

    /// What depends on the sender's account and on its other transactions.
    fn check(&self, pooled: &Pooled, account: &Account) -> Result<(), PoolError> {
        let fresh = Sender::new(account.nonce);
        let sender = self.senders.get(&pooled.transaction.signer()).unwrap_or(&fresh);
        let nonce = pooled.nonce();
        if nonce < account.nonce {
            return Err(PoolError::NonceTooLow { next: account.nonce, got: nonce });
        }
        if nonce == u64::MAX {
            return Err(TransactionError::NonceMax.into());
        }
        let (balance, cost) = (account.balance, pooled.cost);
        if cost > balance {
            return Err(PoolError::InsufficientFunds { balance, cost });
        }
        let old = sender.get(nonce);
        let queued = sender.cost - old.map_or(U256::ZERO, |old| old.cost);
        if queued.saturating_add(cost) > balance {
            return Err(PoolError::InsufficientFundsInAll { balance, queued, cost });
        }
        if let Some(old) = old {
            let outbid = old.is_outbid_by(pooled);
            return if outbid { Ok(()) } else { Err(PoolError::ReplacementUnderpriced) };
        }
        let is_queued = nonce > sender.next_nonce();
        if sender.len() >= self.limits.per_sender_max.max(PER_SENDER_MIN)
            || is_queued && sender.queued.len() >= self.limits.queued_per_sender_max
        {
            return Err(PoolError::AccountLimitExceeded);
        }
        Ok(())
    }

    /// Puts in what passed [`check`](Self::check), whether there is room or not.
    fn insert(&mut self, pooled: Pooled, account_nonce: u64) -> Added {
        let (hash, nonce) = (pooled.hash, pooled.nonce());
        let address = pooled.transaction.signer();
        self.by_hash.insert(hash, (address, nonce));
        let (replaced, pending) = self.change(address, |sender| {
            sender.nonce = account_nonce;
            let replaced = sender.put(Box::new(pooled));
            (replaced, nonce < sender.next_nonce())
        });
        let replaced = replaced.map(|old| old.hash);
        if let Some(old) = &replaced {
            self.by_hash.remove(old);
        }
        Added { hash, pending, replaced, evicted: Vec::new() }
    }

    /// Everything that changes a sender goes through here, so that order and sums follow.
    fn change<T>(&mut self, address: Address, act: impl FnOnce(&mut Sender) -> T) -> T {
        let sender = self.senders.entry(address).or_default();
        let (pending, memory) = (sender.pending.len(), sender.memory());
        self.order.forget(address, sender);
        let done = act(sender);
        self.order.note(address, sender);
        self.pending = self.pending + sender.pending.len() - pending;
        self.memory = self.memory + sender.memory() - memory;
        for (authority, came) in sender.take_authorities() {
            let count = self.authorities.entry(authority).or_default();
            *count = if came { *count + 1 } else { *count - 1 };
            if *count == 0 {
                self.authorities.remove(&authority);
            }
        }
        if sender.len() == 0 {
            self.senders.remove(&address);
        }
        done
    }

    /// Drops what left a sender from the index.
    fn unindex(&mut self, gone: &[B256]) {
        for hash in gone {
            self.by_hash.remove(hash);
        }
    }

    /// Removes a transaction; those of the same sender after it become queued, as many as may.
    pub fn remove(&mut self, hash: B256) -> Option<Pooled> {
        let (address, nonce) = self.by_hash.remove(&hash)?;
        let now = self.now;
        let taken = self.change(address, |sender| sender.take(nonce, now))?;
        self.trim(address);
        Some(*taken)
    }

    /// Takes note of an account as of a new head: used nonces and what the balance does not cover
    /// any more leave the pool. Returns what left.
    pub fn update(&mut self, address: Address, account: &Account) -> Vec<B256> {
        let mut gone = self.settle(address, account);
        gone.extend(self.trim(address));
        gone
    }

    fn settle(&mut self, address: Address, account: &Account) -> Vec<B256> {
        let Some(sender) = self.senders.get(&address) else { return Vec::new() };
        if sender.nonce == account.nonce && sender.cost <= account.balance {
            return Vec::new();
        }
        let now = self.now;
        let gone = self.change(address, |sender| sender.settle(account, now));
        self.unindex(&gone);
        gone
    }

    /// Follows a new head: `accounts` are those of all senders in the blocks that were connected
    /// or disconnected, as of the new head; `returned` are the transactions of the disconnected
    /// blocks, oldest first, which come back unless the new branch has them.
    pub fn follow(
        &mut self,
        accounts: &HashMap<Address, Account>,
        returned: impl IntoIterator<Item = Recovered>,
    ) {
        for (address, account) in accounts {
            self.settle(*address, account);
        }
        // What a lost block leaves behind is behind a gap until its transactions are back, so room
        // is made only then.
        for transaction in returned {
            let Some(account) = accounts.get(&transaction.signer()) else { continue };
            // Refused means used on the new branch, or no longer payable: then it is gone.
            if let Ok(pooled) = self.pooled(transaction)
                && self.check(&pooled, account).is_ok()
            {
                self.insert(pooled, account.nonce);
            }
        }
        for address in accounts.keys() {
            self.trim(*address);
        }
        self.shrink();
    }

    /// Takes note of the base fee of the next block, by which tips are compared.
    pub fn set_base_fee(&mut self, base_fee: u64) {
        self.base_fee = base_fee;
    }

    /// Takes note of the time (epoch seconds): what has been queued for too long leaves. Returns
    /// what left.
    pub fn pass(&mut self, now: u64) -> Vec<B256> {
        self.now = self.now.max(now);
        let mut gone = Vec::new();
        let Some(since_max) = self.now.checked_sub(self.limits.queued_seconds_max) else {
            return gone;
        };
        while let Some((_, address)) = self.order.oldest().filter(|(since, _)| *since <= since_max)
        {
            let expired = self.change(address, |sender| sender.expire(since_max));
            self.unindex(&expired);
            gone.extend(expired);
        }
        gone
    }

    /// The transaction with this hash.
    pub fn get(&self, hash: &B256) -> Option<&Pooled> {
        let (address, nonce) = self.by_hash.get(hash)?;
        self.senders.get(address)?.get(*nonce)
    }

    /// Number of transactions, pending and queued.
    pub fn len(&self) -> usize {
        self.by_hash.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.by_hash.is_empty()
    }

    /// Number of pending transactions.
    pub fn pending_len(&self) -> usize {
        self.pending
    }

    /// Bytes that everything takes in memory; at most [`PoolLimits::bytes_max`].
    pub fn memory(&self) -> usize {
        self.memory
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
        Best::new(base_fee, self.senders.values())
    }

    /// Hashes of all transactions.
    pub fn hashes(&self) -> HashSet<B256> {
        self.by_hash.keys().copied().collect()
    }
}

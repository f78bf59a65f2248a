//! Who makes room when the pool is full.
//!
//! Somebody *claims* room. Victims are looked for one by one until the claim fits; if at some point
//! there is none that has to give way, those that were taken come back and the claim is refused.

use super::sender::{Fees, SENDER_BYTES, Sender};
use super::{Pool, PoolError, Pooled};
use alloy_primitives::{Address, B256};
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

/// Transactions that leave for one that comes.
const EVICTIONS_MAX: usize = 1_024;
/// Senders among which one with a single transaction is looked for.
const SENDERS_SEEN_MAX: usize = 64;

/// What the miner gets, `None` if the base fee is not covered; then the most that is offered.
type Rank = (Option<u128>, u128);

fn rank(fees: Fees, base_fee: u64) -> Rank {
    (fees.effective_tip(base_fee), fees.cap)
}

/// Number behind a gap, then the cheapest of equals, then the newest.
type Queue = (usize, Reverse<u128>, u64);

/// The senders by what is looked for in a full pool. Everything here follows from a [`Sender`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Order {
    fair_share: usize,
    /// By which `by_rank` is ordered; the base fee may have moved on since.
    pub(super) base_fee: u64,
    /// Senders with pending transactions, by what the last of them pays with all before it; of
    /// equals the newest first.
    by_rank: BTreeSet<(Rank, Reverse<u64>, Address)>,
    /// Senders above their fair share, by how many are pending.
    by_weight: BTreeSet<(usize, Address)>,
    /// Senders with queued transactions, by how many and by the last of them.
    by_queue: BTreeSet<(Queue, Address)>,
    /// The same senders, by how long one waits.
    by_age: BTreeSet<(u64, Address)>,
}

impl Order {
    pub(super) fn new(fair_share: usize) -> Self {
        Self { fair_share, ..Self::default() }
    }

    /// Takes a sender in, as it is now.
    pub(super) fn note(&mut self, address: Address, sender: &Sender) {
        if let Some(last) = sender.pending.back() {
            let rank = rank(last.floor, self.base_fee);
            self.by_rank.insert((rank, Reverse(last.order), address));
        }
        if sender.pending.len() > self.fair_share {
            self.by_weight.insert((sender.pending.len(), address));
        }
        if let Some((queue, age)) = queued(sender) {
            self.by_queue.insert((queue, address));
            self.by_age.insert((age, address));
        }
    }

    /// Takes a sender out before it changes.
    pub(super) fn forget(&mut self, address: Address, sender: &Sender) {
        if let Some(last) = sender.pending.back() {
            let rank = rank(last.floor, self.base_fee);
            self.by_rank.remove(&(rank, Reverse(last.order), address));
        }
        if sender.pending.len() > self.fair_share {
            self.by_weight.remove(&(sender.pending.len(), address));
        }
        if let Some((queue, age)) = queued(sender) {
            self.by_queue.remove(&(queue, address));
            self.by_age.remove(&(age, address));
        }
    }

    /// Orders by another base fee.
    pub(super) fn rerank(&mut self, base_fee: u64, senders: &HashMap<Address, Sender>) {
        let ranked = senders.iter().filter_map(|(address, sender)| {
            let last = sender.pending.back()?;
            Some((rank(last.floor, base_fee), Reverse(last.order), *address))
        });
        self.by_rank = ranked.collect();
        self.base_fee = base_fee;
    }

    /// Since when who waits longest behind a gap does.
    pub(super) fn oldest(&self) -> Option<(u64, Address)> {
        self.by_age.first().copied()
    }
}

fn queued(sender: &Sender) -> Option<(Queue, u64)> {
    let (_, last) = sender.queued.last_key_value()?;
    let age = sender.queued.values().map(|pooled| pooled.since).min()?;
    Some(((sender.queued.len(), Reverse(last.fees.cap), last.order), age))
}

/// Who wants room.
struct Claim {
    address: Address,
    nonce: u64,
    memory: usize,
    /// Whether it would be pending.
    pending: bool,
    rank: Rank,
    /// Pending transactions of the sender with it.
    weight: usize,
    /// Of the sender with it, if it would be queued.
    queue: Queue,
}

enum Victim {
    /// The last of a sender's queued transactions.
    Queued(Address),
    /// The last of a sender's pending transactions.
    Pending(Address),
    /// All transactions of a sender.
    Sender(Address),
}

/// A transaction that left, with the account nonce of its sender.
struct Evicted(u64, Box<Pooled>);

/// What the pool would hold too much of.
#[derive(Default)]
struct Excess {
    senders: bool,
    queued: bool,
    /// Transactions or bytes.
    any: bool,
}

impl Pool {
    /// Makes room for a transaction, or refuses it and leaves everything as it was.
    pub(super) fn make_room(
        &mut self,
        pooled: &Pooled,
        account_nonce: u64,
    ) -> Result<Vec<B256>, PoolError> {
        if self.order.base_fee != self.base_fee {
            self.order.rerank(self.base_fee, &self.senders);
        }
        let claim = self.claim(pooled, account_nonce);
        let mut evicted = Vec::new();
        loop {
            let excess = self.excess_with(&claim);
            if !(excess.senders || excess.queued || excess.any) {
                return Ok(evicted.iter().map(|Evicted(_, pooled)| pooled.hash).collect());
            }
            let full = if evicted.len() < EVICTIONS_MAX { None } else { Some(PoolError::Full) };
            match full.map_or_else(|| self.victim(&claim, &excess), Err) {
                Ok(victim) => evicted.extend(self.evict(&victim)),
                Err(refusal) => {
                    self.bring_back(evicted);
                    return Err(refusal);
                }
            }
        }
    }

    fn claim(&self, pooled: &Pooled, account_nonce: u64) -> Claim {
        let (address, nonce) = (pooled.transaction.signer(), pooled.nonce());
        let sender = self.senders.get(&address);
        let floor = sender.and_then(|sender| sender.floor_before(nonce));
        let floor = floor.map_or(pooled.fees, |floor| floor.least(pooled.fees));
        let next = sender.map_or(account_nonce, Sender::next_nonce);
        let (pending, queued) =
            sender.map_or((0, 0), |sender| (sender.pending.len(), sender.queued.len()));
        Claim {
            address,
            nonce,
            memory: pooled.memory,
            pending: nonce <= next,
            rank: rank(floor, self.base_fee),
            weight: pending + usize::from(nonce == next),
            queue: (queued + 1, Reverse(pooled.fees.cap), pooled.order),
        }
    }

    fn excess_with(&self, claim: &Claim) -> Excess {
        let limits = &self.limits;
        let sender = self.senders.get(&claim.address);
        let replaced = sender.and_then(|sender| sender.get(claim.nonce));
        let added = usize::from(replaced.is_none());
        let memory = match (sender, replaced) {
            (_, Some(replaced)) => claim.memory.saturating_sub(replaced.memory),
            (Some(_), None) => claim.memory,
            (None, None) => claim.memory + SENDER_BYTES,
        };
        Excess {
            senders: self.senders.len() + usize::from(sender.is_none()) > limits.senders_max,
            queued: !claim.pending && self.queued_len() + added > limits.queued_max,
            any: self.len() + added > limits.count_max || self.memory + memory > limits.bytes_max,
        }
    }

    fn queued_len(&self) -> usize {
        self.len() - self.pending
    }

    fn victim(&self, claim: &Claim, excess: &Excess) -> Result<Victim, PoolError> {
        if excess.senders {
            return self.sender_for(claim);
        }
        if let Some((queue, address)) = self.order.by_queue.last() {
            if claim.pending || *queue > claim.queue {
                return Ok(Victim::Queued(*address));
            }
            return Err(self.outbid(claim));
        }
        if !claim.pending {
            return Err(PoolError::FutureReplacesPending);
        }
        let others = self.order.by_weight.iter().rev();
        let heaviest = others.take(2).find(|(_, address)| *address != claim.address);
        let in_share = claim.weight <= self.limits.fair_share;
        if let Some((weight, address)) = heaviest
            && (in_share || *weight > claim.weight)
        {
            return Ok(Victim::Pending(*address));
        }
        if !in_share {
            return Err(PoolError::Full);
        }
        let others = self.order.by_rank.iter();
        match others.take(2).find(|(_, _, address)| *address != claim.address) {
            Some((rank, _, address)) if *rank < claim.rank => Ok(Victim::Pending(*address)),
            Some(_) => Err(self.outbid(claim)),
            None => Err(PoolError::Full),
        }
    }

    /// A sender that goes altogether: one that has nothing pending, else one that pays less and
    /// loses little.
    fn sender_for(&self, claim: &Claim) -> Result<Victim, PoolError> {
        let mut queues = self.order.by_queue.iter().rev().take(SENDERS_SEEN_MAX);
        let idle = queues.find(|(_, address)| self.senders[address].pending.is_empty());
        if let Some((queue, address)) = idle
            && (claim.pending || *queue > claim.queue)
        {
            return Ok(Victim::Sender(*address));
        }
        if !claim.pending {
            return Err(PoolError::FutureReplacesPending);
        }
        let cheapest = self.order.by_rank.iter().take(SENDERS_SEEN_MAX);
        let mut cheapest = cheapest.take_while(|(rank, _, _)| *rank < claim.rank).peekable();
        let first = cheapest.peek().copied();
        let single = cheapest.find(|(_, _, address)| self.senders[address].len() == 1);
        let (_, _, address) = single.or(first).ok_or_else(|| self.outbid(claim))?;
        Ok(Victim::Sender(*address))
    }

    fn outbid(&self, claim: &Claim) -> PoolError {
        let cheapest = self.order.by_rank.first().and_then(|((tip, _), _, _)| *tip);
        PoolError::Outbid {
            got: claim.rank.0.unwrap_or_default(),
            cheapest: cheapest.unwrap_or_default(),
        }
    }

    fn evict(&mut self, victim: &Victim) -> Vec<Evicted> {
        let (Victim::Queued(address) | Victim::Pending(address) | Victim::Sender(address)) = victim;
        let mut taken = Vec::new();
        self.change(*address, |sender| {
            let nonce = sender.nonce;
            let mut take = |pooled: Option<Box<Pooled>>| {
                taken.extend(pooled.map(|pooled| Evicted(nonce, pooled)));
            };
            match victim {
                Victim::Queued(_) => take(sender.pop_queued()),
                Victim::Pending(_) => take(sender.pop_pending()),
                Victim::Sender(_) => {
                    for _ in 0..sender.queued.len() {
                        take(sender.pop_queued());
                    }
                    for _ in 0..sender.pending.len() {
                        take(sender.pop_pending());
                    }
                }
            }
        });
        for Evicted(_, pooled) in &taken {
            self.by_hash.remove(&pooled.hash);
        }
        taken
    }

    fn bring_back(&mut self, evicted: Vec<Evicted>) {
        for Evicted(account_nonce, pooled) in evicted.into_iter().rev() {
            let address = pooled.transaction.signer();
            self.by_hash.insert(pooled.hash, (address, pooled.nonce()));
            let replaced = self.change(address, |sender| {
                sender.nonce = account_nonce;
                sender.put(pooled)
            });
            debug_assert!(replaced.is_none(), "its place was free");
        }
    }

    /// Keeps a sender's queue, and all queues together, within their limits after pending
    /// transactions became queued. Returns what left.
    pub(super) fn trim(&mut self, address: Address) -> Vec<B256> {
        let mut gone = Vec::new();
        let too_many = |pool: &Self| {
            let queued = pool.senders.get(&address).map_or(0, |sender| sender.queued.len());
            queued > pool.limits.queued_per_sender_max
        };
        while too_many(self) {
            gone.extend(self.evict(&Victim::Queued(address)));
        }
        while self.queued_len() > self.limits.queued_max
            && let Some((_, heaviest)) = self.order.by_queue.last().copied()
        {
            gone.extend(self.evict(&Victim::Queued(heaviest)));
        }
        gone.into_iter().map(|Evicted(_, pooled)| pooled.hash).collect()
    }

    /// Keeps the whole pool within its limits after transactions came back that nobody asked for.
    pub(super) fn shrink(&mut self) {
        while self.len() > self.limits.count_max
            || self.memory > self.limits.bytes_max
            || self.senders.len() > self.limits.senders_max
        {
            let order = &self.order;
            let queued = order.by_queue.last().map(|(_, address)| Victim::Queued(*address));
            let heavy = || order.by_weight.last().map(|(_, address)| Victim::Pending(*address));
            let cheap = || order.by_rank.first().map(|(_, _, address)| Victim::Pending(*address));
            let Some(victim) = queued.or_else(heavy).or_else(cheap) else { return };
            self.evict(&victim);
        }
    }
}

//! A million junk transactions against a pool, with honest senders between them.

use crate::support::{CHAIN_ID, MINER, START, spec};
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use chain::execute::TransactionError;
use chain::genesis::Allocation;
use chain::pool::admit;
use chain::state::Account;
use chain::{ChainView, Genesis, MemoryChain, Pool, PoolError, PoolLimits, Recovered};
use chain::{Rules, Transaction};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

const JUNK: u64 = 1_000_000;
const JUNK_PER_BLOCK: u64 = 100_000;
const HONEST: u64 = 40;
/// Transactions of each honest sender for each block.
const HONEST_PER_BLOCK: u64 = 4;
/// Junk senders with a balance that covers what they say.
const SWARM: u64 = 5_000;
const GWEI: u128 = 1_000_000_000;

fn limits() -> PoolLimits {
    PoolLimits {
        count_max: 4_096,
        bytes_max: 8 * 1024 * 1024,
        per_sender_max: 512,
        queued_max: 512,
        senders_max: 2_048,
        ..PoolLimits::default()
    }
}

fn numbered(kind: u8, number: u64) -> Address {
    let mut bytes = [kind; 20];
    bytes[12..].copy_from_slice(&number.to_be_bytes());
    bytes.into()
}

fn honest(number: u64) -> Address {
    numbered(0xaa, number)
}

/// A transfer. Whose it is was settled before, except where a test of admission says otherwise.
fn unsigned(sender: Address, nonce: u64, cap: u128, tip: u128) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: cap,
        max_priority_fee_per_gas: tip,
        to: TxKind::Call(sender),
        ..TxEip1559::default()
    }
}

fn of(sender: Address, unsigned: TxEip1559) -> Recovered {
    let signature = Signature::new(U256::ONE, U256::ONE, false);
    Recovered::new_unchecked(unsigned.into_signed(signature).into(), sender)
}

/// Why junk was refused, or that it was taken.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
enum Verdict {
    Taken,
    Signature,
    Chain,
    Underpriced,
    Unfunded,
    Replacement,
    Account,
    Oversized,
    Full,
    Known,
}

impl From<PoolError> for Verdict {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Transaction(TransactionError::InvalidSender) => Self::Signature,
            PoolError::Transaction(TransactionError::ChainId { .. }) => Self::Chain,
            PoolError::Underpriced { .. } => Self::Underpriced,
            PoolError::InsufficientFunds { .. } => Self::Unfunded,
            PoolError::ReplacementUnderpriced => Self::Replacement,
            PoolError::AccountLimitExceeded => Self::Account,
            PoolError::Oversized { .. } => Self::Oversized,
            PoolError::Full | PoolError::Outbid { .. } | PoolError::FutureReplacesPending => {
                Self::Full
            }
            PoolError::AlreadyKnown => Self::Known,
            other => panic!("{other}"),
        }
    }
}

struct World {
    random: ChaCha8Rng,
    rules: Rules,
    view: MemoryChain,
    pool: Pool,
    /// Accounts as of the head.
    accounts: HashMap<Address, Account>,
    verdicts: HashMap<Verdict, u64>,
    /// Made once, because its hash is dear.
    oversized: Transaction,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut spec = spec();
        let rich = (0..HONEST).map(honest).chain((0..SWARM).map(|at| numbered(0xbb, at)));
        let balance = U256::from(10).pow(U256::from(21));
        let account = Allocation { balance, ..Allocation::default() };
        spec.alloc.extend(rich.map(|address| (address, account.clone())));
        let Genesis { rules, imported, .. } = spec.build().unwrap();
        let mut view = MemoryChain::default();
        view.store(imported);
        let input = Bytes::from_static(&[0; 140_000]);
        let oversized = TxEip1559 { input, ..unsigned(MINER, 0, GWEI, 1) };
        Self {
            oversized: of(MINER, oversized).into_inner(),
            random: ChaCha8Rng::seed_from_u64(seed),
            rules,
            view,
            pool: Pool::new(limits()),
            accounts: HashMap::new(),
            verdicts: HashMap::new(),
        }
    }

    fn account(&mut self, address: Address) -> Account {
        let view = &self.view;
        let read = || {
            let root = view.header(view.head()).unwrap().state_root;
            let mut state = chain::State::at(root, chain::AtBlock::new(view, view.head()));
            state.account(address).unwrap().unwrap_or_default()
        };
        self.accounts.entry(address).or_insert_with(read).clone()
    }

    fn add(&mut self, sender: Address, unsigned: TxEip1559) -> Result<(), PoolError> {
        let account = self.account(sender);
        self.pool.add(of(sender, unsigned), &account).map(drop)
    }

    fn next_nonce(&mut self, sender: Address) -> u64 {
        let used = self.account(sender).nonce;
        self.pool.next_nonce(sender).unwrap_or(used)
    }

    fn junk(&mut self, number: u64) {
        let any = numbered(0xbb, self.random.random_range(0..SWARM));
        let cheap = self.random.random_range(7..GWEI);
        // Most junk costs nothing to make; what has a sender with a balance is the rest.
        let refused = match self.random.random_range(0..200) {
            0..38 => self.outsider(|tx| tx, 0),
            38..76 => self.outsider(|tx| TxEip1559 { chain_id: 1, ..tx }, 1),
            76..114 => self.outsider(|tx| TxEip1559 { max_fee_per_gas: 6, ..tx }, 1),
            114..152 => {
                let oversized = self.oversized.clone();
                admit(oversized, &self.rules, self.pool.limits()).map(drop)
            }
            // Everybody else, with nothing.
            152..190 => {
                let nobody = numbered(0xcc, number);
                self.pool
                    .add(of(nobody, unsigned(nobody, 0, cheap, 1)), &Account::default())
                    .map(drop)
            }
            // Behind a gap, and it promises a lot.
            190..192 => {
                let gap = self.next_nonce(any) + self.random.random_range(1..100);
                self.add(any, unsigned(any, gap, 900 * GWEI, 900 * GWEI))
            }
            // One sender that pays well.
            192..194 => {
                let one = numbered(0xbb, 0);
                let next = self.next_nonce(one);
                self.add(one, unsigned(one, next, 5 * GWEI, 5 * GWEI))
            }
            // The same again, for a little more or less.
            194..196 => {
                let one = numbered(0xbb, self.random.random_range(0..8));
                let nonce = self.account(one).nonce;
                self.add(one, unsigned(one, nonce, cheap, cheap))
            }
            // Large ones that can be mined.
            196..198 => {
                let input = Bytes::from(vec![0; self.random.random_range(0..4_000)]);
                let next = self.next_nonce(any);
                let unsigned = unsigned(any, next, cheap, cheap);
                self.add(any, TxEip1559 { input, gas_limit: 100_000, ..unsigned })
            }
            _ => {
                let next = self.next_nonce(any);
                self.add(any, unsigned(any, next, cheap, cheap))
            }
        };
        let verdict = refused.map_or_else(Verdict::from, |()| Verdict::Taken);
        *self.verdicts.entry(verdict).or_default() += 1;
    }

    /// What comes in from outside, with a signature of nobody: no point of the curve has `r` = 0.
    fn outsider(
        &mut self,
        change: impl FnOnce(TxEip1559) -> TxEip1559,
        r: u64,
    ) -> Result<(), PoolError> {
        let unsigned = change(unsigned(MINER, 0, GWEI, 1));
        let signature = Signature::new(U256::from(r), U256::ONE, false);
        let signed = unsigned.into_signed(signature).into();
        admit(signed, &self.rules, self.pool.limits()).map(drop)
    }

    /// A block of the best that waits.
    fn mine(&mut self) -> Vec<B256> {
        let head = self.view.head();
        let header = self.view.header(head).unwrap();
        let best = self.pool.best(self.rules.next_base_fee(&header)).take(1_500);
        let best: Vec<_> = best.map(|pooled| pooled.transaction.clone()).collect();
        let now = header.timestamp + 5;
        let candidate = self.rules.propose(&self.view, head, best, MINER, now).unwrap();
        for (hash, reason) in &candidate.skipped {
            assert_eq!(*reason, TransactionError::GasLimitReached, "{hash}");
        }
        let nonce = candidate.seal(0, 1_000).unwrap();
        let imported = self.rules.adopt(&self.view, candidate, nonce).unwrap();
        let included = imported.block.transactions.iter().map(|one| *one.tx_hash()).collect();
        let senders = imported.senders.clone();
        let next_base_fee = self.rules.next_base_fee(&imported.block.header);
        self.view.store(imported);
        // Everybody sends to itself, so that only senders change.
        for sender in &senders {
            self.accounts.remove(sender);
        }
        let accounts = senders.into_iter().map(|sender| (sender, self.account(sender))).collect();
        self.pool.set_base_fee(next_base_fee);
        self.pool.pass(now);
        self.pool.follow(&accounts, []);
        included
    }
}

/// Every honest transaction is taken at once and is in the next block or the one after it.
#[test]
fn a_million_junk_transactions_neither_fill_memory_nor_stop_honest_ones() {
    let mut world = World::new(7);
    let limits = limits();
    let (mut waiting, mut sent) = (Vec::new(), 0);
    let mut nonces = vec![0; usize::try_from(HONEST).unwrap()];
    let mut most = 0;
    for number in 0..JUNK {
        world.junk(number);
        most = most.max(world.pool.memory());
        assert!(world.pool.memory() <= limits.bytes_max && world.pool.len() <= limits.count_max);
        if number % (JUNK_PER_BLOCK / (HONEST * HONEST_PER_BLOCK)) == 0 {
            let at = usize::try_from(sent % HONEST).unwrap();
            let sender = honest(sent % HONEST);
            let transaction = of(sender, unsigned(sender, nonces[at], 2 * GWEI, GWEI));
            waiting.push((*transaction.inner().tx_hash(), number));
            let account = world.account(sender);
            let added = world.pool.add(transaction, &account);
            assert!(added.as_ref().is_ok_and(|added| added.pending), "{added:?}");
            nonces[at] += 1;
            sent += 1;
        }
        if number % JUNK_PER_BLOCK == JUNK_PER_BLOCK - 1 {
            let included = world.mine();
            waiting.retain(|(hash, _)| !included.contains(hash));
            let late = waiting.iter().any(|(_, since)| since + 2 * JUNK_PER_BLOCK < number);
            assert!(!late, "an honest transaction was kept out");
        }
    }
    let included = world.mine();
    waiting.retain(|(hash, _)| !included.contains(hash));
    assert_eq!((waiting, sent), (vec![], JUNK / JUNK_PER_BLOCK * HONEST * HONEST_PER_BLOCK));
    for number in 0..HONEST {
        let at = usize::try_from(number).unwrap();
        assert_eq!(world.account(honest(number)).nonce, nonces[at]);
    }
    // The attack was one: the pool was full, and every kind of junk was met.
    assert!(most > limits.bytes_max / 2, "{most}");
    use Verdict::{Account, Chain, Full, Oversized, Replacement, Signature, Taken, Underpriced};
    for kind in [
        Taken,
        Signature,
        Chain,
        Underpriced,
        Verdict::Unfunded,
        Replacement,
        Account,
        Oversized,
        Full,
    ] {
        assert!(
            world.verdicts.get(&kind).is_some_and(|count| *count > 100),
            "{:?}",
            world.verdicts
        );
    }
    let height = world.view.header(world.view.head()).unwrap().number;
    assert_eq!(height, JUNK / JUNK_PER_BLOCK + 1);
    assert!(world.view.header(world.view.head()).unwrap().timestamp > START);
}

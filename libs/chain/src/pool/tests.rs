//! The pool under random use: order, sums and index always follow from the transactions in it, and
//! no limit is exceeded.

use super::*;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEip7702};
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Bytes, Signature, TxKind};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SEEDS: u64 = 24;
const STEPS: u64 = 1_500;
/// Wei that one transaction may cost at least: 100 000 gas at 10 wei.
const COST: u64 = 1_000_000;

fn limits(random: &mut ChaCha8Rng) -> PoolLimits {
    PoolLimits {
        count_max: random.random_range(4..60),
        bytes_max: random.random_range(20_000..120_000),
        per_sender_max: 70,
        fair_share: random.random_range(1..12),
        queued_per_sender_max: random.random_range(1..8),
        queued_max: random.random_range(1..24),
        queued_seconds_max: 100,
        senders_max: random.random_range(2..12),
        ..PoolLimits::default()
    }
}

fn transaction(random: &mut ChaCha8Rng, sender: Address, nonce: u64) -> Recovered {
    let cap = random.random_range(8..40);
    let input = if random.random_range(0..8) == 0 { 4_000 } else { random.random_range(0..200) };
    let unsigned = TxEip1559 {
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: cap,
        max_priority_fee_per_gas: random.random_range(0..cap),
        // No two senders have the same transaction.
        to: TxKind::Call(sender),
        input: Bytes::from(vec![0; input]),
        ..TxEip1559::default()
    };
    let signature = Signature::new(U256::ONE, U256::ONE, false);
    if random.random_range(0..8) == 0 {
        let unsigned = delegating(unsigned, sender, random.random_range(0..3));
        return Recovered::new_unchecked(unsigned.into_signed(signature).into(), sender);
    }
    Recovered::new_unchecked(unsigned.into_signed(signature).into(), sender)
}

/// The same with up to two authorizations, by one of three that nobody has the key of.
fn delegating(call: TxEip1559, to: Address, number: u8) -> TxEip7702 {
    let address = Address::repeat_byte(number);
    let one = Authorization { chain_id: U256::ZERO, address, nonce: 0 };
    let one = one.into_signed(Signature::new(U256::ONE, U256::ONE, false));
    assert!(crate::signature::authority(&one).is_some());
    TxEip7702 {
        nonce: call.nonce,
        gas_limit: call.gas_limit,
        max_fee_per_gas: call.max_fee_per_gas,
        max_priority_fee_per_gas: call.max_priority_fee_per_gas,
        to,
        authorization_list: vec![one; usize::from(number)],
        input: call.input,
        ..TxEip7702::default()
    }
}

fn check(pool: &Pool, when: &str) {
    let limits = &pool.limits;
    let mut order = Order::new(limits.fair_share);
    order.rerank(pool.order.base_fee, &HashMap::new());
    let (mut count, mut pending, mut memory) = (0, 0, 0);
    let mut authorities: HashMap<Address, usize> = HashMap::new();
    for (address, sender) in &pool.senders {
        order.note(*address, sender);
        assert!(sender.len() > 0, "{when}: a sender without transactions");
        let mut floor: Option<Fees> = None;
        for (nonce, pooled) in (sender.nonce..).zip(sender.pending()) {
            assert_eq!(pooled.nonce(), nonce, "{when}");
            let least = floor.map_or(pooled.fees, |floor| floor.least(pooled.fees));
            assert_eq!(pooled.floor, least, "{when}");
            floor = Some(least);
        }
        let all = || sender.pending().chain(sender.queued());
        assert!(sender.queued().all(|pooled| pooled.nonce() > sender.next_nonce()), "{when}");
        assert_eq!(sender.cost, all().map(|pooled| pooled.cost).sum::<U256>(), "{when}");
        for pooled in all() {
            assert_eq!(pool.by_hash.get(&pooled.hash), Some(&(*address, pooled.nonce())), "{when}");
        }
        assert!(sender.queued.len() <= limits.queued_per_sender_max, "{when}");
        for authority in all().flat_map(|pooled| &pooled.authorities) {
            *authorities.entry(*authority).or_default() += 1;
        }
        count += sender.len();
        pending += sender.pending.len();
        memory += sender::SENDER_BYTES + all().map(|pooled| pooled.memory).sum::<usize>();
    }
    assert_eq!(order, pool.order, "{when}");
    assert_eq!(authorities, pool.authorities, "{when}");
    assert_eq!((count, pending, memory), (pool.len(), pool.pending, pool.memory), "{when}");
    assert!(count <= limits.count_max && memory <= limits.bytes_max, "{when}: {count} {memory}");
    assert!(count - pending <= limits.queued_max, "{when}");
    assert!(pool.senders.len() <= limits.senders_max, "{when}");
}

/// A pool and the accounts that it was told of.
struct World {
    random: ChaCha8Rng,
    pool: Pool,
    accounts: HashMap<Address, Account>,
    /// What was mined last, for a block that is lost again.
    mined: Vec<Recovered>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let pool = Pool::new(limits(&mut random));
        let account = |random: &mut ChaCha8Rng| Account {
            nonce: random.random_range(0..5),
            balance: U256::from(COST * random.random_range(1..400)),
            ..Account::default()
        };
        let accounts =
            (1..16).map(|number| (Address::repeat_byte(number), account(&mut random))).collect();
        Self { random, pool, accounts, mined: Vec::new() }
    }

    fn any(&mut self) -> (Address, Account) {
        let address = Address::repeat_byte(self.random.random_range(1..16));
        (address, self.accounts[&address].clone())
    }

    fn add(&mut self) {
        let (address, account) = self.any();
        let next = self.pool.next_nonce(address).unwrap_or(account.nonce);
        let nonce = match self.random.random_range(0..6) {
            0 => next + self.random.random_range(1..10),
            1 => account.nonce + self.random.random_range(0..10),
            _ => next,
        };
        let transaction = transaction(&mut self.random, address, nonce);
        let hash = *transaction.inner().tx_hash();
        let before = self.pool.hashes();
        match self.pool.add(transaction, &account) {
            Ok(added) => {
                assert_eq!(added.hash, hash);
                let gone: HashSet<_> = added.replaced.into_iter().chain(added.evicted).collect();
                let mut expected = &before - &gone;
                assert!(expected.insert(hash) && gone.is_subset(&before));
                assert_eq!(self.pool.hashes(), expected);
                let pending = self.pool.pending(address).any(|pooled| pooled.hash == hash);
                assert_eq!(added.pending, pending);
            }
            Err(_) => assert_eq!(self.pool.hashes(), before, "a refusal changes nothing"),
        }
    }

    /// A block takes some of the best, and somebody's balance changes.
    fn mine(&mut self) {
        let most = self.random.random_range(0..12);
        let base_fee = self.random.random_range(7..20);
        self.mined =
            self.pool.best(base_fee).take(most).map(|pooled| pooled.transaction.clone()).collect();
        let mut touched = HashMap::new();
        for transaction in &self.mined {
            let account = self.accounts.get_mut(&transaction.signer()).unwrap();
            assert_eq!(account.nonce, transaction.nonce(), "each sender's by nonce");
            account.nonce += 1;
            account.balance -= U256::from(self.random.random_range(0..COST));
            touched.insert(transaction.signer(), account.clone());
        }
        self.pool.set_base_fee(self.random.random_range(7..20));
        self.pool.follow(&touched, []);
        for transaction in &self.mined {
            assert!(self.pool.get(transaction.inner().tx_hash()).is_none());
        }
    }

    /// The last block is lost, with it what it had taken; perhaps another took its place.
    fn lose(&mut self) {
        let lost = std::mem::take(&mut self.mined);
        let mut touched = HashMap::new();
        for transaction in lost.iter().rev() {
            let account = self.accounts.get_mut(&transaction.signer()).unwrap();
            account.nonce = transaction.nonce();
            account.balance += U256::from(self.random.random_range(0..2 * COST));
            touched.insert(transaction.signer(), account.clone());
        }
        self.pool.follow(&touched, lost);
    }

    fn step(&mut self) {
        match self.random.random_range(0..40) {
            0 => self.mine(),
            1 => self.lose(),
            2 => {
                let (address, account) = self.any();
                let factor = U256::from(self.random.random_range(0..4));
                let account =
                    Account { balance: account.balance * factor / U256::from(2), ..account };
                self.accounts.insert(address, account.clone());
                self.pool.update(address, &account);
            }
            3 => {
                let hash = self.pool.hashes().into_iter().min();
                assert_eq!(
                    hash.and_then(|hash| self.pool.remove(hash)).map(|gone| gone.hash),
                    hash
                );
            }
            4 => {
                let now = self.pool.now + self.random.random_range(0..40);
                let before = self.pool.hashes();
                let gone: HashSet<_> = self.pool.pass(now).into_iter().collect();
                assert_eq!(&before - &gone, self.pool.hashes());
                let oldest = self.pool.order.oldest();
                assert!(oldest.is_none_or(|(since, _)| since + 100 > now));
            }
            _ => self.add(),
        }
    }
}

#[test]
fn order_and_sums_follow_from_the_transactions_and_no_limit_is_exceeded() {
    let mut full = 0;
    for seed in 0..SEEDS {
        let mut world = World::new(seed);
        for step in 0..STEPS {
            world.step();
            check(&world.pool, &format!("seed {seed}, step {step}"));
            full += u64::from(world.pool.len() == world.pool.limits.count_max);
        }
    }
    assert!(full > STEPS, "the pools were hardly ever full: {full}");
}

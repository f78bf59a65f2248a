//! The transactions of a block, on one journal, leave what each leaves on a machine of its own.

use crate::support::{
    CHAIN_ID, Chain, Key, MINER, authorize, delegating, init_code, spec, transaction,
};
use alloy_consensus::{Transaction as _, TxType};
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256, keccak256};
use chain::execute::{
    Appearance, Executed, Executor, Replay, TransactionError, block_env, receipts, transaction_env,
};
use chain::genesis::Allocation;
use chain::state::Changes;
use chain::{ChainView, Header, Recovered};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use revm::inspector::NoOpInspector;
use std::collections::BTreeMap;

const CONTRACTS: u8 = 6;
const SLOTS: u8 = 4;
const SENDERS: u8 = 5;

/// Runtime code of what contracts create: sets slot 2, then gives all that it has to its caller.
/// It stands in a PUSH10.
const HEIR: &[u8] = &[0x60, 7, 0x60, 2, 0x55, 0x33, 0xff, 0, 0, 0];

fn contract(number: u8) -> Address {
    Address::with_last_byte(0xc0 + number)
}

/// Creation code: it ends in its constructor, fails, or leaves [`HEIR`].
fn creation(random: &mut ChaCha8Rng) -> Vec<u8> {
    let set = [0x60, random.random_range(0..3), 0x60, random.random_range(0..SLOTS), 0x55];
    let rest = match random.random_range(0..5) {
        0 => vec![0x33, 0xff],
        1 => vec![0x5f, 0x5f, 0xfd],
        _ => [&[0x69], HEIR, &[0x5f, 0x52, 0x60, 10, 0x60, 22, 0xf3]].concat(),
    };
    [&set, &rest[..]].concat()
}

/// Who can be named: contracts, what they create, senders, precompiled contracts, nobody.
struct World {
    named: Vec<Address>,
    creations: Vec<Vec<u8>>,
}

impl World {
    fn new(random: &mut ChaCha8Rng) -> Self {
        let creations: Vec<_> = (0..3).map(|_| creation(random)).collect();
        let mut named = vec![MINER, Address::repeat_byte(0xee), Address::ZERO];
        named.extend((1..5).chain([3, 3]).map(Address::with_last_byte));
        named.extend((1..=SENDERS).map(|number| Key::new(number).address()));
        for number in 0..CONTRACTS {
            let address = contract(number);
            named.extend([address, address, address.create(1), address.create(2)]);
            let made = creations.iter().map(|code| address.create2(B256::ZERO, keccak256(code)));
            named.extend(made);
        }
        Self { named, creations }
    }

    fn any(&self, random: &mut ChaCha8Rng) -> Address {
        self.named[random.random_range(0..self.named.len())]
    }

    /// Some instructions that leave the stack as it was, or end the code.
    fn snippet(&self, random: &mut ChaCha8Rng) -> Vec<u8> {
        let (slot, other) = (random.random_range(0..SLOTS), random.random_range(0..SLOTS));
        let value = random.random_range(0..3);
        let named = [&[0x73], self.any(random).as_slice()].concat();
        let gas = [0x62, 0, random.random_range(0..=255), 0];
        let keep = [0x60, slot, 0x55];
        match random.random_range(0..16) {
            0 | 1 => vec![0x60, value, 0x60, slot, 0x55],
            2 => vec![0x60, slot, 0x54, 0x60, other, 0x55],
            // What gas is left tells what was cold.
            3 => [&[0x5a], &keep[..]].concat(),
            4..=6 => {
                let call = [&[0x5f, 0x5f, 0x5f, 0x5f, 0x60, value], &named[..], &gas, &[0xf1]];
                [&call.concat()[..], &keep].concat()
            }
            7 => [&[0x5f, 0x5f, 0x5f, 0x5f], &named[..], &gas, &[0xf4, 0x50]].concat(),
            8 => [&[0x5f, 0x5f, 0x5f, 0x5f], &named[..], &gas, &[0xfa], &keep].concat(),
            9 => [&named[..], &[[0x31, 0x3b, 0x3f][usize::from(value)]], &keep].concat(),
            10 => vec![0x60, other, 0x5c, 0x60, slot, 0x55, 0x60, value, 0x60, other, 0x5d],
            11 => vec![0x60, slot, 0x5f, 0x5f, 0xa1],
            12 => [&named[..], &[0xff]].concat(),
            13 if value == 0 => vec![0x5f, 0x5f, 0xfd],
            _ => self.create(random, keep),
        }
    }

    /// CREATE or CREATE2.
    fn create(&self, random: &mut ChaCha8Rng, keep: [u8; 3]) -> Vec<u8> {
        let code = &self.creations[random.random_range(0..self.creations.len())];
        let (size, value) = (u8::try_from(code.len()).unwrap(), random.random_range(0..2));
        let mut word = [0; 32];
        word[..code.len()].copy_from_slice(code);
        let place = [&[0x7f], &word[..], &[0x5f, 0x52]].concat();
        let create = match random.random() {
            true => vec![0x5f, 0x60, size, 0x5f, 0x60, value, 0xf5],
            false => vec![0x60, size, 0x5f, 0x60, value, 0xf0],
        };
        [&place[..], &create, &keep].concat()
    }

    fn code(&self, random: &mut ChaCha8Rng) -> Bytes {
        let snippets = random.random_range(1..8);
        (0..snippets).flat_map(|_| self.snippet(random)).collect::<Vec<_>>().into()
    }

    /// A transaction, seldom one that cannot be executed.
    fn send(&self, random: &mut ChaCha8Rng, nonces: &mut BTreeMap<u8, u64>) -> Recovered {
        let sender = random.random_range(1..=SENDERS);
        let nonce = nonces.entry(sender).or_default();
        let to = match random.random_range(0..8) {
            0 => TxKind::Create,
            1 | 2 => TxKind::Call(self.any(random)),
            _ => TxKind::Call(contract(random.random_range(0..CONTRACTS))),
        };
        let input = match to {
            TxKind::Create if random.random() => creation(random).into(),
            TxKind::Create => init_code(&self.snippet(random)),
            TxKind::Call(_) => Bytes::new(),
        };
        let mut sent = transaction(*nonce, to, input);
        sent.gas_limit = random.random_range(80_000..400_000);
        sent.value = U256::from(random.random_range(0..3));
        if random.random_ratio(1, 4) {
            let (address, storage_keys) = (self.any(random), vec![B256::ZERO]);
            sent.access_list = AccessList(vec![AccessListItem { address, storage_keys }]);
        }
        let fails = random.random_range(0..12);
        match fails {
            0 => sent.nonce += 1,
            1 => sent.value = U256::MAX,
            _ => *nonce += 1,
        }
        if fails < 2 || sent.to.is_create() || random.random_ratio(2, 3) {
            return Key::new(sender).send(sent);
        }
        // Some senders, some who never send anything; now and then at a nonce that is not theirs.
        let list = (0..random.random_range(1..4)).map(|_| {
            let authority = random.random_range(1..=SENDERS + 2);
            let nonce = nonces.entry(authority).or_default();
            let late = u64::from(random.random_ratio(1, 8));
            let at = *nonce + late;
            *nonce += 1 - late;
            let target = match random.random_range(0..6) {
                0 => Address::ZERO,
                1 => self.any(random),
                _ => contract(random.random_range(0..CONTRACTS)),
            };
            authorize(authority, CHAIN_ID, target, at)
        });
        delegating(sender, sent, list.collect())
    }
}

/// What became of a transaction: whether it succeeded, its gas, its logs, and who took part.
type Told = Result<(bool, u64, Vec<Log>, Vec<Appearance>), TransactionError>;

/// Each transaction on a machine of its own, whose changes the state takes over before the next.
fn one_by_one(chain: &Chain, header: &Header, sent: &[Recovered]) -> (Vec<Told>, Changes) {
    let mut replay = Replay::new(chain.state(), CHAIN_ID, block_env(header));
    let one = |sent: &Recovered| {
        let (transaction, sender) = (sent.inner(), sent.signer());
        let done = replay.watch(transaction_env(transaction, sender), &mut NoOpInspector)?;
        let touched = done.state.iter().filter(|(_, account)| account.is_touched());
        let mut parts: BTreeMap<Address, bool> =
            touched.map(|(address, account)| (*address, account.is_created())).collect();
        parts.remove(&MINER);
        for named in [Some(sender), transaction.to()].into_iter().flatten() {
            parts.entry(named).or_default();
        }
        let part = |(address, created)| Appearance { address, created };
        let parts = parts.into_iter().map(part).collect();
        replay.apply(done.state)?;
        let (success, gas) = (done.result.is_success(), done.result.tx_gas_used());
        let logs = if success { done.result.into_logs() } else { Vec::new() };
        Ok((success, gas, logs, parts))
    };
    (sent.iter().map(one).collect(), replay.state().commit().unwrap())
}

/// All of them by one executor.
fn together(chain: &Chain, header: &Header, sent: &[Recovered]) -> (Vec<Told>, Changes) {
    let mut state = chain.state();
    let mut executor = Executor::new(&mut state, CHAIN_ID, block_env(header));
    let one = |sent: &Recovered| executor.execute(sent.inner(), sent.signer());
    let told: Vec<_> = sent.iter().map(one).collect();
    let Executed { outcomes, appearances, .. } = executor.finish().unwrap();
    let (receipts, _) = receipts(outcomes);
    let (mut done, mut before) = (receipts.into_iter().zip(appearances), 0);
    let mut found = |()| {
        let (receipt, parts) = done.next().unwrap();
        let gas = receipt.cumulative_gas_used() - before;
        before += gas;
        (receipt.status(), gas, receipt.logs().to_vec(), parts)
    };
    let told = told.into_iter().map(|one| one.map(&mut found)).collect();
    (told, state.commit().unwrap())
}

#[test]
fn on_one_journal_a_block_gives_what_its_transactions_give_one_by_one() {
    let (mut included, mut failed, mut refused, mut created) = (0, 0, 0, 0);
    let mut delegated = 0;
    for seed in 0..200 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let world = World::new(&mut random);
        let mut spec = spec();
        for number in 0..CONTRACTS {
            let slots = (0..SLOTS).map(|slot| (U256::from(slot), U256::from(slot)));
            let (code, storage) = (world.code(&mut random), slots.skip(2).collect());
            let allocation = Allocation { balance: U256::from(9), nonce: 1, code, storage };
            spec.alloc.insert(contract(number), allocation);
        }
        let (chain, mut nonces) = (Chain::from(&spec), BTreeMap::from([(1, 2)]));
        let sent: Vec<_> = (0..24).map(|_| world.send(&mut random, &mut nonces)).collect();
        let head = chain.view.header(chain.view.head()).unwrap();
        let header = Header { number: 1, coinbase: MINER, ..head };
        let (expected, left) = one_by_one(&chain, &header, &sent);
        let (told, changes) = together(&chain, &header, &sent);
        for (index, (got, wanted)) in told.iter().zip(&expected).enumerate() {
            assert_eq!(got, wanted, "seed {seed}, transaction {index}");
        }
        // Which nodes are written anew depends on the order in which accounts change.
        assert_eq!(changes.root, left.root, "seed {seed}");
        // Of an account that was delegated twice the block leaves the last designator alone.
        assert!(changes.code.iter().all(|code| left.code.contains(code)), "seed {seed}");
        let gone = left.code.iter().filter(|code| !changes.code.contains(code));
        assert!(gone.map(|(_, code)| code).all(|code| code.starts_with(&[0xef, 1])), "seed {seed}");
        let kinds = sent.iter().zip(&told).filter(|(_, told)| told.is_ok());
        delegated += kinds.filter(|(sent, _)| sent.inner().tx_type() == TxType::Eip7702).count();
        refused += told.iter().filter(|one| one.is_err()).count();
        included += told.iter().flatten().count();
        failed += told.iter().flatten().filter(|(success, ..)| !success).count();
        created +=
            told.iter().flatten().flat_map(|(.., parts)| parts).filter(|part| part.created).count();
    }
    assert!(
        included > 3_000 && failed > 200 && refused > 200 && created > 200 && delegated > 500,
        "{included} {failed} {refused} {created} {delegated}"
    );
}

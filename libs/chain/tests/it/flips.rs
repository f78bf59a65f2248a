//! What is built is accepted, and nothing that differs from it by one bit is taken for it.

use crate::support::{CHAIN_ID, Chain, Key, MINER, RECORDER, init_code, record, transaction};
use alloy_consensus::{TxEip1559, TxEip2930, TxLegacy};
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{B64, Bytes, TxKind, U256};
use chain::{Block, ChainView, Recovered};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SEEDS: u64 = 12;
const BLOCKS: usize = 6;
const PER_BLOCK: usize = 12;

/// Anything that somebody could sign: also what cannot be executed.
fn any(random: &mut ChaCha8Rng, chain: &Chain, nonces: &mut [u64; 10]) -> Recovered {
    let number: u8 = random.random_range(2..10);
    let key = Key::new(number);
    let place = &mut nonces[usize::from(number)];
    let nonce = match random.random_range(0..12) {
        0 => place.saturating_sub(1),
        1 => *place + 1,
        _ => {
            *place += 1;
            *place - 1
        }
    };
    let (to, input) = match random.random_range(0..6) {
        0 => (TxKind::Create, init_code(RECORDER)),
        1 => (TxKind::Call(chain.recorder), Bytes::new()),
        2 => (TxKind::Call(MINER), Bytes::from(vec![7; random.random_range(0..200)])),
        _ => {
            let (slot, value) = (random.random_range(0..9), random.random_range(0..3));
            (TxKind::Call(chain.recorder), record(slot, value))
        }
    };
    let gas_limit = [21_000, 60_000, 200_000, 16_777_216][random.random_range(0..4)];
    let value = if random.random() { U256::ZERO } else { U256::from(random.random::<u64>()) };
    let gas_price = random.random_range(1..20);
    let signed = match random.random_range(0..4) {
        0 => {
            let chain_id = Some(CHAIN_ID);
            key.sign(TxLegacy { chain_id, nonce, gas_price, gas_limit, to, value, input })
        }
        1 => {
            let storage_keys = vec![U256::from(1).into(), U256::from(2).into()];
            let item = AccessListItem { address: chain.recorder, storage_keys };
            let (chain_id, access_list) = (CHAIN_ID, AccessList(vec![item]));
            key.sign(TxEip2930 {
                chain_id,
                nonce,
                gas_price,
                gas_limit,
                to,
                value,
                access_list,
                input,
            })
        }
        _ => key.sign(TxEip1559 { gas_limit, value, ..transaction(nonce, to, input) }),
    };
    Recovered::new_unchecked(signed, key.address())
}

#[test]
fn what_is_built_from_anything_is_accepted_with_the_same_outcome() {
    let (mut included, mut skipped) = (0, 0);
    for seed in 0..SEEDS {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut chain = Chain::new();
        let mut nonces = [0; 10];
        for _ in 0..BLOCKS {
            let mut offered: Vec<_> =
                (0..PER_BLOCK).map(|_| any(&mut random, &chain, &mut nonces)).collect();
            if random.random_range(0..3) == 0 {
                offered.shuffle(&mut random);
            }
            let candidate = chain.propose(chain.view.head(), offered);
            skipped += candidate.skipped.len();
            included += candidate.block().transactions.len();
            let nonce = candidate.seal(0, 100).unwrap();
            let mut block = candidate.block().clone();
            block.header.nonce = nonce;
            let now = block.header.timestamp;
            let theirs = chain.rules.import_rlp(&chain.view, &block.encode(), now);
            let theirs = theirs.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            let ours = chain.rules.adopt(&chain.view, candidate, nonce).unwrap();
            assert_eq!(theirs.block, ours.block, "seed {seed}");
            assert_eq!((&theirs.senders, &theirs.receipts), (&ours.senders, &ours.receipts));
            assert_eq!((&theirs.mmr, &theirs.head), (&ours.mmr, &ours.head), "seed {seed}");
            // What either leaves to be stored is enough to build on.
            chain.view.store(if random.random() { theirs } else { ours });
            for (number, nonce) in nonces.iter_mut().enumerate().skip(2) {
                let address = Key::new(u8::try_from(number).unwrap()).address();
                *nonce = chain.state().account(address).unwrap().unwrap().nonce;
            }
        }
    }
    assert!(included > 300 && skipped > 30, "{included} and {skipped}");
}

#[test]
fn a_block_with_one_bit_changed_is_refused_or_another_block() {
    let chain = Chain::new();
    let key = Key::new(2);
    let transactions = vec![
        key.send(transaction(0, chain.recorder, record(1, 1))),
        key.send(transaction(1, TxKind::Create, init_code(RECORDER))),
    ];
    let block = chain.mine_on(chain.view.head(), transactions);
    let (hash, rlp, now) = (block.hash(), block.encode(), block.header.timestamp);
    let (mut refused, mut others) = (0, 0);
    for bit in 0..rlp.len() * 8 {
        let mut flipped = rlp.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let Ok(imported) = chain.rules.import_rlp(&chain.view, &flipped, now) else {
            refused += 1;
            continue;
        };
        // With so little work any nonce does, and the time is the miner's to choose.
        assert_ne!(imported.hash, hash, "bit {bit}");
        let mut header = imported.block.header.clone();
        (header.nonce, header.timestamp) = (block.header.nonce, block.header.timestamp);
        assert_eq!(Block { header, ..imported.block.clone() }, block, "bit {bit}");
        assert_eq!(imported.block.encode(), flipped, "bit {bit}");
        others += 1;
    }
    assert!(refused > 6_000, "{refused}");
    assert!((size_of::<B64>() * 8..size_of::<B64>() * 8 + 32).contains(&others), "{others}");
    let imported = chain.rules.import_rlp(&chain.view, &rlp, now).unwrap();
    assert_eq!(imported.head.unwrap().connected, [hash]);
    assert!(chain.view.header(hash).is_none(), "nothing was stored");
}

use crate::support::{Chain, Key, MINER, record, transaction};
use alloy_primitives::{B256, Bytes, U256};
use chain::{ChainView, HeadChange, Imported, Recovered};

/// Writes `value` into slot 1 and sends a coin to the miner.
fn write(chain: &Chain, nonce: u64, value: u64) -> Vec<Recovered> {
    let recorder = chain.recorder;
    vec![
        Key::new(2).send(transaction(nonce, recorder, record(1, value))),
        Key::new(3).send(transaction(nonce, MINER, Bytes::new())),
    ]
}

fn on(chain: &mut Chain, parent: B256, transactions: Vec<Recovered>) -> Imported {
    let block = chain.mine_on(parent, transactions);
    chain.import(block)
}

#[test]
fn the_heavier_branch_becomes_the_chain_and_its_state_the_state() {
    let mut chain = Chain::new();
    let genesis = chain.view.head();
    let txs = write(&chain, 0, 10);
    let a1 = on(&mut chain, genesis, txs);
    let txs = write(&chain, 1, 11);
    let a2 = on(&mut chain, a1.hash, txs);
    assert_eq!(a2.head, Some(HeadChange { disconnected: vec![], connected: vec![a2.hash] }));
    assert_eq!(chain.slot(1), U256::from(11));

    let b1 = on(&mut chain, genesis, vec![]);
    assert_eq!(b1.head, None, "less work");
    let txs = write(&chain, 0, 20);
    let b2 = on(&mut chain, b1.hash, txs);
    assert_eq!(b2.head, None, "as much work, but seen later");
    assert_eq!(chain.view.head(), a2.hash);
    assert_eq!(chain.slot(1), U256::from(11));

    let b3 = on(&mut chain, b2.hash, vec![]);
    let (disconnected, connected) = (vec![a2.hash, a1.hash], vec![b1.hash, b2.hash, b3.hash]);
    assert_eq!(b3.head, Some(HeadChange { disconnected, connected }));
    assert_eq!(chain.view.head(), b3.hash);
    assert_eq!(b3.total_difficulty, U256::from(4));
    assert_eq!(chain.slot(1), U256::from(20));
    for (number, hash) in [genesis, b1.hash, b2.hash, b3.hash].into_iter().enumerate() {
        assert_eq!(chain.view.canonical_hash(number as u64), Some(hash));
    }
    let old = chain.state_at(a2.hash).storage_at(chain.recorder, U256::ONE).unwrap();
    assert_eq!(old, U256::from(11), "the old branch stays readable");

    let a3 = on(&mut chain, a2.hash, vec![]);
    assert_eq!(a3.head, None);
    let a4 = on(&mut chain, a3.hash, vec![]);
    let disconnected = vec![b3.hash, b2.hash, b1.hash];
    let connected = vec![a1.hash, a2.hash, a3.hash, a4.hash];
    assert_eq!(a4.head, Some(HeadChange { disconnected, connected }));
    assert_eq!(chain.view.canonical_hash(5), None);
}

#[test]
fn a_shorter_branch_with_more_work_wins() {
    let mut spec = crate::support::spec();
    spec.fixed_difficulty = false;
    spec.difficulty = U256::from(64);
    spec.half_life = 20;
    let mut chain = Chain::from(&spec);
    let genesis = chain.view.head();
    // Slow blocks are easy, so three of them weigh less than two quick ones.
    let mut slow = genesis;
    for step in 1..=3 {
        let now = chain.rules.genesis_timestamp + step * 60;
        let candidate = chain.rules.propose(&chain.view, slow, vec![], MINER, now).unwrap();
        let mut block = candidate.block().clone();
        block.header.nonce = candidate.seal(0, 1_000_000).unwrap();
        slow = chain.import(block).hash;
    }
    assert_eq!(chain.view.head(), slow);
    let quick = on(&mut chain, genesis, vec![]);
    assert_eq!(quick.head, None);
    let quick = on(&mut chain, quick.hash, vec![]);
    assert_eq!(quick.block.header.number, 2);
    assert_eq!(quick.head.unwrap().disconnected.len(), 3);
    assert_eq!(chain.view.canonical_hash(3), None);
}

#[test]
fn contracts_see_the_hashes_of_their_own_branch() {
    // BLOCKHASH(calldata[0..32]) as the answer.
    let code = [0x5f, 0x35, 0x40, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3];
    let mut spec = crate::support::spec();
    let from = Key::new(1).address();
    let init_code = crate::support::init_code(&code);
    spec.deploy.push(chain::genesis::Deploy { from, init_code, value: U256::ZERO });
    let mut chain = Chain::from(&spec);
    let genesis = chain.view.head();
    let a1 = on(&mut chain, genesis, vec![]);
    let a2 = on(&mut chain, a1.hash, vec![]);
    let empty = write(&chain, 0, 1);
    let b1 = on(&mut chain, genesis, empty);
    let b2 = on(&mut chain, b1.hash, vec![]);
    for (tip, number, expected) in [
        (&a2, 0, genesis),
        (&a2, 1, a1.hash),
        (&b2, 0, genesis),
        (&b2, 1, b1.hash),
        (&b2, 2, b2.hash),
        (&b2, 3, B256::ZERO),
    ] {
        let next = chain.propose(tip.hash, vec![]);
        let block = chain::execute::block_env(&next.block().header);
        let call = chain::execute::Call {
            from,
            to: Some(from.create(1)),
            data: B256::from(U256::from(number)).into(),
            ..Default::default()
        };
        let mut state = chain.state_at(tip.hash);
        let chain_id = chain.rules.chain_id;
        let answer = chain::execute::call(&mut state, chain_id, block, &call).unwrap();
        let expected = chain::execute::CallOutcome::Success(expected.into());
        assert_eq!(answer.outcome, expected, "block {number}");
    }
}

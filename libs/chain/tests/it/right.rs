//! Where the genesis names miners, a block begins with its miner's right to it.

use crate::support::{Chain, Key, reseal, spec, transaction};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use chain::mining_right::RightError;
use chain::{Block, BlockError, ChainView, Recovered};

const NOW: u64 = crate::support::START + 5;

/// A chain on which keys 2 and 3 may mine.
fn chain() -> Chain {
    let mut spec = spec();
    spec.miners = vec![Key::new(2).address(), Key::new(3).address()];
    Chain::from(&spec)
}

fn right(chain: &Chain, key: u8) -> Recovered {
    let (parent, key) = (chain.view.head(), Key::new(key));
    let unsigned = chain.rules.right_to_mine(&chain.view, parent, key.address()).unwrap().unwrap();
    key.send(unsigned)
}

fn propose(chain: &Chain, key: u8, all: Vec<Recovered>) -> Result<Block, BlockError> {
    let (parent, coinbase) = (chain.view.head(), Key::new(key).address());
    let candidate = chain.rules.propose(&chain.view, parent, all, coinbase, NOW)?;
    Ok(reseal(candidate.block().clone()))
}

#[test]
fn a_named_miner_mines_and_pays_for_its_right() {
    let mut chain = chain();
    let one = Key::new(5).send(transaction(0, Key::new(6).address(), Bytes::new()));
    let all = vec![right(&chain, 2), one];
    let block = propose(&chain, 2, all).unwrap();
    assert_eq!(block.transactions.len(), 2);
    let imported = chain.import(block);
    assert_eq!(imported.senders[0], Key::new(2).address());
    let account = chain.state().account(Key::new(2).address()).unwrap().unwrap();
    assert_eq!(account.nonce, 1, "the nonce counts the blocks of the miner");
    let next = right(&chain, 3);
    let block = Block { ..propose(&chain, 3, vec![next]).unwrap() };
    chain.import(reseal(block));
}

#[test]
fn where_anyone_may_mine_there_is_no_right() {
    let chain = Chain::new();
    let parent = chain.view.head();
    let right = chain.rules.right_to_mine(&chain.view, parent, Address::ZERO).unwrap();
    assert_eq!(right, None);
}

/// What is refused when it is proposed is refused when it comes from elsewhere.
fn check(key: u8, all: Vec<Recovered>, expected: RightError) {
    let chain = chain();
    let refused = propose(&chain, key, all.clone()).unwrap_err();
    assert_eq!(refused, BlockError::Right(expected));
    let mut open = spec();
    open.miners = Vec::new();
    // The same block from a chain where anyone may mine, under the parent of this one.
    let twin = Chain::from(&open);
    let coinbase = Key::new(key).address();
    let candidate = twin.rules.propose(&twin.view, twin.view.head(), all, coinbase, NOW).unwrap();
    let mut block = candidate.block().clone();
    let genesis = chain.view.header(chain.view.head()).unwrap();
    block.header.parent_hash = chain.view.head();
    block.header.mix_hash = genesis.pow_hash();
    block.header.extra_data = chain.view.mmr(chain.view.head()).unwrap().root();
    let refused = chain.rules.import(&chain.view, reseal(block), NOW).unwrap_err();
    assert_eq!(refused, BlockError::Right(expected));
}

#[test]
fn every_other_beginning_of_a_block_is_refused() {
    let (coinbase, stranger) = (Key::new(2).address(), Key::new(4).address());
    let chain = chain();
    let unsigned = chain.rules.right_to_mine(&chain.view, chain.view.head(), coinbase);
    let unsigned = unsigned.unwrap().unwrap();
    let own = |change: &dyn Fn(&mut alloy_consensus::TxEip1559)| {
        let mut changed = unsigned.clone();
        change(&mut changed);
        vec![Key::new(2).send(changed)]
    };
    check(4, vec![right(&chain, 4)], RightError::NotNamed(stranger));
    check(2, Vec::new(), RightError::Missing);
    let signer = RightError::Signer { got: Key::new(3).address(), coinbase };
    check(2, vec![right(&chain, 3)], signer);
    check(2, own(&|right| right.to = TxKind::Call(stranger)), RightError::NotARight);
    check(2, own(&|right| right.value = U256::ONE), RightError::NotARight);
    let parent = RightError::Parent(chain.view.head());
    check(2, own(&|right| right.input = Bytes::from(vec![1; 32])), parent);
}

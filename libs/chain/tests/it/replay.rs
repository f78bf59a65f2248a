//! A block executed again gives what it gave, watched or not.

use crate::support::{CHAIN_ID, Chain, Key, MINER, RECORDER, init_code, record, transaction};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use chain::execute::{Appearance, Replay, transaction_env};
use chain::{AtBlock, ChainView, Imported, MemoryChain};
use revm::Inspector;
use revm::interpreter::Interpreter;

/// Counts instructions.
#[derive(Default)]
struct Count(u64);

impl<C> Inspector<C> for Count {
    fn step(&mut self, _: &mut Interpreter, _: &mut C) {
        self.0 += 1;
    }
}

/// A block that writes, clears, reverts, creates and pays.
fn mined(chain: &mut Chain) -> Imported {
    let (one, two, recorder) = (Key::new(1), Key::new(2), chain.recorder);
    let stranger = Address::repeat_byte(7);
    let paid = alloy_consensus::TxEip1559 {
        value: U256::from(3),
        ..transaction(1, stranger, Bytes::new())
    };
    chain.mine(vec![
        two.send(transaction(0, recorder, record(2, 9))),
        two.send(paid),
        two.send(transaction(2, recorder, Bytes::new())),
        one.send(transaction(2, recorder, record(1, 0))),
        one.send(transaction(3, TxKind::Create, init_code(RECORDER))),
    ])
}

fn replay<'v>(chain: &'v Chain, imported: &Imported) -> Replay<AtBlock<'v, MemoryChain>> {
    Replay::before(&chain.view, CHAIN_ID, &imported.block.header).unwrap()
}

#[test]
fn skipping_and_watching_lead_to_the_same_state() {
    let mut chain = Chain::new();
    let imported = mined(&mut chain);
    let block = &imported.block;
    // All but one transaction are skipped, each of them in turn.
    for watched in 0..block.transactions.len() {
        let (mut replay, mut gas) = (replay(&chain, &imported), 0);
        for (index, (sent, sender)) in block.transactions.iter().zip(&imported.senders).enumerate()
        {
            if index != watched {
                replay.skip(sent, *sender).unwrap();
                continue;
            }
            let mut count = Count::default();
            let done = replay.watch(transaction_env(sent, *sender), &mut count).unwrap();
            let receipt = &imported.receipts[index];
            let before =
                index.checked_sub(1).map_or(0, |at| imported.receipts[at].cumulative_gas_used());
            gas = receipt.cumulative_gas_used() - before;
            assert_eq!(done.result.tx_gas_used(), gas, "{index}");
            assert_eq!(done.result.is_success(), receipt.is_success(), "{index}");
            assert_eq!(count.0 > 0, gas > 21_000, "{index}");
            replay.apply(done.state).unwrap();
        }
        assert!(gas >= 21_000);
        replay.state().credit(MINER, chain.rules.reward).unwrap();
        assert_eq!(replay.state().commit().unwrap().root, block.header.state_root, "{watched}");
    }
}

#[test]
fn what_is_only_watched_changes_nothing() {
    let mut chain = Chain::new();
    let imported = mined(&mut chain);
    let mut replay = replay(&chain, &imported);
    let (sent, sender) = (&imported.block.transactions[0], imported.senders[0]);
    let once = replay.watch(transaction_env(sent, sender), &mut Count::default()).unwrap();
    let again = replay.watch(transaction_env(sent, sender), &mut Count::default()).unwrap();
    assert_eq!(once.result, again.result);
    let parent = chain.view.header(imported.block.header.parent_hash).unwrap();
    assert_eq!(replay.state().commit().unwrap().root, parent.state_root);
    let orphan = chain::Header { parent_hash: sent.tx_hash().to_owned(), ..parent };
    assert!(Replay::before(&chain.view, CHAIN_ID, &orphan).is_none());
}

#[test]
fn an_import_tells_who_took_part() {
    let mut chain = Chain::new();
    let imported = mined(&mut chain);
    let (one, two, recorder) = (Key::new(1).address(), Key::new(2).address(), chain.recorder);
    let stranger = Address::repeat_byte(7);
    let created = one.create(3);
    for (index, expected) in [
        vec![(two, false), (recorder, false)],
        vec![(two, false), (stranger, false)],
        vec![(two, false), (recorder, false)],
        vec![(one, false), (recorder, false)],
        vec![(one, false), (created, true)],
    ]
    .into_iter()
    .enumerate()
    {
        let mut expected: Vec<Appearance> = expected
            .into_iter()
            .map(|(address, created)| Appearance { address, created })
            .collect();
        expected.sort_by_key(|one| one.address);
        assert_eq!(imported.appearances[index], expected, "{index}");
    }
    assert!(imported.receipts.iter().any(|receipt| !receipt.is_success()));
}

//! Transactions as anybody sends them: refused, or taken by the pool and then executed.
#![no_main]

use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{U256, keccak256};
use chain::execute::{Executor, block_env};
use chain::state::Account;
use chain::{AtBlock, ChainView, Pool, PoolLimits, State, Transaction};
use fuzz::{CHAIN_ID, World};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static WORLD: LazyLock<World> = LazyLock::new(World::new);

fuzz_target!(|data: &[u8]| {
    let Ok(transaction) = Transaction::decode_2718_exact(data) else { return };
    assert_eq!(transaction.encoded_2718(), data, "a transaction has one spelling");
    assert_eq!(*transaction.tx_hash(), keccak256(data));
    let limits = PoolLimits::default();
    let Ok(admitted) = chain::pool::admit(transaction, &WORLD.rules, &limits) else { return };
    let sender = admitted.signer();
    let rich = Account { balance: U256::MAX >> 1, ..Account::default() };
    let mut pool = Pool::new(limits);
    let Ok(added) = pool.add(admitted, &rich) else { return };
    let pooled = pool.remove(added.hash).expect("it was there");
    assert!(pooled.memory >= data.len() && pooled.size == data.len());
    assert_eq!((pool.len(), pool.memory()), (0, 0));

    let head = WORLD.view.head();
    let header = WORLD.view.header(head).expect("the head is stored");
    let mut state = State::at(header.state_root, AtBlock::new(&WORLD.view, head));
    state.set_balance(sender, rich.balance).expect("the state is readable");
    let mut executor = Executor::new(&mut state, CHAIN_ID, block_env(&header));
    let done = executor.execute(pooled.transaction.inner(), sender).map(drop);
    assert_eq!(done.is_ok(), added.pending, "{done:?}");
    state.commit().expect("the state is readable");
});

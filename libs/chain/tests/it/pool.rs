use crate::support::{CHAIN_ID, Chain, ETHER, Key, MINER, START, spec, transaction};
use alloy_consensus::{Transaction as _, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, Bytes, U256};
use chain::execute::TransactionError;
use chain::pool::{Added, admit};
use chain::state::Account;
use chain::{ChainView, Pool, PoolError, PoolLimits, Recovered};
use std::collections::HashMap;

fn account(nonce: u64) -> Account {
    Account { nonce, balance: U256::from(100) * ETHER, ..Account::default() }
}

fn paying(key: u8, nonce: u64, fee: u128, tip: u128) -> Recovered {
    Key::new(key).send(TxEip1559 {
        max_fee_per_gas: fee,
        max_priority_fee_per_gas: tip,
        ..transaction(nonce, MINER, Bytes::new())
    })
}

fn nonces<'a>(pooled: impl Iterator<Item = &'a chain::pool::Pooled>) -> Vec<u64> {
    pooled.map(|pooled| pooled.transaction.nonce()).collect()
}

#[test]
fn a_gap_queues_and_filling_it_makes_pending() {
    let mut pool = Pool::default();
    let sender = Key::new(2).address();
    let mut add = |nonce| pool.add(paying(2, nonce, 100, 1), &account(3)).unwrap().pending;
    assert_eq!([3, 5, 6, 8].map(&mut add), [true, false, false, false]);
    assert_eq!(nonces(pool.pending(sender)), [3]);
    assert_eq!(nonces(pool.queued(sender)), [5, 6, 8]);
    assert_eq!(pool.next_nonce(sender), Some(4));
    assert!(pool.add(paying(2, 4, 100, 1), &account(3)).unwrap().pending);
    assert_eq!(nonces(pool.pending(sender)), [3, 4, 5, 6]);
    assert_eq!(nonces(pool.queued(sender)), [8]);
    assert_eq!(pool.next_nonce(sender), Some(7));
    assert_eq!(pool.next_nonce(Address::ZERO), None);
}

#[test]
fn a_replacement_pays_ten_percent_more_in_both_fees() {
    for (fee, tip, accepted) in [
        (110, 11, true),
        (109, 11, false),
        (110, 10, false),
        (200, 10, false),
        (100, 10, false),
        (99, 9, false),
        (200, 200, true),
    ] {
        let mut pool = Pool::default();
        let old = pool.add(paying(2, 0, 100, 10), &account(0)).unwrap();
        let result = pool.add(paying(2, 0, fee, tip), &account(0));
        let expected = match &result {
            _ if (fee, tip) == (100, 10) => Err(PoolError::AlreadyKnown),
            Ok(Added { hash, .. }) if accepted => {
                let (replaced, evicted) = (Some(old.hash), vec![]);
                Ok(Added { hash: *hash, pending: true, replaced, evicted })
            }
            _ => Err(PoolError::ReplacementUnderpriced),
        };
        assert_eq!(result, expected, "{fee} and {tip}");
        assert_eq!(pool.len(), 1);
    }
}

#[test]
fn what_is_refused_is_refused_in_the_words_of_geth() {
    let rules = Chain::new().rules;
    let limits = PoolLimits { tip_min: 10, ..PoolLimits::default() };
    let sender = Key::new(2).address();
    let with = |change: fn(&mut TxEip1559)| {
        let mut transaction = transaction(5, MINER, Bytes::new());
        change(&mut transaction);
        let mut pool = Pool::new(limits);
        let admitted = admit(Key::new(2).sign(transaction), &rules, &limits);
        admitted.and_then(|admitted| pool.add(admitted, &account(5))).unwrap_err().to_string()
    };
    let poor = "insufficient funds for gas * price + value: balance 100000000000000000000, \
                tx cost 100000400000000000000, overshot 400000000000000";
    for (message, start) in [
        (with(|tx| tx.nonce = 4), "nonce too low: next nonce 5, tx nonce 4"),
        (with(|tx| tx.value = U256::from(100) * ETHER), poor),
        (with(|tx| tx.gas_limit = 20_000), "intrinsic gas too low"),
        (
            with(|tx| (tx.gas_limit, tx.input) = (22_000, vec![1; 100].into())),
            "intrinsic gas too low",
        ),
        (
            with(|tx| (tx.gas_limit, tx.input) = (23_000, vec![1; 100].into())),
            "insufficient gas for floor data gas cost",
        ),
        (with(|tx| tx.gas_limit = 16_777_217), "transaction gas limit too high (cap: 16777216"),
        (with(|tx| tx.chain_id = CHAIN_ID + 1), "invalid chain id for signer"),
        (with(|tx| tx.max_fee_per_gas = 1), "max priority fee per gas higher than max fee per gas"),
        (
            with(|tx| (tx.max_fee_per_gas, tx.max_priority_fee_per_gas) = (6, 0)),
            "transaction underpriced",
        ),
        (with(|tx| tx.input = vec![0; 200_000].into()), "oversized data"),
        (
            with(|tx| tx.max_priority_fee_per_gas = 9),
            "transaction gas price below minimum: gas tip cap 9, minimum needed 10",
        ),
        (
            with(|tx| (tx.to, tx.input) = (Default::default(), vec![0; 49_153].into())),
            "max initcode size exceeded: code size 49153 limit 49152",
        ),
    ] {
        assert!(message.starts_with(start), "{message}");
    }
    let contract = Account { code_hash: B256::repeat_byte(1), ..account(0) };
    let refused = Pool::default().add(paying(2, 0, 100, 1), &contract);
    assert_eq!(refused, Err(TransactionError::SenderNotEoa(sender).into()));
    let small = chain::Rules { gas_limit: 100_000, ..rules };
    let refused = admit(Key::new(2).sign(transaction(0, MINER, Bytes::new())), &small, &limits);
    assert_eq!(refused, Err(TransactionError::ExceedsBlockGasLimit.into()));
}

#[test]
fn together_a_senders_transactions_cost_no_more_than_its_balance() {
    let mut pool = Pool::default();
    // Each costs 200 000 gas * 100 wei.
    let account = Account { balance: U256::from(50_000_000), ..account(0) };
    pool.add(paying(2, 0, 100, 1), &account).unwrap();
    pool.add(paying(2, 1, 100, 1), &account).unwrap();
    let error = pool.add(paying(2, 2, 100, 1), &account).unwrap_err();
    let expected = PoolError::InsufficientFundsInAll {
        balance: U256::from(50_000_000),
        queued: U256::from(40_000_000),
        cost: U256::from(20_000_000),
    };
    assert_eq!(error, expected);
    let sender = Key::new(2).address();
    let poorer = Account { balance: U256::from(30_000_000), ..account };
    assert_eq!(pool.update(sender, &poorer).len(), 1);
    assert_eq!(nonces(pool.pending(sender)), [0]);
}

#[test]
fn a_full_pool_gives_way_to_who_pays_more_only() {
    let limits = PoolLimits { count_max: 3, ..PoolLimits::default() };
    let mut pool = Pool::new(limits);
    for (key, fee) in [(2, 30), (3, 20), (4, 40)] {
        pool.add(paying(key, 0, fee, fee), &account(0)).unwrap();
    }
    let refused = pool.add(paying(5, 0, 20, 20), &account(0));
    assert_eq!(refused, Err(PoolError::Outbid { got: 20, cheapest: 20 }));
    let cheapest = *paying(3, 0, 20, 20).inner().tx_hash();
    let added = pool.add(paying(5, 0, 21, 21), &account(0)).unwrap();
    assert_eq!(added.evicted, [cheapest]);
    assert_eq!(pool.len(), 3);
    assert!(pool.get(&cheapest).is_none());
    // A replacement needs no room.
    assert!(pool.add(paying(2, 0, 33, 33), &account(0)).unwrap().evicted.is_empty());
    let small = PoolLimits { bytes_max: 10, ..limits };
    let refused = Pool::new(small).add(paying(2, 0, 100, 1), &account(0));
    assert_eq!(refused, Err(PoolError::Full));
}

#[test]
fn the_memory_of_the_pool_is_bounded_and_counted_as_decoded() {
    let (mut small, mut large, mut listed) = <(Pool, Pool, Pool)>::default();
    small.add(paying(2, 0, 100, 1), &account(0)).unwrap();
    let with = |change: fn(&mut TxEip1559)| {
        let mut unsigned = transaction(0, MINER, Bytes::new());
        change(&mut unsigned);
        Key::new(2).send(unsigned)
    };
    large.add(with(|tx| tx.input = vec![1; 10_000].into()), &account(0)).unwrap();
    assert_eq!(large.memory(), small.memory() + 10_000);
    // Twenty-three bytes of an entry without keys become a whole one.
    let entries = with(|tx| {
        let item = || AccessListItem { address: MINER, storage_keys: Vec::new() };
        tx.access_list = AccessList((0..1_000).map(|_| item()).collect());
    });
    let size = entries.inner().encode_2718_len();
    listed.add(entries, &account(0)).unwrap();
    assert!(listed.memory() >= small.memory() + 1_000 * size_of::<AccessListItem>());
    assert!(listed.memory() > small.memory() + 2 * size);

    let limits = PoolLimits { bytes_max: large.memory(), ..PoolLimits::default() };
    let mut pool = Pool::new(limits);
    let mut count = 0;
    while pool.memory() + small.memory() <= limits.bytes_max {
        pool.add(paying(2, count, 100, 1), &account(0)).unwrap();
        count += 1;
    }
    while pool.add(paying(2, count, 100, 1), &account(0)).is_ok() {
        count += 1;
        assert!(pool.memory() <= limits.bytes_max);
    }
    let added = pool.add(paying(3, 0, 101, 2), &account(0)).unwrap();
    let last = count - 1;
    assert!(added.evicted.contains(paying(2, last, 100, 1).inner().tx_hash()), "the last nonce");
    assert!(pool.memory() <= limits.bytes_max);
}

#[test]
fn a_sender_has_at_least_64_and_a_bounded_number_behind_a_gap() {
    let limits =
        PoolLimits { per_sender_max: 1, queued_per_sender_max: 2, ..PoolLimits::default() };
    let mut pool = Pool::new(limits);
    for nonce in 0..64 {
        assert!(pool.add(paying(2, nonce, 100, 1), &account(0)).unwrap().pending);
    }
    let refused = Err(PoolError::AccountLimitExceeded);
    assert_eq!(pool.add(paying(2, 64, 100, 1), &account(0)), refused);
    for nonce in [5, 7] {
        assert!(!pool.add(paying(3, nonce, 100, 1), &account(0)).unwrap().pending);
    }
    assert_eq!(pool.add(paying(3, 9, 100, 1), &account(0)), refused);
    assert!(pool.add(paying(3, 0, 100, 1), &account(0)).unwrap().pending);
}

#[test]
fn the_best_come_first_but_each_senders_in_order() {
    let mut pool = Pool::default();
    for (key, nonce, fee, tip) in [
        (2, 0, 100, 1),
        (2, 1, 100, 90),
        (3, 0, 100, 20),
        (4, 0, 100, 20),
        (5, 0, 9, 9),
        (5, 1, 100, 99),
        (6, 1, 100, 99),
    ] {
        pool.add(paying(key, nonce, fee, tip), &account(0)).unwrap();
    }
    let order: Vec<_> = pool
        .best(10)
        .map(|pooled| (pooled.transaction.signer(), pooled.transaction.nonce()))
        .collect();
    let expected =
        [(3, 0), (4, 0), (2, 0), (2, 1)].map(|(key, nonce)| (Key::new(key).address(), nonce));
    assert_eq!(order, expected);
}

#[test]
fn a_mined_transaction_leaves_and_a_disconnected_one_returns() {
    let mut chain = Chain::from(&spec());
    let genesis = chain.view.head();
    let mut pool = Pool::default();
    for (key, nonce) in [(2, 0), (2, 1), (3, 0)] {
        pool.add(paying(key, nonce, 2_000_000_000, 1), &account(0)).unwrap();
    }
    let best: Vec<_> = pool.best(7).map(|pooled| pooled.transaction.clone()).collect();
    let a1 = chain.mine(best);
    let senders = [2, 3].map(|key| Key::new(key).address());
    let accounts = |chain: &Chain| -> HashMap<_, _> {
        let mut state = chain.state();
        let mut read = |address| (address, state.account(address).unwrap().unwrap_or_default());
        senders.map(&mut read).into()
    };
    pool.follow(&accounts(&chain), []);
    assert!(pool.is_empty());

    // The other branch has only one of the three.
    let b1 = chain.mine_on(genesis, vec![paying(3, 0, 2_000_000_000, 1)]);
    let b1 = chain.import(b1);
    let b2 = chain.mine_on(b1.hash, vec![]);
    assert_eq!(chain.import(b2).head.unwrap().disconnected, [a1.hash]);
    let returned = a1.block.transactions.into_iter().zip(a1.senders);
    let returned =
        returned.map(|(transaction, sender)| Recovered::new_unchecked(transaction, sender));
    pool.follow(&accounts(&chain), returned);
    assert_eq!(nonces(pool.pending(senders[0])), [0, 1]);
    assert_eq!(pool.pending(senders[1]).count(), 0);
    assert_eq!(chain.view.header(b1.hash).unwrap().timestamp, START + 5);
}

#[test]
fn refused_transactions_leave_nothing_behind() {
    let mut pool = Pool::default();
    let poor = Account::default();
    assert!(pool.add(paying(2, 0, 100, 1), &poor).is_err());
    assert_eq!((pool.len(), pool.senders().count()), (0, 0));
    let hash = pool.add(paying(2, 0, 100, 1), &account(0)).unwrap().hash;
    assert_eq!(pool.hashes().len(), 1);
    assert!(pool.remove(hash).is_some());
    assert!(pool.remove(hash).is_none());
    assert_eq!((pool.len(), pool.senders().count()), (0, 0));
    assert!(pool.best(7).next().is_none());
}

//! Accounts with a key that run the code of a contract (EIP-7702).

use crate::support::{
    CHAIN_ID, Chain, Key, MINER, authorize, delegating, record, spec, transaction,
};
use alloy_consensus::{TxEip4844, TxType};
use alloy_eips::eip7702::SignedAuthorization;
use alloy_primitives::{Address, B256, Bytes, U256, bytes};
use chain::execute::{Call, CallOutcome, TransactionError, authorities, block_env, call};
use chain::genesis::{Allocation, MULTICALL3};
use chain::pool::admit;
use chain::signature::{HALF_ORDER, authority};
use chain::state::Account;
use chain::{ChainView, Pool, PoolError, PoolLimits, Recovered};
use std::collections::HashMap;

/// What stands in the place of code of an account that is delegated.
fn designator(target: Address) -> Bytes {
    [&[0xef, 1, 0], target.as_slice()].concat().into()
}

fn code(chain: &Chain, address: Address) -> Bytes {
    chain.state().code_of(address).unwrap()
}

fn nonce(chain: &Chain, address: Address) -> u64 {
    chain.state().account(address).unwrap().unwrap_or_default().nonce
}

fn slot(chain: &Chain, address: Address, slot: u64) -> U256 {
    chain.state().storage_at(address, U256::from(slot)).unwrap()
}

fn send(sender: u8, nonce: u64, to: Address, data: Bytes) -> Recovered {
    Key::new(sender).send(transaction(nonce, to, data))
}

fn delegate(nonce: u64, to: Address, data: Bytes, list: Vec<SignedAuthorization>) -> Recovered {
    delegating(3, transaction(nonce, to, data), list)
}

#[test]
fn an_account_runs_the_code_that_it_names_until_it_takes_that_back() {
    let mut chain = Chain::new();
    let (account, recorder) = (Key::new(2).address(), chain.recorder);
    let consent = vec![authorize(2, CHAIN_ID, recorder, 0)];
    let mined = chain.mine(vec![delegate(0, account, record(7, 70), consent)]);
    let receipt = &mined.receipts[0];
    assert_eq!((receipt.tx_type(), receipt.is_success()), (TxType::Eip7702, true));
    assert_eq!(receipt.logs()[0].address, account);
    let parts = [Key::new(3).address(), account];
    assert!(mined.appearances[0].iter().all(|one| parts.contains(&one.address) && !one.created));
    assert_eq!((code(&chain, account), nonce(&chain, account)), (designator(recorder), 1));
    assert_eq!([account, recorder].map(|at| slot(&chain, at, 7)), [U256::from(70), U256::ZERO]);

    // Everybody can call it, in later blocks too, and it still sends.
    let own = send(2, 1, MINER, Bytes::new());
    let mined = chain.mine(vec![send(3, 1, account, record(8, 80)), own]);
    assert!(mined.receipts.iter().all(|receipt| receipt.is_success()));
    assert_eq!((slot(&chain, account, 8), nonce(&chain, account)), (U256::from(80), 2));

    // Its own transaction takes it back: the nonce rises for the transaction first.
    let consent = vec![authorize(2, CHAIN_ID, Address::ZERO, 3)];
    let last = transaction(2, MINER, Bytes::new());
    chain.mine(vec![delegating(2, last, consent)]);
    assert_eq!((code(&chain, account), nonce(&chain, account)), (Bytes::new(), 4));
    assert_eq!(slot(&chain, account, 8), U256::from(80), "storage stays");
}

#[test]
fn what_does_not_fit_is_passed_over_and_a_revert_takes_nothing_back() {
    let mut chain = Chain::new();
    let recorder = chain.recorder;
    let broken = |key, parity: u8, s: fn(U256) -> U256| {
        let good = authorize(key, CHAIN_ID, recorder, 0);
        let parity = good.y_parity() ^ parity;
        SignedAuthorization::new_unchecked(good.inner().clone(), parity, good.r(), s(good.s()))
    };
    let high = |s| HALF_ORDER * U256::from(2) + U256::ONE - s;
    let list = vec![
        authorize(2, CHAIN_ID, recorder, 0),
        authorize(4, CHAIN_ID, recorder, 1),
        authorize(5, CHAIN_ID + 1, recorder, 0),
        broken(6, 1, high),
        broken(7, 2, |s| s),
        authorize(8, 0, recorder, 0),
    ];
    assert_eq!([3, 4].map(|at: usize| authority(&list[at])), [None, None]);
    // Without call data the recorder reverts.
    let mut sent = transaction(0, recorder, Bytes::new());
    sent.gas_limit = 400_000;
    let sent = delegating(3, sent, list);
    let mut expected = [2, 4, 8].map(|key| Key::new(key).address()).to_vec();
    expected.sort_unstable();
    assert_eq!(authorities(sent.inner()), expected, "a nonce is looked at later");
    let mined = chain.mine(vec![sent]);
    assert!(!mined.receipts[0].is_success());
    for (key, delegated) in [(2, true), (4, false), (5, false), (6, false), (7, false), (8, true)] {
        let address = Key::new(key).address();
        let expected = if delegated { designator(recorder) } else { Bytes::new() };
        let found = (code(&chain, address), nonce(&chain, address));
        assert_eq!(found, (expected, u64::from(delegated)), "key {key}");
    }
}

#[test]
fn an_authorization_has_one_signer_by_both_libraries() {
    for (key, chain_id, nonce) in [(1, 0, 0), (2, CHAIN_ID, 7), (9, u64::MAX, u64::MAX)] {
        let one = authorize(key, chain_id, MINER, nonce);
        assert_eq!(authority(&one), Some(Key::new(key).address()));
        assert_eq!(authority(&one), one.recover_authority().ok());
    }
}

#[test]
fn within_a_block_the_last_delegation_stands_and_used_nonces_are_left_out() {
    let mut chain = Chain::new();
    let (account, recorder) = (Key::new(2).address(), chain.recorder);
    let first = delegate(0, account, record(1, 1), vec![authorize(2, CHAIN_ID, recorder, 0)]);
    let second = delegate(1, MINER, Bytes::new(), vec![authorize(2, CHAIN_ID, MULTICALL3, 1)]);
    let late = send(2, 0, MINER, Bytes::new());
    let hash = *late.inner().tx_hash();
    let candidate = chain.propose(chain.view.head(), vec![first.clone(), second.clone(), late]);
    let reason = TransactionError::NonceTooLow { address: account, got: 0, expected: 2 };
    assert_eq!(candidate.skipped, [(hash, reason)]);
    chain.mine(vec![first, second]);
    assert_eq!(code(&chain, account), designator(MULTICALL3));
    assert_eq!(slot(&chain, account, 1), U256::ONE);
}

#[test]
fn a_call_runs_as_if_its_authorizations_had_been_applied() {
    let chain = Chain::new();
    let account = Key::new(2).address();
    let head = chain.view.header(chain.view.head()).unwrap();
    let ask = |list: Vec<SignedAuthorization>| {
        let request = Call {
            from: Key::new(3).address(),
            to: Some(account),
            data: record(7, 70),
            authorization_list: list,
            ..Call::default()
        };
        call(&mut chain.state(), CHAIN_ID, block_env(&head), &request).unwrap()
    };
    let (plain, delegated) = (ask(vec![]), ask(vec![authorize(2, CHAIN_ID, chain.recorder, 0)]));
    assert_eq!((plain.outcome, plain.logs.len()), (CallOutcome::Success(Bytes::new()), 0));
    assert_eq!((delegated.outcome, delegated.logs.len()), (CallOutcome::Success(Bytes::new()), 1));
    // 25 000 for the authorization, of which half comes back since the account exists.
    assert!(delegated.gas_used > plain.gas_used + 12_500 + 20_000);
}

#[test]
fn what_only_looks_like_a_designator_is_code_that_fails() {
    let mut spec = spec();
    let odd = Address::repeat_byte(0x0d);
    let allocation = Allocation { nonce: 1, code: bytes!("ef0100aa"), ..Allocation::default() };
    spec.alloc.insert(odd, allocation);
    let mut chain = Chain::from(&spec);
    let mined = chain.mine(vec![send(3, 0, odd, Bytes::new())]);
    assert!(!mined.receipts[0].is_success());
}

fn account(nonce: u64) -> Account {
    Account { nonce, balance: U256::from(10).pow(U256::from(20)), ..Account::default() }
}

fn paying(sender: u8, nonce: u64, fee: u128) -> Recovered {
    let mut sent = transaction(nonce, MINER, Bytes::new());
    (sent.max_fee_per_gas, sent.max_priority_fee_per_gas) = (fee, fee);
    Key::new(sender).send(sent)
}

/// Delegates key 2.
fn naming() -> Recovered {
    delegate(0, MINER, Bytes::new(), vec![authorize(2, CHAIN_ID, MINER, 0)])
}

#[test]
fn who_is_delegated_or_about_to_be_has_one_transaction_waiting() {
    let mut pool = Pool::default();
    let naming = naming();
    pool.add(naming.clone(), &account(0)).unwrap();
    let gap = pool.add(paying(2, 1, 100), &account(0));
    assert_eq!(gap, Err(PoolError::DelegatedGap));
    pool.add(paying(2, 0, 100), &account(0)).unwrap();
    let second = pool.add(paying(2, 1, 100), &account(0));
    assert_eq!(second, Err(PoolError::DelegatedLimit));
    assert!(pool.add(paying(2, 0, 120), &account(0)).unwrap().replaced.is_some());
    // Another that names it waits beside the first.
    let other = delegating(4, transaction(0, MINER, Bytes::new()), vec![authorize(2, 0, MINER, 0)]);
    pool.add(other.clone(), &account(0)).unwrap();
    pool.remove(*naming.inner().tx_hash()).unwrap();
    let second = pool.add(paying(2, 1, 100), &account(0));
    assert_eq!(second.unwrap_err().to_string().find("in-flight transaction limit"), Some(0));
    pool.remove(*other.inner().tx_hash()).unwrap();
    assert!(pool.add(paying(2, 1, 100), &account(0)).unwrap().pending);

    // Mined or not payable any more is as good as gone.
    let mut pool = Pool::default();
    pool.add(naming.clone(), &account(0)).unwrap();
    pool.follow(&HashMap::from([(Key::new(3).address(), account(1))]), []);
    assert!(pool.is_empty());
    pool.add(naming, &account(0)).unwrap();
    pool.update(Key::new(3).address(), &Account { balance: U256::ZERO, ..account(0) });
    assert!(pool.is_empty() && !pool.add(paying(2, 1, 100), &account(0)).unwrap().pending);

    // The code says it as well.
    let mut pool = Pool::default();
    let with_code = Account { code_hash: B256::repeat_byte(1), ..account(0) };
    assert_eq!(pool.add_delegated(paying(2, 1, 9), &with_code), Err(PoolError::DelegatedGap));
    assert!(pool.add_delegated(paying(2, 0, 9), &with_code).unwrap().pending);
    assert_eq!(pool.add_delegated(paying(2, 1, 9), &with_code), Err(PoolError::DelegatedLimit));
}

#[test]
fn nobody_delegates_an_account_with_two_transactions_waiting() {
    let mut pool = Pool::default();
    pool.add(paying(2, 0, 100), &account(0)).unwrap();
    pool.add(paying(2, 5, 100), &account(0)).unwrap();
    let refused = pool.add(naming(), &account(0)).unwrap_err();
    assert_eq!(refused, PoolError::AuthorityReserved);
    assert_eq!(refused.to_string(), "authority already reserved");
    pool.remove(*paying(2, 5, 100).inner().tx_hash()).unwrap();
    pool.add(naming(), &account(0)).unwrap();
}

#[test]
fn a_delegation_without_consent_and_a_blob_are_refused() {
    let (rules, limits) = (Chain::new().rules, PoolLimits::default());
    let refused = |sent| admit(sent, &rules, &limits).unwrap_err().to_string();
    let empty = delegate(0, MINER, Bytes::new(), vec![]);
    let expected = "set code tx must have at least one authorization tuple";
    assert_eq!(refused(empty.inner().clone()), expected);
    let mut poor = transaction(0, MINER, Bytes::new());
    poor.gas_limit = 45_000;
    let poor = delegating(3, poor, vec![authorize(2, CHAIN_ID, MINER, 0)]);
    let expected = "intrinsic gas too low: have 45000, want 46000";
    assert_eq!(refused(poor.inner().clone()), expected);
    let blob = TxEip4844 { chain_id: CHAIN_ID, ..TxEip4844::default() };
    assert_eq!(refused(Key::new(3).sign(blob)), "transaction type not supported");
}

use crate::support::{CHAIN_ID, Chain, ETHER, Key, MINER, RECORDER, init_code, record, spec};
use crate::support::{START, transaction};
use alloy_consensus::{Transaction as _, TxEip2930, TxLegacy};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use chain::execute::TransactionError;
use chain::genesis::{CREATE2_DEPLOYER, MULTICALL3};
use chain::{ChainView, Mmr, Recovered};

#[test]
fn genesis_has_allocation_deployed_contracts_and_what_the_calls_did() {
    let chain = Chain::new();
    let deployer = Key::new(1).address();
    assert_eq!(chain.recorder, deployer.create(0));
    assert_eq!(chain.slot(1), U256::from(5));
    let mut state = chain.state();
    assert_eq!(state.code_of(chain.recorder).unwrap().as_ref(), RECORDER);
    assert_eq!(state.account(deployer).unwrap().unwrap().nonce, 2);
    assert_eq!(chain.balance(Key::new(2).address()), U256::from(100) * ETHER);
    for address in [CREATE2_DEPLOYER, MULTICALL3] {
        assert!(!state.code_of(address).unwrap().is_empty());
    }
    let header = chain.view.header(chain.view.head()).unwrap();
    assert_eq!((header.number, header.timestamp, header.extra_data), (0, START, B256::ZERO));
    assert_eq!(Chain::new().view.head(), chain.view.head());
    let other = chain::GenesisSpec { timestamp: START + 1, ..spec() };
    assert_ne!(Chain::from(&other).view.head(), chain.view.head());
}

#[test]
fn a_block_transfers_creates_calls_and_reverts() {
    let mut chain = Chain::new();
    let (alice, bob) = (Key::new(2), Address::repeat_byte(0xbb));
    let mut transfer = transaction(0, bob, Bytes::new());
    transfer.value = U256::from(3) * ETHER;
    let imported = chain.mine(vec![
        alice.send(transfer),
        alice.send(transaction(1, TxKind::Create, init_code(RECORDER))),
        alice.send(transaction(2, chain.recorder, Bytes::new())),
        alice.send(transaction(3, chain.recorder, record(1, 0))),
        Key::new(3).send(transaction(0, alice.address().create(1), record(8, 9))),
    ]);
    let status: Vec<_> = imported.receipts.iter().map(|receipt| receipt.is_success()).collect();
    assert_eq!(status, [true, true, false, true, true]);
    assert_eq!(imported.receipts[0].cumulative_gas_used(), 21_000);
    assert_eq!(imported.receipts[2].logs(), []);
    let log = &imported.receipts[3].logs()[0];
    assert_eq!((log.address, log.topics()), (chain.recorder, &[B256::with_last_byte(1)][..]));
    let header = &imported.block.header;
    assert!(header.logs_bloom.contains_raw_log(log.address, log.topics()));
    let gas_used = imported.receipts[4].cumulative_gas_used();
    assert_eq!(header.gas_used, gas_used);

    assert_eq!(chain.balance(bob), U256::from(3) * ETHER);
    assert_eq!(chain.slot(1), U256::ZERO);
    let mut state = chain.state();
    let created = alice.address().create(1);
    assert_eq!(state.storage_at(created, U256::from(8)).unwrap(), U256::from(9));
    assert_eq!(state.account(alice.address()).unwrap().unwrap().nonce, 4);
    let tips = U256::from(gas_used) * U256::from(1_000_000_000u64);
    assert_eq!(chain.balance(MINER), U256::from(2) * ETHER + tips);
    let before = chain.state_at(imported.block.header.parent_hash);
    let mut before = before;
    assert_eq!(before.storage_at(chain.recorder, U256::ONE).unwrap(), U256::from(5));
    assert_eq!(before.account(bob).unwrap(), None);
}

#[test]
fn every_kind_of_transaction_is_executed_and_its_sender_recovered() {
    let mut chain = Chain::new();
    let (key, to) = (Key::new(4), TxKind::Call(chain.recorder));
    let legacy = TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce: 0,
        gas_price: 1_000_000_000,
        gas_limit: 100_000,
        to,
        value: U256::ZERO,
        input: record(1, 1),
    };
    let listed = TxEip2930 {
        chain_id: CHAIN_ID,
        nonce: 1,
        gas_price: 1_000_000_000,
        gas_limit: 100_000,
        to,
        value: U256::ZERO,
        access_list: Default::default(),
        input: record(2, 2),
    };
    let own = Recovered::new_unchecked(key.sign(legacy), key.address());
    let listed = Recovered::new_unchecked(key.sign(listed), key.address());
    let imported = chain.mine(vec![own, listed, key.send(transaction(2, to, record(3, 3)))]);
    assert_eq!(imported.senders, [key.address(); 3]);
    let types: Vec<u8> = imported.receipts.iter().map(|receipt| receipt.tx_type().into()).collect();
    assert_eq!(types, [0, 1, 2]);
    assert_eq!([1, 2, 3].map(|slot| chain.slot(slot)), [1, 2, 3].map(U256::from));
}

#[test]
fn whole_blocks_of_signatures_are_recovered_in_parallel_in_order() {
    let mut chain = Chain::new();
    let transactions: Vec<_> = (0..40)
        .flat_map(|nonce| {
            (2..6).map(move |key| Key::new(key).send(transaction(nonce, MINER, Bytes::new())))
        })
        .collect();
    let senders: Vec<_> = transactions.iter().map(Recovered::signer).collect();
    assert_eq!(chain.mine(transactions).senders, senders);
}

#[test]
fn a_proposal_leaves_out_what_cannot_be_executed() {
    let chain = Chain::new();
    let (rich, poor) = (Key::new(2), Key::new(77));
    let mut foreign = transaction(0, MINER, Bytes::new());
    foreign.chain_id = 1;
    let mut cheap = transaction(0, MINER, Bytes::new());
    (cheap.max_fee_per_gas, cheap.max_priority_fee_per_gas) = (6, 0);
    let fee = U256::from(200_000u64) * U256::from(2_000_000_000u64);
    let candidate = chain.propose(
        chain.view.head(),
        vec![
            rich.send(transaction(1, MINER, Bytes::new())),
            rich.send(transaction(0, MINER, Bytes::new())),
            rich.send(transaction(0, MINER, Bytes::new())),
            poor.send(transaction(0, MINER, Bytes::new())),
            rich.send(foreign),
            Key::new(3).send(cheap),
            rich.send(transaction(1, MINER, Bytes::new())),
        ],
    );
    let nonces: Vec<_> =
        candidate.block().transactions.iter().map(|transaction| transaction.nonce()).collect();
    assert_eq!(nonces, [0, 1]);
    let (rich, poor) = (rich.address(), poor.address());
    let reasons: Vec<_> = candidate.skipped.iter().map(|(_, reason)| reason.clone()).collect();
    assert_eq!(
        reasons,
        [
            TransactionError::NonceTooHigh { address: rich, got: 1, expected: 0 },
            TransactionError::NonceTooLow { address: rich, got: 0, expected: 1 },
            TransactionError::InsufficientFunds { address: poor, balance: U256::ZERO, cost: fee },
            TransactionError::ChainId { got: 1, expected: CHAIN_ID },
            TransactionError::FeeCapTooLow { address: Key::new(3).address(), base_fee: 7 },
        ]
    );
}

#[test]
fn a_full_block_takes_no_more_and_the_rest_fits_into_the_next() {
    let mut spec = spec();
    spec.gas_limit = 450_000;
    let mut chain = Chain::from(&spec);
    let key = Key::new(2);
    // Each may use 200 000 gas and uses 21 000, so the limits decide.
    let waiting: Vec<_> =
        (0..20).map(|nonce| key.send(transaction(nonce, MINER, Bytes::new()))).collect();
    let candidate = chain.propose(chain.view.head(), waiting.clone());
    let taken = candidate.block().transactions.len();
    assert_eq!(taken, 12);
    assert_eq!(candidate.skipped[0].1, TransactionError::GasLimitReached);
    let nonce = candidate.seal(0, 1).unwrap();
    let imported = chain.rules.adopt(&chain.view, candidate, nonce).unwrap();
    chain.view.store(imported);
    assert_eq!(chain.mine(waiting[taken..].to_vec()).block.transactions.len(), 8);
}

#[test]
fn an_adopted_candidate_is_what_a_peer_imports() {
    let mut ours = Chain::new();
    let theirs = Chain::new();
    let transactions = vec![Key::new(2).send(transaction(0, ours.recorder, record(7, 7)))];
    let candidate = ours.propose(ours.view.head(), transactions);
    let nonce = candidate.seal(5, 1).unwrap();
    let adopted = ours.rules.adopt(&ours.view, candidate, nonce).unwrap();
    let rlp = adopted.block.encode();
    let imported = theirs.rules.import_rlp(&theirs.view, &rlp, START + 5).unwrap();
    assert_eq!(imported.hash, adopted.hash);
    assert_eq!(imported.receipts, adopted.receipts);
    assert_eq!(imported.senders, adopted.senders);
    assert_eq!(imported.head, adopted.head);
    assert_eq!(imported.mmr, adopted.mmr);
    let sorted = |mut nodes: Vec<_>| {
        nodes.sort();
        nodes
    };
    assert_eq!(sorted(imported.nodes), sorted(adopted.nodes.clone()));
    ours.view.store(adopted);
    assert_eq!(ours.slot(7), U256::from(7));
}

#[test]
fn headers_carry_the_root_over_all_earlier_blocks_and_the_parents_pow_hash() {
    let mut chain = Chain::new();
    let mut mmr = Mmr::default();
    for number in 1..10 {
        let parent = chain.view.header(chain.view.head()).unwrap();
        mmr.append(parent.hash(), |_, _| {});
        let header = chain.mine(vec![]).block.header;
        assert_eq!(header.number, number);
        assert_eq!(header.extra_data, mmr.root());
        assert_eq!(header.mix_hash, parent.pow_hash());
    }
}

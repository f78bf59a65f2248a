use crate::support::{Chain, Key, MINER, START, record, reseal, spec, transaction};
use alloy_consensus::TxLegacy;
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, TxKind, U256};
use chain::execute::TransactionError;
use chain::rules::{BLOCK_BYTES_MAX, TIME_AHEAD_MAX};
use chain::{Block, BlockError, ChainView, Header};
use std::mem::discriminant;

const NOW: u64 = START + 10;

/// The second block of a chain, with a transaction that leaves a log.
fn good() -> (Chain, Block) {
    let mut chain = Chain::new();
    chain.mine(vec![Key::new(2).send(transaction(0, chain.recorder, record(1, 1)))]);
    let transactions = vec![Key::new(2).send(transaction(1, chain.recorder, record(2, 2)))];
    let block = chain.mine_on(chain.view.head(), transactions);
    (chain, block)
}

/// Seals the tampered block again, so that only the tampering can be what is wrong with it.
fn check(tamper: impl Fn(&mut Header), expected: BlockError) {
    let (chain, mut block) = good();
    chain.rules.import(&chain.view, block.clone(), NOW).unwrap();
    tamper(&mut block.header);
    let error = chain.rules.import(&chain.view, reseal(block), NOW).unwrap_err();
    assert_eq!(discriminant(&error), discriminant(&expected), "{error}");
    assert!(!error.is_fault());
}

#[test]
fn every_tampered_field_is_refused_for_the_right_reason() {
    let hash = B256::repeat_byte(7);
    check(|header| header.parent_hash = hash, BlockError::UnknownParent(hash));
    check(|header| header.ommers_hash = hash, BlockError::Ommers);
    let state_root = BlockError::StateRoot { got: hash, expected: hash };
    check(|header| header.coinbase = Address::repeat_byte(1), state_root.clone());
    check(|header| header.state_root = hash, state_root);
    let transactions_root = BlockError::TransactionsRoot { got: hash, expected: hash };
    check(|header| header.transactions_root = hash, transactions_root);
    let receipts_root = BlockError::ReceiptsRoot { got: hash, expected: hash };
    check(|header| header.receipts_root = hash, receipts_root);
    check(|header| header.logs_bloom = Bloom::ZERO, BlockError::LogsBloom);
    let two = U256::from(2);
    let difficulty = BlockError::Difficulty { got: two, expected: U256::ONE };
    check(|header| header.difficulty = two, difficulty);
    check(|header| header.number = 3, BlockError::Number { got: 3, expected: 2 });
    let gas_limit = BlockError::GasLimit { got: 1, expected: 2 };
    check(|header| header.gas_limit += 1, gas_limit);
    check(|header| header.gas_used += 1, BlockError::GasUsed { got: 1, expected: 2 });
    let above = BlockError::GasAboveLimit { got: 2, limit: 1 };
    check(|header| header.gas_used = header.gas_limit + 1, above);
    let not_rising = BlockError::TimeNotRising { got: 1, parent: 1 };
    check(|header| header.timestamp = START + 5, not_rising);
    let ahead = BlockError::TimeAhead { got: 1, max: 1 };
    check(|header| header.timestamp = NOW + TIME_AHEAD_MAX + 1, ahead);
    let extra_data = BlockError::ExtraData { got: hash, expected: hash };
    check(|header| header.extra_data = hash, extra_data);
    check(|header| header.mix_hash = hash, BlockError::MixHash { got: hash, expected: hash });
    check(|header| header.base_fee_per_gas = 8, BlockError::BaseFee { got: 8, expected: 7 });
}

#[test]
fn a_nonce_that_does_no_work_is_refused() {
    let mut spec = spec();
    spec.difficulty = U256::from(1000);
    let chain = Chain::from(&spec);
    let mut block = chain.mine_on(chain.view.head(), vec![]);
    chain.rules.import(&chain.view, block.clone(), NOW).unwrap();
    let lazy = (0..).map(|nonce: u64| B64::from(nonce.to_be_bytes())).find(|nonce| {
        block.header.nonce = *nonce;
        !block.header.is_sealed()
    });
    assert!(lazy.is_some());
    let error = chain.rules.import(&chain.view, block.clone(), NOW).unwrap_err();
    assert!(matches!(error, BlockError::Work { .. }), "{error}");
    let candidate = chain.propose(chain.view.head(), vec![]);
    let error = chain.rules.adopt(&chain.view, candidate, block.header.nonce).unwrap_err();
    assert!(matches!(error, BlockError::Work { .. }), "{error}");
}

#[test]
fn the_time_limit_is_exact_and_a_later_clock_accepts_the_block() {
    let (chain, mut block) = good();
    block.header.timestamp = NOW + TIME_AHEAD_MAX;
    let block = reseal(block);
    chain.rules.import(&chain.view, block.clone(), NOW).unwrap();
    let error = chain.rules.import(&chain.view, block.clone(), NOW - 1).unwrap_err();
    let (got, max) = (block.header.timestamp, NOW - 1 + TIME_AHEAD_MAX);
    assert_eq!(error, BlockError::TimeAhead { got, max });
    assert!(error.retry_may_help());
}

/// A block whose transactions were exchanged, with the right root for them.
fn with_transactions(transactions: Vec<chain::Transaction>) -> BlockError {
    let (chain, mut block) = good();
    block.header.transactions_root =
        alloy_consensus::proofs::calculate_transaction_root(&transactions);
    block.transactions = transactions;
    chain.rules.import(&chain.view, reseal(block), NOW).unwrap_err()
}

#[test]
fn a_transaction_that_cannot_be_executed_spoils_the_block() {
    let key = Key::new(2);
    let unprotected = TxLegacy {
        chain_id: None,
        nonce: 1,
        gas_price: 1_000_000_000,
        gas_limit: 50_000,
        to: TxKind::Call(MINER),
        value: U256::ZERO,
        input: Bytes::new(),
    };
    let address = key.address();
    for (transaction, reason) in [
        (key.sign(unprotected), TransactionError::NotReplayProtected),
        (
            key.sign(transaction(2, MINER, Bytes::new())),
            TransactionError::NonceTooHigh { address, got: 2, expected: 1 },
        ),
        (
            key.sign(alloy_consensus::TxEip1559 {
                gas_limit: 20_999,
                ..transaction(1, MINER, Bytes::new())
            }),
            TransactionError::IntrinsicGas { got: 20_999, expected: 21_000 },
        ),
        (
            key.sign(alloy_consensus::TxEip1559 {
                gas_limit: 16_777_217,
                ..transaction(1, MINER, Bytes::new())
            }),
            TransactionError::GasLimitTooHigh { got: 16_777_217, cap: 16_777_216 },
        ),
    ] {
        let expected = BlockError::Transaction { index: 0, reason };
        assert_eq!(with_transactions(vec![transaction]), expected);
    }
}

#[test]
fn a_signature_with_high_s_is_refused() {
    let unsigned = transaction(1, MINER, Bytes::new());
    let good = Key::new(2).sign(unsigned.clone());
    let order = chain::signature::HALF_ORDER * U256::from(2) + U256::ONE;
    let low = good.signature();
    let high = alloy_primitives::Signature::new(low.r(), order - low.s(), !low.v());
    let malleable = alloy_consensus::SignableTransaction::into_signed(unsigned, high).into();
    assert_eq!(chain::signature::recover(&good), Some(Key::new(2).address()));
    let reason = TransactionError::InvalidSender;
    assert_eq!(with_transactions(vec![malleable]), BlockError::Transaction { index: 0, reason });
}

#[test]
fn bytes_that_are_no_block_or_known_or_too_many_are_refused() {
    let (mut chain, block) = good();
    let rlp = block.encode();
    let import = |chain: &Chain, rlp: &[u8]| {
        chain.rules.import_rlp(&chain.view, rlp, NOW).map(|imported| imported.hash)
    };
    let malformed = |error: BlockError| matches!(error, BlockError::Malformed(_));
    assert!(malformed(import(&chain, &rlp[1..]).unwrap_err()));
    assert!(malformed(import(&chain, &[&rlp[..], &[0]].concat()).unwrap_err()));
    let max = BLOCK_BYTES_MAX;
    let large = vec![0; max + 1];
    let too_large = BlockError::TooLarge { got: max + 1, max };
    assert_eq!(import(&chain, &large), Err(too_large));
    let hash = chain.import(block).hash;
    assert_eq!(import(&chain, &rlp), Err(BlockError::AlreadyKnown(hash)));
}

use crate::support::{CHAIN_ID, Chain, ETHER, Key, RECORDER, init_code, record};
use alloy_primitives::{Address, Bytes, U256, b256, bytes};
use chain::execute::{
    Call, CallError, CallOutcome, Calls, CodeCache, Reader, StateCache, TransactionError, Watch,
    block_env, call, estimate,
};
use chain::genesis::{CREATE2_DEPLOYER, MULTICALL3};
use chain::{AtBlock, ChainView};

fn to(chain: &Chain, data: Bytes) -> Call {
    Call { from: Address::repeat_byte(9), to: Some(chain.recorder), data, ..Call::default() }
}

fn ask(chain: &Chain, request: &Call) -> Result<chain::execute::CallResult, TransactionError> {
    let block = chain.propose(ChainView::head(&chain.view), vec![]);
    call(&mut chain.state(), CHAIN_ID, block_env(&block.block().header), request)
}

fn guess(chain: &Chain, request: &Call) -> Result<u64, CallError> {
    let block = chain.propose(ChainView::head(&chain.view), vec![]);
    estimate(&mut chain.state(), CHAIN_ID, block_env(&block.block().header), request)
}

#[test]
fn a_call_answers_logs_and_changes_nothing() {
    let chain = Chain::new();
    let result = ask(&chain, &to(&chain, record(1, 77))).unwrap();
    assert_eq!(result.outcome, CallOutcome::Success(Bytes::new()));
    assert_eq!(result.logs.len(), 1);
    assert_eq!(result.logs[0].data.data, U256::from(77).to_be_bytes_vec());
    assert!(result.gas_used > 21_000);
    assert_eq!(chain.slot(1), U256::from(5));
    let result = ask(&chain, &to(&chain, Bytes::new())).unwrap();
    assert_eq!(result.outcome, CallOutcome::Revert(Bytes::new()));
    let starved = Call { gas: Some(23_000), ..to(&chain, record(1, 77)) };
    let result = ask(&chain, &starved).unwrap();
    assert_eq!(result.outcome, CallOutcome::Halt("out of gas".into()));
}

#[test]
fn a_call_that_cannot_start_says_why() {
    let chain = Chain::new();
    let from = Address::repeat_byte(9);
    let dear = Call { value: U256::ONE, ..to(&chain, record(1, 1)) };
    let short =
        TransactionError::InsufficientFunds { address: from, balance: U256::ZERO, cost: U256::ONE };
    assert_eq!(ask(&chain, &dear).unwrap_err(), short);
    let cheap = Call { gas_price: Some(6), from: Key::new(2).address(), ..dear };
    let expected = TransactionError::FeeCapTooLow { address: Key::new(2).address(), base_fee: 7 };
    assert_eq!(ask(&chain, &cheap).unwrap_err(), expected);
    let starved = Call { gas: Some(20_000), ..to(&chain, record(1, 1)) };
    let intrinsic = ask(&chain, &starved).unwrap_err();
    assert!(matches!(intrinsic, TransactionError::IntrinsicGas { got: 20_000, .. }));
}

#[test]
fn an_estimate_is_enough_and_hardly_more_than_that() {
    let chain = Chain::new();
    for request in [
        to(&chain, record(1, 0)),
        to(&chain, record(1, 6)),
        to(&chain, record(2, 6)),
        Call { to: None, ..to(&chain, init_code(RECORDER)) },
        Call {
            from: Key::new(2).address(),
            to: Some(Address::repeat_byte(1)),
            value: ETHER,
            gas_price: Some(10),
            ..Call::default()
        },
    ] {
        let gas = guess(&chain, &request).unwrap();
        let with = |gas| ask(&chain, &Call { gas: Some(gas), ..request.clone() });
        assert!(matches!(with(gas).unwrap().outcome, CallOutcome::Success(_)), "{gas}");
        let less = with(gas - gas * 2 / 100);
        let fails =
            !matches!(&less, Ok(result) if matches!(result.outcome, CallOutcome::Success(_)));
        assert!(fails, "{gas}: {less:?}");
    }
}

#[test]
fn an_estimate_of_what_cannot_succeed_says_why() {
    let chain = Chain::new();
    let reverts = guess(&chain, &to(&chain, Bytes::new()));
    assert_eq!(reverts, Err(CallError::Reverted(Bytes::new())));
    let starved = Call { gas: Some(23_000), ..to(&chain, record(1, 77)) };
    assert_eq!(guess(&chain, &starved), Err(CallError::Exceeds { allowance: 23_000 }));
    // Init code whose only instruction is INVALID.
    let invalid = Call { to: None, ..to(&chain, bytes!("fe")) };
    let reason = "invalid opcode: INVALID".to_owned();
    assert_eq!(guess(&chain, &invalid), Err(CallError::Halted(reason)));
    let poor = Call { value: U256::ONE, gas_price: Some(7), ..to(&chain, record(1, 1)) };
    assert_eq!(guess(&chain, &poor), Err(CallError::InsufficientFunds));
    let unpriced = Call { gas_price: None, ..poor };
    let refused = guess(&chain, &unpriced).unwrap_err();
    let have = "have 0 want 1";
    assert!(
        matches!(&refused, CallError::Refused { error, .. } if error.to_string().ends_with(have)),
        "{refused}"
    );
}

#[test]
fn gas_that_is_enough_for_nothing_counts_as_not_given() {
    let chain = Chain::new();
    let request = to(&chain, record(1, 77));
    let expected = guess(&chain, &request);
    assert!(expected.is_ok());
    for gas in [0, 1, 20_999] {
        assert_eq!(guess(&chain, &Call { gas: Some(gas), ..request.clone() }), expected, "{gas}");
    }
}

#[test]
fn the_deployer_creates_at_the_address_everybody_can_compute() {
    let chain = Chain::new();
    let salt = b256!("0000000000000000000000000000000000000000000000000000000000000007");
    let code = init_code(RECORDER);
    let data = [salt.as_slice(), &code].concat().into();
    let request = Call { to: Some(CREATE2_DEPLOYER), ..to(&chain, data) };
    let expected = CREATE2_DEPLOYER.create2_from_code(salt, code);
    let outcome = ask(&chain, &request).unwrap().outcome;
    assert_eq!(outcome, CallOutcome::Success(expected.to_vec().into()));
}

#[test]
fn multicall_knows_the_chain_id() {
    let chain = Chain::new();
    let request = Call { to: Some(MULTICALL3), ..to(&chain, bytes!("3408e470")) };
    let expected = U256::from(CHAIN_ID).to_be_bytes_vec().into();
    assert_eq!(ask(&chain, &request).unwrap().outcome, CallOutcome::Success(expected));
}

#[test]
fn a_reader_answers_as_the_state_does_also_from_its_caches() {
    let chain = Chain::new();
    let head = ChainView::head(&chain.view);
    let header = chain.view.header(head).unwrap();
    let calls = Calls::within(CHAIN_ID, block_env(&header));
    let (cache, codes) = (StateCache::default(), CodeCache::default());
    let source = AtBlock::new(&chain.view, head);
    for request in [
        to(&chain, record(1, 77)),
        to(&chain, record(2, 0)),
        to(&chain, Bytes::new()),
        Call { gas: Some(23_000), ..to(&chain, record(1, 77)) },
        Call { to: None, ..to(&chain, init_code(RECORDER)) },
        Call { to: Some(MULTICALL3), ..to(&chain, bytes!("3408e470")) },
        Call { value: U256::ONE, ..to(&chain, record(1, 1)) },
    ] {
        let expected = calls.call(&mut chain.state(), &request);
        for _ in 0..2 {
            let mut reader = Reader::new(header.state_root, source.clone(), &cache, &codes);
            assert_eq!(calls.call(&mut reader, &request), expected, "{request:?}");
        }
    }
}

#[test]
fn a_watch_ends_what_jumps_too_often_and_nothing_else() {
    let chain = Chain::new();
    let head = ChainView::head(&chain.view);
    let header = chain.view.header(head).unwrap();
    // Counts a thousand down, with a jump for each.
    let countdown = bytes!("6103e85b60019003806003575f5260205ff3");
    let never = || false;
    for (stride, expected) in [
        (500, Err(TransactionError::Interrupted)),
        (1_001, Ok(CallOutcome::Success(Bytes::from(vec![0; 32])))),
    ] {
        let watch = Watch::new(stride, &never);
        let calls = Calls { watch, ..Calls::within(CHAIN_ID, block_env(&header)) };
        let mut state = chain.state();
        state.set_code(chain.recorder, countdown.clone()).unwrap();
        let result = calls.call(&mut state, &to(&chain, Bytes::new()));
        assert_eq!(result.map(|result| result.outcome), expected, "every {stride}");
    }
}

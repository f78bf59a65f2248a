//! Execution: signed transactions on a state, with their receipts.
//!
//! Accepted are legacy transactions with a chain id (EIP-155), access lists (EIP-2930), dynamic
//! fees (EIP-1559) and delegations (EIP-7702); blobs (EIP-4844) are refused: there is nobody to
//! keep them, and the header has no fields for their price. The rules are those of Osaka, so a
//! transaction has at most [`TRANSACTION_GAS_MAX`] gas and opcode 0x44 is `PREVRANDAO`. There are
//! no system calls: the header has no fields they would need.

mod access;
mod bloom;
mod call;
mod delegation;
mod executor;
mod overrides;
mod precompiles;
mod reader;
mod replay;
mod simulate;
mod watch;

pub(crate) use call::call_and_apply;
pub use call::{Call, CallError, CallOutcome, CallResult, Calls, call, estimate};
pub use delegation::authorities;
pub use executor::{Appearance, Executor};
pub use overrides::{
    AccountOverride, BlockOverrides, OverrideError, StateOverrides, check_overrides,
};
pub use precompiles::{MoveError, Moved};
pub use reader::{CodeCache, Reader, StateCache};
pub use replay::{ReadOnly, Replay, Watched};
pub use simulate::{
    Simulated, SimulatedBlock, SimulatedCall, Simulation, SimulationError, unsigned,
};
pub use watch::Watch;

use crate::block::{Receipt, Transaction};
use crate::header::Header;
use crate::state::{State, StateError};
use crate::view::StateSource;
use alloy_consensus::{ReceiptWithBloom, Transaction as _, TxType};
use alloy_primitives::{Address, Bloom, TxKind, U256};
use bloom::Blooms;
use revm::context::result::{EVMError, InvalidTransaction};
use revm::context::{BlockEnv, CfgEnv, Context, Evm, FrameStack, TxEnv};
use revm::context_interface::cfg::gas::calculate_initial_tx_gas;
use revm::handler::instructions::EthInstructions;
use revm::handler::{EthPrecompiles, MainnetContext};
use revm::primitives::{eip3860, eip7825, hardfork::SpecId};
use revm::{MainContext, MainnetEvm};

/// Most gas of one transaction (EIP-7825).
pub const TRANSACTION_GAS_MAX: u64 = eip7825::TX_GAS_LIMIT_CAP;

/// Why a transaction cannot be executed, in order of precedence and with geth's wording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// Blobs.
    #[error("transaction type not supported")]
    TypeNotSupported,
    /// A legacy transaction without chain id could be replayed on another chain.
    #[error("only replay-protected (EIP-155) transactions allowed over RPC")]
    NotReplayProtected,
    /// Signed for another chain.
    #[error("invalid chain id for signer: have {got} want {expected}")]
    ChainId {
        /// Of the transaction.
        got: u64,
        /// Of this chain.
        expected: u64,
    },
    /// The signature is none, or its `s` is high.
    #[error("invalid sender")]
    InvalidSender,
    /// The nonce was used.
    #[error("nonce too low: address {address}, tx: {got} state: {expected}")]
    NonceTooLow {
        /// The sender.
        address: Address,
        /// Of the transaction.
        got: u64,
        /// Of the account.
        expected: u64,
    },
    /// An earlier transaction of the sender is missing.
    #[error("nonce too high: address {address}, tx: {got} state: {expected}")]
    NonceTooHigh {
        /// The sender.
        address: Address,
        /// Of the transaction.
        got: u64,
        /// Of the account.
        expected: u64,
    },
    /// The nonce is the largest there is.
    #[error("nonce has max value")]
    NonceMax,
    /// Contracts do not sign (EIP-3607).
    #[error("sender not an eoa: address {0}")]
    SenderNotEoa(Address),
    /// More than the rest of the block.
    #[error("gas limit reached")]
    GasLimitReached,
    /// More than a block may use at all.
    #[error("exceeds block gas limit")]
    ExceedsBlockGasLimit,
    /// More than a transaction may use.
    #[error("transaction gas limit too high (cap: {cap}, tx: {got})")]
    GasLimitTooHigh {
        /// Of the transaction.
        got: u64,
        /// [`TRANSACTION_GAS_MAX`].
        cap: u64,
    },
    /// The tip alone is above what the sender is ready to pay.
    #[error("max priority fee per gas higher than max fee per gas")]
    TipAboveFeeCap,
    /// The sender does not pay the base fee.
    #[error("max fee per gas less than block base fee: address {address}, baseFee: {base_fee}")]
    FeeCapTooLow {
        /// The sender.
        address: Address,
        /// Of the block.
        base_fee: u64,
    },
    /// The balance does not cover value and gas.
    #[error(
        "insufficient funds for gas * price + value: address {address} have {balance} want {cost}"
    )]
    InsufficientFunds {
        /// The sender.
        address: Address,
        /// Its balance.
        balance: U256,
        /// gas * price + value.
        cost: U256,
    },
    /// The cost does not fit into 256 bits.
    #[error(
        "insufficient funds for gas * price + value: address {0} required balance exceeds 256 bits"
    )]
    CostOverflow(Address),
    /// The transaction costs more gas than its limit before the first instruction.
    #[error("intrinsic gas too low: have {got}, want {expected}")]
    IntrinsicGas {
        /// The gas limit.
        got: u64,
        /// The least it has to be.
        expected: u64,
    },
    /// The data costs more gas than the limit (EIP-7623).
    #[error("insufficient gas for floor data gas cost: have {got}, want {expected}")]
    FloorDataGas {
        /// The gas limit.
        got: u64,
        /// The least it has to be.
        expected: u64,
    },
    /// Too much code to create a contract with (EIP-3860).
    #[error("max initcode size exceeded: code size {got} limit {max}")]
    InitCodeSize {
        /// Bytes of init code.
        got: usize,
        /// Most allowed.
        max: usize,
    },
    /// A transaction that delegates, without an authorization.
    #[error("set code tx must have at least one authorization tuple")]
    NoAuthorization,
    /// A call was stopped by whoever watches it.
    #[error("execution aborted")]
    Interrupted,
    /// Anything else the machine refuses.
    #[error("{0}")]
    Other(String),
    /// The store failed: a fault of ours, not of the transaction.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Checks what needs no state: type, chain id, size of the init code, fees and gas limit.
pub fn check_transaction(transaction: &Transaction, chain_id: u64) -> Result<(), TransactionError> {
    use TxType::{Eip1559, Eip2930, Eip7702, Legacy};
    if !matches!(transaction.tx_type(), Legacy | Eip2930 | Eip1559 | Eip7702) {
        return Err(TransactionError::TypeNotSupported);
    }
    match transaction.chain_id() {
        None => return Err(TransactionError::NotReplayProtected),
        Some(got) if got != chain_id => {
            return Err(TransactionError::ChainId { got, expected: chain_id });
        }
        Some(_) => {}
    }
    let gas = transaction.gas_limit();
    if gas > TRANSACTION_GAS_MAX {
        return Err(TransactionError::GasLimitTooHigh { got: gas, cap: TRANSACTION_GAS_MAX });
    }
    let size = transaction.input().len();
    if transaction.is_create() && size > eip3860::MAX_INITCODE_SIZE {
        let max = eip3860::MAX_INITCODE_SIZE;
        return Err(TransactionError::InitCodeSize { got: size, max });
    }
    let fee = transaction.max_fee_per_gas();
    if transaction.max_priority_fee_per_gas().is_some_and(|tip| tip > fee) {
        return Err(TransactionError::TipAboveFeeCap);
    }
    check_intrinsic_gas(transaction)?;
    if transaction.authorization_list().is_some_and(<[_]>::is_empty) {
        return Err(TransactionError::NoAuthorization);
    }
    Ok(())
}

fn check_intrinsic_gas(transaction: &Transaction) -> Result<(), TransactionError> {
    let (accounts, slots) = transaction.access_list().map_or((0, 0), |list| {
        let slots = list.iter().map(|item| item.storage_keys.len()).sum::<usize>();
        (list.len(), slots)
    });
    let needed = calculate_initial_tx_gas(
        SPEC,
        transaction.input(),
        transaction.is_create(),
        u64::try_from(accounts).unwrap_or(u64::MAX),
        u64::try_from(slots).unwrap_or(u64::MAX),
        transaction.authorization_count().unwrap_or_default(),
        None,
    );
    let got = transaction.gas_limit();
    if got < needed.initial_total_gas() {
        return Err(TransactionError::IntrinsicGas { got, expected: needed.initial_total_gas() });
    }
    if got < needed.floor_gas() {
        return Err(TransactionError::FloorDataGas { got, expected: needed.floor_gas() });
    }
    Ok(())
}

const SPEC: SpecId = SpecId::OSAKA;

/// The rules of execution: Osaka with this chain id. For tracers that drive revm themselves.
pub fn config_env(chain_id: u64) -> CfgEnv {
    CfgEnv::new().with_spec_and_mainnet_gas_params(SPEC).with_chain_id(chain_id)
}

/// The block as contracts see it.
pub fn block_env(header: &Header) -> BlockEnv {
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.coinbase,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas,
        difficulty: U256::ZERO,
        prevrandao: Some(header.mix_hash),
        ..BlockEnv::default()
    }
}

/// A transaction as revm takes it. It must have passed [`check_transaction`].
pub fn transaction_env(transaction: &Transaction, sender: Address) -> TxEnv {
    TxEnv {
        tx_type: transaction.tx_type().into(),
        caller: sender,
        gas_limit: transaction.gas_limit(),
        gas_price: transaction.max_fee_per_gas(),
        kind: transaction.kind(),
        value: transaction.value(),
        data: transaction.input().clone(),
        nonce: transaction.nonce(),
        chain_id: transaction.chain_id(),
        access_list: transaction.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: transaction.max_priority_fee_per_gas(),
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: transaction
            .authorization_list()
            .map(|list| delegation::recovered(list, transaction.gas_limit()))
            .unwrap_or_default(),
    }
}

/// The machine that runs the transactions of one block on a state.
pub type Machine<'s, S> = MainnetEvm<MainnetContext<&'s mut State<S>>>;

/// A machine for a block; changes are applied to the state by whoever runs it.
pub fn machine<'s, S: StateSource>(
    state: &'s mut State<S>,
    config: CfgEnv,
    block: BlockEnv,
) -> Machine<'s, S> {
    let spec = config.spec;
    Evm {
        ctx: Context::mainnet().with_db(state).with_cfg(config).with_block(block),
        inspector: (),
        instruction: EthInstructions::new_mainnet_with_spec(spec),
        precompiles: EthPrecompiles::new(spec),
        // A frame has a stack of 32 KiB: they are made as deep as calls go.
        frame_stack: FrameStack::new(),
    }
}

/// What the transactions of a block left besides the state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executed {
    /// One per transaction.
    pub outcomes: Vec<Outcome>,
    /// Per transaction, who took part, in order of address.
    pub appearances: Vec<Vec<Appearance>>,
    /// Gas of all transactions.
    pub gas_used: u64,
}

/// A receipt but for its bloom, which no transaction needs and which can be made while the state is
/// hashed: see [`receipts`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    kind: TxType,
    receipt: alloy_consensus::Receipt,
}

impl Outcome {
    /// Whether the transaction was not reverted.
    pub fn is_success(&self) -> bool {
        self.receipt.status.coerce_status()
    }
}

/// The receipts of a block, and the union of their blooms.
pub fn receipts(outcomes: Vec<Outcome>) -> (Vec<Receipt>, Bloom) {
    let (mut blooms, mut all) = (Blooms::default(), Bloom::ZERO);
    let with_bloom = |Outcome { kind, receipt }| {
        let logs_bloom = blooms.of(&receipt.logs);
        all |= logs_bloom;
        Receipt::from_typed(kind, ReceiptWithBloom { receipt, logs_bloom })
    };
    (outcomes.into_iter().map(with_bloom).collect(), all)
}

fn refusal(error: EVMError<StateError>, address: Address, base_fee: u64) -> TransactionError {
    let invalid = match error {
        EVMError::Database(fault) => return TransactionError::State(fault),
        EVMError::Transaction(invalid) => invalid,
        other => return TransactionError::Other(other.to_string()),
    };
    match invalid {
        InvalidTransaction::NonceTooLow { tx, state } => {
            TransactionError::NonceTooLow { address, got: tx, expected: state }
        }
        InvalidTransaction::NonceTooHigh { tx, state } => {
            TransactionError::NonceTooHigh { address, got: tx, expected: state }
        }
        InvalidTransaction::NonceOverflowInTransaction => TransactionError::NonceMax,
        InvalidTransaction::RejectCallerWithCode => TransactionError::SenderNotEoa(address),
        InvalidTransaction::CallerGasLimitMoreThanBlock => TransactionError::ExceedsBlockGasLimit,
        InvalidTransaction::TxGasLimitGreaterThanCap { gas_limit, cap } => {
            TransactionError::GasLimitTooHigh { got: gas_limit, cap }
        }
        InvalidTransaction::PriorityFeeGreaterThanMaxFee => TransactionError::TipAboveFeeCap,
        InvalidTransaction::GasPriceLessThanBasefee => {
            TransactionError::FeeCapTooLow { address, base_fee }
        }
        InvalidTransaction::LackOfFundForMaxFee { fee, balance } => {
            TransactionError::InsufficientFunds { address, balance: *balance, cost: *fee }
        }
        InvalidTransaction::OverflowPaymentInTransaction => TransactionError::CostOverflow(address),
        InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
            TransactionError::IntrinsicGas { got: gas_limit, expected: initial_gas }
        }
        InvalidTransaction::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => {
            TransactionError::FloorDataGas { got: gas_limit, expected: gas_floor }
        }
        InvalidTransaction::EmptyAuthorizationList => TransactionError::NoAuthorization,
        other => TransactionError::Other(other.to_string()),
    }
}

/// The address of the contract that a transaction creates, if it is meant to create one.
pub fn created_address(transaction: &Transaction, sender: Address) -> Option<Address> {
    (transaction.kind() == TxKind::Create).then(|| sender.create(transaction.nonce()))
}

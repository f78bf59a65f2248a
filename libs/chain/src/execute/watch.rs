//! Calls that can be stopped: the machine of [`Calls`](super::Calls), which looks now and then
//! whether it may go on.
//!
//! Code that jumps and calls can run until its gas is used up, so these instructions alone count;
//! all others run as they are, and what stands between two of them is bounded by the size of the
//! code and by its gas. Once the watch is over every further one fails, through all frames, and
//! whoever runs the machine takes the outcome for none.

use super::precompiles::Moved;
use revm::bytecode::opcode::{
    CALL, CALLCODE, CREATE, CREATE2, DELEGATECALL, JUMP, JUMPI, STATICCALL,
};
use revm::context::{BlockEnv, CfgEnv, Context, Evm, FrameStack, Journal, TxEnv};
use revm::handler::EthFrame;
use revm::handler::instructions::EthInstructions;
use revm::interpreter::instructions::{gas_table_spec, instruction_table};
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::{
    Instruction, InstructionContext, InstructionExecResult, InstructionResult,
};
use revm::{Database, MainContext};

/// Looks every so many jumps and calls whether the code may go on.
#[derive(Clone, Copy)]
pub struct Watch<'w> {
    stride: u64,
    left: u64,
    may_go_on: &'w (dyn Fn() -> bool + Sync),
    over: bool,
}

impl std::fmt::Debug for Watch<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { stride, left, over, .. } = self;
        write!(formatter, "Watch {{ stride: {stride}, left: {left}, over: {over} }}")
    }
}

impl<'w> Watch<'w> {
    /// Asks `may_go_on` after every `stride` jumps and calls.
    pub fn new(stride: u64, may_go_on: &'w (dyn Fn() -> bool + Sync)) -> Self {
        Self { stride, left: stride, may_go_on, over: false }
    }

    /// Never ends a call: only its gas does.
    pub fn none() -> Watch<'static> {
        Watch::new(u64::MAX, &|| true)
    }

    /// Whether the call was ended.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Whether it may still go on outside of the code, for those who run many calls.
    pub fn may_go_on(&self) -> bool {
        !self.over && (self.may_go_on)()
    }

    #[inline]
    fn count(&mut self) -> bool {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 {
            self.over = self.over || !(self.may_go_on)();
            self.left = self.stride;
        }
        self.over
    }
}

/// What a watched machine runs in.
pub(super) type CallContext<'w, D> = Context<BlockEnv, TxEnv, CfgEnv, D, Journal<D>, Watch<'w>>;

/// A machine that can be stopped.
pub(super) type CallMachine<'w, D, I> = Evm<
    CallContext<'w, D>,
    I,
    EthInstructions<EthInterpreter, CallContext<'w, D>>,
    Moved,
    EthFrame<EthInterpreter>,
>;

fn watched<const OP: u8, D: Database>(
    context: InstructionContext<'_, CallContext<'_, D>, EthInterpreter>,
) -> InstructionExecResult {
    if context.host.chain.count() {
        return Err(InstructionResult::OutOfGas);
    }
    let standard = const { instruction_table::<EthInterpreter, CallContext<'_, D>>()[OP as usize] };
    standard.execute(context)
}

/// A machine within a block that tells `inspector` what it does.
pub(super) fn machine<'w, D: Database, I>(
    database: D,
    config: CfgEnv,
    block: BlockEnv,
    moved: Moved,
    watch: Watch<'w>,
    inspector: I,
) -> CallMachine<'w, D, I> {
    let spec = config.spec;
    let mut table = const { instruction_table::<EthInterpreter, CallContext<'w, D>>() };
    table[usize::from(JUMP)] = Instruction::new(watched::<JUMP, D>);
    table[usize::from(JUMPI)] = Instruction::new(watched::<JUMPI, D>);
    table[usize::from(CALL)] = Instruction::new(watched::<CALL, D>);
    table[usize::from(CALLCODE)] = Instruction::new(watched::<CALLCODE, D>);
    table[usize::from(DELEGATECALL)] = Instruction::new(watched::<DELEGATECALL, D>);
    table[usize::from(STATICCALL)] = Instruction::new(watched::<STATICCALL, D>);
    table[usize::from(CREATE)] = Instruction::new(watched::<CREATE, D>);
    table[usize::from(CREATE2)] = Instruction::new(watched::<CREATE2, D>);
    let instructions = EthInstructions::new(table, gas_table_spec(spec), spec);
    let context =
        Context::mainnet().with_db(database).with_cfg(config).with_block(block).with_chain(watch);
    // A frame has a stack of 32 KiB, and most calls need one: none is made beforehand.
    Evm {
        ctx: context,
        inspector,
        instruction: instructions,
        precompiles: moved,
        frame_stack: FrameStack::new(),
    }
}

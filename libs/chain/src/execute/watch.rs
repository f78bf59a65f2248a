//! Calls that can be stopped: the machine of [`Calls`](super::Calls), which looks now and then
//! whether it may go on.
//!
//! Code that jumps and calls can run until its gas is used up, so these instructions alone count;
//! all others run as they are, and what stands between two of them is bounded by the size of the
//! code and by its gas. Once the watch is over every further one fails, through all frames, and
//! whoever runs the machine takes the outcome for none.

use super::SPEC;
use super::precompiles::Moved;
use revm::Database;
use revm::bytecode::opcode::{
    CALL, CALLCODE, CREATE, CREATE2, DELEGATECALL, JUMP, JUMPI, STATICCALL,
};
use revm::context::{
    BlockEnv, Cfg, CfgEnv, Context, Evm, FrameStack, Journal, JournalTr, LocalContext, TxEnv,
};
use revm::handler::EthFrame;
use revm::handler::instructions::InstructionProvider;
use revm::interpreter::instructions::{gas_table_spec, instruction_table};
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::{
    GasTable, Instruction, InstructionContext, InstructionExecResult, InstructionResult,
    InstructionTable,
};
use std::marker::PhantomData;

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
pub(super) type CallMachine<'w, D, I> =
    Evm<CallContext<'w, D>, I, Watching<CallContext<'w, D>>, Moved, EthFrame<EthInterpreter>>;

/// The instructions of a watched machine. They are the same for all, so that making a machine, of
/// which a call needs one, copies no table.
pub(super) struct Watching<C>(PhantomData<fn(C)>);

impl<'w, D: Database> InstructionProvider for Watching<CallContext<'w, D>> {
    type Context = CallContext<'w, D>;
    type InterpreterTypes = EthInterpreter;

    fn instruction_table(&self) -> &InstructionTable<EthInterpreter, CallContext<'w, D>> {
        const { &instructions::<D>() }
    }

    fn gas_table(&self) -> &GasTable {
        const { &gas_table_spec(SPEC) }
    }
}

const fn instructions<'w, D: Database>() -> InstructionTable<EthInterpreter, CallContext<'w, D>> {
    let mut table = instruction_table::<EthInterpreter, CallContext<'w, D>>();
    table[JUMP as usize] = Instruction::new(watched::<JUMP, D>);
    table[JUMPI as usize] = Instruction::new(watched::<JUMPI, D>);
    table[CALL as usize] = Instruction::new(watched::<CALL, D>);
    table[CALLCODE as usize] = Instruction::new(watched::<CALLCODE, D>);
    table[DELEGATECALL as usize] = Instruction::new(watched::<DELEGATECALL, D>);
    table[STATICCALL as usize] = Instruction::new(watched::<STATICCALL, D>);
    table[CREATE as usize] = Instruction::new(watched::<CREATE, D>);
    table[CREATE2 as usize] = Instruction::new(watched::<CREATE2, D>);
    table
}

fn watched<const OP: u8, D: Database>(
    context: InstructionContext<'_, CallContext<'_, D>, EthInterpreter>,
) -> InstructionExecResult {
    if context.host.chain.count() {
        return Err(InstructionResult::OutOfGas);
    }
    let standard = const { instruction_table::<EthInterpreter, CallContext<'_, D>>()[OP as usize] };
    standard.execute(context)
}

/// A machine within a block that tells `inspector` what it does. The rules are those of
/// [`config_env`](super::config_env), less what a caller is let off.
pub(super) fn machine<'w, D: Database, I>(
    database: D,
    config: CfgEnv,
    block: BlockEnv,
    moved: Moved,
    watch: Watch<'w>,
    inspector: I,
) -> CallMachine<'w, D, I> {
    let mut journal = Journal::new(database);
    journal.set_spec_id(config.spec);
    journal.set_eip7708_config(
        config.is_eip7708_disabled(),
        config.is_eip8246_delayed_clear_disabled(),
    );
    let ctx = Context {
        block,
        tx: TxEnv::default(),
        cfg: config,
        journaled_state: journal,
        chain: watch,
        local: LocalContext::default(),
        error: Ok(()),
    };
    // A frame has a stack of 32 KiB, and most calls need one: none is made beforehand.
    let frame_stack = FrameStack::new();
    Evm { ctx, inspector, instruction: Watching(PhantomData), precompiles: moved, frame_stack }
}

//! What a tracer may take: time, and bytes of what it records.
//!
//! A transaction may run five million instructions, and an opcode log keeps a stack and a memory
//! for each; a budget is shared by all transactions of a request. When it is used up the frames end
//! one after the other as if they had no gas, and the request is refused: half a trace is none.

use super::super::{code, server};
use client::RpcError;
use revm::Inspector;
use revm::context::ContextTr;
use revm::handler::FrameResult;
use revm::inspector::JournalExt;
use revm::interpreter::interpreter_types::{MemoryTr, ReturnData};
use revm::interpreter::{
    CallInputs, CallOutcome, CreateInputs, CreateOutcome, FrameInput, InstructionResult,
    Interpreter,
};
use revm::primitives::{Address, Log, U256};
use std::time::{Duration, Instant};

/// How long a request may trace if it does not say.
pub(super) const TRACE_TIME_DEFAULT: Duration = Duration::from_secs(5);
/// How long a request may trace at most.
pub(super) const TRACE_TIME_MAX: Duration = Duration::from_secs(60);
/// Bytes of JSON, about, that one request may record.
pub(super) const TRACE_BYTES_MAX: usize = 64 << 20;

/// Instructions between two looks at the clock.
const STEPS_PER_LOOK: u32 = 1_024;
/// What an instruction takes in a log besides stack and memory.
const STEP_BYTES: usize = 120;
/// What a frame takes besides its input and output.
const FRAME_BYTES: usize = 400;

/// What is left to the tracers of one request.
pub(in crate::rpc) struct Budget {
    deadline: Instant,
    bytes_left: usize,
    steps: u32,
    spent: Option<Spent>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Spent {
    Time,
    Bytes,
}

impl Budget {
    pub(in crate::rpc) fn new(time: Duration) -> Self {
        Self::with(time, TRACE_BYTES_MAX)
    }

    fn with(time: Duration, bytes: usize) -> Self {
        let deadline = Instant::now() + time.min(TRACE_TIME_MAX);
        Self { deadline, bytes_left: bytes, steps: 0, spent: None }
    }

    /// An error if the budget was used up.
    pub(in crate::rpc) fn check(&mut self) -> Result<(), RpcError> {
        self.look();
        match self.spent {
            None => Ok(()),
            Some(Spent::Time) => Err(server("execution timeout")),
            Some(Spent::Bytes) => {
                let message = format!("trace too large: more than {TRACE_BYTES_MAX} bytes");
                Err(RpcError::new(code::TOO_LARGE, message))
            }
        }
    }

    fn look(&mut self) {
        if self.spent.is_none() && Instant::now() >= self.deadline {
            self.spent = Some(Spent::Time);
        }
    }

    pub(in crate::rpc) fn take(&mut self, bytes: usize) {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => self.bytes_left = left,
            None => self.spent = self.spent.or(Some(Spent::Bytes)),
        }
    }

    fn step(&mut self) {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(STEPS_PER_LOOK) {
            self.look();
        }
    }
}

/// What is kept of each instruction.
#[derive(Clone, Copy, Default)]
pub(in crate::rpc) struct Kept {
    pub(in crate::rpc) steps: bool,
    pub(in crate::rpc) stack: bool,
    pub(in crate::rpc) memory: bool,
    pub(in crate::rpc) return_data: bool,
    /// Instructions after which no more are kept.
    pub(in crate::rpc) steps_max: Option<u64>,
}

/// A tracer within a budget.
pub(in crate::rpc) struct Watch<'b, I> {
    pub(in crate::rpc) tracer: I,
    budget: &'b mut Budget,
    kept: Kept,
    kept_steps: u64,
}

impl<'b, I> Watch<'b, I> {
    pub(in crate::rpc) fn new(tracer: I, kept: Kept, budget: &'b mut Budget) -> Self {
        Self { tracer, budget, kept, kept_steps: 0 }
    }

    /// The tracer, if it could finish.
    pub(in crate::rpc) fn finish(self) -> Result<I, RpcError> {
        self.budget.check()?;
        Ok(self.tracer)
    }

    fn weigh(&mut self, interpreter: &Interpreter) {
        let kept = self.kept;
        let mut bytes = STEP_BYTES;
        if kept.stack {
            let digits = |item: &U256| 5 + item.bit_len() / 4;
            bytes += interpreter.stack.data().iter().map(digits).sum::<usize>();
        }
        if kept.memory {
            bytes += interpreter.memory.size() * 69 / 32;
        }
        if kept.return_data {
            bytes += interpreter.return_data.buffer().len() * 2;
        }
        self.budget.take(bytes);
    }

    fn is_keeping(&self) -> bool {
        self.kept.steps_max.is_none_or(|max| self.kept_steps <= max)
    }
}

impl<C: ContextTr<Journal: JournalExt>, I: Inspector<C>> Inspector<C> for Watch<'_, I> {
    fn initialize_interp(&mut self, interpreter: &mut Interpreter, context: &mut C) {
        self.tracer.initialize_interp(interpreter, context);
    }

    fn step(&mut self, interpreter: &mut Interpreter, context: &mut C) {
        self.budget.step();
        if self.kept.steps {
            self.kept_steps += 1;
            if self.is_keeping() {
                self.weigh(interpreter);
            }
        }
        if self.budget.spent.is_some() {
            interpreter.halt(InstructionResult::OutOfGas);
        } else if self.is_keeping() {
            self.tracer.step(interpreter, context);
        }
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, context: &mut C) {
        if self.is_keeping() {
            self.tracer.step_end(interpreter, context);
        }
    }

    fn log(&mut self, context: &mut C, log: Log) {
        self.budget.take(FRAME_BYTES + log.data.data.len() * 2);
        self.tracer.log(context, log);
    }

    fn log_full(&mut self, interpreter: &mut Interpreter, context: &mut C, log: Log) {
        self.budget.take(FRAME_BYTES + log.data.data.len() * 2);
        self.tracer.log_full(interpreter, context, log);
    }

    fn frame_start(&mut self, context: &mut C, input: &mut FrameInput) -> Option<FrameResult> {
        self.tracer.frame_start(context, input)
    }

    fn frame_end(&mut self, context: &mut C, input: &FrameInput, result: &mut FrameResult) {
        self.tracer.frame_end(context, input, result);
    }

    fn call(&mut self, context: &mut C, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.budget.take(FRAME_BYTES + inputs.input.len() * 2);
        self.tracer.call(context, inputs)
    }

    fn call_end(&mut self, context: &mut C, inputs: &CallInputs, outcome: &mut CallOutcome) {
        self.budget.take(outcome.result.output.len() * 2);
        self.tracer.call_end(context, inputs, outcome);
    }

    fn create(&mut self, context: &mut C, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.budget.take(FRAME_BYTES + inputs.init_code().len() * 2);
        self.tracer.create(context, inputs)
    }

    fn create_end(&mut self, context: &mut C, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        self.budget.take(outcome.result.output.len() * 2);
        self.tracer.create_end(context, inputs, outcome);
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.tracer.selfdestruct(contract, target, value);
    }
}

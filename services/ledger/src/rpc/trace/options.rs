//! Which tracer is asked for, and how long it may take.
//!
//! `muxTracer` runs several side by side, each as if it were alone.

use super::super::{fault, invalid, server};
use super::watch::{Budget, Kept, TRACE_TIME_DEFAULT};
use super::{Stage, Turn, words};
use alloy_primitives::{Address, B256, Log, U256};
use alloy_rpc_types_trace::geth::{
    GethDebugBuiltInTracerType as BuiltIn, GethDebugTracerType, GethDebugTracingOptions, GethTrace,
};
use client::RpcError;
use revm::Inspector;
use revm::context::result::ResultAndState;
use revm::context::{ContextTr, TxEnv};
use revm::inspector::JournalExt;
use revm::interpreter::{CallInputs, CallOutcome, CreateInputs, CreateOutcome, Interpreter};
use revm_inspectors::tracing::{DebugInspector, DebugInspectorError, TransactionContext};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Tracers that one `muxTracer` may run.
const MUX_TRACERS_MAX: usize = 8;

/// What is asked for, parsed.
pub(super) struct Options {
    parts: Vec<Part>,
    /// Whether the parts are told by their names, also if there is only one.
    mux: bool,
    kept: Kept,
    time: Duration,
}

/// One tracer.
#[derive(Clone)]
struct Part {
    name: String,
    options: GethDebugTracingOptions,
}

impl Options {
    pub(super) fn new(options: GethDebugTracingOptions) -> Result<Self, RpcError> {
        let time = options.timeout.as_deref().map_or(Ok(TRACE_TIME_DEFAULT), duration)?;
        let mux = GethDebugTracerType::BuiltInTracer(BuiltIn::MuxTracer);
        let parts = if options.tracer.as_ref() == Some(&mux) {
            mux_parts(&options)?
        } else {
            vec![Part { name: String::new(), options: options.clone() }]
        };
        let kept = parts.iter().map(Part::kept).fold(Kept::default(), |one, other| Kept {
            steps: one.steps || other.steps,
            stack: one.stack || other.stack,
            memory: one.memory || other.memory,
            return_data: one.return_data || other.return_data,
            steps_max: other.steps_max,
        });
        let options = Self { mux: options.tracer == Some(mux), parts, kept, time };
        options.tracer()?;
        Ok(options)
    }

    pub(super) fn kept(&self) -> Kept {
        self.kept
    }

    pub(super) fn budget(&self) -> Budget {
        Budget::new(self.time)
    }

    /// A tracer for one transaction.
    pub(super) fn tracer(&self) -> Result<Tracer, RpcError> {
        let inspectors = self.parts.iter().map(Part::inspector).collect::<Result<_, _>>()?;
        Ok(Tracer { inspectors })
    }

    /// What a tracer has to say about the transaction it saw; the stage is still before it.
    pub(super) fn result(
        &self,
        tracer: Tracer,
        stage: &mut Stage<'_>,
        seen: &Seen<'_>,
    ) -> Result<Value, RpcError> {
        let mut results = Map::new();
        for (part, inspector) in self.parts.iter().zip(tracer.inspectors) {
            let result = part.result(inspector, stage, seen)?;
            if !self.mux {
                return Ok(result);
            }
            results.insert(part.name.clone(), result);
        }
        Ok(Value::Object(results))
    }
}

fn mux_parts(options: &GethDebugTracingOptions) -> Result<Vec<Part>, RpcError> {
    let Value::Object(named) = &options.tracer_config.0 else {
        return Err(invalid("muxTracer needs a map of tracers"));
    };
    if named.len() > MUX_TRACERS_MAX {
        return Err(invalid(format!("too many tracers: max {MUX_TRACERS_MAX}")));
    }
    let part = |(name, config): (&String, &Value)| {
        let part = json!({ "tracer": name, "tracerConfig": config });
        let options: GethDebugTracingOptions = serde_json::from_value(part)
            .map_err(|error| invalid(format!("invalid tracer {name}: {error}")))?;
        match options.tracer {
            Some(GethDebugTracerType::BuiltInTracer(BuiltIn::MuxTracer)) => {
                Err(invalid("a muxTracer runs no other"))
            }
            _ => Ok(Part { name: name.clone(), options }),
        }
    };
    named.iter().map(part).collect()
}

impl Part {
    fn inspector(&self) -> Result<DebugInspector, RpcError> {
        DebugInspector::new(self.options.clone()).map_err(|error| match error {
            DebugInspectorError::JsTracerNotEnabled | DebugInspectorError::UnsupportedTracer => {
                server("tracer not found")
            }
            error => invalid(error.to_string()),
        })
    }

    fn kept(&self) -> Kept {
        let log = &self.options.config;
        match &self.options.tracer {
            None => Kept {
                steps: true,
                stack: log.is_stack_enabled(),
                memory: log.is_memory_enabled(),
                return_data: log.is_return_data_enabled(),
                steps_max: log.limit.filter(|limit| *limit > 0),
            },
            Some(GethDebugTracerType::BuiltInTracer(BuiltIn::Erc7562Tracer)) => {
                Kept { steps: true, stack: true, memory: true, ..Kept::default() }
            }
            Some(_) => Kept::default(),
        }
    }

    fn result(
        &self,
        mut inspector: DebugInspector,
        stage: &mut Stage<'_>,
        seen: &Seen<'_>,
    ) -> Result<Value, RpcError> {
        if let DebugInspector::FlatCallTracer(flat) = &mut inspector {
            flat.set_transaction_gas_used(seen.done.result.tx_gas_used());
        }
        let block = stage.block().clone();
        let mut trace = inspector
            .get_result(Some(seen.context), seen.env, &block, seen.done, &mut stage.reader())
            .map_err(|error| match error {
                DebugInspectorError::Database(error) => fault(error),
                error => server(error.to_string()),
            })?;
        match &mut trace {
            GethTrace::CallTracer(frame) => words::frame(frame),
            GethTrace::Default(log) => words::logs(&mut log.struct_logs),
            _ => {}
        }
        serde_json::to_value(trace).map_err(fault)
    }
}

/// A transaction that ran before the eyes of a tracer.
pub(super) struct Seen<'a> {
    pub(super) context: TransactionContext,
    pub(super) env: &'a TxEnv,
    pub(super) done: &'a ResultAndState,
}

/// Where a transaction of a block is, for tracers that tell it.
pub(super) fn context(block: B256, turn: &Turn<'_>) -> TransactionContext {
    TransactionContext::default()
        .with_block_hash(block)
        .with_tx_hash(turn.hash)
        .with_tx_index(turn.index)
}

/// The tracers of one request side by side.
pub(super) struct Tracer {
    inspectors: Vec<DebugInspector>,
}

impl<C: ContextTr<Journal: JournalExt>> Inspector<C> for Tracer {
    fn initialize_interp(&mut self, interpreter: &mut Interpreter, context: &mut C) {
        for one in &mut self.inspectors {
            one.initialize_interp(interpreter, context);
        }
    }

    fn step(&mut self, interpreter: &mut Interpreter, context: &mut C) {
        for one in &mut self.inspectors {
            one.step(interpreter, context);
        }
    }

    fn step_end(&mut self, interpreter: &mut Interpreter, context: &mut C) {
        for one in &mut self.inspectors {
            one.step_end(interpreter, context);
        }
    }

    fn log(&mut self, context: &mut C, log: Log) {
        for one in &mut self.inspectors {
            one.log(context, log.clone());
        }
    }

    fn log_full(&mut self, interpreter: &mut Interpreter, context: &mut C, log: Log) {
        for one in &mut self.inspectors {
            one.log_full(interpreter, context, log.clone());
        }
    }

    // No tracer here answers a call in the place of the machine.
    fn call(&mut self, context: &mut C, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.inspectors.iter_mut().find_map(|one| one.call(context, inputs))
    }

    fn call_end(&mut self, context: &mut C, inputs: &CallInputs, outcome: &mut CallOutcome) {
        for one in &mut self.inspectors {
            one.call_end(context, inputs, outcome);
        }
    }

    fn create(&mut self, context: &mut C, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.inspectors.iter_mut().find_map(|one| one.create(context, inputs))
    }

    fn create_end(&mut self, context: &mut C, inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        for one in &mut self.inspectors {
            one.create_end(context, inputs, outcome);
        }
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        for one in &mut self.inspectors {
            Inspector::<C>::selfdestruct(one, contract, target, value);
        }
    }
}

/// A duration as Go writes it: `5s`, `1m30s`, `250ms`, `1.5h`.
fn duration(text: &str) -> Result<Duration, RpcError> {
    parsed(text).ok_or_else(|| invalid(format!("time: invalid duration {text:?}")))
}

fn parsed(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 7] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    let (mut rest, mut nanoseconds) = (text, 0u64);
    if text == "0" {
        return Some(Duration::ZERO);
    }
    while !rest.is_empty() {
        let end = rest.find(|one: char| !one.is_ascii_digit() && one != '.')?;
        let (number, unit_on) = rest.split_at(end);
        let end = unit_on.find(|one: char| one.is_ascii_digit() || one == '.');
        let (unit, after) = unit_on.split_at(end.unwrap_or(unit_on.len()));
        let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        if number.chars().all(|one| one == '.') {
            return None;
        }
        nanoseconds = nanoseconds.checked_add(whole.checked_mul(*size)?)?;
        let mut digit = *size;
        for one in fraction.chars() {
            digit /= 10;
            nanoseconds = nanoseconds.checked_add(digit * u64::from(one.to_digit(10)?))?;
        }
        rest = after;
    }
    (!text.is_empty()).then(|| Duration::from_nanos(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, expected) in [
            ("5s", Some(5_000)),
            ("250ms", Some(250)),
            ("1m30s", Some(90_000)),
            ("1.5h", Some(5_400_000)),
            (".5s", Some(500)),
            ("0", Some(0)),
            ("", None),
            ("5", None),
            ("s", None),
            (".s", None),
            ("5 s", None),
            ("-1s", None),
            ("1.2.3s", None),
            ("5x", None),
            ("99999999999h", None),
        ] {
            assert_eq!(parsed(text), expected.map(Duration::from_millis), "{text:?}");
        }
    }
}

//! Parity's `vmTrace`: every instruction of every frame with what it left behind.
//!
//! The tracer keeps stack and memory before each instruction, so what one left is what the next one
//! of the same frame finds: gas, pushed items and the part of the memory it wrote. That holds for
//! calls too, whose results are there only after the frames below them.

use alloy_primitives::{Bytes, U256};
use alloy_rpc_types_trace::parity::{
    MemoryDelta, StorageDelta, VmExecutedOperation, VmInstruction, VmTrace,
};
use revm::bytecode::opcode;
use revm_inspectors::tracing::types::{CallTraceNode, CallTraceStep, TraceMemberOrder};

/// The instructions of the first frame, those of its calls below them. `code` finds what a frame
/// ran.
pub(super) fn trace<E>(
    nodes: &[CallTraceNode],
    mut code: impl FnMut(&CallTraceNode) -> Result<Bytes, E>,
) -> Result<VmTrace, E> {
    // A frame comes before the frames that it calls.
    let mut done: Vec<Option<VmTrace>> = vec![None; nodes.len()];
    for node in nodes.iter().rev() {
        let mut ops: Vec<VmInstruction> = Vec::with_capacity(node.trace.steps.len());
        for member in &node.ordering {
            match *member {
                TraceMemberOrder::Step(at) => ops.push(instruction(&node.trace.steps[at..])),
                TraceMemberOrder::Call(at) => {
                    if let (Some(caller), Some(child)) = (ops.last_mut(), node.children.get(at)) {
                        caller.sub = done[*child].take();
                    }
                }
                TraceMemberOrder::Log(_) => {}
            }
        }
        done[node.idx] = Some(VmTrace { code: code(node)?, ops });
    }
    Ok(done.first_mut().and_then(Option::take).unwrap_or_default())
}

/// The first of `steps`; the second, if there is one, shows what it left.
fn instruction(steps: &[CallTraceStep]) -> VmInstruction {
    let (step, next) = (&steps[0], steps.get(1));
    let left = step.gas_remaining.saturating_sub(step.gas_cost);
    let pushed = next.and_then(|next| {
        let stack = next.stack.as_deref()?;
        Some(stack[stack.len().saturating_sub(usize::from(step.op.outputs()))..].to_vec())
    });
    VmInstruction {
        pc: step.pc,
        cost: step.gas_cost,
        ex: Some(VmExecutedOperation {
            used: next.map_or(left, |next| next.gas_remaining),
            push: pushed.unwrap_or_default(),
            mem: next.and_then(|next| memory(step, next)),
            store: stored(step),
        }),
        sub: None,
        op: Some(step.op.to_string()),
        idx: None,
    }
}

/// An operand of an instruction, counted from the top of the stack.
fn operand(step: &CallTraceStep, depth: usize) -> Option<U256> {
    let stack = step.stack.as_deref()?;
    Some(stack[stack.len().checked_sub(depth + 1)?])
}

fn stored(step: &CallTraceStep) -> Option<StorageDelta> {
    if step.op.get() != opcode::SSTORE {
        return None;
    }
    Some(StorageDelta { key: operand(step, 0)?, val: operand(step, 1)? })
}

/// The part of the memory that an instruction read or wrote, as it was afterwards.
fn memory(step: &CallTraceStep, next: &CallTraceStep) -> Option<MemoryDelta> {
    let (start, size) = match step.op.get() {
        opcode::MLOAD | opcode::MSTORE => (operand(step, 0)?, U256::from(32)),
        opcode::MSTORE8 => (operand(step, 0)?, U256::ONE),
        opcode::CALLDATACOPY | opcode::CODECOPY | opcode::RETURNDATACOPY | opcode::MCOPY => {
            (operand(step, 0)?, operand(step, 2)?)
        }
        opcode::EXTCODECOPY => (operand(step, 1)?, operand(step, 3)?),
        opcode::CALL | opcode::CALLCODE => (operand(step, 5)?, operand(step, 6)?),
        opcode::DELEGATECALL | opcode::STATICCALL => (operand(step, 4)?, operand(step, 5)?),
        _ => return None,
    };
    if size.is_zero() {
        return None;
    }
    let (start, size): (usize, usize) = (start.try_into().ok()?, size.try_into().ok()?);
    let all = next.memory.as_ref()?.as_bytes();
    let end = start.checked_add(size).filter(|end| *end <= all.len())?;
    Some(MemoryDelta { off: start, data: all.slice(start..end) })
}

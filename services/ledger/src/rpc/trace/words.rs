//! Errors in geth's words, and the gas that geth says a failed frame used.

use alloy_primitives::U256;
use alloy_rpc_types_trace::geth::{CallFrame, StructLog};

/// The word of geth for what the machine calls `name`; anything else stays as it is.
fn geth(name: &str) -> &str {
    match name {
        "OutOfGas"
        | "PrecompileOOG"
        | "MemoryOOG"
        | "MemoryLimitOOG"
        | "InvalidOperandOOG"
        | "ReentrancySentryOOG" => "out of gas",
        memory if memory.starts_with("out of gas: ") => "out of gas",
        "OpcodeNotFound" | "NotActivated" => "invalid opcode",
        "InvalidFEOpcode" => "invalid opcode: INVALID",
        "InvalidJump" => "invalid jump destination",
        "StackUnderflow" => "stack underflow",
        "StackOverflow" | "Out of stack" => "stack limit reached",
        "OutOfOffset" => "return data out of bounds",
        "StateChangeDuringStaticCall" | "CallNotAllowedInsideStatic" => "write protection",
        "CallTooDeep" => "max call depth exceeded",
        "OutOfFunds" | "OverflowPayment" => "insufficient balance for transfer",
        "CreateCollision" => "contract address collision",
        "CreateContractSizeLimit" => "max code size exceeded",
        "CreateInitCodeSizeLimit" => "max initcode size exceeded",
        "CreateContractStartingWithEF" => "invalid code: must not begin with 0xef",
        "NonceOverflow" => "nonce uint64 overflow",
        other => other,
    }
}

/// A frame that never began gives its gas back.
fn never_began(error: &str) -> bool {
    matches!(
        error,
        "max call depth exceeded" | "insufficient balance for transfer" | "nonce uint64 overflow"
    )
}

/// A frame and all below it.
pub(super) fn frame(root: &mut CallFrame) {
    let mut open = vec![root];
    while let Some(frame) = open.pop() {
        if let Some(error) = &mut frame.error {
            *error = geth(error).to_owned();
            if never_began(error) {
                frame.gas_used = U256::ZERO;
            }
        }
        open.extend(frame.calls.iter_mut());
    }
}

/// The instructions that ended a frame.
pub(super) fn logs(logs: &mut [StructLog]) {
    for error in logs.iter_mut().filter_map(|log| log.error.as_mut()) {
        let name = error.strip_prefix("Some(").and_then(|rest| rest.strip_suffix(')'));
        *error = geth(name.unwrap_or(error)).to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(error: &str) -> CallFrame {
        CallFrame { error: Some(error.into()), gas_used: U256::from(9), ..CallFrame::default() }
    }

    #[test]
    fn a_frame_tells_why_it_failed_as_geth_would() {
        for (name, expected, gas) in [
            ("CallTooDeep", "max call depth exceeded", 0),
            ("insufficient balance for transfer", "insufficient balance for transfer", 0),
            ("StateChangeDuringStaticCall", "write protection", 9),
            ("out of gas: out of memory", "out of gas", 9),
            ("execution reverted", "execution reverted", 9),
        ] {
            let mut root = CallFrame { calls: vec![failed(name)], ..CallFrame::default() };
            frame(&mut root);
            let child = &root.calls[0];
            assert_eq!(child.error.as_deref(), Some(expected), "{name}");
            assert_eq!(child.gas_used, U256::from(gas), "{name}");
            assert_eq!(root.error, None);
        }
    }

    #[test]
    fn an_instruction_tells_why_it_failed_as_geth_would() {
        let log = |error: &str| StructLog { error: Some(error.into()), ..StructLog::default() };
        let mut all = [log("Some(MemoryOOG)"), log("Some(StackUnderflow)"), StructLog::default()];
        logs(&mut all);
        let told: Vec<_> = all.iter().map(|log| log.error.as_deref()).collect();
        assert_eq!(told, [Some("out of gas"), Some("stack underflow"), None]);
    }
}

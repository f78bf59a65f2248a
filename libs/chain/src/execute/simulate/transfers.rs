//! Transfers of ether as logs of ERC-20 form, in one order with the logs of contracts.

use alloy_primitives::{Address, B256, Bytes, Log, U256, address, b256};
use revm::Inspector;
use revm::handler::FrameResult;
use revm::interpreter::interpreter::EthInterpreter;
use revm::interpreter::{CallScheme, FrameInput};

/// The address that ether goes by where tokens have one.
const ETHER: Address = address!("EeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE");
/// `Transfer(address,address,uint256)`.
const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");

/// Gathers logs by frame, so that those of a frame that failed go with it.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    done: Vec<Log>,
    frames: Vec<Frame>,
}

#[derive(Debug, Default)]
struct Frame {
    logs: Vec<Log>,
    /// Set if the frame creates a contract with ether: its address is known at the end.
    creates: bool,
}

impl Transfers {
    pub(super) fn into_logs(self) -> Vec<Log> {
        self.done
    }

    fn add(&mut self, log: Log) {
        self.frames.last_mut().map_or(&mut self.done, |frame| &mut frame.logs).push(log);
    }
}

fn transfer(from: Address, to: Address, value: U256) -> Log {
    let topics = vec![TRANSFER, from.into_word(), to.into_word()];
    Log::new_unchecked(ETHER, topics, Bytes::from(value.to_be_bytes::<32>()))
}

impl<C> Inspector<C, EthInterpreter> for Transfers {
    fn log(&mut self, _context: &mut C, log: Log) {
        self.add(log);
    }

    fn frame_start(&mut self, _context: &mut C, input: &mut FrameInput) -> Option<FrameResult> {
        self.frames.push(Frame::default());
        let moved = match input {
            FrameInput::Call(call) if call.scheme == CallScheme::Call => {
                let value = call.value.get();
                Some((call.caller, call.target_address, value))
            }
            FrameInput::Create(create) => Some((create.caller(), Address::ZERO, create.value())),
            _ => None,
        };
        if let Some((from, to, value)) = moved.filter(|(_, _, value)| !value.is_zero()) {
            self.add(transfer(from, to, value));
            let creates = matches!(input, FrameInput::Create(_));
            self.frames.last_mut().expect("a frame was just begun").creates = creates;
        }
        None
    }

    fn frame_end(&mut self, _context: &mut C, _input: &FrameInput, result: &mut FrameResult) {
        let Some(mut frame) = self.frames.pop() else { return };
        if !result.interpreter_result().is_ok() {
            return;
        }
        if let (true, FrameResult::Create(created)) = (frame.creates, &*result)
            && let (Some(address), Some(first)) = (created.address, frame.logs.first_mut())
        {
            first.data.topics_mut_unchecked()[2] = address.into_word();
        }
        for log in frame.logs {
            self.add(log);
        }
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        if !value.is_zero() {
            self.add(transfer(contract, target, value));
        }
    }
}

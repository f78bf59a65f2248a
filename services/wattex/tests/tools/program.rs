//! Random programs for the Ethereum machine: whatever they do, they do from the seed alone.
//!
//! A program is a list of statements, each of which leaves the stack as it found it, and an end.
//! What a statement finds out (values, success of calls, gas that is left) goes to storage, so that
//! a difference anywhere shows in the storage root.
//!
//! Left out is what two nodes may answer differently: time, randomness, hashes of blocks.

use alloy_primitives::{Address, B256, U256};
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

/// Slots that programs write to.
pub const SLOTS: u64 = 6;
/// Statements of a program.
const STATEMENTS_MAX: usize = 10;

/// Opcodes that statements are made of, by their names in the yellow paper.
mod op {
    pub const STOP: u8 = 0x00;
    pub const SUB: u8 = 0x03;
    pub const EQ: u8 = 0x14;
    pub const SHR: u8 = 0x1c;
    pub const KECCAK256: u8 = 0x20;
    pub const BALANCE: u8 = 0x31;
    pub const CALLDATALOAD: u8 = 0x35;
    pub const CALLDATACOPY: u8 = 0x37;
    pub const CODECOPY: u8 = 0x39;
    pub const EXTCODESIZE: u8 = 0x3b;
    pub const EXTCODECOPY: u8 = 0x3c;
    pub const RETURNDATASIZE: u8 = 0x3d;
    pub const RETURNDATACOPY: u8 = 0x3e;
    pub const EXTCODEHASH: u8 = 0x3f;
    pub const POP: u8 = 0x50;
    pub const MLOAD: u8 = 0x51;
    pub const MSTORE: u8 = 0x52;
    pub const MSTORE8: u8 = 0x53;
    pub const SLOAD: u8 = 0x54;
    pub const SSTORE: u8 = 0x55;
    pub const JUMP: u8 = 0x56;
    pub const JUMPI: u8 = 0x57;
    pub const GAS: u8 = 0x5a;
    pub const JUMPDEST: u8 = 0x5b;
    pub const TLOAD: u8 = 0x5c;
    pub const TSTORE: u8 = 0x5d;
    pub const MCOPY: u8 = 0x5e;
    pub const PUSH0: u8 = 0x5f;
    pub const PUSH2: u8 = 0x61;
    pub const DUP1: u8 = 0x80;
    pub const SWAP1: u8 = 0x90;
    pub const LOG0: u8 = 0xa0;
    pub const CREATE: u8 = 0xf0;
    pub const CALL: u8 = 0xf1;
    pub const CALLCODE: u8 = 0xf2;
    pub const RETURN: u8 = 0xf3;
    pub const DELEGATECALL: u8 = 0xf4;
    pub const CREATE2: u8 = 0xf5;
    pub const STATICCALL: u8 = 0xfa;
    pub const REVERT: u8 = 0xfd;
    pub const INVALID: u8 = 0xfe;
    pub const SELFDESTRUCT: u8 = 0xff;
}

/// Without arguments, with one word as the result: ADDRESS, ORIGIN, CALLER, CALLVALUE,
/// CALLDATASIZE, CODESIZE, GASPRICE, RETURNDATASIZE, COINBASE, NUMBER, GASLIMIT, CHAINID,
/// SELFBALANCE, BASEFEE, PC, MSIZE.
const SURROUNDINGS: [u8; 16] = [
    0x30, 0x32, 0x33, 0x34, 0x36, 0x38, 0x3a, 0x3d, 0x41, 0x43, 0x45, 0x46, 0x47, 0x48, 0x58, 0x59,
];
/// Of two words: ADD to SMOD, EXP, SIGNEXTEND, comparisons, bits, BYTE, shifts.
const OF_TWO: [u8; 20] = [
    0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0a, 0x0b, 0x10, 0x11, 0x12, 0x13, 0x14, 0x16, 0x17,
    0x18, 0x1a, 0x1b, 0x1d,
];
/// Of one word: ISZERO, NOT, CLZ.
const OF_ONE: [u8; 3] = [0x15, 0x19, 0x1e];
/// Of three words: ADDMOD, MULMOD.
const OF_THREE: [u8; 2] = [0x08, 0x09];

/// Small creation codes that programs create from, at most 32 bytes each: nothing, a STOP, a
/// revert, an invalid opcode, a code that may not be (EIP-3541), one that destroys itself at once,
/// one that stores what it was given and returns a byte, and one that returns more than is allowed.
const SMALL: [&[u8]; 8] = [
    &[],
    &[0x60, 0x01, 0x5f, 0xf3],
    &[0x60, 0x07, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xfd],
    &[0xfe],
    &[0x60, 0xef, 0x5f, 0x53, 0x60, 0x01, 0x5f, 0xf3],
    &[0x33, 0xff],
    &[
        0x34, 0x5f, 0x55, 0x60, 0x33, 0x5f, 0x53, 0x60, 0xff, 0x60, 0x01, 0x53, 0x60, 0x02, 0x5f,
        0xf3,
    ],
    &[0x62, 0x00, 0x60, 0x01, 0x5f, 0xf3],
];

/// A program as it grows.
pub struct Program<'r> {
    random: &'r mut ChaCha8Rng,
    /// Who may be called, asked for, and given to.
    known: &'r [Address],
    code: Vec<u8>,
}

/// Creation code of a random contract.
pub fn creation(random: &mut ChaCha8Rng, known: &[Address]) -> Vec<u8> {
    let runtime = runtime(random, known);
    let mut program = Program { random, known, code: Vec::new() };
    for _ in 0..program.random.random_range(0..3) {
        program.statement();
    }
    if program.random.random_bool(0.08) {
        program.end();
        return program.code;
    }
    // CODECOPY(0, where the runtime begins, its length); RETURN(0, its length).
    let length = u16::try_from(runtime.len()).unwrap();
    let begins = u16::try_from(program.code.len() + 14).unwrap();
    let mut tail = vec![op::PUSH2];
    tail.extend(length.to_be_bytes());
    tail.push(op::PUSH2);
    tail.extend(begins.to_be_bytes());
    tail.extend([op::PUSH0, op::CODECOPY, op::PUSH2]);
    tail.extend(length.to_be_bytes());
    tail.extend([op::PUSH0, op::RETURN]);
    assert_eq!(tail.len(), 13);
    // One byte that is never run, so that a contract may begin anywhere.
    tail.push(op::INVALID);
    [program.code, tail, runtime].concat()
}

fn runtime(random: &mut ChaCha8Rng, known: &[Address]) -> Vec<u8> {
    let statements = random.random_range(1..=STATEMENTS_MAX);
    let mut program = Program { random, known, code: Vec::new() };
    for _ in 0..statements {
        program.statement();
    }
    program.end();
    program.code
}

impl Program<'_> {
    fn op(&mut self, code: u8) {
        self.code.push(code);
    }

    fn push(&mut self, value: U256) {
        let bytes = value.to_be_bytes_trimmed_vec();
        self.code.push(op::PUSH0 + u8::try_from(bytes.len()).unwrap());
        self.code.extend(bytes);
    }

    fn number(&mut self, value: u64) {
        self.push(U256::from(value));
    }

    fn address(&mut self) {
        let address = *self.known.choose(self.random).unwrap();
        self.push(address.into_word().into());
    }

    /// A word as programs meet them: small, round, negative, anything.
    fn word(&mut self) {
        let word = match self.random.random_range(0..6) {
            0 => U256::ZERO,
            1 => U256::from(self.random.random_range(1..300u64)),
            2 => U256::ONE << self.random.random_range(0..256usize),
            3 => U256::MAX - U256::from(self.random.random_range(0..3u64)),
            4 => U256::from(self.random.random::<u64>()),
            _ => B256::from(self.random.random::<[u8; 32]>()).into(),
        };
        self.push(word);
    }

    fn slot(&mut self) {
        let slot = self.random.random_range(0..SLOTS);
        self.number(slot);
    }

    /// Stores the word on top of the stack.
    fn keep(&mut self) {
        self.slot();
        self.op(op::SSTORE);
    }

    /// Length and offset of some memory, the length below, as most opcodes take them.
    fn memory(&mut self) {
        let length = *[0, 1, 20, 32, 33, 64, 200].choose(self.random).unwrap();
        self.number(length);
        let offset = self.random.random_range(0..100);
        self.number(offset);
    }

    fn statement(&mut self) {
        match self.random.random_range(0..18) {
            0 | 1 => {
                self.word();
                self.keep();
            }
            2 => self.word_of_input(),
            3 => {
                self.op(op::GAS);
                self.keep();
            }
            4 => self.transient(),
            5 => self.log(),
            6 => self.write_memory(),
            7 => {
                self.memory();
                self.op(op::KECCAK256);
                self.keep();
            }
            8..=10 => self.call(),
            11 | 12 => self.create(),
            13 => self.repeat(),
            14 => self.look_at_account(),
            15 => self.calculate(),
            16 => self.copy(),
            _ => self.end_if_asked(),
        }
    }

    /// A slot grows by a word of the input.
    fn word_of_input(&mut self) {
        let at = self.random.random_range(0..64);
        self.number(at);
        self.op(op::CALLDATALOAD);
        self.slot();
        self.code.extend([op::SLOAD, 0x01]);
        self.keep();
    }

    fn transient(&mut self) {
        self.slot();
        self.op(op::TLOAD);
        self.keep();
        self.word();
        self.slot();
        self.op(op::TSTORE);
    }

    fn log(&mut self) {
        let topics = self.random.random_range(0..=4u8);
        (0..topics).for_each(|_| self.word());
        self.memory();
        self.op(op::LOG0 + topics);
    }

    fn write_memory(&mut self) {
        self.word();
        let offset = *[0, 1, 32, 64, 100, 1_000, 40_000].choose(self.random).unwrap();
        self.number(offset);
        let code = if self.random.random_bool(0.7) { op::MSTORE } else { op::MSTORE8 };
        self.op(code);
    }

    /// A call of any kind to anybody; whether it went well and how much came back is kept.
    fn call(&mut self) {
        let kind = *[op::CALL, op::CALL, op::CALLCODE, op::DELEGATECALL, op::STATICCALL]
            .choose(self.random)
            .unwrap();
        self.memory();
        self.memory();
        if kind == op::CALL || kind == op::CALLCODE {
            let value = *[0, 0, 0, 1, 1_000].choose(self.random).unwrap();
            self.number(value);
        }
        self.address();
        match self.random.random_range(0..4) {
            0 => self.number(0),
            1 => {
                let gas = self.random.random_range(1..60_000);
                self.number(gas);
            }
            _ => self.op(op::GAS),
        }
        self.op(kind);
        self.keep();
        self.op(op::RETURNDATASIZE);
        self.keep();
        if self.random.random_bool(0.4) {
            // All that came back, then whatever now stands first.
            self.code.extend([op::RETURNDATASIZE, op::PUSH0, op::PUSH0, op::RETURNDATACOPY]);
            self.code.extend([op::PUSH0, op::MLOAD]);
            self.keep();
        }
    }

    /// A small contract; its address, or zero, is kept. Salts are few, so that some collide.
    fn create(&mut self) {
        let code = *SMALL.choose(self.random).unwrap();
        let mut word = [0; 32];
        word[..code.len()].copy_from_slice(code);
        self.push(U256::from_be_bytes(word));
        self.code.extend([op::PUSH0, op::MSTORE]);
        let salted = self.random.random_bool(0.5);
        if salted {
            let salt = self.random.random_range(0..3);
            self.number(salt);
        }
        self.number(code.len() as u64);
        self.number(0);
        let value = *[0, 0, 1].choose(self.random).unwrap();
        self.number(value);
        self.op(if salted { op::CREATE2 } else { op::CREATE });
        self.keep();
    }

    /// Some rounds of a statement that writes.
    fn repeat(&mut self) {
        let rounds = self.random.random_range(1..12);
        self.number(rounds);
        let start = u64::try_from(self.code.len()).unwrap();
        self.op(op::JUMPDEST);
        match self.random.random_range(0..3) {
            0 => self.word_of_input(),
            1 => self.log(),
            _ => self.calculate(),
        }
        self.code.extend([0x60, 1, op::SWAP1, op::SUB, op::DUP1]);
        self.number(start);
        self.code.extend([op::JUMPI, op::POP]);
    }

    fn look_at_account(&mut self) {
        self.address();
        let code = *[op::BALANCE, op::EXTCODESIZE, op::EXTCODEHASH].choose(self.random).unwrap();
        self.op(code);
        self.keep();
    }

    fn calculate(&mut self) {
        let words = self.random.random_range(0..4);
        (0..words).for_each(|_| self.word());
        let code = match words {
            0 => *SURROUNDINGS.choose(self.random).unwrap(),
            1 => *OF_ONE.choose(self.random).unwrap(),
            2 => *OF_TWO.choose(self.random).unwrap(),
            _ => *OF_THREE.choose(self.random).unwrap(),
        };
        self.op(code);
        self.keep();
    }

    fn copy(&mut self) {
        self.memory();
        let to = self.random.random_range(0..300);
        self.number(to);
        match self.random.random_range(0..4) {
            0 => self.op(op::CALLDATACOPY),
            1 => self.op(op::CODECOPY),
            2 => self.op(op::MCOPY),
            _ => {
                self.address();
                self.op(op::EXTCODECOPY);
            }
        }
    }

    /// An end, if the input begins with a certain byte.
    fn end_if_asked(&mut self) {
        self.code.extend([op::PUSH0, op::CALLDATALOAD, 0x60, 248, op::SHR]);
        let asked = self.random.random_range(0..8);
        self.number(asked);
        self.code.extend([op::SUB, op::PUSH2, 0, 0, op::JUMPI]);
        let place = self.code.len() - 3;
        self.end();
        let after = u16::try_from(self.code.len()).unwrap();
        self.code[place..place + 2].copy_from_slice(&after.to_be_bytes());
        self.op(op::JUMPDEST);
    }

    /// Every way in which a program ends.
    fn end(&mut self) {
        match self.random.random_range(0..16) {
            0..=4 => self.op(op::STOP),
            5..=8 => {
                self.memory();
                self.op(op::RETURN);
            }
            9..=11 => {
                self.memory();
                self.op(op::REVERT);
            }
            12 => self.op(op::INVALID),
            13 => {
                self.address();
                self.op(op::SELFDESTRUCT);
            }
            // Too little on the stack; nowhere to jump to.
            14 => self.op(op::EQ),
            _ => self.code.extend([op::PUSH0, op::JUMP]),
        }
    }
}

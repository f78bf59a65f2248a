//! The nonce search: SHA-256(SHA-256(seal hash || nonce)) against a target, as fast as the
//! processor can.
//!
//! The 40-byte preimage is one block of SHA-256 and so is the digest of it, with a padding that
//! never changes: a nonce costs two compressions. What does not depend on the low half of the
//! nonce is computed once per 2^32 nonces: nine of the 64 rounds and most of the first words that
//! the message is extended by. Of the second digest only the first word is computed; it refuses
//! nearly every nonce. What it does not refuse is hashed again in full, by the plain code.
//!
//! ```text
//! Work --- Prefix (one per high half of the nonce) ---> Engine: 1, 2, 8 or 16 nonces at a time
//!                                                          | first word low enough
//!                                                          v
//!                                            Work::accepts: plain code, all 256 bits
//! ```
//!
//! Invariants: every [`Engine`] gives the same answer, the *first* nonce of the range; an engine
//! can only miss or find, never invent one, because [`Work::accepts`] has the last word.
//!
//! Unsafe code is in `x86` alone, where functions for instructions that were just detected are
//! entered. Absent on purpose: threads, difficulty, headers, a clock.
#![deny(unsafe_code)]

mod engine;
mod kernel;
mod portable;
mod prefix;
mod words;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use engine::Engine;

use words::{IV, compress};

/// What a nonce is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// The seal hash.
    seal: [u32; 8],
    /// The largest pow hash that is accepted; as words it is ordered like its bytes.
    target: [u32; 8],
}

impl Work {
    /// The search for a nonce whose pow hash, read as a big-endian number, is at most `target`.
    pub fn new(seal_hash: &[u8; 32], target: &[u8; 32]) -> Self {
        Self { seal: words_of(seal_hash), target: words_of(target) }
    }

    /// SHA-256(SHA-256(seal hash || nonce)).
    pub fn pow_hash(&self, nonce: u64) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (place, word) in bytes.chunks_exact_mut(4).zip(self.digest(nonce)) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    /// Whether the nonce does the work.
    pub fn accepts(&self, nonce: u64) -> bool {
        self.digest(nonce) <= self.target
    }

    /// The first of `tries` nonces from `start` on (wrapping) that does the work, by the fastest
    /// engine of this machine.
    pub fn first(&self, start: u64, tries: u64) -> Option<u64> {
        Engine::fastest().first(self, start, tries)
    }

    fn digest(&self, nonce: u64) -> [u32; 8] {
        let [high, low] = halves(nonce);
        let mut block = [0; 16];
        block[..8].copy_from_slice(&self.seal);
        block[8..11].copy_from_slice(&[high, low, words::END]);
        block[15] = words::PREIMAGE_BITS;
        let inner = compress(&IV, &block);
        let mut block = [0; 16];
        block[..8].copy_from_slice(&inner);
        block[8] = words::END;
        block[15] = words::DIGEST_BITS;
        compress(&IV, &block)
    }
}

fn words_of(bytes: &[u8; 32]) -> [u32; 8] {
    let mut words = [0; 8];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = u32::from_be_bytes(bytes.try_into().expect("chunks of four bytes"));
    }
    words
}

/// The high and the low word of a nonce.
fn halves(nonce: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = nonce.to_be_bytes();
    [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])]
}

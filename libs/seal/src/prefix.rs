//! What all nonces with one high half have in common.

use crate::Work;
use crate::words::{END, IV, K, PREIMAGE_BITS, round, small_sigma_0, small_sigma_1};

/// The part of both compressions that does not depend on the low half of the nonce.
pub(crate) struct Prefix {
    /// The message of the first block up to the low half: the seal hash, then the high half.
    pub(crate) words: [u32; 9],
    /// The state after the eight rounds over the seal hash.
    pub(crate) after_seal: [u32; 8],
    /// The state after the round over the high half too.
    pub(crate) after_high: [u32; 8],
    /// Of the words 16 to 31 that the message is extended by, the sum of the terms that are
    /// known; nothing is left to add to the words 17, 19 and 21.
    pub(crate) extension: [u32; 16],
    /// The first word of the target.
    pub(crate) top_max: u32,
}

impl Prefix {
    pub(crate) fn new(work: &Work, high: u32) -> Self {
        let mut words = [0; 9];
        words[..8].copy_from_slice(&work.seal);
        words[8] = high;
        let mut state = IV;
        for (word, constant) in work.seal.into_iter().zip(K) {
            state = round(state, constant.wrapping_add(word));
        }
        Self {
            words,
            after_seal: state,
            after_high: round(state, K[8].wrapping_add(high)),
            extension: extension(&words),
            top_max: work.target[0],
        }
    }
}

/// The rule that extends the message, with zero for every term that is not known yet: the low
/// half and what depends on it.
fn extension(known: &[u32; 9]) -> [u32; 16] {
    let mut words = [None; 32];
    for (place, word) in words.iter_mut().zip(known) {
        *place = Some(*word);
    }
    words[10] = Some(END);
    words[11..15].fill(Some(0));
    words[15] = Some(PREIMAGE_BITS);
    let mut sums = [0; 16];
    for at in 16..32 {
        let terms = [
            words[at - 16],
            words[at - 15].map(small_sigma_0),
            words[at - 7],
            words[at - 2].map(small_sigma_1),
        ];
        sums[at - 16] = terms.into_iter().flatten().fold(0, u32::wrapping_add);
        if terms.iter().all(Option::is_some) {
            words[at] = Some(sums[at - 16]);
        }
    }
    sums
}

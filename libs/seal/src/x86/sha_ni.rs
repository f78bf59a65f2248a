//! The SHA instructions: two rounds each, with a latency in which a second nonce finds its place.
//!
//! A state is two registers, (f, e, b, a) and (h, g, d, c) from the lowest lane up; a message is
//! four registers of four words. Four nonces at a time would not fit into sixteen registers.

use crate::prefix::Prefix;
use crate::words::{DIGEST_BITS, END, IV, K, PREIMAGE_BITS, small_sigma_0};
use std::arch::x86_64::*;

/// Nonces at a time.
const LANES: usize = 2;

/// The constants, four rounds each.
const QUADS: [[u32; 4]; 16] = {
    let mut quads = [[0; 4]; 16];
    let mut at = 0;
    while at < 64 {
        quads[at / 4][at % 4] = K[at];
        at += 1;
    }
    quads
};

/// Extends the message of every nonce by its rule, quad after quad, and does their rounds. A loop
/// would keep the messages in memory.
macro_rules! rounds {
    ($states:ident, $messages:ident, $($at:literal)+) => {
        $(
            for (state, message) in $states.iter_mut().zip(&mut $messages) {
                let next = extend(message[$at % 4], message[($at + 1) % 4],
                    message[($at + 2) % 4], message[($at + 3) % 4]);
                take(state, message, $at, next);
            }
        )+
    };
}

/// The quad after these four.
#[inline]
#[target_feature(enable = "sha,avx2")]
fn extend(first: __m128i, second: __m128i, third: __m128i, fourth: __m128i) -> __m128i {
    let next = _mm_sha256msg1_epu32(first, second);
    let next = _mm_add_epi32(next, _mm_alignr_epi8::<4>(fourth, third));
    _mm_sha256msg2_epu32(next, fourth)
}

type State = [__m128i; 2];
type Message = [__m128i; 4];

/// See [`Scan`](crate::engine::Scan).
#[target_feature(enable = "sha,avx2")]
pub(super) fn scan(prefix: &Prefix, from: u32, last: u32) -> Option<u32> {
    let first_block = FirstBlock::new(prefix);
    for start in (from..=last).step_by(LANES) {
        let tops = first_block.top_words([start, start.wrapping_add(1)]);
        // One branch for both, or the compiler would do the second after the first.
        if tops[0].min(tops[1]) <= prefix.top_max {
            let second = u32::from(tops[0] > prefix.top_max);
            return (second <= last - start).then(|| start + second);
        }
    }
    None
}

/// What is known of the first block, in registers.
struct FirstBlock {
    state: State,
    seal: [__m128i; 2],
    high: u32,
    /// The known terms of the words 16 to 19 and 20 to 23.
    extension: [__m128i; 2],
}

impl FirstBlock {
    #[target_feature(enable = "sha,avx2")]
    fn new(prefix: &Prefix) -> Self {
        let [w0, w1, w2, w3, w4, w5, w6, w7, high] = prefix.words;
        let s0 = small_sigma_0;
        // Without the words two before, which the instruction adds.
        let from_16 = [
            w0.wrapping_add(s0(w1)),
            w1.wrapping_add(s0(w2)).wrapping_add(END),
            w2.wrapping_add(s0(w3)),
            w3.wrapping_add(s0(w4)),
        ];
        let from_20 = [
            w4.wrapping_add(s0(w5)),
            w5.wrapping_add(s0(w6)),
            w6.wrapping_add(s0(w7)),
            w7.wrapping_add(s0(high)),
        ];
        Self {
            state: state(prefix.after_seal),
            seal: [quad([w0, w1, w2, w3]), quad([w4, w5, w6, w7])],
            high,
            extension: [quad(from_16), quad(from_20)],
        }
    }

    #[inline]
    #[target_feature(enable = "sha,avx2")]
    fn top_words(&self, low: [u32; LANES]) -> [u32; LANES] {
        let mut states = [self.state; LANES];
        let end = quad([0, 0, 0, PREIMAGE_BITS]);
        let mut messages = [[self.seal[0], self.seal[1], end, end]; LANES];
        for lane in 0..LANES {
            messages[lane][2] = quad([self.high, low[lane], END, 0]);
            let quad_2 = _mm_add_epi32(messages[lane][2], quad(QUADS[2]));
            states[lane] = four_rounds(states[lane], quad_2);
        }
        for state in &mut states {
            *state = four_rounds(*state, _mm_add_epi32(end, quad(QUADS[3])));
        }
        for lane in 0..LANES {
            let nonce = _mm_add_epi32(self.extension[0], quad([low[lane], 0, 0, 0]));
            let next = _mm_sha256msg2_epu32(nonce, messages[lane][3]);
            take(&mut states[lane], &mut messages[lane], 4, next);
        }
        for lane in 0..LANES {
            let message = &mut messages[lane];
            let seventh = _mm_alignr_epi8::<4>(message[0], message[3]);
            let next = _mm_add_epi32(self.extension[1], seventh);
            let next = _mm_sha256msg2_epu32(next, message[0]);
            take(&mut states[lane], message, 5, next);
        }
        rounds!(states, messages, 6 7 8 9 10 11 12 13 14 15);
        second_block(&states)
    }
}

#[inline]
#[target_feature(enable = "sha,avx2")]
fn second_block(after_first: &[State; LANES]) -> [u32; LANES] {
    let before = state(IV);
    let (end, length) = (quad([END, 0, 0, 0]), quad([0, 0, 0, DIGEST_BITS]));
    let mut states = [before; LANES];
    let mut messages = [[end, end, end, length]; LANES];
    for lane in 0..LANES {
        let [feba, hgdc] = after_first[lane];
        let abef = _mm_shuffle_epi32::<0x1b>(_mm_add_epi32(feba, before[0]));
        let cdgh = _mm_shuffle_epi32::<0x1b>(_mm_add_epi32(hgdc, before[1]));
        messages[lane][0] = _mm_unpacklo_epi64(abef, cdgh);
        messages[lane][1] = _mm_unpackhi_epi64(abef, cdgh);
    }
    for at in 0..4 {
        for lane in 0..LANES {
            let scheduled = _mm_add_epi32(messages[lane][at], quad(QUADS[at]));
            states[lane] = four_rounds(states[lane], scheduled);
        }
    }
    rounds!(states, messages, 4 5 6 7 8 9 10 11 12 13 14 15);
    states.map(|[feba, _]| {
        let top = _mm_extract_epi32::<3>(_mm_add_epi32(feba, before[0]));
        top.cast_unsigned()
    })
}

/// Puts the quad `at` into the message and does its rounds.
#[inline]
#[target_feature(enable = "sha,avx2")]
fn take(state: &mut State, message: &mut Message, at: usize, words: __m128i) {
    message[at % 4] = words;
    *state = four_rounds(*state, _mm_add_epi32(words, quad(QUADS[at])));
}

#[inline]
#[target_feature(enable = "sha,avx2")]
fn four_rounds([feba, hgdc]: State, scheduled: __m128i) -> State {
    let hgdc = _mm_sha256rnds2_epu32(hgdc, feba, scheduled);
    let feba = _mm_sha256rnds2_epu32(feba, hgdc, _mm_shuffle_epi32::<0x0e>(scheduled));
    [feba, hgdc]
}

#[inline]
#[target_feature(enable = "sha,avx2")]
fn state([a, b, c, d, e, f, g, h]: [u32; 8]) -> State {
    [quad([f, e, b, a]), quad([h, g, d, c])]
}

#[inline]
#[target_feature(enable = "sha,avx2")]
fn quad(words: [u32; 4]) -> __m128i {
    let [a, b, c, d] = words.map(u32::cast_signed);
    _mm_setr_epi32(a, b, c, d)
}

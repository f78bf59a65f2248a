//! Sixteen nonces at a time in 512-bit registers, which rotate and take three operands at once.

use std::arch::x86_64::*;

const LANES: u32 = 16;
/// Truth tables of three operands: their sum, the choice of the first, what two of them say.
const XOR: i32 = 0x96;
const CHOOSE: i32 = 0xca;
const MAJORITY: i32 = 0xe8;

crate::kernel::kernel! { #[target_feature(enable = "avx512f")] __m512i }

/// See [`Scan`](crate::engine::Scan).
#[target_feature(enable = "avx512f")]
pub(super) fn scan(prefix: &Prefix, from: u32, last: u32) -> Option<u32> {
    let top_max = splat(prefix.top_max);
    let places = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for start in (from..=last).step_by(LANES as usize) {
        let tops = top_words(prefix, add(splat(start), places));
        let mask = _mm512_cmple_epu32_mask(tops, top_max);
        if mask != 0 {
            // Lanes beyond the last one are not of the range; `last - start` does not overflow.
            let lane = mask.trailing_zeros();
            return (lane <= last - start).then(|| start + lane);
        }
    }
    None
}

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(word: u32) -> __m512i {
    _mm512_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add(a: __m512i, b: __m512i) -> __m512i {
    _mm512_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<XOR>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn small_sigma_0(word: __m512i) -> __m512i {
    let shifted = _mm512_srli_epi32::<3>(word);
    xor(_mm512_ror_epi32::<7>(word), _mm512_ror_epi32::<18>(word), shifted)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn small_sigma_1(word: __m512i) -> __m512i {
    let shifted = _mm512_srli_epi32::<10>(word);
    xor(_mm512_ror_epi32::<17>(word), _mm512_ror_epi32::<19>(word), shifted)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn big_sigma_0(word: __m512i) -> __m512i {
    let rotated = _mm512_ror_epi32::<22>(word);
    xor(_mm512_ror_epi32::<2>(word), _mm512_ror_epi32::<13>(word), rotated)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn big_sigma_1(word: __m512i) -> __m512i {
    let rotated = _mm512_ror_epi32::<25>(word);
    xor(_mm512_ror_epi32::<6>(word), _mm512_ror_epi32::<11>(word), rotated)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn choose(e: __m512i, f: __m512i, g: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<CHOOSE>(e, f, g)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn majority(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<MAJORITY>(a, b, c)
}

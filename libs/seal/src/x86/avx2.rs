//! Eight nonces at a time in 256-bit registers.

use std::arch::x86_64::*;

const LANES: u32 = 8;

crate::kernel::kernel! { #[target_feature(enable = "avx2")] __m256i }

/// See [`Scan`](crate::engine::Scan).
#[target_feature(enable = "avx2")]
pub(super) fn scan(prefix: &Prefix, from: u32, last: u32) -> Option<u32> {
    let top_max = splat(prefix.top_max);
    let places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for start in (from..=last).step_by(LANES as usize) {
        let tops = top_words(prefix, add(splat(start), places));
        let low_enough = _mm256_cmpeq_epi32(_mm256_min_epu32(tops, top_max), tops);
        let mask = _mm256_movemask_ps(_mm256_castsi256_ps(low_enough));
        if mask != 0 {
            // Lanes beyond the last one are not of the range; `last - start` does not overflow.
            let lane = mask.trailing_zeros();
            return (lane <= last - start).then(|| start + lane);
        }
    }
    None
}

#[inline]
#[target_feature(enable = "avx2")]
fn splat(word: u32) -> __m256i {
    _mm256_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(a: __m256i, b: __m256i) -> __m256i {
    _mm256_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    _mm256_xor_si256(_mm256_xor_si256(a, b), c)
}

/// Rotates right by `BY`; `REST` is what is missing to 32.
#[inline]
#[target_feature(enable = "avx2")]
fn rotate<const BY: i32, const REST: i32>(word: __m256i) -> __m256i {
    const { assert!(BY + REST == 32) };
    _mm256_or_si256(_mm256_srli_epi32::<BY>(word), _mm256_slli_epi32::<REST>(word))
}

#[inline]
#[target_feature(enable = "avx2")]
fn small_sigma_0(word: __m256i) -> __m256i {
    xor(rotate::<7, 25>(word), rotate::<18, 14>(word), _mm256_srli_epi32::<3>(word))
}

#[inline]
#[target_feature(enable = "avx2")]
fn small_sigma_1(word: __m256i) -> __m256i {
    xor(rotate::<17, 15>(word), rotate::<19, 13>(word), _mm256_srli_epi32::<10>(word))
}

#[inline]
#[target_feature(enable = "avx2")]
fn big_sigma_0(word: __m256i) -> __m256i {
    xor(rotate::<2, 30>(word), rotate::<13, 19>(word), rotate::<22, 10>(word))
}

#[inline]
#[target_feature(enable = "avx2")]
fn big_sigma_1(word: __m256i) -> __m256i {
    xor(rotate::<6, 26>(word), rotate::<11, 21>(word), rotate::<25, 7>(word))
}

#[inline]
#[target_feature(enable = "avx2")]
fn choose(e: __m256i, f: __m256i, g: __m256i) -> __m256i {
    _mm256_xor_si256(g, _mm256_and_si256(e, _mm256_xor_si256(f, g)))
}

/// Written so that `b ^ c` is what the round before had as `a ^ b`.
#[inline]
#[target_feature(enable = "avx2")]
fn majority(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    let differ = _mm256_and_si256(_mm256_xor_si256(a, b), _mm256_xor_si256(b, c));
    _mm256_xor_si256(b, differ)
}

//! One nonce at a time, without any instruction that not every processor has.

use crate::words::{big_sigma_0, big_sigma_1, choose, majority, small_sigma_0, small_sigma_1};

crate::kernel::kernel! { u32 }

#[inline]
fn splat(word: u32) -> u32 {
    word
}

#[inline]
fn add(a: u32, b: u32) -> u32 {
    a.wrapping_add(b)
}

/// See [`Scan`](crate::engine::Scan).
pub(crate) fn scan(prefix: &Prefix, from: u32, last: u32) -> Option<u32> {
    (from..=last).find(|low| top_words(prefix, *low) <= prefix.top_max)
}

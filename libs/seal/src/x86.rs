//! The engines of x86-64. The only unsafe code: entering functions that are compiled for
//! instructions which not every processor has, right after they were detected.
#![expect(
    unsafe_code,
    reason = "a function for detected instructions can be entered in no other way"
)]

mod avx2;
mod avx512;
mod sha_ni;

use crate::engine::Scan;
use crate::prefix::Prefix;

/// By AVX-512, if the processor has it.
pub(crate) fn avx512_scan() -> Option<Scan> {
    fn scan(prefix: &Prefix, from: u32, last: u32) -> Option<u32> {
        assert!(is_x86_feature_detected!("avx512f"), "handed out only where it was detected");
        // SAFETY: the function needs AVX-512F and nothing else, which was detected just now.
        unsafe { avx512::scan(prefix, from, last) }
    }
    is_x86_feature_detected!("avx512f").then_some(scan)
}

/// By AVX2, if the processor has it.
pub(crate) fn avx2_scan() -> Option<Scan> {
    fn scan(prefix: &Prefix, from: u32, last: u32) -> Option<u32> {
        assert!(is_x86_feature_detected!("avx2"), "handed out only where it was detected");
        // SAFETY: the function needs AVX2 and nothing else, which was detected just now.
        unsafe { avx2::scan(prefix, from, last) }
    }
    is_x86_feature_detected!("avx2").then_some(scan)
}

/// By the SHA instructions, if the processor has them. The few that have them without AVX2 do
/// without: the other instructions are better in their AVX form.
pub(crate) fn sha_ni_scan() -> Option<Scan> {
    fn detected() -> bool {
        is_x86_feature_detected!("sha") && is_x86_feature_detected!("avx2")
    }
    fn scan(prefix: &Prefix, from: u32, last: u32) -> Option<u32> {
        assert!(detected(), "handed out only where it was detected");
        // SAFETY: the function needs SHA and AVX2, which were detected just now.
        unsafe { sha_ni::scan(prefix, from, last) }
    }
    detected().then_some(scan)
}

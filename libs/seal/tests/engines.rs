//! Every engine that this machine has against the plain search with another implementation of
//! SHA-256.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use seal::{Engine, Work};
use sha2::{Digest, Sha256};

fn pow_hash(seal_hash: &[u8; 32], nonce: u64) -> [u8; 32] {
    let inner = Sha256::new().chain_update(seal_hash).chain_update(nonce.to_be_bytes());
    Sha256::digest(inner.finalize()).into()
}

/// The search as it is defined.
fn first(seal_hash: &[u8; 32], target: &[u8; 32], start: u64, tries: u64) -> Option<u64> {
    let nonces = (0..tries).map(|offset| start.wrapping_add(offset));
    nonces.into_iter().find(|nonce| pow_hash(seal_hash, *nonce) <= *target)
}

/// All engines of this machine find the same as the plain search.
fn check(seal_hash: &[u8; 32], target: &[u8; 32], start: u64, tries: u64) -> Option<u64> {
    let expected = first(seal_hash, target, start, tries);
    let work = Work::new(seal_hash, target);
    for engine in Engine::available() {
        let found = engine.first(&work, start, tries);
        assert_eq!(found, expected, "{}, {tries} from {start:#x}", engine.name());
    }
    assert_eq!(work.first(start, tries), expected);
    expected
}

/// A target that about one hash in 2^`zero_bits` meets; the bits below are `rest`.
fn target(zero_bits: usize, rest: [u8; 32]) -> [u8; 32] {
    let mut target = rest;
    target[..zero_bits / 8].fill(0);
    target[zero_bits / 8] = 0xff >> (zero_bits % 8);
    target
}

/// Nonces anywhere, and those where a half of the nonce is about to wrap.
fn starts() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        (any::<u32>(), 0..40u32)
            .prop_map(|(high, ahead)| { u64::from(high) << 32 | u64::from(u32::MAX - ahead) }),
        (0..40u64).prop_map(|ahead| u64::MAX - ahead),
        0..40u64,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_engine_finds_the_first_nonce(
        seal_hash: [u8; 32], rest: [u8; 32], zero_bits in 0..14usize, start in starts(),
        tries in prop_oneof![0..70u64, 0..3_000u64],
    ) {
        check(&seal_hash, &target(zero_bits, rest), start, tries);
    }

    #[test]
    fn a_target_is_met_by_its_own_hash_and_not_by_the_next_larger(
        seal_hash: [u8; 32], start in starts(), offset in 0..40u64,
    ) {
        // The target is the lowest hash but for one bit, so only its last word decides.
        let nonce = start.wrapping_add(offset);
        let exact = pow_hash(&seal_hash, nonce);
        let tries = offset + 1;
        prop_assert!(check(&seal_hash, &exact, start, tries).is_some());
        let mut below = exact;
        let place = below.iter().rposition(|byte| *byte > 0).unwrap();
        below[place] -= 1;
        below[place + 1..].fill(0xff);
        prop_assert_ne!(check(&seal_hash, &below, start, tries), Some(nonce));
        prop_assert_eq!(check(&seal_hash, &below, nonce, 1), None);
    }

    #[test]
    fn the_pow_hash_is_sha_256_twice(seal_hash: [u8; 32], nonce: u64) {
        let work = Work::new(&seal_hash, &[0xff; 32]);
        prop_assert_eq!(work.pow_hash(nonce), pow_hash(&seal_hash, nonce));
        prop_assert!(work.accepts(nonce));
    }
}

#[test]
fn a_nonce_right_behind_the_range_is_not_found() {
    let (seal_hash, target) = ([3; 32], target(8, [0; 32]));
    let found = check(&seal_hash, &target, 0, 10_000).unwrap();
    for start in found.saturating_sub(40)..=found {
        assert_eq!(check(&seal_hash, &target, start, found - start), None);
        assert_eq!(check(&seal_hash, &target, start, found - start + 1), Some(found));
    }
}

#[test]
fn a_search_goes_on_over_the_wrap_of_either_half() {
    for end in [u64::from(u32::MAX), u64::MAX] {
        let (mut early, mut late) = (0, 0);
        for seed in 0..64 {
            let found = check(&[seed; 32], &target(4, [0xff; 32]), end - 20, 300).unwrap();
            *(if found.wrapping_sub(end - 20) <= 20 { &mut early } else { &mut late }) += 1;
        }
        assert!(early > 0 && late > 0, "{early} before and {late} behind {end:#x}");
    }
}

#[test]
fn the_last_engine_is_the_portable_one_and_every_name_is_its_own() {
    assert_eq!(Engine::available().last(), Some(Engine::Portable));
    assert_eq!(Engine::available().next(), Some(Engine::fastest()));
    let names: std::collections::BTreeSet<_> = Engine::ALL.map(Engine::name).into();
    assert_eq!(names.len(), Engine::ALL.len());
}

#[test]
fn an_engine_that_the_machine_lacks_leaves_it_to_the_portable_one() {
    let work = Work::new(&[1; 32], &target(6, [0xff; 32]));
    let expected = first(&[1; 32], &target(6, [0xff; 32]), 7, 1_000);
    for engine in Engine::ALL {
        assert_eq!(engine.first(&work, 7, 1_000), expected, "{}", engine.name());
    }
}

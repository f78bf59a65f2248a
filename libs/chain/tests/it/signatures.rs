//! libsecp256k1 and k256 give the same verdict on every signature, good or bad.

use alloy_primitives::{Address, B256, Signature, U256, keccak256};
use chain::signature::{HALF_ORDER, signer};
use k256::ecdsa::signature::hazmat::PrehashVerifier;
use k256::ecdsa::{RecoveryId, SigningKey, VerifyingKey};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use secp256k1::{Message, PublicKey, SECP256K1};

const RANDOM: u32 = 300;

/// Order of the curve.
fn order() -> U256 {
    HALF_ORDER * U256::from(2) + U256::ONE
}

/// The field that points are in.
fn field() -> U256 {
    U256::MAX - U256::from(0x1_0000_03d0u64)
}

fn bytes(r: U256, s: U256) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&r.to_be_bytes::<32>());
    bytes[32..].copy_from_slice(&s.to_be_bytes::<32>());
    bytes
}

fn theirs(hash: B256, r: U256, s: U256, odd: bool) -> Option<Address> {
    let signature = k256::ecdsa::Signature::from_slice(&bytes(r, s)).ok()?;
    let recovery = RecoveryId::new(odd, false);
    let key = VerifyingKey::recover_from_prehash(hash.as_slice(), &signature, recovery).ok()?;
    Some(Address::from_public_key(&key))
}

/// Both on one signature: who made it, and whether this key did.
fn check(hash: B256, r: U256, s: U256, odd: bool, key: &SigningKey) -> Option<Address> {
    let ours = signer(hash, &Signature::new(r, s, odd));
    assert_eq!(ours, theirs(hash, r, s, odd), "hash {hash} r {r:#x} s {s:#x} odd {odd}");

    let point = key.verifying_key().to_encoded_point(true);
    let public = PublicKey::from_slice(point.as_bytes()).unwrap();
    let compact = bytes(r, s);
    let verified = secp256k1::ecdsa::Signature::from_compact(&compact).is_ok_and(|signature| {
        SECP256K1.verify_ecdsa(Message::from_digest(hash.0), &signature, &public).is_ok()
    });
    let expected = k256::ecdsa::Signature::from_slice(&compact).is_ok_and(|signature| {
        key.verifying_key().verify_prehash(hash.as_slice(), &signature).is_ok()
    });
    assert_eq!(verified, expected, "hash {hash} r {r:#x} s {s:#x}");
    ours
}

fn signed(key: &SigningKey, hash: B256) -> (U256, U256, bool) {
    let (signature, recovery) = key.sign_prehash_recoverable(hash.as_slice()).unwrap();
    let (r, s) = signature.split_bytes();
    (U256::from_be_slice(&r), U256::from_be_slice(&s), recovery.is_y_odd())
}

#[test]
fn on_good_signatures_and_every_change_of_one_they_agree() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    for _ in 0..RANDOM {
        let key = SigningKey::from_slice(&keccak256(random.random::<[u8; 32]>()).0).unwrap();
        let address = Address::from_private_key(&key);
        let hash = B256::new(random.random());
        let (r, s, odd) = signed(&key, hash);
        assert_eq!(check(hash, r, s, odd, &key), Some(address));
        // The other parity is somebody else; a high s is nobody.
        assert_ne!(check(hash, r, s, !odd, &key), Some(address));
        assert_eq!(check(hash, r, order() - s, odd, &key), None);
        assert_eq!(check(hash, r, order() - s, !odd, &key), None);
        let bit = U256::ONE << random.random_range(0..256);
        assert_ne!(check(hash, r ^ bit, s, odd, &key), Some(address));
        assert_ne!(check(hash, r, s ^ bit, odd, &key), Some(address));
        assert_ne!(check(hash ^ B256::from(bit), r, s, odd, &key), Some(address));
    }
}

#[test]
fn on_random_numbers_they_agree() {
    let mut random = ChaCha8Rng::seed_from_u64(6);
    let key = SigningKey::from_slice(&[7; 32]).unwrap();
    let mut recovered = 0;
    for _ in 0..RANDOM {
        let mut number = || U256::from_be_bytes(random.random::<[u8; 32]>());
        let (hash, r, s) = (B256::from(number()), number(), number() % HALF_ORDER);
        recovered += u32::from(check(hash, r, s, random.random(), &key).is_some());
    }
    // Every other r is the first coordinate of a point.
    assert!((RANDOM / 3..RANDOM * 2 / 3).contains(&recovered), "{recovered}");
}

#[test]
fn on_the_edges_they_agree() {
    let key = SigningKey::from_slice(&[7; 32]).unwrap();
    let (good, _, _) = signed(&key, B256::repeat_byte(1));
    let edges = |special: [U256; 4]| {
        let around = special.into_iter().flat_map(|at| {
            (0..3u64).flat_map(move |by| {
                [at.wrapping_add(U256::from(by)), at.wrapping_sub(U256::from(by))]
            })
        });
        around.chain([good, U256::MAX]).collect::<Vec<_>>()
    };
    let mut recovered = 0;
    for hash in [B256::ZERO, B256::repeat_byte(0xff), B256::from(order()), B256::repeat_byte(1)] {
        for r in edges([U256::ZERO, order(), field(), HALF_ORDER]) {
            for s in edges([U256::ZERO, order(), HALF_ORDER, field()]) {
                for odd in [false, true] {
                    let found = check(hash, r, s, odd, &key);
                    recovered += u32::from(found.is_some());
                    let is_none = r.is_zero() || s.is_zero() || r >= order() || s > HALF_ORDER;
                    assert!(!is_none || found.is_none(), "r {r:#x} s {s:#x}");
                }
            }
        }
    }
    assert!(recovered > 50, "{recovered}");
}

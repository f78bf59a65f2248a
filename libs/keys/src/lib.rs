//! Signing and recovery on secp256k1, and the addresses that follow from keys.
//!
//! Wallets, meters and operators all sign a 32-byte hash with the same curve; who signed is
//! recovered from the signature, so that no public key travels.
//!
//! Invariants: a signature is 64 bytes (EIP-2098: r, then the parity of R's y in the top bit of
//! s) and s is in the lower half of the order, so that a message has one signature per key and
//! nonce; signing is deterministic (RFC 6979); a secret never reaches `Debug`, `Display` or serde.
//! Signing is k256 (pure Rust, zeroized); recovery is libsecp256k1, which is five times faster.
//! A test holds the two equal.
//!
//! Deliberately absent: where keys are kept, key derivation, randomness, encryption.
#![forbid(unsafe_code)]

mod bytes;
mod signature;

use std::fmt;

pub use alloy_primitives::{Address, B256};
use k256::ecdsa::SigningKey;
use secp256k1::ecdsa::RecoverableSignature;
use secp256k1::{Message, PublicKey, SECP256K1};
use zeroize::{Zeroize, ZeroizeOnDrop};

pub use bytes::{NoSignature, SIGNATURE_BYTES_MAX, SignatureBytes};
pub use signature::{Signature, SignatureError};

/// The 32 bytes are not a secret key: zero, or not below the order of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not a secp256k1 secret key")]
pub struct InvalidSecret;

/// A secp256k1 secret key. Erased from memory when dropped; never printed.
#[derive(Clone)]
pub struct SecretKey(SigningKey);

// `SigningKey` erases its scalar when it is dropped.
impl ZeroizeOnDrop for SecretKey {}

impl SecretKey {
    /// The key with these 32 big-endian bytes.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, InvalidSecret> {
        SigningKey::from_slice(bytes).map(SecretKey).map_err(|_| InvalidSecret)
    }

    /// The key written as 64 hex digits, with or without `0x`.
    pub fn from_hex(text: &str) -> Result<Self, InvalidSecret> {
        let mut bytes = [0; 32];
        let decoded = alloy_primitives::hex::decode_to_slice(text, &mut bytes);
        let key = decoded.map_err(|_| InvalidSecret).and_then(|()| Self::from_bytes(&bytes));
        bytes.zeroize();
        key
    }

    /// The secret itself, for whoever wraps and stores it. The caller erases it after use.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes().into()
    }

    /// The address of this key: the last 20 bytes of the hash of its public point.
    pub fn address(&self) -> Address {
        Address::from_private_key(&self.0)
    }

    /// Signs a 32-byte hash: deterministic (RFC 6979), low s.
    pub fn sign(&self, hash: B256) -> Signature {
        let (signature, recovery) = self
            .0
            .sign_prehash_recoverable(hash.as_slice())
            .expect("a 32-byte hash can be signed: the nonce is zero with probability 2^-256");
        let (r, s) = signature.split_bytes();
        Signature::from_parts(r.into(), s.into(), recovery.is_y_odd())
            .expect("k256 signs with low s")
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.address())
    }
}

/// Who signed `hash`; `None` when the signature is of nobody.
///
/// Every well-formed signature recovers to *some* address: compare it with the expected one.
pub fn recover(hash: B256, signature: &Signature) -> Option<Address> {
    let (r, s, odd) = signature.parts();
    let mut compact = [0; 64];
    compact[..32].copy_from_slice(&r);
    compact[32..].copy_from_slice(&s);
    let recovery = secp256k1::ecdsa::RecoveryId::try_from(i32::from(odd)).ok()?;
    let signature = RecoverableSignature::from_compact(&compact, recovery).ok()?;
    let key = SECP256K1.recover_ecdsa(Message::from_digest(hash.0), &signature).ok()?;
    Some(address_of(&key))
}

fn address_of(key: &PublicKey) -> Address {
    Address::from_raw_public_key(&key.serialize_uncompressed()[1..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{address, b256, hex, keccak256};

    fn key(seed: u64) -> SecretKey {
        SecretKey::from_bytes(&keccak256(seed.to_be_bytes()).0).unwrap()
    }

    #[test]
    fn a_known_key_has_its_known_address_and_signature() {
        // The first development account that Ethereum tools share.
        let key = SecretKey::from_hex(
            "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        )
        .unwrap();
        assert_eq!(key.address(), address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"));
        // RFC 6979 vector of the Bitcoin community: key 1, SHA-256("Satoshi Nakamoto").
        let mut one = [0; 32];
        one[31] = 1;
        let digest = b256!("a0dc65ffca799873cbea0ac274015b9526505daaaed385155425f7337704883e");
        let rsv = SecretKey::from_bytes(&one).unwrap().sign(digest).to_rsv();
        assert_eq!(
            hex::encode(&rsv[..64]),
            "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8\
             2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5"
        );
    }

    #[test]
    fn the_signer_is_recovered_and_nobody_else() {
        for seed in 0..64 {
            let (key, hash) = (key(seed), keccak256(format!("message {seed}")));
            let signature = key.sign(hash);
            assert_eq!(recover(hash, &signature), Some(key.address()));
            assert_ne!(recover(keccak256("another"), &signature), Some(key.address()));
        }
    }

    #[test]
    fn k256_and_libsecp256k1_agree_on_many_keys() {
        for seed in 0..256 {
            let (ours, hash) = (key(seed), keccak256([seed.to_be_bytes(), [7; 8]].concat()));
            let theirs = secp256k1::SecretKey::from_byte_array(ours.to_bytes()).unwrap();
            let message = Message::from_digest(hash.0);
            let (recovery, compact) =
                SECP256K1.sign_ecdsa_recoverable(message, &theirs).serialize_compact();
            let mut rsv = [0; 65];
            rsv[..64].copy_from_slice(&compact);
            rsv[64] = 27 + u8::try_from(i32::from(recovery)).unwrap();
            let signature = ours.sign(hash);
            assert_eq!(signature.to_rsv(), rsv);
            assert_eq!(ours.address(), address_of(&theirs.public_key(SECP256K1)));

            let (r, s, odd) = signature.parts();
            let standard = k256::ecdsa::Signature::from_scalars(r, s).unwrap();
            let recovered = k256::ecdsa::VerifyingKey::recover_from_prehash(
                hash.as_slice(),
                &standard,
                k256::ecdsa::RecoveryId::new(odd, false),
            );
            let by_k256 = recovered.map(|key| Address::from_public_key(&key)).ok();
            assert_eq!(recover(hash, &signature), by_k256);
        }
    }

    #[test]
    fn bytes_that_are_no_key_are_refused() {
        let order = hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
        for bytes in [[0; 32], order, [0xff; 32]] {
            assert_eq!(SecretKey::from_bytes(&bytes).err(), Some(InvalidSecret));
        }
        assert!(SecretKey::from_hex("0x1234").is_err());
        assert!(SecretKey::from_hex("zz").is_err());
    }

    #[test]
    fn debug_prints_no_secret() {
        let key = key(1);
        let printed = format!("{key:?}");
        assert!(!printed.contains(&hex::encode(key.to_bytes())));
        assert!(printed.contains(&key.address().to_string()));
    }
}

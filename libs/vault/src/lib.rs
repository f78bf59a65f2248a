//! Secrets at rest: XChaCha20-Poly1305 under one master key.
//!
//! A wrapped secret is bound to its purpose (`account:<id>`), so that a row cannot be exchanged for
//! another's. The master key lives outside the database; whoever has one of the two has nothing.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use rand::TryRngCore;
use rand::rngs::OsRng;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes of an XChaCha20 nonce, which precede the ciphertext.
const NONCE: usize = 24;

/// The key that wraps every secret of this service. Never printed; erased when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; 32]);

/// The text is not 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a master key is 64 hex digits")]
pub struct BadMasterKey;

/// The secret was wrapped with another master key, for another purpose, or was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the master key does not open the secret of {purpose}")]
pub struct Sealed {
    purpose: String,
}

impl MasterKey {
    /// The key with these bytes, which must come from a good source of randomness.
    pub const fn from_bytes(bytes: [u8; 32]) -> MasterKey {
        MasterKey(bytes)
    }

    /// The key written as 64 hex digits.
    pub fn from_hex(text: &str) -> Result<MasterKey, BadMasterKey> {
        let mut key = MasterKey([0; 32]);
        hex::decode_to_slice(text.trim(), &mut key.0).map_err(|_| BadMasterKey)?;
        Ok(key)
    }

    /// A new key.
    pub fn generate() -> MasterKey {
        MasterKey(random())
    }

    /// The 64 hex digits, for whoever stores the key. Handle like the key itself.
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0))
    }

    /// Wraps `secret` for `purpose`.
    pub fn wrap(&self, purpose: &str, secret: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE] = random();
        let payload = Payload { msg: secret, aad: purpose.as_bytes() };
        let sealed = XChaCha20Poly1305::new((&self.0).into())
            .encrypt(&nonce.into(), payload)
            .expect("a secret is shorter than 256 GB");
        [&nonce[..], &sealed].concat()
    }

    /// The secret that was wrapped for `purpose`.
    pub fn unwrap(&self, purpose: &str, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Sealed> {
        let refused = || Sealed { purpose: purpose.to_owned() };
        let (nonce, sealed) = wrapped.split_at_checked(NONCE).ok_or_else(refused)?;
        let payload = Payload { msg: sealed, aad: purpose.as_bytes() };
        XChaCha20Poly1305::new((&self.0).into())
            .decrypt(nonce.into(), payload)
            .map(Zeroizing::new)
            .map_err(|_| refused())
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

/// Bytes from the operating system's generator.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    OsRng.try_fill_bytes(&mut bytes).expect("the operating system has randomness");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_with_its_key_and_purpose_only() {
        let (key, other) = (MasterKey::generate(), MasterKey::generate());
        let wrapped = key.wrap("account:1", b"secret");
        assert_eq!(&**key.unwrap("account:1", &wrapped).unwrap(), b"secret");
        assert!(key.unwrap("account:2", &wrapped).is_err());
        assert!(other.unwrap("account:1", &wrapped).is_err());
        for place in [0, NONCE, wrapped.len() - 1] {
            let mut changed = wrapped.clone();
            changed[place] ^= 1;
            assert!(key.unwrap("account:1", &changed).is_err(), "byte {place}");
        }
        assert!(key.unwrap("account:1", &wrapped[..NONCE - 1]).is_err());
        assert_ne!(wrapped, key.wrap("account:1", b"secret"), "a nonce is never used twice");
    }

    #[test]
    fn a_key_is_read_back_from_hex_and_never_printed() {
        let key = MasterKey::generate();
        assert_eq!(MasterKey::from_hex(&key.to_hex()).unwrap().0, key.0);
        assert!(MasterKey::from_hex("12").is_err());
        assert_eq!(format!("{key:?}"), "MasterKey");
    }
}

//! A key for another wallet: keystore JSON of version 3 (Web3 Secret Storage).
//!
//! ```text
//! scrypt(passphrase, salt) -> 16 bytes that encrypt (AES-128, counter mode)
//!                          -> 16 bytes for the mac: keccak-256(these || ciphertext)
//! ```

use std::sync::Arc;

use aes::Aes128;
use aes::cipher::{KeyIvInit, StreamCipher};
use alloy_primitives::keccak256;
use anyhow::{Context, Result, anyhow};
use ctr::Ctr128BE;
use ids::Uuid;
use keys::SecretKey;
use serde::Serialize;
use service::Problem;
use tokio::sync::Semaphore;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use vault::random;

/// Keystores that are made at the same time: each takes a core and its memory.
const AT_ONCE: usize = 1;
/// Bytes that scrypt derives.
const DERIVED: usize = 32;
/// The block size of scrypt, as other wallets choose it.
const R: u32 = 8;
/// Its parallelism.
const P: u32 = 1;

/// What guessing the passphrase of a keystore costs, and us to make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeystoreCost {
    /// The binary logarithm of scrypt's n; its memory is n KiB.
    pub log_n: u8,
}

impl Default for KeystoreCost {
    /// 128 MiB: what OWASP asks for at least.
    fn default() -> KeystoreCost {
        KeystoreCost { log_n: 17 }
    }
}

/// An encrypted key that other wallets open with its passphrase.
#[derive(Clone, Serialize, ToSchema)]
pub struct Keystore {
    /// 3.
    version: u8,
    /// Names the keystore.
    #[schema(value_type = String, format = "uuid")]
    id: Uuid,
    /// The address of the key, as 40 hex digits.
    address: String,
    /// The key.
    crypto: KeystoreCrypto,
}

/// The encrypted key of a keystore; bytes in hex.
#[derive(Clone, Serialize, ToSchema)]
struct KeystoreCrypto {
    /// `aes-128-ctr`.
    cipher: &'static str,
    /// How it is encrypted.
    cipherparams: KeystoreCipher,
    /// The encrypted key.
    ciphertext: String,
    /// `scrypt`.
    kdf: &'static str,
    /// How the passphrase is stretched.
    kdfparams: KeystoreKdf,
    /// Tells a right passphrase from a wrong one.
    mac: String,
}

/// How the key of a keystore is encrypted.
#[derive(Clone, Serialize, ToSchema)]
struct KeystoreCipher {
    /// Where the counter begins.
    iv: String,
}

/// How the passphrase of a keystore is stretched.
#[derive(Clone, Serialize, ToSchema)]
struct KeystoreKdf {
    /// Bytes derived.
    dklen: usize,
    /// The cost of scrypt.
    n: u64,
    /// Its block size.
    r: u32,
    /// Its parallelism.
    p: u32,
    /// Its salt.
    salt: String,
}

/// What makes one keystore unlike another.
struct Recipe {
    id: Uuid,
    iv: [u8; 16],
    salt: [u8; 32],
    log_n: u8,
}

/// Makes keystores, off the request threads.
pub(crate) struct Keystores {
    cost: KeystoreCost,
    turns: Arc<Semaphore>,
}

impl Keystores {
    /// Fails where nothing costs that.
    pub(crate) fn new(cost: KeystoreCost) -> Result<Keystores> {
        params(cost.log_n)?;
        Ok(Keystores { cost, turns: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// The keystore of `key` under `passphrase`. Nobody waits for a turn: refused where another
    /// one is being made.
    pub(crate) async fn seal(
        &self,
        key: SecretKey,
        passphrase: Zeroizing<String>,
    ) -> Result<Keystore, Problem> {
        let turn = self.turns.clone().try_acquire_owned();
        let turn = turn.map_err(|_| Problem::unavailable("another key is being exported"))?;
        let log_n = self.cost.log_n;
        let recipe = Recipe { id: Uuid::new_v4(), iv: random(), salt: random(), log_n };
        let sealed = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            seal(&key, &passphrase, &recipe)
        });
        Ok(sealed.await.context("making a keystore")??)
    }
}

fn params(log_n: u8) -> Result<scrypt::Params> {
    scrypt::Params::new(log_n, R, P, DERIVED).map_err(|error| anyhow!("scrypt: {error}"))
}

fn seal(key: &SecretKey, passphrase: &str, recipe: &Recipe) -> Result<Keystore> {
    let mut derived = Zeroizing::new([0; DERIVED]);
    scrypt::scrypt(passphrase.as_bytes(), &recipe.salt, &params(recipe.log_n)?, &mut *derived)
        .map_err(|error| anyhow!("scrypt: {error}"))?;
    let (encrypting, checking) = derived.split_at(DERIVED / 2);
    let mut text = Zeroizing::new(key.to_bytes());
    Ctr128BE::<Aes128>::new(encrypting.into(), &recipe.iv.into()).apply_keystream(&mut *text);
    let checked = Zeroizing::new([checking, &text[..]].concat());
    let mac = keccak256(&*checked);
    Ok(Keystore {
        version: 3,
        id: recipe.id,
        address: hex::encode(key.address()),
        crypto: KeystoreCrypto {
            cipher: "aes-128-ctr",
            cipherparams: KeystoreCipher { iv: hex::encode(recipe.iv) },
            ciphertext: hex::encode(&text[..]),
            kdf: "scrypt",
            kdfparams: KeystoreKdf {
                dklen: DERIVED,
                n: 1 << recipe.log_n,
                r: R,
                p: P,
                salt: hex::encode(recipe.salt),
            },
            mac: hex::encode(mac),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(digits: &str) -> [u8; N] {
        hex::decode(digits).unwrap().try_into().unwrap()
    }

    /// Made by ethers 6.17 of the same key, passphrase, salt and counter.
    #[test]
    fn a_keystore_is_the_one_that_another_wallet_makes() {
        let key = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
        let recipe = Recipe {
            id: "3198bc9c-6672-4ab3-9995-4942343ae5b6".parse().unwrap(),
            iv: bytes("83dbcc02d8ccb40e466191a123791e0e"),
            salt: bytes("ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19"),
            log_n: 12,
        };
        let key = SecretKey::from_bytes(&bytes(key)).unwrap();
        let keystore = serde_json::to_value(seal(&key, "testpassword", &recipe).unwrap()).unwrap();
        let expected = serde_json::json!({
            "version": 3,
            "id": "3198bc9c-6672-4ab3-9995-4942343ae5b6",
            "address": "008aeeda4d805471df9b2a5b0f38a0c3bcba786b",
            "crypto": {
                "cipher": "aes-128-ctr",
                "cipherparams": { "iv": "83dbcc02d8ccb40e466191a123791e0e" },
                "ciphertext":
                    "3b4309355ad643f2b15cfb6a83a7f6f328e7a6459a56ab8c6e25a89c8f43eb80",
                "kdf": "scrypt",
                "kdfparams": {
                    "dklen": 32, "n": 4_096, "r": 8, "p": 1,
                    "salt": "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
                },
                "mac": "994d83f6bfb7e6e3aa95980f72b6ad87db9d352789d0f2e433cf777425db3a42",
            },
        });
        assert_eq!(keystore, expected);
    }

    #[tokio::test]
    async fn two_keystores_of_a_key_have_nothing_in_common() {
        let keystores = Keystores::new(KeystoreCost { log_n: 4 }).unwrap();
        let key = SecretKey::from_bytes(&[3; 32]).unwrap();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..2 {
            let passphrase = Zeroizing::new("correct horse battery".to_owned());
            let keystore = keystores.seal(key.clone(), passphrase).await.ok().unwrap();
            let crypto = keystore.crypto;
            for secret in [crypto.cipherparams.iv, crypto.ciphertext, crypto.kdfparams.salt] {
                assert!(seen.insert(secret));
            }
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_a_keystore() {
        let keystores = Keystores::new(KeystoreCost { log_n: 4 }).unwrap();
        let turn = keystores.turns.clone().try_acquire_owned().unwrap();
        let key = SecretKey::from_bytes(&[3; 32]).unwrap();
        let refused = keystores.seal(key.clone(), Zeroizing::new(String::new())).await.err();
        assert_eq!(refused.map(|problem| problem.status), Some(503));
        drop(turn);
        assert!(keystores.seal(key, Zeroizing::new(String::new())).await.is_ok());
    }
}

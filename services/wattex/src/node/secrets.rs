//! The operator's secrets: one master key in the directory, every other key derived from it.

use std::fs;
use std::io::Write;
use std::path::Path;

use alloy_primitives::{B256, hex, keccak256};
use anyhow::{Context, Result};
use keys::SecretKey;
use rand::TryRngCore;

/// The file's name.
const FILE: &str = "master.key";

/// The master key of an installation.
#[derive(Clone)]
pub struct Secrets(B256);

impl Secrets {
    /// Reads the master key of `directory`, or makes one that only the owner of the file may read.
    pub fn open(directory: &Path) -> Result<Secrets> {
        let path = directory.join(FILE);
        if path.is_file() {
            let text = fs::read_to_string(&path)?;
            let bytes: B256 = text
                .trim()
                .parse()
                .with_context(|| format!("{} does not hold 32 bytes as hex", path.display()))?;
            return Ok(Secrets(bytes));
        }
        let mut bytes = [0; 32];
        rand::rngs::OsRng.try_fill_bytes(&mut bytes).context("no randomness from the system")?;
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let temporary = directory.join("master.key.new");
        let _ = fs::remove_file(&temporary);
        let mut file = options.open(&temporary)?;
        file.write_all(hex::encode_prefixed(bytes).as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        Ok(Secrets(B256::from(bytes)))
    }

    /// The 32 bytes that belong to `purpose`.
    pub fn derive(&self, purpose: &str) -> B256 {
        keccak256([self.0.as_slice(), purpose.as_bytes()].concat())
    }

    /// The key that belongs to `purpose`.
    pub fn key(&self, purpose: &str) -> SecretKey {
        let mut seed = self.derive(purpose);
        loop {
            // A hash that is no valid key (once in 2^128) is hashed again.
            match SecretKey::from_bytes(&seed.0) {
                Ok(key) => return key,
                Err(_) => seed = keccak256(seed),
            }
        }
    }
}

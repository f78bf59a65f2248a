//! Passwords: argon2id, computed off the request threads and a few at a time.

use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use service::Problem;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Characters a password has at least.
pub const PASSWORD_MIN: usize = 12;
/// Bytes a password has at most.
const PASSWORD_MAX: usize = 256;
/// Hashes computed at the same time: each takes a core and its memory.
const AT_ONCE: usize = 2;

/// What a password hash costs whoever guesses, and us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    /// Memory in KiB, at least 8.
    pub memory_kib: u32,
    /// Passes over the memory, at least 1.
    pub passes: u32,
}

impl Default for PasswordCost {
    /// 19 MiB and two passes: what OWASP asks for at least.
    fn default() -> PasswordCost {
        PasswordCost { memory_kib: 19 * 1024, passes: 2 }
    }
}

/// Hashes and checks passwords.
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    /// Checked when there is no such person, so that the answer takes as long.
    nobody: String,
    turns: Arc<Semaphore>,
}

impl Passwords {
    pub(crate) fn new(cost: PasswordCost) -> Result<Passwords> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None)
            .map_err(|error| anyhow!("{cost:?}: {error}"))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash(&argon2, "nobody has this password")?;
        Ok(Passwords { argon2, nobody, turns: Arc::new(Semaphore::new(AT_ONCE)) })
    }

    /// The hash of `password`, as a PHC string.
    pub(crate) async fn hash(&self, password: Zeroizing<String>) -> Result<String> {
        let turn = self.turns.clone().acquire_owned().await?;
        let argon2 = self.argon2.clone();
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            hash(&argon2, &password)
        })
        .await
        .context("hashing a password")?
    }

    /// Whether `password` is the one of `hash`; takes as long when there is no hash.
    pub(crate) async fn matches(
        &self,
        password: Zeroizing<String>,
        hash: Option<String>,
    ) -> Result<bool> {
        let turn = self.turns.clone().acquire_owned().await?;
        let (argon2, nobody) = (self.argon2.clone(), self.nobody.clone());
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let known = hash.is_some();
            let hash = hash.unwrap_or(nobody);
            let parsed = PasswordHash::new(&hash).map_err(|error| anyhow!("hash: {error}"))?;
            Ok(argon2.verify_password(password.as_bytes(), &parsed).is_ok() && known)
        })
        .await
        .context("checking a password")?
    }
}

fn hash(argon2: &Argon2<'static>, password: &str) -> Result<String> {
    let hash = argon2.hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| anyhow!("argon2: {error}"))
}

/// Refuses a password that is too short to be one, or too long to be hashed.
pub(crate) fn check_password(password: &str) -> Result<(), Problem> {
    if password.chars().count() < PASSWORD_MIN || password.len() > PASSWORD_MAX {
        let title = format!("A password has {PASSWORD_MIN} characters to {PASSWORD_MAX} bytes");
        return Err(Problem::refused("PASSWORD", title));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_matches_its_own_hash_only() {
        let passwords = Passwords::new(PasswordCost { memory_kib: 64, passes: 1 }).unwrap();
        let word = |text: &str| Zeroizing::new(text.to_owned());
        let hash = passwords.hash(word("correct horse battery")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hash}");
        assert!(
            passwords.matches(word("correct horse battery"), Some(hash.clone())).await.unwrap()
        );
        assert!(!passwords.matches(word("correct horse batterY"), Some(hash)).await.unwrap());
        assert!(!passwords.matches(word("nobody has this password"), None).await.unwrap());
    }

    #[test]
    fn short_and_endless_passwords_are_refused() {
        assert!(check_password("elevenchars").is_err());
        assert!(check_password("twelve chars").is_ok());
        assert!(check_password(&"x".repeat(257)).is_err());
    }
}

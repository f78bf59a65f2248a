//! Proof that someone holds a key: a wallet signs a text that we made up, once.

use alloy_primitives::{Address, eip191_hash_message};
use calendar::Timestamp;
use keys::Signature;
use serde::Serialize;
use utoipa::ToSchema;

/// How long a challenge may be answered.
pub(crate) const LIFETIME_SECONDS: i64 = 10 * 60;

/// A text to sign with `personal_sign` (EIP-191).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Challenge {
    /// Names the challenge; answered once.
    pub nonce: String,
    /// The text, exactly as it must be signed.
    pub message: String,
    /// Until when, by the machine's clock.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

impl Challenge {
    /// The challenge `nonce` for the key of `address`.
    pub(crate) fn new(nonce: String, address: Address, expires_at: Timestamp) -> Challenge {
        let message = format!(
            "Wattex asks you to prove that this key is yours.\n\
             Signing costs nothing and moves no money.\n\n\
             Address: {address}\nNonce: {nonce}\nExpires: {expires_at}"
        );
        Challenge { nonce, message, expires_at }
    }

    /// Whether `signature` of the text is by `address`.
    pub(crate) fn is_signed_by(&self, address: Address, signature: &Signature) -> bool {
        let hash = eip191_hash_message(&self.message);
        keys::recover(hash, signature) == Some(address)
    }
}

/// Reads a signature of 64 bytes (EIP-2098) or 65 (r, s, v, as wallets return it), in hex.
pub(crate) fn parse_signature(text: &str) -> Option<Signature> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let mut rsv = [0; 65];
    match digits.len() {
        130 => {
            hex::decode_to_slice(digits, &mut rsv).ok()?;
            Signature::from_rsv(&rsv).ok()
        }
        _ => digits.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keys::SecretKey;

    #[test]
    fn only_the_key_of_the_address_answers_and_only_this_text() {
        let [key, other] = [1, 2].map(|seed| SecretKey::from_bytes(&[seed; 32]).unwrap());
        let challenge = |nonce: &str| {
            Challenge::new(nonce.to_owned(), key.address(), Timestamp::from_seconds(60))
        };
        let sign = |key: &SecretKey, nonce| {
            key.sign(eip191_hash_message(challenge(nonce).message.as_bytes()))
        };
        assert!(challenge("a").is_signed_by(key.address(), &sign(&key, "a")));
        assert!(!challenge("a").is_signed_by(key.address(), &sign(&key, "b")));
        assert!(!challenge("a").is_signed_by(key.address(), &sign(&other, "a")));
    }

    #[test]
    fn both_forms_of_a_signature_are_read() {
        let signature = SecretKey::from_bytes(&[7; 32]).unwrap().sign([9; 32].into());
        let long = format!("0x{}", hex::encode(signature.to_rsv()));
        assert_eq!(parse_signature(&long), Some(signature));
        assert_eq!(parse_signature(&signature.to_string()), Some(signature));
        assert_eq!(parse_signature("0x12"), None);
        assert_eq!(parse_signature(&"z".repeat(130)), None);
    }
}

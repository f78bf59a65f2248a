//! Proof that someone holds a key: a wallet signs a message that we made up, once.

use alloy_primitives::{Address, eip191_hash_message};
use calendar::Timestamp;
use keys::Signature;
use serde::Serialize;
use utoipa::ToSchema;

use super::site::Origin;
use super::siwe::{Expected, Message};

/// How long a challenge may be answered.
pub(crate) const LIFETIME_SECONDS: i64 = 10 * 60;
/// What the signer reads.
const STATEMENT: &str =
    "Prove to Wattex that this key is yours. It costs nothing and moves no money.";

/// A message to sign with `personal_sign` (EIP-191).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Challenge {
    /// Names the challenge; answered once.
    pub nonce: String,
    /// The message of Sign-In with Ethereum (EIP-4361).
    pub message: String,
    /// Until when, by the machine's clock.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// What a challenge asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// Whose key shall sign.
    pub(crate) address: Address,
    /// Where the web app is that the signer looks at.
    pub(crate) origin: Origin,
    /// The chain that the community is on.
    pub(crate) chain_id: u64,
    /// Names it.
    pub(crate) nonce: String,
    /// Until when it may be answered.
    pub(crate) expires_at: Timestamp,
}

impl Question {
    /// The challenge as it is handed out.
    pub(crate) fn challenge(&self) -> Challenge {
        Challenge {
            nonce: self.nonce.clone(),
            message: self.message().to_string(),
            expires_at: self.expires_at,
        }
    }

    fn message(&self) -> Message {
        Message {
            scheme: None,
            domain: self.origin.authority().to_owned(),
            address: self.address,
            statement: Some(STATEMENT.to_owned()),
            uri: self.origin.to_string(),
            chain_id: self.chain_id,
            nonce: self.nonce.clone(),
            issued_at: self.expires_at.plus_seconds(-LIFETIME_SECONDS),
            expires_at: Some(self.expires_at),
            not_before: None,
        }
    }

    /// Why `signature` is no answer at `now`. It is over `message`, or, when none was sent along,
    /// over the one that was handed out.
    pub(crate) fn fault(
        &self,
        message: Option<&str>,
        signature: &str,
        now: Timestamp,
    ) -> Option<&'static str> {
        let text = message.map_or_else(|| self.message().to_string(), str::to_owned);
        let read = match Message::parse(&text) {
            Ok(read) => read,
            Err(fault) => return Some(fault),
        };
        let Question { address, chain_id, ref origin, ref nonce, expires_at } = *self;
        if now > expires_at {
            return Some("the challenge is over");
        }
        if let Some(fault) = read.fault(&Expected { origin, address, chain_id, nonce }, now) {
            return Some(fault);
        }
        let hash = eip191_hash_message(&text);
        let signed = parse_signature(signature)
            .is_some_and(|signature| keys::recover(hash, &signature) == Some(address));
        (!signed).then_some("the signature is not by the key of the address")
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

    fn question(key: &SecretKey) -> Question {
        Question {
            address: key.address(),
            origin: Origin::local(),
            chain_id: 7701,
            nonce: "0123456789abcdef".to_owned(),
            expires_at: Timestamp::from_seconds(1_000),
        }
    }

    fn sign(key: &SecretKey, text: &str) -> String {
        key.sign(eip191_hash_message(text)).to_string()
    }

    #[test]
    fn only_the_key_of_the_address_answers_and_only_this_message_in_time() {
        let [key, other] = [1, 2].map(|seed| SecretKey::from_bytes(&[seed; 32]).unwrap());
        let question = question(&key);
        let text = question.challenge().message;
        let check = |message, signature: String, seconds, fault: Option<&str>| {
            let found = question.fault(message, &signature, Timestamp::from_seconds(seconds));
            assert_eq!(found.is_some(), fault.is_some(), "{found:?}, expected {fault:?}");
            assert!(found.unwrap_or("").contains(fault.unwrap_or("")), "{found:?}");
        };
        check(None, sign(&key, &text), 500, None);
        check(Some(text.as_str()), sign(&key, &text), 1_000, None);
        check(None, sign(&key, &text), 1_001, Some("over"));
        check(None, sign(&other, &text), 500, Some("not by the key"));
        check(None, sign(&key, "else"), 500, Some("not by the key"));
        check(None, "0x12".to_owned(), 500, Some("not by the key"));
        check(Some("else"), sign(&key, "else"), 500, Some("first line"));
        let elsewhere = text.replace("localhost", "eve.example");
        check(Some(elsewhere.as_str()), sign(&key, &elsewhere), 500, Some("domain"));
        let own_words = text.replace(STATEMENT, "Let me in.");
        check(Some(own_words.as_str()), sign(&key, &own_words), 500, None);
    }

    #[test]
    fn a_signature_with_a_high_s_is_none() {
        let rsv = SecretKey::from_bytes(&[7; 32]).unwrap().sign([9; 32].into()).to_rsv();
        let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
        let order = alloy_primitives::U256::from_str_radix(order, 16).unwrap();
        let s = order - alloy_primitives::U256::from_be_slice(&rsv[32..64]);
        let other = [&rsv[..32], &s.to_be_bytes::<32>(), &[55 - rsv[64]]].concat();
        assert_eq!(parse_signature(&hex::encode(other)), None);
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

//! Proof that someone holds a key, or speaks for a contract account: a wallet signs a message that
//! we made up, once.

use alloy_primitives::{Address, B256, eip191_hash_message};
use calendar::Timestamp;
use keys::SignatureBytes;
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

    /// The hash that is to be signed, of `message` or, when none was sent along, of the one that
    /// was handed out; or why no signature of it counts at `now`.
    pub(crate) fn hash(&self, message: Option<&str>, now: Timestamp) -> Result<B256, &'static str> {
        let text = message.map_or_else(|| self.message().to_string(), str::to_owned);
        let read = Message::parse(&text)?;
        let Question { address, chain_id, ref origin, ref nonce, expires_at } = *self;
        if now > expires_at {
            return Err("the challenge is over");
        }
        let expected = Expected { origin, address, chain_id, nonce };
        read.fault(&expected, now).map_or_else(|| Ok(eip191_hash_message(&text)), Err)
    }

    /// Why `signature` is no answer at `now`: it is by no key, nor by `contract`, the hash that the
    /// contract at the address takes it for.
    pub(crate) fn fault(
        &self,
        message: Option<&str>,
        signature: &SignatureBytes,
        contract: Option<B256>,
        now: Timestamp,
    ) -> Option<&'static str> {
        let hash = match self.hash(message, now) {
            Ok(hash) => hash,
            Err(fault) => return Some(fault),
        };
        let signed = contract == Some(hash) || signature.by_key(hash, self.address).is_some();
        (!signed).then_some("the signature is not by the key of the address")
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
            let (signature, now) = (signature.parse().unwrap(), Timestamp::from_seconds(seconds));
            let found = question.fault(message, &signature, None, now);
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
    fn a_contract_answers_for_the_message_that_it_was_asked_about() {
        let key = SecretKey::from_bytes(&[1; 32]).unwrap();
        let question = question(&key);
        let (text, now) = (question.challenge().message, Timestamp::from_seconds(500));
        let hash = question.hash(None, now).unwrap();
        assert_eq!(question.hash(Some(text.as_str()), now), Ok(hash));
        let blob: SignatureBytes = "0x1234".parse().unwrap();
        assert_eq!(question.fault(None, &blob, Some(hash), now), None);
        let own_words = text.replace(STATEMENT, "Let me in.");
        for (message, contract) in [(None, None), (Some(own_words.as_str()), Some(hash))] {
            let fault = question.fault(message, &blob, contract, now);
            assert_eq!(fault, Some("the signature is not by the key of the address"));
        }
        let later = Timestamp::from_seconds(1_001);
        assert_eq!(question.fault(None, &blob, Some(hash), later), Some("the challenge is over"));
    }

    #[test]
    fn a_signature_with_a_high_s_is_none() {
        let (key, hash) = (SecretKey::from_bytes(&[7; 32]).unwrap(), [9; 32].into());
        let rsv = key.sign(hash).to_rsv();
        let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
        let order = alloy_primitives::U256::from_str_radix(order, 16).unwrap();
        let s = order - alloy_primitives::U256::from_be_slice(&rsv[32..64]);
        let other = [&rsv[..32], &s.to_be_bytes::<32>(), &[55 - rsv[64]]].concat();
        let other: SignatureBytes = hex::encode(other).parse().unwrap();
        assert_eq!(other.by_key(hash, key.address()), None);
    }
}

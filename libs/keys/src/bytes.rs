//! A signature as it arrives, before anybody knows whose it is.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::{Address, B256, hex};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Signature, recover};

/// Bytes a signature has at most: as many as fifteen owners of one wallet need.
pub const SIGNATURE_BYTES_MAX: usize = 1_024;

/// Of a key, in 64 bytes (EIP-2098) or 65 (r, s, v, as wallets return it), or whatever a contract
/// account takes as its own (ERC-1271). At most [`SIGNATURE_BYTES_MAX`]; in JSON `0x` and hex
/// digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SignatureBytes(Vec<u8>);

/// The text is no signature of anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signature is written as 0x and an even number of hex digits, 2048 at most")]
pub struct NoSignature;

impl SignatureBytes {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The signature, where a key can have made it.
    pub fn of_key(&self) -> Option<Signature> {
        let signature = match <&[u8; 65]>::try_from(&self.0[..]) {
            Ok(rsv) => Signature::from_rsv(rsv),
            Err(_) => Signature::from_slice(&self.0),
        };
        signature.ok()
    }

    /// The signature of `account`'s own key over `hash`, if it is that.
    pub fn by_key(&self, hash: B256, account: Address) -> Option<Signature> {
        self.of_key().filter(|signature| recover(hash, signature) == Some(account))
    }
}

impl From<Signature> for SignatureBytes {
    fn from(signature: Signature) -> SignatureBytes {
        SignatureBytes(signature.as_bytes().to_vec())
    }
}

impl fmt::Display for SignatureBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_prefixed(&self.0))
    }
}

impl fmt::Debug for SignatureBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignatureBytes({self})")
    }
}

impl FromStr for SignatureBytes {
    type Err = NoSignature;

    /// Parses hex digits, with or without `0x`.
    fn from_str(text: &str) -> Result<Self, NoSignature> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        if digits.len() > 2 * SIGNATURE_BYTES_MAX {
            return Err(NoSignature);
        }
        hex::decode(digits).map(SignatureBytes).map_err(|_| NoSignature)
    }
}

impl Serialize for SignatureBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SignatureBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretKey;
    use alloy_primitives::keccak256;

    #[test]
    fn both_forms_of_a_keys_signature_are_its_accounts_and_nobody_elses() {
        let key = SecretKey::from_bytes(&[7; 32]).unwrap();
        let (hash, other) = (keccak256("order"), keccak256("another"));
        let signature = key.sign(hash);
        let long = hex::encode(signature.to_rsv());
        for text in [signature.to_string(), long.clone(), format!("0x{long}")] {
            let bytes: SignatureBytes = text.parse().unwrap();
            assert_eq!(bytes.by_key(hash, key.address()), Some(signature), "{text}");
            assert_eq!(bytes.by_key(other, key.address()), None);
            assert_eq!(bytes.by_key(hash, Address::repeat_byte(1)), None);
        }
    }

    #[test]
    fn what_a_contract_takes_is_kept_as_it_came() {
        for length in [0, 1, 63, 66, 130, SIGNATURE_BYTES_MAX] {
            let text = format!("0x{}", "5a".repeat(length));
            let bytes: SignatureBytes = text.parse().unwrap();
            assert_eq!((bytes.as_bytes().len(), bytes.to_string()), (length, text.clone()));
            assert_eq!(serde_json::from_str(&format!("\"{text}\"")).ok(), Some(bytes));
        }
        for bad in ["0x5", "0xzz", "signature", &"5a".repeat(SIGNATURE_BYTES_MAX + 1)] {
            assert_eq!(bad.parse::<SignatureBytes>(), Err(NoSignature), "{bad}");
        }
    }
}

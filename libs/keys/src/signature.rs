//! The 64-byte signature and its forms.

use std::fmt;
use std::str::FromStr;

use alloy_primitives::hex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Half of the curve's order: the largest s of a signature.
const S_MAX: [u8; 32] = hex!("7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0");

/// A signature in 64 bytes (EIP-2098): r, then s with the parity of R's y in its top bit.
///
/// Always with a low s, so that nobody but the signer can make a second signature of a message.
/// In JSON it is `0x` and 128 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature([u8; 64]);

/// Why bytes or text are not a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not 64 bytes, or not hex digits.
    #[error("a signature is 64 bytes, written as 0x and 128 hex digits")]
    Malformed,
    /// r or s is zero.
    #[error("a signature has no zero part")]
    Zero,
    /// s is in the upper half of the order: anyone could have made it from another signature.
    #[error("the s of a signature must be in the lower half of the order")]
    HighS,
    /// The last byte of a 65-byte signature is none of 0, 1, 27, 28.
    #[error("the recovery byte of a signature is 0, 1, 27 or 28")]
    Recovery,
}

impl Signature {
    /// The signature in these 64 bytes; refused when s is high or a part is zero.
    pub fn from_bytes(bytes: [u8; 64]) -> Result<Self, SignatureError> {
        let signature = Signature(bytes);
        let (r, s, odd) = signature.parts();
        Signature::from_parts(r, s, odd)
    }

    /// The signature in a slice of 64 bytes.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, SignatureError> {
        Signature::from_bytes(bytes.try_into().map_err(|_| SignatureError::Malformed)?)
    }

    /// The signature of these parts; `odd` is the parity of R's y.
    pub fn from_parts(r: [u8; 32], s: [u8; 32], odd: bool) -> Result<Self, SignatureError> {
        if r == [0; 32] || s == [0; 32] {
            return Err(SignatureError::Zero);
        }
        if s > S_MAX {
            return Err(SignatureError::HighS);
        }
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&r);
        bytes[32..].copy_from_slice(&s);
        bytes[32] |= u8::from(odd) << 7;
        Ok(Signature(bytes))
    }

    /// The signature in the 65 bytes r, s, v that wallets return; v is 27 or 28 (or 0 or 1).
    pub fn from_rsv(rsv: &[u8; 65]) -> Result<Self, SignatureError> {
        let odd = match rsv[64] {
            0 | 27 => false,
            1 | 28 => true,
            _ => return Err(SignatureError::Recovery),
        };
        let (mut r, mut s) = ([0; 32], [0; 32]);
        r.copy_from_slice(&rsv[..32]);
        s.copy_from_slice(&rsv[32..64]);
        Signature::from_parts(r, s, odd)
    }

    /// The 65 bytes r, s, v with v 27 or 28.
    pub fn to_rsv(&self) -> [u8; 65] {
        let (r, s, odd) = self.parts();
        let mut rsv = [0; 65];
        rsv[..32].copy_from_slice(&r);
        rsv[32..64].copy_from_slice(&s);
        rsv[64] = 27 + u8::from(odd);
        rsv
    }

    /// r, s, and whether R's y is odd.
    pub fn parts(&self) -> ([u8; 32], [u8; 32], bool) {
        let (mut r, mut s) = ([0; 32], [0; 32]);
        r.copy_from_slice(&self.0[..32]);
        s.copy_from_slice(&self.0[32..]);
        let odd = s[0] & 0x80 != 0;
        s[0] &= 0x7f;
        (r, s, odd)
    }

    /// The 64 bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_prefixed(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({self})")
    }
}

impl FromStr for Signature {
    type Err = SignatureError;

    /// Parses 128 hex digits, with or without `0x`.
    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let mut bytes = [0; 64];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| SignatureError::Malformed)?;
        Signature::from_bytes(bytes)
    }
}

impl Serialize for Signature {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SecretKey, recover};
    use alloy_primitives::{U256, keccak256};

    fn signed(seed: u8) -> Signature {
        SecretKey::from_bytes(&[seed; 32]).unwrap().sign(keccak256([seed]))
    }

    #[test]
    fn every_form_gives_the_signature_back() {
        for seed in 1..40 {
            let signature = signed(seed);
            assert_eq!(Signature::from_rsv(&signature.to_rsv()), Ok(signature));
            assert_eq!(Signature::from_slice(signature.as_bytes()), Ok(signature));
            assert_eq!(signature.to_string().parse(), Ok(signature));
            let json = serde_json::to_string(&signature).unwrap();
            assert_eq!(serde_json::from_str::<Signature>(&json).unwrap(), signature);
            assert_eq!(json.len(), 132);
        }
    }

    #[test]
    fn the_malleated_twin_of_a_signature_is_refused() {
        let order = U256::from_be_bytes(hex!(
            "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"
        ));
        for seed in 1..40 {
            let (r, s, odd) = signed(seed).parts();
            let high = (order - U256::from_be_bytes(s)).to_be_bytes::<32>();
            assert_eq!(Signature::from_parts(r, high, !odd), Err(SignatureError::HighS));
            let mut rsv = [0; 65];
            rsv[..32].copy_from_slice(&r);
            rsv[32..64].copy_from_slice(&high);
            rsv[64] = 27 + u8::from(!odd);
            assert_eq!(Signature::from_rsv(&rsv), Err(SignatureError::HighS));
        }
    }

    #[test]
    fn malformed_signatures_are_refused() {
        let mut above = [0; 64];
        above[0] = 1;
        above[32..].copy_from_slice(&[0x7f; 32]);
        above[33..48].copy_from_slice(&[0xff; 15]);
        assert_eq!(Signature::from_bytes(above), Err(SignatureError::HighS));
        assert_eq!(Signature::from_bytes([0; 64]), Err(SignatureError::Zero));
        assert_eq!(Signature::from_slice(&[1; 63]), Err(SignatureError::Malformed));
        assert_eq!("0x12".parse::<Signature>(), Err(SignatureError::Malformed));
        let mut rsv = signed(1).to_rsv();
        rsv[64] = 29;
        assert_eq!(Signature::from_rsv(&rsv), Err(SignatureError::Recovery));
    }

    #[test]
    fn an_r_that_is_on_no_curve_point_is_of_nobody() {
        let nobody = Signature::from_parts([0xff; 32], [1; 32], false).unwrap();
        assert_eq!(recover(keccak256("x"), &nobody), None);
    }
}

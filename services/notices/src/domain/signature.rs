//! Signatures of webhooks, as Standard Webhooks 1.0.0 has them: HMAC-SHA256 over
//! `id.timestamp.body`, written `v1,<base64>`; a secret is written `whsec_<base64>`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes of a secret; the specification wants 24 to 64.
pub(crate) const SECRET_BYTES: usize = 32;
/// What a secret begins with where it is shown.
const PREFIX: &str = "whsec_";

/// What signs the messages to an endpoint. Never printed; erased when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secret([u8; SECRET_BYTES]);

impl Secret {
    /// A new secret.
    pub(crate) fn generate() -> Secret {
        Secret(vault::random())
    }

    /// The secret with these bytes; `None` where they are not as many.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Secret> {
        bytes.try_into().ok().map(Secret)
    }

    /// The bytes, to be wrapped.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As receivers keep it.
    pub(crate) fn shown(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", STANDARD.encode(self.0)))
    }

    /// The signature of one attempt. `id` has no full stop in it, so nothing else is signed alike.
    fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("any length is a key");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body.as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The value of `webhook-signature`: a signature by each secret that receivers may have.
pub(crate) fn header(secrets: &[Secret], id: &str, timestamp: i64, body: &str) -> String {
    let signatures = secrets.iter().map(|secret| secret.sign(id, timestamp, body));
    signatures.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_signed_as_other_programs_check_it() {
        // By Python's hmac and hashlib, over the bytes 0 to 31.
        let bytes: Vec<u8> = (0..32).collect();
        let secret = Secret::from_bytes(&bytes).unwrap();
        assert_eq!(*secret.shown(), "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        let other = Secret::from_bytes(&[7; 32]).unwrap();
        let header = header(&[secret, other], "msg_1", 1_614_265_330, "{\"test\": 2432232314}");
        let signed = "v1,GWvjEzx3AphU7wha3hNZPXJnymF9Fg+ZdvPQqWPOjZ0= \
                      v1,4tb+MnkCTqymlrGQQ6f66PPeMjMas7AHx6XI40qL5MA=";
        assert_eq!(header, signed);
        assert!(Secret::from_bytes(&bytes[1..]).is_none());
    }
}

//! Tokens: signed with EdDSA, so that every service checks them with a public key alone.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use calendar::Timestamp;
use ed25519_dalek::SigningKey;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::Serialize;
use service::{Claims, Principal, Verifier};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use vault::random;

/// How long a token counts.
pub(crate) const TOKEN_SECONDS: i64 = 15 * 60;
/// How long a refresh token can be exchanged.
pub(crate) const REFRESH_SECONDS: i64 = 30 * 24 * 3600;
/// What precedes an Ed25519 seed in PKCS #8 (RFC 8410).
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// A key that signs tokens.
pub(crate) struct TokenKey {
    pub(crate) kid: String,
    public: [u8; 32],
    secret: EncodingKey,
}

/// A public key (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Jwk {
    /// `OKP`.
    kty: &'static str,
    /// `Ed25519`.
    crv: &'static str,
    /// `sig`.
    #[serde(rename = "use")]
    usage: &'static str,
    /// `EdDSA`.
    alg: &'static str,
    /// The key's id.
    kid: String,
    /// The public key, in base64url.
    x: String,
}

impl TokenKey {
    /// The key of this seed.
    pub(crate) fn from_seed(seed: &[u8; 32]) -> TokenKey {
        let public = SigningKey::from_bytes(seed).verifying_key().to_bytes();
        let secret = EncodingKey::from_ed_der(&[&PKCS8[..], seed].concat());
        TokenKey { kid: hex::encode(&Sha256::digest(public)[..8]), public, secret }
    }

    /// Lets `verifier` trust this key.
    pub(crate) fn make_known(&self, verifier: &Verifier) {
        verifier.trust(self.kid.clone(), DecodingKey::from_ed_der(&self.public));
    }

    /// The public half.
    pub(crate) fn jwk(&self) -> Jwk {
        Jwk {
            kty: "OKP",
            crv: "Ed25519",
            usage: "sig",
            alg: "EdDSA",
            kid: self.kid.clone(),
            x: URL_SAFE_NO_PAD.encode(self.public),
        }
    }

    /// A token that says that its bearer is `principal`, from `now` on for [`TOKEN_SECONDS`].
    pub(crate) fn issue(&self, principal: &Principal, now: Timestamp) -> Result<String> {
        let claims = Claims {
            iss: "wattex".to_owned(),
            sub: principal.party,
            account: principal.account,
            community: principal.community,
            roles: principal.roles.clone(),
            exp: now.plus_seconds(TOKEN_SECONDS).unsigned(),
            iat: now.unsigned(),
        };
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        jsonwebtoken::encode(&header, &claims, &self.secret).context("signing a token")
    }
}

/// A new secret that someone keeps for us: 256 bits in hex.
pub(crate) fn new_secret() -> String {
    hex::encode(random::<32>())
}

/// What is stored of a secret that someone else keeps.
pub(crate) fn hash_secret(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}

#[cfg(test)]
mod tests {
    use super::*;
    use access::Role;
    use ids::{CommunityId, PartyId};
    use service::Clock;

    #[test]
    fn a_token_says_who_bears_it_to_whoever_knows_the_key() {
        let principal = Principal {
            party: PartyId::derived("ada"),
            account: None,
            community: CommunityId::derived("here"),
            roles: vec![Role::Auditor],
        };
        let now = Clock::real().now();
        let key = TokenKey::from_seed(&[3; 32]);
        let token = key.issue(&principal, now).unwrap();
        let verifier = Verifier::new();
        TokenKey::from_seed(&[4; 32]).make_known(&verifier);
        assert_eq!(verifier.verify(&token).unwrap_err().status, 401);
        key.make_known(&verifier);
        assert_eq!(verifier.verify(&token), Ok(principal.clone()));
        let old = key.issue(&principal, now.plus_seconds(-TOKEN_SECONDS - 60)).unwrap();
        assert_eq!(verifier.verify(&old).unwrap_err().status, 401);
    }

    #[test]
    fn the_public_key_is_the_one_of_rfc_8037() {
        let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let key = TokenKey::from_seed(&seed.unwrap().try_into().unwrap());
        assert_eq!(key.jwk().x, "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
    }
}

//! Who is asking: a token that any service checks offline.

use std::collections::HashMap;
use std::future::{Ready, ready};
use std::sync::{Arc, PoisonError, RwLock};

use access::Role;
use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use ids::{AccountId, CommunityId, PartyId};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};

use crate::Problem;

/// The issuer and audience of our tokens.
const ISSUER: &str = "wattex";

/// What a token says. Tokens live by the machine's clock, never by a simulated one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer: `wattex`.
    pub iss: String,
    /// The party.
    pub sub: PartyId,
    /// The party's account, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The party's community.
    pub community: CommunityId,
    /// What the party is there.
    pub roles: Vec<Role>,
    /// Valid until, in epoch seconds.
    pub exp: u64,
    /// Issued at, in epoch seconds.
    pub iat: u64,
}

/// Who sent a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The party.
    pub party: PartyId,
    /// Its account.
    pub account: Option<AccountId>,
    /// Its community.
    pub community: CommunityId,
    /// What it is there.
    pub roles: Vec<Role>,
}

impl Principal {
    /// Whether the party has one of `roles`.
    pub fn is_any(&self, roles: &[Role]) -> bool {
        roles.iter().any(|role| self.roles.contains(role))
    }

    /// Whether the party may read what belongs to `account`: its own, or as operator, utility,
    /// auditor or admin.
    pub fn may_read(&self, account: AccountId) -> bool {
        self.account == Some(account)
            || self.is_any(&[Role::Operator, Role::Utility, Role::Auditor, Role::Admin])
    }

    /// The party's account, or the refusal for one without.
    pub fn own_account(&self) -> Result<AccountId, Problem> {
        self.account.ok_or_else(Problem::forbidden)
    }

    /// Refuses a party that has none of `roles`.
    pub fn require_any(&self, roles: &[Role]) -> Result<(), Problem> {
        if self.is_any(roles) { Ok(()) } else { Err(Problem::forbidden()) }
    }
}

/// Checks tokens offline with identity's public keys. Registered as `Data<Verifier>`.
#[derive(Clone, Default)]
pub struct Verifier {
    keys: Arc<RwLock<HashMap<String, DecodingKey>>>,
}

impl Verifier {
    /// A verifier that knows no key yet and so refuses every token.
    pub fn new() -> Verifier {
        Verifier::default()
    }

    /// Trusts the EdDSA public key `key` under the key id `kid`.
    pub fn trust(&self, kid: String, key: DecodingKey) {
        self.keys.write().unwrap_or_else(PoisonError::into_inner).insert(kid, key);
    }

    /// The principal of `token`, or why it is none.
    pub fn verify(&self, token: &str) -> Result<Principal, Problem> {
        let header = jsonwebtoken::decode_header(token)
            .map_err(|_| Problem::unauthenticated("the token is malformed"))?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let key = header
            .kid
            .and_then(|kid| keys.get(&kid))
            .ok_or_else(|| Problem::unauthenticated("the token's key is unknown"))?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.leeway = 5;
        let claims = jsonwebtoken::decode::<Claims>(token, key, &validation)
            .map_err(|error| Problem::unauthenticated(error.to_string()))?
            .claims;
        Ok(Principal {
            party: claims.sub,
            account: claims.account,
            community: claims.community,
            roles: claims.roles,
        })
    }
}

impl FromRequest for Principal {
    type Error = Problem;
    type Future = Ready<Result<Principal, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(principal(request))
    }
}

fn principal(request: &HttpRequest) -> Result<Principal, Problem> {
    let verifier = request
        .app_data::<Data<Verifier>>()
        .ok_or_else(|| Problem::unavailable("no key to check tokens with"))?;
    let header = request
        .headers()
        .get("Authorization")
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| Problem::unauthenticated("no Authorization header"))?;
    let token = header.strip_prefix("Bearer ").ok_or_else(|| {
        Problem::unauthenticated("the Authorization header is not a bearer token")
    })?;
    verifier.verify(token)
}

//! Who may speak for a meter over HTTP: a person with a token of identity, or the device itself
//! with what it enters the broker by.

use std::future::{Ready, ready};

use access::Role;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ids::MeterId;
use service::{Fault, Principal, Problem};

use super::readable_meter;
use crate::Metering;
use crate::db::meters;

/// The longest name and token of a device together, in bytes.
const CREDENTIALS_BYTES_MAX: usize = 1024;

/// Who sent a request.
pub(crate) enum Sender {
    /// Whoever a token of identity names.
    Person(Principal),
    /// A meter or a bridge, by its name and token (RFC 7617).
    Device(String, String),
}

impl Sender {
    /// The meter `id`, if this sender may speak for it: the device itself, its account, or staff
    /// who bring what it said by another way.
    pub(crate) async fn own_meter(
        &self,
        metering: &Metering,
        id: &str,
    ) -> Result<MeterId, Problem> {
        let meter = self.meter(metering, id).await?;
        match self {
            Sender::Person(person) if !person.is_any(&[Role::Operator, Role::Admin]) => {
                let known = meters::find(metering.db(), meter).await.map_err(Fault::problem)?;
                let own = known.is_some_and(|known| person.account == Some(known.account));
                if own { Ok(meter) } else { Err(Problem::forbidden()) }
            }
            _ => Ok(meter),
        }
    }

    /// The meter `id`, if this sender may read what it measures.
    pub(crate) async fn meter(&self, metering: &Metering, id: &str) -> Result<MeterId, Problem> {
        let (name, token) = match self {
            Sender::Person(principal) => {
                return readable_meter(metering, principal, id).await.map(|meter| meter.id);
            }
            Sender::Device(name, token) => (name, token),
        };
        let client =
            metering.login().enter(name, token.as_bytes()).await.map_err(Fault::problem)?;
        let client = client.ok_or_else(|| {
            Problem::unauthenticated("no device has this name and token, or it was revoked")
        })?;
        let meter = id.parse().ok().filter(|meter| client.speaks_for(*meter));
        meter.ok_or_else(|| Problem::not_found("meter"))
    }
}

impl FromRequest for Sender {
    type Error = Problem;
    type Future = Ready<Result<Sender, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let header = request.headers().get("Authorization").and_then(|it| it.to_str().ok());
        if let Some(credentials) = header.and_then(|header| header.strip_prefix("Basic ")) {
            return ready(device(credentials));
        }
        ready(Principal::from_request(request, payload).into_inner().map(Sender::Person))
    }
}

fn device(credentials: &str) -> Result<Sender, Problem> {
    let malformed = || Problem::unauthenticated("the credentials are not base64 of name:token");
    if credentials.len() > CREDENTIALS_BYTES_MAX {
        return Err(malformed());
    }
    let bytes = BASE64_STANDARD.decode(credentials).map_err(|_| malformed())?;
    let text = String::from_utf8(bytes).map_err(|_| malformed())?;
    let (name, token) = text.split_once(':').ok_or_else(malformed)?;
    Ok(Sender::Device(name.to_owned(), token.to_owned()))
}

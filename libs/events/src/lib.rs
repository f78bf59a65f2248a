//! Every event of every service: facts, past tense, never changed after they are written.
//!
//! One file per publishing service; the file is that service's promise. An event travels in an
//! [`Envelope`] whose id derives from the row that caused it, so a repeat has the same id.
//! Consumers ignore fields they do not know and tolerate repeats and gaps in time.
//! Adding an optional field keeps the version; anything else is a new struct with `.v2`.
#![forbid(unsafe_code)]

pub mod billing;
pub mod identity;
pub mod ledger;
pub mod market;
pub mod metering;
mod schema;

use calendar::Timestamp;
use ids::EventId;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use schema::schema;

/// A fact that a service publishes.
pub trait Event: Serialize + DeserializeOwned {
    /// `service.noun.past-tense.vN`.
    const SUBJECT: &'static str;
}

/// An event on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Envelope {
    /// Derived from what caused it.
    #[schemars(with = "schema::Id")]
    pub id: EventId,
    /// The event's kind: [`Event::SUBJECT`].
    pub subject: String,
    /// When the fact became true.
    #[schemars(with = "schema::Moment")]
    pub occurred_at: Timestamp,
    /// The event, as JSON.
    pub body: serde_json::Value,
}

/// An envelope whose body is not the event its subject promises.
#[derive(Debug)]
pub struct BadBody {
    /// The envelope's subject.
    pub subject: String,
    /// What is wrong with the body.
    pub reason: String,
}

impl std::fmt::Display for BadBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "event {}: {}", self.subject, self.reason)
    }
}

impl std::error::Error for BadBody {}

impl Envelope {
    /// Wraps `event`. `cause` names the row that caused it, uniquely within the subject: the same
    /// cause gives the same id.
    pub fn of<E: Event>(event: &E, cause: &str, occurred_at: Timestamp) -> Envelope {
        Envelope {
            id: EventId::derived(&format!("{}/{cause}", E::SUBJECT)),
            subject: E::SUBJECT.to_owned(),
            occurred_at,
            // Events hold no maps with keys other than strings, so this cannot fail.
            body: serde_json::to_value(event).expect("an event is JSON"),
        }
    }

    /// The event inside, if this envelope carries an `E`.
    pub fn open<E: Event>(&self) -> Result<Option<E>, BadBody> {
        if self.subject != E::SUBJECT {
            return Ok(None);
        }
        E::deserialize(&self.body)
            .map(Some)
            .map_err(|error| BadBody { subject: self.subject.clone(), reason: error.to_string() })
    }
}

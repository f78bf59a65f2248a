//! Why the register does not do what was asked, in the codes of its interface.

use serde_json::{Map, Value, json};

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct Refusal {
    /// The HTTP status.
    pub(crate) status: u16,
    /// One of the interface's codes.
    pub(crate) code: &'static str,
    /// In words.
    pub(crate) message: String,
}

impl Refusal {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Refusal {
        Refusal { status, code, message: message.into() }
    }

    /// 400: a field that is not allowed, or not so.
    pub(crate) fn field(message: impl Into<String>) -> Refusal {
        Refusal::new(400, "SCH_FIELD_NOT_ALLOWED", message)
    }

    /// 400: something that must be there is not.
    pub(crate) fn missing(field: &str) -> Refusal {
        Refusal::new(400, "SCH_MISSING_REQUIRED", format!("{field} is missing"))
    }

    /// 401: the signature is not that of a participant, or of this request.
    pub(crate) fn signature(message: impl Into<String>) -> Refusal {
        Refusal::new(401, "AUT_SIGNATURE_INVALID", message)
    }

    /// 403: not for this caller.
    pub(crate) fn not_authorized(message: impl Into<String>) -> Refusal {
        Refusal::new(403, "AUT_NOT_AUTHORIZED", message)
    }

    /// 404: there is no such record.
    pub(crate) fn not_found() -> Refusal {
        Refusal::new(404, "PRC_NOT_FOUND", "There is no such record")
    }

    /// 409: it contradicts what is recorded.
    pub(crate) fn conflict(message: impl Into<String>) -> Refusal {
        Refusal::new(409, "PRC_CONFLICT", message)
    }

    /// The body that says so.
    pub(crate) fn body(&self) -> Value {
        json!({ "code": self.code, "message": self.message, "details": Map::new() })
    }
}

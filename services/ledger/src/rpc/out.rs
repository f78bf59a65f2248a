//! Where an answer goes: as text onto the wire, or as a value to someone in this process.

use client::RpcError;
use serde::Serialize;
use serde_json::Value;

/// Takes the result of one request.
pub(super) enum Out<'a> {
    /// Behind what is there already.
    Text(&'a mut Vec<u8>),
    Value(Value),
}

impl Out<'_> {
    pub(super) fn value() -> Self {
        Self::Value(Value::Null)
    }

    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Text(_) => Value::Null,
            Self::Value(value) => value,
        }
    }

    /// Takes the result; the last thing that a method does.
    pub(super) fn put<T: Serialize + ?Sized>(&mut self, result: &T) -> Result<(), RpcError> {
        match self {
            Self::Text(text) => serde_json::to_writer(&mut **text, result),
            Self::Value(value) => serde_json::to_value(result).map(|result| *value = result),
        }
        .map_err(super::fault)
    }

    /// The same for a result that is JSON already.
    pub(super) fn put_text(&mut self, result: &[u8]) -> Result<(), RpcError> {
        match self {
            Self::Text(text) => text.extend_from_slice(result),
            Self::Value(value) => *value = serde_json::from_slice(result).map_err(super::fault)?,
        }
        Ok(())
    }
}

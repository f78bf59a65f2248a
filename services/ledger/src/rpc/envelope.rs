//! Requests and batches as they come over a wire (JSON-RPC 2.0).

use super::{BATCH_MAX, RESPONSE_BYTES_MAX, answer, code};
use crate::node::Node;
use client::RpcError;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Call {
    jsonrpc: Option<String>,
    /// Left out in a notification, which gets no answer.
    #[serde(default, deserialize_with = "present")]
    id: Option<Value>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
}

/// Tells an id that is null from one that is left out.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// The answer to a body, as JSON; `None` if it held notifications only.
pub(crate) fn serve(node: &Node, body: &[u8]) -> Option<String> {
    let request: Value = match serde_json::from_slice(body) {
        Ok(request) => request,
        Err(_) => return Some(refusal(Value::Null, RpcError::new(code::PARSE, "parse error"))),
    };
    let Value::Array(batch) = request else { return one(node, request) };
    let refused = |message| {
        let error = RpcError::new(code::INVALID_REQUEST, message);
        Some(refusal(Value::Null, error))
    };
    match batch.len() {
        0 => return refused("empty batch"),
        count if count > BATCH_MAX => return refused("batch too large"),
        _ => {}
    }
    let (mut answers, mut bytes) = (Vec::new(), 0);
    for request in batch {
        let id = request.get("id").cloned().unwrap_or_default();
        if bytes > RESPONSE_BYTES_MAX {
            answers.push(refusal(id, RpcError::new(code::TOO_LARGE, "response too large")));
            continue;
        }
        if let Some(answer) = one(node, request) {
            bytes += answer.len();
            answers.push(answer);
        }
    }
    (!answers.is_empty()).then(|| format!("[{}]", answers.join(",")))
}

fn one(node: &Node, request: Value) -> Option<String> {
    let id = request.get("id").filter(|id| id.is_string() || id.is_number()).cloned();
    let invalid = || {
        let error = RpcError::new(code::INVALID_REQUEST, "invalid request");
        Some(refusal(id.unwrap_or_default(), error))
    };
    let Ok(call) = serde_json::from_value::<Call>(request) else { return invalid() };
    let (Some("2.0"), Some(method)) = (call.jsonrpc.as_deref(), call.method) else {
        return invalid();
    };
    let outcome = answer(node, &method, call.params);
    let id = call.id?;
    Some(match outcome {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }).to_string(),
        Err(error) => refusal(id, error),
    })
}

fn refusal(id: Value, error: RpcError) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string()
}

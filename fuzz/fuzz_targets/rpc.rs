//! Bodies of JSON-RPC as anyone sends them: every request is answered once, in order and under its
//! own id, with a result or with an error that has a code, as JSON that names nothing twice; and
//! who only reads leaves the node as it was.
#![no_main]

use actix_web::http::StatusCode;
use actix_web::web::Bytes;
use fuzz::node::{BATCH_MAX, Node, RESPONSE_BYTES_MAX};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use std::cell::RefCell;

/// The longest id, in bytes.
const ID_BYTES_MAX: usize = 256;
const INTERNAL: i64 = -32_603;
/// Asks how the node stands.
const STANDING: &[u8] = br#"[
    {"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["latest",false]},
    {"jsonrpc":"2.0","id":2,"method":"txpool_status","params":[]}
]"#;

thread_local! {
    static NODE: RefCell<(Node, Bytes)> = RefCell::new(start());
}

/// A node, and how it stands.
fn start() -> (Node, Bytes) {
    let mut node = Node::new();
    let (_, standing) = node.ask(STANDING);
    assert!(!standing.windows(7).any(|bytes| bytes == b"\"error\""), "{standing:?}");
    (node, standing)
}

/// The ids that answers have to have, in this order, and whether they come in a list. This is the
/// standard read again, apart from how the node reads it. `None` if the body is no JSON: the node
/// skips members that it does not know, whatever they hold, so it may have found a request there.
fn expected(body: &[u8]) -> Option<(Vec<Value>, bool)> {
    Some(match serde_json::from_slice(body).ok()? {
        Value::Array(all) if all.is_empty() || all.len() > BATCH_MAX => (vec![Value::Null], false),
        Value::Array(all) => (all.iter().filter_map(id_of).collect(), true),
        request => (id_of(&request).into_iter().collect(), false),
    })
}

/// The id of the answer; none if nobody waits for one.
fn id_of(request: &Value) -> Option<Value> {
    let is_call = request["jsonrpc"] == json!("2.0") && request["method"].is_string();
    match request.get("id") {
        None if is_call => None,
        Some(Value::Bool(id)) if is_call => Some(json!(id)),
        Some(Value::String(id)) if id.len() <= ID_BYTES_MAX => Some(json!(id)),
        Some(Value::Number(id)) => Some(json!(id)),
        _ => Some(Value::Null),
    }
}

/// The method, if the request was run.
fn method_of(request: &Value) -> &str {
    request["method"].as_str().unwrap_or_default()
}

/// Whether the node may be another one after this.
fn changes(body: &[u8]) -> bool {
    let changing = ["eth_new", "eth_sendRaw", "evm_mine"];
    let has = |request: &Value| changing.iter().any(|name| method_of(request).starts_with(name));
    match serde_json::from_slice(body) {
        Ok(Value::Array(all)) => all.iter().any(has),
        Ok(request) => has(&request),
        // What is no JSON may have been read as a request all the same, with escapes in its name.
        Err(_) => {
            let text = String::from_utf8_lossy(body);
            text.contains('\\') || changing.iter().any(|name| text.contains(name))
        }
    }
}

fn check(answer: &Value, id: &Value, is_late: bool) {
    let fields = answer.as_object().expect("an answer is an object");
    assert_eq!(fields.len(), 3, "{answer}");
    assert_eq!(answer["jsonrpc"], json!("2.0"));
    assert_eq!(answer["id"], *id, "an answer has the id of its request");
    let Some(error) = answer.get("error") else {
        assert!(answer.get("result").is_some(), "{answer}");
        assert!(!is_late, "nothing more is told when the answers are long enough");
        return;
    };
    let code = error["code"].as_i64().expect("an error has a code");
    assert!((-40_000..=4).contains(&code) && code != 0, "{error}");
    let message = error["message"].as_str().expect("an error has words");
    assert!(code != INTERNAL || message != "internal error", "a fault of the node: {answer}");
}

fn check_all(body: &[u8], status: StatusCode, text: &[u8]) {
    let expected = expected(body);
    if text.is_empty() {
        assert_eq!(status.as_u16(), 204);
        assert!(expected.is_none_or(|(ids, _)| ids.is_empty()), "somebody waits for an answer");
        return;
    }
    assert_eq!(status.as_u16(), 200);
    assert!(text.len() <= ledger::RESPONSE_BYTES_MAX, "{} bytes", text.len());
    let answer: Value = serde_json::from_slice(text).expect("an answer is JSON");
    // A name that stands twice would be told once.
    assert_eq!(answer.to_string().as_bytes(), text, "an answer names nothing twice");
    let one = [answer.clone()];
    let answers = answer.as_array().map_or(&one[..], Vec::as_slice);
    let given = || (answers.iter().map(|one| one["id"].clone()).collect(), answer.is_array());
    let (expected, is_list) = expected.unwrap_or_else(given);
    assert_eq!(answer.is_array(), is_list);
    assert_eq!(answers.len(), expected.len(), "one answer per request");
    let mut bytes = 0;
    for (answer, id) in answers.iter().zip(&expected) {
        check(answer, id, bytes > RESPONSE_BYTES_MAX);
        bytes += answer.to_string().len() + 1;
    }
}

fuzz_target!(|body: &[u8]| {
    NODE.with_borrow_mut(|(node, standing)| {
        let (status, text) = node.ask(body);
        check_all(body, status, &text);
        if changes(body) {
            node.set_back();
        }
        assert_eq!(node.ask(STANDING).1, *standing, "the node is as it was");
    });
});

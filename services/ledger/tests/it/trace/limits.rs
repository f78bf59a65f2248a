//! What a tracer may take.

use super::{making, send};
use crate::harness::Setup;
use alloy_primitives::hex;
use serde_json::json;

/// Jumps to its beginning until the gas is gone.
const ENDLESS: [u8; 4] = hex!("5b5f5600");

#[actix_web::test]
async fn an_endless_loop_is_traced_within_bounds() {
    let setup = Setup::default();
    let node = setup.start().await;
    let receipt = node.confirm(&send(1, 0, None, 0, &making(&ENDLESS))).await;
    let contract = &receipt["contractAddress"];
    // Eight hundred thousand instructions of a hundred bytes and more.
    let call = json!({ "to": contract, "gas": "0x2dc6c0" });
    let whole = json!([call, "latest", { "timeout": "60s" }]);
    let (code, message) = node.refusal("debug_traceCall", whole).await;
    assert_eq!(code, -32_003, "{message}");
    assert!(message.starts_with("trace too large"), "{message}");
    let limited = json!([call, "latest", { "limit": 3, "timeout": "60s" }]);
    let log = node.rpc("debug_traceCall", limited).await;
    assert_eq!(log["structLogs"].as_array().unwrap().len(), 3);
    assert_eq!(log["failed"], json!(true));
    assert_eq!(log["gas"], json!(3_000_000));
    let frames = json!([call, "latest", { "tracer": "callTracer", "timeout": "60s" }]);
    let frames = node.rpc("debug_traceCall", frames).await;
    assert_eq!(frames["error"], json!("out of gas"));
    let hurried = json!([call, "latest", { "tracer": "callTracer", "timeout": "1us" }]);
    let refused = node.refusal("debug_traceCall", hurried).await;
    assert_eq!(refused, (-32_000, "execution timeout".into()));
}

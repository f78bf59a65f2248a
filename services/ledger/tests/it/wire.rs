//! Requests and batches as they come over HTTP, and REST.

use crate::harness::{START, Setup};
use calendar::Timestamp;
use ledger::{BATCH_MAX, BODY_BYTES_MAX, ChainStatus};
use serde_json::{Value, json};

async fn post(url: &str, body: String) -> (u16, String) {
    let client = reqwest::Client::new();
    let response = client.post(format!("{url}/rpc")).body(body).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[actix_web::test]
async fn requests_and_batches_are_answered_by_the_book() {
    let setup = Setup::default();
    let node = setup.start().await;
    let call = |id: Value| json!({ "jsonrpc": "2.0", "id": id, "method": "eth_chainId" });
    let answer = |id: Value| json!({ "jsonrpc": "2.0", "id": id, "result": "0x1267" });
    let error = |id: Value, code: i64, message: &str| {
        let error = json!({ "code": code, "message": message });
        json!({ "jsonrpc": "2.0", "id": id, "error": error })
    };
    let mut notification = call(json!(1));
    notification.as_object_mut().unwrap().remove("id");
    let unknown = json!({ "jsonrpc": "2.0", "id": 5, "method": "eth_nothing", "params": [] });
    let nothing = "the method eth_nothing does not exist/is not available";
    let too_many = vec![call(json!(1)); BATCH_MAX + 1];
    let get_code = json!({ "jsonrpc": "2.0", "id": 6, "method": "eth_getCode" });
    let missing = "missing value for required argument 0";
    for (body, expected) in [
        (call(json!(1)), answer(json!(1))),
        (call(json!("a")), answer(json!("a"))),
        (call(Value::Null), answer(Value::Null)),
        (unknown.clone(), error(json!(5), -32_601, nothing)),
        (get_code, error(json!(6), -32_602, missing)),
        (json!([]), error(Value::Null, -32_600, "empty batch")),
        (json!(too_many), error(Value::Null, -32_600, "batch too large")),
        (json!({ "id": 7 }), error(json!(7), -32_600, "invalid request")),
        (json!(7), error(Value::Null, -32_600, "invalid request")),
        (
            json!([call(json!(1)), notification, unknown]),
            json!([answer(json!(1)), error(json!(5), -32_601, nothing)]),
        ),
    ] {
        let (status, got) = post(&node.url, body.to_string()).await;
        assert_eq!(status, 200, "{body}");
        assert_eq!(serde_json::from_str::<Value>(&got).unwrap(), expected, "{body}");
    }
    let (_, got) = post(&node.url, "{".into()).await;
    let parse = error(Value::Null, -32_700, "parse error");
    assert_eq!(serde_json::from_str::<Value>(&got).unwrap(), parse);
    assert_eq!(post(&node.url, notification.to_string()).await, (204, String::new()));
    let (status, _) = post(&node.url, " ".repeat(BODY_BYTES_MAX + 1)).await;
    assert_eq!(status, 413);
}

#[actix_web::test]
async fn rest_tells_how_the_chain_stands() {
    let setup = Setup::default();
    let node = setup.start().await;
    let mut hash = node.ledger.node().genesis();
    for _ in 0..7 {
        hash = node.mine().await;
    }
    let url = format!("{}/v1/chain", node.url);
    let status: ChainStatus = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert_eq!(status.chain_id, 4_711);
    assert_eq!(status.genesis_hash, node.ledger.node().genesis());
    assert_eq!((status.head.number, status.head.hash), (7, hash));
    assert_eq!(status.head.timestamp, Timestamp::from_seconds(i64::try_from(START + 7).unwrap()));
    assert_eq!((status.head.difficulty.as_str(), status.finalized), ("16", 2));
    assert_eq!((status.head.total_difficulty.as_str(), status.pool_size), ("128", 0));
}

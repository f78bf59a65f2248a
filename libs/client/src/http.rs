//! A node behind HTTP.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{JsonRpc, RpcError};

/// How long a node may take to answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A node behind HTTP.
pub struct HttpRpc {
    url: String,
    http: reqwest::Client,
    id: AtomicU64,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    result: Value,
    error: Option<RpcError>,
}

impl HttpRpc {
    /// The node at `url`, e.g. `http://127.0.0.1:8545`.
    pub fn new(url: impl Into<String>) -> Result<HttpRpc, RpcError> {
        let http =
            reqwest::Client::builder().timeout(TIMEOUT).build().map_err(RpcError::unreachable)?;
        Ok(HttpRpc { url: url.into(), http, id: AtomicU64::new(1) })
    }
}

#[async_trait]
impl JsonRpc for HttpRpc {
    async fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let id = self.id.fetch_add(1, Ordering::Relaxed);
        let body = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let response =
            self.http.post(&self.url).json(&body).send().await.map_err(RpcError::unreachable)?;
        let answer: Answer = response.json().await.map_err(RpcError::unreachable)?;
        answer.error.map_or(Ok(answer.result), Err)
    }
}

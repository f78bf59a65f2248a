//! REST, and JSON-RPC over HTTP and WebSocket.

use crate::http;
use crate::ledger::Ledger;
use crate::node::Node;
use actix_web::web::{self, Data, Json, Payload};
use actix_web::{HttpRequest, HttpResponse, get, post};
use alloy_primitives::{B256, U256};
use calendar::Timestamp;
use chain::ChainView;
use serde::{Deserialize, Serialize};
use service::{Problem, Problems};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

/// How the chain stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChainStatus {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Hash of block 0.
    #[schema(value_type = String)]
    pub genesis_hash: B256,
    /// The newest block.
    pub head: HeadStatus,
    /// Height of the newest block that can no longer be undone.
    pub finalized: u64,
    /// Transactions that wait.
    pub pool_size: usize,
    /// Other nodes that were heard lately.
    pub peers: usize,
    /// Reorganisations that were refused because they would have undone final blocks.
    pub reorganisations_refused: u64,
}

/// The newest block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeadStatus {
    /// Height.
    pub number: u64,
    /// Hash.
    #[schema(value_type = String)]
    pub hash: B256,
    /// The block's own time, RFC 3339.
    #[schema(value_type = String)]
    pub timestamp: Timestamp,
    /// Expected number of hashes for the block, as a decimal string.
    pub difficulty: String,
    /// The same for all blocks together.
    pub total_difficulty: String,
}

/// Answers Ethereum JSON-RPC, one request or a batch.
#[utoipa::path(
    security(()),
    request_body = Value,
    responses(
        (status = 200, body = Value, description = "The answer, or one per request of a batch"),
        (status = 204, description = "There were only notifications"),
        Problems,
    )
)]
#[post("/rpc")]
async fn json_rpc(ledger: Data<Ledger>, request: HttpRequest, body: Payload) -> HttpResponse {
    http::post(ledger.serving(), &request, body).await
}

/// Opens a WebSocket for Ethereum JSON-RPC with subscriptions. OpenAPI has no words for it.
async fn web_socket(ledger: Data<Ledger>, request: HttpRequest, body: Payload) -> HttpResponse {
    http::socket(ledger.serving(), &request, body)
}

/// Tells how the chain stands.
#[utoipa::path(security(()), responses((status = 200, body = ChainStatus), Problems))]
#[get("/v1/chain")]
async fn chain_status(ledger: Data<Ledger>) -> Result<Json<ChainStatus>, Problem> {
    Ok(Json(ledger.with_node(status).await.map_err(anyhow::Error::from)?))
}

fn status(node: &Node) -> Result<ChainStatus, crate::store::StoreError> {
    let snapshot = node.snapshot()?;
    let (hash, header) = (snapshot.head(), snapshot.head_header()?);
    let total: U256 = snapshot.total_difficulty(hash).unwrap_or_default();
    let timestamp = i64::try_from(header.timestamp).unwrap_or(i64::MAX);
    Ok(ChainStatus {
        chain_id: node.rules().chain_id,
        genesis_hash: node.genesis(),
        head: HeadStatus {
            number: header.number,
            hash,
            timestamp: Timestamp::from_seconds(timestamp),
            difficulty: header.difficulty.to_string(),
            total_difficulty: total.to_string(),
        },
        finalized: snapshot.finalized(),
        pool_size: node.pool().len(),
        peers: node.network().map_or(0, |status| status.peers.len()),
        reorganisations_refused: node.reorganisations_refused(),
    })
}

/// Registers `POST /rpc`, `GET /ws` and `GET /v1/chain`, by their whole paths. All are public.
pub fn routes(ledger: Arc<Ledger>) -> impl Fn(&mut ServiceConfig<'_>) + Clone {
    let ledger = Data::from(ledger);
    move |config| {
        config
            .app_data(ledger.clone())
            .service(json_rpc)
            .service(chain_status)
            .route("/ws", web::get().to(web_socket));
    }
}

//! Blocks.

use actix_web::get;
use actix_web::web::{Data, Json, Path, Query};
use service::{Page, PageQuery, Problem, Problems};

use crate::Explorer;
use crate::api::dto::{Block, BlockDetail};
use crate::app::{look_up, work};

/// Lists blocks, newest first.
#[utoipa::path(
    tag = "explorer",
    security(()),
    params(PageQuery),
    responses((status = 200, body = Page<Block>), Problems)
)]
#[get("/v1/explorer/blocks")]
pub(crate) async fn list_blocks(
    explorer: Data<Explorer>,
    page: Query<PageQuery>,
) -> Result<Json<Page<Block>>, Problem> {
    Ok(Json(look_up::blocks(&explorer.db, &page).await?))
}

/// Shows a block by number or hash.
///
/// With its transactions, their events and each step of its proof of work.
#[utoipa::path(
    tag = "explorer",
    security(()),
    params(("id" = String, Path, description = "Number or hash")),
    responses((status = 200, body = BlockDetail), Problems)
)]
#[get("/v1/explorer/blocks/{id}")]
pub(crate) async fn get_block(
    explorer: Data<Explorer>,
    id: Path<String>,
) -> Result<Json<BlockDetail>, Problem> {
    let block = look_up::block(&explorer.db, &id).await?;
    let block = block.ok_or_else(|| Problem::not_found("block"))?;
    let transactions = look_up::transactions_of(&explorer.db, block.number).await?;
    let work = work::proof_of_work(&*explorer.node, &block.hash).await.unwrap_or_else(|error| {
        tracing::warn!(block = block.number, %error, "no header to show");
        None
    });
    Ok(Json(BlockDetail { block, work, transactions }))
}

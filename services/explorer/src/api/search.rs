//! Search.
#![allow(unused_qualifications, reason = "the route macros repeat the types of the arguments")]

use actix_web::get;
use actix_web::web::{Data, Json, Query};
use serde::Deserialize;
use service::{Problem, Problems};
use utoipa::IntoParams;

use crate::Explorer;
use crate::api::dto::Hits;
use crate::app::look_up;

/// The longest name that is looked up.
const QUERY_LEN_MAX: usize = 100;

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// A block's number or hash, a transaction's hash, a trade's name or an address; at most 100
    /// characters.
    pub(crate) q: String,
}

/// Finds what has this name.
#[utoipa::path(
    tag = "explorer",
    security(()),
    params(SearchQuery),
    responses((status = 200, body = Hits), Problems)
)]
#[get("/v1/explorer/search")]
pub(crate) async fn search(
    explorer: Data<Explorer>,
    query: Query<SearchQuery>,
) -> Result<Json<Hits>, Problem> {
    if query.q.len() > QUERY_LEN_MAX {
        return Err(Problem::malformed("at most 100 characters can be looked for"));
    }
    Ok(Json(Hits { items: look_up::search(&explorer.db, &query.q).await? }))
}

//! REST: one file per resource. Every page is public.

mod blocks;
pub(crate) mod dto;
mod events;
mod role_changes;
mod search;
mod trades;
mod transactions;

use std::sync::Arc;

use actix_web::web::Data;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::Explorer;

/// The routes, under `/v1`.
pub fn routes(
    explorer: Arc<Explorer>,
) -> impl Fn(&mut ServiceConfig) + Clone + Send + Sync + 'static {
    let explorer = Data::from(explorer);
    move |config| {
        config
            .app_data(explorer.clone())
            .service(blocks::list_blocks)
            .service(blocks::get_block)
            .service(transactions::list_transactions)
            .service(transactions::get_transaction)
            .service(trades::list_trades)
            .service(trades::get_trade)
            .service(role_changes::list_role_changes)
            .service(search::search)
            .service(events::list_events)
            .service(events::listen);
    }
}

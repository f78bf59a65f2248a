//! REST under `/v1`.

mod addresses;
mod approvals;
mod grid;
mod keys;
mod people;
mod provisioning;
mod signatures;
mod tokens;

use std::sync::Arc;

use actix_web::web::Data;
use utoipa::PartialSchema;
use utoipa::openapi::{RefOr, Schema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::Identity;

/// Registers the handlers of `identity`.
pub fn routes(
    identity: Arc<Identity>,
) -> impl Fn(&mut ServiceConfig) + Clone + Send + Sync + 'static {
    let identity = Data::from(identity);
    move |config| {
        config
            .app_data(identity.clone())
            .service(people::sign_up)
            .service(people::list)
            .service(people::me)
            .service(people::audit_log)
            .service(addresses::account_addresses)
            .service(addresses::prepare_address)
            .service(addresses::assign_address)
            .service(keys::export_key)
            .service(tokens::challenge)
            .service(tokens::log_in)
            .service(tokens::public_keys)
            .service(signatures::sign_order)
            .service(signatures::sign_payout)
            .service(signatures::sign_redemption)
            .service(signatures::sign_request)
            .service(approvals::signing_limit)
            .service(approvals::change_signing_limit)
            .service(approvals::list)
            .service(approvals::approve)
            .service(approvals::refuse)
            .service(grid::register_connection_point)
            .service(grid::connection_points)
            .service(grid::enrol_meter)
            .service(grid::meters)
            .service(grid::revoke_meter)
            .service(provisioning::make_code)
            .service(provisioning::provision)
            .service(provisioning::rotate_key);
    }
}

/// How the document describes an order that is signed.
pub fn order_shape() -> RefOr<Schema> {
    signatures::OrderTermsShape::schema()
}

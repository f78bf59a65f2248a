//! The OpenAPI document.

use actix_web::App;
use serde_json::Value;
use utoipa_actix_web::AppExt;

use crate::server::Server;

#[actix_web::test]
async fn the_document_has_every_path_and_its_references_resolve() {
    let server = Server::start().await;
    let app = App::new().into_utoipa_app();
    let (_, api) = app.configure(identity::routes(server.identity.clone())).split_for_parts();
    let api = serde_json::to_value(api).unwrap();
    let paths = api["paths"].as_object().unwrap();
    let expected = [
        "/v1/.well-known/jwks.json",
        "/v1/accounts/{id}/addresses",
        "/v1/accounts/{id}/addresses/prepare",
        "/v1/approvals",
        "/v1/approvals/{id}/approval",
        "/v1/approvals/{id}/refusal",
        "/v1/audit-log",
        "/v1/challenges",
        "/v1/connection-points",
        "/v1/connection-points/{id}/codes",
        "/v1/me",
        "/v1/me/key-export",
        "/v1/meters",
        "/v1/meters/{id}/revocation",
        "/v1/meters/{id}/rotation",
        "/v1/parties",
        "/v1/provisioning",
        "/v1/signatures/order",
        "/v1/signatures/payout",
        "/v1/signatures/redemption",
        "/v1/signatures/request",
        "/v1/signing-limits/{account}",
        "/v1/tokens",
    ];
    let mut found: Vec<&str> = paths.keys().map(String::as_str).collect();
    found.sort_unstable();
    assert_eq!(found, expected);
    let schemas = &api["components"]["schemas"];
    assert_eq!(unresolved(&api, schemas), Vec::<String>::new());
    server.stop().await;
}

/// The references that name no schema. `Problem` is every service's: the edge adds it.
fn unresolved(value: &Value, schemas: &Value) -> Vec<String> {
    let reference = value["$ref"].as_str().map(|target| target.rsplit('/').next().unwrap());
    let missing = reference.filter(|name| *name != "Problem" && schemas.get(name).is_none());
    let inside: Vec<&Value> = match value {
        Value::Object(map) => map.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    let inside = inside.into_iter().flat_map(|value| unresolved(value, schemas));
    missing.map(str::to_owned).into_iter().chain(inside).collect()
}

//! The edge's own answers: health, the OpenAPI document and a page that shows it.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpResponse, get};
use serde_json::json;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::edge::Site;

/// Registers the edge's own handlers.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(healthz).service(openapi).service(page).service(script).service(style);
}

/// Whether the server answers.
#[utoipa::path(security(()), responses((status = 200, description = "It does")))]
#[get("/healthz")]
async fn healthz() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

/// This document: OpenAPI 3.1 of all services.
#[utoipa::path(security(()), responses((status = 200, description = "OpenAPI 3.1")))]
#[get("/openapi.json")]
async fn openapi(site: Data<Site>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(site.openapi.clone())
}

/// A page that shows this document and tries its operations.
#[utoipa::path(security(()), responses((status = 200, description = "HTML")))]
#[get("/docs")]
async fn page() -> HttpResponse {
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body(include_str!("docs/page.html"))
}

/// The script of the page.
#[utoipa::path(security(()), responses((status = 200, description = "JavaScript")))]
#[get("/docs/page.js")]
async fn script() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/javascript; charset=utf-8")
        .body(include_str!("docs/page.js"))
}

/// The style of the page.
#[utoipa::path(security(()), responses((status = 200, description = "CSS")))]
#[get("/docs/page.css")]
async fn style() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(include_str!("docs/page.css"))
}

/// The start page of a program that was built without the web app.
pub(crate) fn without_app() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .body(include_str!("docs/without_app.html"))
}

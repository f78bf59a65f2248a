//! The one public edge: every service's routes behind one address.
//!
//! ```text
//! mount("market", market::routes(..)) ─┐
//! mount("ledger", ledger::routes(..)) ─┤   limits per address · size · headers · access log
//!                                      ├─> /v1/...  /rpc  (CORS for /rpc alone)
//! the web app's built files ───────────┘   /openapi.json  /docs  /healthz  and the app's paths
//! ```
//!
//! Invariants: whatever is refused here is a problem (RFC 9457) like the services' own; the merged
//! OpenAPI document has each path once, and a schema name means one thing in it. A header of a
//! client never decides whom a limit counts for: the address of its connection does.
//! Deliberately absent: deciding who may do what (each service does), TLS, forwarding.
#![forbid(unsafe_code)]

mod docs;
mod document;
mod edge;
mod files;
mod guard;

use std::sync::Arc;

use utoipa_actix_web::service_config::ServiceConfig;

pub use document::{document, merge};
pub use edge::{Edge, EdgeError, Parts, start};
pub use files::{File, Files, web_app};
pub use guard::Limits;

/// What registers a service's handlers, once per worker of the server.
pub type Routes = Arc<dyn Fn(&mut ServiceConfig<'_>) + Send + Sync>;

/// A service's place at the edge.
#[derive(Clone)]
pub struct Mount {
    /// The service's name: the tag of its operations.
    pub service: &'static str,
    /// What registers its handlers. Each carries its whole path.
    pub routes: Routes,
}

/// Mounts `service`, whose `routes` register its handlers.
pub fn mount(
    service: &'static str,
    routes: impl Fn(&mut ServiceConfig<'_>) + Send + Sync + 'static,
) -> Mount {
    Mount { service, routes: Arc::new(routes) }
}

/// The edge's own place: health and the documents. [`start`] adds it to what it is given.
pub fn own() -> Mount {
    mount("gateway", docs::routes)
}

//! The server: everything on one address, until it is told to stop.

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::{Method, StatusCode, header};
use actix_web::middleware::{Compress, from_fn};
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, ResponseError};
use serde_json::Value;
use service::{Problem, Verifier};
use tokio::task::JoinHandle;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::docs;
use crate::document::merge;
use crate::files::{File, Files};
use crate::guard::{Guard, Limits, guard};
use crate::{Mount, own};

/// Threads that serve requests.
const WORKERS: usize = 2;
/// How long open requests have to finish when the server stops, in seconds.
const STOP_SECONDS: u64 = 5;
/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// What the edge is made of.
pub struct Parts {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// The services, in the order of the documentation.
    pub services: Vec<Mount>,
    /// Whose tokens count.
    pub verifier: Verifier,
    /// How much one address may ask for.
    pub limits: Limits,
    /// The web app: [`crate::web_app`].
    pub files: Files,
}

/// Why the edge does not listen.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// Another program listens there.
    #[error("another program listens on {0}")]
    PortTaken(SocketAddr),
    /// The address is not of this machine, or not allowed.
    #[error("cannot listen on {address}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: Error,
    },
}

/// A server that listens. Dropping it leaves the server running.
#[derive(Debug)]
pub struct Edge {
    address: SocketAddr,
    handle: ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
}

/// What handlers of the edge itself need.
pub(crate) struct Site {
    /// The merged OpenAPI document, as JSON.
    pub(crate) openapi: Bytes,
    /// Path templates and the methods they have.
    paths: Vec<(String, Vec<String>)>,
    files: Files,
}

/// Binds `parts.address` and serves from now on. Must be called inside a tokio runtime.
pub fn start(parts: Parts) -> Result<Edge, EdgeError> {
    let Parts { address, mut services, verifier, limits, files } = parts;
    services.push(own());
    let openapi = merge(&services);
    let site = Data::new(Site {
        paths: paths_of(&openapi),
        openapi: Bytes::from(openapi.to_string()),
        files,
    });
    let (guard_data, verifier) = (Data::new(Guard::new(limits)), Data::new(verifier));
    let services: Arc<[Mount]> = services.into();
    let server = HttpServer::new(move || {
        let (json, query, path, payload) = service::extractor_limits();
        App::new()
            .app_data(json)
            .app_data(query)
            .app_data(path)
            .app_data(payload)
            .app_data(guard_data.clone())
            .app_data(verifier.clone())
            .app_data(site.clone())
            .configure(|config| {
                let mut config = ServiceConfig::new(config);
                services.iter().for_each(|mount| (mount.routes)(&mut config));
            })
            .default_service(web::to(other).wrap(Compress::default()))
            .wrap(from_fn(guard))
    })
    .workers(WORKERS)
    // A long answer goes in parts: the last must not wait until the others are acknowledged.
    .tcp_nodelay(true)
    .client_request_timeout(HEAD_TIMEOUT)
    .shutdown_timeout(STOP_SECONDS)
    .disable_signals()
    .bind(address)
    .map_err(|source| match source.kind() {
        ErrorKind::AddrInUse => EdgeError::PortTaken(address),
        _ => EdgeError::Bind { address, source },
    })?;
    let address = server.addrs().first().copied().unwrap_or(address);
    let server = server.run();
    Ok(Edge { address, handle: server.handle(), task: tokio::spawn(server) })
}

impl Edge {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no more requests, lets the open ones finish for five seconds, and returns.
    pub async fn stop(self) -> std::io::Result<()> {
        self.handle.stop(true).await;
        self.task.await.map_err(Error::other)?
    }
}

/// Everything that no service answers: the app's files, the app's own paths, or a problem.
async fn other(request: HttpRequest, site: Data<Site>) -> HttpResponse {
    let path = request.path().trim_start_matches('/');
    let methods = site.methods_of(request.path());
    let reads = request.method() == Method::GET || request.method() == Method::HEAD;
    if let Some(methods) = methods {
        let title = format!("This path has {methods} only");
        let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD", title);
        let mut response = problem.error_response();
        if let Ok(methods) = methods.parse() {
            response.headers_mut().insert(header::ALLOW, methods);
        }
        return response;
    }
    let is_page = reads && !path.starts_with("v1/") && !last_segment(path).contains('.');
    match (site.files)(path).filter(|_| reads && !path.is_empty()) {
        Some(file) => send(&request, file, path.starts_with("assets/")),
        None if is_page => match (site.files)("index.html") {
            Some(page) => send(&request, page, false),
            None if path.is_empty() => docs::without_app(),
            None => Problem::not_found("path").error_response(),
        },
        None => Problem::not_found("path").error_response(),
    }
}

fn last_segment(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Sends `file`; one whose name changes with its content is kept for a year.
fn send(request: &HttpRequest, file: File, named_by_content: bool) -> HttpResponse {
    let cache = match named_by_content {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let etag = format!("\"{}\"", file.etag);
    let known = request.headers().get(header::IF_NONE_MATCH);
    let unchanged = known.and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value.split(',').any(|known| known.trim().trim_start_matches("W/") == etag)
    });
    let mut response = match unchanged {
        true => HttpResponse::NotModified(),
        false => HttpResponse::Ok(),
    };
    response.insert_header((header::CACHE_CONTROL, cache)).insert_header((header::ETAG, etag));
    match unchanged {
        true => response.finish(),
        false => {
            response.content_type(file.media_type).body(Bytes::from(file.content.into_owned()))
        }
    }
}

impl Site {
    /// The methods of the documented path that `path` is one of.
    fn methods_of(&self, path: &str) -> Option<String> {
        let matches = |template: &str| {
            let (mut path, mut template) = (path.split('/'), template.split('/'));
            loop {
                match (path.next(), template.next()) {
                    (None, None) => return true,
                    (Some(part), Some(name)) if part == name || name.starts_with('{') => {}
                    _ => return false,
                }
            }
        };
        let (_, methods) = self.paths.iter().find(|(template, _)| matches(template))?;
        Some(methods.join(", "))
    }
}

fn paths_of(openapi: &Value) -> Vec<(String, Vec<String>)> {
    const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];
    let paths = openapi["paths"].as_object().into_iter().flatten();
    paths
        .map(|(path, item)| {
            let methods = METHODS.into_iter().filter(|method| item.get(method).is_some());
            (path.clone(), methods.map(str::to_uppercase).collect())
        })
        .collect()
}

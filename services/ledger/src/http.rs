//! JSON-RPC over HTTP: bodies in and out, and which pages of other origins may ask.
//!
//! A browser sends a JSON body for a page of another origin only after it asked whether it may
//! (preflight), but any other body at once. So a page that is not allowed gets no headers that let
//! it read, and is refused if its body does not call itself JSON. Programs send no origin.

use crate::rpc::{Reply, RpcLimits, Serving, Session};
use crate::ws;
use actix_web::dev::{Extensions, ServerHandle};
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{self, Data, Payload};
use actix_web::{App, HttpRequest, HttpResponse, HttpResponseBuilder, HttpServer, ResponseError};
use service::Problem;
use std::io::{Error, Result};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Threads of a server of its own.
const SERVER_THREADS: usize = 2;
/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long open requests have to finish when the server stops, in seconds.
const STOP_SECONDS: u64 = 5;
/// How long a browser remembers what it may ask, in seconds.
const PREFLIGHT_SECONDS: &str = "86400";

/// What bodies are.
const JSON: &str = "application/json";

/// Whether a page of the request's origin may ask, and how that is said.
enum Origin {
    /// A program, or a page of our own.
    Ours,
    Allowed(HeaderValue),
    Foreign,
}

fn origin_of(request: &HttpRequest, limits: &RpcLimits) -> Origin {
    let Some(origin) = request.headers().get(header::ORIGIN) else { return Origin::Ours };
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let Ok(name) = origin.to_str() else { return Origin::Foreign };
    let bare = name.split_once("://").map_or(name, |(_, bare)| bare);
    if host.is_some_and(|host| host.eq_ignore_ascii_case(bare)) {
        return Origin::Ours;
    }
    match limits.origins.iter().any(|allowed| allowed == "*" || allowed == name) {
        true => Origin::Allowed(origin.clone()),
        false => Origin::Foreign,
    }
}

fn allow(response: &mut HttpResponseBuilder, origin: &Origin) {
    if let Origin::Allowed(origin) = origin {
        response.insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()));
        response.insert_header((header::VARY, "origin"));
    }
}

/// Answers a request or a batch.
pub(crate) async fn post(serving: &Serving, request: &HttpRequest, body: Payload) -> HttpResponse {
    let limits = &serving.node().config().rpc;
    let origin = origin_of(request, limits);
    let is_json = request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes().get(..JSON.len());
        kind.is_some_and(|kind| kind.eq_ignore_ascii_case(JSON.as_bytes()))
    });
    if let Origin::Foreign = origin
        && !is_json
    {
        return HttpResponse::UnsupportedMediaType()
            .body("invalid content type, only application/json is supported");
    }
    let body = match body.to_bytes_limited(limits.body_bytes_max).await {
        Ok(Ok(body)) => body,
        Ok(Err(error)) => return Problem::malformed(error.to_string()).error_response(),
        Err(_) => {
            let title = format!("A request has at most {} bytes", limits.body_bytes_max);
            let status = actix_web::http::StatusCode::PAYLOAD_TOO_LARGE;
            return Problem::new(status, "BODY_SIZE", title).error_response();
        }
    };
    let session = match request.conn_data::<Arc<Session>>() {
        Some(session) => session.clone(),
        None => Arc::new(Session::asking(limits)),
    };
    let (mut response, text) = match serving.serve(&session, body).await {
        Reply::Text(text) => (HttpResponse::Ok(), Some(text)),
        Reply::Nothing => (HttpResponse::NoContent(), None),
        Reply::Busy(text) => {
            let mut busy = HttpResponse::ServiceUnavailable();
            busy.insert_header((header::RETRY_AFTER, "1"));
            (busy, Some(text))
        }
    };
    allow(&mut response, &origin);
    match text {
        Some(text) => response.content_type(HeaderValue::from_static(JSON)).body(text),
        None => response.finish(),
    }
}

/// What a browser asks before it lets a page ask.
fn preflight(serving: &Serving, request: &HttpRequest) -> HttpResponse {
    let origin = origin_of(request, &serving.node().config().rpc);
    if let Origin::Foreign = origin {
        return HttpResponse::Forbidden().finish();
    }
    let mut response = HttpResponse::NoContent();
    response.insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, "POST, GET, OPTIONS"));
    response.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"));
    response.insert_header((header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS));
    allow(&mut response, &origin);
    response.finish()
}

/// Makes a WebSocket of a request, unless a page asks that may not.
pub(crate) fn socket(
    serving: &Arc<Serving>,
    request: &HttpRequest,
    payload: Payload,
) -> HttpResponse {
    match origin_of(request, &serving.node().config().rpc) {
        Origin::Foreign => HttpResponse::Forbidden().body("origin not allowed"),
        Origin::Ours | Origin::Allowed(_) => ws::open(request, payload, serving.clone()),
    }
}

/// A server of JSON-RPC alone. Dropping it leaves it running.
#[derive(Debug)]
pub struct RpcServer {
    address: SocketAddr,
    handle: ServerHandle,
    task: JoinHandle<Result<()>>,
}

impl RpcServer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, lets the open ones finish for five seconds, and returns.
    pub async fn stop(self) -> Result<()> {
        self.handle.stop(true).await;
        self.task.await.map_err(Error::other)?
    }
}

/// Serves JSON-RPC at `address`, port 0 for a free one: HTTP at `/` and `/rpc`, WebSocket at `/`
/// and `/ws`. Must be called inside a tokio runtime.
pub(crate) fn serve(serving: Arc<Serving>, address: SocketAddr) -> Result<RpcServer> {
    let (data, limits) = (Data::from(serving.clone()), serving.node().config().rpc.clone());
    let server = HttpServer::new(move || {
        let own = |path: &str| {
            web::resource(path)
                .route(web::post().to(own_post))
                .route(web::method(actix_web::http::Method::OPTIONS).to(own_preflight))
                .route(web::get().to(own_socket))
        };
        App::new().app_data(data.clone()).service(own("/")).service(own("/rpc")).service(own("/ws"))
    })
    .on_connect(move |_, data: &mut Extensions| {
        data.insert(Arc::new(Session::asking(&limits)));
    })
    .workers(SERVER_THREADS)
    // A long answer goes in parts: the last must not wait until the others are acknowledged.
    .tcp_nodelay(true)
    .client_request_timeout(HEAD_TIMEOUT)
    .shutdown_timeout(STOP_SECONDS)
    .disable_signals()
    .bind(address)?;
    let address = server.addrs().first().copied().unwrap_or(address);
    let server = server.run();
    Ok(RpcServer { address, handle: server.handle(), task: tokio::spawn(server) })
}

async fn own_post(serving: Data<Serving>, request: HttpRequest, body: Payload) -> HttpResponse {
    post(&serving, &request, body).await
}

async fn own_preflight(serving: Data<Serving>, request: HttpRequest) -> HttpResponse {
    preflight(&serving, &request)
}

async fn own_socket(serving: Data<Serving>, request: HttpRequest, body: Payload) -> HttpResponse {
    socket(&serving.into_inner(), &request, body)
}

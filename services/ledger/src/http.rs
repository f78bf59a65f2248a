//! JSON-RPC over HTTP: bodies in and out, and which pages of other origins may ask.
//!
//! A browser sends a JSON body for a page of another origin only after it asked whether it may
//! (preflight), but any other body at once. So a page that is not allowed gets no headers that let
//! it read, and is refused if its body does not call itself JSON. Programs send no origin.

use crate::rpc::{Reply, RpcLimits, Serving, Session};
use crate::ws;
use actix_http::error::PayloadError;
use actix_http::{HttpMessage, Request, Response};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, fn_factory_with_config, forward_ready,
};
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, Extensions, ServerHandle, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, Bytes, BytesMut, Data, Payload};
use actix_web::{App, HttpRequest, HttpResponse, HttpResponseBuilder, HttpServer, ResponseError};
use futures::future::LocalBoxFuture;
use futures::{Stream, StreamExt};
use service::Problem;
use std::io::Error;
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

/// Where a server of its own takes requests.
const PATHS: [&str; 3] = ["/", "/rpc", "/ws"];
/// What bodies are.
const JSON: &str = "application/json";

/// Whether a page of the request's origin may ask, and how that is said.
enum Origin {
    /// A program, or a page of our own.
    Ours,
    Allowed(HeaderValue),
    Foreign,
}

fn origin_of(headers: &HeaderMap, limits: &RpcLimits) -> Origin {
    let Some(origin) = headers.get(header::ORIGIN) else { return Origin::Ours };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
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
    let session = request.conn_data::<Arc<Session>>().cloned();
    answer(serving, request.headers(), session, body).await
}

async fn answer(
    serving: &Serving,
    headers: &HeaderMap,
    session: Option<Arc<Session>>,
    body: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
) -> HttpResponse {
    let limits = &serving.node().config().rpc;
    let origin = origin_of(headers, limits);
    let is_json = headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes().get(..JSON.len());
        kind.is_some_and(|kind| kind.eq_ignore_ascii_case(JSON.as_bytes()))
    });
    if let Origin::Foreign = origin
        && !is_json
    {
        return HttpResponse::UnsupportedMediaType()
            .body("invalid content type, only application/json is supported");
    }
    let body = match whole(body, limits.body_bytes_max).await {
        Ok(body) => body,
        Err(problem) => return problem.error_response(),
    };
    let session = session.unwrap_or_else(|| Arc::new(Session::asking(limits)));
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

/// The body; nothing is copied if it came in one piece, as nearly all do.
async fn whole(
    mut body: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    bytes_max: usize,
) -> Result<Bytes, Problem> {
    let (mut first, mut joined) = (Bytes::new(), BytesMut::new());
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| Problem::malformed(error.to_string()))?;
        if piece.len() > bytes_max - first.len().max(joined.len()) {
            let title = format!("A request has at most {bytes_max} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_SIZE", title));
        }
        if first.is_empty() && joined.is_empty() {
            first = piece;
            continue;
        }
        joined.extend_from_slice(&std::mem::take(&mut first));
        joined.extend_from_slice(&piece);
    }
    Ok(if joined.is_empty() { first } else { joined.freeze() })
}

/// What a browser asks before it lets a page ask.
fn preflight(serving: &Serving, request: &HttpRequest) -> HttpResponse {
    let origin = origin_of(request.headers(), &serving.node().config().rpc);
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
    match origin_of(request.headers(), &serving.node().config().rpc) {
        Origin::Foreign => HttpResponse::Forbidden().body("origin not allowed"),
        Origin::Ours | Origin::Allowed(_) => ws::open(request, payload, serving.clone()),
    }
}

/// A server of JSON-RPC alone. Dropping it leaves it running.
#[derive(Debug)]
pub struct RpcServer {
    address: SocketAddr,
    handle: ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
}

impl RpcServer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests, lets the open ones finish for five seconds, and returns.
    pub async fn stop(self) -> std::io::Result<()> {
        self.handle.stop(true).await;
        self.task.await.map_err(Error::other)?
    }
}

/// Serves JSON-RPC at `address`, port 0 for a free one: HTTP at `/` and `/rpc`, WebSocket at `/`
/// and `/ws`. Must be called inside a tokio runtime.
pub(crate) fn serve(serving: Arc<Serving>, address: SocketAddr) -> std::io::Result<RpcServer> {
    let limits = serving.node().config().rpc.clone();
    let server = HttpServer::new(move || front(&serving))
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

/// What every thread of a server serves with.
fn front(
    serving: &Arc<Serving>,
) -> impl ServiceFactory<
    Request,
    Config = AppConfig,
    Response = Response<BoxBody>,
    Error = actix_web::Error,
    InitError = (),
> + use<> {
    let own = |path: &str| {
        web::resource(path)
            .route(web::method(Method::OPTIONS).to(own_preflight))
            .route(web::get().to(own_socket))
    };
    let app = App::new().app_data(Data::from(serving.clone()));
    let app = PATHS.iter().fold(app, |app, path| app.service(own(path))).into_factory();
    let serving = serving.clone();
    fn_factory_with_config(move |config: AppConfig| {
        let (app, serving) = (app.new_service(config), serving.clone());
        async move { Ok(Front { app: app.await?, serving }) }
    })
}

/// Answers JSON-RPC before the router looks at it, because the way through it takes as long as to
/// read a balance off a contract: two microseconds. The router has the rest.
struct Front<S> {
    app: S,
    serving: Arc<Serving>,
}

impl<S> Service<Request> for Front<S>
where
    S: Service<Request, Response = ServiceResponse, Error = actix_web::Error>,
    S::Future: 'static,
{
    type Response = Response<BoxBody>;
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Self::Error>>;

    forward_ready!(app);

    fn call(&self, mut request: Request) -> Self::Future {
        if request.method() != Method::POST || !PATHS.contains(&request.path()) {
            let answered = self.app.call(request);
            return Box::pin(async { Ok(answered.await?.into()) });
        }
        let serving = self.serving.clone();
        Box::pin(async move {
            let session = request.conn_data::<Arc<Session>>().cloned();
            let body = request.take_payload();
            Ok(answer(&serving, request.headers(), session, body).await.into())
        })
    }
}

async fn own_preflight(serving: Data<Serving>, request: HttpRequest) -> HttpResponse {
    preflight(&serving, &request)
}

async fn own_socket(serving: Data<Serving>, request: HttpRequest, body: Payload) -> HttpResponse {
    socket(&serving.into_inner(), &request, body)
}

//! What every request passes: size, rate, headers, the access log.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Instant;

use actix_web::Error;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpResponse, ResponseError};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use service::Problem;

/// The largest request body, in bytes.
const BODY_MAX: u64 = 1 << 20;
/// The largest body that is a file, in bytes.
const FILE_MAX: u64 = 16 << 20;
/// Addresses whose rate is remembered before the idle ones are forgotten.
const ADDRESSES_MAX: usize = 50_000;
/// The path that pages of other origins (browser wallets, explorers) may call.
const OPEN_PATH: &str = "/rpc";
/// What a page of ours may load: its own files only.
const CONTENT_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; \
    connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'self'";

/// How much one address may ask for.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Requests per second in the long run.
    pub per_second: NonZeroU32,
    /// Requests at once after a pause.
    pub burst: NonZeroU32,
}

impl Default for Limits {
    /// 100 per second, 400 at once: a busy page of the app, not a script that polls.
    fn default() -> Limits {
        let number = |value| NonZeroU32::new(value).unwrap_or(NonZeroU32::MIN);
        Limits { per_second: number(100), burst: number(400) }
    }
}

/// What the requests of all workers share.
pub(crate) struct Guard {
    rates: DefaultKeyedRateLimiter<IpAddr>,
}

impl Guard {
    pub(crate) fn new(limits: Limits) -> Guard {
        let quota = Quota::per_second(limits.per_second).allow_burst(limits.burst);
        Guard { rates: RateLimiter::keyed(quota) }
    }

    /// Counts a request of `peer`; refused with the seconds to wait.
    fn count(&self, peer: Option<SocketAddr>) -> Result<(), u64> {
        let Some(address) = peer.map(|peer| network_of(peer.ip())) else { return Ok(()) };
        if self.rates.len() > ADDRESSES_MAX {
            self.rates.retain_recent();
        }
        self.rates.check_key(&address).map_err(|early| {
            let wait = early.wait_time_from(DefaultClock::default().now());
            wait.as_secs() + 1
        })
    }
}

/// One household has one IPv4 address, or one /64 of IPv6.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
    }
}

/// The middleware around everything.
pub(crate) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let began = Instant::now();
    let (method, path) = (request.method().clone(), request.path().to_owned());
    let open = path == OPEN_PATH;
    let mut response = match refusal(&request, open) {
        Some(refused) => request.into_response(refused),
        None => next.call(request).await?.map_into_boxed_body(),
    };
    set_headers(response.headers_mut(), open, &path);
    tracing::debug!(
        %method, path, status = response.status().as_u16(),
        ms = began.elapsed().as_millis(), "request"
    );
    Ok(response)
}

/// The answer to a request that goes no further.
fn refusal(request: &ServiceRequest, open: bool) -> Option<HttpResponse> {
    if open && request.method() == Method::OPTIONS {
        return Some(HttpResponse::NoContent().finish());
    }
    let guard = request.app_data::<Data<Guard>>()?;
    if let Err(seconds) = guard.count(request.peer_addr()) {
        let problem =
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "RATE", "Too many requests at once");
        let mut response = problem.error_response();
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        return Some(response);
    }
    let length = request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse::<u64>();
    let body_max = body_max(request.path());
    (length.ok()? > body_max).then(|| {
        let title = format!("A request's body has at most {body_max} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_SIZE", title).error_response()
    })
}

/// How large a body for `path` may be. Whoever takes a file reads it piece by piece and bounds it.
fn body_max(path: &str) -> u64 {
    let is_file = path.starts_with("/v1/meters/") && path.ends_with("/files");
    if is_file { FILE_MAX } else { BODY_MAX }
}

fn set_headers(headers: &mut HeaderMap, open: bool, path: &str) {
    let mut default = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(header::X_FRAME_OPTIONS, "SAMEORIGIN");
    default(header::REFERRER_POLICY, "no-referrer");
    default(header::CONTENT_SECURITY_POLICY, CONTENT_POLICY);
    default(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    default(
        HeaderName::from_static("permissions-policy"),
        "camera=(), geolocation=(), microphone=()",
    );
    if path.starts_with("/v1") {
        default(header::CACHE_CONTROL, "no-store");
    }
    if open {
        default(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        default(header::ACCESS_CONTROL_ALLOW_METHODS, "POST, GET, OPTIONS");
        default(header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type");
        default(header::ACCESS_CONTROL_MAX_AGE, "86400");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_of_a_meter_is_larger_than_a_request() {
        assert_eq!(body_max("/v1/meters/018f0000-0000-7000-8000-0000000000aa/files"), FILE_MAX);
        for path in ["/v1/meters", "/v1/meters/x/readings", "/v1/files", "/v1/meters/x/files/y"] {
            assert_eq!(body_max(path), BODY_MAX, "{path}");
        }
    }
}

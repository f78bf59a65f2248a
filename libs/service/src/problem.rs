//! Problem details (RFC 9457) with stable codes, and faults that tell a caller nothing.

use actix_web::http::StatusCode;
use actix_web::web::{JsonConfig, PathConfig, PayloadConfig, QueryConfig};
use actix_web::{HttpResponse, ResponseError};
use serde::{Deserialize, Serialize};
use utoipa::{IntoResponses, ToSchema};
use uuid::Uuid;

/// The largest request body, in bytes.
const BODY_MAX: usize = 1 << 20;

/// A request was refused, or could not be served. Sent as `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// What kind of problem, stable: `FUNDS`, `NOT_FOUND`.
    pub code: String,
    /// The kind in words.
    pub title: String,
    /// This occurrence in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Whether the same request may succeed later.
    #[serde(default)]
    pub retry_may_help: bool,
}

/// The problems that every operation may answer with.
#[derive(IntoResponses)]
pub enum Problems {
    /// The request is malformed.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(Problem),
    /// No valid token.
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthenticated(Problem),
    /// Known, but not allowed.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// There is no such thing, or the caller may not know of it.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(Problem),
    /// The same key came with other content.
    #[response(status = 409, content_type = "application/problem+json")]
    Conflict(Problem),
    /// Understood and refused; the code says why.
    #[response(status = 422, content_type = "application/problem+json")]
    Refused(Problem),
    /// Something went wrong on our side; the detail has an id to ask with.
    #[response(status = 500, content_type = "application/problem+json")]
    Fault(Problem),
    /// Cannot be served now.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
}

impl Problem {
    /// A problem of `status` with a stable `code` and its kind in words.
    pub fn new(status: StatusCode, code: &str, title: impl Into<String>) -> Problem {
        Problem {
            status: status.as_u16(),
            code: code.to_owned(),
            title: title.into(),
            detail: None,
            retry_may_help: status == StatusCode::SERVICE_UNAVAILABLE
                || status == StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// The same problem with this occurrence in words.
    pub fn with_detail(self, detail: impl Into<String>) -> Problem {
        Problem { detail: Some(detail.into()), ..self }
    }

    /// 400: the request cannot be read.
    pub fn malformed(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "MALFORMED", "The request cannot be read")
            .with_detail(detail)
    }

    /// 401: no valid token.
    pub fn unauthenticated(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", "A valid token is needed")
            .with_detail(detail)
    }

    /// 403: the caller may know that it exists, but not do this.
    pub fn forbidden() -> Problem {
        Problem::new(StatusCode::FORBIDDEN, "FORBIDDEN", "This is not allowed for you")
    }

    /// 404: there is no such thing, or the caller may not know of it.
    pub fn not_found(what: &str) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "NOT_FOUND", format!("There is no such {what}"))
    }

    /// 409: the same key came before with other content.
    pub fn conflict(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::CONFLICT, "CONFLICT", "The same key came with other content")
            .with_detail(detail)
    }

    /// 422: understood and refused, for the reason `code`.
    pub fn refused(code: &str, title: impl Into<String>) -> Problem {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, title)
    }

    /// 503: cannot be served now.
    pub fn unavailable(detail: impl Into<String>) -> Problem {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "Not available at the moment")
            .with_detail(detail)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.status, self.code, self.title)?;
        self.detail.as_ref().map_or(Ok(()), |detail| write!(f, " ({detail})"))
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if self.retry_may_help {
            response.insert_header(("Retry-After", "1"));
        }
        response.content_type("application/problem+json").json(self)
    }
}

/// The world failed (database, network, disk). Logged once, here; the caller gets an id.
#[derive(Debug)]
pub struct Fault;

impl Fault {
    /// Logs the whole chain of `error` and gives the problem that the caller sees.
    pub fn problem(error: impl Into<anyhow::Error>) -> Problem {
        let error = error.into();
        let id = Uuid::new_v4();
        tracing::error!(%id, error = format!("{error:#}"), "request failed");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "FAULT", "Something went wrong on our side")
            .with_detail(format!("fault {id}"))
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Problem {
        match error.downcast::<Problem>() {
            Ok(problem) => problem,
            Err(error) => Fault::problem(error),
        }
    }
}

impl std::error::Error for Problem {}

/// Limits and answers of actix's extractors: bodies, queries and paths that cannot be read become
/// problems. Register each with `app_data`.
pub fn extractor_limits() -> (JsonConfig, QueryConfig, PathConfig, PayloadConfig) {
    (
        JsonConfig::default().limit(BODY_MAX).error_handler(|error, _| malformed(error)),
        QueryConfig::default().error_handler(|error, _| malformed(error)),
        PathConfig::default().error_handler(|error, _| malformed(error)),
        PayloadConfig::default().limit(BODY_MAX),
    )
}

fn malformed(error: impl std::fmt::Display) -> actix_web::Error {
    Problem::malformed(error.to_string()).into()
}

//! Where readings go: the server's REST interface, as the meter itself.

use std::time::Duration;

use anyhow::{Context, Result};
use ids::MeterId;
use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The most messages of one request.
pub(crate) const MESSAGES_MAX: i64 = 512;

/// The server, and what it says of readings.
pub(crate) struct Server {
    url: String,
    http: reqwest::Client,
}

/// What became of readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct Uploaded {
    /// Stored now.
    pub accepted: u64,
    /// Stored before.
    pub duplicates: u64,
    /// Kept apart: the operator sees why.
    pub quarantined: u64,
}

/// Why readings did not get there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    /// Trying again may help.
    #[error("{0}")]
    Later(String),
    /// The server does not take them from this meter.
    #[error("the server refuses: {0}")]
    Refused(String),
}

#[derive(Deserialize)]
struct Status {
    last_page: Option<u32>,
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    title: String,
}

impl Server {
    /// The server at `url`.
    pub(crate) fn new(url: &str) -> Result<Server> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).build();
        Ok(Server { url: url.trim_end_matches('/').to_owned(), http: http.context("HTTP client")? })
    }

    /// The last page that the server has of a meter.
    pub(crate) async fn last_page(
        &self,
        meter: MeterId,
        token: &str,
    ) -> Result<Option<u32>, SendError> {
        let request = self.http.get(format!("{}/v1/meters/{meter}/status", self.url));
        let status: Status = ask(request, meter, token).await?;
        Ok(status.last_page)
    }

    /// Hands messages of a meter over; they are on the server's disk when this returns.
    pub(crate) async fn upload(
        &self,
        meter: MeterId,
        token: &str,
        messages: Vec<u8>,
    ) -> Result<Uploaded, SendError> {
        let request = self.http.post(format!("{}/v1/meters/{meter}/readings", self.url));
        let request = request.header("content-type", "application/octet-stream").body(messages);
        ask(request, meter, token).await
    }
}

async fn ask<T: for<'d> Deserialize<'d>>(
    request: RequestBuilder,
    meter: MeterId,
    token: &str,
) -> Result<T, SendError> {
    let later =
        |error: reqwest::Error| SendError::Later(format!("{:#}", anyhow::Error::new(error)));
    let answer = request.basic_auth(meter, Some(token)).send().await.map_err(later)?;
    let status = answer.status();
    if status.is_success() {
        return answer.json().await.map_err(later);
    }
    let said = match answer.json::<Refusal>().await {
        Ok(refusal) => format!("{status}, {}: {}", refusal.code, refusal.title),
        Err(_) => status.to_string(),
    };
    let for_good = status.is_client_error()
        && status != StatusCode::TOO_MANY_REQUESTS
        && status != StatusCode::REQUEST_TIMEOUT;
    Err(if for_good { SendError::Refused(said) } else { SendError::Later(said) })
}

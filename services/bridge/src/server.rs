//! Where readings go: the server's REST interface, as the meter itself.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use ids::MeterId;
use reqwest::RequestBuilder;
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

/// What the server has of a meter: its last page and the registers there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Last {
    pub(crate) page: u32,
    /// Import and export, in watt-hours.
    pub(crate) registers: (u64, u64),
}

#[derive(Deserialize)]
struct Status {
    last_page: Option<u32>,
    last_import_wh: Option<u64>,
    last_export_wh: Option<u64>,
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

    /// The last that the server has of a meter; `None` where it never reported.
    pub(crate) async fn last(&self, meter: MeterId, token: &str) -> Result<Option<Last>> {
        let request = self.http.get(format!("{}/v1/meters/{meter}/status", self.url));
        let status: Status = ask(request, meter, token).await?;
        let Some(page) = status.last_page else { return Ok(None) };
        let wh = |wh: Option<u64>| wh.context("the server does not tell a meter's registers");
        let registers = (wh(status.last_import_wh)?, wh(status.last_export_wh)?);
        Ok(Some(Last { page, registers }))
    }

    /// Hands messages of a meter over; they are on the server's disk when this returns.
    pub(crate) async fn upload(
        &self,
        meter: MeterId,
        token: &str,
        messages: Vec<u8>,
    ) -> Result<Uploaded> {
        let request = self.http.post(format!("{}/v1/meters/{meter}/readings", self.url));
        let request = request.header("content-type", "application/octet-stream").body(messages);
        ask(request, meter, token).await
    }
}

async fn ask<T: for<'d> Deserialize<'d>>(
    request: RequestBuilder,
    meter: MeterId,
    token: &str,
) -> Result<T> {
    let answer = request.basic_auth(meter, Some(token)).send().await?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer.json().await?);
    }
    match answer.json::<Refusal>().await {
        Ok(Refusal { code, title }) => bail!("the server refuses: {status}, {code}: {title}"),
        Err(_) => bail!("the server answers {status}"),
    }
}

//! How a message is handed over: HTTP to an address that was checked, and what came back.
//!
//! A name is resolved here, once, and the connection goes to what it resolved to: whoever answers
//! one address to the check and another one to the connection has nothing to answer twice.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use url::Url;

use crate::domain::network::{Network, is_allowed, is_public};

/// How long an endpoint may take to be connected to.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long an endpoint may take in all.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Bytes of an answer that are read; the rest is not waited for.
const ANSWER_BYTES_MAX: usize = 1_024;
/// Characters of a refusal that are kept, for whoever looks for what is wrong.
const REFUSAL_CHARS_MAX: usize = 200;

/// Sends messages.
pub(crate) struct Poster {
    http: Client,
}

/// A message on its way, signed.
pub(crate) struct Signed<'m> {
    pub(crate) id: &'m str,
    pub(crate) timestamp: i64,
    pub(crate) signatures: String,
    pub(crate) body: &'m str,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    /// The status; zero where there was none.
    pub(crate) status: u16,
    /// Seconds after which the endpoint wants to be asked again, if it says.
    pub(crate) retry_after: Option<u64>,
    /// Why it came to nothing; empty where the message was taken.
    pub(crate) error: String,
}

impl Answered {
    /// Whether the message was taken.
    pub(crate) fn is_taken(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the endpoint says that it is not there any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.status == 410
    }

    fn none(error: String) -> Answered {
        Answered { status: 0, retry_after: None, error }
    }
}

/// Resolves names to those of their addresses that a connection may go to.
struct Guard {
    allowed: Vec<Network>,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.allowed.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let may = |at: &SocketAddr| is_public(at.ip()) || is_allowed(&allowed, at.ip());
            let found: Vec<SocketAddr> = found.filter(may).collect();
            if found.is_empty() {
                return Err("the name has no address that may be connected to".into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

impl Poster {
    /// A sender that reaches the public internet and these networks.
    ///
    /// # Errors
    /// When the machine has no certificates to check servers with.
    pub(crate) fn new(allowed: Vec<Network>) -> Result<Poster> {
        let http = Client::builder()
            .user_agent(concat!("wattex/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            // What is elsewhere was not checked; a proxy would resolve the name itself.
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(Guard { allowed }))
            .build()
            .context("making a client for webhooks")?;
        Ok(Poster { http })
    }

    /// Hands a message over, once.
    pub(crate) async fn post(&self, url: Url, message: Signed<'_>) -> Answered {
        let request = self
            .http
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", message.id)
            .header("webhook-timestamp", message.timestamp)
            .header("webhook-signature", message.signatures)
            .body(message.body.to_owned());
        let mut answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return Answered::none(in_words(&error)),
        };
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get(RETRY_AFTER);
        let retry_after = retry_after.and_then(|text| text.to_str().ok()?.parse().ok());
        let mut read = Vec::new();
        while read.len() < ANSWER_BYTES_MAX {
            match answer.chunk().await {
                Ok(Some(chunk)) => read.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        read.truncate(ANSWER_BYTES_MAX);
        let answered = Answered { status, retry_after, error: String::new() };
        if answered.is_taken() {
            return answered;
        }
        let said = String::from_utf8_lossy(&read);
        let said = said.chars().map(|c| if c.is_control() { ' ' } else { c });
        let said: String = said.take(REFUSAL_CHARS_MAX).collect();
        Answered { error: format!("{status} {said}").trim().to_owned(), ..answered }
    }
}

/// What went wrong, from the outside to the inside, without the URL, which may be a secret.
fn in_words(error: &reqwest::Error) -> String {
    let what = match error {
        error if error.is_timeout() => "it took too long",
        error if error.is_connect() => "no connection",
        _ => "no answer",
    };
    let mut cause = std::error::Error::source(error);
    let mut deepest = String::new();
    while let Some(inner) = cause {
        deepest = inner.to_string();
        cause = inner.source();
    }
    let words = if deepest.is_empty() { what.to_owned() } else { format!("{what}: {deepest}") };
    words.chars().take(REFUSAL_CHARS_MAX).collect()
}

//! The readings: from the installation, or from a file that was kept.

use std::fs;
use std::time::Duration;

use alloy_primitives::{B256, eip191_hash_message};
use anyhow::{Context, Result, anyhow, bail};
use billing::domain::challenge::Proof;
use contracts::Side;
use keys::SecretKey;
use reqwest::{Client, Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Arguments;
use super::look::Wanted;
use crate::exit::Trouble;

/// How long the installation may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The largest answer: two proofs of two meters take a few kilobytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The registers under a trade, as they are handed out. Unknown fields are left out.
#[derive(Serialize, Deserialize)]
pub struct Evidence {
    /// Which trade they were handed out for.
    pub trade: B256,
    /// The buyer's meter.
    pub buyer: SideEvidence,
    /// The seller's meter.
    pub seller: SideEvidence,
}

/// What one meter said.
#[derive(Serialize, Deserialize)]
pub struct SideEvidence {
    /// When the slot began.
    #[serde(default)]
    pub begin: Option<Proof>,
    /// When it ended.
    #[serde(default)]
    pub end: Option<Proof>,
}

impl Evidence {
    /// One side's.
    pub fn of(&self, side: Side) -> &SideEvidence {
        match side {
            Side::Buy => &self.buyer,
            Side::Sell => &self.seller,
        }
    }
}

/// An installation, and who asks.
pub struct Server {
    url: String,
    token: String,
    http: Client,
}

impl Server {
    /// The installation that the arguments name, signed in to; `None` where all is in files.
    pub async fn open(arguments: &Arguments, key: Option<&SecretKey>) -> Result<Option<Server>> {
        let Some(url) = &arguments.server else { return Ok(None) };
        if arguments.evidence.is_some() && !arguments.relay {
            return Ok(None);
        }
        let http = Client::builder().timeout(ANSWER_WITHIN).build()?;
        let url = url.trim_end_matches('/').to_owned();
        let mut server = Server { url, token: String::new(), http };
        server.token = match (&arguments.token, key) {
            (Some(token), _) => token.clone(),
            (None, Some(key)) => server.sign_in(key).await?,
            (None, None) => {
                let why = "a token (--token, WATTEX_TOKEN) or a key (--key-file, WATTEX_KEY) is \
                           needed";
                return Err(Trouble::Key(why.to_owned()).into());
            }
        };
        Ok(Some(server))
    }

    /// A token for whoever has the key.
    async fn sign_in(&self, key: &SecretKey) -> Result<String> {
        let wanted = json!({ "address": key.address(), "origin": self.url });
        let challenge = self.done(Method::POST, "/v1/challenges", Some(&wanted)).await?;
        let message = challenge["message"].as_str().context("the challenge has no message")?;
        // A server that hands on another's message would be signed in there.
        let (address, place) = (key.address().to_checksum(None), format!("URI: {}", self.url));
        let says = |line: &str| message.lines().any(|said| said == line);
        if !message.contains(" wants you to sign in ") || !says(&address) || !says(&place) {
            bail!("what {} asks to sign is no sign-in to it", self.url);
        }
        let signature = key.sign(eip191_hash_message(message)).to_string();
        let grant = json!({ "grant": "signature", "message": message, "signature": signature });
        let tokens = self.done(Method::POST, "/v1/tokens", Some(&grant)).await?;
        Ok(tokens["access_token"].as_str().context("no token was given")?.to_owned())
    }

    /// Has the installation send the challenge.
    pub async fn file(&self, trade: B256, side: Side, [begin, end]: [&Proof; 2]) -> Result<()> {
        let wish = json!({ "trade": trade, "side": side, "begin": begin, "end": end });
        self.done(Method::POST, "/v1/trade-challenges", Some(&wish)).await.map(|_| ())
    }

    /// The readings under a trade; `None` where the caller has no part in it.
    async fn evidence(&self, trade: B256) -> Result<Option<Value>> {
        let path = format!("/v1/readings/evidence/{trade}");
        let (status, answer) = self.asked(Method::GET, &path, None).await?;
        match status {
            StatusCode::OK => Ok(Some(answer)),
            StatusCode::NOT_FOUND => Ok(None),
            _ => Err(self.refusal(status, &answer)),
        }
    }

    async fn done(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let (status, answer) = self.asked(method, path, body).await?;
        if status.is_success() { Ok(answer) } else { Err(self.refusal(status, &answer)) }
    }

    fn refusal(&self, status: StatusCode, answer: &Value) -> anyhow::Error {
        let word = |field: &str| answer[field].as_str().unwrap_or_default().to_owned();
        let (code, title, detail) = (word("code"), word("title"), word("detail"));
        anyhow!("{} answers {status} {code}: {title} {detail}", self.url)
    }

    async fn asked(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value)> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if !self.token.is_empty() {
            request = request.bearer_auth(&self.token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut answer = request.send().await.with_context(|| format!("asking {}", self.url))?;
        let status = answer.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                bail!("the answer is larger than {ANSWER_BYTES_MAX} bytes");
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }
}

/// The readings under the first of the wanted trades that the caller may see them of, saved where
/// the arguments say so.
pub async fn evidence(
    arguments: &Arguments,
    server: Option<&Server>,
    wanted: &Wanted,
) -> Result<(B256, Evidence)> {
    let unreadable = |error: serde_json::Error| {
        Trouble::Bill(format!("these are no readings under a trade: {error}"))
    };
    if let Some(path) = &arguments.evidence {
        let text = fs::read_to_string(path)
            .map_err(|error| Trouble::Bill(format!("cannot read {}: {error}", path.display())))?;
        let evidence: Evidence = serde_json::from_str(&text).map_err(unreadable)?;
        let trade = evidence.trade;
        if !wanted.trades().any(|wanted| wanted == trade) {
            let why = format!("{} has the readings under {trade}, another trade", path.display());
            return Err(Trouble::Bill(why).into());
        }
        return Ok((trade, evidence));
    }
    let server = server.context("--server or --evidence is needed")?;
    for trade in wanted.trades() {
        let Some(answer) = server.evidence(trade).await? else { continue };
        if let Some(path) = &arguments.save {
            fs::write(path, serde_json::to_string_pretty(&answer)?)
                .with_context(|| format!("writing {}", path.display()))?;
        }
        let evidence: Evidence = serde_json::from_value(answer).map_err(unreadable)?;
        if evidence.trade != trade {
            return Err(Trouble::Bill("the server answered for another trade".to_owned()).into());
        }
        return Ok((trade, evidence));
    }
    let why = format!("{}: no such trade, or you are on neither side of it", server.url);
    Err(Trouble::Bill(why).into())
}

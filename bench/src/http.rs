//! A client of JSON over HTTP as small as can be, the same for all servers, so that what is
//! measured is the server: one connection, requests written beforehand.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A request, ready to be written.
#[derive(Clone)]
pub(crate) struct Request(Vec<u8>);

impl Request {
    /// A body to `path`.
    pub(crate) fn new(path: &str, body: &str) -> Self {
        Self::with(path, "", body)
    }

    /// A body to `path` from whoever has `token`.
    pub(crate) fn from(token: &str, path: &str, body: &str) -> Self {
        Self::with(path, &format!("authorization: Bearer {token}\r\n"), body)
    }

    fn with(path: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        let text = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             {headers}content-length: {length}\r\n\r\n{body}"
        );
        Self(text.into_bytes())
    }
}

/// A connection that is kept.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    path: String,
}

impl Connection {
    /// Connects to `address`, whose JSON-RPC is at `path`.
    pub(crate) fn open(address: &str, path: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| address.to_owned())?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        Ok(Self { stream: BufReader::new(stream), path: path.to_owned() })
    }

    /// The answer's body, as it came.
    pub(crate) fn send(&mut self, request: &Request) -> Result<Vec<u8>> {
        self.stream.get_mut().write_all(&request.0)?;
        let (mut line, mut length) = (String::new(), None);
        self.stream.read_line(&mut line)?;
        ensure!(line.starts_with("HTTP/1.1 2"), "the server answered {line:?}");
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.trim().parse::<usize>()?);
            }
        }
        let length = length.context("the answer has no length")?;
        ensure!(length <= ANSWER_BYTES_MAX, "an answer of {length} bytes");
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }

    /// The result of one call; an error is an error.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        let body = call(method, params).to_string();
        let request = Request::new(&self.path, &body);
        let answer = self.send(&request)?;
        result(serde_json::from_slice(&answer)?).with_context(|| method.to_owned())
    }
}

/// A call as JSON.
pub(crate) fn call(method: &str, params: Value) -> Value {
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params })
}

/// The result in an answer.
pub(crate) fn result(mut answer: Value) -> Result<Value> {
    if let Some(error) = answer.get("error") {
        bail!("{error}");
    }
    answer.get_mut("result").map(Value::take).context("an answer without a result")
}

/// The results of a batch.
pub(crate) fn results(answer: &[u8]) -> Result<Vec<Value>> {
    let answers: Vec<Value> = serde_json::from_slice(answer)?;
    answers.into_iter().map(result).collect()
}

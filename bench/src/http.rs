//! A client of JSON over HTTP as small as can be, the same for all servers, so that what is
//! measured is the server: one connection, requests written beforehand.

use anyhow::{Context, Result, bail, ensure};
use mio::{Events, Interest, Poll, Token};
use serde_json::{Value, json};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::time::{Duration, Instant};

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
/// Bytes that are read at once.
const READ_BYTES: usize = 64 << 10;
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
    stream: TcpStream,
    answer: Incoming,
    path: String,
}

impl Connection {
    /// Connects to `address`, whose JSON-RPC is at `path`.
    pub(crate) fn open(address: &str, path: &str) -> Result<Self> {
        let stream = connect(address)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        Ok(Self { stream, answer: Incoming::default(), path: path.to_owned() })
    }

    /// The answer's body, as it came.
    pub(crate) fn send(&mut self, request: &Request) -> Result<Vec<u8>> {
        self.stream.write_all(&request.0)?;
        loop {
            if let Some(body) = self.answer.read(&mut self.stream)? {
                return Ok(body.to_vec());
            }
        }
    }

    /// The result of one call; an error is an error.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        let body = call(method, params).to_string();
        let request = Request::new(&self.path, &body);
        let answer = self.send(&request)?;
        result(serde_json::from_slice(&answer)?).with_context(|| method.to_owned())
    }
}

fn connect(address: &str) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).with_context(|| address.to_owned())?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// An answer as far as it has come.
#[derive(Default)]
struct Incoming {
    bytes: Vec<u8>,
    filled: usize,
    /// Where the body begins and ends, once the head is there.
    body: Option<Range<usize>>,
}

impl Incoming {
    /// Reads once; the body if the answer is whole. Nothing may follow it.
    fn read(&mut self, stream: &mut impl Read) -> Result<Option<&[u8]>> {
        let wanted = self.body.as_ref().map_or(0, |body| body.end).max(self.filled + READ_BYTES);
        if self.bytes.len() < wanted {
            self.bytes.resize(wanted, 0);
        }
        let read = stream.read(&mut self.bytes[self.filled..])?;
        ensure!(read > 0, "the server hung up");
        self.filled += read;
        if self.body.is_none() {
            self.body = body_of(&self.bytes[..self.filled])?;
        }
        let Some(body) = self.body.take_if(|body| body.end <= self.filled) else {
            return Ok(None);
        };
        ensure!(body.end == self.filled, "more than an answer came");
        self.filled = 0;
        Ok(Some(&self.bytes[body]))
    }
}

/// Where the body of an answer lies, if its head is whole.
fn body_of(bytes: &[u8]) -> Result<Option<Range<usize>>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let mut lines = str::from_utf8(&bytes[..end])?.split("\r\n");
    let status = lines.next().unwrap_or_default();
    ensure!(status.starts_with("HTTP/1.1 2"), "the server answered {status:?}");
    let mut headers = lines.filter_map(|line| line.split_once(':'));
    let (_, length) = headers
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .context("the answer has no length")?;
    let length: usize = length.trim().parse()?;
    ensure!(length <= ANSWER_BYTES_MAX, "an answer of {length} bytes");
    Ok(Some(end + 4..end + 4 + length))
}

/// Asks over so many connections, each the next request as soon as it has its answer, and returns
/// how long each took, in milliseconds. One thread serves them all: a thread each would take more
/// of the processors than a quick server does.
pub(crate) fn ask_all(address: &str, connections: usize, requests: &[Request]) -> Result<Vec<f64>> {
    let mut poll = Poll::new()?;
    let mut asking = Vec::new();
    for at in 0..connections {
        let stream = connect(address)?;
        stream.set_nonblocking(true)?;
        let mut stream = mio::net::TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(at), interest)?;
        asking.push(Asking { stream, unsent: &[], began: None, answer: Incoming::default() });
    }
    let mut open = requests.iter();
    for one in &mut asking {
        one.ask(open.next())?;
    }
    let mut latencies = Vec::with_capacity(requests.len());
    let mut events = Events::with_capacity(connections);
    while latencies.len() < requests.len() {
        poll.poll(&mut events, Some(ANSWER_WITHIN))?;
        ensure!(!events.is_empty(), "no answer within {ANSWER_WITHIN:?}");
        for event in &events {
            let one = &mut asking[event.token().0];
            one.flush()?;
            if let Some(latency) = one.answered()? {
                latencies.push(latency);
                one.ask(open.next())?;
            }
        }
    }
    Ok(latencies)
}

/// A connection that asks one request after another.
struct Asking<'a> {
    stream: mio::net::TcpStream,
    /// What is not written yet of the open request.
    unsent: &'a [u8],
    /// When the open request was sent; none if there is none.
    began: Option<Instant>,
    answer: Incoming,
}

impl<'a> Asking<'a> {
    fn ask(&mut self, request: Option<&'a Request>) -> Result<()> {
        self.unsent = request.map_or(&[], |request| &request.0);
        self.began = request.map(|_| Instant::now());
        self.flush()
    }

    fn flush(&mut self) -> Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(self.unsent) {
                Ok(written) => self.unsent = &self.unsent[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads what is there; how long the answer took, in milliseconds, if it is whole.
    fn answered(&mut self) -> Result<Option<f64>> {
        let Some(began) = self.began else { return Ok(None) };
        loop {
            match self.answer.read(&mut self.stream) {
                Ok(None) => {}
                Ok(Some(_)) => return Ok(Some(began.elapsed().as_secs_f64() * 1e3)),
                Err(error) if would_block(&error) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

fn would_block(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == ErrorKind::WouldBlock)
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

//! Requests and batches as they come over a wire (JSON-RPC 2.0).

use super::limits::{HEAVY, INLINE_TIME_MAX, INLINE_WEIGHT_MAX, weight};
use super::out::Out;
use super::params::Params;
use super::pool::{self, SEND_RAW};
use super::send_sync::{self, Awaited};
use super::{Answer, Patience, RpcLimits, Session, code, limit};
use crate::node::Node;
use client::RpcError;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Instant;

/// Bytes of the id of a request.
const ID_BYTES_MAX: usize = 256;

#[derive(Deserialize)]
struct Call {
    jsonrpc: Option<String>,
    /// Left out in a notification, which gets no answer.
    #[serde(default, deserialize_with = "present")]
    id: Option<Value>,
    method: Option<String>,
    #[serde(default)]
    params: Value,
}

/// Tells an id that is null from one that is left out.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// A call, or the id of what is none.
type Parsed = Result<Call, Value>;

/// A body, and how far the answer to it is.
pub(super) struct Progress {
    calls: Vec<Parsed>,
    is_batch: bool,
    text: Vec<u8>,
    /// Calls that are done.
    done: usize,
    weight: u64,
    charged: bool,
}

/// What became of a body.
pub(super) enum Step {
    /// The answer as JSON; none if it held notifications only.
    Answered(Option<Vec<u8>>),
    /// The rest is for a worker.
    Later(Progress),
    /// The rest waits until a transaction is in a block.
    Await(Progress, Awaited),
}

impl Progress {
    /// Reads a body.
    pub(super) fn begin(body: &[u8], limits: &RpcLimits) -> Result<Self, RpcError> {
        let refused = |message| Err(RpcError::new(code::INVALID_REQUEST, message));
        let body: Value =
            serde_json::from_slice(body).map_err(|_| RpcError::new(code::PARSE, "parse error"))?;
        let (requests, is_batch) = match body {
            Value::Array(requests) => (requests, true),
            request => (vec![request], false),
        };
        match requests.len() {
            0 => return refused("empty batch"),
            count if count > limits.batch_max => return refused("batch too large"),
            _ => {}
        }
        let calls = requests.into_iter().map(parse).collect();
        Ok(Self { calls, is_batch, text: Vec::new(), done: 0, weight: 0, charged: false })
    }

    /// The call that was awaited is answered now.
    pub(super) fn answer(&mut self, outcome: Answer) {
        let id = self.calls.get(self.done).and_then(|call| call.as_ref().ok()?.id.clone());
        self.done += 1;
        let Some(id) = id else { return };
        self.separate();
        match outcome {
            Ok(result) => {
                write_head(&mut self.text, &id);
                self.text.extend(result.to_string().into_bytes());
                self.text.push(b'}');
            }
            Err(error) => self.text.extend(refusal(&id, &error)),
        }
    }

    /// Puts what stands before the next answer of a batch.
    fn separate(&mut self) {
        if self.is_batch {
            self.text.push(if self.text.is_empty() { b'[' } else { b',' });
        }
    }

    fn finish(mut self) -> Step {
        if self.text.is_empty() {
            return Step::Answered(None);
        }
        if self.is_batch {
            self.text.push(b']');
        }
        Step::Answered(Some(self.text))
    }
}

fn parse(request: Value) -> Parsed {
    let names = |id: &&Value| id.is_string() || id.is_number();
    let id = request.get("id").filter(names).cloned().unwrap_or_default();
    let call: Call = serde_json::from_value(request).map_err(|_| id.clone())?;
    let long = |id: &Value| id.as_str().is_some_and(|id| id.len() > ID_BYTES_MAX);
    let is_valid = call.jsonrpc.as_deref() == Some("2.0") && call.method.is_some();
    if !is_valid || call.id.as_ref().is_some_and(|id| long(id) || id.is_object() || id.is_array()) {
        return Err(if long(&id) { Value::Null } else { id });
    }
    Ok(call)
}

/// Goes on with a body.
pub(super) fn serve(
    node: &Node,
    session: &Session,
    patience: Patience,
    mut progress: Progress,
) -> Step {
    let limits = &node.config().rpc;
    let open = progress.calls.iter().skip(progress.done).map(weight_of);
    let (sum, most) =
        open.fold((0, 0), |(sum, most), one: u64| (one.saturating_add(sum), one.max(most)));
    if let Patience::OnTheSpot = patience
        && (sum > INLINE_WEIGHT_MAX || most >= HEAVY)
    {
        return Step::Later(progress);
    }
    let may = progress.charged || session.spend(sum, limits);
    progress.charged = true;
    let calls = std::mem::take(&mut progress.calls);
    if may && sum <= limits.batch_weight_max {
        let open = calls.iter().skip(progress.done).flatten();
        let sends = open.filter(|call| call.method.as_deref() == Some(SEND_RAW));
        pool::ahead(node, sends.map(|call| Params::new(&call.params)));
    }
    let (first, begun) = (progress.done, Instant::now());
    let mut serve = Serve { node, session, patience, limits, may, first, begun, progress };
    let mut step = Done::Answered;
    while let Some(call) = calls.get(serve.progress.done) {
        step = serve.one(call);
        match step {
            Done::Answered => serve.progress.done += 1,
            Done::Later | Done::Await(_) => break,
        }
    }
    let mut progress = serve.progress;
    progress.calls = calls;
    match step {
        Done::Answered => progress.finish(),
        Done::Later => Step::Later(progress),
        Done::Await(awaited) => Step::Await(progress, awaited),
    }
}

fn weight_of(call: &Parsed) -> u64 {
    call.as_ref().ok().and_then(|call| call.method.as_deref()).map_or(1, weight)
}

struct Serve<'a> {
    node: &'a Node,
    session: &'a Session,
    patience: Patience,
    limits: &'a RpcLimits,
    /// Whether the connection may ask for this much now.
    may: bool,
    /// The call that it goes on with: that one is run whatever the time is.
    first: usize,
    begun: Instant,
    progress: Progress,
}

enum Done {
    Answered,
    Later,
    Await(Awaited),
}

impl Serve<'_> {
    fn one(&mut self, call: &Parsed) -> Done {
        let start = self.progress.text.len();
        self.progress.separate();
        let call = match call {
            Ok(call) => call,
            Err(id) => {
                let error = RpcError::new(code::INVALID_REQUEST, "invalid request");
                self.progress.text.extend(refusal(id, &error));
                return Done::Answered;
            }
        };
        let id = call.id.as_ref().unwrap_or(&Value::Null);
        write_head(&mut self.progress.text, id);
        match self.run(call, start) {
            Ok(None) => self.progress.text.push(b'}'),
            Ok(Some(awaited)) => {
                self.progress.text.truncate(start);
                return Done::Await(awaited);
            }
            Err(error) if error.code == code::LATER => {
                self.progress.text.truncate(start);
                return Done::Later;
            }
            Err(error) => {
                self.progress.text.truncate(start);
                self.progress.separate();
                self.progress.text.extend(refusal(id, &error));
            }
        }
        if call.id.is_none() {
            self.progress.text.truncate(start);
        }
        Done::Answered
    }

    fn run(&mut self, call: &Call, before: usize) -> Result<Option<Awaited>, RpcError> {
        if !self.may {
            return Err(limit("the connection's weight per second is exceeded"));
        }
        if before > self.limits.response_bytes_max {
            return Err(RpcError::new(code::TOO_LARGE, "response too large"));
        }
        let method = call.method.as_deref().unwrap_or_default();
        let weight = self.progress.weight.saturating_add(weight(method));
        if weight > self.limits.batch_weight_max {
            return Err(limit("the weight of the batch is exceeded"));
        }
        if let Patience::Until(until) = self.patience
            && self.progress.done > self.first
            && Instant::now() >= until
        {
            return Err(RpcError::new(code::TIMED_OUT, "request timed out"));
        }
        if let Patience::OnTheSpot = self.patience
            && self.progress.done > self.first
            && self.begun.elapsed() > INLINE_TIME_MAX
        {
            return Err(RpcError::new(code::LATER, "for a worker"));
        }
        let params = Params::new(&call.params)?;
        if method == send_sync::METHOD {
            return send_sync::begin(self.node, &params).map(Some);
        }
        let mut out = Out::Text(&mut self.progress.text);
        super::run(self.node, method, params, Some(self.session), self.patience, &mut out)?;
        self.progress.weight = weight;
        Ok(None)
    }
}

/// Writes an answer up to its result.
fn write_head(text: &mut Vec<u8>, id: &Value) {
    text.extend(br#"{"jsonrpc":"2.0","id":"#);
    text.extend(id.to_string().into_bytes());
    text.extend(br#","result":"#);
}

/// An error as the answer to a request.
pub(super) fn refusal(id: &Value, error: &RpcError) -> Vec<u8> {
    json!({ "jsonrpc": "2.0", "id": id, "error": error }).to_string().into_bytes()
}

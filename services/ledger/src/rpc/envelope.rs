//! Requests and batches as they come over a wire (JSON-RPC 2.0).

use super::limits::{HEAVY, INLINE_TIME_MAX, INLINE_WEIGHT_MAX, finds_out, weight};
use super::out::Out;
use super::params::Params;
use super::pool::{self, SEND_RAW};
use super::send_sync::{self, Awaited};
use super::{Answer, Patience, RpcLimits, Session, code, limit};
use crate::node::Node;
use client::RpcError;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::fmt;
use std::time::Instant;

/// Bytes of the id of a request.
const ID_BYTES_MAX: usize = 256;

#[derive(Default)]
struct Call {
    jsonrpc: Option<String>,
    /// Left out in a notification, which gets no answer.
    id: Option<Value>,
    method: Option<String>,
    params: Value,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Member {
    Jsonrpc,
    Id,
    Method,
    Params,
    #[serde(other)]
    Other,
}

// By hand, because a derived one takes an array of the members for the object.
impl<'de> Deserialize<'de> for Call {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(CallVisitor)
    }
}

struct CallVisitor;

impl<'de> Visitor<'de> for CallVisitor {
    type Value = Call;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a request")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Call, A::Error> {
        let mut call = Call::default();
        while let Some(member) = members.next_key()? {
            match member {
                Member::Jsonrpc => call.jsonrpc = members.next_value()?,
                Member::Id => call.id = Some(members.next_value()?),
                Member::Method => call.method = members.next_value()?,
                Member::Params => call.params = members.next_value()?,
                Member::Other => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(call)
    }
}

/// Reads a batch of calls of at most this many.
struct Batch(usize);

impl<'de> DeserializeSeed<'de> for Batch {
    type Value = Vec<Call>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Call>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Batch {
    type Value = Vec<Call>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a batch")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<Call>, A::Error> {
        let mut calls = Vec::new();
        while let Some(call) = elements.next_element()? {
            if calls.len() == self.0 {
                return Err(A::Error::invalid_length(self.0 + 1, &self));
            }
            calls.push(call);
        }
        Ok(calls)
    }
}

/// The calls of a body that holds nothing else, and whether it is a batch: what nearly every body
/// is. `None` if it has to be looked at piece by piece.
fn plain(body: &[u8], limits: &RpcLimits) -> Option<(Vec<Call>, bool)> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let is_batch = body.trim_ascii_start().first() == Some(&b'[');
    let calls = if is_batch {
        Batch(limits.batch_max).deserialize(&mut json).ok().filter(|calls| !calls.is_empty())?
    } else {
        vec![Call::deserialize(&mut json).ok()?]
    };
    json.end().ok()?;
    Some((calls, is_batch))
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
        if let Some((calls, is_batch)) = plain(body, limits) {
            return Ok(Self::of(calls.into_iter().map(checked).collect(), is_batch));
        }
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
        Ok(Self::of(requests.into_iter().map(parse).collect(), is_batch))
    }

    fn of(calls: Vec<Parsed>, is_batch: bool) -> Self {
        Self { calls, is_batch, text: Vec::new(), done: 0, weight: 0, charged: false }
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

    /// Whether no call has been answered.
    pub(super) fn is_untouched(&self) -> bool {
        self.done == 0
    }

    /// Answers with an error whatever is open: what is done stays said.
    pub(super) fn refuse_rest(mut self, error: &RpcError) -> Step {
        while self.done < self.calls.len() {
            let id = match &self.calls[self.done] {
                Ok(call) => call.id.clone(),
                Err(id) => Some(id.clone()),
            };
            self.done += 1;
            if let Some(id) = id {
                self.separate();
                self.text.extend(refusal(&id, error));
            }
        }
        self.finish()
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
    let id = request.get("id").filter(|id| names(id)).cloned().unwrap_or_default();
    match serde_json::from_value(request) {
        Ok(call) => checked(call),
        Err(_) => Err(if is_long(&id) { Value::Null } else { id }),
    }
}

fn checked(call: Call) -> Parsed {
    let is_valid = call.jsonrpc.as_deref() == Some("2.0") && call.method.is_some();
    let is_bad = |id: &Value| is_long(id) || id.is_object() || id.is_array();
    if is_valid && !call.id.as_ref().is_some_and(is_bad) {
        return Ok(call);
    }
    Err(call.id.filter(|id| names(id) && !is_long(id)).unwrap_or_default())
}

/// Whether an id can be told from others.
fn names(id: &Value) -> bool {
    id.is_string() || id.is_number()
}

fn is_long(id: &Value) -> bool {
    id.as_str().is_some_and(|id| id.len() > ID_BYTES_MAX)
}

/// Goes on with a body.
pub(super) fn serve(
    node: &Node,
    session: &Session,
    patience: Patience,
    mut progress: Progress,
) -> Step {
    let limits = &node.config().rpc;
    let open = || progress.calls.iter().skip(progress.done);
    let sum = open().map(weight_of).fold(0, u64::saturating_add);
    if let Patience::OnTheSpot = patience
        && (sum > INLINE_WEIGHT_MAX || open().any(is_for_worker))
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

/// Whether a call never begins on the spot.
fn is_for_worker(call: &Parsed) -> bool {
    let method = call.as_ref().ok().and_then(|call| call.method.as_deref());
    method.is_some_and(|method| weight(method) >= HEAVY && !finds_out(method))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_answered_stays_said_when_nobody_is_left_for_the_rest() {
        let call = |id: Value| json!({ "jsonrpc": "2.0", "id": id, "method": "eth_chainId" });
        let notification = json!({ "jsonrpc": "2.0", "method": "eth_chainId" });
        let batch = json!([call(json!(1)), call(json!("two")), notification, 4]);
        let limits = RpcLimits::default();
        let mut progress = Progress::begin(batch.to_string().as_bytes(), &limits).ok().unwrap();
        assert!(progress.is_untouched());
        progress.answer(Ok(json!("0x1")));
        assert!(!progress.is_untouched());
        let error = RpcError::new(code::LIMIT_EXCEEDED, "busy");
        let Step::Answered(Some(text)) = progress.refuse_rest(&error) else {
            panic!("there is an answer");
        };
        let refused = |id: Value| json!({ "jsonrpc": "2.0", "id": id, "error": error });
        let done = json!({ "jsonrpc": "2.0", "id": 1, "result": "0x1" });
        let answers: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(answers, json!([done, refused(json!("two")), refused(Value::Null)]));
    }
}

//! Questions answered: what wallets and explorers ask most, of a chain with some blocks.

use super::node::{Endpoint, Node, anvil_words, genesis};
use super::token::{RECIPIENTS, Token, recipient, transfer_topic};
use crate::http::{Request, ask_all, call, result, results};
use crate::measure::{Pair, RUNS, count, percentile, timed};
use crate::peer::Anvil;
use crate::report::Row;
use alloy_primitives::B256;
use anyhow::{Result, ensure};
use serde_json::{Value, json};

/// Connections that ask at the same time.
const CONNECTIONS: usize = 8;
/// Blocks with transfers, and how many each sender makes in one: 200 together.
const BLOCKS: u64 = 10;
const EACH: u64 = 2;
/// Calls in a batch.
const BATCH: usize = 100;

/// Something to ask over and over.
struct Question {
    name: &'static str,
    /// Requests of one run, over all connections.
    requests: usize,
    /// Answers in one request.
    answers: usize,
    /// The request with this number.
    body: fn(&Token, usize) -> Value,
}

const QUESTIONS: [Question; 4] = [
    Question { name: "eth_call", requests: 40_000, answers: 1, body: balance },
    Question { name: "eth_call in batches of 100", requests: 800, answers: BATCH, body: balances },
    Question { name: "eth_getBlockByNumber", requests: 20_000, answers: 1, body: block },
    Question { name: "eth_getLogs", requests: 10_000, answers: 1, body: logs },
];

pub(crate) fn rows() -> Result<Vec<Row>> {
    let token = Token::new();
    let node = Node::start(genesis(&token), 1, None)?;
    let anvil = Anvil::start(&anvil_words())?;
    let (ours, theirs) = (Endpoint::of_ours(&node), Endpoint::of_anvil(&anvil, &token)?);
    for endpoint in [&ours, &theirs] {
        endpoint.include(&token.setup())?;
        for block in 0..BLOCKS {
            endpoint.include(&token.transfers(block * EACH, EACH))?;
        }
    }
    let mut rows = Vec::new();
    for question in QUESTIONS {
        check(&question, &token, &ours, &theirs)?;
        rows.extend(compare(&question, &token, &ours, &theirs)?);
    }
    Ok(rows)
}

fn balance(token: &Token, number: usize) -> Value {
    let data = Token::balance_of(recipient(number % RECIPIENTS));
    call("eth_call", json!([{ "to": token.address, "data": data }, "latest"]))
}

fn balances(token: &Token, number: usize) -> Value {
    (0..BATCH).map(|place| balance(token, number * BATCH + place)).collect()
}

/// The newest block, with the hashes of its transactions.
fn block(_: &Token, _: usize) -> Value {
    call("eth_getBlockByNumber", json!(["latest", false]))
}

/// The transfers to one recipient.
fn logs(token: &Token, number: usize) -> Value {
    let to = B256::left_padding_from(recipient(number % RECIPIENTS).as_slice());
    let filter = json!({
        "fromBlock": "0x1", "toBlock": "latest", "address": token.address,
        "topics": [transfer_topic(), null, to],
    });
    call("eth_getLogs", json!([filter]))
}

/// Both answer alike, in what does not name blocks.
fn check(question: &Question, token: &Token, ours: &Endpoint, theirs: &Endpoint) -> Result<()> {
    let ask = |endpoint: &Endpoint| -> Result<Vec<Value>> {
        let body = (question.body)(token, 3).to_string();
        let answer = endpoint.connect()?.send(&Request::new(endpoint.path, &body))?;
        let answers = match question.answers {
            1 => vec![result(serde_json::from_slice(&answer)?)?],
            _ => results(&answer)?,
        };
        Ok(answers.iter().map(essence).collect())
    };
    let (ours, theirs) = (ask(ours)?, ask(theirs)?);
    let (name, empty) = (question.name, [json!([]), json!(null)]);
    ensure!(ours.len() == question.answers && ours == theirs, "{name}: the answers differ");
    ensure!(!ours.iter().any(|one| empty.contains(one)), "{name} answers nothing");
    Ok(())
}

/// What has to be the same at both: of a block its transactions, of a log what was logged, in any
/// order, for both may order transactions of equal fees as they like.
fn essence(answer: &Value) -> Value {
    let of_log = |log: &Value| json!([log["address"], log["topics"], log["data"]]);
    let mut parts: Vec<Value> = match answer {
        Value::Object(block) => block["transactions"].as_array().cloned().unwrap_or_default(),
        Value::Array(logs) => logs.iter().map(of_log).collect(),
        other => return other.clone(),
    };
    parts.sort_by_key(Value::to_string);
    Value::Array(parts)
}

/// Answers per second, and the latencies in milliseconds.
fn run(endpoint: &Endpoint, requests: &[Request], answers: usize) -> Result<(f64, Vec<f64>)> {
    let (latencies, seconds) = timed(|| ask_all(&endpoint.address, CONNECTIONS, requests));
    let latencies = latencies?;
    Ok((count(latencies.len() * answers) / seconds, latencies))
}

/// The requests of one run.
fn requests(question: &Question, token: &Token, path: &str) -> Vec<Request> {
    let request = |number| Request::new(path, &(question.body)(token, number).to_string());
    (0..question.requests).map(request).collect()
}

fn compare(
    question: &Question,
    token: &Token,
    ours: &Endpoint,
    theirs: &Endpoint,
) -> Result<Vec<Row>> {
    let requests = [ours, theirs].map(|endpoint| requests(question, token, endpoint.path));
    let [mut rates, mut halves, mut tails] = [(); 3].map(|()| Pair::default());
    for _ in 0..RUNS {
        for (at, endpoint) in [ours, theirs].into_iter().enumerate() {
            let (rate, mut latencies) = run(endpoint, &requests[at], question.answers)?;
            let (half, tail) = (percentile(&mut latencies, 50), percentile(&mut latencies, 99));
            for (pair, figure) in [(&mut rates, rate), (&mut halves, half), (&mut tails, tail)] {
                let side = if at == 0 { &mut pair.ours } else { &mut pair.theirs };
                side.push(figure);
            }
        }
    }
    let name = format!("{} over {CONNECTIONS} connections, to anvil", question.name);
    Ok(vec![
        Row::rate(&name, "1/s", &rates).aims_at(2.0),
        Row::cost(format!("{name}: half are answered in"), "ms", &halves),
        Row::cost(format!("{name}: 99 % are answered in"), "ms", &tails),
    ])
}

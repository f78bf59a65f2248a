//! Orders of many accounts that are written down before they are sent, sent until they are
//! answered, and compared with what is in the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use contracts::{Side, U256};
use db::{Row, query};
use events::Envelope;
use market::domain::Entry;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::{LOOK_EVERY, PATIENCE};
use crate::http::*;
use crate::service::{connected, deposited, known};
use crate::town::*;

const ACCOUNTS: usize = 8;
/// Orders of a request.
const BATCH: u64 = 20;
/// How long an answer may take: a paused process gives none.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

fn names() -> Vec<String> {
    (0..ACCOUNTS).map(|number| format!("trader {number}")).collect()
}

/// What is known before.
pub(super) fn past() -> Vec<Envelope> {
    let mut past = known(&names());
    let deposits = names().iter().map(|name| deposited(name, 1_000_000_000_000_000)).collect();
    past.push(connected(1, 1, deposits));
    past
}

/// What was sent and what was answered, in lines: `sent` and an order, on disk before it is sent;
/// `kept`, an order and its sequence.
struct Log(Mutex<File>);

impl Log {
    fn intend(&self, orders: &[String]) {
        let mut file = self.0.lock().unwrap();
        for order in orders {
            writeln!(file, "sent {order}").unwrap();
        }
        file.sync_data().unwrap();
    }

    fn kept(&self, order: &str, sequence: u64) {
        writeln!(self.0.lock().unwrap(), "kept {order} {sequence}").unwrap();
    }
}

struct Shared {
    servers: Vec<String>,
    log: Log,
    kept: AtomicU64,
    /// Requests that were sent again.
    repeated: AtomicU64,
    over: AtomicBool,
}

/// Accounts that send.
pub(super) struct Load {
    shared: Arc<Shared>,
    accounts: Vec<JoinHandle<()>>,
}

impl Load {
    /// Sends to whichever of `servers` answers, and writes the log at `path`.
    pub(super) fn start(servers: Vec<String>, path: &Path) -> Load {
        let log = Log(Mutex::new(File::create_new(path).unwrap()));
        let (kept, repeated, over) = Default::default();
        let shared = Arc::new(Shared { servers, log, kept, repeated, over });
        let send = |name| tokio::spawn(trade(shared.clone(), name));
        let accounts = names().into_iter().map(send).collect();
        Load { shared, accounts }
    }

    fn kept(&self) -> u64 {
        self.shared.kept.load(Ordering::SeqCst)
    }

    /// Waits until so many orders more are acknowledged.
    pub(super) async fn goes_on(&self, orders: u64) {
        let until = self.kept() + orders;
        let heard = async {
            while self.kept() < until {
                tokio::time::sleep(LOOK_EVERY).await;
                let ended = self.accounts.iter().any(JoinHandle::is_finished);
                assert!(!ended, "an account was refused");
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.expect("acknowledgements go on");
    }

    /// Ends it; whoever waits for an answer waits until it comes. How often requests were repeated.
    pub(super) async fn finish(self) -> u64 {
        self.shared.over.store(true, Ordering::SeqCst);
        for account in self.accounts {
            tokio::time::timeout(PATIENCE, account).await.expect("answers come").unwrap();
        }
        self.shared.repeated.load(Ordering::SeqCst)
    }
}

/// One batch after the other, each until all of it is answered.
async fn trade(shared: Arc<Shared>, name: String) {
    let client = reqwest::Client::builder().timeout(ANSWER_WITHIN).build().unwrap();
    let (token, mut nonce, mut server) = (token(&name), 0, 0);
    while !shared.over.load(Ordering::SeqCst) {
        let orders: Vec<_> = (0..BATCH).map(|place| order(&name, nonce + place)).collect();
        nonce += BATCH;
        let ids: Vec<String> = orders.iter().map(|order| order.id.to_string()).collect();
        shared.log.intend(&ids);
        let orders: Vec<Value> = orders.iter().map(body).collect();
        let request = json!({ "orders": orders });
        loop {
            let url = format!("{}/v1/orders/batch", shared.servers[server]);
            let sent = client.post(url).bearer_auth(&token).json(&request).send().await;
            if let Ok(answer) = sent
                && answer.status() == StatusCode::OK
                && let Ok(answer) = answer.json::<Value>().await
                && note(&shared, &answer)
            {
                break;
            }
            shared.repeated.fetch_add(1, Ordering::SeqCst);
            server = (server + 1) % shared.servers.len();
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Notes what is acknowledged; whether all of the batch is.
fn note(shared: &Shared, answer: &Value) -> bool {
    let mut all = true;
    for item in answer["items"].as_array().unwrap() {
        match item["status"].as_u64().unwrap() {
            200 | 201 => {
                let order = &item["order"];
                let (id, sequence) = (&order["order_id"], &order["sequence"]);
                shared.log.kept(id.as_str().unwrap(), sequence.as_u64().unwrap());
                shared.kept.fetch_add(1, Ordering::SeqCst);
            }
            status => {
                assert!(status >= 500, "{item}");
                all = false;
            }
        }
    }
    all
}

fn order(name: &str, nonce: u64) -> market::domain::NewOrder {
    let who = neighbour(name);
    let slot = slot().later(1 + i64::try_from(nonce % 100).unwrap());
    let mut terms = who.terms(Side::Buy, 10, 150_000);
    (terms.slot, terms.expiry) = (slot.start.unsigned(), slot.end().unsigned());
    terms.nonce = U256::from(nonce);
    who.sign(terms)
}

/// Compares the log with the journal: what was acknowledged is there once, in its place, and
/// nothing is there twice or was never sent. How many orders are there.
pub(super) async fn check(path: &Path, db: &db::Db) -> usize {
    let log = std::fs::read_to_string(path).unwrap();
    let (mut sent, mut kept) = (BTreeSet::new(), BTreeMap::new());
    for line in log.lines() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["sent", order] => drop(sent.insert(order)),
            ["kept", order, sequence] => {
                let sequence: u64 = sequence.parse().unwrap();
                let before = kept.insert(order, sequence).unwrap_or(sequence);
                assert_eq!(before, sequence, "{order} was acknowledged in two places");
            }
            _ => panic!("{line}"),
        }
    }
    let rows = query("select place, entry from journal order by place");
    let rows = rows.fetch_all(db.read()).await.unwrap();
    let mut there = BTreeMap::new();
    for (place, row) in (1..).zip(&rows) {
        assert_eq!(row.get::<i64, _>(0), place, "the journal has a gap");
        let entry: Entry = serde_json::from_str(&row.get::<String, _>(1)).unwrap();
        if let Entry::Accepted(order) = entry {
            let id = order.id.to_string();
            assert!(sent.contains(&*id), "{id} was never sent");
            assert!(there.insert(id, order.sequence).is_none(), "an order is there twice");
        }
    }
    for (order, sequence) in &kept {
        assert_eq!(there.get(*order), Some(sequence), "{order} was acknowledged");
    }
    // Whoever was left waited until all was answered.
    assert_eq!((there.len(), kept.len()), (sent.len(), sent.len()));
    there.len()
}

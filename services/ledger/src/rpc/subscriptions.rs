//! `eth_subscribe`: what a connection wants to be told, and what there is to tell.
//!
//! Like a filter, a subscription remembers its place in the feed of connected and disconnected
//! blocks. A branch that is left is told by logs that come again with `removed: true`, a new one
//! by its heads in order.

use super::format::{HeaderView, TransactionView};
use super::logs::{self, Filter, Found};
use super::{Answer, Patience, Request, Session, code, fault, limit, network, server};
use crate::node::Node;
use client::RpcError;
use serde::Serialize;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Instant;

/// Rows of the feed, or transactions, that one subscription is told at once.
const AT_ONCE_MAX: usize = 64;
/// Bytes of news after which the rest waits for its turn.
const NEWS_BYTES_MAX: usize = 1 << 20;

/// The subscriptions of a connection.
#[derive(Default)]
pub(crate) struct Subscriptions {
    by_id: BTreeMap<u64, Subscription>,
    last_id: u64,
}

struct Subscription {
    kind: Kind,
    /// Place in the feed, or among the arrivals, that was told last.
    told: u64,
    /// Whether the caller has its id: nothing is told before.
    answered: bool,
}

enum Kind {
    Heads,
    Logs(Box<Filter>),
    Pending {
        /// Whole transactions, else their hashes.
        whole: bool,
    },
    /// Told when the node has begun or ended to catch up, with the next news.
    Syncing {
        /// What was told last.
        told: bool,
    },
}

/// What is told now.
pub(crate) struct News {
    /// Messages to the caller, as JSON.
    pub(crate) messages: Vec<String>,
    /// Whether there is more already.
    pub(crate) more: bool,
    bytes: usize,
}

impl News {
    fn push<T: Serialize>(&mut self, subscription: &str, result: &T) -> Result<(), RpcError> {
        let params = Told { subscription, result };
        let message = Message { jsonrpc: "2.0", method: "eth_subscription", params };
        let message = serde_json::to_string(&message).map_err(fault)?;
        self.bytes += message.len();
        self.messages.push(message);
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.bytes >= NEWS_BYTES_MAX
    }
}

pub(super) fn subscribe(request: &Request<'_>) -> Answer {
    let session = request.session.and_then(Session::subscriptions);
    let mut subscriptions = session.ok_or_else(no_notifications)?;
    let name: String = request.params.get(0)?;
    let feed = || request.snapshot.feed_last().map_err(fault);
    let (kind, told) = match name.as_str() {
        "newHeads" => (Kind::Heads, feed()?),
        "logs" => (Kind::Logs(Box::new(Filter::parse(request, 1)?)), feed()?),
        "newPendingTransactions" => {
            let whole = request.params.optional(1)?.unwrap_or(false);
            (Kind::Pending { whole }, request.node.news.arrivals())
        }
        "syncing" => (Kind::Syncing { told: is_syncing(request) }, 0),
        _ => {
            let message = format!("no \"{name}\" subscription in eth namespace");
            return Err(RpcError::new(code::NO_METHOD, message));
        }
    };
    if subscriptions.by_id.len() >= request.limits().subscriptions_max {
        return Err(limit("too many subscriptions"));
    }
    subscriptions.last_id += 1;
    let id = subscriptions.last_id;
    subscriptions.by_id.insert(id, Subscription { kind, told, answered: false });
    Ok(json!(name_of(id)))
}

pub(super) fn unsubscribe(request: &Request<'_>) -> Answer {
    let session = request.session.and_then(Session::subscriptions);
    let mut subscriptions = session.ok_or_else(no_notifications)?;
    let id: String = request.params.get(0)?;
    let known = subscriptions.by_id.keys().copied().find(|known| name_of(*known) == id);
    match known.and_then(|known| subscriptions.by_id.remove(&known)) {
        Some(_) => Ok(json!(true)),
        None => Err(server("subscription not found")),
    }
}

fn is_syncing(request: &Request<'_>) -> bool {
    request.node.network().is_some_and(|status| status.syncing.is_some())
}

fn no_notifications() -> RpcError {
    RpcError::new(code::NO_METHOD, "notifications not supported")
}

fn name_of(id: u64) -> String {
    format!("{id:#x}")
}

impl Session {
    /// The answers so far are on their way: what was subscribed by them is told from now on.
    pub(crate) fn answered(&self) {
        if let Some(mut subscriptions) = self.subscriptions() {
            subscriptions.by_id.values_mut().for_each(|one| one.answered = true);
        }
    }
}

/// What is new for the subscriptions of a connection, a bounded part of it.
pub(crate) fn news(node: &Node, session: &Session) -> Result<News, RpcError> {
    let mut news = News { messages: Vec::new(), more: false, bytes: 0 };
    let Some(mut subscriptions) = session.subscriptions() else { return Ok(news) };
    if subscriptions.by_id.values().all(|one| !one.answered) {
        return Ok(news);
    }
    let patience = Patience::Until(Instant::now() + node.config().rpc.time_max);
    let request = Request::bare(node, patience)?;
    for (id, subscription) in &mut subscriptions.by_id {
        if news.is_full() {
            news.more = true;
            break;
        }
        if subscription.answered {
            news.more |= subscription.tell(&request, &name_of(*id), &mut news)?;
        }
    }
    Ok(news)
}

impl Subscription {
    /// Adds what is new; returns whether there is more.
    fn tell(&mut self, request: &Request<'_>, id: &str, news: &mut News) -> Result<bool, RpcError> {
        match &mut self.kind {
            Kind::Syncing { told } => {
                let now = is_syncing(request);
                if std::mem::replace(told, now) != now {
                    let status = network::syncing(request)?;
                    let event = match now {
                        true => json!({ "syncing": true, "status": status }),
                        false => json!(false),
                    };
                    news.push(id, &event)?;
                }
                Ok(false)
            }
            Kind::Pending { whole } => {
                let whole = *whole;
                let (told, hashes) = request.node.news.arrivals_after(self.told, AT_ONCE_MAX);
                self.told = told;
                for hash in &hashes {
                    if !whole {
                        news.push(id, hash)?;
                        continue;
                    }
                    let pool = request.node.pool();
                    // One that is mined meanwhile is told by its block.
                    if let Some(one) = pool.get(hash).map(|one| &one.transaction) {
                        let view = TransactionView::new(one.inner(), one.signer(), None);
                        news.push(id, &view)?;
                    }
                }
                Ok(hashes.len() == AT_ONCE_MAX)
            }
            Kind::Heads | Kind::Logs(_) => {
                let rows = request.snapshot.feed_after(self.told, AT_ONCE_MAX).map_err(fault)?;
                for row in &rows {
                    match &self.kind {
                        Kind::Logs(filter) => {
                            let mut found = Found::new(request.limits());
                            let gone = !row.connected;
                            logs::of_block(request, filter, row.hash, gone, &mut found)?;
                            for log in &found.logs {
                                news.push(id, log)?;
                            }
                        }
                        _ if row.connected => {
                            let stored = request.block(row.hash)?;
                            news.push(id, &HeaderView::stored(&stored))?;
                        }
                        _ => {}
                    }
                    self.told = row.sequence;
                    if news.is_full() {
                        return Ok(true);
                    }
                }
                Ok(rows.len() == AT_ONCE_MAX)
            }
        }
    }
}

#[derive(Serialize)]
struct Message<'a, T> {
    jsonrpc: &'static str,
    method: &'static str,
    params: Told<'a, T>,
}

#[derive(Serialize)]
struct Told<'a, T> {
    subscription: &'a str,
    result: &'a T,
}

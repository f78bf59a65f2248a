//! Requests from outside: what is light is answered at once, the rest by a bounded number of
//! workers with a bounded queue before them.

use super::envelope::{self, Progress, Step};
use super::{Answer, Patience, Session, answer, code, send_sync};
use crate::node::Node;
use actix_web::web::Bytes;
use client::RpcError;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::sync::Semaphore;

/// Serves the requests of all connections.
pub(crate) struct Serving {
    node: Arc<Node>,
    workers: Arc<Semaphore>,
    waiting: AtomicUsize,
    pub(crate) sockets: Arc<Semaphore>,
}

/// The answer to a body.
#[derive(Debug)]
pub(crate) enum Reply {
    /// As JSON.
    Text(Vec<u8>),
    /// There were only notifications.
    Nothing,
    /// Workers and queue are full: as JSON, what to say then.
    Busy(Vec<u8>),
}

/// A place in the queue.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Serving {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        let limits = &node.config().rpc;
        let workers = Arc::new(Semaphore::new(limits.workers.get()));
        let sockets = Arc::new(Semaphore::new(limits.sockets_max));
        Self { workers, sockets, waiting: AtomicUsize::new(0), node }
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Answers a request or a batch.
    pub(crate) async fn serve(&self, session: &Arc<Session>, body: Bytes) -> Reply {
        let at_once = Patience::OnTheSpot;
        let mut step = match Progress::begin(&body, &self.node.config().rpc) {
            Ok(progress) => envelope::serve(&self.node, session, at_once, progress),
            Err(error) => return Reply::Text(envelope::refusal(&Value::Null, &error)),
        };
        loop {
            step = match step {
                Step::Answered(Some(text)) => return Reply::Text(text),
                Step::Answered(None) => return Reply::Nothing,
                Step::Later(progress) => match self.with_worker(session, progress).await {
                    Ok(step) => step,
                    Err(open) if open.is_untouched() => {
                        return Reply::Busy(envelope::refusal(&Value::Null, &busy()));
                    }
                    Err(open) => open.refuse_rest(&busy()),
                },
                Step::Await(mut progress, awaited) => {
                    let outcome = send_sync::finish(&self.node, &awaited).await;
                    progress.answer(outcome);
                    envelope::serve(&self.node, session, at_once, progress)
                }
            }
        }
    }

    /// Goes on with a body on a blocking thread; gives it back if all workers and the queue are
    /// taken.
    async fn with_worker(
        &self,
        session: &Arc<Session>,
        progress: Progress,
    ) -> Result<Step, Progress> {
        let permit = match self.workers.clone().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                let before = self.waiting.fetch_add(1, Ordering::AcqRel);
                let _place = Waiting(&self.waiting);
                if before >= self.node.config().rpc.queue_max {
                    return Err(progress);
                }
                match self.workers.clone().acquire_owned().await {
                    Ok(permit) => permit,
                    Err(_closed) => return Err(progress),
                }
            }
        };
        let (node, session) = (self.node.clone(), session.clone());
        let work = move || {
            // A caller that goes away meanwhile leaves the worker taken until the work is done.
            let _permit = permit;
            let until = Instant::now() + node.config().rpc.time_max;
            envelope::serve(&node, &session, Patience::Until(until), progress)
        };
        Ok(crate::ledger::blocking(work).await)
    }

    /// Answers one request of this process.
    pub(crate) async fn request(&self, method: &str, params: Value) -> Answer {
        let (node, name) = (self.node.clone(), method.to_owned());
        if method != send_sync::METHOD {
            return crate::ledger::blocking(move || answer(&node, &name, params)).await;
        }
        let begun = crate::ledger::blocking(move || {
            send_sync::begin(&node, &super::params::Params::new(&params)?)
        });
        send_sync::finish(&self.node, &begun.await?).await
    }
}

fn busy() -> RpcError {
    RpcError::new(code::LIMIT_EXCEEDED, "server is busy, try again later")
}

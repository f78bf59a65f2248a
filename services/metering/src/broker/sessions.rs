//! Who is connected, one session a client, so that a revoked meter loses its line at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ids::MeterId;
use mqtt5_protocol::ReasonCode;
use tokio::sync::oneshot;

use crate::domain::topic::Client;

/// The live sessions of a broker.
#[derive(Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<Live>>);

#[derive(Default)]
struct Live {
    next: u64,
    sessions: HashMap<String, (u64, oneshot::Sender<ReasonCode>)>,
}

/// One session's place. Leaving it gives it up.
pub(super) struct Place {
    sessions: Sessions,
    name: String,
    number: u64,
    /// Resolves when the session has to end.
    pub(super) ended: oneshot::Receiver<ReasonCode>,
}

impl Sessions {
    /// Takes a place for `client`; whoever had it before is told to leave.
    pub(super) fn enter(&self, client: &Client, client_id: &str) -> Place {
        let name = match client {
            Client::Meter(meter) => meter.to_string(),
            Client::Bridge { name, .. } => format!("{name}/{client_id}"),
        };
        let (end, ended) = oneshot::channel();
        let mut live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        live.next += 1;
        let number = live.next;
        if let Some((_, other)) = live.sessions.insert(name.clone(), (number, end)) {
            other.send(ReasonCode::SessionTakenOver).ok();
        }
        drop(live);
        Place { sessions: self.clone(), name, number, ended }
    }

    /// Ends the session of `meter`, if it has one. Sessions of bridges go on.
    pub(crate) fn end(&self, meter: MeterId) {
        let mut live = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, session)) = live.sessions.remove(&meter.to_string()) {
            session.send(ReasonCode::NotAuthorized).ok();
        }
    }

    /// How many sessions are live.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).sessions.len()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut live = self.sessions.0.lock().unwrap_or_else(PoisonError::into_inner);
        if live.sessions.get(&self.name).is_some_and(|(number, _)| *number == self.number) {
            live.sessions.remove(&self.name);
        }
    }
}

//! Metering: signed readings by MQTT, verified, stored and acknowledged, by a service in a process
//! of its own, beside the disk that has to keep them; its broker alone beside another maker's; its
//! store beside what PostgreSQL can do at best; its events into JetStream.

mod disk;
mod door;
mod growth;
mod intake;
mod mqtt;
pub(crate) mod server;
mod store;
mod stream;
mod trackers;

use crate::report::{self, Part, Row};
use anyhow::Result;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const PARTS: [Part; 6] = [
    ("intake", intake::rows),
    ("door", door::rows),
    ("store", store::rows),
    ("stream", stream::rows),
    ("growth", growth::rows),
    ("trackers", trackers::rows),
];

/// The rows of the parts whose name has `only` in it.
pub(crate) fn rows(only: &str) -> Result<Vec<Row>> {
    raise_file_limit();
    report::parts(&PARTS, only)
}

/// A line is an open file: as many as the system allows, for this process and those it starts.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        eprintln!("{error}: no more than {:?} lines", limit.current);
    }
}

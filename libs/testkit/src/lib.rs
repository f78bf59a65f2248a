//! What tests need: a policy to trade under, folders of measured data, a browser, servers of their
//! own on free ports in temporary directories, and processes that cannot outlive the test or hang
//! it.
//!
//! Programs come from `WATTEX_TOOLS` (default `.tools` beside the workspace, filled by
//! `./justw tools`) and the system's packages. A missing one is an error, never a skipped test.
#![forbid(unsafe_code)]

mod anvil;
mod data;
mod mosquitto;
mod nats;
mod policy;
mod postgres;
mod process;

use std::path::PathBuf;
use std::time::Duration;

pub use anvil::{Anvil, foundry};
pub use data::{data, not_checked, shared};
pub use mosquitto::Mosquitto;
pub use nats::NatsServer;
pub use policy::{policy, settings};
pub use postgres::PostgresServer;
pub use process::{Ended, Process, Stream, finish};

/// How long a server may take until it is ready.
const START_WITHIN: Duration = Duration::from_secs(60);

/// The folder with the programs that tests drive.
pub fn tools() -> PathBuf {
    std::env::var_os("WATTEX_TOOLS").map_or(workspace().join(".tools"), PathBuf::from)
}

/// The browser that `./justw tools` found or installed, and saw drawing.
pub fn browser() -> PathBuf {
    tools().join("browser")
}

fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

//! A NATS server with JetStream, durable like in production.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::process::{Process, Stream};
use crate::{START_WITHIN, tools};

/// What it says before the port that it chose, and when it is ready.
const LISTENS: &str = "Listening for client connections on 127.0.0.1:";
const READY: &str = "Server is ready";

/// A NATS server of the test's own, on a port that the server itself found free.
pub struct NatsServer {
    port: u16,
    // Before the folder: what is dropped first must be the server.
    _server: Process,
    _folder: TempDir,
}

impl NatsServer {
    /// Starts one.
    pub fn start() -> Result<NatsServer> {
        let folder = tempfile::tempdir()?;
        let store = folder.path().join("store");
        let config = folder.path().join("nats.conf");
        let text = format!(
            "host: \"127.0.0.1\"\nport: -1\nmax_payload: 8MB\n\
             jetstream {{ store_dir: {store:?}, sync_interval: always }}\n"
        );
        fs::write(&config, text)?;
        let mut command = Command::new(tools().join("python/bin/nats-server"));
        command.arg("--config").arg(&config);
        let mut server = Process::start(command)?;
        let listens = server.line_with(Stream::Err, LISTENS, START_WITHIN)?;
        let port = listens.rsplit(':').next().map(str::trim).unwrap_or_default();
        let port = port.parse().with_context(|| format!("no port in {listens:?}"))?;
        server.line_with(Stream::Err, READY, START_WITHIN)?;
        Ok(NatsServer { port, _server: server, _folder: folder })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

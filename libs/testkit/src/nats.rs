//! A NATS server with JetStream, durable like in production.

use std::fs;
use std::process::Command;

use anyhow::Result;
use tempfile::TempDir;

use crate::process::{Server, free_port};
use crate::tools;

/// A NATS server of the test's own.
pub struct NatsServer {
    port: u16,
    _server: Server,
    _folder: TempDir,
}

impl NatsServer {
    /// Starts one.
    pub fn start() -> Result<NatsServer> {
        let (folder, port) = (tempfile::tempdir()?, free_port()?);
        let store = folder.path().join("store");
        let config = folder.path().join("nats.conf");
        let text = format!(
            "listen: \"127.0.0.1:{port}\"\nmax_payload: 8MB\n\
             jetstream {{ store_dir: {store:?}, sync_interval: always }}\n"
        );
        fs::write(&config, text)?;
        let mut command = Command::new(tools().join("python/bin/nats-server"));
        command.arg("--config").arg(&config);
        let server = Server::start(command, port)?;
        Ok(NatsServer { port, _server: server, _folder: folder })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

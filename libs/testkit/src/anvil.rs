//! The development node of Foundry: what ours is compared with.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{Process, Stream};
use crate::{START_WITHIN, tools};

/// What it says before the port that it chose.
const LISTENS: &str = "Listening on 127.0.0.1:";

/// An anvil of the test's own, on a free port.
pub struct Anvil {
    port: u16,
    _server: Process,
}

impl Anvil {
    /// Starts one with further `arguments`.
    pub fn start(arguments: &[&str]) -> Result<Anvil> {
        let mut command = Command::new(foundry("anvil")?);
        command.args(["--host", "127.0.0.1", "--port", "0"]).args(arguments);
        let mut server = Process::start(command)?;
        let listens = server.line_with(Stream::Out, LISTENS, START_WITHIN)?;
        let port = listens.trim().rsplit(':').next().unwrap_or_default();
        let port = port.parse().with_context(|| format!("no port in {listens:?}"))?;
        Ok(Anvil { port, _server: server })
    }

    /// Where it answers JSON-RPC over HTTP.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The same over a WebSocket.
    pub fn socket(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }
}

/// A program of Foundry: `anvil`, `cast` or `forge`. It is the program itself, not npm's wrapper,
/// which would live on as its own process and ends with 0 whatever the program says.
pub fn foundry(program: &str) -> Result<PathBuf> {
    let scope = tools().join("npm/node_modules/@foundry-rs");
    let packages = std::fs::read_dir(&scope)
        .with_context(|| format!("no {}; has ./justw tools run?", scope.display()))?;
    let paths = packages.filter_map(|entry| Some(entry.ok()?.path().join("bin").join(program)));
    let found = paths.into_iter().find(|path| path.is_file());
    found
        .with_context(|| format!("no {program} of Foundry for this machine in {}", scope.display()))
}

//! Mosquitto, a broker of another maker.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::START_WITHIN;
use crate::process::{Process, Stream};

/// Where Debian's package has it, which is not on everybody's path.
const PROGRAM: &str = "/usr/sbin/mosquitto";
/// What it says when it is ready.
const READY: &str = " running";
/// It cannot choose a port itself: how many that seemed free are tried.
const TRIES: usize = 5;

/// A Mosquitto of the test's own.
pub struct Mosquitto {
    port: u16,
    // Before the folder: what is dropped first must be the broker.
    broker: Process,
    _folder: TempDir,
}

impl Mosquitto {
    /// Starts one that lets everybody in.
    pub fn start() -> Result<Mosquitto> {
        Mosquitto::with("log_type all\n")
    }

    /// The same, to be measured: it says little of what it does, holds nothing back that could be
    /// sent, and drops nothing.
    pub fn quiet() -> Result<Mosquitto> {
        Mosquitto::with(
            "log_type information\nmax_inflight_messages 0\nmax_queued_messages 0\n\
             set_tcp_nodelay true\n",
        )
    }

    fn with(settings: &str) -> Result<Mosquitto> {
        for _ in 0..TRIES {
            if let Ok(started) = Mosquitto::try_start(settings) {
                return Ok(started);
            }
        }
        Mosquitto::try_start(settings)
    }

    fn try_start(settings: &str) -> Result<Mosquitto> {
        if !Path::new(PROGRAM).exists() {
            bail!("no {PROGRAM}: ./justw tools installs it");
        }
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let config = folder.path().join("mosquitto.conf");
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n\
             log_dest stderr\n{settings}"
        );
        fs::write(&config, text)?;
        let mut command = Command::new(PROGRAM);
        command.arg("-c").arg(&config);
        let mut broker = Process::start(command)?;
        broker.line_with(Stream::Err, READY, START_WITHIN).context("mosquitto")?;
        Ok(Mosquitto { port, broker, _folder: folder })
    }

    /// The number of its process in the system.
    pub fn id(&self) -> u32 {
        self.broker.id()
    }

    /// Whether it still works.
    pub fn is_running(&mut self) -> Result<bool> {
        self.broker.runs()
    }

    /// Where it listens, on this machine.
    pub fn port(&self) -> u16 {
        self.port
    }
}

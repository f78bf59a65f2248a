//! Processes that end with the test.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a server may take to listen.
const START_WITHIN: Duration = Duration::from_secs(60);

/// A port of the loopback address that nobody listens on.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A server process; killed when dropped.
pub(crate) struct Server(Child);

impl Server {
    /// Starts `command` and waits until it listens on `port`.
    pub(crate) fn start(mut command: Command, port: u16) -> Result<Server> {
        let name = format!("{command:?}");
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {name}; has ./justw tools run?"))?;
        let mut server = Server(child);
        let deadline = Instant::now() + START_WITHIN;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if let Some(status) = server.0.try_wait()? {
                bail!("{name} ended with {status}");
            }
            if Instant::now() > deadline {
                bail!("{name} does not listen on {port} after {START_WITHIN:?}");
            }
            std::thread::yield_now();
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that is gone already needs no killing.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

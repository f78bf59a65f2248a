//! Being asked to end: Ctrl-C, or SIGTERM as a container sends it.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a shell adds to a signal's number where that ended a program.
const BY_SIGNAL: i32 = 128;

/// Hears the signals from the moment it exists, also those that come before anybody waits.
pub struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// Begins to listen. Fails outside of a runtime, or where the system allows no handler.
    pub fn listen() -> io::Result<Stop> {
        let (interrupt, terminate) = (SignalKind::interrupt(), SignalKind::terminate());
        Ok(Stop { interrupt: signal(interrupt)?, terminate: signal(terminate)? })
    }

    /// Returns when the process is asked to end: the exit code of work that this cuts short.
    pub async fn asked(&mut self) -> u8 {
        let kind = tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt(),
            _ = self.terminate.recv() => SignalKind::terminate(),
        };
        u8::try_from(BY_SIGNAL + kind.as_raw_value()).expect("130 or 143")
    }
}

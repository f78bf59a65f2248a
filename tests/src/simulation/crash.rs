//! How a service dies, and why a request to it did not go through.

/// When a process dies: around its next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crash {
    /// Its memory has changed, nothing of it is written.
    Before,
    /// All is written, nobody was told.
    After,
}

impl Crash {
    pub(super) fn name(self) -> &'static str {
        match self {
            Crash::Before => "before",
            Crash::After => "after",
        }
    }
}

/// Why a request did not go through.
#[derive(Debug)]
pub(super) enum Stop {
    /// The process died and is back; whoever asked has no answer and asks again.
    Crashed(Crash),
    /// Something must come first; it is offered again.
    NotYet,
    /// An invariant does not hold.
    Broken(String),
}

impl Stop {
    pub(super) fn broken(error: impl std::fmt::Display) -> Stop {
        Stop::Broken(error.to_string())
    }
}

/// What a service that was rebuilt from what it had committed must be.
pub(super) fn same<T: PartialEq>(what: &str, rebuilt: &T, before: &T) -> Result<(), Stop> {
    if rebuilt == before {
        return Ok(());
    }
    Err(Stop::Broken(format!("replay: {what} is not what it was before the crash")))
}

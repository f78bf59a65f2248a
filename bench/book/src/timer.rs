//! The time that this thread's processor worked.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A moment of the processor's time.
pub(crate) struct Timer(Duration);

impl Timer {
    pub(crate) fn start() -> Timer {
        Timer(now())
    }

    pub(crate) fn seconds(&self) -> f64 {
        now().saturating_sub(self.0).as_secs_f64()
    }
}

fn now() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

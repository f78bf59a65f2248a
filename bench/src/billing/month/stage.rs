//! How long the stages of a month take and how much memory they need.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};

use crate::measure::count;

/// How long something took and how much memory there was.
#[derive(Default)]
pub(super) struct Stage {
    pub(super) name: &'static str,
    wall: Duration,
    /// Of all processors.
    pub(super) work: Duration,
    pub(super) peak_mib: f64,
}

impl Stage {
    /// The most memory is counted from here on.
    pub(super) fn begin(name: &'static str) -> Self {
        // A system without it says the most since the start.
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Self { name, ..Self::default() }
    }

    /// Counts the time of some work to the stage.
    pub(super) async fn timed<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let (began, worked) = (Instant::now(), processors());
        let done = work.await?;
        self.wall += began.elapsed();
        self.work += processors().saturating_sub(worked);
        Ok(done)
    }

    /// Tells how it was.
    pub(super) fn end(mut self, folder: &Path, customers: usize) -> Self {
        self.peak_mib = memory("VmHWM:");
        eprintln!(
            "  {:<42} {:>9.2} s, {:>9.2} s of processors, {:>7.0} MiB at most, {:>7.0} MiB then, \
             {:>7.0} MiB on disk; {customers} customers",
            self.name,
            self.wall.as_secs_f64(),
            self.work.as_secs_f64(),
            self.peak_mib,
            memory("VmRSS:"),
            on_disk(folder),
        );
        self
    }

    pub(super) fn seconds(&self) -> f64 {
        self.wall.as_secs_f64()
    }
}

/// What all processors have worked for this process.
fn processors() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// MiB by a line of the process's status.
fn memory(line: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let found = status.lines().find_map(|one| one.strip_prefix(line));
    let kib = found.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(f64::NAN) / 1024.0
}

/// MiB of the files in a folder.
fn on_disk(folder: &Path) -> f64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes: u64 = files.filter_map(|file| Some(file.metadata().ok()?.len())).sum();
    count(u32::try_from(bytes >> 10).unwrap_or(u32::MAX)) / 1024.0
}

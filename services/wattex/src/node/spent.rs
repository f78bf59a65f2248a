//! Where the time goes: wall time by kind of work.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wall time by kind of work. Work that overlaps counts in each kind.
#[derive(Debug, Default)]
pub struct Spent(Mutex<BTreeMap<&'static str, Duration>>);

impl Spent {
    /// Does `work` and counts its time as `kind`.
    pub async fn on<T>(&self, kind: &'static str, work: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let done = work.await;
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *kinds.entry(kind).or_default() += began.elapsed();
        done
    }

    /// Milliseconds by kind.
    pub fn milliseconds(&self) -> BTreeMap<String, u64> {
        let kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = |spent: &Duration| u64::try_from(spent.as_millis()).unwrap_or(u64::MAX);
        kinds.iter().map(|(kind, spent)| ((*kind).to_owned(), whole(spent))).collect()
    }
}

//! Work that falls due as time passes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use calendar::Timestamp;
use tokio::sync::watch;

use crate::Clock;

/// A service that does what is due at a moment it is told.
#[async_trait]
pub trait Tick: Send + Sync {
    /// The service's name, for logs.
    fn name(&self) -> &'static str;

    /// Does everything that is due at `now` and not done yet. Calling it again at the same moment,
    /// or after a crash, does nothing twice. Returns whether there was something to do.
    async fn tick(&self, now: Timestamp) -> Result<bool>;
}

/// Ticks `service` by `clock` every `period` until `stop` turns true. A fault is logged and the
/// work is due again at the next tick.
pub async fn run_ticks(
    service: Arc<dyn Tick>,
    clock: Clock,
    period: Duration,
    mut stop: watch::Receiver<bool>,
) {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stopped| *stopped) => return,
            _ = interval.tick() => {}
        }
        if let Err(error) = service.tick(clock.now()).await {
            tracing::error!(service = service.name(), error = format!("{error:#}"), "tick failed");
        }
    }
}

//! Notices in the all-in-one: its wiring, and the task in which it sends.

use std::sync::Arc;

use anyhow::{Context, Result};
use notices::{Network, Notices};
use service::Clock;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use utoipa_actix_web::service_config::ServiceConfig;
use vault::MasterKey;

use super::{Secrets, Wired};

/// How systems and people outside are told what happens.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// Networks that webhooks may go to though they are not public.
    pub webhook_networks: Vec<Network>,
}

/// Notices at work, by the machine's clock: who is told is not in the market's time, and nobody
/// here waits for them.
pub(super) struct Telling {
    notices: Arc<Notices>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Telling {
    pub(super) async fn start(wired: &Wired<'_>, secrets: &Secrets) -> Result<Telling> {
        let parts = notices::Parts {
            db_url: wired.database("notices"),
            bus: wired.bus.clone(),
            clock: Clock::real(),
            master_key: MasterKey::from_bytes(secrets.derive("notices/secrets").0),
            allowed: wired.settings.outside.webhook_networks.clone(),
        };
        let notices = notices::start(parts).await.context("starting notices")?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(notices.clone().run(stopped));
        Ok(Telling { notices, stop, task })
    }

    pub(super) fn routes(
        &self,
    ) -> impl Fn(&mut ServiceConfig<'_>) + Clone + Send + Sync + use<> + 'static {
        notices::routes(self.notices.clone())
    }

    /// Ends the task, and closes the database.
    pub(super) async fn stop(self) {
        // The task may be over.
        let _ = self.stop.send(true);
        let _ = self.task.await;
        self.notices.close().await;
    }
}

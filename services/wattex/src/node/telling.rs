//! Notices in the all-in-one: its wiring, and the task in which it sends.

use std::sync::Arc;

use anyhow::{Context, Result};
use billing::Billing;
use notices::{Currency, Mail, Network, Notices, Paper, Papers};
use service::Clock;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use utoipa_actix_web::service_config::ServiceConfig;
use vault::MasterKey;

use super::{Register, Secrets, Wired};

/// How systems and people outside are told what happens.
#[derive(Debug, Clone, Default)]
pub struct Outside {
    /// Networks that webhooks may go to though they are not public.
    pub webhook_networks: Vec<Network>,
    /// The mail server; without one nobody is written to.
    pub mail: Option<Mail>,
    /// The register of trades between utilities; without one nobody answers for it.
    pub deg: Option<Register>,
}

/// Notices at work, by the machine's clock: who is told is not in the market's time, and nobody
/// here waits for them.
pub(super) struct Telling {
    notices: Arc<Notices>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Telling {
    pub(super) async fn start(
        wired: &Wired<'_>,
        secrets: &Secrets,
        billing: Arc<Billing>,
    ) -> Result<Telling> {
        let head = wired.settings.tariff.head();
        let currency = Currency { code: head.currency.clone(), digits: head.currency_digits };
        let parts = notices::Parts {
            db_url: wired.database("notices"),
            bus: wired.bus.clone(),
            clock: Clock::real(),
            master_key: MasterKey::from_bytes(secrets.derive("notices/secrets").0),
            allowed: wired.settings.outside.webhook_networks.clone(),
            mail: wired.settings.outside.mail.clone(),
            papers: papers(billing),
            currency,
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

/// Where bills' pages come from: the service beside.
fn papers(billing: Arc<Billing>) -> Papers {
    Arc::new(move |invoice, language| {
        let billing = billing.clone();
        Box::pin(async move {
            let pages = billing.invoice_pages(invoice, &language).await?;
            Ok(pages.map(|pages| Paper { name: pages.name, pdf: pages.pdf }))
        })
    })
}

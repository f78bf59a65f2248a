//! Metering in the all-in-one: its wiring.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Result;
use client::Sender;

use super::chain::role;
use super::{Secrets, Settings, Wired};
use crate::exit::Trouble;

/// Seconds after a slot's end until it closes without the meters that have not reported.
const GRACE_SECONDS: i64 = 600;

impl Wired<'_> {
    pub(super) async fn metering(&self, secrets: &Secrets) -> Result<Arc<metering::Metering>> {
        let config = metering::Config {
            database: self.database("metering"),
            mqtt: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: self.settings.mqtt_tls.clone(),
            slot: self.settings.slot,
            grace_seconds: GRACE_SECONDS,
            readings_kept_days: self.settings.readings_kept_days,
            limits: metering::Limits::default(),
            bridges: Vec::new(),
        };
        let anchor = metering::Anchor {
            sender: Arc::new(Sender::new(secrets.key(role::READINGS), self.chain_id)),
            contracts: self.deployment,
        };
        let clock = self.clock.clone();
        let metering = metering::Metering::open(config, clock, anchor, self.node.clone()).await?;
        self.bus.subscribe(metering.clone()).await?;
        Ok(metering)
    }
}

/// Why the broker does not listen: a port that is taken is the user's to choose.
pub(super) fn not_listening(settings: &Settings, error: anyhow::Error) -> anyhow::Error {
    let taken = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    let taken = taken.map(std::io::Error::kind).any(|kind| kind == ErrorKind::AddrInUse);
    match settings.mqtt_tls.as_ref().filter(|_| taken) {
        Some(tls) => Trouble::PortTaken { port: tls.address.port(), option: "--mqtt-tls" }.into(),
        None => error.context("starting the MQTT broker"),
    }
}

/// The routes of metering.
pub(super) fn routes(
    metering: &Arc<metering::Metering>,
) -> impl Fn(&mut utoipa_actix_web::service_config::ServiceConfig<'_>) + Send + Sync + 'static {
    let metering = actix_web::web::Data::from(metering.clone());
    move |config| {
        config.app_data(metering.clone());
        metering::api::routes(config);
    }
}

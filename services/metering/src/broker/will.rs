//! What a client leaves to be published when its line ends without a farewell.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ids::MeterId;
use mqtt5_protocol::packet::connect::ConnectPacket;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::codec::V5;
use super::message::{Publication, passed_on};
use super::sessions::Sessions;
use crate::domain::topic::{Client, Subject};
use crate::writer::{Message, Receipts};

/// How often wills and sessions are looked for that are due.
const LOOK: Duration = Duration::from_millis(500);

/// A will.
#[derive(Debug)]
pub(super) struct Will {
    /// The meter that leaves it, if it is one.
    meter: Option<MeterId>,
    subject: Subject,
    publication: Publication,
    /// Seconds that the message lives.
    expiry: Option<u32>,
    /// How long its client may be away before it is published.
    pub(super) delay: Duration,
}

/// The client may not publish what it wants to leave.
#[derive(Debug)]
pub(super) struct NotItsTopic;

impl Will {
    /// What `connect` wants to leave, if it does.
    pub(super) fn of(
        connect: &ConnectPacket,
        client: &Client,
    ) -> Result<Option<Will>, NotItsTopic> {
        let Some(will) = &connect.will else { return Ok(None) };
        let subject = client.publishes(&will.topic).ok_or(NotItsTopic)?;
        let (properties, expiry) = match connect.protocol_version {
            V5 => passed_on(&connect.will_properties),
            _ => (Bytes::new(), None),
        };
        let publication = Publication {
            topic: will.topic.as_str().into(),
            payload: will.payload.clone().into(),
            properties,
            expires: None,
            quality: will.qos,
            retain: will.retain,
        };
        let delay = will.properties.will_delay_interval.unwrap_or(0);
        let delay = Duration::from_secs(delay.into());
        let meter = match client {
            Client::Meter(meter) => Some(*meter),
            Client::Bridge { .. } => None,
        };
        Ok(Some(Will { meter, subject, publication, expiry, delay }))
    }

    /// A will that says `said` on a topic that was given to a bridge.
    #[cfg(test)]
    pub(super) fn saying(said: &str, delay: Duration) -> Will {
        let publication = Publication {
            topic: said.into(),
            payload: Bytes::new(),
            properties: Bytes::new(),
            expires: None,
            quality: mqtt5_protocol::QoS::AtMostOnce,
            retain: false,
        };
        let subject = Subject::Word(crate::domain::topic::Owner::Given(said.into()));
        Will { meter: None, subject, publication, expiry: None, delay }
    }

    #[cfg(test)]
    pub(super) fn topic(&self) -> &str {
        &self.publication.topic
    }

    /// Stores it, where it is a reading, and passes it on. A meter that was revoked since it left
    /// it has nothing to say any more.
    async fn publish(self, shared: &Shared, now: Instant) {
        let Will { meter, subject, mut publication, expiry, .. } = self;
        if let Some(meter) = meter {
            match shared.login.enter_certified(meter).await {
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(error) => {
                    let error = format!("{error:#}");
                    return tracing::error!(%meter, error, "a will is lost: whose it is is unknown");
                }
            }
        }
        publication.expires = expiry.map(|seconds| now + Duration::from_secs(seconds.into()));
        if let Subject::Reading(meter) = subject {
            let receipts = Arc::<Receipts>::default();
            let message = Message { meter, bytes: publication.payload.clone() };
            if !shared.desk.hand_in(vec![message], &receipts).await {
                return;
            }
            while receipts.stored() == 0 {
                if receipts.have_failed() {
                    return tracing::error!(%meter, "a reading that was left as a will is lost");
                }
                receipts.news().await;
            }
        }
        // Where there is no room to retain it, nobody is left to be told.
        shared.publish(publication, &subject, None, false).ok();
    }
}

/// Looks which wills are due and ends the sessions that are over, until `stop`.
pub(super) async fn sweep(sessions: Sessions, stop: CancellationToken) {
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(looks.tick()).await.is_some() {
        sessions.sweep(Instant::now());
    }
}

/// Publishes wills when they are due, until `stop`: one after the other, as the writer takes them.
pub(super) async fn publish_due(sessions: Sessions, shared: Arc<Shared>, stop: CancellationToken) {
    let published = async {
        loop {
            sessions.will_is_due().await;
            for will in sessions.due() {
                will.publish(&shared, Instant::now()).await;
            }
        }
    };
    stop.run_until_cancelled(published).await;
}

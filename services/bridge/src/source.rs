//! The broker that devices publish to: messages come in batches and are acknowledged when what
//! follows from them is on disk.

use std::time::Duration;

use anyhow::{Context, Result};
use rumqttc::{
    AsyncClient, Event, EventLoop, LastWill, MqttOptions, Packet, Publish, QoS, SubscribeFilter,
    SubscribeReasonCode, Transport,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::config::{Config, METERS_MAX, secret};
use crate::domain::discovery::{Retained, availability};
use crate::tls::Tunnel;

/// Messages that are taken in one transaction at most.
pub(crate) const BATCH_MAX: usize = 256;
/// Requests that wait for the line: twice the acknowledgements of a batch and what is said of every
/// meter, its announcements and its last reading, so that none is ever refused.
const REQUESTS_MAX: usize = 2 * (BATCH_MAX + 3 * METERS_MAX + 1);
/// The largest packet, in bytes. A larger one ends the line, and what a broker has kept for a topic
/// would end it again: above what any format reads, so that the format says that it is too large.
const PACKET_BYTES_MAX: usize = 1 << 24;
/// Pause before connecting again.
const PAUSE: Duration = Duration::from_secs(2);

/// A line to the broker that is taken up again whenever it is lost.
pub(crate) struct Line {
    client: AsyncClient,
    client_id: String,
    connection: JoinHandle<()>,
    /// What encrypts it, where something does.
    _tunnel: Option<Tunnel>,
}

/// What comes over the line.
pub(crate) enum Arrival {
    /// The line is up; what was announced before is to be said again.
    Connected,
    /// The broker does not let us hear some of the topics.
    Refused,
    /// A message.
    Message(Publish),
}

impl Line {
    /// Connects to the broker of `config`, for the messages by these topics.
    pub(crate) fn connect(
        config: &Config,
        topics: Vec<String>,
    ) -> Result<(Line, mpsc::Receiver<Arrival>)> {
        let source = &config.source;
        let client_id = source.client_id.clone();
        let (host, port) = (source.host.as_str(), source.port());
        let tunnel = source.roots.as_deref().map(|roots| Tunnel::open(host, port, roots));
        let tunnel = tunnel.transpose()?;
        let mut options = match &tunnel {
            None => MqttOptions::new(&client_id, host, port),
            Some(tunnel) => {
                let path = tunnel.path().to_string_lossy();
                let mut options = MqttOptions::new(&client_id, path, port);
                options.set_transport(Transport::unix());
                options
            }
        };
        options
            .set_keep_alive(Duration::from_secs(30))
            .set_clean_session(true)
            .set_manual_acks(true)
            .set_max_packet_size(PACKET_BYTES_MAX, PACKET_BYTES_MAX)
            .set_last_will(LastWill::new(
                availability(&client_id),
                "offline",
                QoS::AtLeastOnce,
                true,
            ));
        if let Some(name) = &source.username {
            let password = source.password_file.as_deref().map(secret).transpose();
            let password = password.context("source.password_file")?;
            options.set_credentials(name, password.unwrap_or_default());
        }
        let (client, events) = AsyncClient::new(options, REQUESTS_MAX);
        let (arrivals, queue) = mpsc::channel(BATCH_MAX);
        let connection = tokio::spawn(listen(events, client.clone(), topics, arrivals));
        Ok((Line { client, client_id, connection, _tunnel: tunnel }, queue))
    }

    /// Tells the broker that a message needs not be sent again.
    pub(crate) fn acknowledge(&self, message: &Publish) {
        if let Err(error) = self.client.try_ack(message) {
            // The broker sends it once more, and it is known then.
            tracing::debug!(%error, "a message is not acknowledged");
        }
    }

    /// Says something that whoever subscribes later is told too.
    pub(crate) fn retain(&self, retained: &Retained) {
        self.publish(&retained.topic, retained.payload.to_string());
    }

    /// Says that the bridge is there, or not.
    pub(crate) fn say_available(&self, available: bool) {
        let said = if available { "online" } else { "offline" };
        self.publish(&availability(&self.client_id), said.to_owned());
    }

    fn publish(&self, topic: &str, payload: String) {
        if let Err(error) = self.client.try_publish(topic, QoS::AtLeastOnce, true, payload) {
            tracing::warn!(%error, topic, "not said to the broker");
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

async fn listen(
    mut events: EventLoop,
    client: AsyncClient,
    topics: Vec<String>,
    arrivals: mpsc::Sender<Arrival>,
) {
    loop {
        let arrival = match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                tracing::info!("connected to the broker");
                let filter = |topic: &String| SubscribeFilter::new(topic.clone(), QoS::AtLeastOnce);
                if let Err(error) = client.try_subscribe_many(topics.iter().map(filter)) {
                    tracing::error!(%error, "not subscribed");
                }
                Arrival::Connected
            }
            Ok(Event::Incoming(Packet::SubAck(answer))) => {
                if !answer.return_codes.contains(&SubscribeReasonCode::Failure) {
                    continue;
                }
                Arrival::Refused
            }
            Ok(Event::Incoming(Packet::Publish(message))) => Arrival::Message(message),
            Ok(_) => continue,
            Err(error) => {
                tracing::warn!(%error, "the broker is away");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        if arrivals.send(arrival).await.is_err() {
            return;
        }
    }
}

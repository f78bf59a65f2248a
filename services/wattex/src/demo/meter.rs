//! A home's meter: a real MQTT client that signs its registers and waits for the broker's word.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use calendar::Timestamp;
use ids::MeterId;
use keys::SecretKey;
use reading::Status;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use units::Register;

/// How long the broker may take to acknowledge.
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(60);
/// Pause before connecting again.
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);
/// The version our meters report.
const FIRMWARE: u32 = 1;
/// Publishes a client holds at a time.
const QUEUE_MAX: usize = 16;

/// One meter.
pub struct Meter {
    id: MeterId,
    key: SecretKey,
    topic: String,
    client: AsyncClient,
    acknowledged: watch::Receiver<u64>,
    published: u64,
    connection: JoinHandle<()>,
}

/// What a meter says at one slot boundary.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// Rises by one per reading.
    pub page: u32,
    /// The boundary.
    pub time: Timestamp,
    /// Import register.
    pub import: Register,
    /// Export register.
    pub export: Register,
}

impl Meter {
    /// Connects the meter `id` to the broker on this machine.
    pub fn connect(id: MeterId, key: SecretKey, token: &str, port: u16) -> Meter {
        let mut options = MqttOptions::new(format!("meter-{id}"), "127.0.0.1", port);
        options.set_credentials(id.to_string(), token);
        options.set_keep_alive(Duration::from_secs(60));
        let (client, events) = AsyncClient::new(options, QUEUE_MAX);
        let (count, acknowledged) = watch::channel(0);
        let connection = tokio::spawn(listen(events, count));
        let topic = format!("wattex/v1/{id}/reading");
        Meter { id, key, topic, client, acknowledged, published: 0, connection }
    }

    /// Signs and publishes `reading`; returns when the broker has acknowledged it, that is, when it
    /// is stored (or quarantined).
    pub async fn publish(&mut self, reading: Reading) -> Result<()> {
        let payload = reading::Reading {
            meter: self.id,
            page: reading.page,
            time: reading.time,
            import: reading.import,
            export: reading.export,
            status: Status::default(),
            firmware: FIRMWARE,
        };
        self.publish_raw(payload.sign(&self.key).encode()).await
    }

    /// Publishes `payload` as it is and waits for the acknowledgement.
    pub async fn publish_raw(&mut self, payload: Vec<u8>) -> Result<()> {
        self.client.publish(&self.topic, QoS::AtLeastOnce, false, payload).await?;
        self.published += 1;
        let awaited = self.published;
        let wait = self.acknowledged.wait_for(|count| *count >= awaited);
        match tokio::time::timeout(ACKNOWLEDGE_WITHIN, wait).await {
            Ok(count) => count.map(|_| ()).context("the meter's connection ended"),
            Err(_) => bail!("meter {}: no acknowledgement in {ACKNOWLEDGE_WITHIN:?}", self.id),
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Polls the connection and counts acknowledgements; connects again when it is lost.
async fn listen(mut events: EventLoop, acknowledged: watch::Sender<u64>) {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::PubAck(_))) => {
                acknowledged.send_modify(|count| *count += 1);
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "a meter lost the broker");
                tokio::time::sleep(RECONNECT_PAUSE).await;
            }
        }
    }
}

//! A charger's lines on a broker, as the gateway of its maker publishes them: MQTT 3.1.1, nothing
//! retained. QoS is 1, so that what was not delivered is known.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use mppt::victron::Line;
use rumqttc::{Client, ConnectionError, Event, MqttOptions, Packet, QoS};

/// The port where none is given.
const PORT: u16 = 1883;
/// Messages that wait for the line.
const WAITING_MAX: usize = 1000;
/// How long the last messages may wait for their acknowledgement.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the charger publishes, and how fast.
#[derive(clap::Args)]
pub(super) struct Publishing {
    /// A broker that is told too, at the pace of the charger's time.
    #[arg(long, value_name = "HOST[:PORT]", value_parser = address)]
    broker: Option<(String, u16)>,
    /// The user there.
    #[arg(long, value_name = "NAME", requires = "broker")]
    username: Option<String>,
    /// A file with the user's password.
    #[arg(long, value_name = "FILE", requires = "username")]
    password_file: Option<PathBuf>,
    /// How many times faster than real the charger's time runs.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "broker")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    speed: u32,
}

fn address(text: &str) -> Result<(String, u16), String> {
    let wrong = || "a host, perhaps with a port: venus.local:1883".to_owned();
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, port.parse().map_err(|_| wrong())?),
        _ => (text, PORT),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() { Err(wrong()) } else { Ok((host.to_owned(), port)) }
}

/// A line to a broker.
pub(super) struct Broker {
    client: Client,
    /// An acknowledgement each, and at last why the line ended.
    news: Receiver<Result<(), ConnectionError>>,
    unacknowledged: usize,
    began: Instant,
    speed: u32,
}

impl Publishing {
    /// The broker, where there is one.
    pub(super) fn connect(&self, client_id: &str) -> Result<Option<Broker>> {
        let Some((host, port)) = &self.broker else { return Ok(None) };
        let mut options = MqttOptions::new(client_id, host, *port);
        options.set_keep_alive(Duration::from_secs(30));
        if let Some(name) = &self.username {
            let password = self.password_file.as_ref().map(std::fs::read_to_string).transpose();
            let password = password.context("--password-file")?.unwrap_or_default();
            options.set_credentials(name, password.trim());
        }
        let (client, mut connection) = Client::new(options, WAITING_MAX);
        let (tell, news) = channel();
        thread::spawn(move || {
            for event in connection.iter() {
                let said = match event {
                    Ok(Event::Incoming(Packet::PubAck(_))) => tell.send(Ok(())),
                    Ok(_) => continue,
                    Err(error) => {
                        tell.send(Err(error)).ok();
                        return;
                    }
                };
                if said.is_err() {
                    return;
                }
            }
        });
        let (began, speed) = (Instant::now(), self.speed);
        Ok(Some(Broker { client, news, unacknowledged: 0, began, speed }))
    }
}

impl Broker {
    /// Publishes the lines of `second`, not before it has come.
    pub(super) fn publish(&mut self, second: u32, lines: &[Line]) -> Result<()> {
        let due = self.began + Duration::from_secs(second.into()) / self.speed;
        loop {
            match self.news.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(news) => self.hear(news)?,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => bail!("the broker has ended the line"),
            }
        }
        for line in lines {
            let payload = line.payload.as_bytes();
            self.client
                .publish(&line.topic, QoS::AtLeastOnce, false, payload)
                .context("the broker")?;
            self.unacknowledged += 1;
        }
        Ok(())
    }

    /// Waits until everything is acknowledged, and leaves.
    pub(super) fn finish(mut self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while self.unacknowledged > 0 {
            match self.news.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(news) => self.hear(news)?,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    bail!("the broker has not acknowledged {} messages", self.unacknowledged)
                }
            }
        }
        Ok(self.client.disconnect()?)
    }

    fn hear(&mut self, news: Result<(), ConnectionError>) -> Result<()> {
        news.context("the broker")?;
        self.unacknowledged = self.unacknowledged.saturating_sub(1);
        Ok(())
    }
}

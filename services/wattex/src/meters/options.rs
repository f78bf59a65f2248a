//! What a fleet can be told.

use std::path::PathBuf;

use anyhow::Result;
use calendar::{SlotLength, TimeZone, Timestamp};
use clap::{Args, ValueEnum};
use fleet::{DEVICES_MAX, Faults, Login, READINGS_MAX, Version};
use ids::ZoneId;

use crate::exit::Trouble;

/// Which MQTT is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mqtt {
    /// 3.1.1.
    #[value(name = "3.1.1")]
    V3,
    /// 5.
    #[value(name = "5")]
    V5,
}

impl From<Mqtt> for Version {
    fn from(mqtt: Mqtt) -> Version {
        match mqtt {
            Mqtt::V3 => Version::V3,
            Mqtt::V5 => Version::V5,
        }
    }
}

/// An installation and who signs in there.
#[derive(Args)]
pub struct Staff {
    /// The installation, e.g. `http://127.0.0.1:8080`: to enrol meters, and to ask where they are.
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// E-mail address of an operator or admin.
    #[arg(long, value_name = "ADDRESS", env = "WATTEX_EMAIL")]
    pub email: Option<String>,
    /// The password.
    #[arg(long, value_name = "TEXT", env = "WATTEX_PASSWORD", hide_env_values = true)]
    pub password: Option<String>,
}

impl Staff {
    /// Who signs in where.
    pub fn login(&self) -> Result<(&str, Login), Trouble> {
        let (Some(server), Some(email), Some(password)) =
            (&self.server, &self.email, &self.password)
        else {
            let why = "--server, --email and --password (WATTEX_EMAIL, WATTEX_PASSWORD) are needed";
            return Err(Trouble::Argument(why.to_owned()));
        };
        Ok((server, Login { email: email.clone(), password: password.clone() }))
    }
}

/// Arguments of `wattex meters`.
#[derive(Args)]
pub struct Arguments {
    /// How many meters.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = meters)]
    pub count: usize,
    /// Messages per second of the whole fleet; 0: as fast as they are acknowledged.
    #[arg(long, value_name = "R", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u64).range(..=1_000_000))]
    pub rate: u64,
    /// The broker.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:1883", value_parser = place)]
    pub broker: (String, u16),
    /// Which MQTT is spoken.
    #[arg(long, value_name = "VERSION", default_value = "3.1.1")]
    pub mqtt: Mqtt,
    /// TLS, with the roots of the broker's certificate in this file (PEM).
    #[arg(long, value_name = "FILE")]
    pub tls_roots: Option<PathBuf>,
    /// The list of the meters, with their keys: a line of JSON each (`meter`, `key`, `token`).
    /// Where there is no such file, meters are made, enrolled with the server and written to it.
    #[arg(long, value_name = "FILE", default_value = "meters.jsonl")]
    pub roster: PathBuf,
    #[command(flatten)]
    pub staff: Staff,
    /// The grid area of meters that are enrolled; that of the first connection point when absent.
    #[arg(long, value_name = "ID")]
    pub zone: Option<ZoneId>,
    /// Whose local days count for meters that are enrolled.
    #[arg(long, value_name = "NAME", default_value = "Europe/Berlin")]
    pub timezone: TimeZone,
    /// What is sent and acknowledged is written here before, for `wattex meters check`.
    #[arg(long, value_name = "FILE")]
    pub intents: Option<PathBuf>,
    /// End after so many seconds; at Ctrl-C when absent.
    #[arg(long = "for", value_name = "SECONDS")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub seconds: Option<u64>,
    /// End when each meter has sent so many messages.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub messages: Option<u64>,
    /// Sign all messages before the first is sent; needs --messages.
    #[arg(long, requires = "messages")]
    pub presign: bool,
    /// Readings in a message, each signed unless all are together.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = readings)]
    pub readings: usize,
    /// One signature for all readings of a message.
    #[arg(long)]
    pub together: bool,
    /// Messages of a meter that may wait for their acknowledgement.
    #[arg(long, value_name = "N", default_value_t = 16)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub in_flight: u16,
    /// Length of a slot, in minutes: a meter has one reading in each.
    #[arg(long, value_name = "MINUTES", default_value = "15", value_parser = slot)]
    pub slot: SlotLength,
    /// The time of the first reading of meters that have none, e.g. 2026-01-01T00:00:00Z; 400 days
    /// ago when absent. A fleet that says more than a reading in a slot needs a past to say it of.
    #[arg(long, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// No reading is of a later time; now when absent.
    #[arg(long, value_name = "TIME")]
    pub until: Option<Timestamp>,
    /// Seed of the registers and the faults.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Print the figures as JSON at the end.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub wrong: Wrong,
}

/// What goes wrong on purpose. Rates are of a thousand messages.
#[derive(Args)]
pub struct Wrong {
    /// Messages that are sent again: stored once.
    #[arg(long, value_name = "PER_MILLE", default_value_t = 0)]
    duplicates: u32,
    /// Messages that overtake the one before.
    #[arg(long, value_name = "PER_MILLE", default_value_t = 0)]
    reordered: u32,
    /// Messages before which up to five pages are missing.
    #[arg(long, value_name = "PER_MILLE", default_value_t = 0)]
    gaps: u32,
    /// Messages of a clock that is wrong by up to two minutes: not believed.
    #[arg(long, value_name = "PER_MILLE", default_value_t = 0)]
    clock_drift: u32,
    /// Messages that another key signed: not believed.
    #[arg(long, value_name = "PER_MILLE", default_value_t = 0)]
    bad_signatures: u32,
    /// Messages that are cut short: not believed.
    #[arg(long, value_name = "PER_MILLE", default_value_t = 0)]
    bad_payloads: u32,
    /// Bytes that are no MQTT: the broker ends the line.
    #[arg(long, value_name = "PER_MILLE", default_value_t = 0)]
    malformed_packets: u32,
    /// All lines end at the same moment, each so many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub disconnect_storms: Option<u64>,
    /// So many of the meters let acknowledgements wait.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub slow_readers: usize,
    /// So many of the meters enter and say nothing, not even a ping.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub silent: usize,
}

impl Wrong {
    /// The faults of messages.
    pub fn faults(&self) -> Result<Faults, Trouble> {
        let faults = Faults {
            duplicates: self.duplicates,
            reordered: self.reordered,
            gaps: self.gaps,
            drift: self.clock_drift,
            signatures: self.bad_signatures,
            payloads: self.bad_payloads,
            packets: self.malformed_packets,
        };
        let why = || "the rates of faults are more than a thousand together".to_owned();
        faults.fit().then_some(faults).ok_or_else(|| Trouble::Argument(why()))
    }
}

fn meters(text: &str) -> Result<usize, String> {
    within(text, DEVICES_MAX)
}

fn readings(text: &str) -> Result<usize, String> {
    within(text, READINGS_MAX)
}

fn within(text: &str, most: usize) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=most).contains(count));
    count.ok_or_else(|| format!("use a whole number from 1 to {most}"))
}

fn slot(text: &str) -> Result<SlotLength, String> {
    let minutes = text.parse().map_err(|_| "use 5, 15, 30 or 60".to_owned())?;
    SlotLength::from_minutes(minutes).map_err(|error| error.to_string())
}

/// A host and a port.
fn place(text: &str) -> Result<(String, u16), String> {
    let place = text.rsplit_once(':').and_then(|(host, port)| {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some((host.to_owned(), port.parse().ok()?))
    });
    place.filter(|(host, _)| !host.is_empty()).ok_or_else(|| "use HOST:PORT".to_owned())
}

//! What a household or an installer sets.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use calendar::SlotLength;
use formats::Format;
use ids::MeterId;
use keys::{Address, SecretKey};
use serde::{Deserialize, Serialize};
use units::Power;
use vee::Dial;

use crate::domain::sampler::{Direction, Rules};
use crate::domain::selector::Selector;
use crate::domain::track::Bounds;

/// The most meters of one bridge.
pub const METERS_MAX: usize = 1_000;
/// The most registers that are added up for one direction of a meter.
pub const REGISTERS_MAX: usize = 16;
/// The largest file with a secret, in bytes.
const SECRET_BYTES_MAX: u64 = 4096;

/// Settings of a bridge; a key that is not one of these is an error. Paths are relative to the
/// file that names them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The broker that devices publish to.
    pub source: Source,
    /// Where Wattex is: `https://...`, or `http://` on this machine.
    pub server: String,
    /// Where the bridge keeps what it has to remember: a file of SQLite.
    pub state: PathBuf,
    /// How long a slot lasts, in minutes.
    #[serde(default = "quarter_hour")]
    pub slot_minutes: SlotLength,
    /// Under which topic Home Assistant finds the meters; without it they are not announced.
    #[serde(default)]
    pub discovery_prefix: Option<String>,
    /// The meters.
    pub meters: Vec<MeterConfig>,
}

/// A broker of MQTT 3.1.1.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name or address.
    pub host: String,
    /// Its port; where it is not said 1883, and 8883 with TLS.
    #[serde(default)]
    pub port: Option<u16>,
    /// A file in PEM with the roots that may vouch for its certificate: then the line has TLS. The
    /// system's are in a file such as /etc/ssl/certs/ca-certificates.crt.
    #[serde(default)]
    pub roots: Option<PathBuf>,
    /// The user, where it wants one.
    #[serde(default)]
    pub username: Option<String>,
    /// A file with the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// What the bridge calls itself there.
    #[serde(default = "client_id")]
    pub client_id: String,
}

/// A meter whose registers a device shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeterConfig {
    /// The meter as it is enrolled.
    pub meter: MeterId,
    /// What a person calls it.
    #[serde(default)]
    pub name: Option<String>,
    /// A file with the key that signs for the device: 64 hex digits. Its address is enrolled.
    pub key_file: PathBuf,
    /// A file with the token that the meter was enrolled with.
    pub token_file: PathBuf,
    /// The format of the device's messages, as `wattex formats` lists them.
    pub format: String,
    /// The topics they come by, as an MQTT client subscribes to them.
    pub topic: String,
    /// The registers that add up to what is taken from the grid; none: it stays at zero.
    #[serde(default)]
    pub import: Vec<Selector>,
    /// The registers that add up to what is fed into the grid.
    #[serde(default)]
    pub export: Vec<Selector>,
    /// The most that flows, in watts: a register that jumps further is in doubt.
    #[serde(default = "power_max")]
    pub watts_max: u64,
    /// How many digits of watt-hours a register has, where it begins again at zero behind them.
    #[serde(default)]
    pub digits: Option<u8>,
    /// How many seconds old a register may be at a slot's end.
    #[serde(default = "age_max")]
    pub age_seconds_max: u32,
}

fn quarter_hour() -> SlotLength {
    SlotLength::QUARTER_HOUR
}

impl Source {
    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.roots.is_some() { 8883 } else { 1883 })
    }
}

fn client_id() -> String {
    "wattex-bridge".to_owned()
}

fn power_max() -> u64 {
    50_000
}

fn age_max() -> u32 {
    120
}

impl Config {
    /// The settings in a JSON file.
    ///
    /// # Errors
    /// When it cannot be read, or a setting is not one; the error names it.
    pub fn read(path: &Path) -> Result<Config> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let mut parser = serde_json::Deserializer::from_str(&text);
        let parsed: Result<Config, _> = serde_path_to_error::deserialize(&mut parser);
        let mut config = parsed.with_context(|| path.display().to_string())?;
        config.relative_to(path.parent().unwrap_or(Path::new(".")));
        config.check().with_context(|| path.display().to_string())?;
        Ok(config)
    }

    fn relative_to(&mut self, folder: &Path) {
        let meters = self.meters.iter_mut();
        let of_meters = meters.flat_map(|meter| [&mut meter.key_file, &mut meter.token_file]);
        let all = of_meters.chain([&mut self.state]);
        let all = all.chain(&mut self.source.password_file).chain(&mut self.source.roots);
        for path in all {
            *path = folder.join(&path);
        }
    }

    fn check(&self) -> Result<()> {
        let url = reqwest::Url::parse(&self.server).context("server")?;
        let local = ["127.0.0.1", "localhost", "[::1]"];
        let safe = match url.scheme() {
            "https" => true,
            "http" => url.host_str().is_some_and(|host| local.contains(&host)),
            _ => false,
        };
        ensure!(safe, "server: https://..., or http:// on this machine, not {:?}", self.server);
        let topics = [Some(&self.source.client_id), self.discovery_prefix.as_ref()];
        for part in topics.into_iter().flatten() {
            let plain = !part.is_empty() && rumqttc::valid_topic(part);
            ensure!(plain, "client_id, discovery_prefix: {part:?} is no part of a topic");
        }
        let count = self.meters.len();
        ensure!((1..=METERS_MAX).contains(&count), "meters: 1 to {METERS_MAX}, not {count}");
        for (place, meter) in self.meters.iter().enumerate() {
            meter.check().with_context(|| format!("meters[{place}]"))?;
            let twice = self.meters[..place].iter().any(|other| other.meter == meter.meter);
            ensure!(!twice, "meters[{place}]: meter {} is there twice", meter.meter);
        }
        Ok(())
    }
}

impl MeterConfig {
    /// What a person calls it.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.meter.to_string())
    }

    /// The address that is to be enrolled for it: of the key that signs.
    ///
    /// # Errors
    /// A file that cannot be read, or holds no key.
    pub fn check_secrets(&self) -> Result<Address> {
        self.token()?;
        Ok(self.key()?.address())
    }

    /// Which registers it is read from, as one text.
    pub(crate) fn registers(&self) -> Result<String> {
        let of = (&self.format, &self.topic, &self.import, &self.export);
        serde_json::to_string(&of).context("registers")
    }

    /// The format of its messages.
    pub(crate) fn format(&self) -> Result<&'static Format> {
        Format::named(&self.format).with_context(|| {
            format!("format: {:?} is none; `wattex formats` lists them", self.format)
        })
    }

    /// The selectors with their directions and places.
    pub(crate) fn selectors(&self) -> impl Iterator<Item = (Direction, usize, &Selector)> {
        let both = [(Direction::Import, &self.import), (Direction::Export, &self.export)];
        both.into_iter().flat_map(|(direction, list)| {
            list.iter().enumerate().map(move |(place, one)| (direction, place, one))
        })
    }

    /// What its registers have to obey.
    pub(crate) fn rules(&self, slot: SlotLength) -> Result<Rules> {
        let dial = self.digits.map(Dial::wh).transpose().context("digits")?;
        let bounds = Bounds { power_max: Power::from_w(self.watts_max), dial };
        Ok(Rules { meter: self.meter, slot, bounds, age_max: i64::from(self.age_seconds_max) })
    }

    /// The key that signs for it.
    pub(crate) fn key(&self) -> Result<SecretKey> {
        let text = secret(&self.key_file)?;
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        SecretKey::from_hex(digits)
            .with_context(|| format!("{}: 64 hex digits are a key", self.key_file.display()))
    }

    /// The token that it was enrolled with.
    pub(crate) fn token(&self) -> Result<String> {
        secret(&self.token_file)
    }

    fn check(&self) -> Result<()> {
        self.format()?;
        self.rules(SlotLength::QUARTER_HOUR)?;
        ensure!(rumqttc::valid_filter(&self.topic), "topic: {:?} is no filter", self.topic);
        let counts = (self.import.len(), self.export.len());
        ensure!(counts != (0, 0), "import, export: a meter counts at least one of them");
        if counts.0.max(counts.1) > REGISTERS_MAX {
            bail!("import, export: {REGISTERS_MAX} registers at most");
        }
        ensure!(self.watts_max > 0, "watts_max: more than 0");
        Ok(())
    }
}

/// The secret in a file, without the blanks around it.
pub(crate) fn secret(path: &Path) -> Result<String> {
    let size =
        std::fs::metadata(path).with_context(|| format!("reading {}", path.display()))?.len();
    ensure!(size <= SECRET_BYTES_MAX, "{} is too large for a secret", path.display());
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    ensure!(!text.trim().is_empty(), "{} is empty", path.display());
    Ok(text.trim().to_owned())
}

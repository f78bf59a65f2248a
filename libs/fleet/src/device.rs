//! Who a simulated meter is, and the list of them in a file.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use alloy_primitives::keccak256;
use anyhow::{Context, Result, bail, ensure};
use ids::MeterId;
use keys::SecretKey;
use serde::{Deserialize, Serialize};

/// The most meters of one fleet.
pub const DEVICES_MAX: usize = 100_000;

/// A simulated meter: its id, the key it signs with and the token it logs in with.
#[derive(Clone)]
pub struct Device {
    /// What identity calls it.
    pub meter: MeterId,
    /// What it signs with.
    pub key: SecretKey,
    /// What it enters the broker with.
    pub token: String,
}

impl Device {
    /// The `number`th meter of the fleet that `secret` makes. Who knows the secret has the keys.
    pub fn derived(secret: &[u8], number: usize) -> Device {
        let derive =
            |what: &str| keccak256([secret, format!("/{what}/{number}").as_bytes()].concat());
        let key = SecretKey::from_bytes(&derive("key").0)
            .expect("a hash is no key with probability 2^-128");
        let meter = MeterId::derived(&format!("fleet/{}", key.address()));
        Device { meter, key, token: derive("token").to_string() }
    }

    /// Where it publishes.
    pub fn topic(&self) -> String {
        format!("wattex/v1/{}/reading", self.meter)
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({})", self.meter)
    }
}

/// A line of a roster.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    meter: MeterId,
    /// 64 hex digits.
    key: String,
    token: String,
}

/// Writes a list of meters, a line of JSON each. It holds their keys: only its owner may read it.
///
/// # Errors
/// When there is such a file, or it cannot be written.
pub fn write_roster(path: &Path, devices: &[Device]) -> Result<()> {
    let mut text = String::new();
    for device in devices {
        let key = hex::encode(device.key.to_bytes());
        let entry = Entry { meter: device.meter, key, token: device.token.clone() };
        text += &serde_json::to_string(&entry)?;
        text.push('\n');
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("making {}", path.display()))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).context("writing the roster")
}

/// The meters of a list that [`write_roster`] or somebody else wrote.
///
/// # Errors
/// When it cannot be read, a line is none, or there are no meters or over [`DEVICES_MAX`].
pub fn read_roster(path: &Path) -> Result<Vec<Device>> {
    let name = path.display();
    let text = fs::read_to_string(path).with_context(|| name.to_string())?;
    let mut devices = Vec::new();
    for (place, line) in text.lines().enumerate() {
        // The line itself is not quoted: there is a key in it.
        let Ok(Entry { meter, key, token }) = serde_json::from_str(line) else {
            bail!("{name}:{}: not a meter with `meter`, `key` and `token`", place + 1);
        };
        let key = SecretKey::from_hex(&key);
        let key = key.with_context(|| format!("{name}:{}: not a key", place + 1))?;
        devices.push(Device { meter, key, token });
    }
    ensure!((1..=DEVICES_MAX).contains(&devices.len()), "{name}: 1 to {DEVICES_MAX} meters");
    Ok(devices)
}

//! What a town is made of, so that it can be ended and begun again.

use std::path::Path;

use calendar::{SlotLength, Timestamp};
use identity::Rotation;
use matching::Mechanism;
use serde_json::json;
use service::Clock;
use tariff::Tariff;
use tempfile::TempDir;

use super::calls::{self, RETAIL};
use crate::source::node::{Outside, Settings};

pub const ZONE: &str = "Europe/Berlin";

/// What sellers pay the platform for a Wh, unless a town says otherwise.
const SELLER_FEE: i64 = 2_000;

fn tariff(seller_fee: i64) -> Tariff {
    let flat = vec![vec![0; 24]; 12];
    let terms = json!({
        "id": "flat", "name": "Flat", "version": 1, "valid_from": "2026-01-01",
        "currency": "EUR", "currency_digits": 2, "timezone": ZONE, "fixed_per_day": "0.35",
        "energy": {
            "periods": [{ "name": "all day", "price": RETAIL }],
            "weekday": flat, "weekend": flat,
        },
        "network_fee": 0, "local_network_fee": 10_000,
        "platform_fees": { "buyer": 2_000, "seller": seller_fee },
        "feed_in_price": calls::FEED_IN,
    });
    Tariff::from_json(&terms.to_string()).unwrap()
}

/// Copies a folder with all that is in it.
pub fn copied(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let (entry, file_type) = entry.map(|entry| (entry.path(), entry.file_type())).unwrap();
        let to = to.join(entry.file_name().unwrap());
        if file_type.unwrap().is_dir() {
            std::fs::create_dir(&to).unwrap();
            copied(&entry, &to);
        } else {
            std::fs::copy(&entry, &to).unwrap();
        }
    }
}

/// What stays the same from one start to the next.
pub struct Setting {
    pub genesis: Timestamp,
    pub mechanism: Mechanism,
    pub rotation: Rotation,
    /// What sellers pay the platform for a Wh.
    pub seller_fee: i64,
}

impl Setting {
    /// A town that is cleared by `mechanism`; when it begins is said when it starts.
    pub fn of(mechanism: Mechanism) -> Setting {
        let genesis = Timestamp::from_seconds(0);
        Setting { genesis, mechanism, rotation: Rotation::Fixed, seller_fee: SELLER_FEE }
    }

    pub fn tariff(&self) -> Tariff {
        tariff(self.seller_fee)
    }

    pub fn settings(&self, folder: &TempDir, clock: &Clock) -> Settings {
        Settings {
            directory: folder.path().to_owned(),
            port: 0,
            timezone: ZONE.parse().unwrap(),
            slot: SlotLength::QUARTER_HOUR,
            mechanism: self.mechanism,
            self_trade: market::domain::SelfTrade::Refuse,
            grid: None,
            horizon_seconds: 36 * 3_600,
            tariff: self.tariff(),
            currencies: vec!["CHF".to_owned()],
            genesis: self.genesis,
            clock: clock.clone(),
            on_demand: true,
            stops_when_silent: false,
            requests_per_second: std::num::NonZeroU32::MAX,
            origins: Vec::new(),
            mqtt_tls: None,
            readings_kept_days: None,
            outside: Outside::default(),
            rotation: self.rotation,
        }
    }
}

//! The homes of a town, their meters, their tariff, and who issues their bills.

use alloy_primitives::{Address, keccak256};
use anyhow::{Context, Result};
use billing::domain::bill::Issuer;
use calendar::Timestamp;
use documents::Party;
use events::identity::{
    AccountOpened, ConnectionPointRegistered, Custody, Enrolment, MeterEnrolled,
};
use events::metering::{IntervalFact, Quality};
use ids::{AccountId, CommunityId, ConnectionPointId, MeterId, PartyId, ZoneId};
use keys::{B256, SecretKey};
use reading::{Reading, SignedReading, Status};
use serde_json::json;
use tariff::Tariff;
use units::{Energy, Power, Register};

/// The month that is billed: its first and last local day.
pub(super) const FROM: &str = "2026-05-01";
pub(super) const TO: &str = "2026-05-31";
/// Whose days they are.
pub(super) const ZONE: &str = "Europe/Berlin";
/// Intervals of a day without a change of clocks.
pub(super) const SLOTS_PER_DAY: usize = 96;
/// Around noon, when neighbours trade: the places of the first and after the last slot in its day.
pub(super) const TRADED: (usize, usize) = (44, 56);

pub(super) fn community() -> CommunityId {
    CommunityId::derived("bench")
}

/// Time of use, a network fee, a levy and taxes.
pub(super) fn tariff() -> Result<Tariff> {
    let day: [u8; 24] = std::array::from_fn(|hour| u8::from((7..22).contains(&hour)));
    let terms = json!({
        "id": "bench", "name": "Bench", "version": 1, "valid_from": "2026-01-01",
        "currency": "EUR", "currency_digits": 2, "timezone": ZONE, "fixed_per_day": "0.35",
        "energy": {
            "periods": [{ "name": "night", "price": 178_000 }, { "name": "day", "price": 228_000 }],
            "weekday": vec![day; 12], "weekend": vec![[0; 24]; 12],
        },
        "network_fee": 62_000, "local_network_fee": 10_000,
        "levies": [{ "name": "levy", "price": 20_500 }],
        "platform_fees": { "buyer": 2_000, "seller": 2_000 },
        "feed_in_price": 80_000, "vat_bps": 1_900,
    });
    Ok(Tariff::from_json(&terms.to_string())?)
}

pub(super) fn issuer() -> Issuer {
    Issuer {
        party: party("Village Energy eG", Some("DE123456788")),
        payment_days: 14,
        dispute: None,
        exemption: "Neighbours are not taxable persons".to_owned(),
        fuel_mix: None,
        co2_grams_per_kwh: None,
        switching: None,
    }
}

pub(super) fn party(name: &str, vat_id: Option<&str>) -> Party {
    let text = |text: &str| Some(text.to_owned());
    Party {
        id: name.to_owned(),
        name: name.to_owned(),
        address: documents::Address {
            street: text("Mill Lane 1"),
            city: text("Upper Mill"),
            postcode: text("12345"),
            region: None,
            country: "DE".to_owned(),
        },
        electronic_address: None,
        vat_id: vat_id.map(str::to_owned),
        tax_registration: None,
        legal_registration: None,
        email: None,
        phone: None,
    }
}

/// What a home takes and gives in an interval, by the interval's place in the month. Every second
/// home has a roof; around noon it gives more than it sells, and its neighbour takes more.
pub(super) fn flows(home: usize, place: usize) -> (Energy, Energy) {
    let of_day = place % SLOTS_PER_DAY;
    let mixed = (home as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (place as u64) << 20;
    let noise = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 57;
    let evening = if (68..88).contains(&of_day) { 200 } else { 0 };
    let sunny = home % 2 == 1 && (36..64).contains(&of_day);
    let export = if sunny { 400 + noise } else { 0 };
    (Energy::from_wh(100 + evening + noise), Energy::from_wh(export))
}

/// A home with its meter, whose registers rise interval by interval.
pub(super) struct Home {
    number: usize,
    pub(super) account: AccountId,
    pub(super) point: ConnectionPointId,
    pub(super) meter: MeterId,
    pub(super) address: Address,
    key: SecretKey,
    page: u32,
    registers: (u64, u64),
}

impl Home {
    pub(super) fn new(number: usize) -> Result<Self> {
        let name = format!("bench home {number}");
        let key = SecretKey::from_bytes(&keccak256(&name).0).context("a key")?;
        Ok(Self {
            number,
            account: AccountId::derived(&name),
            point: ConnectionPointId::derived(&name),
            meter: MeterId::derived(&name),
            address: key.address(),
            key,
            page: 0,
            registers: (100_000, 50_000),
        })
    }

    pub(super) fn opened(&self) -> AccountOpened {
        let name = format!("home {}", self.number);
        AccountOpened {
            account: self.account,
            party: PartyId::derived(&name),
            community: community(),
            pseudonym: name,
            address: self.address,
            custody: Custody::Own,
        }
    }

    pub(super) fn registered(&self) -> Result<ConnectionPointRegistered> {
        Ok(ConnectionPointRegistered {
            connection_point: self.point,
            account: self.account,
            community: community(),
            zone: ZoneId::derived("bench"),
            timezone: ZONE.parse()?,
            import_max: Power::from_w(20_000),
            export_max: Power::from_w(20_000),
        })
    }

    pub(super) fn enrolled(&self, valid_from: Timestamp) -> MeterEnrolled {
        let signature = self.key.sign(B256::ZERO);
        MeterEnrolled {
            meter: self.meter,
            serial: self.number.to_string(),
            connection_point: self.point,
            account: self.account,
            community: community(),
            key: self.address,
            token_hash: String::new(),
            valid_from,
            enrolment: Enrolment {
                owner: self.address,
                installer: self.address,
                owner_signature: signature.into(),
                installer_signature: signature,
            },
        }
    }

    /// What the meter says at a moment.
    pub(super) fn reading(&mut self, time: Timestamp) -> SignedReading {
        self.page += 1;
        let reading = Reading {
            meter: self.meter,
            page: self.page,
            time,
            import: Register::from_wh(self.registers.0),
            export: Register::from_wh(self.registers.1),
            status: Status::default(),
            firmware: 1,
        };
        reading.sign(&self.key)
    }

    /// The interval at `place` of the month, and the reading at its end; the first brings the one
    /// at its beginning too.
    pub(super) fn interval(
        &mut self,
        place: usize,
        (start, end): (Timestamp, Timestamp),
    ) -> IntervalFact {
        let (import, export) = flows(self.number, place);
        let first = (place == 0).then(|| self.reading(start));
        self.registers.0 += import.wh();
        self.registers.1 += export.wh();
        let last = self.reading(end);
        IntervalFact {
            connection_point: self.point,
            account: self.account,
            meter: self.meter,
            import,
            export,
            quality: Quality::Measured,
            version: 1,
            readings: first.into_iter().chain([last]).collect(),
        }
    }
}

//! Who the household is and what it agreed to: tariff, policy, period.

use alloy_primitives::B256;
use calendar::LocalDay;
use contracts::Policy;
use events::identity::Custody;
use ids::{AccountId, CommunityId, ConnectionPointId, MeterId, ZoneId};
use keys::SecretKey;
use tariff::{EnergyTerms, Period as TariffPeriod, PlatformFees, Terms};
use units::{Money, Price};

use crate::domain::bill::{Heading, Period};

pub(super) fn key(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[number; 32]).unwrap()
}

pub(super) fn day(place: u32) -> LocalDay {
    LocalDay::from_number("2026-06-01".parse::<LocalDay>().unwrap().number() + place)
}

pub(super) fn terms() -> Terms {
    let mut hours = vec![1; 24];
    hours[..6].fill(0);
    let price = Price::from_n_per_wh;
    Terms {
        id: "standard".to_owned(),
        name: "Standard".to_owned(),
        version: 1,
        valid_from: "2026-01-01".parse().unwrap(),
        currency: "EUR".to_owned(),
        currency_digits: 2,
        timezone: "Europe/Berlin".parse().unwrap(),
        fixed_per_day: Money::from_n(350_000_000),
        energy: EnergyTerms {
            periods: vec![
                TariffPeriod { name: "night".to_owned(), price: price(180_000) },
                TariffPeriod { name: "day".to_owned(), price: price(238_000) },
            ],
            weekday: vec![hours.clone(); 12],
            weekend: vec![hours; 12],
        },
        network_fee: price(62_000),
        local_network_fee: price(10_000),
        levies: Vec::new(),
        platform_fees: PlatformFees { buyer: price(2_000), seller: price(2_000) },
        feed_in_price: price(80_000),
        vat_bps: 1900,
    }
}

pub(super) fn community() -> CommunityId {
    CommunityId::derived("community")
}

pub(super) fn meter() -> MeterId {
    MeterId::derived("H01")
}

pub(super) fn heading(number: &str) -> Heading {
    Heading {
        number: number.to_owned(),
        salt: B256::repeat_byte(0x77),
        account: AccountId::derived("H01"),
        pseudonym: "Heron".to_owned(),
        address: key(1).address(),
        custody: Custody::Own,
        community: community(),
        connection_point: ConnectionPointId::derived("H01"),
        meter: meter(),
        is_final: false,
    }
}

pub(super) const PERIOD_DAYS: u32 = 2;

pub(super) fn period() -> Period {
    Period { from: day(0), to: day(PERIOD_DAYS - 1) }
}

pub(super) fn policy() -> Policy {
    Policy { zone: ZoneId::derived("zone"), slot_seconds: 3600, ..testkit::policy("community") }
}

//! What the communities of tests agree on.

use alloy_primitives::Address;
use contracts::{BuyerRule, Policy, SellerRule, Settings};
use ids::{CommunityId, ZoneId};

const DAY: u32 = 86_400;

/// The policy of the worked examples for a place: network 1.0 ct, platform 0.2 ct on each side,
/// make-whole beyond 10 % and 50 Wh, quarter-hours, two weeks of corrections, three days of
/// challenges. A test that needs another says in what it differs.
pub fn policy(place: &str) -> Policy {
    Policy {
        community: CommunityId::derived(place),
        zone: ZoneId::derived(place),
        slot_seconds: 900,
        network_fee: 10_000,
        buyer_fee: 2_000,
        seller_fee: 2_000,
        retail_price_max: 500_000,
        feed_in_price_min: 0,
        tolerance_bps: 1_000,
        tolerance_wh: 50,
        seller_short: SellerRule::MakeWhole,
        buyer_short: BuyerRule::MakeWhole,
        imbalance_price: 0,
        settle_seconds: 0,
        correction_seconds: 14 * DAY,
        challenge_seconds: 3 * DAY,
        network_account: Address::repeat_byte(0xa1),
        platform_account: Address::repeat_byte(0xa2),
        difference_account: Address::repeat_byte(0xa3),
        balance_account: Address::repeat_byte(0xa4),
    }
}

/// Contracts in euros, of which the admin changes roles at once.
pub fn settings(withdrawal_delay: u32) -> Settings {
    Settings { currency: "EUR".to_owned(), further: Vec::new(), withdrawal_delay, role_delay: None }
}
